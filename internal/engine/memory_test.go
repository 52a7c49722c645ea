package engine

import (
	"runtime"
	"testing"
	"unsafe"
)

// TestNumbers writes and reads numbers on large pages and not, also after the collector
// has run.
func TestNumbers(t *testing.T) {
	for _, n := range []int{0, 1, largePage/8 - 1, largePage / 8, largePage / 4, largePage/4 + 1, 3*largePage/4 - 5} {
		all := [][]float32{Numbers(n), Numbers(n)}
		for k, s := range all {
			if len(s) != n {
				t.Fatalf("%d numbers, want %d", len(s), n)
			}
			for i := range s[:cap(s)] {
				s[:cap(s)][i] = float32(i + k)
			}
			if 4*n >= largePage/2 && uintptr(unsafe.Pointer(&s[0]))%largePage != 0 {
				t.Errorf("%d numbers lie across large pages", n)
			}
		}
		runtime.GC()
		for k, s := range all {
			for i, v := range s[:cap(s)] {
				if v != float32(i+k) {
					t.Fatalf("%d numbers: [%d] = %g, want %d", n, i, v, i+k)
				}
			}
		}
	}
}
