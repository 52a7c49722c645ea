package obe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"gonum.org/v1/gonum/interp"

	"krypton/internal/incremental"
	"krypton/internal/number"
)

// Approximation says what a map may give up for speed. The zero value is exact.
type Approximation struct {
	// Tau bounds regions to this share of each layer's plane (see
	// incremental.Tau); 0 and 1 bound nothing.
	Tau float64 `yaml:"tau,omitempty" json:"tau,omitempty"`
	// Epsilon drops border pixels of regions that moved by less than this
	// share of the layer's scale (see incremental.Options.Epsilon).
	Epsilon float64 `yaml:"epsilon,omitempty" json:"epsilon,omitempty"`
	// Gates leaves pixels that nothing else changes as they are where a gate (squeeze and
	// excitation) moves them by less than this share of the layer's scale, on the mean
	// (see incremental.Options.Gates). It has no effect on models without gates.
	Gates float64 `yaml:"gates,omitempty" json:"gates,omitempty"`
	// Shortlist, if not 0, is the number of classes that are computed, the
	// likeliest on the clean image; the others keep its logits. It has no
	// effect on models whose last layers mix classes.
	Shortlist int `yaml:"shortlist,omitempty" json:"shortlist,omitempty"`
	// Steps, if set, computes a part of the grid only, from coarse to fine:
	// first every Steps[0]-th row and column (and the last), then on every
	// Steps[1]-th ... those positions where the map, interpolated from what
	// is there, is among the DrillDown share of largest drops. The others
	// keep the interpolated score. The last step is 1.
	Steps []int `yaml:"steps,omitempty,flow" json:"steps,omitempty"`
	// Checkerboard computes every other position first, like the black
	// squares of a chess board, then the DrillDown share of all positions
	// where the computed neighbours differ most. It excludes Steps.
	Checkerboard bool    `yaml:"checkerboard,omitempty" json:"checkerboard,omitempty"`
	DrillDown    float64 `yaml:"drill_down,omitempty" json:"drill_down,omitempty"`
	// Within, if not 0, ends the map when so much time has passed since
	// Explain began: positions not reached then keep the interpolated score.
	// The first step's are always computed. It needs Steps; within a step the
	// positions of the largest drops come first.
	Within time.Duration `yaml:"-" json:"-"`
}

// Anytime are the steps of a map whose end is a matter of time, with all
// positions of each step.
var Anytime = []int{8, 4, 2, 1}

// Exact says whether nothing is given up.
func (a Approximation) Exact() bool {
	return (a.Tau == 0 || a.Tau == 1) && a.Epsilon == 0 && a.Gates == 0 && a.Shortlist == 0 && len(a.Steps) == 0 && !a.Checkerboard
}

// Partial says whether a part of the positions may be left to their neighbours.
func (a Approximation) Partial() bool { return len(a.Steps) > 0 || a.Checkerboard }

// Validate fails where a number is out of range.
func (a Approximation) Validate() error {
	in01 := func(v float64) bool { return v >= 0 && v <= 1 }
	switch {
	case !in01(a.Tau):
		return fmt.Errorf("tau is %g, want above 0 and up to 1", a.Tau)
	case !(a.Epsilon >= 0) || math.IsInf(a.Epsilon, 1):
		return fmt.Errorf("epsilon is %g, want 0 or more", a.Epsilon)
	case !(a.Gates >= 0) || math.IsInf(a.Gates, 1):
		return fmt.Errorf("gates is %g, want 0 or more", a.Gates)
	case a.Shortlist < 0:
		return fmt.Errorf("a shortlist of %d classes", a.Shortlist)
	case a.Checkerboard && len(a.Steps) > 0:
		return errors.New("steps and a checkerboard exclude each other")
	case a.Within < 0 || a.Within > 0 && len(a.Steps) == 0:
		return fmt.Errorf("a map within %v needs steps", a.Within)
	case !in01(a.DrillDown):
		return fmt.Errorf("the share to drill down is %g, want 0 to 1", a.DrillDown)
	}
	for i, s := range a.Steps {
		if s < 1 || i > 0 && (s >= a.Steps[i-1] || a.Steps[i-1]%s != 0) {
			return fmt.Errorf("steps %v: each must be a smaller divisor of the one before", a.Steps)
		}
	}
	if n := len(a.Steps); n > 0 && a.Steps[n-1] != 1 {
		return fmt.Errorf("steps %v: the last must be 1", a.Steps)
	}
	return nil
}

// options are the engine's part of an approximation.
func (a Approximation) options(o incremental.Options) incremental.Options {
	o.Policy, o.Epsilon, o.Gates = a.Policy(), a.Epsilon, a.Gates
	return o
}

