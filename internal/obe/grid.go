// Package obe explains a prediction by occlusion: it slides a patch over an
// image, asks an incremental plan what the network answers at each position,
// and gives the scores as a grid. It knows images and patches, and nothing of
// operators.
package obe

import (
	"errors"
	"fmt"
	"slices"

	"krypton/internal/failure"
	"krypton/internal/incremental"
	"krypton/internal/region"
)

// ErrGrid says that patch, stride and image do not fit together: a usage error.
var ErrGrid = errors.New("patch and stride do not fit the image")

// ErrRegion says that a region leaves the image. Such an error names the setting itself.
var ErrRegion = fmt.Errorf("%w: region", ErrGrid)

// inside fails unless a part of a plane of h by w pixels lies in it.
func inside(part region.Rect, h, w int) error {
	if region.Plane(h, w).Contains(part) {
		return nil
	}
	return failure.Mark(failure.Wrongf("%v: %v leaves the network's input of %dx%d (height x width)", failure.Setting("region"), part, h, w), ErrRegion)
}

// Border says what happens where the stride does not divide the way from the
// first to the last possible offset.
type Border string

// The border rules.
const (
	// Cover adds a last position aligned with the border, so that every
	// pixel is covered at least once. It is the default.
	Cover Border = "cover"
	// Cut adds a last position at the next multiple of the stride and cuts
	// the patch off at the border.
	Cut Border = "cut"
	// Skip leaves the rest uncovered, as the published system does.
	Skip Border = "skip"
)

// Grid is the set of positions of a patch.
type Grid struct {
	// Patch and Stride are sizes in pixels of the network's input: height
	// (or y), then width (or x).
	Patch, Stride [2]int
	// Ys and Xs are the offsets of the rows and columns of positions.
	Ys, Xs []int
	// Plane is the network's input, height and width.
	Plane [2]int
	// Covers says how much of each pixel patches cover; nil is all of their rectangles.
	Covers Coverage
}

// maxPositions bounds the size of a grid.
const maxPositions = 1 << 24

// NewGrid lays a grid over the part roi of a plane of h by w pixels; an empty
// roi means all of it. Positions lie wholly inside roi (except as Cut says).
func NewGrid(h, w int, patch, stride [2]int, border Border, roi region.Rect) (*Grid, error) {
	if roi.Empty() {
		roi = region.Plane(h, w)
	}
	if err := inside(roi, h, w); err != nil {
		return nil, err
	}
	if !slices.Contains([]Border{"", Cover, Cut, Skip}, border) {
		return nil, fmt.Errorf("%w: border %q, want %s, %s or %s", ErrGrid, border, Cover, Cut, Skip)
	}
	g := &Grid{Patch: patch, Stride: stride, Plane: [2]int{h, w}}
	for a, s := range []region.Span{roi.Y, roi.X} {
		name := [2]string{"height", "width"}[a]
		if patch[a] < 1 || stride[a] < 1 {
			return nil, fmt.Errorf("%w: patch and stride must be at least 1", ErrGrid)
		}
		if patch[a] > s.Len() {
			return nil, fmt.Errorf("%w: patch %s %d exceeds the %d pixels to be covered", ErrGrid, name, patch[a], s.Len())
		}
		var at []int
		last := s.Hi - patch[a]
		for p := s.Lo; p <= last; p += stride[a] {
			at = append(at, p)
		}
		if end := at[len(at)-1]; end < last {
			switch border {
			case Cover, "":
				at = append(at, last)
			case Cut:
				// The loop may skip past more than one patch when the
				// stride exceeds it; what is cut off must not be empty.
				if end+stride[a] < s.Hi {
					at = append(at, end+stride[a])
				}
			case Skip:
			default:
				return nil, fmt.Errorf("%w: unknown border rule %q", ErrGrid, border)
			}
		}
		if a == 0 {
			g.Ys = at
		} else {
			g.Xs = at
		}
	}
	if len(g.Ys) > maxPositions/len(g.Xs) {
		return nil, fmt.Errorf("%w: %d x %d positions are too many", ErrGrid, len(g.Ys), len(g.Xs))
	}
	return g, nil
}

// Len is the number of positions.
func (g *Grid) Len() int { return len(g.Ys) * len(g.Xs) }

// Rect is the rectangle that holds what the patch covers at position i, counted
// row by row: of a patch without Covers, all that it covers.
func (g *Grid) Rect(i int) region.Rect {
	y, x := g.at(i)
	r := region.Rect{
		Y: region.Span{Lo: y, Hi: y + g.Patch[0]},
		X: region.Span{Lo: x, Hi: x + g.Patch[1]},
	}
	if g.Covers != nil {
		r = g.Covers.Rect(y, x)
	}
	return r.Intersect(region.Plane(g.Plane[0], g.Plane[1]))
}

// Count is the number of multiply-adds that updates of all positions take under a policy, nil
// for none: told from about so many of them, of a grid that has more. Positions that change the
// same rectangle as the one before are counted once, as random masks, of which there may be a
// million.
func (g *Grid) Count(p *incremental.Plan, policy incremental.Policy, most int) int64 {
	var last region.Rect
	sum, each, some, n := int64(0), int64(0), int64(0), g.Len()
	for i := 0; i < n; i += max(1, n/most) {
		if r := g.Rect(i); i == 0 || r != last {
			last, each = r, p.CountUnder(r, policy)
		}
		sum += each
		some++
	}
	if some == int64(n) {
		return sum
	}
	return sum / some * int64(n)
}

// at are the offsets of position i.
func (g *Grid) at(i int) (y, x int) { return g.Ys[i/len(g.Xs)], g.Xs[i%len(g.Xs)] }
