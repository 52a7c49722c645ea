package incremental

import (
	"slices"

	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// Networks of today keep channels last: a linear layer, a normalization or a bias over
// the last axis is one of each pixel's channels, wherever the transposes around it
// have put the pixels.

// channelsLast gives how a value lies whose last axis is the channels of a plane, and the
// plane.
func (c *compiler) channelsLast(id graph.ValueID) (plane engine.Plane, lies *view, ok bool) {
	v := c.view(id)
	if v == nil || len(v.axes) == 0 || c.g.Values[id].Info.Type != tensor.Float32 {
		return plane, nil, false
	}
	return c.channelsLastOf(v)
}

// channelsLastOf is channelsLast of a view.
func (c *compiler) channelsLastOf(v *view) (plane engine.Plane, lies *view, ok bool) {
	own, last := c.p.values[v.value].plane, v.axes[len(v.axes)-1]
	n := length(last)
	if !v.whole(own.Len()) || len(last) > 1 || len(last) == 1 && last[0].step != 1 {
		return plane, nil, false
	}
	for _, s := range slices.Concat(v.axes[:len(v.axes)-1]...) {
		if s.step%n != 0 {
			return plane, nil, false
		}
	}
	if own.C != n {
		own = engine.Plane{H: 1, W: own.Len() / n, C: n}
	}
	return own, v, true
}

// widened is a view whose last axis, the channels, becomes n long, of the value given.
func (v *view) widened(value, n int) *view {
	last := len(v.axes) - 1
	w := &view{value: value, axes: make([][]stride, len(v.axes)), scale: 1}
	for i, axis := range v.axes[:last] {
		for _, s := range axis {
			w.axes[i] = append(w.axes[i], stride{s.n, s.step / length(v.axes[last]) * n})
		}
	}
	w.axes[last] = merged([]stride{{n, 1}})
	return w
}

// linear lowers the product of the last axis with constant weights [out][in], with what
// scales and shifts it and the bounds behind that: a convolution of single pixels.
func (c *compiler) linear(n *graph.Node, weights, bias []float32, in, out int) (bool, error) {
	plane, lies, ok := c.channelsLast(n.In[0])
	if !ok || plane.C != in || out == 0 || len(c.shape(n.Out[0])) != len(lies.axes) {
		return false, nil
	}
	weights, bias, result, name := c.foldAffine(n, weights, bias, out, len(lies.axes)-1, func(id graph.ValueID) ([]float32, bool) { return c.lastRow(id, out) })
	weights, bias, result, name, moved := c.foldBehindMove(result, name, weights, bias, lies.widened(0, out), len(lies.axes)-1)
	clamp, result, name := c.activation(result, name)
	src := c.asPlane(lies.value, plane)
	y, x := region.Identity(plane.H), region.Identity(plane.W)
	v := c.convolve(step{node: name, operator: n.Def.Name, in: []source{src}}, c.g.Values[result].Name,
		engine.Convolution{Y: y, X: x, Group: 1, OutC: out, Weights: weights, Bias: bias, Clamp: clamp})
	to := lies.widened(v, out)
	if moved != nil {
		to = moved(to)
	}
	c.see(result, to)
	return true, nil
}

// foldBehindMove folds what scales, shifts and bounds channels behind a transpose or a
// reshape that alone reads a convolution or a linear layer: the layer scales of ConvNeXt, the
// batch normalizations of LeViT's tokens, all of what TensorFlow's exporters write between
// transposes. The layer's result would lie as lies says, its channels along that axis; what is
// folded behind lies as moved has it of that, nil where nothing is. Bounds are found, and left
// for who emits the layer.
func (c *compiler) foldBehindMove(from graph.ValueID, name string, weights, bias []float32, lies *view, channels int) (w, b []float32, result graph.ValueID, as string, moved func(*view) *view) {
	i := c.only(from)
	if i < 0 || c.chained(i) {
		return weights, bias, from, name, nil
	}
	n, out := c.g.Nodes[i], length(lies.axes[channels])
	shape, axis := c.shape(n.Out[0]), -1
	switch o := n.Op.(type) {
	case *op.Transpose:
		order, err := o.Permutation(len(shape))
		if err != nil {
			return weights, bias, from, name, nil
		}
		axis, moved = slices.Index(order, channels), func(v *view) *view { return v.transposed(order) }
	case *op.Reshape, *op.Flatten, *op.Squeeze, *op.Unsqueeze:
		moved = func(v *view) *view { return v.reshaped(shape) }
		before, n := length(slices.Concat(lies.axes[:channels]...)), 1
		for a, k := range shape {
			if n == before && k == out && moved(lies) != nil {
				axis = a
				break
			}
			n *= k
		}
	}
	if axis < 0 {
		return weights, bias, from, name, nil
	}
	behind := &graph.Node{Name: name + "+" + n.Name, Out: n.Out}
	w, b, result, as = c.foldAffine(behind, weights, bias, out, axis, func(id graph.ValueID) ([]float32, bool) { return c.rowAlong(id, len(shape), axis, out) })
	if result == n.Out[0] && !c.bounded(result) {
		return weights, bias, from, name, nil
	}
	c.fused[i] = true
	return w, b, result, as, moved
}

// rowAlong gives a constant as one number for each of n elements of an axis of values of
// that rank.
func (c *compiler) rowAlong(id graph.ValueID, rank, axis, n int) ([]float32, bool) {
	if id < 0 {
		return nil, false
	}
	t := c.constant(id)
	if t == nil || t.DType() != tensor.Float32 || len(t.Shape) > rank {
		return nil, false
	}
	if at := axis - (rank - len(t.Shape)); t.Len() != 1 && (t.Len() != n || at < 0 || t.Shape[at] != n) {
		return nil, false
	}
	f, err := t.Floats()
	if err != nil {
		return nil, false
	}
	return repeated(f, n), true
}

// layerNorm lowers a normalization over the last axis.
func (c *compiler) layerNorm(n *graph.Node, axis int, l *engine.LayerNorm) (bool, error) {
	rank := len(c.shape(n.In[0]))
	if rank == 0 || axis != -1 && axis != rank-1 {
		return false, nil
	}
	for i, id := range n.Out {
		if i > 0 && id >= 0 && (len(c.consumers[id]) > 0 || c.isOutput[id]) {
			return false, nil
		}
	}
	channels, ok := c.shape(n.In[0])[rank-1], true
	if l.Scale, ok = c.lastRow(n.In[1], channels); !ok {
		return false, nil
	}
	l.Bias = make([]float32, channels)
	if givenInput(n, 2) {
		if l.Bias, ok = c.lastRow(n.In[2], channels); !ok {
			return false, nil
		}
	}
	return c.normalizedFrom(n, n.In[0], l)
}

// normalizedFrom lowers what makes a node's output of a value by a normalization over
// the last axis.
func (c *compiler) normalizedFrom(n *graph.Node, from graph.ValueID, l *engine.LayerNorm) (bool, error) {
	plane, lies, ok := c.channelsLast(from)
	if !ok && !c.device && c.normalizedRuns(n, from, l) {
		return true, nil
	}
	if !ok && c.inOrder(from) {
		plane, lies, ok = c.channelsLast(from)
	}
	if !ok || plane.C != len(l.Scale) {
		return false, nil
	}
	c.lastAxis(n, n.Out[0], n.Name, l, plane, lies)
	return true, nil
}

// lastAxis emits what makes each pixel's channels of those of a node's input, which lie so,
// for the node and those behind it up to result.
func (c *compiler) lastAxis(n *graph.Node, result graph.ValueID, name string, spec engine.Primitive, plane engine.Plane, lies *view) {
	src := c.asPlane(lies.value, plane)
	v := c.emit(step{node: name, operator: n.Def.Name, kind: op.Pointwise, in: []source{src}, spec: spec}, c.g.Values[result].Name, plane)
	c.see(result, lies.widened(v, plane.C))
}

// normalizedBatch lowers a batch normalization of several planes or series at a time, as models
// have them that treat windows, or each lead of a series, by itself; false where channels are
// not last in memory.
func (c *compiler) normalizedBatch(n *graph.Node, scale, shift []float32) bool {
	v := c.view(n.In[0])
	if v == nil || len(v.axes) < 2 || c.g.Values[n.In[0]].Info.Type != tensor.Float32 {
		return false
	}
	there, back := toLast(len(v.axes), 1)
	plane, lies, ok := c.channelsLastOf(v.transposed(there))
	if !ok || plane.C != len(scale) {
		return false
	}
	clamp, result, name := c.activation(n.Out[0], n.Name)
	s := step{node: name, operator: n.Def.Name, kind: op.Pointwise, in: []source{c.asPlane(lies.value, plane)}, spec: &engine.Affine{Scale: scale, Shift: shift, Clamp: clamp}}
	made := lies.widened(c.emit(s, c.g.Values[result].Name, plane), plane.C)
	c.see(result, made.transposed(back))
	return true
}

// normalizedRuns lowers a normalization of runs of neighbouring channels, as the heads of
// queries and keys are, where they lie; false where a value is no such runs of all pixels.
func (c *compiler) normalizedRuns(n *graph.Node, from graph.ValueID, l *engine.LayerNorm) bool {
	v, size := c.view(from), len(l.Scale)
	if v == nil || v.scale != 1 || c.g.Values[from].Info.Type != tensor.Float32 {
		return false
	}
	plane, last := c.p.values[v.value].plane, len(v.axes)-1
	if last < 0 || !slices.Equal(v.axes[last], []stride{{size, 1}}) {
		return false
	}
	of := plane // the channels that runs are of
	of.C = size
	pixels := 1
	for _, s := range slices.Concat(v.axes[:last]...) {
		switch {
		case s.step > 0 && s.step%plane.C == 0:
			pixels *= s.n
		case s.step%size == 0 && s.step > 0:
			of.C *= s.n
		default:
			return false
		}
	}
	axes := make([][]stride, len(v.axes))
	for i, a := range v.axes {
		for _, s := range a {
			if s.step%plane.C == 0 {
				s.step = s.step / plane.C * of.C
			}
			axes[i] = append(axes[i], s)
		}
	}
	made := &view{axes: axes, scale: 1}
	if pixels != plane.H*plane.W || v.offset+of.C > plane.C || !made.whole(of.Len()) {
		return false
	}
	src := source{v.value, plane}
	if of != plane {
		pick := step{node: n.Name, operator: "(channels)", kind: op.Pointwise, in: []source{src}, spec: &engine.Channels{Source: span(v.offset, of.C, 1)}}
		src = source{c.emit(pick, c.g.Values[from].Name, of), of}
	}
	made.value = c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, in: []source{src}, spec: l}, c.g.Values[n.Out[0]].Name, of)
	c.see(n.Out[0], made)
	return true
}

