package imagein

import (
	"errors"
	"image"
	"image/color"
	"testing"
)

func TestMask(t *testing.T) {
	// A picture of 200 by 100 whose mask, of half its size, has its right half
	// white.
	painted := image.NewNRGBA(image.Rect(0, 0, 100, 50))
	m := &Picture{Image: painted}
	for y := range 50 {
		for x := range 100 {
			c := color.NRGBA{A: 255}
			if x >= 50 {
				c.G = 1
			}
			painted.SetNRGBA(x, y, c)
		}
	}
	img := image.NewNRGBA(image.Rect(0, 0, 200, 100))
	for _, c := range []struct {
		resize string
		want   int // pixels of 40 by 40 that count
	}{{"stretch", 800}, {"crop", 800}, {"letterbox", 400}} {
		p := Preprocess{Resize: c.resize, CropFraction: 1}
		_, tr := p.Fit(img, 40, 40)
		got, err := Mask(m, image.Pt(200, 100), tr, 40, 40)
		n := 0
		for i, v := range got {
			if v {
				n++
				if i%40 < 20 {
					t.Fatalf("%s: pixel %d counts", c.resize, i)
				}
			}
		}
		if err != nil || n != c.want {
			t.Errorf("%s: %d pixels count, want %d (%v)", c.resize, n, c.want, err)
		}
	}
	if _, err := Mask(m, image.Pt(201, 101), Transform{1, 1, 0, 0}, 4, 4); err != nil {
		t.Errorf("rounded: %v", err)
	}
	if _, err := Mask(m, image.Pt(100, 200), Transform{1, 1, 0, 0}, 4, 4); !errors.Is(err, ErrUnusable) {
		t.Errorf("turned: %v", err)
	}
}
