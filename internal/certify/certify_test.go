package certify

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"krypton/internal/quality"
)

// scene is a map of blobs, and what an approximation with errors of a size makes of it:
// larger where the map varies, as a share rough of it.
func scene(rng *rand.Rand, rows, cols int, rough float64) (exact, guess []float32) {
	type blob struct{ y, x, r, a float64 }
	var blobs []blob
	for range 6 {
		blobs = append(blobs, blob{rng.Float64() * float64(rows), rng.Float64() * float64(cols), 2 + 6*rng.Float64(), 0.3 * rng.Float64()})
	}
	exact = make([]float32, rows*cols)
	for i := range exact {
		v := 0.8
		for _, b := range blobs {
			dy, dx := float64(i/cols)-b.y, float64(i%cols)-b.x
			v -= b.a * math.Exp(-(dy*dy+dx*dx)/(2*b.r*b.r))
		}
		exact[i] = float32(v + 0.01*rng.NormFloat64())
	}
	guess = slices.Clone(exact)
	for i := range guess {
		guess[i] += float32(rough * (0.005 + math.Abs(0.8-float64(exact[i]))*0.1) * rng.NormFloat64())
	}
	return exact, guess
}

// asked is the map of a guess with its samples.
func asked(exact, guess []float32, cols, n int, seed uint64) (*Map, []Sample) {
	population := make([]int, len(exact))
	for i := range population {
		population[i] = i
	}
	m := &Map{Cols: cols, Guess: guess, Scores: slices.Clone(guess), Kinds: make([]Kind, len(exact)), Reach: make([]float64, len(exact)), Base: 0.8, Span: float64(slices.Max(exact)) - float64(slices.Min(exact))}
	var samples []Sample
	for _, i := range Draw(population, cols, n, seed) {
		samples = append(samples, Sample{At: i, Missed: [2]float64{float64(exact[i]) - float64(guess[i]), math.NaN()}})
		m.Scores[i], m.Kinds[i] = exact[i], Exact
	}
	return m, samples
}

// TestCoverage: over maps whose errors are known, bounds are what they say they are, and
// no idle talk.
func TestCoverage(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	const maps, rows, cols = 60, 36, 40
	held, excess := 0, []float64{}
	for k := range maps {
		exact, guess := scene(rng, rows, cols, 0.3+2*rng.Float64())
		m, samples := asked(exact, guess, cols, 80, uint64(k))
		e, err := m.Estimate(samples, Options{Draws: 16, Seed: uint64(k), Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		scores, err := quality.SSIMScores(exact, m.Scores, cols)
		if err != nil {
			t.Fatal(err)
		}
		rendered, err := quality.SSIMPaper(exact, m.Scores, cols, m.Base)
		if err != nil {
			t.Fatal(err)
		}
		if scores >= e.Scores.Bound && rendered >= e.Rendered.Bound {
			held++
		}
		excess = append(excess, min(scores, rendered)-e.Bound())
	}
	slices.Sort(excess)
	if share, median := float64(held)/maps, excess[maps/2]; share < Confidence || median > 0.2 {
		t.Errorf("%.2f of the bounds hold, with an excess of %.3f in the median", share, median)
	}
}

// TestEstimate: an exact map is like itself, worse guesses have lower bounds, too few
// samples say nothing, and neither workers nor time change anything.
func TestEstimate(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	const cols = 30
	last := math.Inf(1)
	for _, rough := range []float64{0.2, 1, 4} {
		exact, guess := scene(rng, 30, cols, rough)
		m, samples := asked(exact, guess, cols, 80, 1)
		e, err := m.Estimate(samples, Options{Seed: 1, Workers: 3})
		if err != nil {
			t.Fatal(err)
		}
		again, err := m.Estimate(samples, Options{Seed: 1, Workers: 1})
		if err != nil || !reflect.DeepEqual(e, again) {
			t.Errorf("%+v, then %+v, %v", e, again, err)
		}
		if e.Bound() >= last || e.Bound() < 0 || e.Scores.Bound > e.Scores.Expected || e.Rendered.Bound > e.Rendered.Expected {
			t.Errorf("errors of %g: %+v, with smaller ones %g", rough, e, last)
		}
		last = e.Bound()
		if _, err := m.Estimate(samples[:Fewest-1], Options{}); err == nil {
			t.Error("few samples say something")
		}
		unknown := slices.Clone(samples)
		for i := range unknown {
			unknown[i].Missed[Computed] = math.NaN()
		}
		if _, err := m.Likely(unknown, 1); err == nil {
			t.Error("samples that are unknown say something")
		}
		if _, err := m.Estimate(unknown, Options{}); err == nil {
			t.Error("samples that are unknown have an estimate")
		}
		for i := range m.Kinds {
			m.Kinds[i] = Exact
		}
		if e, err = m.Estimate(samples, Options{}); err != nil || e.Bound() != 1 {
			t.Errorf("an exact map: %+v, %v", e, err)
		}
		gains, err := m.Gains(samples)
		if err != nil || slices.Max(gains) != 0 {
			t.Errorf("an exact map can gain %v, %v", gains, err)
		}
		m.Guess[3] = float32(math.NaN())
		m.Scores[3] = m.Guess[3]
		if _, err := m.Estimate(samples, Options{}); err == nil {
			t.Error("a map with a NaN has an estimate")
		}
	}
}

// TestDraw: the samples are of the population, each once, spread over it, and the same
// for a seed.
func TestDraw(t *testing.T) {
	const rows, cols, n = 20, 31, 50
	var population []int
	for i := range rows * cols {
		if i%7 != 0 {
			population = append(population, i)
		}
	}
	count := make([]int, rows*cols)
	for seed := range uint64(400) {
		drawn := Draw(population, cols, n, seed)
		if !slices.Equal(drawn, Draw(population, cols, n, seed)) || len(slices.Compact(slices.Clone(drawn))) != n {
			t.Fatalf("seed %d: %v", seed, drawn)
		}
		for _, i := range drawn {
			count[i]++
		}
	}
	for i, c := range count {
		// 400 draws of 50 among 531 hit each 38 times or so.
		if drawn := i%7 != 0; drawn && (c < 10 || c > 80) || !drawn && c > 0 {
			t.Errorf("position %d was drawn %d times", i, c)
		}
	}
	if all := Draw(population, cols, 10000, 1); !slices.Equal(all, population) {
		t.Error("all of them are not all")
	}
}
