package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pngChunk is a chunk of a PNG file with its right checksum.
func pngChunk(kind string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	body := append([]byte(kind), data...)
	return binary.BigEndian.AppendUint32(append(b, body...), crc32.ChecksumIEEE(body))
}

// pngHead is a PNG file of w x h pixels with nothing behind its header.
func pngHead(w, h uint32) []byte {
	ihdr := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	return append([]byte("\x89PNG\r\n\x1a\n"), pngChunk("IHDR", append(ihdr, 8, 2, 0, 0, 0))...)
}

func encoded(t testing.TB, encode func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestBadPictures are the rows of pictures, each with the real command.
func TestBadPictures(t *testing.T) {
	picture := image.NewNRGBA(image.Rect(0, 0, 64, 48))
	for i := range picture.Pix {
		picture.Pix[i] = uint8(i*i>>3) | uint8(i%4/3*255)
	}
	asPNG := encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, picture) })
	asJPEG := encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, picture, nil) })
	asGIF := encoded(t, func(b *bytes.Buffer) error { return gif.Encode(b, picture, nil) })
	var rows []badInput
	add := func(id, file string, b []byte, code int, says string) {
		rows = append(rows, badInput{id: id, file: file, make: holding(b), args: []string{"obe", "FILE", "--stride", "64", "-q", "-o", "DIR/map.png"}, code: code, says: says})
	}
	add("I00/sound", "a.png", asPNG, exitOK, "")
	add("I01/empty", "a.png", nil, exitData, "")
	add("I01/wrong-ending", "a.jpg", asPNG, exitOK, "")
	add("I01/svg", "a.svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), exitData, "")
	add("I01/page-as-jpeg", "a.jpg", []byte("<!DOCTYPE html><html><body>404</body></html>"), exitData, "")
	for name, b := range map[string][]byte{"png": asPNG, "jpeg": asJPEG, "gif": asGIF} {
		for i := range 5 {
			add(fmt.Sprintf("I01/%s-cut-at-%d-tenths", name, 2*i), "a."+name, b[:2+(len(b)-3)*i/5], exitData, "")
		}
	}
	add("I02/png-60000", "a.png", pngHead(60000, 60000), exitData, "60000")
	add("I02/jpeg-65500", "a.jpg", bytes.Replace(asJPEG, []byte{0xff, 0xc0, 0, 17, 8, 0, 48, 0, 64}, []byte{0xff, 0xc0, 0, 17, 8, 0xff, 0xdc, 0xff, 0xdc}, 1), exitData, "65500")
	add("I02/gif-65535", "a.gif", append([]byte("GIF89a\xff\xff\xff\xff"), asGIF[10:]...), exitData, "65535")
	add("I02/tiff-huge", "a.tif", tiffHead(1<<30, 1<<30), exitData, "")
	add("I02/webp-16383", "a.webp", []byte("RIFF\x1e\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\xfe\x3f\x00\xfe\x3f\x00VP8 \x04\x00\x00\x00\x00\x00\x00\x00"), exitData, "")
	broken := bytes.Clone(asPNG)
	broken[len(broken)-20] ^= 0xff
	add("I03/png-wrong-checksum", "a.png", broken, exitData, "")
	text := append(bytes.Clone(asPNG[:33]), pngChunk("tEXt", append([]byte("k\x00"), bytes.Repeat([]byte("x"), 1<<20)...))...)
	add("I03/png-long-text", "a.png", append(text, asPNG[33:]...), exitOK, "")
	add("I04/png-no-width", "a.png", pngHead(0, 4), exitData, "")
	one := image.NewNRGBA(image.Rect(0, 0, 1, 1))
	one.Set(0, 0, color.White)
	add("I04/one-pixel", "a.png", encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, one) }), exitOK, "")
	add("I04/line", "a.png", encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, image.NewGray(image.Rect(0, 0, 1, 10000))) }), exitOK, "")
	add("I04/thin", "a.png", encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, image.NewGray(image.Rect(0, 0, 1, 60000))) }), exitOK, "")
	wide := encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, image.NewGray(image.Rect(0, 0, 60000, 1))) })
	for name, args := range map[string][]string{"crop": {"--preset", "imagenet"}, "crop-least": {"--resize", "crop", "--crop-fraction", "0.01"}, "stretch": {"--resize", "stretch"}, "letterbox": {"--resize", "letterbox"}} {
		rows = append(rows, badInput{id: "I04/wide-" + name, file: "a.png", make: holding(wide), args: append([]string{"obe", "FILE", "--stride", "64", "-q", "-o", "DIR/map.png"}, args...), code: exitOK})
	}
	for _, fraction := range []string{"1e-9", "0.009", "1.1", "-1", "NaN"} {
		rows = append(rows, badInput{id: "C01/crop-fraction-" + fraction, args: []string{"obe", "-q", "-o", "DIR/map.png", "--preset", "imagenet", "--crop-fraction", fraction}, code: exitUsage, says: "--crop-fraction"})
	}
	add("I05/gray-16", "a.png", encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, image.NewGray16(image.Rect(0, 0, 9, 9))) }), exitOK, "")
	add("I05/arithmetic-jpeg", "a.jpg", bytes.Replace(asJPEG, []byte{0xff, 0xc0}, []byte{0xff, 0xc9}, 1), exitData, "")
	film := &gif.GIF{}
	frame := image.NewPaletted(image.Rect(0, 0, 8, 8), color.Palette{color.Black, color.White})
	for range 20000 {
		film.Image, film.Delay = append(film.Image, frame), append(film.Delay, 1)
	}
	add("I06/gif-of-20000-frames", "a.gif", encoded(t, func(b *bytes.Buffer) error { return gif.EncodeAll(b, film) }), exitOK, "")
	rows = append(rows,
		badInput{id: "I08/pipe", file: "a.png", make: func(t testing.TB, path string) {
			if err := makeFIFO(path); err != nil {
				t.Skip(err)
			}
		}, args: []string{"obe", "FILE", "-o", "DIR/map.png"}, code: exitData},
		badInput{id: "I08/device", file: "", args: []string{"obe", "/dev/zero", "-o", "DIR/map.png"}, code: exitData, says: "/dev/zero"})
	runBad(t, rows)
}

