package onnxwrite

import "math"

// ToFloat16 rounds to the nearest binary16 number, ties to even. What is too
// large becomes infinite; a NaN stays a (quiet) NaN.
func ToFloat16(v float32) Float16 {
	b := math.Float32bits(v)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000:
		return Float16(sign | 0x7e00)
	case b >= 0x477ff000: // 65520, halfway above the largest finite number
		return Float16(sign | 0x7c00)
	case b < 0x38800000: // below 2^-14: subnormal, in steps of 2^-24
		steps := math.RoundToEven(float64(math.Float32frombits(b)) * (1 << 24))
		return Float16(sign | uint16(steps))
	}
	// Drop 13 bits of the significand; the carry may run into the exponent,
	// which is then the right one.
	b += 0xfff + b>>13&1
	return Float16(sign | uint16((b-(112<<23))>>13))
}

// ToBFloat16 rounds to the nearest bfloat16 number, ties to even. A NaN stays a
// (quiet) NaN.
func ToBFloat16(v float32) BFloat16 {
	b := math.Float32bits(v)
	if b&0x7fffffff > 0x7f800000 {
		return BFloat16(b>>16 | 0x40)
	}
	return BFloat16((b + 0x7fff + b>>16&1) >> 16)
}
