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
		if at < 0 || c.chained(at) {
			continue
		}
		begin, ok := c.zerosAround(c.g.Nodes[at])
		if !ok {
			continue
		}
		from := c.g.Nodes[at].In[0]
		c.take(chain{nodes: []int{at, i}, lower: func(c *compiler, last *graph.Node) (bool, error) {
			if c.refs[from] == nil || c.empty(last) {
				return false, nil
			}
			return c.convOf(last, o, from, begin)
		}})
	}
}

// zerosAround gives how many zeros a node lays before each spatial axis, if that and as
// many behind as there are is all it does.
func (c *compiler) zerosAround(n *graph.Node) (begin []int, ok bool) {
	pad, ok := n.Op.(*op.Pad)
	if !ok || pad.Mode != "constant" || c.shape(n.In[0]) == nil || c.g.Values[n.In[0]].Info.Type != tensor.Float32 || c.constant(n.In[0]) != nil {
		return nil, false
	}
	begin, end, fill, err := pad.Pads(c.infos(n.In))
	if err != nil || fill != 0 || len(begin) < 3 || len(begin) > 4 || begin[0]|begin[1]|end[0]|end[1] != 0 || slices.Min(begin) < 0 || slices.Min(end) < 0 {
		return nil, false
	}
	return begin[2:], true
}
