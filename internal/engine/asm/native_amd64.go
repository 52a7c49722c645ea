//go:build amd64 && !noasm

package asm

import "github.com/klauspost/cpuid/v2"

var setAVX512 = withQuads(withPairs(Kernels{
	Name: "avx512", Rows: 12, Columns: 32,
	gemm: []gemmKernel{
		{12, 32, gemm12x32AVX512}, {10, 32, gemm10x32AVX512}, {8, 32, gemm8x32AVX512}, {4, 32, gemm4x32AVX512}, {2, 32, gemm2x32AVX512}, {1, 32, gemm1x32AVX512},
		{12, 16, gemm12x16AVX512}, {10, 16, gemm10x16AVX512}, {8, 16, gemm8x16AVX512}, {4, 16, gemm4x16AVX512}, {2, 16, gemm2x16AVX512}, {1, 16, gemm1x16AVX512},
	},
	row: gemmRowAVX512,
	shared: []sharedKernel{
		{3, 1, 1, 1, depthwiseShared3Stride1AVX512, depthwisePointed3Stride1AVX512}, {3, 2, 1, 1, depthwiseShared3Stride2AVX512, depthwisePointed3Stride2AVX512}, {5, 1, 1, 1, depthwiseShared5Stride1AVX512, depthwisePointed5Stride1AVX512}, {5, 2, 1, 1, depthwiseShared5Stride2AVX512, depthwisePointed5Stride2AVX512}, {7, 1, 1, 1, depthwiseShared7Stride1AVX512, depthwisePointed7Stride1AVX512}, {9, 1, 1, 1, depthwiseShared9Stride1AVX512, nil},
		{3, 1, 4, 3, grouped4Stride1AVX512, nil}, {3, 2, 4, 3, grouped4Stride2AVX512, nil}, {3, 1, 8, 3, grouped8Stride1AVX512, nil}, {3, 2, 8, 3, grouped8Stride2AVX512, nil},
	},
	tall: []tallKernel{
		{3, 1, 2, 7, depthwiseTall3Stride1By7AVX512}, {3, 1, 2, 8, depthwiseTall3Stride1By8AVX512}, {3, 2, 2, 7, depthwiseTall3Stride2By7AVX512}, {3, 2, 2, 8, depthwiseTall3Stride2By8AVX512},
		{5, 1, 2, 7, depthwiseTall5Stride1By7AVX512}, {5, 1, 2, 8, depthwiseTall5Stride1By8AVX512}, {5, 2, 2, 7, depthwiseTall5Stride2By7AVX512}, {7, 1, 2, 7, depthwiseTall7Stride1By7AVX512},
	},
	wide: depthwiseWideAVX512, groups: groupsAVX512, lanes: lanesKernels{intoLanesAVX512, fromLanesAVX512, fetchLaneAVX512}, together: togetherAVX512, depthwiseRows: depthwiseRowsAVX512, depthwise: depthwiseRunAVX512, maxPool: maxRunAVX512, sumPool: sumRunAVX512, add: addAVX512, affine: affineAVX512, blend: blendAVX512, blendPixels: blendPixelsAVX512, pixelSum: pixelSumAVX512, distance: distanceAVX512, moved: movedAVX512,
	arithmetic: [arithmetics]arithmeticKernels{
		Sum:            {sumRowsAVX512, sumNumberAVX512},
		Difference:     {differenceRowsAVX512, differenceNumberAVX512},
		DifferenceFrom: {differenceFromRowsAVX512, differenceFromNumberAVX512},
		Product:        {productRowsAVX512, productNumberAVX512},
		Quotient:       {quotientRowsAVX512, quotientNumberAVX512},
		QuotientOf:     {quotientOfRowsAVX512, quotientOfNumberAVX512},
		Larger:         {largerRowsAVX512, largerNumberAVX512},
		Smaller:        {smallerRowsAVX512, smallerNumberAVX512},
		Slope:          {slopeRowsAVX512, slopeNumberAVX512},
		Equal:          {equalRowsAVX512, equalNumberAVX512},
		Less:           {lessRowsAVX512, lessNumberAVX512},
		LessOrEqual:    {lessOrEqualRowsAVX512, lessOrEqualNumberAVX512},
		Greater:        {greaterRowsAVX512, greaterNumberAVX512},
		GreaterOrEqual: {greaterOrEqualRowsAVX512, greaterOrEqualNumberAVX512},
	},
	functions: [functions]pointwiseKernel{
		Exp: expAVX512, Swish: swishAVX512, Tanh: tanhAVX512, Erf: erfAVX512, Gelu: geluAVX512, GeluTanh: geluTanhAVX512, Mish: mishAVX512, Elu: eluAVX512,
		Sqrt: sqrtAVX512, Reciprocal: reciprocalAVX512, Log: logAVX512, Softplus: softplusAVX512, Celu: celuAVX512, Pow: powAVX512,
	},
	singles: [functions]pointwiseKernel{
		Sigmoid: sigmoidAVX512, Swish: siluAVX512, HardSigmoid: hardSigmoidAVX512, HardSwish: hardSwishAVX512,
		LeakyRelu: leakyReluAVX512, Abs: absAVX512, Neg: negAVX512, Square: squareAVX512, Softsign: softsignAVX512,
	},
	winograd2: winogradKernels{winogradInput2AVX512, winogradOutput2AVX512},
	winograd4: [3][3]winogradKernels{
		{{winogradInput4Tail2x2AVX512, winogradOutput4Tail2x2AVX512}, {winogradInput4Tail2x3AVX512, winogradOutput4Tail2x3AVX512}, {winogradInput4Tail2x4AVX512, winogradOutput4Tail2x4AVX512}},
		{{winogradInput4Tail3x2AVX512, winogradOutput4Tail3x2AVX512}, {winogradInput4Tail3x3AVX512, winogradOutput4Tail3x3AVX512}, {winogradInput4Tail3x4AVX512, winogradOutput4Tail3x4AVX512}},
		{{winogradInput4Tail4x2AVX512, winogradOutput4Tail4x2AVX512}, {winogradInput4Tail4x3AVX512, winogradOutput4Tail4x3AVX512}, {winogradInput4AVX512, winogradOutput4AVX512}},
	},
	sparse: sparseKernels{rows: 4, below: 0.88, gemm: [2]sparseGemm{gemmSparse4x32AVX512, gemmSparse4x64AVX512}, nonzero: nonzeroAVX512},
	peak:   peakAVX512, peakFlops: 24 * 16 * 2,
}))

