package engine

import "krypton/internal/region"

// Sample makes each pixel of its output of those of the input that a field says, times its
// weights. Where the field has index -1 it reads 0.
type Sample struct {
	Out   Plane
	Field *region.Field
}

// MultiplyAdds implements Primitive.
func (p *Sample) MultiplyAdds() int64 {
	if p.Field.Weight == nil {
		return 0
	}
	return int64(p.Field.Taps) * int64(p.Out.C)
}

// Run implements Primitive.
func (p *Sample) Run(s *Scratch, jobs []Job) {
	c := p.Out.C
	zero := s.zeros(c)
	for i := range jobs {
		j := &jobs[i]
		out := j.Out
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			for x := j.Rect.X.Lo; x < j.Rect.X.Hi; x++ {
				to := out[:c]
				px := blend(s, &p.Field.Table, y*p.Out.W+x, to, func(_ int, index int32) []float32 {
					if index < 0 {
						return zero
					}
					return j.In[0].pixel(int(index))
				})
				if &px[0] != &to[0] {
					copy(to, px)
				}
				out = out[c:]
			}
		}
	}
}

// pixel are the channels of pixel i, counted row by row.
func (p *Patched) pixel(i int) []float32 {
	if !p.Rect.Empty() {
		y, x := i/p.W, i%p.W
		if r := p.Rect; y >= r.Y.Lo && y < r.Y.Hi && x >= r.X.Lo && x < r.X.Hi {
			return p.Update[((y-r.Y.Lo)*r.X.Len()+x-r.X.Lo)*p.C:][:p.C]
		}
	}
	return p.View[i*p.C:][:p.C]
}
