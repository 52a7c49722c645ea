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
	n := len(s.vecs) * 3 / 4
	name := "peak" + s.name
	TEXT(name, NOSPLIT, "func(loops int)")
	Doc(fmt.Sprintf("%s runs %d independent fused multiply-adds of %d lanes, loops times.", name, n, s.lane))
	for _, v := range s.vecs {
		VXORPS(v, v, v)
	}
	MOVQ(arg("loops", 0), reg.RAX)
	Label("loop")
	for i := range n {
		VFMADD231PS(s.vecs[n], s.vecs[n+1], s.vecs[i])
	}
	DECQ(reg.RAX)
	JNZ(operand.LabelRef("loop"))
	VZEROUPPER()
	RET()
}
