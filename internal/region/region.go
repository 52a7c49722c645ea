// Package region is the algebra of changed regions: which outputs a change of
// the input can reach, and which inputs an output reads. It knows intervals and
// rectangles on a spatial plane and no tensors.
package region

import "fmt"

// Span is a half-open interval [Lo, Hi) along one axis. It is empty when
// Hi <= Lo; the canonical empty span is the zero value.
type Span struct{ Lo, Hi int }

// Len is the number of positions in the span, never negative.
func (s Span) Len() int { return max(0, s.Hi-s.Lo) }

// Empty says whether the span holds nothing.
func (s Span) Empty() bool { return s.Hi <= s.Lo }

// Union is the smallest span that holds both.
func (s Span) Union(t Span) Span {
	switch {
	case s.Empty():
		return t.canonical()
	case t.Empty():
		return s
	}
	return Span{min(s.Lo, t.Lo), max(s.Hi, t.Hi)}
}

// Intersect is the span of the positions in both.
func (s Span) Intersect(t Span) Span {
	return Span{max(s.Lo, t.Lo), min(s.Hi, t.Hi)}.canonical()
}

func (s Span) canonical() Span {
	if s.Empty() {
		return Span{}
	}
	return s
}

// String gives the span as [lo,hi).
func (s Span) String() string { return fmt.Sprintf("[%d,%d)", s.Lo, s.Hi) }

// Rect is a half-open rectangle on a plane of rows Y and columns X. It is
// empty when either span is.
type Rect struct{ Y, X Span }

// Plane is the rectangle of a whole plane of h rows and w columns.
func Plane(h, w int) Rect { return Rect{Span{0, h}, Span{0, w}} }

// Pixel is the rectangle of row y and column x.
func Pixel(y, x int) Rect { return Rect{Span{y, y + 1}, Span{x, x + 1}} }

// Empty says whether the rectangle holds nothing.
func (r Rect) Empty() bool { return r.Y.Empty() || r.X.Empty() }

// Area is the number of positions in the rectangle.
func (r Rect) Area() int { return r.Y.Len() * r.X.Len() }

// Union is the bounding rectangle of both.
func (r Rect) Union(t Rect) Rect {
	switch {
	case r.Empty():
		return t.canonical()
	case t.Empty():
		return r
	}
	return Rect{r.Y.Union(t.Y), r.X.Union(t.X)}
}

// Intersect is the rectangle of the positions in both.
func (r Rect) Intersect(t Rect) Rect {
	return Rect{r.Y.Intersect(t.Y), r.X.Intersect(t.X)}.canonical()
}

// Contains says whether every position of t lies in r. An empty t lies in any.
func (r Rect) Contains(t Rect) bool {
	return t.Empty() || (r.Y.Lo <= t.Y.Lo && t.Y.Hi <= r.Y.Hi && r.X.Lo <= t.X.Lo && t.X.Hi <= r.X.Hi)
}

func (r Rect) canonical() Rect {
	if r.Empty() {
		return Rect{}
	}
	return r
}

// String gives the rectangle as [y0,y1)x[x0,x1).
func (r Rect) String() string { return r.Y.String() + "x" + r.X.String() }
