package incremental

import (
	"cmp"
	"math"
	"slices"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/tensor"
)

// What transformers do between their linear layers: products of two activations, of parts
// of what one layer made, with axes that are split, put together and exchanged. Products
// find rows and columns wherever these are (engine.Product), so that nothing moves.

// viewed lowers what only changes how a value is seen, where its parts go to products or
// where other ways would move it; and lays parts that a node reads otherwise in order.
func (c *compiler) viewed(n *graph.Node) bool {
	if c.seenAs(n) {
		return true
	}
	if !c.multiplies(n) && !c.cutsApart(n) {
		c.settle(n.In...)
	}
	return false
}

func (c *compiler) seenAs(n *graph.Node) bool {
	i := slices.IndexFunc(n.In, func(id graph.ValueID) bool { return id >= 0 && c.constant(id) == nil })
	if i < 0 || c.empty(n) || c.g.Values[n.In[i]].Info.Type != tensor.Float32 {
		return false
	}
	id := n.In[i]
	v := c.view(id)
	if v == nil {
		return false
	}
	if i == 0 && c.keepsAll(n) {
		c.see(n.Out[0], v)
		return true
	}
	switch o := n.Op.(type) {
	case *op.Identity, *op.Transpose, *op.Flatten, *op.Reshape, *op.Squeeze, *op.Unsqueeze:
		if c.parts[id] == nil && c.refs[id].shape == nil {
			return false // layouts can say it
		}
		w := c.renamed(n, v)
		if w != nil {
			c.see(n.Out[0], w)
		}
		return w != nil
	case *op.Split, *op.Slice, *op.Gather:
		return i == 0 && (c.parts[id] != nil || c.toProducts(n) || c.apart(id) && !c.cutsChannels(n) && c.toCopies(n)) && c.parted(n, v)
	case *op.Elementwise:
		f, ok := c.factor(n, o, id)
		if ok = ok && c.toProducts(n); ok {
			w := v.with(v.axes)
			w.scale *= f
			c.see(n.Out[0], w)
		}
		return ok
	}
	return false
}

// keepsAll says whether a node cuts nothing off, as what undoes a padding that none was.
func (c *compiler) keepsAll(n *graph.Node) bool {
	o, ok := n.Op.(*op.Slice)
	if !ok || !slices.Equal(c.shape(n.In[0]), c.shape(n.Out[0])) {
		return false
	}
	starts, steps, _, err := o.Ranges(c.infos(n.In))
	return err == nil && !slices.ContainsFunc(starts, func(v int) bool { return v != 0 }) && !slices.ContainsFunc(steps, func(v int) bool { return v != 1 })
}

// settle lays values in order that are parts.
func (c *compiler) settle(ids ...graph.ValueID) {
	for _, id := range ids {
		if v := c.parts[id]; v != nil {
			delete(c.parts, id)
			c.refs[id] = c.laid(v, c.g.Values[id].Name)
		}
	}
}

// renamed is the view of a node's output where the node gives axes other names.
func (c *compiler) renamed(n *graph.Node, v *view) *view {
	switch o := n.Op.(type) {
	case *op.Identity:
		return v
	case *op.Transpose:
		return v.transposed(o.Perm)
	}
	if c.shape(n.Out[0]) == nil {
		return nil
	}
	return v.reshaped(c.shape(n.Out[0]))
}

// apart says whether a value has pixels' channels last, but is neither rows of a plane nor
// a list, so that what cuts planes and lists would move all of it first.
func (c *compiler) apart(id graph.ValueID) bool {
	if c.asRows(id) || c.liesAsList(id) {
		return false
	}
	_, _, ok := c.channelsLast(id)
	return ok
}

// toCopies says whether all that reads a node's outputs cuts them further or puts them
// together, which copies what is left (engine.Move).
func (c *compiler) toCopies(n *graph.Node) bool {
	for _, id := range n.Out {
		if id < 0 || c.isOutput[id] || len(c.consumers[id]) == 0 {
			return false
		}
		for _, i := range c.consumers[id] {
			switch m := c.g.Nodes[i]; m.Op.(type) {
			case *op.Concat:
			case *op.Slice:
				if !c.toCopies(m) {
					return false
				}
			default:
				return false
			}
		}
	}
	return true
}

