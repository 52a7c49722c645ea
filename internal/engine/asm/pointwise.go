package asm

import (
	"fmt"
	"math"
	"slices"
	"unsafe"
)

// Function is a function of single elements, computed in float64 and rounded once, or
// where that is accurate enough in float32 (single.go). Every kernel set does the same
// operations in the same order, and so gives the same bits, within one unit in the last
// place of the exact value, or two (TestFunctions); a NaN stays one. Where an argument without end meets a factor that vanishes, the limit
// comes out.
type Function int

// The functions. P is what Table is given as parameters.
const (
	Exp         Function = iota
	Sigmoid              // 1 / (1 + exp(-x))
	Swish                // x / (1 + exp(-P[0]*x)); SiLU with P[0] = 1
	Tanh                 //
	Erf                  //
	Gelu                 // x times the normal distribution's probability of less than x
	GeluTanh             // x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))
	Mish                 // x * tanh(log(1 + exp(x)))
	Elu                  // P[1]*x, or P[0]*(exp(x)-1) where x is negative
	HardSigmoid          // min(max(0, P[0]*x + P[1]), 1)
	HardSwish            // x * min(max(0, P[0]*x + P[1]), 1)
	LeakyRelu            // x, or P[0]*x where x is negative
	Sqrt                 //
	Reciprocal           // 1 / x
	Abs                  //
	Neg                  //
	Square               // x * x
	Log                  // the natural logarithm
	Softplus             // log(1 + exp(x))
	Celu                 // x, or P[0]*(exp(P[1]*x)-1) where x is negative, with P[1] = 1/P[0]
	Pow                  // |x| to the power of P[0], times P[1] where x is less than 0: see PowSign
	Softsign             // x / (1 + |x|)
	functions
)

// pointwiseKernel computes out[i] = f(x[i]) for bytes/4 elements; table holds the
// parameters and then constants. mask holds the lanes of the last vector.
type pointwiseKernel func(x, out *float32, bytes int, table *float64, mask *int32)

// Apply computes out[i] = f(x[i]); out may be x. table is what Table gives for f.
func (k *Kernels) Apply(f Function, table []float64, x, out []float32) {
	if len(out) == 0 {
		return
	}
	if len(x) < len(out) || len(table) != tableLen {
		panic(fmt.Sprintf("asm: Apply of %d to %d elements, table of %d", len(x), len(out), len(table)))
	}
	run := k.functions[f]
	if table[atKind] != 0 {
		run = k.singles[f]
	}
	run(&x[0], &out[0], 4*len(out), &table[0], k.tail(len(out)))
}

// The places of a function's table: two parameters, then constants that all
// functions share, then those of one. The generator of the kernels has them too.
const (
	atP0      = iota
	atP1      //
	atOne     //
	atSign    // -0: the bit of the sign alone
	atLog2E   // 1/log(2)
	atRound   // added and taken off again it leaves the nearest whole number, which its last bits hold meanwhile
	atLn2     // log(2)
	atExp     // coefficients of (exp(r)-1)/r, the highest first
	atLeast   = atExp + 6
	atMost    = atLeast + 1 // between these float32 has exponentials that are neither 0 nor infinite
	atLowest  = atMost + 1  // below every float32, and above
	atHighest = atLowest + 1
	atOwn     = atHighest + 1
	atTail    = atOwn + 11         // the coefficients of tail, those above the line
	atBelow   = atTail + 5         // and below it
	atKind    = atTail + len(tail) // not 0: a function in float32, for which there is
	atSingle  = atKind + 1         // the constants of those, two in the place of one
	// Behind it are whole vectors of eight or of four of all the numbers that the function
	// takes, each the same: AVX2's operands in memory.
	atWide   = (atSingle + (singles+1)/2 + 3) / 4 * 4
	tableLen = atWide + 4*atKind
)

// shared are the constants from atOne to atOwn.
var shared = [atOwn - atOne]float64{1, math.Copysign(0, -1), 0x1.71547652b82fep+0, 3 << 51, 0x1.62e42fefa39efp-1,
	0x1.6d43246b523b4p-10, 0x1.123d90f1a67d6p-7, 0x1.5554e9063586ep-5, 0x1.55547c9c5a035p-3, 0x1.0000000b9129bp-1, 0x1.0000002e4a949p+0, -200, 200, -0x1p128, 0x1p128}

