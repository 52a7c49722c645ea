package incremental

import (
	"math"

	"krypton/internal/engine"
	"krypton/internal/op"
	"krypton/internal/region"
)

// Policy is an approximation: a function from regions to regions, put between
// steps. What it cuts off keeps the view's values.
type Policy interface {
	// Crop gets the plane and the exact region of a windowed step's output,
	// and the image of the change's centre in that plane (y, x; pixel
	// centres are at .5), and returns a subset of the region.
	Crop(plane engine.Plane, r region.Rect, centre Point) region.Rect
}

// Point is a place on a plane: row y, column x.
type Point struct{ Y, X float64 }

// centre is the middle of a region.
func centre(r region.Rect) Point {
	return Point{float64(r.Y.Lo+r.Y.Hi) / 2, float64(r.X.Lo+r.X.Hi) / 2}
}

// Tau is projective field thresholding: along each axis a region of more than
// round(tau*n) of the plane's n rows or columns (one at least) is cut down to
// that many, around the image of the change's centre, moved to lie inside the
// region. tau = 1 is exact. (Nakandala et al., SIGMOD 2019, section 4.1, with
// the exact region of each position in the place of one size for all.)
type Tau float64

// Crop implements Policy.
func (t Tau) Crop(plane engine.Plane, r region.Rect, c Point) region.Rect {
	return region.Rect{Y: t.cut(r.Y, plane.H, c.Y), X: t.cut(r.X, plane.W, c.X)}
}

func (t Tau) cut(s region.Span, n int, centre float64) region.Span {
	most := max(1, int(math.Round(float64(t)*float64(n))))
	if s.Len() <= most {
		return s
	}
	lo := int(math.Round(centre - float64(most)/2))
	lo = min(max(lo, s.Lo), s.Hi-most)
	return region.Span{Lo: lo, Hi: lo + most}
}

// image is where a point of a step's input lies in its output.
func (s *step) image(p Point, out engine.Plane) Point {
	switch s.kind {
	case op.Windowed:
		return Point{windowImage(s.windows[0], p.Y), windowImage(s.windows[1], p.X)}
	case op.Rearranging:
		return mappedImage(s.moves, p, out)
	}
	return p
}

// windowImage is the output coordinate whose window is centred at x.
func windowImage(w region.Window, x float64) float64 {
	return (x+float64(w.Pad)-float64(w.Extent())/2)/float64(w.Stride) + .5
}

// mappedImage is the middle of what the pixel at a point reaches. Along an axis where that
// is nothing the point stays where it is.
func mappedImage(m region.Mapping, p Point, out engine.Plane) Point {
	y, x := int(math.Floor(p.Y)), int(math.Floor(p.X))
	r := m.Reach(region.Rect{Y: region.Span{Lo: y, Hi: y + 1}, X: region.Span{Lo: x, Hi: x + 1}})
	return Point{middle(r.Y, p.Y, out.H), middle(r.X, p.X, out.W)}
}

func middle(s region.Span, x float64, n int) float64 {
	if s.Empty() {
		return min(max(x, 0), float64(n))
	}
	return float64(s.Lo+s.Hi) / 2
}

// meanSquares are the mean squares of the views' pixels (summed over channels),
// the scale that a change threshold is relative to.
func (p *Plan) meanSquares(v *Views) []float64 {
	e := make([]float64, len(p.values))
	for i := range p.values {
		e[i] = p.meanSquare(v, i)
	}
	return e
}

// meanSquare is that of one value, 0 for a single pixel or what has no view.
func (p *Plan) meanSquare(v *Views, i int) float64 {
	pl := p.values[i].plane
	data, pitch := v.result(p, i)
	if data == nil || pl.H*pl.W < 2 {
		return 0
	}
	sum, zero := 0.0, make([]float32, pl.C)
	for at := 0; at < len(data); at += pitch {
		sum += float64(p.kernels.Distance(data[at:][:pl.C], zero))
	}
	return sum / float64(pl.H*pl.W)
}

// trim cuts the border rows and columns off change k's region of value v where
// no pixel moved by more than epsilon times the root mean square of the value's
// pixels, and moves what is left together.
func (w *worker) trim(v, k int) {
	r := w.rects[k][v]
	pl := w.plan.values[v].plane
	if r.Empty() || pl.H*pl.W < 2 {
		return
	}
	limit := float32(w.epsilon * w.epsilon * w.meanSquare[v])
	c := pl.C
	update, view := w.update(v, k), w.views.data[v]
	width := r.X.Len()
	// moved says whether any of n pixels from (y, x) on moved, which lie a row or
	// a column apart: first some channels of the one in the middle, which mostly tell, then a
	// few around it, which nearly always do.
	const some, few, most = 64, 4, 64
	moved := func(y, x, n, fromStep, toStep int) bool {
		from, to := update[((y-r.Y.Lo)*width+x-r.X.Lo)*c:], view[(y*pl.W+x)*c:]
		any := func(at, n, channels int) bool {
			return w.scratch.Kernels.ExceedsDistance(from[at*fromStep:], to[at*toStep:], n, fromStep, toStep, channels, limit) != 0
		}
		if any(n/2, 1, min(c, some)) || n > 2*few && any((n-few)/2, few, c) {
			return true
		}
		for at := 0; at < n; at += most {
			if any(at, min(most, n-at), c) {
				return true
			}
		}
		return false
	}
	n := r
	rowMoved := func(y int) bool { return moved(y, n.X.Lo, n.X.Len(), c, c) }
	for ; n.Y.Lo < n.Y.Hi && !rowMoved(n.Y.Lo); n.Y.Lo++ {
	}
	for ; n.Y.Lo < n.Y.Hi && !rowMoved(n.Y.Hi-1); n.Y.Hi-- {
	}
	if n.Empty() {
		w.rects[k][v] = region.Rect{}
		return
	}
	columnMoved := func(x int) bool { return moved(n.Y.Lo, x, n.Y.Len(), width*c, pl.W*c) }
	for ; n.X.Lo < n.X.Hi && !columnMoved(n.X.Lo); n.X.Lo++ {
	}
	for ; n.X.Lo < n.X.Hi && !columnMoved(n.X.Hi-1); n.X.Hi-- {
	}
	if n == r {
		return
	}
	row := n.X.Len() * c
	for y := n.Y.Lo; y < n.Y.Hi; y++ {
		from := ((y-r.Y.Lo)*r.X.Len() + n.X.Lo - r.X.Lo) * c
		copy(update[(y-n.Y.Lo)*row:][:row], update[from:from+row])
	}
	w.rects[k][v] = n
}
