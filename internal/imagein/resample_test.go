package imagein

import (
	"fmt"
	"image"
	"image/color"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/disintegration/imaging"
)

// noise is a picture of random pixels.
func noise(w, h int) *image.NRGBA {
	rng := rand.New(rand.NewPCG(uint64(w), uint64(h)))
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		if img.Pix[i] = uint8(rng.Uint32()); i%4 == 3 {
			img.Pix[i] = 255
		}
	}
	return img
}

// fitWhole scales all of a picture with package imaging, and crops it then.
func fitWhole(p *Preprocess, img *image.NRGBA, w, h int) *image.NRGBA {
	g := p.Geometry(img.Rect.Size(), 1, image.Pt(w, h))
	filter := imaging.Linear
	if p.Interpolation == Bicubic {
		filter = imaging.CatmullRom // Keys' kernel by another name
	}
	r := imaging.Resize(img, g.Scaled.X, g.Scaled.Y, filter)
	out := imaging.New(w, h, color.NRGBA{p.Pad, p.Pad, p.Pad, 255})
	return imaging.Paste(out, imaging.Crop(r, g.Kept), g.Offset)
}

// TestFitIsScaledThenCropped: what is computed of a scaled picture is what package
// imaging makes of all of it, bit for bit; within one of 255 for thin pictures, whose
// columns come first, and for cubic weights, which it computes otherwise.
func TestFitIsScaledThenCropped(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {2, 3}, {7, 5}, {31, 17}, {64, 64}, {200, 133}, {133, 200}, {640, 480}, {1000, 37}, {37, 1000}, {3, 300}, {300, 3}, {1, 900}, {900, 1}, {2, 3000}, {3000, 2}} {
		img := noise(size[0], size[1])
		for _, plane := range [][2]int{{32, 32}, {64, 64}, {224, 224}, {40, 24}, {96, 5}, {320, 200}} {
			for _, p := range []Preprocess{{Resize: "stretch"}, {Resize: "crop", CropFraction: .875}, {Resize: "crop", CropFraction: 1}, {Resize: "crop", CropFraction: .3}, {Resize: "squash", CropFraction: .875}, {Resize: "letterbox"}, {Resize: "stretch", Interpolation: Bicubic}, {Resize: "crop", CropFraction: .875, Interpolation: Bicubic}} {
				name := fmt.Sprintf("%v to %v, %s %g %s", size, plane, p.Resize, p.CropFraction, p.Interpolation)
				if g := p.Geometry(img.Rect.Size(), 1, image.Pt(plane[0], plane[1])); g.Scaled.X*g.Scaled.Y > 1<<20 {
					continue // the other way takes too much
				}
				got, _ := p.Fit(img, plane[0], plane[1])
				want := fitWhole(&p, img, plane[0], plane[1])
				most := 0
				down := size[1]/thin > plane[1] && plane[0]/thin > size[0]
				if down && p.Interpolation == Bicubic {
					continue // what goes beyond black and white ends there between the steps
				}
				if down || p.Interpolation == Bicubic {
					most = 1
				}
				for i := range want.Pix {
					if d := int(got.Pix[i]) - int(want.Pix[i]); max(d, -d) > most {
						t.Fatalf("%s: number %d is %d, want %d", name, i, got.Pix[i], want.Pix[i])
					}
				}
			}
		}
	}
}

// TestFitThinPictures: a picture of any shape, and any share cut out of it, costs
// what is kept of it and not what all of it would be when scaled.
func TestFitThinPictures(t *testing.T) {
	for _, c := range []struct {
		w, h   int
		resize string
		crop   float64
	}{{1, 60000, "crop", .875}, {60000, 1, "crop", .875}, {1, 4 << 20, "crop", MinCropFraction}, {4 << 20, 1, "crop", MinCropFraction}, {1, 4 << 20, "stretch", 1}, {4 << 20, 1, "stretch", 1},
		{2, 2 << 20, "letterbox", 1}, {2 << 20, 2, "letterbox", 1}, {300, 200, "crop", MinCropFraction}} {
		img := noise(c.w, c.h)
		p := Preprocess{Resize: c.resize, CropFraction: c.crop}
		begin := time.Now()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		out, _ := p.Fit(img, 256, 224)
		runtime.ReadMemStats(&after)
		bytes := after.TotalAlloc - before.TotalAlloc
		if limit := uint64(16 << 20); bytes > limit {
			t.Errorf("%+v: %d bytes are taken, want at most %d", c, bytes, limit)
		}
		if out.Rect != image.Rect(0, 0, 256, 224) {
			t.Errorf("%+v: %v", c, out.Rect)
		}
		t.Logf("%+v: %d KiB, %v", c, bytes>>10, time.Since(begin))
	}
}

// TestBicubicOfPillow: rows that Pillow 9.4's BICUBIC makes of one, smaller, as they are and
// larger, black and white beyond which it would go included.
func TestBicubicOfPillow(t *testing.T) {
	row := []uint8{0, 255, 255, 3, 90, 200, 10, 255, 0, 0, 128}
	img := image.NewNRGBA(image.Rect(0, 0, len(row), 1))
	for x, v := range row {
		img.SetNRGBA(x, 0, color.NRGBA{v, v, v, 255})
	}
	for _, want := range [][]uint8{
		{159, 123, 117, 108, 48},
		{0, 255, 255, 3, 90, 200, 10, 255, 0, 0, 128},
		{0, 111, 255, 255, 152, 0, 52, 139, 200, 57, 65, 253, 112, 0, 0, 72, 137},
	} {
		p := Preprocess{Resize: "stretch", Interpolation: Bicubic}
		got, _ := p.Fit(img, len(want), 1)
		for x, v := range want {
			if px := got.NRGBAAt(x, 0); px != (color.NRGBA{v, v, v, 255}) {
				t.Errorf("%d pixels: number %d is %v, want %d", len(want), x, px, v)
			}
		}
	}
	if p := (Preprocess{Scale: 1, Order: "rgb", Resize: "stretch", CropFraction: 1, Interpolation: "lanczos"}); p.Validate(3) == nil {
		t.Error("lanczos is taken")
	}
}
