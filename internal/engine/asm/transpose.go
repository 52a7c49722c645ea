package asm

import (
	"fmt"
	"unsafe"
)

// Transpose makes rows of columns: dst[r*width+c] = src[columns[c]+r] for r < n.
func Transpose(dst []float32, width int, src []float32, columns []int32, n int) {
	if len(columns) > width || n < 1 || len(dst) < (n-1)*width+len(columns) {
		panic(fmt.Sprintf("asm: Transpose of %d columns of %d into %d, rows of %d", len(columns), n, len(dst), width))
	}
	for _, c := range columns {
		_ = src[c:][n-1]
	}
	c, blocks := 0, n/transposed
	for ; c+transposed <= len(columns) && blocks > 0; c += transposed {
		transpose(&dst[c], 4*width, &src[0], &columns[c], blocks)
		transposeRest(dst[c:], width, src, columns[c:][:transposed], blocks*transposed, n)
	}
	transposeRest(dst[c:], width, src, columns[c:], 0, n)
}

// transposed is the side of the blocks that the kernel takes.
const transposed = 8

// transposeRest is Transpose of rows [lo, hi).
func transposeRest(dst []float32, width int, src []float32, columns []int32, lo, hi int) {
	for c, from := range columns {
		for r := lo; r < hi; r++ {
			dst[r*width+c] = src[int(from)+r]
		}
	}
}

func transposeGeneric(dst *float32, bytes int, src *float32, columns *int32, blocks int) {
	n := blocks * transposed
	for c, from := range unsafe.Slice(columns, transposed) {
		for r := range n {
			*at(dst, r*bytes/4+c) = *at(src, int(from)+r)
		}
	}
}

// at is element i from a pointer on.
func at(p *float32, i int) *float32 {
	return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*i))
}
