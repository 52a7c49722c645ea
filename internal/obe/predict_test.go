package obe

import (
	"slices"
	"testing"

	"krypton/internal/region"
)

func TestSampleGrid(t *testing.T) {
	g, err := NewGrid(100, 60, [2]int{8, 8}, [2]int{4, 4}, Cover, region.Rect{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 2, 16, 64, 100, g.Len(), 1 << 20} {
		s := g.sample(n)
		if s.Len() > max(n, 2*n) || s.Len() < min(n, g.Len())/2 || !slices.IsSorted(s.Ys) || !slices.IsSorted(s.Xs) {
			t.Errorf("%d of %d positions: %d rows and %d columns", n, g.Len(), len(s.Ys), len(s.Xs))
		}
		for _, y := range s.Ys {
			if !slices.Contains(g.Ys, y) {
				t.Errorf("row %d is none of the grid's", y)
			}
		}
	}
}
