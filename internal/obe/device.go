package obe

import (
	"context"
	"errors"
	"fmt"
	"math"

	"krypton/internal/incremental"
	"krypton/internal/region"
	"krypton/internal/target"
)

// Device answers changes of inputs elsewhere than on this machine's processors. Its results
// have the bits of plans whose convolutions are plain sums.
type Device interface {
	// Update answers changes of a clean input, as incremental.Plan.Update does, and may call
	// emit from one goroutine. What the device fails at is an incremental.DeviceError.
	Update(ctx context.Context, base []float32, changes incremental.Changes, opt incremental.Options, emit func(i int, r incremental.Results) error) error
}

// errBits says that a device cannot be relied on.
var errBits = errors.New("its outputs on the clean picture are not, bit for bit, those of this machine's processors")

// nothing is a change of nothing.
type nothing struct{}

func (nothing) Len() int             { return 1 }
func (nothing) Rect(int) region.Rect { return region.Rect{} }
func (nothing) Write(int, []float32) {}

// device puts the task's device to the clean picture, whose outputs are given: it must have
// their bits. It answers no map that gives something up.
func (t *Task) device(ctx context.Context, clean [][]float32) error {
	if t.Device == nil || t.Mode == Approximate {
		t.Device = nil
		return nil
	}
	err := t.Device.Update(ctx, t.Base, nothing{}, incremental.Options{}, func(_ int, r incremental.Results) error {
		outs, err := target.Keep(t.Target, r)
		if err != nil {
			return err
		}
		for k, want := range clean {
			if !sameBits(outs[k], want) {
				return &incremental.DeviceError{Err: errBits}
			}
		}
		return nil
	})
	return t.unless(err)
}

// sameBits compares numbers; NaN alone may have any bits.
func sameBits(a, b []float32) bool {
	if len(a) != len(b) {
		return false
	}
	for i, v := range a {
		if math.Float32bits(v) != math.Float32bits(b[i]) && (v == v || b[i] == b[i]) {
			return false
		}
	}
	return true
}

// unless gives an error, but lets go of a device that has failed where the plan may take over.
func (t *Task) unless(err error) error {
	if !errors.As(err, new(*incremental.DeviceError)) {
		return err
	}
	if t.Device = nil; t.Failed == nil {
		return fmt.Errorf("the graphics processor failed: %w", err)
	}
	t.Failed(err)
	return nil
}

// answer answers changes by the task's device, or by a plan and its views. Where the device
// fails the plan answers all of them, those again that were handed over before: with the
// same bits.
func (t *Task) answer(ctx context.Context, p *incremental.Plan, v *incremental.Views, c incremental.Changes, opt incremental.Options, emit func(i int, r incremental.Results) error) error {
	if t.Device != nil {
		if err := t.unless(t.Device.Update(ctx, t.Base, c, opt, emit)); err != nil || t.Device != nil {
			return err
		}
	}
	return p.Update(ctx, v, c, opt, emit)
}

// answerer is answer, or plainly, which is without a device.
type answerer func(ctx context.Context, p *incremental.Plan, v *incremental.Views, c incremental.Changes, opt incremental.Options, emit func(i int, r incremental.Results) error) error

func plainly(ctx context.Context, p *incremental.Plan, v *incremental.Views, c incremental.Changes, opt incremental.Options, emit func(i int, r incremental.Results) error) error {
	return p.Update(ctx, v, c, opt, emit)
}
