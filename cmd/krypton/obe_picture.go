package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/inputs"
	"krypton/internal/interrupt"
	"krypton/internal/model"
	"krypton/internal/ui"
)

// obeRun explains pictures: it knows how they and their outputs are called, and tells
// what happens. The flags do not change meanwhile.
type obeRun struct {
	*obeOptions
	job      *explain.Job
	style    heatmap.Style // without what a picture decides
	inputs   *inputs.Set
	with     []model.With
	io       streams
	quiet    bool
	multiple bool
	written  map[string]string // outputs of this run, and the picture of each; nil if their names are unlike anyway
	rep      *reporter
	warned   *sync.Once // of what is for all pictures alike
	unnamed  bool       // nobody named a model
}

// newOBERun makes everything ready and finds the pictures.
func newOBERun(ctx context.Context, s *settings, io streams, o *obeOptions, mo *modelOptions, args []string) (*obeRun, []string, error) {
	r, err := makeOBERun(ctx, s, io, o, mo)
	if err != nil {
		return nil, nil, err
	}
	inputs, err := o.lists.expand(args, io)
	if err != nil {
		return nil, nil, err
	}
	if len(inputs) == 0 {
		if r.job.Model().File.Path != "" {
			return nil, nil, failure.Usagef("no picture is named (see 'krypton obe --help')")
		}
		inputs = []string{""} // the built-in sample
	}
	if o.windowed() && slices.Contains(inputs, "-") {
		return nil, nil, failure.Usagef("--every: standard input has no windows: name a file")
	}
	for _, in := range inputs {
		r.inputs.Add(in, o.maskFile(in))
		r.inputs.Add(withFiles(r.with, in)...)
	}
	if r.multiple = len(inputs) > 1; r.multiple {
		if err := o.checkNames(len(inputs)); err != nil {
			return nil, nil, err
		}
	}
	return r, inputs, nil
}

// checkNames refuses names of outputs that several pictures would share.
func (o *obeOptions) checkNames(pictures int) error {
	if o.out != "" && !o.isFolder() {
		return failure.Usagef("-o %s: %d pictures need a folder/", o.out, pictures)
	}
	named := map[string][]string{"--scores": o.scores}
	if o.dicom != "" {
		named["--dicom"] = []string{o.dicom}
	}
	for _, flag := range slices.Sorted(maps.Keys(named)) {
		for _, name := range named[flag] {
			if !strings.Contains(name, "{name}") {
				return failure.Usagef("%s %s: %d pictures need {name} in it", flag, name, pictures)
			}
		}
	}
	return nil
}

// makeOBERun makes everything ready that does not depend on a picture.
func makeOBERun(ctx context.Context, s *settings, io streams, o *obeOptions, mo *modelOptions) (*obeRun, error) {
	r := &obeRun{obeOptions: o, inputs: s.inputs, io: io, written: map[string]string{}, warned: new(sync.Once), unnamed: mo.model == ""}
	var err error
	if r.quiet, err = s.flags.GetBool("quiet"); err != nil {
		return nil, err
	}
	if r.style, err = o.render.style(); err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := o.where.check(); err != nil {
		return nil, err
	}
	h, err := host(s, o.maxPixels)
	if err != nil {
		return nil, err
	}
	h.Overlapping = o.batch.wanted()
	if r.job, err = o.where.prepare(ctx, s, mo, o.question(s), h, o.dryRun, deviceNotes{io, r.quiet}); err != nil {
		return nil, err
	}
	if r.with, err = mo.withs(); err != nil {
		return nil, hinted(err)
	}
	if o.dryRun {
		return r, nil
	}
	return r, hinted(r.job.CheckMemory())
}

// tally counts the pictures that failed.
type tally struct {
	failed int
	first  error
}

// fail tells of a picture that failed; the others go on.
func (r *obeRun) fail(t *tally, in string, err error) {
	err = hinted(err)
	t.failed++
	if t.first == nil {
		t.first = err
	}
	r.rep.Fail(label(in), err)
	if r.multiple {
		fmt.Fprintf(r.io.err, "krypton: %s\n", printable(err.Error()))
	}
}

