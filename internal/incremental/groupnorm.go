package incremental

import (
	"slices"

	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/op"
)

// groupNorm lowers a normalization of groups of channels over the plane.
func (c *compiler) groupNorm(n *graph.Node, o *op.GroupNorm) (bool, error) {
	channels := c.shape(n.In[0])[1]
	groups := o.Groups
	if groups == 0 {
		groups = channels
	}
	scale, ok := c.rowOf(n.In[1], channels)
	bias, and := c.rowOf(n.In[2], channels)
	if !ok || !and {
		return false, nil
	}
	return c.normalizeGroups(n, n.In[0], &engine.Moments{Groups: groups, Epsilon: float64(o.Epsilon), Scale: scale, Bias: bias})
}

// rowOf gives constants that belong to equal parts of n channels as one for each.
func (c *compiler) rowOf(id graph.ValueID, n int) ([]float32, bool) {
	t := c.constant(id)
	if t == nil || t.Len() == 0 || n%t.Len() != 0 {
		return nil, false
	}
	f, err := t.Floats()
	if err != nil {
		return nil, false
	}
	row := make([]float32, n)
	for i := range row {
		row[i] = f[i/(n/len(f))]
	}
	return row, true
}

// normalizeGroups lowers what makes a node's output of a value by normalizing groups of
// its channels: one step takes the moments, and one scales, perhaps with bounds.
func (c *compiler) normalizeGroups(n *graph.Node, from graph.ValueID, m *engine.Moments) (bool, error) {
	src, ok := c.rows(from)
	if !ok || src.plane.C != len(m.Scale) {
		return false, nil
	}
	row := engine.Plane{H: 1, W: 1, C: 2 * src.plane.C}
	moments := c.emit(step{node: n.Name, operator: "(moments)", kind: op.Global, in: []source{src}, spec: m}, c.g.Values[n.Out[0]].Name, row)
	clamp, result, name := c.activation(n.Out[0], n.Name)
	v := c.emit(step{node: name, operator: n.Def.Name, kind: op.Pointwise, in: []source{src, {moments, row}}, whole: []bool{false, true}, spec: &engine.Rescale{Clamp: clamp}},
		c.g.Values[result].Name, src.plane)
	c.define(result, v)
	return true, nil
}

// groupsFrom reads a normalization of groups as exporters write it that have no operator
// for it: an InstanceNormalization of groups as channels, between reshapes, and perhaps a
// scale and a bias of each channel.
func (c *compiler) groupsFrom(i int, n *graph.Node) (ch chain, ok bool) {
	o, isNorm := n.Op.(*op.GroupNorm)
	if !isNorm || o.Groups != 0 || len(n.In) != 3 || n.In[0] < 0 {
		return ch, false
	}
	before, after := c.g.Values[n.In[0]].Producer, c.only(n.Out[0])
	if before < 0 || after < 0 || c.only(n.In[0]) != i || !isReshape(c.g.Nodes[before]) || !isReshape(c.g.Nodes[after]) {
		return ch, false
	}
	x, y := c.g.Nodes[before].In[0], c.g.Nodes[after].Out[0]
	shape, groups := c.shape(x), c.shape(n.In[0])
	if len(shape) < 3 || shape[0] != 1 || !slices.Equal(shape, c.shape(y)) || groups[0] != 1 || shape[1]%max(1, groups[1]) != 0 || c.constant(x) != nil {
		return ch, false
	}
	scale, ok := c.rowOf(n.In[1], shape[1])
	bias, and := c.rowOf(n.In[2], shape[1])
	if !ok || !and {
		return ch, false
	}
	ch.nodes = []int{before, i, after}
	m := &engine.Moments{Groups: groups[1], Epsilon: float64(o.Epsilon), Scale: scale, Bias: bias}
	if row, ok := c.scaledChannels("Mul", shape, &ch); ok {
		for k, f := range row {
			m.Scale[k], m.Bias[k] = m.Scale[k]*f, m.Bias[k]*f
		}
	}
	if row, ok := c.scaledChannels("Add", shape, &ch); ok {
		for k, f := range row {
			m.Bias[k] += f
		}
	}
	ch.lower = func(c *compiler, last *graph.Node) (bool, error) { return c.normalizeGroups(last, x, m) }
	return ch, true
}

// scaledChannels takes the node into the chain that alone reads its last one's output and
// combines it with a constant of each channel, which is given.
func (c *compiler) scaledChannels(name string, shape []int, ch *chain) ([]float32, bool) {
	out := c.g.Nodes[ch.nodes[len(ch.nodes)-1]].Out[0]
	i := c.only(out)
	if i < 0 || !isElementwise(c.g.Nodes[i], name) || !slices.Equal(c.shape(c.g.Nodes[i].Out[0]), shape) {
		return nil, false
	}
	for k, id := range c.g.Nodes[i].In {
		if row, ok := c.perChannel(c.g.Nodes[i].In[1-k], shape); ok && id == out {
			ch.nodes = append(ch.nodes, i)
			return row, true
		}
	}
	return nil, false
}

// isReshape says whether a node gives its input another shape.
func isReshape(n *graph.Node) bool {
	switch n.Op.(type) {
	case *op.Reshape, *op.Flatten, *op.Squeeze, *op.Unsqueeze:
		return len(n.In) > 0 && n.In[0] >= 0
	}
	return false
}
