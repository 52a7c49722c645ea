package asm

import (
	"fmt"
	"unsafe"
)

// Affine computes, for n pixels of len(scale) channels that begin pitch numbers apart,
// out = min(clamp[1], max(clamp[0], x*scale[c]+shift[c])), rounding after each
// operation; a NaN stays. out's pixels follow each other; it may be x where x's do.
func (k *Kernels) Affine(x, scale, shift, out []float32, n, pitch int, clamp *[2]float32) {
	c := len(scale)
	if n < 1 || c < 1 || pitch < c || len(shift) < c || len(x) < (n-1)*pitch+c || len(out) < n*c {
		panic(fmt.Sprintf("asm: Affine of %d into %d: %d pixels of %d channels, %d apart", len(x), len(out), n, c, pitch))
	}
	k.affine(&x[0], &scale[0], &shift[0], &out[0], n, 4*pitch, 4*c, &clamp[0], k.tail(c))
}

// Blend computes out[i] = a[i]*weights[0] + b[i]*weights[1] for each i < len(out), rounding
// after each operation; out may be a or b.
func (k *Kernels) Blend(a, b, out []float32, weights *[2]float32) {
	if len(out) == 0 {
		return
	}
	if len(a) < len(out) || len(b) < len(out) {
		panic(fmt.Sprintf("asm: Blend of %d and %d into %d", len(a), len(b), len(out)))
	}
	k.blend(&a[0], &b[0], &out[0], 4*len(out), &weights[0], k.tail(len(out)))
}

func blendGeneric(a, b, out *float32, bytes int, weights *float32, _ *int32) {
	n := bytes / 4
	x, y, to, w := unsafe.Slice(a, n), unsafe.Slice(b, n), unsafe.Slice(out, n), unsafe.Slice(weights, 2)
	for i, v := range x {
		to[i] = float32(v*w[0]) + float32(y[i]*w[1])
	}
}

func affineGeneric(x, scale, shift, out *float32, n, pitch, bytes int, clamp *float32, _ *int32) {
	c, pitch := bytes/4, pitch/4
	from, to := unsafe.Slice(x, (n-1)*pitch+c), unsafe.Slice(out, n*c)
	a, b, bounds := unsafe.Slice(scale, c), unsafe.Slice(shift, c), unsafe.Slice(clamp, 2)
	for i := range n {
		px := from[i*pitch:][:c]
		for j, v := range px {
			to[i*c+j] = bound(float32(v*a[j])+b[j], bounds[0], bounds[1]) // not fused on any processor
		}
	}
}
