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

func gemmGeneric[R rowCount](table **float32, taps, begin, end int, weights *float32, out **float32, column int, bias, clamp *float32, mask *int32, _, tiles, skip, _ int, add **float32, sum *float32) {
	var r R
	gemmTiles(len(r), 16, table, taps, begin, end, weights, out, column, bias, clamp, mask, tiles, skip, add, sum)
}

func gemmGeneric8[R rowCount](table **float32, taps, begin, end int, weights *float32, out **float32, column int, bias, clamp *float32, mask *int32, _, tiles, skip, _ int, add **float32, sum *float32) {
	var r R
	gemmTiles(len(r), 8, table, taps, begin, end, weights, out, column, bias, clamp, mask, tiles, skip, add, sum)
}

// gemmTiles is a matrix product of tiles of a height and of a panel's width.
func gemmTiles(rows, columns int, table **float32, taps, begin, end int, weights *float32, out **float32, column int, bias, clamp *float32, mask *int32, tiles, skip int, add **float32, sum *float32) {
	valid := columns
	if mask != nil {
		valid = 0
		for _, m := range unsafe.Slice(mask, columns) {
			valid -= int(m)
		}
	}
	n := (end - begin) / 4
	g := genericTile{rows: rows, taps: taps, n: [4]int{n, n, n, n}, begin: begin, columns: columns, weights: unsafe.Pointer(weights), column: column / 4, valid: valid}
	if bias != nil {
		g.bias = unsafe.Slice(bias, columns)
	}
	if clamp != nil {
		g.clamp = unsafe.Slice(clamp, 2)
	}
	if add != nil {
		g.sum = unsafe.Slice(sum, 2)
	}
	const pointer = int(unsafe.Sizeof(table))
	for i := range tiles {
		g.table = unsafe.Slice((**float32)(unsafe.Add(unsafe.Pointer(table), i*(taps*rows*pointer+skip))), taps*rows)
		g.outs = unsafe.Slice((**float32)(unsafe.Add(unsafe.Pointer(out), i*rows*pointer)), rows)
		if add != nil {
			g.adds = unsafe.Slice((**float32)(unsafe.Add(unsafe.Pointer(add), i*rows*pointer)), rows)
		}
		g.run()
	}
}

// genericTile is one tile of a matrix product. It is computed in parts of eight outputs,
// whose sums the compiler keeps in registers: four rows by two columns, two by four or
// one by eight.
type genericTile struct {
	rows, taps, begin, columns int
	n                          [4]int // channels of each row
	table, outs                []*float32
	weights                    unsafe.Pointer
	column, valid              int
	bias, clamp                []float32 // nil if there is none
	adds                       []*float32
	sum                        []float32 // bounds of what adds are added to, nil if there are none
}

func (g *genericTile) run() {
	switch g.rows {
	case 4:
		for j := 0; j < g.valid; j += 2 {
			var s [8]float32
			g.begins(s[:], j, 2)
			g.sum4x2(j, &s)
			g.ends(s[:], j, 2)
		}
	case 2:
		for j := 0; j < g.valid; j += 4 {
			var s [8]float32
			g.begins(s[:], j, 4)
			g.sum2x4(j, &s)
			g.ends(s[:], j, 4)
		}
	default:
		for j := 0; j < g.valid; j += 8 {
			var s [8]float32
			g.begins(s[:], j, 8)
			g.sum1x8(j, &s)
			g.ends(s[:], j, 8)
		}
	}
}

// begins writes what the sums of columns j to j+n begin with: the biases, or what is in
// the outputs.
func (g *genericTile) begins(s []float32, j, n int) {
	for r := range g.rows {
		if g.bias != nil {
			copy(s[r*n:][:n], g.bias[j:])
		} else {
			copy(s[r*n:][:n], g.output(r, j))
		}
	}
}

