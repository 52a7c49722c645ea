package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"krypton/internal/detect"
	"krypton/internal/failure"
	"krypton/internal/flagvalue"
	"krypton/internal/framelabels"
	"krypton/internal/imagein"
	"krypton/internal/incremental"
	"krypton/internal/prediction"
	"krypton/internal/recognize"
)

// orvOptions are the flags of `krypton orv`.
type orvOptions struct {
	out, formats  string
	force, resume bool
	asJSON        bool
	timings       bool

	start, end   string
	every        int
	maxPixels    int64
	allowNetwork bool
	ffmpeg       string
	lenient      bool
	rawSize      string
	fps          float64

	mode            string
	tolerance       int
	specks          int
	epsilon         float64
	shape           string
	refresh         int
	guard           float64
	shortlist       int
	targetAgreement float64
	tuneFrames      int
	verifyEvery     int
	verifyShare     float64

	top        int
	activation string
	window     int
	minScore   float64
	iou        float64
	classes    []string
	most       int
	noTrack    bool
	confidence bool

	where     deviceOptions
	precision incremental.Precision

	annotate    string
	showRegions bool
	sweep       string

	batch batchOptions
}

func (o *orvOptions) addFlags(f *pflag.FlagSet) {
	f.StringVarP(&o.out, "out", "o", "", "base `name` of the outputs, to which each format adds its ending, a folder/, or - for JSON lines on standard output (default beside the video: NAME.krypton)")
	o.batch.addFlags(f, "videos", ".krypton")
	f.StringVar(&o.formats, "format", "jsonl", "comma-separated `list` of "+strings.Join(framelabels.Formats, ", "))
	f.BoolVar(&o.force, "force", false, "replace files that exist")
	f.BoolVar(&o.resume, "resume", false, "go on where an interrupted run with the same settings stopped (needs the format jsonl)")
	f.BoolVar(&o.timings, "timings", false, "write the milliseconds of each frame: outputs then differ from run to run")
	f.BoolVar(&o.asJSON, "json", false, "print the summary as JSON")

	f.StringVar(&o.start, "start", "", "first `position`: 4s, 00:01:30 or 120f (a frame)")
	f.StringVar(&o.end, "end", "", "`position` to stop before")
	f.IntVar(&o.every, "every", 1, "take every `N`th frame")
	f.Int64Var(&o.maxPixels, "max-pixels", imagein.DefaultLimits.MaxPixels, "largest frame that is read, in pixels")
	f.BoolVar(&o.allowNetwork, "allow-network", false, "let the video be an address (http, https, rtsp, ...) or a camera (/dev/video0)")
	f.StringVar(&o.ffmpeg, "ffmpeg", "", "the ffmpeg `program` (default: searched in PATH; none: only the built-in decoders)")
	f.BoolVar(&o.lenient, "lenient", false, "go on over damaged parts of a video")
	f.StringVar(&o.rawSize, "raw-size", "", "standard input is raw RGB frames of `WxH`")
	f.Float64Var(&o.fps, "fps", 0, "frames a second of folders of pictures and raw frames, which have no time of their own (default 25)")

	f.StringVar(&o.mode, "mode", "approximate", "approximate, exact (bit for bit the whole network's answers) or naive (the whole network on every frame)")
	f.IntVar(&o.tolerance, "tolerance", -1, "a pixel counts as changed if it differs by more than this (of 255) from what the network last saw (default: tuned)")
	f.IntVar(&o.specks, "specks", 0, "a changed pixel counts only if this many of the 25 pixels around it changed")
	f.Float64Var(&o.epsilon, "epsilon", -1, "between layers a pixel counts as changed if it moved by more than this share of the layer's scale (default: tuned)")
	f.StringVar(&o.shape, "shape", "mask", "changed pixels are put together as mask, tiles or box: to compare")
	f.IntVar(&o.refresh, "refresh", recognize.DefaultKeyFrames, "answer by a whole run after this many `frames` at the latest, and compare: disagreement makes what follows more careful; 0 for never; unless given, up to 40 while all comparisons agree clearly")
	f.Float64Var(&o.guard, "guard", recognize.DefaultGuard, "run the whole network where an approximate answer's best class leads by less than this, or a box's score is this near to --min-score; 0 for never; unless given, 0.15 for boxes")
	f.IntVar(&o.shortlist, "shortlist", 64, "classifiers, approximate: from one run of the whole network to the next compute the `N` likeliest classes only, where the last layers allow; 0 for all")
	f.Float64Var(&o.targetAgreement, "target-agreement", 0.99, "choose tolerance and epsilon on the first frames so that answers agree with whole runs on this share of them (for detectors: their F1 score)")
	f.IntVar(&o.tuneFrames, "tune-frames", 30, "number of first `frames` to choose them on")
	f.IntVar(&o.verifyEvery, "verify-every", 0, "compare every `N`th frame with a run of the whole network")
	f.Float64Var(&o.verifyShare, "verify-share", 0, "compare this `share` of the frames, drawn at random, with runs of the whole network (0.05: one in twenty), and say how many of all agree at least, at 90 % confidence")

	f.IntVar(&o.top, "top", 3, "number of classes to write for each frame")
	f.StringVar(&o.activation, "activation", "auto", activationHelp)
	f.IntVar(&o.window, "smooth", 1, "smooth labels over this many frames")
	flagvalue.Alias(f, "window", "smooth")
	f.Float64Var(&o.minScore, "min-score", detect.DefaultMinScore, "detectors: lowest score of an object (default: what the description of the head says)")
	f.Float64Var(&o.iou, "iou", detect.DefaultIoU, "detectors: overlap from which on the weaker of two boxes of a class goes, 0 for never (default: what the description of the head says; 0 where boxes come chosen)")
	f.StringSliceVar(&o.classes, "classes", nil, "detectors: only these `classes` (numbers or labels; index:N, label:NAME where both fit)")
	f.IntVar(&o.most, "max-objects", 300, "detectors: largest number of objects of a frame")
	f.BoolVar(&o.confidence, "confidence", false, "the format yolo: write the score as a sixth column, which trainers refuse")
	f.BoolVar(&o.noTrack, "no-track", false, "detectors: do not follow objects from frame to frame")

	f.StringVar(&o.annotate, "annotate", "", "write a `video` with labels, boxes and ids drawn in (.mp4; .avi without ffmpeg)")
	o.where.addFlags(f, "frames")
	flagvalue.Add(f, &o.precision, "precision", string(incremental.FP32), parseVideoPrecision, "with --device gpu: fp32, or tf32 or bf16 by tensor cores, in the modes exact and naive, whose answers are then bit for bit those of the card's own whole runs in that precision")
	f.BoolVar(&o.showRegions, "show-regions", false, "draw what was recomputed into the annotated video")
	f.StringVar(&o.sweep, "sweep", "", "measure agreement and speed of many settings on the first --tune-frames frames, write them to this CSV `file`, and stop")
}

