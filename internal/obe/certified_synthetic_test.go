package obe

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/certify"
	"krypton/internal/quality"
	"krypton/internal/target"
)

// maps are what a picture's positions answer, exactly and by each rung.
type maps struct {
	cols  int
	base  float32
	exact []float32
	rungs [][]float32
}

// syntheticMaps are flat but for rough spots; rungs are off by what is much the same for
// neighbours, the bolder the more.
func syntheticMaps(rng *rand.Rand, rows, cols, spots int) *maps {
	m := &maps{cols: cols, base: 0.95, exact: make([]float32, rows*cols), rungs: make([][]float32, 2)}
	type spot struct{ y, x, r, deep, lean float64 }
	var all []spot
	for range spots {
		all = append(all, spot{rng.Float64() * float64(rows), rng.Float64() * float64(cols), 1.5 + 3*rng.Float64(), 0.1 + 0.3*rng.Float64(), 0.5 * rng.NormFloat64()})
	}
	for k := range m.rungs {
		m.rungs[k] = make([]float32, len(m.exact))
	}
	for i := range m.exact {
		v, off := 0.95+1e-3*rng.NormFloat64(), 0.0
		for _, s := range all {
			d := math.Hypot(float64(i/cols)-s.y, float64(i%cols)-s.x) / s.r
			here := s.deep * math.Exp(-d*d) * (1 + 0.2*rng.NormFloat64())
			v, off = v-here, off+s.lean*here
		}
		m.exact[i] = float32(v)
		m.rungs[0][i], m.rungs[1][i] = float32(v+off), float32(v+off/10)
	}
	return m
}

// certify makes the certified map of a picture whose answers are known.
func (m *maps) certify(t *testing.T, wish float64, seed uint64) *Result {
	t.Helper()
	n := len(m.exact)
	grid := &Grid{Ys: make([]int, n/m.cols), Xs: make([]int, m.cols)}
	task := &Task{Grid: grid, Seed: seed, Certify: &Certify{SSIM: wish, Always: true, Rungs: []Approximation{{Shortlist: 1}, {Shortlist: 2}}}}
	r := &Result{Items: make([]target.Item, 1), Base: []float32{m.base}, Scores: [][]float32{make([]float32, n)}}
	w := newCertifier(task, r)
	w.c = &changes{masked: make([]bool, n), same: make([]bool, n)}
	from := func(scores []float32) answers {
		return func(pick []int, take func(i int, scores []float32, winner int32)) error {
			for _, i := range pick {
				take(i, scores[i:i+1], 0)
			}
			return nil
		}
	}
	w.answers = from(m.exact)
	w.answersBy = func(a Approximation) (answers, error) { return from(m.rungs[a.Shortlist-1]), nil }
	if err := w.make(); err != nil {
		t.Fatal(err)
	}
	w.tally()
	return r
}

// TestCertificatesHold: over maps that are chosen by their samples, bounds are what they
// say they are, also where all depends on few positions, and meet the wish; what is exact
// is exact.
func TestCertificatesHold(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	const each = 20
	for _, c := range []struct {
		rows, spots int
		wish        float64
	}{{29, 1, 0.9}, {29, 2, 0.95}, {40, 6, 0.85}} {
		held, excess := 0, []float64{}
		for k := range each {
			m := syntheticMaps(rng, c.rows, 29, c.spots)
			r := m.certify(t, c.wish, uint64(k))
			scores, err := quality.SSIMScores(m.exact, r.Scores[0], m.cols)
			if err != nil {
				t.Fatal(err)
			}
			rendered, err := quality.SSIMPaper(m.exact, r.Scores[0], m.cols, m.base)
			if err != nil {
				t.Fatal(err)
			}
			known := r.Certificate
			if known.Bound() < c.wish || known.Sampled < fewestSamples/2 || known.Exact+known.Approximate+known.Interpolated != len(m.exact) {
				t.Fatalf("%+v: %+v", c, known)
			}
			if known.Reason != "" && !slices.Equal(r.Scores[0], m.exact) {
				t.Fatalf("%+v: what is said to be exact is not", c)
			}
			if scores >= float64(known.Scores) && rendered >= float64(*known.Rendered) {
				held++
			}
			excess = append(excess, min(scores, rendered)-known.Bound())
		}
		slices.Sort(excess)
		if share, median := float64(held)/each, excess[each/2]; share < certify.Confidence || median > 0.06 {
			t.Errorf("%+v: %.2f of the certificates hold, with an excess of %.3f in the median", c, share, median)
		}
	}
}

// TestCertificatesEnd: where a rung is off by as much everywhere, so that neither more of its
// answers nor a few exact ones help, no map looks again and again.
func TestCertificatesEnd(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	for k := range 12 {
		m := syntheticMaps(rng, 29, 29, 3)
		for i, v := range m.exact {
			off := float32(rng.NormFloat64()) * 0.001 * float32(2+k)
			m.rungs[0][i], m.rungs[1][i] = v+off, v+off/2
		}
		if c := m.certify(t, 0.9, uint64(k)).Certificate; c.Looks > mostLooks/2 {
			t.Errorf("%d looks at map %d", c.Looks, k)
		}
	}
}
