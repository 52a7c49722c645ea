package recognize

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math"

	"krypton/internal/annotate"
	"krypton/internal/failure"
	"krypton/internal/framelabels"
	"krypton/internal/imagein"
	"krypton/internal/number"
	"krypton/internal/orv"
	"krypton/internal/region"
	"krypton/internal/video"
)

// ErrReadAgain says that a video was another one when it was read again for annotation.
var ErrReadAgain = errors.New("another video when it was read again")

// Annotator draws results into a video. It reads the video once more, in its own size:
// what the network sees does not depend on whether it is annotated.
type Annotator struct {
	ctx      context.Context
	job      *Job
	name     string
	geometry *imagein.Geometry
	source   video.Source
	writer   video.Writer
	painter  *annotate.Painter
	regions  bool
}

// Annotation says where results are drawn in.
type Annotation struct {
	// Video is the file of the video, read anew by Reading; Same, unless it is nil, fails
	// where it became another one.
	Video   string
	Reading video.Options
	Same    func(video.Info) error
	// Name is what errors call the video, Geometry that in which the network saw its frames.
	Name     string
	Geometry *imagein.Geometry
	// File is what is written, as Writing says; the form of pixels is the video's.
	File    string
	Writing video.WriterOptions
	// Regions draws what was recomputed, too.
	Regions bool
}

// Annotate begins the file of an annotated video of the Recognition, whose name and geometry
// it takes.
func (r *Recognition) Annotate(ctx context.Context, a Annotation) (*Annotator, error) {
	a.Name, a.Geometry = r.film.Name, &r.geometry
	return r.job.Annotate(ctx, a)
}

// Annotate begins the file of an annotated video. Errors are of the kinds that package
// failure has.
func (j *Job) Annotate(ctx context.Context, a Annotation) (*Annotator, error) {
	source, err := video.Open(ctx, a.Video, a.Reading)
	if err != nil {
		return nil, Classify(err)
	}
	i := source.Info()
	if a.Same != nil {
		if err := a.Same(i); err != nil {
			_ = source.Close() // nothing is read of it
			return nil, err
		}
	}
	a.Writing.Pixels = i.Shape
	w, err := video.NewWriter(ctx, a.File, i.Width, i.Height, i.FPS/float64(j.question.Every), a.Writing)
	if err != nil {
		_ = source.Close() // the writer's error is what must be heard of
		err = failure.Settingf("%v: %w", failure.Setting("annotate"), err)
		if errors.Is(err, video.ErrBusy) {
			return nil, Classify(err)
		}
		return nil, failure.As(failure.CantCreate, err)
	}
	return j.Annotator(ctx, a.Name, a.Geometry, source, w, a.Regions)
}

// Annotator draws the results of a Recognition into the frames of source, which is the
// same video anew, and hands them to w. regions draws what was recomputed, too. Both are
// the Annotator's to close, also if there is none because of an error.
func (r *Recognition) Annotator(ctx context.Context, source video.Source, w video.Writer, regions bool) (*Annotator, error) {
	return r.job.Annotator(ctx, r.film.Name, &r.geometry, source, w, regions)
}

// Annotator is Recognition.Annotator for results that were kept: of the video that errors
// call by its name, whose frames the network saw in that geometry.
func (j *Job) Annotator(ctx context.Context, name string, geometry *imagein.Geometry, source video.Source, w video.Writer, regions bool) (*Annotator, error) {
	a := &Annotator{ctx: ctx, job: j, name: name, geometry: geometry, source: source, writer: w, regions: regions}
	var err error
	if a.painter, err = annotate.NewPainter(source.Info().Height); err != nil {
		a.Abort()
		return nil, err
	}
	return a, nil
}

// Write implements Sink.
func (a *Annotator) Write(r *framelabels.Result) error {
	f, err := a.source.Next(a.ctx)
	if errors.Is(err, io.EOF) {
		return failure.Mark(failure.Dataf("%s: ended early when it was read again", a.name), ErrReadAgain)
	}
	if err != nil {
		return Classify(err)
	}
	defer a.source.Release(f)
	if f.Index != r.Frame {
		return failure.Mark(fmt.Errorf("%s: frame %d came as frame %d when it was read again", a.name, r.Frame, f.Index), ErrReadAgain)
	}
	i := a.source.Info()
	pic := &annotate.Frame{Pix: f.Pixels, W: i.Width, H: i.Height}
	if a.regions && r.Moved != nil && r.How != string(orv.Skip) {
		a.painter.Regions(pic, moved(r.Moved, a.geometry))
	}
	a.painter.Boxes(pic, a.boxes(r))
	a.painter.Lines(pic, a.lines(r))
	return failure.As(failure.CantCreate, a.writer.WriteFrame(f.Pixels, f.Time))
}

// moved says of the video's pixels whether they are in a mask of the network's plane.
func moved(mask *region.Mask, g *imagein.Geometry) func(x, y int) bool {
	return func(x, y int) bool {
		px, py, ok := g.Network(x, y)
		return ok && mask.Has(py, px)
	}
}

func (a *Annotator) boxes(r *framelabels.Result) []annotate.Box {
	var boxes []annotate.Box
	for _, o := range r.Objects {
		b := annotate.Box{Rect: image.Rect(int(o.X0), int(o.Y0), int(math.Ceil(float64(o.X1))), int(math.Ceil(float64(o.Y1)))), Key: o.Class, Text: a.className(o.Class)}
		if o.ID != 0 {
			b.Key, b.Text = o.ID, fmt.Sprintf("%s %d", b.Text, o.ID)
		}
		boxes = append(boxes, b)
	}
	return boxes
}

func (a *Annotator) lines(r *framelabels.Result) []string {
	labels := r.Labels
	if r.Smoothed != nil {
		labels = []framelabels.Label{*r.Smoothed}
	}
	var lines []string
	for _, l := range labels {
		lines = append(lines, fmt.Sprintf("%s %s", a.className(l.Class), a.scoreText(l.Score)))
	}
	if a.regions {
		lines = append(lines, fmt.Sprintf("%s, %s %% recomputed", r.How, r.Recomputed.Text("%.1f", 100)))
	}
	return lines
}

// className is a class's label, or its number.
func (a *Annotator) className(class int) string {
	if name := a.job.model.Label(class); name != "" {
		return name
	}
	return fmt.Sprintf("class %d", class)
}

// scoreText is a class's score, or a value with its unit.
func (a *Annotator) scoreText(score number.Single) string {
	text := number.Double(score).Text("%.2f", 1)
	if u := unit(a.job.model); u != "" {
		text += " " + u
	}
	return text
}

// Close ends the annotated video.
func (a *Annotator) Close() error {
	err := a.source.Close()
	if e := a.writer.Close(); e != nil {
		return failure.As(failure.CantCreate, e)
	}
	return err
}

// Abort leaves nothing behind.
func (a *Annotator) Abort() {
	_ = a.source.Close() // another error ends the run
	a.writer.Abort()
}