// ofPixels says whether axes are those of all pixels of a node's input, whose channels are
// last.
func (c *compiler) ofPixels(n *graph.Node, axes []int) bool {
	_, lies, ok := c.channelsLast(n.In[0])
	if !ok || slices.Contains(axes, len(lies.axes)-1) {
		return false
	}
	for a, axis := range lies.axes[:len(lies.axes)-1] {
		if len(axis) > 0 && !slices.Contains(axes, a) {
			return false
		}
	}
	return true
}

// lastRow gives a constant as one number for each of n elements of the last axis.
func (c *compiler) lastRow(id graph.ValueID, n int) ([]float32, bool) {
	if id < 0 || c.constant(id) == nil {
		return nil, false
	}
	rank := len(c.constant(id).Shape)
	return c.rowAlong(id, rank, rank-1, n)
}

// recognizeNorms finds normalizations that are written as their parts:
//
//	d = x - ReduceMean(x); d / Sqrt(ReduceMean(d^2) + epsilon) * scale + bias
//	x / Sqrt(ReduceMean(x^2) + epsilon) * scale
//
// along the last axis, or along the channels of a plane,
// with the quotient as a product by Reciprocal(Sqrt(..)), 1/Sqrt(..) or Pow(.., -0.5) too.
func (c *compiler) recognizeNorms() {
	for _, from := range []func(int, *graph.Node) (chain, bool){c.normFrom, c.rootMeanFrom, c.groupsFrom, c.lengthFrom} {
		for i, n := range c.g.Nodes {
			if ch, ok := from(i, n); ok {
				c.take(ch)
			}
		}
	}
}

