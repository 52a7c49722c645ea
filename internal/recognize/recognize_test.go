package recognize

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"krypton/internal/certify"
	"krypton/internal/failure"
	"krypton/internal/framelabels"
	"krypton/internal/incremental"
	"krypton/internal/model"
	"krypton/internal/number"
	"krypton/internal/orv"
	"krypton/internal/video"
	"krypton/models/scenes"
)

const side = 128

// pictures is a source of frames in memory.
type pictures struct {
	mu     sync.Mutex
	frames [][]byte
	next   int
	open   int // frames that are not released
	closed int
	end    error // in place of io.EOF
}

func (p *pictures) Info() video.Info {
	return video.Info{Width: side, Height: side, SourceWidth: side, SourceHeight: side, FPS: 25, Frames: len(p.frames), Decoder: "memory"}
}

func (p *pictures) Close() error {
	p.closed++
	return nil
}

func (p *pictures) Release(*video.Frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
}

func (p *pictures) Next(ctx context.Context) (*video.Frame, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == len(p.frames) {
		if p.end != nil {
			return nil, p.end
		}
		return nil, io.EOF
	}
	p.open++
	p.next++
	return &video.Frame{Index: p.next - 1, Time: time.Duration(p.next-1) * 40 * time.Millisecond, Pixels: p.frames[p.next-1]}, nil
}

// clip renders frames with noise; some come twice.
func clip(n int) [][]byte {
	rng := rand.New(rand.NewPCG(5, 6))
	scene := scenes.NewClip(1, side, side, side, 12)
	var list [][]byte
	for i := range n {
		if i%7 == 3 {
			list = append(list, list[i-1])
			continue
		}
		img, _, _ := scene.Frame(i)
		var f []byte
		for k := 0; k < len(img.Pix); k += 4 {
			for _, v := range img.Pix[k : k+3] {
				if rng.IntN(4) == 0 {
					v = uint8(min(255, max(0, int(v)+rng.IntN(5)-2)))
				}
				f = append(f, v)
			}
		}
		list = append(list, f)
	}
	return list
}

func film(frames [][]byte) *Film { return &Film{Name: "film", Source: &pictures{frames: frames}} }

