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
	// Stamp says how much of each pixel the patch covers; nil is all of its rectangle.
	Stamp *Stamp
}

// Stamp is what a patch covers around each of its places: At is where the first row and
// column lie, counted from the place's, and Weights say how much of each pixel is covered,
// row by row, 0 to 255.
type Stamp struct {
	At      [2]int
	H, W    int
	Weights []uint8
}

// Turned is the map of the plane whose rows are the columns of this one's.
func (m *Map) Turned() *Map {
	t := &Map{Ys: m.Xs, Xs: m.Ys, Patch: [2]int{m.Patch[1], m.Patch[0]}, Input: [2]int{m.Input[1], m.Input[0]}, Base: m.Base, Label: m.Label, Scores: make([]float32, len(m.Scores))}
	turn := func(to, from []uint8, h, w int) {
		for i, v := range from {
			to[i%w*h+i/w] = v
		}
	}
	for i, v := range m.Scores {
		t.Scores[i%len(m.Xs)*len(m.Ys)+i/len(m.Xs)] = v
	}
	if s := m.Stamp; s != nil {
		t.Stamp = &Stamp{At: [2]int{s.At[1], s.At[0]}, H: s.W, W: s.H, Weights: make([]uint8, len(s.Weights))}
		turn(t.Stamp.Weights, s.Weights, s.H, s.W)
	}
	return t
}

// Combines lists the rules for pixels that several patches cover: mean of their
// drops, sum, or the drop of the cell whose centre is nearest.
var Combines = []string{"mean", "sum", "cell"}

// Importance is Base minus score, spread over the network's pixels row by row:
// positive where hiding lowers the score. Pixels that no patch covers, or whose
// scores are not numbers, are NaN. A pixel that is covered in part counts in
// part: the mean is weighted.
func (m *Map) Importance(rule string) ([]float64, error) {
	h, w := m.Input[0], m.Input[1]
	if m.Stamp != nil {
		return m.stamped(rule)
	}
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
				sum[k.at] += float64(k.sign * d)
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

// stamped is Importance of patches with a stamp.
func (m *Map) stamped(rule string) ([]float64, error) {
	add, of := weigh, func(sum, weight float64) float64 { return sum / weight }
	switch rule {
	case "mean", "":
	case "sum":
		of = func(sum, _ float64) float64 { return sum / 255 }
	case "cell":
		add, of = m.nearer, func(d, _ float64) float64 { return d }
	default:
		return nil, fmt.Errorf("unknown combine rule %q", rule)
	}
	h, w, s := m.Input[0], m.Input[1], m.Stamp
	out, weights := make([]float64, h*w), make([]float64, h*w)
	for i, score := range m.Scores {
		place := [2]int{m.Ys[i/len(m.Xs)], m.Xs[i%len(m.Xs)]}
		d := float64(m.Base) - float64(score)
		if d != d || math.IsInf(d, 0) {
			continue
		}
		for y := max(0, place[0]+s.At[0]); y < min(h, place[0]+s.At[0]+s.H); y++ {
			for x := max(0, place[1]+s.At[1]); x < min(w, place[1]+s.At[1]+s.W); x++ {
				if v := s.Weights[(y-place[0]-s.At[0])*s.W+x-place[1]-s.At[1]]; v > 0 {
					add(place, [2]int{y, x}, v, d, &out[y*w+x], &weights[y*w+x])
				}
			}
		}
	}
	for i, v := range weights {
		if v == 0 {
			out[i] = math.NaN()
		} else {
			out[i] = of(out[i], v)
		}
	}
	return out, nil
}

// weigh adds the drop d of a patch that covers a pixel by v to the pixel's sums.
func weigh(_, _ [2]int, v uint8, d float64, sum, weight *float64) {
	*sum += float64(float64(v) * d)
	*weight += float64(v)
}

// nearer takes the drop d of a patch at a place for a pixel's if its middle is nearer than
// that of the one before. weight is one over one plus the square of the distance.
func (m *Map) nearer(place, pixel [2]int, _ uint8, d float64, drop, weight *float64) {
	dy := float64(2*(place[0]-pixel[0])+m.Patch[0]-1) / 2
	dx := float64(2*(place[1]-pixel[1])+m.Patch[1]-1) / 2
	if near := 1 / (1 + dy*dy + dx*dx); near > *weight {
		*drop, *weight = d, near
	}
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
