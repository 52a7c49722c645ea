package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// groupedColumns is the width of the windows that have kernels for small groups.
const groupedColumns = 3

// groupedFrame is where a kernel for groups of per channels has its registers: a tile is
// some rows of some outputs. Each input channel is spread over the lanes of its group's
// outputs once for all windows of its row that it lies in, each weight is loaded once for
// all rows, and the sums of all rows keep the units busy that multiply.
type groupedFrame struct {
	s                 isa
	per, stride       int
	rows, outputs     int // of the largest tile
	tap               []reg.GPPhysical
	off, weights, end reg.GPPhysical
	apart             reg.GPPhysical // the distance of windows, by taps
}

func (g *groupedFrame) acc(r, i int) reg.VecPhysical { return g.s.vecs[r*g.outputs+i] }

// spare are the registers that are not sums.
func (g *groupedFrame) spare() []reg.VecPhysical { return g.s.vecs[g.rows*g.outputs:] }
func (g *groupedFrame) weight(t int) reg.VecPhysical {
	return g.spare()[t]
}

// spread is where a row's channel is spread, pixel where the row's pixel lies, if the
// spreading begins with that.
func (g *groupedFrame) spread(r int) reg.VecPhysical {
	return g.spare()[groupedColumns+r%g.spreads()]
}
func (g *groupedFrame) pixel(r int) reg.VecPhysical {
	return g.spare()[groupedColumns+g.spreads()+r]
}

// spreads is how many registers there are for spread channels.
func (g *groupedFrame) spreads() int {
	left := len(g.spare()) - groupedColumns
	if g.per == 4 {
		left -= g.rows
	}
	return min(2, left)
}

// channels multiplies the pixel at each row's tap, column j of the tile's windows, by the
// weights of the windows that it lies in, channel by channel.
func (g *groupedFrame) channels(rows, outputs, j int, label string) {
	products := func(offset int, spread func(r int)) {
		for t := range groupedColumns {
			if i := j - t; i >= 0 && i%g.stride == 0 && i/g.stride < outputs {
				VMOVUPS(mem(g.weights, 64*t*g.per+offset), g.weight(t))
			}
		}
		for r := range rows {
			spread(r)
			for t := range groupedColumns {
				if i := j - t; i >= 0 && i%g.stride == 0 && i/g.stride < outputs {
					VFMADD231PS(g.spread(r), g.weight(t), g.acc(r, i/g.stride))
				}
			}
		}
	}
	if g.per == 4 { // a vector's lanes are four by four
		for r := range rows {
			VMOVUPS(mem(g.tap[r], 0), g.pixel(r))
		}
		for k := range g.per {
			products(64*k, func(r int) { VPERMILPS(operand.U8(k*0x55), g.pixel(r), g.spread(r)) })
		}
		return
	}
	LEAQ(mem(g.weights, 64*g.per), g.end)
	Label(label)
	products(0, func(r int) {
		VBROADCASTSS(mem(g.tap[r], 0), g.spread(r))
		if g.per < g.s.lane { // two groups
			VBROADCASTSS(mem(g.tap[r], 4*g.per), reg.K1, g.spread(r))
		}
	})
	for r := range rows {
		ADDQ(operand.Imm(4), g.tap[r])
	}
	ADDQ(operand.Imm(64), g.weights)
	CMPQ(g.weights, g.end)
	JLT(operand.LabelRef(label))
	SUBQ(operand.U32(64*g.per), g.weights)
}

// taps multiplies a row of the windows by its weights, tap by tap and channel by channel: each
// weight is loaded once for all sums, and each input is spread for one of them.
func (g *groupedFrame) taps(rows, outputs int, pixel operand.Op, label string) {
	MOVQ(operand.U32(groupedColumns), g.end)
	Label(label)
	spare := g.spare()
	weight, spreads := spare[0], spare[1:]
	for k := range g.per {
		VMOVUPS(mem(g.weights, 64*k), weight)
		for r := range rows {
			for i := range outputs {
				x, at := spreads[(r*outputs+i)%len(spreads)], mem(g.tap[r], 4*k)
				if i > 0 {
					at.Index, at.Scale = g.apart, uint8(i)
				}
				VBROADCASTSS(at, x)
				VFMADD231PS(x, weight, g.acc(r, i))
			}
		}
	}
	ADDQ(operand.U32(64*g.per), g.weights)
	for r := range rows {
		ADDQ(pixel, g.tap[r])
	}
	DECQ(g.end)
	JNZ(operand.LabelRef(label))
}