// normFrom reads the parts from the node on that takes the mean off.
func (c *compiler) normFrom(i int, n *graph.Node) (ch chain, ok bool) {
	if !isElementwise(n, "Sub") || c.g.Values[n.Out[0]].Info.Type != tensor.Float32 || len(c.shape(n.Out[0])) == 0 || c.isOutput[n.Out[0]] {
		return ch, false
	}
	x, d, shape := n.In[0], n.Out[0], c.shape(n.Out[0])
	mean := c.g.Values[n.In[1]].Producer
	axis, ok := c.meanAxis(mean, x)
	if !ok || c.only(n.In[1]) != i || !slices.Equal(c.shape(x), shape) {
		return ch, false
	}
	square := -1
	for _, k := range c.consumers[d] {
		if c.squares(k) == d {
			square = k
		}
	}
	if square < 0 {
		return ch, false
	}
	variance := c.only(c.g.Nodes[square].Out[0])
	if along, ok := c.meanAxis(variance, c.g.Nodes[square].Out[0]); !ok || along != axis {
		return ch, false
	}
	nodes, epsilon, ok := c.dividedByRoot(variance, d)
	if !ok || !c.readBy(d, square, nodes[len(nodes)-1]) {
		return ch, false
	}
	return c.norm(x, axis, append([]int{mean, i, square, variance}, nodes...), &engine.LayerNorm{Mean: true, Epsilon: float64(epsilon)}), true
}

