package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// blockLoop writes the frame that all loops over channels share: blocks of four vectors,
// single vectors, then what is left, if there is anything. Its registers: RSI is the byte
// offset of the block, RDX is length less one vector in the end.
//
//	body(n, label) computes n vectors at offset RSI
func blockLoop(s isa, length operand.Op, body func(n int, label string), left func()) {
	off, end := reg.RSI, reg.RDX
	XORQ(off, off)
	MOVQ(length, end)
	SUBQ(operand.U32(4*s.bytes()), end)
	Label("block")
	CMPQ(off, end)
	JGT(operand.LabelRef("single"))
	body(4, "block")
	ADDQ(operand.U32(4*s.bytes()), off)
	JMP(operand.LabelRef("block"))

	Label("single")
	ADDQ(operand.U32(3*s.bytes()), end)
	Label("vector")
	CMPQ(off, end)
	JGT(operand.LabelRef("partial"))
	body(1, "vector")
	ADDQ(operand.U32(s.bytes()), off)
	JMP(operand.LabelRef("vector"))

	Label("partial")
	left()
}

// vectorFrame writes all of a kernel behind its arguments that computes vector by vector,
// and what is left by the lanes of its mask. RSI is the byte offset, RDX the byte length.
func vectorFrame(s isa, length, maskArg operand.Mem, vector func(), partial func(lanes operand.Mem)) {
	off := reg.RSI
	XORQ(off, off)
	vectorFrameFrom(s, length, maskArg, vector, partial)
}

// vectorFrameFrom is vectorFrame from the offset on.
func vectorFrameFrom(s isa, length, maskArg operand.Mem, vector func(), partial func(lanes operand.Mem)) {
	off, end := reg.RSI, reg.RDX
	MOVQ(length, end)
	SUBQ(operand.U32(s.bytes()), end)
	Label("vector")
	CMPQ(off, end)
	JGT(operand.LabelRef("partial"))
	vector()
	ADDQ(operand.U32(s.bytes()), off)
	JMP(operand.LabelRef("vector"))
	Label("partial")
	ADDQ(operand.U32(s.bytes()), end)
	CMPQ(off, end)
	JGE(operand.LabelRef("done"))
	MOVQ(maskArg, reg.RAX)
	partial(mem(reg.RAX, 0))
	Label("done")
	VZEROUPPER()
	RET()
}

// manyVectors writes the loop over n vectors of a row at a time, before what vectorFrame
// writes for the rest.
func manyVectors(s isa, n int, length operand.Mem, body func()) {
	off, end := reg.RSI, reg.RDX
	MOVQ(length, end)
	SUBQ(operand.U32(n*s.bytes()), end)
	Label("two")
	CMPQ(off, end)
	JGT(operand.LabelRef("one"))
	body()
	ADDQ(operand.U32(n*s.bytes()), off)
	JMP(operand.LabelRef("two"))
	Label("one")
}

// channelLoop writes all of a per-channel kernel behind its arguments: body's lanes of k
// are those that are there.
func channelLoop(s isa, length, maskArg operand.Mem, body func(n int, label string, k mask)) {
	channelLoopThen(s, length, maskArg, body, func() {})
}

// channelLoopThen is channelLoop with something to do at the end.
func channelLoopThen(s isa, length, maskArg operand.Mem, body func(n int, label string, k mask), then func()) {
	off, end := reg.RSI, reg.RDX
	blockLoop(s, length, func(n int, label string) { body(n, label, mask{}) }, func() {
		ADDQ(operand.U32(s.bytes()), end)
		CMPQ(off, end)
		JGE(operand.LabelRef("done"))
		MOVQ(maskArg, reg.RAX)
		k := s.loadMask(mem(reg.RAX, 0), s.vecs[15], reg.K1)
		body(1, "partial", k)
	})
	Label("done")
	then()
	VZEROUPPER()
	RET()
}

// pixelLoop writes the loop over the channels of one of several pixels, whose mask k is
// loaded, and the label next behind it.
func pixelLoop(s isa, bytes reg.Register, k mask, body func(n int, k mask)) {
	blockLoop(s, bytes, func(n int, _ string) { body(n, mask{}) }, func() {
		CMPQ(reg.RSI, bytes)
		JGE(operand.LabelRef("next"))
		body(1, k)
	})
	Label("next")
}

