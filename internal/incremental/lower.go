package incremental

import (
	"math"
	"slices"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

var unbounded = engine.Clamp{float32(math.Inf(-1)), float32(math.Inf(1))}

// native lowers a node to primitives of the engine, together with the nodes
// behind it that can be fused. It returns false, having changed nothing that
// matters, where the engine has no primitive for the node at these shapes.
func (c *compiler) native(n *graph.Node) (bool, error) {
	if len(n.In) == 0 || n.In[0] < 0 || c.empty(n) {
		return false, nil
	}
	switch o := n.Op.(type) {
	case *op.Conv:
		return c.conv(n, o)
	case *op.ConvTranspose:
		return c.convTranspose(n, o)
	case *op.Gemm:
		return c.gemm(n, o)
	case *op.MatMul:
		return c.matMul(n)
	case *op.Identity:
		return c.alias(n, func(r *ref) (*ref, bool) { return r, true })
	case *op.Transpose:
		return c.alias(n, func(r *ref) (*ref, bool) {
			if r.shape != nil {
				return nil, false
			}
			perm := o.Perm
			if perm == nil {
				for a := len(r.layout.shape) - 1; a >= 0; a-- {
					perm = append(perm, a)
				}
			}
			return &ref{value: r.value, layout: r.layout.transposed(perm)}, true
		})
	case *op.Flatten, *op.Reshape, *op.Squeeze, *op.Unsqueeze:
		return c.reshape(n)
	}
	if c.constant(n.In[0]) == nil && c.refs[n.In[0]] == nil {
		return false, nil
	}
	if o, ok := n.Op.(*op.Elementwise); ok && o.Name == "Mean" {
		return false, nil // a sum that is divided
	}
	if isElementwise(n, "Pow") && c.is(n.In[1], 2) && slices.Equal(c.shape(n.In[0]), c.shape(n.Out[0])) {
		return c.elementwise(n, &engine.Unary{Function: asm.Square, Table: asm.Table(asm.Square)})
	}
	if done, err := c.lists(n); done || err != nil {
		return done, err
	}
	if !c.allRows(n) {
		if done, err := c.pixelwise(n); done || err != nil {
			return done, err
		}
	}
	switch o := n.Op.(type) {
	case *op.Unary, *op.Clip:
		if clamp, ok := c.bounds(n); ok {
			return c.elementwise(n, &engine.Bounds{Clamp: clamp})
		}
		if u, ok := o.(*op.Unary); ok {
			return c.elementwise(n, unary(u))
		}
		return false, nil
	case *op.DepthToSpace:
		return c.depthToSpace(n, o)
	case *op.SpaceToDepth:
		return c.spaceToDepth(n, o)
	case *op.Gather:
		return c.pick(n, o)
	case *op.Pool:
		return c.pool(n, o)
	case *op.GlobalPool:
		return c.globalPool(n, o.Kind)
	case *op.Reduce:
		return c.reduce(n, o)
	case *op.BatchNorm:
		scale, shift, ok := c.normalization(n, o)
		if !ok {
			return false, nil
		}
		clamp, result, name := c.activation(n.Out[0], n.Name)
		return c.perPixelTo(n, result, name, &engine.Affine{Scale: scale, Shift: shift, Clamp: clamp})
	case *op.PRelu:
		slope, ok := c.perChannel(n.In[1], c.shape(n.In[0]))
		if !ok {
			return false, nil
		}
		return c.perPixel(n, &engine.PRelu{Slope: slope})
	case *op.LayerNorm:
		return c.layerNorm(n, o.Axis, &engine.LayerNorm{Mean: true, Epsilon: float64(o.Epsilon)})
	case *op.RMSNorm:
		return c.layerNorm(n, o.Axis, &engine.LayerNorm{Epsilon: float64(o.Epsilon)})
	case *op.LpNormalization:
		return c.lengths(n, o)
	case *op.GroupNorm:
		return c.groupNorm(n, o)
	case *op.LRN:
		return c.perPixel(n, &engine.LRN{Size: o.Size, Alpha: o.Alpha, Beta: o.Beta, Bias: o.Bias})
	case *op.Softmax:
		return c.softmax(n, o)
	case *op.Elementwise:
		return c.binary(n, o)
	case *op.Concat:
		return c.concat(n, o)
	}
	if n.Locality.Kind == op.Rearranging && n.Locality.Tables != nil {
		return c.interpolate(n)
	}
	return c.channels(n)
}

// empty says whether a node reads or makes a tensor without elements, which no
// primitive is for.
func (c *compiler) empty(n *graph.Node) bool {
	in := n.In
	if n.Locality.Tables != nil {
		in = in[:1] // the rest went into the tables, and may be empty (the roi of Resize)
	}
	return slices.ContainsFunc(slices.Concat(in, n.Out), func(id graph.ValueID) bool { return id >= 0 && slices.Contains(c.shape(id), 0) })
}

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
				in: []source{{r.value, p}}, prim: &engine.Channels{Source: from}}, c.g.Values[n.Out[0]].Name, p)
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

