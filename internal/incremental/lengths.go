package incremental

import (
	"math"
	"slices"

	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/tensor"
)

// lengthFrom reads a division by the length of the vectors of the last axis, or of a plane's
// channels, which is bounded from below, as queries and keys have it where attention is by
// their angle:
//
//	x / Expand(Clip(ReduceL2(x), epsilon))
func (c *compiler) lengthFrom(i int, n *graph.Node) (ch chain, ok bool) {
	if !isElementwise(n, "Div") || c.g.Values[n.Out[0]].Info.Type != tensor.Float32 || len(c.shape(n.Out[0])) == 0 || !slices.Equal(c.shape(n.In[0]), c.shape(n.Out[0])) {
		return ch, false
	}
	x, l := n.In[0], &engine.LayerNorm{Length: true}
	nodes := []int{i}
	id := n.In[1]
	for range 5 {
		k := c.g.Values[id].Producer
		if k < 0 || c.chained(k) || c.only(id) != nodes[len(nodes)-1] {
			return ch, false
		}
		m := c.g.Nodes[k]
		nodes = append(nodes, k)
		switch o := m.Op.(type) {
		case *op.Expand:
			id = m.In[0]
		case *op.Clip:
			lo, hi, ok := o.Bounds(c.infos(m.In))
			if !ok || hi < math.MaxFloat32 || l.Epsilon != 0 {
				return ch, false
			}
			id, l.Epsilon = m.In[0], max(0, float64(lo))
		case *op.Reduce:
			if o.Kind != op.ReduceL2 {
				return ch, false
			}
			axis, ok := c.reducesOne(m, o, x)
			if !ok {
				return ch, false
			}
			slices.Sort(nodes)
			return c.norm(x, axis, nodes, l), true
		default:
			return ch, false
		}
	}
	return ch, false
}

// lengths lowers a division by the length of vectors along the last axis, or the channels'.
func (c *compiler) lengths(n *graph.Node, o *op.LpNormalization) (bool, error) {
	rank := len(c.shape(n.In[0]))
	axis := o.Axis
	if axis < 0 {
		axis += rank
	}
	if o.P != 2 || axis < 0 || axis >= rank || axis != rank-1 && (axis != 1 || !c.asRows(n.In[0])) {
		return false, nil
	}
	channels := c.shape(n.In[0])[axis]
	l := &engine.LayerNorm{Length: true, Epsilon: math.SmallestNonzeroFloat32, Scale: repeated([]float32{1}, channels), Bias: make([]float32, channels)}
	if axis == 1 && c.asRows(n.In[0]) {
		return c.perPixel(n, l)
	}
	return c.normalizedFrom(n, n.In[0], l)
}

// reducesOne gives the one axis that a node reduces x over, which stays: the last one, or that
// of the channels of one picture.
func (c *compiler) reducesOne(n *graph.Node, r *op.Reduce, x graph.ValueID) (axis int, ok bool) {
	if !r.KeepDims || n.In[0] != x || c.isOutput[n.Out[0]] {
		return 0, false
	}
	axes, err := r.Axes(c.infos(n.In))
	if err != nil || len(axes) != 1 {
		return 0, false
	}
	_, _, plane := rowsOf(c.shape(x))
	return axes[0], axes[0] == len(c.shape(x))-1 || axes[0] == 1 && plane
}
