package incremental

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"krypton/internal/engine"
	"krypton/internal/op"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// Changes is a set of independent changes of one input. Its methods are called
// from several goroutines.
type Changes interface {
	// Len is the number of changes.
	Len() int
	// Rect is the region of the input plane that change i replaces. Empty
	// means that nothing changes.
	Rect(i int) region.Rect
	// Write writes the new pixels of Rect(i), row by row, channels last.
	Write(i int, dst []float32)
}

// Filled is Changes that may have all their pixels of one plane, at the same places: a device
// keeps that and writes the changes itself.
type Filled interface {
	// Fill is that plane, as the input's, or nil if pixels are others.
	Fill() []float32
}

// Options says how Update works through its changes. No result depends on any
// of them.
type Options struct {
	// Workers is the number of goroutines, at least 1.
	Workers int
	// Chunk is the number of changes that a worker takes at a time; 0 lets
	// the plan choose from the caches.
	Chunk int
	// Memory bounds the bytes that all workers' updates may take together;
	// 0 means no bound. It is an error if one change does not fit.
	Memory int64
	// Policy cuts regions down; nil is exact.
	Policy Policy
	// Epsilon, if not 0, drops border rows and columns of a region between
	// steps where no pixel moved by more than Epsilon times the root mean
	// square of the step's pixels. It needs a plan compiled as Dynamic.
	Epsilon float64
	// Gates, if not 0, leaves pixels that nothing else changes as they are behind a step
	// that multiplies each channel by one number of it (a gate), where pixels would move by
	// less than Gates times the root mean square of the step's pixels, on the mean: gates
	// are followed as numbers. It needs a plan compiled as Dynamic.
	Gates float64
	// Done, if set, is called after each chunk with the number of changes
	// that it finished. Calls may come from any worker.
	Done func(n int)

	cut int // where tests cut the steps (see stages), 0 to let the plan choose
}

// dynamic says that regions depend on values.
func (o *Options) dynamic() bool { return o.Epsilon > 0 || o.Gates > 0 }

// Results are the outputs of one change, valid during the call that hands them
// over.
type Results struct {
	worker *worker
	index  int // of the change in its chunk
}

// Floats gives output i in ONNX order. The slice must not be written, and is reused for
// the same output of another change.
func (r Results) Floats(i int) ([]float32, error) { return r.worker.output(r.index, i) }

// Tensor gives output i in ONNX order as a tensor of its own.
func (r Results) Tensor(i int) (*tensor.Tensor, error) {
	w := r.worker
	o := &w.plan.outputs[i]
	if o.constant != nil {
		return o.constant, nil
	}
	if o.host != 0 {
		return w.host(r.index, o.host), nil
	}
	f, err := r.Floats(i)
	if err != nil {
		return nil, err
	}
	return o.typed(tensor.New(append([]float32{}, f...), o.shape...)), nil
}

// Changed gives the parts of output i that the change may have moved: outside of them
// the output is, bit for bit, what Plan.Output gives of the views. What a reader has made
// of that (a sum over pixels, the best of many boxes) it can correct by them alone:
//
//	for _, b := range r.Changed(i) { // of an output [1, C, H, W]
//		for y := b[2].Lo; y < b[2].Hi; y++ {
//			for x := b[3].Lo; x < b[3].Hi; x++ {
//
// Parts do not overlap. Of planes there is one for each, of a detector's list [1, N, K]
// one for each run of its rows; none if nothing has changed, one of everything where
// nobody knows. They are valid as long as Floats' slice, which costs no more than they
// hold either.
func (r Results) Changed(i int) []Part { return r.worker.changed(r.index, i) }

// MultiplyAdds is the number of multiply-adds that the change took.
func (r Results) MultiplyAdds() int64 { return r.worker.spent[r.index] }

