package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"krypton/internal/atomicfile"
	"krypton/internal/heatmap"
	"krypton/internal/imagein"
	"krypton/internal/incremental"
	"krypton/internal/obe"
	"krypton/internal/ui"
	"krypton/models"
)

// job is what is the same for all pictures of a run.
type job struct {
	*obeOptions
	model    *loadedModel
	grid     *obe.Grid
	fill     obe.Fill
	classes  classPicker
	score    obe.Score
	scale    *heatmap.Scale
	output   int
	threads  int
	memory   int64
	quiet    bool
	io       streams
	multiple bool
}

// all explains every picture; one that fails does not stop the others.
func (j *job) all(ctx context.Context, inputs []string) error {
	failed := 0
	var first error
	for _, in := range inputs {
		err := j.one(ctx, in)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return err
		}
		failed++
		if first == nil {
			first = err
		}
		if j.multiple {
			fmt.Fprintf(j.io.err, "krypton: %s\n", printable(err.Error()))
		}
	}
	switch {
	case failed == 0:
		return nil
	case failed == len(inputs) && !j.multiple:
		return first
	}
	return coded(exitPartial, fmt.Errorf("%d of %d pictures failed", failed, len(inputs)))
}

// prepare reads the flags that do not depend on a picture.
func (j *job) prepare(s *settings) error {
	var err error
	if j.threads, _, err = s.threads(); err != nil {
		return err
	}
	if j.memory, err = s.memory(); err != nil {
		return err
	}
	if j.quiet, err = s.flags.GetBool("quiet"); err != nil {
		return err
	}
	if j.grid, err = j.makeGrid(); err != nil {
		return err
	}
	if j.fill, err = obe.ParseFill(j.obeOptions.fill, j.seed); err != nil {
		return usageError(fmt.Errorf("--fill: %w", err))
	}
	if _, err := obe.Activation(j.activation).Resolve([]float32{0}); err != nil {
		return usageError(fmt.Errorf("--activation: %w", err))
	}
	j.score = obe.Score(j.obeOptions.score)
	if !slices.Contains([]obe.Score{obe.Value, obe.Margin, obe.Entropy}, j.score) {
		return usageError(fmt.Errorf("--score is %q, want value, margin or entropy", j.score))
	}
	if m := obe.Mode(j.mode); m != obe.Exact && m != obe.Naive {
		return usageError(fmt.Errorf("--mode is %q, want exact or naive", j.mode))
	}
	if !(j.alpha >= 0 && j.alpha <= 1) {
		return usageError(fmt.Errorf("--alpha is %g, want 0 to 1", j.alpha))
	}
	if !slices.Contains(heatmap.Colormaps, j.colormap) || !slices.Contains(heatmap.Combines, j.combine) {
		return usageError(fmt.Errorf("--colormap %q, --combine %q: want one of %v and one of %v", j.colormap, j.combine, heatmap.Colormaps, heatmap.Combines))
	}
	if j.verify < 0 || j.chunk < 0 || j.maxPixels < 1 {
		return usageError(fmt.Errorf("--verify %d, --chunk %d, --max-pixels %d: must not be negative", j.verify, j.chunk, j.maxPixels))
	}
	drawn := 0
	for _, b := range []bool{j.overlay, j.mapOnly, j.sideBySide} {
		if b {
			drawn++
		}
	}
	if drawn > 1 {
		return usageError(errors.New("--overlay, --map-only and --side-by-side exclude each other"))
	}
	if j.obeOptions.scale != "auto" {
		lo, hi, ok := strings.Cut(j.obeOptions.scale, ",")
		a, e1 := strconv.ParseFloat(lo, 64)
		b, e2 := strconv.ParseFloat(hi, 64)
		if !ok || e1 != nil || e2 != nil || !(a < b) || math.IsInf(a, 0) || math.IsInf(b, 0) {
			return usageError(fmt.Errorf("--scale is %q, want auto or min,max", j.obeOptions.scale))
		}
		j.scale = &heatmap.Scale{Lo: a, Hi: b}
	}
	for _, f := range j.scores {
		if !slices.Contains(heatmap.ScoreFormats, strings.ToLower(filepath.Ext(f))) {
			return usageError(fmt.Errorf("--scores %s: the ending must be one of %v", f, heatmap.ScoreFormats))
		}
	}
	if j.output, err = j.model.output(); err != nil {
		return err
	}
	j.classes, err = newClassPicker(j.obeOptions.classes, j.model.labels)
	return err
}

// read decodes a picture, "" for the built-in one.
func (j *job) read(in string) (*imagein.Picture, error) {
	limits := imagein.DefaultLimits
	limits.MaxPixels = j.maxPixels
	var p *imagein.Picture
	var err error
	switch in {
	case "":
		name, data := models.Sample()
		p, err = imagein.Decode(bytes.NewReader(data), name, limits)
	case "-":
		p, err = imagein.Decode(j.io.in, "standard input", limits)
	default:
		p, err = imagein.Open(in, limits)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, coded(exitNoInput, err)
	}
	return p, coded(exitData, err)
}

// one explains one picture.
func (j *job) one(ctx context.Context, in string) error {
	target := j.target(in)
	files := []string{}
	for _, f := range j.scores {
		files = append(files, j.scoreTarget(f, in))
	}
	outputs := files
	if target != "-" {
		outputs = append([]string{target}, files...)
	}
	for i, f := range outputs {
		if slices.Contains(outputs[:i], f) {
			return usageError(fmt.Errorf("%s would be written twice", f))
		}
		if atomicfile.SameFile(f, in) || j.model.file.path != "" && atomicfile.SameFile(f, j.model.file.path) {
			return coded(exitCantCreate, fmt.Errorf("%s is an input: it is not overwritten", f))
		}
		if err := j.makeFolder(f); err != nil {
			return err
		}
		if err := atomicfile.Check(f, j.force); err != nil {
			return coded(exitCantCreate, err)
		}
	}
	pic, err := j.read(in)
	if err != nil {
		return err
	}
	plane := j.model.plan.InputPlane()
	fitted, transform := j.model.pre.Fit(pic.Image, plane.W, plane.H)
	label := in
	if in == "" {
		label = "built-in sample"
	}
	progress := ui.NewProgress(j.io.err, ui.StyleFor(j.io.err, j.quiet), label, j.grid.Len())
	task := obe.Task{Plan: j.model.plan, Grid: j.grid, Output: j.output, Activation: obe.Activation(j.activation), Score: j.score,
		Base: j.model.pre.Normalize(fitted, plane.C), Fill: j.model.pre.Normalize(j.fill.Image(fitted), plane.C),
		Mode: obe.Mode(j.mode), Workers: j.threads, Chunk: j.chunk, Verify: j.verify, Seed: j.seed,
		Memory:  max(1, j.memory-j.model.plan.ViewBytes()),
		Choose:  j.classes.choose,
		Classes: nil, Progress: func(done, _ int) { progress.Set(done) }}
	r, err := obe.Explain(ctx, task)
	progress.Finish()
	if err != nil {
		switch {
		case errors.Is(err, obe.ErrTask):
			err = usageError(err)
		case errors.Is(err, incremental.ErrMemory):
			err = coded(exitTemporary, err)
		}
		return fmt.Errorf("%s: %w", label, err)
	}
	record := j.record(in, pic, r)
	if target != "-" {
		record.Heatmap = target
	}
	if err := j.write(target, files, record, pic.Image, transform, r); err != nil {
		return err
	}
	return j.report(label, target, record)
}
