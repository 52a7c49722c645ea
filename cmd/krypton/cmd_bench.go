package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"krypton/internal/atomicfile"
	"krypton/internal/failure"
	"krypton/internal/incremental"
	"krypton/internal/model"
	"krypton/internal/number"
	"krypton/internal/obe"
	"krypton/internal/region"
)

// benchRow is one model's measurement. Seconds are the best of all rounds where
// their name does not say median, and those of maps are for all positions.
type benchRow struct {
	Model   string `json:"model"`
	Kernels string `json:"kernels"`
	Threads int    `json:"threads"`
	// PeakGFLOPs is the measured peak of one core times the threads.
	PeakGFLOPs float64 `json:"peak_gflops"`

	// Whole is one run of the network on one picture with all threads.
	Whole        float64       `json:"seconds_whole"`
	WholeMedian  float64       `json:"seconds_whole_median"`
	WholeRuns    int           `json:"whole_runs"`
	WholeGFLOPs  number.Double `json:"gflops_whole"`
	WholePeak    number.Double `json:"share_of_peak_whole"`
	WholeMemory  int64         `json:"peak_rss_whole"` // of the process after these runs, in bytes; 0 if not known
	MultiplyAdds int64         `json:"multiply_adds_whole"`

	// The map by incremental runs; its clean run is part of the time. Where
	// only ExactSampled positions ran, seconds are scaled by multiply-adds.
	Positions         int           `json:"positions"`
	ExactSampled      int           `json:"exact_sampled"`
	Exact             float64       `json:"seconds_exact"`
	ExactMedian       float64       `json:"seconds_exact_median"`
	MultiplyAddsExact int64         `json:"multiply_adds_exact"`
	ExactGFLOPs       number.Double `json:"gflops_exact"`
	ExactPeak         number.Double `json:"share_of_peak_exact"`
	ExactMemory       int64         `json:"peak_rss_exact"`

	// The map by whole runs, scaled from NaiveSampled positions.
	NaiveSampled int           `json:"naive_sampled"`
	Naive        float64       `json:"seconds_naive"`
	NaiveMedian  float64       `json:"seconds_naive_median"`
	NaiveGFLOPs  number.Double `json:"gflops_naive"`
	NaivePeak    number.Double `json:"share_of_peak_naive"`

	Ratio   number.Double `json:"ratio"`         // naive to exact, in seconds
	Counted number.Double `json:"ratio_counted"` // the same in multiply-adds
}

// benchOptions are the flags of `krypton bench`.
type benchOptions struct {
	model                     modelOptions
	patch, stride             obe.Size
	sample, positions, rounds int
	asJSON, force             bool
	whole, layers             bool
	raw, outputs              string
}

