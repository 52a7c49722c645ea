package orv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"krypton/internal/imagein"
	"krypton/internal/region"
	"krypton/internal/video"
)

// Task is a video to be recognized.
//
// Frames are answered in segments (groups of pictures, as codecs have them). Each begins
// with a key frame, which is run whole, so that segments do not depend on each other: several are answered at a time, each
// by a session of its own, and nothing that one of them leaves behind lasts
// longer. What the answer to the first frame of a segment would have been, had
// the one before gone on, is compared with the whole run's.
type Task struct {
	// Sessions work at the same time; they are alike. At most Lag-1 are used.
	Sessions []*Session
	// NewInterpreter makes an interpreter for each session.
	NewInterpreter func() Interpreter
	Geometry       imagein.Geometry
	// Segment is the number of frames of a segment; 0 makes one of all frames,
	// which one session answers.
	Segment int
	// Control, if not nil, learns from the comparisons between segments and
	// sets tolerance and threshold. Approximate mode only.
	Control *Control
	// Guard runs the whole network on a frame whose approximate answer's margin
	// is less than this: approximation must not decide close calls. Approximate mode only; 0 trusts every answer.
	Guard float32
	// VerifyEvery compares each such frame's answer with a whole run's; 0
	// never does. Frames that were run whole agree without another run.
	VerifyEvery int
	// VerifyShare does so with frames that are drawn at random (Sampled): 0 to 1.
	VerifyShare float64
	// Known are whole runs' answers to the first frames, which tuning has had: they
	// are given out as they are.
	Known []*Answer
	// Failed, if set, is told once why the sessions' device is not asked any more: this
	// machine's processors take over.
	Failed func(err error)
	// Past are the frames of an earlier run that this one goes on with. They
	// are not given out again; those of the last segment are answered again,
	// so that what comes after is what it would have been.
	Past []Past
}

// Past is what is to be known of a frame of an earlier run.
type Past struct {
	// How it was answered. KeyFrame says that it began a segment and was compared,
	// Outcome what the approximate answer came to (NewPast).
	How      How
	KeyFrame bool
	Outcome  Outcome
	// Share of a whole run's multiply-adds that it took.
	Share float64
}

// NewPast is what is to be known of a frame: verified is the comparison with a whole
// run, nil without one.
func NewPast(how How, share float64, keyFrame bool, verified *Agreement, guard float32) Past {
	p := Past{How: how, Share: share, KeyFrame: keyFrame}
	if keyFrame && verified != nil {
		p.Outcome = verified.Outcome(guard)
	}
	return p
}

// Lag is the number of segments after which the control's word counts: what is
// learnt from one does not reach those that may be at work, whatever their
// number, so that answers do not depend on it.
const Lag = 4

// Result is the answer for one frame.
type Result struct {
	Frame  int // in the source
	Time   time.Duration
	Answer *Answer
	Step   Step
	// Guarded says that a close call was decided by a whole run.
	Guarded bool
	// Verified is set where the answer was compared with a whole run's. KeyFrame says
	// that the frame begins a segment: compared was what the approximate answer would
	// have been, its own is the whole run's.
	Verified *Agreement
	KeyFrame bool
	// Level is the control's level.
	Level int
	// Changed is the mask of what changed, on the network's plane.
	Changed *region.Mask
}

// Summary is what a run took.
type Summary struct {
	Frames, Skipped, Updated, Whole, Guarded, KeyFrames int
	// Share is the mean share of a whole run's multiply-adds.
	Share, Changed float64
	// Verified frames, those that agreed, and the counts of boxes. Key
	// frames are not among them: what was compared there is no answer that was
	// given.
	Verified, Agreed int
	Largest          float64
	Boxes            Agreement
	// KeyFramesAgreed is the number of compared key frames whose approximate
	// answer would have agreed.
	KeyFramesAgreed int
	// Sample is of the frames that VerifyShare drew.
	Sample Sample
	// Where the time went: waiting for frames in all, and summed over the
	// sessions finding what changed, the network, reading its outputs,
	// verification; handing over.
	Wait, Difference, Network, Interpret, Verify, Emit, Total time.Duration
}

