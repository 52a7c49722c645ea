package obe_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"krypton/internal/incremental"
	"krypton/internal/obe"
	"krypton/internal/quality"
)

// certified is the task of a certified map in eight bits, where there are any.
func certified(t *testing.T, stride int, ssim float64) obe.Task {
	t.Helper()
	task := builtIn(t, 16, stride)
	task.Mode, task.Seed = obe.Approximate, 3
	low := plan(t, incremental.CompileOptions{Dynamic: true, Precision: incremental.INT8})
	if low.Precision() != incremental.FP32 {
		task.Reference = task.Plan
	}
	task.Plan = low
	task.Certify = &obe.Certify{SSIM: ssim, Always: true, Rungs: []obe.Approximation{{Tau: 0.3, Epsilon: 0.5}, {Epsilon: 0.05}, {Epsilon: 0.01}}}
	return task
}

// similarities are those of a map to the exact one, of their scores and rendered.
func similarities(t *testing.T, truth, r *obe.Result, cols int) (scores, rendered float64) {
	t.Helper()
	scores, err := quality.SSIMScores(truth.Scores[0], r.Scores[0], cols)
	if err != nil {
		t.Fatal(err)
	}
	rendered, err = quality.SSIMPaper(truth.Scores[0], r.Scores[0], cols, truth.Base[0])
	if err != nil {
		t.Fatal(err)
	}
	return scores, rendered
}

// TestCertified: a map meets the wish by its bound, keeps the samples' exact scores, counts
// its positions, and is the same for a seed whatever the workers are; a picture's bound is
// no longer than the truth here.
func TestCertified(t *testing.T) {
	ctx := context.Background()
	exact := builtIn(t, 16, 6)
	truth, err := obe.Explain(ctx, exact)
	if err != nil {
		t.Fatal(err)
	}
	for _, wish := range []float64{0.7, 0.95} {
		task := certified(t, 6, wish)
		r, err := obe.Explain(ctx, task)
		if err != nil {
			t.Fatal(err)
		}
		c := r.Certificate
		if c == nil || c.Bound() < wish || c.Wish != wish || c.Positions() != task.Grid.Len()-r.Skipped || c.Sampled < 64 || c.Exact < c.Sampled && c.Reason == "" {
			t.Fatalf("wish %g: %+v", wish, c)
		}
		scores, rendered := similarities(t, truth, r, len(task.Grid.Xs))
		if scores < float64(c.Scores) || rendered < float64(*c.Rendered) {
			t.Errorf("wish %g: %g and %g are less than %+v", wish, scores, rendered, c)
		}
		task.Workers = 1
		again, err := obe.Explain(ctx, task)
		if err != nil || !slices.Equal(again.Scores[0], r.Scores[0]) || again.Certificate.Scores != c.Scores {
			t.Errorf("wish %g: another map with one worker: %+v, %v", wish, again.Certificate, err)
		}
		equal := 0
		for i, v := range r.Scores[0] {
			if v == truth.Scores[0][i] {
				equal++
			}
		}
		if equal < c.Exact*9/10 { // plans may round otherwise
			t.Errorf("wish %g: %d of %d exact scores are the exact map's", wish, equal, c.Exact)
		}
	}
}

// TestCertifiedExactly: where nothing can be certified the map is exact and says why.
func TestCertifiedExactly(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		stride int
		ssim   float64
		change func(*obe.Task)
	}{
		"few positions": {16, 0.9, func(*obe.Task) {}},
		"nothing less":  {7, 1, func(*obe.Task) {}},
		"small":         {7, 0.9, func(t *obe.Task) { t.Certify.Always = false }},
		"all masked":    {7, 0.9, func(t *obe.Task) { t.Mask = make([]bool, t.Grid.Plane[0]*t.Grid.Plane[1]) }},
	} {
		task := certified(t, c.stride, c.ssim)
		c.change(&task)
		exact := builtIn(t, 16, c.stride)
		exact.Mask = task.Mask
		want, err := obe.Explain(ctx, exact)
		if err != nil {
			t.Fatal(err)
		}
		r, err := obe.Explain(ctx, task)
		if err != nil {
			t.Fatal(err)
		}
		if r.Certificate.Reason == "" || r.Certificate.Bound() != 1 {
			t.Errorf("%s: %+v", name, r.Certificate)
		}
		if task.Reference != nil && !slices.Equal(r.Scores[0], want.Scores[0]) {
			t.Errorf("%s: the map is not the exact one", name)
		}
	}
	task := certified(t, 16, 0)
	if _, err := obe.Explain(ctx, task); !errors.Is(err, obe.ErrTask) {
		t.Errorf("no wish: %v", err)
	}
}
