package orv

import (
	"context"
	"errors"
	"fmt"

	"krypton/internal/incremental"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// Follower follows a session's video as an incremental.Stream does, which is one.
type Follower interface {
	Input() []float32
	Output(i int) *tensor.Tensor
	Whole(ctx context.Context) error
	Update(ctx context.Context, changed *region.Mask) (int64, error)
	Count(changed *region.Mask) int64
	SetEpsilon(epsilon float64)
	SetMeanSquares(m incremental.MeanSquares)
}

var _ Follower = (*incremental.Stream)(nil)

// Device makes what follows a video elsewhere than on this machine's processors. What it fails
// at is an incremental.DeviceError. Without thresholds its outputs have the bits of plans whose
// convolutions are plain sums.
type Device func(opt incremental.StreamOptions) (Follower, error)

// errBits says that a device cannot be relied on.
var errBits = errors.New("its outputs on a frame are not, bit for bit, those of this machine's processors")

// trust fails unless the outputs of the device's whole run, which is its first one in this
// session, are those of a run beside it.
func (s *Session) trust(ctx context.Context) error {
	if s.trusted {
		return nil
	}
	if s.check == nil {
		s.check = s.plan.NewInference(s.opt.Workers)
	}
	if err := s.check.Run(ctx, s.follower.Input()); err != nil {
		return err
	}
	for i := range s.plan.Outputs() {
		got, err := s.follower.Output(i).Floats()
		if err != nil {
			continue // whole numbers, made of what others show
		}
		want, err := s.check.Output(i).Floats()
		if err != nil {
			return err
		}
		if !incremental.SameBits(got, want) {
			return &incremental.DeviceError{Err: errBits}
		}
	}
	s.trusted = true
	return nil
}

// everything runs the whole network on the follower's input.
func (s *Session) everything(ctx context.Context) (share float64, listed bool, err error) {
	if s.stream != nil {
		return s.list.whole(ctx, onStream{s.stream})
	}
	if err = s.follower.Whole(ctx); err == nil {
		err = s.trust(ctx)
	}
	return 1, false, err
}

// leave has the session go on by this machine's processors, with a whole run.
func (s *Session) leave() error {
	s.opt.Device, s.follower = nil, nil
	err := s.follow()
	s.Forget()
	return err
}

// failed is the error of a device that has failed, which processors may take over from: nil for
// other errors, and where nobody is to take over.
func (t *Task) failed(s *Session, err error) error {
	var device *incremental.DeviceError
	if t.Failed == nil || s.opt.Device == nil || !errors.As(err, &device) {
		return nil
	}
	return device
}

// answer computes a segment: where the session's device fails and Failed is there to be told,
// anew by this machine's processors. Segments depend on nothing before them, so that the answers
// are those that they would have given; only where a video is one segment a whole run more comes
// between.
func (t *Task) answer(ctx context.Context, a *answerer, st *segment) error {
	err := t.answerOnce(ctx, a, st)
	why := t.failed(a.session, err)
	if why == nil {
		if errors.As(err, new(*incremental.DeviceError)) {
			return fmt.Errorf("the graphics processor failed: %w", err)
		}
		return err
	}
	t.Failed(why)
	if err := a.session.leave(); err != nil {
		return err
	}
	if st.fresh {
		st.results = nil
	}
	return t.answerOnce(ctx, a, st)
}
