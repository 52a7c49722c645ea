package gpu

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/incremental"
	"krypton/internal/region"
)

// counted counts what is allocated.
type counted struct {
	Device
	allocs int
}

func (d *counted) Alloc(what string, bytes int) (uint64, error) {
	d.allocs++
	return d.Device.Alloc(what, bytes)
}

// answered is what is handed over of a change.
type answered struct {
	outputs [][]float32
	changed [][]incremental.Part
	spent   int64
}

func answer(outputs int, r incremental.Results) (a answered, err error) {
	for o := range outputs {
		f, e := r.Floats(o)
		err = errors.Join(err, e)
		a.outputs = append(a.outputs, append([]float32{}, f...))
		var parts []incremental.Part
		for _, p := range r.Changed(o) {
			parts = append(parts, append(incremental.Part{}, p...))
		}
		a.changed = append(a.changed, parts)
	}
	a.spent = r.MultiplyAdds()
	return a, err
}

// answers runs an Answerer, and checks that it hands over each change once, in order.
func answers(t *testing.T, a *Answerer, outputs int, input []float32, c changes, chunk int) []answered {
	t.Helper()
	var all []answered
	done := 0
	err := a.Update(context.Background(), input, c, incremental.Options{Chunk: chunk, Done: func(n int) { done += n }}, func(i int, r incremental.Results) error {
		if i != len(all) {
			t.Fatalf("change %d after %d", i, len(all))
		}
		one, err := answer(outputs, r)
		all = append(all, one)
		return err
	})
	if err != nil || len(all) != len(c) || done != len(c) {
		t.Fatalf("%d of %d changes, %d done: %v", len(all), len(c), done, err)
	}
	return all
}

// TestAnswerer: changes are answered as a plan of this machine's processors does, to the bit,
// whatever the chunk and the memory, and no memory is taken once the first chunk is there.
func TestAnswerer(t *testing.T) {
	sets := asm.Sets()
	if len(sets) == 1 {
		asm.Missing(t, "avx2")
	}
	for _, seed := range []uint64{0, 3} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := &maker{rng: rand.New(rand.NewPCG(seed, 31))}
			g, program := lowered(t, m.network())
			plan, err := incremental.Compile(g, incremental.CompileOptions{Kernels: sets[0], Direct: true})
			if err != nil {
				t.Fatal(err)
			}
			plane, outputs := plan.InputPlane(), len(plan.Outputs())
			on := newInterpreter(t)
			counting := &counted{Device: on}
			bounded := NewBounded(counting, 1<<40)
			n, err := Load(bounded, program)
			if err != nil {
				t.Fatal(err)
			}
			a := NewAnswerer(n)
			weights := bounded.used
			for round := range 2 { // another input, with other memory
				input := make([]float32, plane.Len())
				for i := range input {
					input[i] = m.rng.Float32()*2 - 1
				}
				var c changes
				for range 5 {
					c = append(c, randomChange(m.rng, plane, 6))
				}
				c[2] = Change{} // nothing changes
				v, err := plan.Materialize(context.Background(), input, 1)
				if err != nil {
					t.Fatal(err)
				}
				want := make([]answered, len(c))
				var lock sync.Mutex
				if err := plan.Update(context.Background(), v, c, incremental.Options{Workers: 1}, func(i int, r incremental.Results) (err error) {
					lock.Lock()
					defer lock.Unlock()
					want[i], err = answer(outputs, r)
					return err
				}); err != nil {
					t.Fatal(err)
				}
				for _, chunk := range []int{0, 2} {
					for k, got := range answers(t, a, outputs, input, c, chunk) {
						for o := range outputs {
							same(t, fmt.Sprintf("round %d, chunk %d, output %d of change %d", round, chunk, o, k), got.outputs[o], want[k].outputs[o])
						}
						if got.spent != want[k].spent || !reflect.DeepEqual(got.changed, want[k].changed) {
							t.Fatalf("change %d: %d multiply-adds and %v, want %d and %v", k, got.spent, got.changed, want[k].spent, want[k].changed)
						}
					}
				}
				before := counting.allocs
				answers(t, a, outputs, input, append(c, c...), 2)
				if counting.allocs != before {
					t.Fatalf("%d pieces of memory were taken for what had been there", counting.allocs-before)
				}
				bounded.most = bounded.used // what there is must do
			}
			if err := a.Close(); err != nil || on.memory.Buffers() != 0 || bounded.used != 0 {
				t.Fatalf("%d buffers and %d bytes are left: %v", on.memory.Buffers(), bounded.used, err)
			}
			if seed > 0 {
				return
			}
			little(t, on, program, weights, plane.Len())
		})
	}
}