// ends bounds the sums and writes them to the outputs.
func (g *genericTile) ends(s []float32, j, n int) {
	for r := range g.rows {
		o, sums := g.output(r, j), s[r*n:][:n]
		if g.clamp == nil {
			copy(o, sums)
			continue
		}
		for i := range min(n, len(o)) {
			o[i] = bound(sums[i], g.clamp[0], g.clamp[1]) + 0 // see gemm: no -0
		}
		if g.sum != nil {
			for i, x := range unsafe.Slice(g.adds[r], g.column+g.valid)[g.column+j:][:min(n, len(o))] {
				o[i] = bound(o[i]+x, g.sum[0], g.sum[1])
			}
		}
	}
}

// output is row r of the outputs from column j on.
func (g *genericTile) output(r, j int) []float32 {
	return unsafe.Slice(g.outs[r], g.column+g.valid)[g.column+j:]
}

// input is the row of channels of tap t and row r. All are as long, but the compiler does
// not know: the check of a row ends a block of instructions, and sums that are made in it
// take no registers from those behind. Without it all products come first, and more
// numbers are alive than registers are there.
func (g *genericTile) input(t, r int) []float32 {
	return unsafe.Slice((*float32)(unsafe.Add(unsafe.Pointer(g.table[t*g.rows+r]), g.begin)), g.n[r])
}

// behind is what lies n bytes behind p.
func behind[T any](p unsafe.Pointer, n int) *T { return (*T)(unsafe.Add(p, n)) }

func (g *genericTile) sum4x2(j int, s *[8]float32) {
	a, b, c, d, e, f, h, i := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	k, pitch, weights := 4*j, 4*g.columns, g.weights
	for t := range g.taps {
		x0, x1, x2, x3 := g.input(t, 0), g.input(t, 1), g.input(t, 2), g.input(t, 3)
		for n, x := range x0 {
			w := behind[[2]float32](weights, k)
			k += pitch
			u, v := w[0], w[1]
			a += float32(x * u)
			b += float32(x * v)
			x = x1[n]
			c += float32(x * u)
			d += float32(x * v)
			x = x2[n]
			e += float32(x * u)
			f += float32(x * v)
			x = x3[n]
			h += float32(x * u)
			i += float32(x * v)
		}
	}
	*s = [8]float32{a, b, c, d, e, f, h, i}
}

func (g *genericTile) sum2x4(j int, s *[8]float32) {
	a, b, c, d, e, f, h, i := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	k, pitch, weights := 4*j, 4*g.columns, g.weights
	for t := range g.taps {
		x0, x1 := g.input(t, 0), g.input(t, 1)
		for n, x := range x0 {
			w := behind[[4]float32](weights, k)
			k += pitch
			a += float32(w[0] * x)
			b += float32(w[1] * x)
			c += float32(w[2] * x)
			d += float32(w[3] * x)
			x = x1[n]
			e += float32(w[0] * x)
			f += float32(w[1] * x)
			h += float32(w[2] * x)
			i += float32(w[3] * x)
		}
	}
	*s = [8]float32{a, b, c, d, e, f, h, i}
}

