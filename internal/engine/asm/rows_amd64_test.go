//go:build amd64 && !noasm

package asm

import "testing"

// TestRowsEverywhere runs the tests of rows as on lesser processors.
func TestRowsEverywhere(t *testing.T) {
	best := [2]bool{hasAVX2, hasAVX512}
	defer func() { hasAVX2, hasAVX512 = best[0], best[1] }()
	for _, level := range []struct {
		name         string
		avx2, avx512 bool
	}{{"avx2", best[0], false}, {"plain", false, false}} {
		hasAVX2, hasAVX512 = level.avx2, level.avx512
		t.Run(level.name, func(t *testing.T) {
			TestRows(t)
			TestRowExpBlocks(t)
			TestSoftmaxRows(t)
			TestNormRows(t)
			TestShortSoftmax(t)
			TestTranspose(t)
		})
	}
}

func init() {
	plainly = func(plain bool, f func()) {
		best := [2]bool{hasAVX2, hasAVX512}
		defer func() { hasAVX2, hasAVX512 = best[0], best[1] }()
		hasAVX2, hasAVX512 = hasAVX2 && !plain, false
		f()
	}
}
