package incremental

import (
	"slices"

	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/tensor"
)

// recognizePads finds zeros that are laid around a plane for a convolution alone, as
// TensorFlow's exporters do for uneven padding: the convolution reads zeros there anyway.
func (c *compiler) recognizePads() {
	for i, n := range c.g.Nodes {
		o, ok := n.Op.(*op.Conv)
		if !ok || c.chained(i) || n.In[0] < 0 || c.only(n.In[0]) != i {
			continue
		}
		at := c.g.Values[n.In[0]].Producer
		nodes, order := []int{i}, []int(nil)
		if turn, is := c.transposes(at); is { // the zeros are laid around channels last
			nodes, order = append(nodes, at), turn
			at = c.g.Values[c.g.Nodes[at].In[0]].Producer
			if at < 0 || c.only(c.g.Nodes[at].Out[0]) != nodes[1] {
				continue
			}
		}
		if at < 0 || c.chained(at) {
			continue
		}
		begin, ok := c.zerosAround(c.g.Nodes[at], order)
		if !ok {
			continue
		}
		nodes = append(nodes, at)
		slices.Reverse(nodes)
		from := c.g.Nodes[at].In[0]
		c.take(chain{nodes: nodes, lower: func(c *compiler, last *graph.Node) (bool, error) {
			if c.refs[from] == nil || c.empty(last) {
				return false, nil
			}
			return c.convOf(last, o, from, order, begin)
		}})
	}
}

// transposes gives the order that a node puts axes in, if that is what it does.
func (c *compiler) transposes(i int) (order []int, ok bool) {
	if i < 0 || c.chained(i) {
		return nil, false
	}
	n := c.g.Nodes[i]
	o, ok := n.Op.(*op.Transpose)
	if !ok {
		return nil, false
	}
	order, err := o.Permutation(len(c.shape(n.Out[0])))
	return order, err == nil
}

// zerosAround gives how many zeros a node lays before each spatial axis, if that and as
// many behind as there are is all it does; order is that of the axes behind it.
func (c *compiler) zerosAround(n *graph.Node, order []int) (begin []int, ok bool) {
	pad, ok := n.Op.(*op.Pad)
	if !ok || pad.Mode != "constant" || c.shape(n.In[0]) == nil || c.g.Values[n.In[0]].Info.Type != tensor.Float32 || c.constant(n.In[0]) != nil {
		return nil, false
	}
	begin, end, fill, err := pad.Pads(c.infos(n.In))
	if err != nil {
		return nil, false
	}
	begin, end = permuted(begin, order), permuted(end, order)
	if fill != 0 || len(begin) < 3 || len(begin) > 4 || begin[0]|begin[1]|end[0]|end[1] != 0 || slices.Min(begin) < 0 || slices.Min(end) < 0 {
		return nil, false
	}
	return begin[2:], true
}
