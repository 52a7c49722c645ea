package asm

import (
	"math"
	"slices"
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
	return []float32{first, rest, float32(p1), float32(p1 - float64(float32(p1))), 1, log2E32, round32, ln2In32, ln2Rest32,
		exp32A, exp32B, exp32C, exp32D, exp32E, least32, most32, low32, scale32, float32(math.Copysign(0, -1)), math.MaxFloat32, 0x1p-62, 0x1p85}
}

const (
	log2E32   = -0x1.715476p+0
	round32   = 3 << 22
	ln2In32   = 0x1.62e430p-1
	ln2Rest32 = -0x1.05c610p-29
	exp32A    = 0x1.6d117cp-10
	exp32B    = -0x1.120be2p-7
	exp32C    = 0x1.555518p-5
	exp32D    = -0x1.5554dcp-3
	exp32E    = 0.5
	least32   = -110
	most32    = 80
	low32     = -64
	scale32   = 0x1p-64
)

// fma32 is a*b + c, rounded once. The product of two float32 is exact in float64. Rounding
// the sum there and then once more is as good as once, unless it is told to be twice.
func fma32(a, b, c float32) float32 {
	sum := float64(a)*float64(b) + float64(c)
	if twice(sum) {
		return fma32Odd(a, b, c)
	}
	return float32(sum)
}

