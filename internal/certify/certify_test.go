package certify

import (
	"math"
	"math/rand/v2"
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

// spot is a map that is flat but for one rough spot, of which a guess interpolates every
// other position: all that is lost is lost there.
func spot(rng *rand.Rand, rows, cols int) (exact, guess []float32) {
	y, x, r := 8+rng.Float64()*float64(rows-16), 8+rng.Float64()*float64(cols-16), 4+2*rng.Float64()
	exact = make([]float32, rows*cols)
	for i := range exact {
		d := math.Hypot(float64(i/cols)-y, float64(i%cols)-x) / r
		exact[i] = float32(0.99 - (0.05+0.015*rng.NormFloat64())*math.Exp(-d*d*d*d) + 1e-3*rng.NormFloat64())
	}
	guess = slices.Clone(exact)
	for i := range exact { // every other position is the mean of those beside it
		if p, q := i/cols, i%cols; (p+q)%2 == 1 && p > 0 && q > 0 && p < rows-1 && q < cols-1 {
			guess[i] = (exact[i-1] + exact[i+1] + exact[i-cols] + exact[i+cols]) / 4
		}
	}
	return exact, guess
}

// asked is the map of a guess of whose positions every other one is interpolated, with its
// samples: a half of n as likely everywhere, the others by what is foreseen to be lost.
func asked(t *testing.T, exact, guess []float32, cols, n int, base float32, seed uint64) (*Map, []Sample) {
	t.Helper()
	population := make([]int, len(exact))
	m := &Map{Cols: cols, Guess: guess, Scores: slices.Clone(guess), Kinds: make([]Kind, len(exact)), Reach: make([]float64, len(exact)), Base: base, Span: float64(slices.Max(exact)) - float64(slices.Min(exact))}
	for i := range population {
		population[i] = i
		if (i/cols+i%cols)%2 == 1 {
			m.Kinds[i], m.Reach[i] = Interpolated, 1
		}
	}
	chance := make([]float64, len(exact))
	for i := range chance {
		chance[i] = float64(n/2) / float64(len(exact))
	}
	samplesOf := func(drawn []int) []Sample {
		var all []Sample
		for _, i := range drawn {
			g := float64(guess[i])
			all = append(all, Sample{At: i, Kind: m.Kinds[i], Chance: chance[i], Exact: float64(exact[i]), Guess: [2]float64{g, g}})
		}
		return all
	}
	drawn := Draw(population, cols, n/2, seed)
	gains, err := m.Gains(samplesOf(drawn), m.Kinds)
	if err != nil {
		t.Fatal(err)
	}
	chances := Chances(population, n-n/2, gains[0][:]...)
	for i, c := range chances {
		chance[i] = 1 - (1-chance[i])*(1-c)
	}
	drawn = append(drawn, DrawBy(population, chances, cols, seed)...)
	slices.Sort(drawn)
	samples := samplesOf(slices.Compact(drawn))
	for _, s := range samples {
		m.Scores[s.At], m.Kinds[s.At] = exact[s.At], Exact
	}
	return m, samples
}

// TestCoverage: over maps whose errors are known, bounds are what they say they are, and
// no idle talk: of errors everywhere, and of few on which all depends.
func TestCoverage(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	const maps, rows, cols = 60, 36, 40
	for _, c := range []struct {
		name string
		most float64 // of the excess
		make func() (exact, guess []float32)
	}{
		{"blobs", 0.2, func() ([]float32, []float32) { return scene(rng, rows, cols, 0.3+2*rng.Float64()) }},
		{"spot", 0.1, func() ([]float32, []float32) { return spot(rng, rows, cols) }},
	} {
		held, excess := 0, []float64{}
		for k := range maps {
			exact, guess := c.make()
			m, samples := asked(t, exact, guess, cols, 80, slices.Max(exact), uint64(k))
			e, err := m.Estimate(samples)
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
		if share, median := float64(held)/maps, excess[maps/2]; share < Confidence || median > c.most {
			t.Errorf("%s: %.2f of the bounds hold, with an excess of %.3f in the median", c.name, share, median)
		}
	}
}

// TestEstimate: an exact map is like itself, worse guesses have lower bounds, and too few
// samples say nothing.
func TestEstimate(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	const cols = 30
	last := math.Inf(1)
	for _, rough := range []float64{0.2, 1, 4} {
		exact, guess := scene(rng, 30, cols, rough)
		m, samples := asked(t, exact, guess, cols, 80, 0.8, 1)
		e, err := m.Estimate(samples)
		if err != nil {
			t.Fatal(err)
		}
		if e.Bound() >= last || e.Bound() < 0 || e.Scores.Bound > e.Scores.Expected || e.Rendered.Bound > e.Rendered.Expected {
			t.Errorf("errors of %g: %+v, with smaller ones %g", rough, e, last)
		}
		last = e.Bound()
		if _, err := m.Estimate(samples[:Fewest-1]); err == nil {
			t.Error("few samples say something")
		}
		unknown := slices.Clone(samples)
		for i := range unknown {
			unknown[i].Guess = [2]float64{math.NaN(), math.NaN()}
		}
		if _, err := m.Estimate(unknown); err == nil {
			t.Error("samples that are unknown have an estimate")
		}
		for i := range m.Kinds {
			m.Kinds[i] = Exact
		}
		if e, err = m.Estimate(samples); err != nil || e.Bound() != 1 {
			t.Errorf("an exact map: %+v, %v", e, err)
		}
		gains, err := m.Gains(samples, m.Kinds)
		if err != nil || slices.Max(gains[0][0]) != 0 || slices.Max(gains[0][1]) != 0 {
			t.Errorf("an exact map can gain %v, %v", gains, err)
		}
		m.Guess[3] = float32(math.NaN())
		m.Scores[3] = m.Guess[3]
		if _, err := m.Estimate(samples); err == nil {
			t.Error("a map with a NaN has an estimate")
		}
	}
}

// TestDrawBy: positions are drawn as often as their chances say, each once, whatever they
// can gain.
func TestDrawBy(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	const rows, cols, n, seeds = 20, 31, 60, 1000
	var population []int
	gains := make([]float64, rows*cols)
	for i := range gains {
		if gains[i] = math.Pow(rng.Float64(), 8); i%5 != 0 {
			population = append(population, i)
		}
	}
	for name, gains := range map[string][]float64{"gains": gains, "none": make([]float64, rows*cols)} {
		chances := Chances(population, n, gains)
		sum := 0.0
		for _, c := range chances {
			if sum += c; c <= 0 || c > 1 {
				t.Fatalf("%s: a chance of %g", name, c)
			}
		}
		if math.Abs(sum-n) > 1e-6 {
			t.Errorf("%s: chances add up to %g, want %d", name, sum, n)
		}
		count := make(map[int]float64)
		for seed := range uint64(seeds) {
			drawn := DrawBy(population, chances, cols, seed)
			if len(drawn) < n-1 || len(drawn) > n+1 || !slices.IsSorted(drawn) || len(slices.Compact(slices.Clone(drawn))) != len(drawn) {
				t.Fatalf("%s: %d are drawn: %v", name, len(drawn), drawn)
			}
			for _, i := range drawn {
				count[i]++
			}
		}
		for k, i := range population {
			if c, got := chances[k], count[i]/seeds; math.Abs(got-c) > 5*math.Sqrt(c*(1-c)/seeds)+1e-9 {
				t.Errorf("%s: position %d was drawn with %g, want %g", name, i, got, c)
			}
		}
	}
	if few := Chances(population[:5], 9, gains); slices.Min(few) != 1 {
		t.Errorf("more than there are: %v", few)
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
