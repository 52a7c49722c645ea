package incremental

import (
	"slices"

	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/tensor"
)

// elementwise lowers a function of every element, wherever the elements lie.
func (c *compiler) elementwise(n *graph.Node, prim engine.Primitive) (bool, error) {
	return c.elementwiseOf(n, n.In[0], prim)
}

// byScale lowers a function of every element with a scale, or one for each channel.
func (c *compiler) byScale(n *graph.Node, scales int, last bool, prim engine.Primitive) (bool, error) {
	if scales > 1 && last {
		plane, lies, ok := c.channelsLast(n.In[0])
		if ok = ok && plane.C == scales; ok {
			c.lastAxis(n, n.Out[0], n.Name, prim, plane, lies)
		}
		return ok, nil
	}
	if scales > 1 {
		return c.perPixel(n, prim)
	}
	return c.elementwise(n, prim)
}

// elementwiseOf lowers what makes a node's output of any value by a function of every
// element.
func (c *compiler) elementwiseOf(n *graph.Node, from graph.ValueID, prim engine.Primitive) (bool, error) {
	r := c.refs[from]
	if r == nil || c.p.values[r.value].host || c.g.Values[n.Out[0]].Info.Type != tensor.Float32 {
		return false, nil
	}
	plane := c.p.values[r.value].plane
	v := c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, in: []source{{r.value, plane}}, spec: prim},
		c.g.Values[n.Out[0]].Name, plane)
	c.refs[n.Out[0]] = &ref{value: v, layout: r.layout, shape: r.shape}
	return true, nil
}

// perPixel lowers a function of each pixel's channels.
func (c *compiler) perPixel(n *graph.Node, prim engine.Primitive) (bool, error) {
	return c.perPixelTo(n, n.Out[0], n.Name, prim)
}

// perPixelTo is perPixel for what makes another graph value, of a node and others.
func (c *compiler) perPixelTo(n *graph.Node, result graph.ValueID, name string, prim engine.Primitive) (bool, error) {
	src, ok := c.rows(n.In[0])
	if !ok {
		return false, nil
	}
	v := c.emit(step{node: name, operator: n.Def.Name, kind: op.Pointwise, in: []source{src}, spec: prim},
		c.g.Values[result].Name, src.plane)
	c.define(result, v)
	return true, nil
}

// spread says how an operand of shape s broadcasts over a value of shape out
// with channels on axis 1. ok is false for forms that primitives do not have.
func spread(s, out []int) (engine.Operand, bool) {
	if len(s) > len(out) {
		return 0, false
	}
	full := make([]int, len(out))
	for i := range full {
		full[i] = 1
	}
	copy(full[len(out)-len(s):], s)
	ones := func(a []int) bool { return !slices.ContainsFunc(a, func(n int) bool { return n != 1 }) }
	switch {
	case ones(full):
		return engine.Scalar, true
	case slices.Equal(full, out):
		return engine.Full, true
	case len(out) >= 2 && full[0] == 1 && full[1] == out[1] && ones(full[2:]):
		return engine.PerChannel, true
	case len(out) > 2 && full[0] == 1 && full[1] == 1 && slices.Equal(full[2:], out[2:]):
		return engine.PerPixel, true
	}
	return 0, false
}

// spreadPartly is spread for values of one row of a plane, or one column.
func spreadPartly(s, out []int) (engine.Operand, bool) {
	if len(s) != 4 || len(out) != 4 || s[0] != 1 || out[0] != 1 {
		return 0, false
	}
	for a, n := range s {
		if n != 1 && n != out[a] {
			return 0, false
		}
	}
	switch {
	case s[1] == out[1] && s[3] == out[3]:
		return engine.Full, true
	case s[1] == out[1]:
		return engine.PerChannel, true
	case s[3] == out[3]:
		return engine.PerPixel, true
	}
	return engine.Scalar, true
}

// softmax lowers the normalization over an axis, whose elements are put together if they
// do not lie so.
func (c *compiler) softmax(n *graph.Node, o *op.Softmax) (bool, error) {
	shape := c.shape(n.In[0])
	axis := o.Axis
	if axis < 0 {
		axis += len(shape)
	}
	v := c.view(n.In[0])
	if v == nil || o.Hard || axis < 0 || axis >= len(shape) || c.g.Values[n.Out[0]].Info.Type != tensor.Float32 {
		return false, nil
	}
	if o.Coerce { // everything from axis on is one group
		for _, d := range shape[axis+1:] {
			if d != 1 {
				return false, nil
			}
		}
	}
	size, along := shape[axis], v.axes[axis]
	prim := &engine.Softmax{Size: size, Log: o.Log}
	if plane := c.p.values[v.value].plane; c.parts[n.In[0]] == nil && (len(along) == 0 || len(along) == 1 && along[0].step == 1 && plane.C%size == 0) {
		return c.elementwise(n, prim)
	}
	there, back := toLast(len(shape), axis)
	r := c.laid(v.transposed(there), c.g.Values[n.In[0]].Name)
	s := step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, in: []source{{r.value, c.p.values[r.value].plane}}, spec: prim}
	v = &view{value: c.emit(s, c.g.Values[n.Out[0]].Name, c.p.values[r.value].plane), scale: 1}
	v.axes, _ = grouped(r.layout.strides(), r.layout.shape)
	c.see(n.Out[0], v.transposed(back))
	return true, nil
}

