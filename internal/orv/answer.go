package orv

import (
	"context"
	"time"

	"krypton/internal/tensor"
)

// answerer answers frames one after the other with one session.
type answerer struct {
	session      *Session
	interpreter  Interpreter
	guard        float32 // see Task.Guard
	last         *Answer
	truth        *Answer // a whole run's answer to the next frame, if it is known
	wasClose     bool    // the last frame was a close call
	interpreting time.Duration
	placed       []byte
}

// plane is memory for one frame of the network's size.
func (a *answerer) plane() []byte {
	if a.placed == nil {
		a.placed = make([]byte, a.session.FrameBytes())
	}
	return a.placed
}

// begin forgets what was: the next frame is run whole, and those to come are answered
// with o's thresholds, if it is not nil.
func (a *answerer) begin(o *Options) {
	a.session.Forget()
	a.wasClose = false
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
	if whole || guard && a.wasClose {
		res.Step, err = s.FrameWholeIfChanged(ctx, rgb, a.truth != nil)
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
	if s.bypassed && a.truth != nil {
		res.Answer = a.truth
	} else if res.Answer, err = a.read(s.Output); err != nil {
		return err
	}
	if guard && res.Step.How == Update && res.Answer.Margin < a.careful() {
		first := res.Step
		if res.Step, err = s.FrameWhole(ctx, rgb); err != nil {
			return err
		}
		res.Step.add(first)
		if res.Answer, err = a.read(s.Output); err != nil {
			return err
		}
		res.Guarded = true
	}
	a.wasClose = guard && res.Step.How == Whole && res.Answer.Margin < a.guard
	a.last = res.Answer
	return nil
}

// guardFrames is the number of frames after a whole run for which the guard is as it was
// given. Errors grow from then on, and nothing compares before the next key frame: so does
// the guard, in proportion.
const guardFrames = 10

// careful is the margin that an approximate answer needs now.
func (a *answerer) careful() float32 {
	return a.guard * max(1, float32(a.session.Since())/guardFrames)
}

// add counts another step's cost for the same frame.
func (s *Step) add(o Step) {
	s.Changed = o.Changed
	s.Share += o.Share
	s.Difference += o.Difference
	s.Network += o.Network
}

// approximate gives what the answer to a frame would be without a whole run, and what
// it costs; nil where nothing but a whole run could answer it.
func (a *answerer) approximate(ctx context.Context, rgb []byte) (*Answer, Step, error) {
	if !a.session.began {
		return nil, Step{}, nil
	}
	st, err := a.session.Frame(ctx, rgb)
	if err != nil || st.How == Skip {
		return a.last, st, err
	}
	w, err := a.read(a.session.Output)
	return w, st, err
}

func (a *answerer) read(output func(int) *tensor.Tensor) (*Answer, error) {
	start := time.Now()
	r, err := a.interpreter.Interpret(output)
	a.interpreting += time.Since(start)
	return r, err
}

// verify compares a frame's answer with a whole run's, beside the session.
func (a *answerer) verify(ctx context.Context, rgb []byte, res *Result) error {
	if res.Step.How == Whole && !res.Step.Listed {
		g := a.interpreter.Compare(res.Answer, res.Answer)
		res.Verified = &g
		return nil
	}
	return a.session.Check(ctx, rgb, func(output func(i int) *tensor.Tensor) error {
		whole, err := a.interpreter.Interpret(output)
		if err != nil {
			return err
		}
		g := a.interpreter.Compare(res.Answer, whole)
		res.Verified = &g
		return nil
	})
}
