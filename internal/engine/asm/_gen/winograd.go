package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// winogradSize is F(m x m, 3 x 3): tiles of m x m outputs from n = m+2 squared
// inputs. Its transforms work on registers: input turns d[0..n) in place into
// B^T d, output turns m[0..n) into A^T m in the first m of them.
type winogradSize struct {
	m, n                    int
	inputConst, outputConst []float64
	input, output           func(v, constant, free []reg.VecPhysical)
}

const sqrt2 = math.Sqrt2

// f2 is F(2 x 2, 3 x 3) with points 0, 1, -1 (Lavin and Gray, 2016).
var f2 = winogradSize{
	m: 2, n: 4,
	input: func(d, _, free []reg.VecPhysical) {
		VSUBPS(d[2], d[0], d[0])
		VADDPS(d[1], d[2], free[0])
		VSUBPS(d[1], d[2], free[1])
		VSUBPS(d[3], d[1], d[3])
		VMOVAPS(free[0], d[1])
		VMOVAPS(free[1], d[2])
	},
	output: func(m, _, _ []reg.VecPhysical) {
		VADDPS(m[1], m[0], m[0])
		VADDPS(m[2], m[0], m[0])
		VSUBPS(m[2], m[1], m[1])
		VSUBPS(m[3], m[1], m[1])
	},
}

// f4 is F(4 x 4, 3 x 3) with points 0, +-sqrt(1/2), +-sqrt(2), which lose less
// to rounding than the usual 0, +-1, +-2 (ncnn's choice; Barabasz et al., 2020).
var f4 = winogradSize{
	m: 4, n: 6,
	inputConst: []float64{2.5, 2, 0.5, sqrt2, sqrt2 / 2},
	input: func(d, c, free []reg.VecPhysical) {
		a, b, e := free[0], free[1], free[2]
		VMOVAPS(d[4], a)
		VFNMADD231PS(c[1], d[2], a)
		VFNMADD231PS(c[0], d[2], d[0])
		VADDPS(d[4], d[0], d[0])
		VFNMADD231PS(c[2], d[2], d[4])
		VFNMADD231PS(c[0], d[3], d[5])
		VADDPS(d[1], d[5], d[5])
		VMULPS(c[4], d[3], b)
		VFNMADD231PS(c[3], d[1], b)
		VMULPS(c[3], d[3], e)
		VFNMADD231PS(c[4], d[1], e)
		VADDPS(b, a, d[1])
		VSUBPS(b, a, d[2])
		VADDPS(e, d[4], d[3])
		VSUBPS(e, d[4], d[4])
	},
	outputConst: []float64{sqrt2 / 2, sqrt2, 0.5, 2, sqrt2 / 4, 2 * sqrt2},
	output: func(m, c, free []reg.VecPhysical) {
		s12, d12, s34, d34 := free[0], free[1], free[2], free[3]
		VADDPS(m[2], m[1], s12)
		VSUBPS(m[2], m[1], d12)
		VADDPS(m[4], m[3], s34)
		VSUBPS(m[4], m[3], d34)
		VADDPS(s12, m[0], m[0])
		VADDPS(s34, m[0], m[0])
		VMULPS(c[0], d12, m[1])
		VFMADD231PS(c[1], d34, m[1])
		VMULPS(c[2], s12, m[2])
		VFMADD231PS(c[3], s34, m[2])
		VMOVAPS(m[5], m[3])
		VFMADD231PS(c[4], d12, m[3])
		VFMADD231PS(c[5], d34, m[3])
	},
}

// constants broadcasts numbers into the last registers of the first sixteen.
func constants(s isa, function string, values []float64) []reg.VecPhysical {
	regs := s.vecs[16-len(values) : 16]
	for i, v := range values {
		m := ConstData(fmt.Sprintf("%s_c%d", function, i), operand.F32(v))
		VBROADCASTSS(m, regs[i])
	}
	return regs
}

// vectorLoop calls body for whole vectors of channels, then for a partial one.
// RSI is the byte offset, RDX the byte length.
func vectorLoop(s isa, length, maskArg operand.Mem, scratch reg.VecPhysical, body func(k mask)) {
	off, end := reg.RSI, reg.RDX
	XORQ(off, off)
	MOVQ(length, end)
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
	JGE(operand.LabelRef("done"))
	MOVQ(maskArg, reg.RAX)
	body(s.loadMask(mem(reg.RAX, 0), scratch, reg.K1))
	Label("done")
	VZEROUPPER()
	RET()
}