func newORV(io streams) *cobra.Command {
	var o orvOptions
	var m modelOptions
	cmd := &cobra.Command{
		Use:   "orv VIDEO...",
		Short: "Recognize what is in a video, frame by frame, recomputing only what changed",
		Long: `Object recognition in video: run a classifier or a detector on every frame and write
labels or tracked boxes, one JSON object a frame. Only what changed since the network
last looked is recomputed. VIDEO is a file of any format (by the system's ffmpeg), a
folder or 'pattern' of pictures, an animated GIF, a Y4M or MJPEG file, or - for Y4M or
raw frames on standard input.

In approximate mode (the default) small changes are passed over. How small is chosen on
the first frames, by comparison with whole runs (--target-agreement), and what is close
is decided by a whole run (--guard). --verify-share 0.05 certifies the agreement of the
run by frames drawn at random, --verify-every N looks at every Nth. --mode exact gives
the whole network's answers bit for bit.

Several videos, or a --manifest of them, go into an --out-dir as a batch, which may be
split over machines (--shard) and gone on with after anything (--resume).

What Ultralytics and YOLOv5 export is recognized; any other detector's head is described
in the model's own file (m.onnx: m.krypton.yaml).` + exitHelp,
		Example: `  krypton orv street.mp4 --model resnet.onnx
  krypton orv street.mp4 --model faces.onnx --format jsonl,mot,srt -o out/ --annotate out/street.mp4
  krypton orv *.mp4 --out-dir labels/ --resume
  krypton orv frames/ --mode exact -o - | jq .labels
  ffmpeg -i x.mkv -f yuv4mpegpipe - | krypton orv - -o labels`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadSettings(cmd)
			if err != nil {
				return err
			}
			if p, err := s.flags.GetBool("print-config"); err != nil || p {
				if err == nil {
					_, err = m.load(cmd.Context(), s)
				}
				return errors.Join(err, s.print(io.out))
			}
			quiet, err := s.flags.GetBool("quiet")
			if err != nil {
				return err
			}
			if err := o.where.forVideos(&o); err != nil {
				return err
			}
			if err := o.where.start(cmd.Context(), deviceNotes{io, quiet}); err != nil {
				return err
			}
			o.batch.resume = o.resume
			if o.batch.wanted() {
				return runORVBatch(cmd.Context(), cmd.Flags(), io, &o, &m, args)
			}
			if len(args) != 1 {
				return failure.Usagef("%d videos are named: one, or several with an --out-dir", len(args))
			}
			return runORV(cmd.Context(), s, io, &o, &m, args[0])
		},
	}
	o.addFlags(cmd.Flags())
	m.addFlags(cmd.Flags())
	for flag, values := range map[string][]string{
		"device": devices, "precision": {"fp32", "tf32", "bf16"}, "mode": {"approximate", "exact", "naive"}, "shape": {"mask", "tiles", "box"}, "activation": prediction.Activations,
		"format": framelabels.Formats, "preset": imagein.Presets, "resize": imagein.Resizes, "interpolation": {imagein.Bilinear, imagein.Bicubic}, "order": {"rgb", "bgr", "gray"}, "layout": {"nchw", "nhwc"},
	} {
		// The error would be that a flag of this name does not exist.
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	return cmd
}

// maxFPS bounds --fps.
const maxFPS = 1e6
