package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"krypton/internal/heatmap"
	"krypton/internal/model"
	"krypton/internal/number"
	"krypton/internal/obe"
	"krypton/internal/prediction"
	"krypton/models"
)

// record is everything about one picture's map, with what was given up for it.
type record struct {
	*heatmap.Record
	// Approximated is nil for exact and naive maps.
	Approximated *approximated `json:"approximate,omitempty"`
	// Bound are the values of other inputs than the picture's.
	Bound []model.Bound `json:"bind,omitempty"`
}

// summary is the record without what grows with the grid.
func (r *record) summary() *record { return &record{r.Record.Summary(), r.Approximated, r.Bound} }

// writeScores writes the scores in the format of a file ending.
func (r *record) writeScores(w io.Writer, ending string) error {
	if strings.ToLower(ending) != ".json" {
		return heatmap.WriteScores(w, ending, r.Record)
	}
	if err := r.Validate(); err != nil {
		return err
	}
	return heatmap.WriteJSON(w, r.Record, func(bare *heatmap.Record) any { return &record{bare, r.Approximated, r.Bound} })
}

func (r *record) title() string {
	c := r.Classes[0]
	name := c.Label
	if name == "" {
		name = fmt.Sprintf("class %d", c.Index)
	}
	t := fmt.Sprintf("%s  %.3g", name, float32(c.BaseScore))
	if r.Value != nil && r.Value.Unit != "" {
		t += " " + r.Value.Unit
	}
	return t
}

// className is a class's label, or its number.
func (j *job) className(class int) string {
	if name := j.model.Label(class); name != "" {
		return name
	}
	return fmt.Sprintf("class %d", class)
}

func (r *record) caption() []string {
	value := "the class's score"
	if r.Value != nil {
		if value = "the value"; r.Value.Unit != "" {
			value += " in " + r.Value.Unit
		}
	}
	what := map[string]string{"value": value, "margin": "its margin to the best other class", "entropy": "the entropy of all scores"}[r.Score]
	size, fill := fmt.Sprintf("patch %dx%d, stride %dx%d", r.Patch[0], r.Patch[1], r.Stride[0], r.Stride[1]), "fill "+r.Fill
	var sizes, fills []string
	for _, s := range r.Scales {
		if p := fmt.Sprintf("%dx%d", s.Patch[0], s.Patch[1]); !slices.Contains(sizes, p) {
			sizes = append(sizes, p)
		}
		if !slices.Contains(fills, s.Fill) {
			fills = append(fills, s.Fill)
		}
	}
	if len(sizes) > 1 || len(sizes) == 1 && len(fills) == 1 {
		size = "mean over patches " + strings.Join(sizes, ", ")
	}
	if len(fills) > 1 {
		fill = "mean over fills " + strings.Join(fills, ", ")
	}
	lines := []string{
		fmt.Sprintf("model %s, output %s, mapped: %s", filepath.Base(r.Model), r.Output, what),
		fmt.Sprintf("activation %s: %s", r.Activation, r.ActivationReason),
		fmt.Sprintf("%s, %s, %d positions, %s", size, fill, r.Positions, r.Mode),
	}
	if r.Approximated != nil {
		lines = append(lines, "approximate: "+r.Approximated.setting())
		if known := r.Approximated.known(); known != "" {
			lines = append(lines, known)
		}
	}
	if r.NaN {
		lines = append(lines, "some scores are not numbers (NaN)")
	}
	return lines
}

// preprocessed says how a picture became the network's input.
func preprocessed(m *model.Model, in *pictureInput) map[string]any {
	p := map[string]any{"mean": m.Pre.Mean, "std": m.Pre.Std, "scale": m.Pre.Scale, "order": m.Pre.Order, "resize": m.Pre.Resize, "crop_fraction": m.Pre.CropFraction}
	if m.Pre.Resize == "letterbox" {
		p["pad"] = m.Pre.Pad
	}
	if in.tensor != "" {
		p["tensor"], p["resize"] = in.tensor, "none"
		return p
	}
	if w := m.Pre.Window; w != nil {
		p["window"] = []float64{w.Lo, w.Hi}
	}
	if in.samples != "" {
		p["samples"] = in.samples
	}
	return p
}

