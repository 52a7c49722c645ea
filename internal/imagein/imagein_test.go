package imagein

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// scene is a picture whose left half is red, right half blue, top rows white.
func scene(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.NRGBA{200, 20, 20, 255}
			if x >= w/2 {
				c = color.NRGBA{20, 20, 200, 255}
			}
			if y < h/4 {
				c = color.NRGBA{255, 255, 255, 255}
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

func encoded(t testing.TB, format string, img image.Image) []byte {
	var b bytes.Buffer
	var err error
	switch format {
	case "png":
		err = png.Encode(&b, img)
	case "jpeg":
		err = jpeg.Encode(&b, img, &jpeg.Options{Quality: 95})
	case "gif":
		err = gif.Encode(&b, img, nil)
	case "bmp":
		err = bmp.Encode(&b, img)
	case "tiff":
		err = tiff.Encode(&b, img, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(b []byte) (*Picture, error) { return Decode(bytes.NewReader(b), "test", DefaultLimits) }

func TestFormats(t *testing.T) {
	img := scene(40, 24)
	for _, format := range []string{"png", "jpeg", "gif", "bmp", "tiff"} {
		b := encoded(t, format, img)
		p, err := open(b)
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		if p.Format != format || p.Image.Bounds() != img.Bounds() || len(p.SHA256) != 64 {
			t.Errorf("%s: %s %v", format, p.Format, p.Image.Bounds())
		}
		for _, at := range []image.Point{{5, 20}, {35, 20}, {20, 1}} {
			a, b := p.Image.NRGBAAt(at.X, at.Y), img.NRGBAAt(at.X, at.Y)
			if d := int(a.R) - int(b.R); d*d > 60*60 || math.Abs(float64(a.B)-float64(b.B)) > 30 {
				t.Errorf("%s: %v is %v, want about %v", format, at, a, b)
			}
		}
		// Truncated anywhere: an error, never half a picture.
		for cut := 0; cut < len(b)-1; cut += 1 + len(b)/20 {
			if _, err := open(b[:cut]); err == nil && format != "bmp" {
				t.Errorf("%s cut at %d of %d was read", format, cut, len(b))
			} else if err != nil && !errors.Is(err, ErrUnusable) {
				t.Errorf("%s cut at %d: %v", format, cut, err)
			}
		}
	}
}

func TestPixelFormats(t *testing.T) {
	r := image.Rect(0, 0, 4, 4)
	gray, gray16, rgba64 := image.NewGray(r), image.NewGray16(r), image.NewNRGBA64(r)
	pal := image.NewPaletted(r, color.Palette{color.Black, color.NRGBA{10, 200, 30, 255}})
	half := image.NewNRGBA(r)
	cmyk := image.NewCMYK(r)
	for y := range 4 {
		for x := range 4 {
			gray.SetGray(x, y, color.Gray{77})
			gray16.SetGray16(x, y, color.Gray16{77 * 257})
			rgba64.SetNRGBA64(x, y, color.NRGBA64{10 * 257, 20 * 257, 30 * 257, 0xffff})
			pal.SetColorIndex(x, y, 1)
			half.SetNRGBA(x, y, color.NRGBA{0, 0, 0, 128})
			cmyk.SetCMYK(x, y, color.CMYK{0, 255, 255, 0})
		}
	}
	for name, c := range map[string]struct {
		img  image.Image
		want color.NRGBA
	}{
		"gray": {gray, color.NRGBA{77, 77, 77, 255}}, "gray16": {gray16, color.NRGBA{77, 77, 77, 255}},
		"rgba64": {rgba64, color.NRGBA{10, 20, 30, 255}}, "palette": {pal, color.NRGBA{10, 200, 30, 255}},
		"half transparent black": {half, color.NRGBA{127, 127, 127, 255}}, "cmyk": {cmyk, color.NRGBA{255, 0, 0, 255}},
	} {
		got, _ := opaque(c.img)
		if got.NRGBAAt(2, 2) != c.want {
			t.Errorf("%s: %v, want %v", name, got.NRGBAAt(2, 2), c.want)
		}
	}
	jpeg := image.NewYCbCr(image.Rect(1, 2, 20, 30), image.YCbCrSubsampleRatio420)
	for _, plane := range [][]uint8{jpeg.Y, jpeg.Cb, jpeg.Cr} {
		for i := range plane {
			plane[i] = uint8(37 * i)
		}
	}
	got, _ := opaque(jpeg)
	if want, _ := opaque(struct{ image.Image }{jpeg}); !slices.Equal(got.Pix, want.Pix) {
		t.Error("a JPEG file's picture has other pixels than as any picture")
	}
	pal.Pix[0] = 9 // beyond the palette
	if got, _ := opaque(pal); got.NRGBAAt(0, 0) != (color.NRGBA{0, 0, 0, 255}) {
		t.Errorf("index beyond the palette: %v", got.NRGBAAt(0, 0))
	}
}

// exifOf says an orientation as EXIF does, in one field.
func exifOf(o int, order binary.ByteOrder) []byte {
	tiff := []byte("II*\x00")
	if order == binary.ByteOrder(binary.BigEndian) {
		tiff = []byte("MM\x00*")
	}
	put := func(size int, v uint32) {
		w := make([]byte, 4)
		if size == 2 {
			order.PutUint16(w, uint16(v))
		} else {
			order.PutUint32(w, v)
		}
		tiff = append(tiff, w[:size]...)
	}
	put(4, 8)
	put(2, 1)
	put(2, 0x112)
	put(2, 3)
	put(4, 1)
	put(2, uint32(o))
	put(2, 0)
	put(4, 0)
	return tiff
}

// withOrientation inserts an EXIF segment behind the JPEG's start.
func withOrientation(b []byte, o int, order binary.ByteOrder) []byte {
	seg := append([]byte("Exif\x00\x00"), exifOf(o, order)...)
	head := []byte{0xff, 0xd8, 0xff, 0xe1, byte((len(seg) + 2) >> 8), byte(len(seg) + 2)}
	return append(append(head, seg...), b[2:]...)
}

// pngChunk is a chunk of a PNG file.
func pngChunk(kind string, body []byte) []byte {
	out := append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), kind...)
	out = append(out, body...)
	return binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(out[4:]))
}

// TestOrientation: EXIF's orientation is undone wherever a format has it.
func TestOrientation(t *testing.T) {
	img := scene(48, 32)
	plain := map[string][]byte{"jpeg": encoded(t, "jpeg", img), "png": encoded(t, "png", img)}
	const ahead, end = 33, 12 // a PNG file's IHDR ends, its IEND is
	files := map[string]func(o int, order binary.ByteOrder) []byte{
		"jpeg": func(o int, order binary.ByteOrder) []byte { return withOrientation(plain["jpeg"], o, order) },
		"jpeg filled up": func(o int, order binary.ByteOrder) []byte { // any number of 0xff may stand before a marker (T.81, B.1.1.2)
			return slices.Insert(withOrientation(plain["jpeg"], o, order), 2, 0xff, 0xff, 0xff)
		},
		"png": func(o int, order binary.ByteOrder) []byte {
			return slices.Insert(slices.Clone(plain["png"]), ahead, pngChunk("eXIf", exifOf(o, order))...)
		},
		"png behind": func(o int, order binary.ByteOrder) []byte {
			return slices.Insert(slices.Clone(plain["png"]), len(plain["png"])-end, pngChunk("eXIf", exifOf(o, order))...)
		},
	}
	for name, file := range files {
		for o := 1; o <= 8; o++ {
			for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
				p, err := open(file(o, order))
				if err != nil {
					t.Fatal(err)
				}
				if p.Orientation != o {
					t.Errorf("%s: orientation %d read as %d", name, o, p.Orientation)
				}
				w, h := 48, 32
				if o >= 5 {
					w, h = h, w
				}
				if p.Image.Bounds() != image.Rect(0, 0, w, h) {
					t.Fatalf("%s: orientation %d: %v", name, o, p.Image.Bounds())
				}
				// EXIF 2.3: where the stored first row (white here) is shown.
				edge := map[int]image.Point{1: {w / 4, 1}, 2: {w / 4, 1}, 3: {w / 4, h - 2}, 4: {w / 4, h - 2}, 5: {1, h / 4}, 6: {w - 2, h / 4}, 7: {w - 2, h / 4}, 8: {1, h / 4}}[o]
				if c := p.Image.NRGBAAt(edge.X, edge.Y); c.G < 200 {
					t.Errorf("%s: orientation %d: the first row is not at %v (%v)", name, o, edge, c)
				}
			}
		}
	}
}

// TestOrientationOfWebP: of WebP files too, also where a program has put JPEG's prefix
// before it.
func TestOrientationOfWebP(t *testing.T) {
	for name, b := range seeds(t) {
		if filepath.Ext(name) != ".webp" {
			continue
		}
		plain, err := open(b)
		if err != nil {
			t.Fatal(err)
		}
		bounds := plain.Image.Bounds()
		for _, prefix := range []string{"", "Exif\x00\x00"} {
			body := append([]byte(prefix), exifOf(6, binary.BigEndian)...)
			turned := slices.Clone(b)
			if string(b[12:16]) != "VP8X" {
				const announced = 8 // EXIF
				w, h := bounds.Dx()-1, bounds.Dy()-1
				turned = slices.Insert(turned, 12, append([]byte("VP8X\x0a\x00\x00\x00"), announced, 0, 0, 0, byte(w), byte(w>>8), 0, byte(h), byte(h>>8), 0)...)
			}
			turned = append(turned, binary.LittleEndian.AppendUint32([]byte("EXIF"), uint32(len(body)))...)
			turned = append(turned, body...)
			binary.LittleEndian.PutUint32(turned[4:], uint32(len(turned)-8))
			p, err := open(turned)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if want := upright(plain.Image, 6); p.Orientation != 6 || !bytes.Equal(p.Image.Pix, want.Pix) {
				t.Errorf("%s: orientation 6 read as %d, or other pixels", name, p.Orientation)
			}
		}
	}
}

// bombPNG is a PNG that declares w by h pixels in a few bytes.
func bombPNG(w, h uint32) []byte {
	body := append([]byte("IHDR"), binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)...)
	body = append(body, 8, 2, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	b = append(b, body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(body))
}

func TestRefused(t *testing.T) {
	for name, b := range map[string][]byte{"empty": nil, "text": []byte("hello"), "html": []byte("<html>"), "bomb": bombPNG(60000, 60000), "no pixels": bombPNG(60000, 0)} {
		if _, err := open(b); !errors.Is(err, ErrUnusable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Decode(bytes.NewReader(make([]byte, 100)), "x", Limits{MaxPixels: 10, MaxBytes: 50}); !errors.Is(err, ErrUnusable) {
		t.Errorf("too many bytes: %v", err)
	}
	dir := t.TempDir()
	if _, err := Open(dir, DefaultLimits); !errors.Is(err, ErrUnusable) {
		t.Errorf("folder: %v", err)
	}
	if _, err := Open(filepath.Join(dir, "none"), DefaultLimits); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

func TestRealPictures(t *testing.T) {
	dir := os.Getenv("KRYPTON_DATA")
	if dir == "" {
		t.Skip("KRYPTON_DATA is not set: it names the folder of real pictures")
	}
	for name, good := range map[string]bool{"cat_0.jpg": true, "coffee.png": true, "odd/alpha.webp": true, "odd/gray8_camera.png": true, "odd/pil_sample_cmyk.jpg": true,
		"odd/png_16bit.png": true, "odd/broken.png": false, "odd/broken_data_stream.png": false, "odd/truncated_image.png": false, "odd/truncated_jpeg.jpg": false,
		"odd/decompression_bomb.gif": false, "odd/bad_reallybig.bmp": false} {
		if _, err := Open(filepath.Join(dir, "images", name), DefaultLimits); (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
	// One scene in three orientations: upright they nearly agree.
	var first *image.NRGBA
	for _, name := range []string{"odd/exif_landscape_3.jpg", "odd/exif_landscape_6.jpg", "odd/exif_landscape_8.jpg"} {
		p, err := Open(filepath.Join(dir, "images", name), DefaultLimits)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = p.Image
			continue
		}
		if p.Image.Bounds() != first.Bounds() {
			t.Errorf("%s: %v, want %v", name, p.Image.Bounds(), first.Bounds())
			continue
		}
		sum := 0.0
		for i := range first.Pix {
			sum += math.Abs(float64(first.Pix[i]) - float64(p.Image.Pix[i]))
		}
		if mean := sum / float64(len(first.Pix)); mean > 12 {
			t.Errorf("%s: off by %.1f of 255 on the mean", name, mean)
		}
	}
}

func TestFit(t *testing.T) {
	img := scene(200, 100)
	for _, c := range []struct {
		mode string
		crop float64
		want Transform
	}{
		{"stretch", 1, Transform{4, 2, 0, 0}},
		{"crop", 1, Transform{2, 2, 50, 0}},
		{"squash", .5, Transform{2, 1, 50, 25}},
		{"letterbox", 1, Transform{4, 4, 0, -48}},
	} {
		p := Preprocess{Resize: c.mode, CropFraction: c.crop, Pad: 114}
		out, tr := p.Fit(img, 50, 50)
		if out.Bounds() != image.Rect(0, 0, 50, 50) {
			t.Errorf("%s: %v", c.mode, out.Bounds())
		}
		if math.Abs(tr.ScaleX-c.want.ScaleX)+math.Abs(tr.OffsetX-c.want.OffsetX)+math.Abs(tr.OffsetY-c.want.OffsetY) > 1e-9 || math.Abs(tr.ScaleY-c.want.ScaleY) > 1e-9 {
			t.Errorf("%s: %+v, want %+v", c.mode, tr, c.want)
		}
		if corner := out.NRGBAAt(0, 0); (corner == color.NRGBA{114, 114, 114, 255}) != (c.mode == "letterbox") {
			t.Errorf("%s: the corner is %v", c.mode, corner)
		}
		// The middle of the network's input is the middle of the picture.
		if x, y := tr.Apply(25, 25); math.Abs(x-100) > 2.1 || math.Abs(y-50) > 2.1 {
			t.Errorf("%s: the middle maps to %g, %g", c.mode, x, y)
		}
	}
}

func TestNormalize(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 1, 1))
	img.SetNRGBA(0, 0, color.NRGBA{255, 128, 0, 255})
	for name, want := range map[string][]float64{
		"imagenet": {(1 - .485) / .229, (128/255. - .456) / .224, -.406 / .225}, "caffe": {0 - 104, 128 - 117, 255 - 123},
		"unit": {1, 128 / 255., 0}, "symmetric": {1, 128/127.5 - 1, -1}, "raw": {255, 128, 0},
	} {
		p, err := Preset(name)
		if err != nil || p.Validate(3) != nil {
			t.Fatal(name, err, p.Validate(3))
		}
		for c, v := range p.Normalize(img, 3) {
			if math.Abs(float64(v)-want[c]) > 1e-5 {
				t.Errorf("%s: channel %d is %g, want %g", name, c, v, want[c])
			}
		}
	}
	p, _ := Preset("raw")
	if v := p.Normalize(img, 1); len(v) != 1 || v[0] != float32((299*255+587*128+500)/1000) {
		t.Errorf("gray: %v", v)
	}
	for _, bad := range []Preprocess{{Order: "xyz", Resize: "crop", Scale: 1, CropFraction: 1}, {Order: "rgb", Resize: "no", Scale: 1, CropFraction: 1},
		{Order: "rgb", Resize: "crop", Scale: 1, CropFraction: 2}, {Order: "rgb", Resize: "crop", Scale: 1, CropFraction: 1, Std: []float64{0}}} {
		if bad.Validate(3) == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	if p.Validate(4) == nil {
		t.Error("4 channels are accepted")
	}
}

// seeds are small pictures, all of one scene, in the forms that no encoder of ours
// writes: testdata, by name.
func seeds(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue // seeds that fuzzing has found
		}
		b, err := os.ReadFile(filepath.Join("testdata", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = b
	}
	return out
}

// TestForms: each form of a format shows the scene, in its colours or, where it
// has none, its brightness.
func TestForms(t *testing.T) {
	all := seeds(t)
	want, err := open(all["interlaced.png"])
	if err != nil {
		t.Fatal(err)
	}
	light := func(c color.NRGBA) float64 { return 0.299*float64(c.R) + 0.587*float64(c.G) + 0.114*float64(c.B) }
	for name, b := range all {
		p, err := open(b)
		if name == "arithmetic.jpg" {
			if err == nil {
				t.Errorf("%s is read: check its colours then", name)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Image.Bounds() != want.Image.Bounds() {
			t.Errorf("%s: %v", name, p.Image.Bounds())
			continue
		}
		gray := strings.Contains(name, "gray")
		off := 0.0
		for i := 0; i < len(want.Image.Pix); i += 4 {
			pixel := func(p *Picture) color.NRGBA {
				return color.NRGBA{p.Image.Pix[i], p.Image.Pix[i+1], p.Image.Pix[i+2], 255}
			}
			a, b := pixel(p), pixel(want)
			if name == "alpha.webp" { // half of what it shows, over white
				half := func(v uint8) uint8 { return uint8((int(v) + 255) / 2) }
				b = color.NRGBA{half(b.R), half(b.G), half(b.B), 255}
			}
			if gray {
				off += math.Abs(light(a) - light(b))
				continue
			}
			if name == "onebit.png" { // in black and white dots: the brightness of all
				off += light(a) - light(b)
				continue
			}
			off += (math.Abs(float64(a.R)-float64(b.R)) + math.Abs(float64(a.G)-float64(b.G)) + math.Abs(float64(a.B)-float64(b.B))) / 3
		}
		off = math.Abs(off) / float64(len(want.Image.Pix)/4)
		most := 1.0
		switch name {
		case "progressive.jpg", "lossy.webp", "alpha.webp":
			most = 8 // one colour for four pixels
		case "palette.bmp", "palette.png", "animated.gif":
			most = 16 // few colours, dithered
		case "onebit.png":
			most = 12
		}
		if off > most {
			t.Errorf("%s: off by %.1f on the whole, allowed are %g", name, off, most)
		}
		t.Logf("%s: off by %.1f", name, off)
	}
}

func FuzzDecode(f *testing.F) {
	for _, format := range []string{"png", "jpeg", "gif", "bmp", "tiff"} {
		f.Add(encoded(f, format, scene(9, 7)))
	}
	f.Add(bombPNG(60000, 60000))
	f.Add(plainTIFF(f, 2, 1, 1, 32, 3, 1, 6, []float32{0, 1}))
	f.Add(animation(9, 9, 0, 0, 9, 9, seeds(f)["lossless.webp"][12:]))
	for _, b := range seeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Decode(bytes.NewReader(b), "fuzz", Limits{MaxPixels: 1e5, MaxBytes: 1e6})
		windowed := Preprocess{View: View{Window: &Window{-1, 1}}}
		if through, err := windowed.Decode(bytes.NewReader(b), "fuzz", Limits{MaxPixels: 1e5, MaxBytes: 1e6}); err == nil && int64(through.Image.Rect.Dx())*int64(through.Image.Rect.Dy()) != int64(through.Deep.W)*int64(through.Deep.H) {
			t.Errorf("bounds %v", through.Image.Rect)
		}
		if err == nil && (p.Image.Bounds().Empty() || p.Image.Bounds().Min != image.Point{}) {
			t.Errorf("bounds %v", p.Image.Bounds())
		}
	})
}
