package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"krypton/internal/detect"
	"krypton/internal/engine"
	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/model"
	"krypton/internal/orv"
	"krypton/internal/prediction"
	"krypton/internal/video"
)

// orvJob is one video with all that its recognition needs.
type orvJob struct {
	*orvOptions
	model    *model.Model
	inputs   *inputFiles
	io       streams
	name     string // of the video
	threads  int
	quiet    bool
	open     video.Options
	geometry orv.Geometry
	source   video.Source
	info     video.Info
	options  orv.Options
	spec     *detect.Spec // nil for classifiers
	filter   []int        // classes that count, nil for all
	output   int
	reading  prediction.Reading // of classifiers
	setting  *orv.Setting       // once it is tuned
	notes    []string
	follower follower
	nan      int           // frames with scores that are not numbers
	opening  time.Duration // what opening the video took, once the model was loaded
	close    func()

	guardGiven, refreshGiven, scoreGiven, iouGiven bool // by flag, environment or file
}

// videoError gives a decoder's error its kind.
func videoError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return failure.As(failure.Missing, err)
	case errors.Is(err, video.ErrNetwork):
		return failure.As(failure.Usage, err)
	case errors.Is(err, video.ErrStalled), errors.Is(err, video.ErrBusy):
		return failure.As(failure.Temporary, err)
	case errors.Is(err, detect.ErrHead), errors.Is(err, video.ErrUnusable), errors.Is(err, video.ErrIncomplete), errors.Is(err, video.ErrNoFFmpeg):
		return failure.As(failure.Data, err)
	}
	return err
}

// newORVJob makes everything ready but the session, whose settings may be tuned
// on the first frames.
func newORVJob(ctx context.Context, s *settings, io streams, o *orvOptions, mo *modelOptions, name string) (*orvJob, error) {
	j := &orvJob{orvOptions: o, inputs: s.inputs, io: io, name: name, guardGiven: s.given("guard"), refreshGiven: s.given("refresh"), scoreGiven: s.given("min-score"), iouGiven: s.given("iou")}
	var err error
	if j.threads, _, err = s.threads(); err != nil {
		return nil, err
	}
	if j.quiet, err = s.flags.GetBool("quiet"); err != nil {
		return nil, err
	}
	if j.options, err = o.options(j.threads); err != nil {
		return nil, failure.As(failure.Usage, err)
	}
	if j.open, err = o.videoOptions(io); err != nil {
		return nil, failure.As(failure.Usage, err)
	}
	// ffmpeg takes some tenths of a second to start and to look into the video:
	// meanwhile the model is loaded. What the frames are to be is known once both are.
	// Other sources than files may have to be waited for: they come after the model.
	var plane engine.Plane
	loaded := make(chan struct{})
	j.open.Fit = func(w, h int, pixels video.Shape) (image.Rectangle, int, int) {
		<-loaded
		if err != nil {
			return image.Rect(0, 0, w, h), w, h // it is closed at once
		}
		j.geometry = orv.NewGeometry(j.model.Pre, image.Pt(w, h), pixels.Ratio(), image.Pt(plane.W, plane.H))
		return j.geometry.Crop, j.geometry.Scaled.X, j.geometry.Scaled.Y
	}
	opening, cancel := context.WithCancel(ctx)
	opened := make(chan error, 1)
	open := func() {
		var err error
		j.source, err = video.Open(opening, name, j.open)
		opened <- err
	}
	info, statErr := os.Stat(name) // what is wrong with it, Open says
	early := statErr == nil && info.Mode().IsRegular()
	if early {
		go open()
	}
	if err = j.loadModel(ctx, s, mo); err != nil {
		cancel()
		close(loaded)
		if early && <-opened == nil {
			_ = j.source.Close() // nothing was read
		}
		return nil, err
	}
	start := time.Now()
	plane = j.model.Plan.InputPlane()
	close(loaded)
	if !early {
		go open()
	}
	if err := <-opened; err != nil {
		cancel()
		return nil, videoError(err)
	}
	j.opening, j.close = time.Since(start), cancel
	j.info = j.source.Info()
	return j, nil
}

