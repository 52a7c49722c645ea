package engine

import "krypton/internal/region"

// AddChange adds to sums of a plane's pixels, times scale, what an update has made of some rows
// of its region more than they were: out has a number for each channel. The view's pixels lie
// together.
func (s *Scratch) AddChange(out []float32, p *Patched, rows region.Span, scale float32) {
	c, x := p.C, p.Rect.X
	each := s.lineBuffer(0, 2*c)
	now, was := each[:c], each[c:2*c]
	s.scale[0] = scale
	height := 1
	if x.Len() == p.W { // rows lie together on either side
		height = rows.Len()
	}
	for y := rows.Lo; y < rows.Hi && !x.Empty(); y += height {
		n := height * x.Len()
		s.Kernels.PixelSum(p.Update[(y-p.Rect.Y.Lo)*x.Len()*c:][:n*c], now, n, &s.scale)
		s.Kernels.PixelSum(p.View[(y*p.W+x.Lo)*c:][:n*c], was, n, &s.scale)
		for i := range out {
			out[i] += now[i] - was[i]
		}
	}
}
