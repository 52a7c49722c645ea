package obe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"krypton/internal/failure"
	"krypton/internal/incremental"
	"krypton/internal/region"
	"krypton/internal/target"
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
	// Paint, if set, takes Fill's place where what a patch shows depends on where it lies: it
	// puts that of the patch over a rectangle into dst, row by row. It is called from several
	// goroutines at once.
	Paint func(r region.Rect, dst []float32)
	Grid  *Grid
	// Whole says which channels the network reads as whole numbers, nil for none: pixels that
	// a patch covers in part are rounded there.
	Whole []bool
	// Target is what is mapped; nil is the best of the first output's numbers.
	Target target.Target
	Mode   Mode
	// Approximation is what the mode Approximate gives up.
	Approximation Approximation
	// Certify, if set, takes the place of Approximation: what is given up is found for the
	// image, and the result has a Certificate.
	Certify *Certify
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
	// Device, if set, answers the positions of maps that give nothing up in the plan's place.
	// Where it fails, Failed is told why and the plan takes over; that is an error if Failed
	// is nil, or if the device has bits of its own.
	Device Device
	Failed func(err error)
	// Gradual answers the positions of a map that gives nothing up from coarse
	// to fine, so that what is there early shows the whole image. Scores do not
	// depend on it.
	Gradual bool
	// Clean is called once the clean image's scores are there: the result's Bound,
	// Items, Base, Winner and Probabilities are final. Answered is called from several
	// goroutines with each position that was computed, the scores of the
	// result's items and the winner there; scores are the callee's only during
	// the call.
	Clean    func(*Result)
	Answered func(i int, scores []float32, winner int32)
	// Keep keeps the network's outputs at all positions of a map that gives
	// nothing up, for Reread: Kept says how much memory that takes.
	Keep bool

	clock func() time.Time // in tests
}

// now is the time that ends maps.
func (t *Task) now() time.Time {
	if t.clock != nil {
		return t.clock()
	}
	return time.Now()
}

// Result is the answer to a Task.
type Result struct {
	// Bound is the target on the clean image, and Items what it maps there.
	Bound target.Bound
	Items []target.Item
	// Base holds each item's score on the clean image, Winner is the best class there,
	// and Probabilities are the scores of all classes; nil if the target is none of
	// classes.
	Base          []float32
	Winner        int32
	Probabilities []float32
	// Scores holds, for each item, the score with the patch at each
	// position of the grid, row by row.
	Scores [][]float32
	// Winners holds the best class at each position; nil if the target knows none.
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
	// Certificate is what is known of a certified map, nil for others.
	Certificate *Certificate
	// NaN says that some score is not a number.
	NaN bool
	// Verified counts the positions that were recomputed whole and agreed.
	Verified int
	// Compared is the comparison with whole runs, if one was asked for.
	Compared *Comparison
	// Views and Map are the times of the clean run and of all positions.
	Views, Map time.Duration
	// OnDevice says that the task's device has answered all positions, those that were
	// verified too.
	OnDevice bool
	// Clean and Outputs hold the network's own numbers, of each output that the target
	// reads, on the clean image and at each position, one after the other (Task.Keep).
	Clean, Outputs [][]float32

	numbers int // of the outputs that the target reads
}

// ErrTask says that a task cannot be run on its model: a usage error.
var ErrTask = errors.New("task does not fit the model")

// ErrNotKept says that an answer has not kept what Reread needs.
var ErrNotKept = errors.New("the map's outputs were not kept")

// ErrMismatch says that a verified position differed from a whole run.
var ErrMismatch = errors.New("incremental result differs from a whole run")

