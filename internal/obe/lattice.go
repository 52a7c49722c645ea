package obe

import "math"

// lattice orders the positions of a grid from coarse to fine: those of every step-th row
// and column first, then, with half the step each time, the middles of their squares and
// the middles of the squares' edges. Each position after the first ones lies between
// others of before, along two axes.
type lattice struct {
	rows, cols int
	first      []int   // every step-th row and column
	nodes      []inner // the others, in order
}

// inner is a position between others: along the diagonals, or along row and column, which
// lie h and 3h away.
type inner struct {
	at, h    int
	diagonal bool
}

// newLattice orders a grid; step is a power of two.
func newLattice(rows, cols, step int) *lattice {
	l := &lattice{rows: rows, cols: cols}
	each := func(y0, x0, s int, visit func(i int)) {
		for y := y0; y < rows; y += s {
			for x := x0; x < cols; x += s {
				visit(y*cols + x)
			}
		}
	}
	each(0, 0, step, func(i int) { l.first = append(l.first, i) })
	for h := step / 2; h > 0; h /= 2 {
		each(h, h, 2*h, func(i int) { l.nodes = append(l.nodes, inner{i, h, true}) })
		for y := 0; y < rows; y += h {
			x0 := h
			if y%(2*h) != 0 {
				x0 = 0
			}
			for x := x0; x < cols; x += 2 * h {
				l.nodes = append(l.nodes, inner{y*cols + x, h, false})
			}
		}
	}
	return l
}

// around calls visit with the positions d times h away from a node along each axis, where
// there are any.
func (l *lattice) around(n inner, d int, visit func(axis, j int)) {
	y, x := n.at/l.cols, n.at%l.cols
	axes := [2][2]int{{0, 1}, {1, 0}}
	if n.diagonal {
		axes = [2][2]int{{1, 1}, {1, -1}}
	}
	for a, v := range axes {
		p, q := y+d*n.h*v[0], x+d*n.h*v[1]
		if p >= 0 && p < l.rows && q >= 0 && q < l.cols {
			visit(a, p*l.cols+q)
		}
	}
}

// between interpolates a node: the mean of the cubics along both axes through the nearest
// four of each, or the polynomials through as many as there are; at a border, where
// nothing lies beyond, the mean of what is next to it.
func (l *lattice) between(scores []float32, n inner) float32 {
	var xs, ys [2][]float64
	for _, d := range [4]int{-3, -1, 1, 3} {
		l.around(n, d, func(a, j int) {
			xs[a], ys[a] = append(xs[a], float64(d)), append(ys[a], float64(scores[j]))
		})
	}
	sum, count, near, most := 0.0, 0.0, 0.0, 0.0
	for a := range xs {
		sides := 0
		for i, x := range xs[a] {
			if math.Abs(x) == 1 {
				sides, near, most = sides+1, near+ys[a][i], most+1
			}
		}
		if sides == 2 {
			sum, count = sum+lagrange(xs[a], ys[a], 0), count+1
		}
	}
	if count == 0 {
		return float32(near / most)
	}
	return float32(sum / count)
}

// parents are the positions next to a node, at least one.
func (l *lattice) parents(n inner) []int {
	var all []int
	for _, d := range [2]int{-1, 1} {
		l.around(n, d, func(_, j int) { all = append(all, j) })
	}
	return all
}
