package main

import (
	"strings"

	"krypton/internal/engine"
	"krypton/internal/obe"
	"krypton/internal/region"
)

// typicalChanges tells the plan which changes it will have to answer: a spread
// sample of the positions of a patch or several. A size that does not parse is refused later,
// where the grid is made.
func typicalChanges(patch, stride string) func(engine.Plane) []region.Rect {
	return func(p engine.Plane) []region.Rect {
		whole := []region.Rect{p.Rect()}
		plane := [2]int{p.H, p.W}
		var sample []region.Rect
		for _, one := range strings.Split(patch, ",") {
			size, err := sizeOn(one, plane)
			if err != nil {
				return whole
			}
			step, err := sizeOn(strings.Split(stride, ",")[0], plane)
			if err != nil {
				return whole
			}
			g, err := obe.NewGrid(p.H, p.W, size, step, obe.Cover, region.Rect{})
			if err != nil {
				return whole
			}
			const side = 5
			rows, cols := len(g.Ys), len(g.Xs)
			for i := range min(side, rows) {
				for j := range min(side, cols) {
					y, x := i*(rows-1)/max(1, min(side, rows)-1), j*(cols-1)/max(1, min(side, cols)-1)
					sample = append(sample, g.Rect(y*cols+x))
				}
			}
		}
		return sample
	}
}
