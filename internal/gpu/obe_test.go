package gpu

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"krypton/internal/engine/asm"
	"krypton/internal/incremental"
	"krypton/internal/obe"
	"krypton/internal/region"
)

// TestMap: a device's map is that of this machine's processors, naive and exact, and so is one
// that they finish when the device fails in the middle.
func TestMap(t *testing.T) {
	sets := asm.Sets()
	if len(sets) == 1 {
		asm.Missing(t, "avx2")
	}
	m := &maker{rng: rand.New(rand.NewPCG(3, 23))}
	g, program := lowered(t, m.network())
	plan, err := incremental.Compile(g, incremental.CompileOptions{Kernels: sets[0], Direct: true})
	if err != nil {
		t.Fatal(err)
	}
	d, n := loadFailing(t, program)
	device := NewAnswerer(n)
	plane := plan.InputPlane()
	grid, err := obe.NewGrid(plane.H, plane.W, [2]int{3, 3}, [2]int{3, 3}, obe.Cover, region.Rect{})
	if err != nil {
		t.Fatal(err)
	}
	task := obe.Task{Plan: plan, Grid: grid, Base: make([]float32, plane.Len()), Fill: make([]float32, plane.Len()), Workers: 1, Chunk: 3, Verify: 2}
	for i := range task.Base {
		if task.Base[i] = m.rng.Float32(); i < plane.Len()/3 {
			task.Fill[i] = task.Base[i] // some patches change nothing
		}
	}
	explain := func(mode obe.Mode, with obe.Device, failed func(error)) (*obe.Result, error) {
		task := task
		task.Mode, task.Device, task.Failed = mode, with, failed
		r, err := obe.Explain(context.Background(), task)
		if err == nil {
			r.Views, r.Map = 0, 0
			r.Bound = nil
		}
		return r, err
	}
	for _, mode := range []obe.Mode{obe.Exact, obe.Naive} {
		want, err := explain(mode, nil, nil)
		if err != nil || want.OnDevice {
			t.Fatal(err)
		}
		got, err := explain(mode, device, func(err error) { t.Error(err) })
		if err != nil || !got.OnDevice {
			t.Fatal(err)
		}
		got.OnDevice = false
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", mode, got, want)
		}
		if mode != obe.Exact {
			continue
		}
		failures, middle := 0, false
		for left := 0; ; left += 1 + left/4 {
			d.left = left
			said := 0
			got, err := explain(mode, device, func(err error) {
				if said++; !errors.Is(err, errFailed) {
					t.Error(err)
				}
			})
			if err != nil || said > 1 || got.OnDevice != (said == 0) {
				t.Fatalf("request %d: told %d times, %v", left, said, err)
			}
			if got.OnDevice = false; !reflect.DeepEqual(got, want) {
				t.Fatalf("request %d: %+v, want %+v", left, got, want)
			}
			if said == 0 {
				break
			}
			failures++
			d.left = left
			if _, err := explain(mode, device, nil); !errors.Is(err, errFailed) {
				t.Fatalf("request %d: %v", left, err)
			}
			middle = middle || left > 60
		}
		d.left = 1 << 30
		if failures < 8 || !middle {
			t.Errorf("%d failures", failures)
		}
	}
	// What a map is said to save is by the device's own whole runs.
	task.Compare = 1
	timed, err := explain(obe.Exact, slow{device}, nil)
	if c := timed.Compared; err != nil || c == nil || c.Positions != 1 || c.Whole < slowness || c.Different != 0 {
		t.Errorf("compared with %+v, %v", c, err)
	}
	task.Compare = 0
	// Plans of other bits are noticed, before anything is answered.
	other := make([]float32, plane.Len())
	task.Base, task.Device = other, wrong{device}
	if _, err := obe.Explain(context.Background(), task); err == nil || !errors.As(err, new(*incremental.DeviceError)) {
		t.Error(err)
	}
	if err := device.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestMapPrecision: with tensor cores a map's scores are those of the device's own whole runs, its