// toProducts says whether all that reads a node's outputs are products of two
// activations, perhaps behind changes of axes, picking and scaling.
func (c *compiler) toProducts(n *graph.Node) bool {
	read := false
	for _, id := range n.Out {
		if id < 0 || c.isOutput[id] {
			return false
		}
		for _, i := range c.consumers[id] {
			if read = true; !c.normalizes(i, id) && (c.chained(i) || !c.passes(c.g.Nodes[i], id)) {
				return false
			}
		}
	}
	return read
}

// normalizes says whether a node belongs to a normalization of a value whose result goes to
// products, as queries and keys have it.
func (c *compiler) normalizes(node int, id graph.ValueID) bool {
	if c.device || !c.chained(node) {
		return false
	}
	for last, ch := range c.chains {
		if ch.views && ch.of == id && slices.Contains(ch.nodes, node) {
			return c.toProducts(c.g.Nodes[last])
		}
	}
	return false
}

// passes says whether a node that reads a value is such a product, or hands it on to one.
func (c *compiler) passes(n *graph.Node, id graph.ValueID) bool {
	switch o := n.Op.(type) {
	case *op.MatMul:
		return c.multiplies(n)
	case *op.Identity, *op.Transpose, *op.Flatten, *op.Reshape, *op.Squeeze, *op.Unsqueeze, *op.Split, *op.Slice:
		return n.In[0] == id && c.toProducts(n)
	case *op.Gather:
		_, ok := c.index(n)
		return ok && n.In[0] == id && c.toProducts(n)
	case *op.Elementwise:
		_, ok := c.factor(n, o, id)
		return ok && c.toProducts(n)
	}
	return false
}

// multiplies says whether a node is a product of two activations.
func (c *compiler) multiplies(n *graph.Node) bool {
	_, ok := n.Op.(*op.MatMul)
	return ok && len(n.In) == 2 && c.constant(n.In[0]) == nil && c.constant(n.In[1]) == nil
}

// index is the one index that a Gather picks.
func (c *compiler) index(n *graph.Node) (int, bool) {
	if len(n.In) < 2 {
		return 0, false
	}
	t := c.constant(n.In[1])
	if t == nil || len(t.Shape) != 0 {
		return 0, false
	}
	i, err := t.Ints()
	if err != nil || len(i) != 1 {
		return 0, false
	}
	return int(i[0]), true
}

// factor is what a node multiplies a value by that does nothing else.
func (c *compiler) factor(n *graph.Node, o *op.Elementwise, id graph.ValueID) (float64, bool) {
	if len(n.In) != 2 || o.Name != "Mul" && o.Name != "Div" || !slices.Equal(c.shape(n.Out[0]), c.shape(id)) {
		return 0, false
	}
	other := n.In[1]
	if other == id {
		if other = n.In[0]; o.Name == "Div" {
			return 0, false
		}
	}
	t := c.number(other)
	if t == nil || t.DType() != tensor.Float32 {
		return 0, false
	}
	f, err := t.Floats()
	if err != nil {
		return 0, false
	}
	if o.Name == "Div" {
		return 1 / float64(f[0]), f[0] != 0
	}
	return float64(f[0]), true
}

// parted sees what a node picks of an axis.
func (c *compiler) parted(n *graph.Node, v *view) bool {
	switch o := n.Op.(type) {
	case *op.Gather:
		k, ok := c.index(n)
		axis := o.Axis
		if axis < 0 {
			axis += len(v.axes)
		}
		if !ok || axis < 0 || axis >= len(v.axes) {
			return false
		}
		if k < 0 {
			k += length(v.axes[axis])
		}
		if k < 0 || k >= length(v.axes[axis]) {
			return false
		}
		c.see(n.Out[0], v.picked(axis, k))
		return true
	case *op.Slice:
		starts, steps, counts, err := o.Ranges(c.infos(n.In))
		for a := 0; err == nil && v != nil && a < len(starts); a++ {
			v = v.sliced(a, starts[a], steps[a], counts[a])
		}
		if err != nil || v == nil {
			return false
		}
		c.see(n.Out[0], v)
		return true
	case *op.Split:
		return c.splitView(n, o, v)
	}
	return false
}

