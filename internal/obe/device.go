package obe

import (
	"context"
	"errors"
	"fmt"

	"krypton/internal/incremental"
	"krypton/internal/region"
	"krypton/internal/target"
)

// Device answers changes of inputs elsewhere than on this machine's processors.
type Device interface {
	// Update answers changes of a clean input, as incremental.Plan.Update does, and may call
	// emit from one goroutine. What the device fails at is an incremental.DeviceError.
	Update(ctx context.Context, base []float32, changes incremental.Changes, opt incremental.Options, emit func(i int, r incremental.Results) error) error
	// Precision is that of its products. With incremental.FP32 results have the bits of plans
	// whose convolutions are plain sums. With others they have bits of the device's own, and
	// what is exact is what equals its own whole runs, bit for bit.
	Precision() incremental.Precision
}

// What says that a device cannot be relied on.
var (
	errBits  = errors.New("its outputs on the clean picture are not, bit for bit, those of this machine's processors")
	errWhole = errors.New("what it recomputes behind a patch is not, bit for bit, what its own whole run gives")
)

// own says that the task's device has bits of its own.
func (t *Task) own() bool { return t.Device != nil && t.Device.Precision() != incremental.FP32 }

// nothing is a change of nothing.
type nothing struct{}

func (nothing) Len() int             { return 1 }
func (nothing) Rect(int) region.Rect { return region.Rect{} }
func (nothing) Write(int, []float32) {}

// device puts the task's device to the clean picture, whose outputs on this machine's processors
// are given: it must have their bits, or be near them where it has bits of its own. It answers no
// map that gives something up. It gives the clean outputs that the map starts from.
func (t *Task) device(ctx context.Context, clean [][]float32) ([][]float32, error) {
	if t.Device == nil || t.Mode == Approximate {
		t.Device = nil
		return clean, nil
	}
	var outs [][]float32
	err := t.Device.Update(ctx, t.Base, nothing{}, incremental.Options{}, func(_ int, r incremental.Results) (err error) {
		outs, err = target.Keep(t.Target, r)
		return err
	})
	if t.own() {
		if err == nil {
			err = t.trust(ctx, outs, clean)
		}
		return outs, t.unless(err)
	}
	for k, want := range clean {
		if err == nil && !incremental.SameBits(outs[k], want) {
			err = &incremental.DeviceError{Err: errBits}
		}
	}
	return clean, t.unless(err)
}

// trust fails unless the outputs of a device that has bits of its own are near this machine's
// on the clean picture, and what it recomputes in the middle of the grid is what its whole run
// gives.
func (t *Task) trust(ctx context.Context, outs, clean [][]float32) error {
	for k, want := range clean {
		if err := incremental.Near(t.Device.Precision(), "the clean picture", outs[k], want); err != nil {
			return err
		}
	}
	c := newChanges(t, false)
	middle := -1
	for i := range t.Grid.Len() {
		if !c.free(i) && (middle < 0 || 2*i <= t.Grid.Len()) {
			middle = i
		}
	}
	if middle < 0 {
		return nil // nothing is recomputed
	}
	behind, _, err := t.rerun(ctx, nil, []int{middle}, false, t.onDevice)
	if err != nil {
		return err
	}
	whole, _, err := t.rerun(ctx, nil, []int{middle}, true, t.onDevice)
	if err != nil {
		return err
	}
	for k, want := range whole[0] {
		if !incremental.SameBits(behind[0][k], want) {
			return &incremental.DeviceError{Err: errWhole}
		}
	}
	return nil
}

// unless gives an error, but lets go of a device that has failed where the plan may take over:
// never of one that has bits of its own.
func (t *Task) unless(err error) error {
	if !errors.As(err, new(*incremental.DeviceError)) {
		return err
	}
	own := t.own()
	if t.Device = nil; own || t.Failed == nil {
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
		if err := t.unless(t.onDevice(ctx, p, v, c, opt, emit)); err != nil || t.Device != nil {
			return err
		}
	}
	return p.Update(ctx, v, c, opt, emit)
}

// onDevice has the device answer changes, and gives its errors as they are.
func (t *Task) onDevice(ctx context.Context, _ *incremental.Plan, _ *incremental.Views, c incremental.Changes, opt incremental.Options, emit func(i int, r incremental.Results) error) error {
	return t.Device.Update(ctx, t.Base, c, opt, emit)
}

// whole is how whole runs are made that a map is compared with: by the plan, or where the device
// has bits of its own by that.
func (t *Task) whole() answerer {
	if t.own() {
		return t.answer
	}
	return plainly
}

// answerer is answer, or plainly, which is without a device.
type answerer func(ctx context.Context, p *incremental.Plan, v *incremental.Views, c incremental.Changes, opt incremental.Options, emit func(i int, r incremental.Results) error) error

func plainly(ctx context.Context, p *incremental.Plan, v *incremental.Views, c incremental.Changes, opt incremental.Options, emit func(i int, r incremental.Results) error) error {
	return p.Update(ctx, v, c, opt, emit)
}
