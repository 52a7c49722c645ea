package faithful

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestArea(t *testing.T) {
	for _, c := range []struct {
		curve Curve
		want  float64
	}{
		{Curve{[]float64{0, 1}, []float64{1, 0}}, .5},
		{Curve{[]float64{0, .25, 1}, []float64{1, 0, 0}}, .125}, // uneven steps count by their width
		{Curve{[]float64{0, .5, 1}, []float64{3, 3, 3}}, 3},
		{Curve{[]float64{0, .5, 1}, []float64{-1, 0, 1}}, 0},
		{Curve{[]float64{0, 1}, []float64{1, math.NaN()}}, math.NaN()},
	} {
		if got := c.curve.Area(); got != c.want && (got == got || c.want == c.want) {
			t.Errorf("%v: %g, want %g", c.curve, got, c.want)
		}
	}
}

func TestMean(t *testing.T) {
	s := []float64{0, .5, 1}
	got := Mean([]Curve{{s, []float64{1, 2, 3}}, {s, []float64{3, 0, 0}}})
	if !slices.Equal(got.Scores, []float64{2, 1, 1.5}) || !slices.Equal(got.Shares, s) {
		t.Errorf("%v", got)
	}
	if got := Mean(nil); got.Scores != nil || got.Area() != 0 {
		t.Errorf("of none: %v", got)
	}
}

func TestOrder(t *testing.T) {
	nan := math.NaN()
	if got, want := Order([]float64{1, nan, 3, -1, 3, nan, math.Inf(1)}), []int{6, 2, 4, 0, 3, 1, 5}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		v := make([]float64, rng.IntN(200))
		for i := range v {
			if v[i] = float64(rng.IntN(20)); v[i] == 7 {
				v[i] = nan
			}
		}
		order := Order(v)
		for i := 1; i < len(order); i++ {
			a, b := order[i-1], order[i]
			if v[a] < v[b] || v[a] != v[a] && v[b] == v[b] || (v[a] == v[b] || v[a] != v[a] && v[b] != v[b]) && a > b {
				t.Fatalf("%g of pixel %d before %g of %d", v[a], a, v[b], b)
			}
		}
		if slices.Sort(order); len(order) > 0 && (order[0] != 0 || order[len(order)-1] != len(v)-1 || len(slices.Compact(order)) != len(v)) {
			t.Fatal("a pixel is missing")
		}
	}
}

func TestCounts(t *testing.T) {
	for _, c := range []struct {
		pixels, steps int
		want          []int
	}{{10, 2, []int{0, 5, 10}}, {10, 3, []int{0, 3, 7, 10}}, {3, 9, []int{0, 1, 2, 3}}, {1, 1, []int{0, 1}}, {5, 0, []int{0, 5}}} {
		if got := Counts(c.pixels, c.steps); !slices.Equal(got, c.want) {
			t.Errorf("%d in %d: %v, want %v", c.pixels, c.steps, got, c.want)
		}
	}
	for pixels := 1; pixels < 60; pixels++ {
		for steps := 1; steps <= pixels; steps++ {
			got := Counts(pixels, steps)
			for k := 1; k < len(got); k++ {
				if d := got[k] - got[k-1]; d != pixels/steps && d != (pixels+steps-1)/steps {
					t.Fatalf("%d in %d: a step of %d", pixels, steps, d)
				}
			}
			if len(got) != steps+1 || got[0] != 0 || got[steps] != pixels {
				t.Fatalf("%d in %d: %v", pixels, steps, got)
			}
		}
	}
}