// own are a function's own constants. Polynomials are interpolated at Chebyshev's
// nodes, the highest coefficient first.
var own = [functions][]float64{
	Tanh: {2},
	// Below 0.8 erf(x) is x + x p(x^2); above it is 1 less the normal tail, which
	// Gelu has, at x sqrt(2), twice; from 10 on that vanishes beside 1.
	Erf: {0.8, math.Sqrt2, 0x1.805ff9dc9c635p-14, -0x1.b37c64d7e7dfdp-11, 0x1.55aec23b8cd59p-8, -0x1.b82352f35321bp-6,
		0x1.ce2ee0d4e23f1p-4, -0x1.8127460af7e9bp-2, 0x1.06eba81f25951p-3, 10, 2},
	Gelu:     {-0.5, 14.5}, // where the result is less than half of the least float32
	GeluTanh: {-2 * 0x1.9884533d43651p-1, -2 * 0x1.9884533d43651p-1 * 0.044715, 12},
	Mish:     {2},
	Log:      logarithm,
	Pow:      logarithm,
	Softplus: append(slices.Clone(logarithm[:atanhTerms]), 2),
}

// atanhTerms is how many coefficients a polynomial has, the highest first, that is
// 2 atanh(s)/s of s*s up to 1/9: log(m) is that of s = (m-1)/(m+1), times s.
const atanhTerms = 7

// logarithm is what logarithms take: those, where mantissas begin, the bits that bring
// exponents to whole numbers and mantissas out of a number, a number whose last bits are
// whole numbers and what is taken off those, then what no float32 but 0 is below.
var logarithm = []float64{0x1.bfb4561e8dc48p-3, 0x1.5eab67b0d884cp-3, 0x1.c8cf1b3455de3p-3, 0x1.2489ae158dab2p-2, 0x1.9999c2d1aee49p-2, 0x1.5555553081220p-1, 0x1.0000000002acdp+1,
	math.Sqrt2 / 2, math.Float64frombits(math.Float64bits(1) - math.Float64bits(math.Sqrt2/2)), math.Float64frombits(1<<52 - 1),
	1 << 52, 1<<52 + 1023, 0x1p-150, math.Inf(-1), math.NaN()}

// PowSign is the second parameter of Pow for a power, by which that of a negative number
// is that of its size: there is none but of whole powers.
func PowSign(p float64) float64 {
	switch {
	case p != math.Trunc(p):
		return math.NaN()
	case math.Mod(p, 2) != 0:
		return -1
	}
	return 1
}

// tail are coefficients, the highest first, of two polynomials whose quotient is the normal
// distribution's probability of less than -z, times exp(z*z/2), for z from 0 to 14.4: the
// largest relative error is 2^-27.3 (least squares, weighted again and again by the errors, after
// Lawson). All are positive, so that nothing cancels out.
var tail = [11]float64{0x1.0d44bda3bc7ccp-7, 0x1.4c72dc7e6873bp-4, 0x1.76f48bf067765p-2, 0x1.c09ad225287fdp-1, 1,
	0x1.51795c0e2bc8ep-6, 0x1.a0b0774ca6260p-3, 0x1.e0540b9baf102p-1, 0x1.33ae04a79b12fp+1, 0x1.ac8f9994e3e48p+1, 0x1.ffffffcdeab71p+0}

// Table is what Apply needs of a function with its parameters.
func Table(f Function, p ...float64) []float64 {
	t := make([]float64, tableLen)
	copy(t[atP0:atOne], p)
	copy(t[atOne:], shared[:])
	copy(t[atOwn:], own[f])
	if f == Erf || f == Gelu {
		copy(t[atTail:], tail[:])
	}
	if inSingle(f, t[atP0]) {
		t[atKind] = 1
		constants := singleConstants(t[atP0], t[atP1])
		copy(unsafe.Slice((*float32)(unsafe.Pointer(&t[atSingle])), singles), constants)
		repeat(unsafe.Slice((*float32)(unsafe.Pointer(&t[atWide])), 8*singles), constants, 8)
		return t
	}
	repeat(t[atWide:], t[:atKind], 4)
	return t
}

// repeat writes each of the numbers n times.
func repeat[T float32 | float64](to, numbers []T, n int) {
	for i := range to {
		to[i] = numbers[i/n]
	}
}