// loadModel loads the model and finds out what it says.
func (j *orvJob) loadModel(ctx context.Context, s *settings, mo *modelOptions) error {
	var err error
	if j.model, err = mo.load(s); err != nil {
		return err
	}
	if j.model.NoPictures != nil {
		return j.model.NoPictures
	}
	j.notes = append(j.notes, j.model.Notes...)
	if err := j.prepareInterpreter(ctx); err != nil {
		return err
	}
	// The softmax keeps count of the classes that are not listed.
	if j.options.Mode == orv.Approximate && j.spec == nil && j.shortlist > 0 && j.reading.Exclusive {
		// One more than are named, so that the best of them all can lose its place.
		j.options.Shortlist, j.options.Output = max(j.shortlist, j.top+1), j.output
		j.options.Shortlist = orv.ShortlistSize(j.model.Plan, &j.options)
	}
	return nil
}

// framesAhead is how many frames are decoded ahead: more than tuning takes, during
// which nothing else is to be done for the decoder.
const framesAhead = 96

// videoOptions are those of reading the video.
func (o *orvOptions) videoOptions(io streams) (video.Options, error) {
	v := video.Options{Every: o.every, MaxPixels: o.maxPixels, AllowNetwork: o.allowNetwork, FFmpeg: o.ffmpeg, Lenient: o.lenient, RawFPS: o.fps, Stdin: io.in, Ahead: framesAhead}
	for _, p := range []struct {
		flag, text string
		to         **video.Position
	}{{"--start", o.start, &v.Start}, {"--end", o.end, &v.End}} {
		if p.text == "" {
			continue
		}
		at, err := video.ParsePosition(p.text)
		if err != nil {
			return v, fmt.Errorf("%s: %w", p.flag, err)
		}
		*p.to = &at
	}
	if o.rawSize != "" {
		w, h, ok := strings.Cut(strings.ToLower(o.rawSize), "x")
		var e1, e2 error
		v.RawWidth, e1 = strconv.Atoi(w)
		v.RawHeight, e2 = strconv.Atoi(h)
		if !ok || e1 != nil || e2 != nil || v.RawWidth < 1 || v.RawHeight < 1 {
			return v, fmt.Errorf("--raw-size is %q, want WxH", o.rawSize)
		}
	}
	return v, nil
}

// prepareInterpreter finds out what the network's outputs mean.
func (j *orvJob) prepareInterpreter(ctx context.Context) error {
	var err error
	if j.output, err = j.model.Output(); err != nil {
		return hinted(err)
	}
	if err := prediction.Activation(j.activation).Check(); err != nil {
		return failure.Usagef("--activation: %w", err)
	}
	if j.spec, err = j.model.Detector(); err != nil {
		return err
	}
	if j.spec == nil {
		if len(j.orvOptions.classes) > 0 {
			return failure.Usagef("--classes is for detectors, and %s describes none", j.model.File.Where)
		}
		return j.prepareClassifier(ctx)
	}
	return j.prepareDetector()
}

// prepareClassifier finds out what the numbers mean.
func (j *orvJob) prepareClassifier(ctx context.Context) error {
	var err error
	j.reading, err = j.model.Reading(ctx, j.output, j.activation, j.threads, 0)
	if errors.Is(err, prediction.ErrNoClasses) {
		advice := "'detector:'"
		if l := detect.Suggest(j.model.Plan.OutputShape(j.output), len(j.model.Labels)); len(l) > 0 {
			advice = "'" + strings.Join(l, "' or '") + "'"
		}
		return failure.Dataf("%w; describe a detector's head as %s in %s (see docs/video.md)", err, advice, j.model.File.Where)
	}
	j.notes = append(j.notes, j.model.Doubts(j.reading)...)
	return err
}