// activation finds bounds that the only reader of id imposes, so that the step
// which computes id can impose them itself. It returns the value that then is
// the step's result, and the names of the nodes passed.
func (c *compiler) activation(id graph.ValueID, name string) (engine.Clamp, graph.ValueID, string) {
	if i := c.only(id); i >= 0 {
		n := c.g.Nodes[i]
		if clamp, ok := c.bounds(n); ok && n.In[0] == id && !c.chained(i) {
			c.fused[i] = true
			return clamp, n.Out[0], name + "+" + n.Name
		}
	}
	return unbounded, id, name
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

// conv lowers a convolution with constant weights, and folds what scales and shifts
// channels and an activation behind it.
func (c *compiler) conv(n *graph.Node, o *op.Conv) (bool, error) {
	return c.convOf(n, o, n.In[0], nil)
}

// convOf lowers a convolution that reads a value, with so many zeros more before each
// spatial axis as begin says: its windows are those over the input with zeros around it.
func (c *compiler) convOf(n *graph.Node, o *op.Conv, from graph.ValueID, begin []int) (bool, error) {
	w := c.constant(n.In[1])
	if w == nil || len(n.In) > 2 && n.In[2] >= 0 && c.constant(n.In[2]) == nil {
		return false, nil
	}
	ws, err := o.Windows(c.shape(n.In[0]), w.Shape)
	if err != nil || len(ws) > 2 {
		return false, nil
	}
	for i, more := range begin {
		ws[i].Pad += more
		ws[i].In = c.shape(from)[2+i]
	}
	weights, err := w.Floats()
	if err != nil {
		return false, err
	}
	var bias []float32
	if len(n.In) > 2 && n.In[2] >= 0 {
		if bias, err = c.constant(n.In[2]).Floats(); err != nil {
			return false, err
		}
	}
	outC := w.Shape[0]
	if from == n.In[0] && single(ws) && o.Group == 1 && !c.asRows(from) && c.convWithin(n, weights, bias, outC) {
		return true, nil
	}
	src, ok := c.rows(from)
	if !ok {
		return false, nil
	}
	weights, bias, result, name := c.foldAffine(n, weights, bias, outC, 1, c.perChannelOf(n.Out[0]))
	y, x := planar(ws)
	c.emitConv(n, src, y, x, o.Group, weights, bias, outC, result, name)
	return true, nil
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
const leastScale = 1e-6

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

// planar gives the windows of a plane: a series is a plane of one row.
func planar(ws []region.Window) (y, x region.Window) {
	if len(ws) == 1 {
		return region.Identity(1), ws[0]
	}
	return ws[0], ws[1]
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
			v += float64(bias[m]) * float64(s)
		}
		b[m] = float32(v)
	}
	return w, b
}

// emitConv emits a convolution whose result is graph value result, or what the
// activation behind it makes of it.
func (c *compiler) emitConv(n *graph.Node, src source, y, x region.Window, group int, weights, bias []float32, outC int, result graph.ValueID, name string) {
	clamp, result, name := c.activation(result, name)
	c.pending = append(c.pending, &convolution{step: len(c.p.steps), in: src.plane, y: y, x: x, group: group, weights: weights, bias: bias, outC: outC, clamp: clamp})
	v := c.emit(step{node: name, operator: n.Def.Name, kind: op.Windowed, windows: [2]region.Window{y, x}, in: []source{src}},
		c.g.Values[result].Name, engine.Plane{H: y.Out, W: x.Out, C: outC})
	c.define(result, v)
}