// add writes the sum of two rows with an activation's bounds: residual adds.
func add(s isa) {
	name := "add" + s.name
	TEXT(name, NOSPLIT, "func(a, b, out *float32, bytes int, clamp *float32, mask *int32)")
	Doc(name+" computes, for each i < bytes/4:",
		"",
		"	out[i] = min(max(clamp[0], a[i]+b[i]), clamp[1]) // NaN stays NaN",
		"",
		fmt.Sprintf("mask holds the lanes of the last, partial vector of %d. See addGeneric.", s.lane))
	Pragma("noescape")
	lo, hi := s.vecs[12], s.vecs[13]
	MOVQ(arg("clamp", 4), reg.RAX)
	VBROADCASTSS(mem(reg.RAX, 0), lo)
	VBROADCASTSS(mem(reg.RAX, 4), hi)
	MOVQ(arg("a", 0), reg.R8)
	MOVQ(arg("b", 1), reg.R10)
	MOVQ(arg("out", 2), reg.R9)
	off := reg.RSI
	channelLoop(s, arg("bytes", 3), arg("mask", 5), func(n int, _ string, k mask) {
		for v := range n {
			s.load(indexed(reg.R8, off, v*s.bytes()), k, s.vecs[v])
			s.load(indexed(reg.R10, off, v*s.bytes()), k, s.vecs[4+v])
			VADDPS(s.vecs[4+v], s.vecs[v], s.vecs[v])
			VMAXPS(s.vecs[v], lo, s.vecs[v])
			VMINPS(s.vecs[v], hi, s.vecs[v])
			s.store(s.vecs[v], indexed(reg.R9, off, v*s.bytes()), k)
		}
	})
}

// distance writes the squared distance of two rows.
func distance(s isa) {
	name := "distance" + s.name
	TEXT(name, NOSPLIT, "func(a, b *float32, bytes int, mask *int32) float32")
	Doc(name+" returns the sum of (a[i]-b[i])^2 over i < bytes/4. mask holds the lanes of the last,",
		"partial vector. See distanceGeneric.")
	Pragma("noescape")
	MOVQ(arg("a", 0), reg.R8)
	MOVQ(arg("b", 1), reg.R10)
	off, end := reg.RSI, reg.RDX
	acc, x, y := s.vecs[0], s.vecs[1], s.vecs[2]
	VXORPS(acc, acc, acc)
	body := func(k mask) {
		s.load(indexed(reg.R8, off, 0), k, x)
		s.load(indexed(reg.R10, off, 0), k, y)
		VSUBPS(y, x, x)
		VFMADD231PS(x, x, acc)
	}
	XORQ(off, off)
	MOVQ(arg("bytes", 2), end)
	SUBQ(operand.U32(s.bytes()), end)
	Label("vector")
	CMPQ(off, end)
	JGT(operand.LabelRef("partial"))
	body(mask{})
	ADDQ(operand.U32(s.bytes()), off)
	JMP(operand.LabelRef("vector"))
	Label("partial")
	ADDQ(operand.U32(s.bytes()), end)
	CMPQ(off, end)
	JGE(operand.LabelRef("sum"))
	MOVQ(arg("mask", 3), reg.RAX)
	body(s.loadMask(mem(reg.RAX, 0), s.vecs[15], reg.K1))
	Label("sum")
	if s.lane == 16 {
		VEXTRACTF64X4(operand.Imm(1), reg.Z0, reg.Y1)
		VADDPS(reg.Y1, reg.Y0, reg.Y0)
	}
	VEXTRACTF128(operand.Imm(1), reg.Y0, reg.X1)
	VADDPS(reg.X1, reg.X0, reg.X0)
	VHADDPS(reg.X0, reg.X0, reg.X0)
	VHADDPS(reg.X0, reg.X0, reg.X0)
	MOVSS(reg.X0, operand.Mem{Symbol: operand.Symbol{Name: "ret"}, Disp: 32, Base: reg.FramePointer})
	VZEROUPPER()
	RET()
}