// prepareDetector finds out whether the head fits, and which classes count.
func (j *orvJob) prepareDetector() error {
	plane := j.model.Plan.InputPlane()
	var err error
	if j.spec, err = j.spec.Fit(j.model.Outputs(), len(j.model.Labels), plane.W, plane.H); err != nil {
		where := j.model.File.Where
		if j.model.File.Config.Detector == nil {
			where = "model " + j.model.File.Name + ", as its metadata have it"
		}
		return failure.Dataf("%s: detector: %w", where, err)
	}
	if !j.scoreGiven && j.spec.Threshold > 0 {
		j.minScore = float64(j.spec.Threshold)
	}
	if !j.iouGiven && j.spec.IoU > 0 {
		j.iou = float64(j.spec.IoU)
	} else if !j.iouGiven && j.spec.Chosen() {
		j.iou = 0
	}
	for _, c := range j.orvOptions.classes {
		n, err := findClass("--classes", j.model.Labels, c, j.spec.Classes)
		if err != nil {
			return err
		}
		j.filter = append(j.filter, n)
	}
	return nil
}

// interpreter makes a reader of the outputs.
func (j *orvJob) interpreter() orv.Interpreter {
	if j.spec == nil {
		return &orv.Classifier{Output: j.output, Reading: j.reading, Top: j.top}
	}
	plane := j.model.Plan.InputPlane()
	return &orv.Detector{Model: j.model.File.Name, Spec: j.spec, Names: j.model.Plan.Outputs(), Width: plane.W, Height: plane.H, Frame: j.geometry.Frame(), MinScore: float32(j.minScore), Near: j.guardMargin(), IoU: float32(j.iou), Classes: j.filter, Most: j.most}
}

// boxGuard is the guard of detectors: scores of boxes move by more than the
// probabilities of a classifier's hundreds of classes.
const boxGuard = 0.15

// guardMargin is the margin below which answers are not trusted.
func (j *orvJob) guardMargin() float32 {
	if j.options.Mode != orv.Approximate {
		return 0
	}
	if j.spec != nil && !j.guardGiven {
		return boxGuard
	}
	return float32(j.guard)
}

// buffered gives frames again that were taken for tuning, then the rest.
type buffered struct {
	video.Source
	first []*video.Frame
}

func (b *buffered) Next(ctx context.Context) (*video.Frame, error) {
	if len(b.first) > 0 {
		f := b.first[0]
		b.first = b.first[1:]
		return f, nil
	}
	return b.Source.Next(ctx)
}

// tuner makes a tuner, and what gives it the video's first frames until io.EOF.
func (j *orvJob) tuner(ctx context.Context) (t *orv.Tuner, next func() ([]byte, error)) {
	plane := j.model.Plan.InputPlane()
	t = &orv.Tuner{Plan: j.model.Plan, Converter: j.model.Pre.Normalizer(plane.C), NewInterpreter: j.interpreter, Workers: j.threads, Shape: j.options.Shape,
		Segment: j.refresh, Guard: j.guardMargin()}
	b := &buffered{Source: j.source}
	j.source = b
	canvas := make([]byte, plane.H*plane.W*3)
	return t, func() ([]byte, error) {
		if len(b.first) == j.tuneFrames {
			return nil, io.EOF
		}
		f, err := b.Source.Next(ctx)
		if err != nil && len(b.first) > 0 {
			return nil, io.EOF // what it is, comes again when the frames before it are done
		}
		if err != nil {
			return nil, err
		}
		b.first = append(b.first, f)
		return j.geometry.Place(canvas, f.Pixels), nil
	}
}

