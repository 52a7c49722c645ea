package obe

import (
	"context"
	"math/rand/v2"
	"time"

	"krypton/internal/number"
)

// Prediction is how long a picture is expected to take.
type Prediction struct {
	// Views is the time of the clean run, Map that of all positions.
	Views, Map time.Duration
	// Sampled is the number of positions that were timed.
	Sampled int
}

// Predict times some positions of an exact map on noise, for about as long as
// budget says, and scales them by their multiply-adds. Of the task, the plan, the
// grid, the workers and the memory count.
func Predict(ctx context.Context, t Task, budget time.Duration) (Prediction, error) {
	plane := t.Plan.InputPlane()
	rng := rand.New(rand.NewPCG(1, 1))
	t.Mode, t.Verify, t.Compare, t.Mask = Exact, 0, 0, nil
	t.Base, t.Fill = make([]float32, plane.Len()), make([]float32, plane.Len())
	for i := range t.Base {
		t.Base[i] = rng.Float32()*2 - 1
	}
	whole := t.Grid
	all := whole.Count(t.Plan, nil, whole.Len())
	var p Prediction
	// The first sample warms up; samples grow until one lasts long enough.
	for n := 16; ; n *= 4 {
		t.Grid = whole.sample(n)
		r, err := Explain(ctx, t)
		if err != nil {
			return p, err
		}
		p.Sampled = t.Grid.Len()
		p.Views = r.Views
		scale := number.Ratio(float64(all), float64(r.MultiplyAddsIncremental))
		if !scale.Finite() { // a network without any
			scale = number.Ratio(float64(whole.Len()), float64(t.Grid.Len()))
		}
		p.Map = time.Duration(float64(r.Map) * float64(scale))
		if n > 16 && r.Map >= budget/4 || p.Sampled == whole.Len() {
			return p, nil
		}
	}
}

// sample is a grid of about n of the positions, spread evenly.
func (g *Grid) sample(n int) *Grid {
	s := *g
	if n >= g.Len() {
		return &s
	}
	pick := func(from []int, k int) []int {
		k = min(max(1, k), len(from))
		to := make([]int, k)
		for i := range to {
			to[i] = from[(2*i+1)*len(from)/(2*k)]
		}
		return to
	}
	rows := 1
	for rows*rows*len(g.Xs) < n*len(g.Ys) {
		rows++
	}
	s.Ys = pick(g.Ys, rows)
	s.Xs = pick(g.Xs, n/len(s.Ys))
	return &s
}
