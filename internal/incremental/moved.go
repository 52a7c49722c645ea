package incremental

import (
	"slices"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/tensor"
)

// moved lowers what no other way does by copying blocks of elements (engine.Move), and
// arithmetic with constants that are broadcast in any way (engine.Table).
func (c *compiler) moved(n *graph.Node) (bool, error) {
	if len(n.Out) == 0 || c.empty(n) || c.shape(n.Out[0]) == nil || c.g.Values[n.Out[0]].Info.Type != tensor.Float32 {
		return false, nil
	}
	switch o := n.Op.(type) {
	case *op.Concat:
		return c.joined(n, o), nil
	case *op.Split, *op.Slice, *op.Gather:
		if c.constant(n.In[0]) != nil {
			return false, nil
		}
		if v := c.view(n.In[0]); v == nil || !c.parted(n, v) {
			return false, nil
		}
		c.settle(n.Out...)
		return true, nil
	case *op.Expand, *op.Tile:
		return c.repeated(n), nil
	case *op.Pad:
		if done, err := c.paddedLast(n, o); done || err != nil {
			return done, err
		}
		return c.padded(n, o)
	case *op.Elementwise:
		return c.tabled(n, o)
	case *op.Where:
		return c.masked(n)
	}
	return false, nil
}

// cutsApart says whether a node cuts or puts together values that lie apart from planes
// and lists, which other ways would move first.
func (c *compiler) cutsApart(n *graph.Node) bool {
	switch n.Op.(type) {
	case *op.Concat, *op.Split, *op.Slice, *op.Gather, *op.Pad:
		return slices.ContainsFunc(n.In, func(id graph.ValueID) bool {
			return id >= 0 && c.constant(id) == nil && (c.parts[id] != nil || c.refs[id] != nil && c.apart(id))
		})
	}
	return false
}

// place is how a moved value lies: as rows of a plane if what it is made of does.
func (c *compiler) place(n *graph.Node, shape []int) (layout, engine.Plane) {
	if l, plane, ok := rowsOf(shape); ok && len(shape) == 4 && !slices.ContainsFunc(n.In, func(id graph.ValueID) bool {
		return id >= 0 && c.constant(id) == nil && !c.asRows(id)
	}) {
		return l, plane
	}
	return rowMajor(shape), rowPlane(shape)
}

// joined lowers a concatenation along any axis.
func (c *compiler) joined(n *graph.Node, o *op.Concat) bool {
	shape := c.shape(n.Out[0])
	axis := o.Axis
	if axis < 0 {
		axis += len(shape)
	}
	var from []matrix
	for _, id := range n.In {
		m, ok := c.matrixOf(id)
		if !ok || m.scale != 1 {
			return false
		}
		from = append(from, m)
	}
	if c.joinedPixels(n, axis, from) {
		return true
	}
	var best *engine.Move
	var lies layout
	var on engine.Plane
	runs := 0
	for _, form := range c.forms(shape) { // that with the longer runs
		m, pieces, at := &engine.Move{}, 0, 0
		for i, id := range n.In {
			part := layout{shape: c.shape(id), stride: form.layout.stride, offset: at * form.layout.stride[axis]}
			b := from[i].block(part, 0)
			m.Blocks, pieces = append(m.Blocks, b), pieces+b.Runs()
			at += c.shape(id)[axis]
		}
		if best == nil || pieces < runs {
			best, lies, on, runs = m, form.layout, form.plane, pieces
		}
	}
	s := step{node: n.Name, operator: n.Def.Name, kind: op.Global, spec: best}
	for i := range from {
		best.Blocks[i].In, best.Blocks[i].Const = c.reads(&s, from[i]), from[i].data
	}
	c.refs[n.Out[0]] = &ref{value: c.emit(s, c.g.Values[n.Out[0]].Name, on), layout: lies}
	return true
}

// joinedPixels lowers a concatenation of parts of one plane, channels last, that makes pixels
// of pixels: a plane that is rolled, or squares that become pixels.
func (c *compiler) joinedPixels(n *graph.Node, axis int, from []matrix) bool {
	shape := c.shape(n.Out[0])
	if len(shape) != 4 || shape[0] != 1 || slices.ContainsFunc(from, func(m matrix) bool { return m.data != nil || m.value != from[0].value }) {
		return false
	}
	v := &c.p.values[from[0].value]
	to := engine.Plane{H: shape[1], W: shape[2], C: shape[3]}
	if v.plane.H == 1 || v.plane.W == 1 {
		return false
	}
	index, lies, at := make([]int32, to.Len()), rowMajor(shape), 0
	for i, id := range n.In {
		part := layout{shape: c.shape(id), stride: lies.stride}
		goes := offsets(part.strides())
		for k, o := range offsets(from[i].axes...) {
			index[int(goes[k])+at*lies.stride[axis]] = o + int32(from[i].offset)
		}
		at += c.shape(id)[axis]
	}
	move := c.moveOf(index, v.plane, to, n.Name)
	if move == nil {
		return false
	}
	s := move(source{from[0].value, v.plane})
	s.operator = n.Def.Name
	c.refs[n.Out[0]] = &ref{value: c.emit(s, c.g.Values[n.Out[0]].Name, to), layout: lies}
	return true
}

