package engine

import "krypton/internal/engine/asm"

// Table combines each run of neighbouring numbers of a value with a run of constants, or
// with one number: with what is broadcast along any of the value's axes, as the biases
// and masks of windows are.
type Table struct {
	Out       Plane
	Operation asm.Arithmetic
	Const     []float32
	// Length is that of a run, Rows where the constants of each begin; if Number, one
	// stands there for all of the run.
	Length int
	Rows   []int32
	Number bool
}

// MultiplyAdds implements Primitive.
func (t *Table) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (t *Table) Run(s *Scratch, jobs []Job) {
	n := t.Out.C / t.Length // runs of a pixel
	for i := range jobs {
		j := &jobs[i]
		w := j.Rect.X.Len() * t.Out.C
		tmp := s.lineBuffer(0, w)
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			x, out := j.In[0].pixels(y, j.Rect.X, tmp), j.Out[(y-j.Rect.Y.Lo)*w:][:w]
			rows := t.Rows[(y*t.Out.W+j.Rect.X.Lo)*n:]
			for k := 0; k < w; k += t.Length {
				s.Kernels.Combine(t.Operation, x[k:][:t.Length], t.Const[rows[k/t.Length]:], out[k:][:t.Length], 1, 0, t.Length, t.Number)
			}
		}
	}
}
