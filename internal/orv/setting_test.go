package orv

import (
	"context"
	"errors"
	"io"
	"reflect"
	"testing"
)

// give gives frames until io.EOF, and counts them.
func give(frames [][]byte, n *int) func() ([]byte, error) {
	return func() ([]byte, error) {
		if *n == len(frames) {
			return nil, io.EOF
		}
		*n++
		return frames[*n-1], nil
	}
}

// TestTune: what is open is chosen on the frames and everything is ready for a run; what
// is not, and modes without thresholds, ask for no frame.
func TestTune(t *testing.T) {
	p, frames := shapes(t, 40, 2)
	tuner := func(segment int) *Tuner {
		return &Tuner{Plan: p, Converter: unit(t), NewInterpreter: classifier, Segment: segment}
	}
	for _, c := range []struct {
		name    string
		wish    Options
		segment int
		target  float64
		asked   bool
		chosen  bool
		mode    Mode
		length  int
		control bool
	}{
		{"all open", Options{Mode: Approximate, Tolerance: -1, Epsilon: -1}, 10, .9, true, true, Approximate, 10, true},
		{"threshold open", Options{Mode: Approximate, Tolerance: 3, Epsilon: -1}, 10, .9, true, true, Approximate, 10, true},
		{"one segment", Options{Mode: Approximate, Tolerance: -1, Epsilon: -1}, 0, .9, true, true, Approximate, 0, false},
		{"all said", Options{Mode: Approximate, Tolerance: 3, Epsilon: .1}, 10, .9, false, false, Approximate, 10, false},
		{"exact", Options{Mode: Exact, Tolerance: -1, Epsilon: -1}, 10, .9, false, false, Exact, exactSegment, false},
		{"naive", Options{Mode: Naive, Tolerance: -1, Epsilon: -1}, 10, .9, false, false, Naive, naiveSegment, false},
		{"nothing will do", Options{Mode: Approximate, Tolerance: 255, Epsilon: -1}, 10, 1, true, false, Approximate, 10, true},
		{"nothing will ever do", Options{Mode: Approximate, Tolerance: 255, Epsilon: -1}, 0, 1, true, false, Exact, exactSegment, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.wish.Workers = 2
			asked := 0
			s, err := Tune(context.Background(), tuner(c.segment), Wish{Options: c.wish, Target: c.target, Longest: 4}, give(frames, &asked))
			if err != nil {
				t.Fatal(err)
			}
			if (asked > 0) != c.asked || s.Tried != asked || (s.Chosen != nil) != c.chosen || s.Options.Mode != c.mode || s.Segment != c.length || (s.Control != nil) != c.control {
				t.Errorf("%d frames asked for: %+v", asked, s)
			}
			if s.Options.Tolerance < 0 || s.Options.Epsilon < 0 || c.wish.Mode == Approximate && c.wish.Tolerance >= 0 && s.Options.Tolerance != c.wish.Tolerance {
				t.Errorf("options %+v, wished %+v", s.Options, c.wish)
			}
			if want := SessionsFor(2, s.Segment); len(s.Sessions) != want || len(s.Known) != asked {
				t.Errorf("%d sessions, want %d; %d known answers of %d frames", len(s.Sessions), want, len(s.Known), asked)
			}
			k := s.Task()
			k.NewInterpreter, k.Geometry, k.Guard = classifier, task(t, p, 1, Options{Mode: Naive}).Geometry, .1
			got := results(t, k, &film{frames: frames})
			if len(got) != len(frames) {
				t.Fatalf("%d frames are answered", len(got))
			}
			// The same setting made without the tuner's sessions gives the same answers.
			again, err := Tune(context.Background(), tuner(c.segment), Wish{Options: c.wish, Target: c.target, Longest: 4}, give(frames, new(int)))
			if err != nil {
				t.Fatal(err)
			}
			if again.Sessions, err = NewSessions(p, unit(t), again.Options, 1); err != nil {
				t.Fatal(err)
			}
			k = again.Task()
			k.NewInterpreter, k.Geometry, k.Guard = classifier, task(t, p, 1, Options{Mode: Naive}).Geometry, .1
			if fresh := results(t, k, &film{frames: frames}); !reflect.DeepEqual(fresh, got) {
				t.Error("sessions that tuned give other answers than new ones")
			}
		})
	}
	open := Wish{Options: Options{Mode: Approximate, Tolerance: -1, Epsilon: -1}, Target: .9}
	if s, err := Tune(context.Background(), tuner(10), open, give(nil, new(int))); err != nil || s.Tried != 0 || s.Chosen != nil || s.Control != nil || len(s.Sessions) == 0 {
		t.Errorf("without frames: %+v, %v", s, err)
	}
	broken := errors.New("broken")
	if _, err := Tune(context.Background(), tuner(10), open, func() ([]byte, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("a source's error: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Tune(ctx, tuner(10), open, give(frames, new(int))); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