// gemm lowers a fully connected layer with constant weights: the convolution
// whose kernel is the whole plane.
func (c *compiler) gemm(n *graph.Node, o *op.Gemm) (bool, error) {
	w := c.constant(n.In[1])
	if w == nil || o.TransA {
		return c.gemmProduct(n, o)
	}
	if len(n.In) > 2 && n.In[2] >= 0 && c.constant(n.In[2]) == nil {
		return false, nil
	}
	values, err := w.Floats()
	if err != nil || len(w.Shape) != 2 {
		return false, nil
	}
	in, out := w.Shape[0], w.Shape[1]
	if o.TransB {
		in, out = out, in
	}
	weights := values // [out][in]
	if !o.TransB {
		weights = transposed(values, in, out)
	}
	if o.Alpha != 1 {
		weights = slices.Clone(weights)
		for i, v := range weights {
			weights[i] = float32(float64(o.Alpha) * float64(v))
		}
	}
	var bias []float32
	if len(n.In) > 2 && n.In[2] >= 0 && o.Beta != 0 {
		b := c.constant(n.In[2])
		f, err := b.Floats()
		if err != nil {
			return false, err
		}
		if len(f) != 1 && (len(f) != out || b.Shape[len(b.Shape)-1] != out) {
			return false, nil
		}
		bias = make([]float32, out)
		for m := range bias {
			bias[m] = float32(float64(o.Beta) * float64(f[m%len(f)]))
		}
	}
	return c.row(n, weights, bias, in, out)
}

// row lowers a fully connected layer of a row, or of the last axis.
func (c *compiler) row(n *graph.Node, weights, bias []float32, in, out int) (bool, error) {
	if done, err := c.fullyConnected(n, weights, bias, in, out); done || err != nil {
		return done, err
	}
	if done, err := c.linear(n, weights, bias, in, out); done || err != nil {
		return done, err
	}
	if !c.inOrder(n.In[0]) {
		return false, nil
	}
	return c.linear(n, weights, bias, in, out)
}

// matMul lowers the product with a constant matrix, or of two activations.
func (c *compiler) matMul(n *graph.Node) (bool, error) {
	w := c.constant(n.In[1])
	if w == nil || len(w.Shape) != 2 {
		return c.product(n), nil
	}
	values, err := w.Floats()
	if err != nil {
		return false, nil
	}
	in, out := w.Shape[0], w.Shape[1]
	done, err := c.row(n, transposed(values, in, out), nil, in, out)
	if err == nil && !done {
		done = c.product(n)
	}
	return done, err
}

// transposed makes columns by rows of a matrix of rows by columns, block by block:
// whole columns would leave the caches.
func transposed(m []float32, rows, columns int) []float32 {
	const block = 16
	t := make([]float32, len(m))
	for r0 := 0; r0 < rows; r0 += block {
		for c0 := 0; c0 < columns; c0 += block {
			for r := r0; r < min(rows, r0+block); r++ {
				for c := c0; c < min(columns, c0+block); c++ {
					t[c*rows+r] = m[r*columns+c]
				}
			}
		}
	}
	return t
}

// fullyConnected lowers a [1, in] row times weights [out][in]. A row that is a
// flattened plane is read where it lies.
func (c *compiler) fullyConnected(n *graph.Node, weights, bias []float32, in, out int) (bool, error) {
	r := c.refs[n.In[0]]
	shape := c.shape(n.In[0])
	if r == nil || c.p.values[r.value].host || len(shape) != 2 || shape[0] != 1 || shape[1] != in || in == 0 || out == 0 {
		return false, nil
	}
	if r.shape != nil {
		want, plane, ok := rowsOf(r.layout.shape)
		if own := c.p.values[r.value].plane; ok && r.layout.same(want) && (own == plane || own.H*own.W == 1) {
			src := source{r.value, plane}
			weights, bias, result, name := c.foldAffine(n, weights, bias, out, 1, c.perChannelOf(n.Out[0]))
			c.emitConv(n, src, region.Whole(plane.H), region.Whole(plane.W), 1, weights, bias, out, result, name)
			return true, nil
		}
	}
	src, ok := c.rows(n.In[0])
	if !ok {
		return false, nil
	}
	one := region.Identity(1)
	weights, bias, result, name := c.foldAffine(n, weights, bias, out, 1, c.perChannelOf(n.Out[0]))
	c.emitConv(n, src, one, one, 1, weights, bias, out, result, name)
	return true, nil
}

