// Package inspect says what a model contains, and what running it and patches of it would
// cost, step by step.
package inspect

import (
	"context"
	"fmt"
	"time"

	"krypton/internal/detect"
	"krypton/internal/explain"
	"krypton/internal/graph"
	"krypton/internal/incremental"
	"krypton/internal/model"
	"krypton/internal/number"
	"krypton/internal/obe"
	"krypton/internal/region"
)

// Question says what is looked at besides the model itself.
type Question struct {
	// Patch, if it is no zero, is a patch whose cost is predicted, at positions Stride
	// apart.
	Patch, Stride obe.Size
}

// Need is what a plan must be able to do.
func (q Question) Need() model.Need {
	return model.Need{}.For([]obe.Patch{obe.Plain(q.Patch)}, q.Stride)
}

// Report is what there is to say of a model.
type Report struct {
	picture    string         // the name of its input
	Model      string         `json:"model"`
	SHA256     string         `json:"sha256"`
	Bytes      int            `json:"bytes"`
	Facts      graph.Facts    `json:"facts"`
	Input      [3]int         `json:"input_plane"` // height, width, channels
	Outputs    []Output       `json:"outputs"`
	Operators  map[string]int `json:"operators"`
	Localities map[string]int `json:"localities"`
	// Settings are those that the model makes itself, Detector its head.
	Settings []Setting    `json:"settings,omitempty"`
	Labels   int          `json:"labels,omitempty"`
	Detector *detect.Spec `json:"detector,omitempty"`
	Notes    []string     `json:"notes,omitempty"`
	Steps    []Step       `json:"steps"`
	Whole    int64        `json:"multiply_adds_whole"`
	// Predicted is the sum of the steps' milliseconds, of a whole run on one core.
	Predicted float64 `json:"predicted_ms"`
	ViewBytes int64   `json:"view_bytes"`
	Patch     *Patch  `json:"patch,omitempty"`
}

// Output is one of a model's outputs.
type Output struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
}

// Setting is a setting that the model makes, and where it says so.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	From  string `json:"from"`
}

// Step is a step of its plan.
type Step struct {
	Node     string `json:"node"`
	Operator string `json:"operator"`
	Locality string `json:"locality"`
	// Algorithm is that of incremental.StepCost: how a convolution is computed, or that
	// a step is slow; empty for other steps.
	Algorithm   string `json:"algorithm,omitempty"`
	Plane       [3]int `json:"plane"`
	Region      string `json:"region,omitempty"`
	Whole       int64  `json:"multiply_adds_whole"`
	Incremental int64  `json:"multiply_adds_incremental,omitempty"`
	// Reference says that the operator's reference computes the step.
	Reference bool `json:"by_reference,omitempty"`
	// What the step is expected to take on one core: of a whole run, and for the patch
	// at the centre.
	PredictedWhole float64 `json:"predicted_ms"`
	Predicted      float64 `json:"predicted_ms_incremental,omitempty"`
}

// Patch is what a patch costs: at the centre, and on the mean over a grid.
type Patch struct {
	grid      *obe.Grid
	Patch     [2]int        `json:"patch"`
	Stride    [2]int        `json:"stride"`
	Positions int           `json:"positions"`
	Centre    int64         `json:"multiply_adds_centre"`
	Mean      float64       `json:"multiply_adds_mean"`
	Speedup   number.Double `json:"times_fewer"`
	Bytes     int64         `json:"bytes_per_position"`
	// Predicted is the sum of the steps' milliseconds, for the patch at the centre on
	// one core.
	Predicted float64 `json:"predicted_ms_centre"`
	// Seconds that a map is expected to take on this machine, from a short
	// calibration.
	Seconds float64 `json:"predicted_seconds"`
	Threads int     `json:"threads"`
	// Global says why updates save little, nil where they save more.
	Global *incremental.Global `json:"global,omitempty"`
}

// Look makes the report of a network and a plan of it.
func (q Question) Look(n *model.Network, p *incremental.Plan) (*Report, error) {
	file, g, plane := n.File, n.Graph, p.InputPlane()
	r := &Report{
		picture:    g.Values[g.Inputs[0]].Name,
		Model:      file.Name,
		SHA256:     file.SHA256,
		Bytes:      file.Bytes,
		Facts:      g.Facts,
		Input:      [3]int{plane.H, plane.W, plane.C},
		Operators:  map[string]int{},
		Localities: map[string]int{},
		ViewBytes:  p.ViewBytes(),
		Whole:      p.Count(plane.Rect()),
	}
	for _, n := range g.Nodes {
		r.Operators[n.Def.Name]++
		r.Localities[n.Locality.Kind.String()]++
	}
	for i, name := range p.Outputs() {
		r.Outputs = append(r.Outputs, Output{name, p.OutputShape(i)})
	}
	var at region.Rect
	if q.Patch != (obe.Size{}) {
		var err error
		if r.Patch, at, err = q.patch(p, r.Whole); err != nil {
			return nil, err
		}
	}
	r.addSteps(p, at)
	return r, nil
}

