package tune

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"krypton/internal/incremental"
	"krypton/internal/obe"
	"krypton/internal/quality"
	"krypton/internal/region"
	"krypton/internal/target"
)

// The settings that are measured: every tau with every epsilon, with and without gates, by
// running the network, and on each of the maps every way to compute a part of it only.
var (
	taus     = []float64{1, 0.8, 0.6, 0.5, 0.4, 0.3}
	epsilons = []float64{0, 0.02, 0.05, 0.1, 0.2}
	steps    = [][]int{{2, 1}, {3, 1}, {4, 1}, {4, 2, 1}}
	shares   = []float64{0, 0.1, 0.25, 0.5}
	// boards are the shares computed beyond a checkerboard.
	boards = []float64{0, 0.05, 0.1, 0.15, 0.2, 0.3}
)

// Shortlist is the number of classes that approximate maps compute where a model
// lets them leave others out.
const Shortlist = 64

// tausOf are those that are tried on a grid: random masks cover parts of all the picture, and
// have no region that could be cut.
func tausOf(g *obe.Grid) []float64 {
	if _, random := g.Covers.(*obe.Masks); random {
		return taus[:1]
	}
	return taus
}

// thresholds are what a change must pass on its way, the weakest first: of a layer's pixels,
// and, in networks with gates (squeeze and excitation), of what a gate moves.
func thresholds(plan *incremental.Plan) []obe.Approximation {
	var all []obe.Approximation
	for _, eps := range epsilons {
		all = append(all, obe.Approximation{Epsilon: eps})
	}
	if plan.Gates() == 0 {
		return all
	}
	for _, eps := range epsilons[1:] {
		// One threshold for both, as certified maps have it: what a gate moves by less is as
		// little as what a border drops.
		all = append(all, obe.Approximation{Epsilon: eps, Gates: eps})
	}
	return all
}

// fillings are the ways to compute a part of a map with the regions of a: of patches of a
// list, which have no neighbours, all of it.
func fillings(g *obe.Grid, a obe.Approximation) []obe.Approximation {
	all := []obe.Approximation{a}
	if g.Listed() != nil {
		return all
	}
	for _, st := range steps {
		for _, share := range shares {
			b := a
			b.Steps, b.DrillDown = st, share
			all = append(all, b)
		}
	}
	for _, share := range boards {
		b := a
		b.Checkerboard, b.DrillDown = true, share
		all = append(all, b)
	}
	return all
}

// Settings is the number of settings that Measure runs a plan for, for each picture, at the most.
func Settings(g *obe.Grid, plan *incremental.Plan) int { return len(tausOf(g)) * len(thresholds(plan)) }

// lowest is the similarity under which stronger settings are not tried.
const lowest = 0.6

// sample is one picture with its exact map.
type sample struct {
	task  obe.Task
	exact *obe.Result
}

// ErrNothing says that a network has nothing that an approximation could save.
var ErrNothing = errors.New("the network takes no multiply-adds: there is nothing to save")

// Measure computes the exact map of every task and all approximate ones, and
// returns the points that no other beats, by rising speed, and all points.
// Approximate maps are those of plan, or of the tasks' own plan if it is nil; it
// must be compiled as Dynamic. progress is called with the number of maps done.
func Measure(ctx context.Context, tasks []obe.Task, plan *incremental.Plan, progress func(done int)) (*Profile, []Point, error) {
	if len(tasks) == 0 {
		return nil, nil, errors.New("no sample pictures")
	}
	done := 0
	step := func() {
		if done++; progress != nil {
			progress(done)
		}
	}
	var samples []sample
	p := &Profile{Samples: len(tasks)}
	for _, t := range tasks {
		t.Mode, t.Verify, t.Compare = obe.Exact, 0, 0
		r, err := obe.Explain(ctx, t)
		if err != nil {
			return nil, nil, err
		}
		// One item: the same question for all settings.
		t.Target, t.Mode = target.Narrow(t.Target, r.Items[0]), obe.Approximate
		if plan != nil {
			t.Reference, t.Plan = t.Plan, plan
		}
		samples = append(samples, sample{t, r})
		if r.MultiplyAddsWhole == 0 {
			return nil, nil, ErrNothing
		}
		p.Exact += speedup(r) / float64(len(tasks))
		step()
	}
	shorten := samples[0].task.Shortlists(Shortlist)
	var all []Point
	cuts := tausOf(tasks[0].Grid)
	for i, tau := range cuts {
		for _, a := range thresholds(samples[0].task.Plan) {
			a.Tau = tau
			if i > 0 && weak(all, with(a, cuts[i-1])) || a.Epsilon > 0 && weak(all, weaker(a)) {
				all = append(all, Point{Approximation: a}) // worse than what is weak already
				continue
			}
			if shorten {
				a.Shortlist = Shortlist
			}
			points, err := measure(ctx, samples, a, step)
			if err != nil {
				return nil, nil, err
			}
			all = append(all, points...)
		}
	}
	all = slices.DeleteFunc(all, func(q Point) bool { return q.Speedup == 0 })
	p.Points = frontier(all)
	return p, all, nil
}

