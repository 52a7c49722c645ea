package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// groups writes the convolution in groups of a vector of channels: a tile is up to 28 outputs
// in one, two or four rows, and each weight is loaded once for all of them. Inputs are spread by the products themselves, as AVX-512 alone does: one
// load for each product is as many as the processor makes beside two products a cycle, and
// tiles of any width keep their units busy, where spreading an input once for all windows
// that it lies in leaves those at a tile's sides waiting for one another.
func groups(s isa) {
	const (
		aRows = iota
		aM
		aN
		aPixel
		aKy
		aKx
		aStep
		aWeights
		aOut
		aNext
		aDown
		aBias
		aClamp
	)
	name := "groups" + s.name
	TEXT(name, NOSPLIT, "func(rows **float32, m, n, pixel, ky, kx, step int, weights, out *float32, next, down int, bias, clamp *float32)")
	Doc(name+" computes, for each row r < m of outputs i < n and channel c < 16:", "",
		"	acc := bias[c]",
		"	for y := range ky {",
		"		for x := range kx {",
		"			for k := range 16 {",
		"				acc = fma(rows[r*ky+y][(i*step+x*pixel)/4+k], weights[((y*kx+x)*16+k)*16+c], acc)",
		"			}",
		"		}",
		"	}",
		"	out[(r*down+i*next)/4+c] = min(max(clamp[0], acc), clamp[1]) // NaN stays NaN")
	Pragma("noescape")
	local := AllocLocal(8 * 6)
	at := func(i int) operand.Mem { return local.Offset(8 * i) }
	window, left, lines, table, line, skip := at(0), at(1), at(2), at(3), at(4), at(5)
	each := 64 * s.lane // bytes of a tap's weights
	// Where rows begin: the last two of four are where multiples of step are that tiles as
	// narrow do not need.
	s1, s3, s5, s7, s9, s11, s13 := reg.RCX, reg.RDX, reg.RSI, reg.RDI, reg.R8, reg.R9, reg.R10
	base := []reg.GPPhysical{reg.RAX, reg.RBX, s7, s9}
	w, end, tab, out, x, y := reg.R11, reg.R12, reg.R13, reg.R14, reg.R15, reg.RBP
	const most, narrow = 14, 7 // columns of a tile of two rows and of four
	scaled := func(b, i reg.Register, scale uint8) operand.Mem {
		return operand.Mem{Base: b, Index: i, Scale: scale}
	}
	input := func(b reg.Register, i int) operand.Mem {
		switch i {
		case 0:
			return mem(b, 0)
		case 1, 2, 4, 8:
			return scaled(b, s1, uint8(i))
		case 3, 6, 12:
			return scaled(b, s3, uint8(i/3))
		case 5, 10:
			return scaled(b, s5, uint8(i/5))
		case 7:
			return scaled(b, s7, 1)
		case 9:
			return scaled(b, s9, 1)
		case 11:
			return scaled(b, s11, 1)
		}
		return scaled(b, s13, 1)
	}
	multiples := func() {
		LEAQ(scaled(s3, s1, 4), s7)
		LEAQ(scaled(s1, s1, 8), s9)
	}
	MOVQ(arg("step", aStep), s1)
	LEAQ(scaled(s1, s1, 2), s3)
	LEAQ(scaled(s1, s1, 4), s5)
	multiples()
	LEAQ(scaled(s3, s1, 8), s11)
	LEAQ(scaled(s5, s1, 8), s13)
	MOVQ(arg("pixel", aPixel), x)
	SUBQ(operand.Imm(uint64(s.bytes())), x)
	MOVQ(x, skip)
	tile := func(rows, n int, label string) {
		acc := func(r, i int) reg.VecPhysical { return s.vecs[r*n+i] }
		Label(label)
		MOVQ(arg("bias", aBias), tab)
		VMOVUPS(mem(tab, 0), acc(0, 0))
		for i := 1; i < rows*n; i++ {
			VMOVAPS(acc(0, 0), s.vecs[i])
		}
		MOVQ(arg("weights", aWeights), w)
		MOVQ(table, tab)
		MOVQ(arg("ky", aKy), y)
		Label(label + "_row")
		MOVQ(mem(tab, 0), base[0])
		if rows > 1 {
			MOVQ(arg("ky", aKy), end)
			MOVQ(scaled(tab, end, 8), base[1])
		}
		if rows > 2 {
			ADDQ(end, end)
			MOVQ(scaled(tab, end, 8), base[2])
			ADDQ(arg("ky", aKy), end)
			MOVQ(scaled(tab, end, 8), base[3])
		}
		for _, b := range base[:rows] {
			ADDQ(window, b)
		}
		MOVQ(arg("kx", aKx), x)
		Label(label + "_tap")
		LEAQ(mem(w, each), end)
		Label(label + "_channel")
		weight := s.vecs[len(s.vecs)-1]
		VMOVUPS(mem(w, 0), weight)
		for i := range n {
			for r := range rows {
				VFMADD231PS_BCST(input(base[r], i), weight, acc(r, i))
			}
		}
		for _, b := range base[:rows] {
			ADDQ(operand.Imm(4), b)
		}
		ADDQ(operand.Imm(64), w)
		CMPQ(w, end)
		JNE(operand.LabelRef(label + "_channel"))
		for _, b := range base[:rows] {
			ADDQ(skip, b)
		}
		DECQ(x)
		JNZ(operand.LabelRef(label + "_tap"))
		ADDQ(operand.Imm(8), tab)
		DECQ(y)
		JNZ(operand.LabelRef(label + "_row"))
		lo, hi := s.vecs[len(s.vecs)-1], s.vecs[len(s.vecs)-2]
		MOVQ(arg("clamp", aClamp), tab)
		VBROADCASTSS(mem(tab, 0), lo)
		VBROADCASTSS(mem(tab, 4), hi)
		MOVQ(arg("next", aNext), x)
		MOVQ(out, y)
		for r := range rows {
			to := out
			if r > 0 {
				ADDQ(arg("down", aDown), y)
				MOVQ(y, end)
				to = end
			}
			for i := range n {
				v := acc(r, i)
				VMAXPS(v, lo, v)
				VMINPS(v, hi, v)
				VMOVUPS(v, mem(to, 0))
				ADDQ(x, to)
			}
		}
		IMUL3Q(operand.Imm(uint64(n)), s1, x)
		ADDQ(x, window)
		SUBQ(operand.Imm(uint64(n)), left)
	}
	lineOf := func(rows int) {
		label := fmt.Sprintf("rows%d", rows)
		Label(label)
		MOVQ(operand.U32(0), window)
		MOVQ(arg("n", aN), x)
		MOVQ(x, left)
		MOVQ(line, out)
		Label(label + "_tile")
		MOVQ(left, x)
		widest := most
		if rows == 4 {
			widest = narrow
		} else {
			comment("as many outputs as there are, half of them, or the most")
			CMPQ(x, operand.Imm(most))
			JLE(operand.LabelRef(label + "_last"))
			MOVQ(operand.U32(most), y)
			INCQ(x)
			SHRQ(operand.Imm(1), x)
			CMPQ(x, y)
			CMOVQGT(y, x)
			Label(label + "_last")
		}
		for n := range widest {
			CMPQ(x, operand.Imm(uint64(widest-n)))
			JEQ(operand.LabelRef(fmt.Sprintf("%s_by%d", label, widest-n)))
		}
		comment("no outputs are left")
		if rows == 4 {
			multiples()
		}
		MOVQ(arg("ky", aKy), x)
		SHLQ(operand.Imm(3), x)
		MOVQ(arg("down", aDown), y)
		if rows > 1 {
			IMUL3Q(operand.Imm(uint64(rows)), x, x)
			IMUL3Q(operand.Imm(uint64(rows)), y, y)
		}
		ADDQ(x, table)
		ADDQ(y, line)
		SUBQ(operand.Imm(uint64(rows)), lines)
		JMP(operand.LabelRef("lines"))
		for n := widest; n > 0; n-- {
			tile(rows, n, fmt.Sprintf("%s_by%d", label, n))
			JMP(operand.LabelRef(label + "_tile"))
		}
	}
	MOVQ(arg("m", aM), x)
	MOVQ(x, lines)
	MOVQ(arg("rows", aRows), x)
	MOVQ(x, table)
	MOVQ(arg("out", aOut), x)
	MOVQ(x, line)
	Label("lines")
	MOVQ(lines, x)
	CMPQ(x, operand.Imm(4))
	JLT(operand.LabelRef("few"))
	CMPQ(arg("n", aN), operand.Imm(narrow))
	JLE(operand.LabelRef("rows4"))
	Label("few")
	CMPQ(x, operand.Imm(2))
	JGE(operand.LabelRef("rows2"))
	CMPQ(x, operand.Imm(1))
	JEQ(operand.LabelRef("rows1"))
	VZEROUPPER()
	RET()
	for _, rows := range []int{4, 2, 1} {
		lineOf(rows)
	}
}
