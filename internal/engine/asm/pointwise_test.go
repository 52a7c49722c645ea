package asm

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"
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
	HardSigmoid: bounded,
	HardSwish:   func(x float64, p []float64) float64 { return x * bounded(x, p) },
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
	Log:        func(x float64, _ []float64) float64 { return math.Log(x) },
	Softplus:   func(x float64, _ []float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) },
	Celu: func(x float64, p []float64) float64 {
		return math.Max(0, x) + math.Min(0, p[0]*math.Expm1(x/p[0]))
	},
	Pow: func(x float64, p []float64) float64 {
		if x < 0 && p[0] != math.Trunc(p[0]) {
			return math.NaN()
		}
		return math.Pow(x+0, p[0])
	},
	Softsign: func(x float64, _ []float64) float64 { return x / (1 + math.Abs(x)) },
}

// bounded is HardSigmoid. A sixth of 3 is half, though not that of the nearest float64.
func bounded(x float64, p []float64) float64 {
	v := math.FMA(p[0], x, p[1])
	if math.Abs(v) < 1e-15 {
		return 0
	}
	return math.Max(0, math.Min(1, v))
}

var parameters = [functions][][]float64{
	Swish: {{1}, {1.702}, {-0.5}}, Elu: {{1, 1}, {0.3, 1}, {1.7580993, 1.050701}},
	HardSigmoid: {{0.2, 0.5}, {1. / 6, 0.5}}, HardSwish: {{0.2, 0.5}, {1. / 6, 0.5}}, LeakyRelu: {{0.01}, {-2}},
	Celu: {{1, 1}, {0.7, 1 / 0.7}, {-2, -0.5}}, Pow: {raised(3), raised(0.5), raised(-0.5), raised(1. / 3), raised(2.2), raised(-1), raised(4), raised(0.01)},
}

func raised(p float64) []float64 { return []float64{p, PowSign(p)} }

// mostUlps is how far a function may be from its exact value.
func mostUlps(f Function, table []float64) float64 {
	if table[atKind] != 0 {
		return 2
	}
	return 1
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
	for _, edge := range []float32{0, 0.0003, 0.625, 0.8, 2.5, 3, 6, 12, 14.5, 40, 64, 80, 88.72284, 89, 104, 110, 87.33655} {
		for i := range 40 {
			x = append(x, edge+float32(i-20)*1e-6, -edge-float32(i-20)*1e-6)
		}
	}
	return x
}

// TestFunctions: every function is within one unit in the last place of its value in
// float64, those computed in float32 within two, and the same bits with every kernel set, whatever the length of the row.
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
			if worst > mostUlps(f, table) {
				t.Errorf("function %d %v: %.3f units in the last place off at %g", f, p, worst, at)
			}
			for _, k := range EverySet(t) {
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

// logistic32 is v / (1 + exp(-x)) for x that is within at32Least and at32Most. Below
// at32Low, where exp(-x) may be beyond float32, the divisor is scaled and then the quotient,
// which so is a normal number; at at32Least it is multiplied by 0. Processors take many
// cycles for results that vanish.
func logistic32(v, x float32, t []float32) float32 {
	n := fma32(x, t[at32Log2E], t[at32Round])
	k := n - t[at32Round]
	r := fma32(k, t[at32Ln2Rest], fma32(k, t[at32Ln2], x)) // exp(-x) is 2^k exp(-r)
	u := t[at32Exp]
	for _, c := range t[at32Exp+1 : at32Exp+5] {
		u = fma32(u, r, c)
	}
	rest := fma32(u, float32(r*r), -r)
	scale := t[at32One]
	if x < t[at32Low] {
		scale = t[at32Scale]
	}
	two := math.Float32frombits(math.Float32bits(n)<<23 + math.Float32bits(scale))
	quotient := float32(v / (fma32(two, rest, scale) + two))
	if x <= t[at32Least] {
		scale = 0
	}
	return quotient * scale
}

// plain32 are the functions of one element.
var plain32 = [functions]func(x float32, t []float32) float32{
	Sigmoid: func(x float32, t []float32) float32 {
		return logistic32(t[at32One], bound(x, t[at32Least], t[at32Most]), t)
	},
	Swish: func(x float32, t []float32) float32 {
		v := bound(x, t[at32Least], float32(math.Inf(1)))
		return logistic32(v, bound(v, t[at32Least], t[at32Most]), t)
	},
	HardSigmoid: line,
	HardSwish: func(x float32, t []float32) float32 {
		if v := line(x, t); v != 0 {
			return x * v
		}
		return 0
	},
	LeakyRelu: func(x float32, t []float32) float32 {
		if math.Signbit(float64(x)) {
			return x * t[at32P0]
		}
		return x
	},
	Abs:    func(x float32, _ []float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) },
	Neg:    func(x float32, _ []float32) float32 { return -x },
	Square: func(x float32, _ []float32) float32 { return x * x },
	Softsign: func(x float32, t []float32) float32 {
		v := bound(x, -t[at32Largest], t[at32Largest])
		return v / (math.Float32frombits(math.Float32bits(v)&^(1<<31)) + t[at32One])
	},
}

