package recognize

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"krypton/internal/failure"
	"krypton/internal/framelabels"
	"krypton/internal/imagein"
	"krypton/internal/model"
	"krypton/internal/number"
	"krypton/internal/orv"
	"krypton/internal/video"
)

// Sink takes the results of frames, each once and in order. A framelabels.Writer is one,
// and so is an Annotator. A result belongs to the sinks.
type Sink interface {
	Write(*framelabels.Result) error
}

// SinkFunc is a function as a Sink.
type SinkFunc func(*framelabels.Result) error

// Write implements Sink.
func (f SinkFunc) Write(r *framelabels.Result) error { return f(r) }

// Summary is what a run came to.
type Summary struct {
	orv.Summary
	// Tuning is what choosing the thresholds took. Total has it, and Film.Opening, too.
	Tuning time.Duration
	// Recomputed is the mean share of a whole run's multiply-adds that frames took, no
	// number where a whole run takes none.
	Recomputed number.Double
	// NaN is the number of frames with scores that are not numbers.
	NaN int
}

// Run answers all frames of a video and hands them to sinks.
func Run(ctx context.Context, j *Job, f *Film, sinks ...Sink) (*Summary, error) {
	r, err := Start(ctx, j, f)
	if err != nil {
		return nil, err
	}
	return r.Run(ctx, nil, sinks...)
}

// Recognition is the answering of one video, once its thresholds are chosen.
type Recognition struct {
	job      *Job
	film     *Film
	source   *buffered
	info     video.Info
	geometry imagein.Geometry
	setting  *orv.Setting
	longest  int
	tuning   time.Duration
}

// Start chooses on the first frames what the question leaves open, and makes ready to
// answer them and all others.
func Start(ctx context.Context, j *Job, f *Film) (*Recognition, error) {
	r := newRecognition(j, f)
	begin := time.Now()
	wish := orv.Wish{Options: j.options, Target: j.question.TargetAgreement, Longest: r.longest}
	wish.Options.Turn = f.Turn
	var err error
	if r.setting, err = orv.Tune(ctx, r.tuner(), wish, r.first(ctx)); err != nil {
		return nil, Classify(err)
	}
	r.tuning = time.Since(begin)
	return r, nil
}

func newRecognition(j *Job, f *Film) *Recognition {
	r := &Recognition{job: j, film: f, source: &buffered{Source: f.Source}, info: f.Info(), longest: 1}
	r.geometry = j.Geometry(r.info.SourceWidth, r.info.SourceHeight, r.info.Shape)
	if n := j.keyFrames(); j.question.KeyFrames == nil && n > 0 {
		room := segmentBytes / max(1, orv.Lag*n*3*r.geometry.Kept.Dx()*r.geometry.Kept.Dy())
		r.longest = min(max(1, room), mostSegment)
	}
	return r
}

// Segments between key frames grow to mostSegment times DefaultKeyFrames where all goes
// well; the frames of those that are at work must not take more than segmentBytes.
const (
	mostSegment  = 4
	segmentBytes = 64 << 20
)

// buffered gives frames again that were taken for tuning, then the rest.
type buffered struct {
	video.Source
	first []*video.Frame
}

// Next implements video.Source.
func (b *buffered) Next(ctx context.Context) (*video.Frame, error) {
	if len(b.first) > 0 {
		f := b.first[0]
		b.first = b.first[1:]
		return f, nil
	}
	return b.Source.Next(ctx)
}

// tuner tries settings on frames.
func (r *Recognition) tuner() *orv.Tuner {
	j := r.job
	return &orv.Tuner{
		Plan: j.model.Plan, Converter: j.model.Pre.Normalizer(j.model.Plan.InputPlane().C),
		NewInterpreter: func() orv.Interpreter { return j.interpreter(&r.geometry, j.guard(j.options.Mode)) },
		Workers:        j.threads, Shape: j.options.Shape,
		Segment: j.keyFrames(), Guard: j.guard(j.options.Mode),
	}
}

