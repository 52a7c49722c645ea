package incremental

import (
	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/op"
	"krypton/internal/region"
)

// Machine is what one core of this machine does at most, measured.
type Machine struct {
	// Flops is floating-point operations a second (asm.Kernels.Peak).
	Flops float64 `json:"flops"`
	// Cache, Outer and Memory are bytes a second, read and written together, over rows
	// that stay in the second-level cache, in the last one, and in none.
	Cache  float64 `json:"cache_bytes"`
	Outer  float64 `json:"outer_cache_bytes"`
	Memory float64 `json:"memory_bytes"`
}

// The sizes of rows that are measured, and up to which size those of a step count as
// such.
const (
	inCache, cacheMax = 192 << 10, 1 << 20
	inOuter, outerMax = 4 << 20, 8 << 20
	inMemory          = 96 << 20
)

// Measure measures what one core does with a kernel set's instructions.
func Measure(k *asm.Kernels) Machine {
	return Machine{Flops: k.Peak(), Cache: k.Bandwidth(inCache), Outer: k.Bandwidth(inOuter), Memory: k.Bandwidth(inMemory)}
}

// Machine measures the plan's kernel set.
func (p *Plan) Machine() Machine { return Measure(p.kernels) }

// rate is the bandwidth for a working set of so many bytes, and where that is: L2, L3 or
// memory.
func (m Machine) rate(bytes float64) (rate float64, where string) {
	switch {
	case bytes <= cacheMax:
		return m.Cache, "L2"
	case bytes <= outerMax:
		return m.Outer, "L3"
	}
	return m.Memory, "memory"
}

// load is what a step has to do.
type load struct {
	work  float64 // multiply-adds of the step's algorithm
	adds  float64 // multiply-adds at full speed that its kernels take as long as
	plain float64 // nanoseconds of plain Go
	// weights are those that are read, in numbers of float32, bytes all that is read
	// and written, these included.
	weights, bytes float64
	jobs           float64 // regions
}

func (l *load) add(o load) {
	l.work, l.adds, l.plain, l.jobs = l.work+o.work, l.adds+o.adds, l.plain+o.plain, l.jobs+o.jobs
	l.weights, l.bytes = l.weights+o.weights, l.bytes+o.bytes
}

// total is the load in multiply-adds at full speed, on a core of any kind: for
// comparing plans.
func (l load) total() float64 { return l.adds + costWeight*l.weights + addsPerNanosecond*l.plain }

// seconds predicts how long a load takes on one core, of which set bytes are
// worked on in turns. packed is the rate where all weights of the plan are; kernels seldom compute
// while they wait.
func (l load) seconds(m Machine, packed, set float64) float64 {
	rate, _ := m.rate(set)
	weights := 4 * l.weights
	return 2*l.adds/m.Flops + weights/packed + (l.bytes-weights)/rate + 1e-9*(l.plain+overhead*l.jobs)
}

// What steps cost that are no sums of products, beside the constants of algorithm.go.
// Kernels take multiply-adds at full speed for one element of the output; plain Go,
// which no kernel set makes faster, takes nanoseconds.
const (
	// addsPerNanosecond makes multiply-adds of plain Go's nanoseconds where there
	// is no machine to measure.
	addsPerNanosecond = 50
	// overhead is for one region of one step.
	overhead = 200
	// costFunction is for one element of a function of asm.Function in float64,
	// costFunction32 of one in float32, costSimple of one without an exponential;
	// costInside is for one of a sum in a convolution's last step,
	// costSoftmax is for one of a softmax, costNorm for one of a normalization.
	costFunction   = 60
	costFunction32 = 14
	costSimple     = 6
	costInside     = 4
	costSoftmax    = 80
	costNorm       = 30
	// costDepthwise is for one multiply-add of a depthwise layer, costGrouped of one
	// in small groups, costPointers for a tap's pointers, in channels of a group beside
	// those that it has, costTap for one tap of a window that is pooled.
	costDepthwise = 4
	costGrouped   = 1.5
	costPointers  = 2
	costTap       = 6
	// costOther is for one multiply-add of steps that have no price of their own.
	costOther = 1.3
	// plainCall is for one element that a Go function is called for, plainMove for
	// one that is moved by itself, plainPower for one of a local response
	// normalization; plainPiece for one piece of neighbouring numbers that is copied,
	// plainTap for one tap of a pixel that is interpolated.
	plainPiece = 8
	plainTap   = 5
	plainCall  = 5
	plainMove  = 0.7
	plainPower = 60
	// referenceProduct is for one multiply-add of an operator's reference,
	// referenceElement for one element that it reads or writes.
	referenceProduct = 1.5
	referenceElement = 8
)

