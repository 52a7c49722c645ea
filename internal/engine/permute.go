package engine

// Permute rearranges the elements of a whole value: output element i is input
// element Index[i]. It is always global.
type Permute struct{ Index []int32 }

// MultiplyAdds implements Primitive.
func (p *Permute) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (p *Permute) Run(s *Scratch, jobs []Job) {
	for i := range jobs {
		j := &jobs[i]
		in := &j.In[0]
		src := in.View
		switch {
		case in.Rect.Empty():
		case in.Rect == in.Plane.Rect():
			src = in.Update
		default:
			src = s.lineBuffer(0, in.Plane.Len())
			in.Compose(src)
		}
		// A job of some rows only is a band of a whole run.
		row := len(j.Out) / j.Rect.Y.Len()
		for k, from := range p.Index[j.Rect.Y.Lo*row:][:len(j.Out)] {
			j.Out[k] = src[from]
		}
	}
}
