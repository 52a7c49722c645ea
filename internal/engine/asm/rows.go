package asm

import (
	"fmt"
	"math"
	"unsafe"
)

// What normalizes rows gives the same bits with any instructions: sums are in float64, in
// rowLanes parts (element i is in part i%rowLanes) that are added up in halves. These
// kernels belong to no set, and the best that the processor has are used.
const rowLanes = 16

// RowSum adds up the numbers of a row.
func RowSum(x []float32) float64 {
	sum, blocks := 0.0, len(x)/rowLanes
	if blocks > 0 {
		sum = rowSum(&x[0], blocks)
	}
	rest := 0.0
	for _, v := range x[blocks*rowLanes:] {
		rest += float64(v)
	}
	return sum + rest
}

// RowSquares adds up the squares of a row's distances from a number.
func RowSquares(x []float32, mean float64) float64 {
	sum, blocks := 0.0, len(x)/rowLanes
	if blocks > 0 {
		sum = rowSquares(&x[0], blocks, mean)
	}
	rest := 0.0
	for _, v := range x[blocks*rowLanes:] {
		d := float64(v) - mean
		rest = math.FMA(d, d, rest)
	}
	return sum + rest
}

// RowScale computes out[i] = (x[i]-mean)*factor*scale[i] + bias[i], rounded once. out may
// be x.
func RowScale(x, out, scale, bias []float32, mean, factor float64) {
	n := len(x)
	if len(out) < n || len(scale) < n || len(bias) < n {
		panic(fmt.Sprintf("asm: RowScale of %d by %d and %d into %d", n, len(scale), len(bias), len(out)))
	}
	blocks := n / rowLanes
	if blocks > 0 {
		rowScale(&x[0], &out[0], &scale[0], &bias[0], blocks, mean, factor)
	}
	for i := blocks * rowLanes; i < n; i++ {
		out[i] = scaled(x[i], scale[i], bias[i], mean, factor)
	}
}

func scaled(x, scale, bias float32, mean, factor float64) float32 {
	return float32(math.FMA(float64((float64(x)-mean)*factor), float64(scale), float64(bias)))
}

// NormRows takes the numbers of each row, of as many as scale has, to mean 0 and variance 1 and
// computes x*scale[i] + bias[i]: what RowSum, RowSquares and RowScale make of each, where the
// row's mean square distance from its mean and epsilon are the variance. out may be x.
func NormRows(x, out, scale, bias []float32, epsilon float64) {
	n := len(scale)
	if n < 1 || len(bias) < n || len(x)%n != 0 || len(out) < len(x) {
		panic(fmt.Sprintf("asm: NormRows of %d into %d, rows of %d and %d", len(x), len(out), n, len(bias)))
	}
	if len(x) > 0 && n%rowLanes == 0 {
		numbers := [...]float64{float64(n), epsilon, 1}
		normRows(&x[0], &out[0], &scale[0], &bias[0], len(x)/n, 4*n, &numbers[0])
		return
	}
	for ; len(x) > 0; x, out = x[n:], out[n:] {
		row := x[:n]
		mean := RowSum(row) / float64(n)
		RowScale(row, out, scale, bias, mean, 1/math.Sqrt(RowSquares(row, mean)/float64(n)+epsilon))
	}
}

func normRowsGeneric(x, out, scale, bias *float32, rows, bytes int, numbers *float64) {
	n, of := bytes/4, unsafe.Slice(numbers, 3)
	for ; rows > 0; rows-- {
		mean := rowSumGeneric(x, n/rowLanes) / of[0]
		rowScaleGeneric(x, out, scale, bias, n/rowLanes, mean, of[2]/math.Sqrt(rowSquaresGeneric(x, n/rowLanes, mean)/of[0]+of[1]))
		if rows > 1 {
			x, out = at(x, n), at(out, n)
		}
	}
}

