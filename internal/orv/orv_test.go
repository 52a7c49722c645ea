package orv

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"krypton/internal/detect"
	"krypton/internal/imagein"
	"krypton/internal/incremental"
	"krypton/internal/onnxload"
	w "krypton/internal/onnxwrite"
	"krypton/internal/prediction"
	"krypton/internal/tensor"
	"krypton/internal/video"
	"krypton/models"
	"krypton/models/scenes"
)

// film is a source of frames in memory.
type film struct {
	frames [][]byte
	next   int
	open   int // frames that are not released
	end    error
}

func (f *film) Info() video.Info { return video.Info{} }
func (f *film) Close() error     { return nil }
func (f *film) Release(*video.Frame) {
	f.open--
}
func (f *film) Next(ctx context.Context) (*video.Frame, error) {
	if f.next == len(f.frames) {
		if f.end != nil {
			return nil, f.end
		}
		return nil, io.EOF
	}
	f.open++
	i := f.next
	f.next++
	return &video.Frame{Index: i, Time: time.Duration(i) * 40 * time.Millisecond, Pixels: f.frames[i]}, nil
}

// shapes is the built-in network, and frames of a clip for it: with noise where
// noise is not 0, and some frames twice.
func shapes(t testing.TB, frames int, noise int) (*incremental.Plan, [][]byte) {
	t.Helper()
	g, err := onnxload.LoadBytes(models.Default().Model, "shapes", "", onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := incremental.Compile(g, incremental.CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p, clip(128, frames, noise)
}

// clip is the frames of a clip of side x side pixels.
func clip(side, frames, noise int) [][]byte {
	rng := rand.New(rand.NewPCG(5, 6))
	c := scenes.NewClip(1, side, side, float64(side), 12)
	var list [][]byte
	for i := range frames {
		if i%7 == 3 {
			list = append(list, list[i-1])
			continue
		}
		img, _, _ := c.Frame(i)
		var f []byte
		for k := 0; k < len(img.Pix); k += 4 {
			for _, v := range img.Pix[k : k+3] {
				if noise > 0 && rng.IntN(4) == 0 {
					v = uint8(min(255, max(0, int(v)+rng.IntN(2*noise+1)-noise)))
				}
				f = append(f, v)
			}
		}
		list = append(list, f)
	}
	return list
}

func unit(t testing.TB) *imagein.Normalizer {
	t.Helper()
	pre, err := imagein.Preset("unit")
	if err != nil {
		t.Fatal(err)
	}
	return pre.Normalizer(3)
}

func classifier() Interpreter {
	return &Classifier{Reading: prediction.Reading{Activation: prediction.Softmax}, Top: 3}
}

// task makes a task of n sessions.
func task(t testing.TB, p *incremental.Plan, n int, opt Options) *Task {
	t.Helper()
	side := image.Pt(p.InputPlane().W, p.InputPlane().H)
	k := &Task{NewInterpreter: classifier, Geometry: imagein.Geometry{Picture: side, Scaled: side, Kept: image.Rectangle{Max: side}, Plane: side}}
	for range n {
		opt.Workers = 1
		s, err := NewSession(p, unit(t), opt)
		if err != nil {
			t.Fatal(err)
		}
		k.Sessions = append(k.Sessions, s)
	}
	return k
}

// brief is what a result comes to, without times.
type brief struct {
	Frame    int
	Classes  []int
	Scores   []float32
	How      How
	Share    float64
	Changed  float64
	Guarded  bool
	KeyFrame bool
	Verified Agreement
	Level    int
}

func results(t testing.TB, k *Task, f *film) []brief {
	t.Helper()
	var list []brief
	sum, err := Run(context.Background(), k, f, func(r *Result) error {
		b := brief{r.Frame, r.Answer.Classes, r.Answer.all, r.Step.How, r.Step.Share, r.Step.Changed, r.Guarded, r.KeyFrame, Agreement{}, r.Level}
		if r.Verified != nil {
			b.Verified = *r.Verified
		}
		list = append(list, b)
		return nil
	})
	if !errors.Is(err, f.end) {
		t.Fatal(err)
	}
	if sum.Frames != len(list) || sum.Skipped+sum.Updated+sum.Whole != sum.Frames {
		t.Errorf("%+v", sum)
	}
	return list
}

// TestExactEqualsNaive: exact answers are those of whole runs, bit for bit, for
// any length of segments, number of sessions and shape.
func TestExactEqualsNaive(t *testing.T) {
	for _, noise := range []int{0, 3} {
		p, frames := shapes(t, 50, noise)
		exactEqualsNaive(t, p, frames, noise, []int{0, 1, 7, 64}, 20)
	}
}

// TestSmallNetwork: so are those of a small network, which an emulator takes seconds for, and
// approximate ones do not depend on sessions.
func TestSmallNetwork(t *testing.T) {
	const side = 40
	p := smallNetwork(t, side)
	for _, noise := range []int{0, 3} {
		frames := clip(side, 24, noise)
		exactEqualsNaive(t, p, frames, noise, []int{0, 7}, 9)
		want := results(t, approximate(t, p, 1, .5), &film{frames: frames})
		if got := results(t, approximate(t, p, 3, .5), &film{frames: frames}); !reflect.DeepEqual(got, want) {
			t.Errorf("noise %d: three sessions give other answers", noise)
		}
	}
}

// smallNetwork is four convolutions, one of them depthwise and one of Winograd's, a pool, a
// residual sum, a mean and a classifier, with random weights.
func smallNetwork(t testing.TB, side int64) *incremental.Plan {
	t.Helper()
	rng := rand.New(rand.NewPCG(9, 10))
	weights := func(name string, dims ...int64) w.Tensor {
		n, fan := int64(1), 1.0
		for i, d := range dims {
			if n *= d; i > 0 {
				fan *= float64(d)
			}
		}
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(rng.NormFloat64() / math.Sqrt(fan))
		}
		return w.Raw(name, dims, v)
	}
	nodes := w.Lines("c = Conv x w1", "r = Relu c", "p = MaxPool r", "d = Conv p w2", "g = Sigmoid d", "e = Conv g w3", "s = Add e p", "q = Relu s", "h = Conv q w4", "m = GlobalAveragePool h", "f = Flatten m", "y = Gemm f w5")
	same := w.Ints("pads", 1, 1, 1, 1)
	nodes[0] = nodes[0].With(same, w.Ints("strides", 2, 2))
	nodes[2] = nodes[2].With(w.Ints("kernel_shape", 2, 2), w.Ints("strides", 2, 2))
	nodes[3] = nodes[3].With(same, w.Int("group", 16))
	nodes[5] = nodes[5].With(same)
	m := &w.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: w.Graph{
		Inputs: []w.ValueInfo{w.Floats32("x", 1, 3, side, side)}, Outputs: []w.ValueInfo{w.Floats32("y", 1, 12)},
		Initializers: []w.Tensor{weights("w1", 16, 3, 3, 3), weights("w2", 16, 1, 3, 3), weights("w3", 16, 16, 3, 3), weights("w4", 32, 16, 1, 1), weights("w5", 32, 12)},
		Nodes:        nodes,
	}}
	g, err := onnxload.LoadBytes(m.Marshal(), "small", "", onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := incremental.Compile(g, incremental.CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// exactEqualsNaive compares exact answers with whole runs': for each length of segments, and
// at least so many frames have to be updates.
func exactEqualsNaive(t *testing.T, p *incremental.Plan, frames [][]byte, noise int, segments []int, least int) {
	t.Helper()
	repeated := (len(frames) + 3) / 7 // see clip
	want := results(t, task(t, p, 1, Options{Mode: Naive}), &film{frames: frames})
	for _, o := range []Options{{Mode: Exact}, {Mode: Exact, Shape: incremental.Box}, {Mode: Exact, Shape: incremental.Tiles}, {Mode: Exact, WholeOnly: true}, {Mode: Exact, WholeFrom: 10}} {
		for _, segment := range segments {
			k := task(t, p, 1+segment%3, o)
			k.Segment, k.VerifyEvery = segment, 5
			got := results(t, k, &film{frames: frames})
			if len(got) != len(want) {
				t.Fatalf("%d frames, want %d", len(got), len(want))
			}
			skipped, updated := 0, 0
			for i := range want {
				for c, v := range want[i].Scores {
					if math.Float32bits(v) != math.Float32bits(got[i].Scores[c]) {
						t.Fatalf("noise %d, %+v, segments of %d: frame %d: class %d has %g, a whole run gives %g", noise, o, segment, i, c, got[i].Scores[c], v)
					}
				}
				switch got[i].How {
				case Skip:
					skipped++
				case Update:
					updated++
				}
			}
			if segment == 0 && skipped != repeated {
				t.Errorf("noise %d, %+v: %d frames are skipped, %d are like the one before", noise, o, skipped, repeated)
			}
			if segment == 0 && noise == 0 && !o.WholeOnly && o.Shape == "" && updated < least {
				t.Errorf("%+v: only %d frames are updated", o, updated)
			}
		}
	}
}

// approximate is a task with everything that decides answers.
func approximate(t testing.TB, p *incremental.Plan, sessions int, target float64) *Task {
	k := task(t, p, sessions, Options{Mode: Approximate, Tolerance: 4, Epsilon: .3})
	k.Segment, k.Guard, k.VerifyEvery = 4, .9, 3
	k.Control = &Control{Levels: []Options{{Tolerance: 12, Epsilon: .6}, {Tolerance: 4, Epsilon: .3}, {Epsilon: .05}}, Target: target, Longest: 4}
	k.Control.Start(&Options{Tolerance: 4, Epsilon: .3}, 0)
	return k
}

// known are whole runs' answers to the first n frames.
func known(t testing.TB, p *incremental.Plan, frames [][]byte, n int) []*Answer {
	t.Helper()
	tu := &Tuner{Plan: p, Converter: unit(t), NewInterpreter: classifier, Workers: 1}
	for _, f := range frames[:n] {
		tu.Add(f)
	}
	if _, err := tu.Try(context.Background(), Options{Mode: Exact}); err != nil {
		t.Fatal(err)
	}
	return tu.Answers()
}

// TestAnswersDoNotDependOnSessions: any number of sessions gives the same
// approximate answers, costs and comparisons, and no frame is kept.
func TestAnswersDoNotDependOnSessions(t *testing.T) {
	p, frames := shapes(t, 200, 2)
	first := approximate(t, p, 1, .5)
	first.Known = known(t, p, frames, 10) // two segments and a half
	want := results(t, first, &film{frames: frames})
	for i, b := range want[:10] {
		if b.How != Whole || !reflect.DeepEqual(b.Scores, first.Known[i].all) {
			t.Fatalf("frame %d is answered anew: %+v", i, b)
		}
	}
	levels, guarded, keyFrames, longest, since := map[int]int{}, 0, 0, 0, 0
	for _, b := range want {
		levels[b.Level]++
		if b.Guarded {
			guarded++
		}
		if since++; b.Level == 3 {
			since = 0
		}
		if b.KeyFrame {
			keyFrames++
			longest, since = max(longest, since), 0
		}
	}
	if len(levels) < 2 || guarded == 0 || keyFrames < 8 || longest < 8 {
		t.Errorf("the test exercises little: levels %v, %d guarded, %d key frames, %d frames in a segment", levels, guarded, keyFrames, longest)
	}
	for _, n := range []int{2, 3, 5, 9} {
		f, k := &film{frames: frames}, approximate(t, p, n, .5)
		k.Known = first.Known
		if got := results(t, k, f); !reflect.DeepEqual(got, want) {
			t.Fatalf("%d sessions: other answers", n)
		}
		if f.open != 0 {
			t.Errorf("%d sessions: %d frames were not released", n, f.open)
		}
	}
}

// TestGoingOn: a run that goes on with an earlier one's frames gives the rest of
// what one run gives.
func TestGoingOn(t *testing.T) {
	p, frames := shapes(t, 90, 2)
	for _, segment := range []int{4, 0} {
		make := func() *Task {
			k := approximate(t, p, 2, .5)
			k.Known = known(t, p, frames, 6)
			if k.Segment = segment; segment == 0 {
				k.Control = nil
			}
			return k
		}
		want := results(t, make(), &film{frames: frames})
		for _, cut := range []int{1, 3, 4, 5, 40, 41, 63, 89, 90} {
			k := make()
			for _, b := range want[:cut] {
				k.Past = append(k.Past, NewPast(b.How, b.Share, b.KeyFrame, &b.Verified, k.Guard))
			}
			got := results(t, k, &film{frames: frames})
			if len(got) != len(want)-cut {
				t.Fatalf("segments of %d, going on after %d of %d: %d frames", segment, cut, len(want), len(got))
			}
			for i := range got {
				if !reflect.DeepEqual(got[i], want[cut+i]) {
					t.Fatalf("segments of %d, going on after %d: frame %d is %+v, want %+v", segment, cut, cut+i, got[i], want[cut+i])
				}
			}
		}
	}
	k := approximate(t, p, 1, .5)
	k.Past = append(k.Past, Past{}, Past{}, Past{}, Past{}, Past{}, Past{})
	if _, err := Run(context.Background(), k, &film{frames: frames[:3]}, func(*Result) error { return nil }); err == nil {
		t.Error("a video that is shorter than what was answered is accepted")
	}
}

// TestErrors: errors of source, receiver and context end the run after the
// frames before them, and release all frames.
func TestErrors(t *testing.T) {
	p, frames := shapes(t, 40, 0)
	broken := errors.New("broken")
	f := &film{frames: frames[:33], end: broken}
	if got := results(t, approximate(t, p, 3, .5), f); len(got) != 33 || f.open != 0 {
		t.Errorf("%d frames before the source's error, %d not released", len(got), f.open)
	}
	f = &film{frames: frames}
	n := 0
	_, err := Run(context.Background(), approximate(t, p, 3, .5), f, func(*Result) error {
		if n++; n == 10 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) || n != 10 {
		t.Errorf("the receiver's error after %d frames: %v", n, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, approximate(t, p, 3, .5), &film{frames: frames}, func(*Result) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled run: %v", err)
	}
	short := task(t, p, 1, Options{Mode: Exact})
	if _, err := Run(context.Background(), short, &film{frames: [][]byte{frames[0][:30]}}, func(*Result) error { return nil }); err == nil {
		t.Error("a short frame is accepted")
	}
	for _, o := range []Options{{}, {Mode: Exact, Tolerance: -1}, {Mode: Exact, Specks: 26}, {Mode: Exact, Epsilon: math.NaN()}, {Mode: Exact, WholeFrom: -1}, {Mode: Exact, Shape: "round"}} {
		if _, err := NewSession(p, unit(t), o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

// TestThreshold: with a tolerance and a threshold answers stay near those of
// whole runs, and cost less.
func TestThreshold(t *testing.T) {
	p, frames := shapes(t, 60, 2)
	want := results(t, task(t, p, 1, Options{Mode: Naive}), &film{frames: frames})
	k := task(t, p, 2, Options{Mode: Approximate, Tolerance: 3, Epsilon: .05})
	k.Segment = 10
	share, agree := 0.0, 0
	for i, b := range results(t, k, &film{frames: frames}) {
		share += b.Share / float64(len(frames))
		if b.Classes[0] == want[i].Classes[0] {
			agree++
		}
	}
	if agree < 57 || share > .8 {
		t.Errorf("%d of 60 agree at a share of %.2f", agree, share)
	}
	want0, err := k.Sessions[0].MeanSquares(context.Background(), frames[0])
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range k.Sessions {
		if !reflect.DeepEqual(s.opt.MeanSquares, want0) {
			t.Errorf("session %d's thresholds are not relative to the first frame", i)
		}
	}
}

// TestTuner: the choice agrees as often as asked for, is the boldest one that
// does, and comes out the same each time.
func TestTuner(t *testing.T) {
	p, frames := shapes(t, 40, 2)
	var first *Trial
	for range 2 {
		tu := &Tuner{Plan: p, Converter: unit(t), NewInterpreter: classifier, Workers: 2, Segment: 10}
		for _, f := range frames {
			tu.Add(f)
		}
		if n := tu.Noise(); n < leastTolerance || n > 12 {
			t.Errorf("noise %d", n)
		}
		levels := Candidates(tu.Noise())
		got, err := tu.Choose(context.Background(), levels, .95)
		if err != nil || got == nil || got.Agreement < .95 || tu.meanSquares == nil {
			t.Fatalf("%+v, %v", got, err)
		}
		for _, l := range levels {
			if l.Epsilon == got.Options.Epsilon && l.Tolerance == got.Options.Tolerance {
				break
			}
			if q, err := tu.Try(context.Background(), l); err != nil || q.Agreement >= .95 {
				t.Errorf("%+v is bolder and would do: %+v, %v", l, q, err)
			}
		}
		got.Each = 0
		got.Options.MeanSquares = nil
		if first != nil && !reflect.DeepEqual(first, got) {
			t.Errorf("%+v, then %+v", first, got)
		}
		first = got
		if q, err := tu.Choose(context.Background(), nil, .95); q != nil || err != nil {
			t.Errorf("a choice of nothing: %v, %v", q, err)
		}
	}
	if _, err := (&Tuner{Plan: p, Converter: unit(t), NewInterpreter: classifier}).Try(context.Background(), Options{Mode: Exact}); err == nil {
		t.Error("tuned on nothing")
	}
}

// TestFill: frames that are answered as they come get the answers, the scale and the
// choice of frames that were all there.
func TestFill(t *testing.T) {
	p, frames := shapes(t, 24, 2)
	all := &Tuner{Plan: p, Converter: unit(t), NewInterpreter: classifier, Workers: 3, Segment: 6}
	for _, f := range frames {
		all.Add(f)
	}
	want, err := all.Choose(context.Background(), Candidates(all.Noise()), .9)
	if err != nil || want == nil {
		t.Fatal(want, err)
	}
	broken := errors.New("broken")
	for _, end := range []error{io.EOF, broken} {
		tu := &Tuner{Plan: p, Converter: unit(t), NewInterpreter: classifier, Workers: 3, Segment: 6}
		i, memory := 0, make([]byte, len(frames[0]))
		err := tu.Fill(context.Background(), func() ([]byte, error) {
			if i == len(frames) {
				return nil, end
			}
			i++
			copy(memory, frames[i-1]) // the same memory each time
			return memory, nil
		})
		if end == broken {
			if !errors.Is(err, broken) || tu.Frames() != len(frames) || tu.Answers() != nil {
				t.Errorf("%v after %d frames", err, tu.Frames())
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(tu.Answers(), all.Answers()) || !reflect.DeepEqual(tu.meanSquares, all.meanSquares) {
			t.Fatalf("other answers or another scale: %v", err)
		}
		got, err := tu.Choose(context.Background(), Candidates(tu.Noise()), .9)
		if err != nil || got == nil || got.Options.Tolerance != want.Options.Tolerance || got.Options.Epsilon != want.Options.Epsilon || got.Share != want.Share {
			t.Errorf("%+v, want %+v: %v", got, want, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	n := 0
	if err := (&Tuner{Plan: p, Converter: unit(t), NewInterpreter: classifier, Workers: 2, Segment: 6}).Fill(ctx, func() ([]byte, error) {
		if n++; n > 10 {
			return nil, io.EOF
		}
		return frames[0], nil
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if q, err := (&Tuner{Plan: p, Converter: unit(t), NewInterpreter: classifier, Workers: 2}).Choose(ctx, nil, .9); q != nil || err == nil {
		t.Errorf("no frames: %v, %v", q, err)
	}
}

// TestSegmentsGrow: while answers agree, segments become longer, and as short as
// at first after any that does not.
func TestSegmentsGrow(t *testing.T) {
	c := Control{Levels: make([]Options, 2), Target: .99, Longest: 4}
	c.Start(&Options{}, 0)
	few := c.patience() / 5
	length := func(want int) {
		t.Helper()
		if got := c.Length(); got != want {
			t.Fatalf("segments are %d times as long, want %d", got, want)
		}
	}
	agree := func(n int) {
		for range n {
			c.Observe(0, AgreedClearly)
		}
	}
	length(1)
	agree(few - 1)
	length(1)
	agree(1)
	length(2)
	agree(few)
	length(4)
	agree(5 * few)
	length(4)
	c.Observe(1, Disagreed) // at a level that is not the present one
	length(1)
	agree(2*few - 1)
	c.Observe(0, Agreed) // a near miss
	length(1)
	agree(2 * few)
	length(4)
	c.Longest = 1
	length(1)
	c.Longest = 4
	c.Start(&Options{}, few)
	length(2)
	c.Observe(0, Disagreed)
	c.Observe(1, Disagreed)
	agree(3 * few)
	length(1) // whole runs
}

func TestControl(t *testing.T) {
	c := Control{Levels: make([]Options, 3), Target: .9}
	c.Levels[1].Tolerance = 5
	c.Start(&Options{Tolerance: 5}, 0)
	at := func(want int) {
		t.Helper()
		n, o := c.Level()
		if n != want || (o == nil) != (want == 3) {
			t.Fatalf("level %d, want %d", n, want)
		}
	}
	frames := func(n int) {
		for range n {
			c.Frame()
		}
	}
	at(1)
	c.Observe(1, Disagreed)
	at(2)
	c.Observe(1, Disagreed) // of a segment before the move
	at(2)
	c.Observe(2, Disagreed)
	at(3)
	frames(firstRetryAfter - 1)
	at(3)
	frames(1)
	at(2)
	c.Observe(2, Disagreed)
	at(3)
	frames(2*firstRetryAfter - 1) // more patient after a failure
	at(3)
	frames(1)
	at(2)
	for range c.patience() {
		at(2)
		c.Observe(2, AgreedClearly)
	}
	at(1)
	for range c.patience() {
		c.Observe(1, AgreedClearly)
	}
	at(0)
	for range 3 * c.patience() {
		c.Observe(0, AgreedClearly)
	}
	at(0)
	c.Cost(1, .9) // careful levels do not pay
	at(0)
	c.Observe(0, Disagreed)
	at(3)
	frames(firstRetryAfter)
	at(0)
	c.Cost(0, defaultUpdateCostLimit)
	at(0)
	c.Cost(0, 1)
	at(3)
	frames(1000) // nothing pays
	at(3)
	c.Start(nil, 0)
	at(3)
	frames(firstRetryAfter)
	at(2)
}

// TestRealVideos: on 200 frames of real clips exact answers equal whole runs',
// bit for bit, in every output of a classifier and a detector.
func TestRealVideos(t *testing.T) {
	data := os.Getenv("KRYPTON_DATA")
	if data == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	frames := 200
	if testing.Short() {
		frames = 12
	}
	for _, model := range []string{"squeezenet1", "ultraface_rfb320"} {
		g, err := onnxload.Load(filepath.Join(data, "models", model+".onnx"), onnxload.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := incremental.Compile(g, incremental.CompileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		plane := p.InputPlane()
		for _, clip := range []string{"car-detection.mp4", "bottle-detection.mp4"} {
			t.Run(fmt.Sprintf("%s/%s", model, clip), func(t *testing.T) {
				src, err := video.Open(context.Background(), filepath.Join(data, "videos", clip), video.Options{Fit: func(w, h int, _ video.Shape) imagein.Geometry {
					return (&imagein.Preprocess{Resize: "stretch"}).Geometry(image.Pt(w, h), 1, image.Pt(plane.W, plane.H))
				}})
				if err != nil {
					t.Fatal(err)
				}
				defer src.Close()
				var sessions [3]*Session
				// Updates whatever they cost, updates where they pay, whole runs.
				for i, o := range []Options{{Mode: Exact, WholeFrom: 10}, {Mode: Exact}, {Mode: Naive}} {
					o.Workers = 2
					if sessions[i], err = NewSession(p, unit(t), o); err != nil {
						t.Fatal(err)
					}
				}
				for i := range frames {
					f, err := src.Next(context.Background())
					if err != nil {
						t.Fatal(err)
					}
					for _, s := range sessions {
						if _, err := s.Frame(context.Background(), f.Pixels); err != nil {
							t.Fatal(err)
						}
					}
					src.Release(f)
					for o := range p.Outputs() {
						want, err := sessions[2].Output(o).Floats()
						if err != nil {
							t.Fatal(err)
						}
						for k, s := range sessions[:2] {
							got, err := s.Output(o).Floats()
							if err != nil {
								t.Fatal(err)
							}
							for j := range want {
								if math.Float32bits(got[j]) != math.Float32bits(want[j]) {
									t.Fatalf("frame %d, session %d: output %d [%d] is %g, a whole run gives %g", i, k, o, j, got[j], want[j])
								}
							}
						}
					}
				}
			})
		}
	}
}

// TestDetectorMargin: boxes near the lowest score that counts make a close call,
// whether they count or not.
func TestDetectorMargin(t *testing.T) {
	d := &Detector{Spec: &detect.Spec{Form: "yolov8"}, Names: []string{"o"}, Width: 100, Height: 100, MinScore: .5, Near: .2, IoU: .5, Most: 2}
	for _, c := range []struct {
		scores []float32
		boxes  int
		margin float64
	}{{[]float32{.9, .1}, 1, .4}, {[]float32{.9, .45}, 1, .05}, {[]float32{.55, .95}, 2, .05}, {[]float32{.1, .2}, 0, 1}, {[]float32{.25, .9, .8, .7}, 2, .2}} {
		n := len(c.scores)
		data := make([]float32, 5*n)
		for i, s := range c.scores {
			data[i], data[n+i], data[2*n+i], data[3*n+i], data[4*n+i] = float32(10+20*i), 50, 10, 10, s
		}
		a, err := d.Interpret(func(int) *tensor.Tensor { return tensor.New(data, 1, 5, n) })
		if err != nil || len(a.Boxes) != c.boxes || math.Abs(float64(a.Margin)-c.margin) > 1e-6 {
			t.Errorf("%v: %+v, %v", c.scores, a, err)
		}
		if g := d.Compare(a, a); !g.Agrees || g.F1() != 1 {
			t.Errorf("%v: %+v", c.scores, g)
		}
	}
	// The error of a faint box's score is told as it would be at the lowest that counts:
	// from 0.2 to 0.3 is as from 0.5 to 0.63.
	faint := func(score float32) *Answer {
		a, err := d.Interpret(func(int) *tensor.Tensor { return tensor.New([]float32{50, 50, 10, 10, score}, 1, 5, 1) })
		if err != nil || len(a.Boxes) != 0 {
			t.Fatal(a, err)
		}
		return a
	}
	for _, c := range []struct {
		got, whole float32
		shift      float64
	}{{.2, .2, 0}, {.2, .3, .1316}, {.3, .2, .1316}, {.2, .05, 0}, {.4, .45, .0511}} {
		g := d.Compare(faint(c.got), faint(c.whole))
		if !g.Agrees || g.Largest != 0 || math.Abs(g.Shift-c.shift) > 1e-3 {
			t.Errorf("%g for %g: %+v, want a shift of %g", c.got, c.whole, g, c.shift)
		}
		if (g.Outcome(.1) != Disagreed) != (c.shift < .1) {
			t.Errorf("%+v comes to %v", g, g.Outcome(.1))
		}
	}
	for _, score := range []float32{0, 1, 2} { // of scores that are none
		if g := d.Compare(&Answer{faint: []detect.Box{{X1: 1, Y1: 1, Score: score}}}, &Answer{faint: []detect.Box{{X1: 1, Y1: 1, Score: .5}}}); g.Shift-g.Shift != 0 {
			t.Errorf("a score of %g: %+v", score, g)
		}
	}
	d.Classes = []int{1}
	if a, err := d.Interpret(func(int) *tensor.Tensor { return tensor.New([]float32{50, 50, 10, 10, .9, .1}, 1, 6, 1) }); err != nil || len(a.Boxes) != 0 {
		t.Errorf("a box of another class: %+v, %v", a, err)
	}
}

// TestGuardGrows: a guard that no answer falls below decides nothing until ten frames after
// the first whole run, and then does, as it grows; what is still an update has the margin
// that was wanted by then.
func TestGuardGrows(t *testing.T) {
	const side = 40
	p, frames := smallNetwork(t, side), clip(side, 60, 3)
	answered := func(guard float32) (list []*Result, smallest float32) {
		k := task(t, p, 1, Options{Mode: Approximate, Tolerance: 2, Epsilon: .3})
		k.Guard, smallest = guard, 1
		if _, err := Run(context.Background(), k, &film{frames: frames}, func(r *Result) error {
			list, smallest = append(list, r), min(smallest, r.Answer.Margin)
			return nil
		}); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		return list, smallest
	}
	_, smallest := answered(0)
	list, _ := answered(smallest)
	guarded, since := 0, 0
	for i, r := range list {
		since++
		switch {
		case r.Guarded:
			if guarded++; guarded == 1 && since <= guardFrames {
				t.Errorf("frame %d, %d after a whole run: guarded", i, since)
			}
		case r.Step.How == Update && r.Answer.Margin < smallest*max(1, float32(since)/guardFrames):
			t.Errorf("frame %d, %d after a whole run: an update whose margin is %g of %g", i, since, r.Answer.Margin, smallest)
		}
		if r.Step.How == Whole {
			since = 0
		}
	}
	if guarded == 0 {
		t.Errorf("no answer was guarded, margins are %g at least", smallest)
	}
}
