package asm

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestPixelSum: every set gives the bits of Go's own arithmetic for any number of pixels of
// every width, keeps NaN and infinities, reads and writes nothing else, and is near the
// sum in float64.
func TestPixelSum(t *testing.T) {
	for _, k := range EverySet(t) {
		t.Run(k.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(9, 6))
			for trial := range 1500 {
				n, c := 1+rng.IntN(40), 1+rng.IntN(150)
				x, out, scale := newGuarded(n*c, 40, rng), newGuarded(c, 40, nil), [2]float32{rng.Float32()}
				if trial%5 == 0 {
					x.mid[rng.IntN(n*c)], x.mid[rng.IntN(n*c)] = float32(math.NaN()), float32(math.Inf(1))
				}
				k.PixelSum(x.mid, out.mid, n, &scale)
				out.check(t)
				for j, v := range out.mid {
					var acc [4]float32
					exact, size := 0.0, 0.0
					for i := range n {
						acc[i%4] += x.mid[i*c+j]
						exact += float64(x.mid[i*c+j])
						size += math.Abs(float64(x.mid[i*c+j]))
					}
					want := ((acc[0] + acc[1]) + (acc[2] + acc[3])) * scale[0]
					if math.Float32bits(v) != math.Float32bits(want) && (v == v || want == want) {
						t.Fatalf("%d pixels of %d: [%d] is %g, want %g", n, c, j, v, want)
					}
					if e := math.Abs(float64(v) - exact*float64(scale[0])); e > 1e-6*size {
						t.Fatalf("%d pixels of %d: [%d] is off by %g", n, c, j, e)
					}
				}
			}
		})
	}
}
