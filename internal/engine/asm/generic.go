package asm

import (
	"math"
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
	depthwise: depthwiseGeneric, maxPool: maxPoolGeneric, sumPool: sumPoolGeneric, add: addGeneric, affine: affineGeneric, blend: blendGeneric, blendPixels: blendPixelsGeneric, pixelSum: pixelSumGeneric, functions: functionsGeneric(), singles: singlesGeneric(), arithmetic: arithmeticGeneric(), distance: distanceGeneric, moved: movedGeneric,
	winograd2: winogradGeneric(winograd2Axis, winograd2Axis),
	winograd4: winograd4Generic(),
	peak:      peakGeneric, peakFlops: 8 * 2,
}

// rowCount carries a tile's height in its type, as the assembly kernels carry
// it in their name.
type rowCount interface {
	[1]float32 | [2]float32 | [4]float32
}

func gemmGeneric[R rowCount](table **float32, taps, begin, end int, weights *float32, out **float32, column int, bias, clamp *float32, mask *int32, _, tiles, skip, _ int) {
	var r R
	gemmTiles(len(r), 16, table, taps, begin, end, weights, out, column, bias, clamp, mask, tiles, skip)
}

func gemmGeneric8[R rowCount](table **float32, taps, begin, end int, weights *float32, out **float32, column int, bias, clamp *float32, mask *int32, _, tiles, skip, _ int) {
	var r R
	gemmTiles(len(r), 8, table, taps, begin, end, weights, out, column, bias, clamp, mask, tiles, skip)
}

func gemmTiles(rows, columns int, table **float32, taps, begin, end int, weights *float32, out **float32, column int, bias, clamp *float32, mask *int32, tiles, skip int) {
	const pointer = int(unsafe.Sizeof(table))
	for i := range tiles {
		t := (**float32)(unsafe.Add(unsafe.Pointer(table), i*(taps*rows*pointer+skip)))
		o := (**float32)(unsafe.Add(unsafe.Pointer(out), i*rows*pointer))
		gemmColumns(rows, columns, t, taps, begin, end, weights, o, column, bias, clamp, mask)
	}
}

func gemmColumns(rows, columns int, table **float32, taps, begin, end int, weights *float32, out **float32, column int, bias, clamp *float32, mask *int32) {
	ptrs := unsafe.Slice(table, taps*rows)
	w := unsafe.Slice(weights, taps*(end-begin)/4*columns)
	outs := unsafe.Slice(out, rows)
	valid := columns
	if mask != nil {
		valid = 0
		for _, m := range unsafe.Slice(mask, columns) {
			valid -= int(m)
		}
	}
	var acc [16]float32
	for r := range rows {
		o := unsafe.Slice(outs[r], column/4+valid)[column/4:]
		if bias != nil {
			copy(acc[:], unsafe.Slice(bias, columns))
		} else {
			copy(acc[:], o)
		}
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
		if clamp == nil {
			copy(o, acc[:])
			continue
		}
		lim := unsafe.Slice(clamp, 2)
		for j := range o {
			o[j] = bound(acc[j], lim[0], lim[1]) + 0 // see gemm: no -0
		}
	}
}

// bound limits v as the vector instructions do: a NaN stays NaN.
func bound(v, least, most float32) float32 {
	if v < least {
		v = least
	}
	if v > most {
		v = most
	}
	return v
}

// eachOutput calls f for every output pixel of a run with its row of channels,
// and the function that gives the window's next pixel: row by row.
func eachOutput(rows **float32, n, step, pixel, ky, kx, channels int, out *float32, f func(o []float32, tap func(t int) []float32)) {
	ptrs, outs := unsafe.Slice(rows, ky), unsafe.Slice(out, n*channels)
	for i := range n {
		f(outs[i*channels:][:channels], func(t int) []float32 {
			at := i*step/4 + t%kx*pixel/4
			return unsafe.Slice(ptrs[t/kx], at+channels)[at:]
		})
	}
}

func depthwiseGeneric(rows **float32, n, step, pixel, ky, kx, bytes int, weights, out, bias, clamp *float32, _ *int32) {
	c := bytes / 4
	w, b, lim := unsafe.Slice(weights, ky*kx*c), unsafe.Slice(bias, c), unsafe.Slice(clamp, 2)
	eachOutput(rows, n, step, pixel, ky, kx, c, out, func(o []float32, tap func(int) []float32) {
		copy(o, b)
		for t := range ky * kx {
			for i, v := range tap(t) {
				o[i] += float32(v * w[t*c+i])
			}
		}
		for i := range o {
			o[i] = bound(o[i], lim[0], lim[1])
		}
	})
}

func maxPoolGeneric(rows **float32, n, step, pixel, ky, kx, bytes int, _, out, _, _ *float32, _ *int32) {
	eachOutput(rows, n, step, pixel, ky, kx, bytes/4, out, func(o []float32, tap func(int) []float32) {
		for i := range o {
			o[i] = float32(math.Inf(-1))
		}
		for t := range ky * kx {
			for i, v := range tap(t) {
				if v > o[i] || v != v {
					o[i] = v
				}
			}
		}
	})
}

func sumPoolGeneric(rows **float32, n, step, pixel, ky, kx, bytes int, _, out, _, scale *float32, _ *int32) {
	eachOutput(rows, n, step, pixel, ky, kx, bytes/4, out, func(o []float32, tap func(int) []float32) {
		clear(o)
		for t := range ky * kx {
			for i, v := range tap(t) {
				o[i] += v
			}
		}
		for i := range o {
			o[i] *= *scale
		}
	})
}

func addGeneric(a, b, out *float32, bytes int, clamp *float32, _ *int32) {
	n := bytes / 4
	x, y, o, lim := unsafe.Slice(a, n), unsafe.Slice(b, n), unsafe.Slice(out, n), unsafe.Slice(clamp, 2)
	for i := range o {
		o[i] = bound(x[i]+y[i], lim[0], lim[1])
	}
}

func distanceGeneric(a, b *float32, bytes int, _ *int32) float32 {
	n := bytes / 4
	x, y := unsafe.Slice(a, n), unsafe.Slice(b, n)
	sum := float32(0)
	for i, v := range x {
		d := v - y[i]
		sum += float32(d * d)
	}
	return sum
}

func movedGeneric(from, to *float32, n, fromStep, toStep, bytes int, limit uint64, _ *int32) uint64 {
	bits, most := uint64(0), math.Float32frombits(uint32(limit))
	for i := range n {
		a, b := unsafe.Add(unsafe.Pointer(from), i*fromStep), unsafe.Add(unsafe.Pointer(to), i*toStep)
		if !(distanceGeneric((*float32)(a), (*float32)(b), bytes, nil) <= most) {
			bits |= 1 << i
		}
	}
	return bits
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