// load makes a model ready: the built-in one for "".
func load(t testing.TB, path string) *model.Model {
	t.Helper()
	f, err := model.Open(path, model.OpenOptions{MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	n, err := f.Load(model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	made, err := n.Plan(model.Need{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := n.Prepare(made, model.Preparation{Activation: true, Preset: "unit", Resize: "stretch", Pad: 128})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// cells is a detector of the form yolov8 whose scores depend on the picture: each of 8 by
// 8 cells of 16 pixels is a box, whose two classes have the sigmoid of a random sum over
// the cell.
func cells(t testing.TB) *model.Model {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	weights := make([]float32, scenes.CellWeights)
	for i := range weights {
		weights[i] = float32(rng.NormFloat64()) / 8
	}
	path := filepath.Join(t.TempDir(), "cells.onnx")
	write(t, path, scenes.CellDetector(side, weights, []float32{0, 0}))
	write(t, strings.TrimSuffix(path, ".onnx")+".krypton.yaml", []byte("labels: [dog, cat]\ndetector: {form: yolov8, threshold: 0.6}\n"))
	return load(t, path)
}

func prepare(t testing.TB, m *model.Model, change func(*Question)) *Job {
	t.Helper()
	q := Defaults()
	if change != nil {
		change(&q)
	}
	j, err := Prepare(context.Background(), m, q, Limits{Threads: 2, Spell: flag})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// collected are results without the masks.
func collected(list *[]framelabels.Result) Sink {
	return SinkFunc(func(r *framelabels.Result) error {
		c := *r
		c.Moved = nil
		*list = append(*list, c)
		return nil
	})
}

func answers(t testing.TB, j *Job, frames [][]byte) ([]framelabels.Result, *Summary) {
	t.Helper()
	var list []framelabels.Result
	f := film(frames)
	sum, err := Run(context.Background(), j, f, collected(&list))
	if err != nil {
		t.Fatal(err)
	}
	if n := f.Source.(*pictures).open; n != 0 {
		t.Errorf("%d frames were not released", n)
	}
	return list, sum
}

// TestExactEqualsNaive: the exact mode tells the same labels and objects as whole runs of
// every frame, bit for bit, and the approximate one nearly the same, at less work.
func TestExactEqualsNaive(t *testing.T) {
	frames := clip(60)
	for _, m := range []*model.Model{load(t, ""), cells(t)} {
		naive, sum := answers(t, prepare(t, m, func(q *Question) { q.Mode = orv.Naive }), frames)
		if sum.Frames != len(frames) || sum.Whole != len(frames) {
			t.Fatalf("%+v", sum)
		}
		exact, sum := answers(t, prepare(t, m, func(q *Question) { q.Mode = orv.Exact }), frames)
		if sum.Skipped != 9 || sum.Frames != len(frames) {
			t.Errorf("%d of %d frames are skipped, 9 are like the one before", sum.Skipped, sum.Frames)
		}
		objects, ids := 0, map[int]bool{}
		for i := range naive {
			if !reflect.DeepEqual(naive[i].Labels, exact[i].Labels) || !reflect.DeepEqual(naive[i].Objects, exact[i].Objects) || !exact[i].Exact || exact[i].Frame != i {
				t.Fatalf("frame %d: exact %+v, naive %+v", i, exact[i], naive[i])
			}
			objects += len(naive[i].Objects)
			for _, o := range naive[i].Objects {
				ids[o.ID] = true
				if o.Label != []string{"dog", "cat"}[o.Class] || o.Score < .6 || o.X0 < 0 || o.Y1 > side {
					t.Fatalf("frame %d: %+v", i, o)
				}
			}
		}
		detector := m.File.Config.Detector != nil
		if detector && (objects < 60 || len(ids) < 2) || !detector && naive[0].Labels[0].Label != "ring" {
			t.Errorf("the test sees little: %d objects, %d numbers, %+v", objects, len(ids), naive[0].Labels)
		}
		approximate, sum := answers(t, prepare(t, m, func(q *Question) { q.VerifyEvery = 1 }), frames)
		if len(approximate) != len(frames) || sum.Verified < 20 || sum.Agreement() < .9 {
			t.Errorf("approximate: %+v", sum)
		}
	}
}

// TestSinks: every sink sees each frame once and in order, with the mask of what
// changed; the error of one ends the run, and no later sink sees the frame.
func TestSinks(t *testing.T) {
	frames := clip(40)
	j := prepare(t, load(t, ""), nil)
	var seen [2][]int
	broken := errors.New("broken")
	for _, stop := range []int{-1, 25} {
		seen = [2][]int{}
		sink := func(k int) Sink {
			return SinkFunc(func(r *framelabels.Result) error {
				if r.Moved == nil || r.Moved.W != side || r.How == "whole" && r.Moved.Area() == 0 {
					t.Errorf("frame %d, %s: mask %+v", r.Frame, r.How, r.Moved)
				}
				if k == 0 && r.Frame == stop {
					return broken
				}
				seen[k] = append(seen[k], r.Frame)
				return nil
			})
		}
		f := film(frames)
		_, err := Run(context.Background(), j, f, sink(0), sink(1))
		want := len(frames)
		if stop >= 0 {
			want = stop
		}
		if (stop >= 0) != errors.Is(err, broken) || len(seen[0]) != want || !reflect.DeepEqual(seen[0], seen[1]) {
			t.Fatalf("stopped at %d: %v; %v and %v", stop, err, seen[0], seen[1])
		}
		for i, n := range seen[0] {
			if n != i {
				t.Fatalf("frame %d is the %d-th", n, i)
			}
		}
		if n := f.Source.(*pictures).open; stop < 0 && n != 0 {
			t.Errorf("%d frames were not released", n)
		}
	}
}

// TestGoingOn: a run that goes on with what an earlier one gave gives the rest of what
// one run gives: numbers of tracks, smoothed labels and comparisons too.
func TestGoingOn(t *testing.T) {
	frames := clip(70)
	for _, m := range []*model.Model{load(t, ""), cells(t)} {
		j := prepare(t, m, func(q *Question) { q.Smooth, q.VerifyEvery, q.VerifyShare = 5, 3, 0.4 })
		want, whole := answers(t, j, frames)
		if s := whole.Sample; s.Frames != len(frames) || s.Drawn == 0 || s.Drawn >= s.Approximate || s.Approximate >= s.Frames {
			t.Errorf("the sample is %+v", s)
		}
		for _, cut := range []int{1, 9, 41, 69, 70} {
			r, err := Start(context.Background(), j, film(frames))
			if err != nil {
				t.Fatal(err)
			}
			var got []framelabels.Result
			sum, err := r.Run(context.Background(), want[:cut], collected(&got))
			if err != nil {
				t.Fatal(err)
			}
			if sum.Sample != whole.Sample {
				t.Errorf("after %d of %d the sample is %+v, of one run %+v", cut, len(want), sum.Sample, whole.Sample)
			}
			if len(got) != len(want)-cut {
				t.Fatalf("after %d of %d: %d frames", cut, len(want), len(got))
			}
			for i := range got {
				if !reflect.DeepEqual(got[i], want[cut+i]) {
					t.Fatalf("after %d: %+v, want %+v", cut, got[i], want[cut+i])
				}
			}
		}
	}
}

// TestTogether: runs at the same time, of one job and of jobs of one model, give what
// each gives alone.
func TestTogether(t *testing.T) {
	frames := clip(40)
	m := load(t, "")
	questions := []func(*Question){nil, nil, func(q *Question) { q.Mode = orv.Exact }, func(q *Question) { q.Mode = orv.Exact }, func(q *Question) { q.Top, q.Shortlist = 1, 3 }}
	shared := prepare(t, m, nil)
	var want [][]framelabels.Result
	for _, q := range questions {
		l, _ := answers(t, prepare(t, m, q), frames)
		want = append(want, l)
	}
	fresh := load(t, "") // nobody has asked it anything
	var wait sync.WaitGroup
	for i, q := range questions {
		wait.Go(func() {
			j := shared
			if q != nil {
				j = prepare(t, fresh, q)
			}
			if got, _ := answers(t, j, frames); !reflect.DeepEqual(got, want[i]) {
				t.Errorf("run %d gives something else beside others", i)
			}
		})
	}
	wait.Wait()
}

// noMore fails if more goroutines than before are left.
func noMore(t *testing.T, before int) {
	t.Helper()
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 1<<16)
	t.Errorf("%d goroutines are left, there were %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}

// TestCancel: a run that is cancelled in its middle, or while it tunes, says so and leaves
// nothing running. What it has answered by then is not given out.
func TestCancel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "film.y4m")
	writeY4M(t, path, clip(60))
	m := load(t, "")
	before := runtime.NumGoroutine()
	for _, at := range []int{0, 1, 35} {
		ctx, cancel := context.WithCancel(context.Background())
		q := Defaults()
		opt, err := q.Reading(video.Options{})
		if err != nil {
			t.Fatal(err)
		}
		j, f, err := Open(ctx, path, opt, func() (*Job, error) { return Prepare(ctx, m, q, Limits{Threads: 2, Spell: flag}) })
		if err != nil {
			t.Fatal(err)
		}
		if at == 0 {
			cancel()
		}
		n := 0
		_, err = Run(ctx, j, f, SinkFunc(func(r *framelabels.Result) error {
			if n++; n == at {
				cancel()
			}
			return nil
		}))
		if !errors.Is(err, context.Canceled) || n != at {
			t.Errorf("cancelled after %d: %v, %d frames", at, err, n)
		}
		if err := f.Close(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		cancel()
	}
	noMore(t, before)
}

// writeY4M writes frames as a Y4M file of three full planes, whose colours are not kept.
func writeY4M(t testing.TB, path string, frames [][]byte) {
	t.Helper()
	b := []byte(fmt.Sprintf("YUV4MPEG2 W%d H%d F25:1 Ip A1:1 C444\n", side, side))
	for _, f := range frames {
		b = append(b, "FRAME\n"...)
		for c := range 3 {
			for i := c; i < len(f); i += 3 {
				b = append(b, f[i])
			}
		}
	}
	write(t, path, b)
}

// TestOpen: both or neither come, what is wrong with the model is said before what is
// wrong with the video, and nothing is left open.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "film.y4m")
	writeY4M(t, path, clip(3))
	m := load(t, "")
	broken := errors.New("broken")
	good := func() (*Job, error) {
		return Prepare(context.Background(), m, Defaults(), Limits{Threads: 1})
	}
	bad := func() (*Job, error) {
		time.Sleep(20 * time.Millisecond) // the video is waiting by then
		return nil, broken
	}
	before := runtime.NumGoroutine()
	for _, c := range []struct {
		name    string
		prepare func() (*Job, error)
		kind    failure.Kind
		ours    bool
	}{
		{path, good, failure.Other, false},
		{path, bad, failure.Other, true},
		{filepath.Join(dir, "missing"), good, failure.Missing, false},
		{filepath.Join(dir, "missing"), bad, failure.Other, true},
		{dir, good, failure.Data, false}, // no pictures
		{"http://127.0.0.1:1/", good, failure.Usage, false},
	} {
		asked := 0
		j, f, err := Open(context.Background(), c.name, video.Options{}, func() (*Job, error) { asked++; return c.prepare() })
		kind, _ := failure.Of(err)
		both := c.name == path && !c.ours
		if (j != nil) != both || (f != nil) != both || (err == nil) != both || kind != c.kind || errors.Is(err, broken) != c.ours || asked != 1 {
			t.Errorf("%s: %v, %v, %v, asked %d times", c.name, j != nil, f != nil, err, asked)
		}
		if f == nil {
			continue
		}
		if i := f.Info(); i.Width != side || i.Height != side || len(f.Identity) != 2 {
			t.Errorf("%+v, identity %v", i, f.Identity)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	noMore(t, before)
}

// TestHeader: the fingerprint is of all that decides what is written.
func TestHeader(t *testing.T) {
	frames := clip(12)
	m := load(t, "")
	header := func(change func(*Question), f *Film) framelabels.Header {
		t.Helper()
		r, err := Start(context.Background(), prepare(t, m, change), f)
		if err != nil {
			t.Fatal(err)
		}
		h, err := r.Header("v")
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	first := header(nil, film(frames))
	if again := header(nil, film(frames)); !reflect.DeepEqual(first, again) || first.Width != side || first.Detector || first.Tracked || first.Model != m.File.Name || first.Settings["refresh"] != 10 {
		t.Errorf("%+v, then %+v", first, again)
	}
	seen := map[string]string{first.Fingerprint: "the usual question"}
	for name, c := range map[string]func(*Question){
		"mode": func(q *Question) { q.Mode = orv.Exact }, "every": func(q *Question) { q.Every = 2 }, "start": func(q *Question) { q.Start = "1f" }, "end": func(q *Question) { q.End = "1f" },
		"tolerance": func(q *Question) { q.Tolerance = new(int) }, "key frames": func(q *Question) { n := 7; q.KeyFrames = &n }, "guard": func(q *Question) { q.Guard = new(float64) },
		"top": func(q *Question) { q.Top = 2 }, "activation": func(q *Question) { q.Activation = "sigmoid" }, "smooth": func(q *Question) { q.Smooth = 3 },
		"verify": func(q *Question) { q.VerifyEvery = 2 }, "share": func(q *Question) { q.VerifyShare = 0.5 }, "timings": func(q *Question) { q.Timings = true }, "shape": func(q *Question) { q.Shape = incremental.Box }, "specks": func(q *Question) { q.Specks = 2 },
	} {
		h := header(c, film(frames))
		if other := seen[h.Fingerprint]; other != "" {
			t.Errorf("%s: the fingerprint is that of %s", name, other)
		}
		seen[h.Fingerprint] = name
	}
	other := film(frames)
	other.Identity = []any{int64(5), "digest"}
	if h := header(nil, other); seen[h.Fingerprint] != "" {
		t.Error("another video has the same fingerprint")
	}
}

// TestWrongQuestions: what is wrong is said by the names of the fields, which whoever
// asks may write otherwise.
func TestWrongQuestions(t *testing.T) {
	m := load(t, "")
	number := func(v float64) *float64 { return &v }
	for _, c := range []struct {
		change func(*Question)
		want   string // with -- before names
	}{
		{func(q *Question) { q.Shortlist = -1 }, "--shortlist is -1, want 0 or more classes"},
		{func(q *Question) { q.Every = 0 }, "--every, --tune-frames, --top and --window want 1 at least, --verify-every, --refresh and --max-objects 0"},
		{func(q *Question) { q.VerifyShare = 1.5 }, "--verify-share is 1.5, want a share of 1, or 0"},
		{func(q *Question) { n := -1; q.KeyFrames = &n }, "--every, --tune-frames, --top and --window want 1 at least, --verify-every, --refresh and --max-objects 0"},
		{func(q *Question) { q.TargetAgreement = 2 }, "--target-agreement is 2, want a share of 1"},
		{func(q *Question) { q.Guard = number(math.NaN()) }, "--guard is NaN, want 0 to 1"},
		{func(q *Question) { q.IoU = number(3) }, "--min-score is 0.5 and --iou 3, want 0 to 1"},
		{func(q *Question) { n := 300; q.Tolerance = &n }, "tolerance is 300, want 0 to 255"},
		{func(q *Question) { q.Mode = "best" }, `unknown mode "best": want exact, approximate or naive`},
		{func(q *Question) { q.Classes = []string{"ring"} }, "--classes is for detectors, and " + m.File.Where + " describes none"},
	} {
		q := Defaults()
		c.change(&q)
		j, err := Prepare(context.Background(), m, q, Limits{})
		if kind, _ := failure.Of(err); j != nil || kind != failure.Usage {
			t.Errorf("%s: %v", c.want, err)
			continue
		}
		var s *failure.SettingError
		text, plain := err.Error(), strings.ReplaceAll(c.want, "--", "")
		if errors.As(err, &s) {
			text = s.Spell(flag)
		}
		if text != c.want || err.Error() != plain {
			t.Errorf("%q and %q, want %q", text, err, c.want)
		}
	}
	q := Defaults()
	q.Classes = []string{"cow"}
	if _, err := Prepare(context.Background(), cells(t), q, Limits{}); err == nil || !strings.Contains(err.Error(), `classes "cow" is no number`) {
		t.Error(err)
	}
	q = Defaults()
	q.Start = "soon"
	var s *failure.SettingError
	if _, err := q.Reading(video.Options{}); !errors.As(err, &s) || !strings.HasPrefix(s.Spell(flag), "--start: ") {
		t.Error(err)
	}
}

// TestEnds: a video without frames is an error, and a video's own error comes after the
// frames before it.
func TestEnds(t *testing.T) {
	j := prepare(t, load(t, ""), nil)
	if _, err := Run(context.Background(), j, film(nil)); !errors.Is(err, ErrNoFrames) || err.Error() != "film: no frames" {
		t.Error(err)
	}
	for _, n := range []int{5, 45} {
		n2 := 0
		_, err := Run(context.Background(), j, &Film{Name: "film", Source: &pictures{frames: clip(n), end: video.ErrIncomplete}}, SinkFunc(func(*framelabels.Result) error { n2++; return nil }))
		if kind, _ := failure.Of(err); !errors.Is(err, video.ErrIncomplete) || kind != failure.Data || n2 != n {
			t.Errorf("%d of %d frames, then %v", n2, n, err)
		}
	}
}

// TestUntuned: where no threshold will do, whole runs answer.
func TestUntuned(t *testing.T) {
	bold := 255
	j := prepare(t, load(t, ""), func(q *Question) { q.Tolerance, q.TargetAgreement = &bold, 1 })
	r, err := Start(context.Background(), j, film(clip(40)))
	if err != nil || !r.Untuned() || r.Setting().Tried != j.question.TuneFrames {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err = Start(context.Background(), prepare(t, load(t, ""), nil), film(clip(40))); err != nil || r.Untuned() || r.Setting().Chosen == nil || r.Frames() != 40 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestReport: the report counts all frames, says what could not be tuned by the names that
// are asked for, and is JSON whatever numbers there are.
func TestReport(t *testing.T) {
	bold := 255
	for _, untuned := range []bool{false, true} {
		j := prepare(t, load(t, ""), func(q *Question) {
			if q.VerifyEvery, q.VerifyShare = 3, 0.3; untuned {
				q.Tolerance, q.TargetAgreement = &bold, 1
			}
		})
		r, err := Start(context.Background(), j, film(clip(40)))
		if err != nil {
			t.Fatal(err)
		}
		h, err := r.Header("v")
		if err != nil {
			t.Fatal(err)
		}
		s, err := r.Run(context.Background(), nil, SinkFunc(func(*framelabels.Result) error { return nil }))
		if err != nil {
			t.Fatal(err)
		}
		sum := r.Report(h, s)
		text := sum.Text()
		if sum.Frames != 40 || sum.Skipped+sum.Updated+sum.Whole != 40 || sum.Verified == 0 || sum.Expected == nil != untuned {
			t.Errorf("%+v", sum)
		}
		if !strings.HasPrefix(text, "film: 40 frames in ") || !strings.Contains(text, "\n  verified: ") || strings.Contains(text, "now and then (--target-agreement)") != untuned {
			t.Error(text)
		}
		c, n := sum.Certified, s.Sample
		if c == nil || c.Frames != 40 || c.Compared != n.Drawn || c.Agreement != 1-float64(certify.AtMost(n.Approximate, n.Drawn, n.Disagreed))/40 || !strings.Contains(text, "\n  certified: at least ") {
			t.Errorf("%+v of %+v: %s", c, n, text)
		}
		if b, err := json.Marshal(sum); err != nil || !strings.Contains(string(b), `"frames":40,`) {
			t.Errorf("%s, %v", b, err)
		}
	}
}

// TestSweep: exact updates agree with whole runs, and every setting is told of.
func TestSweep(t *testing.T) {
	j := prepare(t, load(t, ""), func(q *Question) { q.TuneFrames = 4 })
	var list []Measured
	if err := Sweep(context.Background(), j, film(clip(10)), func(m Measured) error { list = append(list, m); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(list) != 32 || list[0].Mode != orv.Exact || list[0].Agreement != 1 || list[0].Largest != 0 {
		t.Errorf("%d settings: %+v", len(list), list)
	}
	for _, m := range list {
		if m.Whole <= 0 || m.Each <= 0 || !(m.Recomputed > 0) || m.Agreement > 1 {
			t.Errorf("%+v", m)
		}
	}
	rows := SweepTable(append(list, Measured{Agreement: number.None}))
	if len(rows) != 34 || len(rows[0]) != len(rows[1]) || rows[1][0] != "exact" || rows[1][4] != "1" || rows[33][4] != "" {
		t.Errorf("%q", rows)
	}
	if err := Sweep(context.Background(), j, film(nil), nil); !errors.Is(err, ErrNoFrames) {
		t.Error(err)
	}
}

// TestMemory: what is needed grows with the sessions and the annotated frames.
func TestMemory(t *testing.T) {
	m := load(t, "")
	i := (&pictures{}).Info()
	one := prepare(t, m, func(q *Question) { q.KeyFrames = new(int) }).Memory(i, false)
	two := prepare(t, m, nil).Memory(i, true)
	if one.Sessions != 1 || two.Sessions != 2 || two.Views != 2*one.Views || one.Views != m.Plan.ViewBytes() || one.Frames != framesAhead*3*side*side || two.Frames != (2*framesAhead+2)*3*side*side {
		t.Errorf("%+v, %+v", one, two)
	}
}

// TestCheckMemory: what a run needs is allowed, and a byte less is not.
func TestCheckMemory(t *testing.T) {
	j, i := prepare(t, load(t, ""), nil), (&pictures{}).Info()
	need := j.Memory(i, true)
	all := 100 + need.Views + need.Frames
	if err := j.CheckMemory(i, true, 100, all); err != nil {
		t.Error(err)
	}
	if err := j.CheckMemory(i, true, 100, all-1); !errors.Is(err, incremental.ErrMemory) || !strings.Contains(failure.Spell(err, flag), "MiB: --memory is ") {
		t.Error(err)
	}
}

// flag is a setting as the command line has it.
func flag(name failure.Setting) string { return "--" + string(name) }
