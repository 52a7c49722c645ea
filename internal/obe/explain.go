package obe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"krypton/internal/incremental"
	"krypton/internal/prediction"
)

// Mode says how positions are answered.
type Mode string

// The modes.
const (
	// Exact recomputes what a patch can reach; its scores equal Naive's bit
	// for bit.
	Exact Mode = "exact"
	// Naive runs the whole network at every position: the baseline.
	Naive Mode = "naive"
	// Approximate gives up what Task.Approximation says.
	Approximate Mode = "approximate"
)

// Task is one image's question.
type Task struct {
	Plan *incremental.Plan
	// Views, if set, are what Plan materialized of Base; they stay their owner's.
	Views *incremental.Views
	// Base and Fill are the network's input and the picture that patches
	// are cut from, both normalized, channels last, as Plan.InputPlane says.
	Base, Fill []float32
	Grid       *Grid
	// Output is the index of the model's output that holds the scores, and
	// Reading how its numbers become them.
	Output  int
	Reading prediction.Reading
	Score   Score
	// Classes lists the classes to map; nil lets Choose pick them from the
	// clean image's activated outputs, or takes the best one.
	Classes []int
	Choose  func(scores []float32) []int
	Mode    Mode
	// Approximation is what the mode Approximate gives up.
	Approximation Approximation
	// Reference, for Approximate with a Plan of low precision, is the same model
	// in float32: the clean image's scores are its, all others are moved by
	// what Plan gets wrong about the clean image, and errors are measured
	// against it. nil if Plan is right.
	Reference *incremental.Plan
	// Workers and Memory (bytes, 0 for no limit) bound what is used.
	Workers int
	Memory  int64
	// Chunk is the number of positions taken at a time, 0 to let the plan
	// choose.
	Chunk int
	// Mask says for each pixel of the input, row by row, whether it counts;
	// nil is all of them. A position whose patch touches none that counts is
	// not computed, whatever the mode: its score is the clean image's.
	Mask []bool
	// Verify is the number of random positions that are recomputed whole
	// and compared bit by bit: a difference is an error. An approximate
	// map's difference is measured instead (Result.Error). Compare is the
	// number of those that are measured and compared, negative for all.
	Verify, Compare int
	Seed            uint64
	// Progress is called from several goroutines with the number of
	// positions done so far, Checking from one with the number of those to
	// verify or to compare.
	Progress, Checking func(done, total int)
	// Gradual answers the positions of a map that gives nothing up from coarse
	// to fine, so that what is there early shows the whole image. Scores do not
	// depend on it.
	Gradual bool
	// Clean is called once the clean image's scores are there: the result's
	// Classes, Base and Probabilities are final. Answered is called from several
	// goroutines with each position that was computed, the scores of the
	// result's classes and the winner there; scores are the callee's only during
	// the call.
	Clean    func(*Result)
	Answered func(i int, scores []float32, winner int32)
	// Keep keeps the network's outputs at all positions of a map that gives
	// nothing up, for Reread: Kept says how much memory that takes.
	Keep bool
}

// Result is the answer to a Task.
type Result struct {
	Classes []int
	// Base holds each class's score on the clean image, and Probabilities
	// the scores of all classes there.
	Base          []float32
	Probabilities []float32
	// Scores holds, for each class, the score with the patch at each
	// position of the grid, row by row.
	Scores [][]float32
	// Winners holds the best class at each position.
	Winners []int32
	// MultiplyAddsWhole and MultiplyAddsIncremental count what the map
	// costs by whole runs computing plain sums, and what the mode spent.
	MultiplyAddsWhole, MultiplyAddsIncremental int64
	// Skipped counts positions where the patch equals the image, Masked
	// those that the mask excludes; they cost nothing in either count above.
	Skipped, Masked int
	// Computed says which positions were computed; the others of an
	// approximate map are interpolated.
	Computed []bool
	// Shortlisted is the number of classes that positions computed, if not
	// all.
	Shortlisted int
	// Late says that time was up before all positions were computed.
	Late bool
	// Error is what Verify measured of an approximate map.
	Error *MeasuredError
	// NaN says that some score is not a number.
	NaN bool
	// Verified counts the positions that were recomputed whole and agreed.
	Verified int
	// Compared is the comparison with whole runs, if one was asked for.
	Compared *Comparison
	// Views and Map are the times of the clean run and of all positions.
	Views, Map time.Duration
	// Clean and Outputs hold the network's own numbers, before the activation, on
	// the clean image and at each position, one after the other (Task.Keep).
	Clean, Outputs []float32
}

