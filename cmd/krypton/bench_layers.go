package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"text/tabwriter"

	"krypton/internal/incremental"
	"krypton/internal/number"
	"krypton/internal/obe"
	"krypton/internal/region"
)

// layersReport is what `bench --layers` tells of one model.
type layersReport struct {
	Model     string                `json:"model"`
	Kernels   string                `json:"kernels"`
	Precision incremental.Precision `json:"precision"`
	// Machine is what one core does at most.
	Machine incremental.Machine `json:"machine"`
	// Whole is a whole run, by the plan that suits it best, Patch what one of many
	// patches takes on the mean, by theirs.
	Whole *layersRun `json:"whole"`
	Patch *layersRun `json:"patch,omitempty"`
}

type layersRun struct {
	// Changes were measured in chunks of Chunk; all numbers are for one of them.
	Changes   int           `json:"changes"`
	Chunk     int           `json:"chunk"`
	MS        float64       `json:"ms"`
	Predicted float64       `json:"predicted_ms"`
	Steps     []layerReport `json:"steps"`
}

type layerReport struct {
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

// layersPositions is how many patches are measured where --positions does not say.
const layersPositions = 64

// runLayers measures models step by step and prints what it found.
func (o *benchOptions) runLayers(ctx context.Context, s *settings, models []string, out io.Writer) error {
	var reports []*layersReport
	for _, name := range models {
		r, err := o.layersOf(ctx, s, name)
		if err != nil {
			return err
		}
		reports = append(reports, r)
	}
	if o.asJSON {
		return json.NewEncoder(out).Encode(reports)
	}
	return printLayers(out, reports)
}

// layersOf measures one model step by step.
func (o *benchOptions) layersOf(ctx context.Context, s *settings, name string) (*layersReport, error) {
	only := *o
	only.whole = true
	b, err := only.prepare(ctx, s, name)
	if err != nil {
		return nil, err
	}
	f, err := b.plan.ProfileWhole(ctx, b.base, o.rounds)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", b.row.Model, err)
	}
	r := &layersReport{Model: b.row.Model, Kernels: b.row.Kernels, Precision: b.plan.Precision(), Machine: f.Machine, Whole: layersRunOf(f)}
	if o.whole {
		return r, nil
	}
	if b, err = o.prepare(ctx, s, name); err != nil {
		return nil, err
	}
	v, err := b.plan.Materialize(ctx, b.base, b.threads)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", r.Model, err)
	}
	positions := o.positions
	if positions == 0 {
		positions = layersPositions
	}
	patches := erased{sampleGrid(b.grid, positions, rand.New(rand.NewPCG(1, 1)))}
	if f, err = b.plan.ProfileUpdates(ctx, v, patches, incremental.Options{Memory: limited(b.memory).Working(b.plan.ViewBytes())}, o.rounds); err != nil {
		return nil, fmt.Errorf("model %s: %w", r.Model, err)
	}
	r.Patch = layersRunOf(f)
	return r, nil
}

// erased are patches of zeros.
type erased struct{ grid *obe.Grid }

func (e erased) Len() int                   { return e.grid.Len() }
func (e erased) Rect(i int) region.Rect     { return e.grid.Rect(i) }
func (e erased) Write(_ int, dst []float32) { clear(dst) }

func layersRunOf(f *incremental.Profile) *layersRun {
	r := &layersRun{Changes: f.Changes, Chunk: f.Chunk, MS: 1000 * f.Seconds()}
	for i := range f.Steps {
		s := &f.Steps[i]
		l := layerReport{Node: s.Node, Operator: s.Operator, Algorithm: s.Algorithm, Plane: [3]int{s.Plane.H, s.Plane.W, s.Plane.C},
			MS: 1000 * s.Seconds, Share: number.Ratio(1000*s.Seconds, r.MS), Predicted: 1000 * s.Predicted,
			MultiplyAdds: s.MultiplyAdds, GFLOPs: number.Ratio(2e-9*s.MultiplyAdds, s.Seconds), Peak: number.Ratio(2*s.MultiplyAdds/f.Machine.Flops, s.Seconds),
			Bytes: s.Bytes, Where: s.Where, Bandwidth: number.Ratio(s.Memory, s.Seconds), Bound: "memory"}
		if s.Arithmetic >= s.Memory {
			l.Bound = "arithmetic"
		}
		r.Predicted += l.Predicted
		r.Steps = append(r.Steps, l)
	}
	return r
}

// printLayers writes the tables for people.
func printLayers(out io.Writer, reports []*layersReport) error {
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(out)
		}
		m := r.Machine
		fmt.Fprintf(out, "model         %s (%s kernels, %s)\none core      %.0f GFLOP/s; L2 %.0f, L3 %.0f, memory %.0f GB/s\n",
			printable(r.Model), r.Kernels, r.Precision, m.Flops/1e9, m.Cache/1e9, m.Outer/1e9, m.Memory/1e9)
		fmt.Fprintf(out, "whole run     %s ms, %s ms expected\n", short(r.Whole.MS), short(r.Whole.Predicted))
		if err := r.Whole.table(out); err != nil {
			return err
		}
		if p := r.Patch; p != nil {
			fmt.Fprintf(out, "\none patch     %s ms, %s ms expected: mean of %d patches in chunks of %d\n", short(p.MS), short(p.Predicted), p.Changes, p.Chunk)
			if err := p.table(out); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *layersRun) table(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "ms\tshare\texpected ms\tGFLOP/s\tof peak\tKiB\tof bandwidth\tin\tbound\talgorithm\toutput\toperator\t step")
	for _, s := range r.Steps {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%.0f\t%s\t%s\t%s\t%s\t%dx%dx%d\t%s\t %s\n", short(s.MS), s.Share.Text("%.1f%%", 100), short(s.Predicted), s.GFLOPs.Text("%.0f", 1), s.Peak.Text("%.0f%%", 100),
			s.Bytes/1024, s.Bandwidth.Text("%.0f%%", 100), s.Where, s.Bound, s.Algorithm, s.Plane[0], s.Plane[1], s.Plane[2], s.Operator, printable(shortened(s.Node)))
	}
	return w.Flush()
}
