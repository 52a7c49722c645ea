package detect

import (
	"math"
	"slices"
)

// point is a place on the network's plane.
type point struct{ x, y float64 }

// quad is a rectangle that is turned: its corners, one after the other.
type quad [4]point

// turned is the rectangle around a centre, turned by an angle in radians.
func turned(x, y, w, h, angle float32) quad {
	sin, cos := math.Sincos(float64(angle))
	var q quad
	for i, c := range [4]point{{-1, -1}, {1, -1}, {1, 1}, {-1, 1}} {
		u, v := c.x*float64(w)/2, c.y*float64(h)/2
		q[i] = point{float64(x) + float64(u*cos) - float64(v*sin), float64(y) + float64(u*sin) + float64(v*cos)}
	}
	return q
}

// hull is the smallest upright box around a quad.
func (q quad) hull() (x0, y0, x1, y1 float32) {
	low, high := q[0], q[0]
	for _, p := range q {
		low = point{min(low.x, p.x), min(low.y, p.y)}
		high = point{max(high.x, p.x), max(high.y, p.y)}
	}
	return float32(low.x), float32(low.y), float32(high.x), float32(high.y)
}

// area is that of a polygon, by its corners.
func area(polygon []point) float64 {
	sum := 0.0
	for i, p := range polygon {
		n := polygon[(i+1)%len(polygon)]
		sum += float64(p.x*n.y) - float64(n.x*p.y)
	}
	return math.Abs(sum) / 2
}

// overlap is the intersection of two quads over their union: one is cut by the sides of
// the other (Sutherland and Hodgman 1974), each of which adds one corner at most.
func (q quad) overlap(o quad) float32 {
	var memory [2][8]point
	rest := append(memory[1][:0], q[:]...)
	for i, a := range o {
		b := o[(i+1)%4]
		// Corners go round so that the inside of a side has one sign.
		side := func(p point) float64 { return float64((b.x-a.x)*(p.y-a.y)) - float64((b.y-a.y)*(p.x-a.x)) }
		cut := memory[i%2][:0]
		for k, p := range rest {
			n := rest[(k+1)%len(rest)]
			sp, sn := side(p), side(n)
			if sp >= 0 {
				cut = append(cut, p)
			}
			if sp*sn < 0 {
				t := sp / (sp - sn)
				cut = append(cut, point{p.x + float64(t*(n.x-p.x)), p.y + float64(t*(n.y-p.y))})
			}
		}
		if rest = cut; len(rest) == 0 {
			return 0
		}
	}
	both := area(rest)
	union := area(q[:]) + area(o[:]) - both
	if !(union > 0) {
		return 0
	}
	return float32(both / union)
}

// thinTurned is NMS for boxes that lie as quads say.
func thinTurned(boxes []Box, quads []quad, iou float32) []Box {
	order := make([]int, len(boxes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return byScore(boxes[i], boxes[j]) })
	var kept []Box
	var lie []quad
	for _, i := range order {
		b, q := boxes[i], quads[i]
		gone := false
		for k := 0; k < len(kept) && !gone; k++ {
			gone = kept[k].Class == b.Class && IoU(kept[k], b) > 0 && lie[k].overlap(q) > iou
		}
		if !gone {
			kept, lie = append(kept, b), append(lie, q)
		}
	}
	return kept
}
