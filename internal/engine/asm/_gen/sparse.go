package main

import (
	"fmt"
	"math/bits"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// sparseRows is the number of output pixels that share one list of channels.
// Fewer share more zeros; more share each weight that is loaded. With AVX2 three of them and
// two panels are as many sums as fit into the registers, and half a tile of six.
func sparseRows(s isa) int {
	if s.lane == 8 {
		return 3
	}
	return 4
}

// gemmSparse writes the indirect matrix product that passes over listed
// channels only: those where any of its four pixels is not zero. Its sums are
// those of gemm, in the same order, without products by zero.
func gemmSparse(s isa, p product, panels int) {
	vectors, sparseRows := 2*panels, sparseRows(s)
	row := 2 * s.bytes() // bytes of one channel's weights in a panel
	name := fmt.Sprintf("gemm%sSparse%dx%d%s", p.name, sparseRows, vectors*s.lane, s.name)
	TEXT(name, NOSPLIT, "func(table **float32, stride, taps int, lists *uint16, weights0, weights1 *float32, tap int, out **float32, column int, bias0, bias1, clamp *float32, mask *int32, add **float32, sum *float32)")
	Doc(fmt.Sprintf("%s computes, for r < %d and each of its %d panels p of %d columns:", name, sparseRows, panels, 2*s.lane),
		"",
		"	acc := bias_p[j]",
		"	for t := range taps {",
		"		n := *lists++",
		"		for range n {",
		"			c := *lists++",
		"			acc = "+fmt.Sprintf(p.add, "table[t*stride/8+r][c]", fmt.Sprintf("weights_p[t*tap/4+c*%d+j]", 2*s.lane)),
		"		}",
		"	}",
		"	acc = min(max(clamp[0], acc), clamp[1]) + 0 // NaN stays NaN",
		fmt.Sprintf("	acc = min(max(sum[0], acc+add[r][column/4+p*%d+j]), sum[1]) // not if add is nil", 2*s.lane),
		fmt.Sprintf("	out[r][column/4+p*%d+j] = acc", 2*s.lane),
		"",
		"mask holds the lanes of the last panel, nil for all.")
	Pragma("noescape")
	const (
		aTable = iota
		aStride
		aTaps
		aLists
		aWeights0
		aWeights1
		aTap
		aOut
		aColumn
		aBias0
		aBias1
		aClamp
		aMask
		aAdd
		aSum
	)
	acc := func(r, v int) reg.VecPhysical { return s.vecs[r*vectors+v] }
	b := func(v int) reg.VecPhysical { return s.vecs[sparseRows*vectors+v] }
	spare := s.vecs[min((sparseRows+1)*vectors, len(s.vecs)-sparseRows):]
	rows := []reg.GPPhysical{reg.RAX, reg.RBX, reg.RCX, reg.RDX}[:sparseRows]
	list, table, count, channel, offset, taps := reg.RSI, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13
	weights := []reg.GPPhysical{reg.RDI, reg.R8}[:panels]

	added := reg.R14
	MOVQ(arg("add", aAdd), added)
	TESTQ(added, added)
	JZ(operand.LabelRef("begin"))
	comment("fetch what is added while there is something to multiply")
	MOVQ(arg("column", aColumn), offset)
	for r := range sparseRows {
		MOVQ(mem(added, 8*r), rows[0])
		for v := range vectors {
			PREFETCHT0(indexed(rows[0], offset, v*s.bytes()))
		}
	}
	Label("begin")
	for i := range panels {
		MOVQ(arg([]string{"bias0", "bias1"}[i], aBias0+i), channel)
		for v := range 2 {
			VMOVUPS(mem(channel, v*s.bytes()), acc(0, 2*i+v))
		}
		MOVQ(arg([]string{"weights0", "weights1"}[i], aWeights0+i), weights[i])
	}
	for r := 1; r < sparseRows; r++ {
		for v := range vectors {
			VMOVAPS(acc(0, v), acc(r, v))
		}
	}
	MOVQ(arg("table", aTable), table)
	MOVQ(arg("taps", aTaps), taps)
	MOVQ(arg("lists", aLists), list)

	Label("tap")
	for r := range sparseRows {
		MOVQ(mem(table, 8*r), rows[r])
	}
	ADDQ(arg("stride", aStride), table)
	MOVWLZX(mem(list, 0), count.As32())
	ADDQ(operand.Imm(2), list)
	TESTQ(count, count)
	JZ(operand.LabelRef("next"))
	Label("channel")
	MOVWLZX(mem(list, 0), channel.As32())
	MOVQ(channel, offset)
	SHLQ(operand.Imm(uint64(bits.TrailingZeros(uint(row)))), offset)
	ADDQ(operand.Imm(2), list)
	input := func(r int) reg.VecPhysical { return spare[r%len(spare)] }
	spread := func(r int) { VBROADCASTSS(operand.Mem{Base: rows[r], Index: channel, Scale: 4}, input(r)) }
	fetch := func(v int, to reg.VecPhysical) { VMOVUPS(indexed(weights[v/2], offset, v%2*s.bytes()), to) }
	if s.lane == 16 {
		for v := range vectors {
			fetch(v, b(v))
		}
		for r := range sparseRows {
			spread(r)
			for v := range vectors {
				p.each(b(v), input(r), acc(r, v))
			}
		}
	} else { // the inputs stay, and one register has each weight in turn
		for r := range sparseRows {
			spread(r)
		}
		for v := range vectors {
			fetch(v, b(0))
			for r := range sparseRows {
				p.each(b(0), input(r), acc(r, v))
			}
		}
	}
	DECQ(count)
	JNZ(operand.LabelRef("channel"))
	Label("next")
	for i := range panels {
		ADDQ(arg("tap", aTap), weights[i])
	}
	DECQ(taps)
	JNZ(operand.LabelRef("tap"))

	MOVQ(arg("clamp", aClamp), channel)
	lo, hi, zero := b(0), spare[0], b(1)
	if zero == hi {
		zero = spare[1]
	}
	VBROADCASTSS(mem(channel, 0), lo)
	VBROADCASTSS(mem(channel, 4), hi)
	VXORPS(zero, zero, zero)
	for r := range sparseRows {
		for v := range vectors {
			VMAXPS(acc(r, v), lo, acc(r, v))
			VMINPS(acc(r, v), hi, acc(r, v))
			VADDPS(zero, acc(r, v), acc(r, v))
		}
	}
	finish := func(masks [2]mask, store string) {
		each := func(r int, f func(v int, at operand.Mem, k mask)) {
			for v := range vectors {
				var k mask
				if v >= vectors-2 {
					k = masks[v-(vectors-2)]
				}
				f(v, indexed(rows[0], offset, v*s.bytes()), k)
			}
		}
		MOVQ(arg("column", aColumn), offset)
		TESTQ(added, added)
		JZ(operand.LabelRef(store))
		comment("the sums are the first operands, as of Add")
		x := spare[1]
		MOVQ(arg("sum", aSum), channel)
		VBROADCASTSS(mem(channel, 0), lo)
		VBROADCASTSS(mem(channel, 4), hi)
		for r := range sparseRows {
			MOVQ(mem(added, 8*r), rows[0])
			each(r, func(v int, at operand.Mem, k mask) {
				s.load(at, k, x)
				VADDPS(x, acc(r, v), acc(r, v))
				VMAXPS(acc(r, v), lo, acc(r, v))
				VMINPS(acc(r, v), hi, acc(r, v))
			})
		}
		Label(store)
		MOVQ(arg("out", aOut), table)
		for r := range sparseRows {
			MOVQ(mem(table, 8*r), rows[0])
			each(r, func(v int, at operand.Mem, k mask) { s.store(acc(r, v), at, k) })
		}
		VZEROUPPER()
		RET()
	}
	if s.lane == 8 {
		// A mask takes a vector, so that the two of a panel are loaded one after the other.
		x, lanes := spare[1], spare[2]
		finish = func(masks [2]mask, store string) {
			partial := masks[0].vec != nil
			each := func(to reg.GPPhysical, f func(r, v int, at operand.Mem, k mask)) {
				for v := range vectors {
					var k mask
					if partial && v >= vectors-2 {
						MOVQ(arg("mask", aMask), channel)
						k = s.loadMask(mem(channel, v%2*s.bytes()), lanes, reg.K1)
					}
					for r := range sparseRows {
						MOVQ(mem(to, 8*r), rows[0])
						f(r, v, indexed(rows[0], offset, v*s.bytes()), k)
					}
				}
			}
			MOVQ(arg("column", aColumn), offset)
			TESTQ(added, added)
			JZ(operand.LabelRef(store))
			comment("the sums are the first operands, as of Add")
			MOVQ(arg("sum", aSum), channel)
			VBROADCASTSS(mem(channel, 0), lo)
			VBROADCASTSS(mem(channel, 4), hi)
			each(added, func(r, v int, at operand.Mem, k mask) {
				s.load(at, k, x)
				VADDPS(x, acc(r, v), acc(r, v))
				VMAXPS(acc(r, v), lo, acc(r, v))
				VMINPS(acc(r, v), hi, acc(r, v))
			})
			Label(store)
			MOVQ(arg("out", aOut), table)
			each(table, func(r, v int, at operand.Mem, k mask) { s.store(acc(r, v), at, k) })
			VZEROUPPER()
			RET()
		}
	}
	MOVQ(arg("mask", aMask), channel)
	TESTQ(channel, channel)
	JNZ(operand.LabelRef("partial"))
	finish([2]mask{}, "store")
	Label("partial")
	var masks [2]mask
	for v := range 2 {
		masks[v] = s.loadMask(mem(channel, v*s.bytes()), b(0), []reg.OpmaskPhysical{reg.K1, reg.K2}[v])
	}
	finish(masks, "storePartial")
}

// lister is how a set lists the channels of a vector of which any row is not zero: their numbers
// go to list, which moves on behind them.
type lister struct {
	restart func()                        // begins with channel 0
	whole   func(row int, at operand.Mem) // takes the numbers of one row after the other
	partial func(row int, at operand.Mem) // of the last vector, those that there are
	take    func()                        // lists them, and goes on to the next vector
}

// nonzero writes the kernel that lists the channels gemmSparse passes over.
func nonzero(s isa) {
	name, rows := "nonzero"+s.name, pointers[:sparseRows(s)]
	TEXT(name, NOSPLIT, "func(table **float32, stride, taps, bytes int, lists *uint16, mask *int32) int")
	Doc(fmt.Sprintf("%s lists, for each tap, the channels c < bytes/4 where any of the %d rows", name, len(rows)),
		"table[t*stride/8+r][c] is not zero: their number, then each of them. It returns the",
		fmt.Sprintf("length of all lists; up to %d more elements are overwritten.", s.lane))
	Pragma("noescape")
	table, taps, list, head, off, end, n := reg.R8, reg.R9, reg.R10, reg.R11, reg.RSI, reg.RDI, reg.R12
	MOVQ(arg("table", 0), table)
	MOVQ(arg("taps", 2), taps)
	MOVQ(arg("lists", 4), list)
	MOVQ(arg("mask", 5), off)
	var l lister
	if s.lane == 16 {
		l = byCompressing(s, name, mem(off, 0), list, n)
	} else {
		l = byTable(s, name, mem(off, 0), list, n)
	}
	Label("tap")
	for r, row := range rows {
		MOVQ(mem(table, 8*r), row)
	}
	ADDQ(arg("stride", 1), table)
	MOVQ(list, head)
	ADDQ(operand.Imm(2), list)
	l.restart()
	XORQ(off, off)
	MOVQ(arg("bytes", 3), end)
	SUBQ(operand.U32(s.bytes()), end)
	Label("vector")
	CMPQ(off, end)
	JGT(operand.LabelRef("tail"))
	for r, row := range rows {
		l.whole(r, indexed(row, off, 0))
	}
	l.take()
	ADDQ(operand.Imm(uint64(s.bytes())), off)
	JMP(operand.LabelRef("vector"))
	Label("tail")
	ADDQ(operand.Imm(uint64(s.bytes())), end)
	CMPQ(off, end)
	JGE(operand.LabelRef("count"))
	for r, row := range rows {
		l.partial(r, indexed(row, off, 0))
	}
	l.take()
	Label("count")
	MOVQ(list, n)
	SUBQ(head, n)
	SHRQ(operand.Imm(1), n)
	DECQ(n)
	MOVW(n.As16(), mem(head, 0))
	DECQ(taps)
	JNZ(operand.LabelRef("tap"))
	SUBQ(arg("lists", 4), list)
	SHRQ(operand.Imm(1), list)
	MOVQ(list, operand.Mem{Symbol: operand.Symbol{Name: "ret"}, Disp: 48, Base: reg.FramePointer})
	VZEROUPPER()
	RET()
}

// byCompressing lists by AVX-512's instruction that puts chosen lanes together.
func byCompressing(s isa, name string, mask operand.Mem, list, n reg.GPPhysical) lister {
	iota, index, step, abs, x, packed := reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5
	VMOVDQU32(mask, x)
	VPTESTMD(x, x, reg.K2)
	first := GLOBL(name+"_iota", RODATA|NOPTR)
	for i := range s.lane {
		DATA(4*i, operand.U32(uint32(i)))
	}
	VMOVDQU32(first, iota)
	VPBROADCASTD(ConstData(name+"_step", operand.U32(uint32(s.lane))), step)
	VPBROADCASTD(ConstData(name+"_abs", operand.U32(0x7fffffff)), abs)
	return lister{
		restart: func() { VMOVDQA32(iota, index) },
		whole: func(row int, at operand.Mem) {
			if row == 0 {
				VMOVUPS(at, x)
			} else {
				VPORD(at, x, x)
			}
		},
		partial: func(row int, at operand.Mem) {
			if row == 0 {
				VMOVUPS_Z(at, reg.K2, x)
			} else {
				VPORD_Z(at, x, reg.K2, x)
			}
		},
		take: func() {
			VPTESTMD(abs, x, reg.K1)
			VPCOMPRESSD_Z(index, reg.K1, packed)
			VPMOVDW(packed, reg.Y5)
			VMOVDQU(reg.Y5, mem(list, 0))
			KMOVW(reg.K1, n.As32())
			POPCNTL(n.As32(), n.As32())
			LEAQ(operand.Mem{Base: list, Index: n, Scale: 2}, list)
			VPADDD(step, index, index)
		},
	}
}

// byTable lists for AVX2: the lanes that are not zero are looked up by their bits.
func byTable(s isa, name string, mask operand.Mem, list, n reg.GPPhysical) lister {
	found := GLOBL(name+"_found", RODATA|NOPTR)
	for set := range 1 << s.lane {
		lanes, n := uint64(0), 0
		for i := range s.lane {
			if set>>i&1 != 0 {
				lanes |= uint64(i) << (8 * n)
				n++
			}
		}
		DATA(8*set, operand.U64(lanes))
	}
	lookup, lanes := reg.R13, reg.RDX
	x, zero, tail, first, step, index := reg.Y0, reg.Y1, reg.Y2, reg.X3, reg.X4, reg.X5
	VMOVUPS(mask, tail)
	LEAQ(found, lookup)
	VPXOR(zero, zero, zero)
	VPBROADCASTW(ConstData(name+"_step", operand.U16(uint16(s.lane))), step)
	return lister{
		restart: func() { VPXOR(first, first, first) },
		whole: func(row int, at operand.Mem) {
			if row == 0 {
				VMOVUPS(at, x)
			} else {
				VPOR(at, x, x)
			}
		},
		partial: func(row int, at operand.Mem) {
			if row == 0 {
				VMASKMOVPS(at, tail, x)
			} else {
				VMASKMOVPS(at, tail, reg.Y5)
				VPOR(reg.Y5, x, x)
			}
		},
		take: func() { // of either sign zeros are zeros
			VPSLLD(operand.U8(1), x, x)
			VPCMPEQD(zero, x, x)
			VMOVMSKPS(x, lanes.As32())
			XORL(operand.Imm(1<<s.lane-1), lanes.As32())
			VPMOVZXBW(operand.Mem{Base: lookup, Index: lanes, Scale: 8}, index)
			VPADDW(first, index, index)
			VMOVDQU(index, mem(list, 0))
			POPCNTL(lanes.As32(), n.As32())
			LEAQ(operand.Mem{Base: list, Index: n, Scale: 2}, list)
			VPADDW(step, first, first)
		},
	}
}
