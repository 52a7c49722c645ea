package asm

import (
	"fmt"
	"unsafe"
)

// What compares bytes and moves numbers gives the same bits with any
// instructions: these kernels belong to no set, and the best that the processor
// has are used.
var (
	differ      = differGeneric
	everySecond = everySecondGeneric
)

// Differ sets, for each i, bit i%32 of marks[i/32] if the bytes a[i] and b[i]
// differ by more than tolerance, and clears the other bits of marks. The number
// of bytes must be 32*len(marks).
func Differ(a, b []byte, tolerance uint8, marks []uint32) {
	n := len(marks)
	if len(a) != 32*n || len(b) != 32*n {
		panic(fmt.Sprintf("asm: Differ of %d and %d bytes into %d words", len(a), len(b), n))
	}
	if n > 0 {
		differ(&a[0], &b[0], n, uint64(tolerance), &marks[0])
	}
}

// EverySecond copies src[2*i] to dst[i]; src must have twice as many numbers as
// dst, but that the last may be missing.
func EverySecond(dst, src []float32) {
	n := len(dst)
	if len(src) < 2*n-1 {
		panic(fmt.Sprintf("asm: EverySecond of %d into %d", len(src), n))
	}
	blocks := len(src) / 16
	if blocks = min(blocks, n/8); blocks > 0 {
		everySecond(&dst[0], &src[0], blocks)
	}
	for i := 8 * blocks; i < n; i++ {
		dst[i] = src[2*i]
	}
}

func differGeneric(a, b *byte, n int, tolerance uint64, marks *uint32) {
	x, y, m, t := unsafe.Slice(a, 32*n), unsafe.Slice(b, 32*n), unsafe.Slice(marks, n), int(uint8(tolerance))
	for w := range m {
		bits := uint32(0)
		for i := range 32 {
			if d := int(x[32*w+i]) - int(y[32*w+i]); d > t || -d > t {
				bits |= 1 << i
			}
		}
		m[w] = bits
	}
}

func everySecondGeneric(dst, src *float32, n int) {
	d, s := unsafe.Slice(dst, 8*n), unsafe.Slice(src, 16*n)
	for i := range d {
		d[i] = s[2*i]
	}
}
