package obe

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

// along are the steps of a node's two axes, rows and columns.
func (n inner) along() [2][2]int {
	if n.diagonal {
		return [2][2]int{{n.h, n.h}, {n.h, -n.h}}
	}
	return [2][2]int{{0, n.h}, {n.h, 0}}
}

// beside is the position d steps from a node along an axis, and whether there is one.
func (l *lattice) beside(n inner, d int, step [2]int) (j int, ok bool) {
	p, q := n.at/l.cols+d*step[0], n.at%l.cols+d*step[1]
	return p*l.cols + q, p >= 0 && p < l.rows && q >= 0 && q < l.cols
}

// between interpolates a node: the mean of the cubics along both axes through the nearest
// four of each, or the polynomials through as many as there are; at a border, where
// nothing lies beyond, the mean of what is next to it.
func (l *lattice) between(scores []float32, n inner) float32 {
	sum, count, near, most := 0.0, 0.0, 0.0, 0.0
	for _, step := range n.along() {
		var xs, ys [4]float64
		k, sides := 0, 0
		for _, d := range [4]int{-3, -1, 1, 3} {
			j, ok := l.beside(n, d, step)
			if !ok {
				continue
			}
			xs[k], ys[k] = float64(d), float64(scores[j])
			if d == -1 || d == 1 {
				sides, near, most = sides+1, near+ys[k], most+1
			}
			k++
		}
		if sides == 2 {
			sum, count = sum+lagrange(xs[:k], ys[:k], 0), count+1
		}
	}
	if count == 0 {
		return float32(near / most)
	}
	return float32(sum / count)
}

// parents are the positions next to a node, at least one.
func (l *lattice) parents(n inner) []int {
	all := make([]int, 0, 4)
	for _, d := range [2]int{-1, 1} {
		for _, step := range n.along() {
			if j, ok := l.beside(n, d, step); ok {
				all = append(all, j)
			}
		}
	}
	return all
}
