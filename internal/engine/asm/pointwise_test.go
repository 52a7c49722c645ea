package asm

import (
	"math"
	"math/rand/v2"
	"testing"
)

// exactly are the functions in float64.
var exactly = [functions]func(x float64, p []float64) float64{
	Exp:     func(x float64, _ []float64) float64 { return math.Exp(x) },
	Sigmoid: func(x float64, _ []float64) float64 { return 1 / (1 + math.Exp(-x)) },
	Swish:   func(x float64, p []float64) float64 { return x / (1 + math.Exp(-x*p[0])) },
	Tanh:    func(x float64, _ []float64) float64 { return math.Tanh(x) },
	Erf:     func(x float64, _ []float64) float64 { return math.Erf(x) },
	Gelu:    func(x float64, _ []float64) float64 { return x * math.Erfc(-x/math.Sqrt2) / 2 },
	GeluTanh: func(x float64, _ []float64) float64 {
		return x / (1 + math.Exp(-2*math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
	},
	Mish: func(x float64, _ []float64) float64 { return x * math.Tanh(math.Log1p(math.Exp(x))) },
	Elu: func(x float64, p []float64) float64 {
		if x < 0 {
			return p[0] * math.Expm1(x)
		}
		return p[1] * x
	},
	HardSigmoid: func(x float64, p []float64) float64 {
		return math.Max(0, math.Min(1, math.FMA(p[0], x, p[1])))
	},
	HardSwish: func(x float64, p []float64) float64 {
		return x * math.Max(0, math.Min(1, math.FMA(p[0], x, p[1])))
	},
	LeakyRelu: func(x float64, p []float64) float64 {
		if x < 0 {
			return x * p[0]
		}
		return x
	},
	Sqrt:       func(x float64, _ []float64) float64 { return math.Sqrt(x) },
	Reciprocal: func(x float64, _ []float64) float64 { return 1 / x },
	Abs:        func(x float64, _ []float64) float64 { return math.Abs(x) },
	Neg:        func(x float64, _ []float64) float64 { return -x },
	Square:     func(x float64, _ []float64) float64 { return x * x },
}

var parameters = [functions][][]float64{
	Swish: {{1}, {1.702}, {-0.5}}, Elu: {{1, 1}, {0.3, 1}, {1.7580993, 1.050701}},
	HardSigmoid: {{0.2, 0.5}, {1. / 6, 0.5}}, HardSwish: {{0.2, 0.5}, {1. / 6, 0.5}}, LeakyRelu: {{0.01}, {-2}},
}

// ulps is the distance of got from want in units of the last place of want.
func ulps(got float32, want float64) float64 {
	if w := float32(want); got == w || got != got && w != w {
		return 0
	}
	unit := math.Ldexp(1, -149)
	if a := math.Abs(want); a > math.Ldexp(1, -126) {
		unit = math.Ldexp(1, math.Ilogb(math.Min(a, math.MaxFloat32))-23)
	}
	return math.Abs(float64(got)-want) / unit
}

// arguments are floats of every exponent, with both signs, around where the
// functions change, and those that are no ordinary numbers.
func arguments(rng *rand.Rand) []float32 {
	inf := float32(math.Inf(1))
	x := []float32{0, float32(math.Copysign(0, -1)), inf, -inf, float32(math.NaN()), math.MaxFloat32, math.SmallestNonzeroFloat32}
	for range 30000 {
		x = append(x, math.Float32frombits(rng.Uint32()))
	}
	for range 100000 {
		x = append(x, float32(rng.NormFloat64()*6), float32(rng.Float64()*240-120))
	}
	for _, edge := range []float32{0.625, 0.8, 3, 6, 12, 14.5, 40, 88.72284, 89, 104, 87.33655} {
		for i := range 40 {
			x = append(x, edge+float32(i-20)*1e-6, -edge-float32(i-20)*1e-6)
		}
	}
	return x
}

// TestFunctions: every function is within one unit in the last place of its value in
// float64, and the same bits with every kernel set, whatever the length of the row.
func TestFunctions(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	x := arguments(rng)
	for f := range functions {
		all := parameters[f]
		if all == nil {
			all = [][]float64{nil}
		}
		for _, p := range all {
			table := Table(f, p...)
			first := make([]float32, len(x))
			Generic.Apply(f, table, x, first)
			worst, at := 0.0, float32(0)
			for i, v := range x {
				want := exactly[f](float64(v), p)
				if math.IsInf(float64(v), 0) && want != want {
					want = exactly[f](math.Copysign(1e30, float64(v)), p) // the limit
				}
				if u := ulps(first[i], want); u != u {
					t.Fatalf("function %d %v at %g: %g, want %g", f, p, v, first[i], want)
				} else if u > worst {
					worst, at = u, v
				}
			}
			t.Logf("function %d %v: at most %.3f units in the last place, at %g", f, p, worst, at)
			if worst > 1 {
				t.Errorf("function %d %v: %.3f units in the last place off at %g", f, p, worst, at)
			}
			for _, k := range Sets() {
				out := make([]float32, len(x))
				for lo := 0; lo < len(x); {
					n := min(1+rng.IntN(100), len(x)-lo)
					k.Apply(f, table, x[lo:lo+n], out[lo:lo+n])
					lo += n
				}
				for i, v := range out {
					if math.Float32bits(v) != math.Float32bits(first[i]) && (v == v || first[i] == first[i]) {
						t.Fatalf("%s, function %d %v at %g (%x): %g, generic %g", k.Name, f, p, x[i], math.Float32bits(x[i]), v, first[i])
					}
				}
			}
		}
	}
}
