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

func gemmGeneric[R rowCount](table **float32, taps, begin, end int, weights *float32, out **float32, column int, bias, clamp *float32, mask *int32, _, tiles, skip, _ int, add **float32, sum *float32, _ int) {
	var r R
	gemmTiles(len(r), 16, table, taps, begin, end, weights, out, column, bias, clamp, mask, tiles, skip, add, sum)
}

func gemmGeneric8[R rowCount](table **float32, taps, begin, end int, weights *float32, out **float32, column int, bias, clamp *float32, mask *int32, _, tiles, skip, _ int, add **float32, sum *float32, _ int) {
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
	if g.clamped = clamp != nil; g.clamped {
		g.clamp = limitsOf(clamp)
	}
	if add != nil {
		g.sum = limitsOf(sum)
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
	bias                       []float32 // nil if there is none
	clamped                    bool
	clamp                      limits
	adds                       []*float32 // nil if nothing is added
	sum                        limits     // of what they are added to
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
		if !g.clamped {
			copy(o, sums)
			continue
		}
		o = o[:min(n, len(o))]
		for i := range o {
			o[i] = g.clamp.cut(sums[i]) + 0 // see gemm: no -0
		}
		if g.adds != nil {
			for i, x := range unsafe.Slice(g.adds[r], g.column+g.valid)[g.column+j:][:len(o)] {
				o[i] = g.sum.cut(o[i] + x)
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

// limits are two bounds, and their bits.
type limits struct {
	least, most         float32
	leastBits, mostBits uint32
}

// limitsOf are the bounds that a kernel is given: where the upper one is the smaller, it is
// both, as in bound.
func limitsOf(clamp *float32) limits {
	least, most := *clamp, *behind[float32](unsafe.Pointer(clamp), 4)
	if least > most {
		least = most
	}
	return limits{least, most, math.Float32bits(least), math.Float32bits(most)}
}

// cut is bound. The compiler moves whole numbers by a condition, where it jumps for floats,
// and no processor guesses on which side of a bound a number is.
func (l limits) cut(v float32) float32 {
	bits := math.Float32bits(v)
	if v < l.least {
		bits = l.leastBits
	}
	if v > l.most {
		bits = l.mostBits
	}
	return math.Float32frombits(bits)
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
	l := limitsOf(clamp)
	i := 0
	for ; i+4 <= n; i += 4 {
		o := outs[i*c:][:4*c]
		oA, oB, oC, oD := o[:c], o[c:][:c], o[2*c:][:c], o[3*c:][:c]
		for j, s := range biases {
			var a, b, d, e float32
			switch w := unsafe.Add(unsafe.Pointer(weights), 4*j); {
			case kx == 3 && step == pixel:
				a, b, d, e = fourOfThree(taps, i*step+4*j, step, w, bytes, s)
			case kx == 5 && step == pixel:
				a, b, d, e = fourOfFive(taps, i*step+4*j, step, w, bytes, s)
			default:
				a, b, d, e = fourWindows(taps, i*step+4*j, step, w, bytes, s)
			}
			oA[j], oB[j], oC[j], oD[j] = l.cut(a), l.cut(b), l.cut(d), l.cut(e)
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
			o[j] = l.cut(s)
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
	for k := 0; len(taps) >= 3; taps, k = taps[3:], k+3*pitch {
		p, weights := unsafe.Add(taps[0], at), unsafe.Add(weights, k)
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
	}
	return a, b, c, d
}

// fourOfFive is fourOfThree for windows of five columns.
func fourOfFive(taps []unsafe.Pointer, at, step int, weights unsafe.Pointer, pitch int, s float32) (a, b, c, d float32) {
	a, b, c, d = s, s, s, s
	for k := 0; len(taps) >= 5; taps, k = taps[5:], k+5*pitch {
		p, weights := unsafe.Add(taps[0], at), unsafe.Add(weights, k)
		w := *behind[float32](weights, 0)
		x1, x2, x3 := *behind[float32](p, step), *behind[float32](p, 2*step), *behind[float32](p, 3*step)
		a += float32(*behind[float32](p, 0) * w)
		b += float32(x1 * w)
		c += float32(x2 * w)
		d += float32(x3 * w)
		p = unsafe.Add(p, 4*step)
		w = *behind[float32](weights, pitch)
		x4 := *behind[float32](p, 0)
		a += float32(x1 * w)
		b += float32(x2 * w)
		c += float32(x3 * w)
		d += float32(x4 * w)
		w = *behind[float32](weights, 2*pitch)
		x5 := *behind[float32](p, step)
		a += float32(x2 * w)
		b += float32(x3 * w)
		c += float32(x4 * w)
		d += float32(x5 * w)
		weights = unsafe.Add(weights, 3*pitch)
		w = *behind[float32](weights, 0)
		x6 := *behind[float32](p, 2*step)
		a += float32(x3 * w)
		b += float32(x4 * w)
		c += float32(x5 * w)
		d += float32(x6 * w)
		w = *behind[float32](weights, pitch)
		a += float32(x4 * w)
		b += float32(x5 * w)
		c += float32(x6 * w)
		d += float32(*behind[float32](p, 3*step) * w)
	}
	return a, b, c, d
}

func maxPoolGeneric(rows **float32, n, step, pixel, ky, kx, bytes int, _, out, _, _ *float32, _ *int32) {
	var space [mostTaps]unsafe.Pointer
	taps := tapsOf(space[:], rows, pixel, ky, kx)
	outs := unsafe.Slice(out, n*bytes/4)
	negative := false // where one number has a sign, more may
	for i := range n {
		o, at := outs[i*bytes/4:][:bytes/4], i*step
		j := 0
		if !negative {
			j = largestOfPositive(taps, at, o)
			negative = j+4 <= len(o)
		}
		if negative {
			j += largestOfSigned(taps, at+4*j, o[j:])
		}
		for ; j < len(o); j++ {
			o[j] = largest(taps, at+4*j)
		}
	}
}

// largest is the largest number of a channel, NaN if one is, and of zeros the first.
func largest(taps []unsafe.Pointer, at int) float32 {
	// Of numbers with a sign the bits are turned over, which gives the order of the numbers
	// to whole numbers; the largest of these needs no jumps. A sum is NaN if a number is.
	top, sum := int32(math.MinInt32), float32(0)
	for _, p := range taps {
		x := *behind[int32](p, at)
		top = max(top, x^int32(uint32(x>>31)>>1))
		sum += *behind[float32](p, at)
	}
	if sum == sum && top != 0 {
		return math.Float32frombits(uint32(top ^ int32(uint32(top>>31)>>1)))
	}
	most := float32(math.Inf(-1))
	for _, p := range taps {
		if v := *behind[float32](p, at); v > most || v != v {
			most = v
		}
	}
	return most
}

// Above the bits of infinity are those of NaN.
const infinite = 0x7f800000

// largestOfPositive is largest of neighbouring channels, four at a time, up to where a number
// has a sign or is NaN; it says of how many. It takes the largest of the bits, as whole
// numbers, which needs no jumps.
func largestOfPositive(taps []unsafe.Pointer, at int, to []float32) int {
	j := 0
	for ; j+4 <= len(to); j += 4 {
		var a, b, c, d uint32
		for _, p := range taps {
			x := behind[[4]uint32](p, at)
			a, b, c, d = max(a, x[0]), max(b, x[1]), max(c, x[2]), max(d, x[3])
		}
		if max(a, b, c, d) > infinite {
			break
		}
		*(*[4]uint32)(unsafe.Pointer(&to[j])) = [4]uint32{a, b, c, d}
		at += 16
	}
	return j
}

// largestOfSigned is largest of neighbouring channels, four at a time; it says of how many. The
// largest of the bits, as numbers with a sign, is the largest number if that is above zero,
// and none is NaN, of which sums tell.
func largestOfSigned(taps []unsafe.Pointer, at int, to []float32) int {
	j := 0
	for ; j+4 <= len(to); j += 4 {
		var a, b, c, d int32 = math.MinInt32, math.MinInt32, math.MinInt32, math.MinInt32
		var s, t, u, v float32
		for _, p := range taps {
			x, y := behind[[4]int32](p, at), behind[[4]float32](p, at)
			a, b, c, d = max(a, x[0]), max(b, x[1]), max(c, x[2]), max(d, x[3])
			s += y[0]
			t += y[1]
			u += y[2]
			v += y[3]
		}
		*(*[4]int32)(unsafe.Pointer(&to[j])) = [4]int32{a, b, c, d}
		if all := (s + t) + (u + v); min(a, b, c, d) <= 0 || all != all {
			for i, told := range [4]bool{a > 0 && s == s, b > 0 && t == t, c > 0 && u == u, d > 0 && v == v} {
				if !told {
					to[j+i] = largest(taps, at+4*i)
				}
			}
		}
		at += 16
	}
	return j
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
	l, i := limitsOf(clamp), 0
	for ; i+16 <= bytes; i += 16 {
		x, y, o := behind[[4]float32](unsafe.Pointer(a), i), behind[[4]float32](unsafe.Pointer(b), i), behind[[4]float32](unsafe.Pointer(out), i)
		o[0], o[1], o[2], o[3] = l.cut(x[0]+y[0]), l.cut(x[1]+y[1]), l.cut(x[2]+y[2]), l.cut(x[3]+y[3])
	}
	for ; i < bytes; i += 4 {
		*behind[float32](unsafe.Pointer(out), i) = l.cut(*behind[float32](unsafe.Pointer(a), i) + *behind[float32](unsafe.Pointer(b), i))
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