// ErrTask says that a task cannot be run on its model: a usage error.
var ErrTask = errors.New("task does not fit the model")

// ErrNotKept says that an answer has not kept what Reread needs.
var ErrNotKept = errors.New("the map's outputs were not kept")

// ErrMismatch says that a verified position differed from a whole run.
var ErrMismatch = errors.New("incremental result differs from a whole run")

// Explain answers a task.
func Explain(ctx context.Context, t Task) (*Result, error) {
	plane := t.Plan.InputPlane()
	if t.Mask != nil && len(t.Mask) != plane.H*plane.W {
		return nil, fmt.Errorf("%w: the mask has %d pixels, the network reads %dx%d", ErrTask, len(t.Mask), plane.H, plane.W)
	}
	if t.Grid.Plane != [2]int{plane.H, plane.W} || len(t.Base) != plane.Len() || len(t.Fill) != plane.Len() {
		return nil, fmt.Errorf("%w: the grid is for %v, the network reads %dx%dx%d", ErrTask, t.Grid.Plane, plane.H, plane.W, plane.C)
	}
	if t.Mode != Approximate {
		t.Approximation = Approximation{}
	}
	if err := t.Approximation.Validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTask, err)
	}
	start := time.Now()
	began := start
	views := t.Views
	if views == nil {
		var err error
		if views, err = t.Plan.Materialize(ctx, t.Base, t.Workers); err != nil {
			return nil, err
		}
		defer t.Plan.Release(views)
	}
	r := &Result{Views: time.Since(start)}
	if t.Output < 0 || t.Output >= len(t.Plan.Outputs()) {
		return nil, fmt.Errorf("%w: the model has no output %d", ErrTask, t.Output)
	}
	out, err := t.Plan.Output(views, t.Output).Floats()
	if err != nil {
		return nil, fmt.Errorf("%w: output %q: %v", ErrTask, t.Plan.Outputs()[t.Output], err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: output %q is empty", ErrTask, t.Plan.Outputs()[t.Output])
	}
	var moved *reference
	if t.Reference != nil && t.Mode == Approximate {
		if moved, err = t.newReference(ctx, out); err != nil {
			return nil, err
		}
		defer moved.release()
		if t.Verify == 0 {
			moved.release() // only errors are measured with it
		}
		out = moved.out
		r.Views = time.Since(start)
	}
	if err := t.clean(r, out); err != nil {
		return nil, err
	}
	if t.Clean != nil {
		t.Clean(r)
	}
	start = time.Now()
	if err := t.positions(ctx, views, moved, r, len(out), began); err != nil {
		return nil, err
	}
	r.Map = time.Since(start)
	if !t.Approximation.Exact() || moved != nil {
		if err := t.measure(ctx, views, moved, r); err != nil {
			return nil, err
		}
		t.Verify = 0
	}
	if err := t.check(ctx, views, r); err != nil {
		return nil, err
	}
	return r, nil
}

// clean makes the clean image's scores of its outputs, and chooses the classes.
func (t *Task) clean(r *Result, out []float32) error {
	r.Probabilities = make([]float32, t.Reading.Classes(len(out)))
	t.Reading.Apply(r.Probabilities, out)
	r.Classes = t.Classes
	if r.Classes == nil && t.Choose != nil {
		r.Classes = t.Choose(r.Probabilities)
	}
	if len(r.Classes) == 0 {
		r.Classes = []int{t.Reading.Own(r.Probabilities)}
	}
	for _, c := range r.Classes {
		if c < 0 || c >= len(r.Probabilities) {
			return fmt.Errorf("%w: class %d: output %q has classes 0 to %d", ErrTask, c, t.Plan.Outputs()[t.Output], len(r.Probabilities)-1)
		}
		b := t.Score.of(r.Probabilities, c)
		r.Base, r.NaN = append(r.Base, b), r.NaN || b != b
	}
	return nil
}

