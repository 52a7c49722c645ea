package engine

import "krypton/internal/engine/asm"

// RowSums adds up each row of pixels, or what Of makes of each number: its output has as
// many rows, of one pixel.
type RowSums struct{ Of *Unary }

// MultiplyAdds implements Primitive.
func (*RowSums) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (r *RowSums) Run(s *Scratch, jobs []Job) {
	s.scale[0] = 1
	for i := range jobs {
		j := &jobs[i]
		in := &j.In[0]
		n := in.W * in.C
		tmp := s.lineBuffer(0, n)
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			row := r.Of.over(s, in.pixels(y, in.Plane.Rect().X, tmp)[:n])
			s.Kernels.PixelSum(row, j.Out[(y-j.Rect.Y.Lo)*in.C:][:in.C], in.W, &s.scale)
		}
	}
}

// Mean is the sum of all pixels, or of what Of makes of each number, divided by Count: the
// mean of a plane, or of one whose rows RowSums has added up. Root takes the root of that.
type Mean struct {
	Count int
	Of    *Unary
	Root  bool
}

// MultiplyAdds implements Primitive.
func (*Mean) MultiplyAdds() int64 { return 0 }

var rootTable = asm.Table(asm.Sqrt)

// Run implements Primitive.
func (m *Mean) Run(s *Scratch, jobs []Job) {
	s.scale[0] = 1 / float32(m.Count)
	for i := range jobs {
		in, out := &jobs[i].In[0], jobs[i].Out[:jobs[i].In[0].C]
		s.Kernels.PixelSum(m.Of.over(s, in.all(s)), out, in.H*in.W, &s.scale)
		if m.Root {
			s.Kernels.Apply(asm.Sqrt, rootTable, out, out)
		}
	}
}

// over is what a function of the kernels makes of numbers, none leaving them as they are.
func (u *Unary) over(s *Scratch, x []float32) []float32 {
	if u == nil {
		return x
	}
	of := s.lineBuffer(1, len(x))
	s.Kernels.Apply(u.Function, u.Table, x, of)
	return of
}

// all is the whole plane: shared where it lies together, put together otherwise.
func (p *Patched) all(s *Scratch) []float32 {
	switch {
	case p.Rect == p.Plane.Rect():
		return p.Update
	case p.Rect.Empty():
		return p.View
	}
	tmp := s.lineBuffer(0, p.Plane.Len())
	p.Compose(tmp)
	return tmp
}
