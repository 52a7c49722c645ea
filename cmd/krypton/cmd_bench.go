package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"krypton/internal/obe"
	"krypton/internal/region"
)

// benchRow is one model's comparison.
type benchRow struct {
	Model       string  `json:"model"`
	Positions   int     `json:"positions"`
	Sampled     int     `json:"naive_sampled"`
	Naive       float64 `json:"seconds_naive"`
	Exact       float64 `json:"seconds_exact"`
	Ratio       float64 `json:"ratio"`
	Counted     float64 `json:"ratio_counted"`
	NaiveGFLOPs float64 `json:"gflops_naive"`
	ExactGFLOPs float64 `json:"gflops_exact"`
	NaivePeak   float64 `json:"share_of_peak_naive"`
	ExactPeak   float64 `json:"share_of_peak_exact"`
}

func newBench(io streams) *cobra.Command {
	var patch, stride string
	var sample int
	var asJSON bool
	var mo modelOptions
	cmd := &cobra.Command{
		Use:   "bench [MODEL...]",
		Short: "Compare naive with incremental runs on this machine",
		Long: `Time a whole heatmap by incremental runs against running the network at every
position (a sample of positions, scaled), in turns in one process, on a random
picture. Prints ratios, GFLOP/s and the share of this machine's measured peak.` + exitHelp,
		Example: `  krypton bench
  krypton bench squeezenet.onnx resnet18.onnx --patch 16 --stride 4
  krypton bench m.onnx --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadSettings(cmd)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				args = []string{""}
			}
			threads, _, err := s.threads()
			if err != nil {
				return err
			}
			k, err := s.kernels()
			if err != nil {
				return err
			}
			peak := k.Peak() * float64(threads)
			var rows []benchRow
			for _, name := range args {
				mo.model = name
				r, err := bench(cmd, s, &mo, patch, stride, sample, threads, peak)
				if err != nil {
					return err
				}
				rows = append(rows, r)
			}
			if asJSON {
				return json.NewEncoder(io.out).Encode(rows)
			}
			w := tabwriter.NewWriter(io.out, 0, 4, 2, ' ', tabwriter.AlignRight)
			fmt.Fprintf(w, "model\tpositions\tnaive s\texact s\tratio\tcounted\tnaive GFLOP/s\texact GFLOP/s\tof peak\t\n")
			for _, r := range rows {
				fmt.Fprintf(w, "%s\t%d\t%.2f\t%.2f\t%.2fx\t%.2fx\t%.0f\t%.0f\t%.0f%% %.0f%%\t\n", r.Model, r.Positions, r.Naive, r.Exact, r.Ratio, r.Counted,
					r.NaiveGFLOPs, r.ExactGFLOPs, 100*r.NaivePeak, 100*r.ExactPeak)
			}
			fmt.Fprintf(w, "\npeak: %.0f GFLOP/s on %d threads (%s kernels); naive is scaled from a sample of %d positions\n", peak/1e9, threads, k.Name, sample)
			return w.Flush()
		},
	}
	cmd.Flags().StringVar(&patch, "patch", "16", "patch size: 16 or HxW")
	cmd.Flags().StringVar(&stride, "stride", "4", "step between positions: 4 or YxX")
	cmd.Flags().IntVar(&sample, "sample", 128, "positions that are run naively")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	mo.addLoadFlags(cmd.Flags())
	return cmd
}

func bench(cmd *cobra.Command, s *settings, mo *modelOptions, patch, stride string, sample, threads int, peak float64) (benchRow, error) {
	var row benchRow
	file, _, p, err := mo.plan(s)
	if err != nil {
		return row, err
	}
	size, err := pair(patch)
	if err != nil {
		return row, usageError(fmt.Errorf("--patch: %w", err))
	}
	step, err := pair(stride)
	if err != nil || sample < 1 {
		return row, usageError(fmt.Errorf("--stride %q, --sample %d: want sizes from 1 on", stride, sample))
	}
	plane := p.InputPlane()
	grid, err := obe.NewGrid(plane.H, plane.W, size, step, obe.Cover, region.Rect{})
	if err != nil {
		return row, usageError(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	base, fill := make([]float32, plane.Len()), make([]float32, plane.Len())
	for i := range base {
		base[i] = rng.Float32()*2 - 1
	}
	// The naive side runs a sparser grid of about `sample` positions.
	sparse := *grid
	for len(sparse.Ys)*len(sparse.Xs) > sample && len(sparse.Ys) > 1 {
		sparse.Ys, sparse.Xs = everySecond(sparse.Ys), everySecond(sparse.Xs)
	}
	run := func(g *obe.Grid, mode obe.Mode) (*obe.Result, error) {
		return obe.Explain(cmd.Context(), obe.Task{Plan: p, Base: base, Fill: fill, Grid: g, Mode: mode, Workers: threads, Activation: obe.None})
	}
	// In turns, the better of two: these machines are shared.
	for range 2 {
		exact, err := run(grid, obe.Exact)
		if err != nil {
			return row, err
		}
		naive, err := run(&sparse, obe.Naive)
		if err != nil {
			return row, err
		}
		scale := float64(grid.Len()) / float64(sparse.Len())
		if t := exact.Map.Seconds(); row.Exact == 0 || t < row.Exact {
			row.Exact, row.ExactGFLOPs = t, 2*float64(exact.MultiplyAddsIncremental)/t/1e9
		}
		if t := naive.Map.Seconds() * scale; row.Naive == 0 || t < row.Naive {
			row.Naive, row.NaiveGFLOPs = t, 2*float64(naive.MultiplyAddsIncremental)*scale/t/1e9
		}
		row.Counted = float64(exact.MultiplyAddsWhole) / float64(exact.MultiplyAddsIncremental)
	}
	row.Model, row.Positions, row.Sampled = file.name, grid.Len(), sparse.Len()
	row.Ratio = row.Naive / row.Exact
	row.NaivePeak, row.ExactPeak = row.NaiveGFLOPs*1e9/peak, row.ExactGFLOPs*1e9/peak
	return row, nil
}

func everySecond(v []int) []int {
	var out []int
	for i := 0; i < len(v); i += 2 {
		out = append(out, v[i])
	}
	return out
}
