package ptx

import "math"

// FMA is x*y + z of float32 with one rounding, to nearest with ties to even, denormals
// kept: what fma.rn.f32 computes, and the fused multiply-adds of processors. A NaN is
// Go's, whatever its operands were.
//
// The product of two float32 is exact in float64. So its sum with z is rounded twice, and
// the first rounding matters only if it leaves a number half way between two float32 that
// was not there before.
func FMA(x, y, z float32) float32 {
	p, c := float64(x)*float64(y), float64(z)
	s := p + c
	// Numbers that are no denormals, and not half way.
	if b := math.Float64bits(s); b&(1<<29-1) != 1<<28 && b<<1 >= smallestNormal<<1 {
		return float32(s)
	}
	return float32(odd(p, c, s))
}

// smallestNormal is the bits of the least number that is no denormal of float32: of those
// below more bits are lost.
const smallestNormal = (1023 - 126) << 52

// odd is p + c, whose nearest float64 is s, rounded to odd: a sum that float64 cannot hold
// becomes the one of its two neighbours whose last bit is 1. Rounded again to so many bits
// less it gives what the sum itself would.
func odd(p, c, s float64) float64 {
	if math.IsInf(s, 0) || s != s {
		return s
	}
	// What s lacks, exactly (Knuth's sum of two).
	q := float64(s - p)
	rest := float64(p-float64(s-q)) + float64(c-q)
	if rest == 0 || math.Float64bits(s)&1 != 0 {
		return s
	}
	if rest > 0 {
		return math.Nextafter(s, math.Inf(1))
	}
	return math.Nextafter(s, math.Inf(-1))
}
