package incremental

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"krypton/internal/engine"
	"krypton/internal/op"
	"krypton/internal/pages"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// Views are the materialized outputs of every step for one input. They are
// never written between Materialize and Release, and shared by all workers.
type Views struct {
	data [][]float32
	base [][]float32 // of steps that compute differences: before their bounds
	host []*tensor.Tensor
	// parts, if not nil, are the values that lie in the memory of concatenations.
	parts []part
	// stretches, of whole runs that only want outputs, are the steps that are computed
	// together, by the value that the first one makes.
	stretches []stretch
	// times are those of the steps that computed them, if they are measured.
	times stepTimes

	squares *squares // what thresholds are relative to
}

// squares are views' mean squares, found once, when they are asked for: maps that grow ask
// many times.
type squares struct {
	once sync.Once
	mean []float64
}

// Materialize runs the whole plan on one input, given channels last as
// InputPlane says, with the given number of workers. The input is kept, not
// copied.
func (p *Plan) Materialize(ctx context.Context, input []float32, workers int) (*Views, error) {
	if len(input) != p.InputPlane().Len() {
		return nil, fmt.Errorf("input has %d numbers, want %d", len(input), p.InputPlane().Len())
	}
	v := newViews(p)
	p.allocate(v)
	crew := newCrew(p, workers)
	defer crew.team.stop()
	return v, p.compute(ctx, v, input, crew, false)
}

func newViews(p *Plan) *Views {
	n := len(p.values)
	return &Views{data: make([][]float32, n), base: make([][]float32, n), host: make([]*tensor.Tensor, n), squares: new(squares)}
}

// compute runs every step of the plan on whole planes; if outputs are all that is
// wanted, it leaves out what lies between fused steps where it can.
func (p *Plan) compute(ctx context.Context, v *Views, input []float32, c *crew, outputs bool) error {
	v.data[p.input], v.squares = input, new(squares)
	for i := 0; i < len(p.steps); i++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := &p.steps[i]
		if v.stretches != nil && v.stretches[s.out].parts > 0 {
			together := v.stretches[s.out]
			start := v.times.now()
			if err := p.materializeFused(i, together.steps, together.parts, v, c); err != nil {
				return err
			}
			if c.size > 1 {
				v.times.ran(i, start)
			}
			i += together.steps - 1
			continue
		}
		v.times.count(p, i, p.values[s.out].plane.Rect(), 1)
		start := v.times.now()
		var sum *step // that is computed with this one
		if s.joined && outputs {
			sum = &p.steps[i+1]
			v.times.count(p, i+1, p.values[sum.out].plane.Rect(), 1)
		}
		if s.reference != nil {
			if err := p.materializeReference(s, v); err != nil {
				return fmt.Errorf("node %s (%s): %w", s.node, s.operator, err)
			}
		} else if err := p.materializeStep(s, sum, v, c); err != nil {
			return err
		}
		v.times.ran(i, start)
		if sum != nil {
			i++
			v.times.ran(i, v.times.now())
		}
	}
	return nil
}

// Inference runs a plan on one input after the other and keeps nothing but the
// outputs: values that are never needed together share memory, which is reused
// from run to run. It must not be used by several goroutines at a time.
type Inference struct {
	plan    *Plan
	views   *Views
	crew    *crew
	outputs outputMemory
	short   *shortened // nil if the last run computed all classes
}

// nearSizes is how many times as large as the smaller one of two values that share a slot in
// whole runs by several workers may be.
const nearSizes = 2

