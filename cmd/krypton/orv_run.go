package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/framelabels"
	"krypton/internal/incremental"
	"krypton/internal/inputs"
	"krypton/internal/interrupt"
	"krypton/internal/labelfiles"
	"krypton/internal/limits"
	"krypton/internal/orv"
	"krypton/internal/recognize"
	"krypton/internal/ui"
	"krypton/internal/video"
)

// orvJob is one video with what the command line says of it.
type orvJob struct {
	*orvOptions
	name    string // of the video
	inputs  *inputs.Set
	io      streams
	threads int
	quiet   bool
	reading video.Options
	job     *recognize.Job
	film    *recognize.Film
}

// runORV recognizes one video.
func runORV(ctx context.Context, s *settings, io streams, o *orvOptions, mo *modelOptions, name string) error {
	return hinted(recognizeVideo(ctx, s, io, o, mo, name))
}

func recognizeVideo(ctx context.Context, s *settings, io streams, o *orvOptions, mo *modelOptions, name string) error {
	j, err := openORV(ctx, s, io, o, mo, name)
	if err != nil {
		return err
	}
	// One more than the sessions keep busy: whoever fetches frames would wait
	// for their time slices otherwise.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), j.threads+1)))
	// What is thrown away here are answers, a few megabytes a second: collected less
	// often than by default (see run), frames take a twentieth less.
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	defer func() { _ = j.film.Close() }() // what it could say, Next has said
	memory, err := s.memory()
	if err == nil {
		err = j.job.CheckMemory(j.film.Info(), j.annotate != "", limits.Resident(), memory)
	}
	if err != nil {
		return err
	}
	if o.sweep != "" {
		return j.sweepSettings(ctx)
	}
	workBegins(ctx)
	out, err := j.claimOutputs()
	if err != nil {
		return err
	}
	defer out.Abandon() // what run has not seen to
	if mo.model == "" && !j.quiet && !o.batch.wanted() {
		fmt.Fprintln(io.err, unnamed)
	}
	r, err := recognize.Start(ctx, j.job, j.film)
	if err != nil {
		return err
	}
	return j.run(ctx, r, out)
}

// openORV makes model and video ready.
func openORV(ctx context.Context, s *settings, io streams, o *orvOptions, mo *modelOptions, name string) (*orvJob, error) {
	j := &orvJob{orvOptions: o, inputs: s.inputs, io: io, name: name}
	var err error
	if j.threads, _, err = s.threads(); err != nil {
		return nil, err
	}
	if j.quiet, err = s.flags.GetBool("quiet"); err != nil {
		return nil, err
	}
	q := o.question(s)
	if err := q.Check(); err != nil {
		return nil, err
	}
	if j.reading, err = o.readingOf(q, io); err != nil {
		return nil, err
	}
	j.job, j.film, err = recognize.Open(ctx, name, j.reading, func() (*recognize.Job, error) {
		l := recognize.Limits{Threads: j.threads, Spell: flagName}
		m, err := o.where.video(ctx, s, mo, o.precision, &l, deviceNotes{io, j.quiet})
		if err != nil {
			return nil, err
		}
		q.Activation = o.activation // which the model's own file may have set by now
		return recognize.Prepare(ctx, m, q, l)
	})
	if err != nil {
		return nil, err
	}
	return j, nil
}

// question is what the flags ask.
func (o *orvOptions) question(s *settings) recognize.Question {
	q := recognize.Question{
		Start: o.start, End: o.end, Every: o.every,
		Mode: orv.Mode(o.mode), Specks: o.specks, Shape: incremental.Shape(o.shape),
		Shortlist: o.shortlist, TargetAgreement: o.targetAgreement, TuneFrames: o.tuneFrames, VerifyEvery: o.verifyEvery, VerifyShare: o.verifyShare, Timings: o.timings,
		Top: o.top, Activation: o.activation, Smooth: o.window,
		Classes: o.classes, MostObjects: o.most, Untracked: o.noTrack,
	}
	if o.tolerance >= 0 {
		q.Tolerance = &o.tolerance
	}
	if o.epsilon >= 0 {
		q.Epsilon = &o.epsilon
	}
	if s.given("refresh") {
		q.KeyFrames = &o.refresh
	}
	for _, f := range []struct {
		flag  string
		value *float64
		to    **float64
	}{{"guard", &o.guard, &q.Guard}, {"min-score", &o.minScore, &q.MinScore}, {"iou", &o.iou, &q.IoU}} {
		if s.given(f.flag) {
			*f.to = f.value
		}
	}
	return q
}

