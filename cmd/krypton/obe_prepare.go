package main

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/incremental"
	"krypton/internal/obe"
)

// prepare reads the flags that do not depend on a picture.
func (j *job) prepare(ctx context.Context, s *settings) error {
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
	if j.grids, err = j.makeGrids(); err != nil {
		return err
	}
	if j.fills, err = parseFills(j.fill, j.seed); err != nil {
		return err
	}
	j.score = obe.Score(j.obeOptions.score)
	if !slices.Contains([]obe.Score{obe.Value, obe.Margin, obe.Entropy}, j.score) {
		return failure.Usagef("--score is %q, want value, margin or entropy", j.score)
	}
	if !slices.Contains([]obe.Mode{obe.Exact, obe.Naive, obe.Approximate}, obe.Mode(j.mode)) {
		return failure.Usagef("--mode is %q, want exact, approximate or naive", j.mode)
	}
	if j.gives != nil {
		j.mode = string(obe.Approximate)
	}
	if j.drawn, err = j.render.style(); err != nil {
		return err
	}
	if !slices.Contains(heatmap.Colormaps, j.render.colormap) || !slices.Contains(heatmap.Combines, j.combine) {
		return failure.Usagef("--colormap %q, --combine %q: want one of %v and one of %v", j.render.colormap, j.combine, heatmap.Colormaps, heatmap.Combines)
	}
	if j.scoresOnly && (len(j.scores) == 0 || j.out != "") {
		return failure.Usagef("--scores-only needs --scores, and excludes -o")
	}
	if j.verify < 0 || j.chunk < 0 || j.maxPixels < 1 {
		return failure.Usagef("--verify %d, --chunk %d, --max-pixels %d: must not be negative", j.verify, j.chunk, j.maxPixels)
	}
	if j.compared, err = parseCompare(j.compare); err != nil {
		return err
	}
	if err := j.parseScale(); err != nil {
		return err
	}
	for _, f := range j.scores {
		if !slices.Contains(heatmap.ScoreFormats, strings.ToLower(filepath.Ext(f))) {
			return failure.Usagef("--scores %s: the ending must be one of %v", f, heatmap.ScoreFormats)
		}
	}
	if j.output, err = j.model.Output(); err != nil {
		return hinted(err)
	}
	j.notes = append(j.notes, j.model.Notes...)
	j.tellApproximation()
	if j.tuning && j.model.Own { // tune has no such flag
		j.activation = j.model.File.Config.Activation
	}
	if j.reading, err = j.model.Reading(ctx, j.output, j.activation, j.threads, freeOf(j.memory)); err != nil {
		return hinted(err)
	}
	j.notes = append(j.notes, j.model.Doubts(j.reading)...)
	if j.score == obe.Entropy && !j.reading.Exclusive && !j.reading.Pair {
		j.notes = append(j.notes, "the entropy is that of scores which are not probabilities that add to 1: it says little")
	}
	if !s.given("class") {
		return nil // the reading's own
	}
	j.classes, err = newClassPicker(j.obeOptions.classes, j.model.Labels, j.reading.Classes(j.reading.Outputs))
	return err
}

// parseScale reads --scale.
func (j *job) parseScale() error {
	switch j.obeOptions.scale {
	case "shared":
		j.shared = true
		return nil
	case "auto":
		return nil
	}
	lo, hi, ok := strings.Cut(j.obeOptions.scale, ",")
	a, e1 := strconv.ParseFloat(lo, 64)
	b, e2 := strconv.ParseFloat(hi, 64)
	if !ok || e1 != nil || e2 != nil || !(a < b) || math.IsInf(a, 0) || math.IsInf(b, 0) {
		return failure.Usagef("--scale is %q, want auto, shared or min,max", j.obeOptions.scale)
	}
	j.scale = &heatmap.Scale{Lo: a, Hi: b}
	return nil
}

// tellApproximation notes what a user should know of what is given up, and takes
// back what this model or machine cannot give.
func (j *job) tellApproximation() {
	if j.gives == nil {
		return
	}
	if n := j.gives.Shortlist; n > 0 {
		if tail, ok := j.model.Plan.Tail(j.output); !ok || tail.Classes() <= n {
			if j.gives.Source == "flags" {
				j.notes = append(j.notes, fmt.Sprintf("--shortlist %d leaves nothing out: the model has no more classes, or its last layers mix them", n))
			}
			j.gives.Shortlist = 0
		}
	}
	if j.gives.Source == "default" {
		j.notes = append(j.notes, fmt.Sprintf("nobody has tuned approximations for this model ('krypton tune' does): the defaults of %s networks are taken, %s", j.gives.Family, j.gives.text()))
	}
	if j.gives.Precision != "" {
		if j.model.Plan.Precision() != j.gives.Precision {
			j.notes = append(j.notes, fmt.Sprintf("--precision %s: no layer takes it with these kernels (%s): %s is taken", j.gives.Precision, j.model.Plan.Kernels(), j.model.Plan.Precision()))
			if j.gives.Precision = j.model.Plan.Precision(); j.gives.Precision == incremental.FP32 {
				j.gives.Precision = "" // goes without saying
			}
		}
	}
}
