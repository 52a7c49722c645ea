package imagein

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// plainTIFF is a file of numbers as they are, in one strip.
func plainTIFF(t testing.TB, w, h, samples, bits, format, photometric, orientation int, numbers any) []byte {
	t.Helper()
	var body bytes.Buffer
	if err := binary.Write(&body, binary.LittleEndian, numbers); err != nil {
		t.Fatal(err)
	}
	b := []byte("II*\x00")
	b = binary.LittleEndian.AppendUint32(b, uint32(8+body.Len()))
	b = append(b, body.Bytes()...)
	entries := [][2]int{{256, w}, {257, h}, {258, bits}, {259, 1}, {262, photometric}, {273, 8}, {274, orientation}, {277, samples}, {278, h}, {279, body.Len()}, {339, format}}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(entries)))
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
		b = binary.LittleEndian.AppendUint16(b, 4)
		b = binary.LittleEndian.AppendUint32(b, 1)
		b = binary.LittleEndian.AppendUint32(b, uint32(e[1]))
	}
	return append(b, 0, 0, 0, 0)
}

// through decodes a file by a window.
func windowed(b []byte, w *Window) (*Picture, error) {
	return (&Preprocess{View: View{Window: w}}).Decode(bytes.NewReader(b), "test", DefaultLimits)
}

// TestNumbersNeedAWindow: numbers that have no black and white of their own want to be
// told, and are told of.
func TestNumbersNeedAWindow(t *testing.T) {
	for samples, b := range map[string][]byte{
		"int16":   plainTIFF(t, 3, 1, 1, 16, 2, 1, 1, []int16{-1000, 0, 3000}),
		"int32":   plainTIFF(t, 3, 1, 1, 32, 2, 1, 1, []int32{-1000, 0, 3000}),
		"float32": plainTIFF(t, 3, 1, 1, 32, 3, 1, 1, []float32{-1000, 0, 3000}),
		"float64": plainTIFF(t, 3, 1, 1, 64, 3, 1, 1, []float64{-1000, 0, 3000}),
	} {
		_, err := windowed(b, nil)
		if !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), "its numbers ("+samples+") go from -1000 to 3000: say which are black and white (window LO,HI)") {
			t.Errorf("%s: %v", samples, err)
		}
		p, err := windowed(b, &Window{-1000, 1000})
		if err != nil || p.Samples != samples || p.Deep.Channels != 1 {
			t.Errorf("%s: %+v, %v", samples, p, err)
			continue
		}
		for i, want := range []float32{0, 127.5, 255} {
			if p.Deep.Pix[i] != want {
				t.Errorf("%s: %v", samples, p.Deep.Pix)
			}
		}
	}
	// Far from zero, a narrow window still tells neighbours apart.
	p, err := windowed(plainTIFF(t, 2, 1, 1, 32, 1, 1, 1, []uint32{4000000000, 4000000001}), &Window{4000000000, 4000000004})
	if err != nil || p.Deep.Pix[0] != 0 || p.Deep.Pix[1] != 63.75 {
		t.Errorf("%v, %v", p, err)
	}
	for _, v := range []float32{float32(math.Inf(1)), float32(math.Inf(-1))} {
		p, err := windowed(plainTIFF(t, 1, 1, 1, 32, 3, 1, 1, []float32{v}), &Window{0, 1})
		if err != nil || p.Deep.Pix[0] != max(0, min(255, v)) {
			t.Errorf("%v: %v, %v", v, p, err)
		}
	}
	_, err = windowed(plainTIFF(t, 2, 1, 1, 32, 3, 1, 1, []float32{0, float32(math.NaN())}), &Window{0, 1})
	if !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), "the number at 1, 0 is not a number") {
		t.Errorf("NaN: %v", err)
	}
}

// TestTIFFColours: inks, white that is zero, and pictures that lie on their side.
func TestTIFFColours(t *testing.T) {
	p, err := open(plainTIFF(t, 1, 1, 4, 8, 1, 5, 1, []byte{0, 255, 255, 0}))
	if err != nil || !bytes.Equal(p.Image.Pix, []byte{255, 0, 0, 255}) || p.Deep != nil {
		t.Errorf("CMYK: %v, %v", p, err)
	}
	p, err = open(plainTIFF(t, 2, 1, 1, 16, 1, 0, 1, []uint16{0, 99}))
	if err != nil || p.Deep.Pix[0] != 255 || len(p.Notes) > 0 {
		t.Errorf("white is zero: %v, %v", p, err)
	}
	p, err = open(plainTIFF(t, 3, 2, 1, 8, 1, 1, 6, []byte{1, 2, 3, 4, 5, 6}))
	if err != nil || p.Orientation != 6 || p.Image.Rect != image.Rect(0, 0, 2, 3) || p.Image.NRGBAAt(1, 0).R != 1 {
		t.Errorf("turned: %v, %v", p, err)
	}
	p, err = open(plainTIFF(t, 1, 1, 3, 8, 1, 1, 1, []byte{9, 8, 7}))
	if err != nil || len(p.Notes) != 1 || !strings.Contains(p.Notes[0].Error(), "2 further numbers of each pixel") || p.Image.Pix[0] != 9 {
		t.Errorf("further numbers: %v, %v", p, err)
	}
}

