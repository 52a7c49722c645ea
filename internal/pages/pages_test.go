package pages

import (
	"runtime"
	"testing"
	"unsafe"
)

// TestPages writes and reads numbers and bytes on large pages and not, also after the
// collector has run.
func TestPages(t *testing.T) {
	for _, n := range []int{0, 1, large/8 - 1, large / 8, large / 4, large/4 + 1, 3*large/4 - 5, large} {
		testPages(t, n, 4, Numbers, func(v int) float32 { return float32(v) })
		testPages(t, n, 1, Bytes, func(v int) byte { return byte(v) })
	}
}

func testPages[T comparable](t *testing.T, n, size int, of func(n int) []T, value func(v int) T) {
	t.Helper()
	all := [][]T{of(n), of(n)}
	for k, s := range all {
		if len(s) != n {
			t.Fatalf("%d elements, want %d", len(s), n)
		}
		for i := range s[:cap(s)] {
			s[:cap(s)][i] = value(i + k)
		}
		if size*n >= large/2 && uintptr(unsafe.Pointer(&s[0]))%large != 0 {
			t.Errorf("%d elements of %d bytes lie across large pages", n, size)
		}
	}
	runtime.GC()
	for k, s := range all {
		for i, v := range s[:cap(s)] {
			if v != value(i+k) {
				t.Fatalf("%d elements: [%d] = %v, want %d", n, i, v, i+k)
			}
		}
	}
}
