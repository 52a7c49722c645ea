package slic

import (
	"image"
	"math/rand/v2"
	"slices"
	"testing"
)

// scene is a picture of random rectangles and noise.
func scene(rng *rand.Rand, h, w int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for range 6 {
		y, x, c := rng.IntN(h), rng.IntN(w), rng.Uint32()
		for py := y; py < min(h, y+h/2+1); py++ {
			for px := x; px < min(w, x+w/2+1); px++ {
				copy(img.Pix[img.PixOffset(px, py):], []byte{byte(c), byte(c >> 8), byte(c >> 16), 255})
			}
		}
	}
	for i := range img.Pix {
		img.Pix[i] = byte(min(255, int(img.Pix[i])+rng.IntN(12)))
	}
	return img
}

// TestSegments: every pixel has a segment, all numbers are used, segments are connected,
// there are about as many as asked for, and again the same.
func TestSegments(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for _, c := range []struct{ h, w, count, least, most int }{
		{64, 96, 60, 40, 80}, {128, 128, 200, 140, 260}, {1, 200, 20, 10, 24}, {50, 1, 10, 5, 12}, {7, 5, 35, 8, 35}, {40, 40, 1, 1, 3}, {1, 1, 1, 1, 1}, {90, 30, 12, 7, 18},
	} {
		for _, compactness := range []float64{1, 10, 40} {
			img := scene(rng, c.h, c.w)
			labels, n := Segment(img, c.count, compactness)
			if len(labels) != c.h*c.w || compactness >= 10 && (n < c.least || n > c.most) || n < 1 || n > c.h*c.w {
				t.Errorf("%+v, compactness %g: %d segments of %d pixels", c, compactness, n, len(labels))
			}
			again, _ := Segment(img, c.count, compactness)
			if !slices.Equal(labels, again) {
				t.Errorf("%+v: not the same again", c)
			}
			parts := make([]int, n)
			seen := make([]bool, len(labels))
			for i, l := range labels {
				if l < 0 || int(l) >= n {
					t.Fatalf("%+v: pixel %d is of segment %d of %d", c, i, l, n)
				}
				if seen[i] {
					continue
				}
				parts[l]++
				for stack := []int{i}; len(stack) > 0; {
					at := stack[len(stack)-1]
					if stack = stack[:len(stack)-1]; seen[at] {
						continue
					}
					seen[at] = true
					around(at, c.h, c.w, func(k int) {
						if labels[k] == l {
							stack = append(stack, k)
						}
					})
				}
			}
			for l, k := range parts {
				if k != 1 {
					t.Errorf("%+v: segment %d is in %d parts", c, l, k)
				}
			}
		}
	}
}

// TestSegmentsFollowColours: where two colours meet, a segment has one of them.
func TestSegmentsFollowColours(t *testing.T) {
	const h, w, edge = 60, 80, 33
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range h * w {
		v := byte(40)
		if i%w >= edge {
			v = 200
		}
		copy(img.Pix[4*i:], []byte{v, v, v, 255})
	}
	labels, n := Segment(img, 48, 10)
	dark, bright := make([]int, n), make([]int, n)
	for i, l := range labels {
		if i%w < edge {
			dark[l]++
		} else {
			bright[l]++
		}
	}
	for l := range n {
		if dark[l] > 0 && bright[l] > 0 {
			t.Errorf("segment %d has %d dark and %d bright pixels", l, dark[l], bright[l])
		}
	}
}

// TestLab holds colours to published ones.
func TestLab(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 4, 1))
	copy(img.Pix, []byte{255, 255, 255, 255, 255, 0, 0, 255, 0, 0, 255, 255, 0, 0, 0, 255})
	for i, want := range [][3]float64{{100, 0, 0}, {53.24, 80.09, 67.20}, {32.30, 79.19, -107.86}, {0, 0, 0}} {
		for k, v := range newPicture(img).lab[i] {
			if d := v - want[k]; d > .02 || d < -.02 {
				t.Errorf("pixel %d is %v, want %v", i, newPicture(img).lab[i], want)
			}
		}
	}
}
