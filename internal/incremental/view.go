package incremental

import (
	"cmp"
	"slices"

	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/region"
)

// view says how a value of the model lies where a layout cannot: each of its axes may be
// several of memory (the windows of a plane), and all of them together only a part of
// what lies there (the queries of what a linear layer made of queries, keys and values),
// times a number. So transposes, reshapes and slices move nothing.
type view struct {
	value  int
	axes   [][]stride // each axis of several, the slowest first; none of length 1
	offset int
	scale  float64
}

// stride is an axis of memory: n elements, each step behind the last.
type stride struct{ n, step int }

// length is the number of elements of an axis.
func length(axis []stride) int {
	n := 1
	for _, s := range axis {
		n *= s.n
	}
	return n
}

// shape is the value's ONNX shape.
func (v *view) shape() []int {
	shape := make([]int, len(v.axes))
	for i, a := range v.axes {
		shape[i] = length(a)
	}
	return shape
}

// merged puts those strides together that are one.
func merged(axis []stride) (m []stride) {
	for _, s := range axis {
		last := len(m) - 1
		switch {
		case s.n == 1:
		case last >= 0 && m[last].step == s.n*s.step:
			m[last] = stride{m[last].n * s.n, s.step}
		default:
			m = append(m, s)
		}
	}
	return m
}

// grouped makes axes of the lengths of shape of strides that follow each other; false
// where a stride would have to be cut between its elements.
func grouped(strides []stride, shape []int) ([][]stride, bool) {
	strides = merged(strides)
	axes := make([][]stride, len(shape))
	for i, n := range shape {
		for n > 1 {
			if len(strides) == 0 {
				return nil, false
			}
			s := strides[0]
			switch {
			case n%s.n == 0:
				strides = strides[1:]
			case s.n%n == 0:
				rest := s.n / n
				strides = slices.Concat([]stride{{rest, s.step}}, strides[1:])
				s = stride{n, s.step * rest}
			default:
				return nil, false
			}
			axes[i] = append(axes[i], s)
			n /= s.n
		}
		axes[i] = merged(axes[i])
	}
	return axes, len(strides) == 0
}

// with is the view with other axes.
func (v *view) with(axes [][]stride) *view { return &view{v.value, axes, v.offset, v.scale} }

// reshaped is the view under another shape, nil where elements would have to move.
func (v *view) reshaped(shape []int) *view {
	axes, ok := grouped(slices.Concat(v.axes...), shape)
	if !ok {
		return nil
	}
	return v.with(axes)
}

// transposed is the view with axes in the order perm, nil being their reverse.
func (v *view) transposed(perm []int) *view {
	axes := make([][]stride, len(v.axes))
	for i := range axes {
		from := len(axes) - 1 - i
		if perm != nil {
			from = perm[i]
		}
		axes[i] = v.axes[from]
	}
	return v.with(axes)
}

// sliced is the view of count elements of an axis, of every by-th from start on; nil
// where these have no strides.
func (v *view) sliced(axis, start, by, count int) *view {
	strides := v.axes[axis]
	if start == 0 && by == 1 && count == length(strides) {
		return v
	}
	w := v.with(slices.Clone(v.axes))
	switch {
	case len(strides) == 0: // of one element
		w.axes[axis] = nil
	case len(strides) == 1:
		w.offset += start * strides[0].step
		w.axes[axis] = merged([]stride{{count, by * strides[0].step}})
	default: // whole blocks of the fast ones
		inner := length(strides[1:])
		if by != 1 || start%inner != 0 || count%inner != 0 {
			return nil
		}
		w.offset += start / inner * strides[0].step
		w.axes[axis] = merged(slices.Concat([]stride{{count / inner, strides[0].step}}, strides[1:]))
	}
	return w
}

// picked is the view of the elements with index k on an axis, which goes.
func (v *view) picked(axis, k int) *view {
	w := v.sliced(axis, k, 1, 1)
	if w == nil {
		strides, at := v.axes[axis], v.offset
		for i := len(strides) - 1; i >= 0; i-- {
			at += k % strides[i].n * strides[i].step
			k /= strides[i].n
		}
		w = v.with(v.axes)
		w.offset = at
	}
	w.axes = slices.Delete(slices.Clone(w.axes), axis, axis+1)
	return w
}

// whole says whether the view is of all of size numbers of memory, each once and as it
// is.
func (v *view) whole(size int) bool {
	all := slices.Concat(v.axes...)
	slices.SortFunc(all, func(a, b stride) int { return cmp.Compare(a.step, b.step) })
	n := 1
	for _, s := range all {
		if s.step != n {
			return false
		}
		n *= s.n
	}
	return n == size && v.offset == 0 && v.scale == 1
}

// offsets lists where the elements of some axes lie, the first being 0.
func offsets(axes ...[]stride) []int32 {
	at := []int32{0}
	for _, s := range slices.Concat(axes...) {
		next := make([]int32, 0, len(at)*s.n)
		for _, o := range at {
			for i := range s.n {
				next = append(next, o+int32(i*s.step))
			}
		}
		at = next
	}
	return at
}

// strides are those of a layout.
func (l layout) strides() []stride {
	s := make([]stride, len(l.shape))
	for a, n := range l.shape {
		s[a] = stride{n, l.stride[a]}
	}
	return s
}

