package incremental

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"krypton/internal/caches"
	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// CompileOptions steers Compile.
type CompileOptions struct {
	// Kernels is the kernel set to pack weights for; nil is the machine's
	// best.
	Kernels *asm.Kernels
	// Input names the graph input that changes; "" means the only one.
	Input string
	// Layout is "nchw", "nhwc", one of graph.SeriesLayouts, or "" (graph.InputAxes).
	Layout string
	// Typical gives changes of the input plane that the plan should be fast
	// for: convolutions are computed in the way that costs least over them.
	// nil means whole runs. Whatever it gives, updates equal whole runs.
	Typical func(plane engine.Plane) []region.Rect
	// Policy is what the typical changes' regions are cut down by, nil for
	// nothing: where they are, Winograd's tiles are filled less.
	Policy Policy
	// Dynamic makes a plan that Options.Epsilon can be used with.
	Dynamic bool
	// Direct computes every convolution by its plain sum.
	Direct bool
	// Precision is FP32, the same as "", BF16 or INT8.
	Precision Precision
	// Like, of Lower alone, is a plan of the same graph and input, in float32, whose ways to
	// compute convolutions are taken, nil for plain sums.
	Like *Plan

	// force, in tests, decides instead of the costs.
	force func(step int) asm.WinogradSize
	// cached, in tests, stands in for fusedBytes; apart joins no steps.
	cached int
	apart  bool

	device bool // see compiler
}

// Precision is that of a plan's products.
type Precision string

// The precisions. BF16 rounds the inputs and weights of convolutions computed by
// their plain sums to bfloat16 and keeps sums in float32: approximate, but
// updates equal whole runs of the same plan bit for bit as ever. INT8 computes what
// differs from the view in eight bits where that pays (engine.ConvInt8), everything
// else as BF16 does: its updates are near whole runs, and depend on nothing but
// views, change and options. A kernel set without such products gives the plan of
// the next precision in this order.
const (
	FP32 Precision = "fp32"
	BF16 Precision = "bf16"
	INT8 Precision = "int8"
)

// TF32 is a precision that no plan has: that of graphics cards, whose products are of factors
// with 11 significant bits.
const TF32 Precision = "tf32"

// Precisions are those that plans may have, the most precise first.
var Precisions = []Precision{FP32, BF16, INT8}

// ref is where a graph value lies.
type ref struct {
	value  int
	layout layout
	// shape, if not nil, is the value's ONNX shape, which layout cannot be
	// viewed as without moving elements: a flattening that nobody has needed
	// to carry out yet.
	shape []int
}

type compiler struct {
	g         *graph.Graph
	p         *Plan
	refs      map[graph.ValueID]*ref
	parts     map[graph.ValueID]*view // values that are only parts of what lies somewhere
	consumers map[graph.ValueID][]int
	isOutput  map[graph.ValueID]bool
	fused     map[int]bool // nodes that another node's step computes
	chains    map[int]chain
	pending   []*convolution
	prices    []prices // of the typical changes
	device    bool     // steps are for a Program
}

// Compile lowers a graph to a plan, and packs that for this machine's processors. Errors
// name the node.
func Compile(g *graph.Graph, opt CompileOptions) (*Plan, error) {
	c, err := lower(g, opt)
	if err != nil {
		return nil, err
	}
	if !opt.Dynamic {
		c.attend()
		c.grow()
	}
	c.concatInPlace()
	if c.p.dynamic = opt.Dynamic; opt.Dynamic {
		c.gatherParts()
	}
	c.group()
	c.round(opt)
	if !opt.Dynamic && !opt.apart {
		c.join()
	}
	c.choose(opt)
	for _, v := range c.pending {
		c.p.tiles = append(c.p.tiles, v.Way.Tile)
	}
	if err := c.pack(); err != nil {
		return nil, err
	}
	if !opt.Dynamic {
		c.fuse()
	}
	c.assignSlots()
	return c.p, nil
}