func (c *compiler) splitView(n *graph.Node, o *op.Split, v *view) bool {
	ranges, err := o.Ranges(c.infos(n.In), len(n.Out))
	axis := o.Axis
	if axis < 0 {
		axis += len(v.axes)
	}
	if err != nil || axis < 0 || axis >= len(v.axes) {
		return false
	}
	parts := make([]*view, len(ranges))
	for i, r := range ranges {
		if parts[i] = v.sliced(axis, r[0], 1, r[1]-r[0]); parts[i] == nil {
			return false
		}
	}
	for i, w := range parts {
		c.see(n.Out[i], w)
	}
	return true
}

// matrix is an operand of a product, or a batch of them.
type matrix struct {
	*view
	data []float32 // of a constant
}

// matrixOf gives an operand of a product; false if it has no numbers of that kind.
func (c *compiler) matrixOf(id graph.ValueID) (m matrix, ok bool) {
	if t := c.constant(id); t != nil {
		f, err := t.Floats()
		axes, ok := grouped(rowMajor(t.Shape).strides(), t.Shape)
		return matrix{&view{axes: axes, scale: 1}, f}, ok && err == nil
	}
	if m.view = c.view(id); m.view == nil {
		if r := c.refs[id]; r == nil || c.p.values[r.value].host {
			return m, false
		}
		c.force(id)
		m.view = c.view(id)
	}
	return m, m.view != nil
}

// product lowers the product of two activations, or of one and constants.
func (c *compiler) product(n *graph.Node, all bool) bool {
	left, ok := c.matrixOf(n.In[0])
	right, and := c.matrixOf(n.In[1])
	if !ok || !and {
		return false
	}
	vectors := [2]bool{len(left.axes) == 1, len(right.axes) == 1}
	if vectors[0] {
		left.view = left.with([][]stride{nil, left.axes[0]})
	}
	if vectors[1] {
		right.view = right.with([][]stride{right.axes[0], nil})
	}
	c.emitProduct(n, left, right, vectors, all)
	return true
}

// gemmProduct lowers a Gemm of two activations, with constants added to it.
func (c *compiler) gemmProduct(n *graph.Node, o *op.Gemm) (bool, error) {
	left, ok := c.matrixOf(n.In[0])
	right, and := c.matrixOf(n.In[1])
	if !ok || !and {
		return false, nil
	}
	if o.TransA {
		left.view = left.transposed(nil)
	}
	if o.TransB {
		right.view = right.transposed(nil)
	}
	left.view = left.with(left.axes)
	left.scale *= float64(o.Alpha)
	if len(n.In) < 3 || n.In[2] < 0 || o.Beta == 0 {
		c.emitProduct(n, left, right, [2]bool{}, true)
		return true, nil
	}
	t := c.constant(n.In[2])
	if t == nil {
		return false, nil
	}
	f, err := t.Floats()
	if err != nil {
		return false, err
	}
	added := make([]float32, len(f))
	for i, v := range f {
		added[i] = float32(float64(o.Beta) * float64(v))
	}
	c.emitProduct(n, left, right, [2]bool{}, false)
	return c.emitTable(n, c.view(n.Out[0]), asm.Sum, t.Shape, added), nil
}

// batch spreads the batch axes of an operand over those of the result.
func batch(axes [][]stride, lengths []int) [][]stride {
	all := make([][]stride, len(lengths))
	for i, n := range lengths {
		k := i - len(lengths) + len(axes)
		if k >= 0 && length(axes[k]) == n {
			all[i] = axes[k]
		} else if n > 1 {
			all[i] = []stride{{n, 0}}
		}
	}
	return all
}

