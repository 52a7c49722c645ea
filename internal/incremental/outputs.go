package incremental

import (
	"bytes"
	"math"
	"slices"
	"unsafe"

	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/pages"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// output is one output of the model.
type output struct {
	Name  string
	Type  tensor.DType
	shape []int
	// constant is set if the output does not depend on the input.
	constant *tensor.Tensor
	made     graph.Made
	// host, if not 0, is the value that it is, a tensor of any type and shape.
	host int
	// pieces are the values that it is put together of otherwise.
	pieces []piece
}

// Part is a part of an output: a span of indices along each of its axes.
type Part []region.Span

// piece is what an output has of one value: all of it, or some channels of each pixel.
type piece struct {
	value int
	plane engine.Plane
	// loops go through the piece, from being the first element in the value's memory, to
	// that in the output's, which is in ONNX order.
	from, to int
	loops    []engine.Loop
	// pixelwise says that each pixel's elements are known: where those of the first pixel
	// go (channels), and how far those of the next row and of the next pixel are from them
	// (0 where there is one).
	pixelwise bool
	channels  []engine.Loop
	row, col  int
	// first and extent are the span that a pixel has on each axis, rowAxis and colAxis the
	// axes along which those of the next row and pixel lie further by rowStep and colStep
	// (-1 where there is one).
	first, extent    []int
	rowAxis, colAxis int
	rowStep, colStep int
}

// reads lists the values that an output is made of.
func (o *output) reads() (values []int) {
	if o.host != 0 {
		return []int{o.host}
	}
	for i := range o.pieces {
		values = append(values, o.pieces[i].value)
	}
	return values
}

// only is the one value that an output is, in ONNX order, and nothing else; false where
// it is put together otherwise.
func (o *output) only(p *Plan) (value int, ok bool) {
	if len(o.pieces) != 1 {
		return 0, false
	}
	one := &o.pieces[0]
	n := p.values[one.value].plane.Len()
	return one.value, one.from == 0 && (n == 1 || len(one.loops) == 1 && one.loops[0] == engine.Loop{N: n, From: 1, To: 1})
}

// pieceOf is a value's piece of an output of some shape: the elements that loops go
// through.
func pieceOf(value int, plane engine.Plane, from, to int, loops []engine.Loop, shape []int) piece {
	p := piece{value: value, plane: plane, from: from, to: to, loops: joinedLoops(slices.Clone(loops)), rowAxis: -1, colAxis: -1}
	parts, ok := cutLoops(loops, []int{plane.C, plane.W * plane.C}, fromStep)
	if ok {
		parts, ok = cutLoops(parts, rowMajor(shape).stride, toStep)
	}
	if !ok || from >= plane.C {
		return p
	}
	p.first, p.extent = make([]int, len(shape)), make([]int, len(shape))
	for a, s := range rowMajor(shape).stride {
		p.first[a] = to / s % shape[a]
		p.extent[a] = 1
	}
	rows, cols := 1, 1
	for _, l := range parts {
		axis, step := axisOf(shape, l.To)
		switch {
		case l.From < plane.C:
			p.channels = append(p.channels, l)
			p.extent[axis] += (l.N - 1) * step
		case l.From == plane.C && plane.W > 1 && p.col == 0:
			p.col, p.colAxis, p.colStep, cols = l.To, axis, step, l.N
		case l.From == plane.W*plane.C && p.row == 0:
			p.row, p.rowAxis, p.rowStep, rows = l.To, axis, step, l.N
		default:
			return p
		}
	}
	p.pixelwise = rows == plane.H && cols == plane.W && p.dense()
	return p
}

// dense says whether the elements of a pixel, and those of neighbours in a row, fill a span
// on each axis.
func (p *piece) dense() bool {
	n := 1
	for _, l := range p.channels {
		n *= l.N
	}
	for _, e := range p.extent {
		n /= e
	}
	if n != 1 || p.colAxis >= 0 && p.colStep != p.extent[p.colAxis] {
		return false
	}
	switch p.rowAxis {
	case -1:
		return true
	case p.colAxis:
		return p.rowStep == p.colStep*p.plane.W
	}
	return p.rowStep == p.extent[p.rowAxis]
}

// axisOf is the axis of a shape along which elements lie by apart in ONNX order, and by
// how many indices.
func axisOf(shape []int, by int) (axis, step int) {
	for a, s := range rowMajor(shape).stride {
		if shape[a] > 1 && by >= s {
			return a, by / s
		}
	}
	return len(shape) - 1, by
}

func fromStep(l *engine.Loop) int { return l.From }
func toStep(l *engine.Loop) int   { return l.To }

// cutLoops cuts loops where they pass steps of some sizes in their memory, so that each
// stays within; false where one passes between its elements.
func cutLoops(loops []engine.Loop, sizes []int, step func(*engine.Loop) int) (cut []engine.Loop, ok bool) {
	cut = slices.Clone(loops)
	for _, size := range sizes {
		for i := 0; i < len(cut); i++ {
			l := cut[i]
			by := step(&l)
			if by == 0 {
				return nil, false
			}
			if by >= size || by*l.N <= size {
				continue
			}
			n := size / by
			if size%by != 0 || l.N%n != 0 {
				return nil, false
			}
			cut[i] = engine.Loop{N: l.N / n, From: l.From * n, To: l.To * n}
			cut = append(cut, engine.Loop{N: n, From: l.From, To: l.To})
		}
	}
	return cut, true
}

// joinedLoops puts loops in the order of what they write, in their own memory, and those
// together that are one.
func joinedLoops(loops []engine.Loop) []engine.Loop {
	n := 0
	for _, l := range loops {
		if l.N == 1 {
			continue
		}
		k := n
		for ; k > 0 && loops[k-1].To < l.To; k-- {
			loops[k] = loops[k-1]
		}
		loops[k] = l
		n++
	}
	joined := loops[:0]
	for _, l := range loops[:n] {
		if last := len(joined) - 1; last >= 0 && joined[last].From == l.N*l.From && joined[last].To == l.N*l.To {
			joined[last] = engine.Loop{N: joined[last].N * l.N, From: l.From, To: l.To}
			continue
		}
		joined = append(joined, l)
	}
	return joined
}

// loops go through the elements that a layout has.
func (l layout) loops() (loops []engine.Loop) {
	for a, to := range rowMajor(l.shape).stride {
		if l.shape[a] > 1 {
			loops = append(loops, engine.Loop{N: l.shape[a], From: l.stride[a], To: to})
		}
	}
	return loops
}

// outputOf is an output that one value is, lying as a layout says.
func (p *Plan) outputOf(value int, l layout) []piece {
	return []piece{pieceOf(value, p.values[value].plane, l.offset, 0, l.loops(), l.shape)}
}

// blocks lists what a step puts together and does nothing else to, as blocks; nil if it
// does.
func (s *step) blocks(plane engine.Plane) (blocks []engine.Block) {
	at := 0
	switch prim := s.spec.(type) {
	case *engine.Row:
		for i, src := range s.in {
			n := src.plane.Len()
			blocks = append(blocks, engine.Block{In: i, To: at, Loops: []engine.Loop{{N: n, From: 1, To: 1}}})
			at += n
		}
	case *engine.Concat:
		for i, src := range s.in {
			c := src.plane.C
			blocks = append(blocks, engine.Block{In: i, To: at, Loops: []engine.Loop{{N: plane.H * plane.W, From: c, To: plane.C}, {N: c, From: 1, To: 1}}})
			at += c
		}
	case *engine.Move:
		for i := range prim.Blocks {
			if prim.Blocks[i].Const != nil {
				return nil
			}
		}
		return prim.Blocks
	}
	return blocks
}

// takeApart lets outputs read what the last steps would only put together: of several
// planes each then keeps its region, and nothing is copied that has not changed.
func (c *compiler) takeApart() {
	p := c.p
	readers := p.readers()
	left := map[int]bool{}
	for i := len(p.steps) - 1; i >= 0; i-- {
		s := &p.steps[i]
		if len(readers[s.out]) == 0 || slices.Max(readers[s.out]) >= 0 || s.reference != nil {
			continue
		}
		blocks := s.blocks(p.values[s.out].plane)
		if len(blocks) == 0 {
			continue
		}
		made := make([][]piece, len(p.outputs))
		ok := true
		for k := range p.outputs {
			made[k], ok = p.outputs[k].apart(s, p.values, blocks, ok)
		}
		if !ok {
			continue
		}
		for k := range made {
			if made[k] != nil {
				p.outputs[k].pieces = made[k]
			}
		}
		left[i] = true
	}
	c.drop(left)
}

// apart gives the pieces of an output where those of a step's value are what the step puts
// together, nil if it has none; ok becomes false where regions would be lost by that.
func (o *output) apart(s *step, planes []value, blocks []engine.Block, before bool) (pieces []piece, ok bool) {
	has := func(p piece) bool { return p.value == s.out }
	if !before || !slices.ContainsFunc(o.pieces, has) {
		return nil, before
	}
	for _, whole := range o.pieces {
		if !has(whole) {
			pieces = append(pieces, whole)
			continue
		}
		for _, b := range blocks {
			loops, to, ok := whole.through(&b)
			if !ok {
				return nil, false
			}
			src := s.in[b.In]
			part := pieceOf(src.value, planes[src.value].plane, b.From, to, loops, o.shape)
			if !part.pixelwise {
				return nil, false
			}
			pieces = append(pieces, part)
		}
	}
	return pieces, true
}

// through gives where the elements of a block, which go to a piece's memory, go in the
// output; false where the piece is not all of that memory, or a loop passes between its
// elements.
func (p *piece) through(b *engine.Block) (loops []engine.Loop, to int, ok bool) {
	if p.from != 0 {
		return nil, 0, false
	}
	sizes := []int{}
	for _, l := range p.loops {
		sizes = append(sizes, l.From, l.From*l.N)
	}
	if loops, ok = cutLoops(b.Loops, sizes, toStep); !ok {
		return nil, 0, false
	}
	all := 1
	to = p.to
	for _, l := range p.loops {
		all *= l.N
		to += b.To / l.From % l.N * l.To
	}
	if all != p.plane.Len() {
		return nil, 0, false
	}
	for i := range loops {
		at := slices.IndexFunc(p.loops, func(l engine.Loop) bool { return loops[i].To >= l.From && loops[i].To < l.From*l.N })
		if at < 0 {
			return nil, 0, false
		}
		loops[i].To = loops[i].To / p.loops[at].From * p.loops[at].To
	}
	return loops, to, true
}

// copyAll copies the whole piece from the value's memory to the output's.
func (p *piece) copyAll(dst, src []float32) { engine.Copy(dst, src, p.to, p.from, p.loops) }

// copyRect copies the pixels of a rectangle from memory that has those of another one,
// lies. It returns the memory of loops, which it may need more of.
func (p *piece) copyRect(dst, src []float32, r, lies region.Rect, loops []engine.Loop) []engine.Loop {
	wide := lies.X.Len() * p.plane.C
	loops = append(loops[:0], engine.Loop{N: r.Y.Len(), From: wide, To: p.row}, engine.Loop{N: r.X.Len(), From: p.plane.C, To: p.col})
	loops = append(loops, p.channels...)
	from := p.from + (r.Y.Lo-lies.Y.Lo)*wide + (r.X.Lo-lies.X.Lo)*p.plane.C
	engine.Copy(dst, src, p.to+r.Y.Lo*p.row+r.X.Lo*p.col, from, joinedLoops(loops))
	return loops
}

// shown is an output as a worker's readers see it: what the views have, patched by one
// change, whose traces the next one takes off again.
type shown struct {
	data  []float32 // in ONNX order
	begun bool      // data has these views' numbers
	patch []patch   // what is not the views'
	of    turn      // whose change it is
	known turn      // whose parts are known
	parts []Part
	spans []region.Span // memory of the parts
}

// patch is what a change has replaced of a piece.
type patch struct {
	piece int
	rect  region.Rect
}

// in says whether another patch writes all that this one does.
func (p patch) in(o patch) bool { return p.piece == o.piece && o.rect.Contains(p.rect) }

// turn is a change of a worker: which chunk, and which of it. No change has chunk 0.
type turn struct{ chunk, change int }

// output is change k's output i in ONNX order.
func (w *worker) output(k, i int) ([]float32, error) {
	o := &w.plan.outputs[i]
	if o.constant != nil {
		return o.constant.Floats()
	}
	if o.host != 0 {
		return w.host(k, o.host).Floats()
	}
	if v, ok := o.only(w.plan); ok { // as it lies
		switch w.rects[k][v] {
		case region.Rect{}:
			return w.views.data[v], nil
		case w.plan.values[v].plane.Rect():
			return w.update(v, k), nil
		}
	}
	s := w.shown(i)
	if now := (turn{w.chunk, k}); s.of != now {
		s.of = now
		w.patch(s, o, k)
	}
	return s.data, nil
}

// shown is the worker's memory of output i.
func (w *worker) shown(i int) *shown {
	if w.outputs == nil {
		w.outputs = make([]shown, len(w.plan.outputs))
	}
	return &w.outputs[i]
}

// patch makes an output that of change k.
func (w *worker) patch(s *shown, o *output, k int) {
	if !s.begun {
		n, _ := tensor.Size(o.shape)
		if s.begun, s.patch = true, s.patch[:0]; cap(s.data) < n {
			s.data = pages.Numbers(n)
		}
		s.data = s.data[:n]
		o.gather(s.data, w.views)
	}
	w.found = w.replaced(w.found[:0], o, k)
	for _, old := range s.patch {
		if p := &o.pieces[old.piece]; !slices.ContainsFunc(w.found, old.in) {
			w.replace(s.data, p, old.rect, w.views.data[p.value], p.plane.Rect())
		}
	}
	s.patch = append(s.patch[:0], w.found...)
	for _, new := range s.patch {
		p := &o.pieces[new.piece]
		if p.pixelwise {
			w.replace(s.data, p, new.rect, w.update(p.value, k), w.rects[k][p.value])
		} else {
			p.copyAll(s.data, w.composed(source{p.value, p.plane}, k))
		}
	}
}

// replace puts the pixels of a rectangle of a piece into an output, from memory that has
// those of another one.
func (w *worker) replace(dst []float32, p *piece, r region.Rect, src []float32, lies region.Rect) {
	if !p.pixelwise {
		p.copyAll(dst, src)
		return
	}
	w.loops = p.copyRect(dst, src, r, lies, w.loops)
}

// replaced appends what change k replaces of an output.
func (w *worker) replaced(to []patch, o *output, k int) []patch {
	for i := range o.pieces {
		p := &o.pieces[i]
		r := w.rects[k][p.value]
		switch {
		case r.Empty():
		case p.pixelwise && r == p.plane.Rect() && r.Area() > 1:
			to = differing(to, i, p.plane, w.views.data[p.value], w.update(p.value, k))
		default:
			to = append(to, patch{i, r})
		}
	}
	return to
}

// sameBetween is how many pixels that are as they were may lie between others in one
// patch.
const sameBetween = 8

// differing appends where a whole plane is not bit for bit what it was: the smallest
// rectangle, or of a row its parts.
func differing(to []patch, piece int, plane engine.Plane, was, is []float32) []patch {
	var all region.Rect
	n := plane.W * plane.C
	for y := range plane.H {
		row := func(x int) region.Span { return nextDifferent(was[y*n:][:n], is[y*n:][:n], plane.C, x) }
		for x := row(0); !x.Empty(); x = row(x.Hi) {
			r := region.Rect{Y: region.Span{Lo: y, Hi: y + 1}, X: x}
			if plane.H > 1 {
				all = all.Union(r)
			} else if last := len(to) - 1; last >= 0 && to[last].piece == piece && x.Lo <= to[last].rect.X.Hi+sameBetween {
				to[last].rect.X.Hi = x.Hi
			} else {
				to = append(to, patch{piece, r})
			}
		}
	}
	if !all.Empty() {
		to = append(to, patch{piece, all})
	}
	return to
}

// nextDifferent gives a run of pixels of c numbers, from pixel x on, each of which differs in
// some number's bits; an empty one if none does. Of a run's later pixels only the first
// number is compared, so that what differs everywhere is not looked through.
func nextDifferent(a, b []float32, c, x int) region.Span {
	const block = 32
	at := x * c
	for at+block <= len(a) && bytes.Equal(bytesOf(a[at:][:block]), bytesOf(b[at:][:block])) {
		at += block
	}
	for at < len(a) && math.Float32bits(a[at]) == math.Float32bits(b[at]) {
		at++
	}
	if at == len(a) {
		return region.Span{}
	}
	run := region.Span{Lo: at / c, Hi: at/c + 1}
	for i := run.Hi * c; i < len(a) && math.Float32bits(a[i]) != math.Float32bits(b[i]); i += c {
		run.Hi++
	}
	return run
}

// bytesOf is the memory of some numbers.
func bytesOf(f []float32) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(&f[0])), 4*len(f)) }

