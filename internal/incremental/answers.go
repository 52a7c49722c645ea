package incremental

import (
	"math"
	"slices"

	"krypton/internal/engine"
	"krypton/internal/region"
)

// DeviceError is a failure of a device that is not this machine's processors: what it was
// asked for can be asked of them.
type DeviceError struct{ Err error }

func (e *DeviceError) Error() string { return e.Err.Error() }
func (e *DeviceError) Unwrap() error { return e.Err }

// SameBits says whether a device's numbers are, bit for bit, those that were to come; NaN alone
// may have any bits.
func SameBits(got, want []float32) bool {
	return slices.EqualFunc(got, want, func(a, b float32) bool {
		return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
	})
}

// Answers hand over what a device has computed of changes by a program, a chunk of them at a
// time, as a plan's own updates are handed over. One goroutine at a time uses them.
type Answers struct {
	worker *worker
	reads  []int
}

// Answers are those of changes of a clean input, for which view gives the values that
// outputs read, whole. The numbers are kept, not copied.
func (p *Program) Answers(view func(value int) []float32) *Answers {
	v := newViews(p.plan)
	a := &Answers{worker: newWorker(p.plan, v, nil), reads: p.Kept()}
	for _, value := range a.reads {
		v.data[value] = view(value)
	}
	a.worker.now = &a.worker.memory[1]
	return a
}

// Kept lists the values that outputs read.
func (p *Program) Kept() []int {
	var all []int
	for i := range p.plan.outputs {
		all = append(all, p.Reads(i)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// keep gives each value that outputs read memory of its own for Answers.
func (p *Program) keep() {
	for _, v := range p.Kept() {
		p.plan.values[v].slot = p.plan.slots
		p.plan.slots++
	}
}

// Begin takes the next changes, given the regions of the input that they replace; results of
// earlier ones are valid no more.
func (a *Answers) Begin(rects []region.Rect) {
	w := a.worker
	p := w.plan
	w.n, w.first, w.last = len(rects), 0, len(rects)
	w.chunk++
	for len(w.rects) < w.n {
		w.rects = append(w.rects, make([]region.Rect, len(p.values)))
	}
	w.spent = resize(w.spent, w.n)
	for k, r := range rects {
		w.rects[k][p.input], w.spent[k] = r, 0
		for i := range p.steps {
			s := &p.steps[i]
			p.propagate(s, w.rects[k], nil, nil)
			if spec := s.computes(); spec != nil {
				w.spent[k] += engine.Work(spec, w.rects[k][s.out])
			}
		}
	}
	w.now.begin(w.n)
	for _, v := range a.reads {
		w.place(v)
	}
}

// Regions are those of every value at change k, not to be written.
func (a *Answers) Regions(k int) []region.Rect { return a.worker.rects[k] }

// Memory is where the updates of a value that outputs read belong: the pixels of its region
// at each change, change behind change.
func (a *Answers) Memory(v int) []float32 { return a.worker.now.of[a.worker.plan.values[v].slot] }

// Results are those of change k, once all Memory is filled.
func (a *Answers) Results(k int) Results { return Results{a.worker, k} }
