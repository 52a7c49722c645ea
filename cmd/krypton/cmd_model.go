package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"krypton/internal/detect"
	"krypton/internal/failure"
	"krypton/internal/graph"
	"krypton/internal/incremental"
	"krypton/internal/model"
	"krypton/internal/number"
	"krypton/internal/obe"
	"krypton/internal/region"
)

func newModel(io streams) *cobra.Command {
	cmd := &cobra.Command{Use: "model", Short: "Look at models, and fetch public ones", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newModelInfo(io), newModelList(io), newModelPull(io), newModelRemove(io))
	return cmd
}

// modelReport is what `model info --json` prints.
type modelReport struct {
	picture    string         // the name of its input
	Model      string         `json:"model"`
	SHA256     string         `json:"sha256"`
	Bytes      int            `json:"bytes"`
	Facts      graph.Facts    `json:"facts"`
	Input      [3]int         `json:"input_plane"` // height, width, channels
	Outputs    []outputReport `json:"outputs"`
	Operators  map[string]int `json:"operators"`
	Localities map[string]int `json:"localities"`
	// Settings are those that the model makes itself, Detector its head.
	Settings []settingReport `json:"settings,omitempty"`
	Labels   int             `json:"labels,omitempty"`
	Detector *detect.Spec    `json:"detector,omitempty"`
	Notes    []string        `json:"notes,omitempty"`
	Steps    []stepReport    `json:"steps"`
	Whole    int64           `json:"multiply_adds_whole"`
	// Predicted is the sum of the steps' milliseconds, of a whole run on one core.
	Predicted float64      `json:"predicted_ms"`
	ViewBytes int64        `json:"view_bytes"`
	Patch     *patchReport `json:"patch,omitempty"`
}

type outputReport struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
}

// settingReport is a setting that the model makes, and where it says so.
type settingReport struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	From  string `json:"from"`
}