// place gives the memory of whole runs by so many workers: the slots of the values that do not
// lie in concatenations as parts says, and how many numbers each slot has. together are the steps
// that are computed together. Each worker writes about the same share of every value, so that
// slots which only values of about the same size take turns in stay in the same workers'
// caches: a line that another core has written last takes three times as long to write as one
// that lies in the core's second-level cache.
func (p *Plan) place(workers int, parts []part, together []stretch) (of, most []int) {
	root := func(v int) int {
		if parts[v].of != 0 {
			return parts[v].of
		}
		return p.root(v)
	}
	pick := func(free []int, _ int) int { return len(free) - 1 }
	if workers > 1 {
		var size []int // of the value that each slot has had last
		pick = func(free []int, v int) int {
			n := p.values[v].plane.Len()
			best := -1
			for k, slot := range free {
				a, b := min(n, size[slot]), max(n, size[slot])
				if b <= nearSizes*a && (best < 0 || b*min(n, size[free[best]]) <= max(n, size[free[best]])*a) {
					best = k
				}
			}
			if best < 0 {
				size = append(size, n)
			} else {
				size[free[best]] = n
			}
			return best
		}
	}
	of, n := p.slotsBy(root, func(i int) int {
		n := together[p.steps[i].out].steps
		if p.steps[i].joined {
			n = max(n, 2) // the sum is stored while the convolution still reads
		}
		return n
	}, pick)
	most = make([]int, n)
	for v := range p.values {
		if of[v] >= 0 && v != p.input && root(v) == v {
			most[of[v]] = max(most[of[v]], p.values[v].plane.Len())
		}
	}
	return of, most
}

// InferenceBytes is about what an Inference by so many workers and its input take, without
// the workers' scratch space.
func (p *Plan) InferenceBytes(workers int) int64 {
	n := int64(p.InputPlane().Len())
	parts := p.inConcats()
	_, most := p.place(workers, parts, p.stretches(workers, parts))
	for _, k := range most {
		n += int64(k)
	}
	return 4 * n
}

// NewInference makes the memory for runs with the given number of workers.
func (p *Plan) NewInference(workers int) *Inference {
	parts := p.inConcats()
	return p.newInference(workers, parts, p.stretches(workers, parts))
}

func (p *Plan) newInference(workers int, parts []part, together []stretch) *Inference {
	of, most := p.place(workers, parts, together)
	all := 0
	for _, n := range most {
		all += wholeVectors(n)
	}
	slots, space := make([][]float32, len(most)), pages.Numbers(all)
	for i, n := range most {
		slots[i], space = space[:n:n], space[wholeVectors(n):]
	}
	v := newViews(p)
	v.parts, v.stretches = parts, together
	var base []float32 // each step's in turn: nobody comes back to it
	for i := range p.steps {
		s := &p.steps[i]
		out := &p.values[s.out]
		if s.reference == nil && out.partOf == 0 && parts[s.out].of == 0 {
			v.data[s.out] = slots[of[s.out]][:out.plane.Len()]
		}
		if p.based(s) {
			base = resize(base, max(len(base), out.plane.Len()))
		}
	}
	for i := range p.steps {
		if s := &p.steps[i]; p.based(s) {
			v.base[s.out] = base[:p.values[s.out].plane.Len()]
		}
	}
	f := &Inference{plan: p, views: v, crew: newCrew(p, workers)}
	runtime.AddCleanup(f, (*team).stop, f.crew.team)
	return f
}

// Run runs the plan on an input given channels last as InputPlane says.
func (f *Inference) Run(ctx context.Context, input []float32) error {
	f.short = nil
	return f.run(ctx, f.plan, f.views, input)
}

func (f *Inference) run(ctx context.Context, p *Plan, v *Views, input []float32) error {
	if len(input) != p.InputPlane().Len() {
		return fmt.Errorf("input has %d numbers, want %d", len(input), p.InputPlane().Len())
	}
	return p.compute(ctx, v, input, f.crew, true)
}

// Shorten has RunListed compute only the given classes of a head of the plan, until
// the next Run. The others keep their numbers before the softmax, which are given for
// all classes in all.
func (f *Inference) Shorten(t *ClassifierHead, classes []int, all []float32) error {
	var err error
	f.short, err = t.shorten(f.views, classes, all)
	return err
}