// Update answers every change against the views and hands the outputs to emit,
// which is called from several goroutines, once for each change. The views are
// not written.
func (p *Plan) Update(ctx context.Context, v *Views, changes Changes, opt Options, emit func(i int, r Results) error) error {
	n := changes.Len()
	if n == 0 {
		return nil
	}
	if opt.dynamic() && !p.dynamic {
		return errors.New("a change threshold needs a plan compiled for regions that depend on values")
	}
	thresholds := p.thresholds(v, &opt)
	workers := max(1, opt.Workers)
	largest := p.largest(changes)
	st, err := p.stages(largest, n, workers, opt)
	if err != nil {
		return err
	}
	chunk := st.chunk
	least := (chunk + 3) / 4
	if st.cut > 0 {
		least = min(least, st.first)
	}
	workers = min(workers, (n+chunk-1)/chunk)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	next := 0
	// take gives the next changes: fewer towards the end, so that no worker is
	// left with many when the others have none.
	take := func() (lo, hi int) {
		mu.Lock()
		defer mu.Unlock()
		lo = next
		next = min(n, next+min(chunk, max(least, (n-next)/(2*workers))))
		return lo, next
	}
	var wg sync.WaitGroup
	for range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() {
				if r := recover(); r != nil {
					cancel(panicked(r))
				}
			}()
			w := p.worker(v, opt.Policy)
			w.reserve(st)
			w.thresholds = thresholds
			for ctx.Err() == nil {
				lo, hi := take()
				if lo == hi {
					w.release()
					return
				}
				if err := w.run(ctx, changes, lo, hi); err != nil {
					cancel(err)
					return
				}
				for i := lo; i < hi; i++ {
					if err := emit(i, Results{w, i - lo}); err != nil {
						cancel(err)
						return
					}
				}
				if opt.Done != nil {
					opt.Done(hi - lo)
				}
			}
		}()
	}
	wg.Wait()
	return context.Cause(ctx)
}

// largest is the largest change, in the middle of the plane, where it reaches most.
func (p *Plan) largest(changes Changes) region.Rect {
	var largest region.Rect
	for i := range changes.Len() {
		if r := changes.Rect(i); r.Area() > largest.Area() {
			largest = r
		}
	}
	return centred(largest, p.InputPlane())
}

// ErrMemory says that a memory limit is too small for the work.
var ErrMemory = fmt.Errorf("memory limit too small")

// centred moves a rectangle to the middle of the plane.
func centred(r region.Rect, p engine.Plane) region.Rect {
	h, w := r.Y.Len(), r.X.Len()
	y, x := (p.H-h)/2, (p.W-w)/2
	return region.Rect{Y: region.Span{Lo: y, Hi: y + h}, X: region.Span{Lo: x, Hi: x + w}}
}

// worker is one goroutine's memory: updates in slots, jobs, scratch.
type worker struct {
	plan    *Plan
	views   *Views
	policy  Policy
	scratch *engine.Scratch
	fuser   fuser

	n     int                // changes in the chunk
	rects [][]region.Rect    // [change][value]
	hosts [][]*tensor.Tensor // [value][change], host values only

	// Steps run for the changes from first to last, whose updates lie in the memory of
	// now: that of steps before the cut, or of those behind.
	stages      stages
	first, last int
	memory      [2]slots
	now         *slots

	jobs  []engine.Job
	ins   []engine.Patched
	whole []float32 // a composed plane

	chunk   int     // number of chunks, this one included
	outputs []shown // what readers see
	found   []patch
	loops   []engine.Loop

	times stepTimes

	centres [][]Point // [change][value], for the policy
	spent   []int64   // multiply-adds of each change
	thresholds
}

func newWorker(p *Plan, v *Views, policy Policy) *worker {
	w := &worker{plan: p, views: v, policy: policy, scratch: engine.NewScratch(p.kernels), hosts: make([][]*tensor.Tensor, len(p.values))}
	for i := range w.memory {
		w.memory[i] = newSlots(p)
	}
	return w
}

// run computes the updates of changes [lo, hi).
func (w *worker) run(ctx context.Context, changes Changes, lo, hi int) error {
	w.n = hi - lo
	w.chunk++
	p := w.plan
	for len(w.rects) < w.n {
		w.rects = append(w.rects, make([]region.Rect, len(p.values)))
		w.centres = append(w.centres, make([]Point, len(p.values)))
	}
	w.spent = resize(w.spent, w.n)
	clear(w.spent)
	for k := range w.n {
		r := changes.Rect(lo + k)
		w.rects[k][p.input] = r
		w.centres[k][p.input] = centre(r)
		for i := range p.steps {
			if w.dynamic() {
				break // regions depend on values
			}
			p.propagate(&p.steps[i], w.rects[k], w.centres[k], w.policy)
		}
	}
	return w.runStages(ctx, changes, lo)
}