// emitProduct emits the product of two batches of matrices; those that are vectors have no
// axis of the result. If all of the node, a number behind it is taken in.
func (c *compiler) emitProduct(n *graph.Node, left, right matrix, vectors [2]bool, all bool) {
	lengths := slices.Clone(c.shape(n.Out[0])) // of the batch's axes
	for _, vector := range vectors {
		if !vector {
			lengths = lengths[:len(lengths)-1]
		}
	}
	k := len(left.axes) - 2
	lb, rows, depth := batch(left.axes[:k], lengths), left.axes[k], left.axes[k+1]
	k = len(right.axes) - 2
	rb, columns := batch(right.axes[:k], lengths), right.axes[k+1]
	p := &engine.Product{Scale: float32(left.scale * right.scale)}
	s := step{node: n.Name, operator: n.Def.Name, kind: op.Global, spec: p}
	p.Left = engine.Matrix{In: c.reads(&s, left), Const: left.data, First: left.offset, Batch: offsets(lb...), Row: offsets(rows), Column: offsets(depth)}
	p.Right = engine.Matrix{In: c.reads(&s, right), Const: right.data, First: right.offset, Batch: offsets(rb...), Row: offsets(right.axes[k]), Column: offsets(columns)}
	var from engine.Plane
	if left.data == nil {
		from = c.p.values[left.value].plane
	}
	axes, plane := ordered(slices.Concat(lb, [][]stride{rows}), length(columns), from)
	p.OutBatch, p.OutRow, p.Pixels = offsets(axes[:len(lb)]...), offsets(axes[len(lb)]), plane.H*plane.W
	result := n.Out[0]
	if all {
		var scale float32
		result, scale, s.node = c.scaledBehind(result, n.Name)
		p.Scale *= scale
	}
	v := &view{value: c.emit(s, c.g.Values[result].Name, plane), axes: axes, scale: 1}
	if vectors[0] {
		v.axes = axes[:len(lb)]
	}
	if !vectors[1] {
		v.axes = append(v.axes, merged([]stride{{length(columns), 1}}))
	}
	c.see(result, v)
}

// reads makes a matrix's value an input of a step and gives its number.
func (c *compiler) reads(s *step, m matrix) int {
	if m.data != nil {
		return 0
	}
	src := source{m.value, c.p.values[m.value].plane}
	in := slices.Index(s.in, src)
	if in < 0 {
		in, s.in = len(s.in), append(s.in, src)
	}
	return in
}

// scaledBehind finds the number that the only reader of a value multiplies it by, as
// scores are. It returns the value that then is the result, and the names of the nodes.
func (c *compiler) scaledBehind(id graph.ValueID, name string) (result graph.ValueID, scale float32, names string) {
	if i := c.only(id); i >= 0 && !c.chained(i) {
		n := c.g.Nodes[i]
		if o, ok := n.Op.(*op.Elementwise); ok {
			if f, ok := c.factor(n, o, id); ok {
				c.fused[i] = true
				return n.Out[0], float32(f), name + "+" + n.Name
			}
		}
	}
	return id, 1, name
}

// ordered gives axes, each of whose elements is a row of n numbers, strides of their own in
// the order of the strides that they have, so that what was rows of pixels stays so, of the
// same plane if it is all of that. A pixel is what was less than a pixel's channels apart.
func ordered(axes [][]stride, n int, from engine.Plane) ([][]stride, engine.Plane) {
	type place struct{ axis, k, step int }
	apart := func(step int) int { // what is read again for each comes last
		if step == 0 {
			return math.MaxInt
		}
		return max(step, -step)
	}
	var all []place
	out := make([][]stride, len(axes))
	for i, a := range axes {
		out[i] = slices.Clone(a)
		for k, s := range a {
			all = append(all, place{i, k, apart(s.step)})
		}
	}
	slices.SortStableFunc(all, func(a, b place) int { return cmp.Compare(a.step, b.step) })
	plane := engine.Plane{H: 1, W: 1, C: n}
	step := n
	for _, p := range all {
		s := &out[p.axis][p.k]
		s.step = step
		step *= s.n
		if p.step < from.C {
			plane.C *= s.n
		} else {
			plane.W *= s.n
		}
	}
	for i := range out {
		out[i] = merged(out[i])
	}
	if plane.W == from.H*from.W {
		plane.H, plane.W = from.H, from.W
	}
	return out, plane
}
