package orv

import (
	"context"
	"fmt"
	"slices"
	"time"

	"krypton/internal/incremental"
	"krypton/internal/tensor"
)

// Trial is one setting of the approximate mode, tried on some frames.
type Trial struct {
	Options Options
	// Agreement is the share of frames whose best class is that of whole runs,
	// for detectors the F1 score of their boxes.
	Agreement float64
	Largest   float64 // difference of a score
	// Share is the mean share of a whole run's multiply-adds, guarded frames'
	// whole runs included; Guarded the share of such frames.
	Share, Guarded float64
	wholeShare     float64 // of frames that were run whole
	// Each is the mean time of a frame: finding changes, network, outputs; 0 of
	// a trial that was given up.
	Each time.Duration
}

// Candidates are the settings that tuning tries, the boldest first: what the
// tolerance should be for the video's noise, less, none, and thresholds between
// layers.
func Candidates(noise int) []Options {
	var list []Options
	for _, c := range []struct {
		tolerance int
		epsilon   float64
	}{{noise, .3}, {noise / 2, .2}, {noise / 2, .1}, {2, .1}, {1, .05}, {0, .03}, {0, .01}} {
		list = append(list, Options{Mode: Approximate, Tolerance: c.tolerance, Epsilon: c.epsilon})
	}
	return list
}

// Tuner tries settings on the first frames of a video.
type Tuner struct {
	Plan      *incremental.Plan
	Converter Converter
	// NewJudge makes a judge of its own for each trial.
	NewJudge func() Judge
	Workers  int
	Shape    incremental.Shape
	Stretch  int // see Task
	Guard    float32

	scale  incremental.Scale
	frames [][]byte // of the network's plane
	whole  []*Answer
	Naive  time.Duration // mean time of a frame by whole runs
}

// Add takes a frame, three bytes for each of the plane's pixels; it is copied.
func (t *Tuner) Add(rgb []byte) { t.frames = append(t.frames, append([]byte{}, rgb...)) }

// Frames is the number of frames added.
func (t *Tuner) Frames() int { return len(t.frames) }

// Noise is the tolerance that the frames' own noise asks for.
func (t *Tuner) Noise() int {
	var n Noise
	for i := 1; i < len(t.frames); i++ {
		n.Add(t.frames[i], t.frames[i-1])
	}
	return n.Tolerance()
}

// Scale is what thresholds are relative to: taken on the first frame.
func (t *Tuner) Scale() incremental.Scale { return t.scale }

// Try measures one setting on all frames.
func (t *Tuner) Try(ctx context.Context, opt Options) (*Trial, error) { return t.try(ctx, opt, nil) }

// try measures one setting until hopeless says that no further frame can make it
// one to choose, given the sums so far and the number of answers, or boxes, that
// were wrong.
func (t *Tuner) try(ctx context.Context, opt Options, hopeless func(so *Trial, wrong int) bool) (*Trial, error) {
	if err := t.truth(ctx); err != nil {
		return nil, err
	}
	opt.Workers, opt.Shape, opt.Scale = t.Workers, t.Shape, t.scale
	s, err := NewSession(t.Plan, t.Converter, opt)
	if err != nil {
		return nil, err
	}
	a := answerer{session: s, judge: t.NewJudge(), guard: t.Guard}
	trial := &Trial{Options: opt}
	agreed := 0
	var boxes Agreement
	start := time.Now()
	for i, rgb := range t.frames {
		var res Result
		answer := func() *Answer { return res.Answer }
		if t.Stretch > 0 && i%t.Stretch == 0 && i > 0 && opt.Mode == Approximate {
			// What the answer would have been is what counts: errors are
			// largest there.
			guess, cost, err := a.would(ctx, rgb)
			if err != nil {
				return nil, fmt.Errorf("frame %d: %w", i, err)
			}
			answer = func() *Answer { return guess }
			trial.Share += cost.Share
			a.begin(nil)
		}
		if err := a.frame(ctx, rgb, false, &res); err != nil {
			return nil, fmt.Errorf("frame %d: %w", i, err)
		}
		g := a.judge.Compare(answer(), t.whole[i])
		if g.Agrees {
			agreed++
		}
		trial.Largest = max(trial.Largest, g.Largest)
		boxes.Matched += g.Matched
		boxes.Missed += g.Missed
		boxes.Extra += g.Extra
		trial.Share += res.Step.Share
		if res.Guarded {
			trial.Guarded++
		}
		if res.Step.How == Whole {
			trial.wholeShare += res.Step.Share
		}
		wrong := i + 1 - agreed
		if _, ok := a.judge.(*Detector); ok {
			wrong = boxes.Missed + boxes.Extra
		}
		if hopeless != nil && hopeless(trial, wrong) {
			return trial, nil
		}
	}
	n := float64(len(t.frames))
	trial.Each = time.Since(start) / time.Duration(len(t.frames))
	trial.Share /= n
	trial.wholeShare /= n
	trial.Guarded /= n
	trial.Agreement = float64(agreed) / n
	if _, ok := a.judge.(*Detector); ok {
		trial.Agreement = boxes.F1()
	}
	return trial, nil
}