// grouped writes the convolution of rows of outputs by windows of three columns at a
// distance of some, in groups of per channels.
func grouped(s isa, per, stride int) {
	name := fmt.Sprintf("grouped%dStride%d%s", per, stride, s.name)
	TEXT(name, NOSPLIT, sharedArguments)
	Doc(name+" computes, for each row r < m of outputs i < n and channel c < 16:", "",
		"	acc := bias[c]",
		"	for y := range ky {",
		fmt.Sprintf("		for x := range %d {", groupedColumns),
		fmt.Sprintf("			for k := range %d {", per),
		fmt.Sprintf("				acc = fma(rows[r*ky+y][(first+(i*%d+x)*pixel)/4+c/%d*%d+k], weights[((y*%d+x)*%d+k)*16+c], acc)", stride, per, per, groupedColumns, per),
		"			}",
		"		}",
		"	}",
		"	out[(r*down+i*next)/4+c] = min(max(clamp[0], acc), clamp[1]) // NaN stays NaN", "",
		"The last outputs of a row may begin before the end of those before them.")
	Pragma("noescape")
	g := &groupedFrame{s: s, per: per, stride: stride, rows: 3, outputs: 8,
		tap: []reg.GPPhysical{reg.RAX, reg.RBX, reg.RCX}, off: reg.RDX, weights: reg.RSI, end: reg.RDI}
	if s.lane == 8 {
		// As many rows as outputs of each or more: the first and last pixels of a tile's row
		// are in few of its windows, whose sums wait for one another.
		g.outputs = 3
		if per == s.lane {
			g.rows = 4
			g.tap = append(g.tap, reg.RBP)
			AllocLocal(8) // a frame, which keeps the caller's RBP
		}
	}
	table, ky, step, window, out, left, rows, lines, at := reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13, reg.R14, reg.R15, g.end
	MOVQ(arg("pixel", 4), step)
	// Where windows are far apart most pixels lie in one of a tile's row, whose sums would wait
	// for one another.
	byTaps := per == s.lane && stride > 1
	var lower operand.Op = lines // the rows below
	if byTaps {
		g.apart, lower = lines, arg("bytes", 6)
		IMUL3Q(operand.I32(stride), step, g.apart)
	} else if per > 4 { // the taps move on with the channels
		SUBQ(operand.Imm(uint64(4*per)), step)
	}
	if per > 4 && per < s.lane {
		MOVL(operand.U32(0xff00), reg.EAX)
		KMOVW(reg.EAX, reg.K1)
	}
	tile := func(m, n int, label string) {
		MOVQ(arg("bias", 11), table)
		VMOVUPS(indexed(table, g.off, 0), g.acc(0, 0))
		for r := range m {
			for i := range n {
				if r+i > 0 {
					VMOVAPS(g.acc(0, 0), g.acc(r, i))
				}
			}
		}
		MOVQ(rows, table)
		MOVQ(arg("ky", 5), ky)
		MOVQ(arg("weights", 7), g.weights)
		ADDQ(g.off, g.weights)
		Label(label)
		MOVQ(arg("ky", 5), at)
		for r := range m {
			// rows[r*ky] of those from the table on
			switch r {
			case 0:
				MOVQ(mem(table, 0), g.tap[r])
			case 1:
				MOVQ(operand.Mem{Base: table, Index: at, Scale: 8}, g.tap[r])
			case 2:
				ADDQ(at, at)
				MOVQ(operand.Mem{Base: table, Index: at, Scale: 8}, g.tap[r])
			case 3:
				ADDQ(arg("ky", 5), at)
				MOVQ(operand.Mem{Base: table, Index: at, Scale: 8}, g.tap[r])
			}
			ADDQ(window, g.tap[r])
			ADDQ(g.off, g.tap[r])
		}
		ADDQ(operand.Imm(8), table)
		if byTaps {
			g.taps(m, n, step, label+"_tap")
		} else {
			for j := range (n-1)*stride + groupedColumns {
				g.channels(m, n, j, fmt.Sprintf("%s_column%d", label, j))
				for r := range m {
					ADDQ(step, g.tap[r])
				}
			}
			ADDQ(operand.U32(64*groupedColumns*per), g.weights)
		}
		DECQ(ky)
		JNZ(operand.LabelRef(label))
		lo, hi := g.weight(0), g.weight(1)
		MOVQ(arg("clamp", 12), table)
		VBROADCASTSS(mem(table, 0), lo)
		VBROADCASTSS(mem(table, 4), hi)
		MOVQ(out, at)
		for r := range m {
			MOVQ(at, table)
			for i := range n {
				v := g.acc(r, i)
				VMAXPS(v, lo, v)
				VMINPS(v, hi, v)
				VMOVUPS(v, mem(table, 0))
				ADDQ(arg("next", 9), table)
			}
			if r == 0 {
				MOVQ(table, out)
			}
			ADDQ(arg("down", 10), at)
		}
		MOVQ(arg("pixel", 4), at)
		IMUL3Q(operand.I32(n*stride), at, at)
		ADDQ(at, window)
	}
	// line computes m rows of outputs.
	line := func(m int, label string) {
		MOVQ(arg("first", 3), window)
		MOVQ(arg("out", 8), out)
		ADDQ(g.off, out)
		MOVQ(arg("n", 2), left)
		for n := g.outputs; n > 0; n /= 2 {
			here, smaller, less := fmt.Sprintf("%s_tile%d", label, n), fmt.Sprintf("%s_tile%d", label, n/2), fmt.Sprintf("%s_less%d", label, n)
			Label(here)
			CMPQ(left, operand.Imm(uint64(n)))
			JLT(operand.LabelRef(less))
			tile(m, n, here+"_row")
			SUBQ(operand.Imm(uint64(n)), left)
			JMP(operand.LabelRef(here))
			Label(less)
			TESTQ(left, left)
			JZ(operand.LabelRef(label + "_end"))
			if n > 1 {
				// One more such tile, if it can begin before the end of the last one
				// and fewer outputs than half of it would be computed twice.
				CMPQ(left, operand.Imm(uint64(n/2)))
				JLE(operand.LabelRef(smaller))
				CMPQ(arg("n", 2), operand.Imm(uint64(n)))
				JLT(operand.LabelRef(smaller))
				SUBQ(operand.Imm(uint64(n)), left) // outputs to go back by, negative
				MOVQ(left, at)
				IMULQ(arg("next", 9), at)
				ADDQ(at, out)
				IMULQ(arg("pixel", 4), left)
				if stride > 1 {
					IMUL3Q(operand.I32(stride), left, left)
				}
				ADDQ(left, window)
				MOVQ(operand.U32(n), left)
				JMP(operand.LabelRef(here))
			}
		}
		Label(label + "_end")
		MOVQ(arg("ky", 5), at)
		IMUL3Q(operand.I32(8*m), at, at)
		ADDQ(at, rows)
		MOVQ(arg("down", 10), at)
		IMUL3Q(operand.I32(m), at, at)
		ADDQ(at, arg("out", 8))
	}
	XORQ(g.off, g.off)
	Label("vector")
	MOVQ(arg("rows", 0), rows)
	if byTaps {
		MOVQ(arg("m", 1), at)
		MOVQ(at, lower)
	} else {
		MOVQ(arg("m", 1), lines)
	}
	for m := g.rows; m > 0; m-- {
		label := fmt.Sprintf("rows%d", m)
		Label(label)
		CMPQ(lower, operand.Imm(uint64(m)))
		JLT(operand.LabelRef(label + "_none"))
		line(m, label)
		SUBQ(operand.Imm(uint64(m)), lower)
		JMP(operand.LabelRef(label))
		Label(label + "_none")
	}
	MOVQ(arg("down", 10), at)
	IMULQ(arg("m", 1), at)
	SUBQ(at, arg("out", 8))
	ADDQ(operand.U32(s.bytes()), g.off)
	CMPQ(g.off, operand.Imm(64))
	JLT(operand.LabelRef("vector"))
	VZEROUPPER()
	RET()
}