// view gives how a value lies; nil for constants, for tensors of other kinds, and where
// elements would have to move.
func (c *compiler) view(id graph.ValueID) *view {
	if v := c.parts[id]; v != nil {
		return v
	}
	r := c.refs[id]
	if id < 0 || r == nil || c.p.values[r.value].host || c.shape(id) == nil {
		return nil
	}
	axes, ok := grouped(r.layout.strides(), c.shape(id))
	if !ok {
		return nil
	}
	return &view{r.value, axes, r.layout.offset, 1}
}

// see records that a value lies as a view says: as other values do if it is whole, else
// as a part that only what asks for views can read.
func (c *compiler) see(id graph.ValueID, v *view) {
	if v.whole(c.p.values[v.value].plane.Len()) {
		c.refs[id] = v.ref()
		return
	}
	c.parts[id] = v
}

// ref is a whole view's.
func (v *view) ref() *ref {
	r := &ref{value: v.value, layout: layout{shape: v.shape(), stride: make([]int, len(v.axes))}}
	for i, a := range v.axes {
		if len(a) > 1 {
			return v.composed()
		}
		if len(a) == 1 {
			r.layout.stride[i] = a[0].step
		}
	}
	return r
}

// composed is the ref of a view some of whose axes are several of memory.
func (v *view) composed() *ref {
	r := &ref{value: v.value, shape: v.shape()}
	for _, a := range v.axes {
		for _, s := range a {
			r.layout.shape, r.layout.stride = append(r.layout.shape, s.n), append(r.layout.stride, s.step)
		}
	}
	return r
}

// laid puts a view's elements in ONNX order, rows of the last axis being pixels.
func (c *compiler) laid(v *view, name string) *ref {
	to := rowMajor(v.shape())
	plane := rowPlane(to.shape)
	src := source{v.value, c.p.values[v.value].plane}
	s := step{node: name, operator: "(relayout)", kind: op.Global, in: []source{src}, spec: &engine.Move{Blocks: []engine.Block{v.block(to, 0)}}}
	if src.plane.H*src.plane.W > 1 && !c.p.values[v.value].entire {
		index := offsets(v.axes...)
		for i := range index {
			index[i] += int32(v.offset)
		}
		if moved, ok := c.byPixels(src, index, plane, name); ok {
			s = moved
		}
	}
	out := c.emit(s, name, plane)
	if v.scale != 1 {
		b := &engine.Binary{Out: plane, Kind: [2]engine.Operand{engine.Full, engine.Scalar}, Const: [2][]float32{nil, {float32(v.scale)}}}
		operation(b, &op.Elementwise{Name: "Mul"})
		out = c.emit(step{node: name, operator: "(scale)", kind: op.Pointwise, in: []source{{out, plane}}, spec: b}, name, plane)
	}
	return &ref{value: out, layout: to}
}

// rowPlane is the plane of a value in ONNX order: its last axis are the channels.
func rowPlane(shape []int) engine.Plane {
	p := engine.Plane{H: 1, W: 1, C: 1}
	for i, n := range shape {
		if i == len(shape)-1 {
			p.C = n
		} else {
			p.W *= n
		}
	}
	return p
}

// block moves a view, input in of a step, to where a layout has its elements.
func (v *view) block(to layout, in int) engine.Block {
	b := engine.Block{In: in, From: v.offset, To: to.offset}
	var pieces []engine.Loop
	for i, axis := range v.axes {
		step := to.stride[i]
		for k := len(axis) - 1; k >= 0; k-- {
			pieces = append(pieces, engine.Loop{N: axis[k].n, From: axis[k].step, To: step})
			step *= axis[k].n
		}
	}
	b.Loops = joinedLoops(pieces)
	return b
}

// inOrder puts a value's elements in ONNX order, as rows of its last axis; false if it is
// of another kind or lies so.
func (c *compiler) inOrder(id graph.ValueID) bool {
	v := c.view(id)
	if v == nil || c.parts[id] == nil && c.refs[id].shape == nil && c.refs[id].layout.same(rowMajor(c.shape(id))) {
		return false
	}
	delete(c.parts, id)
	c.refs[id] = c.laid(v, c.g.Values[id].Name)
	return true
}

// alike says whether two whole values of one shape have their elements in the same places.
func (c *compiler) alike(a, b graph.ValueID) bool {
	v, w := c.view(a), c.view(b)
	return v != nil && w != nil && slices.EqualFunc(v.axes, w.axes, slices.Equal) && c.p.values[v.value].plane.Len() == c.p.values[w.value].plane.Len()
}

// entirely says whether a step's output changes as a whole or not at all.
func (c *compiler) entirely(s *step) bool {
	plane := c.p.values[s.out].plane
	if s.kind == op.Global {
		return true
	}
	if s.kind == op.Windowed && s.windows != [2]region.Window{region.Identity(plane.H), region.Identity(plane.W)} || s.kind == op.Rearranging {
		return false
	}
	for i, src := range s.in {
		if v := &c.p.values[src.value]; !v.entire && v.plane == src.plane && (s.whole == nil || !s.whole[i]) {
			return false
		}
	}
	return true
}

// asPlane gives a value as a plane of another form, which takes a copy where only a region
// of the value may change.
func (c *compiler) asPlane(value int, plane engine.Plane) source {
	v := &c.p.values[value]
	if v.plane == plane || v.entire || v.plane.H*v.plane.W == 1 {
		return source{value, plane}
	}
	s := step{node: v.name, operator: "(list)", kind: op.Global, in: []source{{value, v.plane}}, spec: &engine.Row{Out: plane}}
	return source{c.emit(s, v.name, plane), plane}
}