// lower makes steps of a graph, whose specs no device has packed yet, each by itself.
func lower(g *graph.Graph, opt CompileOptions) (*compiler, error) {
	k := opt.Kernels
	if k == nil {
		var err error
		if k, err = asm.Choose(); err != nil {
			return nil, err
		}
	}
	if opt.Precision != "" && !slices.Contains(Precisions, opt.Precision) {
		return nil, fmt.Errorf("unknown precision %q: want one of %v", opt.Precision, Precisions)
	}
	made := g.Made()
	g = carried(g)
	c := &compiler{g: g, p: &Plan{kernels: k, spare: &spare{}, cached: cmp.Or(opt.cached, caches.Fit(fusedBytes))}, refs: map[graph.ValueID]*ref{}, parts: map[graph.ValueID]*view{},
		consumers: map[graph.ValueID][]int{}, isOutput: map[graph.ValueID]bool{}, fused: map[int]bool{}, chains: map[int]chain{}, device: opt.device}
	for i, n := range g.Nodes {
		for _, id := range n.In {
			if id >= 0 {
				c.consumers[id] = append(c.consumers[id], i)
			}
		}
	}
	for _, id := range g.Outputs {
		c.isOutput[id] = true
	}
	if err := c.input(opt); err != nil {
		return nil, err
	}
	c.recognizeNorms()
	c.recognizePads()
	c.recognizeBranches()
	c.recognizeComparisons()
	c.recognizeReplaced()
	c.recognize()
	for i, n := range g.Nodes {
		ch, last := c.chains[i]
		switch {
		case c.fused[i]:
			continue
		case last:
			if err := c.chain(ch); err != nil {
				return nil, err
			}
		default:
			if err := c.node(n); err != nil {
				return nil, err
			}
		}
	}
	c.settle(g.Outputs...)
	for i, id := range g.Outputs {
		v := &g.Values[id]
		o := output{Name: v.Name, Type: v.Info.Type, constant: v.Info.Value, made: made[i]}
		if o.constant == nil {
			r := c.force(id)
			if o.shape = r.layout.shape; c.p.values[r.value].host {
				o.host = r.value
			} else {
				o.pieces = c.p.outputOf(r.value, r.layout)
			}
		}
		c.p.outputs = append(c.p.outputs, o)
	}
	c.takeApart()
	c.compose()
	return c, nil
}

// node lowers one node.
func (c *compiler) node(n *graph.Node) error {
	if c.viewed(n) {
		return nil
	}
	ok, err := false, error(nil)
	if c.cutsApart(n) {
		if ok, err = c.pixelwise(n); err == nil && !ok {
			ok, err = c.moved(n)
		}
		if !ok {
			c.settle(n.In...)
		}
	}
	if err == nil && !ok {
		ok, err = c.native(n)
	}
	if err == nil && !ok {
		ok, err = c.pixelwise(n)
	}
	if err == nil && !ok {
		ok, err = c.moved(n)
	}
	if err == nil && !ok {
		err = c.reference(n)
	}
	if err != nil {
		return fmt.Errorf("node %s (%s): %w", n.Name, n.Def.Name, err)
	}
	return nil
}

// input makes the plan value of the image input.
func (c *compiler) input(opt CompileOptions) error {
	var names []string
	found := graph.ValueID(-1)
	for _, id := range c.g.Inputs {
		names = append(names, c.g.Values[id].Name)
		if opt.Input == "" && len(c.g.Inputs) == 1 || opt.Input == c.g.Values[id].Name {
			found = id
		}
	}
	if found < 0 {
		if len(names) == 0 {
			return fmt.Errorf("what the model gives depends on no input")
		}
		if opt.Input != "" {
			return fmt.Errorf("the model has no input %q; it has %s", opt.Input, strings.Join(names, ", "))
		}
		return fmt.Errorf("the model has %d inputs (%s): name the image input", len(names), strings.Join(names, ", "))
	}
	for _, id := range c.g.Inputs {
		if id != found {
			return fmt.Errorf("input %q needs a value: only models with one changing input are supported", c.g.Values[id].Name)
		}
	}
	info := &c.g.Values[found].Info
	if info.Type != tensor.Float32 || info.Shape == nil {
		return fmt.Errorf("input %q has element type %v and shape %v; want float32 of known shape", c.g.Values[found].Name, info.Type, info.Shape)
	}
	n, err := tensor.Size(info.Shape)
	if err != nil || n == 0 {
		return fmt.Errorf("input %q has unusable shape %v", c.g.Values[found].Name, info.Shape)
	}
	l, plane := rowMajor(info.Shape), engine.Plane{H: 1, W: 1, C: n}
	axes, ok, err := c.g.InputAxes(found, opt.Layout)
	if err != nil {
		return err
	}
	if ok {
		l, plane = planeOf(info.Shape, axes)
	}
	c.p.input = c.value(c.g.Values[found].Name, plane)
	c.p.inputLayout = l
	c.refs[found] = &ref{value: c.p.input, layout: l}
	return nil
}

