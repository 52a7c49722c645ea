// Package heatmap turns the scores of an occlusion grid into pictures and
// files.
package heatmap

import (
	"fmt"
	"math"
)

// Map is the grid of scores of one class. Cell (r, c) is the patch at (Ys[r],
// Xs[c]) in pixels of the network's input; spacing need not be uniform.
type Map struct {
	Ys, Xs []int
	// Patch and Input are height and width of the patch and of the network's
	// input.
	Patch, Input [2]int
	// Scores holds the class's score with the patch at each cell, row by row;
	// Base is the score without.
	Scores []float32
	Base   float32
	Label  string
}

// Combines lists the rules for pixels that several patches cover: mean of their
// drops, sum, or the drop of the cell whose centre is nearest.
var Combines = []string{"mean", "sum", "cell"}

// Importance is Base minus score, spread over the network's pixels row by row:
// positive where hiding lowers the score. Pixels that no patch covers, or whose
// scores are not numbers, are NaN.
func (m *Map) Importance(rule string) ([]float64, error) {
	h, w := m.Input[0], m.Input[1]
	out := make([]float64, h*w)
	if rule == "cell" {
		rows, cols := nearest(m.Ys, m.Patch[0], h), nearest(m.Xs, m.Patch[1], w)
		for y := range h {
			for x := range w {
				out[y*w+x] = math.NaN()
				if rows[y] >= 0 && cols[x] >= 0 {
					if d := float64(m.Base) - float64(m.Scores[rows[y]*len(m.Xs)+cols[x]]); !math.IsInf(d, 0) {
						out[y*w+x] = d
					}
				}
			}
		}
		return out, nil
	}
	if rule != "mean" && rule != "sum" && rule != "" {
		return nil, fmt.Errorf("unknown combine rule %q", rule)
	}
	// Each patch adds a constant to a rectangle: four corners of a difference
	// array, then running sums. Counts go the same way.
	sw := w + 1
	sum, count := make([]float64, (h+1)*sw), make([]float64, (h+1)*sw)
	for r, y := range m.Ys {
		for c, x := range m.Xs {
			d := float64(m.Base) - float64(m.Scores[r*len(m.Xs)+c])
			if d != d || math.IsInf(d, 0) {
				continue
			}
			y1, x1 := min(h, y+m.Patch[0]), min(w, x+m.Patch[1])
			for _, k := range []struct {
				at   int
				sign float64
			}{{y*sw + x, 1}, {y*sw + x1, -1}, {y1*sw + x, -1}, {y1*sw + x1, 1}} {
				sum[k.at] += k.sign * d
				count[k.at] += k.sign
			}
		}
	}
	for y := range h {
		for x := range w {
			at := y*sw + x
			for _, a := range [][]float64{sum, count} {
				if x > 0 {
					a[at] += a[at-1]
				}
				if y > 0 {
					a[at] += a[at-sw]
				}
				if x > 0 && y > 0 {
					a[at] -= a[at-sw-1]
				}
			}
			n := math.Round(count[at])
			switch {
			case n < 1:
				out[y*w+x] = math.NaN()
			case rule == "sum":
				out[y*w+x] = sum[at]
			default:
				out[y*w+x] = sum[at] / n
			}
		}
	}
	return out, nil
}

// sharedScale is the range that covers all maps: from zero to the largest drop,
// or, where a rise somewhere is more than a tenth of it, symmetric around zero.
func sharedScale(maps []*Map, combine string) (Scale, error) {
	lo, hi := 0.0, 0.0
	for _, m := range maps {
		drops, err := m.Importance(combine)
		if err != nil {
			return Scale{}, err
		}
		a, b := span(drops)
		lo, hi = min(lo, a), max(hi, b)
	}
	if rises(lo, hi) {
		hi = max(hi, -lo)
		return Scale{Lo: -hi, Hi: hi}, nil
	}
	return Scale{Lo: 0, Hi: hi}, nil
}

// nearest gives for each pixel the cell whose centre is nearest among those
// that cover it, -1 for none.
func nearest(at []int, size, n int) []int {
	cells := make([]int, n)
	for p := range cells {
		cells[p] = -1
		best := math.Inf(1)
		for i, a := range at {
			if d := math.Abs(float64(2*a+size) - float64(2*p+1)); p >= a && p < a+size && d < best {
				cells[p], best = i, d
			}
		}
	}
	return cells
}