// first gives the first frames, which are kept for the run, until io.EOF.
func (r *Recognition) first(ctx context.Context) (next func() ([]byte, error)) {
	plane := r.job.model.Plan.InputPlane()
	canvas := make([]byte, plane.H*plane.W*3)
	b := r.source
	return func() ([]byte, error) {
		if len(b.first) == r.job.question.TuneFrames {
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
		return r.geometry.Place(canvas, f.Pixels), nil
	}
}

// Setting is how the frames are answered.
func (r *Recognition) Setting() *orv.Setting { return r.setting }

// Geometry says how the video's frames lie on the network's plane.
func (r *Recognition) Geometry() imagein.Geometry { return r.geometry }

// Untuned says that no thresholds agreed on the first frames as often as they should
// have, and saved work. Whole runs then answer frames.
func (r *Recognition) Untuned() bool { return r.setting.Chosen == nil && r.setting.Tried > 0 }

// Notes are what there is to say of model, outputs and video.
func (r *Recognition) Notes() []string {
	notes := slices.Clone(r.job.notes)
	if t := r.info.Transfer; t != "" {
		notes = append(notes, fmt.Sprintf("a video of high dynamic range (%s): frames are taken as they are coded, paler than players show them (ffmpeg's zscale and tonemap make what they show)", t))
	}
	return notes
}

// settings are what decides the answers, for the header.
func (r *Recognition) settings() map[string]any {
	j, q, s, m := r.job, &r.job.question, r.setting, r.job.model
	set := map[string]any{"mode": s.Options.Mode, "every": q.Every, "output": m.Plan.Outputs()[j.output], "kernels": m.Plan.Kernels(), "preset": m.Preset}
	for key, v := range map[string]string{"start": q.Start, "end": q.End} {
		if v != "" {
			set[key] = v
		}
	}
	if s.Options.Mode == orv.Approximate {
		set["tolerance"], set["epsilon"], set["specks"], set["shape"] = s.Options.Tolerance, s.Options.Epsilon, s.Options.Specks, s.Options.Shape
		set["refresh"], set["guard"] = j.keyFrames(), j.guard(s.Options.Mode)
	}
	if j.options.Device != nil {
		set["device"] = "gpu"
	}
	if j.own() {
		set["device"], set["precision"] = j.device, j.options.Device.Precision()
	}
	if len(m.Bound) > 0 {
		set["bind"] = m.Bound
	}
	if s.Options.Shortlist > 0 {
		set["shortlist"] = s.Options.Shortlist
	}
	if q.VerifyEvery > 0 {
		set["verify_every"] = q.VerifyEvery
	}
	if q.VerifyShare > 0 {
		set["verify_share"] = q.VerifyShare
	}
	if s.Control != nil {
		set["levels"], set["target_agreement"], set["longest"] = len(s.Control.Levels), q.TargetAgreement, s.Control.Longest
	}
	if s.Chosen != nil {
		set["tuned_agreement"] = s.Chosen.Agreement
	}
	if j.spec != nil {
		set["min_score"], set["iou"], set["max_objects"], set["track"] = j.minScore, j.iou, q.MostObjects, !q.Untracked
		if j.classes != nil {
			set["classes"] = j.classes
		}
		return set
	}
	set["top"], set["activation"], set["activation_reason"], set["window"] = q.Top, j.reading.Activation, j.reading.Reason, q.Smooth
	if v := m.File.Config.Value; v != nil {
		set["value"] = v
	}
	return set
}

// unit is that of a network whose number is a quantity.
func unit(m *model.Model) string {
	if v := m.File.Config.Value; v != nil {
		return v.Unit
	}
	return ""
}

// Header is what is the same for all frames. Its fingerprint is of all that decides what
// is written, version included: that of the program.
func (r *Recognition) Header(version string) (framelabels.Header, error) {
	m, i := r.job.model, &r.info
	h := framelabels.Header{
		Version: version, Model: m.File.Name, ModelSHA256: m.File.SHA256, Video: r.film.Name,
		Width: i.SourceWidth, Height: i.SourceHeight, PixelShape: i.Shape.String(), Coordinates: framelabels.Coordinates,
		FieldOrder: i.Fields, Transfer: i.Transfer, FPS: i.FPS, Pictures: i.Pictures,
		Detector: r.job.Detector(), Tracked: r.job.Tracked(), Settings: r.settings(), Labels: m.Labels, Unit: unit(m),
	}
	if i.Stored != nil {
		h.Stored = i.Stored
	}
	parts := []any{version, m.File.SHA256, h.Settings, r.job.spec, m.Pre, m.Labels, r.job.question.Timings, i.SourceWidth, i.SourceHeight, i.Shape, i.Stored, i.FPS, i.Frames, i.Duration}
	b, err := json.Marshal(append(parts, r.film.Identity...))
	if err != nil {
		return h, err
	}
	sum := sha256.Sum256(b)
	h.Fingerprint = hex.EncodeToString(sum[:16])
	return h, nil
}

// Frames is the number of frames that the video seems to have, -1 if that is not known.
func (r *Recognition) Frames() int {
	q := &r.job.question
	if r.info.Frames < 0 || q.Start != "" || q.End != "" {
		return -1
	}
	return (r.info.Frames + q.Every - 1) / q.Every
}

// Run answers the frames but those of an earlier run, which gave what is in earlier, and
// hands them to sinks. It can be called once.
func (r *Recognition) Run(ctx context.Context, earlier []framelabels.Result, sinks ...Sink) (*Summary, error) {
	j, mode := r.job, r.setting.Options.Mode
	guard := j.guard(mode)
	task := r.setting.Task()
	task.NewInterpreter = func() orv.Interpreter { return j.interpreter(&r.geometry, guard) }
	task.Failed = j.failed
	task.Geometry, task.Guard, task.VerifyEvery, task.VerifyShare = r.geometry, guard, j.question.VerifyEvery, j.question.VerifyShare
	var sample orv.Sample // of the earlier run
	f := newFollower(j, &r.geometry, mode)
	for i := range earlier {
		e := &earlier[i]
		task.Past = append(task.Past, past(e, guard))
		sample.Add(i, task.VerifyShare, orv.How(e.How) == orv.Whole && !e.Listed, agreement(e))
		f.replay(e)
	}
	sum, err := orv.Run(ctx, task, r.source, func(res *orv.Result) error {
		out := f.result(res)
		for _, s := range sinks {
			if err := s.Write(out); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && len(earlier)+sum.Frames == 0 {
		err = fmt.Errorf("%s: %w", r.film.Name, ErrNoFrames)
	}
	if err != nil {
		return nil, Classify(err)
	}
	sum.Total += r.film.Opening + r.tuning
	sum.Sample.Join(sample)
	return &Summary{Summary: *sum, Tuning: r.tuning, Recomputed: j.ofWork(sum.Share), NaN: f.nan}, nil
}

// ErrNoFrames says that a video has none.
var ErrNoFrames = failure.Dataf("no frames")

// agreement is the comparison of a frame of an earlier run with a whole run's answer, nil
// without one.
func agreement(r *framelabels.Result) *orv.Agreement {
	v := r.Verified
	if v == nil {
		return nil
	}
	return &orv.Agreement{Agrees: v.Agrees, Largest: float64(v.Largest), Shift: float64(v.Shift)}
}

// past is what is to be known of a frame of an earlier run.
func past(r *framelabels.Result, guard float32) orv.Past {
	recomputed := 0.0 // of none, none
	if r.Recomputed.Finite() {
		recomputed = float64(r.Recomputed)
	}
	return orv.NewPast(orv.How(r.How), recomputed, r.Refreshed, agreement(r), guard)
}
