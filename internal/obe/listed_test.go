package obe_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/obe"
)

// TestRandomMasks holds masks to what they are: of all masks and pixels the share that is
// kept is that of the cells; each is one of a coarse grid, enlarged; the same seed makes the
// same, and the first masks do not depend on how many there are.
func TestRandomMasks(t *testing.T) {
	plane := engine.Plane{H: 23, W: 30, C: 1}
	for _, keep := range []float64{.2, .5, .8} {
		lay := func(n int, seed uint64) obe.Listed {
			g, err := obe.Patch{Shape: obe.Random, Count: n, Cells: 4, Keep: keep}.Grid(plane, obe.Size{}, obe.Cover, obe.Region{}, seed, nil)
			if err != nil {
				t.Fatal(err)
			}
			return g.Listed()
		}
		many, few, other := lay(2000, 3), lay(5, 3), lay(5, 4)
		row, again, third := make([]float32, plane.W), make([]float32, plane.W), make([]float32, plane.W)
		sum, differ := 0.0, 0
		for i := range 2000 {
			for y := range plane.H {
				many.Row(0, i, y, plane.Rect().X, row)
				for _, v := range row {
					if !(v >= 0 && v <= 1) {
						t.Fatalf("mask %d covers %g of a pixel", i, v)
					}
					sum += float64(v)
				}
				if i >= 5 {
					continue
				}
				few.Row(0, i, y, plane.Rect().X, again)
				other.Row(0, i, y, plane.Rect().X, third)
				if !equalBits(row, again) {
					t.Fatalf("mask %d is another one of more", i)
				}
				if !equalBits(row, third) {
					differ++
				}
			}
		}
		if covered := sum / float64(2000*plane.H*plane.W); math.Abs(covered-(1-keep)) > .01 {
			t.Errorf("keep %g: %g of all pixels are covered", keep, covered)
		}
		if differ < plane.H {
			t.Errorf("another seed makes the same masks")
		}
	}
	for _, bad := range []obe.Patch{{Shape: obe.Random, Count: 5, Cells: 24, Keep: .5}, {Shape: obe.Superpixels, Count: 999, Compactness: 10}} {
		if _, err := bad.Grid(plane, obe.Size{}, obe.Cover, obe.Region{}, 1, nil); err == nil {
			t.Errorf("%v fits %v", bad, plane)
		}
	}
}

// TestRISE holds the map of random masks to the formula of the paper, less its mean, and that
// of segments to the plain drops; outside of the region there is none.
func TestRISE(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 2))
	plane, part := engine.Plane{H: 12, W: 15, C: 3}, obe.Region{X: 2, Y: 3, W: 11, H: 8}
	for _, roi := range []obe.Region{{}, part} {
		const n, keep = 40, .4
		g, err := obe.Patch{Shape: obe.Random, Count: n, Cells: 3, Keep: keep}.Grid(plane, obe.Size{}, obe.Cover, roi, 9, nil)
		if err != nil {
			t.Fatal(err)
		}
		scores := make([]float32, n)
		mean := 0.0
		for i := range scores {
			scores[i] = rng.Float32()
			mean += float64(scores[i]) / n
		}
		other := make([]float32, n)
		for i := range other {
			other[i] = 2 * scores[i]
		}
		both := g.Listed().Importance([][]float32{scores, other}, []float32{.5, 1})
		got := both[0]
		for i, v := range got {
			if w := both[1][i]; w != 2*v && v == v {
				t.Fatalf("pixel %d has %g, and %g for twice the scores", i, v, w)
			}
		}
		inside := plane.Rect()
		if roi != (obe.Region{}) {
			inside = roi.Rect()
		}
		row := make([]float32, 1)
		for i, v := range got {
			y, x := i/plane.W, i%plane.W
			if !(y >= inside.Y.Lo && y < inside.Y.Hi && x >= inside.X.Lo && x < inside.X.Hi) {
				if !math.IsNaN(v) {
					t.Fatalf("pixel %d,%d outside of the region has %g", y, x, v)
				}
				continue
			}
			sum := 0.0
			for k, f := range scores {
				one := inside.X
				one.Lo, one.Hi = x, x+1
				g.Covers.Row(0, k, y, one, row)
				sum += float64(f) * (1 - float64(row[0]))
			}
			if want := sum/(n*keep) - mean; math.Abs(v-want) > 1e-6 {
				t.Fatalf("pixel %d,%d has %g, want %g", y, x, v, want)
			}
		}
	}
	labels := []int32{0, 0, 1, 2, 1, 1}
	g, err := obe.NewSegments(engine.Plane{H: 2, W: 4, C: 1}, obe.Region{X: 1, W: 3, H: 2}, labels, 3)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{math.NaN(), .25, .25, .5, math.NaN(), 1, .5, .5} {
		if got := g.Listed().Importance([][]float32{{.75, .5, 0}}, []float32{1})[0][i]; got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("pixel %d has %g, want %g", i, got, want)
		}
	}
}
