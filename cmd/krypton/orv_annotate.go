package main

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
	"krypton/internal/number"
	"krypton/internal/region"
	"krypton/internal/video"
)

// annotator writes the annotated video. It reads the video once more, in its own
// size: what the network sees does not depend on whether it is annotated.
type annotator struct {
	job     *orvJob
	source  video.Source
	writer  video.Writer
	painter *annotate.Painter
}

// newAnnotator begins the annotated video, nil if none is wanted.
func (j *orvJob) newAnnotator(ctx context.Context) (*annotator, error) {
	switch {
	case j.annotate == "" && j.showRegions:
		return nil, failure.Usagef("--show-regions needs --annotate")
	case j.annotate == "":
		return nil, nil
	case j.name == "-" || j.resume:
		return nil, failure.Usagef("--annotate reads the video a second time, from its beginning: it needs a file, and excludes --resume")
	}
	opt := j.open
	opt.Fit = nil
	src, err := video.Open(ctx, j.name, opt)
	if err != nil {
		return nil, videoError(err)
	}
	i := src.Info()
	a := &annotator{job: j, source: src}
	if a.painter, err = annotate.NewPainter(i.Height); err == nil {
		fps := i.FPS / float64(j.every)
		a.writer, err = video.NewWriter(ctx, j.annotate, i.Width, i.Height, fps, video.WriterOptions{Force: j.force, FFmpeg: j.ffmpeg, Pixels: i.Shape})
	}
	if err != nil {
		_ = src.Close() // the writer's error is what must be heard of
		if errors.Is(err, video.ErrBusy) {
			return nil, videoError(fmt.Errorf("--annotate: %w", err))
		}
		return nil, failure.CantCreatef("--annotate: %w", err)
	}
	return a, nil
}

// frame draws one frame. changed is the mask of what changed on the network's
// plane.
func (a *annotator) frame(ctx context.Context, r *framelabels.Result, changed *region.Mask) error {
	f, err := a.source.Next(ctx)
	if errors.Is(err, io.EOF) {
		return failure.Dataf("%s: ended early when it was read again for --annotate", a.job.name)
	}
	if err != nil {
		return videoError(err)
	}
	defer a.source.Release(f)
	if f.Index != r.Frame {
		return fmt.Errorf("%s: frame %d came as frame %d when it was read again for --annotate", a.job.name, r.Frame, f.Index)
	}
	i := a.source.Info()
	pic := &annotate.Frame{Pix: f.Pixels, W: i.Width, H: i.Height}
	g := &a.job.geometry
	if a.job.showRegions && r.How != "skip" {
		kx, ky := float64(g.Scaled.X)/float64(g.Crop.Dx()), float64(g.Scaled.Y)/float64(g.Crop.Dy())
		a.painter.Regions(pic, func(x, y int) bool {
			px := int(math.Floor((float64(x-g.Crop.Min.X)+.5)*kx)) + g.Offset.X
			py := int(math.Floor((float64(y-g.Crop.Min.Y)+.5)*ky)) + g.Offset.Y
			return px >= 0 && py >= 0 && px < changed.W && py < changed.H && image.Pt(x, y).In(g.Crop) && changed.Has(py, px)
		})
	}
	var boxes []annotate.Box
	for _, o := range r.Objects {
		b := annotate.Box{Rect: image.Rect(int(o.X0), int(o.Y0), int(math.Ceil(float64(o.X1))), int(math.Ceil(float64(o.Y1)))), Key: o.Class, Text: a.job.className(o.Class)}
		if o.ID != 0 {
			b.Key, b.Text = o.ID, fmt.Sprintf("%s %d", b.Text, o.ID)
		}
		boxes = append(boxes, b)
	}
	a.painter.Boxes(pic, boxes)
	var lines []string
	if l := r.Smoothed; l != nil {
		lines = append(lines, fmt.Sprintf("%s %s", a.job.className(l.Class), a.job.scoreText(l.Score)))
	} else {
		for _, l := range r.Labels {
			lines = append(lines, fmt.Sprintf("%s %s", a.job.className(l.Class), a.job.scoreText(l.Score)))
		}
	}
	if a.job.showRegions {
		lines = append(lines, fmt.Sprintf("%s, %s %% recomputed", r.How, r.Recomputed.Text("%.1f", 100)))
	}
	a.painter.Lines(pic, lines)
	if err := a.writer.WriteFrame(f.Pixels, f.Time); err != nil {
		return failure.As(failure.CantCreate, err)
	}
	return nil
}

// className is a class's label, or its number.
func (j *orvJob) className(class int) string {
	if name := j.model.Label(class); name != "" {
		return name
	}
	return fmt.Sprintf("class %d", class)
}

// scoreText is a class's score, or a value with its unit.
func (j *orvJob) scoreText(score number.Single) string {
	text := number.Double(score).Text("%.2f", 1)
	if v := j.model.File.Config.Value; v != nil && v.Unit != "" {
		text += " " + v.Unit
	}
	return text
}

// close ends the video.
func (a *annotator) close() error {
	err := a.source.Close()
	if e := a.writer.Close(); e != nil {
		return failure.As(failure.CantCreate, e)
	}
	return err
}

// abort leaves nothing behind.
func (a *annotator) abort() {
	_ = a.source.Close() // another error ends the run
	a.writer.Abort()
}