// read takes the scores of position i for the classes at these places of p, and says
// whether one of them is no number.
func (t *Task) read(r *Result, p []float32, at []int, i int) (nan bool) {
	for k, c := range at {
		s := t.Score.of(p, c)
		r.Scores[k][i] = s
		nan = nan || s != s
	}
	return nan
}

// positions answers every position of the grid. numbers is how many the output has.
func (t *Task) positions(ctx context.Context, views *incremental.Views, moved *reference, r *Result, numbers int, began time.Time) error {
	n := t.Grid.Len()
	r.Winners = make([]int32, n)
	r.Scores = make([][]float32, len(r.Classes))
	for i := range r.Scores {
		r.Scores[i] = make([]float32, n)
	}
	c := newChanges(t, t.Mode == Naive)
	// All classes, or those that a shortlist names: where a position's outputs
	// come from, what they make of the scores, and where a class stands there.
	plan, outputs, scored, apply := t.Plan, numbers, len(r.Probabilities), t.Reading.Apply
	class := func(i int) int { return i }
	at := r.Classes
	if moved != nil {
		apply = func(dst, out []float32) { moved.apply(t.Reading, dst, out) }
	}
	if n := t.Approximation.Shortlist; n > 0 {
		short, err := t.newShortlist(views, moved, r, n)
		if err != nil {
			return err
		}
		if short != nil {
			plan, views, scored, apply = short.plan, short.views, len(short.classes), short.apply
			outputs = scored - 1
			class = func(i int) int { return short.classes[i] }
			at = nil
			for _, c := range r.Classes {
				at = append(at, slices.Index(short.classes, c))
			}
			r.Shortlisted = outputs
		}
	}
	keep := t.Keep && t.Approximation.Exact() && moved == nil
	if keep {
		out, err := t.Plan.Output(views, t.Output).Floats()
		if err != nil {
			return err
		}
		r.Clean, r.Outputs = slices.Clone(out), make([]float32, n*numbers)
	}
	var done, nan, spent atomic.Int64
	buffers := make(chan []float32, max(1, t.Workers)) // one for each worker
	opt := incremental.Options{Workers: t.Workers, Memory: t.Memory, Chunk: t.Chunk, Done: func(k int) {
		d := done.Add(int64(k))
		if t.Progress != nil {
			t.Progress(int(d), n)
		}
	}}
	opt = t.Approximation.options(opt)
	compute := func(pick []int) error {
		return plan.Update(ctx, views, &picked{c, pick}, opt, func(k int, res incremental.Results) error {
			i := pick[k]
			spent.Add(res.MultiplyAdds())
			out, err := res.Floats(t.Output)
			if err != nil {
				return err
			}
			if len(out) != outputs {
				return fmt.Errorf("output %q has %d numbers at position %d and %d on the clean image", t.Plan.Outputs()[t.Output], len(out), i, outputs)
			}
			var p []float32
			select {
			case p = <-buffers:
			default:
				p = make([]float32, scored)
			}
			if keep {
				copy(r.Outputs[i*numbers:], out)
			}
			apply(p, out)
			if t.read(r, p, at, i) {
				nan.Store(1)
			}
			r.Winners[i] = int32(class(prediction.Winner(p)))
			t.answered(r, i)
			select {
			case buffers <- p:
			default:
			}
			return nil
		})
	}
	if t.Gradual && t.Approximation.Exact() {
		if err := gradually(t.Grid, r, compute); err != nil {
			return err
		}
	} else if err := t.Approximation.levels(t.Grid, r, func(i int) bool { return c.masked[i] || c.same[i] }, compute, func() bool { return time.Since(began) >= t.Approximation.Within }); err != nil {
		return err
	}
	if t.Progress != nil {
		t.Progress(n, n) // interpolated ones too
	}
	r.NaN = r.NaN || nan.Load() != 0
	whole := t.Plan.MultiplyAdds()
	for i := range n {
		if c.masked[i] {
			r.Masked++
			continue
		}
		if c.same[i] {
			r.Skipped++
		}
		r.MultiplyAddsWhole += whole
	}
	r.MultiplyAddsIncremental = spent.Load()
	return nil
}