// little: with memory for few changes, or for none, the answers are those with more, or an
// error says what is missing.
func little(t *testing.T, d Device, program *incremental.Program, weights int64, numbers int) {
	t.Helper()
	plane := program.Values[program.Input].Plane
	c := changes{}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 4 {
		c = append(c, randomChange(rng, plane, plane.H))
	}
	with := &filledChanges{c, make([]float32, numbers)}
	var want []answered
	refused, answeredBy := 0, 0
	for most := weights * 16; ; most = weights + (most-weights)*3/4 {
		bounded := NewBounded(d, most)
		n, err := Load(bounded, program)
		if err != nil {
			t.Fatal(err)
		}
		a := NewAnswerer(n)
		var got []answered
		err = a.Update(context.Background(), make([]float32, numbers), with, incremental.Options{}, func(_ int, r incremental.Results) error {
			one, err := answer(1, r)
			got = append(got, one)
			return err
		})
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		switch {
		case err == nil:
			if refused > 0 {
				t.Fatalf("%d bytes are enough, and more were not", most)
			}
			if answeredBy++; want == nil {
				want = got
			}
			for k := range want {
				same(t, fmt.Sprintf("change %d with %d bytes", k, most), got[k].outputs[0], want[k].outputs[0])
			}
		case !errors.Is(err, ErrMemory) || !errors.As(err, new(*incremental.DeviceError)) || strings.Contains(err.Error(), "\n"):
			t.Fatalf("with %d bytes: %v", most, err)
		case len(got) > 0:
			t.Fatalf("with %d bytes: %v, after %d changes", most, err, len(got))
		default:
			refused++
		}
		if most <= weights+1 {
			break
		}
	}
	if answeredBy < 2 || refused < 2 {
		t.Fatalf("%d answers and %d refusals", answeredBy, refused)
	}
	for _, most := range []int64{weights - 1, weights / 2, 0} {
		if _, err := Load(NewBounded(d, most), program); !errors.Is(err, ErrMemory) || !strings.Contains(err.Error(), fmt.Sprintf(" and %d KiB are left", most>>10)) {
			t.Fatalf("%d bytes, where weights and views take %d: %v", most, weights, err)
		}
	}
	in := region.Rect{Y: region.Span{Lo: plane.H/2 - 1, Hi: plane.H/2 + 1}, X: region.Span{Lo: plane.W/2 - 1, Hi: plane.W/2 + 1}}
	need, err := Needs(program, incremental.FP32, in)
	if err != nil || need.Weights+need.Views != weights || need.Change <= 0 {
		t.Fatalf("weights and views are said to take %d and %d of %d, and a change %d: %v", need.Weights, need.Views, weights, need.Change, err)
	}
	one := changes{{Rect: in, Pixels: make([]float32, in.Area()*plane.C)}}
	for _, short := range []int64{0, 1} {
		n, err := Load(NewBounded(d, weights+need.Change-short), program)
		if err != nil {
			t.Fatal(err)
		}
		a := NewAnswerer(n)
		err = a.Update(context.Background(), make([]float32, numbers), one, incremental.Options{}, func(int, incremental.Results) error { return nil })
		if errors.Is(err, ErrMemory) != (short > 0) {
			t.Fatalf("%d bytes less than a change is said to take: %v", short, err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAnswererFails: a device that fails is told apart from everything else that can go wrong,
// and the next question begins anew.
func TestAnswererFails(t *testing.T) {
	m := &maker{rng: rand.New(rand.NewPCG(3, 23))}
	_, program := lowered(t, m.network())
	plane := program.Values[program.Input].Plane
	input, c := make([]float32, plane.Len()), changes{randomChange(m.rng, plane, 5), randomChange(m.rng, plane, 5), {Rect: region.Rect{}}}
	d, n := loadFailing(t, program)
	a := NewAnswerer(n)
	want := answers(t, a, 1, input, c, 1)
	failed := 0
	for left := 0; ; left++ {
		input[0]++ // which must run
		d.left = left
		err := a.Update(context.Background(), input, c, incremental.Options{Chunk: 1}, func(int, incremental.Results) error { return nil })
		d.left = 1 << 30
		input[0]--
		if err == nil {
			break
		}
		if failed++; !errors.As(err, new(*incremental.DeviceError)) || !errors.Is(err, errFailed) {
			t.Fatalf("request %d: %v", left, err)
		}
		for k, got := range answers(t, a, 1, input, c, 1) {
			same(t, fmt.Sprintf("change %d after request %d failed", k, left), got.outputs[0], want[k].outputs[0])
		}
		left += left / 3
	}
	if failed < 10 {
		t.Fatalf("%d failures", failed)
	}
	own := errors.New("the reader's own")
	err := a.Update(context.Background(), input, c, incremental.Options{}, func(int, incremental.Results) error { return own })
	if !errors.Is(err, own) || errors.As(err, new(*incremental.DeviceError)) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := a.Update(ctx, input, c, incremental.Options{}, nil); !errors.Is(err, context.Canceled) || errors.As(err, new(*incremental.DeviceError)) {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}
