package bench

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"text/tabwriter"

	"krypton/internal/incremental"
	"krypton/internal/labels"
	"krypton/internal/number"
	"krypton/internal/obe"
	"krypton/internal/region"
)

// Layers is what is measured of one model step by step, on one core.
type Layers struct {
	Model     string                `json:"model"`
	Kernels   string                `json:"kernels"`
	Precision incremental.Precision `json:"precision"`
	// Machine is what one core does at most.
	Machine incremental.Machine `json:"machine"`
	// Whole is a whole run, by the plan that suits it best, Patch what one of many
	// patches takes on the mean, by theirs.
	Whole *LayersRun `json:"whole"`
	Patch *LayersRun `json:"patch,omitempty"`
}

// LayersRun are the steps of a run.
type LayersRun struct {
	// Changes were measured in chunks of Chunk; all numbers are for one of them.
	Changes   int     `json:"changes"`
	Chunk     int     `json:"chunk"`
	MS        float64 `json:"ms"`
	Predicted float64 `json:"predicted_ms"`
	Steps     []Layer `json:"steps"`
}

// Layer is a step.
type Layer struct {
	Node      string        `json:"node"`
	Operator  string        `json:"operator"`
	Algorithm string        `json:"algorithm,omitempty"`
	Plane     [3]int        `json:"plane"`
	MS        float64       `json:"ms"`
	Share     number.Double `json:"share"` // of the run
	Predicted float64       `json:"predicted_ms"`
	// GFLOPs are those of the step's algorithm.
	MultiplyAdds float64       `json:"multiply_adds"`
	GFLOPs       number.Double `json:"gflops"`
	Peak         number.Double `json:"share_of_peak"`
	// Bytes are read and written, Where (L2, L3, memory) at the bandwidth that they
	// have a share of.
	Bytes     float64       `json:"bytes"`
	Where     string        `json:"where"`
	Bandwidth number.Double `json:"share_of_bandwidth"`
	// Bound says which of the two would take longer at full speed: arithmetic or memory.
	Bound string `json:"bound"`
}

// layersPositions is how many patches are measured where nobody says.
const layersPositions = 64

// WholeLayers measures the steps of whole runs. The job's plan should be one for these
// alone.
func (j *Job) WholeLayers(ctx context.Context) (*Layers, error) {
	f, err := j.plan.ProfileWhole(ctx, j.base, j.question.Rounds)
	if err != nil {
		return nil, err
	}
	return &Layers{Model: j.name, Kernels: j.kernels.Name, Precision: j.plan.Precision(), Machine: f.Machine, Whole: layersRunOf(f)}, nil
}

// PatchLayers measures the steps of patches.
func (j *Job) PatchLayers(ctx context.Context) (*LayersRun, error) {
	v, err := j.Warm(ctx)
	if err != nil {
		return nil, err
	}
	positions := j.question.Positions
	if positions == 0 {
		positions = layersPositions
	}
	patches := erased{sampleGrid(j.grid, positions, rand.New(rand.NewPCG(1, 1)))}
	f, err := j.plan.ProfileUpdates(ctx, v, patches, incremental.Options{Memory: j.memory}, j.question.Rounds)
	if err != nil {
		return nil, err
	}
	return layersRunOf(f), nil
}

// erased are patches of zeros.
type erased struct{ grid *obe.Grid }

func (e erased) Len() int                   { return e.grid.Len() }
func (e erased) Rect(i int) region.Rect     { return e.grid.Rect(i) }
func (e erased) Write(_ int, dst []float32) { clear(dst) }

func layersRunOf(f *incremental.Profile) *LayersRun {
	r := &LayersRun{Changes: f.Changes, Chunk: f.Chunk, MS: 1000 * f.Seconds()}
	for i := range f.Steps {
		l := layerOf(&f.Steps[i], r.MS, f.Machine.Flops)
		r.Predicted += l.Predicted
		r.Steps = append(r.Steps, l)
	}
	return r
}

// layerOf is a step of a run of ms milliseconds, on a core of peak operations a second.
func layerOf(s *incremental.StepProfile, ms, peak float64) Layer {
	l := Layer{
		Node:         s.Node,
		Operator:     s.Operator,
		Algorithm:    s.Algorithm,
		Plane:        [3]int{s.Plane.H, s.Plane.W, s.Plane.C},
		MS:           1000 * s.Seconds,
		Share:        number.Ratio(1000*s.Seconds, ms),
		Predicted:    1000 * s.Predicted,
		MultiplyAdds: s.MultiplyAdds,
		GFLOPs:       number.Ratio(2e-9*s.MultiplyAdds, s.Seconds),
		Peak:         number.Ratio(2*s.MultiplyAdds/peak, s.Seconds),
		Bytes:        s.Bytes,
		Where:        s.Where,
		Bandwidth:    number.Ratio(s.Memory, s.Seconds),
		Bound:        "memory",
	}
	if s.Arithmetic >= s.Memory {
		l.Bound = "arithmetic"
	}
	return l
}

// WriteLayers writes tables for people: one for each model's run and its patches.
func WriteLayers(out io.Writer, all []*Layers) error {
	for i, r := range all {
		if i > 0 {
			fmt.Fprintln(out)
		}
		m := r.Machine
		fmt.Fprintf(out, "model         %s (%s kernels, %s)\none core      %.0f GFLOP/s; L2 %.0f, L3 %.0f, memory %.0f GB/s\n",
			labels.Printable(r.Model), r.Kernels, r.Precision, m.Flops/1e9, m.Cache/1e9, m.Outer/1e9, m.Memory/1e9)
		fmt.Fprintf(out, "whole run     %s ms, %s ms expected\n", number.Milliseconds(r.Whole.MS), number.Milliseconds(r.Whole.Predicted))
		if err := r.Whole.table(out); err != nil {
			return err
		}
		if p := r.Patch; p != nil {
			fmt.Fprintf(out, "\none patch     %s ms, %s ms expected: mean of %d patches in chunks of %d\n",
				number.Milliseconds(p.MS), number.Milliseconds(p.Predicted), p.Changes, p.Chunk)
			if err := p.table(out); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *LayersRun) table(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "ms\tshare\texpected ms\tGFLOP/s\tof peak\tKiB\tof bandwidth\tin\tbound\talgorithm\toutput\toperator\t step")
	for _, s := range r.Steps {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%.0f\t%s\t%s\t%s\t%s\t%dx%dx%d\t%s\t %s\n",
			number.Milliseconds(s.MS), s.Share.Text("%.1f%%", 100), number.Milliseconds(s.Predicted), s.GFLOPs.Text("%.0f", 1), s.Peak.Text("%.0f%%", 100),
			s.Bytes/1024, s.Bandwidth.Text("%.0f%%", 100), s.Where, s.Bound, s.Algorithm,
			s.Plane[0], s.Plane[1], s.Plane[2], s.Operator, labels.Printable(labels.Shortened(s.Node)))
	}
	return w.Flush()
}