// load counts what a step has to do for region r of its output, where weights are
// shared among so many regions.
func (p *Plan) load(s *step, r region.Rect, share float64) load {
	if r.Empty() {
		return load{}
	}
	l := load{jobs: 1}
	elements := float64(r.Area()) * float64(p.values[s.out].plane.C)
	switch {
	case s.reference != nil:
		l.plain = s.reference.nanoseconds(p, s)
	case s.sum != nil:
		if s.prim != nil { // not while algorithms are being chosen
			l.work = float64(engine.Work(s.prim, r))
		}
		l.adds, l.weights = s.sum.cost(s.sum.Way.Tile, r)
		l.weights *= share
	case s.inside:
		l.adds = costInside * elements
	default:
		l.work = float64(engine.Work(s.computes(), r))
		switch spec := s.computes().(type) { // of all that they read
		case *engine.Attention: // of the scores
			elements = float64(spec.Numbers()) * float64(r.Area()) / float64(p.values[s.out].plane.Rect().Area())
		case *engine.Moments, *engine.Mean:
			elements = float64(s.in[0].plane.Len())
		case *engine.RowSums:
			elements *= float64(s.in[0].plane.W)
		}
		adds, plain := perElement(s.computes())
		l.adds, l.plain = adds*elements+costOther*l.work, plain*elements
	}
	l.bytes = 4*l.weights + p.bytes(s, r)
	return l
}

// perElement is what one element of a step's output costs besides multiply-adds:
// in multiply-adds of kernels, and in nanoseconds of plain Go.
func perElement(p engine.Spec) (adds, plain float64) {
	switch p := p.(type) {
	case *engine.Unary:
		if p.Table == nil {
			return 0, plainCall
		}
		return costOf(p.Function), 0
	case *engine.Binary:
		if !p.Native {
			return 0, plainCall
		}
	case *engine.Moments:
		return 2 * costElement, 0
	case *engine.Mean:
		return costTap + costBefore(p.Of), 0
	case *engine.RowSums:
		return costTap + costBefore(p.Of), 0
	case *engine.Softmax, *engine.Attention:
		return costSoftmax, 0
	case *engine.Spread:
		return 0, plainPiece / float64(p.X*p.Out.C)
	case *engine.Turn:
		return 0, plainPiece / float64(p.Out.C)
	case *engine.Interpolate:
		if p.Y.Weight != nil || p.X.Weight != nil {
			return 0, plainTap * float64(p.Y.Taps*p.X.Taps) / float64(p.Out.C)
		}
	case *engine.Sample:
		if p.Field.Weight == nil {
			return 0, plainPiece / float64(p.Out.C)
		}
		return 0, plainTap * float64(p.Field.Taps) / float64(p.Out.C)
	case *engine.LRN:
		return 0, plainPower
	case *engine.LayerNorm:
		return costNorm, 0
	case *engine.Move:
		return costElement, plainMove * p.Singly()
	case *engine.Permute, *engine.Channels, *engine.Reduce, *engine.Select:
		return 0, plainMove
	case *engine.MaxPool:
		return costTap * float64(p.Y.Kernel*p.X.Kernel), 0
	case *engine.AveragePool:
		return costTap * float64(p.Y.Kernel*p.X.Kernel), 0
	case *engine.PreciseMean:
		return 0, plainTap * float64(p.Y.Kernel*p.X.Kernel)
	}
	return costElement, 0
}

// costBefore is what a function costs that is applied to what is added up.
func costBefore(u *engine.Unary) float64 {
	if u == nil {
		return 0
	}
	return costOf(u.Function)
}

// costOf is what one element of a function costs.
func costOf(f asm.Function) float64 {
	switch f {
	case asm.Sigmoid, asm.Swish:
		return costFunction32
	case asm.HardSigmoid, asm.HardSwish, asm.LeakyRelu, asm.Sqrt, asm.Reciprocal, asm.Abs, asm.Neg, asm.Square, asm.Softsign:
		return costSimple
	}
	return costFunction
}

