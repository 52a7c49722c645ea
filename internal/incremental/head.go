package incremental

import (
	"fmt"
	"slices"

	"krypton/internal/engine"
)

// ClassifierHead is the end of a plan in which the classes of an output do not meet: from
// the last convolution or fully connected layer on, through what treats every
// channel alike, to a softmax, if there is one. A class is a channel there, and
// classes that do not matter need not be computed.
type ClassifierHead struct {
	plan   *Plan
	output int
	// steps are the head's, from the convolution on, the softmax left out.
	steps  []int
	logits int // value before the softmax
	// Softmax says that the model ends in one.
	Softmax bool
}

// Head finds the classifier head of an output. ok is false where there is none: where the
// output is no row of classes, or something behind the last convolution mixes
// channels or is read by others.
func (p *Plan) Head(output int) (t *ClassifierHead, ok bool) {
	if output < 0 || output >= len(p.outputs) || p.outputs[output].constant != nil {
		return nil, false
	}
	producer, readers := make([]int, len(p.values)), make([]int, len(p.values))
	for i := range producer {
		producer[i] = -1
	}
	for i := range p.steps {
		s := &p.steps[i]
		for _, src := range s.in {
			readers[src.value]++
		}
		if s.reference == nil {
			producer[s.out] = i
		}
	}
	for _, o := range p.outputs {
		for _, v := range o.reads() {
			readers[v]++
		}
	}
	o := &p.outputs[output]
	if len(o.pieces) != 1 {
		return nil, false
	}
	v := o.pieces[0].value
	t = &ClassifierHead{plan: p, output: output, logits: v}
	if p.values[v].plane.H*p.values[v].plane.W != 1 {
		return nil, false
	}
	for {
		i := producer[v]
		if i < 0 || readers[v] != 1 || p.values[v].host || p.values[v].partOf != 0 {
			return nil, false
		}
		s := &p.steps[i]
		if len(s.in) != 1 || s.whole != nil {
			return nil, false
		}
		from := s.in[0]
		if soft, is := s.prim.(*engine.Softmax); is {
			if v != o.pieces[0].value || soft.Log || soft.Size != p.values[v].plane.C || from.plane != p.values[v].plane {
				return nil, false
			}
			t.Softmax, t.logits, v = true, from.value, from.value
			continue
		}
		t.steps = append([]int{i}, t.steps...)
		if picked(p, s.prim, nil) != nil {
			return t, true
		}
		if withChannels(s.prim, nil) == nil || p.values[from.value].plane != from.plane || from.plane.C != p.values[v].plane.C {
			return nil, false
		}
		v = from.value
	}
}

// picked is a convolution that computes some of another's channels, nil for what
// is none.
func picked(p *Plan, prim engine.Primitive, channels []int) engine.Primitive {
	switch c := prim.(type) {
	case *engine.Conv:
		if c.Group == 1 {
			return c.Pick(p.kernels, channels)
		}
	case *engine.ConvBF16:
		return c.Pick(p.kernels, channels)
	case *engine.ConvInt8:
		return c.Pick(p.kernels, channels)
	}
	return nil
}

// withChannels is a primitive that treats every channel alike, for some channels;
// nil for others.
func withChannels(prim engine.Primitive, channels []int) engine.Primitive {
	of := func(f []float32) []float32 {
		g := make([]float32, len(channels))
		for i, c := range channels {
			g[i] = f[c]
		}
		return g
	}
	switch p := prim.(type) {
	case *engine.Unary, *engine.Bounds, *engine.RowSums, *engine.Mean:
		return prim
	case *engine.Affine:
		return &engine.Affine{Scale: of(p.Scale), Shift: of(p.Shift), Clamp: p.Clamp}
	case *engine.PRelu:
		return &engine.PRelu{Slope: of(p.Slope)}
	case *engine.MaxPool:
		q := *p
		q.In.C, q.Out.C = len(channels), len(channels)
		return &q
	case *engine.AveragePool:
		q := *p
		q.In.C, q.Out.C = len(channels), len(channels)
		return &q
	}
	return nil
}

// Classes is the number of classes.
func (t *ClassifierHead) Classes() int { return t.plan.values[t.logits].plane.C }

// Logits are all classes' numbers before the softmax.
func (t *ClassifierHead) Logits(v *Views) []float32 { return v.data[t.logits] }

// Keep gives a plan whose output, without the softmax, is that of the given
// classes in their order, and the same for the views. Its numbers are those of
// the whole plan, bit for bit.
func (t *ClassifierHead) Keep(v *Views, classes []int) (*Plan, *Views, error) {
	all := t.Classes()
	for _, c := range classes {
		if c < 0 || c >= all {
			return nil, nil, fmt.Errorf("class %d of %d", c, all)
		}
	}
	p, w := *t.plan, *v
	p.values = append([]value(nil), p.values...)
	p.steps = append([]step(nil), p.steps...)
	p.outputs = append([]output(nil), p.outputs...)
	w.data = append([][]float32(nil), w.data...)
	w.base = append([][]float32(nil), w.base...)
	w.squares = new(squares)
	for k, i := range t.steps {
		s := &p.steps[i]
		if k == 0 {
			s.prim = picked(t.plan, s.prim, classes)
		} else {
			s.prim = withChannels(s.prim, classes)
			s.in = append([]source(nil), s.in...)
			s.in[0].plane.C = len(classes)
		}
		p.values[s.out].plane.C = len(classes)
		w.data[s.out] = pixelsOf(v.data[s.out], all, classes)
		if p.based(s) {
			w.base[s.out] = pixelsOf(v.base[s.out], all, classes)
		}
	}
	if t.Softmax {
		p.steps = slices.DeleteFunc(p.steps, func(s step) bool { return s.out == p.outputs[t.output].pieces[0].value })
	}
	// The logits now live to the end.
	p.values[t.logits].slot = p.slots
	p.slots++
	o := output{Name: p.outputs[t.output].Name, Type: p.outputs[t.output].Type, shape: []int{1, len(classes)}}
	o.pieces = p.outputOf(t.logits, rowMajor(o.shape))
	p.outputs[t.output] = o
	return &p, &w, nil
}

// pixelsOf gives some channels of a plane of pixels of n.
func pixelsOf(plane []float32, n int, channels []int) []float32 {
	some := make([]float32, 0, len(plane)/n*len(channels))
	for pixel := 0; pixel < len(plane); pixel += n {
		for _, c := range channels {
			some = append(some, plane[pixel+c])
		}
	}
	return some
}
