package chroma

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/image/webp"
)

// TestPillow compares with the pixels that Pillow 9.4 (libjpeg-turbo 2.1.5, libwebp 1.2.4)
// reads of the same files, of odd sizes. Those of 4:4:0 and 4:1:1 have their sampling and
// their size written into the head of others. Files of four components (the reference has
// black in its fourth), and of red, green and blue by Adobe's segment or by their names, were
// written by libjpeg-turbo. Flat blocks leave the inverse cosine transform nothing to round;
// waves do: package image/jpeg's is off by one where libjpeg's is not.
func TestPillow(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.png")
	if len(files) != 31 {
		t.Fatalf("%d files", len(files))
	}
	for _, file := range files {
		want := decoded(t, file)
		var got image.Image
		most, sum := 0, 0
		if name := strings.TrimSuffix(file, ".png"); exists(name + ".webp") {
			got = WebP(decoded(t, name+".webp").(*image.YCbCr), nil, 0)
		} else {
			got = decoded(t, name+".jpg")
			if !strings.Contains(file, "blocks") {
				most = 3
			}
		}
		b := want.Bounds()
		if got.Bounds() != b {
			t.Fatalf("%s: %v, want %v", file, got.Bounds(), b)
		}
		for y := range b.Dy() {
			for x := range b.Dx() {
				w := color.NRGBAModel.Convert(want.At(x, y)).(color.NRGBA)
				var g color.NRGBA
				if p, ok := got.(*image.CMYK); ok {
					px := p.CMYKAt(x, y)
					g = color.NRGBA{px.C, px.M, px.Y, px.K}
				} else {
					g = color.NRGBAModel.Convert(got.At(x, y)).(color.NRGBA)
				}
				for _, pair := range [][2]uint8{{g.R, w.R}, {g.G, w.G}, {g.B, w.B}, {g.A, w.A}} {
					d := int(max(pair[0], pair[1]) - min(pair[0], pair[1]))
					if sum += d; d > most {
						t.Fatalf("%s: %v at %d, %d, want %v", file, g, x, y, w)
					}
				}
			}
		}
		if mean := float64(sum) / float64(3*b.Dx()*b.Dy()); mean > .1 {
			t.Errorf("%s: off by %g in the mean", file, mean)
		}
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func decoded(t *testing.T, file string) image.Image {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	decode := map[string]func(*bytes.Reader) (image.Image, error){
		".png":  func(r *bytes.Reader) (image.Image, error) { return png.Decode(r) },
		".jpg":  func(*bytes.Reader) (image.Image, error) { return Decode(b) },
		".webp": func(r *bytes.Reader) (image.Image, error) { return webp.Decode(r) },
	}[filepath.Ext(file)]
	img, err := decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(file, err)
	}
	return img
}

// TestWeights compares colours of random pictures of all sizes with the weights that
// jdsample.c's comments give, each pixel by itself.
func TestWeights(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	for _, ratio := range []image.YCbCrSubsampleRatio{image.YCbCrSubsampleRatio444, image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420,
		image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410} {
		for range 60 {
			w, h := 1+r.IntN(12), 1+r.IntN(9)
			p := image.NewYCbCr(image.Rect(0, 0, (w+31)/32*32, (h+31)/32*32), ratio)
			for _, plane := range [][]byte{p.Y, p.Cb, p.Cr} {
				for i := range plane {
					plane[i] = byte(r.Uint32())
				}
			}
			p = p.SubImage(image.Rect(0, 0, w, h)).(*image.YCbCr)
			got, y := JPEG(p), 0
			JPEGDifferences(p, func(at int, cb, cr []byte) {
				if at != y || len(cb) != w || len(cr) != w {
					t.Fatalf("row %d of %d and %d, want row %d of %d", at, len(cb), len(cr), y, w)
				}
				for x := range w {
					b, r := weighted(p, p.Cb, x, y), weighted(p, p.Cr, x, y)
					if int(cb[x]) != b || int(cr[x]) != r {
						t.Fatalf("%v %dx%d at %d, %d: %d and %d, want %d and %d", ratio, w, h, x, y, cb[x], cr[x], b, r)
					}
					red, green, blue := JPEGColour(int(p.Y[p.YOffset(x, y)]), b, r)
					if px := got.NRGBAAt(x, y); px.R != red || px.G != green || px.B != blue || px.A != 255 {
						t.Fatalf("%v %dx%d at %d, %d: %v", ratio, w, h, x, y, px)
					}
				}
				y++
			})
			if y != h {
				t.Fatalf("%d rows of %d", y, h)
			}
		}
	}
}

// weighted is a pixel's number of a plane of colours.
func weighted(p *image.YCbCr, plane []byte, x, y int) int {
	w, h := p.Rect.Dx(), p.Rect.Dy()
	at := func(x, y int) int { return int(plane[y*p.CStride+x]) }
	beside := func(i, half int) int { return min(max(i/2-1+2*(i%2), 0), half-1) }
	cw, ch := (w+1)/2, (h+1)/2
	switch p.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		if cw > 2 {
			return (3*at(x/2, y) + at(beside(x, cw), y) + 1 + x%2) / 4
		}
	case image.YCbCrSubsampleRatio440:
		return (3*at(x, y/2) + at(x, beside(y, ch)) + 1 + y%2) / 4
	case image.YCbCrSubsampleRatio420:
		if cw > 2 {
			bx, by := beside(x, cw), beside(y, ch)
			return (9*at(x/2, y/2) + 3*at(bx, y/2) + 3*at(x/2, by) + at(bx, by) + 8 - x%2) / 16
		}
	}
	return int(plane[p.COffset(x, y)])
}

