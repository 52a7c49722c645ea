package region

import (
	"math/rand/v2"
	"testing"
)

// randomField reads anywhere, more often nearby, and sometimes nothing.
func randomField(rng *rand.Rand) (f *Field, in, out [2]int) {
	in, out = [2]int{1 + rng.IntN(9), 1 + rng.IntN(9)}, [2]int{1 + rng.IntN(9), 1 + rng.IntN(9)}
	t := Table{In: in[0] * in[1], Taps: 1 + rng.IntN(4)}
	for o := range out[0] * out[1] {
		for range t.Taps {
			i := rng.IntN(t.In)
			switch rng.IntN(4) {
			case 0:
				i = -1
			case 1, 2:
				i = min(o/out[1], in[0]-1)*in[1] + min(o%out[1]+rng.IntN(2), in[1]-1)
			}
			t.Index = append(t.Index, int32(i))
		}
	}
	return NewField(in, out, t), in, out
}

func part(rng *rand.Rand, size [2]int) Rect {
	span := func(n int) Span {
		lo := rng.IntN(n)
		return Span{lo, lo + 1 + rng.IntN(n-lo)}
	}
	return Rect{span(size[0]), span(size[1])}
}

// TestField holds a field's rectangles and masks to what looking at each tap finds.
func TestField(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		f, in, out := randomField(rng)
		each := func(found func(oy, ox, iy, ix int)) {
			for o := range out[0] * out[1] {
				for _, i := range f.Index[o*f.Taps:][:f.Taps] {
					if i >= 0 {
						found(o/out[1], o%out[1], int(i)/in[1], int(i)%in[1])
					}
				}
			}
		}
		pixel := func(y, x int) Rect { return Rect{Span{y, y + 1}, Span{x, x + 1}} }

		from, read := part(rng, in), part(rng, out)
		var reach, reads Rect
		each(func(oy, ox, iy, ix int) {
			if from.Contains(pixel(iy, ix)) {
				reach = reach.Union(pixel(oy, ox))
			}
			if read.Contains(pixel(oy, ox)) {
				reads = reads.Union(pixel(iy, ix))
			}
		})
		if got := f.Reach(from); got != reach {
			t.Fatalf("%+v: %v reaches %v, want %v", f, from, got, reach)
		}
		if got := f.Reads(read); got != reads {
			t.Fatalf("%+v: %v reads %v, want %v", f, read, got, reads)
		}

		mask, got, want := randomMask(rng, in[0], in[1]), NewMask(out[0], out[1]), map[[2]int]bool{}
		each(func(oy, ox, iy, ix int) {
			if mask.Has(iy, ix) {
				want[[2]int{oy, ox}] = true
			}
		})
		f.ReachMask(got, mask)
		sameSet(t, "a mask through a field", got, want)
	}
}
