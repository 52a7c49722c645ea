package engine

// RowSums adds up each row of pixels: its output has as many rows, of one pixel.
type RowSums struct{}

// MultiplyAdds implements Primitive.
func (*RowSums) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (*RowSums) Run(s *Scratch, jobs []Job) {
	s.scale[0] = 1
	for i := range jobs {
		j := &jobs[i]
		in := &j.In[0]
		tmp := s.lineBuffer(0, in.W*in.C)
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			row := in.pixels(y, in.Plane.Rect().X, tmp)
			s.Kernels.PixelSum(row, j.Out[(y-j.Rect.Y.Lo)*in.C:][:in.C], in.W, &s.scale)
		}
	}
}

// Mean is the sum of all pixels divided by Count: the mean of a plane, or of one whose rows
// RowSums has added up.
type Mean struct{ Count int }

// MultiplyAdds implements Primitive.
func (*Mean) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (m *Mean) Run(s *Scratch, jobs []Job) {
	s.scale[0] = 1 / float32(m.Count)
	for i := range jobs {
		in := &jobs[i].In[0]
		s.Kernels.PixelSum(in.all(s), jobs[i].Out[:in.C], in.H*in.W, &s.scale)
	}
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
