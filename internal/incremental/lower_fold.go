package incremental

import (
	"math"
	"slices"

	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/tensor"
)

var unbounded = engine.Clamp{float32(math.Inf(-1)), float32(math.Inf(1))}

// activation finds bounds that the only reader of id imposes, so that the step
// which computes id can impose them itself. It returns the value that then is
// the step's result, and the names of the nodes passed.
func (c *compiler) activation(id graph.ValueID, name string) (engine.Clamp, graph.ValueID, string) {
	if c.bounded(id) {
		i := c.only(id)
		n := c.g.Nodes[i]
		clamp, _ := c.bounds(n)
		c.fused[i] = true
		return clamp, n.Out[0], name + "+" + n.Name
	}
	return unbounded, id, name
}

// bounded says whether the only reader of a value bounds it.
func (c *compiler) bounded(id graph.ValueID) bool {
	i := c.only(id)
	if i < 0 || c.chained(i) || c.g.Nodes[i].In[0] != id {
		return false
	}
	_, ok := c.bounds(c.g.Nodes[i])
	return ok
}

// bounds gives the bounds that a node imposes if that is all it does.
func (c *compiler) bounds(n *graph.Node) (engine.Clamp, bool) {
	if c.g.Values[n.In[0]].Info.Type != tensor.Float32 {
		return engine.Clamp{}, false
	}
	var lo, hi float32
	var ok bool
	switch o := n.Op.(type) {
	case *op.Unary:
		lo, hi, ok = o.Clamp()
	case *op.Clip:
		lo, hi, ok = o.Bounds(c.infos(n.In))
	}
	return engine.Clamp{lo, hi}, ok
}

// foldAffine folds the batch normalizations and the arithmetic with a constant for each
// channel that alone read a convolution's output into its weights and bias, which has outC
// numbers if it is not nil; channels are along that axis, and row gives a constant for
// each. It gives the value that then is the result, and the names of the nodes passed.
func (c *compiler) foldAffine(n *graph.Node, weights, bias []float32, outC, axis int, row func(id graph.ValueID) ([]float32, bool)) (w, b []float32, result graph.ValueID, name string) {
	w, b, result, name = weights, bias, n.Out[0], n.Name
	for {
		i := c.only(result)
		if i < 0 || c.chained(i) {
			return w, b, result, name
		}
		next := c.g.Nodes[i]
		if _, norm := next.Op.(*op.BatchNorm); norm && axis != 1 {
			return w, b, result, name // of other channels
		}
		scale, shift, ok := c.affine(next, result, row)
		if !ok {
			return w, b, result, name
		}
		folded, shifted := fold(w, b, repeated(scale, outC), repeated(shift, outC))
		if _, norm := next.Op.(*op.BatchNorm); !norm && engine.Finite(w) && !(engine.Finite(folded) && engine.Finite(shifted)) {
			return w, b, result, name // too large between two that are not
		}
		c.fused[i] = true
		w, b, result, name = folded, shifted, next.Out[0], name+"+"+next.Name
	}
}

// leastScale is the smallest factor that is folded into weights, and the inverse of the
// largest: beyond, weights would lose bits that the product has.
const leastScale = 1e-7

// affine gives what a node makes of each channel of a value, if that is scale*x + shift.
func (c *compiler) affine(n *graph.Node, of graph.ValueID, row func(id graph.ValueID) ([]float32, bool)) (scale, shift []float32, ok bool) {
	if o, is := n.Op.(*op.BatchNorm); is && n.In[0] == of {
		return c.normalization(n, o)
	}
	o, is := n.Op.(*op.Elementwise)
	if !is || len(n.In) != 2 || n.In[0] == n.In[1] || c.g.Values[of].Info.Type != tensor.Float32 || !slices.Equal(c.shape(n.Out[0]), c.shape(of)) {
		return nil, nil, false
	}
	first := n.In[0] == of
	other := n.In[0]
	if first {
		other = n.In[1]
	}
	k, ok := row(other)
	if !ok {
		return nil, nil, false
	}
	scale, shift = repeated([]float32{1}, len(k)), make([]float32, len(k))
	switch {
	case o.Name == "Add":
		shift = k
	case o.Name == "Sub":
		for i, v := range k {
			if shift[i] = -v; !first {
				scale[i], shift[i] = -1, v
			}
		}
	case o.Name == "Mul":
		scale = k
	case o.Name == "Div" && first:
		for i, v := range k {
			scale[i] = 1 / v
		}
	default:
		return nil, nil, false
	}
	return scale, shift, !slices.ContainsFunc(scale, func(s float32) bool {
		a := math.Abs(float64(s))
		return !(a >= leastScale && a <= 1/leastScale)
	})
}

// perChannelOf gives constants that broadcast along the channels of a value.
func (c *compiler) perChannelOf(id graph.ValueID) func(id graph.ValueID) ([]float32, bool) {
	shape := c.shape(id)
	return func(id graph.ValueID) ([]float32, bool) {
		if id < 0 || c.constant(id) == nil || c.g.Values[id].Info.Type != tensor.Float32 {
			return nil, false
		}
		return c.perChannel(id, shape)
	}
}

// fold multiplies a batch normalization into weights and bias, in float64.
func fold(weights, bias, scale, shift []float32) (w, b []float32) {
	w, b = make([]float32, len(weights)), make([]float32, len(scale))
	per := len(weights) / len(scale)
	for m, s := range scale {
		for i := m * per; i < (m+1)*per; i++ {
			w[i] = float32(float64(weights[i]) * float64(s))
		}
		v := float64(shift[m])
		if bias != nil {
			v += float64(float64(bias[m]) * float64(s))
		}
		b[m] = float32(v)
	}
	return w, b
}

// normalization gives a batch normalization as scale and shift per channel.
func (c *compiler) normalization(n *graph.Node, o *op.BatchNorm) (scale, shift []float32, ok bool) {
	var p [4][]float32
	for i := range p {
		t := c.constant(n.In[1+i])
		if t == nil {
			return nil, nil, false
		}
		var err error
		if p[i], err = t.Floats(); err != nil {
			return nil, nil, false
		}
	}
	for _, id := range n.Out[1:] {
		if len(c.consumers[id]) > 0 || c.isOutput[id] {
			return nil, nil, false
		}
	}
	scale, shift = make([]float32, len(p[0])), make([]float32, len(p[0]))
	for i := range scale {
		s := float64(p[0][i]) / math.Sqrt(float64(p[3][i])+float64(o.Epsilon))
		scale[i] = float32(s)
		shift[i] = float32(float64(p[1][i]) - float64(float64(p[2][i])*s))
	}
	return scale, shift, true
}

// perChannel spreads a constant that broadcasts along the channels of shape.
func (c *compiler) perChannel(id graph.ValueID, shape []int) ([]float32, bool) {
	t := c.constant(id)
	if t == nil || len(shape) < 2 {
		return nil, false
	}
	f, err := t.Floats()
	if err != nil {
		return nil, false
	}
	if kind, ok := spread(t.Shape, shape); ok && (kind == engine.PerChannel || kind == engine.Scalar || kind == engine.Full && t.Len() == shape[1]) {
		out := make([]float32, shape[1])
		for i := range out {
			out[i] = f[i%len(f)]
		}
		return out, true
	}
	return nil, false
}