// RunListed is Run without the classes that Shorten leaves out.
func (f *Inference) RunListed(ctx context.Context, input []float32) error {
	if f.short == nil {
		return errors.New("no classes are listed")
	}
	return f.run(ctx, f.short.plan, f.short.views, input)
}

// Logits are all classes' numbers before the softmax after Run, for a head that Ends.
func (f *Inference) Logits(t *ClassifierHead) []float32 { return t.Logits(f.views) }

// ListedLogits are the numbers before the softmax of the classes that Shorten named,
// in their order; nil if the last run was of all.
func (f *Inference) ListedLogits() []float32 { return f.short.logits() }

// Output gives output i of the last run, in ONNX order. It is overwritten when the
// same output is asked for again.
func (f *Inference) Output(i int) *tensor.Tensor {
	if f.short != nil {
		return f.short.output(f.plan, &f.outputs, i)
	}
	return f.outputs.output(f.plan, f.views, i)
}

// viewed is what a source is in the views.
func (p *Plan) viewed(v *Views, s source) engine.Patched {
	data, pitch := v.result(p, s.value)
	patched := engine.Patched{Plane: s.plane, View: data}
	if p.root(s.value) != s.value || v.part(s.value).of != 0 {
		patched.Pitch = pitch
	}
	return patched
}

// result is where a whole value lies, and how far its pixels are apart.
func (v *Views) result(p *Plan, out int) (data []float32, pitch int) {
	val := &p.values[out]
	at := part{val.partOf, val.offset}
	if at.of == 0 {
		at = v.part(out)
	}
	if at.of != 0 {
		return v.data[at.of][at.offset:], p.values[at.of].plane.C
	}
	return v.data[out], val.plane.C
}

// part is where a value lies in the memory of a concatenation of whole runs.
func (v *Views) part(value int) part {
	if v.parts == nil {
		return part{}
	}
	return v.parts[value]
}

// materializeStep shares a step out among the workers: the rows of the output,
// or its channels where weights are more than pixels. The sum, if it is not nil, is joined
// to it, and only that is kept.
func (p *Plan) materializeStep(s, sum *step, v *Views, crew *crew) error {
	out := p.values[s.out].plane
	in := make([]engine.Patched, len(s.in))
	left := len(s.in) == 0 // whether something is to do
	for k, src := range s.in {
		if k < s.have || s.inPlace != nil && s.inPlace[k] || v.part(src.value).of == s.out {
			in[k] = engine.Patched{Plane: src.plane} // lies in the output already
		} else {
			in[k], left = p.viewed(v, src), true
		}
	}
	if !left {
		return nil
	}
	data, pitch := v.result(p, s.out)
	residual := p.residual(sum, v)
	if sum != nil {
		data, pitch = v.result(p, sum.out)
	}
	prim := s.prim
	after := func(worker int, rows region.Span) {}
	if d, ok := prim.(*engine.ConvInt8); ok {
		to, apart := data, pitch
		prim, data, pitch = d.Whole, v.base[s.out], out.C
		base := data
		after = func(worker int, rows region.Span) {
			n := out.W * out.C
			d.Bound(crew.scratch[worker], to[rows.Lo*out.W*apart:], base[rows.Lo*n:rows.Hi*n], apart)
		}
	}
	if n, part := p.inParts(prim, out.Len(), crew.size); part != nil && crew.size > 1 {
		parts := min(crew.size, n)
		jobs := []engine.Job{{In: in, Rect: out.Rect(), Out: data, Pitch: pitch, Residual: residual}}
		if err := crew.run(parts, func(w, b int) { part(crew.scratch[w], jobs, n*b/parts, n*(b+1)/parts) }); err != nil {
			return err
		}
		after(0, region.Span{Hi: out.H})
		return nil
	}
	if c, ok := prim.(*engine.Conv); ok && crew.size > 1 && prim == s.prim {
		if flat := c.Flat(); flat != nil {
			return p.materializeFlat(flat, in[0], residual, data, pitch, crew)
		}
	}
	if out.H == 1 && s.tile() == 0 && s.kind != op.Global && prim == s.prim {
		return p.materializeRow(s, in, residual, data, pitch, crew)
	}
	tile := max(1, s.tile())
	rows := (out.H + tile - 1) / tile
	bands := bands(crew.size, rows, tile*out.W)
	return crew.run(bands, func(w, b int) {
		rect := region.Rect{Y: region.Span{Lo: rows * b / bands * tile, Hi: min(out.H, rows*(b+1)/bands*tile)}, X: region.Span{Hi: out.W}}
		first, last := rect.Y.Lo*out.W*pitch, min(len(data), rect.Y.Hi*out.W*pitch)
		prim.Run(crew.scratch[w], []engine.Job{{In: in, Rect: rect, Out: data[first:last], Pitch: pitch, Residual: residual}})
		after(w, rect.Y)
	})
}

