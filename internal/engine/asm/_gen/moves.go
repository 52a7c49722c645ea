package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// differ writes the comparison of bytes: 32 at a time.
func differ(s isa) {
	name := "differ" + s.name
	TEXT(name, NOSPLIT, "func(a, b *byte, n int, tolerance uint64, marks *uint32)")
	Doc(name+" sets, for each i < 32n, bit i%32 of marks[i/32] if a[i] and b[i] differ by more than",
		"tolerance, and clears it otherwise. See differGeneric.")
	Pragma("noescape")
	a, b, left, marks, bits := reg.RAX, reg.RBX, reg.RCX, reg.RDX, reg.RSI
	x, y, up, down, t, zero := s.vecs[0], s.vecs[1], s.vecs[2], s.vecs[3], s.vecs[4], s.vecs[5]
	MOVQ(arg("a", 0), a)
	MOVQ(arg("b", 1), b)
	MOVQ(arg("n", 2), left)
	MOVQ(arg("marks", 4), marks)
	MOVQ(arg("tolerance", 3), bits)
	VMOVQ(bits, reg.X4)
	VPBROADCASTB(reg.X4, t)
	VPXOR(zero, zero, zero)
	Label("block")
	VMOVDQU(mem(a, 0), x)
	VMOVDQU(mem(b, 0), y)
	// One of the two saturated differences is the distance, the other 0.
	VPSUBUSB(y, x, up)
	VPSUBUSB(x, y, down)
	VPOR(up, down, up)
	VPSUBUSB(t, up, up)
	VPCMPEQB(zero, up, up)
	VPMOVMSKB(up, bits.As32())
	NOTL(bits.As32())
	MOVL(bits.As32(), mem(marks, 0))
	ADDQ(operand.Imm(32), a)
	ADDQ(operand.Imm(32), b)
	ADDQ(operand.Imm(4), marks)
	DECQ(left)
	JNZ(operand.LabelRef("block"))
	VZEROUPPER()
	RET()
}

// everySecond writes the kernel that picks every second number.
func everySecond(s isa) {
	name := "everySecond" + s.name
	TEXT(name, NOSPLIT, "func(dst, src *float32, n int)")
	Doc(name + " copies src[2i] to dst[i] for each i < 8n, and reads src[:16n].")
	Pragma("noescape")
	src, dst, left := reg.RAX, reg.RBX, reg.RCX
	low, high := s.vecs[0], s.vecs[1]
	MOVQ(arg("dst", 0), dst)
	MOVQ(arg("src", 1), src)
	MOVQ(arg("n", 2), left)
	Label("block")
	VMOVUPS(mem(src, 0), low)
	VMOVUPS(mem(src, 32), high)
	VSHUFPS(operand.Imm(0x88), high, low, low) // within halves: 0 2 8 10, 4 6 12 14
	VPERMQ(operand.Imm(0xd8), low, low)
	VMOVUPS(low, mem(dst, 0))
	ADDQ(operand.Imm(64), src)
	ADDQ(operand.Imm(32), dst)
	DECQ(left)
	JNZ(operand.LabelRef("block"))
	VZEROUPPER()
	RET()
}
