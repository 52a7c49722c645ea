package obe_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"krypton/internal/obe"
)

// TestWithinIsBounded: a map that ended early says how similar it is, by samples that are the
// exact map's, and the truth is no less; one that was computed to its end is the exact map; one
// that there was no time to sample says nothing.
func TestWithinIsBounded(t *testing.T) {
	ctx := context.Background()
	exact := builtIn(t, 16, 5)
	truth, err := obe.Explain(ctx, exact)
	if err != nil {
		t.Fatal(err)
	}
	// within gives so much time, of which none passes until so many positions are answered, and
	// then all.
	within := func(d time.Duration, positions int) *obe.Result {
		task := builtIn(t, 16, 5)
		task.Mode, task.Seed, task.Workers = obe.Approximate, 7, 1
		task.Approximation = obe.Approximation{Steps: obe.Anytime, DrillDown: 1, Within: d}
		answered, begin := 0, time.Unix(0, 0)
		task.Answered = func(int, []float32, int32) { answered++ }
		task.SetClock(func() time.Time {
			if answered >= positions {
				return begin.Add(d)
			}
			return begin
		})
		r, err := obe.Explain(ctx, task)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := within(time.Hour, 1<<30)
	if c := r.Certificate; c == nil || c.Reason == "" || c.Bound() != 1 || c.Exact != c.Positions() || !slices.Equal(r.Scores[0], truth.Scores[0]) {
		t.Errorf("with time enough: %+v", c)
	}
	r = within(time.Second, 200)
	c := r.Certificate
	if c == nil || !r.Late || c.Sampled < 80 || c.Interpolated == 0 || c.Exact+c.Interpolated != c.Positions() || c.Reason != "" {
		t.Fatalf("ended early: %+v", c)
	}
	scores, rendered := similarities(t, truth, r, len(exact.Grid.Xs))
	if !(float64(c.Scores) > 0) || scores < float64(c.Scores) || rendered < float64(*c.Rendered) {
		t.Errorf("%g and %g, said to be at least %g and %g", scores, rendered, c.Scores, *c.Rendered)
	}
	for i, done := range r.Computed {
		if done && r.Scores[0][i] != truth.Scores[0][i] {
			t.Fatalf("position %d was computed: %g, want %g", i, r.Scores[0][i], truth.Scores[0][i])
		}
	}
	if r = within(time.Second, 1); r.Certificate != nil || !r.Late {
		t.Errorf("no time: %+v", r.Certificate)
	}
}

// TestFewPositions: why a map is not certified is said for what it is.
func TestFewPositions(t *testing.T) {
	for want, change := range map[string]func(*obe.Task){
		"the mask leaves too few positions to sample":                                                                func(t *obe.Task) { t.Mask = make([]bool, t.Grid.Plane[0]*t.Grid.Plane[1]) },
		"the patch changes the picture at too few positions to sample: elsewhere the fill is what the picture shows": func(t *obe.Task) { t.Base = t.Fill },
	} {
		task := certified(t, 7, 0.9)
		change(&task)
		r, err := obe.Explain(context.Background(), task)
		if err != nil {
			t.Fatal(err)
		}
		if r.Certificate.Reason != want {
			t.Errorf("%q, want %q", r.Certificate.Reason, want)
		}
	}
}
