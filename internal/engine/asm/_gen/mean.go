package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// strands is how many sums of a channel do not wait for one another.
const strands = 4

// pixelSum writes the sum over pixels.
func pixelSum(s isa) {
	name := "pixelSum" + s.name
	TEXT(name, NOSPLIT, "func(x, out *float32, n, bytes int, scale *float32, mask *int32)")
	Doc(name+" computes, for each c < bytes/4:", "",
		"	acc := [4]float32{}",
		"	for i := range n {",
		"		acc[i%4] += x[i*bytes/4+c]",
		"	}",
		"	out[c] = ((acc[0] + acc[1]) + (acc[2] + acc[3])) * scale[0]", "",
		fmt.Sprintf("mask holds the lanes of the last, partial vector of %d.", s.lane))
	Pragma("noescape")
	x, out, n, bytes, pixel, left, off := reg.R8, reg.R9, reg.R10, reg.RBX, reg.RDI, reg.RCX, reg.RSI
	for i, r := range []reg.Register{x, out, n, bytes} {
		MOVQ(arg([]string{"x", "out", "n", "bytes"}[i], i), r)
	}
	MOVQ(arg("scale", 4), reg.RAX)
	scale, value := s.vecs[len(s.vecs)-2], s.vecs[len(s.vecs)-3]
	VBROADCASTSS(mem(reg.RAX, 0), scale)
	most := 2 // vectors whose strands the registers hold
	if s.lane == 16 {
		most = 4
	}
	sum := func(first, vectors int, label string, k mask) {
		acc := func(strand, v int) reg.VecPhysical { return s.vecs[strand*vectors+v] }
		for i := range strands * vectors {
			VXORPS(s.vecs[i], s.vecs[i], s.vecs[i])
		}
		add := func(strand int) {
			for v := range vectors {
				from := mem(pixel, (first+v)*s.bytes())
				if k == (mask{}) {
					VADDPS(from, acc(strand, v), acc(strand, v))
					continue
				}
				s.load(from, k, value)
				VADDPS(value, acc(strand, v), acc(strand, v))
			}
			ADDQ(bytes, pixel)
		}
		LEAQ(indexed(x, off, 0), pixel)
		MOVQ(n, left)
		SUBQ(operand.Imm(strands), left)
		JLT(operand.LabelRef(label + "_few"))
		Label(label + "_four")
		for strand := range strands {
			add(strand)
		}
		SUBQ(operand.Imm(strands), left)
		JGE(operand.LabelRef(label + "_four"))
		Label(label + "_few")
		for strand := range strands - 1 {
			CMPQ(left, operand.I8(strand-strands))
			JE(operand.LabelRef(label + "_sum"))
			add(strand)
		}
		Label(label + "_sum")
		for v := range vectors {
			VADDPS(acc(1, v), acc(0, v), acc(0, v))
			VADDPS(acc(3, v), acc(2, v), acc(2, v))
			VADDPS(acc(2, v), acc(0, v), acc(0, v))
			VMULPS(scale, acc(0, v), acc(0, v))
			s.store(acc(0, v), indexed(out, off, (first+v)*s.bytes()), k)
		}
	}
	channelLoop(s, arg("bytes", 3), arg("mask", 5), func(vectors int, label string, k mask) {
		for first := 0; first < vectors; first += most {
			sum(first, min(most, vectors), fmt.Sprintf("%s%d", label, first), k)
		}
	})
}
