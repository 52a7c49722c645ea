package asm

import (
	"fmt"
	"math"
)

// A quad is four bytes, neighbouring channels of a pixel, in the 32 bits of one
// element, as a pair is two bfloat16: everything that only moves elements serves it
// too. Inputs are differences, of what a pixel is from what it was; weights are signed
// bytes. Where the processor's product is of unsigned with signed bytes (x86), differences
// have 128 added. Where it has none of bytes (AVX2 alone) an element is two numbers of 16
// bits instead: half as many channels, and the same sums.

// quadKernels are a set's kernels for differences in eight bits.
type quadKernels struct {
	// channels is how many an element has, 4 or 2; centre is what differences have added.
	channels, centre int
	// paired says that kernels read weights as PackQuads lays them out.
	paired   bool
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

// olderQuads are sets of this machine with the kernels for quads of older processors.
var olderQuads []*Kernels

// QuadSets lists the sets that multiply quads, by every kind of kernel that this machine
// runs: for tests, which then need no older one.
func QuadSets() (sets []*Kernels) {
	for _, k := range Sets() {
		if k.Quads() {
			sets = append(sets, k)
		}
	}
	return append(sets, olderQuads...)
}

// QuadChannels is how many channels an element has, QuadCentre what differences have added
// where they are multiplied.
func (k *Kernels) QuadChannels() int { return k.quads.channels }
func (k *Kernels) QuadCentre() int   { return k.quads.centre }

// PackQuads lays a panel's weights out as GemmQuads reads them, in their place: as they are,
// or, for kernels that multiply two elements at a time, those of every two elements of a tap
// column by column. A last single element's stay. Each tap has so many elements.
func (k *Kernels) PackQuads(weights []float32, elements, columns int) {
	if !k.quads.paired {
		return
	}
	pair := make([]float32, 2*columns)
	for ; len(weights) > 0; weights = weights[elements*columns:] {
		for e := 0; e+1 < elements; e += 2 {
			of := weights[e*columns:][:2*columns]
			copy(pair, of)
			for j := range columns {
				of[2*j], of[2*j+1] = pair[j], pair[columns+j]
			}
		}
	}
}

// QuadAt is where in a panel that PackQuads has laid out the weight of a column for the given
// element is, counted through all taps.
func (k *Kernels) QuadAt(element, column, elements, columns int) int {
	if e := element % elements; k.quads.paired && e|1 < elements {
		return (element-e%2)*columns + 2*column + e%2
	}
	return element*columns + column
}

// QuadZero is the element of differences of zero.
func (k *Kernels) QuadZero() float32 {
	return k.quads.element(func(int) int { return k.quads.centre })
}

// Quad is the element of QuadChannels weights from -128 to 127.
func (k *Kernels) Quad(w []int8) float32 {
	return k.quads.element(func(i int) int { return int(w[i]) })
}

func (q *quadKernels) element(of func(i int) int) float32 {
	width := 32 / q.channels
	var bits uint32
	for i := range q.channels {
		bits |= uint32(of(i)) & (1<<width - 1) << (i * width)
	}
	return math.Float32frombits(bits)
}

// QuadSum is the sum of an element's weights.
func (k *Kernels) QuadSum(e float32) int32 {
	sum := int32(0)
	for i := range k.quads.channels {
		sum += int32(k.quads.part(e, i))
	}
	return sum
}

// Unquad writes the differences of an element that Differences.Quantize made.
func (k *Kernels) Unquad(e float32, to []int8) {
	for i := range k.quads.channels {
		to[i] = int8(k.quads.part(e, i) - k.quads.centre)
	}
}

// part is number i of an element as a whole number with a sign, or, of bytes that have
// something added, one that is as much modulo 256.
func (q *quadKernels) part(e float32, i int) int {
	return int(int8(math.Float32bits(e) >> (i * 32 / q.channels)))
}

// GemmQuads computes one tile of differences, added to what was: with the arguments
// of Gemm, elements of table and weights being quads, and the bits of bias int32,
//
//	acc := bias[j] + sum of dotQuads(table[t*rows+r][begin+c], weights[(t*(end-begin)+c)*columns+j])
//
// where dotQuads is the sum of an element's products, differences with what is added to
// them, and weights are laid out by PackQuads,
//
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
	factor [2]float32 // and quantizeMagic, with what differences have added
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
// one, in its lowest bits.
const quantizeMagic = 1.5 * (1 << 23)

// Quantize writes the differences a-b, times factor, to quads, rounded to the
// nearest whole number, to even between two. They must be at most 127 in magnitude.
func (d *Differences) Quantize(k *Kernels, dst, a, b []float32, factor float32) {
	if k.quads == nil || len(a) != len(b) || len(a)%4 != 0 || len(dst) < len(a)/k.quads.channels {
		panic(fmt.Sprintf("asm: Quantize of %d and %d into %d quads by %s", len(a), len(b), len(dst), k.Name))
	}
	if len(a) > 0 {
		d.factor = [2]float32{factor, quantizeMagic + float32(k.quads.centre)}
		k.quads.quantize(&a[0], &b[0], &dst[0], 4*len(a), &d.factor[0], k.tail(len(a)))
	}
}
