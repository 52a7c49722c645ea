//go:build (!amd64 && !arm64) || noasm

package asm

// assembly says whether the program has kernels in assembly.
const assembly = false

// native lists the assembly sets: none for this build.
func native() []*Kernels { return nil }

func rowSum(x *float32, blocks int) float64 { return rowSumGeneric(x, blocks) }

func rowSquares(x *float32, blocks int, mean float64) float64 {
	return rowSquaresGeneric(x, blocks, mean)
}

func rowScale(x, out, scale, bias *float32, blocks int, mean, factor float64) {
	rowScaleGeneric(x, out, scale, bias, blocks, mean, factor)
}

func normRows(x, out, scale, bias *float32, rows, bytes int, numbers *float64) {
	normRowsGeneric(x, out, scale, bias, rows, bytes, numbers)
}

func rowExp(x, out *float32, blocks int, top float64, table *float64) float64 {
	return rowExpGeneric(x, out, blocks, top, table)
}

func softmaxRows(x, out *float32, rows, bytes int, table *float64) {
	softmaxRowsGeneric(x, out, rows, bytes, table)
}

func shortSoftmax(x *float32, n int, table *float64, log bool) {
	shortSoftmaxGeneric(x, n, table, log)
}

func rowTimes(x, out *float32, n int, factor *float32) {
	rowTimesGeneric(x, out, n, factor)
}

func rowLargest(x *float32, blocks int) float32 { return rowLargestGeneric(x, blocks) }

func transpose(dst *float32, bytes int, src *float32, columns *int32, blocks int) {
	transposeGeneric(dst, bytes, src, columns, blocks)
}
