package asm

import "fmt"

type sparseGemm func(table **float32, stride, taps int, lists *uint16, weights0, weights1 *float32, tap int, out **float32, column int, bias0, bias1, clamp *float32, mask *int32, add **float32, sum *float32)

// sparseKernels pass over the channels that are not zero. A set has them where
// its instructions make lists cheap.
type sparseKernels struct {
	rows int // see SparseRows
	// See SparseBelow and SparseLoss.
	below, call, fetch float64
	// gemm multiplies by one panel, or by two.
	gemm    [2]sparseGemm
	nonzero func(table **float32, stride, taps, bytes int, lists *uint16, mask *int32) int
}

// Sparse says whether the set has kernels that skip zeros.
func (k *Kernels) Sparse() bool { return k.sparse.rows > 0 }

// SparseRows is the number of output pixels that share a list of channels, 0 of sets without
// lists.
func (k *Kernels) SparseRows() int { return k.sparse.rows }

// SparseBelow is the share of a window's inputs that are listed below which lists pay, but for
// SparseLoss: what the kernel's speed is to the dense one's. Measured with BenchmarkSparse.
func (k *Kernels) SparseBelow() float64 { return k.sparse.below }

// SparseLoss is what a call of GemmSparse takes besides its products, as a share of those by so
// many inputs: its beginning and end, twice that if something is added, and waiting for weights
// that come from memory, which are not fetched ahead, shared by so many calls (0 if they lie in
// a cache). Measured on layers of networks.
func (k *Kernels) SparseLoss(inputs int, added bool, sharing int) float64 {
	loss := k.sparse.call / float64(inputs)
	if added {
		loss *= 2
	}
	if sharing > 0 {
		loss += k.sparse.fetch / float64(sharing)
	}
	return loss
}

// ListSlack is the number of elements behind a list that may be overwritten.
const ListSlack = 16

// MostListed is the largest number of channels that a list's entries can name.
const MostListed = 1 << 16

// Nonzero lists, for each of taps taps, the channels c < n where any of the
// SparseRows rows table[t*stride+r] is not zero: their number, then each of
// them. It returns the length of all lists together.
func (k *Kernels) Nonzero(table []*float32, stride, taps, n int, lists []uint16) int {
	if taps < 1 || n < 1 || n >= MostListed || len(table) < (taps-1)*stride+k.sparse.rows || len(lists) < taps*(n+1)+ListSlack {
		panic(fmt.Sprintf("asm: Nonzero of %d taps of %d channels: %d pointers, room for %d", taps, n, len(table), len(lists)))
	}
	return k.sparse.nonzero(&table[0], 8*stride, taps, 4*n, &lists[0], k.tail(n))
}

// Panel is a packed block of output channels of full width.
type Panel struct{ Weights, Bias []float32 }

// GemmSparse computes what Gemm does for SparseRows rows, table[t*stride+r],
// and one panel or two neighbouring ones, passing over the channels of lists,
// which Nonzero made, and leaving out products by zero. For finite weights the
// bits are those of Gemm. channels is the number of channels of a tap, valid
// that of the last panel's columns. add and sum are those of Part, of as many rows.
func (k *Kernels) GemmSparse(table []*float32, stride, taps, channels int, lists []uint16, panels []Panel, out []*float32, column int, clamp *[2]float32, valid int, add []*float32, sum *[2]float32) {
	n := len(panels)
	if taps < 1 || n < 1 || n > 2 || len(table) < (taps-1)*stride+k.sparse.rows || len(out) < k.sparse.rows || len(lists) < taps || valid < 1 || valid > k.Columns {
		panic(fmt.Sprintf("asm: GemmSparse of %d taps, %d panels: %d pointers, %d outputs", taps, n, len(table), len(out)))
	}
	for _, p := range panels {
		if len(p.Weights) < taps*channels*k.Columns || len(p.Bias) < k.Columns {
			panic(fmt.Sprintf("asm: GemmSparse of %d taps of %d channels: %d weights, %d biases", taps, channels, len(p.Weights), len(p.Bias)))
		}
	}
	var to **float32
	var bounds *float32
	if add != nil {
		if len(add) < k.sparse.rows {
			panic(fmt.Sprintf("asm: GemmSparse adds %d rows", len(add)))
		}
		to, bounds = &add[0], &sum[0]
	}
	last := &panels[n-1]
	k.sparse.gemm[n-1](&table[0], 8*stride, taps, &lists[0], &panels[0].Weights[0], &last.Weights[0], 4*channels*k.Columns,
		&out[0], 4*column, &panels[0].Bias[0], &last.Bias[0], &clamp[0], mask(valid, k.Columns), to, bounds)
}