// toLast gives the permutations that make an axis the last of rank, and undo that.
func toLast(rank, axis int) (there, back []int) {
	for a := range rank {
		if a != axis {
			there = append(there, a)
		}
	}
	there = append(there, axis)
	back = make([]int, rank)
	for i, a := range there {
		back[a] = i
	}
	return there, back
}

// binary lowers elementwise arithmetic of two or more operands.
func (c *compiler) binary(n *graph.Node, o *op.Elementwise) (bool, error) {
	out := c.g.Values[n.Out[0]].Info
	if out.Type != tensor.Float32 || out.Shape == nil || len(n.In) < 2 {
		return false, nil
	}
	if len(n.In) > 2 && o.Name != "Sum" && o.Name != "Max" && o.Name != "Min" {
		return false, nil
	}
	for _, id := range n.In {
		if c.g.Values[id].Info.Type != tensor.Float32 {
			return false, nil
		}
	}
	if c.inPlace(n, o) {
		return true, nil
	}
	_, plane, ok := rowsOf(out.Shape)
	if !ok {
		return false, nil
	}
	sides, ok := c.sides(n, out.Shape)
	if !ok {
		return false, nil
	}
	for i, id := range n.In {
		if a := &sides[i]; a.constant == nil && a.kind == engine.Scalar && !a.partly {
			r := c.force(id)
			a.source = source{r.value, c.p.values[r.value].plane}
		} else if a.constant == nil {
			a.source, _ = c.rows(id)
		}
	}
	name, result, left := n.Name, n.Out[0], sides[0]
	for i, right := range sides[1:] {
		s := step{node: name, operator: n.Def.Name, kind: op.Pointwise}
		if left.plane() && right.plane() && (o.Name == "Add" || o.Name == "Sum") {
			sum := &engine.Sum{Clamp: unbounded}
			if i+2 == len(n.In) {
				sum.Clamp, result, name = c.activation(result, name)
				s.node = name
			}
			s.in, s.spec = []source{left.source, right.source}, sum
		} else {
			b := &engine.Binary{Out: plane, Kind: [2]engine.Operand{left.kind, right.kind}, Const: [2][]float32{left.constant, right.constant}}
			operation(b, o)
			for _, a := range []side{left, right} {
				if a.constant == nil {
					s.in, s.whole = append(s.in, a.source), append(s.whole, a.partly || a.kind == engine.PerChannel || a.kind == engine.Scalar)
				}
			}
			s.spec = b
		}
		left = side{kind: engine.Full, source: source{c.emit(s, c.g.Values[n.Out[0]].Name, plane), plane}}
	}
	c.define(result, left.source.value)
	return true, nil
}

// side is one side of elementwise arithmetic: a constant, or what a step has made.
type side struct {
	kind     engine.Operand
	constant []float32 // as kind has them, channels last; nil for a value
	partly   bool      // a value of one row, or of one column, that is used for all
	source   source
}

// plane says that the side is a value of the result's shape.
func (a *side) plane() bool { return a.constant == nil && a.kind == engine.Full && !a.partly }

// sides tells how the inputs of a node broadcast over its output, without the places
// of those that are no constants; ok is false if one does otherwise than primitives can.
// It only looks.
func (c *compiler) sides(n *graph.Node, out []int) (sides []side, ok bool) {
	sides = make([]side, len(n.In))
	for i, id := range n.In {
		a := &sides[i]
		if a.kind, ok = spread(c.shape(id), out); !ok && c.constant(id) == nil {
			a.kind, ok = spreadPartly(c.shape(id), out)
			a.partly = ok
		}
		if !ok {
			return nil, false
		}
		if t := c.constant(id); t != nil {
			f, err := t.Floats()
			if err != nil {
				return nil, false
			}
			if a.constant = f; a.kind == engine.Full { // channels last
				l, _, _ := rowsOf(out)
				a.constant = make([]float32, len(f))
				l.scatter(a.constant, f)
			}
			continue
		}
		if r := c.refs[id]; r == nil || c.p.values[r.value].host {
			return nil, false
		}
		if len(c.shape(id)) != len(out) && a.kind != engine.Scalar {
			return nil, false
		}
	}
	return sides, true
}