func (g *genericTile) sum1x8(j int, s *[8]float32) {
	a, b, c, d, e, f, h, i := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	k, pitch, weights := 4*j, 4*g.columns, g.weights
	for t := range g.taps {
		for _, x := range g.input(t, 0) {
			w := behind[[8]float32](weights, k)
			k += pitch
			a += float32(w[0] * x)
			b += float32(w[1] * x)
			c += float32(w[2] * x)
			d += float32(w[3] * x)
			e += float32(w[4] * x)
			f += float32(w[5] * x)
			h += float32(w[6] * x)
			i += float32(w[7] * x)
		}
	}
	*s = [8]float32{a, b, c, d, e, f, h, i}
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

// tapsOf lists the pixels of a run's first window, row by row, in space if that is large
// enough. Windows and channels behind the first lie some bytes further.
func tapsOf(space []unsafe.Pointer, rows **float32, pixel, ky, kx int) []unsafe.Pointer {
	taps := space[:0]
	for _, row := range unsafe.Slice(rows, ky) {
		for t := range kx {
			taps = append(taps, unsafe.Add(unsafe.Pointer(row), t*pixel))
		}
	}
	return taps
}

// mostTaps is how many taps most windows have at most.
const mostTaps = 49

func depthwiseGeneric(rows **float32, n, step, pixel, ky, kx, bytes int, weights, out, bias, clamp *float32, _ *int32) {
	var space [mostTaps]unsafe.Pointer
	taps := tapsOf(space[:], rows, pixel, ky, kx)
	c := bytes / 4
	outs, biases := unsafe.Slice(out, n*c), unsafe.Slice(bias, c)
	least, most := *clamp, *behind[float32](unsafe.Pointer(clamp), 4)
	i := 0
	for ; i+4 <= n; i += 4 {
		o := outs[i*c:][:4*c]
		oA, oB, oC, oD := o[:c], o[c:][:c], o[2*c:][:c], o[3*c:][:c]
		for j, s := range biases {
			var a, b, d, e float32
			if w := unsafe.Add(unsafe.Pointer(weights), 4*j); kx == 3 && step == pixel {
				a, b, d, e = fourOfThree(taps, i*step+4*j, step, w, bytes, s)
			} else {
				a, b, d, e = fourWindows(taps, i*step+4*j, step, w, bytes, s)
			}
			oA[j], oB[j], oC[j], oD[j] = bound(a, least, most), bound(b, least, most), bound(d, least, most), bound(e, least, most)
		}
	}
	for ; i < n; i++ {
		o := outs[i*c:][:c]
		for j, s := range biases {
			k := 4 * j
			for _, p := range taps {
				s += float32(*behind[float32](p, i*step+4*j) * *behind[float32](unsafe.Pointer(weights), k))
				k += bytes
			}
			o[j] = bound(s, least, most)
		}
	}
}

// fourWindows adds the products of a channel of four neighbouring windows, the first of
// which begins at bytes behind the taps, to s: a weight is read once for all of them.
func fourWindows(taps []unsafe.Pointer, at, step int, weights unsafe.Pointer, pitch int, s float32) (a, b, c, d float32) {
	a, b, c, d = s, s, s, s
	atB, atC, atD, k := at+step, at+2*step, at+3*step, 0
	for _, p := range taps {
		w := *behind[float32](weights, k)
		k += pitch
		a += float32(*behind[float32](p, at) * w)
		b += float32(*behind[float32](p, atB) * w)
		c += float32(*behind[float32](p, atC) * w)
		d += float32(*behind[float32](p, atD) * w)
	}
	return a, b, c, d
}

// fourOfThree is fourWindows for windows of three columns that lie a pixel apart: an input is
// read once for all windows that it lies in.
func fourOfThree(taps []unsafe.Pointer, at, step int, weights unsafe.Pointer, pitch int, s float32) (a, b, c, d float32) {
	a, b, c, d = s, s, s, s
	for ; len(taps) >= 3; taps = taps[3:] {
		p := unsafe.Add(taps[0], at)
		w := *behind[float32](weights, 0)
		x1, x2, x3 := *behind[float32](p, step), *behind[float32](p, 2*step), *behind[float32](p, 3*step)
		a += float32(*behind[float32](p, 0) * w)
		b += float32(x1 * w)
		c += float32(x2 * w)
		d += float32(x3 * w)
		w = *behind[float32](weights, pitch)
		x4 := *behind[float32](p, 4*step)
		a += float32(x1 * w)
		b += float32(x2 * w)
		c += float32(x3 * w)
		d += float32(x4 * w)
		w = *behind[float32](weights, 2*pitch)
		a += float32(x2 * w)
		b += float32(x3 * w)
		c += float32(x4 * w)
		d += float32(*behind[float32](p, 5*step) * w)
		weights = unsafe.Add(weights, 3*pitch)
	}
	return a, b, c, d
}

func maxPoolGeneric(rows **float32, n, step, pixel, ky, kx, bytes int, _, out, _, _ *float32, _ *int32) {
	var space [mostTaps]unsafe.Pointer
	taps := tapsOf(space[:], rows, pixel, ky, kx)
	outs := unsafe.Slice(out, n*bytes/4)
	for i := range n {
		o, j := outs[i*bytes/4:][:bytes/4], 0
		for ; j+4 <= len(o); j += 4 {
			largestOfFour(taps, i*step+4*j, (*[4]float32)(o[j:]))
		}
		for ; j < len(o); j++ {
			o[j] = largest(taps, i*step+4*j)
		}
	}
}

// largest is the largest number of a channel, NaN if one is, and of zeros the first.
func largest(taps []unsafe.Pointer, at int) float32 {
	top := float32(math.Inf(-1))
	for _, p := range taps {
		if v := *behind[float32](p, at); v > top || v != v {
			top = v
		}
	}
	return top
}

// largestOfFour is largest of four neighbouring channels. It takes the largest of the bits,
// as numbers with and without a sign, which needs no jumps. The first is the largest number
// if that is above zero, and the second tells whether there is a NaN with a sign.
func largestOfFour(taps []unsafe.Pointer, at int, to *[4]float32) {
	var a, b, c, d int32 = math.MinInt32, math.MinInt32, math.MinInt32, math.MinInt32
	var u, v, w, z uint32
	for _, p := range taps {
		x := behind[[4]int32](p, at)
		a, u = max(a, x[0]), max(u, uint32(x[0]))
		b, v = max(b, x[1]), max(v, uint32(x[1]))
		c, w = max(c, x[2]), max(w, uint32(x[2]))
		d, z = max(d, x[3]), max(z, uint32(x[3]))
	}
	to[0], to[1], to[2], to[3] = math.Float32frombits(uint32(a)), math.Float32frombits(uint32(b)), math.Float32frombits(uint32(c)), math.Float32frombits(uint32(d))
	if untold(a, u) {
		to[0] = largest(taps, at)
	}
	if untold(b, v) {
		to[1] = largest(taps, at+4)
	}
	if untold(c, w) {
		to[2] = largest(taps, at+8)
	}
	if untold(d, z) {
		to[3] = largest(taps, at+12)
	}
}

// untold says that the largest of bits, with and without a sign, do not tell the largest
// number.
func untold(signed int32, unsigned uint32) bool {
	const lowest = 0xff800000 // -Inf
	return signed <= 0 && unsigned != 0 || unsigned > lowest
}

func sumPoolGeneric(rows **float32, n, step, pixel, ky, kx, bytes int, _, out, _, scale *float32, _ *int32) {
	var space [mostTaps]unsafe.Pointer
	taps := tapsOf(space[:], rows, pixel, ky, kx)
	outs := unsafe.Slice(out, n*bytes/4)
	for i := range n {
		o, j := outs[i*bytes/4:][:bytes/4], 0
		for ; j+4 <= len(o); j += 4 {
			var a, b, c, d float32
			at := i*step + 4*j
			for _, p := range taps {
				x := behind[[4]float32](p, at)
				a += x[0]
				b += x[1]
				c += x[2]
				d += x[3]
			}
			o[j], o[j+1], o[j+2], o[j+3] = a**scale, b**scale, c**scale, d**scale
		}
		for ; j < len(o); j++ {
			s := float32(0)
			for _, p := range taps {
				s += *behind[float32](p, i*step+4*j)
			}
			o[j] = s * *scale
		}
	}
}

func addGeneric(a, b, out *float32, bytes int, clamp *float32, _ *int32) {
	n := bytes / 4
	x, y, o := unsafe.Slice(a, n), unsafe.Slice(b, n), unsafe.Slice(out, n)
	least, most := *clamp, *behind[float32](unsafe.Pointer(clamp), 4)
	for i, v := range x {
		o[i] = bound(v+y[i], least, most)
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
