package obe

import "math"

// maxMillimetres bounds a length in millimetres.
const maxMillimetres = 1e5

// in is a length where each pixel takes so many millimetres, rounded and at least a pixel.
func (l Length) in(each float64) Length {
	if l.Millimetres == 0 {
		return l
	}
	return Length{Pixels: int(min(max(1, math.Round(l.Millimetres/each)), maxLength))}
}

// Physical says whether a length is one of millimetres.
func (s Size) Physical() bool { return s.H.Millimetres != 0 || s.W.Millimetres != 0 }

// Tiny says whether a length is nearer to no pixel than to one, where pixels take so many
// millimetres down and across.
func (s Size) Tiny(down, across float64) bool {
	tiny := func(l Length, each float64) bool { return l.Millimetres != 0 && l.Millimetres/each < .5 }
	return tiny(s.H, down) || tiny(s.W, across)
}

// In is the size where pixels take so many millimetres down and across: in pixels, where it
// was one of millimetres.
func (s Size) In(down, across float64) Size { return Size{s.H.in(down), s.W.in(across)} }

// In is the patch where pixels take so many millimetres down and across.
func (p Patch) In(down, across float64) Patch {
	p.Size = p.Size.In(down, across)
	return p
}
