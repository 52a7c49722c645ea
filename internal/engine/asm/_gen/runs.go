package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A run is a row of neighbouring output pixels whose windows lie in plain rows
// of memory: rows[ky] points to the first pixel of the first window's row ky,
// the next tap is `pixel` bytes further, the next window `step` bytes.

// depthwiseRows writes the depthwise convolution of a run by any window, four pixels at
// a time, so that a weight is loaded once for all four.
func depthwiseRows(s isa) {
	name := "depthwiseRows" + s.name
	TEXT(name, NOSPLIT, "func(rows **float32, n, step, pixel, ky, kx, bytes int, weights, out, bias, clamp *float32, mask *int32)")
	Doc(name+" computes, for each output i < n and channel c < bytes/4, over the ky x kx pixels", "x of its window, row by row:", "",
		"	acc := bias[c]",
		"	for t, x := range window {",
		"		acc = fma(x[c], weights[t*bytes/4+c], acc)",
		"	}",
		"	out[i*bytes/4+c] = min(max(clamp[0], acc), clamp[1]) // NaN stays NaN", "",
		"mask holds the lanes of the last, partial vector.")
	Pragma("noescape")
	const group = 4
	acc, tmp, bias, weight, lo, hi := s.vecs[:group], s.vecs[group:2*group], s.vecs[8], s.vecs[9], s.vecs[12], s.vecs[13]
	window, table, tap, out, off, end, kx, ky, weights, step, step3, left := reg.R8, reg.RBX, reg.RAX, reg.RDI, reg.RSI, reg.RDX, reg.RCX, reg.R10, reg.R11, reg.R12, reg.R13, reg.R9
	MOVQ(arg("clamp", 10), reg.RAX)
	VBROADCASTSS(mem(reg.RAX, 0), lo)
	VBROADCASTSS(mem(reg.RAX, 4), hi)
	MOVQ(arg("step", 2), step)
	LEAQ(operand.Mem{Base: step, Index: step, Scale: 2}, step3)
	at := []operand.Mem{mem(tap, 0), {Base: tap, Index: step, Scale: 1}, {Base: tap, Index: step, Scale: 2}, {Base: tap, Index: step3, Scale: 1}}
	pixels := func(n int, label string, k mask) {
		for i := range n {
			VMOVAPS(bias, acc[i])
		}
		MOVQ(arg("weights", 7), weights)
		ADDQ(off, weights)
		MOVQ(arg("rows", 0), table)
		MOVQ(arg("ky", 4), ky)
		Label(label + "_row")
		MOVQ(mem(table, 0), tap)
		ADDQ(operand.Imm(8), table)
		ADDQ(window, tap)
		ADDQ(off, tap)
		MOVQ(arg("kx", 5), kx)
		Label(label + "_tap")
		s.load(mem(weights, 0), k, weight)
		for i := range n {
			if k == (mask{}) {
				VFMADD231PS(at[i], weight, acc[i])
				continue
			}
			s.load(at[i], k, tmp[i])
			VFMADD231PS(tmp[i], weight, acc[i])
		}
		ADDQ(arg("pixel", 3), tap)
		ADDQ(arg("bytes", 6), weights)
		DECQ(kx)
		JNZ(operand.LabelRef(label + "_tap"))
		DECQ(ky)
		JNZ(operand.LabelRef(label + "_row"))
		for i := range n {
			VMAXPS(acc[i], lo, acc[i])
			VMINPS(acc[i], hi, acc[i])
			s.store(acc[i], mem(out, 0), k)
			ADDQ(arg("bytes", 6), out)
			ADDQ(step, window)
		}
	}
	body := func(label string, k mask) {
		MOVQ(arg("bias", 9), reg.RAX)
		s.load(indexed(reg.RAX, off, 0), k, bias)
		MOVQ(arg("out", 8), out)
		ADDQ(off, out)
		XORQ(window, window)
		MOVQ(arg("n", 1), left)
		SUBQ(operand.Imm(group), left)
		JLT(operand.LabelRef(label + "_few"))
		Label(label + "_group")
		pixels(group, label+"_group", k)
		SUBQ(operand.Imm(group), left)
		JGE(operand.LabelRef(label + "_group"))
		Label(label + "_few")
		ADDQ(operand.Imm(group), left)
		JZ(operand.LabelRef(label + "_end"))
		Label(label + "_one")
		pixels(1, label+"_one", k)
		DECQ(left)
		JNZ(operand.LabelRef(label + "_one"))
		Label(label + "_end")
	}
	XORQ(off, off)
	MOVQ(arg("bytes", 6), end)
	SUBQ(operand.U32(s.bytes()), end)
	Label("vector")
	CMPQ(off, end)
	JGT(operand.LabelRef("partial"))
	body("full", mask{})
	ADDQ(operand.U32(s.bytes()), off)
	JMP(operand.LabelRef("vector"))
	Label("partial")
	ADDQ(operand.U32(s.bytes()), end)
	CMPQ(off, end)
	JGE(operand.LabelRef("done"))
	MOVQ(arg("mask", 11), reg.RAX)
	body("last", s.loadMask(mem(reg.RAX, 0), s.vecs[15], reg.K1))
	Label("done")
	VZEROUPPER()
	RET()
}