// valid fails where a task cannot be run on its model.
func (t *Task) valid() error {
	plane := t.Plan.InputPlane()
	if t.Mask != nil && len(t.Mask) != plane.H*plane.W {
		return fmt.Errorf("%w: the mask has %d pixels, the network reads %dx%d", ErrTask, len(t.Mask), plane.H, plane.W)
	}
	if t.Grid.Plane != [2]int{plane.H, plane.W} || len(t.Base) != plane.Len() || t.Paint == nil && len(t.Fill) != plane.Len() {
		return fmt.Errorf("%w: the grid is for %v, the network reads %dx%dx%d", ErrTask, t.Grid.Plane, plane.H, plane.W, plane.C)
	}
	if err := t.Approximation.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrTask, err)
	}
	if c := t.Certify; c != nil && (!(c.SSIM > 0 && c.SSIM <= 1) || len(c.Rungs) == 0) {
		return fmt.Errorf("%w: a similarity of %g with %d settings, want above 0 and up to 1", ErrTask, c.SSIM, len(c.Rungs))
	}
	if t.own() && t.Mode == Approximate {
		return fmt.Errorf("%w: products in %s give no approximate map", ErrTask, t.Device.Precision())
	}
	if t.Grid.Listed() != nil && (t.Approximation.Partial() || t.Certify != nil) {
		return fmt.Errorf("%w: %w", ErrTask, errNoGrid)
	}
	return nil
}

// Explain answers a task.
func Explain(ctx context.Context, t Task) (*Result, error) {
	if t.Mode != Approximate {
		t.Approximation, t.Certify = Approximation{}, nil
	}
	if t.Target == nil {
		t.Target = target.Classes{}
	}
	if err := t.valid(); err != nil {
		return nil, err
	}
	start := time.Now()
	began := t.now()
	views := t.Views
	if views == nil {
		var err error
		if views, err = t.Plan.Materialize(ctx, t.Base, t.Workers); err != nil {
			return nil, err
		}
		defer t.Plan.Release(views)
	}
	r := &Result{Views: time.Since(start)}
	clean, err := t.outputs(t.Plan, views)
	if err != nil {
		return nil, err
	}
	var moved *reference
	if t.Reference != nil && t.Mode == Approximate {
		if moved, err = t.newReference(ctx, clean); err != nil {
			return nil, err
		}
		defer moved.release()
		if t.Verify == 0 && t.Certify == nil && t.Approximation.Within == 0 {
			moved.release() // only errors are measured with it
		}
		clean = moved.clean
		r.Views = time.Since(start)
	}
	start = time.Now()
	if clean, err = t.device(ctx, clean); err != nil {
		return nil, err
	}
	onDevice := time.Since(start)
	if err := t.bind(r, clean); err != nil {
		return nil, err
	}
	if t.Clean != nil {
		t.Clean(r)
	}
	start = time.Now()
	if t.Certify != nil {
		err = t.certified(ctx, views, moved, r, clean)
	} else {
		err = t.positions(ctx, views, moved, r, clean, began)
	}
	if err != nil {
		return nil, err
	}
	r.Map = onDevice + time.Since(start)
	if !t.Approximation.Exact() || moved != nil || t.Certify != nil {
		if err := t.measure(ctx, views, moved, r); err != nil {
			return nil, err
		}
		t.Verify = 0
	}
	if err := t.check(ctx, views, r); err != nil {
		return nil, err
	}
	r.OnDevice = t.Device != nil
	return r, nil
}

// bind puts the target to the clean image's outputs, and makes room for a score of each
// of its items at each position.
func (t *Task) bind(r *Result, clean [][]float32) error {
	b, err := t.Target.Bind(clean)
	if _, known := failure.Of(err); known { // whose fault it is, the target knows
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTask, err)
	}
	r.Bound, r.Items, r.numbers = b, b.Items(), 0
	for _, out := range clean {
		r.numbers += len(out)
	}
	r.Base, r.NaN = make([]float32, len(r.Items)), false
	r.Winner = b.Scorer().Score(r.Base, clean)
	for _, v := range r.Base {
		r.NaN = r.NaN || v != v
	}
	r.Probabilities = target.Scores(b)
	if r.Winners = nil; r.Winner != target.None {
		r.Winners = make([]int32, t.Grid.Len())
	}
	r.Scores = make([][]float32, len(r.Items))
	for k := range r.Scores {
		r.Scores[k] = make([]float32, t.Grid.Len())
	}
	return nil
}

