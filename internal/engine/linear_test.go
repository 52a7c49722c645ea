package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// TestLinearBlocks: a linear layer over many pixels, in blocks and in parts of its channels,
// and whose rows would collide in the cache where they lie, has the bits of each pixel alone.
func TestLinearBlocks(t *testing.T) {
	for _, k := range asm.EverySet(t) {
		for _, c := range []struct{ in, out, pixels int }{{1024, 160, 37}, {3072, 130, 150}, {700, 96, 400}, {48, 224, 600}} {
			t.Run(fmt.Sprintf("%s/%d to %d", k.Name, c.in, c.out), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, uint64(c.in)))
				s, in := NewScratch(k), Plane{1, c.pixels, c.in}
				conv, err := NewConv(s, in, region.Identity(1), region.Identity(c.pixels), 1, random(rng, c.in*c.out), random(rng, c.out), c.out, Clamp{-3, 30})
				if err != nil {
					t.Fatal(err)
				}
				view, sum := random(rng, in.Len()), random(rng, c.pixels*c.out)
				run := func(x region.Span) []float32 {
					r := region.Rect{Y: region.Span{Hi: 1}, X: x}
					out := make([]float32, r.Area()*c.out)
					add := &Residual{Patched: Patched{Plane: conv.Out, View: sum}, Clamp: unclamped}
					conv.Run(s, []Job{{In: []Patched{{Plane: in, View: view}}, Rect: r, Out: out, Residual: add}})
					return out
				}
				whole := run(region.Span{Hi: c.pixels})
				for _, x := range []int{0, 1, c.pixels / 2, c.pixels - 1} {
					for i, v := range run(region.Span{Lo: x, Hi: x + 1}) {
						if got := whole[x*c.out+i]; math.Float32bits(got) != math.Float32bits(v) {
							t.Fatalf("pixel %d, channel %d: %g in the block, %g alone", x, i, got, v)
						}
					}
				}
				if c.in%1024 == 0 && len(s.apart) == 0 && k.Rows > 1 {
					t.Error("rows that collide were not copied")
				}
			})
		}
	}
}