// value adds a plan value.
func (c *compiler) value(name string, plane engine.Plane) int {
	c.p.values = append(c.p.values, value{name: name, plane: plane})
	return len(c.p.values) - 1
}

// emit adds a step that computes a new value.
func (c *compiler) emit(s step, name string, plane engine.Plane) int {
	s.out = c.value(name, plane)
	c.p.values[s.out].entire = c.entirely(&s)
	c.p.steps = append(c.p.steps, s)
	return s.out
}

// constant is the value of a graph constant, or nil.
func (c *compiler) constant(id graph.ValueID) *tensor.Tensor {
	if id < 0 {
		return nil
	}
	return c.g.Values[id].Info.Value
}

// infos are what the graph knows of values, nil for absent ones.
func (c *compiler) infos(ids []graph.ValueID) []*op.Info {
	in := make([]*op.Info, len(ids))
	for i, id := range ids {
		if id >= 0 {
			in[i] = &c.g.Values[id].Info
		}
	}
	return in
}

// shape is a graph value's ONNX shape.
func (c *compiler) shape(id graph.ValueID) []int { return c.g.Values[id].Info.Shape }

// force carries out a flattening that was put off, so that the value's layout
// has its ONNX shape.
func (c *compiler) force(id graph.ValueID) *ref {
	r := c.refs[id]
	if r.shape == nil || c.p.values[r.value].host {
		return r
	}
	c.refs[id] = c.permuted(r, rowMajor(r.shape), engine.Plane{H: 1, W: 1, C: c.p.values[r.value].plane.Len()}, c.g.Values[id].Name)
	return c.refs[id]
}

// permuted emits a step that moves the elements of r, in ONNX order, to where
// the layout to has them in plane.
func (c *compiler) permuted(r *ref, to layout, plane engine.Plane, name string) *ref {
	n, from := plane.Len(), c.p.values[r.value].plane
	offsets := make([]float32, from.Len())
	// Element numbers pass through the same gather and scatter as data;
	// they are exact in float32 only up to 2^24, so that halves are moved.
	index := make([]int32, n)
	for _, part := range []struct{ mask, shift int }{{0xfff, 0}, {^0xfff, 12}} {
		for i := range offsets {
			offsets[i] = float32((i & part.mask) >> part.shift)
		}
		onnx, out := make([]float32, n), make([]float32, n)
		r.layout.gather(onnx, offsets)
		to.scatter(out, onnx)
		for i, v := range out {
			index[i] |= int32(v) << part.shift
		}
	}
	s := step{node: name, operator: "(relayout)", kind: op.Global, in: []source{{r.value, from}}, spec: &engine.Permute{Index: index}}
	if axes, ok := grouped(r.layout.strides(), to.shape); ok {
		v := &view{r.value, axes, r.layout.offset, 1}
		s.spec = &engine.Move{Blocks: []engine.Block{v.block(to, 0)}}
	}
	if moved, ok := c.byPixels(s.in[0], index, plane, name); ok {
		s = moved
	}
	return &ref{value: c.emit(s, name, plane), layout: to}
}

