package obe_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"krypton/internal/incremental"
	"krypton/internal/obe"
	"krypton/internal/prediction"
	"krypton/internal/region"
	"krypton/internal/target"
)

// TestShortlist: scores are those of a softmax over logits of which only the
// listed ones follow the patch; a list of all classes is exact; more of them are
// nearer; what the list cannot do is done without it.
func TestShortlist(t *testing.T) {
	task := builtIn(t, 16, 8)
	exact := answer(t, task)
	classes := len(exact.Probabilities)
	head, ok := task.Plan.Head(0)
	if !ok || classes < 4 {
		t.Fatalf("the built-in model has no head, or %d classes", classes)
	}
	views, err := task.Plan.Materialize(context.Background(), slices.Clone(task.Base), 1)
	if err != nil {
		t.Fatal(err)
	}
	clean := slices.Clone(head.Logits(views))
	// Every position's logits, by the plan of all classes.
	all := make([]int, classes)
	for i := range all {
		all[i] = i
	}
	whole, wholeViews, err := head.Keep(views, all)
	if err != nil {
		t.Fatal(err)
	}
	logits := make([][]float32, task.Grid.Len())
	err = whole.Update(context.Background(), wholeViews, patchesOf(task), incremental.Options{Workers: 2}, func(i int, r incremental.Results) error {
		f, err := r.Floats(0)
		logits[i] = slices.Clone(f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}

	task.Mode = obe.Approximate
	last := math.Inf(1)
	for n := 1; n < classes; n++ {
		task.Approximation = obe.Approximation{Shortlist: n}
		r := answer(t, task)
		kept := prediction.Top(clean, n) // the mapped class is the first of them
		if r.Shortlisted != n || !slices.Contains(kept, r.Items[0].Index) {
			t.Fatalf("%d classes, %d computed, %v kept, %v mapped", n, r.Shortlisted, kept, r.Items)
		}
		worst, p := 0.0, make([]float32, classes)
		for i := range logits {
			mixed := slices.Clone(clean)
			for _, c := range kept {
				mixed[c] = logits[i][c]
			}
			prediction.Reading{Activation: prediction.Softmax}.Apply(p, mixed)
			if got, want := r.Scores[0][i], p[r.Items[0].Index]; math.Abs(float64(got-want)) > 1e-5 {
				t.Fatalf("%d classes, position %d: %g, want %g", n, i, got, want)
			}
			if got, want := int(r.Winners[i]), prediction.Winner(p); p[got] != p[want] {
				t.Fatalf("%d classes, position %d: %d wins, want %d", n, i, got, want)
			}
			worst = max(worst, math.Abs(float64(r.Scores[0][i]-exact.Scores[0][i])))
		}
		if n == classes-1 && worst > last {
			t.Errorf("all but one class: error %g, %g with fewer", worst, last)
		}
		last = worst
		if r.MultiplyAddsIncremental > exact.MultiplyAddsIncremental {
			t.Errorf("%d classes: %d multiply-adds, exact %d", n, r.MultiplyAddsIncremental, exact.MultiplyAddsIncremental)
		}
	}

	task.Approximation = obe.Approximation{Shortlist: classes}
	if r := answer(t, task); !slices.Equal(r.Scores[0], exact.Scores[0]) || r.Shortlisted != 0 {
		t.Errorf("a list of all classes: not exact, or %d computed", r.Shortlisted)
	}
	task.Approximation.Shortlist = 2
	task.Target = target.Classes{Reading: reading(t, task.Plan), Score: target.Margin}
	margins := answer(t, task)
	for i, m := range margins.Scores[0] {
		if (m < 0) != (int(margins.Winners[i]) != margins.Items[0].Index) && m != 0 {
			t.Errorf("position %d: a margin of %g, and %d wins over %d", i, m, margins.Winners[i], margins.Items[0].Index)
		}
	}
	task.Target, task.Mode = target.Classes{Reading: reading(t, task.Plan), Score: target.Entropy}, obe.Exact
	entropy := answer(t, task)
	task.Mode = obe.Approximate
	if r := answer(t, task); !slices.Equal(r.Scores[0], entropy.Scores[0]) || r.Shortlisted != 0 {
		t.Errorf("the entropy of all classes: %d computed", r.Shortlisted)
	}
}

// patches are a task's positions as changes of its input.
type patches struct{ obe.Task }

func patchesOf(t obe.Task) patches { return patches{t} }

func (p patches) Len() int               { return p.Grid.Len() }
func (p patches) Rect(i int) region.Rect { return p.Grid.Rect(i) }
func (p patches) Write(i int, dst []float32) {
	r, plane := p.Rect(i), p.Plan.InputPlane()
	n := r.X.Len() * plane.C
	for y := range r.Y.Len() {
		copy(dst[y*n:(y+1)*n], p.Fill[((r.Y.Lo+y)*plane.W+r.X.Lo)*plane.C:])
	}
}

// TestAnchor: held to its own plan a map stays what it is; held to another, the
// clean image's scores are that one's, and errors are measured against it.
func TestAnchor(t *testing.T) {
	task := builtIn(t, 16, 8)
	exact := answer(t, task)
	task.Mode, task.Reference, task.Verify = obe.Approximate, task.Plan, 9
	for _, a := range []obe.Approximation{{}, {Shortlist: 2}} {
		task.Approximation = a
		r := answer(t, task)
		if !slices.Equal(r.Base, exact.Base) {
			t.Errorf("%+v: base %v, want %v", a, r.Base, exact.Base)
		}
		if a.Shortlist == 0 {
			for i, v := range r.Scores[0] {
				if math.Abs(float64(v-exact.Scores[0][i])) > 1e-6 {
					t.Fatalf("position %d: %g, want %g", i, v, exact.Scores[0][i])
				}
			}
			if r.Error == nil || r.Error.Positions != 9 || r.Error.Largest > 1e-6 {
				t.Errorf("measured error %+v", r.Error)
			}
		}
	}
	low := plan(t, incremental.CompileOptions{Precision: incremental.BF16})
	if low.Precision() != incremental.BF16 {
		t.Skip("this processor has no AVX512_BF16")
	}
	task.Approximation = obe.Approximation{}
	task.Plan = low
	errors := map[bool]float64{}
	for _, held := range []bool{false, true} {
		if !held {
			task.Reference = nil
		} else {
			task.Reference = plan(t, incremental.CompileOptions{})
		}
		r := answer(t, task)
		if held != slices.Equal(r.Base, exact.Base) {
			t.Errorf("held %v: base %v, exact %v", held, r.Base, exact.Base)
		}
		for i, v := range r.Scores[0] {
			errors[held] += math.Abs(float64(v - exact.Scores[0][i]))
		}
		if held && (r.Error == nil || !(r.Error.Mean > 0)) {
			t.Errorf("measured against float32: %+v", r.Error)
		}
	}
	if !(errors[true] < errors[false]) {
		t.Errorf("error %g held to float32, %g free", errors[true], errors[false])
	}
}

// TestCheckerboard: black squares are exact, so are as many white ones as the
// share says, and the rest is near; all of them make the exact map.
func TestCheckerboard(t *testing.T) {
	task := builtIn(t, 16, 4)
	exact := answer(t, task)
	span := float64(slices.Max(exact.Scores[0]) - slices.Min(exact.Scores[0]))
	w, n := len(task.Grid.Xs), task.Grid.Len()
	task.Mode = obe.Approximate
	mean := func(r *obe.Result) float64 {
		sum := 0.0
		for i, v := range r.Scores[0] {
			sum += math.Abs(float64(v - exact.Scores[0][i]))
		}
		return sum / float64(n)
	}
	last := math.Inf(1)
	for _, share := range []float64{0, 0.1, 0.3, 1} {
		task.Approximation = obe.Approximation{Checkerboard: true, DrillDown: share}
		r := answer(t, task)
		computed := 0
		for i, c := range r.Computed {
			if c {
				computed++
				if math.Float32bits(r.Scores[0][i]) != math.Float32bits(exact.Scores[0][i]) {
					t.Fatalf("share %g, position %d: %g, exact %g", share, i, r.Scores[0][i], exact.Scores[0][i])
				}
			} else if (i/w+i%w)%2 == 0 {
				t.Fatalf("share %g: black square %d is not computed", share, i)
			}
		}
		if want := min(n, (n+1)/2+int(math.Round(share*float64(n)))); computed < want || computed > want+n/20 {
			t.Errorf("share %g: %d of %d computed, want %d and those that cost nothing", share, computed, n, want)
		}
		m := mean(r)
		if m > last || m > span/20 {
			t.Errorf("share %g: mean error %g of a range of %g, %g with less", share, m, span, last)
		}
		last = m
	}
	if last != 0 {
		t.Errorf("all squares: mean error %g", last)
	}
	// Columns, rows and single positions are boards too.
	for _, stride := range [][2]int{{4, 200}, {200, 4}, {200, 200}} {
		g := *task.Grid
		g.Ys, g.Xs = g.Ys[:1+(len(g.Ys)-1)*4/stride[0]], g.Xs[:1+(len(g.Xs)-1)*4/stride[1]]
		small := task
		small.Grid, small.Approximation = &g, obe.Approximation{Checkerboard: true}
		r := answer(t, small)
		for i, v := range r.Scores[0] {
			if v != v || math.Abs(float64(v)-float64(exact.Scores[0][i/len(g.Xs)*w+i%len(g.Xs)])) > span/2 {
				t.Errorf("%d x %d positions: %d is %g", len(g.Ys), len(g.Xs), i, v)
			}
		}
	}
	task.Approximation.Steps = []int{2, 1}
	if task.Approximation.Validate() == nil {
		t.Error("steps and a checkerboard together pass")
	}
}
