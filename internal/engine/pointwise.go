package engine

import (
	"math"

	"krypton/internal/engine/asm"
	"krypton/internal/softmax"
)

// Unary applies a function to every element: F, or if Table is set, which it is made
// for, Function by the kernels.
type Unary struct {
	F        func(float32) float32
	Function asm.Function
	Table    []float64
}

// MultiplyAdds implements Primitive.
func (u *Unary) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (u *Unary) Run(s *Scratch, jobs []Job) {
	eachRow(s, jobs, func(x, out []float32) {
		if u.Table != nil {
			s.Kernels.Apply(u.Function, u.Table, x, out)
			return
		}
		for i, v := range x {
			out[i] = u.F(v)
		}
	})
}

// Bounds limits every element to Clamp: ReLU, ReLU6, Clip.
type Bounds struct{ Clamp Clamp }

// MultiplyAdds implements Primitive.
func (b *Bounds) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (b *Bounds) Run(s *Scratch, jobs []Job) {
	eachRow(s, jobs, func(x, out []float32) {
		n := len(out)
		s.Kernels.Combine(asm.Larger, x, b.Clamp[:1], out, 1, 0, n, true)
		if b.Clamp[1] < unclamped[1] {
			s.Kernels.Combine(asm.Smaller, out, b.Clamp[1:], out, 1, 0, n, true)
		}
	})
}

// Affine computes x*Scale[c] + Shift[c], bounded by Clamp: a batch normalization that
// could not be folded into a convolution.
type Affine struct {
	Scale, Shift []float32
	Clamp        Clamp
}

// MultiplyAdds implements Primitive.
func (a *Affine) MultiplyAdds() int64 { return int64(len(a.Scale)) }

// Run implements Primitive.
func (a *Affine) Run(s *Scratch, jobs []Job) {
	for i := range jobs {
		j := &jobs[i]
		out := j.Out
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			j.In[0].pieces(y, j.Rect.X, func(n, pitch int, px []float32) {
				s.Kernels.Affine(px, a.Scale, a.Shift, out, n, pitch, &a.Clamp)
				out = out[n*len(a.Scale):]
			})
		}
	}
}

// PRelu computes x, or x*Slope[c] where x is negative.
type PRelu struct{ Slope []float32 }

// MultiplyAdds implements Primitive.
func (p *PRelu) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (p *PRelu) Run(s *Scratch, jobs []Job) {
	n := len(p.Slope)
	eachRow(s, jobs, func(x, out []float32) {
		s.Kernels.Combine(asm.Slope, x, p.Slope, out, len(out)/n, 0, n, false)
	})
}

// eachRow calls f with every row of the jobs' first input and its output, for
// primitives whose input and output have the same plane.
func eachRow(s *Scratch, jobs []Job, f func(x, out []float32)) {
	for i := range jobs {
		j := &jobs[i]
		n := j.Rect.X.Len() * j.In[0].C
		tmp := s.lineBuffer(0, n)
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			f(j.In[0].pixels(y, j.Rect.X, tmp), j.Out[(y-j.Rect.Y.Lo)*n:][:n])
		}
	}
}

// Sum adds two values of the same plane, with activation bounds.
type Sum struct{ Clamp Clamp }

// MultiplyAdds implements Primitive.
func (a *Sum) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (a *Sum) Run(s *Scratch, jobs []Job) {
	for i := range jobs {
		j := &jobs[i]
		n := j.Rect.X.Len() * j.In[0].C
		t0, t1 := s.lineBuffer(0, n), s.lineBuffer(1, n)
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			s.Kernels.Add(j.In[0].pixels(y, j.Rect.X, t0), j.In[1].pixels(y, j.Rect.X, t1), j.Out[(y-j.Rect.Y.Lo)*n:][:n], &a.Clamp)
		}
	}
}

// Operand says how an input of Binary is spread over the output.
type Operand int

// The ways of spreading. An input of one row is used for all rows.
const (
	// Full has the output's rows of pixels.
	Full Operand = iota
	// PerChannel has one pixel in a row, used at every one.
	PerChannel
	// PerPixel has one channel, used for every channel.
	PerPixel
	// Scalar has one number in a row.
	Scalar
)

// Binary combines two operands element by element, by F, or if Native by the kernels'
// Operation. A constant operand takes no input: its values stand in Const.
type Binary struct {
	F         func(a, b float32) float32
	Operation asm.Arithmetic
	Native    bool
	// Out is the output's plane.
	Out Plane
	// Kind and Const describe the left and the right operand.
	Kind  [2]Operand
	Const [2][]float32
}

// MultiplyAdds implements Primitive.
func (b *Binary) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (b *Binary) Run(s *Scratch, jobs []Job) {
	for i := range jobs {
		j := &jobs[i]
		w := j.Rect.X.Len()
		for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
			b.row(s, b.operands(s, j, y), w, j.Out[(y-j.Rect.Y.Lo)*w*b.Out.C:][:w*b.Out.C])
		}
	}
}

