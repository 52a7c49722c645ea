package engine

import (
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
		w := j.Rect.X.Len()
		first := 0
		for k := range j.In {
			p := &j.In[k]
			if p.View == nil && p.Update == nil {
				first += p.C
				continue
			}
			for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
				src := p.pixels(y, j.Rect.X, s.lineBuffer(0, w*p.C))
				dst := j.Out[(y-j.Rect.Y.Lo)*w*c.Out.C+first:]
				for x := range w {
					copy(dst[x*c.Out.C:][:p.C], src[x*p.C:])
				}
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

// Channels picks channels: output channel c is input channel Source[c], or Fill
// where that is -1. It serves slices, splits, shuffles and padding of channels.
type Channels struct {
	Source []int
	Fill   float32
}

// MultiplyAdds implements Primitive.
func (c *Channels) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (c *Channels) Run(s *Scratch, jobs []Job) {
	n := len(c.Source)
	for i := range jobs {
		j := &jobs[i]
		p := &j.In[0]
		w := j.Rect.X.Len()
		second := c.everySecond(p.C)
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			src := p.pixels(y, j.Rect.X, s.lineBuffer(0, w*p.C))
			dst := j.Out[(y-j.Rect.Y.Lo)*w*n:][:w*n]
			if second {
				asm.EverySecond(dst, src[c.Source[0]:w*p.C])
				continue
			}
			for x := range w {
				px, out := src[x*p.C:][:p.C], dst[x*n:][:n]
				for k, from := range c.Source {
					if from < 0 {
						out[k] = c.Fill
						continue
					}
					out[k] = px[from]
				}
			}
		}
	}
}

// everySecond says whether every second of the input's channels is picked, as
// exported channel shuffles do: in a row of pixels, every second number.
func (c *Channels) everySecond(channels int) bool {
	if channels != 2*len(c.Source) || c.Source[0] < 0 || c.Source[0] > 1 {
		return false
	}
	for k, from := range c.Source {
		if from != 2*k+c.Source[0] {
			return false
		}
	}
	return true
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
	return int64(p.Y.Taps*p.X.Taps) * int64(p.Out.C)
}

// Run implements Primitive.
func (p *Interpolate) Run(s *Scratch, jobs []Job) {
	c := p.Out.C
	fill := s.lineBuffer(0, c)
	for i := range fill {
		fill[i] = p.Fill
	}
	for i := range jobs {
		j := &jobs[i]
		at := 0
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			for x := j.Rect.X.Lo; x < j.Rect.X.Hi; x++ {
				p.pixel(&j.In[0], y, x, fill, j.Out[at:at+c])
				at += c
			}
		}
	}
}

func (p *Interpolate) pixel(in *Patched, y, x int, fill, out []float32) {
	plain := p.Y.Weight == nil && p.X.Weight == nil
	if !plain {
		clear(out)
	}
	for ky := range p.Y.Taps {
		yi := int(p.Y.Index[y*p.Y.Taps+ky])
		for kx := range p.X.Taps {
			xi := int(p.X.Index[x*p.X.Taps+kx])
			src := fill
			if yi >= 0 && xi >= 0 {
				src = in.pixels(yi, region.Span{Lo: xi, Hi: xi + 1}, nil)
			}
			if plain {
				copy(out, src)
				continue
			}
			w := float32(1)
			if p.Y.Weight != nil {
				w = p.Y.Weight[y*p.Y.Taps+ky]
			}
			if p.X.Weight != nil {
				w *= p.X.Weight[x*p.X.Taps+kx]
			}
			for ch, v := range src {
				out[ch] += float32(w * v)
			}
		}
	}
}
