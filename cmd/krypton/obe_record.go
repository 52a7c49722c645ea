package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"krypton/internal/heatmap"
	"krypton/internal/imagein"
	"krypton/internal/obe"
	"krypton/models"
)

// record gathers everything about one result.
func (j *job) record(in string, pic *imagein.Picture, r *obe.Result) *heatmap.Record {
	name := in
	if in == "" {
		name, _ = models.Sample()
	}
	g, pre := j.grid, j.model.pre
	rec := &heatmap.Record{Version: version, Model: j.model.file.name, ModelSHA256: j.model.file.sha256, Image: name, ImageSHA256: pic.SHA256,
		Output: j.model.plan.Outputs()[j.output], Activation: string(r.Activation), Score: string(j.score), Mode: j.mode,
		Patch: g.Patch, Stride: g.Stride, Border: j.border, Fill: j.obeOptions.fill, Seed: j.seed, Input: g.Plane,
		Rows: len(g.Ys), Cols: len(g.Xs), Ys: g.Ys, Xs: g.Xs, Positions: g.Len(), Skipped: r.Skipped, Verified: r.Verified, NaN: r.NaN,
		MultiplyAddsWhole: r.MultiplyAddsWhole, MultiplyAddsSpent: r.MultiplyAddsIncremental,
		SecondsViews: r.Views.Seconds(), SecondsMap: r.Map.Seconds(), Kernels: j.model.plan.Kernels(), Threads: j.threads, Notes: pic.Notes,
		Preprocess: map[string]any{"mean": pre.Mean, "std": pre.Std, "scale": pre.Scale, "order": pre.Order, "resize": pre.Resize, "crop_fraction": pre.CropFraction}}
	top := obe.Top(r.Probabilities, 1)[0]
	for row := range g.Ys {
		line := r.Winners[row*len(g.Xs) : (row+1)*len(g.Xs)]
		rec.FlipMap = append(rec.FlipMap, line)
		for _, w := range line {
			if int(w) != top {
				rec.Flips++
			}
		}
	}
	for k, c := range r.Classes {
		cr := heatmap.ClassRecord{Index: c, Label: j.model.label(c), BaseScore: heatmap.Number(r.Base[k])}
		for row := range g.Ys {
			var line []heatmap.Number
			for _, v := range r.Scores[k][row*len(g.Xs) : (row+1)*len(g.Xs)] {
				line = append(line, heatmap.Number(v))
			}
			cr.Scores = append(cr.Scores, line)
		}
		rec.Classes = append(rec.Classes, cr)
	}
	if n := len(r.Probabilities); n > 1 && r.Activation != obe.None && float64(r.Probabilities[top]) < 2/float64(n) {
		rec.Notes = append(rec.Notes, "the prediction is nearly uniform: is the preprocessing right (--preset)?")
	}
	return rec
}

// report says in words, or as JSON, what was done.
func (j *job) report(label, target string, r *heatmap.Record) error {
	if j.asJSON {
		if target == "-" {
			return nil // stdout carries the picture
		}
		return json.NewEncoder(j.io.out).Encode(r.Summary())
	}
	if j.quiet {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", label, j.title(r))
	fmt.Fprintf(&b, "; %d positions in %.2f s, %.1f times fewer multiply-adds than running the network each time", r.Positions, r.SecondsMap, float64(r.MultiplyAddsWhole)/float64(max(1, r.MultiplyAddsSpent)))
	fmt.Fprintf(&b, " (activation %s, preprocessing %s/%s)", r.Activation, j.model.preset, r.Preprocess["resize"])
	if r.Flips > 0 {
		fmt.Fprintf(&b, "; another class wins at %d positions", r.Flips)
	}
	if r.Verified > 0 {
		fmt.Fprintf(&b, "; %d positions verified bit for bit", r.Verified)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\n  note: %s", n)
	}
	if target != "-" {
		fmt.Fprintf(&b, "\n  wrote %s", target)
	}
	fmt.Fprintln(j.io.err, printable(b.String()))
	return nil
}
