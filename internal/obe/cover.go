package obe

import (
	"errors"
	"image"
	"math"

	"krypton/internal/engine"
	"krypton/internal/failure"
	"krypton/internal/region"
)

// Coverage says how much of each pixel the patches of a grid cover: from 0, where the picture
// is seen, to 1. It is used by several goroutines at once.
type Coverage interface {
	// Rect is a rectangle that holds all that the patch at a row and a column of
	// the grid's offsets covers. It may leave the plane.
	Rect(y, x int) region.Rect
	// Row puts how much of each pixel that patch covers into dst: of the columns cols
	// of a row of the plane, which Rect holds.
	Row(y, x, row int, cols region.Span, dst []float32)
}

// Stamp is a patch that covers the same pixels around each position.
type Stamp struct {
	// At is where the stamp's first row and column lie, counted from the position.
	At [2]int
	// H and W are height and width, Weights how much of each pixel is covered, row by row:
	// 0 to full.
	H, W    int
	Weights []uint8
}

// full is the weight of a pixel that is covered.
const full = 255

// Rect implements Coverage.
func (s *Stamp) Rect(y, x int) region.Rect {
	y, x = y+s.At[0], x+s.At[1]
	return region.Rect{Y: region.Span{Lo: y, Hi: y + s.H}, X: region.Span{Lo: x, Hi: x + s.W}}
}

// Row implements Coverage.
func (s *Stamp) Row(y, x, row int, cols region.Span, dst []float32) {
	from := s.Weights[(row-y-s.At[0])*s.W+cols.Lo-x-s.At[1]:][:cols.Len()]
	for i, v := range from {
		dst[i] = float32(v) / full
	}
}

// ErrStencil says that a stencil covers nothing.
var ErrStencil = errors.New("covers nothing: a patch covers where its grey is above 0")

// stamp draws the patch in a rectangle of a size, blurred along the axes that the plane has.
// stencil is the picture of one, of that size.
func (p Patch) stamp(size, plane [2]int, stencil *image.Gray) (*Stamp, error) {
	h, w := size[0], size[1]
	numbers := make([]float32, h*w)
	for y := range h {
		for x := range w {
			v := float32(full)
			switch p.Shape {
			case Circle:
				if !inEllipse(y, x, size) {
					v = 0
				}
			case Stencil:
				v = float32(stencil.GrayAt(x, y).Y)
			}
			numbers[y*w+x] = v
		}
	}
	all := &Stamp{H: h, W: w}
	if p.Soft > 0 {
		weights := gauss(p.Soft)
		numbers = spread(numbers, w, 1, h, weights)
		all.At[1], all.W = -p.margin(), w+2*p.margin()
		if plane[0] > 1 { // a series has no rows to blur into
			numbers = spread(numbers, h, all.W, 1, weights)
			all.At[0], all.H = -p.margin(), h+2*p.margin()
		}
	}
	all.Weights = make([]uint8, len(numbers))
	for i, v := range numbers {
		all.Weights[i] = uint8(math.Round(float64(v)))
	}
	t, err := all.trimmed()
	if err != nil && p.Shape != Stencil {
		err = failure.Usagef("%s covers nothing: its edges are too soft for its size", p)
	}
	return t, err
}

// spread is smooth of numbers between zeros, as far as there is anything: of len(weights)-1
// more places at either end of the axis. What is computed grows with what there is to be
// blurred, however soft.
func spread(in []float32, n, inner, outer int, weights []float64) []float32 {
	margin, total := len(weights)-1, 0.0
	for i := -margin; i <= margin; i++ {
		total += weights[max(i, -i)]
	}
	wide := n + 2*margin
	out, sums := make([]float32, outer*wide*inner), make([]float64, inner)
	for o := range outer {
		for i := range wide {
			clear(sums)
			for p := max(0, i-2*margin); p <= min(n-1, i); p++ {
				g := weights[max(p+margin-i, i-p-margin)]
				for k, v := range in[(o*n+p)*inner:][:inner] {
					sums[k] += float64(g * float64(v))
				}
			}
			for k, sum := range sums {
				out[(o*wide+i)*inner+k] = float32(sum / total)
			}
		}
	}
	return out
}

// inEllipse says whether the middle of a pixel lies in the ellipse of a rectangle.
func inEllipse(y, x int, size [2]int) bool {
	h, w := int64(size[0]), int64(size[1])
	dy, dx := int64(2*y+1)-h, int64(2*x+1)-w
	return dy*dy*w*w+dx*dx*h*h <= h*h*w*w
}

// trimmed is the part of the stamp that covers something.
func (s *Stamp) trimmed() (*Stamp, error) {
	used := region.NewMask(s.H, s.W)
	for i, v := range s.Weights {
		if y, x := i/s.W, i%s.W; v > 0 {
			used.Add(region.Rect{Y: region.Span{Lo: y, Hi: y + 1}, X: region.Span{Lo: x, Hi: x + 1}})
		}
	}
	b := used.Bounds()
	if b.Empty() {
		return nil, ErrStencil
	}
	t := &Stamp{At: [2]int{s.At[0] + b.Y.Lo, s.At[1] + b.X.Lo}, H: b.Y.Len(), W: b.X.Len()}
	for y := b.Y.Lo; y < b.Y.Hi; y++ {
		t.Weights = append(t.Weights, s.Weights[y*s.W+b.X.Lo:y*s.W+b.X.Hi]...)
	}
	return t, nil
}

// Grid lays the patch over a part of a network's input, as GridOn does. stencil gives the
// picture of a stencil in a height and width; random masks are those of seed; superpixels
// are squares, as long as their picture is not known.
func (p Patch) Grid(plane engine.Plane, stride Size, border Border, roi Region, seed uint64, stencil func(h, w int) (*image.Gray, error)) (*Grid, error) {
	switch p.Shape {
	case Superpixels:
		return p.squares(plane, roi)
	case Random:
		return p.masks(plane, roi, seed)
	}
	g, err := GridOn(plane, p.Size, stride, border, roi)
	if err != nil || p.Plain() {
		return g, err
	}
	var picture *image.Gray
	if p.Shape == Stencil {
		if picture, err = stencil(g.Patch[0], g.Patch[1]); err != nil {
			return nil, err
		}
	}
	if g.Covers, err = p.stamp(g.Patch, g.Plane, picture); err != nil {
		return nil, failure.As(failure.Data, err)
	}
	return g, nil
}

// outline lays the patch over all of a plane: with the rectangles that it changes, or more.
func (p Patch) outline(plane engine.Plane, stride Size) (*Grid, error) {
	if p.Listed() {
		return p.Grid(plane, stride, Cover, Region{}, 1, nil)
	}
	g, err := GridOn(plane, p.Size, stride, Cover, Region{})
	if err == nil && p.Soft > 0 {
		m := p.margin()
		g.Covers = &Stamp{At: [2]int{-m, -m}, H: g.Patch[0] + 2*m, W: g.Patch[1] + 2*m}
	}
	return g, err
}