// elementwise lowers a function of every element, wherever the elements lie.
func (c *compiler) elementwise(n *graph.Node, prim engine.Primitive) (bool, error) {
	return c.elementwiseOf(n, n.In[0], prim)
}

// elementwiseOf lowers what makes a node's output of any value by a function of every
// element.
func (c *compiler) elementwiseOf(n *graph.Node, from graph.ValueID, prim engine.Primitive) (bool, error) {
	r := c.refs[from]
	if r == nil || c.p.values[r.value].host || c.g.Values[n.Out[0]].Info.Type != tensor.Float32 {
		return false, nil
	}
	plane := c.p.values[r.value].plane
	v := c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, in: []source{{r.value, plane}}, prim: prim},
		c.g.Values[n.Out[0]].Name, plane)
	c.refs[n.Out[0]] = &ref{value: v, layout: r.layout, shape: r.shape}
	return true, nil
}

// perPixel lowers a function of each pixel's channels.
func (c *compiler) perPixel(n *graph.Node, prim engine.Primitive) (bool, error) {
	return c.perPixelTo(n, n.Out[0], n.Name, prim)
}

// perPixelTo is perPixel for what makes another graph value, of a node and others.
func (c *compiler) perPixelTo(n *graph.Node, result graph.ValueID, name string, prim engine.Primitive) (bool, error) {
	src, ok := c.rows(n.In[0])
	if !ok {
		return false, nil
	}
	v := c.emit(step{node: name, operator: n.Def.Name, kind: op.Pointwise, in: []source{src}, prim: prim},
		c.g.Values[result].Name, src.plane)
	c.define(result, v)
	return true, nil
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
		shift[i] = float32(float64(p[1][i]) - float64(p[2][i])*s)
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

// spread says how an operand of shape s broadcasts over a value of shape out
// with channels on axis 1. ok is false for forms that primitives do not have.
func spread(s, out []int) (engine.Operand, bool) {
	if len(s) > len(out) {
		return 0, false
	}
	full := make([]int, len(out))
	for i := range full {
		full[i] = 1
	}
	copy(full[len(out)-len(s):], s)
	ones := func(a []int) bool { return !slices.ContainsFunc(a, func(n int) bool { return n != 1 }) }
	switch {
	case ones(full):
		return engine.Scalar, true
	case slices.Equal(full, out):
		return engine.Full, true
	case len(out) >= 2 && full[0] == 1 && full[1] == out[1] && ones(full[2:]):
		return engine.PerChannel, true
	case len(out) > 2 && full[0] == 1 && full[1] == 1 && slices.Equal(full[2:], out[2:]):
		return engine.PerPixel, true
	}
	return 0, false
}

// pool lowers max and average pooling.
func (c *compiler) pool(n *graph.Node, o *op.Pool) (bool, error) {
	if len(n.Out) > 1 && (len(c.consumers[n.Out[1]]) > 0 || c.isOutput[n.Out[1]]) {
		return false, nil
	}
	if o.Kind != op.PoolMax && o.Kind != op.PoolAverage || c.g.Values[n.In[0]].Info.Type != tensor.Float32 {
		return false, nil
	}
	ws, err := o.Windows(c.shape(n.In[0]))
	if err != nil || len(ws) > 2 {
		return false, nil
	}
	src, ok := c.rows(n.In[0])
	if !ok {
		return false, nil
	}
	y, x := planar(ws)
	out := engine.Plane{H: y.Out, W: x.Out, C: src.plane.C}
	var prim engine.Primitive = &engine.MaxPool{In: src.plane, Out: out, Y: y, X: x}
	if o.Kind == op.PoolAverage {
		a := &engine.AveragePool{In: src.plane, Out: out, Y: y, X: x}
		if o.CountIncludePad {
			a.DivisorY, a.DivisorX = []int{1}, divisors(o, ws, len(ws)-1)
			if len(ws) == 2 {
				a.DivisorY = divisors(o, ws, 0)
			}
		}
		prim = a
	}
	return true, c.emitWindowed(n, src, y, x, prim, out)
}

// divisors counts, for each output along an axis, the window's cells inside
// the input and its stated padding.
func divisors(o *op.Pool, ws []region.Window, axis int) []int {
	n := make([]int, ws[axis].Out)
	for i := range n {
		n[i] = o.CellsAlong(ws, axis, i)
	}
	return n
}

func (c *compiler) emitWindowed(n *graph.Node, src source, y, x region.Window, prim engine.Primitive, out engine.Plane) error {
	v := c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Windowed, windows: [2]region.Window{y, x}, in: []source{src}, prim: prim},
		c.g.Values[n.Out[0]].Name, out)
	c.refs[n.Out[0]] = nil
	// A pooled plane of one pixel may drop its spatial axes.
	if shape := c.shape(n.Out[0]); out.H*out.W == 1 {
		c.refs[n.Out[0]] = &ref{value: v, layout: rowMajor(shape)}
		return nil
	}
	c.define(n.Out[0], v)
	return nil
}