// withPairs adds the kernels for bfloat16 where the processor has them.
func withPairs(k Kernels) Kernels {
	if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512DQ, cpuid.AVX512BW, cpuid.AVX512BF16) {
		k.pairs, k.round = &pairsAVX512, roundBF16AVX512
	}
	return k
}

// withQuads adds the kernels for differences in eight bits where the processor has
// them.
func withQuads(k Kernels) Kernels {
	if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512DQ, cpuid.AVX512VNNI) {
		k.quads = &quadsAVX512
	}
	return k
}

var quadsAVX512 = quadKernels{
	channels: 4, centre: 128,
	gemm: []quadGemm{
		{12, 32, gemmQuads12x32AVX512}, {8, 32, gemmQuads8x32AVX512}, {4, 32, gemmQuads4x32AVX512}, {2, 32, gemmQuads2x32AVX512}, {1, 32, gemmQuads1x32AVX512},
		{12, 16, gemmQuads12x16AVX512}, {8, 16, gemmQuads8x16AVX512}, {4, 16, gemmQuads4x16AVX512}, {2, 16, gemmQuads2x16AVX512}, {1, 16, gemmQuads1x16AVX512},
	},
	spread: spreadAVX512, quantize: quantizeAVX512,
	peak: peakQuadsAVX512, peakOps: 24 * 16 * 8,
}

// quadsAVX2 needs AVX-VNNI beside AVX2.
var quadsAVX2 = quadKernels{
	channels: 4, centre: 128,
	gemm: []quadGemm{
		{6, 16, gemmQuads6x16AVX2}, {5, 16, gemmQuads5x16AVX2}, {4, 16, gemmQuads4x16AVX2}, {3, 16, gemmQuads3x16AVX2}, {2, 16, gemmQuads2x16AVX2}, {1, 16, gemmQuads1x16AVX2},
		{6, 8, gemmQuads6x8AVX2}, {5, 8, gemmQuads5x8AVX2}, {4, 8, gemmQuads4x8AVX2}, {3, 8, gemmQuads3x8AVX2}, {2, 8, gemmQuads2x8AVX2}, {1, 8, gemmQuads1x8AVX2},
	},
	spread: spreadAVX2, quantize: quantizeAVX2,
	peak: peakQuadsAVX2, peakOps: 12 * 8 * 8,
}

