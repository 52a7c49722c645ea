package obe

import (
	"math"
	"sync"

	"krypton/internal/engine"
	"krypton/internal/region"
)

// changes are the positions of a grid as changes of the input.
type changes struct {
	grid       *Grid
	plane      engine.Plane
	base, fill []float32
	paint      func(r region.Rect, dst []float32) // in fill's place, nil for none
	whole      bool
	rounded    []bool    // of each channel, nil for none
	same       []bool    // the patch equals the image there
	masked     []bool    // the mask excludes the position
	weights    sync.Pool // of *[]float32, a row's
	painted    sync.Pool // of *[]float32, a patch's
}

// free says that position i needs no run of the network: the mask excludes it, or nothing
// changes there.
func (c *changes) free(i int) bool { return c.masked[i] || c.same[i] }

func newChanges(t *Task, whole bool) *changes {
	n := t.Grid.Len()
	c := &changes{grid: t.Grid, plane: t.Plan.InputPlane(), base: t.Base, fill: t.Fill, paint: t.Paint, whole: whole, rounded: t.Whole, same: make([]bool, n), masked: make([]bool, n)}
	c.weights.New = func() any { row := make([]float32, c.plane.W); return &row }
	c.painted.New = func() any { return new([]float32) }
	if t.Mask != nil {
		touched := c.touches(func(at int) bool { return t.Mask[at] })
		for i := range n {
			c.masked[i] = !touched(i)
		}
	}
	if !whole && c.paint != nil {
		for i := range n {
			c.same[i] = !c.masked[i] && c.unchanged(i)
		}
	} else if !whole {
		changed := c.touches(func(at int) bool {
			for k := at * c.plane.C; k < (at+1)*c.plane.C; k++ {
				if math.Float32bits(c.base[k]) != math.Float32bits(c.fill[k]) {
					return true
				}
			}
			return false
		})
		for i := range n {
			c.same[i] = !changed(i)
		}
	}
	return c
}

// shows is what the patch over a rectangle shows there, row by row: not to be kept behind
// done.
func (c *changes) shows(r region.Rect) (patch []float32, done func()) {
	held := c.painted.Get().(*[]float32)
	if n := r.Y.Len() * r.X.Len() * c.plane.C; cap(*held) < n {
		*held = make([]float32, n)
	} else {
		*held = (*held)[:n]
	}
	c.paint(r, *held)
	return *held, func() { c.painted.Put(held) }
}

// unchanged says whether a painted patch shows what is there anyway.
func (c *changes) unchanged(i int) bool {
	r := c.grid.Rect(i)
	patch, done := c.shows(r)
	defer done()
	n := r.X.Len() * c.plane.C
	for y := range r.Y.Len() {
		from := ((r.Y.Lo+y)*c.plane.W + r.X.Lo) * c.plane.C
		for k, v := range patch[y*n:][:n] {
			if math.Float32bits(v) != math.Float32bits(c.base[from+k]) {
				return false
			}
		}
	}
	return true
}

// touches gives a function that says whether the patch at a position covers a pixel that
// has a property.
func (c *changes) touches(has func(at int) bool) func(i int) bool {
	within := count(c.plane, has)
	if c.grid.Covers == nil {
		return func(i int) bool { return within(c.grid.Rect(i)) > 0 }
	}
	return func(i int) bool {
		r := c.grid.Rect(i)
		if within(r) == 0 {
			return false
		}
		row := c.weights.Get().(*[]float32)
		defer c.weights.Put(row)
		for y := r.Y.Lo; y < r.Y.Hi; y++ {
			for x, m := range c.row(i, y, r.X, *row) {
				if m > 0 && has(y*c.plane.W+r.X.Lo+x) {
					return true
				}
			}
		}
		return false
	}
}

// row is how much the patch at a position covers of a row's pixels, in dst.
func (c *changes) row(i, y int, cols region.Span, dst []float32) []float32 {
	py, px := c.grid.at(i)
	dst = dst[:cols.Len()]
	c.grid.Covers.Row(py, px, y, cols, dst)
	return dst
}

