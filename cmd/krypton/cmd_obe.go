package main

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/flagvalue"
	"krypton/internal/graph"
	"krypton/internal/heatmap"
	"krypton/internal/imagein"
	"krypton/internal/inputs"
	"krypton/internal/interrupt"
	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/internal/prediction"
	"krypton/internal/target"
)

// obeOptions are the flags of `krypton obe` (the model's are in modelOptions).
type obeOptions struct {
	out                     string
	force, asJSON, dryRun   bool
	patches                 []obe.Patch
	strides                 []obe.Size
	border                  string
	fills                   []explain.Fill
	seed                    uint64
	region                  obe.Region
	classes                 []string
	what                    whatOptions
	boxes                   boxOptions
	recording               recordingOptions
	activation, score, mode string
	verify, chunk           int
	scores                  []string
	combine                 string
	render                  renderOptions
	maxPixels               int64
	lists                   inputLists
	events, progress        string
	mask                    string
	compare                 int // positions, -1 for all
	batch                   batchOptions
	scoresOnly              bool
	dicom                   string
	anonymous               bool
	approximate             approximateOptions
	where                   deviceOptions
}

func (o *obeOptions) addFlags(f *pflag.FlagSet) {
	o.lists.addFlags(f)
	o.approximate.addFlags(f)
	o.where.addFlags(f, "positions")
	o.render.addFlags(f)
	o.batch.addFlags(f, "pictures", inputs.MapEnding)
	f.BoolVar(&o.scoresOnly, "scores-only", false, "write --scores and draw no pictures")
	f.BoolVar(&o.batch.resume, "resume", false, "batch: go on where an interrupted run with the same settings stopped")
	f.StringVarP(&o.out, "out", "o", "", "output `file` (PNG), folder/ for several pictures, or - (default beside the picture as NAME.krypton.png)")
	f.StringVar(&o.dicom, "dicom", "", "of a DICOM file also write the drawn map to this `file` as a secondary capture, and the scores beside it as a parametric map (FILE.map.dcm), in the same study ({name} stands for the picture)")
	f.BoolVar(&o.anonymous, "anonymous", false, "--dicom: leave out whose picture it is, and when and where it was made")
	f.BoolVar(&o.force, "force", false, "replace existing outputs")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object for each picture on stdout, and nothing else there")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be computed, and stop")
	flagvalue.Add(f, &o.patches, "patch", "16", obe.ParsePatches, "patch `size` in pixels or percent of the network's input: 16, 10% or HEIGHTxWIDTH, of DICOM files also 10mm; circle:SIZE, or mask:SIZE:FILE (a grey picture: 0 keeps, 255 covers); 32:soft=4 has soft edges; 200ms or 0.2s of a series whose rate is known; slic:200 hides superpixels, rise:4000 random halves; several with commas are combined: 16,32,64")
	flagvalue.Add(f, &o.strides, "stride", "4", obe.ParseSizes, "`step` between positions in pixels or percent: 4, 2% or YxX, of DICOM files also 5mm, of series 50ms")
	addFillFlag(f, &o.fills, "what the patch is painted with, before normalization: gray, black, white, mean, blur, noise or #rrggbb, of series also zero, value:NUMBER, line (across the gap), permuted or recording:FILE; several give the mean of their maps: gray,blur")
	f.Uint64Var(&o.seed, "seed", 1, "seed of noise and of the positions to verify")
	f.StringVar(&o.border, "border", "cover", "where the stride does not divide: cover (a last patch at the border), cut or skip")
	flagvalue.Add(f, &o.region, "region", "", obe.ParseRegion, "only this part of the network's input: `x,y,w,h`")
	f.StringVar(&o.mask, "mask", "", "picture `file` of the same shape as the input picture: only positions whose patch touches what is not black there ({name} stands for the picture)")
	f.StringSliceVar(&o.classes, "class", []string{"top"}, "`classes` to map: top, topN (such as top3), all, a number or a label (index:N, label:NAME where both fit)")
	f.StringVar(&o.activation, "activation", "auto", activationHelp)
	f.StringVar(&o.score, "score", "value", "what is mapped: value (the class's score), margin (to the best other class) or entropy; of segments also dice or iou (overlap), of features cosine or euclidean, of boxes overlap (times the class's score) or drise")
	o.what.addFlags(f)
	o.boxes.addFlags(f)
	o.recording.addFlags(f)
	f.StringVar(&o.mode, "mode", "exact", "exact (recompute what a patch reaches), approximate (give up a little for speed) or naive (run the whole network each time)")
	f.IntVar(&o.verify, "verify", 0, "recompute `N` random positions whole and fail if a bit differs; of an approximate map, measure the error")
	flagvalue.Add(f, &o.compare, "compare", "", explain.ParseCompare, "run the network whole at `N` random positions, or all, and say how much longer that takes and how far it differs")
	f.IntVar(&o.chunk, "chunk", 0, "positions that a worker takes at a time (0: chosen from the caches)")
	f.StringSliceVar(&o.scores, "scores", nil, "also write the scores to this `file`: .npy, .csv or .json, of series also .intervals.csv or .intervals.json (several allowed; {name} stands for the picture)")
	flagvalue.Add(f, &o.render.scale, "scale", "auto", heatmap.ParseRange, "range of the colours: auto, shared (one for all pictures of the run), or `min,max`")
	f.StringVar(&o.combine, "combine", "mean", "where patches overlap: mean, sum or cell (the nearest)")
	f.StringVar(&o.events, "events", "", "write what happens to this `file` or pipe as lines of JSON (- for standard error)")
	f.StringVar(&o.progress, "progress", "", "write how far the run is to this `file` or pipe as blocks of key=value (- for standard error)")
	f.Int64Var(&o.maxPixels, "max-pixels", imagein.DefaultLimits.MaxPixels, "largest picture that is read, in pixels")
}

