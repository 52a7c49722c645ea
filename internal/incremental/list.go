package incremental

import (
	"slices"

	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/tensor"
)

// A list is a value of shape [1, N, K] whose N rows of K numbers lie one behind the
// other: what detectors put their heads together to. As a plane it is a row of N
// pixels of K channels, so that a change of some boxes recomputes those.

// liesAsList says whether a value's numbers lie in ONNX order.
func (c *compiler) liesAsList(id graph.ValueID) bool {
	if id < 0 { // an input that is left out
		return false
	}
	shape := c.shape(id)
	if len(shape) != 3 || shape[0] != 1 || c.g.Values[id].Info.Type != tensor.Float32 {
		return false
	}
	r := c.refs[id]
	return r != nil && r.shape == nil && !c.p.values[r.value].host && r.layout.same(rowMajor(shape)) && shape[1]*shape[2] == c.p.values[r.value].plane.Len()
}

// list gives a value that lies as a list as its plane, which may have to be copied
// from one of another form.
func (c *compiler) list(id graph.ValueID) source {
	shape, r := c.shape(id), c.refs[id]
	plane, own := engine.Plane{H: 1, W: shape[1], C: shape[2]}, c.p.values[r.value].plane
	if own != plane {
		name := c.g.Values[id].Name
		v := c.emit(step{node: name, operator: "(list)", kind: op.Global, in: []source{{r.value, own}}, spec: &engine.Row{Out: plane}}, name, plane)
		c.refs[id] = &ref{value: v, layout: rowMajor(shape)}
	}
	return source{c.refs[id].value, plane}
}

// emitList emits a step whose output i is a list.
func (c *compiler) emitList(n *graph.Node, i int, s step) {
	id := n.Out[i]
	shape := c.shape(id)
	s.node, s.operator = n.Name, n.Def.Name
	v := c.emit(s, c.g.Values[id].Name, engine.Plane{H: 1, W: shape[1], C: shape[2]})
	c.refs[id] = &ref{value: v, layout: rowMajor(shape)}
}

// lists lowers what is done to lists: putting their rows or columns together, picking
// columns, arithmetic. It returns false, having changed nothing, for everything else.
func (c *compiler) lists(n *graph.Node) (bool, error) {
	out := c.shape(n.Out[0])
	if len(out) != 3 || out[0] != 1 || !slices.ContainsFunc(n.In, func(id graph.ValueID) bool { return c.liesAsList(id) && !c.asRows(id) }) {
		return false, nil // a series, if anything
	}
	switch o := n.Op.(type) {
	case *op.Concat:
		return c.concatLists(n, o.Axis)
	case *op.Split:
		return c.splitList(n, o)
	case *op.Slice:
		return c.sliceList(n, o)
	case *op.Elementwise:
		if c.inPlace(n, o) {
			return true, nil
		}
		return c.binaryLists(n, o)
	}
	return false, nil
}

func (c *compiler) concatLists(n *graph.Node, axis int) (bool, error) {
	if axis < 0 {
		axis += 3
	}
	if axis != 1 && axis != 2 {
		return false, nil
	}
	for _, id := range n.In {
		if !c.liesAsList(id) {
			return false, nil
		}
	}
	shape := c.shape(n.Out[0])
	plane := engine.Plane{H: 1, W: shape[1], C: shape[2]}
	s := step{kind: op.Pointwise, spec: &engine.Concat{Out: plane}}
	if axis == 1 {
		s.kind, s.spec = op.Global, &engine.Row{Out: plane}
	}
	for _, id := range n.In {
		if axis == 1 { // from planes of any form
			r := c.refs[id]
			s.in = append(s.in, source{r.value, c.p.values[r.value].plane})
			continue
		}
		s.in = append(s.in, c.list(id))
	}
	c.emitList(n, 0, s)
	return true, nil
}

func (c *compiler) splitList(n *graph.Node, o *op.Split) (bool, error) {
	if !c.liesAsList(n.In[0]) || o.Axis != 2 && o.Axis != -1 {
		return false, nil
	}
	ranges, err := o.Ranges(c.infos(n.In), len(n.Out))
	if err != nil || slices.ContainsFunc(ranges, func(r [2]int) bool { return r[0] == r[1] }) {
		return false, err
	}
	src := c.list(n.In[0])
	for i, r := range ranges {
		c.emitList(n, i, step{kind: op.Pointwise, in: []source{src}, spec: &engine.Channels{Source: span(r[0], r[1]-r[0], 1)}})
	}
	return true, nil
}

func (c *compiler) sliceList(n *graph.Node, o *op.Slice) (bool, error) {
	if !c.liesAsList(n.In[0]) {
		return false, nil
	}
	starts, steps, counts, err := o.Ranges(c.infos(n.In))
	if err != nil || starts[1] != 0 || steps[1] != 1 || counts[1] != c.shape(n.In[0])[1] || counts[2] == 0 {
		return false, err
	}
	c.emitList(n, 0, step{kind: op.Pointwise, in: []source{c.list(n.In[0])}, spec: &engine.Channels{Source: span(starts[2], counts[2], steps[2])}})
	return true, nil
}

// binaryLists lowers arithmetic of a list with another one, or with constants.
func (c *compiler) binaryLists(n *graph.Node, o *op.Elementwise) (bool, error) {
	out := c.g.Values[n.Out[0]].Info
	if len(n.In) != 2 || out.Type != tensor.Float32 {
		return false, nil
	}
	b := &engine.Binary{Out: engine.Plane{H: 1, W: out.Shape[1], C: out.Shape[2]}}
	operation(b, o)
	s := step{kind: op.Pointwise, spec: b}
	for i, id := range n.In {
		if id < 0 || c.g.Values[id].Info.Type != tensor.Float32 {
			return false, nil
		}
		ok := false
		if b.Kind[i], ok = spread(swapped(c.shape(id)), swapped(out.Shape)); !ok {
			return false, nil
		}
		if t := c.constant(id); t != nil {
			f, err := t.Floats()
			if err != nil {
				return false, err
			}
			b.Const[i] = f // a list's numbers are in ONNX order
			continue
		}
		if !c.liesAsList(id) || b.Kind[i] != engine.Full && b.Kind[i] != engine.PerPixel {
			return false, nil
		}
	}
	for i, id := range n.In {
		if b.Const[i] == nil {
			s.in = append(s.in, c.list(id))
		}
	}
	if len(s.in) == 2 && o.Name == "Add" && b.Kind[0] == engine.Full && b.Kind[1] == engine.Full {
		s.spec = &engine.Sum{Clamp: unbounded}
	}
	c.emitList(n, 0, s)
	return true, nil
}

// swapped is a shape of at most three axes, completed, with its last two in the other
// order: of a list, channels before pixels.
func swapped(shape []int) []int {
	s := []int{1, 1, 1}
	if len(shape) > len(s) {
		return shape
	}
	copy(s[len(s)-len(shape):], shape)
	s[1], s[2] = s[2], s[1]
	return s
}