// TestColours compares with the formula of JFIF, rounded, for all colours of some lights.
func TestColours(t *testing.T) {
	for _, light := range []int{0, 1, 77, 128, 200, 255} {
		for cb := range 256 {
			for cr := range 256 {
				r, g, b := JPEGColour(light, cb, cr)
				l, u, v := float64(light), float64(cb-128), float64(cr-128)
				for i, pair := range [][2]float64{{float64(r), l + 1.402*v}, {float64(g), l - .34414*u - .71414*v}, {float64(b), l + 1.772*u}} {
					if want := min(max(pair[1], 0), 255); pair[0] < want-.501 || pair[0] > want+.501 {
						t.Fatalf("%d, %d, %d: number %d is %g, want %g", light, cb, cr, i, pair[0], pair[1])
					}
				}
			}
		}
	}
}

// TestWebPWeights compares interpolated colours with the weighted mean of the four around
// each pixel, rounded.
func TestWebPWeights(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	for range 100 {
		w, h := 1+r.IntN(12), 1+r.IntN(9)
		p := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
		for i := range p.Cb {
			p.Cb[i] = byte(r.Uint32())
		}
		from, _, _, _ := planes(p)
		row := make([]byte, w+3)
		for y := range h {
			webpRow(row, &from, y)
			for x := range w {
				near := func(i, half int) (int, int) { return i / 2, min(max(i/2-1+2*(i%2), 0), half-1) }
				x0, x1 := near(x, from.w)
				y0, y1 := near(y, from.h)
				at := func(x, y int) float64 { return float64(p.Cb[y*p.CStride+x]) }
				want := (9*at(x0, y0) + 3*at(x1, y0) + 3*at(x0, y1) + at(x1, y1)) / 16
				if got := float64(row[x]); got < want-.5 || got > want+.5 {
					t.Fatalf("%dx%d at %d, %d: %g, want %g", w, h, x, y, got, want)
				}
			}
		}
	}
	p := image.NewYCbCr(image.Rect(0, 0, 3, 2), image.YCbCrSubsampleRatio420)
	if got := WebP(p, []byte{1, 2, 3, 0, 4, 5, 6, 0}, 4); got.Pix[3] != 1 || got.Pix[11] != 3 || got.Pix[15] != 4 || got.Pix[23] != 6 {
		t.Errorf("opacities are %v", got.Pix)
	}
}
