package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dotQuads adds to each lane of acc the products of four unsigned bytes of x with
// four signed ones of w.
func dotQuads(w, x, acc reg.VecPhysical) { VPDPBUSD(w, x, acc) }

// gemmQuads writes gemm for quads: accumulators are int32, and what they say is
// scaled and added to the base.
func gemmQuads(s isa, rows, vectors int) {
	name := fmt.Sprintf("gemmQuads%dx%d%s", rows, vectors*s.lane, s.name)
	TEXT(name, NOSPLIT, "func(table **float32, taps, begin, end int, weights *float32, out **float32, column int, bias, clamp *float32, mask *int32, base **float32, scales, columns *float32)")
	Doc(name+" computes, for r < "+fmt.Sprint(rows)+" and j < "+fmt.Sprint(vectors*s.lane)+" with mask nil or mask[j] < 0:",
		"",
		"	acc := int32(bias[j])",
		"	for t := range taps {",
		fmt.Sprintf("		for b := begin; b < end; b += 4 { // bytes, into the row table[t*%d+r]", rows),
		fmt.Sprintf("			acc += dotQuads(row[b/4], weights[k*%d+j]); k++", vectors*s.lane),
		"		}",
		"	}",
		"	sum := fma(scales[r]*columns[j], float32(acc), base[r][column/4+j])",
		"	out[r][column/4+j] = min(max(clamp[0], sum), clamp[1]) // NaN stays NaN")
	Pragma("noescape")
	const (
		aTable = iota
		aTaps
		aBegin
		aEnd
		aWeights
		aOut
		aColumn
		aBias
		aClamp
		aMask
		aBase
		aScales
		aColumns
	)
	acc := func(r, v int) reg.VecPhysical { return s.vecs[r*vectors+v] }
	g := gemmFrame{s, rows, vectors}
	g.biases()
	g.products(dotQuads, func(reg.GPPhysical) {})

	lo, hi, scale, each, base, scratch := g.spare(0), g.spare(1), g.spare(2), g.spare(3), g.spare(4), g.spare(5)
	w, off := reg.R14, reg.R15
	MOVQ(arg("clamp", aClamp), w)
	VBROADCASTSS(mem(w, 0), lo)
	VBROADCASTSS(mem(w, 4), hi)
	MOVQ(arg("columns", aColumns), w)
	for v := range vectors {
		VMOVUPS(mem(w, v*s.bytes()), g.weights(v))
	}
	finish := func(masks [2]mask) {
		out, from, scales := reg.RAX, reg.RBX, reg.RCX
		MOVQ(arg("out", aOut), out)
		MOVQ(arg("base", aBase), from)
		MOVQ(arg("scales", aScales), scales)
		MOVQ(arg("column", aColumn), off)
		for r := range rows {
			MOVQ(mem(out, 8*r), reg.RDX)
			MOVQ(mem(from, 8*r), reg.RSI)
			VBROADCASTSS(mem(scales, 4*r), scale)
			for v := range vectors {
				s.load(indexed(reg.RSI, off, v*s.bytes()), masks[v], base)
				VMULPS(scale, g.weights(v), each)
				VCVTDQ2PS(acc(r, v), acc(r, v))
				VFMADD213PS(base, each, acc(r, v))
				VMAXPS(acc(r, v), lo, acc(r, v))
				VMINPS(acc(r, v), hi, acc(r, v))
				s.store(acc(r, v), indexed(reg.RDX, off, v*s.bytes()), masks[v])
			}
		}
		VZEROUPPER()
		RET()
	}
	MOVQ(arg("mask", aMask), w)
	TESTQ(w, w)
	JNZ(operand.LabelRef("partial"))
	finish([2]mask{})
	Label("partial")
	var masks [2]mask
	for v := range vectors {
		masks[v] = s.loadMask(mem(w, v*s.bytes()), scratch, []reg.OpmaskPhysical{reg.K1, reg.K2}[v])
	}
	finish(masks)
}

// differenceOf computes vector v of a channelLoop: what R8 points to less what R10
// points to.
func differenceOf(s isa, v int, k mask) {
	s.load(indexed(reg.R8, reg.RSI, v*s.bytes()), k, s.vecs[v])
	if k.k != nil {
		s.load(indexed(reg.R10, reg.RSI, v*s.bytes()), k, s.vecs[4+v])
		VSUBPS(s.vecs[4+v], s.vecs[v], s.vecs[v])
		return
	}
	VSUBPS(indexed(reg.R10, reg.RSI, v*s.bytes()), s.vecs[v], s.vecs[v])
}

// spread writes the largest difference of two rows.
func spread(s isa) {
	name := "spread" + s.name
	TEXT(name, NOSPLIT, "func(a, b *float32, bytes int, most *uint32, mask *int32)")
	Doc(name+" computes, for each i < bytes/4, the bits of a number without its sign:",
		"",
		fmt.Sprintf("	most[i%%%d] = max(most[i%%%d], bits(abs(a[i]-b[i])))", s.lane, s.lane),
		"",
		"A NaN is more than all numbers.")
	Pragma("noescape")
	most, unsigned := s.vecs[8], s.vecs[9]
	MOVL(operand.U32(0x7fffffff), reg.EAX)
	VPBROADCASTD(reg.EAX, unsigned)
	MOVQ(arg("a", 0), reg.R8)
	MOVQ(arg("b", 1), reg.R10)
	MOVQ(arg("most", 3), reg.R9)
	VMOVUPS(mem(reg.R9, 0), most)
	channelLoopThen(s, arg("bytes", 2), arg("mask", 4), func(n int, _ string, k mask) {
		for v := range n {
			differenceOf(s, v, k)
			VPANDD(unsigned, s.vecs[v], s.vecs[v])
		}
		for v := range n {
			VPMAXUD(s.vecs[v], most, most)
		}
	}, func() { VMOVUPS(most, mem(reg.R9, 0)) })
}

// quantize writes the rounding of differences to eight bits.
func quantize(s isa) {
	name := "quantize" + s.name
	TEXT(name, NOSPLIT, "func(a, b, dst *float32, bytes int, factor *float32, mask *int32)")
	Doc(name+" computes, for each i < bytes/4, where dst is bytes:",
		"",
		"	dst[i] = 128 + roundToEven((a[i]-b[i])*factor[0])",
		"",
		"for results from 0 to 255. factor[1] is 1.5*2^23+128.")
	Pragma("noescape")
	factor, magic := s.vecs[8], s.vecs[9]
	MOVQ(arg("factor", 4), reg.RAX)
	VBROADCASTSS(mem(reg.RAX, 0), factor)
	VBROADCASTSS(mem(reg.RAX, 4), magic)
	MOVQ(arg("a", 0), reg.R8)
	MOVQ(arg("b", 1), reg.R10)
	MOVQ(arg("dst", 2), reg.R9)
	channelLoop(s, arg("bytes", 3), arg("mask", 5), func(n int, _ string, k mask) {
		for v := range n {
			differenceOf(s, v, k)
			// A sum this large has no bits below 1: its lowest byte is the result.
			VFMADD213PS(magic, factor, s.vecs[v])
		}
		for v := range n {
			to := operand.Mem{Base: reg.R9, Disp: v * s.lane}
			if k.k != nil {
				VPMOVDB(s.vecs[v], k.k, to)
			} else {
				VPMOVDB(s.vecs[v], to)
			}
		}
		ADDQ(operand.Imm(uint64(n*s.lane)), reg.R9)
	})
}

// peakQuads writes a loop of nothing but products of quads on registers.
func peakQuads(s isa) { peakLoop(s, "peakQuads", "products of %d quads", dotQuads) }
