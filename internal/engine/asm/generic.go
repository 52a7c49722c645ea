package asm

import (
	"runtime"
	"unsafe"
)

// Generic is the set in plain Go. It multiplies and adds with two roundings,
// so that its bits differ from those of the other sets; like them it is
// exact against itself.
var Generic = Kernels{
	Name: "generic", Rows: 4, Columns: 16,
	gemm: []gemmKernel{
		{4, 16, gemmGeneric[[4]float32]}, {2, 16, gemmGeneric[[2]float32]}, {1, 16, gemmGeneric[[1]float32]},
		{4, 8, gemmGeneric8[[4]float32]}, {2, 8, gemmGeneric8[[2]float32]}, {1, 8, gemmGeneric8[[1]float32]},
	},
	depthwise: depthwiseGeneric, maxPool: maxPoolGeneric, sumPool: sumPoolGeneric, add: addGeneric,
	winograd2: winogradKernels{winogradInputGeneric(4, winogradIn2), winogradOutputGeneric(2, winogradOut2)},
	winograd4: winogradKernels{winogradInputGeneric(6, winogradIn4), winogradOutputGeneric(4, winogradOut4)},
	peak:      peakGeneric, peakFlops: 8 * 2,
}

// rowCount carries a tile's height in its type, as the assembly kernels carry
// it in their name.
type rowCount interface {
	[1]float32 | [2]float32 | [4]float32
}

func gemmGeneric[R rowCount](table **float32, taps, begin, end int, weights *float32, out **float32, column int, bias, clamp *float32, mask *int32) {
	var r R
	gemmColumns(len(r), 16, table, taps, begin, end, weights, out, column, bias, clamp, mask)
}

func gemmGeneric8[R rowCount](table **float32, taps, begin, end int, weights *float32, out **float32, column int, bias, clamp *float32, mask *int32) {
	var r R
	gemmColumns(len(r), 8, table, taps, begin, end, weights, out, column, bias, clamp, mask)
}

func gemmColumns(rows, columns int, table **float32, taps, begin, end int, weights *float32, out **float32, column int, bias, clamp *float32, mask *int32) {
	ptrs := unsafe.Slice(table, taps*rows)
	w := unsafe.Slice(weights, taps*(end-begin)/4*columns)
	outs := unsafe.Slice(out, rows)
	b, lim := unsafe.Slice(bias, columns), unsafe.Slice(clamp, 2)
	valid := columns
	if mask != nil {
		valid = 0
		for _, m := range unsafe.Slice(mask, columns) {
			valid -= int(m)
		}
	}
	var acc [16]float32
	for r := range rows {
		copy(acc[:columns], b)
		k := 0
		for t := range taps {
			x := unsafe.Slice(ptrs[t*rows+r], end/4)
			for _, v := range x[begin/4:] {
				row := w[k : k+columns : k+columns]
				for j, wj := range row {
					acc[j] += float32(v * wj)
				}
				k += columns
			}
		}
		o := unsafe.Slice(outs[r], column/4+valid)[column/4:]
		for j := range o {
			o[j] = bound(acc[j], lim) + 0 // see gemm: no -0
		}
	}
}

// bound limits v as the vector instructions do: a NaN stays NaN.
func bound(v float32, lim []float32) float32 {
	if v < lim[0] {
		v = lim[0]
	}
	if v > lim[1] {
		v = lim[1]
	}
	return v
}

func depthwiseGeneric(table **float32, taps, bytes int, weights, out, bias, clamp *float32, _ *int32) {
	n := bytes / 4
	w, o, lim := unsafe.Slice(weights, taps*n), unsafe.Slice(out, n), unsafe.Slice(clamp, 2)
	copy(o, unsafe.Slice(bias, n))
	for t, p := range unsafe.Slice(table, taps) {
		x := unsafe.Slice(p, n)
		for c := range o {
			o[c] += float32(x[c] * w[t*n+c])
		}
	}
	for c := range o {
		o[c] = bound(o[c], lim)
	}
}

func maxPoolGeneric(table **float32, taps, bytes int, out, _ *float32, _ *int32) {
	n := bytes / 4
	ptrs, o := unsafe.Slice(table, taps), unsafe.Slice(out, n)
	copy(o, unsafe.Slice(ptrs[0], n))
	for _, p := range ptrs[1:] {
		for c, v := range unsafe.Slice(p, n) {
			if v > o[c] {
				o[c] = v
			}
		}
	}
}

func sumPoolGeneric(table **float32, taps, bytes int, out, scale *float32, _ *int32) {
	n := bytes / 4
	ptrs, o := unsafe.Slice(table, taps), unsafe.Slice(out, n)
	copy(o, unsafe.Slice(ptrs[0], n))
	for _, p := range ptrs[1:] {
		for c, v := range unsafe.Slice(p, n) {
			o[c] += v
		}
	}
	for c := range o {
		o[c] *= *scale
	}
}

func addGeneric(a, b, out *float32, bytes int, clamp *float32, _ *int32) {
	n := bytes / 4
	x, y, o, lim := unsafe.Slice(a, n), unsafe.Slice(b, n), unsafe.Slice(out, n), unsafe.Slice(clamp, 2)
	for i := range o {
		o[i] = bound(x[i]+y[i], lim)
	}
}

// peakGeneric runs eight independent multiplications and additions, loops
// times.
func peakGeneric(loops int) {
	var a, b, c, d, e, f, g, h float32
	x, y := float32(loops), float32(0.5)
	for range loops {
		a, b, c, d = x+float32(a*y), x+float32(b*y), x+float32(c*y), x+float32(d*y)
		e, f, g, h = x+float32(e*y), x+float32(f*y), x+float32(g*y), x+float32(h*y)
	}
	runtime.KeepAlive(a + b + c + d + e + f + g + h) // or the loop could go
}