// byPixels gives the last of the steps that make a plane of elements of a source, index
// saying which, without a change of some pixels becoming one of all; ok is false where
// elements move otherwise.
func (c *compiler) byPixels(src source, index []int32, to engine.Plane, name string) (s step, ok bool) {
	if move := c.moveOf(index, src.plane, to, name); move != nil {
		return move(src), true
	}
	turned := src.plane.Turned()
	if to.H*to.W == 1 {
		return s, false
	}
	move := c.moveOf(turnedIndex(index, src.plane), turned, to, name)
	if move == nil {
		return s, false
	}
	turn := step{node: name, operator: "(turned)", kind: op.Rearranging, moves: region.Turned{}, in: []source{src}, spec: &engine.Turn{Out: turned}}
	return move(source{c.emit(turn, name, turned), turned}), true
}

// moveOf gives the step, made of its source, that moves elements of pixels to the same
// places of others, nil if they move otherwise.
func (c *compiler) moveOf(index []int32, from, to engine.Plane, name string) func(src source) step {
	if channels := withinPixels(index, from, to); channels != nil {
		return func(src source) step {
			return step{node: name, operator: "(channels)", kind: op.Pointwise, in: []source{src}, spec: &engine.Channels{Source: channels}}
		}
	}
	if t := ofTables(index, from, to); t != nil {
		return func(src source) step {
			return step{node: name, operator: "(pixels)", kind: op.Rearranging, in: []source{src}, spec: t, moves: region.Tables{Y: &t.Y, X: &t.X}}
		}
	}
	if squares := ofSquares(index, from, to); squares != nil {
		return func(src source) step {
			s := step{node: name, operator: "(squares)", kind: op.Windowed, in: []source{src}, spec: squares}
			s.windows[0], s.windows[1] = squares.Windows(from)
			return s
		}
	}
	channels, spread := toSquares(index, from, to)
	if spread == nil {
		return nil
	}
	return func(src source) step {
		phases := c.emit(step{node: name, operator: "(channels)", kind: op.Pointwise, in: []source{src}, spec: channels}, name, from)
		ty, tx := spread.Tables(from)
		return step{node: name, operator: "(squares)", kind: op.Rearranging, moves: region.Tables{Y: &ty, X: &tx}, in: []source{{phases, from}}, spec: spread}
	}
}

// turnedIndex is where elements come from if the plane's columns have become rows.
func turnedIndex(index []int32, from engine.Plane) []int32 {
	turned := make([]int32, len(index))
	for i, k := range index {
		pixel, c := int(k)/from.C, int(k)%from.C
		turned[i] = int32((pixel%from.W*from.H+pixel/from.W)*from.C + c)
	}
	return turned
}

// withinPixels gives the channel of the same pixel that each channel comes from,
// nil if elements move between pixels, or between pixels' channels in more than
// one way.
func withinPixels(index []int32, from, to engine.Plane) []int {
	if from.H != to.H || from.W != to.W {
		return nil
	}
	channels := make([]int, to.C)
	for i, k := range index {
		pixel, c := i/to.C, i%to.C
		source := int(k) - pixel*from.C
		if pixel == 0 {
			channels[c] = source
		}
		if source != channels[c] || source < 0 || source >= from.C {
			return nil
		}
	}
	return channels
}

// ofTables gives the step that copies whole pixels from where rows and columns say, as
// rolling a plane does, nil if elements move otherwise.
func ofTables(index []int32, from, to engine.Plane) *engine.Interpolate {
	if from.C != to.C || from.H*from.W == 1 || to.H*to.W == 1 {
		return nil
	}
	p := &engine.Interpolate{In: from, Out: to}
	p.Y = region.Copy(from.H, to.H, func(o int) int { return int(index[o*to.W*to.C]) / (from.W * from.C) })
	p.X = region.Copy(from.W, to.W, func(o int) int { return int(index[o*to.C]) / from.C % from.W })
	for i, k := range index {
		pixel, c := i/to.C, i%to.C
		if k != (p.Y.Index[pixel/to.W]*int32(from.W)+p.X.Index[pixel%to.W])*int32(from.C)+int32(c) {
			return nil
		}
	}
	return p
}