// globalPool lowers pooling over the whole plane.
func (c *compiler) globalPool(n *graph.Node, kind op.PoolKind) (bool, error) {
	if kind != op.PoolMax && kind != op.PoolAverage {
		return false, nil
	}
	src, ok := c.pixelsOf(n.In[0])
	if !ok {
		src, ok = c.rows(n.In[0])
	}
	if !ok || len(c.shape(n.In[0])) < 3 {
		return false, nil
	}
	y, x := region.Whole(src.plane.H), region.Whole(src.plane.W)
	out := engine.Plane{H: 1, W: 1, C: src.plane.C}
	var prim engine.Primitive = &engine.AveragePool{In: src.plane, Out: out, Y: y, X: x}
	if kind == op.PoolMax {
		prim = &engine.MaxPool{In: src.plane, Out: out, Y: y, X: x}
	}
	return true, c.emitWindowed(n, src, y, x, prim, out)
}

// reduce lowers the mean or maximum over exactly the spatial axes.
func (c *compiler) reduce(n *graph.Node, o *op.Reduce) (bool, error) {
	shape := c.shape(n.In[0])
	if c.g.Values[n.In[0]].Info.Type != tensor.Float32 || len(shape) < 3 || shape[0] != 1 {
		return false, nil
	}
	axes, err := o.Axes(c.infos(n.In))
	if err != nil {
		return false, err
	}
	var spatial []int
	for a := 2; a < len(shape); a++ {
		spatial = append(spatial, a)
	}
	if !c.asRows(n.In[0]) && c.ofPixels(n, o, axes) {
		c.reducePixels(n, o)
		return true, nil
	}
	if !slices.Equal(axes, spatial) {
		return false, nil
	}
	switch o.Kind {
	case op.ReduceMean:
		return c.globalPool(n, op.PoolAverage)
	case op.ReduceMax:
		return c.globalPool(n, op.PoolMax)
	}
	return false, nil
}

// softmax lowers the normalization over an axis, whose elements are put together if they
// do not lie so.
func (c *compiler) softmax(n *graph.Node, o *op.Softmax) (bool, error) {
	shape := c.shape(n.In[0])
	axis := o.Axis
	if axis < 0 {
		axis += len(shape)
	}
	v := c.view(n.In[0])
	if v == nil || o.Hard || axis < 0 || axis >= len(shape) || c.g.Values[n.Out[0]].Info.Type != tensor.Float32 {
		return false, nil
	}
	if o.Coerce { // everything from axis on is one group
		for _, d := range shape[axis+1:] {
			if d != 1 {
				return false, nil
			}
		}
	}
	size, along := shape[axis], v.axes[axis]
	prim := &engine.Softmax{Size: size, Log: o.Log}
	if plane := c.p.values[v.value].plane; c.parts[n.In[0]] == nil && (len(along) == 0 || len(along) == 1 && along[0].step == 1 && plane.C%size == 0) {
		return c.elementwise(n, prim)
	}
	there, back := toLast(len(shape), axis)
	r := c.laid(v.transposed(there), c.g.Values[n.In[0]].Name)
	s := step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, in: []source{{r.value, c.p.values[r.value].plane}}, prim: prim}
	v = &view{value: c.emit(s, c.g.Values[n.Out[0]].Name, c.p.values[r.value].plane), scale: 1}
	v.axes, _ = grouped(r.layout.strides(), r.layout.shape)
	c.see(n.Out[0], v.transposed(back))
	return true, nil
}

// toLast gives the permutations that make an axis the last of rank, and undo that.
func toLast(rank, axis int) (there, back []int) {
	for a := range rank {
		if a != axis {
			there = append(there, a)
		}
	}
	there = append(there, axis)
	back = make([]int, rank)
	for i, a := range there {
		back[a] = i
	}
	return there, back
}

