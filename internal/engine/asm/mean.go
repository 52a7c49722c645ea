package asm

import (
	"fmt"
	"unsafe"
)

// PixelSum computes, for n pixels of len(out) channels that follow each other, scale[0]
// times the sum over the pixels of each channel. A channel has four sums, of every fourth
// pixel, which are added up in halves: the same bits on every set, rounded less often
// than in one.
func (k *Kernels) PixelSum(x, out []float32, n int, scale *[2]float32) {
	c := len(out)
	if n < 1 || c < 1 || len(x) < n*c {
		panic(fmt.Sprintf("asm: PixelSum of %d: %d pixels of %d channels", len(x), n, c))
	}
	k.pixelSum(&x[0], &out[0], n, 4*c, &scale[0], k.tail(c))
}

func pixelSumGeneric(x, out *float32, n, bytes int, scale *float32, _ *int32) {
	c := bytes / 4
	from, to := unsafe.Slice(x, n*c), unsafe.Slice(out, c)
	for j := range to {
		var acc [4]float32
		for i := range n {
			acc[i%4] += from[i*c+j]
		}
		to[j] = ((acc[0] + acc[1]) + (acc[2] + acc[3])) * *scale
	}
}
