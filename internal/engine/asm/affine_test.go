package asm

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestAffine: every set gives the bits of Go's own arithmetic for pixels of every width
// and distance, bounded or not, also in place, keeps NaN and writes nothing else.
func TestAffine(t *testing.T) {
	inf := float32(math.Inf(1))
	special := []float32{0, float32(math.Copysign(0, -1)), inf, -inf, float32(math.NaN()), math.SmallestNonzeroFloat32}
	for _, k := range EverySet(t) {
		t.Run(k.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(9, 8))
			for trial := range 2000 {
				n, c := 1+rng.IntN(5), 1+rng.IntN(150)
				pitch := c + rng.IntN(2)*rng.IntN(40)
				x, scale, shift := newGuarded((n-1)*pitch+c, 40, rng), newGuarded(c, 40, rng), newGuarded(c, 40, rng)
				for i := range x.mid {
					if rng.IntN(4) == 0 {
						x.mid[i] = special[rng.IntN(len(special))]
					}
				}
				clamp := [][2]float32{{0, inf}, {-inf, inf}, {0, 6}, {-0.5, 0.25}}[rng.IntN(4)]
				want := make([]float32, n*c)
				for i := range want {
					v := float32(x.mid[i/c*pitch+i%c]*scale.mid[i%c]) + shift.mid[i%c]
					if v < clamp[0] {
						v = clamp[0]
					}
					if v > clamp[1] {
						v = clamp[1]
					}
					want[i] = v
				}
				out := newGuarded(n*c, 40, nil)
				if pitch == c && trial%3 == 0 {
					out = x
				}
				k.Affine(x.mid, scale.mid, shift.mid, out.mid, n, pitch, &clamp)
				out.check(t)
				for i, v := range out.mid {
					if math.Float32bits(v) != math.Float32bits(want[i]) && (v == v || want[i] == want[i]) {
						t.Fatalf("%d pixels of %d, %d apart, bounds %g: [%d] is %g, want %g", n, c, pitch, clamp, i, v, want[i])
					}
				}
			}
		})
	}
}

// TestBlendPixels: every set gives the bits of Go's own arithmetic for pixels of all
// widths, and writes nothing else.
func TestBlendPixels(t *testing.T) {
	for _, k := range EverySet(t) {
		t.Run(k.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(9, 8))
			for c := 1; c < 150; c++ {
				wide, n, first := 1+rng.IntN(5), 1+rng.IntN(9), rng.IntN(3)
				row, weights, index := newGuarded(wide*c, 40, rng), newGuarded(2*n, 40, rng), make([]int32, 2*n)
				if c%5 == 0 {
					row.mid[0], row.mid[c/2], weights.mid[0] = float32(math.NaN()), float32(math.Inf(1)), 0
				}
				for i := range index {
					index[i] = int32(first + rng.IntN(wide))
				}
				out := newGuarded(n*c, 40, nil)
				k.BlendPixels(row.mid, index, weights.mid, out.mid, first, c)
				out.check(t)
				for i, v := range out.mid {
					at := func(j int) float32 {
						return float32(row.mid[(int(index[2*(i/c)+j])-first)*c+i%c] * weights.mid[2*(i/c)+j])
					}
					if want := at(0) + at(1); math.Float32bits(v) != math.Float32bits(want) && (v == v || want == want) {
						t.Fatalf("%d pixels of %d channels: [%d] is %g, want %g", n, c, i, v, want)
					}
				}
			}
		})
	}
}

// TestBlend: every set gives the bits of Go's own arithmetic for rows of every length,
// also in place, and writes nothing else.
func TestBlend(t *testing.T) {
	for _, k := range EverySet(t) {
		t.Run(k.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(9, 7))
			for n := 1; n < 300; n++ {
				a, b, w := newGuarded(n, 40, rng), newGuarded(n, 40, rng), [2]float32{rng.Float32(), rng.Float32()}
				if n%5 == 0 {
					a.mid[n/2], b.mid[n/3] = float32(math.NaN()), float32(math.Inf(1))
				}
				want := make([]float32, n)
				for i := range want {
					want[i] = float32(a.mid[i]*w[0]) + float32(b.mid[i]*w[1])
				}
				out := newGuarded(n, 40, nil)
				if n%3 == 0 {
					out = a
				}
				k.Blend(a.mid, b.mid, out.mid, &w)
				out.check(t)
				for i, v := range out.mid {
					if math.Float32bits(v) != math.Float32bits(want[i]) && (v == v || want[i] == want[i]) {
						t.Fatalf("%d numbers: [%d] is %g, want %g", n, i, v, want[i])
					}
				}
			}
		})
	}
}
