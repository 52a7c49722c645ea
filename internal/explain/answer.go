package explain

import (
	"encoding/json"
	"fmt"
	"image"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/incremental"
	"krypton/internal/number"
	"krypton/internal/obe"
	"krypton/internal/prediction"
)

// Answer is what a question about a picture came to. It does not change.
type Answer struct {
	job     *Job
	results []*obe.Result // of each of the job's maps
	grid    *obe.Grid
	result  *obe.Result // of the maps together
	record  *Record
	shown   *heatmap.Map // of the first class
	lanes   *heatmap.Map // of the first class, a lane for each channel; nil where none is by itself
	others  []Other
	combine string
}

// answer combines the maps and makes the record.
func (j *Job) answer(in *Input, results []*obe.Result) (*Answer, error) {
	maps, err := j.on(in)
	if err != nil {
		return nil, err
	}
	g, r, err := combine(maps, results, j.question.Combine)
	if err != nil {
		return nil, err
	}
	a := &Answer{job: j, results: results, grid: g, result: r, combine: j.question.Combine, shown: classMap(g, r, 0)}
	a.record = j.record(in, g, r)
	if len(j.grids) == 1 {
		a.record.Shape = j.shape(maps[0])
	}
	if len(maps) > 1 || a.record.Shape.listed() || j.fills[0].group != "" {
		j.addScales(a.record, in, maps, results)
	}
	a.lanes = j.lanes(in, maps, a.record)
	a.record.ofBoxes(j.aim.Boxes(in, r.Bound))
	a.record.addMask(in.masked, r.Masked)
	a.record.Compare = compared(results)
	a.record.Approximated = j.gives.of(results)
	if !slices.ContainsFunc(results, func(r *obe.Result) bool { return !r.OnDevice }) {
		a.record.Device = j.host.DeviceName
		if p := j.host.Device.Precision(); p != incremental.FP32 {
			a.record.Precision = string(p)
		}
	}
	a.addOthers()
	return a, nil
}

// Record is everything about the answer: not to be written.
func (a *Answer) Record() *Record { return a.record }

// Map is that of the class k of the record's, over the network's input.
func (a *Answer) Map(k int) *heatmap.Map {
	if k == 0 {
		return a.shown
	}
	return classMap(a.grid, a.result, k)
}

// Drawn is what Draw draws: the map of the first class, or those of the channels that were
// hidden by themselves, below each other.
func (a *Answer) Drawn() *heatmap.Map {
	if a.lanes != nil {
		return a.lanes
	}
	return a.shown
}

