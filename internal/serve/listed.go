package serve

import (
	"encoding/base64"
	"encoding/binary"

	"krypton/internal/explain"
	"krypton/internal/obe"
)

// patches say of each map what its patches cover that lie in a list, nil where they lie on a
// grid.
type patches struct {
	Maps []*listed `json:"maps"`
}

// listed are the patches of a list: segments or random masks.
type listed struct {
	// Labels are the numbers of all pixels' segments, row by row (int32, little-endian,
	// base64), -1 of those of none.
	Labels string `json:"labels,omitempty"`
	Masks  *masks `json:"masks,omitempty"`
}

// masks are random masks: each is a grid of cells, enlarged bilinearly to one cell more than
// the region has, middles on middles, of which a window shows.
type masks struct {
	Region obe.Region `json:"region"`
	// Cells and Pixels are how many cells a mask has and how many pixels a cell, height
	// first; Keep is the chance that a cell is kept.
	Cells  [2]int  `json:"cells"`
	Pixels [2]int  `json:"pixels"`
	Keep   float64 `json:"keep"`
	// Kept has a bit for each cell that is kept, mask by mask and row by row, the lowest
	// first (base64); Shifts are row and column of each window's beginning (int32).
	Kept   string `json:"kept"`
	Shifts string `json:"shifts"`
}

// patchesOf says what the patches of maps cover; nil if none lie in a list.
func patchesOf(maps []explain.Map) *patches {
	out, some := &patches{}, false
	for _, m := range maps {
		var l *listed
		switch c := m.Grid.Covers.(type) {
		case *obe.Segments:
			l = &listed{Labels: ints(c.Labels())}
		case *obe.Masks:
			l = &listed{Masks: masksOf(c)}
		}
		out.Maps, some = append(out.Maps, l), some || l != nil
	}
	if !some {
		return nil
	}
	return out
}

func masksOf(m *obe.Masks) *masks {
	d := m.Drawn()
	var kept []byte
	for _, w := range d.Kept {
		kept = binary.LittleEndian.AppendUint64(kept, w)
	}
	var shifts []int32
	for _, s := range d.Shifts {
		shifts = append(shifts, s[0], s[1])
	}
	r := d.Part
	return &masks{
		Region: obe.Region{X: r.X.Lo, Y: r.Y.Lo, W: r.X.Len(), H: r.Y.Len()},
		Cells:  d.Cells, Pixels: d.Pixels, Keep: d.Keep,
		Kept: base64.StdEncoding.EncodeToString(kept), Shifts: ints(shifts),
	}
}

// perPixel gives each pixel what its segment has, -1 where it has none.
func perPixel(s *obe.Segments, of []int32) []int32 {
	labels := s.Labels()
	out := make([]int32, len(labels))
	for i, l := range labels {
		if out[i] = -1; l >= 0 {
			out[i] = of[l]
		}
	}
	return out
}