// everyFloat has TestEveryFloat32 take all floats, in minutes for each function; KRYPTON_EVERY_FLOAT names
// the functions, with commas between, or is "all".
const everyFloat = "KRYPTON_EVERY_FLOAT"

// TestEveryFloat32: plain Go's functions, which do other operations than the sets with fused
// products and sums, have the bits of the best set for one in 65537 of all float32,
// and if that is asked for, for all.
func TestEveryFloat32(t *testing.T) {
	best := Sets()[0] // which may be plain Go itself
	wanted := os.Getenv(everyFloat)
	const block = 1 << 12
	x, got, want := make([]float32, block), make([]float32, block), make([]float32, block)
	for f, name := range functionNames {
		step := uint64(65537)
		if wanted == "all" || slices.Contains(strings.Split(wanted, ","), name) {
			step = 1
		}
		p := parameters[f]
		if p == nil {
			p = [][]float64{nil}
		}
		table := Table(Function(f), p[0]...)
		for from := uint64(0); from < 1<<32; from += step * block {
			for i := range x {
				x[i] = math.Float32frombits(uint32(from + uint64(i)*step))
			}
			best.Apply(Function(f), table, x, want)
			Generic.Apply(Function(f), table, x, got)
			for i, v := range got {
				if of := plain32[f]; of != nil && table[atKind] != 0 && step > 1 {
					if one := of(x[i], unsafe.Slice((*float32)(unsafe.Pointer(&table[atSingle])), singles)); math.Float32bits(v) != math.Float32bits(one) && (v == v || one == one) {
						t.Fatalf("%s of %g (%x): %x, by fused sums %x", name, x[i], math.Float32bits(x[i]), math.Float32bits(v), math.Float32bits(one))
					}
				}
				if math.Float32bits(v) != math.Float32bits(want[i]) && (v == v || want[i] == want[i]) {
					t.Fatalf("%s of %g (%x): %x, %s %x", name, x[i], math.Float32bits(x[i]), math.Float32bits(v), best.Name, math.Float32bits(want[i]))
				}
			}
		}
	}
}

// TestFMA32: plain Go's fused product and sum is the processor's, and the exact one
// rounded once: by sums that lie just beside the middle of two float32, sums that cancel,
// denormals and infinities.
func TestFMA32(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	number := func() float32 {
		switch rng.IntN(4) {
		case 0:
			return math.Float32frombits(rng.Uint32())
		case 1:
			return float32(rng.IntN(1<<24)) * float32(math.Ldexp(1, rng.IntN(60)-40))
		case 2:
			return math.Float32frombits(rng.Uint32() & 0x807fffff) // denormal
		}
		return float32(rng.NormFloat64())
	}
	double := 0 // roundings of math.FMA in float64 that show why it will not do
	for range 300000 {
		a, b, c := number(), number(), number()
		if rng.IntN(3) == 0 {
			// The middle of two float32, and a little.
			c = math.Float32frombits(rng.Uint32()&0x7fffff | uint32(100+rng.IntN(60))<<23)
			half := float32(math.Ldexp(1, math.Ilogb(float64(c))-24))
			a, b = half*(1+float32(math.Ldexp(1, -rng.IntN(24)))), 1+float32(math.Ldexp(float64(rng.IntN(3)-1), -rng.IntN(24)))
		}
		got := fma32(a, b, c)
		if rounded := float32(math.FMA(float64(a), float64(b), float64(c))); rounded != got && got == got {
			double++
		}
		var want float32
		if x, y, z := float64(a), float64(b), float64(c); math.IsInf(x*y+z, 0) || x*y+z != x*y+z || x*y+z == 0 {
			want = float32(x*y + z)
		} else {
			exact := func(v float64) *big.Float { return new(big.Float).SetPrec(2000).SetFloat64(v) }
			want, _ = exact(0).Add(exact(0).Mul(exact(x), exact(y)), exact(z)).Float32()
		}
		if math.Float32bits(got) != math.Float32bits(want) && (got == got || want == want) {
			t.Fatalf("%g * %g + %g: %x, want %x", a, b, c, math.Float32bits(got), math.Float32bits(want))
		}
	}
	if double == 0 {
		t.Error("no sum lies where two roundings differ from one")
	}
}

// BenchmarkFunctions measures one core over what its first-level cache holds.
func BenchmarkFunctions(b *testing.B) {
	x, out := make([]float32, 4096), make([]float32, 4096)
	for i := range x {
		x[i] = float32(i-2048) / 400
	}
	for _, k := range Sets()[:len(Sets())-1] {
		for f := range functions {
			p := parameters[f]
			if p == nil {
				p = [][]float64{nil}
			}
			t := Table(f, p[0]...)
			b.Run(fmt.Sprintf("%s/%d", k.Name, f), func(b *testing.B) {
				for range b.N {
					k.Apply(f, t, x, out)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4096, "ns/element")
			})
		}
	}
}
