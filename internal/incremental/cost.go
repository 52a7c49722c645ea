package incremental

import (
	"fmt"
	"slices"

	"krypton/internal/engine"
	"krypton/internal/op"
	"krypton/internal/region"
)

// StepCost is what one step of the plan costs.
type StepCost struct {
	// Node names the model's nodes that the step computes, joined by "+".
	Node, Operator string
	Locality       op.LocalityKind
	// Plane is the step's output.
	Plane engine.Plane
	// Region is the part of it that a change recomputes.
	Region region.Rect
	// Algorithm says how a convolution is computed: direct, bf16 (direct, in
	// bfloat16), int8 (differences in eight bits), winograd2, winograd4 or depthwise;
	// "joined" marks a sum that is computed in the last step of the convolution before;
	// "reference" marks a step by its operator's reference, "plain" one that calls a
	// Go function for each element; empty for other steps.
	Algorithm string
	// Whole is the multiply-adds of the plain sums of a whole run,
	// Incremental those that the step's algorithm takes for the region.
	Whole, Incremental int64
}

// Reference says that the operator's reference computes the step, on whole tensors.
func (c *StepCost) Reference() bool { return c.Algorithm == byReference }

// byReference is the algorithm of such steps, plainGo that of steps that call a function,
// joinedBefore that of sums inside of convolutions.
const (
	byReference  = "reference"
	joinedBefore = "joined"
	plainGo      = "plain"
)

// Cost counts, step by step, what a change of the input's region r costs.
func (p *Plan) Cost(r region.Rect) []StepCost {
	rects := p.regions(r)
	costs := make([]StepCost, len(p.steps))
	for i := range p.steps {
		s := &p.steps[i]
		c := StepCost{Node: s.node, Operator: s.operator, Locality: s.kind, Plane: p.values[s.out].plane, Region: rects[s.out]}
		if c.Algorithm = s.algorithm(); s.prim != nil {
			c.Whole = s.prim.MultiplyAdds() * int64(c.Plane.H*c.Plane.W)
			c.Incremental = engine.Work(s.prim, p.own(s, rects))
		}
		costs[i] = c
	}
	return costs
}

// algorithm names how a step is computed, as StepCost says.
func (s *step) algorithm() string {
	switch p := s.prim.(type) {
	case nil:
		return byReference
	case *engine.Conv:
		return "direct"
	case *engine.ConvBF16:
		return "bf16"
	case *engine.ConvInt8:
		return "int8"
	case *engine.Winograd:
		if p.BF16 {
			return fmt.Sprintf("winograd%d bf16", p.Size)
		}
		return fmt.Sprintf("winograd%d", p.Size)
	case *engine.Depthwise:
		return "depthwise"
	case *engine.Sum:
		if s.inside {
			return joinedBefore
		}
	case *engine.Unary:
		if p.Table == nil {
			return plainGo
		}
	case *engine.Binary:
		if !p.Native {
			return plainGo
		}
	}
	return ""
}

// Count is the number of multiply-adds that a change of the input's region r
// takes with this plan's algorithms; the region of the whole input counts a
// whole run.
func (p *Plan) Count(r region.Rect) int64 { return p.CountUnder(r, nil) }

// CountUnder is Count where a policy cuts regions down.
func (p *Plan) CountUnder(r region.Rect, policy Policy) int64 {
	rects := p.regionsUnder(r, policy)
	n := int64(0)
	for i := range p.steps {
		if s := &p.steps[i]; s.prim != nil {
			n += engine.Work(s.prim, p.own(s, rects))
		}
	}
	return n
}

// MultiplyAdds is the number of multiply-adds of the plain sums of a whole run,
// the usual measure of a network's size.
func (p *Plan) MultiplyAdds() int64 {
	n := int64(0)
	for i := range p.steps {
		if s := &p.steps[i]; s.prim != nil {
			out := p.values[s.out].plane
			n += s.prim.MultiplyAdds() * int64(out.H*out.W)
		}
	}
	return n
}

// regions is the region of every value for a change of the input's region r.
func (p *Plan) regions(r region.Rect) []region.Rect { return p.regionsUnder(r, nil) }

// regionsUnder is regions cut down by a policy.
func (p *Plan) regionsUnder(r region.Rect, policy Policy) []region.Rect {
	var t tracks
	return t.follow(p, r, policy)
}

// tracks is memory for regions and what policies need of them.
type tracks struct {
	rects   []region.Rect
	centres []Point
}

