// Package bench measures models on this machine: whole runs and maps, incremental beside
// naive ones, and each step of a plan.
package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"krypton/internal/engine/asm"
	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/incremental"
	"krypton/internal/limits"
	"krypton/internal/model"
	"krypton/internal/number"
	"krypton/internal/obe"
)

// Question says what is measured of a model.
type Question struct {
	// Patch and Stride make the positions of the map.
	Patch, Stride obe.Size
	// Positions is about how many of them are run incrementally, at random places, 0 for
	// all; Sample is how many are run naively, 0 for none. Where so few take less than
	// half a second more are run: a worker's first changes are its memory's first touch,
	// and took up to twice the time of later ones.
	Positions, Sample int
	// WholeOnly leaves the map out, and measures many whole runs beside single ones.
	WholeOnly bool
	// Rounds is the number of turns. The best of them counts.
	Rounds int
}

// Check refuses what makes no sense, whatever the model is.
func (q *Question) Check() error {
	if q.Sample < 0 || q.Positions < 0 || q.Rounds < 1 {
		return failure.Wrongf("%v %d, %v %d, %v %d: want no negative number, and a round at least",
			failure.Setting("sample"), q.Sample, failure.Setting("positions"), q.Positions, failure.Setting("rounds"), q.Rounds)
	}
	return nil
}

// Need is what a plan must be able to do.
func (q *Question) Need() model.Need {
	if q.WholeOnly {
		return model.Need{}
	}
	return model.Need{}.For([]obe.Patch{obe.Plain(q.Patch)}, q.Stride)
}

// Job measures one model. It works on a random picture unless Use gives it another.
type Job struct {
	question   Question
	name       string
	kernels    *asm.Kernels
	plan       *incremental.Plan
	threads    int
	memory     int64
	base, fill []float32
	// The grid of the map, and the parts of it that are run.
	grid, exact, naive *obe.Grid
}

// Prepare makes ready what is to be measured of a model called name, by a plan that was
// made as the question's Need says with kernels.
func Prepare(name string, plan *incremental.Plan, kernels *asm.Kernels, q Question, h explain.Host) (*Job, error) {
	j := &Job{question: q, name: name, kernels: kernels, plan: plan, threads: h.Threads}
	var err error
	if j.memory, err = h.Some(plan.ViewBytes()); err != nil {
		return nil, err
	}
	plane := plan.InputPlane()
	if j.grid, err = obe.GridOn(plane, q.Patch, q.Stride, obe.Cover, obe.Region{}); err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(1, 1))
	j.exact, j.naive = sampleGrid(j.grid, q.Positions, rng), sampleGrid(j.grid, q.Sample, rng)
	j.base, j.fill = make([]float32, plane.Len()), make([]float32, plane.Len())
	for i := range j.base {
		j.base[i] = rng.Float32()*2 - 1
	}
	return j, nil
}

