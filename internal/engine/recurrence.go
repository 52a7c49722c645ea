package engine

import (
	"fmt"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// Cell is what a recurrent layer does with the sums of a step.
type Cell int

// The cells, with the gates' order of ONNX: LSTM has input, output, forget and cell, GRU
// update, reset and hidden, of which the last is multiplied by reset behind its sum.
const (
	LSTM Cell = iota
	GRU
	TanhCell
	ReluCell
)

// gates is how many sums each unit of a cell has.
func (c Cell) gates() int { return [...]int{LSTM: 4, GRU: 3, TanhCell: 1, ReluCell: 1}[c] }

// Recurrence is a recurrent layer behind the sums over its input, which are its own input:
// a pixel for each of Steps, with the gates' sums of each direction one after the other.
// A pixel's output are the states of all directions; where Last is set all of that is one
// pixel, behind which lie the last states of all directions and then their cells.
type Recurrence struct {
	Cell          Cell
	Steps, Hidden int
	Last          bool
	Directions    []Direction
}

// Direction is one way through a sequence.
type Direction struct {
	// Reverse begins at the sequence's end.
	Reverse bool
	// Weights are [gates*Hidden][Hidden], of the state before, Bias a number for each sum.
	Weights, Bias []float32
	// State and Memory are what the first step finds; nil is zeros.
	State, Memory []float32
}

// Out is the plane of the output.
func (r *Recurrence) Out() Plane {
	n := len(r.Directions) * r.Hidden
	if r.Last {
		return Plane{1, 1, (r.Steps + 2) * n}
	}
	return Plane{1, r.Steps, n}
}

// MultiplyAdds implements Spec.
func (r *Recurrence) MultiplyAdds() int64 {
	n := int64(len(r.Directions)*r.Cell.gates()) * int64(r.Hidden) * int64(r.Hidden)
	if r.Last {
		return n * int64(r.Steps)
	}
	return n
}

// Recurrent computes a Recurrence, of several changes at a time: weights are read once a
// step for all of them.
type Recurrent struct {
	Recurrence
	sums          []*Conv // of each direction, over the state
	sigmoid, tanh []float64
}

// NewRecurrent packs the weights of a recurrence.
func NewRecurrent(s *Scratch, r *Recurrence) (*Recurrent, error) {
	p := &Recurrent{Recurrence: *r, sigmoid: asm.Table(asm.Sigmoid), tanh: asm.Table(asm.Tanh)}
	p.Directions = append([]Direction(nil), r.Directions...)
	for i := range p.Directions {
		d := &p.Directions[i]
		if d.State != nil && len(d.State) != r.Hidden || d.Memory != nil && len(d.Memory) != r.Hidden {
			return nil, fmt.Errorf("recurrence of %d units: first states of %d and %d", r.Hidden, len(d.State), len(d.Memory))
		}
		one := region.Identity(1)
		sum, err := NewConv(s, Plane{1, 1, r.Hidden}, one, one, 1, d.Weights, d.Bias, r.Cell.gates()*r.Hidden, unclamped)
		if err != nil {
			return nil, err
		}
		p.sums = append(p.sums, sum)
		d.Weights, d.Bias = nil, nil // the packed ones are enough
	}
	return p, nil
}

// Run implements Primitive.
func (r *Recurrent) Run(s *Scratch, jobs []Job) { r.RunParts(s, jobs, 0, r.Parts()) }

// Parts implements Divided: directions.
func (r *Recurrent) Parts() int { return len(r.Directions) }

// RunParts implements Divided.
func (r *Recurrent) RunParts(s *Scratch, jobs []Job, lo, hi int) {
	n, sums := r.Hidden, r.Cell.gates()*r.Hidden
	each, all := 2*n+sums, len(r.Directions)
	space := grow(&s.states, len(jobs)*each)
	s.stepIn, s.steps = grow(&s.stepIn, len(jobs)), grow(&s.steps, len(jobs))
	plane := Plane{1, 1, n}
	for i := range jobs {
		at := space[i*each:]
		s.stepIn[i] = Patched{Plane: plane, Update: at[:n], Rect: plane.Rect()}
		s.steps[i] = Job{In: s.stepIn[i : i+1], Rect: plane.Rect(), Out: at[2*n : each]}
	}
	for d := lo; d < hi; d++ {
		way := &r.Directions[d]
		for i := range jobs {
			at := space[i*each:]
			begin(at[:n], way.State)
			begin(at[n:2*n], way.Memory)
		}
		for k := range r.Steps {
			t := k
			if way.Reverse {
				t = r.Steps - 1 - k
			}
			r.sums[d].Run(s, s.steps)
			for i := range jobs {
				at := space[i*each:][:each]
				x := jobs[i].In[0].pixel(t)[d*sums:][:sums]
				r.cell(s.Kernels, at[:n], at[n:2*n], x, at[2*n:])
				copy(jobs[i].Out[(t*all+d)*n:], at[:n])
			}
		}
		if r.Last {
			for i := range jobs {
				out := jobs[i].Out[(r.Steps*all+d)*n:]
				copy(out, space[i*each:][:n])
				copy(out[all*n:], space[i*each+n:][:n])
			}
		}
	}
}

// begin makes a state the first one.
func begin(state, first []float32) {
	clear(state)
	copy(state, first)
}

// cell takes a step: h and c are the state and the memory, x the sums over the input and
// past those over the state.
func (r *Recurrent) cell(k *asm.Kernels, h, c, x, past []float32) {
	n := r.Hidden
	switch r.Cell {
	case LSTM:
		k.Add(past, x, past, &unclamped)
		k.Apply(asm.Sigmoid, r.sigmoid, past[:3*n], past[:3*n])
		k.Apply(asm.Tanh, r.tanh, past[3*n:], past[3*n:])
		in, out, forget, cell := past[:n], past[n:2*n], past[2*n:3*n], past[3*n:]
		for i, v := range c {
			c[i] = float32(forget[i]*v) + float32(in[i]*cell[i])
		}
		k.Apply(asm.Tanh, r.tanh, c, h)
		for i, v := range out {
			h[i] *= v
		}
	case GRU:
		k.Add(past[:2*n], x, past[:2*n], &unclamped)
		k.Apply(asm.Sigmoid, r.sigmoid, past[:2*n], past[:2*n])
		update, reset, hidden := past[:n], past[n:2*n], past[2*n:]
		for i, v := range x[2*n:] {
			hidden[i] = v + float32(reset[i]*hidden[i])
		}
		k.Apply(asm.Tanh, r.tanh, hidden, hidden)
		for i, v := range update {
			h[i] = float32((1-v)*hidden[i]) + float32(v*h[i])
		}
	case TanhCell:
		k.Add(past, x, h, &unclamped)
		k.Apply(asm.Tanh, r.tanh, h, h)
	case ReluCell:
		k.Add(past, x, h, &Clamp{0, unclamped[1]})
	}
}