// ofSquares gives the step that makes each pixel of a square of them in the same way, nil
// if elements move otherwise.
func ofSquares(index []int32, from, to engine.Plane) *engine.Squares {
	if from.H%to.H != 0 || from.W%to.W != 0 || to.H*to.W == 1 {
		return nil
	}
	p := &engine.Squares{Y: from.H / to.H, X: from.W / to.W, Channels: engine.Channels{Source: make([]int, to.C)}}
	for i, k := range index {
		pixel, c := i/to.C, i%to.C
		y, x := int(k)/from.C/from.W-pixel/to.W*p.Y, int(k)/from.C%from.W-pixel%to.W*p.X
		if y < 0 || y >= p.Y || x < 0 || x >= p.X {
			return nil
		}
		source := (y*p.X+x)*from.C + int(k)%from.C
		if pixel == 0 {
			p.Source[c] = source
		}
		if source != p.Source[c] {
			return nil
		}
	}
	return p
}

// toSquares gives the steps that make a square of pixels of each pixel in the same way:
// its channels in the square's order, and their laying out; nil if elements move
// otherwise.
func toSquares(index []int32, from, to engine.Plane) (*engine.Channels, *engine.Spread) {
	if to.H%from.H != 0 || to.W%from.W != 0 || from.H*from.W == 1 {
		return nil, nil
	}
	p := &engine.Spread{Out: to, Y: to.H / from.H, X: to.W / from.W}
	source := make([]int, from.C)
	for i, k := range index {
		y, x := i/to.C/to.W, i/to.C%to.W
		at := (y%p.Y*p.X+x%p.X)*to.C + i%to.C
		channel := int(k) - (y/p.Y*from.W+x/p.X)*from.C
		if channel < 0 || channel >= from.C {
			return nil, nil
		}
		if y < p.Y && x < p.X {
			source[at] = channel
		}
		if source[at] != channel {
			return nil, nil
		}
	}
	return &engine.Channels{Source: source}, p
}

// rows gives a value as channels-last rows of a plane, moving its elements if
// they lie otherwise. ok is false if its shape has no such form.
func (c *compiler) rows(id graph.ValueID) (source, bool) {
	r := c.refs[id]
	if r == nil || c.p.values[r.value].host || c.shape(id) == nil {
		return source{}, false
	}
	src, lies, ok := c.rowsFrom(r, c.shape(id), c.g.Values[id].Name)
	if ok {
		c.refs[id] = lies
	}
	return src, ok
}

// rowsFrom is rows for a value of that shape that lies as r says, and how it lies then.
func (c *compiler) rowsFrom(r *ref, shape []int, name string) (source, *ref, bool) {
	want, plane, ok := rowsOf(shape)
	if !ok {
		return source{}, nil, false
	}
	if r.shape == nil && r.layout.same(want) {
		own := c.p.values[r.value].plane
		if own == plane || own.H*own.W == 1 {
			return source{r.value, plane}, r, true
		}
	}
	r = c.permuted(r, want, plane, name)
	return source{r.value, plane}, r, true
}

// asRows says whether rows would have to move nothing.
func (c *compiler) asRows(id graph.ValueID) bool {
	r := c.refs[id]
	if r == nil || r.shape != nil || c.shape(id) == nil {
		return false
	}
	want, plane, ok := rowsOf(c.shape(id))
	own := c.p.values[r.value].plane
	return ok && r.layout.same(want) && (own == plane || own.H*own.W == 1)
}

// define records that graph value id is the channels-last plan value v.
func (c *compiler) define(id graph.ValueID, v int) {
	l, _, _ := rowsOf(c.shape(id))
	c.refs[id] = &ref{value: v, layout: l}
}

// only is the single node that reads id, or -1 if there are others or id is an
// output of the model.
func (c *compiler) only(id graph.ValueID) int {
	if c.isOutput[id] || len(c.consumers[id]) != 1 {
		return -1
	}
	return c.consumers[id][0]
}

