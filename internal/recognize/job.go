package recognize

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"

	"krypton/internal/detect"
	"krypton/internal/failure"
	"krypton/internal/imagein"
	"krypton/internal/incremental"
	"krypton/internal/labels"
	"krypton/internal/model"
	"krypton/internal/orv"
	"krypton/internal/prediction"
	"krypton/internal/video"
)

// Limits are what a job may use, and how it speaks.
type Limits struct {
	Threads int // cores, 1 at least
	// Spell writes the names of settings in notes, nil as they are.
	Spell func(failure.Setting) string
	// Device, if set, follows videos in the place of this machine's processors: thresholds
	// are chosen on these, and all classes are computed. Where it fails, Failed is told once
	// and processors take over; that is an error if Failed is nil, or if the device has bits of
	// its own. Headers then say DeviceName.
	Device     orv.Device
	DeviceName string
	Failed     func(err error)
}

// Job is a question that was put to a model. It does not change: any number of videos may
// be answered with it at the same time.
type Job struct {
	model    *model.Model
	question Question
	threads  int
	spell    func(failure.Setting) string
	failed   func(err error)
	device   string      // that has bits of its own
	options  orv.Options // thresholds that are to be chosen are below 0
	output   int
	reading  prediction.Reading // of classifiers
	spec     *detect.Spec       // nil for classifiers
	classes  []int              // that count, nil for all
	notes    []string
	minScore float64
	iou      float64
}

// Prepare puts a question to a model: whatever can be wrong with it but the video is said
// here.
func Prepare(ctx context.Context, m *model.Model, q Question, l Limits) (*Job, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	if m.NoPictures != nil {
		return nil, m.NoPictures
	}
	j := &Job{model: m, question: q, threads: max(1, l.Threads), spell: l.Spell, notes: append([]string(nil), m.Notes...)}
	j.options = q.options(j.threads)
	j.options.Device, j.failed = l.Device, l.Failed
	if j.own() {
		if j.device = l.DeviceName; q.Mode == orv.Approximate {
			return nil, failure.Wrongf("%v %s gives no approximate answers, whose thresholds are chosen in float32: want %v exact or naive", failure.Setting("precision"), l.Device.Precision(), failure.Setting("mode"))
		}
		j.notes = append(j.notes, fmt.Sprintf("products in %s, on %s", l.Device.Precision(), l.DeviceName))
	}
	var err error
	note := ""
	if j.output, note, err = m.ScoreOutput(); err != nil {
		return nil, err
	}
	if note != "" {
		j.notes = append(j.notes, note)
	}
	j.question.Activation = cmp.Or(q.Activation, m.File.Config.Activation, string(prediction.Auto))
	if err := prediction.Activation(j.question.Activation).Check(); err != nil {
		return nil, failure.Mark(failure.As(failure.Usage, err), model.ErrActivation)
	}
	if j.spec, err = m.Detector(); err != nil {
		return nil, err
	}
	if j.spec != nil {
		err = j.prepareDetector()
	} else {
		err = j.prepareClassifier(ctx)
	}
	if err != nil {
		return nil, err
	}
	return j, nil
}

// own says that a device answers that has bits of its own.
func (j *Job) own() bool {
	return j.options.Device != nil && j.options.Device.Precision() != incremental.FP32
}

// prepareClassifier finds out what the numbers mean.
func (j *Job) prepareClassifier(ctx context.Context) error {
	m, q := j.model, &j.question
	if len(q.Classes) > 0 {
		return failure.Wrongf("%v is for detectors, and %s describes none", failure.Setting("classes"), m.File.Where)
	}
	var err error
	j.reading, err = m.Reading(ctx, model.Part{Output: j.output}, q.Activation, j.threads, 0)
	if errors.Is(err, prediction.ErrNoClasses) {
		return failure.Dataf("%w%s", err, m.DescribeHead(j.output))
	}
	if err != nil {
		return err
	}
	j.notes = append(j.notes, m.Doubts(j.reading, j.spell)...)
	// The softmax keeps count of the classes that are not on a shortlist.
	if j.options.Mode == orv.Approximate && j.options.Device == nil && q.Shortlist > 0 && j.reading.Exclusive {
		// One more than are named, so that the best of them all can lose its place.
		j.options.Shortlist, j.options.Output = max(q.Shortlist, q.Top+1), j.output
		j.options.Shortlist = orv.ShortlistSize(m.Plan, &j.options)
	}
	return nil
}

