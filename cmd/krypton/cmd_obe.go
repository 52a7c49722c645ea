package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"krypton/internal/atomicfile"
	"krypton/internal/heatmap"
	"krypton/internal/imagein"
	"krypton/internal/incremental"
	"krypton/internal/obe"
	"krypton/internal/region"
	"krypton/internal/ui"
	"krypton/models"
)

// obeOptions are the flags of `krypton obe` (the model's are in modelOptions).
type obeOptions struct {
	out                           string
	force, asJSON, dryRun, blocks bool
	patch, stride, fill, border   string
	seed                          uint64
	region                        string
	classes                       []string
	activation, score, mode       string
	verify, chunk                 int
	scores                        []string
	overlay, mapOnly, sideBySide  bool
	alpha                         float64
	colormap, scale, combine      string
	maxPixels                     int64
}

func (o *obeOptions) addFlags(f *pflag.FlagSet) {
	f.StringVarP(&o.out, "out", "o", "", "output `file` (PNG), folder/ for several pictures, or - (default beside the picture as NAME.krypton.png)")
	f.BoolVar(&o.force, "force", false, "replace existing outputs")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object for each picture on stdout, and nothing else there")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be computed, and stop")
	f.StringVar(&o.patch, "patch", "16", "patch `size` in pixels of the network's input: 16 or HEIGHTxWIDTH")
	f.StringVar(&o.stride, "stride", "4", "`step` between positions in pixels: 4 or YxX")
	f.StringVar(&o.fill, "fill", "gray", "what the patch is painted with, before normalization: gray, black, white, mean, blur, noise or #rrggbb")
	f.Uint64Var(&o.seed, "seed", 1, "seed of noise and of the positions to verify")
	f.StringVar(&o.border, "border", "cover", "where the stride does not divide: cover (a last patch at the border), cut or skip")
	f.StringVar(&o.region, "region", "", "only this part of the network's input: `x,y,w,h`")
	f.StringSliceVar(&o.classes, "class", []string{"top"}, "`classes` to map: top, topN (such as top3), all, an index or a label")
	f.StringVar(&o.activation, "activation", "auto", "auto (softmax if the outputs look like logits), softmax, sigmoid or none")
	f.StringVar(&o.score, "score", "value", "what is mapped: value (the class's score), margin (to the best other class) or entropy")
	f.StringVar(&o.mode, "mode", "exact", "exact (recompute what a patch reaches) or naive (run the whole network each time)")
	f.IntVar(&o.verify, "verify", 0, "recompute `N` random positions whole and fail if a bit differs")
	f.IntVar(&o.chunk, "chunk", 0, "positions that a worker takes at a time (0: chosen from the caches)")
	f.StringSliceVar(&o.scores, "scores", nil, "also write the scores to this `file`: .npy, .csv or .json (several allowed; {name} stands for the picture)")
	f.BoolVar(&o.overlay, "overlay", false, "draw the map over the picture (the default)")
	f.BoolVar(&o.mapOnly, "map-only", false, "draw the map alone")
	f.BoolVar(&o.sideBySide, "side-by-side", false, "draw the picture and the overlay beside each other")
	f.Float64Var(&o.alpha, "alpha", 0.6, "opacity of the map over the picture, 0 to 1")
	f.StringVar(&o.colormap, "colormap", "auto", "auto (bluered if hiding raises the score anywhere noticeably, else blackbody), "+strings.Join(heatmap.Colormaps[1:], ", "))
	f.StringVar(&o.scale, "scale", "auto", "range of the colours: auto, or `min,max` to compare pictures")
	f.StringVar(&o.combine, "combine", "mean", "where patches overlap: mean, sum or cell (the nearest)")
	f.BoolVar(&o.blocks, "blocks", false, "draw the network's pixels as blocks instead of smoothing")
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
@LIST (a file of names) and - (standard input) are taken; without any, the
built-in sample picture and model show what comes out.

