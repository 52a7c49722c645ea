package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rowPanels is how many panels gemmRow multiplies at a time: as many sums as keep the
// units busy that multiply, and as many pieces of memory that are read at a time.
const rowPanels = 4

// ahead is how far before their use weights are fetched, in bytes of each panel.
const ahead = 2048

// gemmRow writes the matrix product of one pixel by several panels: weights are read
// once, and come from memory as fast as that gives them.
func gemmRow(s isa) {
	name := "gemmRow" + s.name
	TEXT(name, NOSPLIT, "func(table **float32, taps, begin, end int, panels **float32, out *float32, biases **float32, clamp *float32)")
	Doc(name+" computes what four of the set's widest gemm of one row do, with the weights panels[p] and",
		"the biases biases[p], for p < 4: their columns lie one behind the other in out, and all of them count.")
	Pragma("noescape")
	const vectors = 2
	acc := func(p, v int) reg.VecPhysical { return s.vecs[p*vectors+v] }
	x, lo, hi, zero := s.vecs[8], s.vecs[9], s.vecs[10], s.vecs[11]
	w := []reg.GPPhysical{reg.RAX, reg.RBX, reg.RCX, reg.RDX}
	table, taps, row, off, begin, end, t := reg.RSI, reg.RDI, reg.R8, reg.R9, reg.R10, reg.R11, reg.R12
	MOVQ(arg("biases", 6), t)
	for p := range rowPanels {
		MOVQ(mem(t, 8*p), row)
		for v := range vectors {
			VMOVUPS(mem(row, v*s.bytes()), acc(p, v))
		}
	}
	MOVQ(arg("panels", 4), t)
	for p := range rowPanels {
		MOVQ(mem(t, 8*p), w[p])
	}
	MOVQ(arg("table", 0), table)
	MOVQ(arg("taps", 1), taps)
	MOVQ(arg("begin", 2), begin)
	MOVQ(arg("end", 3), end)
	Label("tap")
	MOVQ(mem(table, 0), row)
	ADDQ(operand.Imm(8), table)
	MOVQ(begin, off)
	Label("channel")
	VBROADCASTSS(indexed(row, off, 0), x)
	for p := range rowPanels {
		for line := 0; line < vectors*s.bytes(); line += 64 {
			PREFETCHT0(mem(w[p], ahead+line))
		}
		for v := range vectors {
			VFMADD231PS(mem(w[p], v*s.bytes()), x, acc(p, v))
		}
		ADDQ(operand.I32(vectors*s.bytes()), w[p])
	}
	ADDQ(operand.Imm(4), off)
	CMPQ(off, end)
	JLT(operand.LabelRef("channel"))
	DECQ(taps)
	JNZ(operand.LabelRef("tap"))

	MOVQ(arg("clamp", 7), t)
	VBROADCASTSS(mem(t, 0), lo)
	VBROADCASTSS(mem(t, 4), hi)
	VXORPS(zero, zero, zero) // see gemm
	MOVQ(arg("out", 5), t)
	for p := range rowPanels {
		for v := range vectors {
			VMAXPS(acc(p, v), lo, acc(p, v))
			VMINPS(acc(p, v), hi, acc(p, v))
			VADDPS(zero, acc(p, v), acc(p, v))
			VMOVUPS(acc(p, v), mem(t, (p*vectors+v)*s.bytes()))
		}
	}
	VZEROUPPER()
	RET()
}
