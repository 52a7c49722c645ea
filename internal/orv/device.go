package orv

import (
	"context"
	"errors"
	"fmt"
	"slices"

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

// Device follows videos elsewhere than on this machine's processors. What it fails at is an
// incremental.DeviceError.
type Device interface {
	// Follow makes what follows a session's video.
	Follow(opt incremental.StreamOptions) (Follower, error)
	// Precision is that of its products. With incremental.FP32 outputs have, without thresholds,
	// the bits of plans whose convolutions are plain sums. With others they have bits of the
	// device's own, exact is what equals its own whole runs, bit for bit, and there is no
	// approximate mode: its thresholds are chosen in float32.
	Precision() incremental.Precision
}

// What says that a device cannot be relied on.
var (
	errBits  = errors.New("its outputs on a frame are not, bit for bit, those of this machine's processors")
	errWhole = errors.New("what an update makes of a changed frame is not, bit for bit, what its own whole run gives")
)

// own says that there is a device that has bits of its own.
func (o *Options) own() bool { return o.Device != nil && o.Device.Precision() != incremental.FP32 }

// trust fails unless the outputs of the device's whole run, which is its first one in this
// session, are those of a run beside it: their bits, or where the device has bits of its own near
// them, and then also an update's those of its own whole run.
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
		switch {
		case err != nil:
			return err
		case s.opt.own():
			if err := incremental.Near(s.opt.Device.Precision(), "a frame", got, want); err != nil {
				return err
			}
		case !incremental.SameBits(got, want):
			return &incremental.DeviceError{Err: errBits}
		}
	}
	if s.opt.own() && !s.streamless() {
		if err := s.recomputes(ctx); err != nil {
			return err
		}
	}
	s.trusted = true
	return nil
}

// recomputes fails unless what the follower's update makes of a change in the middle of the frame
// is what its whole run gives. It leaves the frame run whole.
func (s *Session) recomputes(ctx context.Context) error {
	in := s.follower.Input()
	frame := slices.Clone(in)
	negative := make([]byte, len(s.used))
	for i, v := range s.used {
		negative[i] = 255 - v
	}
	s.convert.Convert(in, negative, s.h*s.w)
	middle := region.Rect{Y: region.Span{Lo: s.h * 3 / 8, Hi: s.h*3/8 + (s.h+3)/4}, X: region.Span{Lo: s.w * 3 / 8, Hi: s.w*3/8 + (s.w+3)/4}}
	for y := range s.h {
		row := frame[y*s.w*s.c:][:s.w*s.c]
		if y < middle.Y.Lo || y >= middle.Y.Hi {
			copy(in[y*s.w*s.c:], row)
			continue
		}
		copy(in[y*s.w*s.c:], row[:middle.X.Lo*s.c])
		copy(in[(y*s.w+middle.X.Hi)*s.c:], row[middle.X.Hi*s.c:])
	}
	mask := region.NewMask(s.h, s.w)
	mask.Add(middle)
	if _, err := s.follower.Update(ctx, mask); err != nil {
		return err
	}
	var updated [][]float32
	for i := range s.plan.Outputs() {
		out, _ := s.follower.Output(i).Floats() // nil for whole numbers
		updated = append(updated, slices.Clone(out))
	}
	if err := s.follower.Whole(ctx); err != nil {
		return err
	}
	for i, got := range updated {
		if want, _ := s.follower.Output(i).Floats(); !incremental.SameBits(got, want) {
			return &incremental.DeviceError{Err: errWhole}
		}
	}
	copy(in, frame)
	return s.follower.Whole(ctx)
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
// other errors, and where nobody is to take over, as never from one that has bits of its own.
func (t *Task) failed(s *Session, err error) error {
	var device *incremental.DeviceError
	if t.Failed == nil || s.opt.Device == nil || s.opt.own() || !errors.As(err, &device) {
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
