package asm

import (
	"fmt"
	"unsafe"
)

// What compares bytes and moves numbers gives the same bits with any
// instructions: these kernels belong to no set, and the best that the processor
// has are used.
var (
	differ = differGeneric
	// pointers makes tables of pointers four at a time; nil if there is no such kernel.
	pointers    func(to **float32, tiles, fours, skip int, first *float32, bytes int)
	everySecond = everySecondGeneric
	zip         = zipGeneric
	interleave  = interleaveGeneric
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

// Pointers points to from's numbers, step apart, the first one first, and does not tell the
// garbage collector: what holds from must be held in the heap, not on a stack alone, for as
// long as to holds these pointers.
func Pointers(to []*float32, from []float32, step int) {
	if len(to) == 0 {
		return
	}
	_ = &from[(len(to)-1)*step] // in bounds; not read, as others may write it now
	whole := 0
	if pointers != nil && len(to) >= 4 {
		whole = len(to) / 4 * 4
		pointers(&to[0], 1, whole/4, 0, &from[0], 4*step)
	}
	pointersGeneric(to[whole:], unsafe.Pointer(&from[0]), 4*whole*step, 4*step)
}

// Advance points to what lies so many numbers behind what from points to; to may be from. What
// Pointers asks for goes for it too.
func Advance(to, from []*float32, numbers int) {
	a := unsafe.Slice((*uintptr)(unsafe.Pointer(unsafe.SliceData(to))), len(to))
	b := unsafe.Slice((*uintptr)(unsafe.Pointer(unsafe.SliceData(from))), len(to))
	_ = from[:len(to)]
	for i, p := range b {
		a[i] = p + uintptr(4*numbers)
	}
}

// PointersInTiles is Pointers for tiles of so many rows each, which lie apart pointers from one
// another in to.
func PointersInTiles(to []*float32, tiles, rows, apart int, from []float32, step int) {
	if tiles < 1 || rows < 1 || apart < rows || len(to) < (tiles-1)*apart+rows || len(from) < (tiles*rows-1)*step+1 {
		panic(fmt.Sprintf("asm: PointersInTiles of %d tiles of %d rows, %d apart in %d, %d numbers apart in %d", tiles, rows, apart, len(to), step, len(from)))
	}
	if pointers != nil && rows%4 == 0 {
		pointers(&to[0], tiles, rows/4, 8*(apart-rows), &from[0], 4*step)
		return
	}
	for t := range tiles {
		Pointers(to[t*apart:][:rows], from[t*rows*step:], step)
	}
}

// pointersGeneric has to point step bytes apart, from at bytes behind from on.
func pointersGeneric(to []*float32, from unsafe.Pointer, at, step int) {
	for ; len(to) >= 4; to = to[4:] { // several by one look at whether memory is being collected
		four := (*[4]*float32)(to)
		four[0], four[1] = (*float32)(unsafe.Add(from, at)), (*float32)(unsafe.Add(from, at+step))
		four[2], four[3] = (*float32)(unsafe.Add(from, at+2*step)), (*float32)(unsafe.Add(from, at+3*step))
		at += 4 * step
	}
	for i := range to {
		to[i] = (*float32)(unsafe.Add(from, at))
		at += step
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
		if 8*blocks < n && 2*n <= len(src) {
			everySecond(&dst[n-8], &src[2*n-16], 1) // some again
			return
		}
	}
	for i := 8 * blocks; i < n; i++ {
		dst[i] = src[2*i]
	}
}

// Zip writes a[i] and b[i] to dst[2*i] and dst[2*i+1], for each i; dst is neither a nor b.
func Zip(dst, a, b []float32) {
	n := len(a)
	if len(b) != n || len(dst) != 2*n {
		panic(fmt.Sprintf("asm: Zip of %d and %d into %d", n, len(b), len(dst)))
	}
	blocks := n / 8
	if blocks > 0 {
		zip(&dst[0], &a[0], &b[0], blocks)
		if 8*blocks < n {
			zip(&dst[2*n-16], &a[n-8], &b[n-8], 1) // some again
		}
		return
	}
	for i := range n {
		dst[2*i], dst[2*i+1] = a[i], b[i]
	}
}

// Interleave writes a[i], b[i] and c[i] to dst[3*i] and what follows, for each i.
func Interleave(dst, a, b, c []byte) {
	n := len(a)
	if len(b) != n || len(c) != n || len(dst) != 3*n {
		panic(fmt.Sprintf("asm: Interleave of %d, %d and %d bytes into %d", n, len(b), len(c), len(dst)))
	}
	blocks := n / interleaved
	if blocks > 0 {
		interleave(&dst[0], &a[0], &b[0], &c[0], blocks, &interleaveMasks[0])
	}
	for i := blocks * interleaved; i < n; i++ {
		d := dst[3*i:][:3]
		d[0], d[1], d[2] = a[i], b[i], c[i]
	}
}

// interleaved is the number of bytes of each source in a block.
const interleaved = 16

// interleaveMasks tell where each byte of a block's three vectors comes from, of each
// source in turn: an index, or none.
var interleaveMasks = func() (m [9 * interleaved]byte) {
	for vector := range 3 {
		for i := range interleaved {
			at := vector*interleaved + i
			for source := range 3 {
				index := byte(0x80)
				if at%3 == source {
					index = byte(at / 3)
				}
				m[(3*vector+source)*interleaved+i] = index
			}
		}
	}
	return m
}()

func interleaveGeneric(dst, a, b, c *byte, n int, _ *byte) {
	n *= interleaved
	d, x, y, z := unsafe.Slice(dst, 3*n), unsafe.Slice(a, n), unsafe.Slice(b, n), unsafe.Slice(c, n)
	for i := range x {
		d[3*i], d[3*i+1], d[3*i+2] = x[i], y[i], z[i]
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

func zipGeneric(dst, a, b *float32, n int) {
	d, x, y := unsafe.Slice(dst, 16*n), unsafe.Slice(a, 8*n), unsafe.Slice(b, 8*n)
	for i, v := range x {
		d[2*i], d[2*i+1] = v, y[i]
	}
}
