package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// lanes writes a kernel that puts pixels that lie anywhere side by side, so that each vector has
// one channel of sixteen pixels, or, with back, one that puts them back.
func lanes(s isa, back bool) {
	const tableLanes = 32
	name, does := "intoLanes"+s.name, "dst[(k*bytes/4+c)*16*halves+l] = table[r*32+l][p*step/4+c]"
	if back {
		name, does = "fromLanes"+s.name, "table[r*32+l][p*step/4+c] = dst[(k*bytes/4+c)*16*halves+l]"
	}
	TEXT(name, NOSPLIT, "func(table **float32, rows, halves, pixels, step, bytes int, dst *float32)")
	Doc(name+" does, for r < rows, p < pixels, k = r*pixels+p, c < bytes/4 and l < 16*halves, halves being", "1 or 2, bytes/4 at least 4:", "",
		"	"+does, "", "See Kernels.IntoLanes.")
	Pragma("noescape")
	table, rows, half, left, off, at, dst := reg.RAX, reg.RBX, reg.RCX, reg.RDX, reg.RSI, reg.RDI, reg.R8
	bytes, three, pixel, begin, first, last, to := reg.R9, reg.R10, reg.R12, reg.R14, reg.R13, reg.R15, reg.R11
	four := []reg.VecPhysical{reg.Z0, reg.Z1, reg.Z2, reg.Z3}
	pairs := []reg.VecPhysical{reg.Z4, reg.Z5, reg.Z6, reg.Z7}
	quarters := []reg.OpmaskPhysical{nil, reg.K1, reg.K2, reg.K3} // of a vector
	for q := 1; q < 4; q++ {
		MOVL(operand.U32(uint32(0xf)<<(4*q)), rows.As32())
		KMOVW(rows.As32(), quarters[q])
	}
	MOVQ(arg("table", 0), table)
	MOVQ(arg("rows", 1), rows)
	MOVQ(arg("dst", 6), dst)
	MOVQ(arg("halves", 2), bytes)
	SHLQ(operand.Imm(6), bytes)
	LEAQ(operand.Mem{Base: bytes, Index: bytes, Scale: 2}, three)
	Label("row")
	MOVQ(arg("halves", 2), half)
	MOVQ(table, begin)
	MOVQ(dst, at)
	Label("half")
	MOVQ(arg("pixels", 3), left)
	XORQ(first, first)
	Label("pixel")
	comment("four channels at a time, of the last four some again")
	MOVQ(first, off)
	MOVQ(first, last)
	ADDQ(arg("bytes", 5), last)
	SUBQ(operand.Imm(16), last)
	MOVQ(at, to)
	Label("channels")
	channels := []operand.Mem{mem(to, 0), indexed(to, bytes, 0), {Base: to, Index: bytes, Scale: 2}, indexed(to, three, 0)}
	// lane is where the four channels of a pixel lie.
	lane := func(l int) operand.Mem {
		MOVQ(mem(begin, 8*l), pixel)
		return indexed(pixel, off, 0)
	}
	if back {
		for c, v := range four {
			VMOVUPS(channels[c], v)
		}
	} else {
		for i, v := range four {
			VMOVUPS(lane(i), v.AsX())
			for q := 1; q < 4; q++ {
				VBROADCASTF32X4(lane(4*q+i), quarters[q], v)
			}
		}
	}
	comment("four by four, in each quarter")
	for i := 0; i < 4; i += 2 {
		VUNPCKLPS(four[i+1], four[i], pairs[i])
		VUNPCKHPS(four[i+1], four[i], pairs[i+1])
	}
	for i := range 2 {
		VUNPCKLPD(pairs[i+2], pairs[i], four[2*i])
		VUNPCKHPD(pairs[i+2], pairs[i], four[2*i+1])
	}
	if back {
		for i, v := range four {
			VMOVUPS(v.AsX(), lane(i))
			for q := 1; q < 4; q++ {
				VEXTRACTF32X4(operand.Imm(uint64(q)), v, lane(4*q+i))
			}
		}
	} else {
		for c, v := range four {
			VMOVUPS(v, channels[c])
		}
	}
	CMPQ(off, last)
	JGE(operand.LabelRef("next"))
	ADDQ(operand.Imm(16), off)
	LEAQ(operand.Mem{Base: to, Index: bytes, Scale: 4}, to)
	CMPQ(off, last)
	JLE(operand.LabelRef("channels"))
	comment("back by as many channels as are too many: a channel has 4 bytes here, bytes there")
	SUBQ(last, off)
	SHRQ(operand.Imm(2), off)
	IMULQ(bytes, off)
	SUBQ(off, to)
	MOVQ(last, off)
	JMP(operand.LabelRef("channels"))
	Label("next")
	ADDQ(arg("step", 4), first)
	LEAQ(operand.Mem{Base: to, Index: bytes, Scale: 4}, at)
	DECQ(left)
	JNZ(operand.LabelRef("pixel"))
	ADDQ(operand.U32(8*16), begin)
	MOVQ(at, to)
	LEAQ(mem(dst, 64), at)
	DECQ(half)
	JNZ(operand.LabelRef("half"))
	comment("where the last half ended, less by where it began")
	MOVQ(to, dst)
	SUBQ(bytes, dst)
	ADDQ(operand.Imm(64), dst)
	ADDQ(operand.U32(8*tableLanes), table)
	DECQ(rows)
	JNZ(operand.LabelRef("row"))
	VZEROUPPER()
	RET()
}

// fetchLane writes the kernel that fetches rows into the second-level cache.
func fetchLane(s isa) {
	const tableLanes = 32
	name := "fetchLane" + s.name
	TEXT(name, NOSPLIT, "func(table **float32, rows, bytes int)")
	Doc(name + " fetches table[r*32][:bytes/4], for r < rows, into the second-level cache.")
	Pragma("noescape")
	table, rows, bytes, at, left := reg.RAX, reg.RBX, reg.RCX, reg.RDX, reg.RSI
	MOVQ(arg("table", 0), table)
	MOVQ(arg("rows", 1), rows)
	MOVQ(arg("bytes", 2), bytes)
	Label("row")
	MOVQ(mem(table, 0), at)
	MOVQ(bytes, left)
	Label("line")
	PREFETCHT1(mem(at, 0))
	ADDQ(operand.Imm(64), at)
	SUBQ(operand.Imm(64), left)
	JG(operand.LabelRef("line"))
	comment("the last number may lie in a line more")
	PREFETCHT1(indexed(at, left, -4))
	ADDQ(operand.U32(8*tableLanes), table)
	DECQ(rows)
	JNZ(operand.LabelRef("row"))
	RET()
}
