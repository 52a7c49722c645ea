package asm

import (
	"fmt"
	"math"
)

// A quad is four bytes, neighbouring channels of a pixel, in the 32 bits of one
// element, as a pair is two bfloat16: everything that only moves elements serves it
// too. Inputs are differences, of what a pixel is from what it was, as unsigned
// bytes around 128; weights are signed bytes. (The processor's product is of
// unsigned with signed bytes.)

// QuadZero is the element of four differences of zero.
var QuadZero = math.Float32frombits(0x80808080)

// Quad is the element of four weights from -128 to 127.
func Quad(w [4]int8) float32 {
	return math.Float32frombits(uint32(uint8(w[0])) | uint32(uint8(w[1]))<<8 | uint32(uint8(w[2]))<<16 | uint32(uint8(w[3]))<<24)
}

// Unquad gives the differences of an element that Differences.Quantize made.
func Unquad(q float32) [4]int8 {
	b := math.Float32bits(q) ^ 0x80808080
	return [4]int8{int8(b), int8(b >> 8), int8(b >> 16), int8(b >> 24)}
}

// quadKernels are a set's kernels for differences in eight bits.
type quadKernels struct {
	gemm     []quadGemm // of the shapes of the set's matrix product
	spread   func(a, b *float32, bytes int, most *uint32, mask *int32)
	quantize func(a, b, dst *float32, bytes int, factor *float32, mask *int32)
	peak     func(loops int)
	// peakOps is the number of multiplications and additions in each loop.
	peakOps int
}

type quadGemm struct {
	rows, columns int
	run           func(table **float32, taps, begin, end int, weights *float32, out **float32, column int, bias, clamp *float32, mask *int32, base **float32, scales, columnScales *float32)
}

// Quads says whether the set multiplies quads.
func (k *Kernels) Quads() bool { return k.quads != nil }

// GemmQuads computes one tile of differences, added to what was: with the arguments
// of Gemm, elements of table and weights being quads, and the bits of bias int32,
//
//	acc := bias[j] + sum of dotQuads(table[t*rows+r][begin+c], weights[(t*(end-begin)+c)*columns+j])
//	out[r][column+j] = clamp(base[r][column+j] + acc*(scales[r]*columnScales[j]))
func (k *Kernels) GemmQuads(table []*float32, taps, begin, end int, weights []float32, out []*float32, column int, bias []float32, clamp *[2]float32, valid int, base []*float32, scales, columnScales []float32) {
	rows, columns := len(out), len(bias)
	if k.quads == nil || taps < 1 || end <= begin || len(table) < taps*rows || len(weights) < taps*(end-begin)*columns || valid < 1 || valid > columns ||
		len(base) < rows || len(scales) < rows || len(columnScales) < columns {
		panic(fmt.Sprintf("asm: GemmQuads of %d rows, %d taps, quads [%d,%d), %d of %d columns: %d pointers, %d weights, %d bases, %d and %d scales",
			rows, taps, begin, end, valid, columns, len(table), len(weights), len(base), len(scales), len(columnScales)))
	}
	for i := range k.quads.gemm {
		if g := &k.quads.gemm[i]; g.rows == rows && g.columns == columns {
			g.run(&table[0], taps, 4*begin, 4*end, &weights[0], &out[0], 4*column, &bias[0], &clamp[0], mask(valid, columns), &base[0], &scales[0], &columnScales[0])
			return
		}
	}
	panic(fmt.Sprintf("asm: no %s kernel of quads of %d rows and %d columns", k.Name, rows, columns))
}

// Differences rounds the differences of two planes to quads: all are added first,
// so that the largest is known, and rounded then. It holds what kernels take the
// address of; the zero value is ready.
type Differences struct {
	most   [maxLanes]uint32
	factor [2]float32
}

// Reset forgets what was added.
func (d *Differences) Reset() { clear(d.most[:]) }

// Add takes in the differences of two rows of the same length.
func (d *Differences) Add(k *Kernels, a, b []float32) {
	if k.quads == nil || len(a) != len(b) {
		panic(fmt.Sprintf("asm: differences of %d and %d by %s", len(a), len(b), k.Name))
	}
	if len(a) > 0 {
		k.quads.spread(&a[0], &b[0], 4*len(a), &d.most[0], k.tail(len(a)))
	}
}

// Largest is the largest magnitude of those added: 0 of none, no finite number if
// one is none.
func (d *Differences) Largest() float32 {
	most := uint32(0)
	for _, b := range d.most {
		most = max(most, b)
	}
	return math.Float32frombits(most)
}

// quantizeMagic is a number so large that what is added to it is rounded to a whole
// one, with 128 in its lowest byte.
const quantizeMagic = 1.5*(1<<23) + 128

// Quantize writes the differences a-b, times factor, to quads, rounded to the
// nearest whole number, to even between two. They must be at most 127 in magnitude.
func (d *Differences) Quantize(k *Kernels, dst, a, b []float32, factor float32) {
	if k.quads == nil || len(a) != len(b) || len(a)%4 != 0 || len(dst) < len(a)/4 {
		panic(fmt.Sprintf("asm: Quantize of %d and %d into %d quads by %s", len(a), len(b), len(dst), k.Name))
	}
	if len(a) > 0 {
		d.factor = [2]float32{factor, quantizeMagic}
		k.quads.quantize(&a[0], &b[0], &dst[0], 4*len(a), &d.factor[0], k.tail(len(a)))
	}
}
