package gpu

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/imagein"
	"krypton/internal/incremental"
	"krypton/internal/orv"
	"krypton/internal/prediction"
	"krypton/internal/video"
)

// film is a source of frames in memory.
type film struct {
	frames [][]byte
	next   int
}

func (f *film) Info() video.Info     { return video.Info{} }
func (f *film) Close() error         { return nil }
func (f *film) Release(*video.Frame) {}
func (f *film) Next(context.Context) (*video.Frame, error) {
	if f.next == len(f.frames) {
		return nil, io.EOF
	}
	f.next++
	return &video.Frame{Index: f.next - 1, Pixels: f.frames[f.next-1]}, nil
}

// TestVideo: the answers to a video's frames on a device are those of this machine's processors,
// and so are those that they give when the device fails in the middle.
func TestVideo(t *testing.T) {
	sets := asm.Sets()
	if len(sets) == 1 {
		asm.Missing(t, "avx2")
	}
	m := &maker{rng: rand.New(rand.NewPCG(1, 28))}
	g, program := lowered(t, m.blocks(4, 6, 6, 3))
	// Dynamic plans, as programs, have each step by itself, between which thresholds count.
	plan, err := incremental.Compile(g, incremental.CompileOptions{Kernels: sets[0], Direct: true, Dynamic: true})
	if err != nil {
		t.Fatal(err)
	}
	d, n := loadFailing(t, program)
	side := plan.InputPlane().W
	size := image.Pt(side, side)
	frame := make([]byte, 3*side*side)
	for i := range frame {
		frame[i] = byte(m.rng.IntN(256))
	}
	var frames [][]byte
	for i := range 9 {
		frames = append(frames, append([]byte{}, frame...))
		for range i % 4 * 3 { // some are the last one again
			frame[m.rng.IntN(len(frame))] += byte(20 + m.rng.IntN(90))
		}
	}
	pre, err := imagein.Preset("unit")
	if err != nil {
		t.Fatal(err)
	}
	type brief struct {
		step   orv.Step
		answer orv.Answer
		agrees bool
	}
	answers := func(opt orv.Options, device orv.Device, failed func(error)) (all []brief, err error) {
		opt.Workers, opt.Device, opt.WholeFrom = 1, device, 2 // a few pixels reach most of so small a plane
		task := &orv.Task{Segment: 4, VerifyEvery: 5, Guard: 0.01, Failed: failed, Geometry: imagein.Geometry{Picture: size, Scaled: size, Kept: image.Rectangle{Max: size}, Plane: size},
			NewInterpreter: func() orv.Interpreter {
				return &orv.Classifier{Reading: prediction.Reading{Activation: prediction.Softmax}, Top: 5}
			}}
		if task.Sessions, err = orv.NewSessions(plan, pre.Normalizer(3), opt, 2); err != nil {
			return nil, err
		}
		_, err = orv.Run(context.Background(), task, &film{frames: frames}, func(r *orv.Result) error {
			b := brief{step: r.Step, answer: *r.Answer, agrees: r.Verified == nil || opt.Mode == orv.Approximate || r.Verified.Agrees && r.Verified.Largest == 0}
			b.step.Difference, b.step.Network = 0, 0
			all = append(all, b)
			return nil
		})
		return all, err
	}
	device := func(opt incremental.StreamOptions) (orv.Follower, error) { return NewStream(n, opt) }
	for _, opt := range []orv.Options{{Mode: orv.Exact}, {Mode: orv.Exact, WholeOnly: true}, {Mode: orv.Naive}, {Mode: orv.Approximate, Tolerance: 30, Epsilon: 0.2}} {
		t.Run(fmt.Sprint(opt.Mode, opt.WholeOnly), func(t *testing.T) {
			d.left = 1 << 30
			want, err := answers(opt, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := answers(opt, device, func(err error) { t.Error(err) })
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%+v, want %+v (%v)", got, want, err)
			}
			if d.left > 1<<30-20 {
				t.Errorf("%d requests", 1<<30-d.left)
			}
			how := map[orv.How]int{}
			for _, b := range want {
				how[b.step.How]++
				if !b.agrees {
					t.Error("a verified frame does not agree")
				}
			}
			if opt.Mode != orv.Naive && !opt.WholeOnly && (how[orv.Update] == 0 || how[orv.Skip] == 0) {
				t.Errorf("%v", how)
			}
			for left := 3; ; left += 5 + 2*left {
				if how[orv.Update] == 0 && left > 20 {
					break // what is run whole fails in one way
				}
				d.left = left
				said := 0
				got, err := answers(opt, device, func(err error) {
					if said++; !errors.Is(err, errFailed) {
						t.Error(err)
					}
				})
				if err != nil || said > 1 || !reflect.DeepEqual(got, want) {
					t.Fatalf("request %d: told %d times, %v: %+v, want %+v", left, said, err, got, want)
				}
				if said == 0 {
					break
				}
				d.left = left
				if _, err := answers(opt, device, nil); !errors.As(err, new(*incremental.DeviceError)) {
					t.Fatalf("request %d: %v", left, err)
				}
			}
		})
	}
	d.left = 1 << 30
	wrong := func(opt incremental.StreamOptions) (orv.Follower, error) {
		s, err := NewStream(n, opt)
		return &distorted{s}, err
	}
	if _, err := answers(orv.Options{Mode: orv.Exact}, wrong, nil); !errors.As(err, new(*incremental.DeviceError)) {
		t.Errorf("a device of other bits: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

// distorted is a stream that computes something else.
type distorted struct{ *Stream }

func (d *distorted) Whole(ctx context.Context) error {
	kept := append([]float32{}, d.input...)
	for i := range d.input {
		d.input[i]++
	}
	defer copy(d.input, kept)
	return d.Stream.Whole(ctx)
}
