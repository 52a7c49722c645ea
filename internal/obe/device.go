package obe

import (
	"context"
	"errors"
	"fmt"
	"math"

	"krypton/internal/failure"
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

// MostOff is how far a device's outputs on the clean picture may lie from this machine's in
// float32, as a share: the Euclidean norm of the difference by that of the output. It tells a
// network that does not bear a precision, or a device that is broken, from rounding: of 27
// networks rounding to bfloat16 moved 26 by less than 0.14 and one, of random weights, by 0.35;
// tf32 has eight times finer steps.
var MostOff = map[incremental.Precision]float64{incremental.TF32: 0.1, incremental.BF16: 0.5}

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
	p := t.Device.Precision()
	most, known := MostOff[p]
	if !known {
		return &incremental.DeviceError{Err: fmt.Errorf("nothing is known of its precision %s", p)}
	}
	for k, want := range clean {
		if off := distance(outs[k], want); !(off <= most) {
			return &incremental.DeviceError{Err: failure.Settingf("in %s its outputs on the clean picture are %.2g of their size off those of this machine's processors in float32, and %g is the most: this network does not bear that precision (%v fp32), or the device is broken", p, off, most, failure.Setting("precision"))}
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

// distance is that of two lists of numbers, as a share of the size of the second: infinite where
// one has a number and the other none.
func distance(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	var off, size float64
	for i, v := range b {
		x, y := float64(a[i]), float64(v)
		switch {
		case x == y || x != x && y != y:
		case math.IsNaN(x-y) || math.IsInf(x-y, 0):
			return math.Inf(1)
		default:
			off += (x - y) * (x - y)
		}
		if !math.IsNaN(y) && !math.IsInf(y, 0) {
			size += y * y
		}
	}
	if off == 0 {
		return 0
	}
	return math.Sqrt(off / size)
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
