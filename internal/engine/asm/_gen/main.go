// Command gen writes the assembly kernels of package asm. Run it through
// `make generate`; its output is checked in, and
// `make generate-check`, a part of `make check`, compares the two.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/buildtags"
)

func main() {
	Constraint(buildtags.Not("noasm"))
	Constraint(buildtags.Term("amd64"))
	for _, set := range []isa{avx512, avx2} {
		for _, t := range set.tiles {
			gemm(set, fp32, t.rows, t.vectors)
		}
		gemmSparse(set, fp32, 1)
		gemmSparse(set, fp32, 2)
		nonzero(set)
		gemmRow(set)
		runs(set)
		for _, w := range depthwiseWindows {
			depthwiseShared(set, w.kx, w.stride, false)
			if w.kx <= pointedColumns {
				depthwiseShared(set, w.kx, w.stride, true)
			}
		}
		depthwiseWide(set)
		for _, per := range []int{4, 8} {
			grouped(set, per, 1)
			grouped(set, per, 2)
		}
		if set.lane == 16 {
			groups(set)
			lanes(set, false)
			lanes(set, true)
			fetchLane(set)
		}
		for _, w := range tallWindows(set) {
			depthwiseTall(set, w)
		}
		together(set)
		add(set)
		pointwise(set)
		arithmetics(set)
		affine(set)
		pixelSum(set)
		blend(set)
		blendPixels(set)
		distance(set)
		rowSum(set)
		rowScale(set)
		normRows(set)
		rowExp(set)
		softmaxRows(set)
		shortRows(set)
		moved(set)
		for _, w := range winogradTiles() {
			winogradInput(set, w)
			winogradOutput(set, w)
		}
		peak(set)
	}
	for _, t := range avx512.tiles {
		gemm(avx512, bf16, t.rows, t.vectors)
	}
	gemmSparse(avx512, bf16, 1)
	gemmSparse(avx512, bf16, 2)
	for _, set := range []isa{avx512, avx2} {
		for _, t := range set.tiles {
			if t.rows == 10 {
				continue // those of rows that share no pixels
			}
			gemmWhole(set, quads, t.rows, t.vectors)
		}
		spread(set)
		quantize(set, "quantize", 1)
		peakWhole(set, quads)
	}
	for _, t := range avx2.tiles {
		gemmWhole(avx2, words, t.rows, t.vectors)
	}
	quantize(avx2, "quantizeWords", 2)
	peakWhole(avx2, words)
	roundBF16(avx512)
	peakBF16(avx512)
	differ(avx2)
	pointTo(avx2)
	everySecond(avx2)
	zip(avx2)
	interleave(avx2)
	rowLargest()
	transpose()
	Generate()
}