// clean ones among them. A device whose updates are not its whole runs, or that is far off, is not
// used, and no plan takes over.
func TestMapPrecision(t *testing.T) {
	m := &maker{rng: rand.New(rand.NewPCG(1, 28))}
	g, program := lowered(t, m.wide())
	plan, err := incremental.Compile(g, incremental.CompileOptions{Direct: true})
	if err != nil {
		t.Fatal(err)
	}
	plane := plan.InputPlane()
	grid, err := obe.NewGrid(plane.H, plane.W, [2]int{3, 3}, [2]int{3, 3}, obe.Cover, region.Rect{})
	if err != nil {
		t.Fatal(err)
	}
	task := obe.Task{Plan: plan, Grid: grid, Base: make([]float32, plane.Len()), Fill: make([]float32, plane.Len()), Workers: 1, Failed: func(err error) { t.Error(err) }}
	for i := range task.Base {
		task.Base[i] = m.rng.Float32()*2 - 1
	}
	float32s, err := obe.Explain(context.Background(), task)
	if err != nil {
		t.Fatal(err)
	}
	for _, precision := range []incremental.Precision{incremental.TF32, incremental.BF16} {
		n, err := LoadAs(newInterpreter(t), program, precision)
		if err != nil {
			t.Fatal(err)
		}
		device := NewAnswerer(n)
		explain := func(mode obe.Mode, with obe.Device) (*obe.Result, error) {
			task := task
			task.Mode, task.Device, task.Verify = mode, with, 1
			return obe.Explain(context.Background(), task)
		}
		exact, err := explain(obe.Exact, device)
		if err != nil {
			t.Fatal(err)
		}
		naive, err := explain(obe.Naive, device)
		if err != nil {
			t.Fatal(err)
		}
		if !exact.OnDevice || !reflect.DeepEqual(exact.Scores, naive.Scores) || !reflect.DeepEqual(exact.Base, naive.Base) || exact.Verified != 1 {
			t.Errorf("%s: %v of %v, whole runs %v of %v", precision, exact.Scores, exact.Base, naive.Scores, naive.Base)
		}
		if err := n.Run(task.Base); err != nil {
			t.Fatal(err)
		}
		own, err := n.Output(Clean, 0)
		if err != nil {
			t.Fatal(err)
		}
		if c := exact.Winner; own[c] != exact.Base[0] || exact.Base[0] == float32s.Base[0] {
			t.Errorf("%s: the clean score is %g, of a whole run %g, in float32 %g", precision, exact.Base[0], own[c], float32s.Base[0])
		}
		device.base = nil // another has run
		for what, broken := range map[string]obe.Device{"off those of this machine": wrong{device}, "what its own whole run gives": forgetful{device}} {
			if _, err := explain(obe.Exact, broken); !errors.As(err, new(*incremental.DeviceError)) || !strings.Contains(err.Error(), what) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := explain(obe.Approximate, device); !errors.Is(err, obe.ErrTask) {
			t.Error(err)
		}
		if err := device.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// slow is a device that takes its time for each whole run.
type slow struct{ obe.Device }

const slowness = 200 * time.Millisecond

func (s slow) Update(ctx context.Context, base []float32, c incremental.Changes, opt incremental.Options, emit func(i int, r incremental.Results) error) error {
	if c.Len() > 0 && c.Rect(0).Y.Len() > 6 {
		time.Sleep(time.Duration(c.Len()) * slowness)
	}
	return s.Device.Update(ctx, base, c, opt, emit)
}

// forgetful is a device that takes patches for nothing.
type forgetful struct{ obe.Device }

func (f forgetful) Update(ctx context.Context, base []float32, c incremental.Changes, opt incremental.Options, emit func(i int, r incremental.Results) error) error {
	if c.Len() > 0 && c.Rect(0).Y.Len() < 6 { // no whole run
		c = unchanged(c.Len())
	}
	return f.Device.Update(ctx, base, c, opt, emit)
}

// unchanged are so many changes of nothing.
type unchanged int

func (n unchanged) Len() int           { return int(n) }
func (unchanged) Rect(int) region.Rect { return region.Rect{} }
func (unchanged) Write(int, []float32) {}

// wrong is a device that computes something else.
type wrong struct{ obe.Device }

func (w wrong) Update(ctx context.Context, base []float32, c incremental.Changes, opt incremental.Options, emit func(i int, r incremental.Results) error) error {
	other := make([]float32, len(base))
	for i := range other {
		other[i] = base[i] + 9
	}
	return w.Device.Update(ctx, other, c, opt, emit)
}
