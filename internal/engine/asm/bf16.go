package asm

import (
	"fmt"
	"math"
)

// A pair is two bfloat16, neighbouring channels of a pixel, in the 32 bits of one
// element: a row of n channels in bfloat16 is a row of n/2 elements, and
// everything that only moves elements serves both. An element that is a pair
// is no number; nothing may compute with it but the kernels of Pairs.

// Pairs is the set's matrix product for elements that are pairs of bfloat16, or
// nil: Gemm, GemmSparse, Nonzero and Peak. Products are exact, sums are those
// of float32 in the order of elements, each element's second channel before its
// first; denormal inputs and sums count as zero.
func (k *Kernels) Pairs() *Kernels { return k.pairs }

// Round rounds numbers to bfloat16, to the nearest, to even between two,
// denormals to zero: pair i of dst is src[2*i] and src[2*i+1].
func (k *Kernels) Round(dst, src []float32) {
	if k.round == nil || len(src)%2 != 0 || len(dst) < len(src)/2 {
		panic(fmt.Sprintf("asm: Round of %d numbers into %d pairs by %s", len(src), len(dst), k.Name))
	}
	if len(src) > 0 {
		k.round(&src[0], &dst[0], 4*len(src), &lanes[maxLanes-len(src)%maxLanes])
	}
}

// BF16 is the bits of x rounded to bfloat16 as Round does.
func BF16(x float32) uint16 {
	b := math.Float32bits(x)
	switch {
	case x != x:
		return uint16(b>>16) | 0x40 // quiet
	case b&0x7f800000 == 0:
		return uint16(b>>16) & 0x8000
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// Pair is the element of two channels.
func Pair(first, second float32) float32 {
	return math.Float32frombits(uint32(BF16(first)) | uint32(BF16(second))<<16)
}

// Unpair gives the two channels of an element.
func Unpair(p float32) (first, second float32) {
	b := math.Float32bits(p)
	return math.Float32frombits(b << 16), math.Float32frombits(b & 0xffff0000)
}
