package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// arithmetic are the operations on two operands, in package asm's order: b is the
// second operand and may become what is left of it; tmp is free.
var arithmetic = []struct {
	name, doc string
	of        func(s isa, a, b, tmp reg.VecPhysical)
}{
	{"sum", "a + b", func(_ isa, a, b, _ reg.VecPhysical) { VADDPS(b, a, a) }},
	{"difference", "a - b", func(_ isa, a, b, _ reg.VecPhysical) { VSUBPS(b, a, a) }},
	{"differenceFrom", "b - a", func(_ isa, a, b, _ reg.VecPhysical) { VSUBPS(a, b, a) }},
	{"product", "a * b", func(_ isa, a, b, _ reg.VecPhysical) { VMULPS(b, a, a) }},
	{"quotient", "a / b", func(_ isa, a, b, _ reg.VecPhysical) { VDIVPS(b, a, a) }},
	{"quotientOf", "b / a", func(_ isa, a, b, _ reg.VecPhysical) { VDIVPS(a, b, a) }},
	{"larger", "a if a > b or a is NaN, else b", func(s isa, a, b, tmp reg.VecPhysical) { s.orNaN(VMAXPS, a, b, tmp) }},
	{"smaller", "a if a < b or a is NaN, else b", func(s isa, a, b, tmp reg.VecPhysical) { s.orNaN(VMINPS, a, b, tmp) }},
	{"slope", "a * b if a < 0, else a", func(s isa, a, b, tmp reg.VecPhysical) {
		VMULPS(b, a, b)
		VXORPS(tmp, tmp, tmp)
		const lessThan = operand.U8(1)
		if s.lane == 16 {
			VCMPPS(lessThan, tmp, a, reg.K2)
			VBLENDMPS(b, a, reg.K2, a)
			return
		}
		VCMPPS(lessThan, tmp, a, tmp)
		VBLENDVPS(tmp, b, a, a)
	}},
	{"equal", "1 if a == b, else 0", comparison(0)},
	{"less", "1 if a < b, else 0", comparison(1)},
	{"lessOrEqual", "1 if a <= b, else 0", comparison(2)},
	{"greater", "1 if a > b, else 0", comparison(14)},
	{"greaterOrEqual", "1 if a >= b, else 0", comparison(13)},
}

// comparison is 1 where a predicate of VCMPPS, which is false of NaN, holds, else 0.
func comparison(predicate int) func(s isa, a, b, tmp reg.VecPhysical) {
	return func(s isa, a, b, tmp reg.VecPhysical) {
		holds := operand.U8(predicate)
		if s.lane == 16 {
			VPTERNLOGD(operand.U8(0xff), tmp, tmp, tmp)
		} else {
			VPCMPEQD(tmp, tmp, tmp)
		}
		VPSRLD(operand.U8(25), tmp, tmp) // all bits set become those of 1
		VPSLLD(operand.U8(23), tmp, tmp)
		if s.lane == 16 {
			VCMPPS(holds, b, a, reg.K2)
			VMOVAPS_Z(tmp, reg.K2, a)
			return
		}
		VCMPPS(holds, b, a, a)
		VANDPS(tmp, a, a)
	}
}

// orNaN is an extreme of a and b, which as the processor has it is b where a is no
// number; then it becomes a.
func (s isa) orNaN(extreme func(...operand.Op), a, b, tmp reg.VecPhysical) {
	extreme(b, a, b)
	const unordered = operand.U8(3)
	if s.lane == 16 {
		VCMPPS(unordered, a, a, reg.K2)
		VBLENDMPS(a, b, reg.K2, a)
		return
	}
	VCMPPS(unordered, a, a, tmp)
	VBLENDVPS(tmp, a, b, a)
}

// arithmetics writes all operations, with a row and with one number as second
// operand.
func arithmetics(s isa) {
	for _, o := range arithmetic {
		arithmeticRows(s, o.name+"Rows", o.doc, false, o.of)
		arithmeticRows(s, o.name+"Number", o.doc, true, o.of)
	}
}

func arithmeticRows(s isa, name, doc string, number bool, of func(s isa, a, b, tmp reg.VecPhysical)) {
	name += s.name
	second := "b[i*step/4+c]"
	if number {
		second = "b[i*step/4]"
	}
	TEXT(name, NOSPLIT, "func(a, b, out *float32, n, step, bytes int, mask *int32)")
	Doc(name+" computes, for each pixel i < n and c < bytes/4, with a = a[i*bytes/4+c] and b = "+second+":",
		"", "	out[i*bytes/4+c] = "+doc, "",
		fmt.Sprintf("mask holds the lanes of the last, partial vector of %d.", s.lane))
	Pragma("noescape")
	a, b, out, left, step, bytes, off := reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.RBX, reg.RSI
	MOVQ(arg("a", 0), a)
	MOVQ(arg("b", 1), b)
	MOVQ(arg("out", 2), out)
	MOVQ(arg("n", 3), left)
	MOVQ(arg("step", 4), step)
	MOVQ(arg("bytes", 5), bytes)
	MOVQ(arg("mask", 6), reg.RAX)
	k := s.loadMask(mem(reg.RAX, 0), s.vecs[15], reg.K1)
	value := s.vecs[12]
	body := func(n int, k mask) {
		for v := range n {
			x, y := s.vecs[v], s.vecs[4+v]
			s.load(indexed(a, off, v*s.bytes()), k, x)
			if number {
				VMOVAPS(value, y)
			} else {
				s.load(indexed(b, off, v*s.bytes()), k, y)
			}
			of(s, x, y, s.vecs[8+v])
			s.store(x, indexed(out, off, v*s.bytes()), k)
		}
	}
	Label("pixel")
	if number {
		VBROADCASTSS(mem(b, 0), value)
	}
	pixelLoop(s, bytes, k, body)
	ADDQ(bytes, a)
	ADDQ(bytes, out)
	ADDQ(step, b)
	DECQ(left)
	JNZ(operand.LabelRef("pixel"))
	VZEROUPPER()
	RET()
}