func newBench(io streams) *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:   "bench [MODEL...]",
		Short: "Compare naive with incremental runs on this machine",
		Long: `Time one whole run of the network, and a whole heatmap by incremental runs
against running the network at every position (a sample of positions, scaled),
in turns in one process, on a random picture. Loading and compiling the model
are not part of any time. Prints ratios, GFLOP/s and the share of this machine's
measured peak.

--layers measures each step of the plan instead, on one core: for a whole run and
for one of many patches, with milliseconds, share, GFLOP/s and bytes beside the
measured peak and bandwidth, and what was expected (krypton model info).

For comparison with other programs, --raw gives the network's input and
--outputs saves what the network answers.` + exitHelp,
		Example: `  krypton bench
  krypton bench squeezenet.onnx resnet18.onnx --patch 16 --stride 4
  krypton bench vgg16.onnx --positions 256 --rounds 5 --json
  krypton bench m.onnx --layers
  krypton bench m.onnx --raw input.f32 --outputs logits.f32 --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadSettings(cmd)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				args = []string{""}
			}
			if err := o.validate(s, args); err != nil {
				return err
			}
			if o.layers {
				return o.runLayers(cmd.Context(), s, args, io.out)
			}
			var rows []benchRow
			for _, name := range args {
				b, err := o.prepare(cmd.Context(), s, name)
				if err != nil {
					return err
				}
				if err := b.run(cmd.Context()); err != nil {
					return fmt.Errorf("model %s: %w", b.row.Model, err)
				}
				rows = append(rows, b.row)
			}
			if o.asJSON {
				return json.NewEncoder(io.out).Encode(rows)
			}
			return printBench(io.out, rows)
		},
	}
	f := cmd.Flags()
	typed(f, &o.patch, "patch", "16", obe.ParseSize, "patch `size` in pixels or percent of the network's input: 16, 10% or HxW")
	typed(f, &o.stride, "stride", "4", obe.ParseSize, "`step` between positions in pixels or percent: 4, 2% or YxX")
	f.IntVar(&o.rounds, "rounds", 2, "turns; the best of them counts")
	f.IntVar(&o.positions, "positions", 0, "measure the map on about `N` random positions and scale it by multiply-adds (default: all positions)")
	f.IntVar(&o.sample, "sample", 128, "positions that are run naively, 0 for none")
	f.StringVar(&o.raw, "raw", "", "run on this `file` of little-endian float32 numbers, in the order of the model's input, instead of a random picture")
	f.StringVar(&o.outputs, "outputs", "", "write the outputs of a whole run to this `file`: little-endian float32 numbers, one output after the other")
	f.BoolVar(&o.whole, "whole", false, "measure whole runs alone, with the plan that suits them best")
	f.BoolVar(&o.layers, "layers", false, "measure step by step, on one core; --rounds and --positions say how often, --whole leaves the patches out")
	f.BoolVar(&o.force, "force", false, "replace the file of --outputs")
	f.BoolVar(&o.asJSON, "json", false, "print a JSON array")
	o.model.addLoadFlags(f)
	return cmd
}

func (o *benchOptions) validate(s *settings, models []string) error {
	if o.sample < 0 || o.positions < 0 || o.rounds < 1 {
		return failure.Usagef("--sample %d, --positions %d, --rounds %d: want no negative number, and a round at least", o.sample, o.positions, o.rounds)
	}
	if o.layers && o.outputs != "" {
		return failure.Usagef("--layers with --outputs: want one of them")
	}
	if len(models) > 1 && (o.raw != "" || o.outputs != "") {
		return failure.Usagef("--raw and --outputs are for one model")
	}
	if o.outputs != "" {
		return s.inputs.checkOutput(o.outputs, o.force)
	}
	return nil
}

// benchmark is one model being measured.
type benchmark struct {
	options    *benchOptions
	plan       *incremental.Plan
	threads    int
	memory     int64
	base, fill []float32
	// The grid of the map, and the parts of it that are run.
	grid, exact, naive *obe.Grid
	row                benchRow
}

func (o *benchOptions) prepare(ctx context.Context, s *settings, name string) (*benchmark, error) {
	b := &benchmark{options: o}
	var err error
	if b.threads, _, err = s.threads(); err != nil {
		return nil, err
	}
	if b.memory, err = s.memory(); err != nil {
		return nil, err
	}
	k, _, err := s.kernels()
	if err != nil {
		return nil, err
	}
	o.model.model = name
	need := model.Need{}
	if !o.whole {
		need = need.For([]obe.Size{o.patch}, o.stride)
	}
	n, made, err := o.model.planned(ctx, s, need)
	if err != nil {
		return nil, err
	}
	b.plan = made.First
	if b.memory, err = limited(b.memory).Some(b.plan.ViewBytes()); err != nil {
		return nil, hinted(err)
	}
	b.row = benchRow{Model: n.File.Name, Kernels: k.Name, Threads: b.threads, PeakGFLOPs: k.Peak() * float64(b.threads) / 1e9,
		MultiplyAdds: b.plan.MultiplyAdds()}
	plane := b.plan.InputPlane()
	if b.grid, err = obe.NewGrid(plane.H, plane.W, o.patch.On(plane.H, plane.W), o.stride.On(plane.H, plane.W), obe.Cover, region.Rect{}); err != nil {
		return nil, failure.As(failure.Usage, err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	b.exact, b.naive = sampleGrid(b.grid, o.positions, rng), sampleGrid(b.grid, o.sample, rng)
	b.base, b.fill = make([]float32, plane.Len()), make([]float32, plane.Len())
	for i := range b.base {
		b.base[i] = rng.Float32()*2 - 1
	}
	if o.raw != "" {
		b.base, err = b.readRaw(o.raw)
	}
	return b, err
}

// readRaw reads the network's input from a file.
func (b *benchmark) readRaw(path string) ([]float32, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, failure.As(failure.Missing, err)
	}
	if err != nil {
		return nil, failure.As(failure.Data, err)
	}
	plane := b.plan.InputPlane()
	if len(data) != 4*plane.Len() {
		return nil, failure.Dataf("%s: %d bytes, but the network reads %d float32 numbers (%dx%d pixels of %d channels)", path, len(data), plane.Len(), plane.H, plane.W, plane.C)
	}
	onnx := make([]float32, plane.Len())
	for i := range onnx {
		onnx[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return b.plan.Arrange(onnx), nil
}

// sampleGrid takes about n positions of a grid, all of them if n is 0: rows
// and columns drawn at random from equal parts of each.
func sampleGrid(g *obe.Grid, n int, rng *rand.Rand) *obe.Grid {
	s := *g
	if n == 0 || n >= g.Len() {
		return &s
	}
	rows := min(len(g.Ys), max(1, int(math.Round(math.Sqrt(float64(n*len(g.Ys))/float64(len(g.Xs)))))))
	draw := func(from []int, k int) []int {
		to := make([]int, k)
		for i := range to {
			lo, hi := len(from)*i/k, len(from)*(i+1)/k
			to[i] = from[lo+rng.IntN(hi-lo)]
		}
		return to
	}
	s.Ys, s.Xs = draw(g.Ys, rows), draw(g.Xs, min(len(g.Xs), max(1, n/rows)))
	return &s
}

// run measures in turns, since machines are often shared: a slow minute then
// meets all sides.
func (b *benchmark) run(ctx context.Context) error {
	if err := b.writeOutputs(ctx); err != nil { // also the warm-up
		return err
	}
	for i := range b.grid.Len() {
		b.row.MultiplyAddsExact += b.plan.Count(b.grid.Rect(i))
	}
	var whole, exact, naive []float64
	for range b.options.rounds {
		w, err := b.wholeRuns(ctx)
		if err != nil {
			return err
		}
		whole = append(whole, w...)
		if b.row.WholeMemory == 0 {
			b.row.WholeMemory = peakMemory()
		}
		if b.options.whole {
			continue
		}
		e, err := b.exactMap(ctx)
		if err != nil {
			return err
		}
		exact = append(exact, e)
		if b.row.ExactMemory == 0 {
			b.row.ExactMemory = peakMemory()
		}
		if b.options.sample == 0 {
			continue
		}
		n, err := b.explain(ctx, b.naive, obe.Naive)
		if err != nil {
			return err
		}
		naive = append(naive, n.Map.Seconds()*float64(b.grid.Len())/float64(b.naive.Len()))
	}
	b.summarize(whole, exact, naive)
	return nil
}

// wholeRuns times runs of the whole network: three, or as many as fit into half
// a second.
func (b *benchmark) wholeRuns(ctx context.Context) ([]float64, error) {
	var times []float64
	f := b.plan.NewInference(b.threads)
	for start := time.Now(); len(times) < 3 || time.Since(start) < time.Second/2; {
		t := time.Now()
		if err := f.Run(ctx, b.base); err != nil {
			return nil, err
		}
		times = append(times, time.Since(t).Seconds())
	}
	return times, nil
}

// exactMap times the heatmap by incremental runs.
func (b *benchmark) exactMap(ctx context.Context) (float64, error) {
	r, err := b.explain(ctx, b.exact, obe.Exact)
	if err != nil {
		return 0, err
	}
	scale := 1.0
	if b.exact.Len() < b.grid.Len() {
		by := number.Ratio(float64(b.row.MultiplyAddsExact), float64(r.MultiplyAddsIncremental))
		if !by.Finite() { // a network without any
			by = number.Ratio(float64(b.grid.Len()), float64(b.exact.Len()))
		}
		scale = float64(by)
	}
	return r.Views.Seconds() + r.Map.Seconds()*scale, nil
}

func (b *benchmark) explain(ctx context.Context, g *obe.Grid, mode obe.Mode) (*obe.Result, error) {
	return obe.Explain(ctx, obe.Task{Plan: b.plan, Base: b.base, Fill: b.fill, Grid: g, Mode: mode, Workers: b.threads, Memory: b.memory})
}

// writeOutputs runs the network once and saves its outputs if that is wanted.
func (b *benchmark) writeOutputs(ctx context.Context) error {
	v, err := b.plan.Materialize(ctx, b.base, b.threads)
	if err != nil || b.options.outputs == "" {
		return err
	}
	workBegins(ctx)
	var buf bytes.Buffer
	for i, name := range b.plan.Outputs() {
		f, err := b.plan.Output(v, i).Floats()
		if err != nil {
			return fmt.Errorf("output %q: %w", name, err)
		}
		if err := binary.Write(&buf, binary.LittleEndian, f); err != nil {
			return err
		}
	}
	return failure.As(failure.CantCreate, atomicfile.Write(b.options.outputs, b.options.force, func(w io.Writer) error {
		_, err := w.Write(buf.Bytes())
		return err
	}))
}

// summarize turns the times of all rounds into the row.
func (b *benchmark) summarize(whole, exact, naive []float64) {
	r := &b.row
	r.WholeRuns, r.Positions, r.ExactSampled = len(whole), b.grid.Len(), b.exact.Len()
	r.Whole, r.WholeMedian = bestAndMedian(whole)
	r.WholeGFLOPs = number.Ratio(2*float64(r.MultiplyAdds), 1e9*r.Whole)
	r.WholePeak = number.Ratio(float64(r.WholeGFLOPs), r.PeakGFLOPs)
	if len(exact) == 0 {
		return
	}
	r.Exact, r.ExactMedian = bestAndMedian(exact)
	r.ExactGFLOPs = number.Ratio(2*float64(r.MultiplyAddsExact+r.MultiplyAdds), 1e9*r.Exact)
	r.ExactPeak = number.Ratio(float64(r.ExactGFLOPs), r.PeakGFLOPs)
	all := float64(r.Positions) * float64(r.MultiplyAdds)
	r.Counted = number.Ratio(all, float64(r.MultiplyAddsExact))
	if len(naive) > 0 {
		r.NaiveSampled = b.naive.Len()
		r.Naive, r.NaiveMedian = bestAndMedian(naive)
		r.NaiveGFLOPs = number.Ratio(2*all, 1e9*r.Naive)
		r.NaivePeak, r.Ratio = number.Ratio(float64(r.NaiveGFLOPs), r.PeakGFLOPs), number.Ratio(r.Naive, r.Exact)
	}
}

func bestAndMedian(t []float64) (best, median float64) {
	slices.Sort(t)
	return t[0], (t[len(t)/2] + t[(len(t)-1)/2]) / 2
}

// printBench writes the table for people.
func printBench(out io.Writer, rows []benchRow) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "model\tone run ms\tGFLOP/s\tpositions\tnaive s\texact s\tratio\tcounted\tnaive GFLOP/s\texact GFLOP/s\tof peak: run\tnaive\texact\tMiB\t\n")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%.2f\t%s\t%d\t%.2f\t%.2f\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t\n", r.Model, 1000*r.Whole, r.WholeGFLOPs.Text("%.0f", 1), r.Positions, r.Naive, r.Exact, r.Ratio.Text("%.2fx", 1), r.Counted.Text("%.2fx", 1),
			r.NaiveGFLOPs.Text("%.0f", 1), r.ExactGFLOPs.Text("%.0f", 1), r.WholePeak.Text("%.0f%%", 100), r.NaivePeak.Text("%.0f%%", 100), r.ExactPeak.Text("%.0f%%", 100), r.ExactMemory>>20)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range rows {
		if r.ExactSampled < r.Positions {
			fmt.Fprintf(out, "\n%s: exact is scaled from %d of %d positions", printable(r.Model), r.ExactSampled, r.Positions)
		}
	}
	r := rows[0]
	_, err := fmt.Fprintf(out, "\npeak: %.0f GFLOP/s on %d threads (%s kernels); naive is scaled from %d positions\n", r.PeakGFLOPs, r.Threads, r.Kernels, r.NaiveSampled)
	return err
}
