package engine

import (
	"slices"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// Concat puts the channels of its inputs behind each other. Inputs without
// memory have been computed in place.
type Concat struct{ Out Plane }

// MultiplyAdds implements Primitive.
func (c *Concat) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (c *Concat) Run(s *Scratch, jobs []Job) {
	for i := range jobs {
		j := &jobs[i]
		w, pitch := j.Rect.X.Len(), j.pitch(c.Out.C)
		first := 0
		for k := range j.In {
			p := &j.In[k]
			if p.View == nil && p.Update == nil {
				first += p.C
				continue
			}
			for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
				src := p.pixels(y, j.Rect.X, s.lineBuffer(0, w*p.C))
				copyPixels(j.Out[(y-j.Rect.Y.Lo)*w*pitch+first:], src, w, p.C, pitch, p.C)
			}
			first += p.C
		}
	}
}

// Row puts the numbers of its inputs, planes of any form, behind each other into
// one row of pixels. It only makes whole rows.
type Row struct{ Out Plane }

// MultiplyAdds implements Primitive.
func (r *Row) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (r *Row) Run(_ *Scratch, jobs []Job) {
	for i := range jobs {
		j := &jobs[i]
		out := j.Out
		for k := range j.In {
			j.In[k].Compose(out)
			out = out[j.In[k].Plane.Len():]
		}
	}
}

// Interpolate builds its output by separable tables: padding, slicing,
// resizing of the plane.
type Interpolate struct {
	In, Out Plane
	Y, X    region.Table
	// Fill is read where a table has index -1.
	Fill float32
}

// MultiplyAdds implements Primitive.
func (p *Interpolate) MultiplyAdds() int64 {
	if p.Y.Weight == nil && p.X.Weight == nil {
		return 0
	}
	return int64(p.Y.Taps+p.X.Taps) * int64(p.Out.C)
}

// Run implements Primitive.
func (p *Interpolate) Run(s *Scratch, jobs []Job) {
	c := p.Out.C
	for i := range jobs {
		j := &jobs[i]
		cols := p.X.Reads(j.Rect.X)
		n := j.Rect.X.Len() * c
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			out := j.Out[(y-j.Rect.Y.Lo)*n:][:n]
			if p.Y.Weight == nil && p.X.Weight == nil {
				p.copied(s, &j.In[0], y, j.Rect.X, cols, out)
				continue
			}
			p.blended(s, &j.In[0], y, j.Rect.X, cols, out)
		}
	}
}

// row gives the columns of an input row; nothing where the fill is read instead.
func (p *Interpolate) row(s *Scratch, in *Patched, y int, cols region.Span) []float32 {
	if y < 0 || cols.Empty() {
		return nil
	}
	return in.pixels(y, cols, s.lineBuffer(0, cols.Len()*in.C))
}

// copied writes row y where every pixel is that of an input, or the fill.
func (p *Interpolate) copied(s *Scratch, in *Patched, y int, x, cols region.Span, out []float32) {
	c := p.Out.C
	src := p.row(s, in, int(p.Y.Index[y]), cols)
	index := p.X.Index[x.Lo:x.Hi]
	for k := 0; k < len(index); {
		n := 1 // pixels that lie together
		if src == nil || index[k] < 0 {
			for k+n < len(index) && (src == nil || index[k+n] < 0) {
				n++
			}
			for i := range out[:n*c] {
				out[i] = p.Fill
			}
		} else {
			for k+n < len(index) && index[k+n] == index[k]+int32(n) {
				n++
			}
			copy(out[:n*c], src[(int(index[k])-cols.Lo)*c:])
		}
		out, k = out[n*c:], k+n
	}
}

// blended writes row y: the rows that it is made of become one first, then its columns.
func (p *Interpolate) blended(s *Scratch, in *Patched, y int, x, cols region.Span, out []float32) {
	c, n := p.Out.C, cols.Len()*p.Out.C
	fill := s.lineBuffer(0, max(c, n))
	for i := range fill {
		fill[i] = p.Fill
	}
	row := fill[:n]
	if n > 0 {
		row = blend(s, &p.Y, y, s.lineBuffer(1, n), func(tap int, index int32) []float32 {
			if index < 0 {
				return fill
			}
			return in.pixels(int(index), cols, s.lineBuffer(2+tap%2, n)) // two are read at a time
		})
	}
	if index := p.X.Index[x.Lo*p.X.Taps : x.Hi*p.X.Taps]; p.X.Taps == 2 && p.X.Weight != nil && slices.Min(index) >= 0 {
		s.Kernels.BlendPixels(row, index, p.X.Weight[x.Lo*2:x.Hi*2], out, cols.Lo, c)
		return
	}
	for i := range x.Len() {
		to := out[i*c:][:c]
		px := blend(s, &p.X, x.Lo+i, to, func(_ int, index int32) []float32 {
			if index < 0 {
				return fill
			}
			return row[(int(index)-cols.Lo)*c:][:c]
		})
		if &px[0] != &to[0] {
			copy(to, px)
		}
	}
}

// blend sums what output o of a table is made of, each times its weight; of one alone,
// without weights, it gives that.
func blend(s *Scratch, t *region.Table, o int, sum []float32, row func(tap int, index int32) []float32) []float32 {
	index := t.Index[o*t.Taps:][:t.Taps]
	first := row(0, index[0])
	if t.Weight == nil {
		return first
	}
	weight := t.Weight[o*t.Taps:][:t.Taps]
	if t.Taps == 1 {
		s.scale = [2]float32{weight[0]}
		s.Kernels.Combine(asm.Product, first, s.scale[:1], sum, 1, 0, len(sum), true)
		return sum
	}
	s.scale = [2]float32{weight[0], weight[1]}
	s.Kernels.Blend(first, row(1, index[1]), sum, &s.scale)
	for k := 2; k < t.Taps; k++ {
		s.scale = [2]float32{1, weight[k]}
		s.Kernels.Blend(sum, row(k, index[k]), sum, &s.scale)
	}
	return sum
}