// inParts gives how a step that makes so many numbers is shared out otherwise than by
// regions: by panels of weights where those are more (or by Winograd's tiles if reading all
// weights twice is less than transforming all inputs twice), by what the primitive divides
// itself into, by channels where shares of few rows would read the same ones. part is nil
// where it is not.
func (p *Plan) inParts(prim engine.Primitive, outputs, workers int) (n int, part func(s *engine.Scratch, jobs []engine.Job, lo, hi int)) {
	switch prim := prim.(type) {
	case engine.Panelled:
		if w, ok := prim.(*engine.Winograd); ok && w.Weights() > outputs && w.ByTiles(p.kernels, outputs, workers) {
			return workers, func(s *engine.Scratch, jobs []engine.Job, lo, hi int) { w.RunTiles(s, jobs, lo, hi, workers) }
		}
		if n = prim.Panels(); n > 1 && prim.Weights() > outputs && !p.byPixels(prim, outputs) {
			return n, prim.RunPanels
		}
	case *engine.Depthwise:
		if n = prim.Blocks(p.kernels, workers); n > 1 {
			return n, prim.RunBlocks
		}
	case engine.Divided:
		return prim.Parts(), prim.RunParts
	}
	return 0, nil
}

// Matrix products of pixels whose weights stay in each worker's cache are shared out by
// pixels if these make so many tiles.
const (
	pixelTiles   = 8
	pixelWeights = 512 << 10
)

// byPixels says whether so many outputs of a convolution are shared out by pixels though
// its weights are more.
func (p *Plan) byPixels(prim engine.Panelled, outputs int) bool {
	c, ok := prim.(*engine.Conv)
	return ok && c.Y.Kernel*c.X.Kernel == 1 && outputs >= pixelTiles*p.kernels.Rows*c.Out.C && 4*c.Weights() <= pixelWeights
}

// materializeFlat shares out a convolution of single pixels: whole tiles of the matrix
// product.
func (p *Plan) materializeFlat(c *engine.Conv, in engine.Patched, residual *engine.Residual, data []float32, pitch int, crew *crew) error {
	in.Plane = c.In
	if residual != nil {
		residual.Plane = c.Out
	}
	rows := p.kernels.Rows
	tiles := (c.Out.W + rows - 1) / rows
	parts := bands(crew.size, tiles, rows)
	return crew.run(parts, func(w, b int) {
		x := region.Span{Lo: tiles * b / parts * rows, Hi: min(c.Out.W, tiles*(b+1)/parts*rows)}
		rect := region.Rect{Y: region.Span{Hi: 1}, X: x}
		c.Run(crew.scratch[w], []engine.Job{{In: []engine.Patched{in}, Rect: rect, Out: data[x.Lo*pitch : min(len(data), x.Hi*pitch)], Pitch: pitch, Residual: residual}})
	})
}

