package obe_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"krypton/internal/obe"
)

func answer(t *testing.T, task obe.Task) *obe.Result {
	t.Helper()
	r, err := obe.Explain(context.Background(), task)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestApproximate: what gives up nothing is exact; positions that a drill-down
// computes are exact and the others near; tau computes less; errors are
// measured and not taken for failures.
func TestApproximate(t *testing.T) {
	task := builtIn(t, 16, 4)
	exact := answer(t, task)
	task.Mode = obe.Approximate
	for _, a := range []obe.Approximation{{}, {Tau: 1}, {Steps: []int{1}}, {Steps: []int{4, 1}, DrillDown: 1}, {Steps: []int{6, 3, 1}, DrillDown: 1}} {
		task.Approximation = a
		r := answer(t, task)
		if !slices.Equal(r.Scores[0], exact.Scores[0]) || !slices.Equal(r.Winners, exact.Winners) || slices.Contains(r.Computed, false) {
			t.Errorf("%+v is not exact", a)
		}
		if r.MultiplyAddsIncremental != exact.MultiplyAddsIncremental {
			t.Errorf("%+v: %d multiply-adds, exact %d", a, r.MultiplyAddsIncremental, exact.MultiplyAddsIncremental)
		}
	}
	span := float64(slices.Max(exact.Scores[0])) - float64(slices.Min(exact.Scores[0]))

	task.Approximation = obe.Approximation{Steps: []int{4, 2, 1}, DrillDown: 0.2}
	r := answer(t, task)
	computed, worst := 0, 0.0
	for i, c := range r.Computed {
		d := math.Abs(float64(r.Scores[0][i] - exact.Scores[0][i]))
		if c {
			computed++
			if d != 0 {
				t.Errorf("computed position %d: %g, exact %g", i, r.Scores[0][i], exact.Scores[0][i])
			}
		}
		worst = max(worst, d)
	}
	n := len(r.Computed)
	if computed < n/16 || computed > n/2 || worst == 0 || worst > span/2 {
		t.Errorf("%d of %d computed, largest error %g of %g", computed, n, worst, span)
	}
	// The lowest position is the most important one: it was drilled down to.
	lowest := slices.Index(exact.Scores[0], slices.Min(exact.Scores[0]))
	if !r.Computed[lowest] {
		t.Errorf("the lowest score was interpolated")
	}

	task.Approximation, task.Verify = obe.Approximation{Tau: 0.5}, 20
	r = answer(t, task)
	if e := r.Error; e == nil || e.Positions != 20 || !(e.Mean > 0) || e.Mean > e.Largest || float64(e.Largest) > span {
		t.Errorf("measured error %+v of a range of %g", e, span)
	}
	if r.MultiplyAddsIncremental >= exact.MultiplyAddsIncremental || r.Verified != 0 {
		t.Errorf("%d multiply-adds, exact %d; %d verified", r.MultiplyAddsIncremental, exact.MultiplyAddsIncremental, r.Verified)
	}

	for _, bad := range []obe.Approximation{{Tau: -1}, {Tau: 1.5}, {Tau: math.NaN()}, {Epsilon: -1}, {Epsilon: math.NaN()}, {Steps: []int{3, 2, 1}}, {Steps: []int{2}}, {Steps: []int{0}}, {DrillDown: 2}} {
		task.Approximation = bad
		if _, err := obe.Explain(context.Background(), task); !errors.Is(err, obe.ErrTask) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// TestWithin: a map whose time is up has its first step, and no more than it had
// time for; one with time enough equals the exact map bit for bit.
func TestWithin(t *testing.T) {
	task := builtIn(t, 16, 4)
	exact, err := obe.Explain(context.Background(), task)
	if err != nil {
		t.Fatal(err)
	}
	task.Mode = obe.Approximate
	for _, c := range []struct {
		within time.Duration
		late   bool
	}{{time.Nanosecond, true}, {time.Hour, false}} {
		task.Approximation = obe.Approximation{Steps: obe.Anytime, DrillDown: 1, Within: c.within}
		r, err := obe.Explain(context.Background(), task)
		if err != nil {
			t.Fatal(err)
		}
		computed := 0
		for i, ok := range r.Computed {
			if ok {
				computed++
				if math.Float32bits(r.Scores[0][i]) != math.Float32bits(exact.Scores[0][i]) {
					t.Fatalf("within %v: position %d has %g, the exact map %g", c.within, i, r.Scores[0][i], exact.Scores[0][i])
				}
			}
		}
		if r.Late != c.late || (computed == len(r.Computed)) == c.late || computed < len(r.Computed)/100 {
			t.Errorf("within %v: late %v, %d of %d positions", c.within, r.Late, computed, len(r.Computed))
		}
	}
	for _, a := range []obe.Approximation{{Within: time.Second}, {Within: -1, Steps: obe.Anytime}} {
		if a.Validate() == nil {
			t.Errorf("%+v is accepted", a)
		}
	}
}
