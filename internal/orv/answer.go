package orv

import (
	"context"
	"time"

	"krypton/internal/tensor"
)

// answerer answers frames one after the other with one session.
type answerer struct {
	session *Session
	judge   Judge
	guard   float32 // see Task.Guard
	last    *Answer
	hold    bool // the last frame was a close call
	seen    errorsSeen
	judging time.Duration
	placed  []byte
}

// plane is memory for one frame of the network's size.
func (a *answerer) plane() []byte {
	if a.placed == nil {
		a.placed = make([]byte, a.session.FrameBytes())
	}
	return a.placed
}

// begin forgets what was: the next frame is run whole. whole says that all
// frames to come are, unless nothing changed.
func (a *answerer) begin(o *Options) {
	a.session.Forget()
	a.hold, a.seen = false, errorsSeen{}
	if o != nil {
		a.session.Set(o.Tolerance, o.Epsilon)
	}
}

// frame answers a frame. With whole, nothing but a whole run will do where
// anything changed.
func (a *answerer) frame(ctx context.Context, rgb []byte, whole bool, res *Result) error {
	s := a.session
	guard := a.guard > 0 && s.opt.Mode == Approximate && !whole
	var err error
	if whole || guard && a.hold {
		res.Step, err = s.FrameWholeIfChanged(ctx, rgb)
	} else {
		res.Step, err = s.Frame(ctx, rgb)
	}
	if err != nil {
		return err
	}
	if res.Step.How == Skip {
		res.Answer = a.last
		return nil
	}
	if res.Answer, err = a.read(s.Output); err != nil {
		return err
	}
	close := func(since int) bool {
		return guard && res.Answer.Margin < a.guard && !a.seen.trust(res.Answer.Margin, since)
	}
	if since := s.Since(); res.Step.How == Update && close(since) {
		first, approximate := res.Step, res.Answer
		if res.Step, err = s.FrameWhole(ctx, rgb); err != nil {
			return err
		}
		res.Step.add(first)
		if res.Answer, err = a.read(s.Output); err != nil {
			return err
		}
		res.Guarded = true
		a.seen.add(approximate, res.Answer, a.judge.Compare(approximate, res.Answer), since)
	}
	// Where the next frame is likely to be a close call too, and nothing more is to be
	// learnt of errors, it is run whole at once.
	a.hold = res.Step.How == Whole && close(1) && a.seen.enough()
	a.last = res.Answer
	return nil
}

// errorsSeen is what close calls that were run whole have shown of the errors of the
// answers before: where they are far smaller than the margin, calls that look close
// are none.
type errorsSeen struct {
	calls   int
	largest float32
	since   int // the most frames after a whole run that a call was seen at
}

const (
	// enoughCalls is the number of calls from which on errors are known.
	enoughCalls = 2
	// errorFactor is how many times the largest error seen a margin is to be.
	errorFactor = 4
	// errorReach is how many times as long after a whole run, where errors have
	// grown, what was seen is trusted.
	errorReach = 2
)

// add takes a call into account: the approximate answer and that of a whole run to
// the same frame, since frames after the last one.
func (e *errorsSeen) add(approximate, whole *Answer, g Agreement, since int) {
	d := approximate.Margin - whole.Margin
	if !g.Agrees {
		d = approximate.Margin + whole.Margin
	}
	e.calls++
	e.largest = max(e.largest, d, -d, float32(g.Largest))
	e.since = max(e.since, since)
}

// enough says whether errors are known.
func (e *errorsSeen) enough() bool { return e.calls >= enoughCalls }

// trust says whether an answer with such a margin, since frames after a whole run, is
// what the whole network's would be.
func (e *errorsSeen) trust(margin float32, since int) bool {
	return e.enough() && since <= errorReach*e.since && margin > errorFactor*e.largest
}

// add counts another step's cost for the same frame.
func (s *Step) add(o Step) {
	s.Changed = o.Changed
	s.Share += o.Share
	s.Difference += o.Difference
	s.Network += o.Network
}

// would gives what the answer to a frame would be without a whole run, and what
// it costs.
func (a *answerer) would(ctx context.Context, rgb []byte) (*Answer, Step, error) {
	st, err := a.session.Frame(ctx, rgb)
	if err != nil || st.How == Skip {
		return a.last, st, err
	}
	w, err := a.read(a.session.Output)
	return w, st, err
}

func (a *answerer) read(output func(int) *tensor.Tensor) (*Answer, error) {
	start := time.Now()
	r, err := a.judge.Judge(output)
	a.judging += time.Since(start)
	return r, err
}

// verify compares a frame's answer with a whole run's, beside the session.
func (a *answerer) verify(ctx context.Context, rgb []byte, res *Result) error {
	if res.Step.How == Whole && !res.Step.Listed {
		g := a.judge.Compare(res.Answer, res.Answer)
		res.Verified = &g
		return nil
	}
	return a.session.Check(ctx, rgb, func(output func(i int) *tensor.Tensor) error {
		whole, err := a.judge.Judge(output)
		if err != nil {
			return err
		}
		g := a.judge.Compare(res.Answer, whole)
		res.Verified = &g
		return nil
	})
}
