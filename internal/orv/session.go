// Package orv recognizes what is in a video, frame by frame: it finds what
// changed since the network last looked, has the plan recompute only that, and
// checks itself against whole runs. It knows frames as pixels of the network's
// size, and nothing of files, decoders or what the outputs mean.
package orv

import (
	"context"
	"fmt"
	"time"

	"krypton/internal/incremental"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// Mode says how frames are answered.
type Mode string

// The modes.
const (
	// Exact: every changed pixel counts; outputs equal those of whole runs bit
	// for bit.
	Exact Mode = "exact"
	// Approximate: pixels that moved by no more than a tolerance since the
	// network last saw them, and activations that moved little, stay as they
	// were.
	Approximate Mode = "approximate"
	// Naive: the whole network on every frame.
	Naive Mode = "naive"
)

// Options says how a session works. The zero value is the exact mode.
type Options struct {
	Mode    Mode
	Workers int
	// Tolerance is the largest difference (of 255) between a pixel's bytes
	// and those that the network last saw that does not count. Approximate
	// mode only.
	Tolerance int
	// Specks: a changed pixel counts only if as many of the 25 pixels around
	// it (itself included) changed. 0 and 1 let all count. Approximate only.
	Specks int
	// Epsilon is the threshold between layers, see incremental.StreamOptions.
	// Approximate only.
	Epsilon float64
	// MeanSquares, if set, are what Epsilon is relative to; else Run takes it on the first
	// frame, and a session by itself in each whole run.
	MeanSquares incremental.MeanSquares
	Shape       incremental.Shape
	// WholeFrom is the share of a whole run's multiply-adds from which on a
	// change is answered by a whole run; 0 stands for DefaultWholeFrom.
	WholeFrom float64
	// Shortlist, if not 0, is the number of classes that are computed between one run
	// of all classes and the next, the likeliest ones, where the last layers allow;
	// the others keep their numbers before the softmax. Approximate only.
	Shortlist int
	// Output is the network's output that the shortlist is of.
	Output int
	// WholeOnly answers every frame that differs from the last one by a whole
	// run, which is faster where updates do not pay: no layer's output is
	// kept. Exact mode only.
	WholeOnly bool
	// Device, if set, follows videos in the place of this machine's processors, which
	// compute what a frame is compared with, unless the device has bits of its own. It computes
	// all classes.
	Device Device
	// Turn, if set, is called before the network's work for a frame, and over after it:
	// there those who share the processors take turns. Sessions call it side by side.
	Turn func(ctx context.Context) (over func(), err error)
}

// turn waits until it is this session's turn.
func (s *Session) turn(ctx context.Context) (over func(), err error) {
	if s.opt.Turn == nil {
		return func() {}, nil
	}
	return s.opt.Turn(ctx)
}

// DefaultWholeFrom is the share of a whole run from which on updating costs as
// much: regions are smaller and reach the caches less well than whole planes.
const DefaultWholeFrom = 0.7

// Validate checks the numbers.
func (o *Options) Validate() error {
	switch {
	case o.Mode != Exact && o.Mode != Approximate && o.Mode != Naive:
		return fmt.Errorf("unknown mode %q: want exact, approximate or naive", o.Mode)
	case o.Tolerance < 0 || o.Tolerance > 255:
		return fmt.Errorf("tolerance is %d, want 0 to 255", o.Tolerance)
	case o.Specks < 0 || o.Specks > 25:
		return fmt.Errorf("specks is %d, want 0 to 25", o.Specks)
	case !(o.Epsilon >= 0 && o.Epsilon < 10):
		return fmt.Errorf("epsilon is %g, want 0 to 10", o.Epsilon)
	case o.Shortlist < 0:
		return fmt.Errorf("a shortlist of %d classes", o.Shortlist)
	case !(o.WholeFrom >= 0 && o.WholeFrom <= 10):
		return fmt.Errorf("whole-from is %g, want 0 to 10", o.WholeFrom)
	case o.own() && o.Mode == Approximate:
		return fmt.Errorf("products in %s give no approximate answers", o.Device.Precision())
	}
	return nil
}

// How says what was done for a frame.
type How string

// What can be done for a frame.
const (
	Skip   How = "skip"   // nothing changed: the outputs stand
	Update How = "update" // what changed was worked into the views
	Whole  How = "whole"  // the whole network ran
)

// Step is what one frame took.
type Step struct {
	How How
	// Changed is the share of the frame's pixels that counted as changed.
	Changed float64
	// Share is the network's multiply-adds over those of a whole run.
	Share float64
	// Listed says that only the shortlist's classes were computed.
	Listed     bool
	Difference time.Duration // to find what changed
	Network    time.Duration
}

// Converter turns pixels of three bytes into the network's numbers.
type Converter interface {
	// Convert writes the numbers of n pixels, channels last.
	Convert(dst []float32, rgb []byte, n int)
}

// In exact mode, after bypassAfter frames in a row that changed too much to be
// updated the next bypassFor ones are run whole at once, which is faster without
// views to be kept.
const (
	bypassAfter = 4
	bypassFor   = 60
)

// Session answers the frames of one video, one after the other. It must not be
// used by several goroutines at a time.
type Session struct {
	plan    *incremental.Plan
	opt     Options
	convert Converter
	h, w, c int

	follower      Follower
	stream        *incremental.Stream    // the follower, unless it is a device's
	trusted       bool                   // the device
	inference     *incremental.Inference // for whole runs that keep no views
	input         []float32              // of whole runs without the stream
	bypassed      bool                   // the last answer came without the stream
	check         *incremental.Inference
	used          []byte // what the network last saw
	mask          *region.Mask
	spare         *region.Mask
	list          *shortlist
	since         int     // frames since the last whole run
	last          float64 // share of the last update, 0 after a whole run
	tooMuchInARow int     // frames in a row that changed too much to be updated
	began         bool    // the stream's views are those of used
	seen          bool    // used is the last frame, as the network saw it
	whole         int64   // multiply-adds of a whole run
}

// NewSession makes the memory for a video.
func NewSession(p *incremental.Plan, c Converter, opt Options) (*Session, error) {
	if err := opt.Validate(); err != nil {
		return nil, err
	}
	if opt.Device != nil {
		opt.Shortlist = 0
	}
	if opt.Mode != Approximate {
		opt.Tolerance, opt.Specks, opt.Epsilon, opt.Shortlist = 0, 0, 0, 0
	}
	if opt.WholeFrom == 0 {
		opt.WholeFrom = DefaultWholeFrom
	}
	plane := p.InputPlane()
	s := &Session{plan: p, opt: opt, convert: c, h: plane.H, w: plane.W, c: plane.C, used: make([]byte, plane.H*plane.W*3),
		mask: region.NewMask(plane.H, plane.W), spare: region.NewMask(plane.H, plane.W), whole: p.Count(plane.Rect())}
	return s, s.follow()
}

// follow makes the follower that the options ask for.
func (s *Session) follow() (err error) {
	opt := incremental.StreamOptions{Workers: s.opt.Workers, Epsilon: s.opt.Epsilon, MeanSquares: s.opt.MeanSquares, Shape: s.opt.Shape}
	switch {
	case s.opt.Device != nil:
		s.follower, err = s.opt.Device.Follow(opt)
	case !s.streamless():
		s.list = newShortlist(s.plan, s.opt.Output, s.opt.Shortlist)
		s.stream, err = s.plan.NewStream(opt)
		s.follower = s.stream
	}
	return err
}

// NewSessions makes up to n sessions that share opt.Workers cores and work at the
// same time; one at least, and no more than a run uses. A device has one.
func NewSessions(p *incremental.Plan, c Converter, opt Options, n int) ([]*Session, error) {
	if opt.Device != nil {
		n = 1
	}
	workers := max(1, opt.Workers)
	n = max(1, min(n, workers, Lag-1))
	list := make([]*Session, n)
	for i := range list {
		opt.Workers = workers*(i+1)/n - workers*i/n
		var err error
		if list[i], err = NewSession(p, c, opt); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Since is the number of frames since the last whole run.
func (s *Session) Since() int { return s.since }

// Set changes tolerance and threshold for the frames to come. Approximate mode
// only.
func (s *Session) Set(tolerance int, epsilon float64) {
	if s.opt.Mode == Approximate {
		s.opt.Tolerance, s.opt.Epsilon = tolerance, epsilon
		s.follower.SetEpsilon(epsilon)
	}
}

// MeanSquares takes what thresholds are relative to on a frame. Approximate mode only.
func (s *Session) MeanSquares(ctx context.Context, rgb []byte) (incremental.MeanSquares, error) {
	over, err := s.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer over()
	in := make([]float32, s.plan.InputPlane().Len())
	s.convert.Convert(in, rgb, s.h*s.w)
	return s.plan.MeanSquares(ctx, in, s.opt.Workers)
}

// SetMeanSquares changes what thresholds are relative to for the frames to come.
// Approximate mode only.
func (s *Session) SetMeanSquares(m incremental.MeanSquares) {
	s.opt.MeanSquares = m
	s.follower.SetMeanSquares(m)
}

// FrameBytes is the size of a frame: rows of pixels of three bytes each, of the
// network's height and width.
func (s *Session) FrameBytes() int { return s.h * s.w * 3 }

// Output gives output i of the network for the last frame, in ONNX order. It is
// overwritten when the same output is asked for again.
func (s *Session) Output(i int) *tensor.Tensor {
	if s.bypassed && s.opt.Device == nil {
		return s.inference.Output(i)
	}
	return s.follower.Output(i)
}

// Changed is the mask of pixels that counted as changed in the last frame. It
// is valid until the next one.
func (s *Session) Changed() *region.Mask { return s.mask }

// Frame answers one frame.
func (s *Session) Frame(ctx context.Context, rgb []byte) (Step, error) {
	if len(rgb) != s.FrameBytes() {
		return Step{}, fmt.Errorf("a frame has %d bytes, want %d for %dx%d pixels", len(rgb), s.FrameBytes(), s.w, s.h)
	}
	over, err := s.turn(ctx)
	if err != nil {
		return Step{}, err
	}
	defer over()
	start := time.Now()
	if s.streamless() {
		return s.bypass(ctx, rgb, bypassing{skip: s.opt.Mode == Exact})
	}
	if s.opt.Mode == Exact && s.tooMuchInARow >= bypassAfter {
		if s.tooMuchInARow++; s.tooMuchInARow < bypassAfter+bypassFor {
			return s.bypass(ctx, rgb, bypassing{skip: true})
		}
		s.tooMuchInARow = 0
	}
	st := Step{How: Update, Changed: float64(s.find(rgb)) / float64(s.h*s.w)}
	switch {
	case st.Changed == 0:
		st.How = Skip
	case !s.began:
		st.How = Whole
	case s.tooMuch(rgb, st.Changed):
		st.How = Whole
		s.tooMuchInARow++
	default:
		s.tooMuchInARow = 0
	}
	if st.How == Whole {
		copy(s.used, rgb)
		s.convert.Convert(s.follower.Input(), rgb, s.h*s.w)
	} else {
		s.take(rgb)
	}
	st.Difference = time.Since(start)
	start = time.Now()
	err = s.compute(ctx, &st)
	st.Network = time.Since(start)
	return st, err
}

// find puts into the mask the pixels that count as changed since the network last saw
// them, all of them before it saw any, and returns their number.
func (s *Session) find(rgb []byte) int {
	s.mask.Clear()
	if !s.began {
		s.mask.Fill()
		return s.h * s.w
	}
	changed := difference(s.mask, rgb, s.used, s.opt.Tolerance)
	if s.opt.Specks > 1 && changed > 0 {
		despeckle(s.mask, s.spare, s.opt.Specks)
		changed = s.mask.Area()
	}
	return changed
}

// compute does for a frame, whose pixels the stream has, what st says, and says what that
// took.
func (s *Session) compute(ctx context.Context, st *Step) (err error) {
	s.since++
	s.bypassed = s.bypassed && st.How == Skip
	switch st.How {
	case Whole:
		st.Share, st.Listed, err = s.everything(ctx)
		s.since, s.began, s.seen = 0, err == nil, err == nil
		s.last = 0
	case Update:
		st.Listed = s.list.listed()
		var n int64
		n, err = s.follower.Update(ctx, s.mask)
		st.Share = float64(n) / float64(max(1, s.whole)) // of none, none
		s.began = err == nil
		s.last = st.Share
		if err == nil && !s.list.leads() {
			st.How, st.Listed = Whole, false
			st.Share++
			err = s.list.everything(ctx, onStream{s.stream})
			s.since, s.began, s.last = 0, err == nil, 0
		}
	}
	return err
}

// FrameWhole answers one frame by a whole run. In naive mode that is what Frame
// does.
func (s *Session) FrameWhole(ctx context.Context, rgb []byte) (Step, error) {
	s.began = false
	return s.Frame(ctx, rgb)
}

// Forget makes the next frame a whole run of all classes, whatever was before.
func (s *Session) Forget() {
	s.began, s.seen = false, false
	s.list.forget()
}

// streamless says that no frame is ever updated.
func (s *Session) streamless() bool {
	return s.opt.Mode == Naive || s.opt.Mode == Exact && s.opt.WholeOnly
}

// bypassing says what need not be run.
type bypassing struct {
	skip   bool // a frame that is what the network last saw
	assume bool // any frame: its outputs are known, and not those of Output
}

// bypass answers a frame by a whole run without the stream, which is faster: no layer's
// output is kept.
func (s *Session) bypass(ctx context.Context, rgb []byte, b bypassing) (Step, error) {
	start := time.Now()
	st := Step{How: Whole, Changed: 1, Share: 1}
	s.mask.Clear()
	switch {
	case b.skip && s.seen:
		n := difference(s.mask, rgb, s.used, 0)
		st.Changed = float64(n) / float64(s.h*s.w)
		if n == 0 {
			return Step{How: Skip, Difference: time.Since(start)}, nil
		}
	default:
		s.mask.Fill()
	}
	if s.list.listed() {
		s.cut(rgb)
	}
	s.bypassed, s.began, s.since, s.last = true, false, 0, 0
	if b.assume {
		copy(s.used, rgb)
		s.seen = true
		st.Share, st.Listed, st.Difference = s.list.cost(), s.list.listed(), time.Since(start)
		return st, nil
	}
	if s.opt.Device != nil {
		copy(s.used, rgb)
		s.convert.Convert(s.follower.Input(), rgb, s.h*s.w)
		st.Difference = time.Since(start)
		start = time.Now()
		var err error
		st.Share, st.Listed, err = s.everything(ctx)
		s.seen = err == nil
		st.Network = time.Since(start)
		return st, err
	}
	if s.inference == nil {
		s.inference = s.plan.NewInference(s.opt.Workers)
	}
	if s.input == nil {
		s.input = make([]float32, s.plan.InputPlane().Len())
	}
	copy(s.used, rgb)
	s.convert.Convert(s.input, rgb, s.h*s.w)
	st.Difference = time.Since(start)
	start = time.Now()
	var err error
	st.Share, st.Listed, err = s.list.whole(ctx, onInference{s})
	s.seen = err == nil
	st.Network = time.Since(start)
	return st, err
}

// FrameWholeIfChanged answers one frame by a whole run, unless it is what the
// network last saw. The next frame cannot be an update. With assume the run is counted
// but not made, as what comes out is known.
func (s *Session) FrameWholeIfChanged(ctx context.Context, rgb []byte, assume bool) (Step, error) {
	if len(rgb) != s.FrameBytes() {
		return Step{}, fmt.Errorf("a frame has %d bytes, want %d", len(rgb), s.FrameBytes())
	}
	over, err := s.turn(ctx)
	if err != nil {
		return Step{}, err
	}
	defer over()
	return s.bypass(ctx, rgb, bypassing{skip: true, assume: assume})
}

// A scene has been cut where as many of the pixels as cutShare have moved by more
// than cutTolerance, which noise does not do.
const (
	cutTolerance = 32
	cutShare     = 0.5
)

// tooMuch says whether a whole run costs no more than updating. Without a threshold
// between layers all that a change can reach is counted. With one, what will be left
// of it is not known: that so many pixels moved says little, as noise moves most of
// them a little and is stopped by the first layers. A cut is answered by a whole run,
// and so is a frame that follows one that took much, which is exact besides. Nothing
// but counts decides, so that the same video gives the same answers on any machine.
func (s *Session) tooMuch(rgb []byte, changed float64) bool {
	looks := s.opt.Mode == Approximate && s.opt.Tolerance < cutTolerance
	if looks && changed >= cutShare && s.cut(rgb) {
		return true
	}
	from := s.opt.WholeFrom * s.list.cost()
	if s.opt.Epsilon == 0 {
		return changed > s.opt.WholeFrom || float64(s.follower.Count(s.mask)) > from*float64(s.whole)
	}
	return s.last > from || !looks && changed > s.opt.WholeFrom
}

// cut says whether a frame shows another scene than the last one that the network saw,
// of which all classes are to be computed.
func (s *Session) cut(rgb []byte) bool {
	s.spare.Clear()
	cut := float64(difference(s.spare, rgb, s.used, cutTolerance)) > cutShare*float64(s.h*s.w)
	if cut {
		s.list.forget()
	}
	return cut
}

// take copies the pixels of the mask into what the network sees.
func (s *Session) take(rgb []byte) {
	in := s.follower.Input()
	for y := range s.h {
		s.mask.Spans(y, func(x region.Span) {
			at, n := y*s.w+x.Lo, x.Len()
			copy(s.used[at*3:], rgb[at*3:(at+n)*3])
			s.convert.Convert(in[at*s.c:(at+n)*s.c], rgb[at*3:(at+n)*3], n)
		})
	}
}

// Check runs the whole network on a frame beside the session and calls f with
// its outputs, which are valid during the call. Of a device that has bits of its own it is the
// last frame that was answered, which is run there.
func (s *Session) Check(ctx context.Context, rgb []byte, f func(output func(i int) *tensor.Tensor) error) error {
	if len(rgb) != s.FrameBytes() {
		return fmt.Errorf("a frame has %d bytes, want %d", len(rgb), s.FrameBytes())
	}
	over, err := s.turn(ctx)
	if err != nil {
		return err
	}
	defer over()
	if s.opt.own() { // without thresholds its views are those of a whole run already
		s.convert.Convert(s.follower.Input(), rgb, s.h*s.w)
		if err := s.follower.Whole(ctx); err != nil {
			return err
		}
		return f(s.follower.Output)
	}
	if s.check == nil {
		s.check = s.plan.NewInference(s.opt.Workers)
	}
	if s.input == nil {
		s.input = make([]float32, s.plan.InputPlane().Len())
	}
	s.convert.Convert(s.input, rgb, s.h*s.w)
	if err := s.check.Run(ctx, s.input); err != nil {
		return err
	}
	return f(s.check.Output)
}
