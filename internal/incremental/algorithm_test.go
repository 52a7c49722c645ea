package incremental

import (
	"math/rand/v2"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/region"
)

// everything is a policy that cuts nothing.
type everything struct{}

func (everything) Crop(_ engine.Plane, r region.Rect, _ Point) region.Rect { return r }

// TestPrices: what is kept of changes' costs from one choice of algorithms to the next gives what
// reckoning all anew gives.
func TestPrices(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 51))
		n := randomNetwork(t, rng)
		c, err := lower(n.g, CompileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		c.attend()
		c.grow()
		c.concatInPlace()
		c.group()
		c.join()
		plane := c.p.InputPlane()
		typical := []region.Rect{plane.Rect()}
		for range 3 {
			y, x := rng.IntN(plane.H), rng.IntN(plane.W)
			typical = append(typical, region.Rect{Y: region.Span{Lo: y, Hi: y + 1 + rng.IntN(plane.H-y)}, X: region.Span{Lo: x, Hi: x + 1 + rng.IntN(plane.W-x)}})
		}
		for _, v := range c.pending {
			c.p.steps[v.step].sum = v
		}
		for range 30 {
			if len(c.pending) > 0 {
				if v := c.pending[rng.IntN(len(c.pending))]; engine.WinogradFits(v.Y, v.X, v.Group) {
					v.Way.Tile = tileSizes[rng.IntN(len(tileSizes))]
				}
			}
			if got, want := c.cost(typical, nil), c.cost(typical, everything{}); got != want {
				t.Fatalf("network %d: costs of %v are %g, reckoned anew %g", seed, typical, got, want)
			}
		}
	}
}