// binary lowers elementwise arithmetic of two or more operands.
func (c *compiler) binary(n *graph.Node, o *op.Elementwise) (bool, error) {
	out := c.g.Values[n.Out[0]].Info
	if out.Type != tensor.Float32 || out.Shape == nil || len(n.In) < 2 {
		return false, nil
	}
	if len(n.In) > 2 && o.Name != "Sum" && o.Name != "Max" && o.Name != "Min" {
		return false, nil
	}
	for _, id := range n.In {
		if c.g.Values[id].Info.Type != tensor.Float32 {
			return false, nil
		}
	}
	if c.inPlace(n, o) {
		return true, nil
	}
	_, plane, ok := rowsOf(out.Shape)
	if !ok {
		return false, nil
	}
	kinds := make([]engine.Operand, len(n.In))
	sources := make([]source, len(n.In))
	consts := make([][]float32, len(n.In))
	for i, id := range n.In { // look before anything is moved
		if kinds[i], ok = spread(c.shape(id), out.Shape); !ok {
			return false, nil
		}
		if t := c.constant(id); t != nil {
			f, err := t.Floats()
			if err != nil {
				return false, nil
			}
			consts[i] = f
			if kinds[i] == engine.Full { // channels last
				l, _, _ := rowsOf(out.Shape)
				consts[i] = make([]float32, len(f))
				l.scatter(consts[i], f)
			}
			continue
		}
		if r := c.refs[id]; r == nil || c.p.values[r.value].host {
			return false, nil
		}
		if len(c.shape(id)) != len(out.Shape) && kinds[i] != engine.Scalar {
			return false, nil
		}
	}
	for i, id := range n.In {
		if consts[i] == nil {
			if kinds[i] == engine.Scalar {
				r := c.force(id)
				sources[i] = source{r.value, c.p.values[r.value].plane}
				continue
			}
			sources[i], _ = c.rows(id)
		}
	}
	name := n.Name
	result := n.Out[0]
	left, leftKind, leftConst := sources[0], kinds[0], consts[0]
	for i := 1; i < len(n.In); i++ {
		s := step{node: name, operator: n.Def.Name, kind: op.Pointwise}
		clamp := unbounded
		plain := leftConst == nil && consts[i] == nil && leftKind == engine.Full && kinds[i] == engine.Full && (o.Name == "Add" || o.Name == "Sum")
		if plain && i == len(n.In)-1 {
			clamp, result, name = c.activation(result, name)
			s.node = name
		}
		if plain {
			s.in, s.prim = []source{left, sources[i]}, &engine.Sum{Clamp: clamp}
		} else {
			b := &engine.Binary{Out: plane, Kind: [2]engine.Operand{leftKind, kinds[i]}, Const: [2][]float32{leftConst, consts[i]}}
			operation(b, o)
			if leftConst == nil {
				s.in, s.whole = append(s.in, left), append(s.whole, leftKind == engine.PerChannel || leftKind == engine.Scalar)
			}
			if consts[i] == nil {
				s.in, s.whole = append(s.in, sources[i]), append(s.whole, kinds[i] == engine.PerChannel || kinds[i] == engine.Scalar)
			}
			s.prim = b
		}
		v := c.emit(s, c.g.Values[n.Out[0]].Name, plane)
		left, leftKind, leftConst = source{v, plane}, engine.Full, nil
	}
	c.define(result, left.value)
	return true, nil
}

// channels says whether a constant of this shape has one number for each channel of
// the plane, wherever the axes of the value have gone.
func (r *ref) channels(shape []int, plane engine.Plane) bool {
	if r.shape != nil || len(shape) > len(r.layout.shape) {
		return false
	}
	along := -1
	for i, d := range shape {
		if a := len(r.layout.shape) - len(shape) + i; d > 1 {
			if along >= 0 || d != r.layout.shape[a] || d != plane.C || r.layout.stride[a] != 1 {
				return false
			}
			along = a
		}
	}
	return along >= 0
}