// form is a way in which a value may lie.
type form struct {
	layout layout
	plane  engine.Plane
}

// forms are those of a value that is moved: in ONNX order, and as rows of a plane.
func (c *compiler) forms(shape []int) []form {
	f := []form{{rowMajor(shape), rowPlane(shape)}}
	if l, plane, ok := rowsOf(shape); ok {
		f = append(f, form{l, plane})
	}
	return f
}

// repeated lowers what repeats elements along axes.
func (c *compiler) repeated(n *graph.Node) bool {
	v := c.view(n.In[0])
	if v == nil || c.constant(n.In[0]) != nil {
		return false
	}
	shape := c.shape(n.Out[0])
	axes := make([][]stride, len(shape))
	for a, k := range shape {
		if from := a - len(shape) + len(v.axes); from >= 0 {
			axes[a] = v.axes[from]
			k /= length(axes[a])
		}
		if k > 1 {
			axes[a] = slices.Concat([]stride{{k, 0}}, axes[a])
		}
	}
	to, plane := c.place(n, shape)
	if l, p, ok := rowsOf(shape); ok && len(shape) == 3 && c.asRows(n.In[0]) && c.shape(n.In[0])[len(v.axes)-1] == 1 && len(v.axes) == 3 {
		to, plane = l, p // the channels of a series, again and again
	}
	m := &engine.Move{Blocks: []engine.Block{v.with(axes).block(to, 0)}}
	src := source{v.value, c.p.values[v.value].plane}
	c.refs[n.Out[0]] = &ref{value: c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Global, in: []source{src}, spec: m}, c.g.Values[n.Out[0]].Name, plane), layout: to}
	return true
}

// padded lowers padding with a constant along any axes.
func (c *compiler) padded(n *graph.Node, o *op.Pad) (bool, error) {
	v := c.view(n.In[0])
	if v == nil || o.Mode != "constant" {
		return false, nil
	}
	begin, end, fill, err := o.Pads(c.infos(n.In))
	if err != nil {
		return false, err
	}
	if slices.Max(begin) <= 0 && slices.Max(end) <= 0 && slices.Min(begin) == 0 && slices.Min(end) == 0 {
		c.refs[n.Out[0]] = c.refs[n.In[0]]
		return true, nil
	}
	shape := c.shape(n.Out[0])
	to, plane := c.place(n, shape)
	inner := layout{shape: slices.Clone(c.shape(n.In[0])), stride: to.stride, offset: to.offset}
	m := &engine.Move{}
	fills := layout{shape: slices.Clone(shape), stride: to.stride, offset: to.offset} // what is not filled yet
	for a := range shape {
		left := inner.shape[a] + min(begin[a], 0) + min(end[a], 0)
		if left <= 0 { // all of it is cut off
			return false, nil
		}
		if v = v.sliced(a, max(0, -begin[a]), 1, left); v == nil {
			return false, nil
		}
		before, after := max(0, begin[a]), max(0, end[a])
		for _, side := range [][2]int{{0, before}, {shape[a] - after, after}} {
			if side[1] > 0 {
				f := layout{shape: slices.Clone(fills.shape), stride: to.stride, offset: fills.offset + side[0]*to.stride[a]}
				f.shape[a] = side[1]
				m.Blocks = append(m.Blocks, constantBlock(f, fill))
			}
		}
		fills.shape[a] -= before + after
		fills.offset += before * to.stride[a]
	}
	src := source{v.value, c.p.values[v.value].plane}
	m.Blocks = append(m.Blocks, v.block(fills, 0))
	c.refs[n.Out[0]] = &ref{value: c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Global, in: []source{src}, spec: m}, c.g.Values[n.Out[0]].Name, plane), layout: to}
	return true, nil
}

// constantBlock fills a layout with a number.
func constantBlock(to layout, fill float32) engine.Block {
	v := &view{axes: make([][]stride, len(to.shape)), scale: 1}
	for i, n := range to.shape {
		if n > 1 {
			v.axes[i] = []stride{{n, 0}}
		}
	}
	b := v.block(to, 0)
	b.Const = []float32{fill}
	return b
}