// reference lowers a node to its operator's reference computation.
func (c *compiler) reference(n *graph.Node) error {
	ref0 := &reference{op: n.Op, outputs: len(n.Out)}
	s := step{node: n.Name, operator: n.Def.Name, kind: op.Global, reference: ref0}
	for _, id := range n.In {
		o := operand{source: -1}
		if id >= 0 {
			if o.constant = c.constant(id); o.constant == nil {
				if c.refs[id] == nil {
					return fmt.Errorf("input %q has no value", c.g.Values[id].Name)
				}
				r := c.force(id)
				o.source, o.layout = len(s.in), r.layout
				s.in = append(s.in, source{r.value, c.p.values[r.value].plane})
			}
		}
		ref0.in = append(ref0.in, o)
	}
	for i, id := range n.Out {
		info := &c.g.Values[id].Info
		size := 0
		if info.Shape != nil {
			size, _ = tensor.Size(info.Shape)
		}
		v := c.value(c.g.Values[id].Name, engine.Plane{H: 1, W: 1, C: max(1, size)})
		if info.Type != tensor.Float32 || size == 0 {
			c.p.values[v].host = true
			c.p.values[v].plane.C = 1
		}
		ref0.out = append(ref0.out, v)
		c.refs[id] = &ref{value: v, layout: layoutOf(info.Shape)}
		if i == 0 {
			s.out = v
		}
	}
	c.p.steps = append(c.p.steps, s)
	return nil
}

func layoutOf(shape []int) layout {
	if shape == nil {
		return layout{}
	}
	return rowMajor(shape)
}

// assignSlots gives values whose updates are never alive together the same
// memory.
func (c *compiler) assignSlots() {
	p := c.p
	of, n := p.slotsBy(p.root, func(i int) int { return p.steps[i].fused }, func(free []int, _ int) int { return len(free) - 1 })
	for v := range p.values {
		p.values[v].slot = of[v]
	}
	p.slots = n
}

// slotsBy gives values that are never alive together the same slots: of says which slot
// each value has (-1 for those of the host, 0 for parts of others), n how many there are.
// root is the value in whose memory a value lies, itself if it has its own. pick says which of
// the free slots a value takes, the one that came free last being the last, -1 for a new one.
func (p *Plan) slotsBy(root func(v int) int, together func(step int) int, pick func(free []int, v int) int) (of []int, n int) {
	of = make([]int, len(p.values))
	last := make([]int, len(p.values))
	end := 0 // of the fused steps that step i is one of: all of their inputs live until it
	for i := range p.steps {
		end = max(end, i, i+together(i)-1)
		last[root(p.steps[i].out)] = i // of a concatenation that grows, whoever reads it
		for _, src := range p.steps[i].in {
			last[root(src.value)] = end
		}
	}
	for _, o := range p.outputs {
		for _, v := range o.reads() {
			last[v] = len(p.steps)
		}
	}
	var free []int
	taken := make([]bool, len(p.values))
	take := func(v int) {
		v = root(v) // its memory begins with its first part
		if taken[v] {
			return
		}
		taken[v] = true
		if p.values[v].host {
			of[v] = -1
			return
		}
		if k := pick(free, v); k >= 0 {
			of[v] = free[k]
			free = slices.Delete(free, k, k+1)
			return
		}
		of[v] = n
		n++
	}
	take(p.input)
	end = 0
	var read []int // by the fused steps that step i ends
	for i := range p.steps {
		s := &p.steps[i]
		end = max(end, i+together(i)-1)
		outs := []int{s.out}
		if s.reference != nil {
			outs = s.reference.out
		}
		for _, v := range outs {
			take(v)
		}
		done := map[int]bool{}
		for _, src := range s.in {
			read = append(read, root(src.value))
		}
		if i >= end { // what fused steps read is free once all of them are done
			outs = append(slices.Clone(outs), read...)
			read = read[:0]
		}
		for _, v := range outs {
			if last[v] <= i && !done[v] && of[v] >= 0 && root(v) == v {
				done[v] = true
				free = append(free, of[v])
			}
		}
	}
	return of, n
}