// winogradInput writes the input transform of one tile.
func winogradInput(s isa, w winogradSize) {
	name := fmt.Sprintf("winogradInput%d%s", w.m, s.name)
	TEXT(name, NOSPLIT, "func(table **float32, bytes int, dst *float32, stride int, tmp *float32, mask *int32, ahead int)")
	Doc(fmt.Sprintf("%s transforms one tile of %dx%d pixels of bytes/4 channels, given by pointers", name, w.n, w.n),
		fmt.Sprintf("row by row: element k of B^T d B goes to dst[k*stride/4:]. tmp holds %d floats.", w.n*w.n*s.lane),
		"It fetches the pixels ahead bytes behind the last ones of each row into the caches.",
		"See winogradInputGeneric.")
	Pragma("noescape")
	table, dst, stride, tmp, ahead := reg.R8, reg.R9, reg.R10, reg.R11, reg.R12
	MOVQ(arg("table", 0), table)
	MOVQ(arg("stride", 3), stride)
	MOVQ(arg("tmp", 4), tmp)
	c := constants(s, name, w.inputConst)
	d, free := s.vecs[:w.n], s.vecs[w.n:]
	vectorLoop(s, arg("bytes", 1), arg("mask", 5), s.vecs[10], func(k mask) {
		MOVQ(arg("ahead", 6), ahead)
		ADDQ(reg.RSI, ahead)
		for j := range w.n {
			for i := range w.n {
				MOVQ(mem(table, 8*(i*w.n+j)), reg.RAX)
				s.load(indexed(reg.RAX, reg.RSI, 0), k, d[i])
				if j >= w.n-w.m {
					PREFETCHT0(indexed(reg.RAX, ahead, 0))
				}
			}
			w.input(d, c, free)
			for i := range w.n {
				VMOVUPS(d[i], mem(tmp, (i*w.n+j)*s.bytes()))
			}
		}
		MOVQ(arg("dst", 2), dst)
		ADDQ(reg.RSI, dst)
		for i := range w.n {
			for j := range w.n {
				VMOVUPS(mem(tmp, (i*w.n+j)*s.bytes()), d[j])
			}
			w.input(d, c, free)
			for j := range w.n {
				s.store(d[j], mem(dst, 0), k)
				ADDQ(stride, dst)
			}
		}
	})
}

// winogradOutput writes the output transform of one tile.
func winogradOutput(s isa, w winogradSize) {
	name := fmt.Sprintf("winogradOutput%d%s", w.m, s.name)
	TEXT(name, NOSPLIT, "func(src *float32, stride, bytes int, table **float32, column int, bias, clamp, tmp *float32, mask *int32)")
	Doc(fmt.Sprintf("%s transforms products back: A^T m A plus bias, between the clamp's bounds, where", name),
		fmt.Sprintf("element k of m is src[k*stride/4:], goes to the %dx%d pixels of bytes/4 channels that table", w.m, w.m),
		fmt.Sprintf("points to, row by row, from byte column on. tmp holds %d floats. See winogradOutputGeneric.", w.m*w.n*s.lane))
	Pragma("noescape")
	src, row, table, tmp, bias, clamp, to := reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13, reg.RCX
	MOVQ(arg("table", 3), table)
	MOVQ(arg("bias", 5), bias)
	MOVQ(arg("clamp", 6), clamp)
	MOVQ(arg("tmp", 7), tmp)
	MOVQ(arg("stride", 1), row)
	IMUL3Q(operand.U32(uint32(w.n)), row, row)
	c := constants(s, name, w.outputConst)
	m, free := s.vecs[:w.n], s.vecs[w.n:]
	// The mask's register must outlive the transforms: with AVX2 it is
	// loaded anew before each store.
	vectorLoop(s, arg("bytes", 2), arg("mask", 8), s.vecs[9], func(k mask) {
		MOVQ(arg("src", 0), src)
		ADDQ(reg.RSI, src)
		for j := range w.n {
			k = s.reload(k, arg("mask", 8))
			MOVQ(src, reg.RAX)
			for i := range w.n {
				s.load(mem(reg.RAX, 0), k, m[i])
				if i < w.n-1 {
					ADDQ(row, reg.RAX)
				}
			}
			w.output(m, c, free)
			for i := range w.m {
				VMOVUPS(m[i], mem(tmp, (i*w.n+j)*s.bytes()))
			}
			if j < w.n-1 {
				ADDQ(arg("stride", 1), src)
			}
		}
		b, lo, hi := free[0], free[1], free[2]
		MOVQ(arg("column", 4), to)
		ADDQ(reg.RSI, to)
		for i := range w.m {
			for j := range w.n {
				VMOVUPS(mem(tmp, (i*w.n+j)*s.bytes()), m[j])
			}
			w.output(m, c, free)
			k = s.reload(k, arg("mask", 8))
			s.load(indexed(bias, reg.RSI, 0), k, b)
			VBROADCASTSS(mem(clamp, 0), lo)
			VBROADCASTSS(mem(clamp, 4), hi)
			for j := range w.m {
				VADDPS(b, m[j], m[j])
				VMAXPS(m[j], lo, m[j])
				VMINPS(m[j], hi, m[j])
				MOVQ(mem(table, 8*(i*w.m+j)), reg.RAX)
				s.store(m[j], indexed(reg.RAX, to, 0), k)
			}
		}
	})
}

// reload loads a mask that lives in a vector register (AVX2) anew.
func (s isa) reload(k mask, maskArg operand.Mem) mask {
	if k.vec == nil {
		return k
	}
	MOVQ(maskArg, reg.RBX)
	VMOVUPS(mem(reg.RBX, 0), k.vec)
	return k
}