// patch is what a patch costs where a whole run has so many multiply-adds, and where its
// one at the centre lies.
func (q Question) patch(p *incremental.Plan, whole int64) (*Patch, region.Rect, error) {
	plane := p.InputPlane()
	grid, err := obe.GridOn(plane, q.Patch, q.Stride, obe.Cover, obe.Region{})
	if err != nil {
		return nil, region.Rect{}, err
	}
	size := grid.Patch
	y, x := (plane.H-size[0])/2, (plane.W-size[1])/2
	at := region.Rect{Y: region.Span{Lo: y, Hi: y + size[0]}, X: region.Span{Lo: x, Hi: x + size[1]}}
	total := 0.0
	for i := range grid.Len() {
		total += float64(p.Count(grid.Rect(i)))
	}
	mean := total / float64(grid.Len())
	return &Patch{
		grid:      grid,
		Patch:     size,
		Stride:    grid.Stride,
		Positions: grid.Len(),
		Centre:    p.Count(at),
		Mean:      mean,
		Speedup:   number.Ratio(float64(whole), mean),
		Bytes:     p.PositionBytes(at),
		Global:    p.Global(obe.Typical([]obe.Patch{obe.Plain(q.Patch)}, q.Stride)(plane)),
	}, at, nil
}

// addSteps adds the steps of a plan, with what the patch at the centre costs in each.
func (r *Report) addSteps(p *incremental.Plan, at region.Rect) {
	predicted := p.Predict(p.Machine(), at)
	for i, c := range p.Cost(at) {
		s := Step{
			Node:           c.Node,
			Operator:       c.Operator,
			Locality:       c.Locality.String(),
			Algorithm:      c.Algorithm,
			Plane:          [3]int{c.Plane.H, c.Plane.W, c.Plane.C},
			Whole:          c.Whole,
			Reference:      c.Reference(),
			PredictedWhole: 1000 * predicted[i].Whole,
		}
		r.Predicted += s.PredictedWhole
		if r.Patch != nil {
			s.Region, s.Incremental, s.Predicted = c.Region.String(), c.Incremental, 1000*predicted[i].Incremental
			r.Patch.Predicted += s.Predicted
		}
		r.Steps = append(r.Steps, s)
	}
}

// Said is what a model says of itself: by its Own file, by Metadata. LabelsFrom is what
// of these names of classes come from, if they do. Spell writes errors.
type Said struct {
	Own, Metadata []Setting
	Notes         []string
	LabelsFrom    string
	Spell         func(error) string
}

// Tell adds what the model says of itself.
func (r *Report) Tell(n *model.Network, p *incremental.Plan, said Said) {
	named := false
	for _, s := range said.Own {
		if s.Key == "labels" {
			named = true
			continue
		}
		r.Settings = append(r.Settings, s)
	}
	r.Settings = append(r.Settings, said.Metadata...)
	r.Notes = said.Notes
	l, err := n.Labels("")
	if err != nil {
		r.Notes = append(r.Notes, said.Spell(err))
	}
	if r.Labels = len(l); r.Labels > 0 {
		from := n.File.Where
		if said.LabelsFrom != "" {
			from = said.LabelsFrom
		} else if !named {
			from = "the graph"
		}
		r.Settings = append(r.Settings, Setting{"labels", fmt.Sprintf("%d names", len(l)), from})
	}
	if r.Detector, err = n.Detector(p, len(l)); err == nil && r.Detector != nil {
		plane := p.InputPlane()
		r.Detector, err = r.Detector.Fit(model.OutputsOf(p), len(l), plane.W, plane.H)
	}
	if err != nil {
		r.Notes = append(r.Notes, err.Error())
	}
}

// Calibration is how long predictions measure.
const Calibration = 200 * time.Millisecond

// Predict estimates the time of a map on the host.
func (r *Patch) Predict(ctx context.Context, p *incremental.Plan, h explain.Host) error {
	t, err := obe.Predict(ctx, obe.Task{Plan: p, Grid: r.grid, Workers: h.Threads, Memory: h.Working(p.ViewBytes())}, Calibration)
	if err != nil {
		return err
	}
	r.Threads, r.Seconds = h.Threads, (t.Views + t.Map).Seconds()
	return nil
}
