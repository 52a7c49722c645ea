package orv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"krypton/internal/incremental"
)

// Trial is one setting of the approximate mode, tried on some frames.
type Trial struct {
	Options Options
	// Agreement is the share of frames whose best class is that of whole runs,
	// for detectors the F1 score of their boxes.
	Agreement float64
	Largest   float64 // difference of a score
	Shift     float64 // see Agreement
	// Share is the mean share of a whole run's multiply-adds, guarded frames'
	// whole runs included; Guarded the share of such frames.
	Share, Guarded float64
	wholeShare     float64 // of frames that were run whole
	// Each is the mean time of a frame: finding changes, network, outputs.
	Each time.Duration

	verdict verdict // unless it is promising, the numbers are sums up to there
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
	// NewInterpreter makes an interpreter of its own for each trial.
	NewInterpreter func() Interpreter
	Workers        int
	Shape          incremental.Shape
	Turn           func(ctx context.Context) (over func(), err error) // see Options
	Segment        int                                                // see Task
	Guard          float32

	meanSquares incremental.MeanSquares
	frames      [][]byte // of the network's plane
	whole       []*Answer
	Naive       time.Duration // mean time of a frame by whole runs
	sessions    []*Session    // of the last trial in approximate mode
}

// Add takes a frame, three bytes for each of the plane's pixels; it is copied.
func (t *Tuner) Add(rgb []byte) { t.frames = append(t.frames, append([]byte{}, rgb...)) }

// Answers are those of whole runs to the frames added, nil before any trial.
func (t *Tuner) Answers() []*Answer { return t.whole }

// Frames is the number of frames added.
func (t *Tuner) Frames() int { return len(t.frames) }

// Noise is the tolerance that the frames' own noise asks for.
func (t *Tuner) Noise() int {
	var n Noise
	parts := make([]Noise, max(1, t.Workers))
	_ = inParallel(len(parts), func(k int) error {
		for i := 1 + k; i < len(t.frames); i += len(parts) {
			parts[k].Add(t.frames[i], t.frames[i-1])
		}
		return nil
	})
	for i := range parts {
		n.join(&parts[i])
	}
	return n.Tolerance()
}

// clearAgreements is the number of them that a trial has seen where segments end: all or
// none.
func (t *Tuner) clearAgreements(trial *Trial) int {
	if t.Segment == 0 || t.Guard > 0 && trial.Largest > float64(t.Guard)/2 {
		return 0
	}
	return (len(t.frames) - 1) / t.Segment
}

// Try measures one setting on all frames.
func (t *Tuner) Try(ctx context.Context, opt Options) (*Trial, error) { return t.try(ctx, opt, nil) }