// tune chooses what the flags left open.
func (j *orvJob) tune(ctx context.Context) error {
	t, next := j.tuner(ctx)
	wish := orv.Wish{Options: j.options, Target: j.targetAgreement, Longest: j.longest()}
	if j.options.Mode == orv.Approximate {
		wish.Options.Tolerance, wish.Options.Epsilon = j.tolerance, j.epsilon
	}
	var err error
	if j.setting, err = orv.Tune(ctx, t, wish, next); err != nil {
		return videoError(err)
	}
	j.options = j.setting.Options
	if j.setting.Chosen == nil && j.setting.Tried > 0 {
		j.notes = append(j.notes, fmt.Sprintf("no approximation agreed on %g of the first %d frames while saving work: it is tried again now and then (--target-agreement)", j.targetAgreement, j.setting.Tried))
	}
	return nil
}

// Segments grow to mostSegment times --refresh where all goes well, unless it was
// given; the frames of those that are at work must not take more than segmentBytes.
const (
	mostSegment  = 4
	segmentBytes = 64 << 20
)

// longest is what segments may grow to.
func (j *orvJob) longest() int {
	if j.refreshGiven || j.refresh == 0 {
		return 1
	}
	room := segmentBytes / (orv.Lag * j.refresh * 3 * j.geometry.Scaled.X * j.geometry.Scaled.Y)
	return min(max(1, room), mostSegment)
}

// settings are what decides the answers, for the header.
func (j *orvJob) settings() map[string]any {
	m := map[string]any{"mode": j.options.Mode, "every": j.every, "output": j.model.Plan.Outputs()[j.output], "kernels": j.model.Plan.Kernels(), "preset": j.model.Preset}
	for key, v := range map[string]string{"start": j.start, "end": j.end} {
		if v != "" {
			m[key] = v
		}
	}
	if j.options.Mode == orv.Approximate {
		m["tolerance"], m["epsilon"], m["specks"], m["refresh"], m["guard"], m["shape"] = j.options.Tolerance, j.options.Epsilon, j.options.Specks, j.refresh, j.guardMargin(), j.options.Shape
	}
	if len(j.model.Bound) > 0 {
		m["bind"] = j.model.Bound
	}
	if j.options.Shortlist > 0 {
		m["shortlist"] = j.options.Shortlist
	}
	if j.verifyEvery > 0 {
		m["verify_every"] = j.verifyEvery
	}
	if j.setting.Control != nil {
		m["levels"], m["target_agreement"], m["longest"] = len(j.setting.Control.Levels), j.targetAgreement, j.setting.Control.Longest
	}
	if j.setting.Chosen != nil {
		m["tuned_agreement"] = j.setting.Chosen.Agreement
	}
	if j.spec != nil {
		m["min_score"], m["iou"], m["max_objects"], m["track"] = j.minScore, j.iou, j.most, !j.noTrack
		if j.filter != nil {
			m["classes"] = j.filter
		}
	} else {
		m["top"], m["activation"], m["activation_reason"], m["window"] = j.top, j.reading.Activation, j.reading.Reason, j.window
		if v := j.model.File.Config.Value; v != nil {
			m["value"] = (*heatmap.ValueRecord)(v)
		}
	}
	return m
}

// fingerprint is a digest of all that decides what is written.
func (j *orvJob) fingerprint(settings map[string]any) (string, error) {
	pre := j.model.Pre
	parts := []any{version, j.model.File.SHA256, settings, j.spec, pre, j.model.Labels, j.timings, j.info.SourceWidth, j.info.SourceHeight, j.info.Shape, j.info.Stored, j.info.FPS, j.info.Frames, j.info.Duration}
	if st, err := os.Stat(j.name); err == nil && st.Mode().IsRegular() {
		parts = append(parts, st.Size())
		sum, err := endsDigest(j.name, st.Size())
		if err != nil {
			return "", err
		}
		parts = append(parts, sum)
	}
	b, err := json.Marshal(parts)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16]), nil
}

// endsDigest is a digest of a file's first and last megabyte: enough to tell
// videos apart without reading all of them.
func endsDigest(name string, size int64) (string, error) {
	const part = 1 << 20
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	for _, at := range []int64{0, max(0, size-part)} {
		if _, err := io.Copy(h, io.NewSectionReader(f, at, part)); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
