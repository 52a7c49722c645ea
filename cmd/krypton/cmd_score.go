package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"krypton/internal/atomicfile"
	"krypton/internal/evaluate"
	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/flagvalue"
	"krypton/internal/heatmap"
	"krypton/internal/imagein"
	"krypton/internal/inputs"
	"krypton/internal/obe"
	"krypton/internal/prediction"
	"krypton/internal/spreadsheet"
	"krypton/internal/target"
	"krypton/internal/ui"
)

// scoreOptions are the flags of `krypton score`.
type scoreOptions struct {
	model                modelOptions
	image                string
	fill, start          string
	seed                 uint64
	steps, random        int
	classes              []string
	score                string
	what                 whatOptions
	boxes                boxOptions
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
	flagvalue.Alias(f, "start", "insertion-start")
	f.Uint64Var(&o.seed, "seed", 1, "seed of noise and of random maps")
	f.IntVar(&o.steps, "steps", 100, "number of steps from no pixel to all")
	f.IntVar(&o.random, "random", 0, "also measure `N` random maps for each")
	f.StringSliceVar(&o.classes, "class", nil, "`classes` to measure (default: those of the map; of a .npy map the best one), as for obe")
	f.StringVar(&o.activation, "activation", "auto", activationHelp+" (default: the map's)")
	f.StringVar(&o.score, "score", "value", "what of a .npy map's target is measured, as for obe (default: what was mapped; of classes the score itself)")
	o.what.addFlags(f)
	o.boxes.addFlags(f)
	f.StringVar(&o.combine, "combine", "mean", "where patches overlap: mean, sum or cell (the nearest)")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object for each map and class, with the curves")
	f.BoolVar(&o.asCSV, "csv", false, "print the areas as CSV")
	f.StringVar(&o.points, "points", "", "write every point of the curves to this CSV `file`")
	f.StringVar(&o.plot, "plot", "", "draw the curves to this PNG `file`")
	f.BoolVar(&o.force, "force", false, "replace existing outputs")
	f.Int64Var(&o.maxPixels, "max-pixels", imagein.DefaultLimits.MaxPixels, "largest picture that is read, in pixels")
	o.model.parts = true
	o.model.addFlags(f)
	o.model.addWindowFlag(f)
	o.model.addWithFlag(f)
	for flag, values := range map[string][]string{"fill": obe.Fills, "insertion-start": obe.Fills, "activation": prediction.Activations, "combine": heatmap.Combines, "score": textsOf(explain.Scores), "target": textsOf(explain.Kinds), "reduce": target.Reductions} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	return cmd
}

// question is what the flags ask.
func (o *scoreOptions) question(s *settings) (evaluate.Question, error) {
	q := evaluate.Question{Fill: explain.Fill(o.fill), Start: explain.Fill(o.start), Seed: o.seed, Steps: o.steps, Random: o.random,
		Classes: o.classes, OwnOutput: s.given("output"), Score: target.Score(o.score), What: o.what.what(), Combine: o.combine, Plotted: o.plot != ""}
	q.Boxes, q.MinScore, q.IoU = o.boxes.asked(s)
	if s.given("activation") {
		q.Activation = prediction.Activation(o.activation)
	}
	if err := q.Check(); err != nil {
		return q, hinted(err)
	}
	switch {
	case o.asJSON && o.asCSV:
		return q, failure.Usagef("--json and --csv exclude each other")
	case o.maxPixels < 1:
		return q, failure.Usagef("--max-pixels is %d, want at least 1", o.maxPixels)
	case o.image == "-":
		return q, failure.Usagef("--image: standard input can be read once only: name a file")
	case o.points != "" && o.points == o.plot:
		return q, failure.Usagef("%s would be written twice", o.plot)
	}
	for _, out := range []string{o.points, o.plot} {
		if out == "" {
			continue
		}
		if err := s.inputs.CheckOutput(out, o.force); err != nil {
			return q, err
		}
	}
	return q, nil
}

