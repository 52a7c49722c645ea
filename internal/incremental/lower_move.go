package incremental

import (
	"slices"

	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// alias defines the first output as another view of the first input's memory.
func (c *compiler) alias(n *graph.Node, view func(r *ref) (*ref, bool)) (bool, error) {
	r := c.refs[n.In[0]]
	if r == nil || c.p.values[r.value].host || c.shape(n.In[0]) == nil {
		return false, nil
	}
	if len(n.Out) > 1 && (len(c.consumers[n.Out[1]]) > 0 || c.isOutput[n.Out[1]]) {
		return false, nil
	}
	v, ok := view(r)
	if !ok {
		v, ok = view(c.force(n.In[0]))
	}
	if ok {
		c.refs[n.Out[0]] = v
	}
	return ok, nil
}

// reshape renames axes where it can, recognises a shuffle of channels, and
// otherwise puts the flattening off until somebody needs it.
func (c *compiler) reshape(n *graph.Node) (bool, error) {
	shape := c.shape(n.Out[0])
	if shape == nil {
		return false, nil
	}
	return c.alias(n, func(r *ref) (*ref, bool) {
		if slices.Equal(r.layout.shape, shape) {
			return &ref{value: r.value, layout: r.layout}, true
		}
		if r.shape != nil {
			return &ref{value: r.value, layout: r.layout, shape: shape}, true
		}
		if l, ok := r.layout.reshaped(shape); ok {
			return &ref{value: r.value, layout: l}, true
		}
		if from, ok := c.shuffle(r, shape); ok {
			p := c.p.values[r.value].plane
			v := c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise,
				in: []source{{r.value, p}}, spec: &engine.Channels{Source: from}}, c.g.Values[n.Out[0]].Name, p)
			l, _, _ := rowsOf(shape)
			return &ref{value: v, layout: l}, true
		}
		return &ref{value: r.value, layout: r.layout, shape: shape}, true
	})
}

// shuffle finds the permutation of channels that viewing r under shape comes
// to, where r still has its plane's rows and columns as last axes (ShuffleNet:
// split the channels in groups, transpose, merge).
func (c *compiler) shuffle(r *ref, shape []int) ([]int, bool) {
	p := c.p.values[r.value].plane
	_, want, ok := rowsOf(shape)
	l := r.layout
	a := len(l.shape)
	if !ok || want != p || len(shape) != 4 || a < 3 || l.shape[a-2] != p.H || l.shape[a-1] != p.W ||
		p.H > 1 && l.stride[a-2] != p.W*p.C || p.W > 1 && l.stride[a-1] != p.C {
		return nil, false
	}
	channels := layout{shape: l.shape[:a-2], stride: l.stride[:a-2]}
	source := make([]int, p.C)
	at := make([]int, a-2)
	from := 0
	for i := range source {
		if from >= p.C {
			return nil, false
		}
		source[i] = from
		for k := a - 3; k >= 0; k-- {
			from += channels.stride[k]
			if at[k]++; at[k] < channels.shape[k] {
				break
			}
			from -= at[k] * channels.stride[k]
			at[k] = 0
		}
	}
	return source, true
}

// interpolate lowers padding, slicing and resizing of the plane.
func (c *compiler) interpolate(n *graph.Node) (bool, error) {
	in, out := c.shape(n.In[0]), c.shape(n.Out[0])
	t := n.Locality.Tables
	if len(in) != len(out) || len(in)-2 != len(t) || len(t) > 2 || in[0] != out[0] || in[1] != out[1] || c.g.Values[n.In[0]].Info.Type != tensor.Float32 {
		return false, nil
	}
	fill := float32(0)
	if pad, ok := n.Op.(*op.Pad); ok {
		var err error
		if _, _, fill, err = pad.Pads(c.infos(n.In)); err != nil {
			return false, err
		}
	} else {
		for i := range t {
			if slices.Min(t[i].Index) < 0 {
				return false, nil
			}
		}
	}
	_, plane, ok := rowsOf(out)
	if !ok {
		return false, nil
	}
	src, ok := c.rows(n.In[0])
	if !ok {
		return false, nil
	}
	y := region.Copy(1, 1, func(int) int { return 0 })
	if len(t) == 2 {
		y = t[0]
	}
	p := &engine.Interpolate{In: src.plane, Out: plane, Y: y, X: t[len(t)-1], Fill: fill}
	s := step{node: n.Name, operator: n.Def.Name, kind: op.Rearranging, moves: region.Tables{Y: &p.Y, X: &p.X}, in: []source{src}, spec: p}
	c.define(n.Out[0], c.emit(s, c.g.Values[n.Out[0]].Name, plane))
	return true, nil
}