// RowTimes computes out[i] = x[i]*factor for a row of at least one number. out may be x.
func RowTimes(x, out []float32, factor float32) {
	if len(out) < len(x) {
		panic(fmt.Sprintf("asm: RowTimes of %d into %d", len(x), len(out)))
	}
	rowTimes(&x[0], &out[0], len(x), &factor)
}

// RowLargest is the largest number of a row of at least one. Where one is NaN it may be
// any of the others, or NaN.
func RowLargest(x []float32) float32 {
	top, blocks := x[0], len(x)/rowLanes
	if blocks > 0 {
		top = rowLargest(&x[0], blocks)
	}
	for _, v := range x[blocks*rowLanes:] {
		if v > top {
			top = v
		}
	}
	return top
}

// fewInRow is the length of rows that take less time one by one.
const fewInRow = 6

// RowExp computes out[i] = exp(x[i]-top) and returns the sum of them before they are
// rounded, if that is at least 1: smaller sums may be too large by 1e-80. out may be x.
func RowExp(x, out []float32, top float32) float64 {
	if len(out) < len(x) {
		panic(fmt.Sprintf("asm: RowExp of %d into %d", len(x), len(out)))
	}
	if len(x) <= fewInRow {
		return fewExp(x, out, float64(top))
	}
	sum, blocks := 0.0, len(x)/rowLanes
	if blocks > 0 {
		sum = rowExp(&x[0], &out[0], blocks, float64(top), &expTable[0])
	}
	if rest := x[blocks*rowLanes:]; len(rest) > 0 {
		block := [rowLanes]float32{}
		for i := copy(block[:], rest); i < rowLanes; i++ {
			block[i] = float32(math.Inf(-1))
		}
		sum += rowExp(&block[0], &block[0], 1, float64(top), &expTable[0])
		copy(out[blocks*rowLanes:], block[:len(rest)])
	}
	return sum
}

// SoftmaxRows writes exp(x) over the sum of all exp(x) of each row of n numbers, a multiple of
// SoftmaxStep: what RowLargest, RowExp and RowTimes make of each. out may be x.
func SoftmaxRows(x, out []float32, n int) {
	if n < 1 || n%SoftmaxStep != 0 || len(x)%n != 0 || len(out) < len(x) {
		panic(fmt.Sprintf("asm: SoftmaxRows of %d into %d, rows of %d", len(x), len(out), n))
	}
	if len(x) > 0 {
		softmaxRows(&x[0], &out[0], len(x)/n, 4*n, &expTable[0])
	}
}

// SoftmaxStep divides the lengths of the rows of SoftmaxRows.
const SoftmaxStep = rowLanes

func softmaxRowsGeneric(x, out *float32, rows, bytes int, table *float64) {
	n := bytes / 4
	from, to := unsafe.Slice(x, rows*n), unsafe.Slice(out, rows*n)
	for ; len(from) > 0; from, to = from[n:], to[n:] {
		top := rowLargestGeneric(&from[0], n/rowLanes)
		factor := float32(1 / rowExpGeneric(&from[0], &to[0], n/rowLanes, float64(top), table))
		for i := range n {
			to[i] *= factor
		}
	}
}

var expTable = Table(Exp)

// ShortRow is below how many numbers rows are short: many of them are computed side by
// side.
const ShortRow = rowLanes

// ShortSoftmax writes exp(x) over the sum of all exp(x), or the logarithm of that, of each
// row of n numbers, fewer than ShortRow. out may be x. What a row gives depends on it alone.
func ShortSoftmax(x, out []float32, n int, log bool) {
	if n < 1 || n >= ShortRow || len(x)%n != 0 || len(out) < len(x) {
		panic(fmt.Sprintf("asm: ShortSoftmax of %d into %d, rows of %d", len(x), len(out), n))
	}
	var block [rowLanes * ShortRow]float32 // number k of row i is k*rowLanes+i
	for len(x) > 0 {
		rows := min(rowLanes, len(x)/n)
		for i := range rows {
			for k, v := range x[i*n:][:n] {
				block[k*rowLanes+i] = v
			}
		}
		shortSoftmax(&block[0], n, &logTable[0], log)
		for i := range rows {
			to := out[i*n:][:n]
			for k := range to {
				to[k] = block[k*rowLanes+i]
			}
		}
		x, out = x[rows*n:], out[rows*n:]
	}
}

