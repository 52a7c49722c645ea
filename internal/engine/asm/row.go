package asm

import "fmt"

// RowPanels is how many panels GemmRow takes.
const RowPanels = 4

// GemmRow computes what Gemm does for one row of pixels by each of RowPanels panels of
// Columns, whose outputs lie one behind the other from out on: weights and biases point
// to the panels', and as many weights as Gemm wants must lie there. A set without a
// kernel for it says false, and computes nothing.
func (k *Kernels) GemmRow(table []*float32, taps, begin, end int, weights []*float32, out *float32, biases []*float32, clamp *[2]float32) bool {
	if k.row == nil {
		return false
	}
	if taps < 1 || end <= begin || len(table) < taps || len(weights) != RowPanels || len(biases) != RowPanels {
		panic(fmt.Sprintf("asm: GemmRow of %d taps, channels [%d,%d): %d pointers, %d and %d panels", taps, begin, end, len(table), len(weights), len(biases)))
	}
	k.row(&table[0], taps, 4*begin, 4*end, &weights[0], out, &biases[0], &clamp[0])
	return true
}