// paddedLast lowers padding of a plane whose channels are last, where it lies so.
func (c *compiler) paddedLast(n *graph.Node, o *op.Pad) (bool, error) {
	r, shape := c.refs[n.In[0]], c.shape(n.In[0])
	rank := len(shape)
	if r == nil || r.shape != nil || rank < 3 || rank > 4 || c.g.Values[n.In[0]].Info.Type != tensor.Float32 {
		return false, nil
	}
	begin, end, fill, err := o.Pads(c.infos(n.In))
	if err != nil || begin[0]|end[0]|begin[rank-1]|end[rank-1] != 0 {
		return false, err
	}
	order, back := []int{0, 3, 1, 2}, []int{0, 2, 3, 1}
	if rank == 3 {
		order, back = []int{0, 2, 1}, []int{0, 2, 1}
	}
	in, plane, ok := rowsOf(permuted(shape, order))
	out, to, outOK := rowsOf(permuted(c.shape(n.Out[0]), order))
	if !ok || !outOK || !r.layout.transposed(order).same(in) || c.p.values[r.value].plane != plane {
		return false, nil
	}
	t := [2]region.Table{region.Copy(1, 1, func(int) int { return 0 })}
	for a := 1; a < rank-1; a++ {
		if t[4-rank+a-1], ok = o.Axis(shape[a], begin[a], end[a]); !ok {
			return false, nil
		}
	}
	p := &engine.Interpolate{In: plane, Out: to, Y: t[0], X: t[1], Fill: fill}
	s := step{node: n.Name, operator: n.Def.Name, kind: op.Rearranging, moves: region.Tables{Y: &p.Y, X: &p.X}, in: []source{{r.value, plane}}, spec: p}
	c.refs[n.Out[0]] = &ref{value: c.emit(s, c.g.Values[n.Out[0]].Name, to), layout: out.transposed(back)}
	return true, nil
}

// sample lowers what reads a plane at the points of a constant grid.
func (c *compiler) sample(n *graph.Node) (bool, error) {
	_, plane, ok := rowsOf(c.shape(n.Out[0]))
	if !ok {
		return false, nil
	}
	src, ok := c.rows(n.In[0])
	if !ok {
		return false, nil
	}
	f := n.Locality.Field
	s := step{node: n.Name, operator: n.Def.Name, kind: op.Rearranging, moves: f, in: []source{src}, spec: &engine.Sample{Out: plane, Field: f}}
	c.define(n.Out[0], c.emit(s, c.g.Values[n.Out[0]].Name, plane))
	return true, nil
}

// channels lowers what picks channels: Split, Slice, Pad and Gather on axis 1.
func (c *compiler) channels(n *graph.Node) (bool, error) {
	sources, fill, err := c.picked(n)
	if err != nil || len(sources) == 0 || slices.ContainsFunc(sources, func(s []int) bool { return len(s) == 0 }) {
		return false, err
	}
	src, ok := c.rows(n.In[0])
	if !ok {
		return false, nil
	}
	for i, from := range sources {
		plane := engine.Plane{H: src.plane.H, W: src.plane.W, C: len(from)}
		v := c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, in: []source{src}, spec: &engine.Channels{Source: from, Fill: fill}},
			c.g.Values[n.Out[i]].Name, plane)
		c.define(n.Out[i], v)
	}
	return true, nil
}