var logTable = Table(Log)

// Log64 is the natural logarithm of x that is not less than 0, to the precision of results in
// float32, with the same bits everywhere.
func Log64(x float64) float64 { return ln(x, logTable) }

func fewExp(x, out []float32, top float64) float64 {
	var sums [rowLanes]float64
	for i, v := range x {
		e := exp(float64(v)-top, expTable)
		sums[i] = e
		out[i] = float32(e)
	}
	return halves(&sums)
}

// halves adds sums up: the second half to the first, until there is one.
func halves(s *[rowLanes]float64) float64 {
	for n := rowLanes / 2; n > 0; n /= 2 {
		for i := range n {
			s[i] += s[i+n]
		}
	}
	return s[0]
}

func rowSumGeneric(x *float32, blocks int) float64 {
	var sums [rowLanes]float64
	for i, v := range unsafe.Slice(x, blocks*rowLanes) {
		sums[i%rowLanes] += float64(v)
	}
	return halves(&sums)
}

func rowSquaresGeneric(x *float32, blocks int, mean float64) float64 {
	var sums [rowLanes]float64
	for i := range blocks {
		for l, v := range behind[[rowLanes]float32](unsafe.Pointer(x), 4*rowLanes*i) {
			d := float64(v) - mean
			sums[l] = math.FMA(d, d, sums[l])
		}
	}
	return halves(&sums)
}

func rowScaleGeneric(x, out, scale, bias *float32, blocks int, mean, factor float64) {
	n := blocks * rowLanes
	from, to, s, b := unsafe.Slice(x, n), unsafe.Slice(out, n), unsafe.Slice(scale, n), unsafe.Slice(bias, n)
	for i, v := range from {
		to[i] = scaled(v, s[i], b[i], mean, factor)
	}
}

func rowExpGeneric(x, out *float32, blocks int, top float64, table *float64) float64 {
	var sums [rowLanes]float64
	n := blocks * rowLanes
	to, t := unsafe.Slice(out, n), unsafe.Slice(table, tableLen)
	for i, v := range unsafe.Slice(x, n) {
		e := exp(float64(v)-top, t)
		sums[i%rowLanes] += e
		to[i] = float32(e)
	}
	return halves(&sums)
}

func shortSoftmaxGeneric(x *float32, n int, table *float64, log bool) {
	all, t := unsafe.Slice(x, n*rowLanes), unsafe.Slice(table, tableLen)
	for i := range rowLanes {
		top, sum := largestOf(all[i:]), 0.0
		for k := i; k < len(all); k += rowLanes {
			e := exp(float64(all[k])-top, t)
			if sum += e; !log {
				all[k] = float32(e)
			}
		}
		if log {
			of := ln(sum, t)
			for k := i; k < len(all); k += rowLanes {
				all[k] = float32((float64(all[k]) - top) - of)
			}
			continue
		}
		factor := float32(t[atOne] / sum)
		for k := i; k < len(all); k += rowLanes {
			all[k] *= factor
		}
	}
}

// largestOf is the largest of every rowLanes-th number; where one is NaN, any.
func largestOf(x []float32) float64 {
	top := x[0]
	for k := rowLanes; k < len(x); k += rowLanes {
		top = max(top, x[k])
	}
	return float64(top)
}

func rowTimesGeneric(x, out *float32, n int, factor *float32) {
	to := unsafe.Slice(out, n)
	for i, v := range unsafe.Slice(x, n) {
		to[i] = v * *factor
	}
}

func rowLargestGeneric(x *float32, blocks int) float32 {
	row := unsafe.Slice(x, blocks*rowLanes)
	top := row[0]
	for _, v := range row[1:] {
		if v > top {
			top = v
		}
	}
	return top
}