// readingOf says how the video is read.
func (o *orvOptions) readingOf(q recognize.Question, io streams) (video.Options, error) {
	v, err := q.Reading(video.Options{MaxPixels: o.maxPixels, AllowNetwork: o.allowNetwork, FFmpeg: o.ffmpeg, Lenient: o.lenient, RawFPS: o.fps, Stdin: io.in})
	if err != nil {
		return v, err
	}
	if !(o.fps >= 0 && o.fps <= maxFPS) {
		return v, failure.Usagef("--fps is %g, want up to %g frames a second", o.fps, float64(maxFPS))
	}
	if o.rawSize != "" {
		w, h, ok := strings.Cut(strings.ToLower(o.rawSize), "x")
		var e1, e2 error
		v.RawWidth, e1 = strconv.Atoi(w)
		v.RawHeight, e2 = strconv.Atoi(h)
		if !ok || e1 != nil || e2 != nil || v.RawWidth < 1 || v.RawHeight < 1 {
			return v, failure.Usagef("--raw-size is %q, want WxH", o.rawSize)
		}
	}
	return v, nil
}

// newAnnotator begins the annotated video, nil if none is wanted.
func (j *orvJob) newAnnotator(ctx context.Context, r *recognize.Recognition) (*recognize.Annotator, error) {
	switch {
	case j.annotate == "" && j.showRegions:
		return nil, failure.Usagef("--show-regions needs --annotate")
	case j.annotate == "":
		return nil, nil
	case j.name == "-" || j.resume:
		return nil, failure.Usagef("--annotate reads the video a second time, from its beginning: it needs a file, and excludes --resume")
	}
	return r.Annotate(ctx, recognize.Annotation{
		Video: j.name, Reading: j.reading,
		File: j.annotate, Writing: video.WriterOptions{Force: j.force, FFmpeg: j.ffmpeg},
		Regions: j.showRegions,
	})
}

// run answers all frames and says what came of it.
func (j *orvJob) run(ctx context.Context, r *recognize.Recognition, out *labelfiles.Files) error {
	h, err := r.Header(version)
	if err != nil {
		return err
	}
	h.Confidence = j.confidence
	a, err := j.newAnnotator(ctx, r)
	if err != nil {
		return err
	}
	earlier, err := out.Begin(j.io.out, h)
	if err != nil {
		if a != nil {
			a.Abort()
		}
		return err
	}
	if len(earlier) > 0 && !j.quiet {
		fmt.Fprintf(j.io.err, "krypton: going on after %d frames\n", len(earlier))
	}
	sum, err := j.answer(ctx, r, earlier, out, a)
	if err == nil && a != nil {
		err = a.Close()
	} else if a != nil {
		a.Abort()
	}
	if err == nil {
		err = out.Finish()
	}
	if err != nil {
		return j.kept(ctx, out, hinted(recognize.Classify(err)))
	}
	return j.report(r, h, sum)
}

// answer hands the frames to the outputs and shows how far they are.
func (j *orvJob) answer(ctx context.Context, r *recognize.Recognition, earlier []framelabels.Result, out *labelfiles.Files, a *recognize.Annotator) (*recognize.Summary, error) {
	progress := ui.NewCount(j.io.err, ui.StyleFor(j.io.err, j.quiet), "frames", r.Frames())
	stop := interrupt.OnState(func() { fmt.Fprintf(j.io.err, "krypton: %s\n", progress.State()) })
	defer stop()
	defer progress.Finish()
	sinks := []recognize.Sink{out}
	if a != nil {
		sinks = append(sinks, a)
	}
	done := len(earlier)
	sinks = append(sinks, recognize.SinkFunc(func(*framelabels.Result) error {
		done++
		progress.Set(done)
		return nil
	}))
	return r.Run(ctx, earlier, sinks...)
}

// kept says what is left of a run that failed, if anything is.
func (j *orvJob) kept(ctx context.Context, out *labelfiles.Files, err error) error {
	left := out.Abandon()
	if left == "" {
		return err
	}
	how := "--resume"
	if j.annotate != "" {
		how += " without --annotate"
	}
	return fmt.Errorf("%w (%d frames are in %s; %s goes on with them)", signalled(ctx, err), out.Saved(), left, how)
}
