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

// TestMoveTurned moves rows that become columns, of more than what is transposed at a time,
// and says of what is copied how much goes element by element.
func TestMoveTurned(t *testing.T) {
	const rows, columns = 150, 203
	rng := rand.New(rand.NewPCG(5, 2))
	x, out := random(rng, 2*rows*columns), make([]float32, 2*rows*columns)
	m := &Move{Blocks: []Block{{Loops: []Loop{{columns, 1, rows}, {2, rows * columns, rows * columns}, {rows, columns, 1}}}}}
	m.Run(NewScratch(&asm.Generic), []Job{{In: []Patched{{Plane: Plane{H: 1, W: 1, C: len(x)}, View: x}}, Rect: region.Plane(1, 1), Out: out}})
	for i, v := range out {
		if n, c, r := i/(rows*columns), i/rows%columns, i%rows; v != x[(n*rows+r)*columns+c] {
			t.Fatalf("column %d of row %d of matrix %d: %g, want %g", c, r, n, v, x[(n*rows+r)*columns+c])
		}
	}
	for _, c := range []struct {
		of   []Block
		want float64
	}{
		{m.Blocks, 0},
		{[]Block{{Loops: []Loop{{60, 1, 1}}}}, 0},
		{[]Block{{Loops: []Loop{{9, 5, 70}, {60, 1, 1}}}}, 0},
		{[]Block{{Loops: []Loop{{60, 2, 1}}}}, 1},
		{[]Block{{Loops: []Loop{{20, 1, 1}}}, {Loops: []Loop{{30, -1, 1}}}, {}}, 31. / 51},
	} {
		if got := (&Move{Blocks: c.of}).Singly(); got != c.want {
			t.Errorf("%v: %g of it one by one, want %g", c.of, got, c.want)
		}
	}
}
