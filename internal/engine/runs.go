package engine

import (
	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// eachRun calls f for the output pixels of a job, as runs as long as their
// windows lie in plain rows of memory, each wholly in the update or in the view;
// pixels whose windows do not are runs of one pixel. f gets the run, its first
// pixel and its output rows. Padding is read as zeros, or left out: then a run
// may have fewer rows than the window, and none at all (f's r is nil). limit, if
// not nil, bounds the length of a run that begins at column x.
func eachRun(s *Scratch, j *Job, wy, wx region.Window, padded bool, limit func(x int) int, f func(r *asm.Run, y, x int, out []float32)) {
	in := &j.In[0]
	ch := in.pitch()
	s.rows = grow(&s.rows, wy.Kernel)
	s.table = grow(&s.table, wy.Kernel*wx.Kernel)
	zero := &s.zeros(in.W*ch + 1)[0]
	outC := len(j.Out) / j.Rect.Area()
	r := &s.run
	at := 0
	for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
		for ky := range s.rows {
			s.rows[ky] = in.row(y*wy.Stride - wy.Pad + ky*wy.Dilation)
		}
		for x := j.Rect.X.Lo; x < j.Rect.X.Hi; {
			first := x*wx.Stride - wx.Pad
			n := min(plainRun(s.rows, first, in.W, wx), j.Rect.X.Hi-x)
			if n > 0 && limit != nil {
				n = min(n, limit(x))
			}
			r.Rows = s.table[:0]
			if n > 0 {
				*r = asm.Run{Rows: r.Rows, Kx: wx.Kernel, N: n, Step: wx.Stride * ch, Pixel: wx.Dilation * ch}
				for ky := range s.rows {
					switch row := &s.rows[ky]; {
					case !row.inside && padded:
						r.Rows = append(r.Rows, zero)
					case !row.inside:
					case first >= row.span.Lo && first < row.span.Hi:
						r.Rows = append(r.Rows, &row.update[(first-row.span.Lo)*ch])
					default:
						r.Rows = append(r.Rows, &row.view[first*ch])
					}
				}
			} else {
				n = 1
				*r = asm.Run{Rows: r.Rows, Kx: 1, N: 1}
				for ky := range s.rows {
					row := &s.rows[ky]
					for kx, xi := 0, first; kx < wx.Kernel; kx, xi = kx+1, xi+wx.Dilation {
						switch {
						case !row.inside || uint(xi) >= uint(in.W):
							if padded {
								r.Rows = append(r.Rows, zero)
							}
						case xi >= row.span.Lo && xi < row.span.Hi:
							r.Rows = append(r.Rows, &row.update[(xi-row.span.Lo)*ch])
						default:
							r.Rows = append(r.Rows, &row.view[xi*ch])
						}
					}
				}
			}
			out := j.Out[at : at+n*outC]
			if len(r.Rows) == 0 {
				f(nil, y, x, out)
			} else {
				f(r, y, x, out)
			}
			at += n * outC
			x += n
		}
	}
}

// plainRun is the number of windows, from the one whose first column is first
// on, that lie in one piece of memory in every row.
func plainRun(rows []rowRef, first, w int, wx region.Window) int {
	extent := wx.Extent()
	if first < 0 || first+extent > w {
		return 0
	}
	end := w // of the piece that every row's window lies in
	for i := range rows {
		r := &rows[i]
		switch {
		case !r.inside || r.span.Empty() || first >= r.span.Hi:
		case first >= r.span.Lo:
			end = min(end, r.span.Hi)
		default:
			end = min(end, r.span.Lo)
		}
	}
	if first+extent > end {
		return 0
	}
	return (end-extent-first)/wx.Stride + 1
}