// try measures one setting until hopeless, given the sums so far, says that no
// further frame can make it one to choose. Segments do not depend on each other and
// are answered at the same time; what comes out does not depend on how many are.
func (t *Tuner) try(ctx context.Context, opt Options, hopeless func(so *tally) verdict) (*Trial, error) {
	if err := t.truth(ctx); err != nil {
		return nil, err
	}
	opt.Workers, opt.Shape, opt.MeanSquares, opt.Turn = t.Workers, t.Shape, t.meanSquares, t.Turn
	length := t.Segment
	if length == 0 || opt.Mode != Approximate {
		length = len(t.frames)
	}
	sessions, err := t.ready(opt, (len(t.frames)+length-1)/length)
	if err != nil {
		return nil, err
	}
	all := t.tally(&opt)
	trial := all.trial
	start := time.Now()
	for first := 0; first < len(t.frames); first += length * len(sessions) {
		// As many segments at a time as there are sessions.
		parts := make([][]tried, len(sessions))
		stopped := atomic.Int64{} // the first segment that is hopeless by itself
		stopped.Store(int64(len(sessions)))
		err := inParallel(len(sessions), func(i int) (err error) {
			lo, hi := min(first+i*length, len(t.frames)), min(first+(i+1)*length, len(t.frames))
			own := t.tally(&opt)
			parts[i], err = t.segment(ctx, sessions[i], lo, hi, hopeless != nil, func(f *tried) bool {
				if own.add(f); hopeless != nil && hopeless(own) != promising {
					for k := stopped.Load(); int64(i) < k && !stopped.CompareAndSwap(k, int64(i)); k = stopped.Load() {
					}
				}
				return stopped.Load() <= int64(i) // those before it decide
			})
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, part := range parts {
			for i := range part {
				all.add(&part[i])
				if hopeless != nil {
					if trial.verdict = hopeless(all); trial.verdict != promising {
						return trial, nil
					}
				}
			}
		}
	}
	n := float64(len(t.frames))
	trial.Each = time.Since(start) / time.Duration(len(t.frames))
	trial.Share /= n
	trial.wholeShare /= n
	trial.Guarded /= n
	if trial.Agreement = 1; all.compared > 0 {
		trial.Agreement = float64(all.agreed) / float64(all.compared)
	}
	if all.detector {
		trial.Agreement = all.boxes.F1()
	}
	return trial, nil
}

// tally sums up what frames came to.
type tally struct {
	trial            *Trial
	compared, agreed int
	boxes            Agreement
	detector         bool
}

func (t *Tuner) tally(opt *Options) *tally {
	_, detector := t.NewInterpreter().(*Detector)
	return &tally{trial: &Trial{Options: *opt}, detector: detector}
}

func (y *tally) add(f *tried) {
	y.trial.Share += f.share
	if f.how == Whole {
		y.trial.wholeShare += f.share
	}
	if f.guarded {
		y.trial.Guarded++
	}
	g := f.agreement
	if g == nil {
		return
	}
	y.compared++
	if g.Agrees {
		y.agreed++
	}
	y.trial.Largest = max(y.trial.Largest, g.Largest)
	y.trial.Shift = max(y.trial.Shift, g.Shift)
	y.boxes.Matched += g.Matched
	y.boxes.Missed += g.Missed
	y.boxes.Extra += g.Extra
}

// wrong is the number of answers, or boxes, that were.
func (y *tally) wrong() int {
	if y.detector {
		return y.boxes.Missed + y.boxes.Extra
	}
	return y.compared - y.agreed
}

// verdict says whether more frames can make a setting one to choose.
type verdict int

const (
	promising verdict = iota
	wrong             // too many answers are
	costly            // it costs too much, as more careful ones do
)

// ready gives sessions for a setting, at most n: those of the last trial where they
// will do.
func (t *Tuner) ready(opt Options, n int) ([]*Session, error) {
	if opt.Mode != Approximate || len(t.sessions) == 0 || t.sessions[0].opt.Shape != opt.Shape || t.sessions[0].opt.Specks != opt.Specks || t.sessions[0].opt.Shortlist != opt.Shortlist {
		list, err := NewSessions(t.Plan, t.Converter, opt, n)
		if err != nil || opt.Mode != Approximate {
			return list, err
		}
		t.sessions = list
	}
	for _, s := range t.sessions {
		s.Forget()
		s.Set(opt.Tolerance, opt.Epsilon)
	}
	return t.sessions, nil
}

// tried is what answering one frame with a setting came to.
type tried struct {
	agreement *Agreement // with a whole run; nil where that says nothing
	share     float64
	how       How
	guarded   bool
}

// segment answers frames lo to hi. The first one is run whole, as it begins a
// segment: in its place the answer counts that the segment before would have given,
// as errors are largest there. It ends early where enough says so of a frame. With
// assume, whole runs that leave nothing for the next frame are not made.
func (t *Tuner) segment(ctx context.Context, s *Session, lo, hi int, assume bool, enough func(*tried) bool) ([]tried, error) {
	var list []tried
	a := &answerer{session: s, interpreter: t.NewInterpreter(), guard: t.Guard}
	a.begin(nil)
	for i := lo; i < hi; i++ {
		var res Result
		if assume {
			a.truth = t.whole[i]
		}
		if err := a.frame(ctx, t.frames[i], false, &res); err != nil {
			return nil, fmt.Errorf("frame %d: %w", i, err)
		}
		f := tried{share: res.Step.Share, how: res.Step.How, guarded: res.Guarded}
		if i > lo || i == 0 {
			g := a.interpreter.Compare(res.Answer, t.whole[i])
			f.agreement = &g
		}
		if list = append(list, f); enough(&f) {
			return list, nil
		}
	}
	if hi == lo || hi == len(t.frames) {
		return list, nil
	}
	guess, cost, err := a.approximate(ctx, t.frames[hi])
	if err != nil {
		return nil, fmt.Errorf("frame %d: %w", hi, err)
	}
	if guess == nil {
		return list, nil
	}
	g := a.interpreter.Compare(guess, t.whole[hi])
	return append(list, tried{agreement: &g, share: cost.Share, how: Update}), nil
}

// Fill takes the frames that next gives until io.EOF, and answers them by whole runs
// while it waits for more. An error of next ends it, after all frames before it.
func (t *Tuner) Fill(ctx context.Context, next func() ([]byte, error)) error {
	first := len(t.frames)
	whole, err := t.answerWhole(ctx, func(give func(i int, rgb []byte)) error {
		for {
			rgb, err := next()
			if err != nil {
				return err
			}
			t.Add(rgb)
			give(len(t.frames)-1, t.frames[len(t.frames)-1])
		}
	})
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err == nil && first == 0 && len(t.frames) > 0 {
		t.whole = whole
	}
	return err
}

// truth answers all frames by whole runs, once.
func (t *Tuner) truth(ctx context.Context) error {
	if len(t.frames) == 0 {
		return fmt.Errorf("no frames to tune on")
	}
	if t.whole != nil {
		return nil
	}
	start := time.Now()
	whole, err := t.answerWhole(ctx, func(give func(i int, rgb []byte)) error {
		for i, f := range t.frames {
			give(i, f)
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.whole = whole
	t.Naive = time.Since(start) / time.Duration(len(t.frames))
	return nil
}

// answerWhole answers the frames that all gives away by whole runs, as many at a time
// as there are sessions, and takes the scale of thresholds on the first.
func (t *Tuner) answerWhole(ctx context.Context, all func(give func(i int, rgb []byte)) error) ([]*Answer, error) {
	n := t.Workers
	if t.Segment == 0 {
		n = 1 // as they will be answered
	}
	sessions, err := NewSessions(t.Plan, t.Converter, Options{Mode: Naive, Workers: t.Workers, Turn: t.Turn}, n)
	if err != nil {
		return nil, err
	}
	type frame struct {
		i      int
		rgb    []byte
		answer *Answer
	}
	work := make(chan *frame)
	var list []*frame
	var given, ended error
	done := make(chan struct{})
	go func() {
		defer close(done)
		ended = inParallel(len(sessions), func(k int) (err error) {
			s, j := sessions[k], t.NewInterpreter()
			for f := range work {
				if err != nil {
					continue // whoever gives frames must not be left waiting
				}
				if f.i == 0 && t.meanSquares == nil {
					if t.meanSquares, err = s.MeanSquares(ctx, f.rgb); err != nil {
						continue
					}
				}
				if _, err = s.Frame(ctx, f.rgb); err != nil {
					continue
				}
				if f.answer, err = j.Interpret(s.Output); err != nil {
					err = fmt.Errorf("frame %d: %w", f.i, err)
				}
			}
			return err
		})
	}()
	given = all(func(i int, rgb []byte) {
		f := &frame{i: i, rgb: rgb}
		list = append(list, f)
		work <- f
	})
	close(work)
	<-done
	if ended != nil {
		return nil, ended
	}
	whole := make([]*Answer, len(list))
	for i, f := range list {
		whole[i] = f.answer
	}
	return whole, given
}

// inParallel calls f for 0 to n-1 at the same time and gives the first error: frames that
// are wrong are so in the same way.
func inParallel(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { errs[i] = f(i) })
	}
	wait.Wait()
	return cmp.Or(errs...)
}

// idleFrom is the mean share of a whole run's multiply-adds, those of close calls
// included, from which on a setting saves nothing.
const idleFrom = 0.8

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
	for i, c := range levels {
		most := c.updateCostLimit(t.Plan)
		if i == 0 && len(levels) > 1 && !t.evidence() {
			continue
		}
		trial, err := t.try(ctx, c, func(so *tally) verdict {
			switch {
			case t.Guard > 0 && max(so.trial.Largest, so.trial.Shift) > float64(t.Guard) || float64(so.wrong()) > t.wrong(target):
				return wrong
			case so.trial.Share-so.trial.wholeShare > most*n, so.trial.Share > idleFrom*n: // sums still
				return costly
			}
			return promising
		})
		switch {
		case err != nil:
			return nil, err
		case trial.verdict == wrong:
			continue
		case trial.verdict == costly || trial.Share-trial.wholeShare > most || trial.Share > idleFrom:
			return nil, nil // more careful ones cost more, and have as many close calls
		case trial.Agreement >= target:
			return trial, nil
		}
	}
	return nil, nil
}

// wrong is the number of wrong answers, or boxes, beyond which a setting's
// agreement cannot reach target: for boxes, all that there are being found.
func (t *Tuner) wrong(target float64) float64 {
	if _, ok := t.NewInterpreter().(*Detector); !ok {
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
	if _, ok := t.NewInterpreter().(*Detector); !ok {
		return true
	}
	return slices.ContainsFunc(t.whole, func(a *Answer) bool { return len(a.Boxes) > 0 })
}
