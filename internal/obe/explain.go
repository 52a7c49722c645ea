package obe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"krypton/internal/engine"
	"krypton/internal/incremental"
	"krypton/internal/region"
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
)

// Task is one image's question.
type Task struct {
	Plan *incremental.Plan
	// Base and Fill are the network's input and the picture that patches
	// are cut from, both normalized, channels last, as Plan.InputPlane says.
	Base, Fill []float32
	Grid       *Grid
	// Output is the index of the model's output that holds the scores.
	Output     int
	Activation Activation
	Score      Score
	// Classes lists the classes to map; nil lets Choose pick them from the
	// clean image's activated outputs, or takes the best one.
	Classes []int
	Choose  func(scores []float32) []int
	Mode    Mode
	// Workers and Memory (bytes, 0 for no limit) bound what is used.
	Workers int
	Memory  int64
	// Chunk is the number of positions taken at a time, 0 to let the plan
	// choose.
	Chunk int
	// Verify is the number of random positions that are recomputed whole
	// and compared bit by bit.
	Verify int
	Seed   uint64
	// Progress is called from several goroutines with the number of
	// positions done so far.
	Progress func(done, total int)
}

// Result is the answer to a Task.
type Result struct {
	Classes []int
	// Activation is what Auto resolved to.
	Activation Activation
	// Base holds each class's score on the clean image, and Probabilities
	// all activated outputs of it.
	Base          []float32
	Probabilities []float32
	// Scores holds, for each class, the score with the patch at each
	// position of the grid, row by row.
	Scores [][]float32
	// Winners holds the best class at each position.
	Winners []int32
	// MultiplyAddsWhole and MultiplyAddsIncremental count what the map
	// costs by whole runs, and what the mode spent.
	MultiplyAddsWhole, MultiplyAddsIncremental int64
	// Skipped counts positions where the patch equals the image.
	Skipped int
	// NaN says that some score is not a number.
	NaN bool
	// Verified counts the positions that were recomputed whole and agreed.
	Verified int
	// Views and Map are the times of the clean run and of all positions.
	Views, Map time.Duration
}

// ErrTask says that a task cannot be run on its model: a usage error.
var ErrTask = errors.New("task does not fit the model")

// ErrMismatch says that a verified position differed from a whole run.
var ErrMismatch = errors.New("incremental result differs from a whole run")

// Explain answers a task.
func Explain(ctx context.Context, t Task) (*Result, error) {
	plane := t.Plan.InputPlane()
	if t.Grid.Plane != [2]int{plane.H, plane.W} || len(t.Base) != plane.Len() || len(t.Fill) != plane.Len() {
		return nil, fmt.Errorf("%w: the grid is for %v, the network reads %dx%dx%d", ErrTask, t.Grid.Plane, plane.H, plane.W, plane.C)
	}
	start := time.Now()
	views, err := t.Plan.Materialize(ctx, t.Base, t.Workers)
	if err != nil {
		return nil, err
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
	if r.Activation, err = t.Activation.Resolve(out); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrTask, err)
	}
	r.Probabilities = make([]float32, len(out))
	r.Activation.apply(r.Probabilities, out)
	r.Classes = t.Classes
	if r.Classes == nil && t.Choose != nil {
		r.Classes = t.Choose(r.Probabilities)
	}
	if len(r.Classes) == 0 {
		r.Classes = Top(r.Probabilities, 1)
	}
	for _, c := range r.Classes {
		if c < 0 || c >= len(out) {
			return nil, fmt.Errorf("%w: class %d: output %q has classes 0 to %d", ErrTask, c, t.Plan.Outputs()[t.Output], len(out)-1)
		}
		r.Base = append(r.Base, t.Score.of(r.Probabilities, c))
	}
	start = time.Now()
	if err := t.positions(ctx, views, r); err != nil {
		return nil, err
	}
	r.Map = time.Since(start)
	if err := t.verify(ctx, views, r); err != nil {
		return nil, err
	}
	return r, nil
}

