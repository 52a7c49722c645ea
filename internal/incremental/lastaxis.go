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

// channelsLast gives a value whose last axis is the channels of a plane: how it lies,
// and the plane.
func (c *compiler) channelsLast(id graph.ValueID) (src source, l layout, ok bool) {
	r := c.refs[id]
	if r == nil || r.shape != nil || c.p.values[r.value].host || len(r.layout.shape) == 0 || c.g.Values[id].Info.Type != tensor.Float32 {
		return src, l, false
	}
	own, last := c.p.values[r.value].plane, len(r.layout.shape)-1
	n := r.layout.shape[last]
	switch {
	case own.C == n && (n == 1 || r.layout.stride[last] == 1) && own.Len() == size(r.layout.shape):
		for a, d := range r.layout.shape[:last] {
			if d > 1 && r.layout.stride[a]%n != 0 {
				return src, l, false
			}
		}
		return source{r.value, own}, r.layout, true
	case own.H*own.W == 1 && n > 0 && own.C == size(r.layout.shape) && r.layout.same(rowMajor(r.layout.shape)):
		return source{r.value, engine.Plane{H: 1, W: own.C / n, C: n}}, r.layout, true
	}
	return src, l, false
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// widened is the layout with another length of the last axis, which is the channels.
func (l layout) widened(n int) layout {
	last := len(l.shape) - 1
	w := layout{shape: slices.Clone(l.shape), stride: slices.Clone(l.stride)}
	for a := range last {
		w.stride[a] = l.stride[a] / l.shape[last] * n
	}
	w.shape[last], w.stride[last] = n, 1
	return w
}

// linear lowers the product of the last axis with constant weights [out][in], with the
// bias that is added to it and the bounds behind that: a convolution of single pixels.
func (c *compiler) linear(n *graph.Node, weights, bias []float32, in, out int) (bool, error) {
	src, l, ok := c.channelsLast(n.In[0])
	if !ok || src.plane.C != in || out == 0 || len(c.shape(n.Out[0])) != len(l.shape) {
		return false, nil
	}
	result, name := n.Out[0], n.Name
	if bias == nil {
		if i, b := c.addedTo(result, out); b != nil {
			c.fused[i] = true
			bias, result, name = b, c.g.Nodes[i].Out[0], name+"+"+c.g.Nodes[i].Name
		}
	}
	clamp, result, name := c.activation(result, name)
	y, x := region.Identity(src.plane.H), region.Identity(src.plane.W)
	c.pending = append(c.pending, &convolution{step: len(c.p.steps), in: src.plane, y: y, x: x, group: 1, weights: weights, bias: bias, outC: out, clamp: clamp})
	plane := src.plane
	plane.C = out
	v := c.emit(step{node: name, operator: n.Def.Name, kind: op.Windowed, windows: [2]region.Window{y, x}, in: []source{src}}, c.g.Values[result].Name, plane)
	c.refs[result] = &ref{value: v, layout: l.widened(out)}
	return true, nil
}

// addedTo gives the constant row of the last axis, n long, that is all that is added
// to a value, and the node which adds it; nil if there is none.
func (c *compiler) addedTo(id graph.ValueID, n int) (node int, row []float32) {
	i := c.only(id)
	if i < 0 || c.chained(i) {
		return 0, nil
	}
	add := c.g.Nodes[i]
	if o, ok := add.Op.(*op.Elementwise); !ok || o.Name != "Add" || len(add.In) != 2 || !slices.Equal(c.shape(add.Out[0]), c.shape(id)) {
		return 0, nil
	}
	for _, other := range add.In {
		t := c.constant(other)
		if t == nil || t.Len() != n || len(t.Shape) == 0 || t.Shape[len(t.Shape)-1] != n {
			continue
		}
		if f, err := t.Floats(); err == nil && t.DType() == tensor.Float32 {
			return i, f
		}
	}
	return 0, nil
}

// layerNorm lowers a normalization over the last axis.
func (c *compiler) layerNorm(n *graph.Node, axis int, l *engine.LayerNorm) (bool, error) {
	src, lies, ok := c.channelsLast(n.In[0])
	if !ok || axis != -1 && axis != len(lies.shape)-1 {
		return false, nil
	}
	for i, id := range n.Out {
		if i > 0 && id >= 0 && (len(c.consumers[id]) > 0 || c.isOutput[id]) {
			return false, nil
		}
	}
	row := func(i int) ([]float32, bool) {
		t := c.constant(n.In[i])
		if t == nil || t.Len() != src.plane.C && t.Len() != 1 {
			return nil, false
		}
		f, err := t.Floats()
		return repeated(f, src.plane.C), err == nil
	}
	if l.Scale, ok = row(1); !ok {
		return false, nil
	}
	l.Bias = make([]float32, src.plane.C)
	if len(n.In) > 2 && n.In[2] >= 0 {
		if l.Bias, ok = row(2); !ok {
			return false, nil
		}
	}
	v := c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, in: []source{src}, prim: l}, c.g.Values[n.Out[0]].Name, src.plane)
	c.refs[n.Out[0]] = &ref{value: v, layout: lies.widened(src.plane.C)}
	return true, nil
}
