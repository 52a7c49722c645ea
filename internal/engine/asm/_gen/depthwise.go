package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// depthwiseWindows are the windows, by width and stride, that have kernels of their own.
var depthwiseWindows = []struct{ kx, stride int }{{3, 1}, {3, 2}, {5, 1}, {5, 2}, {7, 1}}

// line is the size of a cache's line.
const line = 64

// sharedArguments are those of kernels of windows that share columns.
const sharedArguments = "func(rows **float32, m, n, first, pixel, ky, bytes int, weights, out *float32, next, down int, bias, clamp *float32)"

// depthwiseShared writes the depthwise convolution of runs by windows of kx columns at
// a distance of some columns, up to eight outputs at a time: each input is loaded once
// for all windows that it lies in, and each weight once for all outputs. Rows are those of
// pixels or, if pointed, of pointers to them: those kernels pass over all pixels with one
// vector of channels after the other, and fetch the next one's lines meanwhile.
func depthwiseShared(s isa, kx, stride int, pointed bool) {
	kind, input := "Shared", "rows[r*ky+y][(first+(i*%d+x)*pixel)/4+c]"
	if pointed {
		kind, input = "Pointed", "(**float32)(rows[r*ky+y])[(first+(i*%d+x)*pixel)/8][c]"
	}
	name := fmt.Sprintf("depthwise%s%dStride%d%s", kind, kx, stride, s.name)
	TEXT(name, NOSPLIT, sharedArguments)
	Doc(name+" computes, for each row r < m of outputs i < n and channel c < bytes/4:", "",
		"	acc := bias[c]",
		"	for y := range ky {",
		fmt.Sprintf("		for x := range %d {", kx),
		fmt.Sprintf("			acc = fma("+input+", weights[(y*%d+x)*bytes/4+c], acc)", stride, kx),
		"		}",
		"	}",
		"	out[(r*down+i*next)/4+c] = min(max(clamp[0], acc), clamp[1]) // NaN stays NaN", "",
		fmt.Sprintf("There are %d channels at least: the last vector of them begins that many before the end,", s.lane),
		"and the last group of outputs may begin before the end of the one before it.")
	Pragma("noescape")
	table, left, tap, pixel, ky, bytes, weights, out, next, off, window, at := reg.RAX, reg.RBX, reg.RCX, reg.RDX, reg.RSI, reg.RDI, reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13
	rows, lines := reg.R14, reg.R15
	MOVQ(arg("pixel", 4), pixel)
	MOVQ(arg("bytes", 6), bytes)
	MOVQ(arg("next", 9), next)
	w, x := s.vecs[8:8+kx], s.vecs[8+kx:]
	x = x[:min(4, len(x))]
	group := func(n int, label string) {
		acc := s.vecs[:n]
		MOVQ(arg("bias", 11), tap)
		VMOVUPS(indexed(tap, off, 0), acc[0])
		for _, a := range acc[1:] {
			VMOVAPS(acc[0], a)
		}
		MOVQ(rows, table)
		MOVQ(arg("ky", 5), ky)
		MOVQ(arg("weights", 7), weights)
		ADDQ(off, weights)
		Label(label)
		MOVQ(mem(table, 0), tap)
		ADDQ(operand.Imm(8), table)
		ADDQ(window, tap)
		if !pointed {
			ADDQ(off, tap)
		}
		for _, v := range w {
			VMOVUPS(mem(weights, 0), v)
			ADDQ(bytes, weights)
		}
		for j := range (n-1)*stride + kx {
			v := x[j%len(x)]
			if pointed {
				MOVQ(mem(tap, 0), at)
				VMOVUPS(indexed(at, off, 0), v)
				PREFETCHT0(indexed(at, off, line))
			} else {
				VMOVUPS(mem(tap, 0), v)
			}
			ADDQ(pixel, tap)
			for i := range n {
				if t := j - i*stride; t >= 0 && t < kx {
					VFMADD231PS(v, w[t], acc[i])
				}
			}
		}
		DECQ(ky)
		JNZ(operand.LabelRef(label))
		lo, hi := w[0], w[1]
		MOVQ(arg("clamp", 12), tap)
		VBROADCASTSS(mem(tap, 0), lo)
		VBROADCASTSS(mem(tap, 4), hi)
		for _, a := range acc {
			VMAXPS(a, lo, a)
			VMINPS(a, hi, a)
			VMOVUPS(a, mem(out, 0))
			ADDQ(next, out)
		}
	}
	// advance moves the window on by some outputs, retreat both back by at outputs.
	advance := func(n int) {
		IMUL3Q(operand.I32(n*stride), pixel, at)
		ADDQ(at, window)
	}
	retreat := func() {
		MOVQ(at, tap)
		IMULQ(pixel, tap)
		if stride > 1 {
			IMUL3Q(operand.I32(stride), tap, tap)
		}
		SUBQ(tap, window)
		IMULQ(next, at)
		SUBQ(at, out)
	}
	XORQ(off, off)
	Label("vector")
	MOVQ(arg("rows", 0), rows)
	MOVQ(arg("m", 1), lines)
	Label("line")
	MOVQ(arg("first", 3), window)
	MOVQ(arg("out", 8), out)
	ADDQ(off, out)
	MOVQ(arg("n", 2), left)
	for _, n := range []int{8, 4, 2, 1} {
		label := fmt.Sprintf("group%d", n)
		less := fmt.Sprintf("less%d", n)
		Label(label)
		CMPQ(left, operand.Imm(uint64(n)))
		JLT(operand.LabelRef(less))
		group(n, label+"_row")
		advance(n)
		SUBQ(operand.Imm(uint64(n)), left)
		JMP(operand.LabelRef(label))
		Label(less)
		TESTQ(left, left)
		JZ(operand.LabelRef("next"))
		if n > 1 {
			// One more such group, if it can begin before the end of the last one
			// and fewer outputs than half of it would be computed twice.
			CMPQ(left, operand.Imm(uint64(n/2)))
			JLE(operand.LabelRef(fmt.Sprintf("group%d", n/2)))
			CMPQ(arg("n", 2), operand.Imm(uint64(n)))
			JLT(operand.LabelRef(fmt.Sprintf("group%d", n/2)))
			MOVQ(operand.U32(n), at)
			SUBQ(left, at)
			retreat()
			MOVQ(operand.U32(n), left)
			JMP(operand.LabelRef(label))
		}
	}
	Label("next")
	MOVQ(arg("ky", 5), at)
	LEAQ(operand.Mem{Base: rows, Index: at, Scale: 8}, rows)
	MOVQ(arg("down", 10), at)
	ADDQ(at, arg("out", 8))
	DECQ(lines)
	JNZ(operand.LabelRef("line"))
	IMULQ(arg("m", 1), at)
	SUBQ(at, arg("out", 8))
	MOVQ(bytes, at)
	SUBQ(operand.U32(s.bytes()), at) // where the last vector begins
	CMPQ(off, at)
	JGE(operand.LabelRef("done"))
	ADDQ(operand.U32(s.bytes()), off)
	CMPQ(off, at)
	JLE(operand.LabelRef("vector"))
	MOVQ(at, off)
	JMP(operand.LabelRef("vector"))
	Label("done")
	VZEROUPPER()
	RET()
}

