package explain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"krypton/internal/heatmap"
	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/internal/target"
)

// builtIn prepares the default question, changed by change, for the built-in model.
func builtIn(t *testing.T, m *model.Model, change func(*Question)) *Job {
	t.Helper()
	q := Default()
	size, err := obe.ParseSize("32")
	if err != nil {
		t.Fatal(err)
	}
	q.Patches, q.Strides = []obe.Patch{obe.Plain(size)}, []obe.Size{{H: obe.Length{Pixels: 24}, W: obe.Length{Pixels: 24}}}
	if change != nil {
		change(&q)
	}
	j, err := Prepare(context.Background(), m, q, Host{Threads: 2, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// loaded is the built-in model with a plan for the question that builtIn asks.
func loaded(t *testing.T) *model.Model {
	t.Helper()
	file, err := model.Open("", model.OpenOptions{MaxBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	n, err := file.Load(model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	plans, err := n.Plan(model.Need{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := n.Prepare(plans, model.Preparation{Activation: true, Pad: 128})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func readSample(t *testing.T, j *Job) *Input {
	t.Helper()
	in, err := j.Read(context.Background(), Sample(), Source{})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// text is an answer's record but for times.
func text(t *testing.T, a *Answer) string {
	t.Helper()
	b, err := json.Marshal(a.Printed(Imprint{Timeless: true}))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestAskedAtOnce: several questions, some about one input, asked at once, have the
// answers that each has alone; a map that is listened to tells of each position once.
func TestAskedAtOnce(t *testing.T) {
	m := loaded(t)
	jobs := []*Job{
		builtIn(t, m, nil),
		builtIn(t, m, func(q *Question) { q.Classes, q.Fills = []string{"all"}, []Fill{"blur", "black"} }),
		builtIn(t, m, func(q *Question) {
			q.Region = obe.Region{X: 32, Y: 16, W: 64, H: 64}
			q.Score, q.Compare = target.Margin, 5
		}),
	}
	var alone []string
	for _, j := range jobs {
		a, err := j.Ask(context.Background(), readSample(t, j), Events{})
		if err != nil {
			t.Fatal(err)
		}
		alone = append(alone, text(t, a))
	}
	in := readSample(t, jobs[0])
	var wg sync.WaitGroup
	for round := range 2 {
		for k, j := range jobs {
			wg.Go(func() {
				var mu sync.Mutex
				var clean Clean
				told := map[[2]int][]float32{}
				a, err := j.Ask(context.Background(), in, Events{
					Clean: func(c Clean) { clean = c },
					Answered: func(of, i int, scores []float32, _ int32) {
						mu.Lock()
						defer mu.Unlock()
						if told[[2]int{of, i}] != nil {
							t.Errorf("position %d of map %d is told twice", i, of)
						}
						told[[2]int{of, i}] = slices.Clone(scores)
					},
				})
				if err != nil {
					t.Error(err)
					return
				}
				if got := text(t, a); got != alone[k] {
					t.Errorf("round %d, question %d: %s\nalone %s", round, k, got, alone[k])
				}
				if len(told) != j.Positions() || len(clean.Items) != len(a.Record().Classes) {
					t.Errorf("question %d: %d positions are told, of %d", k, len(told), j.Positions())
				}
				for of, r := range a.Results() {
					for c := range r.Scores {
						for i, s := range r.Scores[c] {
							if math.Float32bits(told[[2]int{of, i}][c]) != math.Float32bits(s) {
								t.Errorf("question %d: map %d, class %d, position %d: another score was told", k, of, c, i)
							}
						}
					}
				}
			})
		}
	}
	wg.Wait()
	if n := len(in.views.runs); n != 0 {
		t.Errorf("%d views are kept that nobody wanted", n)
	}
}

// TestReread: another class, activation and score of an answer that was kept is what
// asking gives, and what was not kept is refused.
func TestReread(t *testing.T) {
	m := loaded(t)
	j := builtIn(t, m, nil)
	in := readSample(t, j)
	kept, err := j.AskAndKeep(context.Background(), in, Events{})
	if err != nil {
		t.Fatal(err)
	}
	other := builtIn(t, m, func(q *Question) { q.Classes, q.Score, q.Activation = []string{"3", "top2"}, target.Margin, "sigmoid" })
	want, err := other.Ask(context.Background(), in, Events{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := other.Reread(in, kept)
	if err != nil || text(t, got) != text(t, want) {
		t.Errorf("%v: %s\nwant %s", err, text(t, got), text(t, want))
	}
	if _, err := other.Reread(in, want); !errors.Is(err, obe.ErrNotKept) {
		t.Errorf("what was not kept: %v", err)
	}
	for name, j := range map[string]*Job{
		"fill":   builtIn(t, m, func(q *Question) { q.Fills = []Fill{"black"} }),
		"stride": builtIn(t, m, func(q *Question) { q.Strides = []obe.Size{q.Patches[0].Size} }),
		"region": builtIn(t, m, func(q *Question) { q.Region = obe.Region{X: 1, W: 127, H: 128} }),
		"naive":  builtIn(t, m, func(q *Question) { q.Mode = obe.Naive }),
	} {
		if _, err := j.Reread(in, kept); !errors.Is(err, obe.ErrNotKept) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

// TestViewsAreKept as far as is asked, and let go of by Close.
func TestViewsAreKept(t *testing.T) {
	m := loaded(t)
	j := builtIn(t, m, nil)
	in := readSample(t, j)
	in.Keep(m.Plan.ViewBytes())
	ask := func() *Answer {
		a, err := j.Ask(context.Background(), in, Events{})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	first := text(t, ask())
	if len(in.views.runs) != 1 {
		t.Fatalf("%d views are kept", len(in.views.runs))
	}
	views := in.views.runs[0].views
	if again := text(t, ask()); again != first || in.views.runs[0].views != views {
		t.Errorf("asked again: another clean run, or %s\nfirst %s", again, first)
	}
	in.Keep(m.Plan.ViewBytes() - 1)
	if len(in.views.runs) != 0 {
		t.Error("more views are kept than may be")
	}
	in.Keep(m.Plan.ViewBytes())
	ask()
	in.Close()
	if again := text(t, ask()); again != first || len(in.views.runs) != 0 {
		t.Errorf("views are kept behind Close, or %s", again)
	}
}

// TestCancelled: a question that is given up leaves no goroutine and no views, and one
// that waits for the clean run of another does not share its fate.
func TestCancelled(t *testing.T) {
	m := loaded(t)
	j := builtIn(t, m, nil)
	in := readSample(t, j)
	if _, err := j.Ask(context.Background(), in, Events{}); err != nil { // workers stay for a while
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	why := errors.New("enough")
	for range 20 {
		ctx, cancel := context.WithCancelCause(context.Background())
		var once sync.Once
		_, err := j.Ask(ctx, in, Events{Answered: func(int, int, []float32, int32) { once.Do(func() { cancel(why) }) }})
		if !errors.Is(err, why) {
			t.Fatalf("cancelled: %v", err)
		}
		cancel(nil)
	}
	gone, cancel := context.WithCancelCause(context.Background())
	cancel(why)
	if _, err := j.Ask(gone, in, Events{}); !errors.Is(err, why) {
		t.Errorf("cancelled before: %v", err)
	}
	if _, err := j.Ask(context.Background(), in, Events{}); err != nil {
		t.Errorf("asked after others were cancelled: %v", err)
	}
	if len(in.views.runs) != 0 {
		t.Errorf("%d views are kept", len(in.views.runs))
	}
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// TestSmall: what is kept to be drawn later is drawn alike.
func TestSmall(t *testing.T) {
	j := builtIn(t, loaded(t), nil)
	in := readSample(t, j)
	a, err := j.Ask(context.Background(), in, Events{})
	if err != nil {
		t.Fatal(err)
	}
	var want, got bytes.Buffer
	style := heatmap.Style{Alpha: .6, Colormap: "auto"}
	if err := a.WritePNG(&want, in, style, Imprint{Heatmap: "x.png"}); err != nil {
		t.Fatal(err)
	}
	if err := a.Small().WritePNG(&got, in.Drawable(), style, Imprint{Heatmap: "x.png"}); err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("%v: %d bytes, want %d", err, got.Len(), want.Len())
	}
}
