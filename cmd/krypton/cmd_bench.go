package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"krypton/internal/atomicfile"
	"krypton/internal/bench"
	"krypton/internal/failure"
	"krypton/internal/flagvalue"
	"krypton/internal/obe"
)

// benchOptions are the flags of `krypton bench`.
type benchOptions struct {
	model         modelOptions
	question      bench.Question
	asJSON, force bool
	layers        bool
	raw, outputs  string
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
				return benched(cmd.Context(), s, args, o.layersOf, o.asJSON, io.out, bench.WriteLayers)
			}
			return benched(cmd.Context(), s, args, o.measure, o.asJSON, io.out, bench.WriteTable)
		},
	}
	f := cmd.Flags()
	q := &o.question
	flagvalue.Add(f, &q.Patch, "patch", "16", obe.ParseSize, "patch `size` in pixels or percent of the network's input: 16, 10% or HxW")
	flagvalue.Add(f, &q.Stride, "stride", "4", obe.ParseSize, "`step` between positions in pixels or percent: 4, 2% or YxX")
	f.IntVar(&q.Rounds, "rounds", 2, "turns; the best of them counts")
	f.IntVar(&q.Positions, "positions", 0, "measure the map on about `N` random positions and scale it by multiply-adds (default: all positions)")
	f.IntVar(&q.Sample, "sample", 128, "positions that are run naively, 0 for none; more if so few take less than half a second, as with --positions")
	f.StringVar(&o.raw, "raw", "", "run on this `file` of little-endian float32 numbers, in the order of the model's input, instead of a random picture")
	f.StringVar(&o.outputs, "outputs", "", "write the outputs of a whole run to this `file`: little-endian float32 numbers, one output after the other")
	f.BoolVar(&q.WholeOnly, "whole", false, "measure whole runs alone, with the plan that suits them best")
	f.BoolVar(&o.layers, "layers", false, "measure step by step, on one core; --rounds and --positions say how often, --whole leaves the patches out")
	f.BoolVar(&o.force, "force", false, "replace the file of --outputs")
	f.BoolVar(&o.asJSON, "json", false, "print a JSON array")
	o.model.addLoadFlags(f)
	return cmd
}

func (o *benchOptions) validate(s *settings, models []string) error {
	if err := o.question.Check(); err != nil {
		return err
	}
	if o.layers && o.outputs != "" {
		return failure.Usagef("--layers with --outputs: want one of them")
	}
	if len(models) > 1 && (o.raw != "" || o.outputs != "") {
		return failure.Usagef("--raw and --outputs are for one model")
	}
	if o.outputs != "" {
		return s.inputs.CheckOutput(o.outputs, o.force)
	}
	return nil
}

// benched measures models one after the other, and prints what was found.
func benched[T any](ctx context.Context, s *settings, names []string, measure func(context.Context, *settings, string) (T, error), asJSON bool, out io.Writer, write func(io.Writer, []T) error) error {
	var all []T
	for _, name := range names {
		r, err := measure(ctx, s, name)
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	if asJSON {
		return json.NewEncoder(out).Encode(all)
	}
	return write(out, all)
}

// prepare makes ready what q asks about a model, and gives the model's name too.
func (o *benchOptions) prepare(ctx context.Context, s *settings, name string, q bench.Question) (*bench.Job, string, error) {
	h, err := host(s, 0)
	if err != nil {
		return nil, "", err
	}
	k, _, err := s.kernels()
	if err != nil {
		return nil, "", err
	}
	o.model.model = name
	n, made, err := o.model.planned(ctx, s, q.Need())
	if err != nil {
		return nil, "", err
	}
	j, err := bench.Prepare(n.File.Name, made.First, k, q, h)
	if err == nil && o.raw != "" {
		err = useRaw(j, o.raw)
	}
	return j, n.File.Name, hinted(err)
}

// useRaw gives a job the network's input from a file.
func useRaw(j *bench.Job, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return failure.Unread(err)
	}
	defer f.Close()
	return j.Use(path, f)
}

// measure measures one model.
func (o *benchOptions) measure(ctx context.Context, s *settings, name string) (*bench.Row, error) {
	j, name, err := o.prepare(ctx, s, name, o.question)
	if err != nil {
		return nil, err
	}
	r, err := o.measured(ctx, j)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", name, err)
	}
	return r, nil
}

// measured saves what a run of the network gives, if that is wanted, and measures then.
func (o *benchOptions) measured(ctx context.Context, j *bench.Job) (*bench.Row, error) {
	views, err := j.Warm(ctx)
	if err != nil {
		return nil, err
	}
	if o.outputs != "" {
		workBegins(ctx)
		data, err := j.Outputs(views)
		if err != nil {
			return nil, err
		}
		if err := failure.As(failure.CantCreate, atomicfile.Write(o.outputs, o.force, func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		})); err != nil {
			return nil, err
		}
	}
	return j.Measure(ctx)
}

// layersOf measures one model step by step: whole runs by the plan that suits them best.
func (o *benchOptions) layersOf(ctx context.Context, s *settings, name string) (*bench.Layers, error) {
	whole := o.question
	whole.WholeOnly = true
	j, called, err := o.prepare(ctx, s, name, whole)
	if err != nil {
		return nil, err
	}
	l, err := j.WholeLayers(ctx)
	if err == nil && !o.question.WholeOnly {
		if j, _, err = o.prepare(ctx, s, name, o.question); err != nil {
			return nil, err
		}
		l.Patch, err = j.PatchLayers(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", called, err)
	}
	return l, nil
}
