package obe

import (
	"math"

	"krypton/internal/engine"
	"krypton/internal/region"
)

// changes are the positions of a grid as changes of the input.
type changes struct {
	grid       *Grid
	plane      engine.Plane
	base, fill []float32
	whole      bool
	same       []bool // the patch equals the image there
	masked     []bool // the mask excludes the position
}

func newChanges(t *Task, whole bool) *changes {
	n := t.Grid.Len()
	c := &changes{grid: t.Grid, plane: t.Plan.InputPlane(), base: t.Base, fill: t.Fill, whole: whole, same: make([]bool, n), masked: make([]bool, n)}
	if t.Mask != nil {
		touched := count(c.plane, func(at int) bool { return t.Mask[at] })
		for i := range n {
			c.masked[i] = touched(t.Grid.Rect(i)) == 0
		}
	}
	if !whole {
		changed := count(c.plane, func(at int) bool {
			for k := at * c.plane.C; k < (at+1)*c.plane.C; k++ {
				if math.Float32bits(c.base[k]) != math.Float32bits(c.fill[k]) {
					return true
				}
			}
			return false
		})
		for i := range n {
			c.same[i] = changed(t.Grid.Rect(i)) == 0
		}
	}
	return c
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

// Write implements incremental.Changes.
func (c *changes) Write(i int, dst []float32) {
	r, patch := c.Rect(i), c.grid.Rect(i)
	if c.whole {
		copy(dst, c.base)
	}
	n := patch.X.Len() * c.plane.C
	for y := patch.Y.Lo; y < patch.Y.Hi; y++ {
		to := ((y-r.Y.Lo)*r.X.Len() + patch.X.Lo - r.X.Lo) * c.plane.C
		copy(dst[to:to+n], c.fill[(y*c.plane.W+patch.X.Lo)*c.plane.C:])
	}
}

// picked are some of the changes.
type picked struct {
	*changes
	pick []int
}

func (p *picked) Len() int                   { return len(p.pick) }
func (p *picked) Rect(i int) region.Rect     { return p.changes.Rect(p.pick[i]) }
func (p *picked) Write(i int, dst []float32) { p.changes.Write(p.pick[i], dst) }
