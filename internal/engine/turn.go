package engine

// Turn makes rows of a plane's columns: the output's pixel (y, x) is the input's (x, y).
type Turn struct{ Out Plane }

// MultiplyAdds implements Primitive.
func (p *Turn) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (p *Turn) Run(s *Scratch, jobs []Job) {
	c := p.Out.C
	for i := range jobs {
		j := &jobs[i]
		in, rows, columns := &j.In[0], j.Rect.Y, j.Rect.X
		for x := columns.Lo; x < columns.Hi; x++ {
			src := in.pixels(x, rows, s.lineBuffer(0, rows.Len()*c))
			for y := range rows.Len() {
				copy(j.Out[(y*columns.Len()+x-columns.Lo)*c:][:c], src[y*c:])
			}
		}
	}
}

// Turned is the plane whose rows are the columns of p.
func (p Plane) Turned() Plane { return Plane{H: p.W, W: p.H, C: p.C} }