// Use reads the network's input, in the order of the model's input, in place of the random
// picture: little-endian float32 numbers of a file called name.
func (j *Job) Use(name string, r io.Reader) error {
	plane := j.plan.InputPlane()
	data, err := io.ReadAll(io.LimitReader(r, 4*int64(plane.Len())+1))
	if err != nil {
		return failure.As(failure.Data, err)
	}
	if len(data) != 4*plane.Len() {
		found := fmt.Sprint(len(data))
		if len(data) > 4*plane.Len() {
			found = "more than " + fmt.Sprint(4*plane.Len())
		}
		return failure.Dataf("%s: %s bytes, but the network reads %d float32 numbers (%dx%d pixels of %d channels)", name, found, plane.Len(), plane.H, plane.W, plane.C)
	}
	onnx := make([]float32, plane.Len())
	for i := range onnx {
		onnx[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	j.base = j.plan.Arrange(onnx)
	return nil
}

// sampleGrid takes about n positions of a grid, all of them if n is 0: rows
// and columns drawn at random from equal parts of each.
func sampleGrid(g *obe.Grid, n int, rng *rand.Rand) *obe.Grid {
	s := *g
	if n == 0 || n >= g.Len() {
		return &s
	}
	rows := min(len(g.Ys), max(1, int(math.Round(math.Sqrt(float64(n*len(g.Ys))/float64(len(g.Xs)))))))
	draw := func(from []int, k int) []int {
		to := make([]int, k)
		for i := range to {
			lo, hi := len(from)*i/k, len(from)*(i+1)/k
			to[i] = from[lo+rng.IntN(hi-lo)]
		}
		return to
	}
	s.Ys, s.Xs = draw(g.Ys, rows), draw(g.Xs, min(len(g.Xs), max(1, n/rows)))
	return &s
}

// Warm runs the network once, which should come before Measure.
func (j *Job) Warm(ctx context.Context) (*incremental.Views, error) {
	return j.plan.Materialize(ctx, j.base, j.threads)
}

// Outputs are the outputs of a run, one after the other, as little-endian float32 numbers.
func (j *Job) Outputs(v *incremental.Views) ([]byte, error) {
	var buf bytes.Buffer
	for i, name := range j.plan.Outputs() {
		f, err := j.plan.Output(v, i).Floats()
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", name, err)
		}
		if err := binary.Write(&buf, binary.LittleEndian, f); err != nil {
			return nil, err
		}
	}
	return buf.Bytes(), nil
}

// seconds are what all rounds took.
type seconds struct{ whole, many, exact, naive []float64 }

// Measure measures in turns, since machines are often shared: a slow minute then meets all
// sides.
func (j *Job) Measure(ctx context.Context) (*Row, error) {
	r := &Row{
		Model:        j.name,
		Kernels:      j.kernels.Name,
		Threads:      j.threads,
		PeakGFLOPs:   j.kernels.Peak() * float64(j.threads) / 1e9,
		MultiplyAdds: j.plan.MultiplyAdds(),
	}
	for i := range j.grid.Len() {
		r.MultiplyAddsExact += j.plan.Count(j.grid.Rect(i))
	}
	var t seconds
	for range j.question.Rounds {
		if err := j.round(ctx, r, &t); err != nil {
			return nil, err
		}
	}
	j.summarize(r, &t)
	return r, nil
}

// round is one turn: whole runs, the map by incremental runs, and by whole ones.
func (j *Job) round(ctx context.Context, r *Row, t *seconds) error {
	w, err := j.wholeRuns(ctx)
	if err != nil {
		return err
	}
	t.whole = append(t.whole, w...)
	if r.WholeMemory == 0 {
		r.WholeMemory = limits.Peak()
	}
	if j.question.WholeOnly {
		m, err := j.manyRuns(ctx)
		t.many = append(t.many, m...)
		return err
	}
	e, err := j.exactMap(ctx, r.MultiplyAddsExact)
	if err != nil {
		return err
	}
	t.exact = append(t.exact, e)
	if r.ExactMemory == 0 {
		r.ExactMemory = limits.Peak()
	}
	if j.question.Sample == 0 {
		return nil
	}
	n, err := j.enough(ctx, &j.naive, obe.Naive)
	if err != nil {
		return err
	}
	t.naive = append(t.naive, n.Map.Seconds()*float64(j.grid.Len())/float64(j.naive.Len()))
	return nil
}

// least is how long each kind of work is measured at least; tests take less.
var least = time.Second / 2

// wholeRuns times runs of the whole network: three, or as many as fit into half
// a second.
func (j *Job) wholeRuns(ctx context.Context) ([]float64, error) {
	var times []float64
	f := j.plan.NewInference(j.threads)
	for start := time.Now(); len(times) < 3 || time.Since(start) < least; {
		t := time.Now()
		if err := f.Run(ctx, j.base); err != nil {
			return nil, err
		}
		times = append(times, time.Since(t).Seconds())
	}
	return times, nil
}

// manyEach is how many pictures each core runs between two looks at the clock.
const manyEach = 4

// manyRuns times runs of whole pictures, one by one on each core: seconds a picture, of some
// for each at a time, after those that touch memory first.
func (j *Job) manyRuns(ctx context.Context) ([]float64, error) {
	workers := make([]*incremental.Inference, max(1, j.threads))
	for i := range workers {
		workers[i] = j.plan.NewInference(1)
	}
	errs := make([]error, len(workers))
	var times []float64
	for start := time.Now(); len(times) < 4 || time.Since(start) < least; {
		t := time.Now()
		var wg sync.WaitGroup
		for i, f := range workers {
			wg.Go(func() {
				for n := 0; n < manyEach && errs[i] == nil; n++ {
					errs[i] = f.Run(ctx, j.base)
				}
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
		times = append(times, time.Since(t).Seconds()/float64(manyEach*len(workers)))
	}
	return times[1:], nil
}

// exactMap times the heatmap by incremental runs, whose multiply-adds at all positions are
// all.
func (j *Job) exactMap(ctx context.Context, all int64) (float64, error) {
	r, err := j.enough(ctx, &j.exact, obe.Exact)
	if err != nil {
		return 0, err
	}
	scale := 1.0
	if j.exact.Len() < j.grid.Len() {
		by := number.Ratio(float64(all), float64(r.MultiplyAddsIncremental))
		if !by.Finite() { // a network without any
			by = number.Ratio(float64(j.grid.Len()), float64(j.exact.Len()))
		}
		scale = float64(by)
	}
	return r.Views.Seconds() + r.Map.Seconds()*scale, nil
}

// enough answers the positions of a grid, and puts more of the map's there until that takes
// half a second or all are answered.
func (j *Job) enough(ctx context.Context, g **obe.Grid, mode obe.Mode) (*obe.Result, error) {
	for {
		r, err := j.explain(ctx, *g, mode)
		if err != nil || r.Map >= least || (*g).Len() >= j.grid.Len() {
			return r, err
		}
		n := float64((*g).Len())
		// A few positions, or an interruption, tell little of how long many take.
		n *= min(8, max(1.2, 1.25*least.Seconds()/max(1e-6, r.Map.Seconds())))
		*g = sampleGrid(j.grid, int(min(n, float64(j.grid.Len()))), rand.New(rand.NewPCG(1, uint64(n))))
	}
}

func (j *Job) explain(ctx context.Context, g *obe.Grid, mode obe.Mode) (*obe.Result, error) {
	return obe.Explain(ctx, obe.Task{Plan: j.plan, Base: j.base, Fill: j.fill, Grid: g, Mode: mode, Workers: j.threads, Memory: j.memory})
}

// summarize turns the times of all rounds into the row.
func (j *Job) summarize(r *Row, t *seconds) {
	r.WholeRuns, r.Positions, r.ExactSampled = len(t.whole), j.grid.Len(), j.exact.Len()
	r.Whole, r.WholeMedian = bestAndMedian(t.whole)
	r.WholeGFLOPs = number.Ratio(2*float64(r.MultiplyAdds), 1e9*r.Whole)
	r.WholePeak = number.Ratio(float64(r.WholeGFLOPs), r.PeakGFLOPs)
	if len(t.many) > 0 {
		r.ManyRuns = manyEach * max(1, j.threads) * len(t.many)
		r.Many, r.ManyMedian = bestAndMedian(t.many)
		r.ManyGFLOPs = number.Ratio(2*float64(r.MultiplyAdds), 1e9*r.Many)
		r.ManyPeak = number.Ratio(float64(r.ManyGFLOPs), r.PeakGFLOPs)
	}
	if len(t.exact) == 0 {
		return
	}
	r.Exact, r.ExactMedian = bestAndMedian(t.exact)
	r.ExactGFLOPs = number.Ratio(2*float64(r.MultiplyAddsExact+r.MultiplyAdds), 1e9*r.Exact)
	r.ExactPeak = number.Ratio(float64(r.ExactGFLOPs), r.PeakGFLOPs)
	all := float64(r.Positions) * float64(r.MultiplyAdds)
	r.Counted = number.Ratio(all, float64(r.MultiplyAddsExact))
	if len(t.naive) > 0 {
		r.NaiveSampled = j.naive.Len()
		r.Naive, r.NaiveMedian = bestAndMedian(t.naive)
		r.NaiveGFLOPs = number.Ratio(2*all, 1e9*r.Naive)
		r.NaivePeak, r.Ratio = number.Ratio(float64(r.NaiveGFLOPs), r.PeakGFLOPs), number.Ratio(r.Naive, r.Exact)
	}
}

func bestAndMedian(t []float64) (best, median float64) {
	slices.Sort(t)
	return t[0], (t[len(t)/2] + t[(len(t)-1)/2]) / 2
}
