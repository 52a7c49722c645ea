package orv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"krypton/internal/tensor"
	"krypton/internal/video"
)

// Task is a video to be recognized.
type Task struct {
	Session  *Session
	Judge    Judge
	Geometry Geometry
	// Guard runs the whole network on a frame whose approximate answer's best
	// class leads by less than this: approximation must not decide close
	// calls. Approximate mode only; 0 trusts every answer.
	Guard float32
	// VerifyEvery compares each such frame's answer with a whole run's; 0
	// never does. Frames that were run whole agree without another run.
	VerifyEvery int
	// Frames before Key are passed over, those from there to From are answered,
	// so that what comes after is what it would have been, but neither given
	// out nor counted. Key must be a frame that was run whole.
	Key, From int
}

// Result is the answer for one frame.
type Result struct {
	Frame  int // in the source
	Time   time.Duration
	Answer *Answer
	Step   Step
	// Guarded says that a close call was decided by a whole run.
	Guarded bool
	// Verified is set where the answer was compared with a whole run's.
	Verified *Agreement
	// Pixels is the frame as it was decoded, valid during the call that hands
	// the result over.
	Pixels []byte
}

// Summary is what a run took.
type Summary struct {
	Frames, Skipped, Updated, Whole, Guarded int
	// Share is the mean share of a whole run's multiply-adds.
	Share, Changed float64
	// Verified frames, those that agreed, and the counts of boxes.
	Verified, Agreed int
	Largest          float64
	Boxes            Agreement
	// Where the time went, in a single line: waiting for frames, finding what
	// changed, the network, reading its outputs, verification, handing over.
	Wait, Difference, Network, Judge, Verify, Emit, Total time.Duration
}

// Agreement is the share of verified frames that agreed, 1 if none was.
func (s *Summary) Agreement() float64 {
	if s.Verified == 0 {
		return 1
	}
	return float64(s.Agreed) / float64(s.Verified)
}

// Run answers the frames of a video until its end and hands each result to
// emit. An error of the source comes after all frames before it.
func Run(ctx context.Context, t *Task, src video.Source, emit func(*Result) error) (*Summary, error) {
	sum := &Summary{}
	begin := time.Now()
	defer func() { sum.Total = time.Since(begin) }()
	r := runner{task: t, sum: sum, plane: make([]byte, t.Session.FrameBytes())}
	for {
		start := time.Now()
		f, err := src.Next(ctx)
		sum.Wait += time.Since(start)
		if errors.Is(err, io.EOF) {
			return sum, nil
		}
		if err != nil {
			return sum, err
		}
		err = r.frame(ctx, f, emit)
		src.Release(f)
		if err != nil {
			return sum, err
		}
	}
}

type runner struct {
	task  *Task
	sum   *Summary
	plane []byte
	last  *Answer
	hold  bool // the last frame was a close call
	n     int  // frames seen
}

func (r *runner) frame(ctx context.Context, f *video.Frame, emit func(*Result) error) error {
	t := r.task
	ordinal := r.n
	r.n++
	if f.Index < t.Key {
		return nil
	}
	if want := t.Geometry.Scaled.X * t.Geometry.Scaled.Y * 3; len(f.Pixels) != want {
		return fmt.Errorf("frame %d has %d bytes, want %d", f.Index, len(f.Pixels), want)
	}
	rgb := t.Geometry.Place(r.plane, f.Pixels)
	res := &Result{Frame: f.Index, Time: f.Time, Pixels: f.Pixels}
	if err := r.answer(ctx, rgb, res); err != nil {
		return fmt.Errorf("frame %d: %w", f.Index, err)
	}
	if f.Index < t.From {
		return nil
	}
	if t.VerifyEvery > 0 && ordinal%t.VerifyEvery == 0 {
		start := time.Now()
		if err := r.verify(ctx, rgb, res); err != nil {
			return fmt.Errorf("frame %d: verification: %w", f.Index, err)
		}
		r.sum.Verify += time.Since(start)
	}
	r.count(res)
	start := time.Now()
	err := emit(res)
	r.sum.Emit += time.Since(start)
	return err
}

// answer computes a frame's answer.
func (r *runner) answer(ctx context.Context, rgb []byte, res *Result) error {
	t, s := r.task, r.task.Session
	guard := t.Guard > 0 && s.opt.Mode == Approximate
	var err error
	if guard && r.hold {
		res.Step, err = s.FrameWhole(ctx, rgb)
	} else {
		res.Step, err = s.Frame(ctx, rgb)
	}
	if err != nil {
		return err
	}
	if res.Step.How == Skip {
		res.Answer = r.last
		return nil
	}
	if res.Answer, err = r.judge(); err != nil {
		return err
	}
	if guard && res.Step.How == Update && res.Answer.Margin < t.Guard {
		first := res.Step
		if res.Step, err = s.FrameWhole(ctx, rgb); err != nil {
			return err
		}
		res.Step.Changed = first.Changed
		res.Step.MultiplyAdds += first.MultiplyAdds
		res.Step.Share += first.Share
		res.Step.Difference += first.Difference
		res.Step.Network += first.Network
		if res.Answer, err = r.judge(); err != nil {
			return err
		}
		res.Guarded = true
	}
	r.hold = guard && res.Step.How == Whole && res.Answer.Margin < t.Guard
	r.last = res.Answer
	return nil
}

func (r *runner) judge() (*Answer, error) {
	start := time.Now()
	a, err := r.task.Judge.Judge(r.task.Session.Output)
	r.sum.Judge += time.Since(start)
	return a, err
}

// verify compares the answer with a whole run's.
func (r *runner) verify(ctx context.Context, rgb []byte, res *Result) error {
	if res.Step.How == Whole {
		g := r.task.Judge.Compare(res.Answer, res.Answer)
		res.Verified = &g
		return nil
	}
	return r.task.Session.Check(ctx, rgb, func(output func(i int) *tensor.Tensor) error {
		whole, err := r.task.Judge.Judge(output)
		if err != nil {
			return err
		}
		g := r.task.Judge.Compare(res.Answer, whole)
		res.Verified = &g
		return nil
	})
}

func (r *runner) count(res *Result) {
	s := r.sum
	s.Frames++
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
	n := float64(s.Frames)
	s.Share += (res.Step.Share - s.Share) / n
	s.Changed += (res.Step.Changed - s.Changed) / n
	s.Difference += res.Step.Difference
	s.Network += res.Step.Network
	if v := res.Verified; v != nil {
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