// Agreement is the share of verified frames that agreed, 1 if none was.
func (s *Summary) Agreement() float64 {
	if s.Verified == 0 {
		return 1
	}
	return float64(s.Agreed) / float64(s.Verified)
}

// piece is the length of the parts that a video of one segment is handled in.
const piece = 8

// segment is a number of frames that one session answers.
type segment struct {
	index  int
	first  int // its first frame's number, counting from the first of the run
	fresh  bool
	frames []*video.Frame
	next   *video.Frame // the next segment's first, whose answer is to be guessed
	done   chan struct{}
	level  int
	option *Options // nil for whole runs, or without control

	results      []*Result
	guess        *Answer // for next
	cost         Step    // of the guess
	interpreting time.Duration
	verify       time.Duration
	err          error
}

// Run answers the frames of a video until its end and hands each result to
// emit, in order. An error of the source comes after all frames before it.
func Run(ctx context.Context, t *Task, src video.Source, emit func(*Result) error) (*Summary, error) {
	begin := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	r := &run{task: t, source: src, length: t.Segment, emit: emit}
	workers := min(len(t.Sessions), Lag-1)
	if r.length == 0 {
		r.length, workers = piece, 1
	}
	work := make(chan *segment, 1) // one is ready while all sessions work
	ended := make(chan struct{})
	for _, s := range t.Sessions[:workers] {
		a := &answerer{session: s, interpreter: t.NewInterpreter(), guard: t.Guard}
		go func() {
			defer func() { ended <- struct{}{} }()
			for st := range work {
				st.err = t.answer(ctx, a, st)
				close(st.done)
			}
		}()
	}
	err := r.all(ctx, work, workers)
	cancel()
	close(work)
	for range workers {
		<-ended
	}
	r.sum.Total = time.Since(begin)
	return &r.sum, err
}

// run is the state of Run's own goroutine: it reads frames, hands out
// segments and takes them back in order.
type run struct {
	task   *Task
	source video.Source
	length int
	emit   func(*Result) error
	sum    Summary

	queue  []*segment // at work, the oldest first
	ahead  *video.Frame
	end    error // of the source
	n      int   // frames read
	guess  *Answer
	cost   Step
	levels []level // [segment] that the control had once the segment was compared
}

// level is a level of the control.
type level struct {
	n      int
	option *Options
	length int // of a segment, in frames
}

func (r *run) all(ctx context.Context, work chan<- *segment, workers int) error {
	if err := r.scale(ctx); err != nil {
		return err
	}
	first, err := r.past(ctx)
	if err != nil {
		return err
	}
	for i := first; ; i++ {
		st := r.read(ctx, i)
		if len(st.frames) > 0 {
			st.fresh = r.task.Segment > 0 || i == first
			r.queue = append(r.queue, st)
			work <- st
		}
		last := st.next == nil && r.end != nil
		for len(r.queue) > workers || last && len(r.queue) > 0 {
			if err := r.take(ctx); err != nil {
				r.drain()
				return err
			}
		}
		if last {
			if errors.Is(r.end, io.EOF) {
				return nil
			}
			return r.end
		}
	}
}

// scale takes what thresholds are relative to on the first frame, where tuning has not
// done so: at each whole run it would cost a pass over all layers' outputs, and could
// differ from one session to the next.
func (r *run) scale(ctx context.Context) error {
	s := r.task.Sessions[0]
	if s.opt.Mode != Approximate || s.opt.MeanSquares != nil {
		return nil
	}
	f := r.frame(ctx)
	if f == nil {
		return nil // said when frames are read
	}
	r.ahead = f
	r.n--
	rgb, err := r.task.place(f, make([]byte, s.FrameBytes()))
	if err != nil {
		return err
	}
	m, err := s.MeanSquares(ctx, rgb)
	if err != nil {
		return fmt.Errorf("frame %d: %w", f.Index, err)
	}
	for _, s := range r.task.Sessions {
		s.SetMeanSquares(m)
	}
	return nil
}

// drain gives back the frames of all segments at work.
func (r *run) drain() {
	for _, st := range r.queue {
		<-st.done
		r.release(st)
	}
	r.queue = nil
}

func (r *run) release(st *segment) {
	for _, f := range st.frames {
		r.source.Release(f)
	}
}