// run writes a kernel that folds the windows of a run, four vectors of channels
// at a time: begin sets the accumulators, fold takes a tap into one.
func run(s isa, name string, doc []string, weighted bool, begin func(n int, acc []reg.VecPhysical, load func(base reg.Register, v int, to reg.VecPhysical)),
	fold func(x, w, acc reg.VecPhysical), finish func(v int, acc reg.VecPhysical)) {
	name += s.name
	TEXT(name, NOSPLIT, "func(rows **float32, n, step, pixel, ky, kx, bytes int, weights, out, bias, clamp *float32, mask *int32)")
	Doc(append([]string{name + " computes, for each output i < n and channel c < bytes/4, over the ky x kx pixels", "x of its window, row by row:", ""}, append(doc, "",
		"mask holds the lanes of the last, partial vector.")...)...)
	Pragma("noescape")
	window, table, tap, out, off, end, kx, ky, weights, t := reg.R8, reg.RBX, reg.RAX, reg.RDI, reg.RSI, reg.RDX, reg.RCX, reg.R10, reg.R11, reg.R12
	MOVQ(arg("clamp", 10), t)
	VBROADCASTSS(mem(t, 0), s.vecs[12])
	VBROADCASTSS(mem(t, 4), s.vecs[13])
	MOVQ(arg("out", 8), out)
	XORQ(window, window)
	acc := s.vecs[:4]
	body := func(n int, label string, k mask) {
		MOVQ(arg("bias", 9), t)
		begin(n, acc, func(base reg.Register, v int, to reg.VecPhysical) {
			s.load(indexed(t, off, v*s.bytes()), k, to)
		})
		if weighted {
			MOVQ(arg("weights", 7), weights)
			ADDQ(off, weights)
		}
		MOVQ(arg("rows", 0), table)
		MOVQ(arg("ky", 4), ky)
		Label(label + "_row")
		MOVQ(mem(table, 0), tap)
		ADDQ(operand.Imm(8), table)
		ADDQ(window, tap)
		ADDQ(off, tap)
		MOVQ(arg("kx", 5), kx)
		Label(label + "_tap")
		for v := range n {
			s.load(mem(tap, v*s.bytes()), k, s.vecs[4+v])
			if weighted {
				s.load(mem(weights, v*s.bytes()), k, s.vecs[8+v])
			}
			fold(s.vecs[4+v], s.vecs[8+v], acc[v])
		}
		ADDQ(arg("pixel", 3), tap)
		if weighted {
			ADDQ(arg("bytes", 6), weights)
		}
		DECQ(kx)
		JNZ(operand.LabelRef(label + "_tap"))
		DECQ(ky)
		JNZ(operand.LabelRef(label + "_row"))
		for v := range n {
			finish(v, acc[v])
			s.store(acc[v], indexed(out, off, v*s.bytes()), k)
		}
	}
	Label("pixel")
	XORQ(off, off)
	MOVQ(arg("bytes", 6), end)
	SUBQ(operand.U32(4*s.bytes()), end)
	Label("block")
	CMPQ(off, end)
	JGT(operand.LabelRef("single"))
	body(4, "block", mask{})
	ADDQ(operand.U32(4*s.bytes()), off)
	JMP(operand.LabelRef("block"))
	Label("single")
	ADDQ(operand.U32(3*s.bytes()), end)
	Label("vector")
	CMPQ(off, end)
	JGT(operand.LabelRef("partial"))
	body(1, "vector", mask{})
	ADDQ(operand.U32(s.bytes()), off)
	JMP(operand.LabelRef("vector"))
	Label("partial")
	ADDQ(operand.U32(s.bytes()), end)
	CMPQ(off, end)
	JGE(operand.LabelRef("next"))
	MOVQ(arg("mask", 11), t)
	body(1, "partial", s.loadMask(mem(t, 0), s.vecs[15], reg.K1))
	Label("next")
	ADDQ(arg("bytes", 6), out)
	ADDQ(arg("step", 2), window)
	DECQ(arg("n", 1))
	JNZ(operand.LabelRef("pixel"))
	VZEROUPPER()
	RET()
}