// Range is what Draw draws: the least and the greatest number of it, or 0.
func (a *Answer) Range() (lo, hi float64, err error) {
	values, err := a.Drawn().Importance(a.combine)
	for _, v := range values {
		if v == v {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	return lo, hi, err
}

// Lanes are the scores of the first class with each of a recording's channels hidden, position
// by position, nil unless channels were hidden by themselves or in groups.
func (a *Answer) Lanes() (all [][]float32) {
	if a.lanes == nil {
		return nil
	}
	for row := range slices.Chunk(a.lanes.Scores, len(a.lanes.Xs)) {
		all = append(all, row)
	}
	return all
}

// Results are the engine's, of each of the job's maps; nil of an answer to be drawn.
func (a *Answer) Results() []*obe.Result { return a.results }

// Small is the answer without what only scores are for: it can be drawn still.
func (a *Answer) Small() *Answer {
	small := &Answer{record: a.record.Summary(), shown: a.shown, lanes: a.lanes, combine: a.combine}
	for _, o := range a.others {
		small.others = append(small.others, Other{o.Name, o.Answer.Small()})
	}
	return small
}

// Draw draws the map of the first class over the picture. Title, caption and the rule
// where patches overlap are the answer's.
func (a *Answer) Draw(in *Input, style heatmap.Style) (*image.NRGBA, error) {
	style.Combine, style.Title, style.Caption = a.combine, a.record.Title(), a.record.Caption()
	style.Kept = a.record.Shape.random()
	if b := a.record.Boxes; b != nil {
		style.Boxes = b.drawn(a.record.Classes[0])
	}
	if b, ok := in.Backdrop.(*recordingBackdrop); ok && a.lanes != nil {
		return b.drawLanes(a.lanes, style)
	}
	return in.Backdrop.Draw(a.shown, style)
}

// Imprint is what files of an answer say of themselves.
type Imprint struct {
	// Heatmap is what the drawn map's file is called, "" if there is none.
	Heatmap string
	// Scale is the range of its colours, nil for the map's own.
	Scale *heatmap.Scale
	// Timeless files say nothing of time, cores and processor: their bytes do not depend
	// on who made them, and when.
	Timeless bool
}

// Printed is the record as a file with this imprint holds it.
func (a *Answer) Printed(p Imprint) *Record {
	r := *a.record
	if r.Heatmap = p.Heatmap; p.Scale != nil {
		r.Scale = &[2]float64{p.Scale.Lo, p.Scale.Hi}
	}
	if p.Timeless {
		r.SecondsViews, r.SecondsMap, r.Threads, r.Kernels = 0, 0, 0, ""
		if r.Precision == "" { // else bits are the card's own
			r.Device = ""
		}
		if c := r.Compare; c != nil {
			r.Compare = &CompareRecord{Positions: c.Positions, Largest: c.Largest, Different: c.Different}
		}
	}
	return &r
}

// WritePNG draws the map of the first class over the picture and writes it, as EncodePNG
// does.
func (a *Answer) WritePNG(w io.Writer, in *Input, style heatmap.Style, p Imprint) error {
	img, err := a.Draw(in, style)
	if err != nil {
		return err
	}
	p.Scale = style.Scale
	return a.EncodePNG(w, img, p)
}

// EncodePNG writes what Draw drew, with the record's summary.
func (a *Answer) EncodePNG(w io.Writer, img image.Image, p Imprint) error {
	r := a.Printed(p).Summary()
	r.Approximated, r.Bound, r.With = nil, nil, nil // score files have them
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return heatmap.EncodePNG(w, img, text)
}

// WriteScores writes the scores in the format of one of ScoreFormats.
func (a *Answer) WriteScores(w io.Writer, ending string, p Imprint) error {
	return WriteScores(w, ending, a.Printed(p))
}

// record gathers everything about one result.
func (j *Job) record(in *Input, g *obe.Grid, r *obe.Result) *Record {
	m, q := j.model, &j.question
	rec := &Record{
		Version:           j.host.Version,
		Model:             m.File.Name,
		ModelSHA256:       m.File.SHA256,
		Image:             in.source.Name,
		ImageSHA256:       in.SHA256,
		Classes:           j.classRecords(g, r),
		Output:            m.Plan.Outputs()[j.aim.Output],
		Activation:        string(j.aim.Activation()),
		ActivationReason:  j.aim.Reading.Reason,
		Value:             m.File.Config.Value,
		Score:             string(j.aim.Score),
		Target:            j.aim.Record(),
		Mode:              string(j.mode),
		Patch:             g.Patch,
		Stride:            g.Stride,
		Border:            string(q.Border),
		Fill:              fillNames(q.Fills, ","),
		Seed:              q.Seed,
		Input:             g.Plane,
		Rows:              len(g.Ys),
		Cols:              len(g.Xs),
		Ys:                g.Ys,
		Xs:                g.Xs,
		Positions:         g.Len(),
		Skipped:           r.Skipped,
		Verified:          r.Verified,
		NaN:               r.NaN,
		MultiplyAddsWhole: r.MultiplyAddsWhole,
		MultiplyAddsSpent: r.MultiplyAddsIncremental,
		SecondsViews:      r.Views.Seconds(),
		SecondsMap:        r.Map.Seconds(),
		Kernels:           m.Plan.Kernels(),
		Threads:           j.host.Threads,
		Notes:             slices.Concat(j.Notes(in), j.measuredNotes(in), j.notes),
		Preprocess:        in.Preprocessed(),
		Global:            j.global,
		Bound:             m.Bound,
		With:              in.With(q.Fills),
		FillFiles:         j.of,
	}
	rec.FlipMap, rec.Flips = flips(g, r)
	if r.NaN {
		rec.Notes = append(rec.Notes, "some scores are not numbers (NaN)")
	}
	if r.Probabilities == nil {
		return rec
	}
	top := prediction.Top(r.Probabilities, 1)[0]
	prepares := failure.Setting("preset")
	if rec.Preprocess["recording"] != nil {
		prepares = "normalize"
	}
	if n := Uniform(j.aim.Reading, r.Probabilities, prepares, j.host.spell); n != "" {
		rec.Notes = append(rec.Notes, n)
	}
	if c := r.Items[0].Index; c != top && !j.aim.classes.all {
		rec.Notes = append(rec.Notes, fmt.Sprintf("%s is mapped, but %s is predicted (%.3g)", j.ClassName(c), j.ClassName(top), r.Probabilities[top]))
	}
	return rec
}

// Scores are nearly uniform where the best one is less than this share of the way from
// 1/n to 1, and less than twice 1/n.
const nearlyUniform = 0.05

// Uniform is a note on scores that say hardly anything, "" for others. prepares is the field
// that says how inputs are made ready; spell writes the names of fields.
func Uniform(r prediction.Reading, scores []float32, prepares failure.Setting, spell func(failure.Setting) string) string {
	n, top := float64(len(scores)), float64(scores[prediction.Winner(scores)])
	if !r.Exclusive || !(top < min(2/n, 1/n+nearlyUniform*(1-1/n))) { // a NaN has its own note
		return ""
	}
	return fmt.Sprintf("the prediction is nearly uniform (%.3g, of %d classes): is the preprocessing right (%s), and the activation (%s, as %s; %s)? Are these features and no classes (%s, %s)?", top, len(scores), spell(prepares), r.Activation, r.Reason, spell("activation"), spell("target"), spell("reference"))
}

// flips gives the winner at each position, row by row, and how many differ from
// the clean picture's.
func flips(g *obe.Grid, r *obe.Result) ([][]int32, int) {
	if len(r.Winners) != g.Len() {
		return nil, 0 // of several patch sizes: each has its own
	}
	var rows [][]int32
	n := 0
	for line := range slices.Chunk(r.Winners, len(g.Xs)) {
		rows = append(rows, line)
		for _, w := range line {
			if w != r.Winner {
				n++
			}
		}
	}
	return rows, n
}

// classRecords gives each class's scores, row by row.
func (j *Job) classRecords(g *obe.Grid, r *obe.Result) []ClassRecord {
	var out []ClassRecord
	for k, item := range r.Items {
		cr := ClassRecord{Index: item.Index, Label: item.Name, Unit: item.Unit, BaseScore: Number(r.Base[k])}
		numbers := make([]Number, len(r.Scores[k]))
		for i, v := range r.Scores[k] {
			numbers[i] = Number(v)
		}
		cr.Scores = slices.Collect(slices.Chunk(numbers, len(g.Xs)))
		out = append(out, cr)
	}
	return out
}

// addMask says in the record what the mask left out.
func (r *Record) addMask(m *MaskRecord, skipped int) {
	if m == nil {
		return
	}
	r.Mask = &MaskRecord{File: m.File, SHA256: m.SHA256, Pixels: m.Pixels, Skipped: skipped}
	r.Notes = append(r.Notes, fmt.Sprintf("%d of %d positions lie off the mask: they were not measured and have the clean picture's score", skipped, r.Positions))
}

// Title names the class and its score.
func (r *Record) Title() string {
	c := r.Classes[0]
	if r.Boxes != nil {
		return r.Boxes.title(c)
	}
	t := fmt.Sprintf("%s  %.3g", className(c.Label, c.Index), float32(c.BaseScore))
	if r.Value != nil && r.Value.Unit != "" {
		t += " " + r.Value.Unit
	} else if c.Unit != "" {
		t += " " + c.Unit
	}
	return t
}

// prepared says in a few words how the input was made ready for the network.
func (r *Record) prepared(preset string) string {
	switch normalize := r.Preprocess["normalize"]; {
	case normalize != nil:
		return fmt.Sprint(normalize)
	case r.Preprocess["recording"] != nil:
		return fmt.Sprintf("mean %v, std %v", r.Preprocess["mean"], r.Preprocess["std"])
	case r.Preprocess["tensor"] != nil:
		return "a tensor, taken as it is"
	}
	return fmt.Sprintf("preprocessing %s/%s", preset, r.Preprocess["resize"])
}

// Text says in words what was done: a line, and more that are indented. preset is that of
// the model's pictures.
func (r *Record) Text(preset string) string {
	var b strings.Builder
	b.WriteString(r.Title())
	fmt.Fprintf(&b, "; %d positions in %.2f s", r.Positions, r.SecondsMap)
	if fewer := number.Ratio(float64(r.MultiplyAddsWhole), float64(r.MultiplyAddsSpent)); fewer.Finite() {
		fmt.Fprintf(&b, ", %.1f times fewer multiply-adds than running the network each time", fewer)
	}
	if r.Device != "" {
		fmt.Fprintf(&b, ", on %s", r.Device)
		if r.Precision != "" {
			fmt.Fprintf(&b, " in %s", r.Precision)
		}
	}
	fmt.Fprintf(&b, " (activation %s: %s; %s)", r.Activation, r.ActivationReason, r.prepared(preset))
	if r.Flips > 0 {
		fmt.Fprintf(&b, "; another class wins at %d positions", r.Flips)
	}
	if r.Verified > 0 {
		fmt.Fprintf(&b, "; %d positions verified bit for bit", r.Verified)
	}
	if r.Boxes != nil {
		b.WriteString(r.boxLines())
	}
	if r.Approximated != nil {
		fmt.Fprintf(&b, "\n  approximate: %s", r.Approximated.Text())
	}
	if r.Compare != nil {
		fmt.Fprintf(&b, "\n  %s", r.Compare.Text())
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\n  note: %s", n)
	}
	return b.String()
}

// Caption says in a few lines what the map is of.
func (r *Record) Caption() []string {
	value := "the class's score"
	if r.Value != nil {
		if value = "the value"; r.Value.Unit != "" {
			value += " in " + r.Value.Unit
		}
	}
	what := map[string]string{"value": value, "margin": "its margin to the best other class", "entropy": "the entropy of all scores"}[r.Score]
	if r.Boxes != nil {
		what = r.boxCaption()
	} else if r.Target != nil {
		what = r.Target.caption(r.Score, what)
	}
	size, fill := fmt.Sprintf("patch %s, stride %dx%d", patchText(r.Shape, r.Patch), r.Stride[0], r.Stride[1]), "fill "+r.Fill
	var sizes, fills []string
	for _, s := range r.Scales {
		if p := patchText(s.Shape, s.Patch); !slices.Contains(sizes, p) {
			sizes = append(sizes, p)
		}
		if !slices.Contains(fills, s.Fill) {
			fills = append(fills, s.Fill)
		}
	}
	if groups := r.byChannels(); groups != nil {
		size += ", hiding " + groupNames(groups)
	} else if r.Shape.listed() {
		size = sizes[0]
	} else if len(sizes) > 1 || len(sizes) == 1 && len(fills) == 1 {
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
	if r.Precision != "" {
		lines = append(lines, fmt.Sprintf("products in %s, on %s", r.Precision, r.Device))
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
