package engine

import (
	"strings"
	"unsafe"
)

// largePage is the size of the large pages that systems have.
const largePage = 2 << 20

// Numbers returns room for n numbers, whatever they are, where they are many on large
// pages if the system has some to give. The first touch of a small page costs as much
// as computing thousands of its numbers, in virtual machines tens of thousands, which
// is why nothing is cleared.
func Numbers(n int) []float32 {
	const page = largePage / 4
	if n < page/2 {
		return make([]float32, n)
	}
	var b strings.Builder // whose memory the runtime does not clear
	b.Grow(4*n + 2*largePage)
	b.WriteByte(0)
	start := unsafe.Pointer(unsafe.StringData(b.String()))
	start = unsafe.Add(start, (largePage-uintptr(start)%largePage)%largePage)
	// What is left behind the last large page lies on small ones, unless it has half
	// of a large one.
	onLargePages(unsafe.Slice((*byte)(start), (n+page/2)/page*largePage))
	return unsafe.Slice((*float32)(start), n)
}