// past passes over the frames of an earlier run and brings the control to where
// it was; it returns the segment to go on with.
func (r *run) past(ctx context.Context) (int, error) {
	t := r.task
	n := len(t.Past)
	if n == 0 {
		return 0, nil
	}
	// All segments but that of the last frame.
	first, at := 0, 0
	for t.Segment > 0 {
		end := at + r.level(first).length
		if end >= n {
			break
		}
		r.observe(first, t.Past[at:end])
		first, at = first+1, end
	}
	for r.n < at {
		f := r.frame(ctx)
		if f == nil {
			return 0, fmt.Errorf("the video has %d frames, an earlier run answered %d: %w", r.n, n, r.end)
		}
		r.source.Release(f)
	}
	return first, nil
}

// observe lets the control learn from the results of segment i.
func (r *run) observe(i int, frames []Past) {
	c := r.task.Control
	if c == nil {
		return
	}
	at := r.level(i)
	updates, share := 0, 0.0
	for k, f := range frames {
		switch {
		case f.KeyFrame && i > 0:
			c.Observe(r.level(i-1).n, f.Outcome)
		case at.option == nil && f.How == Whole:
			c.Frame()
		case f.How == Update && k > 0:
			updates++
			share += f.Share
		}
	}
	if updates > 0 {
		c.Cost(at.n, share/float64(updates))
	}
	r.levels = append(r.levels, r.now())
}

// now is the control's present word.
func (r *run) now() level {
	c := r.task.Control
	n, o := c.Level()
	return level{n, o, r.length * c.Length()}
}

// level is the control's word for segment i: what it said Lag segments before, or
// began with.
func (r *run) level(i int) level {
	c := r.task.Control
	if c == nil {
		return level{length: r.length}
	}
	if k := i - Lag; k >= 0 {
		return r.levels[k]
	}
	if c.initial == nil {
		l := r.now()
		c.initial = &l
	}
	return *c.initial
}

// frame reads the next frame, nil at the end.
func (r *run) frame(ctx context.Context) *video.Frame {
	if f := r.ahead; f != nil {
		r.ahead = nil
		r.n++
		return f
	}
	if r.end != nil {
		return nil
	}
	start := time.Now()
	f, err := r.source.Next(ctx)
	r.sum.Wait += time.Since(start)
	if err != nil {
		r.end = err
		return nil
	}
	r.n++
	return f
}

// read gathers segment i.
func (r *run) read(ctx context.Context, i int) *segment {
	l := r.level(i)
	st := &segment{index: i, first: r.n, done: make(chan struct{}), level: l.n, option: l.option}
	for len(st.frames) < l.length {
		f := r.frame(ctx)
		if f == nil {
			return st
		}
		st.frames = append(st.frames, f)
	}
	if f := r.frame(ctx); f != nil {
		r.ahead = f
		r.n--
		st.next = f
	}
	return st
}

// take waits for the oldest segment and gives its results out.
func (r *run) take(ctx context.Context) error {
	st := r.queue[0]
	<-st.done
	r.queue = r.queue[1:]
	defer r.release(st)
	t := r.task
	r.sum.Interpret += st.interpreting
	r.sum.Verify += st.verify
	if r.guess != nil && len(st.results) > 0 && st.fresh {
		first := st.results[0]
		g := t.NewInterpreter().Compare(r.guess, first.Answer)
		first.Verified, first.KeyFrame = &g, true
		first.Step.add(r.cost)
	}
	r.guess, r.cost = st.guess, st.cost
	var seen []Past
	for i, res := range st.results {
		seen = append(seen, NewPast(res.Step.How, res.Step.Share, res.KeyFrame, res.Verified, t.Guard))
		if st.first+i < len(t.Past) {
			continue
		}
		// Frames may be answered long before they are given out: who cancels between two
		// gets no more of them.
		if err := ctx.Err(); err != nil {
			return err
		}
		r.count(res)
		r.sum.Sample.Add(st.first+i, t.VerifyShare, res.Step.How == Whole && !res.Step.Listed, res.Verified)
		start := time.Now()
		err := r.emit(res)
		r.sum.Emit += time.Since(start)
		if err != nil {
			return err
		}
	}
	if st.err == nil {
		if st.first < len(t.Past) { // its boundary was compared by the earlier run
			copy(seen, t.Past[st.first:])
		}
		r.observe(st.index, seen)
	}
	return st.err
}

