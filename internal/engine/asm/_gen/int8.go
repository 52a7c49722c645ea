package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// whole is what the products of whole numbers are made of: elements of several channels.
type whole struct {
	name string // between gemm and the shape of a kernel
	add  string // the function of the doc comment
	each func(s isa) func(w, x, acc reg.VecPhysical)
	kept int // registers that each needs for itself, the last ones
}

var (
	quads = whole{"Quads", "dotQuads", func(s isa) func(w, x, acc reg.VecPhysical) { return s.dotQuads }, 0}
	// words are two numbers of 16 bits: AVX2 has their products, and adds them by an
	// instruction of its own.
	words = whole{"Words", "dotWords", func(s isa) func(w, x, acc reg.VecPhysical) {
		return func(w, x, acc reg.VecPhysical) { dotWords(w, x, s.vecs[len(s.vecs)-1], acc) }
	}, 1}
)

// dotQuads adds to each lane of acc the products of four unsigned bytes of x with
// four signed ones of w. (Go's assembler writes VPDPBUSD for AVX-512 alone.)
func (s isa) dotQuads(w, x, acc reg.VecPhysical) {
	if s.lane == 16 {
		VPDPBUSD(w, x, acc)
		return
	}
	vex("VPDPBUSD", 0x50, acc, x, w)
}

// vex writes an instruction of the 0F38 map on 256-bit registers: dst in ModRM.reg, src1
// in VEX.vvvv, src2 in ModRM.rm.
func vex(name string, opcode uint8, dst, src1, src2 reg.VecPhysical) {
	d, v, m := index(dst), uint8(src1.PhysicalIndex()), uint8(src2.PhysicalIndex())
	comment("%s %s, %s, %s", name, src2.Asm(), src1.Asm(), dst.Asm())
	writeBytes(0xc4, (^d>>3&1)<<7|1<<6|(^m>>3&1)<<5|2, (^v&15)<<3|1<<2|1, opcode, 0xc0|(d&7)<<3|m&7)
}

// dotWords adds to each lane of acc the products of two numbers of 16 bits of x with those
// of w; t is lost.
func dotWords(w, x, t, acc reg.VecPhysical) {
	VPMADDWD(w, x, t)
	VPADDD(t, acc, acc)
}

// gemmWhole writes gemm for whole numbers: accumulators are int32, and what they say is
// scaled and added to the base.
func gemmWhole(s isa, p whole, rows, vectors int) {
	name := fmt.Sprintf("gemm%s%dx%d%s", p.name, rows, vectors*s.lane, s.name)
	TEXT(name, NOSPLIT, "func(table **float32, taps, begin, end int, weights *float32, out **float32, column int, bias, clamp *float32, mask *int32, base **float32, scales, columns *float32)")
	Doc(name+" computes, for r < "+fmt.Sprint(rows)+" and j < "+fmt.Sprint(vectors*s.lane)+" with mask nil or mask[j] < 0:",
		"",
		"	acc := int32(bias[j])",
		"	for t := range taps {",
		fmt.Sprintf("		for b := begin; b < end; b += 4 { // bytes, into the row table[t*%d+r]", rows),
		fmt.Sprintf("			acc += %s(row[b/4], weights[k*%d+j]); k++", p.add, vectors*s.lane),
		"		}",
		"	}",
		"	sum := fma(scales[r]*columns[j], float32(acc), base[r][column/4+j])",
		"	out[r][column/4+j] = min(max(clamp[0], sum), clamp[1]) // NaN stays NaN")
	Pragma("noescape")
	g := gemmFrame{s, rows, vectors, p.kept}
	g.biases()
	g.products(p.each(s), func(reg.GPPhysical) {})
	w := reg.R14
	MOVQ(arg("mask", 9), w)
	TESTQ(w, w)
	JNZ(operand.LabelRef("partial"))
	g.addToBase([2]mask{})
	Label("partial")
	left := g.left()
	g.addToBase(g.masks(w, func(v int) reg.VecPhysical { return left[len(left)-1-v] }))
}

// addToBase ends a kernel of whole numbers: the sums are scaled, added to the base,
// bounded and stored.
func (g gemmFrame) addToBase(masks [2]mask) {
	s, left := g.s, g.left()
	each, sum := left[0], left[1]
	out, base, scales, columns, clamp, from, to, off := reg.RAX, reg.RBX, reg.RCX, reg.RDI, reg.R8, reg.RSI, reg.RDX, reg.R15
	MOVQ(arg("out", 5), out)
	MOVQ(arg("column", 6), off)
	MOVQ(arg("clamp", 8), clamp)
	MOVQ(arg("base", 10), base)
	MOVQ(arg("scales", 11), scales)
	MOVQ(arg("columns", 12), columns)
	for r := range g.rows {
		MOVQ(mem(out, 8*r), to)
		MOVQ(mem(base, 8*r), from)
		for v := range g.vectors {
			acc := s.vecs[r*g.vectors+v]
			VBROADCASTSS(mem(scales, 4*r), each)
			VMULPS(mem(columns, v*s.bytes()), each, each)
			s.load(indexed(from, off, v*s.bytes()), masks[v], sum)
			VCVTDQ2PS(acc, acc)
			VFMADD231PS(acc, each, sum)
			VBROADCASTSS(mem(clamp, 0), each)
			VMAXPS(sum, each, sum)
			VBROADCASTSS(mem(clamp, 4), each)
			VMINPS(sum, each, sum)
			s.store(sum, indexed(to, off, v*s.bytes()), masks[v])
		}
	}
	VZEROUPPER()
	RET()
}

