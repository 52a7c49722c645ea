package imagein

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"krypton/internal/tiffin"
)

// allocated is what a function takes from the heap.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// needed is what decoding a file is said to take.
func needed(t *testing.T, b []byte, w *Window) int64 {
	t.Helper()
	if isTIFF(b) {
		f, err := tiffin.Open(b)
		if err != nil {
			t.Fatal(err)
		}
		return tiffBytes(f, w)
	}
	c, format, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return decodedBytes(b, format, c, w)
}

// TestMemoryOfDecoding: what decoding takes is what was said before, or less, for each
// kind of picture; with less than that it is refused, before it is taken.
func TestMemoryOfDecoding(t *testing.T) {
	const w, h = 260, 200
	r := image.Rect(0, 0, w, h)
	colours := noise(w, h)
	half := image.NewNRGBA(r)
	draw.Draw(half, r, colours, image.Point{}, draw.Src)
	half.Pix[3] = 128
	gray, pal := image.NewGray(r), image.NewPaletted(r, color.Palette{color.Black, color.White})
	files := map[string][]byte{}
	for _, format := range []string{"png", "jpeg", "gif", "bmp", "tiff"} {
		for name, img := range map[string]image.Image{"colours": colours, "half": half, "gray": gray, "palette": pal, "gray 16": deep16(w, h, true), "colours 16": deep16(w, h, false)} {
			files[format+" "+name] = encoded(t, format, img)
		}
	}
	files["jpeg turned"] = withOrientation(files["jpeg colours"], 6, binary.LittleEndian)
	for name, b := range files {
		for _, window := range []*Window{nil, {10, 100}} {
			name := fmt.Sprint(name, " ", window)
			need := needed(t, b, window) + int64(len(b))
			var err error
			l := DefaultLimits
			l.Memory = need
			pre := Preprocess{View: View{Window: window}}
			var p *Picture
			took := allocated(func() { p, err = pre.Decode(bytes.NewReader(b), name, l) })
			if int64(len(b)) > l.Memory/2 {
				if !errors.Is(err, ErrMemory) {
					t.Errorf("%s: a file of %d bytes in %d: %v", name, len(b), l.Memory, err)
				}
				continue
			}
			if err != nil || p.Image.Rect.Dx()*p.Image.Rect.Dy() != w*h {
				t.Errorf("%s: %v", name, err)
				continue
			}
			// Reading the file took up to six times its size over time; colours of
			// package image are allocated one by one, and soon gone.
			if loose := took - 6*int64(len(b)) - 64*w*h; loose > need {
				t.Errorf("%s: took %d KiB, said %d", name, took>>10, need>>10)
			}
			l.Memory = need - 1
			took = allocated(func() { _, err = pre.Decode(bytes.NewReader(b), name, l) })
			if !errors.Is(err, ErrMemory) || errors.Is(err, ErrUnusable) || took > 6*int64(len(b))+1<<20 {
				t.Errorf("%s: %v, %d KiB taken", name, err, took>>10)
			}
		}
	}
}

// TestMemoryOfForms: the same for files that no encoder of ours writes: all are read
// within what is said of them.
func TestMemoryOfForms(t *testing.T) {
	for name, b := range seeds(t) {
		if name == "arithmetic.jpg" {
			continue
		}
		need := needed(t, b, nil)
		c, _, err := image.DecodeConfig(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if pixels := int64(c.Width) * int64(c.Height); need < 5*pixels || need > 32*(pixels+4096) {
			t.Errorf("%s: %d bytes for %d x %d pixels", name, need, c.Width, c.Height)
		}
		if name == "progressive.jpg" && !progressive(b) || name == "interlaced.png" && need < 10*int64(c.Width*c.Height) {
			t.Errorf("%s: %d bytes", name, need)
		}
	}
	if dir := os.Getenv("KRYPTON_DATA"); dir != "" {
		b, err := os.ReadFile(filepath.Join(dir, "images", "cat_0.jpg"))
		if err != nil {
			t.Fatal(err)
		}
		if progressive(b) {
			t.Error("cat_0.jpg is not progressive")
		}
	}
}
