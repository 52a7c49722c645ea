package orv

import (
	"context"
	"slices"
)

// Wish is how a video is to be answered, before its frames are known.
type Wish struct {
	// Options are those of the sessions; Workers are shared by all of them. In the
	// approximate mode a Tolerance or an Epsilon below 0 is chosen on the first frames.
	Options Options
	// Target is the share of frames that are to be answered as whole runs would; for
	// detectors, the F1 score of their boxes.
	Target float64
	// Longest is how many times as long segments may become, see Control.
	Longest int
}

// open says whether something is to be chosen.
func (w *Wish) open() bool {
	return w.Options.Mode == Approximate && (w.Options.Tolerance < 0 || w.Options.Epsilon < 0)
}

// levels are the settings to try, the boldest first: candidates for the frames' noise as
// far as the wish leaves them open.
func (w *Wish) levels(noise int) []Options {
	levels := Candidates(noise)
	for i := range levels {
		o := &levels[i]
		if w.Options.Tolerance >= 0 {
			o.Tolerance = w.Options.Tolerance
		}
		if w.Options.Epsilon >= 0 {
			o.Epsilon = w.Options.Epsilon
		}
		o.Specks, o.Shortlist, o.Output = w.Options.Specks, w.Options.Shortlist, w.Options.Output
	}
	return slices.CompactFunc(levels, func(a, b Options) bool { return a.Tolerance == b.Tolerance && a.Epsilon == b.Epsilon })
}

// Setting is how a video is answered: what a Task needs besides its frames.
type Setting struct {
	Options  Options
	Sessions []*Session
	Segment  int      // frames, see Task
	Control  *Control // nil if the options stay as they are
	// Chosen is the trial of the options that were chosen, nil if there was nothing to
	// choose or nothing was good enough. Tried is the number of frames that settings were
	// tried on, 0 if none was.
	Chosen *Trial
	Tried  int
	// Known are whole runs' answers to the first frames.
	Known []*Answer
}

// Task makes a task of the setting. What it says of comparisons, places and earlier
// runs is for the caller to add.
func (s *Setting) Task() *Task {
	return &Task{Sessions: s.Sessions, Segment: s.Segment, Control: s.Control, Known: s.Known}
}

// The lengths of segments where nothing is approximate: whole runs begin them, which
// exact updates save otherwise.
const (
	exactSegment = 64
	naiveSegment = 8
)

// SegmentOf is the number of frames of a segment in a mode, where approximate ones have
// keyFrames frames from one key frame to the next.
func SegmentOf(mode Mode, keyFrames int) int {
	switch mode {
	case Approximate:
		return keyFrames
	case Exact:
		return exactSegment
	}
	return naiveSegment
}

// SessionsFor is the number of sessions that share workers cores, for segments of so
// many frames.
func SessionsFor(workers, segment int) int {
	if segment == 0 {
		return 1
	}
	return max(1, min(workers, Lag-1))
}

// Tune chooses what a wish leaves open on the first frames of a video, which next gives
// until io.EOF, and makes everything ready to answer it. Where nothing is open no frame
// is asked for. t says what to tune; it is used up. What is chosen is chosen on this machine's
// processors, also for a device.
func Tune(ctx context.Context, t *Tuner, w Wish, next func() ([]byte, error)) (*Setting, error) {
	s := &Setting{Options: w.Options}
	s.Options.Tolerance, s.Options.Epsilon = max(0, w.Options.Tolerance), max(0, w.Options.Epsilon)
	if w.open() {
		t.Workers, t.Shape, t.Turn = w.Options.Workers, w.Options.Shape, w.Options.Turn
		if err := t.Fill(ctx, next); err != nil {
			return nil, err
		}
		if s.Tried = t.Frames(); s.Tried > 0 {
			if err := t.settle(ctx, &w, s); err != nil {
				return nil, err
			}
		}
	}
	s.Segment = SegmentOf(s.Options.Mode, t.Segment)
	n := SessionsFor(s.Options.Workers, s.Segment)
	if len(t.sessions) == n && s.Options.Mode == Approximate && s.Options.Device == nil {
		s.Sessions = t.sessions
		for _, x := range s.Sessions {
			x.Forget()
			x.Set(s.Options.Tolerance, s.Options.Epsilon)
		}
		return s, nil
	}
	var err error
	s.Sessions, err = NewSessions(t.Plan, t.Converter, s.Options, n)
	return s, err
}

// settle chooses on the frames that were added.
func (t *Tuner) settle(ctx context.Context, w *Wish, s *Setting) error {
	levels := w.levels(t.Noise())
	var err error
	if s.Chosen, err = t.Choose(ctx, levels, w.Target); err != nil {
		return err
	}
	s.Options.MeanSquares, s.Known = t.meanSquares, t.whole
	control := &Control{Levels: levels, Target: w.Target, Longest: w.Longest, UpdateCostLimit: w.Options.updateCostLimit(t.Plan)}
	switch {
	case s.Chosen != nil:
		s.Options.Tolerance, s.Options.Epsilon = s.Chosen.Options.Tolerance, s.Chosen.Options.Epsilon
		control.Start(&s.Options, t.clearAgreements(s.Chosen))
	case t.Segment == 0: // nothing would ever be tried again
		s.Options.Mode, s.Options.WholeOnly = Exact, true
	default:
		control.Start(nil, 0)
	}
	if t.Segment > 0 {
		s.Control = control
	}
	return nil
}
