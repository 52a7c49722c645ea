package explain

import (
	"math"
	"testing"

	"krypton/internal/obe"
	"krypton/internal/region"
	"krypton/internal/target"
)

// TestCombine holds the combined map to what it says: at each pixel the mean
// over the sizes of the mean drop of the patches that cover it.
func TestCombine(t *testing.T) {
	var grids []*obe.Grid
	for _, c := range []struct{ patch, stride [2]int }{{[2]int{2, 2}, [2]int{2, 2}}, {[2]int{3, 3}, [2]int{3, 3}}} {
		g, err := obe.NewGrid(4, 5, c.patch, c.stride, obe.Skip, region.Rect{})
		if err != nil {
			t.Fatal(err)
		}
		grids = append(grids, g)
	}
	// 2x2 patches at y 0, 2 and x 0, 2 (column 4 is uncovered); one of 3x3.
	results := []*obe.Result{
		{Items: []target.Item{{Index: 7}}, Base: []float32{1}, Scores: [][]float32{{.5, 1, 0, .25}}, MultiplyAddsWhole: 10, Skipped: 1},
		{Items: []target.Item{{Index: 7}}, Base: []float32{1}, Scores: [][]float32{{.75}}, MultiplyAddsWhole: 3, NaN: true},
	}
	maps := []variant{{grids[0], 0, 0}, {grids[1], 0, 1}}
	g, r, err := combine(maps, results, "mean")
	if err != nil || g.Len() != 20 || g.Patch != [2]int{1, 1} || r.MultiplyAddsWhole != 13 || r.Skipped != 1 || !r.NaN || r.Items[0].Index != 7 {
		t.Fatalf("%+v %+v %v", g, r, err)
	}
	for _, c := range []struct {
		y, x int
		want float32
	}{{0, 0, 1 - (.5+.25)/2}, {0, 2, 1 - (0+.25)/2}, {0, 3, 1}, {3, 0, 0}, {3, 3, .25}, {2, 2, 1 - (.75+.25)/2}} {
		if got := r.Scores[0][c.y*5+c.x]; got != c.want {
			t.Errorf("at %d,%d: %g, want %g", c.y, c.x, got, c.want)
		}
	}
	if v := float64(r.Scores[0][4]); !math.IsNaN(v) {
		t.Errorf("a pixel that nothing covers has %g", v)
	}
	if g, r, err := combine(maps[:1], results[:1], "mean"); g != grids[0] || r != results[0] || err != nil {
		t.Errorf("a single size does not stay: %v %v %v", g, r, err)
	}
}

// TestCombineFills: maps of one size with several fills keep their grid; at each
// position the drop is the mean, of those that are numbers.
func TestCombineFills(t *testing.T) {
	grid, err := obe.NewGrid(4, 6, [2]int{2, 2}, [2]int{2, 2}, obe.Cover, region.Rect{})
	if err != nil {
		t.Fatal(err)
	}
	nan := float32(math.NaN())
	results := []*obe.Result{
		{Items: []target.Item{{Index: 7}, {Index: 8}}, Base: []float32{1, .5}, Scores: [][]float32{{.5, 1, 0, .25, nan, nan}, {0, 0, 0, 0, 0, 1}}, Skipped: 1, Masked: 2, Verified: 3},
		{Items: []target.Item{{Index: 7}, {Index: 8}}, Base: []float32{1, .5}, Scores: [][]float32{{.25, 1, .5, .25, .5, nan}, {1, 1, 1, 1, .5, 0}}, Skipped: 2, Verified: 3},
	}
	g, r, err := combine([]variant{{grid, 0, 0}, {grid, 1, 0}}, results, "sum")
	if err != nil || g != grid || r.Skipped != 3 || r.Masked != 2 || r.Verified != 6 {
		t.Fatalf("%v %+v %v", g, r, err)
	}
	for k, want := range [][]float32{{.375, 1, .25, .25, .5, nan}, {.5, .5, .5, .5, .25, .5}} {
		for i, v := range r.Scores[k] {
			if v != want[i] && (v == v || want[i] == want[i]) {
				t.Errorf("class %d, position %d: %g, want %g", k, i, v, want[i])
			}
		}
	}
}