// put takes the scores of position i, and says whether one of them is no number.
func (r *Result) put(i int, scores []float32, winner int32) (nan bool) {
	for k, s := range scores {
		r.Scores[k][i] = s
		nan = nan || s != s
	}
	if r.Winners != nil {
		r.Winners[i] = winner
	}
	return nan
}

// asker is what answers the map's positions.
func (t *Task) asker(views *incremental.Views, moved *reference, r *Result, clean [][]float32) (*asker, error) {
	if n := t.Approximation.Shortlist; n > 0 {
		if a, err := t.shortlist(views, moved, r, n); a != nil || err != nil {
			return a, err
		}
	}
	if moved != nil {
		return t.newAsker(views, moved.mover, r.Bound, clean), nil
	}
	return t.newAsker(views, nil, r.Bound, clean), nil
}

// positions answers every position of the grid. clean are the clean image's outputs.
func (t *Task) positions(ctx context.Context, views *incremental.Views, moved *reference, r *Result, clean [][]float32, began time.Time) error {
	a, err := t.asker(views, moved, r, clean)
	if err != nil {
		return err
	}
	keep := t.Keep && t.Approximation.Exact() && moved == nil
	if keep {
		for _, out := range clean {
			r.Clean, r.Outputs = append(r.Clean, slices.Clone(out)), append(r.Outputs, make([]float32, t.Grid.Len()*len(out)))
		}
	}
	c := newChanges(t, t.Mode == Naive)
	var nan, spent atomic.Int64
	opt := t.Approximation.options(t.options())
	timed := t.newTimed(views, moved, r, c, clean, began)
	compute := func(pick []int) error {
		return t.update(ctx, a, c, opt, pick, &spent, func(i int, h *target.Hand, winner int32) {
			if keep {
				for k, out := range h.Outs {
					copy(r.Outputs[k][i*len(out):], out)
				}
			}
			if r.put(i, h.Scores, winner) {
				nan.Store(1)
			}
			if t.Answered != nil {
				t.Answered(i, h.Scores, winner)
			}
		})
	}
	if timed != nil {
		compute = timed.around(ctx, compute, &spent)
	}
	if t.Gradual && t.Approximation.Exact() {
		err = gradually(t.Grid, r, compute)
	} else {
		err = t.Approximation.levels(t.Grid, r, c.free, compute, func() bool { return t.now().Sub(began) >= t.Approximation.Within })
	}
	if err != nil {
		return err
	}
	r.NaN = r.NaN || nan.Load() != 0
	if timed != nil {
		timed.end()
	}
	t.count(r, c, spent.Load())
	return nil
}

// update answers some positions by an asker and hands each over, from several goroutines.
func (t *Task) update(ctx context.Context, a *asker, c *changes, opt incremental.Options, pick []int, spent *atomic.Int64, take func(i int, h *target.Hand, winner int32)) error {
	each := make([]int64, len(pick)) // some may be answered twice
	defer func() {
		for _, n := range each {
			spent.Add(n)
		}
	}()
	return t.answer(ctx, a.plan, a.views, &picked{c, pick}, opt, func(k int, res incremental.Results) error {
		h := a.Take()
		defer a.Give(h)
		each[k] = res.MultiplyAdds()
		if err := h.Read(res); err != nil {
			return err
		}
		take(pick[k], h, h.Score())
		return nil
	})
}

// options are those of the engine that a map's positions are answered with.
func (t *Task) options() incremental.Options {
	var done atomic.Int64
	return incremental.Options{Workers: t.Workers, Memory: t.Memory, Chunk: t.Chunk, Done: func(k int) {
		d := done.Add(int64(k))
		if t.Progress != nil {
			t.Progress(min(int(d), t.Grid.Len()), t.Grid.Len()) // samples may be computed twice
		}
	}}
}

// count adds up what the map's positions took.
func (t *Task) count(r *Result, c *changes, spent int64) {
	n := t.Grid.Len()
	if t.Progress != nil {
		t.Progress(n, n) // interpolated ones too
	}
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
	r.MultiplyAddsIncremental = spent
}
