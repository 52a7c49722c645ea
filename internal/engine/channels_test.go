package engine

import (
	"math/rand/v2"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// TestChannels: whatever channels of however many inputs are picked, they are those,
// from views and updates, and each way of moving them is taken.
func TestChannels(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	s := NewScratch(&asm.Generic)
	ways := map[moveWay]int{}
	for trial := range 600 {
		var in []Patched
		first := []int{0}
		same := 8 + rng.IntN(30)
		for range 1 + rng.IntN(3) {
			p := Patched{Plane: Plane{H: 3, W: 5, C: 1 + rng.IntN(40)}, Rect: region.Rect{Y: region.Span{Lo: rng.IntN(2), Hi: 2}, X: region.Span{Lo: 1 + rng.IntN(2), Hi: 4}}}
			if trial%2 == 0 {
				p.C = same
			}
			if trial%5 == 0 { // few, as boxes have
				p.C = 1 + rng.IntN(6)
			}
			p.View, p.Update = random(rng, p.Plane.Len()), random(rng, p.Rect.Area()*p.C)
			in, first = append(in, p), append(first, first[len(first)-1]+p.C)
		}
		all := first[len(first)-1]
		c := &Channels{Fill: 7}
		for len(c.Source) < 1+rng.IntN(60) {
			from, n, by := rng.IntN(all), 1+rng.IntN(30), 1+rng.IntN(2)
			if len(in) > 1 && rng.IntN(3) == 0 { // in turn with the next input
				for i := range min(in[0].C, in[1].C) {
					c.Source = append(c.Source, i, first[1]+i)
				}
				continue
			}
			for i := from; i < min(all, from+by*n); i += by {
				c.Source = append(c.Source, i)
			}
			if rng.IntN(4) == 0 {
				c.Source = append(c.Source, -1)
			}
		}
		for _, m := range c.moves(nil, first) {
			ways[m.way]++
		}
		r := region.Rect{Y: region.Span{Lo: rng.IntN(3), Hi: 3}, X: region.Span{Lo: rng.IntN(5), Hi: 5}}
		out := make([]float32, r.Area()*len(c.Source))
		c.Run(s, []Job{{In: in, Rect: r, Out: out}})
		at := 0
		for y := r.Y.Lo; y < r.Y.Hi; y++ {
			for x := r.X.Lo; x < r.X.Hi; x++ {
				for _, from := range c.Source {
					want := c.Fill
					if from >= 0 {
						k, _ := inputOf(from, first)
						p := &in[k]
						want = p.pixels(y, region.Span{Lo: x, Hi: x + 1}, nil)[from-first[k]]
					}
					if out[at] != want {
						t.Fatalf("channels %v of %v: pixel %d, %d is %g, want %g", c.Source, first, y, x, out[at], want)
					}
					at++
				}
			}
		}
	}
	for way := fillChannels; way <= gatherChannels; way++ {
		if ways[way] < 10 {
			t.Errorf("way %d was taken %d times", way, ways[way])
		}
	}
}