// Overwrites says whether the output may lie where the only value lies: not where row writes a
// constant to the output before it reads the value.
func (b *Binary) Overwrites() bool {
	if b.Const[1] != nil {
		return b.Kind[0] == Full && b.Const[0] == nil
	}
	_, swaps := b.Operation.Swapped()
	return b.Const[0] != nil && b.Kind[1] == Full && (swaps || !b.Native)
}

// operands gives what the operands have for row y of a job.
func (b *Binary) operands(s *Scratch, j *Job, y int) (v [2][]float32) {
	input, w := 0, j.Rect.X.Len()
	for k := range v {
		each := b.Kind[k] == Full || b.Kind[k] == PerPixel
		if v[k] = b.Const[k]; v[k] != nil {
			if each {
				n := len(v[k]) / (b.Out.H * b.Out.W)
				v[k] = v[k][(y*b.Out.W+j.Rect.X.Lo)*n:][:w*n]
			}
			continue
		}
		p, row := &j.In[input], y
		input++
		if p.H == 1 {
			row = 0
		}
		if each {
			v[k] = p.pixels(row, j.Rect.X, s.lineBuffer(k, w*p.C))
		} else {
			v[k] = p.pixels(row, p.Plane.Rect().X, s.lineBuffer(k, p.C))
		}
	}
	return v
}

// row computes w pixels.
func (b *Binary) row(s *Scratch, v [2][]float32, w int, out []float32) {
	c, kind, op := b.Out.C, b.Kind, b.Operation
	if !b.Native {
		for i := range out {
			out[i] = b.F(v[0][kind[0].at(i, c)], v[1][kind[1].at(i, c)])
		}
		return
	}
	if kind[0] != Full {
		if swapped, ok := op.Swapped(); ok && kind[1] == Full {
			op, v[0], v[1], kind[0], kind[1] = swapped, v[1], v[0], Full, kind[0]
		} else {
			for i := range out {
				out[i] = v[0][kind[0].at(i, c)]
			}
			v[0] = out
		}
	}
	switch kind[1] {
	case Full:
		s.Kernels.Combine(op, v[0], v[1], out, 1, 0, w*c, false)
	case PerChannel:
		s.Kernels.Combine(op, v[0], v[1], out, w, 0, c, false)
	case PerPixel:
		s.Kernels.Combine(op, v[0], v[1], out, w, 1, c, true)
	case Scalar:
		s.Kernels.Combine(op, v[0], v[1], out, 1, 0, w*c, true)
	}
}

// at is where an operand's element lies for element i of a row of c channels.
func (o Operand) at(i, c int) int {
	switch o {
	case Full:
		return i
	case PerChannel:
		return i % c
	case PerPixel:
		return i / c
	}
	return 0
}

// Softmax normalizes exp(x) over each run of Size neighbouring channels, or
// takes the logarithm of that.
type Softmax struct {
	Size int
	Log  bool
}

// MultiplyAdds implements Primitive.
func (m *Softmax) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (m *Softmax) Run(s *Scratch, jobs []Job) {
	row := softmax.Row
	if m.Log {
		row = softmax.LogRow
	}
	for i := range jobs {
		// A classifier's only row is as Row has it, which is asked for some classes alone.
		if jobs[i].In[0].Len() == m.Size {
			eachRow(s, jobs[i:i+1], func(x, out []float32) { row(out, x) })
			continue
		}
		eachRow(s, jobs[i:i+1], func(x, out []float32) { softmax.Rows(out, x, m.Size, m.Log) })
	}
}

// LRN is local response normalization across channels:
// x / (Bias + Alpha/Size * sum of squares over Size channels)^Beta.
type LRN struct {
	Size              int
	Alpha, Beta, Bias float32
}

// MultiplyAdds implements Primitive.
func (l *LRN) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (l *LRN) Run(s *Scratch, jobs []Job) {
	before, after := (l.Size-1)/2, l.Size/2
	for i := range jobs {
		n := jobs[i].In[0].C
		eachRow(s, jobs[i:i+1], func(x, out []float32) {
			for k := 0; k < len(x); k += n {
				px := x[k : k+n]
				for c, v := range px {
					sum := 0.0
					for _, w := range px[max(0, c-before):min(n, c+after+1)] {
						sum += float64(float64(w) * float64(w))
					}
					out[k+c] = float32(float64(v) / math.Pow(float64(l.Bias)+float64(float64(l.Alpha)/float64(l.Size)*sum), float64(l.Beta)))
				}
			}
		})
	}
}

// Replace copies numbers, but for NaN, in whose place it puts With.
type Replace struct{ With float32 }

// MultiplyAdds implements Primitive.
func (r *Replace) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (r *Replace) Run(s *Scratch, jobs []Job) {
	eachRow(s, jobs, func(x, out []float32) {
		for i, v := range x[:len(out)] {
			if v != v {
				v = r.With
			}
			out[i] = v
		}
	})
}