// scorer is what is the same for all maps.
type scorer struct {
	*scoreOptions
	io      streams
	job     *evaluate.Job
	quiet   bool
	records []*evaluate.Record
}

func (o *scoreOptions) run(cmd *cobra.Command, io streams, args []string) error {
	s, err := loadSettings(cmd)
	if err != nil {
		return err
	}
	o.addNamed(s.inputs, args)
	q, err := o.question(s)
	if err != nil {
		return err
	}
	builtin := o.model.model == ""
	if builtin { // the first map's
		m, err := evaluate.ReadMapFile(args[0])
		if err == nil && m.Record != nil {
			o.model.model = m.Record.Model
		}
		// An error comes again, where it counts as this map's.
		builtin = o.model.model == ""
	}
	model, err := o.model.load(cmd.Context(), s)
	if err != nil {
		return err
	}
	_, q.Part = o.model.part() // the model's own file may name the output
	host, err := host(s, o.maxPixels)
	if err != nil {
		return err
	}
	c := &scorer{scoreOptions: o, io: io}
	if c.job, err = evaluate.Prepare(cmd.Context(), model, q, host); err != nil {
		return hinted(err)
	}
	if c.quiet, err = s.flags.GetBool("quiet"); err != nil {
		return err
	}
	return c.all(cmd.Context(), args, builtin)
}

// addNamed makes what the maps name part of what is read: their pictures and models.
// That counts only where an output may replace a file.
func (o *scoreOptions) addNamed(inputs *inputs.Set, maps []string) {
	if !o.force || o.points == "" && o.plot == "" {
		return
	}
	for _, name := range maps {
		if m, err := evaluate.ReadMapFile(name); err == nil && m.Record != nil { // else measuring it says so
			inputs.Add(m.Record.Image)
			for _, w := range m.Record.With {
				inputs.Add(w.Image)
			}
			inputs.AddModel(m.Record.Model)
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
		err = hinted(err)
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
		write func(writer, []*evaluate.Record) error
	}{{c.points, func(w writer, all []*evaluate.Record) error { return spreadsheet.CSV(w, evaluate.CurveTable(all)) }}, {c.plot, evaluate.PlotCurves}} {
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
	m, err := evaluate.ReadMapFile(name)
	if err != nil {
		return err
	}
	from, err := c.picture(m, builtin)
	if err != nil {
		return err
	}
	with, err := c.model.withs()
	if err != nil {
		return hinted(err)
	}
	in, err := c.job.Read(ctx, from, explain.Source{}, explain.Files(withFiles(with, from.Name))...)
	if err != nil {
		return fmt.Errorf("%s: %w", name, hinted(err))
	}
	var bar *ui.Progress
	records, err := c.job.Measure(ctx, m, in, from, func(done, total int) {
		if bar == nil { // the first call comes alone
			bar = ui.NewProgress(c.io.err, ui.StyleFor(c.io.err, c.quiet), name, total)
		}
		bar.Set(done)
	})
	if bar != nil {
		bar.Finish()
	}
	c.records = append(c.records, records...)
	return hinted(err)
}

// picture is where a map's picture comes from.
func (c *scorer) picture(m *evaluate.MapFile, builtin bool) (explain.Source, error) {
	switch {
	case c.image != "":
		return explain.Named(c.image, c.io.in), nil
	case m.Record == nil && builtin:
		return explain.Sample(), nil
	case m.Record == nil:
		return explain.Source{}, failure.Usagef("%s: --image must name the picture of a .npy map", m.Name)
	}
	from, err := m.Picture()
	return from, hinted(err)
}

// write prints the areas: a table, or CSV, or JSON lines.
func (o *scoreOptions) write(w writer, records []*evaluate.Record) error {
	switch {
	case o.asJSON:
		e := json.NewEncoder(w)
		for _, r := range records {
			if err := e.Encode(r); err != nil {
				return err
			}
		}
		return nil
	case o.asCSV:
		return spreadsheet.CSV(w, evaluate.AreaTable(records))
	}
	return spreadsheet.Text(w, evaluate.Table(records, o.random > 0))
}
