package softmax

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestExp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	worst := 0.0
	for i := range 2_000_000 {
		x := -rng.Float64() * 60
		switch i % 3 {
		case 1:
			x = rng.NormFloat64()
		case 2:
			x = rng.Float64()*1400 - 700
		}
		if d := math.Abs(Exp(x)/math.Exp(x) - 1); !(d <= worst) {
			worst = d
		}
	}
	if worst > 1e-8 {
		t.Errorf("largest relative error %g", worst)
	}
	if Exp(0) != 1 {
		t.Errorf("Exp(0) = %g", Exp(0))
	}
	for _, x := range []float64{-701, -1e6, math.Inf(-1)} {
		if v := float32(Exp(x)); v != 0 {
			t.Errorf("Exp(%g) = %g", x, v)
		}
	}
	if v := Exp(math.NaN()); v == v {
		t.Errorf("Exp(NaN) = %g", v)
	}
}

// TestRows compares with sums in float64.
func TestRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for _, n := range []int{1, 2, 7, 1000} {
		for _, size := range []float32{0.1, 3, 40, 1e30} {
			x, p, l := make([]float32, n), make([]float32, n), make([]float32, n)
			for i := range x {
				x[i] = (rng.Float32()*2 - 1) * size
			}
			if n > 2 {
				x[1] = float32(math.Inf(-1))
			}
			top, sum := math.Inf(-1), 0.0
			for _, v := range x {
				top = max(top, float64(v))
			}
			for _, v := range x {
				sum += math.Exp(float64(v) - top)
			}
			Row(p, x)
			LogRow(l, x)
			for i, v := range x {
				want := math.Exp(float64(v)-top) / sum
				if d := math.Abs(float64(p[i]) - want); d > 2e-7*want+1e-40 {
					t.Errorf("%d of %d, size %g: %g, want %g", i, n, size, p[i], want)
				}
				log := float64(v) - top - math.Log(sum)
				if d := math.Abs(float64(l[i]) - log); d > 1e-6*math.Abs(log)+1e-6 && !math.IsInf(log, 0) {
					t.Errorf("logarithm %d of %d, size %g: %g, want %g", i, n, size, l[i], log)
				}
			}
			Row(x, x)
			for i := range x {
				if x[i] != p[i] {
					t.Fatalf("in place: %g, want %g", x[i], p[i])
				}
			}
		}
	}
	// What is no number makes all of them none, as ever.
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
		p := make([]float32, 3)
		Row(p, []float32{1, bad, 2})
		if p[0] == p[0] && p[1] == p[1] {
			t.Errorf("%g among logits: %v", bad, p)
		}
	}
}

func BenchmarkRow(b *testing.B) {
	x, p := make([]float32, 1000), make([]float32, 1000)
	for i := range x {
		x[i] = float32(i%37) / 4
	}
	for b.Loop() {
		Row(p, x)
	}
}
