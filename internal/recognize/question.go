// Package recognize answers what is in a video: a Question about it, a loaded model and
// an open video give labels, boxes and tracks, frame by frame. It knows no flags, no
// streams and no files of outputs; whoever asks hands in where the frames go to.
package recognize

import (
	"krypton/internal/detect"
	"krypton/internal/failure"
	"krypton/internal/incremental"
	"krypton/internal/orv"
	"krypton/internal/video"
)

// Question is what is to be found in a video, and how exactly. Defaults gives one whose
// fields say what is usual; a nil field is chosen for the model and the video.
type Question struct {
	// Start and End are positions as video.ParsePosition reads them: the first frame,
	// and the first one that is left out; "" for the beginning and the end.
	Start string `json:"start,omitempty"`
	End   string `json:"end,omitempty"`
	// Every takes each Every-th frame.
	Every int `json:"every"`

	Mode orv.Mode `json:"mode"`
	// Tolerance (of 255) and Epsilon are thresholds of the approximate mode, see
	// orv.Options; nil ones are chosen on the first frames.
	Tolerance *int              `json:"tolerance,omitempty"`
	Epsilon   *float64          `json:"epsilon,omitempty"`
	Specks    int               `json:"specks"`
	Shape     incremental.Shape `json:"shape"`
	// KeyFrames is the number of frames from one key frame, which is run whole, to the
	// next; 0 for one key frame at the beginning. nil is DefaultKeyFrames, and more where
	// all goes well.
	KeyFrames *int `json:"refresh,omitempty"`
	// Guard is the margin below which an approximate answer is decided by a whole run; nil
	// is DefaultGuard, or BoxGuard for boxes.
	Guard *float64 `json:"guard,omitempty"`
	// Shortlist is the number of likeliest classes that a classifier computes between
	// whole runs, 0 for all.
	Shortlist int `json:"shortlist"`
	// TargetAgreement is the share of the first TuneFrames frames on which the thresholds
	// that are chosen have to agree with whole runs; for detectors, their F1 score.
	TargetAgreement float64 `json:"target_agreement"`
	TuneFrames      int     `json:"tune_frames"`
	// VerifyEvery compares each such frame with a whole run, 0 for none.
	VerifyEvery int `json:"verify_every"`
	// VerifyShare compares this share of the frames, drawn at random, with whole runs, by
	// which it is bounded how many of all agree.
	VerifyShare float64 `json:"verify_share,omitempty"`
	// Timings tells the milliseconds of each frame.
	Timings bool `json:"timings,omitempty"`

	// Top is the number of classes that are told of each frame.
	Top int `json:"top"`
	// Activation is what makes scores of the outputs, see package prediction; "" is what
	// the model's file says, else auto.
	Activation string `json:"activation,omitempty"`
	// Smooth is the number of frames over which labels are smoothed.
	Smooth int `json:"smooth"`

	// MinScore is the lowest score of an object, and IoU the overlap from which on the
	// weaker of two boxes of a class goes; nil is what the description of the head says,
	// else the usual ones (detect.Spec.Thresholds).
	MinScore *float64 `json:"min_score,omitempty"`
	IoU      *float64 `json:"iou,omitempty"`
	// Classes are numbers or labels of the objects that count, nil for all.
	Classes []string `json:"classes,omitempty"`
	// MostObjects of a frame, 0 for any number.
	MostObjects int `json:"max_objects"`
	// Untracked says that objects are not followed from frame to frame.
	Untracked bool `json:"no_track,omitempty"`
}

// What a Question's nil fields stand for.
const (
	DefaultKeyFrames = 10
	DefaultGuard     = 0.1
	// BoxGuard is the guard of detectors: scores of boxes move by more than the
	// probabilities of a classifier's hundreds of classes.
	BoxGuard = 0.15
)

// Defaults is the usual question.
func Defaults() Question {
	return Question{Every: 1, Mode: orv.Approximate, Shape: incremental.Masks, Shortlist: 64, TargetAgreement: 0.99, TuneFrames: 30,
		Top: 3, Smooth: 1, MostObjects: 300}
}

// value is what a pointer points to, or its default.
func value[T any](p *T, or T) T {
	if p == nil {
		return or
	}
	return *p
}

// Check says what is wrong with the numbers, as far as that can be told without the
// model.
func (q *Question) Check() error {
	guard, score, iou := value(q.Guard, DefaultGuard), value(q.MinScore, detect.DefaultMinScore), value(q.IoU, detect.DefaultIoU)
	switch {
	case q.Shortlist < 0:
		return failure.Wrongf("%v is %d, want 0 or more classes", failure.Setting("shortlist"), q.Shortlist)
	case q.Every < 1 || q.TuneFrames < 1 || q.VerifyEvery < 0 || q.Top < 1 || q.Smooth < 1 || q.MostObjects < 0 || value(q.KeyFrames, DefaultKeyFrames) < 0:
		return failure.Wrongf("%v, %v, %v and %v want 1 at least, %v, %v and %v 0", failure.Setting("every"), failure.Setting("tune-frames"), failure.Setting("top"), failure.Setting("window"), failure.Setting("verify-every"), failure.Setting("refresh"), failure.Setting("max-objects"))
	case !(q.TargetAgreement > 0 && q.TargetAgreement <= 1):
		return failure.Wrongf("%v is %g, want a share of 1", failure.Setting("target-agreement"), q.TargetAgreement)
	case !(q.VerifyShare >= 0 && q.VerifyShare <= 1):
		return failure.Wrongf("%v is %g, want a share of 1, or 0", failure.Setting("verify-share"), q.VerifyShare)
	case !(guard >= 0 && guard <= 1):
		return failure.Wrongf("%v is %g, want 0 to 1", failure.Setting("guard"), guard)
	case !(score >= 0 && score <= 1) || !(iou >= 0 && iou <= 1):
		return failure.Wrongf("%v is %g and %v %g, want 0 to 1", failure.Setting("min-score"), score, failure.Setting("iou"), iou)
	}
	o := q.options(1)
	o.Tolerance, o.Epsilon = max(0, o.Tolerance), max(0, o.Epsilon)
	return failure.As(failure.Usage, o.Validate())
}

// options are the sessions' settings as far as the question gives them: thresholds that
// are to be chosen are below 0.
func (q *Question) options(threads int) orv.Options {
	return orv.Options{Mode: q.Mode, Workers: threads, Tolerance: value(q.Tolerance, -1), Specks: q.Specks, Epsilon: value(q.Epsilon, -1), Shape: q.Shape}
}

// framesAhead is how many frames are decoded ahead: more than tuning takes, during
// which nothing else is to be done for the decoder.
const framesAhead = 96

// Reading adds to how a video is read which of its frames are.
func (q *Question) Reading(opt video.Options) (video.Options, error) {
	opt.Every, opt.Ahead = q.Every, framesAhead
	for _, p := range []struct {
		name, text string
		to         **video.Position
	}{{"start", q.Start, &opt.Start}, {"end", q.End, &opt.End}} {
		if p.text == "" {
			continue
		}
		at, err := video.ParsePosition(p.text)
		if err != nil {
			return opt, failure.Wrongf("%v: %w", failure.Setting(p.name), err)
		}
		*p.to = &at
	}
	return opt, nil
}
