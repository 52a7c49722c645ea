package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// peak writes a loop of nothing but fused multiply-adds on registers: what a
// core can do at most.
func peak(s isa) {
	peakLoop(s, "peak", "fused multiply-adds of %d lanes", func(w, x, acc reg.VecPhysical) { VFMADD231PS(w, x, acc) })
}

// peakLoop writes a loop of nothing but independent products on registers.
func peakLoop(s isa, name, what string, each func(w, x, acc reg.VecPhysical)) {
	n := len(s.vecs) * 3 / 4
	name += s.name
	TEXT(name, NOSPLIT, "func(loops int)")
	Doc(fmt.Sprintf("%s runs %d independent "+what+", loops times.", name, n, s.lane))
	for _, v := range s.vecs {
		VXORPS(v, v, v)
	}
	MOVQ(arg("loops", 0), reg.RAX)
	Label("loop")
	for i := range n {
		each(s.vecs[n], s.vecs[n+1], s.vecs[i])
	}
	DECQ(reg.RAX)
	JNZ(operand.LabelRef("loop"))
	VZEROUPPER()
	RET()
}