// inPlace lowers arithmetic with a single number, with a number for each channel, or of
// two values that lie alike, without asking for rows: the elements stay where they are.
func (c *compiler) inPlace(n *graph.Node, o *op.Elementwise) bool {
	if len(n.In) != 2 || slices.ContainsFunc(slices.Concat(n.In, n.Out), func(id graph.ValueID) bool { return id < 0 || c.g.Values[id].Info.Type != tensor.Float32 }) {
		return false
	}
	out := c.shape(n.Out[0])
	var refs [2]*ref
	var consts [2][]float32
	var row *tensor.Tensor // a constant that is no number
	for i, id := range n.In {
		if t := c.constant(id); t != nil {
			f, err := t.Floats()
			if err != nil {
				return false
			}
			if len(f) != 1 {
				row = t
			}
			consts[i] = f
			continue
		}
		r := c.refs[id]
		if r == nil || c.p.values[r.value].host || !slices.Equal(c.shape(id), out) || c.asRows(id) && len(n.In) == 2 && consts[0] == nil && c.constant(n.In[1]) == nil {
			return false
		}
		refs[i] = r
	}
	r := refs[0]
	if r == nil {
		r = refs[1]
	}
	if r == nil {
		return false
	}
	plane := c.p.values[r.value].plane
	other := engine.Scalar
	if row != nil {
		if other = engine.PerChannel; !r.channels(row.Shape, plane) {
			return false
		}
	}
	if refs[0] != nil && refs[1] != nil && !c.alike(n.In[0], n.In[1]) {
		return false
	}
	b := &engine.Binary{Out: plane, Const: consts}
	operation(b, o)
	s := step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, prim: b}
	for i := range refs {
		b.Kind[i] = engine.Full
		if refs[i] == nil {
			b.Kind[i] = other
			continue
		}
		s.in = append(s.in, c.asPlane(refs[i].value, plane))
	}
	v := c.emit(s, c.g.Values[n.Out[0]].Name, plane)
	c.refs[n.Out[0]] = &ref{value: v, layout: r.layout, shape: r.shape}
	return true
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
	s := step{node: n.Name, operator: n.Def.Name, kind: op.Rearranging, tables: [2]*region.Table{&p.Y, &p.X}, in: []source{src}, prim: p}
	c.define(n.Out[0], c.emit(s, c.g.Values[n.Out[0]].Name, plane))
	return true, nil
}

// channels lowers what picks channels: Split, Slice and Pad on axis 1.
func (c *compiler) channels(n *graph.Node) (bool, error) {
	in := c.shape(n.In[0])
	if len(in) < 2 || in[0] != 1 || c.g.Values[n.In[0]].Info.Type != tensor.Float32 {
		return false, nil
	}
	var sources [][]int
	fill := float32(0)
	switch o := n.Op.(type) {
	case *op.Split:
		if o.Axis != 1 && o.Axis != 1-len(in) {
			return false, nil
		}
		ranges, err := o.Ranges(c.infos(n.In), len(n.Out))
		if err != nil {
			return false, err
		}
		for _, r := range ranges {
			sources = append(sources, span(r[0], r[1]-r[0], 1))
		}
	case *op.Slice:
		starts, steps, counts, err := o.Ranges(c.infos(n.In))
		if err != nil {
			return false, err
		}
		for a := range in {
			if a != 1 && (starts[a] != 0 || steps[a] != 1 || counts[a] != in[a]) {
				return false, nil
			}
		}
		sources = [][]int{span(starts[1], counts[1], steps[1])}
	case *op.Pad:
		begin, end, value, err := o.Pads(c.infos(n.In))
		if err != nil {
			return false, err
		}
		for a := range in {
			if a != 1 && (begin[a] != 0 || end[a] != 0) {
				return false, nil
			}
		}
		if o.Mode != "constant" || begin[1] < 0 || end[1] < 0 {
			return false, nil
		}
		none := func(n int) []int { return slices.Repeat([]int{-1}, n) }
		sources, fill = [][]int{slices.Concat(none(begin[1]), span(0, in[1], 1), none(end[1]))}, value
	default:
		return false, nil
	}
	if slices.ContainsFunc(sources, func(s []int) bool { return len(s) == 0 }) {
		return false, nil
	}
	src, ok := c.rows(n.In[0])
	if !ok {
		return false, nil
	}
	for i, from := range sources {
		plane := engine.Plane{H: src.plane.H, W: src.plane.W, C: len(from)}
		v := c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, in: []source{src}, prim: &engine.Channels{Source: from, Fill: fill}},
			c.g.Values[n.Out[i]].Name, plane)
		c.define(n.Out[i], v)
	}
	return true, nil
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
