package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"krypton/internal/engine/asm"
	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/internal/region"
)

// builtin makes a job of the built-in model.
func builtin(t testing.TB, q Question, h explain.Host) (*Job, error) {
	t.Helper()
	f, err := model.Open("", model.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := f.Load(model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := n.Plan(q.Need())
	if err != nil {
		t.Fatal(err)
	}
	k, err := asm.Named("auto")
	if err != nil {
		t.Fatal(err)
	}
	return Prepare(f.Name, p.First, k, q, h)
}

// prepared is such a job, on one core.
func prepared(t testing.TB, q Question) *Job {
	t.Helper()
	j, err := builtin(t, q, explain.Host{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func question(t testing.TB, patch, stride string) Question {
	t.Helper()
	q := Question{Rounds: 1, Sample: 4}
	var err error
	if q.Patch, err = obe.ParseSize(patch); err == nil {
		q.Stride, err = obe.ParseSize(stride)
	}
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// TestMeasure: a map of few positions is counted as it is, and one of a sample is scaled
// to all; samples that are over in no time are made larger.
func TestMeasure(t *testing.T) {
	defer func(usual time.Duration) { least = usual }(least)
	least = 100 * time.Millisecond // a fifth of what all positions take, or less
	for _, positions := range []int{0, 4} {
		q := question(t, "32", "32")
		all := 16
		if q.Positions = positions; positions > 0 {
			q = question(t, "32", "1")
			q.Positions, all = positions, 97*97
		}
		r, err := prepared(t, q).Measure(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		few := r.ExactSampled < all
		if r.Positions != all || few != (positions > 0) || r.NaiveSampled <= q.Sample || r.NaiveSampled > all || r.WholeRuns < 3 {
			t.Errorf("%+v", r)
		}
		if took := r.Exact * float64(r.ExactSampled) / float64(all); few && took < .04 {
			t.Errorf("%d positions, in about %g s", r.ExactSampled, took)
		}
		if !(r.Whole > 0 && r.WholeMedian >= r.Whole && r.Exact > 0 && r.Naive > r.Whole && r.Ratio.Finite() && r.MultiplyAddsExact < int64(all)*r.MultiplyAdds) {
			t.Errorf("%+v", r)
		}
		var b bytes.Buffer
		if err := WriteTable(&b, []*Row{r}); err != nil || strings.Contains(b.String(), "exact is scaled") != (positions > 0) || !strings.Contains(b.String(), fmt.Sprintf("naive is scaled from %d positions", r.NaiveSampled)) {
			t.Errorf("%v: %s", err, b.String())
		}
	}
}

// TestMany: where whole runs are all that is measured, many of them are too, on each core.
func TestMany(t *testing.T) {
	defer func(usual time.Duration) { least = usual }(least)
	least = time.Millisecond
	q := question(t, "32", "32")
	q.WholeOnly = true
	j, err := builtin(t, q, explain.Host{Threads: 3})
	if err != nil {
		t.Fatal(err)
	}
	r, err := j.Measure(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r.ManyRuns < 3*3*manyEach || r.ManyRuns%(3*manyEach) != 0 || !(r.Many > 0 && r.ManyMedian >= r.Many && float64(r.ManyGFLOPs) > 0) || r.NaiveSampled != 0 {
		t.Errorf("%+v", r)
	}
	var b bytes.Buffer
	if err := WriteTable(&b, []*Row{r}); err != nil || !strings.Contains(b.String(), "shapes: many pictures") {
		t.Errorf("%v: %s", err, b.String())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := j.manyRuns(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("ended before it began: %v", err)
	}
}

// TestLayers: the steps are those of the plan, and their shares make the run.
func TestLayers(t *testing.T) {
	q := question(t, "25%", "25%")
	q.Positions = 4
	j := prepared(t, q)
	l, err := j.WholeLayers(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if l.Patch, err = j.PatchLayers(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*LayersRun{l.Whole, l.Patch} {
		sum := 0.0
		for _, s := range r.Steps {
			sum += s.MS
		}
		if len(r.Steps) < 5 || sum < .99*r.MS || sum > 1.01*r.MS {
			t.Errorf("%d steps take %g ms of %g", len(r.Steps), sum, r.MS)
		}
	}
	var b bytes.Buffer
	if err := WriteLayers(&b, []*Layers{l, l}); err != nil || strings.Count(b.String(), "one patch") != 2 {
		t.Errorf("%v: %s", err, b.String())
	}
	if _, err := json.Marshal(l); err != nil {
		t.Error(err)
	}
}

// TestUse: the input is what was given, in the order of the model's input, and all of it.
func TestUse(t *testing.T) {
	j := prepared(t, question(t, "32", "32"))
	run := func() []byte {
		v, err := j.Warm(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		out, err := j.Outputs(v)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	random := run()
	plane := j.plan.InputPlane()
	var in bytes.Buffer
	for c := range plane.C {
		for i := range plane.H * plane.W {
			if err := binary.Write(&in, binary.LittleEndian, j.base[i*plane.C+c]); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, data := range map[string][]byte{"short": in.Bytes()[:in.Len()-4], "long": append(in.Bytes()[:in.Len():in.Len()], 0)} {
		if err := j.Use(name, bytes.NewReader(data)); err == nil {
			t.Errorf("%s input was taken", name)
		} else if kind, _ := failure.Of(err); kind != failure.Data || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%v", err)
		}
	}
	clear(j.base)
	if bytes.Equal(run(), random) {
		t.Error("another picture gives the same outputs")
	}
	if err := j.Use("all", &in); err != nil || !bytes.Equal(run(), random) {
		t.Errorf("the same picture gives other outputs: %v", err)
	}
}

func TestRefused(t *testing.T) {
	for _, q := range []Question{{Sample: -1, Rounds: 1}, {Positions: -1, Rounds: 1}, {Rounds: 0}} {
		if err := q.Check(); err == nil {
			t.Errorf("%+v was taken", q)
		}
	}
	if _, err := builtin(t, question(t, "32", "32"), explain.Host{Threads: 1, Memory: 1}); err == nil {
		t.Error("no memory is enough")
	}
	if _, err := builtin(t, question(t, "400", "4"), explain.Host{Threads: 1}); err == nil {
		t.Error("a patch larger than the picture was taken")
	}
}

// TestSampleGrid: samples have about as many positions as were asked for, each from its
// own part of the grid.
func TestSampleGrid(t *testing.T) {
	g, err := obe.NewGrid(100, 60, [2]int{4, 4}, [2]int{4, 4}, obe.Cover, region.Rect{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 400 {
		s := sampleGrid(g, n, rand.New(rand.NewPCG(1, uint64(n))))
		switch {
		case n == 0 || n >= g.Len():
			if s.Len() != g.Len() {
				t.Errorf("%d: %d of %d", n, s.Len(), g.Len())
			}
		case s.Len() > n+len(g.Ys) || s.Len() < n/2:
			t.Errorf("%d positions for %d", s.Len(), n)
		}
		for i := 1; i < len(s.Ys); i++ {
			if s.Ys[i] <= s.Ys[i-1] {
				t.Fatal(s.Ys)
			}
		}
	}
}