// materializeRow shares out a plane of one row, as tokens are: parts of the row.
func (p *Plan) materializeRow(s *step, in []engine.Patched, residual *engine.Residual, data []float32, pitch int, crew *crew) error {
	n := p.values[s.out].plane.W
	parts := bands(crew.size, n, 1)
	return crew.run(parts, func(w, b int) {
		x := region.Span{Lo: n * b / parts, Hi: n * (b + 1) / parts}
		rect := region.Rect{Y: region.Span{Hi: 1}, X: x}
		s.prim.Run(crew.scratch[w], []engine.Job{{In: in, Rect: rect, Out: data[x.Lo*pitch : min(len(data), x.Hi*pitch)], Pitch: pitch, Residual: residual}})
	})
}

// bandPixels is how many pixels a band of rows should have at least: some tiles of the
// matrix product.
const bandPixels = 96

// bands is in how many bands rows of so many pixels are shared out: two for each worker,
// so that one whose core is taken away keeps the others waiting for less, if that leaves
// each enough pixels.
func bands(workers, rows, pixels int) int {
	if workers > 1 && rows >= 2*workers && rows*pixels >= 2*workers*bandPixels {
		workers *= 2
	}
	return min(workers, rows)
}

func (p *Plan) materializeReference(s *step, v *Views) error {
	out, err := s.reference.evaluate(
		func(i int) []float32 { return v.data[s.in[i].value] },
		func(i int) *tensor.Tensor { return v.host[s.in[i].value] })
	if err != nil {
		return err
	}
	for i, id := range s.reference.out {
		switch {
		case id < 0:
		case p.values[id].host:
			v.host[id] = out[i]
		default:
			f, err := p.floats(out[i], id)
			if err != nil {
				return err
			}
			v.data[id] = f
		}
	}
	return nil
}

// floats checks that a reference step kept its promise of type and size.
func (p *Plan) floats(t *tensor.Tensor, id int) ([]float32, error) {
	f, err := tensor.Of[float32](t)
	if err != nil {
		return nil, err
	}
	if len(f) != p.values[id].plane.Len() {
		return nil, fmt.Errorf("output has %d elements, its shape rule says %d", len(f), p.values[id].plane.Len())
	}
	return f, nil
}

// Output gives output i of the run that the views come from, in ONNX order.
func (p *Plan) Output(v *Views, i int) *tensor.Tensor {
	o := &p.outputs[i]
	if o.constant != nil {
		return o.constant
	}
	if o.host != 0 {
		return v.host[o.host]
	}
	return o.typed(p.gatherOutput(v, i, nil))
}

// typed gives an output, computed as float32, the type that the model says: places of
// extremes are whole numbers.
func (o *output) typed(t *tensor.Tensor) *tensor.Tensor {
	if o.Type != tensor.Int64 {
		return t
	}
	n := tensor.Zeros[int64](t.Shape...)
	for i, f := range t.Data.([]float32) {
		n.Data.([]int64)[i] = int64(f)
	}
	return n
}

// gatherOutput gives output i like Output, in the memory of t if that is not nil.
func (p *Plan) gatherOutput(v *Views, i int, t *tensor.Tensor) *tensor.Tensor {
	o := &p.outputs[i]
	if t == nil {
		t = tensor.Zeros[float32](o.shape...)
	}
	o.gather(t.Data.([]float32), v)
	return t
}

// outputMemory gives a plan's outputs again and again, in the same memory.
type outputMemory []*tensor.Tensor

// output is Plan.Output, valid until it is called for the same output again.
func (o *outputMemory) output(p *Plan, v *Views, i int) *tensor.Tensor {
	if out := &p.outputs[i]; out.constant != nil || out.host != 0 {
		return p.Output(v, i)
	}
	if *o == nil {
		*o = make(outputMemory, len(p.outputs))
	}
	(*o)[i] = p.gatherOutput(v, i, (*o)[i])
	return p.outputs[i].typed((*o)[i])
}