var wordsAVX2 = quadKernels{
	channels: 2, centre: 0,
	gemm: []quadGemm{
		{6, 16, gemmWords6x16AVX2}, {5, 16, gemmWords5x16AVX2}, {4, 16, gemmWords4x16AVX2}, {3, 16, gemmWords3x16AVX2}, {2, 16, gemmWords2x16AVX2}, {1, 16, gemmWords1x16AVX2},
		{6, 8, gemmWords6x8AVX2}, {5, 8, gemmWords5x8AVX2}, {4, 8, gemmWords4x8AVX2}, {3, 8, gemmWords3x8AVX2}, {2, 8, gemmWords2x8AVX2}, {1, 8, gemmWords1x8AVX2},
	},
	spread: spreadAVX2, quantize: quantizeWordsAVX2,
	peak: peakWordsAVX2, peakOps: 12 * 8 * 4,
}

var setAVX2 = Kernels{
	Name: "avx2", Rows: 6, Columns: 16,
	gemm: []gemmKernel{
		{6, 16, gemm6x16AVX2}, {5, 16, gemm5x16AVX2}, {4, 16, gemm4x16AVX2}, {3, 16, gemm3x16AVX2}, {2, 16, gemm2x16AVX2}, {1, 16, gemm1x16AVX2},
		{6, 8, gemm6x8AVX2}, {5, 8, gemm5x8AVX2}, {4, 8, gemm4x8AVX2}, {3, 8, gemm3x8AVX2}, {2, 8, gemm2x8AVX2}, {1, 8, gemm1x8AVX2},
	},
	row: gemmRowAVX2,
	shared: []sharedKernel{
		{3, 1, 1, 1, depthwiseShared3Stride1AVX2, depthwisePointed3Stride1AVX2}, {3, 2, 1, 1, depthwiseShared3Stride2AVX2, depthwisePointed3Stride2AVX2}, {5, 1, 1, 1, depthwiseShared5Stride1AVX2, depthwisePointed5Stride1AVX2}, {5, 2, 1, 1, depthwiseShared5Stride2AVX2, depthwisePointed5Stride2AVX2}, {7, 1, 1, 1, depthwiseShared7Stride1AVX2, depthwisePointed7Stride1AVX2}, {9, 1, 1, 1, depthwiseShared9Stride1AVX2, nil},
		{3, 1, 4, 3, grouped4Stride1AVX2, nil}, {3, 2, 4, 3, grouped4Stride2AVX2, nil}, {3, 1, 8, 4, grouped8Stride1AVX2, nil}, {3, 2, 8, 4, grouped8Stride2AVX2, nil},
	},
	tall: []tallKernel{
		{3, 1, 2, 4, depthwiseTall3Stride1By4AVX2}, {3, 1, 1, 7, depthwiseTall3Stride1By7AVX2}, {3, 2, 1, 4, depthwiseTall3Stride2By4AVX2},
		{5, 1, 1, 7, depthwiseTall5Stride1By7AVX2}, {5, 1, 1, 8, depthwiseTall5Stride1By8AVX2}, {5, 2, 1, 7, depthwiseTall5Stride2By7AVX2}, {5, 2, 1, 8, depthwiseTall5Stride2By8AVX2}, {7, 1, 1, 7, depthwiseTall7Stride1By7AVX2},
	},
	wide: depthwiseWideAVX2, together: togetherAVX2, depthwiseRows: depthwiseRowsAVX2, depthwise: depthwiseRunAVX2, maxPool: maxRunAVX2, sumPool: sumRunAVX2, add: addAVX2, affine: affineAVX2, blend: blendAVX2, blendPixels: blendPixelsAVX2, pixelSum: pixelSumAVX2, distance: distanceAVX2, moved: movedAVX2,
	arithmetic: [arithmetics]arithmeticKernels{
		Sum:            {sumRowsAVX2, sumNumberAVX2},
		Difference:     {differenceRowsAVX2, differenceNumberAVX2},
		DifferenceFrom: {differenceFromRowsAVX2, differenceFromNumberAVX2},
		Product:        {productRowsAVX2, productNumberAVX2},
		Quotient:       {quotientRowsAVX2, quotientNumberAVX2},
		QuotientOf:     {quotientOfRowsAVX2, quotientOfNumberAVX2},
		Larger:         {largerRowsAVX2, largerNumberAVX2},
		Smaller:        {smallerRowsAVX2, smallerNumberAVX2},
		Slope:          {slopeRowsAVX2, slopeNumberAVX2},
		Equal:          {equalRowsAVX2, equalNumberAVX2},
		Less:           {lessRowsAVX2, lessNumberAVX2},
		LessOrEqual:    {lessOrEqualRowsAVX2, lessOrEqualNumberAVX2},
		Greater:        {greaterRowsAVX2, greaterNumberAVX2},
		GreaterOrEqual: {greaterOrEqualRowsAVX2, greaterOrEqualNumberAVX2},
	},
	functions: [functions]pointwiseKernel{
		Exp: expAVX2, Swish: swishAVX2, Tanh: tanhAVX2, Erf: erfAVX2, Gelu: geluAVX2, GeluTanh: geluTanhAVX2, Mish: mishAVX2, Elu: eluAVX2,
		Sqrt: sqrtAVX2, Reciprocal: reciprocalAVX2, Log: logAVX2, Softplus: softplusAVX2, Celu: celuAVX2, Pow: powAVX2,
	},
	singles: [functions]pointwiseKernel{
		Sigmoid: sigmoidAVX2, Swish: siluAVX2, HardSigmoid: hardSigmoidAVX2, HardSwish: hardSwishAVX2,
		LeakyRelu: leakyReluAVX2, Abs: absAVX2, Neg: negAVX2, Square: squareAVX2, Softsign: softsignAVX2,
	},
	winograd2: winogradKernels{winogradInput2AVX2, winogradOutput2AVX2},
	winograd4: [3][3]winogradKernels{
		{{winogradInput4Tail2x2AVX2, winogradOutput4Tail2x2AVX2}, {winogradInput4Tail2x3AVX2, winogradOutput4Tail2x3AVX2}, {winogradInput4Tail2x4AVX2, winogradOutput4Tail2x4AVX2}},
		{{winogradInput4Tail3x2AVX2, winogradOutput4Tail3x2AVX2}, {winogradInput4Tail3x3AVX2, winogradOutput4Tail3x3AVX2}, {winogradInput4Tail3x4AVX2, winogradOutput4Tail3x4AVX2}},
		{{winogradInput4Tail4x2AVX2, winogradOutput4Tail4x2AVX2}, {winogradInput4Tail4x3AVX2, winogradOutput4Tail4x3AVX2}, {winogradInput4AVX2, winogradOutput4AVX2}},
	},
	sparse: sparseKernels{rows: 3, below: 0.95, call: 16, fetch: 8, gemm: [2]sparseGemm{gemmSparse3x16AVX2, gemmSparse3x32AVX2}, nonzero: nonzeroAVX2},
	peak:   peakAVX2, peakFlops: 12 * 8 * 2,
}

