package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// affine writes the kernel that scales, shifts and bounds the channels of pixels.
func affine(s isa) {
	name := "affine" + s.name
	TEXT(name, NOSPLIT, "func(x, scale, shift, out *float32, n, pitch, bytes int, clamp *float32, mask *int32)")
	Doc(name+" computes, for each pixel i < n and c < bytes/4, rounding after each operation:",
		"", "	out[i*bytes/4+c] = min(clamp[1], max(clamp[0], x[i*pitch/4+c]*scale[c] + shift[c]))", "",
		fmt.Sprintf("A NaN stays. mask holds the lanes of the last, partial vector of %d.", s.lane))
	Pragma("noescape")
	x, scale, shift, out, left, pitch, bytes, off := reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13, reg.RBX, reg.RSI
	for i, r := range []reg.Register{x, scale, shift, out, left, pitch, bytes} {
		MOVQ(arg([]string{"x", "scale", "shift", "out", "n", "pitch", "bytes"}[i], i), r)
	}
	MOVQ(arg("clamp", 7), reg.RAX)
	low, high := s.vecs[13], s.vecs[14]
	VBROADCASTSS(mem(reg.RAX, 0), low)
	VBROADCASTSS(mem(reg.RAX, 4), high)
	MOVQ(arg("mask", 8), reg.RAX)
	k := s.loadMask(mem(reg.RAX, 0), s.vecs[15], reg.K1)
	body := func(n int, k mask) {
		for v := range n {
			at := v * s.bytes()
			value, factor, term := s.vecs[v], s.vecs[4+v], s.vecs[8+v]
			s.load(indexed(x, off, at), k, value)
			s.load(indexed(scale, off, at), k, factor)
			s.load(indexed(shift, off, at), k, term)
			VMULPS(factor, value, value)
			VADDPS(term, value, value)
			VMAXPS(value, low, value) // the second source, which is the value, if it is NaN
			VMINPS(value, high, value)
			s.store(value, indexed(out, off, at), k)
		}
	}
	Label("pixel")
	pixelLoop(s, bytes, k, body)
	ADDQ(pitch, x)
	ADDQ(bytes, out)
	DECQ(left)
	JNZ(operand.LabelRef("pixel"))
	VZEROUPPER()
	RET()
}

// weighted writes n vectors of out: those of a times wa plus those of b times wb.
func (s isa) weighted(a, b, out, off reg.Register, wa, wb reg.VecPhysical) func(n int, k mask) {
	return func(n int, k mask) {
		for v := range n {
			at, x, y := v*s.bytes(), s.vecs[v], s.vecs[4+v]
			s.load(indexed(a, off, at), k, x)
			s.load(indexed(b, off, at), k, y)
			VMULPS(wa, x, x)
			VMULPS(wb, y, y)
			VADDPS(y, x, x)
			s.store(x, indexed(out, off, at), k)
		}
	}
}

// blend writes the kernel that adds two rows, each times a number.
func blend(s isa) {
	name := "blend" + s.name
	TEXT(name, NOSPLIT, "func(a, b, out *float32, bytes int, weights *float32, mask *int32)")
	Doc(name+" computes, for each i < bytes/4, rounding after each operation:",
		"", "	out[i] = a[i]*weights[0] + b[i]*weights[1]", "",
		fmt.Sprintf("mask holds the lanes of the last, partial vector of %d.", s.lane))
	Pragma("noescape")
	a, b, out, bytes, off := reg.R8, reg.R9, reg.R10, reg.RBX, reg.RSI
	for i, r := range []reg.Register{a, b, out, bytes} {
		MOVQ(arg([]string{"a", "b", "out", "bytes"}[i], i), r)
	}
	MOVQ(arg("weights", 4), reg.RAX)
	wa, wb := s.vecs[13], s.vecs[14]
	VBROADCASTSS(mem(reg.RAX, 0), wa)
	VBROADCASTSS(mem(reg.RAX, 4), wb)
	MOVQ(arg("mask", 5), reg.RAX)
	k := s.loadMask(mem(reg.RAX, 0), s.vecs[15], reg.K1)
	pixelLoop(s, bytes, k, s.weighted(a, b, out, off, wa, wb))
	VZEROUPPER()
	RET()
}

// blendPixels writes the kernel that makes each pixel of two of a row, each times a number
// of its own.
func blendPixels(s isa) {
	name := "blendPixels" + s.name
	TEXT(name, NOSPLIT, "func(row *float32, index *int32, weights, out *float32, n, bytes, first int, mask *int32)")
	Doc(name+" computes, for each pixel i < n and c < bytes/4, rounding after each operation, with pixel",
		"k of the row at row[(k-first)*bytes/4]:",
		"", "	out[i*bytes/4+c] = row pixel index[2i][c]*weights[2i] + row pixel index[2i+1][c]*weights[2i+1]", "",
		fmt.Sprintf("mask holds the lanes of the last, partial vector of %d.", s.lane))
	Pragma("noescape")
	row, index, weights, out, left, bytes, off := reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.RBX, reg.RSI
	for i, r := range []reg.Register{row, index, weights, out, left, bytes} {
		MOVQ(arg([]string{"row", "index", "weights", "out", "n", "bytes"}[i], i), r)
	}
	MOVQ(arg("mask", 7), reg.RAX)
	k := s.loadMask(mem(reg.RAX, 0), s.vecs[15], reg.K1)
	a, b, wa, wb := reg.RCX, reg.RDI, s.vecs[13], s.vecs[14]
	Label("pixel")
	for i, p := range []reg.Register{a, b} {
		MOVLQSX(mem(index, 4*i), p)
		SUBQ(arg("first", 6), p)
		IMULQ(bytes, p)
		ADDQ(row, p)
	}
	VBROADCASTSS(mem(weights, 0), wa)
	VBROADCASTSS(mem(weights, 4), wb)
	pixelLoop(s, bytes, k, s.weighted(a, b, out, off, wa, wb))
	ADDQ(operand.Imm(8), index)
	ADDQ(operand.Imm(8), weights)
	ADDQ(bytes, out)
	DECQ(left)
	JNZ(operand.LabelRef("pixel"))
	VZEROUPPER()
	RET()
}
