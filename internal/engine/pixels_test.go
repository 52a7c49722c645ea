package engine

import (
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// TestPixels is the differential check of how pixels are cut into tiles: any number of them, with
// zeros among the inputs and without, with and without residuals, has the bits that each has
// alone, and nothing behind the last one is written.
func TestPixels(t *testing.T) {
	const in, out, most = 33, 72, 530
	numbers := []int{503, 504, 505, 514, 525, 530}
	for n := 1; n <= 62; n++ {
		numbers = append(numbers, n)
	}
	for _, k := range asm.EverySet(t) {
		t.Run(k.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			s := NewScratch(k)
			row := Plane{1, most, in}
			c, err := NewConv(s, row, region.Identity(1), region.Identity(most), 1, random(rng, in*out), random(rng, out), out, Clamp{-0.5, float32(math.Inf(1))})
			if err != nil {
				t.Fatal(err)
			}
			dense, rest := random(rng, row.Len()), random(rng, most*out)
			sparse := make([]float32, len(dense))
			for i, v := range dense {
				sparse[i] = max(0, v-0.6)
			}
			for _, residual := range []*Residual{nil, {Patched: Patched{Plane: c.Out, View: rest}, Clamp: Clamp{0, 2}}} {
				for kind, x := range [][]float32{dense, sparse} {
					job := func(x0, x1 int, out []float32) Job {
						return Job{In: []Patched{{Plane: row, View: x}}, Rect: region.Rect{Y: region.Span{Hi: 1}, X: region.Span{Lo: x0, Hi: x1}}, Out: out, Residual: residual}
					}
					want := make([]float32, most*out)
					for i := range most {
						c.Run(s, []Job{job(i, i+1, want[i*out:][:out])})
					}
					for _, n := range numbers {
						got := make([]float32, n*out+1)
						got[n*out] = 7
						c.Run(s, []Job{job(0, n, got[:n*out])})
						for i, v := range got[:n*out] {
							if math.Float32bits(v) != math.Float32bits(want[i]) {
								t.Fatalf("%d pixels, kind %d, residual %v: channel %d of pixel %d is %v, alone %v", n, kind, residual != nil, i%out, i/out, v, want[i])
							}
						}
						if got[n*out] != 7 {
							t.Fatalf("%d pixels: written behind the last", n)
						}
					}
				}
			}
		})
	}
}