// verifies says whether the answer to frame n, the i-th of its segment, is to be compared
// with a whole run's.
func (t *Task) verifies(n, i int) bool {
	if t.Segment > 0 && i == 0 || n < len(t.Past) {
		return false
	}
	return t.VerifyEvery > 0 && n%t.VerifyEvery == 0 || Sampled(n, t.VerifyShare)
}

// place is the network's picture of a frame: the frame's own pixels, or plane.
func (t *Task) place(f *video.Frame, plane []byte) ([]byte, error) {
	if want := t.Geometry.Kept.Dx() * t.Geometry.Kept.Dy() * 3; len(f.Pixels) != want {
		return nil, fmt.Errorf("frame %d has %d bytes, want %d", f.Index, len(f.Pixels), want)
	}
	return t.Geometry.Place(plane, f.Pixels), nil
}

// answerOnce computes a segment, from the first frame on that has no result yet.
func (t *Task) answerOnce(ctx context.Context, a *answerer, st *segment) error {
	whole := t.Control != nil && st.option == nil
	if st.fresh {
		a.begin(st.option)
	}
	first := len(st.results)
	interpreting := a.interpreting
	defer func() { st.interpreting = a.interpreting - interpreting }()
	for k, f := range st.frames[first:] {
		i := first + k
		if n := st.first + i; n < len(t.Known) {
			st.results = append(st.results, t.known(a.session, f, t.Known[n], st.level))
			a.last = t.Known[n]
			continue
		}
		rgb, err := t.place(f, a.plane())
		if err != nil {
			return err
		}
		res := &Result{Frame: f.Index, Time: f.Time, Level: st.level}
		if err := a.frame(ctx, rgb, whole, res); err != nil {
			return fmt.Errorf("frame %d: %w", f.Index, err)
		}
		m := a.session.Changed()
		res.Changed = region.NewMask(m.H, m.W)
		res.Changed.Copy(m)
		if t.verifies(st.first+i, i) {
			start := time.Now()
			if err := a.verify(ctx, rgb, res); err != nil {
				return fmt.Errorf("frame %d: verification: %w", f.Index, err)
			}
			st.verify += time.Since(start)
		}
		st.results = append(st.results, res)
	}
	if st.next == nil || t.Segment == 0 || whole || a.session.opt.Mode != Approximate || st.first+len(st.frames) <= len(t.Known) {
		return nil
	}
	rgb, err := t.place(st.next, a.plane())
	if err != nil {
		return err
	}
	if st.guess, st.cost, err = a.approximate(ctx, rgb); err != nil {
		return fmt.Errorf("frame %d: %w", st.next.Index, err)
	}
	return nil
}

// known is the result for a frame whose answer is known.
func (t *Task) known(s *Session, f *video.Frame, a *Answer, level int) *Result {
	all := region.NewMask(s.h, s.w)
	all.Fill()
	return &Result{Frame: f.Index, Time: f.Time, Answer: a, Level: level, Changed: all, Step: Step{How: Whole, Changed: 1, Share: 1}}
}

func (r *run) count(res *Result) {
	s := &r.sum
	s.Frames++
	n := float64(s.Frames)
	s.Share += (res.Step.Share - s.Share) / n
	s.Changed += (res.Step.Changed - s.Changed) / n
	s.Difference += res.Step.Difference
	s.Network += res.Step.Network
	switch res.Step.How {
	case Skip:
		s.Skipped++
	case Update:
		s.Updated++
	case Whole:
		s.Whole++
	}
	if res.Guarded {
		s.Guarded++
	}
	v := res.Verified
	if res.KeyFrame {
		s.KeyFrames++
		if v.Agrees {
			s.KeyFramesAgreed++
		}
		return
	}
	if v != nil {
		s.Verified++
		if v.Agrees {
			s.Agreed++
		}
		s.Largest = max(s.Largest, v.Largest)
		s.Boxes.Matched += v.Matched
		s.Boxes.Missed += v.Missed
		s.Boxes.Extra += v.Extra
	}
}