func with(a obe.Approximation, tau float64) obe.Approximation {
	a.Tau = tau
	return a
}

// weaker has the thresholds before those of a.
func weaker(a obe.Approximation) obe.Approximation {
	a.Epsilon = epsilons[slices.Index(epsilons, a.Epsilon)-1]
	if a.Gates > 0 {
		a.Gates = a.Epsilon
	}
	return a
}

// weak says whether the map of a setting computed whole was too bad, or was not
// even tried.
func weak(all []Point, a obe.Approximation) bool {
	for _, q := range all {
		if q.Tau == a.Tau && q.Epsilon == a.Epsilon && q.Gates == a.Gates && q.whole() {
			return q.Speedup == 0 || q.Quality() < lowest
		}
	}
	return false
}

func speedup(r *obe.Result) float64 {
	return float64(r.MultiplyAddsWhole) / float64(max(1, r.MultiplyAddsIncremental))
}

// measure runs one setting on all samples, and what can be made of its maps.
func measure(ctx context.Context, samples []sample, a obe.Approximation, step func()) ([]Point, error) {
	precision := samples[0].task.Plan.Precision()
	if precision == incremental.FP32 {
		precision = "" // goes without saying
	}
	var points []Point
	for _, b := range fillings(samples[0].task.Grid, a) {
		points = append(points, Point{Approximation: b, Worst: 1, Precision: precision})
	}
	n := float64(len(samples))
	for _, s := range samples {
		s.task.Approximation = a
		r, err := obe.Explain(ctx, s.task)
		if err != nil {
			return nil, err
		}
		step()
		for i := range points {
			q := &points[i]
			part, err := obe.Part(s.task.Grid, r, q.Approximation)
			if err != nil {
				return nil, err
			}
			if err := q.add(s, part, n); err != nil {
				return nil, err
			}
			q.Speedup += speedup(r) / part.Share / n
		}
	}
	return points, nil
}

// add takes one sample's similarities into the means.
func (q *Point) add(s sample, part *obe.PartialMap, n float64) error {
	base := s.exact.Base[0]
	both, cols := shown(s.task.Grid, base, s.exact.Scores[0], part.Scores)
	exact, other := both[0], both[1]
	ssim, err := quality.SSIMScores(exact, other, cols)
	if err != nil {
		return fmt.Errorf("comparing maps: %w", err)
	}
	paper, err := quality.SSIMPaper(exact, other, cols, base)
	if err != nil {
		return fmt.Errorf("comparing maps: %w", err)
	}
	rank, err := quality.Spearman(exact, other)
	if err != nil {
		return fmt.Errorf("comparing maps: %w", err)
	}
	top, err := quality.TopOverlap(exact, other, 0.1)
	if err != nil {
		return fmt.Errorf("comparing maps: %w", err)
	}
	q.SSIM += ssim / n
	q.SSIMPaper += paper / n
	q.Rank += rank / n
	q.TopDecile += top / n
	q.Worst = min(q.Worst, ssim, paper)
	return nil
}

// shown are the maps that are compared, of scores with one clean score: the scores of a
// grid, row by row, with its number of columns; of patches of a list the clean score less
// what each pixel matters, where they cover.
func shown(g *obe.Grid, base float32, scores ...[]float32) ([][]float32, int) {
	l := g.Listed()
	if l == nil {
		return scores, len(g.Xs)
	}
	var part region.Rect
	for i := range g.Len() {
		part = part.Union(g.Rect(i))
	}
	maps := make([][]float32, len(scores))
	for k, importance := range l.Importance(scores, slices.Repeat([]float32{base}, len(scores))) {
		for y := part.Y.Lo; y < part.Y.Hi; y++ {
			for _, v := range importance[y*g.Plane[1]+part.X.Lo : y*g.Plane[1]+part.X.Hi] {
				maps[k] = append(maps[k], float32(float64(base)-v))
			}
		}
	}
	return maps, part.X.Len()
}

// frontier keeps the points that no other beats in speed and quality, by rising
// speed.
func frontier(all []Point) []Point {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b Point) int {
		return cmp.Or(cmp.Compare(b.Speedup, a.Speedup), cmp.Compare(b.Quality(), a.Quality()))
	})
	var keep []Point
	best := math.Inf(-1)
	for _, q := range sorted {
		if q.Quality() > best {
			best = q.Quality()
			keep = append(keep, q)
		}
	}
	slices.Reverse(keep)
	return keep
}