// begin writes what the changes from first to last are.
func (w *worker) begin(changes Changes, lo int) {
	input := w.plan.input
	w.place(input)
	for k := w.first; k < w.last; k++ {
		if !w.rects[k][input].Empty() {
			changes.Write(lo+k, w.update(input, k))
		}
	}
}

// runSteps runs steps [from, to) for the changes from first to last.
func (w *worker) runSteps(from, to int) error {
	p := w.plan
	known := from // steps whose regions are
	for i := from; i < to; i++ {
		s := &p.steps[i]
		if w.dynamic() && i >= known {
			known = i + max(1, s.group)
			for k := w.first; k < w.last; k++ {
				for j := i; j < known; j++ {
					p.propagate(&p.steps[j], w.rects[k], w.centres[k], w.policy)
				}
				if w.gates != nil && w.gates.of[i] != nil {
					w.rects[k][s.out] = w.hold(i, k)
				}
			}
		}
		for k := w.first; k < w.last; k++ {
			for j := i; j < i+max(1, s.fused); j++ {
				w.times.count(p, j, w.rects[k][p.steps[j].out], 1/float64(w.last-w.first))
			}
		}
		start := w.times.now()
		if s.reference != nil {
			if err := w.runReference(s); err != nil {
				return fmt.Errorf("node %s (%s): %w", s.node, s.operator, err)
			}
			w.times.ran(i, start)
			continue
		}
		if s.fused > 0 {
			w.runFused(i, s.fused)
			i += s.fused - 1
			continue
		}
		w.place(s.out)
		if w.gates == nil || !w.runCorrected(s) {
			w.runStep(s)
		}
		w.times.ran(i, start)
		if w.epsilon > 0 && s.kind != op.Global && !p.values[s.out].entire && p.values[s.out].partOf == 0 {
			start := w.times.now()
			for k := w.first; k < w.last; k++ {
				w.trim(s.out, k)
			}
			w.times.trimmed(i, start)
		}
	}
	return nil
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// patched is what change k sees of a step's source.
func (w *worker) patched(s source, k int) engine.Patched {
	p := w.plan.viewed(w.views, s)
	v := w.plan.root(s.value)
	if r := w.rects[k][v]; !r.Empty() {
		if v == s.value {
			r = w.plan.seen(s, r)
		}
		p.Rect, p.Update = r, w.update(v, k)
	}
	return p
}

// result is where change k's output of a step goes, and how far its pixels are apart.
func (w *worker) result(out, k int) (data []float32, pitch int) {
	root := w.plan.root(out)
	data, pitch = w.update(root, k), w.plan.values[root].plane.C
	if root != out {
		data = data[w.plan.values[out].offset:]
	}
	return data, pitch
}

// runStep runs a step's updates as jobs.
func (w *worker) runStep(s *step) {
	p := w.plan
	w.jobs = w.jobs[:0]
	if s.grows {
		w.grow(s)
		return
	}
	if need := (w.last - w.first) * len(s.in); cap(w.ins) < need {
		w.ins = make([]engine.Patched, need)
	}
	ins := w.ins[:0]
	for k := w.first; k < w.last; k++ {
		r := w.rects[k][s.out]
		if r.Empty() {
			continue
		}
		first := len(ins)
		for i, src := range s.in {
			if s.inPlace != nil && s.inPlace[i] {
				ins = append(ins, engine.Patched{Plane: src.plane})
			} else {
				ins = append(ins, w.patched(src, k))
			}
		}
		j := engine.Job{In: ins[first:len(ins):len(ins)], Rect: r}
		if out, pitch := w.result(s.out, k); pitch != p.values[s.out].plane.C {
			j.Out, j.Pitch = out, pitch
			if own := p.own(s, w.rects[k]); own != r {
				w.copyBeyond(s.out, r, own, out, pitch)
				if own.Empty() {
					continue
				}
				j.Rect, j.Row = own, r.X.Len()*pitch
				j.Out = out[(own.Y.Lo-r.Y.Lo)*j.Row+(own.X.Lo-r.X.Lo)*pitch:]
			}
		} else {
			j.Out = out
		}
		j.Base = w.views.base[s.out]
		w.jobs = append(w.jobs, j)
		w.spent[k] += engine.Work(s.prim, j.Rect)
	}
	if len(w.jobs) > 0 {
		s.prim.Run(w.scratch, w.jobs)
	}
}

// copyBeyond writes what region r of part of a concatenation has outside of the part's own
// region, which lies in r, or is empty: what the view has there.
func (w *worker) copyBeyond(part int, r, own region.Rect, out []float32, pitch int) {
	view, apart := w.views.result(w.plan, part)
	plane := w.plan.values[part].plane
	for y := r.Y.Lo; y < r.Y.Hi; y++ {
		to, from := out[(y-r.Y.Lo)*r.X.Len()*pitch:], view[y*plane.W*apart:]
		for x := r.X.Lo; x < r.X.Hi; x++ {
			if x == own.X.Lo && own.Y.Lo <= y && y < own.Y.Hi {
				x = own.X.Hi - 1
				continue
			}
			copy(to[(x-r.X.Lo)*pitch:][:plane.C], from[x*apart:])
		}
	}
}

// grow copies what a step adds to the memory of a concatenation that grows, which the
// first one fills from the view.
func (w *worker) grow(s *step) {
	p, root := w.plan, w.plan.root(s.out)
	c, width, view := p.values[root].plane.C, p.values[root].plane.W, w.views.data[root]
	for k := w.first; k < w.last; k++ {
		r := w.rects[k][root]
		if r.Empty() {
			continue
		}
		to, n := w.update(root, k), r.X.Len()*c
		if s.have == 0 {
			for y := r.Y.Lo; y < r.Y.Hi; y++ {
				copy(to[(y-r.Y.Lo)*n:][:n], view[(y*width+r.X.Lo)*c:])
			}
		}
		first := 0
		for i, src := range s.in {
			if in := w.rects[k][src.value]; i >= s.have && !in.Empty() {
				from, each := w.update(src.value, k), src.plane.C
				for y := in.Y.Lo; y < in.Y.Hi; y++ {
					dst := to[(y-r.Y.Lo)*n+(in.X.Lo-r.X.Lo)*c+first:]
					for x := range in.X.Len() {
						copy(dst[x*c:][:each], from[x*each:])
					}
					from = from[in.X.Len()*each:]
				}
			}
			first += src.plane.C
		}
	}
}

func (w *worker) runReference(s *step) error {
	ref := s.reference
	for _, id := range ref.out {
		if id < 0 {
			continue
		}
		if w.plan.values[id].host {
			w.hosts[id] = resize(w.hosts[id], w.n)
		}
	}
	for _, id := range ref.out {
		if id >= 0 && !w.plan.values[id].host {
			w.place(id)
		}
	}
	for k := w.first; k < w.last; k++ {
		if w.rects[k][s.out].Empty() {
			continue
		}
		out, err := ref.evaluate(
			func(i int) []float32 { return w.composed(s.in[i], k) },
			func(i int) *tensor.Tensor {
				if !w.plan.values[s.in[i].value].host {
					return nil
				}
				return w.host(k, s.in[i].value)
			})
		if err != nil {
			return err
		}
		for i, id := range ref.out {
			switch {
			case id < 0:
			case w.plan.values[id].host:
				w.hosts[id][k] = out[i]
			default:
				f, err := w.plan.floats(out[i], id)
				if err != nil {
					return err
				}
				copy(w.update(id, k), f)
			}
		}
	}
	return nil
}

// composed is a whole source, view and update together.
func (w *worker) composed(s source, k int) []float32 {
	r := w.rects[k][s.value]
	if r.Empty() {
		return w.views.data[s.value]
	}
	own := source{s.value, w.plan.values[s.value].plane}
	if r == own.plane.Rect() {
		return w.update(s.value, k)
	}
	w.whole = resize(w.whole, own.plane.Len())
	p := w.patched(own, k)
	p.Compose(w.whole)
	return w.whole
}

// host is change k's tensor of a host value.
func (w *worker) host(k, v int) *tensor.Tensor {
	if w.rects[k][v].Empty() {
		return w.views.host[v]
	}
	return w.hosts[v][k]
}
