package engine

import (
	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// windowsOf lays out the pixels that a job's windows read, padding as zeros, as
// asm.Kernels.DepthwiseWindows takes them.
func (s *Scratch) windowsOf(j *Job, wy, wx region.Window, group int) *asm.Windows {
	in := &j.In[0]
	w := &s.windows
	w.Group, w.Pitch, w.From, w.To = group, j.pitch(in.C), 0, in.C
	w.Y, w.X = axisOf(wy, j.Rect.Y.Len()), axisOf(wx, j.Rect.X.Len())
	rows, cols := w.Y.Extent(), w.X.Extent()
	w.Pixels = grow(&w.Pixels, rows*cols)
	zero := &s.zeros(in.C)[0]
	y, x := j.Rect.Y.Lo*wy.Stride-wy.Pad, j.Rect.X.Lo*wx.Stride-wx.Pad
	for r := range rows {
		row := in.row(y + r)
		row.pixels(w.Pixels[r*cols:][:cols], x, in.W, zero)
	}
	return w
}

// pixels writes where the pixels from column x on begin, zero for those beside the
// plane.
func (r *rowRef) pixels(to []*float32, x, w int, zero *float32) {
	c := r.pitch
	fill := func(hi int, from []float32, lo int) { // up to column hi, from begins at column lo
		n := min(hi-x, len(to))
		if n <= 0 {
			return
		}
		if from == nil {
			for i := range to[:n] {
				to[i] = zero
			}
		} else {
			asm.Pointers(to[:n], from[(x-lo)*c:], c)
		}
		to, x = to[n:], x+n
	}
	switch {
	case !r.inside:
	case x >= r.span.Lo && x+len(to) <= r.span.Hi:
		fill(r.span.Hi, r.update, r.span.Lo)
		return
	case r.span.Empty() && x >= 0 && x+len(to) <= w:
		fill(w, r.view, 0)
		return
	default:
		fill(0, nil, 0)
		if !r.span.Empty() {
			fill(r.span.Lo, r.view, 0)
			fill(r.span.Hi, r.update, r.span.Lo)
		}
		fill(w, r.view, 0)
	}
	fill(x+len(to), nil, 0)
}
