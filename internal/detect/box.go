// Package detect reads what detectors say: boxes from the outputs of a network
// whose head is described by data. Nothing about a head is guessed.
package detect

import (
	"math"
	"slices"
)

// Box is one found object.
type Box struct {
	// X0, Y0 and X1, Y1 are its corners, in pixels of the network's input.
	X0, Y0, X1, Y1 float32
	Class          int
	Score          float32
}

// valid says whether a box is one: numbers, and some extent.
func (b Box) valid() bool {
	sum := b.X0 + b.Y0 + b.X1 + b.Y1 + b.Score
	return !math.IsNaN(float64(sum)) && !math.IsInf(float64(sum), 0) && b.X1 > b.X0 && b.Y1 > b.Y0
}

// IoU is the intersection of two boxes over their union.
func IoU(a, b Box) float32 {
	w := min(a.X1, b.X1) - max(a.X0, b.X0)
	h := min(a.Y1, b.Y1) - max(a.Y0, b.Y0)
	if !(w > 0 && h > 0) {
		return 0
	}
	i := float32(w * h)
	return i / (float32((a.X1-a.X0)*(a.Y1-a.Y0)) + float32((b.X1-b.X0)*(b.Y1-b.Y0)) - i)
}

// NMS is greedy non-maximum suppression, class by class: of two boxes of a class
// that overlap by more than iou, the one with the lower score goes. The rest
// comes back by falling score; equal scores keep their order.
func NMS(boxes []Box, iou float32) []Box {
	sorted := slices.Clone(boxes)
	slices.SortStableFunc(sorted, byScore)
	kept := sorted[:0]
	for _, b := range sorted {
		if !slices.ContainsFunc(kept, func(k Box) bool { return k.Class == b.Class && IoU(k, b) > iou }) {
			kept = append(kept, b)
		}
	}
	return kept
}

// byScore orders boxes by falling score.
func byScore(a, b Box) int {
	switch {
	case a.Score > b.Score:
		return -1
	case a.Score < b.Score:
		return 1
	}
	return 0
}

// Filter keeps the boxes of some classes.
func Filter(boxes []Box, classes []int) []Box {
	return slices.DeleteFunc(slices.Clone(boxes), func(b Box) bool { return !slices.Contains(classes, b.Class) })
}

// Clip cuts boxes at a rectangle; those of which nothing is left go.
func Clip(boxes []Box, x0, y0, x1, y1 float32) []Box {
	kept := boxes[:0:0]
	for _, b := range boxes {
		b.X0, b.Y0, b.X1, b.Y1 = max(b.X0, x0), max(b.Y0, y0), min(b.X1, x1), min(b.Y1, y1)
		if b.valid() {
			kept = append(kept, b)
		}
	}
	return kept
}

// Comparison is how two lists of boxes match.
type Comparison struct {
	Matched, Missed, Extra int
	Largest                float64 // difference of the scores of matched boxes
}

// Compare matches boxes with those that should have been found: by falling
// score, each takes the free box of its class that it overlaps most, by iou at
// least.
func Compare(got, want []Box, iou float32) Comparison {
	var c Comparison
	taken := make([]bool, len(want))
	for _, g := range NMS(got, 1) { // by score; nothing overlaps by more than 1
		best, at := iou, -1
		for i, w := range want {
			if o := IoU(g, w); !taken[i] && w.Class == g.Class && o >= best {
				best, at = o, i
			}
		}
		if at < 0 {
			c.Extra++
			continue
		}
		taken[at] = true
		c.Matched++
		c.Largest = max(c.Largest, math.Abs(float64(g.Score)-float64(want[at].Score)))
	}
	c.Missed = len(want) - c.Matched
	return c
}