func newOBE(io streams) *cobra.Command {
	var o obeOptions
	var m modelOptions
	cmd := &cobra.Command{
		Use:   "obe [PICTURE...]",
		Short: "Explain a prediction: slide a patch over a picture and map how the score drops",
		Long: `Occlusion-based explanation: hide each part of a picture with a patch, ask the
network again, and draw how much its score drops. Files, folders, patterns,
@LIST (a file of names, one a line) and - (standard input) are taken; without
any, the built-in sample picture and model show what comes out. PNG, JPEG, GIF, BMP, TIFF,
WebP and DICOM are read (scan.dcm#12 is the twelfth frame), and .npy tensors of exactly
the network's input, which are taken as they are, neither resized nor normalized.
Networks of series read recordings: WFDB (.hea), EDF, BDF, WAV, DICOM waveforms and
tables (.csv), and arrays of archives (file.npz#name);
see docs/series.md.

The scores are bit for bit those of running the whole network at every position
(--mode naive does just that, --verify N checks it), at a fraction of the work.` + exitHelp,
		Example: `  krypton obe
  krypton obe photo.jpg --model squeezenet.onnx --labels labels.txt -o heat.png
  krypton obe scans/ --model m.onnx --patch 24x24 --stride 8 -o maps/ --scores 'maps/{name}.npy' --json`,
		RunE: func(cmd *cobra.Command, args []string) error { return runOBE(cmd, io, &o, &m, args) },
	}
	m.parts = true
	o.addFlags(cmd.Flags())
	m.addFlags(cmd.Flags())
	m.addWindowFlag(cmd.Flags())
	m.addWithFlag(cmd.Flags())
	for flag, values := range map[string][]string{
		"device": devices, "mode": {"exact", "approximate", "naive"}, "fill": slices.Concat(obe.Fills, obe.SeriesFills), "border": {"cover", "cut", "skip"}, "activation": prediction.Activations,
		"score": textsOf(explain.Scores), "target": textsOf(explain.Kinds), "reduce": target.Reductions, "colormap": heatmap.Colormaps, "combine": heatmap.Combines, "preset": imagein.Presets,
		"box": {"best", "all", "false"}, "scale": {"auto", "shared"}, "compare": {"all"}, "precision": precisions(), "resize": imagein.Resizes, "interpolation": {imagein.Bilinear, imagein.Bicubic}, "order": {"rgb", "bgr", "gray"}, "layout": append([]string{"nchw", "nhwc"}, graph.SeriesLayouts...), "resample": model.Resamplers, "normalize": model.Normalizes, "missing": model.Missings,
	} {
		// The error would be that a flag of this name does not exist.
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	return cmd
}

func runOBE(cmd *cobra.Command, io streams, o *obeOptions, mo *modelOptions, args []string) error {
	tellMisspelt(cmd)
	s, err := loadSettingsOf(cmd.Flags())
	if err != nil {
		return err
	}
	show, err := s.flags.GetBool("print-config")
	if err != nil {
		return err
	}
	invalid := s.valid()
	switch {
	case invalid != nil && (show || o.dryRun || o.batch.wanted()):
		return invalid
	case show:
		_, err = mo.load(cmd.Context(), s) // the model's file makes settings too
		return errors.Join(err, s.print(io.out))
	}
	if invalid == nil {
		if o.where.device == onAuto && o.batch.wanted() {
			return failure.Usagef("--device auto: what a batch writes must not depend on where it runs: say cpu or gpu")
		}
		wish := o.question(s).Approximate
		if err := o.where.takePrecision(&wish); err != nil {
			return err
		}
	}
	if invalid == nil && !o.dryRun {
		quiet, err := s.flags.GetBool("quiet")
		if err != nil {
			return err
		}
		if err := o.where.start(cmd.Context(), deviceNotes{io, quiet}); err != nil {
			return err
		}
	}
	switch {
	case o.batch.wanted():
		return runOBEBatch(cmd.Context(), cmd.Flags(), io, o, mo, args)
	case o.dryRun:
		r, inputs, err := newOBERun(cmd.Context(), s, io, o, mo, args)
		if err != nil {
			return err
		}
		return r.estimate(cmd.Context(), inputs)
	}
	rep, err := newReporter(cmd.Context(), o, io, s.inputs)
	if err != nil {
		return err
	}
	err = func() error {
		if invalid != nil {
			return invalid
		}
		var inputs []string
		r, err := interrupt.Do(cmd.Context(), func() (r *obeRun, err error) {
			r, inputs, err = newOBERun(cmd.Context(), s, io, o, mo, args)
			return r, err
		})
		if err != nil {
			return err
		}
		r.rep = rep
		return r.all(cmd.Context(), inputs)
	}()
	return rep.finish(cmd.Context(), err)
}

// activationHelp is the help of --activation.
const activationHelp = "what makes scores of the outputs: auto (told by what makes them in the model), softmax, sigmoid, exp or none"

// addFillFlag adds --fill.
func addFillFlag(f *pflag.FlagSet, to *[]explain.Fill, usage string) {
	f.StringSlice("fill", []string{"gray"}, usage)
	*to = []explain.Fill{"gray"}
	flagvalue.Check(f, "fill", func(texts []string) error {
		*to = nil
		for _, text := range texts {
			*to = append(*to, explain.Fill(text))
		}
		return explain.CheckFills(*to)
	})
}