// differenceOf computes vector v of a channelLoop: what R8 points to less what R10
// points to.
func differenceOf(s isa, v int, k mask) {
	s.load(indexed(reg.R8, reg.RSI, v*s.bytes()), k, s.vecs[v])
	if k != (mask{}) {
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
	s.allButSign(unsigned)
	MOVQ(arg("a", 0), reg.R8)
	MOVQ(arg("b", 1), reg.R10)
	MOVQ(arg("most", 3), reg.R9)
	VMOVUPS(mem(reg.R9, 0), most)
	channelLoopThen(s, arg("bytes", 2), arg("mask", 4), func(n int, _ string, k mask) {
		for v := range n {
			differenceOf(s, v, k)
			VANDPS(unsigned, s.vecs[v], s.vecs[v])
		}
		for v := range n {
			VPMAXUD(s.vecs[v], most, most)
		}
	}, func() { VMOVUPS(most, mem(reg.R9, 0)) })
}

// allButSign writes the mask of all bits of a number but its sign.
func (s isa) allButSign(v reg.VecPhysical) {
	if s.lane == 16 {
		MOVL(operand.U32(0x7fffffff), reg.EAX)
		VPBROADCASTD(reg.EAX, v)
		return
	}
	VPCMPEQD(v, v, v)
	VPSRLD(operand.Imm(1), v, v)
}

// quantize writes the rounding of differences to whole numbers of some bytes.
func quantize(s isa, name string, bytes int) {
	name += s.name
	TEXT(name, NOSPLIT, "func(a, b, dst *float32, bytes int, factor *float32, mask *int32)")
	Doc(name+" computes, for each i < bytes/4, a multiple of 4:",
		"",
		"	dst[i] = roundToEven((a[i]-b[i])*factor[0]) + int(factor[1]-1.5*2^23)",
		"",
		fmt.Sprintf("where dst is numbers of %d bits, for results that fit.", 8*bytes))
	Pragma("noescape")
	factor, magic, order := s.vecs[8], s.vecs[9], s.vecs[10]
	MOVQ(arg("factor", 4), reg.RAX)
	VBROADCASTSS(mem(reg.RAX, 0), factor)
	VBROADCASTSS(mem(reg.RAX, 4), magic)
	if s.lane == 8 {
		VBROADCASTF128(lowest(name, bytes), order)
	}
	MOVQ(arg("a", 0), reg.R8)
	MOVQ(arg("b", 1), reg.R10)
	MOVQ(arg("dst", 2), reg.R9)
	channelLoop(s, arg("bytes", 3), arg("mask", 5), func(n int, _ string, k mask) {
		for v := range n {
			differenceOf(s, v, k)
			// A sum this large has no bits below 1: its lowest bytes are the result.
			VFMADD213PS(magic, factor, s.vecs[v])
		}
		for v := range n {
			to := operand.Mem{Base: reg.R9, Disp: v * s.lane * bytes}
			switch {
			case k.k != nil:
				VPMOVDB(s.vecs[v], k.k, to)
			case s.lane == 16:
				VPMOVDB(s.vecs[v], to)
			default:
				storeLowest(s.vecs[v], order, to, bytes, k != (mask{}))
			}
		}
		ADDQ(operand.Imm(uint64(n*s.lane*bytes)), reg.R9)
	})
}

// lowest is the order of bytes that puts the lowest ones of four numbers together.
func lowest(name string, bytes int) operand.Mem {
	order := GLOBL(name+"Lowest", RODATA|NOPTR)
	at := 0
	for i := range 4 {
		for b := range bytes {
			DATA(at, operand.U8(4*i+b))
			at++
		}
	}
	for ; at < 16; at++ {
		DATA(at, operand.U8(0x80))
	}
	return order
}

// storeLowest stores the lowest bytes of eight numbers, or of the first four.
func storeLowest(v, order reg.VecPhysical, to operand.Mem, bytes int, half bool) {
	store := func(x reg.Register, to operand.Mem) {
		if bytes == 1 {
			VMOVD(x, to)
		} else {
			VMOVQ(x, to)
		}
	}
	VPSHUFB(order, v, v)
	store(v.AsX(), to)
	if !half {
		VEXTRACTF128(operand.Imm(1), v, v.AsX())
		to.Disp += 4 * bytes
		store(v.AsX(), to)
	}
}

// peakWhole writes a loop of nothing but products of whole numbers on registers.
func peakWhole(s isa, p whole) {
	peakLoop(s, "peak"+p.name, "products of %d elements", p.each(s))
}