// rootMeanFrom reads the parts of a normalization without a mean from the node on that
// takes the mean of squares.
func (c *compiler) rootMeanFrom(i int, n *graph.Node) (ch chain, ok bool) {
	if len(n.In) == 0 || n.In[0] < 0 {
		return ch, false
	}
	axis, ok := c.meanAxis(i, n.In[0])
	if !ok {
		return ch, false
	}
	square := c.g.Values[n.In[0]].Producer
	if square < 0 || c.chained(square) || c.only(n.In[0]) != i {
		return ch, false
	}
	x := c.squares(square)
	if x < 0 || c.g.Values[x].Info.Type != tensor.Float32 || len(c.shape(x)) == 0 {
		return ch, false
	}
	nodes, epsilon, ok := c.dividedByRoot(i, x)
	if !ok {
		return ch, false
	}
	return c.norm(x, axis, append([]int{square, i}, nodes...), &engine.LayerNorm{Epsilon: float64(epsilon)}), true
}

// squares gives the value that a node squares, -1 if it does something else.
func (c *compiler) squares(i int) graph.ValueID {
	n := c.g.Nodes[i]
	if isElementwise(n, "Mul") && n.In[0] == n.In[1] || isElementwise(n, "Pow") && c.is(n.In[1], 2) {
		return n.In[0]
	}
	return -1
}

// dividedByRoot follows, from the node on that makes a mean of squares, what adds epsilon
// to it, takes the root and divides d by that, or multiplies d by the reciprocal.
func (c *compiler) dividedByRoot(mean int, d graph.ValueID) (nodes []int, epsilon float32, ok bool) {
	at := c.g.Nodes[mean].Out[0]
	next := func() *graph.Node {
		i := c.only(at)
		if i < 0 || c.chained(i) {
			return nil
		}
		nodes = append(nodes, i)
		return c.g.Nodes[i]
	}
	n := next()
	if n == nil {
		return nil, 0, false
	}
	if epsilon, ok = c.added(nodes[0], at); !ok {
		return nil, 0, false
	}
	at = n.Out[0]
	if n = next(); n == nil {
		return nil, 0, false
	}
	inverse := isElementwise(n, "Pow") && n.In[0] == at && c.is(n.In[1], -0.5)
	if !inverse && n.Def.Name != "Sqrt" {
		return nil, 0, false
	}
	at = n.Out[0]
	if n = next(); n != nil && !inverse && (n.Def.Name == "Reciprocal" || isElementwise(n, "Div") && n.In[1] == at && c.is(n.In[0], 1)) {
		inverse, at = true, n.Out[0]
		n = next()
	}
	switch {
	case n == nil:
		ok = false
	case inverse:
		ok = isElementwise(n, "Mul") && (n.In[0] == d && n.In[1] == at || n.In[1] == d && n.In[0] == at)
	default:
		ok = isElementwise(n, "Div") && n.In[0] == d && n.In[1] == at
	}
	return nodes, epsilon, ok
}