type stepReport struct {
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

// patchReport is what a patch costs: at the centre, and on the mean over a grid.
type patchReport struct {
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
}

// newInspect is model info by a name that other tools use.
func newInspect(io streams) *cobra.Command {
	cmd := newModelInfo(io)
	cmd.Use = "inspect [MODEL]"
	cmd.Short += " (model info)"
	cmd.Example = strings.ReplaceAll(cmd.Example, "krypton model info", "krypton inspect")
	return cmd
}

func newModelInfo(io streams) *cobra.Command {
	var o modelOptions
	var patch, stride obe.Size
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info [MODEL]",
		Short: "Show what a model contains and what a patch would cost, layer by layer",
		Long: `Show inputs, outputs, operator set, operators with their locality, parameters,
multiply-adds and view memory; with --patch also what a patch of that size costs
incrementally, layer by layer for a patch at the centre, and on the mean over all
positions. The columns "ms" are what each step is expected to take on one core of
this machine, from its multiply-adds at the measured peak and its bytes at the
measured bandwidth (krypton bench --layers measures it); "reference" marks steps
that run by the operator's plain definition and are slow, "plain" those that call
a function for each number. A model that cannot be run is refused with every
reason.` + exitHelp,
		Example: `  krypton model info resnet.onnx
  krypton model info resnet.onnx --patch 16 --stride 4
  krypton model info detector.onnx --size 320x320 --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadSettings(cmd)
			if err != nil {
				return err
			}
			if len(args) > 0 {
				o.model = args[0]
			}
			n, made, err := o.planned(cmd.Context(), s, model.Need{}.For([]obe.Size{patch}, stride))
			if err != nil {
				return err
			}
			r, err := report(n, made.First, patch, stride)
			if err != nil {
				return err
			}
			r.tellSettings(s, n, made.First)
			if r.Patch != nil {
				if err := r.Patch.predict(cmd.Context(), s, made.First); err != nil {
					return err
				}
			}
			if asJSON {
				return json.NewEncoder(io.out).Encode(r)
			}
			_, err = fmt.Fprint(io.out, printable(r.text()))
			return err
		},
	}
	o.addLoadFlags(cmd.Flags())
	typed(cmd.Flags(), &patch, "patch", "", optional(obe.ParseSize), "also show what a patch of this `size` costs: 16, 10% or HxW")
	typed(cmd.Flags(), &stride, "stride", "4", obe.ParseSize, "step between positions for the mean: 4, 2% or YxX")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func report(n *model.Network, p *incremental.Plan, patch, stride obe.Size) (*modelReport, error) {
	file, g, plane := n.File, n.Graph, p.InputPlane()
	r := &modelReport{picture: g.Values[g.Inputs[0]].Name, Model: file.Name, SHA256: file.SHA256, Bytes: file.Bytes, Facts: g.Facts, Input: [3]int{plane.H, plane.W, plane.C},
		Operators: map[string]int{}, Localities: map[string]int{}, ViewBytes: p.ViewBytes(), Whole: p.Count(plane.Rect())}
	for _, n := range g.Nodes {
		r.Operators[n.Def.Name]++
		r.Localities[n.Locality.Kind.String()]++
	}
	for i, name := range p.Outputs() {
		r.Outputs = append(r.Outputs, outputReport{name, p.OutputShape(i)})
	}
	var at region.Rect
	if patch != (obe.Size{}) {
		size, step := patch.On(plane.H, plane.W), stride.On(plane.H, plane.W)
		grid, err := obe.NewGrid(plane.H, plane.W, size, step, obe.Cover, region.Rect{})
		if err != nil {
			return nil, failure.As(failure.Usage, err)
		}
		y, x := (plane.H-size[0])/2, (plane.W-size[1])/2
		at = region.Rect{Y: region.Span{Lo: y, Hi: y + size[0]}, X: region.Span{Lo: x, Hi: x + size[1]}}
		total := 0.0
		for i := range grid.Len() {
			total += float64(p.Count(grid.Rect(i)))
		}
		mean := total / float64(grid.Len())
		r.Patch = &patchReport{grid: grid, Patch: size, Stride: step, Positions: grid.Len(), Centre: p.Count(at), Mean: mean,
			Speedup: number.Ratio(float64(r.Whole), mean), Bytes: p.PositionBytes(at)}
	}
	predicted := p.Predict(p.Machine(), at)
	for i, c := range p.Cost(at) {
		s := stepReport{Node: c.Node, Operator: c.Operator, Locality: c.Locality.String(), Algorithm: c.Algorithm, Plane: [3]int{c.Plane.H, c.Plane.W, c.Plane.C}, Whole: c.Whole,
			Reference: c.Reference(), PredictedWhole: 1000 * predicted[i].Whole}
		r.Predicted += s.PredictedWhole
		if r.Patch != nil {
			s.Region, s.Incremental, s.Predicted = c.Region.String(), c.Incremental, 1000*predicted[i].Incremental
			r.Patch.Predicted += s.Predicted
		}
		r.Steps = append(r.Steps, s)
	}
	return r, nil
}

// tellSettings adds what the model says of itself, by its own file or by metadata.
func (r *modelReport) tellSettings(s *settings, n *model.Network, p *incremental.Plan) {
	file := n.File
	for _, key := range slices.Sorted(maps.Keys(s.model)) {
		if key != "labels" {
			r.Settings = append(r.Settings, settingReport{key, fmt.Sprint(s.model[key]), file.Where})
		}
	}
	for _, v := range file.Says.Values {
		if s.metadata[v.Key] != "" {
			r.Settings = append(r.Settings, settingReport{v.Key, v.Value, "metadata " + v.From})
		}
	}
	r.Notes = s.notes
	l, err := n.Labels("")
	if err != nil {
		r.Notes = append(r.Notes, hinted(err).Error())
	}
	if r.Labels = len(l); r.Labels > 0 {
		from := file.Where
		if key := s.metadata["labels"]; key != "" {
			from = "metadata " + key
		} else if _, ok := s.model["labels"]; !ok {
			from = "the graph"
		}
		r.Settings = append(r.Settings, settingReport{"labels", fmt.Sprintf("%d names", len(l)), from})
	}
	if r.Detector, err = n.Detector(p, len(l)); err == nil && r.Detector != nil {
		plane := p.InputPlane()
		r.Detector, err = r.Detector.Fit(model.OutputsOf(p), len(l), plane.W, plane.H)
	}
	if err != nil {
		r.Notes = append(r.Notes, err.Error())
	}
}

// calibration is how long predictions measure.
const calibration = 200 * time.Millisecond

// predict estimates the time of a map.
func (r *patchReport) predict(ctx context.Context, s *settings, p *incremental.Plan) error {
	var err error
	if r.Threads, _, err = s.threads(); err != nil {
		return err
	}
	memory, err := s.memory()
	if err != nil {
		return err
	}
	t, err := obe.Predict(ctx, obe.Task{Plan: p, Grid: r.grid, Workers: r.Threads, Memory: limited(memory).Working(p.ViewBytes())}, calibration)
	if err != nil {
		return err
	}
	r.Seconds = (t.Views + t.Map).Seconds()
	return nil
}

// text lays the report out for people.
func (r *modelReport) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "model         %s\nsha256        %s\n", r.Model, r.SHA256)
	fmt.Fprintf(&b, "made by       %s (IR version %d, operator set %d)\n", strings.TrimSpace(r.Facts.Producer), r.Facts.IRVersion, r.Facts.Opset)
	for _, d := range r.Facts.Inputs {
		fmt.Fprintf(&b, "input         %s %s [%s]", d.Name, d.Elem, strings.Join(d.Dims, " "))
		if d.Name == r.picture {
			fmt.Fprintf(&b, ", run as %dx%d pixels of %d channels", r.Input[0], r.Input[1], r.Input[2])
		}
		b.WriteByte('\n')
	}
	for _, o := range r.Outputs {
		fmt.Fprintf(&b, "output        %s %v\n", o.Name, o.Shape)
	}
	for _, i := range r.Facts.Bound {
		fmt.Fprintf(&b, "bound         %s = %v, by its name\n", i.Name, i.Values)
	}
	for _, u := range r.Facts.Left {
		fmt.Fprintf(&b, "not made      %s: %s\n", u.Name, cmp.Or(u.Why, "not asked for"))
	}
	for _, note := range r.Facts.Notes {
		fmt.Fprintf(&b, "note          %s\n", note)
	}
	if n := len(r.Facts.Labels); n > 0 {
		fmt.Fprintf(&b, "labels        %d in the graph: %s\n", n, strings.Join(r.Facts.Labels[:min(n, 8)], ", "))
	}
	fmt.Fprintf(&b, "nodes         %d in the file, %d folded into constants\n", r.Facts.Nodes, r.Facts.Folded)
	if len(r.Facts.Converted) > 0 {
		fmt.Fprintf(&b, "converted     %s to float32\n", strings.Join(r.Facts.Converted, ", "))
	}
	for _, key := range slices.Sorted(maps.Keys(r.Facts.Metadata)) {
		fmt.Fprintf(&b, "metadata      %s = %s\n", key, shortened(r.Facts.Metadata[key]))
	}
	for _, v := range r.Settings {
		fmt.Fprintf(&b, "setting       %s = %s (%s)\n", v.Key, v.Value, v.From)
	}
	if r.Detector != nil {
		fmt.Fprintf(&b, "detector      form %s, %d classes\n", r.Detector.Form, r.Detector.Classes)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note          %s\n", n)
	}
	fmt.Fprintf(&b, "parameters    %d\nmultiply-adds %.4g for a whole run\nviews         %.1f MiB\n", r.Facts.Parameters, float64(r.Whole), float64(r.ViewBytes)/(1<<20))
	fmt.Fprintf(&b, "one core      %s ms expected for a whole run", short(r.Predicted))
	if r.Patch != nil {
		fmt.Fprintf(&b, ", %s ms for the patch at the centre", short(r.Patch.Predicted))
	}
	b.WriteByte('\n')
	fmt.Fprintf(&b, "operators     %s\n", counts(r.Operators))
	fmt.Fprintf(&b, "locality      %s\n", counts(r.Localities))
	if p := r.Patch; p != nil {
		fmt.Fprintf(&b, "patch         %dx%d, stride %dx%d: %d positions, %.4g multiply-adds each on the mean (%s times fewer), %.4g at the centre, %d KiB\n",
			p.Patch[0], p.Patch[1], p.Stride[0], p.Stride[1], p.Positions, p.Mean, p.Speedup.Text("%.2f", 1), float64(p.Centre), p.Bytes>>10)
		fmt.Fprintf(&b, "predicted     %.2g s for a map on %d threads\n", p.Seconds, p.Threads)
	}
	b.WriteByte('\n')
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	head := "step\toperator\tlocality\talgorithm\toutput\twhole\tms"
	if r.Patch != nil {
		head += "\tregion (centre)\tincremental\tshare\tms"
	}
	fmt.Fprintln(w, head)
	for _, s := range r.Steps {
		name := s.Node
		if len(name) > 48 {
			name = name[:47] + "…"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%dx%dx%d\t%.3g\t%s", name, s.Operator, s.Locality, s.Algorithm, s.Plane[0], s.Plane[1], s.Plane[2], float64(s.Whole), short(s.PredictedWhole))
		if r.Patch != nil {
			fmt.Fprintf(w, "\t%s\t%.3g\t%s\t%s", s.Region, float64(s.Incremental), number.Ratio(float64(s.Incremental), float64(s.Whole)).Text("%.0f%%", 100), short(s.Predicted))
		}
		fmt.Fprintln(w)
	}
	if err := w.Flush(); err != nil { // a strings.Builder does not fail
		return err.Error()
	}
	return b.String()
}

// short is a number of milliseconds in three digits, never as a power of ten.
func short(ms float64) string {
	return strconv.FormatFloat(ms, 'f', max(0, min(4, 2-int(math.Floor(math.Log10(max(ms, 1e-4)))))), 64)
}

// shortened makes one line of metadata, which may be whole lists of names.
func shortened(text string) string {
	const most = 100
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}

func counts(m map[string]int) string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	for i, n := range names {
		names[i] = fmt.Sprintf("%s %d", n, m[n])
	}
	return strings.Join(names, ", ")
}