// count gives a function that says in constant time how many pixels of a
// rectangle have a property, by a table of sums.
func count(p engine.Plane, has func(at int) bool) func(region.Rect) int32 {
	w := p.W + 1
	sum := make([]int32, w*(p.H+1))
	for y := range p.H {
		for x := range p.W {
			d := int32(0)
			if has(y*p.W + x) {
				d = 1
			}
			sum[(y+1)*w+x+1] = d + sum[y*w+x+1] + sum[(y+1)*w+x] - sum[y*w+x]
		}
	}
	return func(r region.Rect) int32 {
		return sum[r.Y.Hi*w+r.X.Hi] - sum[r.Y.Lo*w+r.X.Hi] - sum[r.Y.Hi*w+r.X.Lo] + sum[r.Y.Lo*w+r.X.Lo]
	}
}

// Len implements incremental.Changes.
func (c *changes) Len() int { return c.grid.Len() }

// Rect implements incremental.Changes.
func (c *changes) Rect(i int) region.Rect {
	switch {
	case c.masked[i]:
		return region.Rect{}
	case c.whole:
		return c.plane.Rect()
	case c.same[i]:
		return region.Rect{}
	}
	return c.grid.Rect(i)
}

// Fill implements incremental.Filled.
func (c *changes) Fill() []float32 {
	if c.whole || c.paint != nil || c.grid.Covers != nil {
		return nil
	}
	return c.fill
}

// Write implements incremental.Changes.
func (c *changes) Write(i int, dst []float32) {
	r, patch := c.Rect(i), c.grid.Rect(i)
	if c.whole {
		copy(dst, c.base)
	}
	n := patch.X.Len() * c.plane.C
	shown, at := c.fill, func(y int) int { return (y*c.plane.W + patch.X.Lo) * c.plane.C }
	if c.paint != nil {
		painted, done := c.shows(patch)
		defer done()
		shown, at = painted, func(y int) int { return (y - patch.Y.Lo) * n }
	}
	var weights *[]float32
	if c.grid.Covers != nil {
		weights = c.weights.Get().(*[]float32)
		defer c.weights.Put(weights)
	}
	for y := patch.Y.Lo; y < patch.Y.Hi; y++ {
		to := ((y-r.Y.Lo)*r.X.Len() + patch.X.Lo - r.X.Lo) * c.plane.C
		from := (y*c.plane.W + patch.X.Lo) * c.plane.C
		if weights == nil {
			copy(dst[to:to+n], shown[at(y):])
			continue
		}
		for x, m := range c.row(i, y, patch.X, *weights) {
			for k := x * c.plane.C; k < (x+1)*c.plane.C; k++ {
				dst[to+k] = c.blend(c.base[from+k], shown[at(y)+k], m, k%c.plane.C)
			}
		}
	}
}

// blend is a number of a channel of the input under a patch that covers the share m of its pixel:
// base*(1-m) + fill*m. Where nothing is covered, or there is nothing to tell base and fill
// apart, that is the base bit for bit, and the fill where all is.
func (c *changes) blend(base, fill, m float32, channel int) float32 {
	switch {
	case m <= 0 || math.Float32bits(base) == math.Float32bits(fill):
		return base
	case m >= 1:
		return fill
	}
	v := float32(base*(1-m)) + float32(fill*m)
	if c.rounded != nil && c.rounded[channel] {
		v = float32(math.Round(float64(v)))
	}
	return v
}

// picked are some of the changes.
type picked struct {
	*changes
	pick []int
}

func (p *picked) Len() int                   { return len(p.pick) }
func (p *picked) Rect(i int) region.Rect     { return p.changes.Rect(p.pick[i]) }
func (p *picked) Write(i int, dst []float32) { p.changes.Write(p.pick[i], dst) }