// Policy is what cuts regions down, nil for nothing.
func (a Approximation) Policy() incremental.Policy {
	if a.Tau > 0 && a.Tau < 1 {
		return incremental.Tau(a.Tau)
	}
	return nil
}

// Share is the part of a grid's positions that are computed: of one that ends with time,
// all of them.
func (a Approximation) Share(g *Grid) float64 {
	computed, n := 0, g.Len()
	r := &Result{Base: make([]float32, 1), Scores: [][]float32{make([]float32, n)}}
	a.Within = 0
	if err := a.levels(g, r, func(int) bool { return false }, func(pick []int) error { computed += len(pick); return nil }, nil); err != nil {
		return 1
	}
	return float64(computed) / float64(n)
}

// timedBlock is the number of positions between two looks at the clock.
const timedBlock = 128

// levels runs the positions of a grid from coarse to fine. compute answers some
// positions; free ones cost nothing and are always answered. late says that time
// is up.
func (a Approximation) levels(g *Grid, r *Result, free func(i int) bool, compute func(pick []int) error, late func() bool) error {
	n := g.Len()
	r.Computed = make([]bool, n)
	began := false
	take := func(pick []int) error {
		for len(pick) > 0 {
			part := pick
			if a.Within > 0 && began {
				if late() {
					r.Late = true
					return nil
				}
				part = pick[:min(len(pick), timedBlock)]
			}
			pick = pick[len(part):]
			if err := compute(part); err != nil {
				return err
			}
			for _, i := range part {
				r.Computed[i] = true
			}
		}
		began = true
		return nil
	}
	if a.Checkerboard {
		return a.checkerboard(g, r, free, take)
	}
	if len(a.Steps) == 0 {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return take(all)
	}
	rows, cols := coarse(len(g.Ys), a.Steps[0]), coarse(len(g.Xs), a.Steps[0])
	first := make([]bool, n)
	for _, y := range rows {
		for _, x := range cols {
			first[y*len(g.Xs)+x] = true
		}
	}
	var pick []int
	for i := range n {
		if first[i] || free(i) {
			pick = append(pick, i)
		}
	}
	if err := take(pick); err != nil {
		return err
	}
	for _, step := range a.Steps[1:] {
		fineRows, fineCols := coarse(len(g.Ys), step), coarse(len(g.Xs), step)
		for k := range r.Scores {
			if err := interpolate(g, r.Scores[k], r.Computed, rows, cols, fineRows, fineCols); err != nil {
				return err
			}
		}
		nearestWinners(g, r, rows, cols, fineRows, fineCols)
		if err := take(a.important(g, r, fineRows, fineCols)); err != nil {
			return err
		}
		rows, cols = fineRows, fineCols
	}
	return nil
}

// coarse are every step-th of n indices, and the last.
func coarse(n, step int) []int {
	var at []int
	for i := 0; i < n; i += step {
		at = append(at, i)
	}
	if at[len(at)-1] != n-1 {
		at = append(at, n-1)
	}
	return at
}

// important picks the positions of a level that are not computed yet and whose
// drop, as far as is known, is among the largest of the level: of any class.
func (a Approximation) important(g *Grid, r *Result, rows, cols []int) []int {
	drop := func(i int) float64 {
		most := math.Inf(-1)
		for k := range r.Scores {
			d := float64(r.Base[k]) - float64(r.Scores[k][i])
			if d != d {
				return math.Inf(1)
			}
			most = max(most, d)
		}
		return most
	}
	var level []int
	for _, y := range rows {
		for _, x := range cols {
			level = append(level, y*len(g.Xs)+x)
		}
	}
	sort.SliceStable(level, func(i, j int) bool { return drop(level[i]) > drop(level[j]) })
	var pick []int
	for _, i := range level[:int(math.Round(a.DrillDown*float64(len(level))))] {
		if !r.Computed[i] {
			pick = append(pick, i)
		}
	}
	if a.Within == 0 {
		slices.Sort(pick)
	}
	return pick
}

