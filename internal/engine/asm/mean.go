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
		var s0, s1, s2, s3 float32
		i := j
		for ; i+3*c < len(from); i += 4 * c {
			s0 += from[i]
			s1 += from[i+c]
			s2 += from[i+2*c]
			s3 += from[i+3*c]
		}
		for k := i; k < len(from); k += c { // at most three
			switch (k - i) / c {
			case 0:
				s0 += from[k]
			case 1:
				s1 += from[k]
			default:
				s2 += from[k]
			}
		}
		to[j] = ((s0 + s1) + (s2 + s3)) * *scale
	}
}