// bytes is what a step reads and writes, besides weights, for region r of its output.
func (p *Plan) bytes(s *step, r region.Rect) float64 {
	out := p.values[s.out].plane
	n := float64(r.Area()) * float64(out.C)
	for k, src := range s.in {
		if s.inside && k == 0 {
			n -= float64(r.Area()) * float64(src.plane.C) // what the convolution writes is the sum
			continue
		}
		if s.inPlace != nil && s.inPlace[k] {
			n -= float64(r.Area()) * float64(src.plane.C) // neither read nor written
			continue
		}
		n += float64(p.reads(s, k, r).Area()) * float64(src.plane.C)
	}
	return 4 * n
}

// reads is the part of source k that a step reads for region r of its output.
func (p *Plan) reads(s *step, k int, r region.Rect) region.Rect {
	in := s.in[k].plane
	all := in.Rect()
	out := p.values[s.out].plane
	switch {
	case s.kind == op.Global || s.whole != nil && s.whole[k]:
		return all
	case s.kind == op.Windowed:
		return region.Rect{Y: s.windows[0].Reads(r.Y), X: s.windows[1].Reads(r.X)}.Intersect(all)
	case s.kind == op.Rearranging:
		return s.moves.Reads(r)
	case in.H != out.H || in.W != out.W:
		return all
	}
	return r
}

// nanoseconds is about how long a reference takes: operators that multiply by what they
// multiply, all others by what they read and write.
func (r *reference) nanoseconds(p *Plan, s *step) float64 {
	var in []int // elements of each input
	for _, o := range r.in {
		n := 0
		switch {
		case o.constant != nil:
			n = o.constant.Len()
		case o.source >= 0:
			n = s.in[o.source].plane.Len()
		}
		in = append(in, n)
	}
	moved := 0
	for _, n := range in {
		moved += n
	}
	out := 0
	for _, id := range r.out {
		if id >= 0 {
			out += p.values[id].plane.Len()
		}
	}
	return referenceElement*float64(moved+out) + referenceProduct*float64(r.products(in, p.values[s.out].plane.Len()))
}

// products is the number of multiply-adds of a reference, given the elements of its
// inputs and of its output.
func (r *reference) products(in []int, out int) int {
	shape := func(i int) []int {
		if t := r.in[i].constant; t != nil {
			return t.Shape
		}
		return r.in[i].layout.shape
	}
	switch r.op.(type) {
	case *op.Conv, *op.ConvTranspose:
		// Each weight meets every pixel: of the output, or of the input.
		w := shape(1)
		if len(w) < 2 || w[0] == 0 {
			return 0
		}
		if _, plain := r.op.(*op.Conv); plain {
			return out / w[0] * in[1]
		}
		return in[0] / w[0] * in[1]
	case *op.MatMul, *op.Gemm:
		// [m, k] by [k, n] makes [m, n], as often as all of them say.
		if a := shape(0); len(a) > 0 && out > 0 {
			last := a[len(a)-1]
			if g, ok := r.op.(*op.Gemm); ok && g.TransA {
				last = a[0]
			}
			return out * last
		}
	}
	return 0
}

// set is how many bytes a step works on in turns, where n regions of such a load are worked
// on together: what passes between steps that are computed band by band stays small.
func (p *Plan) set(s *step, l load, n float64) float64 {
	banded := p.values[s.out].inner
	for _, src := range s.in {
		banded = banded || p.values[src.value].inner
	}
	if banded {
		return min(n*l.bytes, cacheMax)
	}
	return n * l.bytes
}

// StepPrediction is how long a step is expected to take on one core of a machine.
type StepPrediction struct {
	// Whole is a whole run's seconds, Incremental those of one of many changes of a
	// region.
	Whole, Incremental float64
}

// Predict predicts, step by step, how long a whole run and a change of the input's
// region r (none if it is empty) take on one core, the change one of a chunk.
func (p *Plan) Predict(m Machine, r region.Rect) []StepPrediction {
	rects := p.regions(r)
	predictions := make([]StepPrediction, len(p.steps))
	packed, _ := m.rate(float64(p.WeightBytes()))
	for i := range p.steps {
		s := &p.steps[i]
		whole := p.load(s, p.values[s.out].plane.Rect(), 1)
		change := p.load(s, rects[s.out], 1.0/batchShare)
		predictions[i] = StepPrediction{Whole: whole.seconds(m, packed, p.set(s, whole, 1)), Incremental: change.seconds(m, packed, p.set(s, change, batchShare))}
	}
	return predictions
}