// channels says whether a constant of this shape has one number for each channel of
// the plane, wherever the axes of the value have gone.
func (r *ref) channels(shape []int, plane engine.Plane) bool {
	if r.shape != nil || len(shape) > len(r.layout.shape) {
		return false
	}
	along := -1
	for i, d := range shape {
		if a := len(r.layout.shape) - len(shape) + i; d > 1 {
			if along >= 0 || d != r.layout.shape[a] || d != plane.C || r.layout.stride[a] != 1 {
				return false
			}
			along = a
		}
	}
	return along >= 0
}

// inPlace lowers arithmetic with a single number, with a number for each channel, or of
// two values that lie alike, without asking for rows: the elements stay where they are.
func (c *compiler) inPlace(n *graph.Node, o *op.Elementwise) bool {
	if len(n.In) != 2 || slices.ContainsFunc(slices.Concat(n.In, n.Out), func(id graph.ValueID) bool { return id < 0 || c.g.Values[id].Info.Type != tensor.Float32 }) {
		return false
	}
	out := c.shape(n.Out[0])
	var refs [2]*ref
	var consts [2][]float32
	var row *tensor.Tensor // a constant that is no number
	for i, id := range n.In {
		if t := c.constant(id); t != nil {
			f, err := t.Floats()
			if err != nil {
				return false
			}
			if len(f) != 1 {
				row = t
			}
			consts[i] = f
			continue
		}
		r := c.refs[id]
		if r == nil || c.p.values[r.value].host || !slices.Equal(c.shape(id), out) || c.asRows(id) && len(n.In) == 2 && consts[0] == nil && c.constant(n.In[1]) == nil {
			return false
		}
		refs[i] = r
	}
	r := refs[0]
	if r == nil {
		r = refs[1]
	}
	if r == nil {
		return false
	}
	plane := c.p.values[r.value].plane
	other := engine.Scalar
	if row != nil {
		if other = engine.PerChannel; !r.channels(row.Shape, plane) {
			return false
		}
	}
	if refs[0] != nil && refs[1] != nil && !c.alike(n.In[0], n.In[1]) {
		return false
	}
	b := &engine.Binary{Out: plane, Const: consts}
	operation(b, o)
	s := step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, spec: b}
	for i := range refs {
		b.Kind[i] = engine.Full
		if refs[i] == nil {
			b.Kind[i] = other
			continue
		}
		s.in = append(s.in, c.asPlane(refs[i].value, plane))
	}
	v := c.emit(s, c.g.Values[n.Out[0]].Name, plane)
	c.refs[n.Out[0]] = &ref{value: v, layout: r.layout, shape: r.shape}
	return true
}

// byComputed lowers arithmetic of a value with a number that is computed, or with a computed
// row of its last axis, wherever the value lies; and of such a number with constants.
func (c *compiler) byComputed(n *graph.Node, o *op.Elementwise) bool {
	if len(n.In) != 2 || slices.ContainsFunc(slices.Concat(n.In, n.Out), func(id graph.ValueID) bool { return id < 0 || c.g.Values[id].Info.Type != tensor.Float32 }) {
		return false
	}
	return c.withComputed(n, o, 0) || c.withComputed(n, o, 1)
}

// withComputed is byComputed where operand i is the number or the row.
func (c *compiler) withComputed(n *graph.Node, o *op.Elementwise, i int) bool {
	id, other, out := n.In[i], n.In[1-i], c.shape(n.Out[0])
	row := c.view(id)
	if row == nil || c.constant(id) != nil || !row.whole(c.p.values[row.value].plane.Len()) || !slices.Equal(c.shape(other), out) {
		return false
	}
	size := c.p.values[row.value].plane.Len()
	b := &engine.Binary{}
	b.Kind[i], b.Kind[1-i] = engine.Scalar, engine.Full
	to := &ref{layout: rowMajor(out)}
	var value source
	switch t, r := c.constant(other), c.refs[other]; {
	case size > 1:
		plane, lies, ok := c.channelsLast(other)
		if shape := c.shape(id); !ok || t != nil || plane.C != size || shape[len(shape)-1] != size {
			return false
		}
		b.Kind[i], b.Out, value = engine.PerChannel, plane, c.asPlane(lies.value, plane)
		to = lies.widened(0, size).ref()
	case t != nil:
		f, err := t.Floats()
		if err != nil {
			return false
		}
		b.Const[1-i], b.Out = f, rowPlane(out)
	case r == nil || c.p.values[r.value].host:
		return false
	default:
		value = source{r.value, c.p.values[r.value].plane}
		b.Out, to = value.plane, &ref{layout: r.layout, shape: r.shape}
	}
	operation(b, o)
	s := step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, spec: b}
	for k := range n.In {
		switch {
		case k == i:
			s.in, s.whole = append(s.in, c.asPlane(row.value, engine.Plane{H: 1, W: 1, C: size})), append(s.whole, true)
		case b.Const[k] == nil:
			s.in, s.whole = append(s.in, value), append(s.whole, false)
		}
	}
	to.value = c.emit(s, c.g.Values[n.Out[0]].Name, b.Out)
	c.refs[n.Out[0]] = to
	return true
}
