package incremental

import (
	"slices"

	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// Detectors view the channels of a pixel as boxes and their numbers, in axes of their own
// that they transpose and merge as they like. As long as a value's axes still go through
// the pixels of a plane or through their channels, what is done to channels is done where
// they lie, pixel by pixel, and a change of some pixels stays one.

// pixelGrid is a value whose axes go through the pixels of its plane or through their
// channels.
type pixelGrid struct {
	source
	layout layout
	// inner are the axes through channels, pixel those through pixels, each from the
	// farthest neighbours to the next. An axis through the outermost channels of
	// pixels in their order is in both.
	inner, pixel []gridAxis
}

// gridAxis is an axis of a value, or the part of one, that goes through channels or
// pixels.
type gridAxis struct{ axis, n, stride int }

// mostChannels is how many channels a pixel may have for each to be told where it goes.
const mostChannels = 1 << 13

// grid gives a value as such; ok is false if it lies otherwise.
func (c *compiler) grid(id graph.ValueID) (g pixelGrid, ok bool) {
	if id < 0 {
		return g, false
	}
	r := c.refs[id]
	if r == nil || r.shape != nil || c.p.values[r.value].host || c.g.Values[id].Info.Type != tensor.Float32 {
		return g, false
	}
	return c.gridOn(r, c.p.values[r.value].plane)
}

// gridOn is grid for a value whose numbers are taken as those of another plane of as many.
func (c *compiler) gridOn(r *ref, plane engine.Plane) (g pixelGrid, ok bool) {
	g.source, g.layout = source{r.value, plane}, r.layout
	channels, pixels := 1, 1
	for a, n := range r.layout.shape {
		stride := r.layout.stride[a]
		switch {
		case n == 1:
			continue
		case stride >= plane.C && stride%plane.C == 0:
			g.pixel = append(g.pixel, gridAxis{a, n, stride})
			pixels *= n
			continue
		case stride < 1 || stride > plane.C || plane.C%stride != 0:
			return g, false
		case stride*n > plane.C:
			part := plane.C / stride
			if n%part != 0 {
				return g, false
			}
			g.pixel = append(g.pixel, gridAxis{a, n / part, plane.C})
			pixels *= n / part
			n = part
		}
		g.inner = append(g.inner, gridAxis{a, n, stride})
		channels *= n
	}
	far := func(a, b gridAxis) int { return b.stride - a.stride }
	slices.SortFunc(g.inner, far)
	slices.SortFunc(g.pixel, far)
	return g, channels == plane.C && pixels == plane.H*plane.W && plane.C <= mostChannels
}

// within says whether an axis goes through channels alone.
func (g *pixelGrid) within(axis int) bool {
	return !slices.ContainsFunc(g.pixel, func(a gridAxis) bool { return a.axis == axis })
}

// alike says whether the pixels of another grid are the same in the same order.
func (g *pixelGrid) alike(o *pixelGrid) bool {
	if g.plane.H != o.plane.H || g.plane.W != o.plane.W || len(g.pixel) != len(o.pixel) {
		return false
	}
	for i, a := range g.pixel {
		if b := o.pixel[i]; a.axis != b.axis || a.n != b.n || a.stride/g.plane.C != b.stride/o.plane.C {
			return false
		}
	}
	return true
}

// reshaped is the grid with other lengths of the axes through channels, which keep their
// order. axes that had one element come last, in their order.
func (g *pixelGrid) reshaped(shape []int) (to pixelGrid, ok bool) { return g.reshapedFrom(shape, -1) }

// reshapedFrom is reshaped, but that axis front, if it had one element, comes first.
func (g *pixelGrid) reshapedFrom(shape []int, front int) (to pixelGrid, ok bool) {
	to = pixelGrid{layout: layout{shape: slices.Clone(shape), stride: make([]int, len(shape))}}
	to.pixel = slices.Clone(g.pixel)
	if front >= 0 && g.layout.shape[front] == 1 && shape[front] > 1 {
		to.inner = append(to.inner, gridAxis{front, shape[front], 0})
	}
	for _, a := range g.inner {
		n := shape[a.axis]
		if !g.within(a.axis) {
			if n = a.n; shape[a.axis] != g.layout.shape[a.axis] {
				return to, false
			}
		}
		to.inner = append(to.inner, gridAxis{a.axis, n, 0})
	}
	for a, n := range shape {
		has := func(x gridAxis) bool { return x.axis == a }
		if n > 1 && !slices.ContainsFunc(to.inner, has) && !slices.ContainsFunc(g.pixel, has) {
			to.inner = append(to.inner, gridAxis{a, n, 0})
		}
	}
	channels := 1
	for i := len(to.inner) - 1; i >= 0; i-- {
		to.inner[i].stride = channels
		to.layout.stride[to.inner[i].axis] = channels
		channels *= to.inner[i].n
	}
	to.plane = engine.Plane{H: g.plane.H, W: g.plane.W, C: channels}
	for i := range to.pixel {
		a := &to.pixel[i]
		a.stride = a.stride / g.plane.C * channels
		if g.within(a.axis) || !slices.ContainsFunc(to.inner, func(x gridAxis) bool { return x.axis == a.axis }) {
			to.layout.stride[a.axis] = a.stride
		} else if to.inner[0].axis != a.axis {
			return to, false // no longer the outermost
		}
	}
	return to, channels > 0
}

// channels calls f with every channel of the grid and its index along the axes; of axes
// that go through pixels too, that within the pixel.
func (g *pixelGrid) channels(f func(channel int, at []int)) {
	at := make([]int, len(g.layout.shape))
	for c := range g.plane.C {
		left := c
		for _, a := range g.inner {
			at[a.axis] = left / a.stride
			left %= a.stride
		}
		f(c, at)
	}
}

// channel is the channel at an index; axes of one element count as 0.
func (g *pixelGrid) channel(at []int) (c int) {
	for _, a := range g.inner {
		c += at[a.axis] * a.stride
	}
	return c
}

// allRows says whether the values that a node reads all lie as rows of channels.
func (c *compiler) allRows(n *graph.Node) bool {
	return !slices.ContainsFunc(n.In, func(id graph.ValueID) bool { return id >= 0 && c.constant(id) == nil && !c.asRows(id) })
}

// pixelwise lowers what is done to the channels of pixels, however their axes lie.
func (c *compiler) pixelwise(n *graph.Node) (bool, error) {
	if len(n.In) == 0 || c.empty(n) {
		return false, nil
	}
	if o, ok := n.Op.(*op.ArgExtreme); ok {
		return c.extremeWithin(n, o), nil
	}
	for _, id := range n.Out {
		if c.g.Values[id].Info.Type != tensor.Float32 || c.shape(id) == nil {
			return false, nil
		}
	}
	switch o := n.Op.(type) {
	case *op.Concat:
		return c.concatWithin(n, o)
	case *op.Elementwise:
		return c.binaryWithin(n, o)
	}
	g, ok := c.grid(n.In[0])
	if !ok {
		return false, nil
	}
	switch o := n.Op.(type) {
	case *op.Slice:
		starts, steps, counts, err := o.Ranges(c.infos(n.In))
		if err != nil {
			return false, err
		}
		return c.pickWithin(n, &g, [][3][]int{{starts, steps, counts}}), nil
	case *op.Split:
		return c.splitWithin(n, o, &g)
	case *op.Expand:
		return c.expandWithin(n, &g), nil
	case *op.Tile:
		rank := len(g.layout.shape)
		return c.pickWithin(n, &g, [][3][]int{{make([]int, rank), slices.Repeat([]int{1}, rank), c.shape(n.Out[0])}}), nil
	case *op.Reduce:
		return c.reduceWithin(n, o, &g)
	case *op.Gather:
		return c.gatherWithin(n, o, &g), nil
	}
	return false, nil
}

// gatherWithin emits a step that picks channels by their numbers along an axis.
func (c *compiler) gatherWithin(n *graph.Node, o *op.Gather, g *pixelGrid) bool {
	axis := o.Axis
	if axis < 0 {
		axis += len(g.layout.shape)
	}
	if axis < 0 || axis >= len(g.layout.shape) || !g.within(axis) {
		return false
	}
	at := c.gathered(n, o, axis)
	if len(at) == 0 {
		return false
	}
	to, ok := g.reshaped(c.shape(n.Out[0]))
	if !ok || to.plane.C > mostChannels {
		return false
	}
	pick := &engine.Channels{Source: make([]int, to.plane.C)}
	to.channels(func(channel int, index []int) {
		from := slices.Clone(index)
		from[axis] = at[index[axis]]
		pick.Source[channel] = g.channel(from)
	})
	c.emitWithin(n, 0, &to, step{in: []source{g.source}, spec: pick})
	return true
}

// cutsChannels says whether a node cuts the channels of pixels and leaves the pixels.
func (c *compiler) cutsChannels(n *graph.Node) bool {
	g, ok := c.grid(n.In[0])
	if !ok {
		return false
	}
	switch o := n.Op.(type) {
	case *op.Split:
		axis := o.Axis
		if axis < 0 {
			axis += len(g.layout.shape)
		}
		return g.within(axis)
	case *op.Slice:
		_, _, counts, err := o.Ranges(c.infos(n.In))
		for a, k := range counts {
			ok = ok && (k == g.layout.shape[a] || g.within(a))
		}
		return ok && err == nil
	}
	return false
}

func (c *compiler) splitWithin(n *graph.Node, o *op.Split, g *pixelGrid) (bool, error) {
	axis := o.Axis
	if axis < 0 {
		axis += len(g.layout.shape)
	}
	ranges, err := o.Ranges(c.infos(n.In), len(n.Out))
	if err != nil {
		return false, err
	}
	var cuts [][3][]int
	for _, r := range ranges {
		starts, counts := make([]int, len(g.layout.shape)), slices.Clone(g.layout.shape)
		starts[axis], counts[axis] = r[0], r[1]-r[0]
		cuts = append(cuts, [3][]int{starts, slices.Repeat([]int{1}, len(starts)), counts})
	}
	return c.pickWithin(n, g, cuts), nil
}

// expandWithin repeats what has one element along an axis.
func (c *compiler) expandWithin(n *graph.Node, g *pixelGrid) bool {
	shape, rank := c.shape(n.Out[0]), len(g.layout.shape)
	if len(shape) != rank {
		return false
	}
	steps := make([]int, rank)
	for a, k := range g.layout.shape {
		if k == shape[a] {
			steps[a] = 1
		}
	}
	return c.pickWithin(n, g, [][3][]int{{make([]int, rank), steps, shape}})
}

// pickWithin emits steps that pick channels, for each output those at every step-th
// index along axes, from the first on again behind the last: starts, steps, counts. It
// returns false where pixels are picked.
func (c *compiler) pickWithin(n *graph.Node, g *pixelGrid, cuts [][3][]int) bool {
	var tos []pixelGrid
	var picks []*engine.Channels
	for _, cut := range cuts {
		starts, steps, counts := cut[0], cut[1], cut[2]
		to, ok := g.reshaped(counts)
		for a, k := range counts {
			ok = ok && k > 0 && (g.within(a) || k == g.layout.shape[a] && starts[a] == 0 && (steps[a] == 1 || k == 1))
		}
		if !ok || to.plane.C > mostChannels {
			return false
		}
		pick := &engine.Channels{Source: make([]int, to.plane.C)}
		from := make([]int, len(counts))
		to.channels(func(channel int, at []int) {
			for a := range from {
				if from[a] = at[a]; g.within(a) {
					from[a] = (starts[a] + at[a]*steps[a]) % g.layout.shape[a]
				}
			}
			pick.Source[channel] = g.channel(from)
		})
		tos, picks = append(tos, to), append(picks, pick)
	}
	for i := range cuts {
		c.emitWithin(n, i, &tos[i], step{in: []source{g.source}, spec: picks[i]})
	}
	return true
}

// emitWithin emits a step of a node that makes its output i, a grid.
func (c *compiler) emitWithin(n *graph.Node, i int, to *pixelGrid, s step) {
	s.node, s.operator, s.kind = n.Name, n.Def.Name, op.Pointwise
	v := c.emit(s, c.g.Values[n.Out[i]].Name, to.plane)
	c.refs[n.Out[i]] = &ref{value: v, layout: to.layout}
}

// concatWithin lowers a concatenation along an axis of channels of pixels that are alike.
func (c *compiler) concatWithin(n *graph.Node, o *op.Concat) (bool, error) {
	var in []pixelGrid
	for _, id := range n.In {
		g, ok := c.grid(id)
		if !ok || len(in) > 0 && !g.alike(&in[0]) {
			return false, nil
		}
		in = append(in, g)
	}
	axis := o.Axis
	if axis < 0 {
		axis += len(in[0].layout.shape)
	}
	first := &in[0] // tells the order of axes
	for i := range in {
		if in[i].layout.shape[axis] > 1 {
			first = &in[i]
			break
		}
	}
	// What is stacked along a new axis lies side by side: nothing is put between others.
	to, ok := first.reshapedFrom(c.shape(n.Out[0]), axis)
	if !ok {
		to, ok = first.reshaped(c.shape(n.Out[0]))
	}
	if !ok || !first.within(axis) || to.plane.C > mostChannels {
		return false, nil
	}
	pick := &engine.Channels{Source: make([]int, to.plane.C)}
	from := make([]int, len(to.layout.shape))
	to.channels(func(channel int, at []int) {
		copy(from, at)
		base := 0
		for i := range in {
			if n := in[i].layout.shape[axis]; from[axis] >= n {
				from[axis], base = from[axis]-n, base+in[i].plane.C
				continue
			}
			pick.Source[channel] = base + in[i].channel(from)
			break
		}
	})
	s := step{spec: pick}
	if slices.Equal(pick.Source, span(0, to.plane.C, 1)) {
		s.spec = &engine.Concat{Out: to.plane}
	}
	for i := range in {
		s.in = append(s.in, in[i].source)
	}
	c.emitWithin(n, 0, &to, s)
	return true, nil
}

// binaryWithin lowers arithmetic of two values of pixels that are alike, or of one with
// constants of any shape.
func (c *compiler) binaryWithin(n *graph.Node, o *op.Elementwise) (bool, error) {
	if len(n.In) != 2 || o.Name == "Mean" {
		return false, nil
	}
	if c.inPlace(n, o) {
		return true, nil
	}
	shape := c.shape(n.Out[0])
	var in [2]pixelGrid
	var main *pixelGrid // which has the output's shape
	for i, id := range n.In {
		if c.constant(id) != nil {
			continue
		}
		var ok bool
		if in[i], ok = c.grid(id); !ok || len(in[i].layout.shape) != len(shape) {
			return false, nil
		}
		if main == nil && slices.Equal(in[i].layout.shape, shape) {
			main = &in[i]
		}
	}
	if main == nil {
		return false, nil
	}
	b := &engine.Binary{Out: main.plane}
	operation(b, o)
	s := step{spec: b}
	for i, id := range n.In {
		if t := c.constant(id); t != nil {
			f, err := t.Floats()
			if err != nil {
				return false, nil
			}
			b.Const[i], b.Kind[i] = main.constant(f, t.Shape)
			continue
		}
		if row, ok := c.rowFor(id, main); ok {
			in[i], b.Kind[i] = row, engine.PerChannel
		} else if !in[i].alike(main) {
			return false, nil
		}
	}
	for i := range in {
		if b.Const[i] != nil {
			continue
		}
		src := c.asPlane(in[i].value, in[i].plane)
		if pick := in[i].spreadTo(main); pick != nil {
			to := engine.Plane{H: src.plane.H, W: src.plane.W, C: main.plane.C}
			v := c.emit(step{node: n.Name, operator: "(channels)", kind: op.Pointwise, in: []source{src}, spec: pick}, c.g.Values[n.In[i]].Name, to)
			src = source{v, to}
		}
		s.in, s.whole = append(s.in, src), append(s.whole, b.Kind[i] == engine.PerChannel)
	}
	to := *main
	c.emitWithin(n, 0, &to, s)
	return true, nil
}

// rowFor gives a value that has one element along the axes of another's pixels as a grid of
// one pixel, whose channels all pixels of the other are combined with.
func (c *compiler) rowFor(id graph.ValueID, main *pixelGrid) (g pixelGrid, ok bool) {
	r := c.refs[id]
	if main.plane.H*main.plane.W == 1 || slices.ContainsFunc(main.pixel, func(a gridAxis) bool { return r.layout.shape[a.axis] > 1 }) {
		return g, false
	}
	return c.gridOn(r, engine.Plane{H: 1, W: 1, C: c.p.values[r.value].plane.Len()})
}

// spreadTo gives the step that lays the channels of a grid, broadcast, as those of
// another lie; nil if they do.
func (g *pixelGrid) spreadTo(main *pixelGrid) *engine.Channels {
	pick := &engine.Channels{Source: make([]int, main.plane.C)}
	main.channels(func(channel int, at []int) { pick.Source[channel] = g.channel(at) })
	if g.plane.C == main.plane.C && slices.Equal(pick.Source, span(0, main.plane.C, 1)) {
		return nil
	}
	return pick
}

// constant spreads a constant of a shape that broadcasts over the grid: a number, one
// for each channel, or all.
func (g *pixelGrid) constant(f []float32, shape []int) ([]float32, engine.Operand) {
	if len(f) == 1 {
		return f, engine.Scalar
	}
	from := layout{shape: g.layout.shape, stride: make([]int, len(g.layout.shape))}
	for a, l := 0, rowMajor(shape); a < len(shape); a++ {
		if shape[a] > 1 {
			from.stride[len(from.shape)-len(shape)+a] = l.stride[a]
		}
	}
	onnx, all := make([]float32, g.plane.Len()), make([]float32, g.plane.Len())
	from.gather(onnx, f)
	g.layout.scatter(all, onnx)
	for i := g.plane.C; i < len(all); i += g.plane.C {
		if !slices.Equal(all[:g.plane.C], all[i:i+g.plane.C]) {
			return all, engine.Full
		}
	}
	return all[:g.plane.C], engine.PerChannel
}

// pixelsOf gives a value whose axis 1 is the channels of its plane, and all others pixels.
func (c *compiler) pixelsOf(id graph.ValueID) (source, bool) {
	g, ok := c.grid(id)
	return g.source, ok && len(g.inner) == 1 && g.inner[0].axis == 1 && g.within(1) && g.within(0)
}

// single says whether windows are of one pixel each, all of them.
func single(ws []region.Window) bool {
	return !slices.ContainsFunc(ws, func(w region.Window) bool { return w != region.Identity(w.In) })
}

// convWithin lowers a convolution of single pixels whose channels are some of a plane's,
// neighbours: as one of groups, which have the same weights.
func (c *compiler) convWithin(n *graph.Node, weights, bias []float32, outC int) bool {
	g, ok := c.grid(n.In[0])
	if !ok || !g.within(1) || len(g.inner) == 0 {
		return false
	}
	if last := g.inner[len(g.inner)-1]; last.axis != 1 || last.stride != 1 {
		return false
	}
	groups := g.plane.C / c.shape(n.In[0])[1]
	weights, bias, result, name := c.foldAffine(n, weights, bias, outC, 1, c.perChannelOf(n.Out[0]))
	to, ok := g.reshaped(c.shape(result))
	if !ok {
		return false
	}
	if bias != nil {
		bias = repeated(bias, groups*outC)
	}
	clamp, result, name := c.activation(result, name)
	y, x := region.Identity(g.plane.H), region.Identity(g.plane.W)
	v := c.convolve(step{node: name, operator: n.Def.Name, in: []source{g.source}}, c.g.Values[result].Name,
		engine.Convolution{Y: y, X: x, Group: groups, OutC: groups * outC, Weights: repeated(weights, groups*len(weights)), Bias: bias, Clamp: clamp})
	c.refs[result] = &ref{value: v, layout: to.layout}
	return true
}

// reduceWithin lowers what makes one number of all channels along some axes.
func (c *compiler) reduceWithin(n *graph.Node, o *op.Reduce, g *pixelGrid) (bool, error) {
	kind, ok := reductions[o.Kind]
	if !ok {
		return false, nil
	}
	axes, err := o.Axes(c.infos(n.In))
	if err != nil {
		return false, err
	}
	r, to := g.reduced(kind, axes, o.KeepDims)
	if r == nil {
		return false, nil
	}
	c.emitWithin(n, 0, to, step{in: []source{g.source}, spec: r})
	return true, nil
}

// reduced gives the step that makes one number of all channels along axes, and how its
// output lies; nil where that takes other pixels.
func (g *pixelGrid) reduced(kind engine.ReduceKind, axes []int, keep bool) (*engine.Reduce, *pixelGrid) {
	counts := slices.Clone(g.layout.shape)
	for _, a := range axes {
		if counts[a] = 1; !g.within(a) {
			return nil, nil
		}
	}
	to, ok := g.reshaped(counts)
	if !ok {
		return nil, nil
	}
	r := &engine.Reduce{Kind: kind, Source: make([][]int, to.plane.C)}
	g.channels(func(channel int, at []int) {
		at = slices.Clone(at)
		for _, a := range axes {
			at[a] = 0
		}
		k := to.channel(at)
		r.Source[k] = append(r.Source[k], channel)
	})
	if !keep {
		drop := func(of []int) (left []int) {
			for a, n := range of {
				if !slices.Contains(axes, a) {
					left = append(left, n)
				}
			}
			return left
		}
		to.layout = layout{shape: drop(to.layout.shape), stride: drop(to.layout.stride)}
	}
	return r, &to
}

// extremeWithin lowers the place of the largest or least channel, found pixel by pixel: a
// whole number in float32, which outputs are made of, or by reference what goes on with it.
func (c *compiler) extremeWithin(n *graph.Node, o *op.ArgExtreme) bool {
	g, ok := c.grid(n.In[0])
	if !ok {
		return false
	}
	axis := o.Axis
	if axis < 0 {
		axis += len(g.layout.shape)
	}
	kind := engine.ReduceFirstMax
	switch {
	case o.Largest && o.Last:
		kind = engine.ReduceLastMax
	case !o.Largest && o.Last:
		kind = engine.ReduceLastMin
	case !o.Largest:
		kind = engine.ReduceFirstMin
	}
	r, to := g.reduced(kind, []int{axis}, o.KeepDims)
	if r == nil {
		return false
	}
	name := c.g.Values[n.Out[0]].Name
	place := c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, in: []source{g.source}, spec: r}, name+" (places)", to.plane)
	if len(c.consumers[n.Out[0]]) == 0 {
		c.refs[n.Out[0]] = &ref{value: place, layout: to.layout}
		return true
	}
	whole := c.value(name, engine.Plane{H: 1, W: 1, C: 1})
	c.p.values[whole].host = true
	c.p.steps = append(c.p.steps, step{node: n.Name, operator: "Cast", kind: op.Global, in: []source{{place, to.plane}}, out: whole,
		reference: &reference{op: &op.Cast{To: tensor.Int64}, outputs: 1, in: []operand{{layout: to.layout}}, out: []int{whole}}})
	c.refs[n.Out[0]] = &ref{value: whole, layout: layoutOf(c.shape(n.Out[0]))}
	return true
}

// reductions are those that the engine has.
var reductions = map[op.ReduceKind]engine.ReduceKind{
	op.ReduceMean: engine.ReduceMean, op.ReduceSum: engine.ReduceSum, op.ReduceMax: engine.ReduceMax, op.ReduceMin: engine.ReduceMin, op.ReduceL2: engine.ReduceL2, op.ReduceL1: engine.ReduceL1, op.ReduceSumSquare: engine.ReduceSumSquare,
}
