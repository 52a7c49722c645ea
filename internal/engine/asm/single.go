package asm

import (
	"math"
	"unsafe"
)

// Functions in float32: those that stay within two units in the last place so. Sums and
// products are fused where fma32 says so, in assembly and in plain Go.

// The places of their constants, from atSingle on; the generator has them too.
const (
	at32P0      = iota // the first parameter, rounded towards zero,
	at32P0Rest         // what that left, and never 0: an infinite x has a product with it
	at32P1             // the second one,
	at32P1Rest         // and its rest
	at32One            //
	at32Log2E          // -1/log(2)
	at32Round          // see atRound
	at32Ln2            // log(2),
	at32Ln2Rest        // and its rest
	at32Exp            // coefficients of (exp(-r)-1+r)/r^2, the highest first
	at32Least   = at32Exp + 5
	at32Most    = at32Least + 1   // between these x/(1+exp(-x)) is neither -0 nor x
	at32Low     = at32Most + 1    // below it exp(-x) is scaled
	at32Scale   = at32Low + 1     // by this
	at32Sign    = at32Scale + 1   // see atSign
	at32Largest = at32Sign + 1    // the largest number
	at32Tiny    = at32Largest + 1 // what gives a denormal number times at32Scale is smaller,
	at32Units   = at32Tiny + 1    // and times this the number of units of the least one
	singles     = at32Units + 1
)

// inSingle says whether there is a kernel in float32 for f.
func inSingle(f Function, p0 float64) bool {
	switch f {
	case Sigmoid, HardSigmoid, HardSwish, LeakyRelu, Abs, Neg, Square, Softsign:
		return true
	case Swish: // another factor would be rounded before the exponential magnifies that
		return p0 == 1
	}
	return false
}

// singleConstants are the constants for two parameters.
func singleConstants(p0, p1 float64) []float32 {
	first := float32(p0)
	if math.Abs(float64(first)) > math.Abs(p0) {
		first = math.Nextafter32(first, 0)
	}
	rest := float32(p0 - float64(first))
	if rest == 0 {
		rest = float32(math.Copysign(math.SmallestNonzeroFloat32, p0))
	}
	return []float32{first, rest, float32(p1), float32(p1 - float64(float32(p1))), 1, -0x1.715476p+0, 3 << 22, 0x1.62e430p-1, -0x1.05c610p-29,
		0x1.6d117cp-10, -0x1.120be2p-7, 0x1.555518p-5, -0x1.5554dcp-3, 0.5, -110, 80, -64, 0x1p-64, float32(math.Copysign(0, -1)), math.MaxFloat32, 0x1p-62, 0x1p85}
}

// fma32 is a*b + c, rounded once. The product of two float32 is exact in float64. Rounding
// the sum there and then once more is as good as once, unless the first gives what lies
// halfway between two float32, of which normal numbers tell by their lower bits.
func fma32(a, b, c float32) float32 {
	sum := float64(a)*float64(b) + float64(c)
	const leastNormal = (1023 - 126) << 52
	if bits := math.Float64bits(sum); bits&(1<<29-1) != 1<<28 && bits&(0x7ff<<52) >= leastNormal {
		return float32(sum)
	}
	return fma32Odd(a, b, c)
}

// fma32Odd is fma32 wherever. The sum is rounded to odd in float64, so that the second
// rounding sees whether anything was left beside the bits that are kept.
func fma32Odd(a, b, c float32) float32 {
	p, q := float64(a)*float64(b), float64(c)
	sum := p + q
	// What the sum left, exactly; NaN beside infinities.
	part := sum - p
	rest := (p - (sum - part)) + (q - part)
	if bits := math.Float64bits(sum); bits&1 == 0 && (rest > 0 || rest < 0) {
		if (rest > 0) == (sum > 0) {
			bits++
		} else {
			bits--
		}
		sum = math.Float64frombits(bits)
	}
	return float32(sum)
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

// line is min(max(0, P[0]*x + P[1]), 1), with parameters of twice float32's precision:
// near where the line meets 0 all of the result is in their rests.
func line(x float32, t []float32) float32 {
	v := fma32(x, t[at32P0], t[at32P1]) + fma32(x, t[at32P0Rest], t[at32P1Rest])
	return bound(v, 0, t[at32One])
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

// singlesGeneric makes loops of the plain functions.
func singlesGeneric() (k [functions]pointwiseKernel) {
	for f, of := range plain32 {
		if of == nil {
			continue
		}
		k[f] = func(x, out *float32, bytes int, table *float64, _ *int32) {
			from, to := unsafe.Slice(x, bytes/4), unsafe.Slice(out, bytes/4)
			t := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(table), 8*atSingle)), singles)
			for i, v := range from {
				to[i] = of(v, t)
			}
		}
	}
	return k
}