// TestMaskOfNumbers: a mask may have numbers of any kind.
func TestMaskOfNumbers(t *testing.T) {
	dir := t.TempDir()
	for name, b := range map[string][]byte{"int": plainTIFF(t, 2, 2, 1, 32, 2, 1, 1, []int32{0, 7, -1, 0}), "float": plainTIFF(t, 2, 2, 1, 32, 3, 1, 1, []float32{0, 1e-30, 0, 0}), "8": plainTIFF(t, 2, 2, 1, 8, 1, 1, 1, []byte{0, 1, 0, 0})} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := OpenRegular(path)
		if err != nil {
			t.Fatal(err)
		}
		m, err := DecodeMask(f, path, DefaultLimits)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Mask(m, image.Pt(2, 2), Transform{1, 1, 0, 0}, 2, 2)
		if err != nil || got[0] || !got[1] || got[2] || got[3] {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// chunk is a chunk of a WebP file.
func chunk(kind string, body []byte) []byte {
	b := append(binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(body))), body...)
	return append(b, make([]byte, len(b)%2)...)
}

// animation is a WebP file whose first frame, of w by h pixels, lies at x, y.
func animation(canvasW, canvasH, x, y, w, h int, frame []byte) []byte {
	three := func(v int) []byte { return []byte{byte(v), byte(v >> 8), byte(v >> 16)} }
	head := append(append([]byte{0x12, 0, 0, 0}, three(canvasW-1)...), three(canvasH-1)...)
	var one []byte
	for _, v := range []int{x / 2, y / 2, w - 1, h - 1, 100} {
		one = append(one, three(v)...)
	}
	one = append(append(one, 0), frame...)
	body := append([]byte("WEBP"), chunk("VP8X", head)...)
	body = append(body, chunk("ANIM", make([]byte, 6))...)
	body = append(body, chunk("ANMF", one)...)
	body = append(body, chunk("ANMF", one)...)
	return chunk("RIFF", body)
}

// TestAnimatedWebP: the first frame, in place, in the colours that it has by itself.
func TestAnimatedWebP(t *testing.T) {
	all := seeds(t)
	for _, name := range []string{"lossless.webp", "lossy.webp", "alpha.webp"} {
		still := all[name]
		want, err := open(still)
		if err != nil {
			t.Fatal(err)
		}
		size := want.Image.Rect.Size()
		frame := still[12:]
		if string(frame[:4]) == "VP8X" {
			frame = frame[18:]
		}
		got, err := open(animation(size.X, size.Y, 0, 0, size.X, size.Y, frame))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Image.Rect != want.Image.Rect || !bytes.Equal(got.Image.Pix, want.Image.Pix) {
			t.Errorf("%s: other pixels than by itself", name)
		}
		got, err = open(animation(size.X+10, size.Y+8, 6, 4, size.X, size.Y, frame))
		if err != nil || got.Image.Rect != image.Rect(0, 0, size.X+10, size.Y+8) || !got.Transparent {
			t.Errorf("%s in a larger one: %v", name, err)
			continue
		}
		if got.Image.NRGBAAt(0, 0).R != 255 || got.Image.NRGBAAt(6, 4) != want.Image.NRGBAAt(0, 0) {
			t.Errorf("%s in a larger one: %v and %v", name, got.Image.NRGBAAt(0, 0), got.Image.NRGBAAt(6, 4))
		}
		for _, bad := range [][]byte{animation(size.X, size.Y, 2, 0, size.X, size.Y, frame), animation(size.X, size.Y, 0, 0, size.X-1, size.Y, frame), animation(9, 9, 0, 0, 9, 9, nil), animation(9, 9, 0, 0, 9, 9, frame[:20])} {
			if _, err := open(bad); !errors.Is(err, ErrUnusable) {
				t.Errorf("%s: a damaged animation: %v", name, err)
			}
		}
	}
}

// TestForeignPictures: what is not read is named, with what makes it readable.
func TestForeignPictures(t *testing.T) {
	for begins, says := range map[string]string{
		"\x00\x00\x00\x18ftypheic": "HEIC is not read ('heif-convert", "\x00\x00\x00\x18ftypavif": "AVIF is not read ('ffmpeg", "\x00\x00\x00\x0cjP  \r\n": "JPEG 2000",
		strings.Repeat("\x00", 128) + "DICM": "a DICOM object without a picture", "\xff\x0a": "JPEG XL", "P5 4 4 255\n": "PGM", "<svg xmlns": "SVG", "%PDF-1.4": "PDF", "\x00\x00\x00\x18ftypisom": "a video is not read ('krypton orv",
		"\x5c\x01\x00\x00" + strings.Repeat("\x00", 340) + "n+1\x00": "NIfTI", "NRRD0004\n": "NRRD", "ObjectType = Image\n": "MetaImage", "\x1f\x8b\x08": "gzip is not read ('gunzip", "\xff\xd8\xff\xf7\x00\x0b\x08": "JPEG-LS",
	} {
		if _, err := open([]byte(begins)); !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", begins, err, says)
		}
	}
	lzma := plainTIFF(t, 1, 1, 1, 8, 1, 1, 1, []byte{1})
	at := bytes.Index(lzma, []byte{3, 1, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0}) // the compression
	binary.LittleEndian.PutUint32(lzma[at+8:], 34925)
	if _, err := open(lzma); !errors.Is(err, ErrUnusable) || !strings.Contains(err.Error(), "LZMA is not read ('magick IN.tif OUT.png'") {
		t.Errorf("%v", err)
	}
}
