package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"krypton/internal/atomicfile"
	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/flagvalue"
	"krypton/internal/incremental"
	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/internal/spreadsheet"
	"krypton/internal/target"
	"krypton/internal/tune"
	"krypton/internal/ui"
)

// tuneOptions are the flags of `krypton tune`.
type tuneOptions struct {
	patches       []obe.Patch
	strides       []obe.Size
	fills         []explain.Fill
	seed          uint64
	model         modelOptions
	ssim, speedup float64
	out, points   string
	plot          string
	precision     incremental.Precision
	force, asJSON bool
	classes       []string
	score         string
	what          whatOptions
	boxes         boxOptions
}

func newTune(io streams) *cobra.Command {
	var o tuneOptions
	cmd := &cobra.Command{
		Use:   "tune PICTURE...",
		Short: "Measure how good approximate maps of a model are, for obe --mode approximate",
		Long: `Compute exact and approximate maps of sample pictures, compare them, and keep the
settings that no other beats in speed and in similarity. They go into the file
beside the model (m.onnx: m.krypton.yaml), where 'krypton obe --mode approximate'
finds them; other entries of that file stay. Take at least ten pictures of the
kind that the model is used for.

Similarity is the lower of two: SSIM of the scores, and SSIM of the rendered maps
as the published system measures it. Speed is counted in multiply-adds, so that
the same samples give the same profile on any machine.` + exitHelp,
		Example: `  krypton tune samples/ --model resnet.onnx
  krypton tune samples/*.jpg --model resnet.onnx --ssim 0.95
  krypton tune samples/ --model resnet.onnx --stride 8 --points all.csv --plot curves.png -o -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, io, args) },
	}
	f := cmd.Flags()
	flagvalue.Add(f, &o.patches, "patch", "16", obe.ParsePatches, "patch `size`, as for obe")
	flagvalue.Add(f, &o.strides, "stride", "4", obe.ParseSizes, "`step` between positions, as for obe")
	addFillFlag(f, &o.fills, "what the patch is painted with, as for obe")
	f.Uint64Var(&o.seed, "seed", 1, "seed of noise")
	f.StringVarP(&o.out, "out", "o", "", "profile `file`, - for standard output (default beside the model)")
	f.BoolVar(&o.force, "force", false, "replace the profile that is there")
	f.Float64Var(&o.ssim, "ssim", 0.9, "say which setting keeps this similarity")
	f.Float64Var(&o.speedup, "speedup", 0, "say which setting is this many times faster than running the network each time")
	f.StringVar(&o.points, "points", "", "write all that was measured to this CSV `file`")
	f.StringVar(&o.plot, "plot", "", "draw similarity against speed to this PNG `file`")
	flagvalue.Add(f, &o.precision, "precision", string(incremental.FP32), explain.ParsePrecision, "of approximate maps: fp32, or bf16 or int8 where the processor has it; exact ones are fp32")
	f.BoolVar(&o.asJSON, "json", false, "print the profile as JSON")
	f.StringSliceVar(&o.classes, "class", nil, "`class` whose maps are compared, as for obe (the first, if several)")
	f.StringVar(&o.score, "score", "value", "what is mapped, as for obe")
	o.what.addFlags(f)
	o.boxes.addFlags(f)
	o.model.parts = true
	o.model.addFlags(f)
	o.model.addWindowFlag(f)
	o.model.addWithFlag(f)
	return cmd
}

func (o *tuneOptions) run(cmd *cobra.Command, io streams, args []string) error {
	s, err := loadSettings(cmd)
	if err != nil {
		return err
	}
	job, err := o.job(cmd.Context(), s)
	if err != nil {
		return err
	}
	inputs, err := (&inputLists{}).expand(args, io)
	if err != nil {
		return err
	}
	with, err := o.model.withs()
	if err != nil {
		return hinted(err)
	}
	for _, in := range inputs {
		s.inputs.Add(in)
		s.inputs.Add(withFiles(with, in)...)
	}
	if len(job.Maps()) != 1 {
		return failure.Usagef("--patch, --fill: tuning takes one size and one fill")
	}
	if p := job.Model().Second; p != nil && p.Precision() != o.precision {
		return failure.Usagef("--precision %s: no layer takes it with these kernels (%s)", o.precision, p.Kernels())
	}
	quiet, err := s.flags.GetBool("quiet")
	if err != nil {
		return err
	}
	target, err := o.target(s, job.Model().File)
	if err != nil {
		return err
	}
	for _, f := range []string{o.points, o.plot} {
		if f != "" {
			if err := s.inputs.CheckOutput(f, o.force); err != nil {
				return err
			}
		}
	}
	profile, all, err := o.measure(cmd.Context(), io, job, inputs, quiet)
	if err != nil {
		return err
	}
	profile.Patch, profile.Stride = cmd.Flags().Lookup("patch").Value.String(), cmd.Flags().Lookup("stride").Value.String()
	profile.Fill, profile.Input = string(o.fills[0]), explain.InputText(job.Maps()[0].Grid.Plane)
	workBegins(cmd.Context())
	if target != nil && (target.Path != "" || !o.asJSON) { // JSON is the profile too
		if err := target.Write(io.out, profile); err != nil {
			return failure.As(failure.CantCreate, err)
		}
	}
	if o.points != "" {
		if err := atomicfile.Write(o.points, o.force, func(w writer) error { return spreadsheet.CSV(w, tune.Table(all)) }); err != nil {
			return failure.As(failure.CantCreate, err)
		}
	}
	if o.plot != "" {
		if err := atomicfile.Write(o.plot, o.force, func(w writer) error { return tune.Plot(w, profile, all) }); err != nil {
			return failure.As(failure.CantCreate, err)
		}
	}
	if o.asJSON {
		return json.NewEncoder(io.out).Encode(profile)
	}
	if !quiet {
		fmt.Fprintf(io.err, "scores: %s\n", printable(job.Aim().Text()))
	}
	return o.report(io, profile, target)
}

// writer is io.Writer; the parameter io of this file's functions hides the
// package.
type writer = io.Writer

// job makes the question that samples are asked, on a plan that can do all.
func (o *tuneOptions) job(ctx context.Context, s *settings) (*explain.Job, error) {
	q := explain.Default()
	q.Patches, q.Strides, q.Fills, q.Seed = o.patches, o.strides, o.fills, o.seed
	q.Classes, q.Score, q.What = o.classes, target.Score(o.score), o.what.what()
	o.boxes.ask(s, &q)
	h, err := host(s, 0)
	if err != nil {
		return nil, err
	}
	job, err := prepare(ctx, s, &o.model, q, h, func(need *model.Need) {
		if need.Dynamic = true; o.precision != incremental.FP32 {
			need.Also = o.precision
		}
	}, nil)
	if err != nil {
		return nil, err
	}
	return job, hinted(job.CheckMemory())
}

// measure runs all settings on all samples.
func (o *tuneOptions) measure(ctx context.Context, io streams, job *explain.Job, inputs []string, quiet bool) (*tune.Profile, []tune.Point, error) {
	var tasks []obe.Task
	with, err := o.model.withs()
	if err != nil {
		return nil, nil, hinted(err)
	}
	for _, name := range inputs {
		in, err := job.Read(ctx, explain.Named(name, io.in), explain.Source{}, explain.Files(withFiles(with, name))...)
		if err != nil {
			return nil, nil, hinted(err)
		}
		of, err := job.Tasks(in)
		if err != nil {
			return nil, nil, hinted(err)
		}
		tasks = append(tasks, of...)
	}
	m := job.Model()
	progress := ui.NewCount(io.err, ui.StyleFor(io.err, quiet), "maps", len(tasks)*(1+tune.Settings(job.Maps()[0].Grid, cmp.Or(m.Second, m.Plan))))
	profile, all, err := tune.Measure(ctx, tasks, m.Second, progress.Set)
	progress.Finish()
	if errors.Is(err, tune.ErrNothing) {
		err = failure.Dataf("model %s: %w", m.File.Name, err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("model %s: %w", m.File.Name, err)
	}
	return profile, all, nil
}

// report prints the profile, and the setting that was asked for.
func (o *tuneOptions) report(io streams, p *tune.Profile, target *model.ProfileFile) error {
	out := io.out
	if target != nil && target.Path == "" {
		out = io.err // standard output has the profile
	}
	if err := spreadsheet.Text(out, explain.ProfileTable(p)); err != nil {
		return err
	}
	choice, what := tune.Point{}, ""
	var err error
	if o.speedup > 0 {
		choice, err = p.ForSpeed(o.speedup)
		what = fmt.Sprintf("--speedup %g", o.speedup)
	} else {
		choice, err = p.ForQuality(o.ssim)
		what = fmt.Sprintf("--ssim %g", o.ssim)
	}
	if err != nil {
		return err
	}
	a := &explain.Given{Approximation: choice.Approximation, Precision: choice.Precision, Expected: &choice}
	if _, err := fmt.Fprintf(out, "\n%s: %.1fx with %s\n", what, choice.Speedup, a.Text()); err != nil {
		return err
	}
	if target != nil && target.Path != "" {
		fmt.Fprintf(io.err, "wrote %s\n", printable(target.Path))
	}
	return nil
}

// target finds the file that the profile goes into, and fails before any work if it cannot
// be written. It is nil where there is none, and has no name for standard output.
func (o *tuneOptions) target(s *settings, m *model.File) (*model.ProfileFile, error) {
	path := o.out
	switch {
	case o.out == "" && m.Path == "":
		return nil, nil // nothing lies beside a built-in model
	case o.out == "-":
		return &model.ProfileFile{}, nil // standard output
	case o.out == "":
		path = model.ConfigPath(m.Path)
	}
	// The model's own file gets the profile; no other file that is read does.
	if own := model.ConfigPath(m.Path); !atomicfile.SameFile(path, own) {
		if err := s.inputs.Check(path); err != nil {
			return nil, err
		}
	}
	f, err := model.OpenProfile(path, o.force)
	return f, hinted(err)
}