// changed gives where change k's output i may differ from the views'.
func (w *worker) changed(k, i int) []Part {
	o := &w.plan.outputs[i]
	s := w.shown(i)
	now := turn{w.chunk, k}
	if s.known == now {
		return s.parts
	}
	s.known, s.parts, s.spans = now, s.parts[:0], s.spans[:0]
	switch {
	case o.constant != nil || o.host != 0 && w.rects[k][o.host].Empty():
	case o.host != 0:
		s.whole(o.shape)
	default:
		if s.of != now {
			w.found = w.replaced(w.found[:0], o, k)
			s.addAll(o, w.found)
		} else {
			s.addAll(o, s.patch)
		}
	}
	return s.parts
}

// addAll makes parts of what is replaced.
func (s *shown) addAll(o *output, patches []patch) {
	for _, of := range patches {
		p := &o.pieces[of.piece]
		switch r := of.rect; {
		case !p.pixelwise:
			s.parts = s.parts[:0]
			s.whole(o.shape)
			return
		case p.rowAxis >= 0 && p.rowAxis == p.colAxis && r.X.Len() < p.plane.W:
			for y := r.Y.Lo; y < r.Y.Hi; y++ {
				s.add(p, region.Rect{Y: region.Span{Lo: y, Hi: y + 1}, X: r.X})
			}
		default:
			s.add(p, r)
		}
	}
}

// whole adds all of an output.
func (s *shown) whole(shape []int) {
	first := len(s.spans)
	for _, n := range shape {
		s.spans = append(s.spans, region.Span{Hi: n})
	}
	s.parts = append(s.parts, s.spans[first:len(s.spans):len(s.spans)])
}

// add adds that of a rectangle of a piece.
func (s *shown) add(p *piece, r region.Rect) {
	first := len(s.spans)
	for a := range p.first {
		in := region.Span{Lo: p.first[a], Hi: p.first[a] + p.extent[a]}
		if a == p.rowAxis {
			in.Lo, in.Hi = in.Lo+r.Y.Lo*p.rowStep, in.Hi+(r.Y.Hi-1)*p.rowStep
		}
		if a == p.colAxis {
			in.Lo, in.Hi = in.Lo+r.X.Lo*p.colStep, in.Hi+(r.X.Hi-1)*p.colStep
		}
		s.spans = append(s.spans, in)
	}
	s.parts = append(s.parts, s.spans[first:len(s.spans):len(s.spans)])
}

// gather puts an output together from views.
func (o *output) gather(dst []float32, v *Views) {
	for i := range o.pieces {
		p := &o.pieces[i]
		p.copyAll(dst, v.data[p.value])
	}
}