// pairsAVX512 is setAVX512 for pairs of bfloat16: its matrix products.
var pairsAVX512 = Kernels{
	Name: "avx512", Rows: 12, Columns: 32,
	gemm: []gemmKernel{
		{12, 32, gemmPairs12x32AVX512}, {10, 32, gemmPairs10x32AVX512}, {8, 32, gemmPairs8x32AVX512}, {4, 32, gemmPairs4x32AVX512}, {2, 32, gemmPairs2x32AVX512}, {1, 32, gemmPairs1x32AVX512},
		{12, 16, gemmPairs12x16AVX512}, {10, 16, gemmPairs10x16AVX512}, {8, 16, gemmPairs8x16AVX512}, {4, 16, gemmPairs4x16AVX512}, {2, 16, gemmPairs2x16AVX512}, {1, 16, gemmPairs1x16AVX512},
	},
	sparse: sparseKernels{rows: 4, below: 0.88, gemm: [2]sparseGemm{gemmPairsSparse4x32AVX512, gemmPairsSparse4x64AVX512}, nonzero: nonzeroAVX512},
	peak:   peakBF16AVX512, peakFlops: 24 * 16 * 4,
}

func init() {
	if cpuid.CPU.Supports(cpuid.AVX2) {
		differ, pointers, everySecond, zip, interleave = differAVX2, pointersAVX2, everySecondAVX2, zipAVX2, interleaveAVX2
	}
	setAVX2.quads = &wordsAVX2
	if cpuid.CPU.Supports(cpuid.AVXVNNI) {
		older := setAVX2
		olderQuads = append(olderQuads, &older)
		setAVX2.quads = &quadsAVX2
	}
	hasAVX2 = cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3)
	hasAVX512 = cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512DQ, cpuid.FMA3)
}

