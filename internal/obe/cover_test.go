package obe

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSpread: soft edges are what smoothing among zeros gives, bit for bit.
func TestSpread(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, sigma := range []float64{0.3, 1, 2.5, 7} {
		weights := gauss(sigma)
		margin := len(weights) - 1
		for _, n := range []int{1, 2, 9} {
			const inner, outer = 3, 2
			in := make([]float32, outer*n*inner)
			pad := 2 * margin
			zeros := make([]float32, outer*(n+2*pad)*inner)
			for i := range in {
				in[i] = float32(rng.IntN(256))
				o, rest := i/(n*inner), i%(n*inner)
				zeros[(o*(n+2*pad)+pad)*inner+rest] = in[i]
			}
			smoothed := smooth(zeros, n+2*pad, inner, outer, weights)
			var want []float32
			for o := range outer {
				want = append(want, smoothed[(o*(n+2*pad)+margin)*inner:][:(n+2*margin)*inner]...)
			}
			if got := spread(in, n, inner, outer, weights); !slices.Equal(got, want) {
				t.Errorf("sigma %g, %d places: %v, want %v", sigma, n, got, want)
			}
		}
	}
}
