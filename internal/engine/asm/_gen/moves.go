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

// pointTo writes the making of tables of pointers, four at a time.
func pointTo(s isa) {
	name := "pointers" + s.name
	TEXT(name, NOSPLIT, "func(to **float32, tiles, fours, skip int, first *float32, bytes int)")
	Doc(name+" has to[t*(4*fours+skip/8)+i] point bytes*(t*4*fours+i) bytes behind first, for t < tiles",
		"and i < 4*fours, and does not tell the collector of memory. See Pointers.")
	to, tiles, at, step, fours, skip, left := reg.RAX, reg.RBX, reg.RCX, reg.RDX, reg.R9, reg.R10, reg.R11
	second, third, fourth := reg.RSI, reg.RDI, reg.R8
	four, next := s.vecs[0], s.vecs[1]
	MOVQ(arg("to", 0), to)
	MOVQ(arg("tiles", 1), tiles)
	MOVQ(arg("fours", 2), fours)
	MOVQ(arg("skip", 3), skip)
	MOVQ(arg("first", 4), at)
	MOVQ(arg("bytes", 5), step)
	LEAQ(indexed(at, step, 0), second)
	LEAQ(indexed(second, step, 0), third)
	LEAQ(indexed(third, step, 0), fourth)
	VMOVQ(at, reg.X0)
	VPINSRQ(operand.Imm(1), second, reg.X0, reg.X0)
	VMOVQ(third, reg.X1)
	VPINSRQ(operand.Imm(1), fourth, reg.X1, reg.X1)
	VINSERTI128(operand.Imm(1), reg.X1, four, four)
	SHLQ(operand.Imm(2), step)
	VMOVQ(step, reg.X1)
	VPBROADCASTQ(reg.X1, next)
	Label("tile")
	MOVQ(fours, left)
	Label("four")
	VMOVDQU(four, mem(to, 0))
	VPADDQ(next, four, four)
	ADDQ(operand.Imm(32), to)
	DECQ(left)
	JNZ(operand.LabelRef("four"))
	ADDQ(skip, to)
	DECQ(tiles)
	JNZ(operand.LabelRef("tile"))
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

// zip writes the kernel that puts two rows of numbers together to one of pairs.
func zip(s isa) {
	name := "zip" + s.name
	TEXT(name, NOSPLIT, "func(dst, a, b *float32, n int)")
	Doc(name + " writes a[i], b[i] to dst[2i:] for each i < 8n.")
	Pragma("noescape")
	dst, a, b, left := reg.RAX, reg.RBX, reg.RCX, reg.RDX
	x, y, low, high, out := s.vecs[0], s.vecs[1], s.vecs[2], s.vecs[3], s.vecs[4]
	MOVQ(arg("dst", 0), dst)
	MOVQ(arg("a", 1), a)
	MOVQ(arg("b", 2), b)
	MOVQ(arg("n", 3), left)
	Label("block")
	VMOVUPS(mem(a, 0), x)
	VMOVUPS(mem(b, 0), y)
	VUNPCKLPS(y, x, low)  // a0 b0 a1 b1, a4 b4 a5 b5
	VUNPCKHPS(y, x, high) // a2 b2 a3 b3, a6 b6 a7 b7
	VPERM2F128(operand.Imm(0x20), high, low, out)
	VMOVUPS(out, mem(dst, 0))
	VPERM2F128(operand.Imm(0x31), high, low, out)
	VMOVUPS(out, mem(dst, 32))
	ADDQ(operand.Imm(32), a)
	ADDQ(operand.Imm(32), b)
	ADDQ(operand.Imm(64), dst)
	DECQ(left)
	JNZ(operand.LabelRef("block"))
	VZEROUPPER()
	RET()
}

// interleave writes the kernel that puts three rows of bytes together to one of
// triples: 16 of each at a time.
func interleave(s isa) {
	name := "interleave" + s.name
	TEXT(name, NOSPLIT, "func(dst, a, b, c *byte, n int, masks *byte)")
	Doc(name+" writes a[i], b[i], c[i] to dst[3i:] for each i < 16n. The masks of 16 bytes say which",
		"bytes of a, b and c make the first 16 of 48, and so on. See interleaveGeneric.")
	Pragma("noescape")
	dst, left, masks := reg.RAX, reg.RBX, reg.RCX
	sources := []reg.GPPhysical{reg.RDX, reg.RSI, reg.RDI}
	mask := []reg.VecPhysical{reg.X0, reg.X1, reg.X2, reg.X3, reg.X4, reg.X5, reg.X6, reg.X7, reg.X8}
	rows := []reg.VecPhysical{reg.X9, reg.X10, reg.X11}
	out, part := reg.X12, reg.X13
	MOVQ(arg("dst", 0), dst)
	for i, n := range []string{"a", "b", "c"} {
		MOVQ(arg(n, 1+i), sources[i])
	}
	MOVQ(arg("n", 4), left)
	MOVQ(arg("masks", 5), masks)
	for i, m := range mask {
		VMOVDQU(mem(masks, 16*i), m)
	}
	Label("block")
	for i, r := range rows {
		VMOVDQU(mem(sources[i], 0), r)
	}
	for v := range rows {
		VPSHUFB(mask[3*v], rows[0], out)
		for i := 1; i < len(rows); i++ {
			VPSHUFB(mask[3*v+i], rows[i], part)
			VPOR(part, out, out)
		}
		VMOVDQU(out, mem(dst, 16*v))
	}
	ADDQ(operand.Imm(48), dst)
	for _, r := range sources {
		ADDQ(operand.Imm(16), r)
	}
	DECQ(left)
	JNZ(operand.LabelRef("block"))
	RET()
}
