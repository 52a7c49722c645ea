package engine

import "krypton/internal/engine/asm"

// Table combines each run of neighbouring numbers of a value with a run of constants, or
// with one number: with what is broadcast along any of the value's axes, as the biases
// and masks of windows are.
type Table struct {
	Out       Plane
	Operation asm.Arithmetic
	Const     []float32
	// Length is that of a run, Rows where the constants of each begin; if Single, one
	// stands there for all of the run.
	Length int
	Rows   []int32
	Single bool
}

// MultiplyAdds implements Primitive.
func (t *Table) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (t *Table) Run(s *Scratch, jobs []Job) {
	t.each(s, jobs, func(x, constants, out []float32) {
		s.Kernels.Combine(t.Operation, x, constants, out, 1, 0, len(x), t.Single)
	})
}

// each calls f with every run, its constants, and where its results go.
func (t *Table) each(s *Scratch, jobs []Job, f func(x, constants, out []float32)) {
	n := t.Out.C / t.Length // runs of a pixel
	for i := range jobs {
		j := &jobs[i]
		w := j.Rect.X.Len() * t.Out.C
		tmp := s.lineBuffer(0, w)
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			x, out := j.In[0].pixels(y, j.Rect.X, tmp), j.Out[(y-j.Rect.Y.Lo)*w:][:w]
			rows := t.Rows[(y*t.Out.W+j.Rect.X.Lo)*n:]
			for k := 0; k < w; k += t.Length {
				f(x[k:][:t.Length], t.Const[rows[k/t.Length]:], out[k:][:t.Length])
			}
		}
	}
}

// Select puts a number in the place of those of a value that a table marks: masks.
type Select struct {
	// Table has no Operation: its constants are 1 where the number goes, else 0.
	Table
	Number float32
}

// Run implements Primitive.
func (m *Select) Run(s *Scratch, jobs []Job) {
	m.each(s, jobs, m.replace)
}

// replace writes a run with the number where it is marked.
func (m *Select) replace(x, marks, out []float32) {
	for i, v := range x {
		if marks[i*m.step()] != 0 {
			v = m.Number
		}
		out[i] = v
	}
}

// step is the distance of the constants of neighbouring numbers.
func (t *Table) step() int {
	if t.Single {
		return 0
	}
	return 1
}
