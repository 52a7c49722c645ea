// Package narrow rounds float32 to the formats that tensor cores take.
package narrow

import "math"

// TF32 rounds to 11 significant bits, halves away from zero, as cvt.rna.tf32.f32 of PTX does.
func TF32(v float32) float32 {
	if v-v != 0 {
		return v
	}
	return math.Float32frombits((math.Float32bits(v) + 1<<12) &^ (1<<13 - 1))
}

// BF16 rounds to 8 significant bits, halves to even ones, as cvt.rn.bf16x2.f32 does: the upper
// half of the result's bits is the bfloat16, the lower one is 0.
func BF16(v float32) float32 {
	if v != v {
		return math.Float32frombits(0x7fff << 16)
	}
	b := math.Float32bits(v)
	return math.Float32frombits((b + 0x7fff + b>>16&1) &^ (1<<16 - 1))
}
