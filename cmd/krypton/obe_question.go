package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/inspect"
	"krypton/internal/limits"
	"krypton/internal/model"
	"krypton/internal/number"
	"krypton/internal/obe"
	"krypton/internal/prediction"
	"krypton/internal/target"
)

// question is what the flags ask.
func (o *obeOptions) question(s *settings) explain.Question {
	q := explain.Question{
		Patches: o.patches,
		Strides: o.strides,
		Border:  obe.Border(o.border),
		Region:  o.region,
		Fills:   o.fills,
		Seed:    o.seed,
		Score:   target.Score(o.score),
		Combine: o.combine,
		Verify:  o.verify,
		Compare: o.compare,
		Chunk:   o.chunk,
	}
	if s.given("activation") {
		q.Activation = prediction.Activation(o.activation) // else the model's own
	}
	if s.given("class") {
		q.Classes = o.classes // else the model's own
	}
	q.Recording = o.recording.recording()
	o.boxes.ask(s, &q)
	if s.origin("mode") != "default" {
		q.Mode = obe.Mode(o.mode)
	}
	q.What = o.what.what()
	q.Approximate = o.approximate.wish(s, q.Mode)
	return q
}

// host is what a command has for jobs of internal/explain.
func host(s *settings, maxPixels int64) (explain.Host, error) {
	h := explain.Host{Resident: limits.Resident, Pixels: maxPixels, Version: version, Spell: flagName}
	var err error
	if h.Threads, _, err = s.threads(); err != nil {
		return h, err
	}
	h.Memory, err = s.memory()
	return h, err
}

// check refuses what makes no sense together, whatever model and pictures are.
func (o *obeOptions) check() error {
	if !slices.Contains(heatmap.Colormaps, o.render.colormap) || !slices.Contains(heatmap.Combines, o.combine) {
		return failure.Usagef("--colormap %q, --combine %q: want one of %v and one of %v", o.render.colormap, o.combine, heatmap.Colormaps, heatmap.Combines)
	}
	if o.scoresOnly && (len(o.scores) == 0 || o.out != "") {
		return failure.Usagef("--scores-only needs --scores, and excludes -o")
	}
	if o.anonymous && o.dicom == "" {
		return failure.Usagef("--anonymous needs --dicom: nothing else says whose picture it is")
	}
	if o.dicom == "-" {
		return failure.Usagef("--dicom: two objects cannot go to standard output: want a file")
	}
	if o.verify < 0 || o.chunk < 0 || o.maxPixels < 1 {
		return failure.Usagef("--verify %d, --chunk %d, --max-pixels %d: must not be negative", o.verify, o.chunk, o.maxPixels)
	}
	for _, f := range o.scores {
		if !slices.Contains(explain.ScoreFormats, strings.ToLower(filepath.Ext(f))) {
			return failure.Usagef("--scores %s: the ending must be one of %v", f, explain.ScoreFormats)
		}
		if explain.ScoreEnding(f) == explain.SegmentsEnding && (len(o.patches) != 1 || o.patches[0].Shape != obe.Superpixels) {
			return failure.Usagef("--scores %s: there are segments with --patch slic:COUNT alone", f)
		}
	}
	return nil
}

// prepare makes the job of a question, with the model that mo names. more, if set, says
// what else its plans must be able to do, and ready what the host has once they are there.
func prepare(ctx context.Context, s *settings, mo *modelOptions, q explain.Question, h explain.Host, more func(*model.Need), ready func(*model.Model, *explain.Host) error) (*explain.Job, error) {
	if err := q.Check(); err != nil {
		return nil, hinted(err)
	}
	file, opt, err := mo.open(ctx, s)
	if err != nil {
		return nil, err
	}
	_, q.Part = mo.part() // the model's own file may name the output
	if err := q.CheckFor(file); err != nil {
		return nil, hinted(err)
	}
	n, err := mo.network(ctx, file, opt)
	if err != nil {
		return nil, err
	}
	need := q.Need(n)
	if more != nil {
		more(&need)
	}
	m, err := mo.prepare(ctx, s, n, need)
	if err != nil {
		return nil, err
	}
	if ready != nil {
		if err := ready(m, &h); err != nil {
			return nil, err
		}
	}
	job, err := explain.Prepare(ctx, m, q, h)
	return job, hinted(err)
}

// estimate prints what a picture would cost: the first one, where that depends on it.
func (r *obeRun) estimate(ctx context.Context, inputs []string) error {
	first := inputs[0]
	if r.windowed() {
		for _, in := range inputs {
			names, err := r.stripOf(ctx, in)
			if err != nil {
				return err
			}
			if in == first {
				first = names[0]
			}
			if _, err := fmt.Fprintf(r.io.out, "%s: %d windows, from %s to %s; each:\n", in, len(names), names[0], names[len(names)-1]); err != nil {
				return err
			}
		}
	}
	var in *explain.Input
	if r.job.ByPicture() {
		var err error
		if in, err = r.input(ctx, first); err != nil {
			return err
		}
	}
	return r.estimateOn(ctx, in)
}

// estimateOn prints what a picture would cost, some lines for each patch size with each fill: of
// segments, those of the picture, or squares where it is nil.
func (r *obeRun) estimateOn(ctx context.Context, in *explain.Input) error {
	out, job := r.io.out, r.job
	costs, err := job.Costs(in)
	if err != nil {
		return hinted(err)
	}
	for _, c := range costs {
		g := c.Grid
		most := ""
		if c.AtMost {
			most = "at most "
		}
		_, err := fmt.Fprintf(out, "%d positions (%d x %d), %s%.3g multiply-adds instead of %.3g (%s times fewer), views %d MiB, one position %d KiB\n",
			g.Len(), len(g.Ys), len(g.Xs), most, float64(c.Spent), float64(c.Whole), number.Ratio(float64(c.Whole), float64(c.Spent)).Text("%.1f", 1), c.ViewBytes>>20, c.PositionBytes>>10)
		if err != nil {
			return err
		}
		onCard, err := r.where.estimate(c)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(out, onCard); err != nil {
			return err
		}
		if job.Mode() != obe.Exact || r.where.device == onGPU {
			continue
		}
		t, err := job.Predict(ctx, c.Map, inspect.Calibration)
		if err != nil {
			return err
		}
		where := ""
		if r.where.device == onAuto {
			where = " of this machine's processors"
		}
		if _, err := fmt.Fprintf(out, "about %s for a picture on %d threads%s\n", roughly(t.Views+t.Map), job.Threads(), where); err != nil {
			return err
		}
	}
	return nil
}

// roughly writes a predicted time as roughly as it is known.
func roughly(d time.Duration) string {
	switch {
	case d.Seconds() < 99.5:
		return fmt.Sprintf("%.2g s", d.Seconds())
	case d < time.Hour:
		return d.Round(10 * time.Second).String()
	}
	return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
}