// together writes the copying of pixels' channels, some vectors of AVX-512, from wherever
// they lie to rows of memory.
func together(s isa) {
	name := "together" + s.name
	TEXT(name, NOSPLIT, "func(from **float32, m, n, off, bytes int, to **float32)")
	Doc(name+" copies, for each row r < m and pixel i < n, bytes/4 numbers, a multiple of 16, from",
		"off bytes behind from[r*n+i] on to to[r][i*bytes/4:].")
	Pragma("noescape")
	from, lines, left, off, to, pixel, row, bytes, at := reg.RAX, reg.RBX, reg.RCX, reg.RDX, reg.RSI, reg.RDI, reg.R8, reg.R9, reg.R10
	MOVQ(arg("from", 0), from)
	MOVQ(arg("m", 1), lines)
	MOVQ(arg("off", 3), off)
	MOVQ(arg("bytes", 4), bytes)
	MOVQ(arg("to", 5), to)
	Label("line")
	MOVQ(mem(to, 0), row)
	ADDQ(operand.Imm(8), to)
	MOVQ(arg("n", 2), left)
	Label("pixel")
	MOVQ(mem(from, 0), pixel)
	ADDQ(operand.Imm(8), from)
	ADDQ(off, pixel)
	XORQ(at, at)
	Label("vector")
	for v := range 64 / s.bytes() {
		VMOVUPS(indexed(pixel, at, v*s.bytes()), s.vecs[v])
		VMOVUPS(s.vecs[v], indexed(row, at, v*s.bytes()))
	}
	ADDQ(operand.Imm(64), at)
	CMPQ(at, bytes)
	JLT(operand.LabelRef("vector"))
	ADDQ(bytes, row)
	DECQ(left)
	JNZ(operand.LabelRef("pixel"))
	DECQ(lines)
	JNZ(operand.LabelRef("line"))
	VZEROUPPER()
	RET()
}