// twice says that float32(sum) may be rounded twice, if sum is of float64 and was rounded: where
// it lies halfway between two float32, of which normal numbers tell by their lower bits.
func twice(sum float64) bool {
	const leastNormal = (1023 - 126) << 52
	bits := math.Float64bits(sum)
	return bits&(1<<29-1) == 1<<28 || bits<<1-1 < leastNormal<<1-1 // and not 0
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

// line is min(max(0, P[0]*x + P[1]), 1), with parameters of twice float32's precision:
// near where the line meets 0 all of the result is in their rests.
func line(x float32, t []float32) float32 {
	v := fma32(x, t[at32P0], t[at32P1]) + fma32(x, t[at32P0Rest], t[at32P1Rest])
	return bound(v, 0, t[at32One])
}

// To coefficients these are added, and taken off the sums again, so that the sum is rounded
// to the place where float32 of that size end: with one rounding, that of fma32. The sums of
// the exponential's first three coefficients stay between two powers of 2.
const (
	place32B = 3 << 51 * 0x1p-30
	place32C = 3 << 51 * 0x1p-28
	place32D = 3 << 51 * 0x1p-26
)

// logisticBlock is how many numbers quickLogistic takes at a time.
const logisticBlock = 64

// quickLogistic is v / (1 + exp(-x)) of numbers, at most logisticBlock of them, bounded by
// at32Least and at32Most; what vanishes becomes zero. exp(-x) is 2^k exp(-r). Below low32, where it
// may be beyond float32, the divisor is scaled and then the quotient, which so is a normal
// number: processors take many cycles for others. All is what float32 with fused products
// and sums gives (logistic32 of the tests), which are in float64 here, where products of
// float32 are exact. Sums are exact, or rounded once by place32, or to a float32
// after they were rounded to a float64, of which TestEveryFloat32 shows that it makes no
// result of Sigmoid or Swish another one. The product with two is exact in float32. There are
// loops for parts of it, since a processor begins with the next numbers only as long as few
// instructions wait for the last ones.
func quickLogistic(from, v, out []float32, zero float32) {
	var s, twos [logisticBlock]float32
	var sums [logisticBlock]float64
	v, out = v[:len(from)], out[:len(from)]
	bounds := limits{least32, most32, math.Float32bits(least32), math.Float32bits(most32)}
	for i, x := range from {
		wide := float64(bounds.cut(x))
		n := float64(wide*log2E32) + 3<<51
		k := n - 3<<51
		s[i%logisticBlock] = float32(float64(k*ln2Rest32) + (float64(k*ln2In32) + wide))
		twos[i%logisticBlock] = math.Float32frombits(uint32(math.Float64bits(n)) << 23)
	}
	for i, s := range s[:len(from)] {
		r := float64(s)
		u := (float64(r*exp32A) + (exp32B + place32B)) - place32B
		u = (float64(u*r) + (exp32C + place32C)) - place32C
		sums[i] = (float64(u*r) + (exp32D + place32D)) - place32D
	}
	for i, x := range from {
		s := s[i%logisticBlock]
		r := float64(s)
		u := float64(float32(float64(sums[i%logisticBlock]*r) + exp32E))
		rest := float32(float64(u*float64(float32(s*s))) - r)
		scale := float32(1)
		if x < low32 {
			scale = scale32
		}
		two := math.Float32frombits(math.Float32bits(twos[i%logisticBlock]) + math.Float32bits(scale))
		quotient := float32(v[i]/(float32(two*rest)+scale+two)) * scale
		if x <= least32 {
			quotient = zero
		}
		out[i] = quotient
	}
}

// logistics is quickLogistic of any number of numbers: v is one for all of them, or they
// themselves.
func logistics(from, to, ones []float32, zero float32) {
	for len(from) > 0 {
		n := min(logisticBlock, len(from))
		v := from[:n]
		if ones != nil {
			v = ones[:n]
		}
		quickLogistic(from[:n], v, to[:n], zero)
		from, to = from[n:], to[n:]
	}
}

// quickLines computes lines, or numbers times lines, whose term is a float32, until it meets
// one that it leaves to line; it says how many.
func quickLines(from, to []float32, factor, term, rest float64, times bool) int {
	to = to[:len(from)]
	for i, x := range from {
		wide := float64(x) // where it lies: see quick
		sum := float64(wide*factor) + term
		if twice(sum) {
			return i
		}
		v := limits{0, 1, 0, one}.cut(float32(sum) + float32(wide*rest))
		if times {
			v = timesLine(float32(wide), v)
		}
		to[i] = v
	}
	return len(from)
}

// lines makes loops of lines, or of numbers times lines.
func lines(times bool) func(from, to []float32, t *[singles]float32) {
	return func(from, to []float32, t *[singles]float32) {
		for len(from) > 0 {
			n := 0
			if t[at32P1Rest] == 0 {
				n = quickLines(from, to, float64(t[at32P0]), float64(t[at32P1]), float64(t[at32P0Rest]), times)
			}
			if from, to = from[n:], to[n:]; len(from) == 0 {
				return
			}
			if to[0] = line(from[0], t[:]); times {
				to[0] = timesLine(from[0], to[0])
			}
			from, to = from[1:], to[1:]
		}
	}
}

// ofEach computes a function of each number of a row. The compiler puts it in where it is
// called, and the function into it if that is small.
func ofEach(from, to []float32, of func(v float32) float32) {
	to = to[:len(from)]
	for i, v := range from {
		to[i] = of(v)
	}
}

// singlesGeneric are loops of the functions, of those that take long in quicker forms.
func singlesGeneric() (k [functions]pointwiseKernel) {
	ones := slices.Repeat([]float32{1}, logisticBlock)
	for f, loop := range map[Function]func(from, to []float32, t *[singles]float32){
		Sigmoid:     func(from, to []float32, _ *[singles]float32) { logistics(from, to, ones, 0) },
		Swish:       func(from, to []float32, _ *[singles]float32) { logistics(from, to, nil, float32(math.Copysign(0, -1))) },
		HardSigmoid: lines(false),
		HardSwish:   lines(true),
		LeakyRelu: func(from, to []float32, t *[singles]float32) {
			slope := t[at32P0]
			ofEach(from, to, func(v float32) float32 { return leaky(v, slope) })
		},
		Abs: func(from, to []float32, _ *[singles]float32) { ofEach(from, to, abs) },
		Neg: func(from, to []float32, _ *[singles]float32) { ofEach(from, to, func(v float32) float32 { return -v }) },
		Square: func(from, to []float32, _ *[singles]float32) {
			ofEach(from, to, func(v float32) float32 { return v * v })
		},
		Softsign: func(from, to []float32, _ *[singles]float32) { ofEach(from, to, softsign) },
	} {
		k[f] = func(x, out *float32, bytes int, table *float64, _ *int32) {
			n := bytes / 4
			loop(unsafe.Slice(x, n), unsafe.Slice(out, n)[:n], behind[[singles]float32](unsafe.Pointer(table), 8*atSingle))
		}
	}
	return k
}

// timesLine is x times the line at x, and 0 where that is, whatever x is.
func timesLine(x, line float32) float32 {
	bits := math.Float32bits(float32(x * line))
	if math.Float32bits(line)<<1 == 0 {
		bits = 0
	}
	return math.Float32frombits(bits)
}

func leaky(x, slope float32) float32 {
	bits, below := math.Float32bits(x), math.Float32bits(float32(x*slope))
	if int32(bits) < 0 {
		bits = below
	}
	return math.Float32frombits(bits)
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

func softsign(x float32) float32 {
	v := limits{-math.MaxFloat32, math.MaxFloat32, math.Float32bits(-math.MaxFloat32), math.Float32bits(math.MaxFloat32)}.cut(x)
	return v / (abs(v) + 1)
}
