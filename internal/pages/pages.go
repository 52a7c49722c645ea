// Package pages gives memory for many numbers or bytes at once.
package pages

import (
	"strings"
	"unsafe"
)

// large is the size of the large pages that systems have.
const large = 2 << 20

// Numbers returns room for n numbers, whatever they are, where they are many on large
// pages if the system has some to give. The first touch of a small page costs as much
// as computing thousands of its numbers, in virtual machines tens of thousands, which
// is why nothing is cleared.
func Numbers(n int) []float32 {
	if n == 0 || 4*n < large/2 {
		return make([]float32, n)
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&room(4 * n)[0])), n)
}

// Bytes is Numbers of bytes.
func Bytes(n int) []byte {
	if n < large/2 {
		return make([]byte, n)
	}
	return room(n)
}

// room returns n bytes that begin with a large page.
func room(n int) []byte {
	var b strings.Builder // whose memory the runtime does not clear
	b.Grow(n + 2*large)
	b.WriteByte(0)
	start := unsafe.Pointer(unsafe.StringData(b.String()))
	start = unsafe.Add(start, (large-uintptr(start)%large)%large)
	// What is left behind the last large page lies on small ones, unless it has half
	// of a large one.
	onLargePages(unsafe.Slice((*byte)(start), (n+large/2)/large*large))
	return unsafe.Slice((*byte)(start), n)
}
