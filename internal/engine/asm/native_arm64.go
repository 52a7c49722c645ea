//go:build arm64 && !noasm

package asm

import "golang.org/x/sys/cpu"

func init() {
	if cpu.ARM64.HasASIMDDP {
		setNEON.quads = &quadsNEON
		if cpu.ARM64.HasI8MM || windowsI8MM() {
			older := setNEON
			olderQuads = append(olderQuads, &older)
			setNEON.quads = &quadsI8MM
		}
	}
	differ, everySecond, zip, interleave = differNEON, everySecondNEON, zipNEON, interleaveNEON
}

// quadsNEON needs products of signed bytes (FEAT_DotProd): Neoverse and Apple's processors
// have them.
var quadsNEON = quadKernels{
	channels: 4, centre: 0,
	gemm: []quadGemm{
		{6, 16, gemmQuads6x16NEON}, {5, 16, gemmQuads5x16NEON}, {4, 16, gemmQuads4x16NEON}, {3, 16, gemmQuads3x16NEON}, {2, 16, gemmQuads2x16NEON}, {1, 16, gemmQuads1x16NEON},
		{6, 8, gemmQuads6x8NEON}, {5, 8, gemmQuads5x8NEON}, {4, 8, gemmQuads4x8NEON}, {3, 8, gemmQuads3x8NEON}, {2, 8, gemmQuads2x8NEON}, {1, 8, gemmQuads1x8NEON},
	},
	spread: spreadNEON, quantize: quantizeNEON,
	peak: peakQuadsNEON, peakOps: 12 * 8 * 8,
}

// quadsI8MM needs products of matrices of bytes (FEAT_I8MM) too, twice as many products in the
// same time: Neoverse V1, N2 and later, Apple's processors from M2 on.
var quadsI8MM = quadKernels{
	channels: 4, centre: 0, paired: true,
	gemm: []quadGemm{
		{6, 16, gemmQuads6x16I8MM}, {5, 16, gemmQuads5x16I8MM}, {4, 16, gemmQuads4x16I8MM}, {3, 16, gemmQuads3x16I8MM}, {2, 16, gemmQuads2x16I8MM}, {1, 16, gemmQuads1x16I8MM},
		{6, 8, gemmQuads6x8I8MM}, {5, 8, gemmQuads5x8I8MM}, {4, 8, gemmQuads4x8I8MM}, {3, 8, gemmQuads3x8I8MM}, {2, 8, gemmQuads2x8I8MM}, {1, 8, gemmQuads1x8I8MM},
	},
	spread: spreadNEON, quantize: quantizeNEON,
	peak: peakQuadsI8MM, peakOps: 24 * 32 * 2,
}

// assembly says whether the program has kernels in assembly.
const assembly = true

// native lists the assembly sets: every arm64 processor has the vectors of one.
func native() []*Kernels { return []*Kernels{&setNEON} }

func rowSum(x *float32, blocks int) float64 { return rowSumNEON(x, blocks) }

func rowSquares(x *float32, blocks int, mean float64) float64 {
	return rowSquaresNEON(x, blocks, mean)
}

func rowScale(x, out, scale, bias *float32, blocks int, mean, factor float64) {
	rowScaleNEON(x, out, scale, bias, blocks, mean, factor)
}

func normRows(x, out, scale, bias *float32, rows, bytes int, numbers *float64) {
	normRowsNEON(x, out, scale, bias, rows, bytes, numbers)
}

func rowExp(x, out *float32, blocks int, top float64, table *float64) float64 {
	return rowExpNEON(x, out, blocks, top, table)
}

func softmaxRows(x, out *float32, rows, bytes int, table *float64) {
	softmaxRowsNEON(x, out, rows, bytes, table)
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
