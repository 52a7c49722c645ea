package incremental

import (
	"slices"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// Program is a model lowered to specs of steps, which no device has packed: what other
// devices than this machine's processors make their own plan of. Convolutions are computed in
// float32, by plain sums or in the ways of a plan. It is immutable.
type Program struct {
	// Input is the value of the image input; the others are outputs of the steps.
	Input  int
	Values []Value
	Steps  []Step
	plan   *Plan
}

// Value is a plane that a step computes.
type Value struct {
	Name  string
	Plane engine.Plane
	// PartOf, if not -1, is the value that this one's channels are part of, from channel
	// Offset on: it has no memory of its own.
	PartOf, Offset int
}

// Source is a step's input: a value, seen as a plane of the step's choice, which has as many
// numbers. Where that is not the value's own plane, any change is a change of all.
type Source struct {
	Value int
	Plane engine.Plane
}

// Step computes a value.
type Step struct {
	// Node names the model's nodes, joined by "+".
	Node, Operator string
	In             []Source
	Out            int
	// Spec is what is computed, nil for what only an operator's reference can.
	Spec engine.Spec
	// InPlace, if not nil, says which inputs of a concatenation are part of its memory
	// already.
	InPlace []bool
}

// Lower makes a program of a graph. Of the options Input, Layout, Kernels and Like count: of the
// kernels which small groups of channels are marked for (engine.Way). Errors name the node.
func Lower(g *graph.Graph, opt CompileOptions) (*Program, error) {
	c, err := lower(g, CompileOptions{Input: opt.Input, Layout: opt.Layout, Kernels: opt.Kernels, device: true})
	if err != nil {
		return nil, err
	}
	c.concatInPlace()
	c.group()
	if err := c.like(opt.Like); err != nil {
		return nil, err
	}
	p := &Program{Input: c.p.input, plan: c.p}
	for i := range c.p.values {
		v := &c.p.values[i]
		value := Value{Name: v.name, Plane: v.plane, PartOf: -1, Offset: v.offset}
		if v.partOf != 0 {
			value.PartOf = v.partOf
		}
		p.Values = append(p.Values, value)
	}
	for i := range c.p.steps {
		s := &c.p.steps[i]
		step := Step{Node: s.node, Operator: s.operator, Out: s.out, Spec: s.spec, InPlace: s.inPlace}
		for _, src := range s.in {
			step.In = append(step.In, Source{src.value, src.plane})
		}
		p.Steps = append(p.Steps, step)
	}
	p.keep()
	return p, nil
}

// Arrange puts an input given in ONNX order into the order of its plane, channels last.
func (p *Program) Arrange(onnx []float32) []float32 { return p.plan.Arrange(onnx) }

// Regions gives the region of every value that a change of the input's region r reaches.
func (p *Program) Regions(r region.Rect) []region.Rect { return p.plan.regions(r) }

// Masks makes an empty mask of each value.
func (p *Program) Masks() []*region.Mask {
	masks := make([]*region.Mask, len(p.Values))
	for i, v := range p.Values {
		masks[i] = region.NewMask(v.Plane.H, v.Plane.W)
	}
	return masks
}

// Reach sets the mask of step i's output, given those of the values before, to regions of a shape,
// and says whether anything changes. No step may have a reference.
func (p *Program) Reach(i int, masks []*region.Mask, shape Shape) bool {
	return p.plan.reachShape(&p.plan.steps[i], masks, nil, shape)
}

// Tiles lists the sizes of the tiles that convolutions are computed in, in the order of the model's,
// 0 for plain sums; a plan that is nil has none.
func (p *Plan) Tiles() []asm.WinogradSize {
	if p == nil {
		return nil
	}
	return slices.Clone(p.tiles)
}

// Work is the number of multiply-adds that step i takes for rectangles of its output.
func (p *Program) Work(i int, rects []region.Rect) (n int64) {
	spec := p.Steps[i].Spec
	if spec == nil {
		return 0
	}
	for _, r := range rects {
		n += engine.Work(spec, r)
	}
	return n
}

// Seen is the region of a source, given the region of its value.
func (p *Program) Seen(s Source, r region.Rect) region.Rect {
	return p.plan.seen(source{s.Value, s.Plane}, r)
}

// Outputs gives the names of the outputs in the model's order.
func (p *Program) Outputs() []string { return p.plan.Outputs() }

// Reads lists the values that output i is put together of.
func (p *Program) Reads(i int) []int {
	if o := &p.plan.outputs[i]; o.constant == nil {
		return o.reads()
	}
	return nil
}

// Reading puts outputs together of whole values that a device has computed.
type Reading struct {
	plan   *Plan
	views  *Views
	memory outputMemory
}

// Reading makes one, which has no values yet.
func (p *Program) Reading() *Reading { return &Reading{plan: p.plan, views: newViews(p.plan)} }

// Put hands a value over, one that an output Reads. The numbers are kept, not copied.
func (r *Reading) Put(value int, whole []float32) { r.views.data[value] = whole }

// Output is output i of the values that are there, in ONNX order. It is overwritten when the same
// output is asked for again.
func (r *Reading) Output(i int) *tensor.Tensor { return r.memory.output(r.plan, r.views, i) }