// tabled lowers arithmetic of a value with a constant of no more axes or elements.
func (c *compiler) tabled(n *graph.Node, o *op.Elementwise) (bool, error) {
	arithmetic, native := operations[o.Name]
	if len(n.In) != 2 || !native {
		return false, nil
	}
	x, t := n.In[0], c.constant(n.In[1])
	if t == nil {
		x, t = n.In[1], c.constant(n.In[0])
		if arithmetic, native = arithmetic.Swapped(); !native {
			return false, nil
		}
	}
	if t == nil || x < 0 || c.constant(x) != nil || t.DType() != tensor.Float32 || !slices.Equal(c.shape(x), c.shape(n.Out[0])) {
		return false, nil
	}
	v := c.view(x)
	if v == nil {
		return false, nil
	}
	f, err := t.Floats()
	if err != nil {
		return false, err
	}
	return c.emitTable(n, v, arithmetic, t.Shape, f), nil
}

// emitTable emits arithmetic of a value with constants f of a shape that is spread over it;
// false where these have no runs within pixels.
func (c *compiler) emitTable(n *graph.Node, v *view, arithmetic asm.Arithmetic, shape []int, f []float32) bool {
	plane := c.p.values[v.value].plane
	table := &engine.Table{Out: plane, Operation: arithmetic}
	c.spreadTable(table, v, shape, f)
	return plane.C%table.Length == 0 && c.emitInPlace(n, v, table)
}

// emitInPlace emits a step whose results lie as the elements of a view do.
func (c *compiler) emitInPlace(n *graph.Node, v *view, prim engine.Primitive) bool {
	plane := c.p.values[v.value].plane
	s := step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, in: []source{{v.value, plane}}, spec: prim}
	w := v.with(v.axes)
	w.value = c.emit(s, c.g.Values[n.Out[0]].Name, plane)
	c.see(n.Out[0], w)
	return true
}

// masked lowers a Where that puts a number in the place of what a constant marks.
func (c *compiler) masked(n *graph.Node) (bool, error) {
	mask, x, number := c.constant(n.In[0]), n.In[2], c.number(n.In[1])
	if number == nil { // in the place of what it does not mark
		x, number = n.In[1], c.number(n.In[2])
	}
	if mask == nil || number == nil || c.constant(x) != nil || number.DType() != tensor.Float32 || !slices.Equal(c.shape(x), c.shape(n.Out[0])) {
		return false, nil
	}
	v := c.view(x)
	marked, isBool := mask.Data.([]bool)
	fill, err := number.Floats()
	if v == nil || !isBool || err != nil {
		return false, err
	}
	f := make([]float32, len(marked))
	for i, m := range marked {
		if m == (x == n.In[2]) {
			f[i] = 1
		}
	}
	plane := c.p.values[v.value].plane
	s := &engine.Select{Table: engine.Table{Out: plane}, Number: fill[0]}
	c.spreadTable(&s.Table, v, mask.Shape, f)
	return plane.C%s.Length == 0 && c.emitInPlace(n, v, s), nil
}

// spreadTable lays a constant out for the order in which a value lies.
func (c *compiler) spreadTable(t *engine.Table, v *view, shape []int, f []float32) {
	type run struct{ axis, n, step, inner int }
	runs := []run{} // of the value's memory
	for i, axis := range v.axes {
		inner := 1
		for k := len(axis) - 1; k >= 0; k-- {
			runs = append(runs, run{i, axis[k].n, axis[k].step, inner})
			inner *= axis[k].n
		}
	}
	if len(runs) == 0 {
		runs = []run{{n: 1, inner: 1}}
	}
	slices.SortFunc(runs, func(a, b run) int { return b.step - a.step })
	lead, fast := len(v.axes)-len(shape), runs[len(runs)-1]
	order := make([]int, len(shape)) // of the constant's axes: that of the fast run last
	for a := range order {
		order[a] = a
	}
	if a := fast.axis - lead; a >= 0 && len(shape) > 0 {
		order, _ = toLast(len(shape), a)
	}
	from := rowMajor(shape).transposed(order)
	t.Const = make([]float32, len(f))
	from.gather(t.Const, f)
	steps := make([]int, max(1, len(v.axes))) // of the constants for each axis of the value
	for i, a := range order {
		if shape[a] > 1 {
			steps[lead+a] = rowMajor(from.shape).stride[i]
		}
	}
	t.Length, t.Single = fast.n, steps[fast.axis] == 0
	rows := make([]stride, len(runs)-1)
	for i := range rows {
		rows[i] = stride{runs[i].n, runs[i].inner * steps[runs[i].axis]}
	}
	t.Rows = offsets(rows)
}