// truth answers all frames by whole runs, once.
func (t *Tuner) truth(ctx context.Context) error {
	if len(t.frames) == 0 {
		return fmt.Errorf("no frames to tune on")
	}
	if t.whole != nil {
		return nil
	}
	s, err := NewSession(t.Plan, t.Converter, Options{Mode: Naive, Workers: t.Workers})
	if err != nil {
		return err
	}
	input := make([]float32, t.Plan.InputPlane().Len())
	t.Converter.Convert(input, t.frames[0], len(t.frames[0])/3)
	if t.scale, err = t.Plan.Scale(ctx, input, t.Workers); err != nil {
		return err
	}
	j := t.NewJudge()
	start := time.Now()
	for i, rgb := range t.frames {
		if _, err := s.Frame(ctx, rgb); err != nil {
			return err
		}
		a, err := j.Judge(func(i int) *tensor.Tensor { return s.Output(i) })
		if err != nil {
			return fmt.Errorf("frame %d: %w", i, err)
		}
		t.whole = append(t.whole, a)
	}
	t.Naive = time.Since(start) / time.Duration(len(t.frames))
	return nil
}

// Choose gives the first of some settings, the boldest first, that agrees with
// whole runs on a share of target of the frames, by scores that are off by no more
// than the guard, and pays; nil if none does. Where
// a detector finds nothing in any frame, agreement says little, and the boldest
// setting is passed over.
func (t *Tuner) Choose(ctx context.Context, levels []Options, target float64) (*Trial, error) {
	if err := t.truth(ctx); err != nil {
		return nil, err
	}
	n := float64(len(t.frames))
	dear := func(so *Trial) bool { return so.Share-so.wholeShare > dearFrom*n } // sums still
	for i, c := range levels {
		failed := false
		trial, err := t.try(ctx, c, func(so *Trial, wrong int) bool {
			failed = t.Guard > 0 && so.Largest > float64(t.Guard) || float64(wrong) > t.wrong(target)
			return failed || dear(so)
		})
		switch {
		case err != nil:
			return nil, err
		case failed:
			continue
		case trial.Each == 0 || trial.Share-trial.wholeShare > dearFrom:
			return nil, nil // more careful ones cost more
		case trial.Agreement >= target && (i > 0 || t.evidence() || len(levels) == 1):
			return trial, nil
		}
	}
	return nil, nil
}

// wrong is the number of wrong answers, or boxes, beyond which a setting's
// agreement cannot reach target: for boxes, all that there are being found.
func (t *Tuner) wrong(target float64) float64 {
	if _, ok := t.NewJudge().(*Detector); !ok {
		return (1 - target) * float64(len(t.frames))
	}
	all := 0
	for _, a := range t.whole {
		all += len(a.Boxes)
	}
	return 2 * float64(all) * (1 - target) / target
}

// evidence says whether whole runs find anything to agree on.
func (t *Tuner) evidence() bool {
	if _, ok := t.NewJudge().(*Detector); !ok {
		return true
	}
	return slices.ContainsFunc(t.whole, func(a *Answer) bool { return len(a.Boxes) > 0 })
}
