package obe

import (
	"math"
	"slices"
	"sort"
)

// checkerboard computes the black squares of the grid, interpolates the white
// ones, and computes those of them whose neighbours differ most. With patches
// larger than the stride neighbouring positions have most of their pixels in
// common: half of them say nearly all, and at the same number of positions the
// board (the quincunx lattice of multiresolution analysis) leaves smaller gaps
// than rows and columns do.
func (a Approximation) checkerboard(g *Grid, r *Result, free func(i int) bool, take func(pick []int) error) error {
	w, n := len(g.Xs), g.Len()
	var black, white []int
	for i := range n {
		if (i/w+i%w)%2 == 0 || free(i) {
			black = append(black, i)
		} else {
			white = append(white, i)
		}
	}
	if err := take(black); err != nil {
		return err
	}
	differ := make([]float64, n)
	for _, i := range white {
		near := neighbours(g, i)
		for k := range r.Scores {
			r.Scores[k][i] = cross(g, r.Scores[k], i)
			lo, hi := math.Inf(1), math.Inf(-1)
			for _, j := range near {
				v := float64(r.Scores[k][j])
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
			d := hi - lo
			if d != d {
				d = math.Inf(1)
			}
			differ[i] = math.Max(differ[i], d)
		}
		if r.Winners != nil {
			r.Winners[i] = r.Winners[near[0]]
		}
	}
	sort.SliceStable(white, func(i, j int) bool { return differ[white[i]] > differ[white[j]] })
	white = white[:min(len(white), int(math.Round(a.DrillDown*float64(n))))]
	slices.Sort(white)
	return take(white)
}

// neighbours are the positions beside one, at least one of a grid of several.
func neighbours(g *Grid, i int) []int {
	w, h := len(g.Xs), len(g.Ys)
	y, x := i/w, i%w
	var near []int
	for _, d := range [][2]int{{0, -1}, {0, 1}, {-1, 0}, {1, 0}} {
		if p, q := y+d[0], x+d[1]; p >= 0 && p < h && q >= 0 && q < w {
			near = append(near, p*w+q)
		}
	}
	return near
}

// cross interpolates a white square from the black ones of its row and of its
// column: by the cubic through the nearest four of each, or the polynomial
// through as many as there are, and takes the mean of both.
func cross(g *Grid, scores []float32, i int) float32 {
	w, h := len(g.Xs), len(g.Ys)
	y, x := i/w, i%w
	sum, n := 0.0, 0.0
	for _, axis := range []struct {
		at, length, first, step int
		where                   []int
	}{{x, w, y * w, 1, g.Xs}, {y, h, x, w, g.Ys}} {
		var xs, ys []float64
		for _, d := range []int{-3, -1, 1, 3} {
			if k := axis.at + d; k >= 0 && k < axis.length {
				xs, ys = append(xs, float64(axis.where[k])), append(ys, float64(scores[axis.first+k*axis.step]))
			}
		}
		if !slices.ContainsFunc(xs, func(v float64) bool { return v < float64(axis.where[axis.at]) }) ||
			!slices.ContainsFunc(xs, func(v float64) bool { return v > float64(axis.where[axis.at]) }) {
			// At the border nothing lies beyond: the nearest is safer
			// than a polynomial outside its points, and counts only
			// where the other axis has nothing better.
			continue
		}
		sum, n = sum+lagrange(xs, ys, float64(axis.where[axis.at])), n+1
	}
	if n == 0 {
		return scores[neighbours(g, i)[0]]
	}
	return float32(sum / n)
}

// lagrange is the value at x of the polynomial through the points.
func lagrange(xs, ys []float64, x float64) float64 {
	v := 0.0
	for i := range xs {
		p := ys[i]
		for j := range xs {
			if j != i {
				p *= (x - xs[j]) / (xs[i] - xs[j])
			}
		}
		v += p
	}
	return v
}
