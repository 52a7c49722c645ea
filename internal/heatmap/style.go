package heatmap

import (
	"fmt"

	"krypton/internal/failure"
)

// MostContours bounds the levels that lines are drawn around.
const MostContours = 16

// Check refuses a style that nothing can be drawn by.
func (s *Style) Check() error {
	switch {
	case !(s.Alpha >= 0 && s.Alpha <= 1):
		return failure.Wrongf("%v is %g, want 0 to 1", failure.Setting("alpha"), s.Alpha)
	case s.Masked != nil && s.Mode == "map-only":
		return failure.Wrongf("%v shows the picture, %v does not: they exclude each other", failure.Setting("masked"), failure.Setting("map-only"))
	case len(s.Contours) > MostContours:
		return failure.Wrongf("%v: %d levels, at most %d are drawn", failure.Setting("contours"), len(s.Contours), MostContours)
	}
	return nil
}

// Range is the range of the colours: each map's own, one for all maps of a run, or a fixed
// one.
type Range struct {
	Shared bool
	Fixed  *Scale
}

// ParseRange reads auto, shared or min,max.
func ParseRange(text string) (Range, error) {
	switch text {
	case "shared":
		return Range{Shared: true}, nil
	case "auto":
		return Range{}, nil
	}
	s, ok := ParseScale(text)
	if !ok {
		return Range{}, fmt.Errorf("is %q, want auto, shared or min,max", text)
	}
	return Range{Fixed: &s}, nil
}

// Shared is the style with one scale, and one map of colours, for all maps.
func (s Style) Shared(maps []*Map, combine string) (Style, error) {
	scale, err := sharedScale(maps, combine)
	if err != nil {
		return s, err
	}
	s.Scale = &scale
	if s.Colormap == "auto" { // by the scale, not by each map's own values
		s.Colormap = "blackbody"
		if s.Behind {
			s.Colormap = "reds"
		}
		if scale.Lo < 0 {
			s.Colormap = "bluered"
		}
	}
	return s, nil
}
