//go:build arm64 && !noasm

package asm

func init() {
	differ, everySecond, zip, interleave = differNEON, everySecondNEON, zipNEON, interleaveNEON
}

// native lists the assembly sets: every arm64 processor has the vectors of one.
func native() []*Kernels { return []*Kernels{&setNEON} }

func rowSum(x *float32, blocks int) float64 { return rowSumNEON(x, blocks) }

func rowSquares(x *float32, blocks int, mean float64) float64 {
	return rowSquaresNEON(x, blocks, mean)
}

func rowScale(x, out, scale, bias *float32, blocks int, mean, factor float64) {
	rowScaleNEON(x, out, scale, bias, blocks, mean, factor)
}

func rowExp(x, out *float32, blocks int, top float64, table *float64) float64 {
	return rowExpNEON(x, out, blocks, top, table)
}

func shortSoftmax(x *float32, n int, table *float64, log bool) {
	if log {
		shortLogSoftmaxNEON(x, n, table)
		return
	}
	shortSoftmaxNEON(x, n, table)
}

func rowTimes(x, out *float32, n int, factor *float32) {
	productNumberNEON(x, factor, out, 1, 0, 4*n, setNEON.tail(n))
}

func rowLargest(x *float32, blocks int) float32 { return rowLargestNEON(x, blocks) }

func transpose(dst *float32, bytes int, src *float32, columns *int32, blocks int) {
	transposeNEON(dst, bytes, src, columns, blocks)
}
