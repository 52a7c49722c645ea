// Package softmax turns logits into probabilities: for the engine's layers and
// for what reads a network's outputs.
package softmax

import (
	"math"

	"krypton/internal/engine/asm"
)

// Row writes exp(x) over the sum of all exp(x) to dst, which has x's length, at
// least 1, and may be x itself. Its largest element is taken off first, so that
// nothing overflows.
func Row(dst, x []float32) { RowOf(dst, x, 1) }

// RowOf is Row of a row whose last element stands for that many: it counts so often
// in the sum, and comes out as one of them.
func RowOf(dst, x []float32, many float64) {
	top := asm.RowLargest(x)
	last := x[len(x)-1]
	sum := asm.RowExp(x, dst, top)
	if many != 1 {
		sum += float64((many - 1) * Exp(float64(last)-float64(top)))
	}
	asm.RowTimes(dst, dst, float32(1/sum))
}

// Rows writes what Row does, or LogRow, for each of many rows of size numbers, by kernels
// that compute short ones, of fewer than asm.ShortRow numbers, side by side: these not to the
// same bits.
func Rows(dst, x []float32, size int, log bool) {
	if size < asm.ShortRow {
		asm.ShortSoftmax(x, dst, size, log)
		return
	}
	if size%asm.SoftmaxStep == 0 && !log {
		asm.SoftmaxRows(x, dst, size)
		return
	}
	row := Row
	if log {
		row = LogRow
	}
	for k := 0; k < len(x); k += size {
		row(dst[k:k+size], x[k:k+size])
	}
}

// LogRow writes the logarithm of what Row does.
func LogRow(dst, x []float32) {
	const block = 64
	var e [block]float32
	top, sum := asm.RowLargest(x), 0.0
	for i := 0; i < len(x); i += block {
		sum += asm.RowExp(x[i:min(len(x), i+block)], e[:], top)
	}
	l := asm.Log64(sum)
	for i, v := range x {
		dst[i] = float32(float64(v) - float64(top) - l)
	}
}

const (
	// round, added and taken off again, leaves the nearest whole number; its
	// lowest bits hold that number meanwhile.
	round = 3 << 51
	// ln2Hi and ln2Lo are the parts of the natural logarithm of 2; products of
	// the first with whole numbers up to 1100 are exact.
	ln2Hi = 0x1.62e42feep-1
	ln2Lo = 0x1.a39ef35793c76p-33
	// lowest is an argument whose exponential is nothing to float32.
	lowest = -700
)

// Exp is e to the power of x for x of at most 700, with a relative error under
// 1e-8: enough for results in float32, at a fifth of math.Exp's time. Below -700
// it is as at -700; of what is no number it is none.
func Exp(x float64) float64 {
	if x < lowest {
		x = lowest
	}
	t := float64(x*math.Log2E) + round
	k := t - round
	r := x - float64(k*ln2Hi) - float64(k*ln2Lo) // at most half of ln 2 on either side of 0
	// The series of the exponential, as far as r^7/7!, in pairs of terms that do
	// not wait for each other.
	s := r * r
	p := 1 + r + float64(s*((1./2+float64(r*(1./6)))+float64(s*((1./24+float64(r*(1./120)))+float64(s*(1./720+float64(r*(1./5040))))))))
	return p * math.Float64frombits((math.Float64bits(t)+1023)<<52) // 2^k
}