// norm is the chain of a normalization of x along an axis whose parts are these nodes, the last
// of them its result, and the scale and bias behind that. The axis is the last one, or 1: that
// of a plane's channels, which are last in memory.
func (c *compiler) norm(x graph.ValueID, axis int, nodes []int, l *engine.LayerNorm) chain {
	shape := c.shape(x)
	ch := chain{nodes: nodes, of: x, views: axis == len(shape)-1}
	channels := shape[axis]
	l.Scale, l.Bias = repeated([]float32{1}, channels), make([]float32, channels)
	last := c.scaled(nodes[len(nodes)-1], "Mul", axis, channels, &l.Scale, &ch)
	c.scaled(last, "Add", axis, channels, &l.Bias, &ch)
	slices.Sort(ch.nodes)
	ch.lower = func(c *compiler, last *graph.Node) (bool, error) {
		if ch.views {
			return c.normalizedFrom(last, x, l)
		}
		if !c.asRows(x) { // of a series channels may be anything
			return false, nil
		}
		src, _ := c.rows(x)
		s := step{node: last.Name, operator: last.Def.Name, kind: op.Pointwise, in: []source{src}, spec: l}
		c.define(last.Out[0], c.emit(s, c.g.Values[last.Out[0]].Name, src.plane))
		return true, nil
	}
	return ch
}

// scaled takes into the chain the node that alone reads another's output and combines it
// with one number for each element of an axis, which it writes to row; it gives the chain's
// last node.
func (c *compiler) scaled(node int, name string, axis, channels int, row *[]float32, ch *chain) int {
	out := c.g.Nodes[node].Out[0]
	i := c.only(out)
	if i < 0 || !isElementwise(c.g.Nodes[i], name) || !slices.Equal(c.shape(c.g.Nodes[i].Out[0]), c.shape(out)) {
		return node
	}
	for k, id := range c.g.Nodes[i].In {
		if r, ok := c.rowAlong(c.g.Nodes[i].In[1-k], len(c.shape(out)), axis, channels); ok && id == out {
			*row = r
			ch.nodes = append(ch.nodes, i)
			return i
		}
	}
	return node
}

// isElementwise says whether a node is an operator on two operands.
func isElementwise(n *graph.Node, name string) bool {
	o, ok := n.Op.(*op.Elementwise)
	return ok && o.Name == name && len(n.In) == 2 && n.In[0] >= 0 && n.In[1] >= 0
}

// meanAxis gives the axis that a node takes the mean of x over, as reducesOne does.
func (c *compiler) meanAxis(i int, x graph.ValueID) (axis int, ok bool) {
	if i < 0 || c.chained(i) {
		return 0, false
	}
	n := c.g.Nodes[i]
	r, ok := n.Op.(*op.Reduce)
	if !ok || r.Kind != op.ReduceMean {
		return 0, false
	}
	return c.reducesOne(n, r, x)
}

// added gives the number that a node adds to a value.
func (c *compiler) added(i int, id graph.ValueID) (float32, bool) {
	if i < 0 || !isElementwise(c.g.Nodes[i], "Add") {
		return 0, false
	}
	for k, in := range c.g.Nodes[i].In {
		if t := c.number(c.g.Nodes[i].In[1-k]); in == id && t != nil {
			if f, err := t.Floats(); err == nil {
				return f[0], true
			}
		}
	}
	return 0, false
}

// is says whether a value is a constant of one element, v.
func (c *compiler) is(id graph.ValueID, v float32) bool {
	t := c.number(id)
	if t == nil {
		return false
	}
	f, err := t.Floats()
	return err == nil && f[0] == v
}

// readBy says whether nobody but these nodes reads a value.
func (c *compiler) readBy(id graph.ValueID, nodes ...int) bool {
	return !slices.ContainsFunc(c.consumers[id], func(i int) bool { return !slices.Contains(nodes, i) })
}
