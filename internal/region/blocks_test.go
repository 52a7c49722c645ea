package region

import (
	"math/rand/v2"
	"testing"
)

// TestBlocks: what a block holds reaches all of it and nothing else, as pairs of pixels say
// one by one.
func TestBlocks(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 7))
	for range 200 {
		h, w := 2+rng.IntN(9), 2+rng.IntN(9)
		rows, columns := make([]int, h), make([]int, w) // of which block each is
		for _, of := range [][]int{rows, columns} {
			for i := range of {
				of[i] = rng.IntN(3)
			}
		}
		// reached are the pixels whose blocks a rectangle meets.
		reached := func(r Rect) *Mask {
			m := NewMask(h, w)
			for v := range h {
				for u := range w {
					for y := r.Y.Lo; y < r.Y.Hi; y++ {
						for x := r.X.Lo; x < r.X.Hi; x++ {
							if rows[y] == rows[v] && columns[x] == columns[u] {
								m.Add(Pixel(v, u))
							}
						}
					}
				}
			}
			return m
		}
		b := NewBlocks(h, w)
		for y := range h {
			for x := range w {
				if !b.Add(reached(Pixel(y, x))) {
					t.Fatalf("block of %d, %d refused: %v %v", y, x, rows, columns)
				}
			}
		}
		y, x := rng.IntN(h), rng.IntN(w)
		r := Rect{Span{y, y + 1 + rng.IntN(h-y)}, Span{x, x + 1 + rng.IntN(w-x)}}
		from, want, got := NewMask(h, w), reached(r), NewMask(h, w)
		from.Add(r)
		if b.ReachMask(got, from); !got.Equal(want) || b.Reach(r) != want.Bounds() || b.Reads(r) != want.Bounds() {
			t.Fatalf("%v of %v and %v: %v, %v", r, rows, columns, b.Reach(r), want.Bounds())
		}
	}
}

// TestBlocksRefused: sets that are no blocks, or meet others in part.
func TestBlocksRefused(t *testing.T) {
	b := NewBlocks(3, 3)
	of := func(at ...[2]int) *Mask {
		m := NewMask(3, 3)
		for _, p := range at {
			m.Add(Pixel(p[0], p[1]))
		}
		return m
	}
	if b.Add(of([2]int{0, 0}, [2]int{1, 1})) || b.Add(of()) {
		t.Error("a diagonal, or nothing, is taken for a block")
	}
	if !b.Add(of([2]int{0, 0}, [2]int{1, 0})) {
		t.Error("two pixels of a column are refused")
	}
	if b.Add(of([2]int{0, 0})) || b.Add(of([2]int{1, 0}, [2]int{2, 0})) {
		t.Error("a block that meets another in part is taken")
	}
}