// follow is regionsUnder in this memory: the next call writes over it.
func (t *tracks) follow(p *Plan, r region.Rect, policy Policy) []region.Rect {
	t.rects = resize(t.rects, len(p.values))
	clear(t.rects)
	t.rects[p.input] = r
	if policy != nil {
		t.centres = resize(t.centres, len(p.values))
		clear(t.centres)
		t.centres[p.input] = centre(r)
	}
	for i := range p.steps {
		p.propagate(&p.steps[i], t.rects, t.centres, policy)
	}
	return t.rects
}

// propagate writes the region of a step's outputs, given those of its inputs,
// cut down by a policy. centres, needed by a policy alone, are the images of
// the change's centre.
func (p *Plan) propagate(s *step, rects []region.Rect, centres []Point, policy Policy) {
	var few [8]region.Rect
	in := few[:0]
	for _, src := range s.in {
		in = append(in, p.seen(src, rects[src.value]))
	}
	plane := p.values[s.out].plane
	out := p.reach(s, in)
	if policy != nil && !out.Empty() {
		for k := range in {
			if !in[k].Empty() {
				centres[s.out] = s.image(centres[s.in[k].value], plane)
				break
			}
		}
		// A sum of a row is of all of it.
		if _, sums := s.computes().(*engine.RowSums); s.kind == op.Windowed && !sums && !p.values[s.out].entire {
			out = policy.Crop(plane, out, centres[s.out]).Intersect(out)
		}
	}
	p.reached(s, rects, out)
}

// reached writes the region that a step computes to those of its values.
func (p *Plan) reached(s *step, rects []region.Rect, out region.Rect) {
	rects[s.out] = out
	if s.reference != nil {
		for _, o := range s.reference.out {
			rects[o] = p.values[o].plane.Rect()
			if out.Empty() {
				rects[o] = region.Rect{}
			}
		}
	}
	// Parts of a concatenation are computed where any of them changes:
	// beyond its own region a part's values are those of the view.
	for k, in := range s.inPlace {
		if in {
			rects[s.in[k].value] = out
		}
	}
}

// PositionBytes is the memory that one worker needs for one change of region r:
// the updates that are alive at the same time.
func (p *Plan) PositionBytes(r region.Rect) int64 {
	return slotBytes(p.slotNumbers(p.regions(r), nil)) + p.passingBytes()
}

// passingBytes is the memory of what lies between fused steps, which take turns.
func (p *Plan) passingBytes() int64 {
	if slices.ContainsFunc(p.steps, func(s step) bool { return s.fused > 0 }) {
		return int64(wideBands * float64(p.cached))
	}
	return 0
}

// slotNumbers is how many numbers the updates of one change, whose regions rects are,
// have in each slot at most: those of the values for which keep says so, or if it is nil
// of all.
func (p *Plan) slotNumbers(rects []region.Rect, keep func(v int) bool) []int {
	most := make([]int, p.slots)
	for v := range p.values {
		if slot := p.values[v].slot; slot >= 0 && p.values[v].partOf == 0 && !p.values[v].inner && (keep == nil || keep(v)) {
			most[slot] = max(most[slot], rects[v].Area()*p.values[v].plane.C)
		}
	}
	return most
}

// slotBytes is the memory of so many numbers in each slot.
func slotBytes(numbers []int) int64 {
	n := int64(0)
	for _, most := range numbers {
		n += 4 * int64(most)
	}
	return n
}

// ViewBytes is the memory of all views.
func (p *Plan) ViewBytes() int64 {
	n := int64(0)
	for i := range p.values {
		if !p.values[i].host && p.values[i].partOf == 0 {
			n += 4 * int64(p.values[i].plane.Len())
		}
	}
	for i := range p.steps {
		if s := &p.steps[i]; p.based(s) {
			n += 4 * int64(p.values[s.out].plane.Len())
		}
	}
	return n
}

// WeightBytes is the memory of all convolutions' weights.
func (p *Plan) WeightBytes() int64 {
	n := int64(0)
	for i := range p.steps {
		n += int64(weightBytes(p.steps[i].prim))
	}
	return n
}

// weightBytes is the memory of one step's weights.
func weightBytes(p engine.Primitive) int {
	if w, ok := p.(interface{ Weights() int }); ok {
		return 4 * w.Weights()
	}
	return 0
}

// Price is what changes of the input's regions are reckoned to take altogether, cut down by a
// policy: in multiply-adds at full speed on one core of any kind, by the constants that
// plans are made by. It compares plans of one model, whatever the machine is.
func (p *Plan) Price(changes []region.Rect, policy Policy) float64 {
	total := 0.0
	for _, r := range changes {
		rects := p.regionsUnder(r, policy)
		for i := range p.steps {
			l := p.load(&p.steps[i], rects[p.steps[i].out], 1.0/batchShare)
			total += l.total() + addsPerNanosecond*overhead*l.jobs
		}
	}
	return total
}
