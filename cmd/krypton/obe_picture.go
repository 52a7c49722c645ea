package main

import (
	"context"
	"errors"
	"fmt"

	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/incremental"
	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/internal/prediction"
	"krypton/internal/ui"
)

// job is what is the same for all pictures of a run.
type job struct {
	*obeOptions
	model    *model.Model
	inputs   *inputFiles
	grids    []*obe.Grid // one for each patch size
	fills    []namedFill
	classes  classPicker
	score    obe.Score
	drawn    heatmap.Style // without what a picture decides
	scale    *heatmap.Scale
	shared   bool // --scale shared: scale is known after the last picture
	output   int
	reading  prediction.Reading
	threads  int
	memory   int64
	updates  int64 // of memory, what updates may take; 0 until it is known
	pictures int64 // of memory, what reading one may take; 0 until it is known
	// overlapping says that a picture is read while another is computed.
	overlapping bool
	quiet       bool
	io          streams
	multiple    bool
	written     map[string]string // outputs of this run, and the picture of each
	compared    int               // of --compare
	notes       []string          // that hold for every picture
	gives       *approximated     // up, in approximate mode
	rep         *reporter
}

// tally counts the pictures that failed.
type tally struct {
	failed int
	first  error
}

// fail tells of a picture that failed; the others go on.
func (j *job) fail(t *tally, in string, err error) {
	t.failed++
	if t.first == nil {
		t.first = err
	}
	j.rep.fail(label(in), err)
	if j.multiple {
		fmt.Fprintf(j.io.err, "krypton: %s\n", printable(err.Error()))
	}
}

// all explains every picture; one that fails does not stop the others. With a
// shared scale all are drawn after the last one's scores are there.
func (j *job) all(ctx context.Context, inputs []string) error {
	workBegins(ctx)
	j.rep.begin(j, len(inputs))
	var t tally
	var kept []*outcome
	for _, in := range inputs {
		o := j.newOutcome(in)
		err := j.explain(ctx, o)
		j.rep.run.End(err != nil)
		if err == nil && j.shared {
			o.keep()
			kept = append(kept, o)
		} else if err == nil {
			if err = j.finish(o); err != nil {
				j.rep.run.Spoil()
			}
		}
		if ctx.Err() != nil && err != nil {
			return err
		}
		if err != nil {
			j.fail(&t, in, err)
		}
	}
	if err := j.drawShared(ctx, kept, &t); err != nil {
		return err
	}
	switch {
	case t.failed == 0:
		return nil
	case !j.multiple:
		return t.first
	}
	return failure.As(failure.Partial, fmt.Errorf("%d of %d pictures failed", t.failed, len(inputs)))
}

// outcome is what came out of one picture.
type outcome struct {
	in, label string
	target    string   // of the heatmap, "-" for stdout
	heatmap   string   // what records call it
	files     []string // of the scores
	force     bool     // replace outputs
	timeless  bool     // outputs do not say how long things took, and where
	record    *record
	shown     *heatmap.Map // the first class's
	input     *pictureInput
	mask      []bool              // of the network's pixels, nil for all
	masked    *heatmap.MaskRecord // nil without a mask
}

// explain computes one picture's scores and writes them.
func (j *job) explain(ctx context.Context, o *outcome) error {
	if err := j.read(ctx, o); err != nil {
		return err
	}
	if err := j.compute(ctx, o); err != nil {
		return fmt.Errorf("%s: %w", o.label, err)
	}
	return j.writeScores(o)
}

// read reads one picture, after a look at where its outputs go.
func (j *job) read(ctx context.Context, o *outcome) error {
	if err := j.checkOutputs(o); err != nil {
		return err
	}
	o2, err := heed(ctx, func() (outcome, error) {
		read := *o
		var err error
		if read.input, err = j.input(o.in); err == nil {
			err = j.readMask(&read)
		}
		return read, err
	})
	if err == nil {
		*o = o2
	}
	return err
}

// finish draws one picture's heatmap and tells of it.
func (j *job) finish(o *outcome) error {
	if err := j.draw(o); err != nil {
		return err
	}
	if err := j.report(o); err != nil {
		return err
	}
	j.rep.item(o)
	return nil
}

// label is what a picture is called in messages.
func label(in string) string {
	if in == "" {
		return "built-in sample"
	}
	return in
}

// anchor is the plan that low precision is held to.
func (j *job) anchor() *incremental.Plan {
	if j.gives == nil || j.gives.Precision == "" {
		return nil
	}
	return j.model.Second
}

// compute answers all positions of all grids and makes the record.
func (j *job) compute(ctx context.Context, o *outcome) error {
	progress := j.rep.run.Begin(j.io.err, ui.StyleFor(j.io.err, j.quiet), o.label)
	defer progress.Finish()
	before := 0
	var results []*obe.Result
	variants := j.variants()
	for _, v := range variants {
		r, err := obe.Explain(ctx, obe.Task{Plan: j.model.Plan, Anchor: j.anchor(), Grid: v.grid, Output: j.output, Reading: j.reading, Score: j.score,
			Base: o.input.base, Fill: o.input.fills[v.fill], Mode: obe.Mode(j.mode), Approximation: j.gives.approximation(), Workers: j.threads, Chunk: j.chunk, Verify: j.verify, Compare: j.compared, Seed: j.seed, Mask: o.mask,
			Memory: j.working(), Choose: j.classes.choose,
			Progress: func(done, _ int) { progress.Set(before + done) },
			Checking: checking(progress, o.label)})
		switch {
		case errors.Is(err, obe.ErrTask):
			return failure.As(failure.Usage, err)
		case err != nil:
			return err
		}
		results = append(results, r)
		before += v.grid.Len()
	}
	grid, r, err := combine(variants, results, j.obeOptions.combine)
	if err != nil {
		return err
	}
	o.shown = classMap(grid, r, 0)
	o.record = j.record(o, grid, r)
	if len(variants) > 1 {
		j.addScales(o.record, variants, results)
	}
	o.record.addMask(o.masked, r.Masked)
	o.record.Compare = compared(results)
	o.record.Approximated = j.gives.of(results)
	return nil
}

// working is the memory for updates, taken once: for the first picture, as the
// memory of one is used again by the next.
func (j *job) working() int64 {
	if j.updates == 0 {
		j.updates = workingMemory(j.memory, j.views()+j.scoreBytes())
	}
	return j.updates
}

// views is what the views of all plans take.
func (j *job) views() int64 {
	n := j.model.Plan.ViewBytes()
	if a := j.anchor(); a != nil {
		n += a.ViewBytes()
	}
	return n
}

// checking shows how far whole runs are, which can take longer than the map.
func checking(progress *ui.Progress, label string) func(done, total int) {
	var aside *ui.Progress
	return func(done, total int) {
		if aside == nil {
			aside = progress.Aside(label+": whole runs", total)
		}
		aside.Set(done)
		if done == total {
			aside.Finish()
		}
	}
}

// classMap is the map of the result's class k.
func classMap(g *obe.Grid, r *obe.Result, k int) *heatmap.Map {
	return &heatmap.Map{Ys: g.Ys, Xs: g.Xs, Patch: g.Patch, Input: g.Plane, Scores: r.Scores[k], Base: r.Base[k]}
}
