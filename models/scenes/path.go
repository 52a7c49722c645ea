package scenes

import "math"

// point is a position in the plane.
type point struct{ x, y float64 }

// contour is a closed polygon.
type contour []point

// area is the signed area: positive when the points run clockwise on the
// screen (y points down).
func (c contour) area() float64 {
	var a float64
	for i, p := range c {
		q := c[(i+1)%len(c)]
		a += p.x*q.y - q.x*p.y
	}
	return a / 2
}

// oriented is the contour with a positive area, or, for a hole, a negative one.
func (c contour) oriented(hole bool) contour {
	if (c.area() < 0) == hole {
		return c
	}
	out := make(contour, len(c))
	for i, p := range c {
		out[len(c)-1-i] = p
	}
	return out
}

// polygon makes a contour of x, y pairs.
func polygon(xy ...float64) contour {
	c := make(contour, len(xy)/2)
	for i := range c {
		c[i] = point{xy[2*i], xy[2*i+1]}
	}
	return c
}

// ellipse is a polygon close to an ellipse.
func ellipse(x, y, rx, ry float64) contour {
	const n = 40
	c := make(contour, n)
	for i := range c {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / n)
		c[i] = point{x + rx*cos, y + ry*sin}
	}
	return c
}

func circle(x, y, r float64) contour { return ellipse(x, y, r, r) }

func rectangle(x0, y0, x1, y1 float64) contour { return polygon(x0, y0, x1, y0, x1, y1, x0, y1) }

// roundRectangle is a rectangle with corners of radius r.
func roundRectangle(x0, y0, x1, y1, r float64) contour {
	var c contour
	for i, centre := range []point{{x1 - r, y1 - r}, {x0 + r, y1 - r}, {x0 + r, y0 + r}, {x1 - r, y0 + r}} {
		for j := range 6 {
			sin, cos := math.Sincos(math.Pi / 2 * (float64(i) + float64(j)/5))
			c = append(c, point{centre.x + r*cos, centre.y + r*sin})
		}
	}
	return c
}

// segment is a line of the given width with round ends.
func segment(x0, y0, x1, y1, width float64) contour {
	angle := math.Atan2(y1-y0, x1-x0)
	var c contour
	for end, p := range []point{{x1, y1}, {x0, y0}} {
		for j := range 9 {
			sin, cos := math.Sincos(angle + math.Pi*(float64(j)/8-0.5+float64(end)))
			c = append(c, point{p.x + width/2*cos, p.y + width/2*sin})
		}
	}
	return c
}

// affine maps (x, y) to (a*x + b*y + c, d*x + e*y + f).
type affine struct{ a, b, c, d, e, f float64 }

func (m affine) apply(p point) point {
	return point{m.a*p.x + m.b*p.y + m.c, m.d*p.x + m.e*p.y + m.f}
}

func (m affine) contour(c contour) contour {
	out := make(contour, len(c))
	for i, p := range c {
		out[i] = m.apply(p)
	}
	return out
}