// What the processor has. The kernels of rows are called by name, not by variables: what
// these are given would have to be allocated.
var hasAVX2, hasAVX512 bool

func rowSum(x *float32, blocks int) float64 {
	switch {
	case hasAVX512:
		return rowSumAVX512(x, blocks)
	case hasAVX2:
		return rowSumAVX2(x, blocks)
	}
	return rowSumGeneric(x, blocks)
}

func rowSquares(x *float32, blocks int, mean float64) float64 {
	switch {
	case hasAVX512:
		return rowSquaresAVX512(x, blocks, mean)
	case hasAVX2:
		return rowSquaresAVX2(x, blocks, mean)
	}
	return rowSquaresGeneric(x, blocks, mean)
}

func rowScale(x, out, scale, bias *float32, blocks int, mean, factor float64) {
	switch {
	case hasAVX512:
		rowScaleAVX512(x, out, scale, bias, blocks, mean, factor)
	case hasAVX2:
		rowScaleAVX2(x, out, scale, bias, blocks, mean, factor)
	default:
		rowScaleGeneric(x, out, scale, bias, blocks, mean, factor)
	}
}

func normRows(x, out, scale, bias *float32, rows, bytes int, numbers *float64) {
	switch {
	case hasAVX512:
		normRowsAVX512(x, out, scale, bias, rows, bytes, numbers)
	case hasAVX2:
		normRowsAVX2(x, out, scale, bias, rows, bytes, numbers)
	default:
		normRowsGeneric(x, out, scale, bias, rows, bytes, numbers)
	}
}

func rowExp(x, out *float32, blocks int, top float64, table *float64) float64 {
	switch {
	case hasAVX512:
		return rowExpAVX512(x, out, blocks, top, table)
	case hasAVX2:
		return rowExpAVX2(x, out, blocks, top, table)
	}
	return rowExpGeneric(x, out, blocks, top, table)
}

func softmaxRows(x, out *float32, rows, bytes int, table *float64) {
	switch {
	case hasAVX512:
		softmaxRowsAVX512(x, out, rows, bytes, table)
	case hasAVX2:
		softmaxRowsAVX2(x, out, rows, bytes, table)
	default:
		softmaxRowsGeneric(x, out, rows, bytes, table)
	}
}

func shortSoftmax(x *float32, n int, table *float64, log bool) {
	switch {
	case hasAVX512 && log:
		shortLogSoftmaxAVX512(x, n, table)
	case hasAVX512:
		shortSoftmaxAVX512(x, n, table)
	case hasAVX2 && log:
		shortLogSoftmaxAVX2(x, n, table)
	case hasAVX2:
		shortSoftmaxAVX2(x, n, table)
	default:
		shortSoftmaxGeneric(x, n, table, log)
	}
}

func rowTimes(x, out *float32, n int, factor *float32) {
	switch {
	case hasAVX512:
		productNumberAVX512(x, factor, out, 1, 0, 4*n, setAVX512.tail(n))
	case hasAVX2:
		productNumberAVX2(x, factor, out, 1, 0, 4*n, setAVX2.tail(n))
	default:
		rowTimesGeneric(x, out, n, factor)
	}
}

func rowLargest(x *float32, blocks int) float32 {
	if hasAVX2 {
		return rowLargestAVX2(x, blocks)
	}
	return rowLargestGeneric(x, blocks)
}

func transpose(dst *float32, bytes int, src *float32, columns *int32, blocks int) {
	if hasAVX2 {
		transposeAVX2(dst, bytes, src, columns, blocks)
		return
	}
	transposeGeneric(dst, bytes, src, columns, blocks)
}

// assembly says whether the program has kernels in assembly.
const assembly = true

// native lists the assembly sets that this processor and system can run.
func native() (sets []*Kernels) {
	if cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512DQ, cpuid.FMA3) {
		sets = append(sets, &setAVX512)
	}
	if cpuid.CPU.Supports(cpuid.AVX2, cpuid.FMA3) {
		sets = append(sets, &setAVX2)
	}
	return sets
}