// prepareDetector finds out which boxes count.
func (j *Job) prepareDetector() error {
	m, q := j.model, &j.question
	score, iou := j.spec.Thresholds()
	j.minScore, j.iou = value(q.MinScore, score), value(q.IoU, iou)
	for _, c := range q.Classes {
		n, err := labels.Class(m.Labels, c, j.spec.Classes)
		if err != nil {
			return failure.Wrongf("%v %w", failure.Setting("classes"), err)
		}
		j.classes = append(j.classes, n)
	}
	return nil
}

// Question is what was asked.
func (j *Job) Question() Question { return j.question }

// Model is whom it was put to.
func (j *Job) Model() *model.Model { return j.model }

// Detector says whether objects are found at places, and not labels of whole frames.
func (j *Job) Detector() bool { return j.spec != nil }

// Tracked says whether objects are followed.
func (j *Job) Tracked() bool { return j.spec != nil && !j.question.Untracked }

// Geometry says how frames of a video become the network's pictures; it is empty for
// videos without pixels.
func (j *Job) Geometry(width, height int, pixels video.Shape) imagein.Geometry {
	if width < 1 || height < 1 {
		return imagein.Geometry{}
	}
	plane := j.model.Plan.InputPlane()
	return j.model.Pre.Geometry(image.Pt(width, height), pixels.Ratio(), image.Pt(plane.W, plane.H))
}

// guard is the margin below which answers of a mode are not trusted.
func (j *Job) guard(mode orv.Mode) float32 {
	usual := DefaultGuard
	if j.spec != nil {
		usual = BoxGuard
	}
	if mode != orv.Approximate {
		return 0
	}
	return float32(value(j.question.Guard, usual))
}

// keyFrames is the number of frames from one key frame to the next, at first.
func (j *Job) keyFrames() int { return value(j.question.KeyFrames, DefaultKeyFrames) }

// interpreter makes a reader of the outputs for pictures that lie as g says.
func (j *Job) interpreter(g *imagein.Geometry, guard float32) orv.Interpreter {
	if j.spec == nil {
		return &orv.Classifier{Output: j.output, Reading: j.reading, Top: j.question.Top}
	}
	plane := j.model.Plan.InputPlane()
	return &orv.Detector{
		Model: j.model.File.Name, Spec: j.spec, Names: j.model.Plan.Outputs(),
		Width: plane.W, Height: plane.H, Frame: g.Shown(),
		MinScore: float32(j.minScore), Near: guard, IoU: float32(j.iou),
		Classes: j.classes, Most: j.question.MostObjects,
	}
}

// Memory is what a run is known to need beside the model.
type Memory struct {
	Sessions int
	Views    int64 // bytes of the layers' outputs of all sessions
	Frames   int64 // bytes of frames on their way from the decoder
}

// Memory tells what a run of a video needs; annotated says that it is read once more in its
// own size.
func (j *Job) Memory(info video.Info, annotated bool) Memory {
	g := j.Geometry(info.SourceWidth, info.SourceHeight, info.Shape)
	n := orv.SessionsFor(j.threads, orv.SegmentOf(j.options.Mode, j.keyFrames()))
	need := Memory{Sessions: n, Views: int64(n) * j.model.Plan.ViewBytes(), Frames: int64(framesAhead) * 3 * int64(g.Kept.Dx()) * int64(g.Kept.Dy())}
	if annotated {
		need.Frames += (framesAhead + 2) * 3 * int64(info.Width) * int64(info.Height)
	}
	return need
}

// CheckMemory fails before any frame is answered if a run is known to need more than the
// limit, beside what the process holds, both in bytes: the layers' outputs of each session,
// and frames on their way from the decoder and to the annotated video.
func (j *Job) CheckMemory(info video.Info, annotated bool, held, limit int64) error {
	need := j.Memory(info, annotated)
	if held+need.Views+need.Frames > limit {
		return failure.Settingf("%w: beside %d MiB for the program and its weights, layers' outputs of %d sessions take %d MiB, and frames on their way %d MiB: %v is %d MiB",
			incremental.ErrMemory, held>>20, need.Sessions, need.Views>>20, need.Frames>>20, failure.Setting("memory"), limit>>20)
	}
	return nil
}
