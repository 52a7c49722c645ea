package asm

import (
	"fmt"
	"slices"
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

// BlendPixels makes pixels of c channels of a row's, whose first is pixel first: pixel i of
// out is pixel index[2*i] times weights[2*i] plus pixel index[2*i+1] times weights[2*i+1],
// rounding after each operation. out must not overlap the row.
func (k *Kernels) BlendPixels(row []float32, index []int32, weights, out []float32, first, c int) {
	n := len(index) / 2
	if n == 0 {
		return
	}
	last := first + len(row)/c - 1
	if c < 1 || len(weights) < 2*n || len(out) < n*c || int(slices.Min(index)) < first || int(slices.Max(index)) > last {
		panic(fmt.Sprintf("asm: BlendPixels of %d numbers from pixel %d on by %v and %d weights into %d of %d channels", len(row), first, index, len(weights), len(out), c))
	}
	k.blendPixels(&row[0], &index[0], &weights[0], &out[0], n, 4*c, first, k.tail(c))
}

func blendPixelsGeneric(row *float32, index *int32, weights, out *float32, n, bytes, first int, _ *int32) {
	c, pairs, w := bytes/4, unsafe.Slice(index, 2*n), unsafe.Slice(weights, 2*n)
	pixel := func(k int32) []float32 {
		return unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(row), (int(k)-first)*bytes)), c)
	}
	for i := range n {
		a, b := pixel(pairs[2*i]), pixel(pairs[2*i+1])
		to := unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(out), i*bytes)), c)
		for j := range to {
			to[j] = float32(a[j]*w[2*i]) + float32(b[j]*w[2*i+1])
		}
	}
}

func blendGeneric(a, b, out *float32, bytes int, weights *float32, _ *int32) {
	n := bytes / 4
	x, y, to, w := unsafe.Slice(a, n), unsafe.Slice(b, n), unsafe.Slice(out, n), unsafe.Slice(weights, 2)
	for i, v := range x {
		to[i] = float32(v*w[0]) + float32(y[i]*w[1])
	}
}

func affineGeneric(x, scale, shift, out *float32, n, pitch, bytes int, clamp *float32, _ *int32) {
	l := limitsOf(clamp)
	for i := range n {
		from, to, j := unsafe.Add(unsafe.Pointer(x), i*pitch), unsafe.Add(unsafe.Pointer(out), i*bytes), 0
		for ; j+16 <= bytes; j += 16 {
			v, o := behind[[4]float32](from, j), behind[[4]float32](to, j)
			a, b := behind[[4]float32](unsafe.Pointer(scale), j), behind[[4]float32](unsafe.Pointer(shift), j)
			// Products are converted, and not fused on any processor.
			p, q, r, s := float32(v[0]*a[0])+b[0], float32(v[1]*a[1])+b[1], float32(v[2]*a[2])+b[2], float32(v[3]*a[3])+b[3]
			o[0], o[1], o[2], o[3] = l.cut(p), l.cut(q), l.cut(r), l.cut(s)
		}
		for ; j < bytes; j += 4 {
			v, a, b := *behind[float32](from, j), *behind[float32](unsafe.Pointer(scale), j), *behind[float32](unsafe.Pointer(shift), j)
			*behind[float32](to, j) = l.cut(float32(v*a) + b)
		}
	}
}