// interpolate fills the positions of the fine rows and columns that are not
// computed from those of the coarse ones, by cubic splines along rows, then
// along columns.
func interpolate(g *Grid, scores []float32, computed []bool, rows, cols, fineRows, fineCols []int) error {
	along := func(xs []float64, ys []float64) (func(float64) float64, error) {
		if len(xs) == 1 {
			return func(float64) float64 { return ys[0] }, nil
		}
		var p interp.FittablePredictor = &interp.AkimaSpline{}
		if len(xs) < 3 || slices.ContainsFunc(ys, func(y float64) bool { return math.IsNaN(y) || math.IsInf(y, 0) }) {
			p = &interp.PiecewiseLinear{}
		}
		if err := p.Fit(xs, ys); err != nil {
			return nil, fmt.Errorf("interpolating a map: %w", err)
		}
		return p.Predict, nil
	}
	offsets := func(of, at []int) []float64 {
		f := make([]float64, len(at))
		for i, k := range at {
			f[i] = float64(of[k])
		}
		return f
	}
	xs, ys := offsets(g.Xs, cols), offsets(g.Ys, rows)
	w := len(g.Xs)
	// wide[row][fine column] on the coarse rows.
	wide := make([][]float64, len(rows))
	for i, y := range rows {
		line := make([]float64, len(cols))
		for k, x := range cols {
			line[k] = float64(scores[y*w+x])
		}
		f, err := along(xs, line)
		if err != nil {
			return err
		}
		for _, x := range fineCols {
			wide[i] = append(wide[i], f(float64(g.Xs[x])))
		}
	}
	column := make([]float64, len(rows))
	for k, x := range fineCols {
		for i := range rows {
			column[i] = wide[i][k]
		}
		f, err := along(ys, column)
		if err != nil {
			return err
		}
		for _, y := range fineRows {
			if !computed[y*w+x] {
				scores[y*w+x] = float32(f(float64(g.Ys[y])))
			}
		}
	}
	return nil
}

// nearestWinners gives positions that are not computed the winner of the
// nearest coarse one.
func nearestWinners(g *Grid, r *Result, rows, cols, fineRows, fineCols []int) {
	nearest := func(at []int, i int) int {
		k, _ := slices.BinarySearch(at, i)
		if k == len(at) || k > 0 && i-at[k-1] < at[k]-i {
			k--
		}
		return at[k]
	}
	for _, y := range fineRows {
		for _, x := range fineCols {
			if i := y*len(g.Xs) + x; r.Winners != nil && !r.Computed[i] {
				r.Winners[i] = r.Winners[nearest(rows, y)*len(g.Xs)+nearest(cols, x)]
			}
		}
	}
}

// MeasuredError is how far an approximate map is from whole runs at some
// positions drawn at random.
type MeasuredError struct {
	Positions int
	// Mean and Largest are absolute differences of the first item's score.
	Mean, Largest number.Double
	// Range is the range of the map's scores, to compare them with.
	Range number.Double
}

// measure recomputes random positions whole, in float32 if there is a reference, and
// compares them with the map.
func (t *Task) measure(ctx context.Context, views *incremental.Views, moved *reference, r *Result) error {
	truth := *t
	if moved != nil {
		truth.Plan, views = moved.plan, moved.views
	}
	var order []int
	masked := newChanges(t, true).masked
	for _, i := range rand.New(rand.NewPCG(t.Seed, 1)).Perm(t.Grid.Len()) {
		if !masked[i] {
			order = append(order, i)
		}
	}
	pick := order[:min(t.Verify, len(order))]
	if len(pick) == 0 {
		return nil
	}
	e := &MeasuredError{Positions: len(pick), Range: number.Double(slices.Max(r.Scores[0])) - number.Double(slices.Min(r.Scores[0]))}
	scorer, scores := r.Bound.Scorer(), make([]float32, len(r.Items))
	if t.Checking != nil {
		t.Checking(0, len(pick))
	}
	block := t.block(r)
	for lo := 0; lo < len(pick); lo += block {
		part := pick[lo:min(lo+block, len(pick))]
		whole, _, err := truth.rerun(ctx, views, part, true, plainly)
		if err != nil {
			return err
		}
		for i, outs := range whole {
			scorer.Score(scores, outs)
			d := number.Double(math.Abs(float64(scores[0]) - float64(r.Scores[0][part[i]])))
			e.Mean += d / number.Double(len(pick))
			if d > e.Largest || d != d {
				e.Largest = d
			}
		}
		if t.Checking != nil {
			t.Checking(lo+len(part), len(pick))
		}
	}
	r.Error = e
	return nil
}

// PartialMap is what computing a part of a map would have given.
type PartialMap struct {
	Scores []float32 // of the first item
	// Share is the part of the positions that would have been computed.
	Share float64
}

// Part says what a's steps would have made of a map whose every position has
// been computed: tuning tries them without running the network again.
func Part(g *Grid, full *Result, a Approximation) (*PartialMap, error) {
	n := g.Len()
	r := &Result{Base: full.Base[:1], Scores: [][]float32{make([]float32, n)}, Winners: make([]int32, n)}
	computed := 0
	err := a.levels(g, r, func(int) bool { return false }, func(pick []int) error {
		for _, i := range pick {
			r.Scores[0][i] = full.Scores[0][i]
		}
		computed += len(pick)
		return nil
	}, nil)
	return &PartialMap{r.Scores[0], float64(computed) / float64(n)}, err
}
