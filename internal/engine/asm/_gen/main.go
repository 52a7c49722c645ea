// Command gen writes the assembly kernels of package asm. Run it through
// `make generate`; its output is checked in, and a test of the build compares
// the two.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/buildtags"
)

func main() {
	Constraint(buildtags.Not("noasm"))
	Constraint(buildtags.Term("amd64"))
	for _, set := range []isa{avx512, avx2} {
		for _, t := range set.tiles {
			gemm(set, t.rows, t.vectors)
		}
		if set.lane == 16 { // lists need the compress instruction
			gemmSparse(set, 1)
			gemmSparse(set, 2)
			nonzero(set)
		}
		runs(set)
		add(set)
		distance(set)
		for _, w := range []winogradSize{f2, f4} {
			winogradInput(set, w)
			winogradOutput(set, w)
		}
		peak(set)
	}
	Generate()
}
