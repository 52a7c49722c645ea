package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"krypton/internal/atomicfile"
	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/faithful"
	"krypton/internal/heatmap"
	"krypton/internal/imagein"
	"krypton/internal/obe"
	"krypton/internal/prediction"
	"krypton/internal/ui"
	"krypton/models"
)

// scoreOptions are the flags of `krypton score`.
type scoreOptions struct {
	model                modelOptions
	image                string
	fill, start          string
	seed                 uint64
	steps, random        int
	classes              []string
	activation, combine  string
	asJSON, asCSV, force bool
	points, plot         string
	maxPixels            int64
}

func newScore(io streams) *cobra.Command {
	var o scoreOptions
	cmd := &cobra.Command{
		Use:   "score MAP...",
		Short: "Measure how faithful maps are: deletion and insertion curves",
		Long: `Take pixels from a picture, or put them into a blurred one, those first that a map
says matter most, and ask the network for the class's score after every step. The
area under the curve is the map's score: small for deletion, large for insertion
(Petsiuk, Das and Saenko, RISE, BMVC 2018).

MAP is what 'krypton obe --scores NAME.json' wrote, which names picture and model
(both must be the files that they were), or a .npy file of any other method: a
number for each pixel of the network's input, the larger the more it matters, with
--image. Files of several classes give a line for each.

Areas depend on --fill, --insertion-start and --steps: compare maps with the same ones, and
with --random. A random map has the map's own numbers at random places.` + exitHelp,
		Example: `  krypton obe photo.jpg --model m.onnx --scores heat.json
  krypton score heat.json --model m.onnx --random 10 --plot curves.png
  krypton score heat.json gradcam.npy --image photo.jpg --model m.onnx --json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, io, args) },
	}
	f := cmd.Flags()
	f.StringVar(&o.image, "image", "", "the maps' picture `file` (default: the one that the map names)")
	f.StringVar(&o.fill, "fill", "gray", "what deletion paints pixels with: gray, black, white, mean, blur, noise or #rrggbb")
	f.StringVar(&o.start, "insertion-start", "blur", "what insertion starts from, as --fill")
	alias(f, "start", "insertion-start")
	f.Uint64Var(&o.seed, "seed", 1, "seed of noise and of random maps")
	f.IntVar(&o.steps, "steps", 100, "number of steps from no pixel to all")
	f.IntVar(&o.random, "random", 0, "also measure `N` random maps for each")
	f.StringSliceVar(&o.classes, "class", nil, "`classes` to measure (default: those of the map; of a .npy map the best one), as for obe")
	f.StringVar(&o.activation, "activation", "auto", activationHelp+" (default: the map's)")
	f.StringVar(&o.combine, "combine", "mean", "where patches overlap: mean, sum or cell (the nearest)")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object for each map and class, with the curves")
	f.BoolVar(&o.asCSV, "csv", false, "print the areas as CSV")
	f.StringVar(&o.points, "points", "", "write every point of the curves to this CSV `file`")
	f.StringVar(&o.plot, "plot", "", "draw the curves to this PNG `file`")
	f.BoolVar(&o.force, "force", false, "replace existing outputs")
	f.Int64Var(&o.maxPixels, "max-pixels", imagein.DefaultLimits.MaxPixels, "largest picture that is read, in pixels")
	o.model.addFlags(f)
	o.model.addWindowFlag(f)
	for flag, values := range map[string][]string{"fill": obe.Fills, "insertion-start": obe.Fills, "activation": prediction.Activations, "combine": heatmap.Combines} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	return cmd
}

// maxSteps and maxRandom bound what one run computes.
const (
	maxSteps  = 10000
	maxRandom = 10000
)

// check reads the flags that need neither model nor maps, and gives the fills of
// deletion and insertion.
func (o *scoreOptions) check(s *settings) ([]explain.Fill, error) {
	var fills []explain.Fill
	for _, f := range []struct{ flag, name string }{{"--fill", o.fill}, {"--insertion-start", o.start}} {
		if _, err := obe.ParseFill(f.name, o.seed); err != nil {
			return nil, failure.Usagef("%s: %w", f.flag, err)
		}
		fills = append(fills, explain.Fill(f.name))
	}
	switch {
	case o.steps < 1 || o.steps > maxSteps:
		return nil, failure.Usagef("--steps is %d, want 1 to %d", o.steps, maxSteps)
	case o.random < 0 || o.random > maxRandom:
		return nil, failure.Usagef("--random is %d, want 0 to %d", o.random, maxRandom)
	case o.asJSON && o.asCSV:
		return nil, failure.Usagef("--json and --csv exclude each other")
	case !slices.Contains(heatmap.Combines, o.combine):
		return nil, failure.Usagef("--combine is %q, want one of %v", o.combine, heatmap.Combines)
	case o.maxPixels < 1:
		return nil, failure.Usagef("--max-pixels is %d, want at least 1", o.maxPixels)
	case o.image == "-":
		return nil, failure.Usagef("--image: standard input can be read once only: name a file")
	case o.points != "" && o.points == o.plot:
		return nil, failure.Usagef("%s would be written twice", o.plot)
	}
	if err := prediction.Activation(o.activation).Check(); err != nil {
		return nil, failure.Usagef("--activation: %w", err)
	}
	for _, out := range []string{o.points, o.plot} {
		if out == "" {
			continue
		}
		if err := s.inputs.checkOutput(out, o.force); err != nil {
			return nil, err
		}
	}
	return fills, nil
}

// scorer is what is the same for all maps.
type scorer struct {
	*scoreOptions
	io      streams
	host    explain.Host
	reader  *explain.Reader
	output  int
	quiet   bool
	chosen  map[string]bool // whether somebody gave --output, --activation
	memory  int64           // for updates
	records []*scoreRecord
}

func (o *scoreOptions) run(cmd *cobra.Command, io streams, args []string) error {
	s, err := loadSettings(cmd)
	if err != nil {
		return err
	}
	o.addNamed(s.inputs, args)
	fills, err := o.check(s)
	if err != nil {
		return err
	}
	builtin := o.model.model == ""
	if builtin { // the first map's
		m, err := readMapFile(args[0])
		if err == nil && m.record != nil {
			o.model.model = m.record.Model
		}
		// An error comes again, where it counts as this map's.
		builtin = o.model.model == ""
	}
	model, err := o.model.load(cmd.Context(), s)
	if err != nil {
		return err
	}
	c := &scorer{scoreOptions: o, io: io, chosen: map[string]bool{"activation": s.given("activation"), "output": s.given("output")}}
	if c.host, err = host(s, o.maxPixels); err != nil {
		return err
	}
	if c.reader, err = explain.NewReader(model, fills, o.seed, c.host); err != nil {
		return hinted(err)
	}
	// Once: what one map leaves behind, the next uses again.
	if c.memory, err = someMemory(c.host.Memory, 3*model.Plan.ViewBytes()); err != nil {
		return err
	}
	if c.quiet, err = s.flags.GetBool("quiet"); err != nil {
		return err
	}
	if c.output, err = model.Output(); err != nil {
		return hinted(err)
	}
	// Maps may be of other outputs: then it is seen there whether one is no row of classes.
	if r, err := model.Reading(cmd.Context(), c.output, o.activation, c.host.Threads, freeOf(c.host.Memory)); err == nil {
		if _, err := explain.NewPicker(o.classes, model.Labels, r.Classes(r.Outputs)); err != nil {
			return hinted(err)
		}
	}
	return c.all(cmd.Context(), args, builtin)
}

// addNamed makes what the maps name part of what is read: their pictures and models.
// That counts only where an output may replace a file.
func (o *scoreOptions) addNamed(inputs *inputFiles, maps []string) {
	if !o.force || o.points == "" && o.plot == "" {
		return
	}
	for _, name := range maps {
		if m, err := readMapFile(name); err == nil && m.record != nil { // else measuring it says so
			inputs.add(m.record.Image)
			inputs.addModel(m.record.Model)
		}
	}
}

// all measures every map; one that fails does not stop the others.
func (c *scorer) all(ctx context.Context, args []string, builtin bool) error {
	var first error
	failed := 0
	for _, name := range args {
		err := c.measure(ctx, name, builtin)
		if ctx.Err() != nil && err != nil {
			return err
		}
		if err == nil {
			continue
		}
		failed++
		if first == nil {
			first = err
		}
		if len(args) > 1 {
			fmt.Fprintf(c.io.err, "krypton: %s\n", printable(err.Error()))
		}
	}
	if len(c.records) > 0 {
		workBegins(ctx)
		if err := c.outputs(); err != nil {
			return err
		}
	}
	switch {
	case failed == 0:
		return nil
	case len(args) == 1:
		return first
	}
	return failure.As(failure.Partial, fmt.Errorf("%d of %d maps failed", failed, len(args)))
}

// outputs writes what was asked for.
func (c *scorer) outputs() error {
	for _, f := range []struct {
		path  string
		write func(writer, []*scoreRecord) error
	}{{c.points, writeCurves}, {c.plot, plotCurves}} {
		if f.path == "" {
			continue
		}
		if err := atomicfile.Write(f.path, c.force, func(w writer) error { return f.write(w, c.records) }); err != nil {
			return failure.As(failure.CantCreate, err)
		}
	}
	if !c.quiet && !c.asJSON {
		said := map[string]bool{}
		for _, r := range c.records {
			for _, n := range r.Notes {
				if line := r.Map + ": note: " + n; !said[line] {
					said[line] = true
					fmt.Fprintln(c.io.err, printable(line))
				}
			}
		}
	}
	return c.write(c.io.out, c.records)
}

// measure measures the maps of one file.
func (c *scorer) measure(ctx context.Context, name string, builtin bool) error {
	m, err := readMapFile(name)
	if err != nil {
		return err
	}
	picture, err := m.picture(c.image, builtin)
	if err != nil {
		return err
	}
	in, err := c.reader.Read(ctx, sourceOf(picture, c.io.in), explain.Source{})
	if err != nil {
		return fmt.Errorf("%s: %w", name, hinted(err))
	}
	if err := m.fits(c.reader.Model(), in, picture); err != nil {
		return err
	}
	meter, err := c.meter(ctx, m, in)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	plane := c.reader.Model().Plan.InputPlane()
	maps, err := m.maps(plane.H, plane.W)
	if err != nil {
		return err
	}
	if maps, err = c.pick(maps, meter); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	progress := ui.NewProgress(c.io.err, ui.StyleFor(c.io.err, c.quiet), name, len(maps)*(1+c.random)*meter.Points())
	defer progress.Finish()
	var done atomic.Int64
	count := func(points int) { progress.Set(int(done.Add(int64(points)))) }
	for _, one := range maps {
		r := c.newRecord(m, in, picture, one.class, meter)
		if err := c.curves(ctx, r, meter, one, count); err != nil {
			return fmt.Errorf("%s: %w", name, scoreError(err))
		}
		c.records = append(c.records, r)
	}
	return nil
}

// scoreError gives an error of the measurement its kind.
func scoreError(err error) error {
	if errors.Is(err, faithful.ErrSetup) {
		return failure.As(failure.Data, err)
	}
	return err
}

// meter is what maps of a picture are measured with: by the output and
// activation of the map, unless others are asked for.
func (c *scorer) meter(ctx context.Context, m *mapFile, in *explain.Input) (*faithful.Meter, error) {
	plan := c.reader.Model().Plan
	fills, err := c.reader.Fills(in)
	if err != nil {
		return nil, hinted(err)
	}
	s := faithful.Setup{Plan: plan, Picture: in.Numbers(), Removed: fills[0], Start: fills[1], Output: c.output,
		Steps: c.steps, Workers: c.host.Threads, Memory: c.memory}
	activation := c.activation
	if r := m.record; r != nil {
		if !c.chosen["activation"] {
			activation = r.Activation
			if err := prediction.Activation(activation).Check(); err != nil {
				return nil, failure.Dataf("record: %w", err)
			}
		}
		if !c.chosen["output"] {
			if s.Output = slices.Index(plan.Outputs(), r.Output); s.Output < 0 {
				return nil, failure.Dataf("is of an output %q: the model has %s", r.Output, strings.Join(plan.Outputs(), ", "))
			}
		}
	}
	if s.Reading, err = c.reading(ctx, s.Output, activation); err != nil {
		return nil, err
	}
	meter, err := faithful.NewMeter(ctx, s)
	return meter, scoreError(err)
}

// reading is what a map's activation means: that of the model, if it is the same.
func (c *scorer) reading(ctx context.Context, output int, activation string) (prediction.Reading, error) {
	model := c.reader.Model()
	r, err := model.Reading(ctx, output, string(prediction.Auto), c.host.Threads, freeOf(c.host.Memory))
	if err != nil || activation == string(prediction.Auto) || activation == string(r.Activation) && !c.chosen["activation"] {
		return r, hinted(err)
	}
	r, err = model.Reading(ctx, output, activation, c.host.Threads, freeOf(c.host.Memory))
	return r, hinted(err)
}

// pick gives the maps of the classes that are asked for.
func (c *scorer) pick(maps []mapOf, meter *faithful.Meter) ([]mapOf, error) {
	probabilities := meter.Probabilities()
	if maps[0].class < 0 && len(c.classes) == 0 {
		maps[0].class = meter.Reading().Own(probabilities)
	}
	if len(c.classes) == 0 {
		return maps, nil
	}
	p, err := explain.NewPicker(c.classes, c.reader.Model().Labels, len(probabilities))
	if err != nil {
		return nil, hinted(err)
	}
	var picked []mapOf
	for _, class := range p.Choose(probabilities) {
		i := slices.IndexFunc(maps, func(m mapOf) bool { return m.class == class || m.class < 0 })
		if i < 0 {
			return nil, failure.Dataf("has no map of %s", c.reader.ClassName(class))
		}
		m := maps[i]
		m.class = class
		picked = append(picked, m)
	}
	return picked, nil
}

// newRecord says what is measured.
func (c *scorer) newRecord(m *mapFile, in *explain.Input, picture string, class int, meter *faithful.Meter) *scoreRecord {
	model := c.reader.Model()
	if picture == "" {
		picture, _ = models.Sample()
	}
	r := &scoreRecord{Version: version, Map: m.name, MapSHA256: m.sha256, Model: model.File.Name, ModelSHA256: model.File.SHA256, Image: picture, ImageSHA256: in.SHA256,
		Class:  explain.ClassRecord{Index: class, Label: model.Label(class)},
		Output: meter.Output(), Activation: string(meter.Reading().Activation), ActivationReason: meter.Reading().Reason, Combine: c.combine, Fill: c.fill, Start: c.start, Seed: c.seed, Steps: meter.Points()/2 - 1,
		Kernels: model.Plan.Kernels(), Threads: c.host.Threads, Notes: slices.Concat(c.reader.Notes(in), model.Doubts(meter.Reading()))}
	if p := meter.Probabilities(); class < len(p) {
		r.Class.BaseScore = explain.Number(p[class])
	}
	if m.record != nil && m.record.Score != string(obe.Value) {
		r.Notes = append(r.Notes, fmt.Sprintf("the map is of the %s; the curves are of the class's score", m.record.Score))
	}
	return r
}

// curves measures a map, and random ones of its numbers.
func (c *scorer) curves(ctx context.Context, r *scoreRecord, meter *faithful.Meter, one mapOf, count func(int)) error {
	begin := time.Now()
	whole, spent := meter.MultiplyAdds()
	importance, err := one.importance(c.combine, nil)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(importance, func(v float64) bool { return v == v }) {
		return failure.Dataf("the map has no number")
	}
	if r.curves[0], r.curves[1], err = meter.Curves(ctx, faithful.Order(importance), one.class, count); err != nil {
		return err
	}
	r.Deletion, r.Insertion = newScoreCurve(r.curves[0]), newScoreCurve(r.curves[1])
	if c.plot != "" && (r.Deletion.Area != r.Deletion.Area || r.Insertion.Area != r.Insertion.Area) {
		return failure.Dataf("the network's score is not a number at some steps: it cannot be plotted")
	}
	random := newRandomMaps(r.curves, c.random)
	for i := range c.random {
		shuffled, err := one.importance(c.combine, rand.New(rand.NewPCG(c.seed, uint64(i))))
		if err != nil {
			return err
		}
		d, n, err := meter.Curves(ctx, faithful.Order(shuffled), one.class, count)
		if err != nil {
			return err
		}
		random.add(d, n)
	}
	if c.random > 0 {
		r.Random, r.random = &random.record, random.mean
	}
	base := r.Class.BaseScore
	if r.NaN = base != base || r.Deletion.hasNaN() || r.Insertion.hasNaN(); r.NaN {
		r.Notes = append(r.Notes, "some scores are not numbers (NaN)")
	}
	r.MultiplyAddsWhole, r.MultiplyAddsSpent = meter.MultiplyAdds()
	r.MultiplyAddsWhole -= whole
	r.MultiplyAddsSpent -= spent
	r.Seconds = time.Since(begin).Seconds()
	return nil
}
