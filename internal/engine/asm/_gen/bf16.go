package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Neither Go's assembler nor avo knows the instructions of AVX512_BF16: they
// are written as the bytes of their EVEX encodings (Intel's manual, volume 2,
// section 2.7). bf16_test.go holds every kernel to a scalar model.

// The mandatory prefixes, as EVEX has them.
const (
	prefixF3 = 2
	prefixF2 = 3
)

// evex writes an instruction of the 0F38 map on 512-bit registers: dst in
// ModRM.reg, src1 in EVEX.vvvv, src2 in ModRM.rm.
func evex(name string, prefix, opcode uint8, dst, src1, src2 reg.VecPhysical) {
	d, v, m := index(dst), uint8(src1.PhysicalIndex()), uint8(src2.PhysicalIndex())
	// inverted is bit `bit` of n, inverted, moved to bit `to`.
	inverted := func(n, bit, to uint8) uint8 { return (^n >> bit & 1) << to }
	comment("%s %s, %s, %s", name, src2.Asm(), src1.Asm(), dst.Asm())
	writeBytes(
		0x62,
		inverted(d, 3, 7)|inverted(m, 4, 6)|inverted(m, 3, 5)|inverted(d, 4, 4)|2,
		(^v&15)<<3|1<<2|prefix,
		2<<5|inverted(v, 4, 3),
		opcode,
		0xc0|(d&7)<<3|m&7,
	)
}

// writeBytes writes an instruction that the assembler lacks.
func writeBytes(bytes ...uint8) {
	for _, b := range bytes {
		Instruction(&ir.Instruction{Opcode: "BYTE", Operands: []operand.Op{operand.U8(b)}})
	}
}

// index is the number of a vector register.
func index(v reg.VecPhysical) uint8 { return uint8(reg.ToPhysical(v).PhysicalIndex()) }

// dotBF16 adds to each lane of acc the products of the lane's two pairs of
// bfloat16.
func dotBF16(a, b, acc reg.VecPhysical) { evex("VDPBF16PS", prefixF3, 0x52, acc, a, b) }

// narrowBF16 rounds low and high to bfloat16, low's first.
func narrowBF16(low, high, dst reg.VecPhysical) {
	evex("VCVTNE2PS2BF16", prefixF2, 0x72, dst, high, low)
}

// roundBF16 writes the kernel that rounds rows to bfloat16.
func roundBF16(s isa) {
	name := "roundBF16" + s.name
	TEXT(name, NOSPLIT, "func(src, dst *float32, bytes int, mask *int32)")
	Doc(name+" rounds bytes/4 numbers to the nearest bfloat16, to even between two,",
		"denormals to zero. mask has two vectors, for the last, partial step.")
	Pragma("noescape")
	src, dst, left, m := reg.RAX, reg.RBX, reg.RCX, reg.RDX
	low, high, both := reg.Z0, reg.Z1, reg.Z2
	MOVQ(arg("src", 0), src)
	MOVQ(arg("dst", 1), dst)
	MOVQ(arg("bytes", 2), left)
	Label("step")
	SUBQ(operand.U32(2*s.bytes()), left)
	JLT(operand.LabelRef("tail"))
	VMOVUPS(mem(src, 0), low)
	VMOVUPS(mem(src, s.bytes()), high)
	narrowBF16(low, high, both)
	VMOVUPS(both, mem(dst, 0))
	ADDQ(operand.U32(2*s.bytes()), src)
	ADDQ(operand.Imm(uint64(s.bytes())), dst)
	JMP(operand.LabelRef("step"))
	Label("tail")
	ADDQ(operand.U32(2*s.bytes()), left)
	JZ(operand.LabelRef("done"))
	MOVQ(arg("mask", 3), m)
	lowest := s.loadMask(mem(m, 0), low, reg.K1)
	highest := s.loadMask(mem(m, s.bytes()), high, reg.K2)
	s.load(mem(src, 0), lowest, low)
	s.load(mem(src, s.bytes()), highest, high)
	narrowBF16(low, high, both)
	KUNPCKWD(reg.K1, reg.K2, reg.K3)
	VMOVDQU16(both, reg.K3, mem(dst, 0))
	Label("done")
	VZEROUPPER()
	RET()
}

// peakBF16 writes a loop of nothing but products of bfloat16 on registers.
func peakBF16(s isa) {
	peakLoop(s, "peakBF16", "products of %d pairs of bfloat16", dotBF16)
}