func runs(s isa) {
	clamp := func(acc reg.VecPhysical) {
		VMAXPS(acc, s.vecs[12], acc)
		VMINPS(acc, s.vecs[13], acc)
	}
	depthwiseRows(s)
	run(s, "depthwiseRun", []string{
		"	acc := bias[c]",
		"	for t, x := range window {",
		"		acc = fma(x[c], weights[t*bytes/4+c], acc)",
		"	}",
		"	out[i*bytes/4+c] = min(max(clamp[0], acc), clamp[1]) // NaN stays NaN",
	}, true, func(n int, acc []reg.VecPhysical, load func(reg.Register, int, reg.VecPhysical)) {
		for v := range n {
			load(reg.R12, v, acc[v])
		}
	}, func(x, w, acc reg.VecPhysical) { VFMADD231PS(w, x, acc) }, func(_ int, acc reg.VecPhysical) { clamp(acc) })
	maxRun(s)
	run(s, "sumRun", []string{
		"	acc := 0",
		"	for x := range window {",
		"		acc += x[c]",
		"	}",
		"	out[i*bytes/4+c] = acc * clamp[0]",
	}, false, func(n int, acc []reg.VecPhysical, _ func(reg.Register, int, reg.VecPhysical)) {
		for v := range n {
			VXORPS(acc[v], acc[v], acc[v])
		}
	}, func(x, _, acc reg.VecPhysical) { VADDPS(x, acc, acc) }, func(_ int, acc reg.VecPhysical) { VMULPS(s.vecs[12], acc, acc) })
}

// maxRun writes the kernel of maximum pooling. VMAXPS cannot keep a NaN from both
// sides, so the maximum passes over NaN, and beside it the largest of all taps'
// bits without their sign tells whether there was one: two cheap instructions
// that do not wait for the maximum.
func maxRun(s isa) {
	bits := s.vecs[8:12] // the weights of the other kernels
	run(s, "maxRun", []string{
		"	acc, bits := clamp[0], uint32(0) // -Inf",
		"	for x := range window {",
		"		acc = max(acc, x[c]) // acc if x[c] is NaN",
		"		bits = max(bits, math.Float32bits(x[c])<<1)",
		"	}",
		"	if n := math.Float32frombits(bits>>1); n != n {",
		"		acc = n",
		"	}",
		"	out[i*bytes/4+c] = acc",
	}, false, func(n int, acc []reg.VecPhysical, _ func(reg.Register, int, reg.VecPhysical)) {
		for v := range n {
			VMOVAPS(s.vecs[12], acc[v])
			VXORPS(bits[v], bits[v], bits[v])
		}
	}, func(x, seen, acc reg.VecPhysical) {
		VMAXPS(acc, x, acc)
		VPADDD(x, x, x)
		VPMAXUD(x, seen, seen)
	}, func(v int, acc reg.VecPhysical) {
		VPSRLD(operand.Imm(1), bits[v], bits[v])
		s.replaceNaN(bits[v], acc)
	})
}