// all explains every picture; one that fails does not stop the others. With a
// shared scale all are drawn after the last one's scores are there.
func (r *obeRun) all(ctx context.Context, inputs []string) error {
	if r.windowed() {
		return r.allWindows(ctx, inputs)
	}
	workBegins(ctx)
	r.rep.begin(r.job, len(inputs))
	var t tally
	var kept []*outcome
	for _, in := range inputs {
		o := r.newOutcome(in)
		err := r.explain(ctx, o)
		r.rep.run.End(err != nil)
		if err == nil && r.render.scale.Shared {
			o.keep()
			kept = append(kept, o)
		} else if err == nil {
			if err = r.finish(o, r.style); err != nil {
				r.rep.run.Spoil()
			}
		}
		if ctx.Err() != nil && err != nil {
			return err
		}
		if err != nil {
			r.fail(&t, in, err)
		}
	}
	if err := r.drawShared(ctx, kept, &t); err != nil {
		return err
	}
	return r.ended(&t, len(inputs), "pictures")
}

// ended is what a run over so many things ends with.
func (r *obeRun) ended(t *tally, total int, things string) error {
	switch {
	case t.failed == 0:
		return nil
	case !r.multiple:
		return t.first
	}
	return failure.As(failure.Partial, fmt.Errorf("%d of %d %s failed", t.failed, total, things))
}

// warn says once, before the first map is computed of a picture, that nobody named a model
// for it, and that exact maps of the network save little, where that is so.
func (r *obeRun) warn(in string) {
	if r.quiet {
		return
	}
	r.warned.Do(func() {
		if r.unnamed && in != "" {
			fmt.Fprintln(r.io.err, unnamed)
		}
		if g := r.job.Global(); g != nil {
			fmt.Fprintf(r.io.err, "krypton: %s (--mode approximate takes less)\n", printable(explain.GlobalText(g)))
		}
	})
}

// outcome is what came out of one picture.
type outcome struct {
	in, label string
	target    string   // of the heatmap, "-" for stdout
	files     []string // of the scores
	dicom     []string // secondary capture and parametric map, nil for none
	more      []string // of other maps
	force     bool     // replace outputs
	imprint   explain.Imprint
	input     *explain.Input
	sha256    string // of the input
	answer    *explain.Answer
}

// explain computes one picture's scores and writes them.
func (r *obeRun) explain(ctx context.Context, o *outcome) error {
	if err := r.read(ctx, o); err != nil {
		return err
	}
	if err := r.compute(ctx, o); err != nil {
		return fmt.Errorf("%s: %w", o.label, err)
	}
	return r.writeScores(o)
}

// read reads one picture, after a look at where its outputs go.
func (r *obeRun) read(ctx context.Context, o *outcome) error {
	if err := r.checkOutputs(o); err != nil {
		return err
	}
	in, err := r.input(ctx, o.in)
	if err != nil {
		return err
	}
	if o.dicom != nil && in.DICOM == nil {
		return failure.Usagef("--dicom: %s is no DICOM file's picture, of which objects could be derived", o.label)
	}
	o.input, o.sha256 = in, in.SHA256
	return nil
}

// input reads a picture; "" is the built-in one and - is standard input.
func (r *obeRun) input(ctx context.Context, name string) (*explain.Input, error) {
	in, err := interrupt.Do(ctx, func() (*explain.Input, error) {
		return r.job.Read(ctx, explain.Named(name, r.io.in), explain.Named(r.maskFile(name), nil), explain.Files(withFiles(r.with, name))...)
	})
	return in, hinted(err)
}

// maskFile is the mask of a picture, "" if there is none.
func (o *obeOptions) maskFile(in string) string {
	return strings.ReplaceAll(o.mask, "{name}", model.NameOf(in))
}

// finish draws one picture's heatmap and tells of it.
func (r *obeRun) finish(o *outcome, style heatmap.Style) error {
	if err := r.draw(o, style); err != nil {
		return err
	}
	if err := r.report(o); err != nil {
		return err
	}
	r.rep.item(o)
	return nil
}

// label is what a picture is called in messages.
func label(in string) string {
	if in == "" {
		return "built-in sample"
	}
	return in
}

// compute answers the question about one picture.
func (r *obeRun) compute(ctx context.Context, o *outcome) error {
	progress := r.rep.run.Begin(r.io.err, ui.StyleFor(r.io.err, r.quiet), o.label)
	defer progress.Finish()
	var err error
	o.answer, err = r.job.Ask(ctx, o.input, explain.Events{
		Clean:    func(explain.Clean) { r.warn(o.in) },
		Progress: progress.SetOf,
		Checking: progress.Checking(o.label + ": whole runs"),
	})
	return hinted(err)
}