// moved writes the comparison of pixels with what they were.
func moved(s isa) {
	name := "moved" + s.name
	TEXT(name, NOSPLIT, "func(from, to *float32, n, fromStep, toStep, bytes int, limit uint64, mask *int32) uint64")
	Doc(name+" sets bit i < n <= 64 unless the sum over j < bytes/4 of (from[i*fromStep/4+j]-to[i*toStep/4+j])^2",
		"is at most the float32 whose bits limit has: a NaN sets it. mask holds the lanes of the last, partial vector. See movedGeneric.")
	Pragma("noescape")
	from, to, left, fromStep, toStep, bytes := reg.R8, reg.R10, reg.RBX, reg.RCX, reg.RDX, reg.R9
	off, end, bits := reg.RSI, reg.RDI, reg.RAX
	acc, x, y, limit := s.vecs[:4], s.vecs[4:8], s.vecs[8:12], reg.X12
	MOVQ(arg("from", 0), from)
	MOVQ(arg("to", 1), to)
	MOVQ(arg("n", 2), left)
	MOVQ(arg("fromStep", 3), fromStep)
	MOVQ(arg("toStep", 4), toStep)
	MOVQ(arg("bytes", 5), bytes)
	MOVQ(arg("limit", 6), off)
	VMOVQ(off, limit)
	MOVQ(arg("mask", 7), off)
	k := s.loadMask(mem(off, 0), s.vecs[13], reg.K1)
	XORQ(bits, bits)
	fold := func(v, vectors int, k mask) { // into the v-th sum, vectors from the offset
		s.load(indexed(from, off, vectors*s.bytes()), k, x[v])
		s.load(indexed(to, off, vectors*s.bytes()), k, y[v])
		VSUBPS(y[v], x[v], x[v])
		VFMADD231PS(x[v], x[v], acc[v])
	}
	Label("pixel")
	XORQ(off, off)
	for _, a := range acc {
		VXORPS(a, a, a)
	}
	MOVQ(bytes, end)
	SUBQ(operand.U32(4*s.bytes()), end)
	Label("block")
	CMPQ(off, end)
	JGT(operand.LabelRef("single"))
	for v := range acc {
		fold(v, v, mask{})
	}
	ADDQ(operand.U32(4*s.bytes()), off)
	JMP(operand.LabelRef("block"))
	Label("single")
	ADDQ(operand.U32(3*s.bytes()), end)
	Label("vector")
	CMPQ(off, end)
	JGT(operand.LabelRef("partial"))
	fold(0, 0, mask{})
	ADDQ(operand.U32(s.bytes()), off)
	JMP(operand.LabelRef("vector"))
	Label("partial")
	CMPQ(off, bytes)
	JGE(operand.LabelRef("sum"))
	fold(1, 0, k)
	Label("sum")
	VADDPS(acc[1], acc[0], acc[0])
	VADDPS(acc[3], acc[2], acc[2])
	VADDPS(acc[2], acc[0], acc[0])
	if s.lane == 16 {
		VEXTRACTF64X4(operand.Imm(1), reg.Z0, reg.Y1)
		VADDPS(reg.Y1, reg.Y0, reg.Y0)
	}
	VEXTRACTF128(operand.Imm(1), reg.Y0, reg.X1)
	VADDPS(reg.X1, reg.X0, reg.X0)
	VMOVHLPS(reg.X0, reg.X0, reg.X1)
	VADDPS(reg.X1, reg.X0, reg.X0)
	VMOVSHDUP(reg.X0, reg.X1)
	VADDSS(reg.X1, reg.X0, reg.X0)
	VUCOMISS(reg.X0, limit) // carry: the limit is below the sum, or there is none
	RCRQ(operand.Imm(1), bits)
	ADDQ(fromStep, from)
	ADDQ(toStep, to)
	DECQ(left)
	JNZ(operand.LabelRef("pixel"))
	// The first pixel's bit has to become the lowest.
	MOVQ(arg("n", 2), reg.RCX)
	NEGQ(reg.RCX)
	SHRQ(reg.CL, bits)
	MOVQ(bits, operand.Mem{Symbol: operand.Symbol{Name: "ret"}, Disp: 64, Base: reg.FramePointer})
	VZEROUPPER()
	RET()
}
