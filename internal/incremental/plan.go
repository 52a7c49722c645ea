// Package incremental turns a typed graph into a plan of region-computing
// steps, materializes its views for one input, and answers changes of that
// input by recomputing only what they reach. It knows regions and steps and
// nothing of images, patches or video.
package incremental

import (
	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// Plan is a model lowered to steps. It is immutable, but for memory
// kept for the next use, and shared by all workers.
type Plan struct {
	kernels *asm.Kernels
	values  []value
	steps   []step
	slots   int
	cached  int  // bytes that may lie between fused steps at a time
	dynamic bool // regions may depend on values
	rounds  bool // some step computes in bfloat16
	// differences says that some step computes them, in eight bits.
	differences bool
	spare       *spare
	tiles       []asm.WinogradSize // of the convolutions in the model's order

	input       int // value of the image input
	inputLayout layout
	outputs     []output
}

// value is a piece of memory that a step computes: its view is kept, its
// updates live in a slot.
type value struct {
	name  string
	plane engine.Plane
	slot  int
	// host says that the value is a tensor of any type and shape, read and
	// written by reference steps alone.
	host bool
	// partOf, if not 0, is the concatenation that this value's channels are
	// part of, from channel offset on: it has no memory of its own.
	partOf, offset int
	// entire says that all of it changes or nothing.
	entire bool
	// inner says that the value lies between fused steps: its updates have no slot.
	inner bool
}

// root is the value in whose memory value v lies: itself, or what it is part of.
func (p *Plan) root(v int) int {
	if of := p.values[v].partOf; of != 0 {
		return of
	}
	return v
}

// source is a step's input: a value, seen as a plane of the consumer's choice.
// Where that is not the value's own plane, any change is a change of all.
type source struct {
	value int
	plane engine.Plane
}

// step computes one value (reference steps may compute several).
type step struct {
	node     string // names of the model's nodes, joined by +
	operator string
	kind     op.LocalityKind
	in       []source
	out      int
	// spec is what the step computes, prim what the device has made of it, for which the
	// spec is let go; reference steps have neither.
	spec engine.Spec
	prim engine.Primitive
	// sum, if not nil, is the convolution that the step computes.
	sum *convolution

	// windows and moves map regions for Windowed and Rearranging steps.
	windows [2]region.Window // y, x
	moves   region.Mapping
	// inPlace lists inputs that are part of the output's memory already.
	inPlace []bool
	// grows marks a concatenation whose memory others begin in or go on in;
	// its first have inputs lie there already. See grow.
	grows bool
	have  int
	// group, if not 0, is the number of steps from here on that are the parts
	// of a concatenation and it: their regions belong together.
	group int
	// fused, if not 0, is the number of steps from here on that are computed together.
	fused int
	// joined says that the next step, a sum, is computed in this one's last step (see
	// join); that one is inside, and its rows best come tall at a time.
	joined, inside bool
	tall           int
	// whole lists inputs whose every change changes all (a broadcast row).
	whole []bool

	reference *reference
}

// tile, if not 0, is the side of the tiles that the output is computed in: see
// engine.WinogradReach.
func (s *step) tile() int {
	if s.sum == nil {
		return 0
	}
	return int(s.sum.Way.Tile)
}

// computes is what the step computes, packed or not; nil for reference steps.
func (s *step) computes() engine.Spec {
	if s.prim != nil {
		return s.prim
	}
	return s.spec
}

// InputPlane is the plane of the image input, channels last.
func (p *Plan) InputPlane() engine.Plane { return p.values[p.input].plane }

// Kernels names the kernel set that the plan's weights are packed for.
func (p *Plan) Kernels() string { return p.kernels.Name }

// Precision is the precision that the plan has: a higher one than was asked for
// where the kernel set, or every layer, cannot.
func (p *Plan) Precision() Precision {
	switch {
	case p.differences:
		return INT8
	case p.rounds:
		return BF16
	}
	return FP32
}

// based says whether a step adds differences to what its output was before its
// bounds, which the views then keep too.
func (p *Plan) based(s *step) bool {
	_, ok := s.prim.(*engine.ConvInt8)
	return ok
}

// Outputs gives the names of the outputs in the model's order.
func (p *Plan) Outputs() []string {
	names := make([]string, len(p.outputs))
	for i, o := range p.outputs {
		names[i] = o.Name
	}
	return names
}

// OutputShape is the ONNX shape of output i, nil if it depends on data.
func (p *Plan) OutputShape(i int) []int {
	if c := p.outputs[i].constant; c != nil {
		return c.Shape
	}
	return p.outputs[i].shape
}

// OutputType is the element type of output i.
func (p *Plan) OutputType(i int) tensor.DType { return p.outputs[i].Type }

// Made says what the numbers of output i are, as far as the graph tells.
func (p *Plan) Made(i int) graph.Made { return p.outputs[i].made }

// reach maps regions of a step's inputs to the region of its output.
func (p *Plan) reach(s *step, in []region.Rect) region.Rect {
	out := p.values[s.out].plane
	var r region.Rect
	for i, ri := range in {
		if ri.Empty() {
			continue
		}
		if s.kind == op.Global || (s.whole != nil && s.whole[i]) {
			return out.Rect()
		}
		r = r.Union(ri)
	}
	if r.Empty() {
		return r
	}
	switch s.kind {
	case op.Windowed:
		r = region.Rect{Y: s.windows[0].Reach(r.Y), X: s.windows[1].Reach(r.X)}
		if tile := s.tile(); tile > 0 {
			r = engine.WinogradReach(asm.WinogradSize(tile), out, r)
		}
	case op.Rearranging:
		r = s.moves.Reach(r)
	}
	return r.Intersect(out.Rect())
}

// own is the part of a step's output region that is computed, given all regions: of a part of
// a concatenation what its own inputs reach, if the primitive can leave pixels between rows.
// What lies beyond is copied from the view.
func (p *Plan) own(s *step, rects []region.Rect) region.Rect {
	r := rects[s.out]
	if p.values[s.out].partOf == 0 || r.Empty() {
		return r
	}
	switch s.prim.(type) {
	case *engine.Conv, *engine.ConvBF16, *engine.ConvInt8, *engine.Winograd:
	default:
		return r
	}
	var few [4]region.Rect
	in := few[:0]
	for _, src := range s.in {
		in = append(in, p.seen(src, rects[src.value]))
	}
	if r = p.reach(s, in).Intersect(r); r.Empty() {
		return region.Rect{}
	}
	return r
}

// seen is the region of a source, given the region of its value.
func (p *Plan) seen(s source, r region.Rect) region.Rect {
	if r.Empty() || p.values[s.value].plane == s.plane {
		return r
	}
	return s.plane.Rect()
}

// Arrange puts an input given in ONNX order into the order that Materialize
// takes, channels last.
func (p *Plan) Arrange(onnx []float32) []float32 {
	out := make([]float32, p.InputPlane().Len())
	p.inputLayout.scatter(out, onnx)
	return out
}