// picked gives the channels of a node's first input that each of its outputs is made of,
// -1 for the fill; nil if it does anything else. It only looks.
func (c *compiler) picked(n *graph.Node) (sources [][]int, fill float32, err error) {
	in := c.shape(n.In[0])
	if len(in) < 2 || in[0] != 1 || c.g.Values[n.In[0]].Info.Type != tensor.Float32 {
		return nil, 0, nil
	}
	switch o := n.Op.(type) {
	case *op.Split:
		sources, err = c.splitChannels(n, o, len(in))
	case *op.Slice:
		sources, err = c.slicedChannels(n, o, in)
	case *op.Pad:
		return c.paddedChannels(n, o, in)
	case *op.Gather:
		if at := c.gathered(n, o, 1); at != nil {
			sources = [][]int{at}
		}
	}
	return sources, 0, err
}

// gathered lists what a node gathers along an axis; nil if its indices are no constant list,
// or of another axis.
func (c *compiler) gathered(n *graph.Node, o *op.Gather, axis int) []int {
	index, shape := c.constant(n.In[1]), c.shape(n.In[0])
	if o.Axis != axis && o.Axis != axis-len(shape) || index == nil || len(index.Shape) != 1 {
		return nil
	}
	at, err := index.Ints()
	if err != nil {
		return nil
	}
	at = slices.Clone(at)
	for i, k := range at {
		if k < 0 {
			at[i] += shape[axis]
		}
		if at[i] < 0 || at[i] >= shape[axis] {
			return nil
		}
	}
	return at
}

func (c *compiler) splitChannels(n *graph.Node, o *op.Split, rank int) ([][]int, error) {
	if o.Axis != 1 && o.Axis != 1-rank {
		return nil, nil
	}
	ranges, err := o.Ranges(c.infos(n.In), len(n.Out))
	if err != nil {
		return nil, err
	}
	var sources [][]int
	for _, r := range ranges {
		sources = append(sources, span(r[0], r[1]-r[0], 1))
	}
	return sources, nil
}

func (c *compiler) slicedChannels(n *graph.Node, o *op.Slice, in []int) ([][]int, error) {
	starts, steps, counts, err := o.Ranges(c.infos(n.In))
	if err != nil {
		return nil, err
	}
	for a := range in {
		if a != 1 && (starts[a] != 0 || steps[a] != 1 || counts[a] != in[a]) {
			return nil, nil
		}
	}
	return [][]int{span(starts[1], counts[1], steps[1])}, nil
}

func (c *compiler) paddedChannels(n *graph.Node, o *op.Pad, in []int) (sources [][]int, fill float32, err error) {
	begin, end, fill, err := o.Pads(c.infos(n.In))
	if err != nil {
		return nil, 0, err
	}
	for a := range in {
		if a != 1 && (begin[a] != 0 || end[a] != 0) {
			return nil, 0, nil
		}
	}
	if o.Mode != "constant" || begin[1] < 0 || end[1] < 0 {
		return nil, 0, nil
	}
	none := func(n int) []int { return slices.Repeat([]int{-1}, n) }
	return [][]int{slices.Concat(none(begin[1]), span(0, in[1], 1), none(end[1]))}, fill, nil
}

// pick lowers a Gather of one index: half of a channel shuffle, as it is
// exported, picks every second channel.
func (c *compiler) pick(n *graph.Node, o *op.Gather) (bool, error) {
	r, index := c.refs[n.In[0]], c.constant(n.In[1])
	if r == nil || r.shape != nil || c.p.values[r.value].host || index == nil || len(index.Shape) != 0 {
		return false, nil
	}
	axis := o.Axis
	if axis < 0 {
		axis += len(r.layout.shape)
	}
	i, err := index.Ints()
	if err != nil || len(i) != 1 || axis < 0 || axis >= len(r.layout.shape) {
		return false, nil
	}
	k := int(i[0])
	if k < 0 {
		k += r.layout.shape[axis]
	}
	want, plane, ok := rowsOf(c.shape(n.Out[0]))
	if !ok || k < 0 || k >= r.layout.shape[axis] {
		return false, nil
	}
	c.refs[n.Out[0]] = c.permuted(&ref{value: r.value, layout: r.layout.picked(axis, k)}, want, plane, c.g.Values[n.Out[0]].Name)
	return true, nil
}

func span(start, count, step int) []int {
	s := make([]int, count)
	for i := range s {
		s[i] = start + i*step
	}
	return s
}
