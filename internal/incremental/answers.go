package incremental

import (
	"fmt"
	"math"
	"slices"

	"krypton/internal/engine"
	"krypton/internal/failure"
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

// MostOff is how far outputs of a device that has bits of its own may lie from this machine's in
// float32 on a clean input, as a share: the Euclidean norm of the difference by that of the
// output. It tells a network that does not bear a precision, or a device that is broken, from
// rounding: of 27 networks rounding to bfloat16 moved 26 by less than 0.14 and one, of random
// weights, by 0.35; tf32 has eight times finer steps.
var MostOff = map[Precision]float64{TF32: 0.1, BF16: 0.5}

// Near fails with a DeviceError unless numbers of a device with products of a precision lie near
// this machine's in float32 (MostOff); on says what they are outputs for.
func Near(p Precision, on string, got, want []float32) error {
	most, known := MostOff[p]
	if !known {
		return &DeviceError{Err: fmt.Errorf("nothing is known of its precision %s", p)}
	}
	if off := distance(got, want); !(off <= most) {
		return &DeviceError{Err: failure.Settingf("in %s its outputs on %s are %.2g of their size off those of this machine's processors in float32, and %g is the most: this network does not bear that precision (%v fp32), or the device is broken", p, on, off, most, failure.Setting("precision"))}
	}
	return nil
}

// distance is that of two lists of numbers, as a share of the size of the second: infinite where
// one has a number and the other none.
func distance(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	var off, size float64
	for i, v := range b {
		x, y := float64(a[i]), float64(v)
		switch {
		case x == y || x != x && y != y:
		case math.IsNaN(x-y) || math.IsInf(x-y, 0):
			return math.Inf(1)
		default:
			off += (x - y) * (x - y)
		}
		if !math.IsNaN(y) && !math.IsInf(y, 0) {
			size += y * y
		}
	}
	if off == 0 {
		return 0
	}
	return math.Sqrt(off / size)
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
