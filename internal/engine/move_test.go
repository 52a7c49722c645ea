package engine

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// TestMove moves numbers along random axes, of views and updates, whole and part by part,
// and compares with moving them one by one.
func TestMove(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	s := NewScratch(&asm.Generic)
	for range 500 {
		shape := make([]int, 1+rng.IntN(4))
		size := 1
		for i := range shape {
			shape[i] = 1 + rng.IntN(24/len(shape)+2)
			size *= shape[i]
		}
		strides := func() []int { // of the shape's axes in a random order
			stride, n := make([]int, len(shape)), 1
			for _, a := range rng.Perm(len(shape)) {
				stride[a] = n
				n *= shape[a]
			}
			return stride
		}
		from, to := strides(), strides()
		b := Block{}
		for a, n := range shape {
			if rng.IntN(5) == 0 { // backwards
				b.From, from[a] = b.From+(n-1)*from[a], -from[a]
			}
			b.Loops = append(b.Loops, Loop{n, from[a], to[a]})
		}
		slices.SortFunc(b.Loops, func(a, b Loop) int { return cmp.Compare(b.To, a.To) })
		in := Patched{Plane: Plane{H: 1, W: size, C: 1}, View: random(rng, size)}
		if rng.IntN(2) == 0 {
			lo := rng.IntN(size)
			in.Rect = region.Rect{Y: region.Span{Hi: 1}, X: region.Span{Lo: lo, Hi: lo + 1 + rng.IntN(size-lo)}}
			in.Update = random(rng, in.Rect.Area())
		}
		all := make([]float32, size)
		in.Compose(all)
		want, at := make([]float32, size), make([]int, len(shape))
		for range size {
			f, w := b.From, 0
			for a, i := range at {
				f, w = f+i*from[a], w+i*to[a]
			}
			want[w] = all[f]
			for a := len(at) - 1; a >= 0; a-- {
				if at[a]++; at[a] < shape[a] {
					break
				}
				at[a] = 0
			}
		}
		out := make([]float32, size)
		for i := range out {
			out[i] = float32(math.NaN())
		}
		m := &Move{Blocks: []Block{b}}
		jobs := []Job{{In: []Patched{in}, Rect: region.Plane(1, size), Out: out}}
		for lo := 0; lo < m.Parts(); {
			hi := lo + 1 + rng.IntN(m.Parts()-lo)
			m.RunParts(s, jobs, lo, hi)
			lo = hi
		}
		if !slices.Equal(out, want) {
			t.Fatalf("shape %v from %v to %v: %v, want %v", shape, from, to, out, want)
		}
	}
}
