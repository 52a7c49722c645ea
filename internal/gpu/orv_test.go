package gpu

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/imagein"
	"krypton/internal/incremental"
	"krypton/internal/orv"
	"krypton/internal/prediction"
	"krypton/internal/region"
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

// brief is what there is to say of a frame.
type brief struct {
	step   orv.Step
	answer orv.Answer
	agrees bool // where it was verified
}

// recognized makes a film for a plan, some of whose frames are the last one again, and gives what
// answers its frames.
func recognized(t *testing.T, m *maker, plan *incremental.Plan, scores prediction.Activation) func(opt orv.Options, device orv.Device, failed func(error)) ([]brief, error) {
	side := plan.InputPlane().W
	size := image.Pt(side, side)
	frame := make([]byte, 3*side*side)
	for i := range frame {
		frame[i] = byte(m.rng.IntN(256))
	}
	var frames [][]byte
	for i := range 9 {
		frames = append(frames, append([]byte{}, frame...))
		for range i % 4 * 3 {
			frame[m.rng.IntN(len(frame))] += byte(20 + m.rng.IntN(90))
		}
	}
	pre, err := imagein.Preset("unit")
	if err != nil {
		t.Fatal(err)
	}
	return func(opt orv.Options, device orv.Device, failed func(error)) (all []brief, err error) {
		opt.Workers, opt.Device, opt.WholeFrom = 1, device, 2 // a few pixels reach most of so small a plane
		task := &orv.Task{Segment: 4, VerifyEvery: 5, Guard: 0.01, Failed: failed, Geometry: imagein.Geometry{Picture: size, Scaled: size, Kept: image.Rectangle{Max: size}, Plane: size},
			NewInterpreter: func() orv.Interpreter {
				return &orv.Classifier{Reading: prediction.Reading{Activation: scores}, Top: 5}
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
	answers := recognized(t, m, plan, prediction.Softmax)
	device := &following{n: n}
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
	wrong := &following{n, func(s *Stream) orv.Follower { return &distorted{s} }}
	if _, err := answers(orv.Options{Mode: orv.Exact}, wrong, nil); !errors.As(err, new(*incremental.DeviceError)) {
		t.Errorf("a device of other bits: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

// following is a network as a device, whose streams with, if set, makes something else of.
type following struct {
	n    *Network
	with func(*Stream) orv.Follower
}

func (f *following) Precision() incremental.Precision { return f.n.Precision() }

func (f *following) Follow(opt incremental.StreamOptions) (orv.Follower, error) {
	s, err := NewStream(f.n, opt)
	if err != nil || f.with == nil {
		return s, err
	}
	return f.with(s), nil
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

// TestVideoPrecision: with tensor cores a video's answers in exact mode are those of the device's
// own whole runs, and verified by these. A device whose updates are not its whole runs, or that is
// far off, is not used, nobody takes over, and there are no approximate answers.
func TestVideoPrecision(t *testing.T) {
	m := &maker{rng: rand.New(rand.NewPCG(1, 28))}
	g, program := lowered(t, m.blocks(8, 9, 4, 3))
	plan, err := incremental.Compile(g, incremental.CompileOptions{Direct: true, Dynamic: true})
	if err != nil {
		t.Fatal(err)
	}
	answers := recognized(t, m, plan, prediction.None)
	float32s, err := answers(orv.Options{Mode: orv.Exact}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := LoadAs(newInterpreter(t), program, incremental.TF32)
	if err != nil {
		t.Fatal(err)
	}
	nobody := func(err error) { t.Error(err) }
	exact, err := answers(orv.Options{Mode: orv.Exact}, &following{n: n}, nobody)
	if err != nil {
		t.Fatal(err)
	}
	naive, err := answers(orv.Options{Mode: orv.Naive}, &following{n: n}, nobody)
	if err != nil {
		t.Fatal(err)
	}
	updated, moved := 0, 0
	for i := range exact {
		if !reflect.DeepEqual(exact[i].answer, naive[i].answer) || !exact[i].agrees || !naive[i].agrees {
			t.Errorf("frame %d: %+v, whole runs %+v", i, exact[i], naive[i])
		}
		if exact[i].step.How == orv.Update {
			updated++
		}
		if !reflect.DeepEqual(exact[i].answer, float32s[i].answer) {
			moved++
		}
	}
	if updated < 2 || moved < 2 {
		t.Errorf("%d frames are updates, and %d have other scores than float32's", updated, moved)
	}
	for what, with := range map[string]func(*Stream) orv.Follower{
		"off those of this machine":    func(s *Stream) orv.Follower { return &distorted{s} },
		"what its own whole run gives": func(s *Stream) orv.Follower { return unmoved{s} },
	} {
		if _, err := answers(orv.Options{Mode: orv.Exact}, &following{n, with}, nobody); !errors.As(err, new(*incremental.DeviceError)) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Whole runs alone have no updates that could be wrong.
	if _, err := answers(orv.Options{Mode: orv.Naive}, &following{n, func(s *Stream) orv.Follower { return unmoved{s} }}, nobody); err != nil {
		t.Error(err)
	}
	if _, err := answers(orv.Options{Mode: orv.Approximate}, &following{n: n}, nobody); err == nil {
		t.Error("approximate answers")
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

// unmoved is a stream that passes over changes.
type unmoved struct{ *Stream }

func (unmoved) Update(context.Context, *region.Mask) (int64, error) { return 0, nil }