// tiffHead is a TIFF file that says it has w x h gray pixels, and has none.
func tiffHead(w, h uint32) []byte {
	b := []byte("II*\x00\x08\x00\x00\x00")
	entries := [][3]uint32{{256, 4, w}, {257, 4, h}, {258, 3, 8}, {259, 3, 1}, {262, 3, 1}, {273, 4, 200}, {277, 3, 1}, {278, 4, h}, {279, 4, 1 << 20}}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(entries)))
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
		b = binary.LittleEndian.AppendUint16(b, uint16(e[1]))
		b = binary.LittleEndian.AppendUint32(b, 1)
		b = binary.LittleEndian.AppendUint32(b, e[2])
	}
	return append(b, make([]byte, 200)...)
}

// TestOneBadOfMany is row I07: the bad picture is told of, all others are done.
func TestOneBadOfMany(t *testing.T) {
	n := 400
	in := smallPictures(t, n, 16)
	if err := os.WriteFile(filepath.Join(in, "p0123.png"), []byte("no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := command("obe", in, "--out-dir", dir, "--stride", "64", "--patch", "64", "--scores", "{name}.npy", "--scores-only")
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != exitPartial || !strings.Contains(string(out), "p0123.png") || !strings.Contains(string(out), fmt.Sprintf("1 of %d pictures failed", n)) {
		t.Errorf("exit code %d: %s", code, out)
	}
	done, err := filepath.Glob(filepath.Join(dir, "*.npy"))
	if err != nil || len(done) != n-1 {
		t.Errorf("%d of %d are done: %v", len(done), n-1, err)
	}
}