The scores are bit for bit those of running the whole network at every position
(--mode naive does just that, --verify N checks it), at a fraction of the work.` + exitHelp,
		Example: `  krypton obe
  krypton obe photo.jpg --model squeezenet.onnx --labels labels.txt -o heat.png
  krypton obe scans/ --model m.onnx --patch 24x24 --stride 8 -o maps/ --scores 'maps/{name}.npy' --json`,
		RunE: func(cmd *cobra.Command, args []string) error { return runOBE(cmd, io, &o, &m, args) },
	}
	o.addFlags(cmd.Flags())
	m.addFlags(cmd.Flags())
	for flag, values := range map[string][]string{
		"mode": {"exact", "naive"}, "fill": obe.Fills, "border": {"cover", "cut", "skip"}, "activation": {"auto", "softmax", "sigmoid", "none"},
		"score": {"value", "margin", "entropy"}, "colormap": heatmap.Colormaps, "combine": heatmap.Combines, "preset": imagein.Presets,
		"resize": {"stretch", "crop", "letterbox"}, "order": {"rgb", "bgr", "gray"}, "layout": {"nchw", "nhwc"},
	} {
		// The error would be that a flag of this name does not exist.
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	return cmd
}

// job is what is the same for all pictures of a run.
type job struct {
	*obeOptions
	model    *loadedModel
	grid     *obe.Grid
	fill     obe.Fill
	classes  classPicker
	score    obe.Score
	scale    *heatmap.Scale
	output   int
	threads  int
	memory   int64
	quiet    bool
	io       streams
	multiple bool
}

func runOBE(cmd *cobra.Command, io streams, o *obeOptions, mo *modelOptions, args []string) error {
	s, err := loadSettings(cmd)
	if err != nil {
		return err
	}
	m, err := mo.load(s)
	if err != nil {
		return err
	}
	if p, err := s.flags.GetBool("print-config"); err != nil || p {
		return errors.Join(err, s.print(io.out))
	}
	j := &job{obeOptions: o, model: m, io: io}
	if err := j.prepare(s); err != nil {
		return err
	}
	inputs := []string{""} // the built-in sample
	if len(args) > 0 {
		if inputs, err = expandInputs(args); err != nil {
			return err
		}
	} else if m.file.path != "" {
		return usageError(errors.New("no picture is named (see 'krypton obe --help')"))
	}
	j.multiple = len(inputs) > 1
	if j.multiple && j.out != "" && !j.isFolder() {
		return usageError(fmt.Errorf("-o %s: %d pictures need a folder/", j.out, len(inputs)))
	}
	if o.dryRun {
		return j.estimate()
	}
	return j.all(cmd.Context(), inputs)
}

// all explains every picture; one that fails does not stop the others.
func (j *job) all(ctx context.Context, inputs []string) error {
	failed := 0
	var first error
	for _, in := range inputs {
		err := j.one(ctx, in)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return err
		}
		failed++
		if first == nil {
			first = err
		}
		if j.multiple {
			fmt.Fprintf(j.io.err, "krypton: %s\n", printable(err.Error()))
		}
	}
	switch {
	case failed == 0:
		return nil
	case failed == len(inputs) && !j.multiple:
		return first
	}
	return coded(exitPartial, fmt.Errorf("%d of %d pictures failed", failed, len(inputs)))
}

// prepare reads the flags that do not depend on a picture.
func (j *job) prepare(s *settings) error {
	var err error
	if j.threads, _, err = s.threads(); err != nil {
		return err
	}
	if j.memory, err = s.memory(); err != nil {
		return err
	}
	if j.quiet, err = s.flags.GetBool("quiet"); err != nil {
		return err
	}
	if j.grid, err = j.makeGrid(); err != nil {
		return err
	}
	if j.fill, err = obe.ParseFill(j.obeOptions.fill, j.seed); err != nil {
		return usageError(fmt.Errorf("--fill: %w", err))
	}
	if _, err := obe.Activation(j.activation).Resolve([]float32{0}); err != nil {
		return usageError(fmt.Errorf("--activation: %w", err))
	}
	j.score = obe.Score(j.obeOptions.score)
	if !slices.Contains([]obe.Score{obe.Value, obe.Margin, obe.Entropy}, j.score) {
		return usageError(fmt.Errorf("--score is %q, want value, margin or entropy", j.score))
	}
	if m := obe.Mode(j.mode); m != obe.Exact && m != obe.Naive {
		return usageError(fmt.Errorf("--mode is %q, want exact or naive", j.mode))
	}
	if !(j.alpha >= 0 && j.alpha <= 1) {
		return usageError(fmt.Errorf("--alpha is %g, want 0 to 1", j.alpha))
	}
	if !slices.Contains(heatmap.Colormaps, j.colormap) || !slices.Contains(heatmap.Combines, j.combine) {
		return usageError(fmt.Errorf("--colormap %q, --combine %q: want one of %v and one of %v", j.colormap, j.combine, heatmap.Colormaps, heatmap.Combines))
	}
	if j.verify < 0 || j.chunk < 0 || j.maxPixels < 1 {
		return usageError(fmt.Errorf("--verify %d, --chunk %d, --max-pixels %d: must not be negative", j.verify, j.chunk, j.maxPixels))
	}
	drawn := 0
	for _, b := range []bool{j.overlay, j.mapOnly, j.sideBySide} {
		if b {
			drawn++
		}
	}
	if drawn > 1 {
		return usageError(errors.New("--overlay, --map-only and --side-by-side exclude each other"))
	}
	if j.obeOptions.scale != "auto" {
		lo, hi, ok := strings.Cut(j.obeOptions.scale, ",")
		a, e1 := strconv.ParseFloat(lo, 64)
		b, e2 := strconv.ParseFloat(hi, 64)
		if !ok || e1 != nil || e2 != nil || !(a < b) || math.IsInf(a, 0) || math.IsInf(b, 0) {
			return usageError(fmt.Errorf("--scale is %q, want auto or min,max", j.obeOptions.scale))
		}
		j.scale = &heatmap.Scale{Lo: a, Hi: b}
	}
	for _, f := range j.scores {
		if !slices.Contains(heatmap.ScoreFormats, strings.ToLower(filepath.Ext(f))) {
			return usageError(fmt.Errorf("--scores %s: the ending must be one of %v", f, heatmap.ScoreFormats))
		}
	}
	if j.output, err = j.model.output(); err != nil {
		return err
	}
	j.classes, err = newClassPicker(j.obeOptions.classes, j.model.labels)
	return err
}

func (j *job) makeGrid() (*obe.Grid, error) {
	patch, err := pair(j.patch)
	if err != nil {
		return nil, usageError(fmt.Errorf("--patch: %w", err))
	}
	stride, err := pair(j.stride)
	if err != nil {
		return nil, usageError(fmt.Errorf("--stride: %w", err))
	}
	var roi region.Rect
	if j.region != "" {
		var v [4]int
		parts := strings.Split(j.region, ",")
		for i, p := range parts {
			n, err := strconv.Atoi(strings.TrimSpace(p))
			if err != nil || i > 3 || n < 0 || n > 1<<20 {
				return nil, usageError(fmt.Errorf("--region is %q, want x,y,w,h", j.region))
			}
			v[i] = n
		}
		roi = region.Rect{Y: region.Span{Lo: v[1], Hi: v[1] + v[3]}, X: region.Span{Lo: v[0], Hi: v[0] + v[2]}}
		if len(parts) != 4 || roi.Empty() {
			return nil, usageError(fmt.Errorf("--region is %q, want x,y,w,h, not empty", j.region))
		}
	}
	p := j.model.plan.InputPlane()
	g, err := obe.NewGrid(p.H, p.W, patch, stride, obe.Border(j.border), roi)
	return g, usageError(err)
}

// pair reads N or HxW.
func pair(s string) ([2]int, error) {
	a, b, two := strings.Cut(s, "x")
	if !two {
		b = a
	}
	h, e1 := strconv.Atoi(a)
	w, e2 := strconv.Atoi(b)
	if e1 != nil || e2 != nil || h < 1 || w < 1 || h > 1<<20 || w > 1<<20 {
		return [2]int{}, fmt.Errorf("%q is not a size: want a number from 1 on, or two as HxW", s)
	}
	return [2]int{h, w}, nil
}

// estimate prints what a run would cost.
func (j *job) estimate() error {
	p := j.model.plan
	whole, spent := int64(0), int64(0)
	for i := range j.grid.Len() {
		whole += p.Count(p.InputPlane().Rect())
		spent += p.Count(j.grid.Rect(i))
	}
	if j.mode == string(obe.Naive) {
		spent = whole
	}
	_, err := fmt.Fprintf(j.io.out, "%d positions (%d x %d), %.3g multiply-adds instead of %.3g (%.1f times fewer), views %d MiB, one position %d KiB\n",
		j.grid.Len(), len(j.grid.Ys), len(j.grid.Xs), float64(spent), float64(whole), float64(whole)/float64(max(spent, 1)),
		p.ViewBytes()>>20, p.PositionBytes(j.grid.Rect(j.grid.Len()/2))>>10)
	return err
}

func (j *job) isFolder() bool {
	if strings.HasSuffix(j.out, "/") {
		return true
	}
	i, err := os.Stat(j.out)
	return err == nil && i.IsDir()
}

// target is where a picture's heatmap goes, "-" for stdout.
func (j *job) target(in string) string {
	name := strings.TrimSuffix(filepath.Base(in), filepath.Ext(in))
	dir := filepath.Dir(in)
	switch in {
	case "":
		name, dir = "sample", "."
	case "-":
		name, dir = "stdin", "."
	}
	switch {
	case j.out == "":
		return filepath.Join(dir, name+".krypton.png")
	case j.isFolder():
		return filepath.Join(j.out, name+".krypton.png")
	}
	return j.out
}

func (j *job) scoreTarget(pattern, in string) string {
	name := strings.TrimSuffix(filepath.Base(in), filepath.Ext(in))
	if in == "" {
		name = "sample"
	}
	return strings.ReplaceAll(pattern, "{name}", name)
}

// read decodes a picture, "" for the built-in one.
func (j *job) read(in string) (*imagein.Picture, error) {
	limits := imagein.DefaultLimits
	limits.MaxPixels = j.maxPixels
	var p *imagein.Picture
	var err error
	switch in {
	case "":
		name, data := models.Sample()
		p, err = imagein.Decode(bytes.NewReader(data), name, limits)
	case "-":
		p, err = imagein.Decode(j.io.in, "standard input", limits)
	default:
		p, err = imagein.Open(in, limits)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, coded(exitNoInput, err)
	}
	return p, coded(exitData, err)
}

// one explains one picture.
func (j *job) one(ctx context.Context, in string) error {
	target := j.target(in)
	files := []string{}
	for _, f := range j.scores {
		files = append(files, j.scoreTarget(f, in))
	}
	outputs := files
	if target != "-" {
		outputs = append([]string{target}, files...)
	}
	for i, f := range outputs {
		if slices.Contains(outputs[:i], f) {
			return usageError(fmt.Errorf("%s would be written twice", f))
		}
		if atomicfile.SameFile(f, in) || j.model.file.path != "" && atomicfile.SameFile(f, j.model.file.path) {
			return coded(exitCantCreate, fmt.Errorf("%s is an input: it is not overwritten", f))
		}
		if err := j.makeFolder(f); err != nil {
			return err
		}
		if err := atomicfile.Check(f, j.force); err != nil {
			return coded(exitCantCreate, err)
		}
	}
	pic, err := j.read(in)
	if err != nil {
		return err
	}
	plane := j.model.plan.InputPlane()
	fitted, transform := j.model.pre.Fit(pic.Image, plane.W, plane.H)
	label := in
	if in == "" {
		label = "built-in sample"
	}
	progress := ui.NewProgress(j.io.err, ui.StyleFor(j.io.err, j.quiet), label, j.grid.Len())
	task := obe.Task{Plan: j.model.plan, Grid: j.grid, Output: j.output, Activation: obe.Activation(j.activation), Score: j.score,
		Base: j.model.pre.Normalize(fitted, plane.C), Fill: j.model.pre.Normalize(j.fill.Image(fitted), plane.C),
		Mode: obe.Mode(j.mode), Workers: j.threads, Chunk: j.chunk, Verify: j.verify, Seed: j.seed,
		Memory:  max(1, j.memory-j.model.plan.ViewBytes()),
		Choose:  j.classes.choose,
		Classes: nil, Progress: func(done, _ int) { progress.Set(done) }}
	r, err := obe.Explain(ctx, task)
	progress.Finish()
	if err != nil {
		switch {
		case errors.Is(err, obe.ErrTask):
			err = usageError(err)
		case errors.Is(err, incremental.ErrMemory):
			err = coded(exitTemporary, err)
		}
		return fmt.Errorf("%s: %w", label, err)
	}
	record := j.record(in, pic, r)
	if target != "-" {
		record.Heatmap = target
	}
	if err := j.write(target, files, record, pic.Image, transform, r); err != nil {
		return err
	}
	return j.report(label, target, record)
}

func (j *job) makeFolder(file string) error {
	if !j.isFolder() || filepath.Clean(filepath.Dir(file)) != filepath.Clean(j.out) {
		return nil
	}
	return coded(exitCantCreate, os.MkdirAll(j.out, 0o755))
}

// write draws the heatmap of the first class and writes all outputs.
func (j *job) write(target string, files []string, record *heatmap.Record, picture *image.NRGBA, t imagein.Transform, r *obe.Result) error {
	m := &heatmap.Map{Ys: j.grid.Ys, Xs: j.grid.Xs, Patch: j.grid.Patch, Input: j.grid.Plane, Scores: r.Scores[0], Base: r.Base[0]}
	mode := "overlay"
	switch {
	case j.mapOnly:
		mode = "map-only"
	case j.sideBySide:
		mode = "side-by-side"
	}
	img, err := heatmap.Render(m, picture, t.Apply, heatmap.Style{Mode: mode, Alpha: j.alpha, Colormap: j.colormap, Scale: j.scale,
		Combine: j.combine, Blocks: j.blocks, Title: j.title(record), Caption: j.caption(record)})
	if err != nil {
		return err
	}
	png := func(w io.Writer) error { return heatmap.EncodePNG(w, img, record) }
	if target == "-" {
		if err := png(j.io.out); err != nil {
			return coded(exitCantCreate, fmt.Errorf("standard output: %w", err))
		}
	} else if err := atomicfile.Write(target, j.force, png); err != nil {
		return coded(exitCantCreate, err)
	}
	for _, f := range files {
		err := atomicfile.Write(f, j.force, func(w io.Writer) error { return heatmap.WriteScores(w, filepath.Ext(f), record) })
		if err != nil {
			return coded(exitCantCreate, err)
		}
	}
	return nil
}

func (j *job) title(r *heatmap.Record) string {
	c := r.Classes[0]
	name := c.Label
	if name == "" {
		name = fmt.Sprintf("class %d", c.Index)
	}
	return fmt.Sprintf("%s  %.3g", name, float32(c.BaseScore))
}

func (j *job) caption(r *heatmap.Record) []string {
	what := map[string]string{"value": "the class's score", "margin": "its margin to the best other class", "entropy": "the entropy of all scores"}[r.Score]
	lines := []string{
		fmt.Sprintf("model %s, output %s, activation %s; mapped: %s", filepath.Base(r.Model), r.Output, r.Activation, what),
		fmt.Sprintf("patch %dx%d, stride %dx%d, fill %s, %d positions, %s", r.Patch[0], r.Patch[1], r.Stride[0], r.Stride[1], r.Fill, r.Positions, r.Mode),
	}
	if r.NaN {
		lines = append(lines, "some scores are not numbers (NaN)")
	}
	return lines
}

// record gathers everything about one result.
func (j *job) record(in string, pic *imagein.Picture, r *obe.Result) *heatmap.Record {
	name := in
	if in == "" {
		name, _ = models.Sample()
	}
	g, pre := j.grid, j.model.pre
	rec := &heatmap.Record{Version: version, Model: j.model.file.name, ModelSHA256: j.model.file.sha256, Image: name, ImageSHA256: pic.SHA256,
		Output: j.model.plan.Outputs()[j.output], Activation: string(r.Activation), Score: string(j.score), Mode: j.mode,
		Patch: g.Patch, Stride: g.Stride, Border: j.border, Fill: j.obeOptions.fill, Seed: j.seed, Input: g.Plane,
		Rows: len(g.Ys), Cols: len(g.Xs), Ys: g.Ys, Xs: g.Xs, Positions: g.Len(), Skipped: r.Skipped, Verified: r.Verified, NaN: r.NaN,
		MultiplyAddsWhole: r.MultiplyAddsWhole, MultiplyAddsSpent: r.MultiplyAddsIncremental,
		SecondsViews: r.Views.Seconds(), SecondsMap: r.Map.Seconds(), Kernels: j.model.plan.Kernels(), Threads: j.threads, Notes: pic.Notes,
		Preprocess: map[string]any{"mean": pre.Mean, "std": pre.Std, "scale": pre.Scale, "order": pre.Order, "resize": pre.Resize, "crop_fraction": pre.CropFraction}}
	top := obe.Top(r.Probabilities, 1)[0]
	for row := range g.Ys {
		line := r.Winners[row*len(g.Xs) : (row+1)*len(g.Xs)]
		rec.FlipMap = append(rec.FlipMap, line)
		for _, w := range line {
			if int(w) != top {
				rec.Flips++
			}
		}
	}
	for k, c := range r.Classes {
		cr := heatmap.ClassRecord{Index: c, Label: j.model.label(c), BaseScore: heatmap.Number(r.Base[k])}
		for row := range g.Ys {
			var line []heatmap.Number
			for _, v := range r.Scores[k][row*len(g.Xs) : (row+1)*len(g.Xs)] {
				line = append(line, heatmap.Number(v))
			}
			cr.Scores = append(cr.Scores, line)
		}
		rec.Classes = append(rec.Classes, cr)
	}
	if n := len(r.Probabilities); n > 1 && r.Activation != obe.None && float64(r.Probabilities[top]) < 2/float64(n) {
		rec.Notes = append(rec.Notes, "the prediction is nearly uniform: is the preprocessing right (--preset)?")
	}
	return rec
}

// report says in words, or as JSON, what was done.
func (j *job) report(label, target string, r *heatmap.Record) error {
	if j.asJSON {
		if target == "-" {
			return nil // stdout carries the picture
		}
		return json.NewEncoder(j.io.out).Encode(r.Summary())
	}
	if j.quiet {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", label, j.title(r))
	fmt.Fprintf(&b, "; %d positions in %.2f s, %.1f times fewer multiply-adds than running the network each time", r.Positions, r.SecondsMap, float64(r.MultiplyAddsWhole)/float64(max(1, r.MultiplyAddsSpent)))
	fmt.Fprintf(&b, " (activation %s, preprocessing %s/%s)", r.Activation, j.model.preset, r.Preprocess["resize"])
	if r.Flips > 0 {
		fmt.Fprintf(&b, "; another class wins at %d positions", r.Flips)
	}
	if r.Verified > 0 {
		fmt.Fprintf(&b, "; %d positions verified bit for bit", r.Verified)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\n  note: %s", n)
	}
	if target != "-" {
		fmt.Fprintf(&b, "\n  wrote %s", target)
	}
	fmt.Fprintln(j.io.err, printable(b.String()))
	return nil
}