// record gathers everything about one result.
func (j *job) record(o *outcome, g *obe.Grid, r *obe.Result) *record {
	name := o.in
	if name == "" {
		name, _ = models.Sample()
	}
	rec := &record{Record: &heatmap.Record{Version: version, Model: j.model.File.Name, ModelSHA256: j.model.File.SHA256, Image: name, ImageSHA256: o.input.sha256,
		Classes: j.classRecords(g, r), Output: j.model.Plan.Outputs()[j.output], Activation: string(j.reading.Activation), ActivationReason: j.reading.Reason, Value: (*heatmap.ValueRecord)(j.model.File.Config.Value), Score: string(j.score), Mode: j.mode,
		Patch: g.Patch, Stride: g.Stride, Border: j.border, Fill: fillNames(j.fill), Seed: j.seed, Input: g.Plane,
		Rows: len(g.Ys), Cols: len(g.Xs), Ys: g.Ys, Xs: g.Xs, Positions: g.Len(), Skipped: r.Skipped, Verified: r.Verified, NaN: r.NaN,
		MultiplyAddsWhole: r.MultiplyAddsWhole, MultiplyAddsSpent: r.MultiplyAddsIncremental,
		SecondsViews: r.Views.Seconds(), SecondsMap: r.Map.Seconds(), Kernels: j.model.Plan.Kernels(), Threads: j.threads, Notes: slices.Concat(o.input.notes, j.notes),
		Preprocess: preprocessed(j.model, o.input)}}
	rec.Bound = j.model.Bound
	rec.FlipMap, rec.Flips = flips(g, r)
	rec.Heatmap = o.heatmap
	top := prediction.Top(r.Probabilities, 1)[0]
	if r.NaN {
		rec.Notes = append(rec.Notes, "some scores are not numbers (NaN)")
	}
	if n := uniform(j.reading, r.Probabilities); n != "" {
		rec.Notes = append(rec.Notes, n)
	}
	if c := r.Classes[0]; c != top && !j.classes.all {
		rec.Notes = append(rec.Notes, fmt.Sprintf("%s is mapped, but %s is predicted (%.3g)", j.className(c), j.className(top), r.Probabilities[top]))
	}
	return rec
}

// flips gives the winner at each position, row by row, and how many differ from
// the clean picture's.
func flips(g *obe.Grid, r *obe.Result) ([][]int32, int) {
	if len(r.Winners) != g.Len() {
		return nil, 0 // of several patch sizes: each has its own
	}
	var rows [][]int32
	n, top := 0, prediction.Top(r.Probabilities, 1)[0]
	for line := range slices.Chunk(r.Winners, len(g.Xs)) {
		rows = append(rows, line)
		for _, w := range line {
			if int(w) != top {
				n++
			}
		}
	}
	return rows, n
}

// classRecords gives each class's scores, row by row.
func (j *job) classRecords(g *obe.Grid, r *obe.Result) []heatmap.ClassRecord {
	var out []heatmap.ClassRecord
	for k, c := range r.Classes {
		cr := heatmap.ClassRecord{Index: c, Label: j.model.Label(c), BaseScore: heatmap.Number(r.Base[k])}
		numbers := make([]heatmap.Number, len(r.Scores[k]))
		for i, v := range r.Scores[k] {
			numbers[i] = heatmap.Number(v)
		}
		cr.Scores = slices.Collect(slices.Chunk(numbers, len(g.Xs)))
		out = append(out, cr)
	}
	return out
}

// report says in words, or as JSON, what was done.
func (j *job) report(o *outcome) error {
	r := o.record
	if j.asJSON {
		if o.target == "-" {
			return nil // stdout carries the picture
		}
		return json.NewEncoder(j.io.out).Encode(r.summary())
	}
	if j.quiet {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", o.label, r.title())
	fmt.Fprintf(&b, "; %d positions in %.2f s", r.Positions, r.SecondsMap)
	if fewer := number.Ratio(float64(r.MultiplyAddsWhole), float64(r.MultiplyAddsSpent)); fewer.Finite() {
		fmt.Fprintf(&b, ", %.1f times fewer multiply-adds than running the network each time", fewer)
	}
	fmt.Fprintf(&b, " (activation %s: %s; preprocessing %s/%s)", r.Activation, r.ActivationReason, j.model.Preset, r.Preprocess["resize"])
	if r.Flips > 0 {
		fmt.Fprintf(&b, "; another class wins at %d positions", r.Flips)
	}
	if r.Verified > 0 {
		fmt.Fprintf(&b, "; %d positions verified bit for bit", r.Verified)
	}
	if r.Approximated != nil {
		fmt.Fprintf(&b, "\n  approximate: %s", r.Approximated.text())
	}
	if r.Compare != nil {
		fmt.Fprintf(&b, "\n  %s", comparisonText(r.Compare))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\n  note: %s", n)
	}
	if out := o.outputs(); o.target == "" {
		fmt.Fprintf(&b, "\n  wrote %s", strings.Join(out, ", "))
	} else if o.target != "-" {
		fmt.Fprintf(&b, "\n  wrote %s", o.target)
	}
	fmt.Fprintln(j.io.err, printable(b.String()))
	return nil
}