// positions answers every position of the grid.
func (t *Task) positions(ctx context.Context, views *incremental.Views, r *Result) error {
	n := t.Grid.Len()
	r.Winners = make([]int32, n)
	r.Scores = make([][]float32, len(r.Classes))
	for i := range r.Scores {
		r.Scores[i] = make([]float32, n)
	}
	c := newChanges(t, t.Mode == Naive)
	var done, nan atomic.Int64
	classes := len(r.Probabilities)
	buffers := make(chan []float32, max(1, t.Workers)) // one for each worker
	opt := incremental.Options{Workers: t.Workers, Memory: t.Memory, Chunk: t.Chunk, Done: func(k int) {
		d := done.Add(int64(k))
		if t.Progress != nil {
			t.Progress(int(d), n)
		}
	}}
	err := t.Plan.Update(ctx, views, c, opt, func(i int, res incremental.Results) error {
		out, err := res.Floats(t.Output)
		if err != nil {
			return err
		}
		if len(out) != classes {
			return fmt.Errorf("output %q has %d numbers at position %d and %d on the clean image", t.Plan.Outputs()[t.Output], len(out), i, classes)
		}
		var p []float32
		select {
		case p = <-buffers:
		default:
			p = make([]float32, classes)
		}
		r.Activation.apply(p, out)
		for k, class := range r.Classes {
			s := t.Score.of(p, class)
			r.Scores[k][i] = s
			if s != s {
				nan.Store(1)
			}
		}
		r.Winners[i] = int32(winner(p))
		select {
		case buffers <- p:
		default:
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.NaN = nan.Load() != 0
	r.MultiplyAddsWhole = int64(n) * t.Plan.Count(t.Plan.InputPlane().Rect())
	for i := range n {
		if c.same[i] {
			r.Skipped++
		}
		r.MultiplyAddsIncremental += t.Plan.Count(c.Rect(i))
	}
	return nil
}

// verify recomputes random positions whole and compares their outputs.
func (t *Task) verify(ctx context.Context, views *incremental.Views, r *Result) error {
	n := min(t.Verify, t.Grid.Len())
	if n <= 0 {
		return nil
	}
	pick := rand.New(rand.NewPCG(t.Seed, 1)).Perm(t.Grid.Len())[:n]
	run := func(whole bool) ([][]float32, error) {
		out := make([][]float32, n)
		c := &picked{changes: newChanges(t, whole), pick: pick}
		err := t.Plan.Update(ctx, views, c, incremental.Options{Workers: t.Workers, Memory: t.Memory}, func(i int, res incremental.Results) error {
			f, err := res.Floats(t.Output)
			out[i] = append([]float32{}, f...)
			return err
		})
		return out, err
	}
	exact, err := run(t.Mode == Naive)
	if err != nil {
		return err
	}
	whole, err := run(true)
	if err != nil {
		return err
	}
	for i := range exact {
		for k := range exact[i] {
			if a, b := exact[i][k], whole[i][k]; math.Float32bits(a) != math.Float32bits(b) {
				return fmt.Errorf("%w: position %d (%v), output element %d: %g, whole run %g", ErrMismatch, pick[i], t.Grid.Rect(pick[i]), k, a, b)
			}
		}
	}
	r.Verified = n
	return nil
}

// changes are the positions of a grid as changes of the input.
type changes struct {
	grid       *Grid
	plane      engine.Plane
	base, fill []float32
	whole      bool
	same       []bool // the patch equals the image there
}

func newChanges(t *Task, whole bool) *changes {
	c := &changes{grid: t.Grid, plane: t.Plan.InputPlane(), base: t.Base, fill: t.Fill, whole: whole, same: make([]bool, t.Grid.Len())}
	if whole {
		return c
	}
	// A table of sums over pixels that differ tells in constant time for
	// each position whether any does.
	w := c.plane.W + 1
	sum := make([]int32, w*(c.plane.H+1))
	for y := range c.plane.H {
		for x := range c.plane.W {
			at := (y*c.plane.W + x) * c.plane.C
			d := int32(0)
			for k := at; k < at+c.plane.C; k++ {
				if math.Float32bits(c.base[k]) != math.Float32bits(c.fill[k]) {
					d = 1
				}
			}
			sum[(y+1)*w+x+1] = d + sum[y*w+x+1] + sum[(y+1)*w+x] - sum[y*w+x]
		}
	}
	for i := range c.same {
		r := c.grid.Rect(i)
		c.same[i] = sum[r.Y.Hi*w+r.X.Hi]-sum[r.Y.Lo*w+r.X.Hi]-sum[r.Y.Hi*w+r.X.Lo]+sum[r.Y.Lo*w+r.X.Lo] == 0
	}
	return c
}

// Len implements incremental.Changes.
func (c *changes) Len() int { return c.grid.Len() }

// Rect implements incremental.Changes.
func (c *changes) Rect(i int) region.Rect {
	switch {
	case c.whole:
		return c.plane.Rect()
	case c.same[i]:
		return region.Rect{}
	}
	return c.grid.Rect(i)
}

// Write implements incremental.Changes.
func (c *changes) Write(i int, dst []float32) {
	r, patch := c.Rect(i), c.grid.Rect(i)
	if c.whole {
		copy(dst, c.base)
	}
	n := patch.X.Len() * c.plane.C
	for y := patch.Y.Lo; y < patch.Y.Hi; y++ {
		to := ((y-r.Y.Lo)*r.X.Len() + patch.X.Lo - r.X.Lo) * c.plane.C
		copy(dst[to:to+n], c.fill[(y*c.plane.W+patch.X.Lo)*c.plane.C:])
	}
}

// picked are some of the changes.
type picked struct {
	*changes
	pick []int
}

func (p *picked) Len() int                   { return len(p.pick) }
func (p *picked) Rect(i int) region.Rect     { return p.changes.Rect(p.pick[i]) }
func (p *picked) Write(i int, dst []float32) { p.changes.Write(p.pick[i], dst) }
