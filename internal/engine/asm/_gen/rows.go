package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// What normalizes rows adds up in float64, in rowLanes sums: element i goes into sum
// i%rowLanes, and the sums are added in halves. So all sets give the same bits.
const rowLanes = 16

// rowVectors are the vectors of float32 that rowLanes elements take.
func (s isa) rowVectors() int { return rowLanes / s.lane }

// sums are accumulators for rowLanes elements.
func (f function) sums() []pair {
	acc := make([]pair, f.s.rowVectors())
	for i := range acc {
		acc[i] = f.zeros()
	}
	return acc
}

// total adds sums up in halves: lane i and i+8, then i+4, i+2, i+1.
func (f function) total(acc []pair) reg.VecVirtual {
	var y reg.VecVirtual
	if f.s.lane == 16 {
		z, upper := ZMM(), YMM()
		VADDPD(acc[0][1], acc[0][0], z)
		VEXTRACTF64X4(operand.U8(1), z, upper)
		y = YMM()
		VADDPD(upper, z.AsY(), y)
	} else {
		a, b := YMM(), YMM()
		VADDPD(acc[1][0], acc[0][0], a)
		VADDPD(acc[1][1], acc[0][1], b)
		y = YMM()
		VADDPD(b, a, y)
	}
	x, upper := XMM(), XMM()
	VEXTRACTF128(operand.U8(1), y, upper)
	VADDPD(upper, y.AsX(), x)
	VPERMILPD(operand.U8(1), x, upper)
	VADDSD(upper, x, x)
	return x
}

// result is where a function with so many words of arguments returns.
func result(words int) operand.Mem {
	return operand.Mem{Symbol: operand.Symbol{Name: "ret"}, Disp: 8 * words, Base: reg.FramePointer}
}

// argument broadcasts the float64 that is an argument.
func (f function) argument(name string, i int) pair {
	v := f.wide()
	VBROADCASTSD(arg(name, i), v)
	return pair{v, v}
}

// widened loads vector v of a block as a pair.
func (f function) widened(base, off reg.Register, v int) pair {
	return f.each(func(h int, to reg.VecVirtual) {
		VCVTPS2PD(indexed(base, off, v*f.s.bytes()+h*f.s.bytes()/2), to)
	})
}

// blocks writes a loop over blocks of rowLanes elements, whose number is word i of the
// arguments; off is the offset in bytes.
func blocks(i int, body func(off reg.Register)) {
	off, left := GP64(), GP64()
	XORQ(off, off)
	MOVQ(arg("blocks", i), left)
	Label("block")
	body(off)
	ADDQ(operand.Imm(4*rowLanes), off)
	DECQ(left)
	JNZ(operand.LabelRef("block"))
}

// rowSum writes the sum of a row, and that of its squared distances from a number.
func rowSum(s isa) {
	name := "rowSum" + s.name
	TEXT(name, NOSPLIT, "func(x *float32, blocks int) float64")
	Doc(name + " adds up 16*blocks numbers, blocks being at least 1. See rowSumGeneric.")
	Pragma("noescape")
	f := function{s: s, halves: 2}
	x := GP64()
	MOVQ(arg("x", 0), x)
	acc := f.sums()
	blocks(1, func(off reg.Register) {
		for v := range acc {
			w := f.widened(x, off, v)
			for h := range w {
				VADDPD(w[h], acc[v][h], acc[v][h])
			}
		}
	})
	MOVSD(f.total(acc), result(2))
	VZEROUPPER()
	RET()

	name = "rowSquares" + s.name
	TEXT(name, NOSPLIT, "func(x *float32, blocks int, mean float64) float64")
	Doc(name + " adds up (x[i]-mean)^2 of 16*blocks numbers, blocks being at least 1. See rowSquaresGeneric.")
	Pragma("noescape")
	x = GP64()
	MOVQ(arg("x", 0), x)
	mean := f.argument("mean", 2)
	acc = f.sums()
	blocks(1, func(off reg.Register) {
		for v := range acc {
			w := f.widened(x, off, v)
			for h := range w {
				VSUBPD(mean[h], w[h], w[h])
				VFMADD231PD(w[h], w[h], acc[v][h])
			}
		}
	})
	MOVSD(f.total(acc), result(3))
	VZEROUPPER()
	RET()
}

// rowScale writes the last step of normalizations.
func rowScale(s isa) {
	name := "rowScale" + s.name
	TEXT(name, NOSPLIT, "func(x, out, scale, bias *float32, blocks int, mean, factor float64)")
	Doc(name+" computes out[i] = (x[i]-mean)*factor*scale[i] + bias[i] of 16*blocks numbers, blocks being at",
		"least 1, in float64. See rowScaleGeneric.")
	Pragma("noescape")
	f := function{s: s, halves: 2}
	x, out, scale, bias := GP64(), GP64(), GP64(), GP64()
	MOVQ(arg("x", 0), x)
	MOVQ(arg("out", 1), out)
	MOVQ(arg("scale", 2), scale)
	MOVQ(arg("bias", 3), bias)
	mean, factor := f.argument("mean", 5), f.argument("factor", 6)
	blocks(4, func(off reg.Register) {
		for v := range s.rowVectors() {
			w := f.mul(f.sub(f.widened(x, off, v), mean), factor)
			y := f.fma(w, f.widened(scale, off, v), f.widened(bias, off, v))
			for h, half := range f.narrow(y) {
				VMOVUPS(half, indexed(out, off, v*s.bytes()+h*s.bytes()/2))
			}
		}
	})
	VZEROUPPER()
	RET()
}

// normRows writes normalizations of many rows of blocks of rowLanes numbers, which so follow
// one another without waiting; where there are registers enough two at a time, which share
// what they are scaled by.
func normRows(s isa) {
	name := "normRows" + s.name
	TEXT(name, NOSPLIT, "func(x, out, scale, bias *float32, rows, bytes int, numbers *float64)")
	Doc(name+" computes (x[i]-mean)*factor*scale[i] + bias[i] of each row of bytes/4 numbers, a multiple of",
		"16, rows being at least 1: mean is that of the row, factor numbers[2] by the root of the mean of its",
		"squared distances from that and numbers[1]; numbers[0] is how many there are. See normRowsGeneric.")
	Pragma("noescape")
	x, out, scale, bias, left, bytes, off, numbers := reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13, reg.RSI, reg.RDI
	next := []reg.Register{x, reg.RAX} // rows that are read, and written
	after := []reg.Register{out, reg.RBX}
	for i, r := range []reg.Register{x, out, scale, bias, left, bytes, numbers} {
		MOVQ(arg([]string{"x", "out", "scale", "bias", "rows", "bytes", "numbers"}[i], i), r)
	}
	f := function{s: s, halves: 2}
	number := func(i int) reg.VecVirtual {
		v := f.wide()
		VBROADCASTSD(mem(numbers, 8*i), v)
		return v
	}
	body := func(n int) {
		each := func(what string, body func(v int)) {
			label := what + string(rune('0'+n))
			XORQ(off, off)
			Label(label)
			for v := range s.rowVectors() {
				body(v)
			}
			ADDQ(operand.Imm(4*rowLanes), off)
			CMPQ(off, bytes)
			JLT(operand.LabelRef(label))
		}
		acc, mean, factor := make([][]pair, n), make([]pair, n), make([]pair, n)
		sum := func(what string, add func(r, v int)) {
			for r := range acc {
				acc[r] = f.sums()
			}
			each(what, func(v int) {
				for r := range acc {
					add(r, v)
				}
			})
		}
		sum("sumOf", func(r, v int) {
			w := f.widened(next[r], off, v)
			for h := range w {
				VADDPD(w[h], acc[r][v][h], acc[r][v][h])
			}
		})
		for r := range acc {
			m := f.everywhere(acc[r], VADDPD)
			VDIVPD(number(0), m, m)
			mean[r] = f.same(m)
		}
		sum("squaresOf", func(r, v int) {
			w := f.widened(next[r], off, v)
			for h := range w {
				VSUBPD(mean[r][h], w[h], w[h])
				VFMADD231PD(w[h], w[h], acc[r][v][h])
			}
		})
		for r := range acc {
			q := f.everywhere(acc[r], VADDPD)
			VDIVPD(number(0), q, q)
			VADDPD(number(1), q, q)
			VSQRTPD(q, q)
			VDIVPD(q, number(2), q)
			factor[r] = f.same(q)
		}
		each("scaleOf", func(v int) {
			by, add := f.widened(scale, off, v), f.widened(bias, off, v)
			for r := range acc {
				y := f.fma(f.mul(f.sub(f.widened(next[r], off, v), mean[r]), factor[r]), by, add)
				for h, half := range f.narrow(y) {
					VMOVUPS(half, indexed(after[r], off, v*s.bytes()+h*s.bytes()/2))
				}
			}
		})
		for range n {
			ADDQ(bytes, x)
			ADDQ(bytes, out)
		}
	}
	if s.lane == 16 {
		Label("two")
		CMPQ(left, operand.Imm(2))
		JLT(operand.LabelRef("one"))
		for _, rows := range [][]reg.Register{next, after} {
			MOVQ(rows[0], rows[1])
			ADDQ(bytes, rows[1])
		}
		body(2)
		SUBQ(operand.Imm(2), left)
		JMP(operand.LabelRef("two"))
		Label("one")
		TESTQ(left, left)
		JZ(operand.LabelRef("done"))
		body(1)
		Label("done")
	} else {
		Label("row")
		body(1)
		DECQ(left)
		JNZ(operand.LabelRef("row"))
	}
	VZEROUPPER()
	RET()
}

// rowExp writes the exponentials of softmax.
func rowExp(s isa) {
	name := "rowExp" + s.name
	TEXT(name, NOSPLIT, "func(x, out *float32, blocks int, top float64, table *float64) float64")
	Doc(name+" computes out[i] = exp(x[i]-top) of 16*blocks numbers, blocks being at least 1, in float64, and",
		"returns their sum before they are rounded. See rowExpGeneric.")
	Pragma("noescape")
	x, out, table := reg.R8, reg.R9, reg.R10
	MOVQ(arg("x", 0), x)
	MOVQ(arg("out", 1), out)
	MOVQ(arg("table", 4), table)
	f := function{s: s, table: table, halves: 2}
	top := f.argument("top", 3)
	acc := f.sums()
	blocks(2, func(off reg.Register) {
		for v := range acc {
			e := f.exp(f.sub(f.widened(x, off, v), top))
			for h := range e {
				VADDPD(e[h], acc[v][h], acc[v][h])
			}
			for h, half := range f.narrow(e) {
				VMOVUPS(half, indexed(out, off, v*s.bytes()+h*s.bytes()/2))
			}
		}
	})
	MOVSD(f.total(acc), result(5))
	VZEROUPPER()
	RET()
}

// softmaxRows writes softmax of many rows of blocks of rowLanes numbers, which so follow one
// another without waiting: a row's own operations each wait for the one before.
func softmaxRows(s isa) {
	name := "softmaxRows" + s.name
	TEXT(name, NOSPLIT, "func(x, out *float32, rows, bytes int, table *float64)")
	Doc(name+" writes exp(x) over the sum of exp(x) of each row of bytes/4 numbers, a multiple of 16, rows",
		"being at least 1. See softmaxRowsGeneric.")
	Pragma("noescape")
	x, out, table, left, bytes, off := reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13
	MOVQ(arg("x", 0), x)
	MOVQ(arg("out", 1), out)
	MOVQ(arg("rows", 2), left)
	MOVQ(arg("bytes", 3), bytes)
	MOVQ(arg("table", 4), table)
	f := function{s: s, table: table, halves: 2}
	each := func(label string, body func(v int)) {
		XORQ(off, off)
		Label(label)
		for v := range s.rowVectors() {
			body(v)
		}
		ADDQ(operand.Imm(4*rowLanes), off)
		CMPQ(off, bytes)
		JLT(operand.LabelRef(label))
	}
	Label("row")
	XORQ(off, off)
	most := f.widened(x, off, 0)
	each("largest", func(v int) {
		w := f.widened(x, off, v)
		for h := range w {
			VMAXPD(w[h], most[h], most[h])
		}
	})
	top := f.everywhere([]pair{most}, VMAXPD)
	acc := f.sums()
	each("sum", func(v int) {
		e := f.exp(f.sub(f.widened(x, off, v), pair{top, top}))
		for h := range e {
			VADDPD(e[h], acc[v][h], acc[v][h])
		}
		for h, half := range f.narrow(e) {
			VMOVUPS(half, indexed(out, off, v*s.bytes()+h*s.bytes()/2))
		}
	})
	share := f.everywhere(acc, VADDPD)
	VDIVPD(share, f.s.loaded(f.constant(atOne))[0], share)
	factor := f.narrow(pair{share, share})[0]
	each("result", func(v int) {
		for h := range 2 {
			at := indexed(out, off, v*s.bytes()+h*s.bytes()/2)
			y := f.half()
			VMULPS(at, factor, y)
			VMOVUPS(y, at)
		}
	})
	ADDQ(bytes, x)
	ADDQ(bytes, out)
	DECQ(left)
	JNZ(operand.LabelRef("row"))
	VZEROUPPER()
	RET()
}

// everywhere combines lanes in halves, as total does, and leaves the result in all of them.
func (f function) everywhere(acc []pair, combine func(...operand.Op)) reg.VecVirtual {
	y := f.wide()
	switch {
	case f.s.lane == 16:
		combine(acc[0][1], acc[0][0], y)
	case len(acc) == 2:
		a, b := YMM(), YMM()
		combine(acc[1][0], acc[0][0], a)
		combine(acc[1][1], acc[0][1], b)
		combine(b, a, y)
	default:
		combine(acc[0][1], acc[0][0], y)
	}
	swap := func(to reg.VecVirtual) { VPERM2F128(operand.U8(1), y, y, to) }
	if f.s.lane == 16 {
		halves := f.wide()
		VSHUFF64X2(operand.U8(0x4e), y, y, halves)
		combine(halves, y, y)
		swap = func(to reg.VecVirtual) { VSHUFF64X2(operand.U8(0xb1), y, y, to) }
	}
	quarters, pairs := f.wide(), f.wide()
	swap(quarters)
	combine(quarters, y, y)
	neighbours := uint8(0x5)
	if f.s.lane == 16 {
		neighbours = 0x55
	}
	VPERMILPD(operand.U8(neighbours), y, pairs)
	combine(pairs, y, y)
	return y
}

// shortRows writes softmax of rowLanes short rows, and its logarithm.
func shortRows(s isa) {
	for _, log := range []bool{false, true} {
		name, does := "shortSoftmax"+s.name, "exp(x) / sum of exp(x)"
		if log {
			name, does = "shortLogSoftmax"+s.name, "x - log(sum of exp(x))"
		}
		TEXT(name, NOSPLIT, "func(x *float32, n int, table *float64)")
		Doc(name+" computes, for each i < 16, of the numbers x[i], x[16+i], .. x[16*(n-1)+i],",
			"n being at least 1, "+does+", in their place. See shortSoftmaxGeneric.")
		Pragma("noescape")
		first, table := reg.R8, reg.R10
		MOVQ(arg("x", 0), first)
		MOVQ(arg("table", 2), table)
		f := function{s: s, table: table, halves: 2}
		for v := range s.rowVectors() {
			f.shortSoftmax(first, v, log)
		}
		VZEROUPPER()
		RET()
	}
}

// shortSoftmax computes the rows of one vector.
func (f function) shortSoftmax(first reg.Register, v int, log bool) {
	off, left := GP64(), GP64()
	each := func(what string, body func()) {
		label := what + "OfVector" + string(rune('0'+v))
		XORQ(off, off)
		MOVQ(arg("n", 1), left)
		Label(label)
		body()
		ADDQ(operand.Imm(4*rowLanes), off)
		DECQ(left)
		JNZ(operand.LabelRef(label))
	}
	store := func(y pair) {
		for h, half := range f.narrow(y) {
			VMOVUPS(half, indexed(first, off, v*f.s.bytes()+h*f.s.bytes()/2))
		}
	}
	XORQ(off, off)
	top := f.widened(first, off, v)
	each("largest", func() {
		w := f.widened(first, off, v)
		for h := range w {
			VMAXPD(w[h], top[h], top[h])
		}
	})
	acc := f.zeros()
	each("sum", func() {
		e := f.exp(f.sub(f.widened(first, off, v), top))
		for h := range e {
			VADDPD(e[h], acc[h], acc[h])
		}
		if !log {
			store(e)
		}
	})
	if log {
		sum := f.ln(acc)
		each("result", func() { store(f.sub(f.sub(f.widened(first, off, v), top), sum)) })
		return
	}
	factor := f.narrow(f.div(f.constant(atOne), acc))
	each("result", func() {
		for h := range factor {
			at := indexed(first, off, v*f.s.bytes()+h*f.s.bytes()/2)
			y := f.half()
			VMULPS(at, factor[h], y)
			VMOVUPS(y, at)
		}
	})
}

// zeros are sums before anything is added, of their own.
func (f function) zeros() pair {
	return f.each(func(_ int, v reg.VecVirtual) { VXORPD(v, v, v) })
}

// half is a register for half a vector of float32.
func (f function) half() reg.VecVirtual {
	if f.s.lane == 16 {
		return YMM()
	}
	return XMM()
}

// rowLargest writes the largest of a row.
func rowLargest() {
	const name = "rowLargestAVX2"
	TEXT(name, NOSPLIT, "func(x *float32, blocks int) float32")
	Doc(name+" is the largest of 16*blocks numbers that are any, blocks being at least 1; else no number. See",
		"rowLargestGeneric.")
	Pragma("noescape")
	x := GP64()
	MOVQ(arg("x", 0), x)
	y := YMM()
	VMOVUPS(mem(x, 0), y)
	blocks(1, func(off reg.Register) {
		for h := range 2 { // a NaN leaves the last operand
			v := YMM()
			VMOVUPS(indexed(x, off, 32*h), v)
			VMAXPS(y, v, y)
		}
	})
	a, b := XMM(), XMM()
	VEXTRACTF128(operand.U8(1), y, a)
	VMAXPS(y.AsX(), a, a)
	VPERMILPS(operand.U8(0x4e), a, b)
	VMAXPS(b, a, a)
	VPERMILPS(operand.U8(0xb1), a, b)
	VMAXPS(b, a, a)
	MOVSS(a, result(2))
	VZEROUPPER()
	RET()
}

// transpose writes the packing of columns: blocks of eight by eight.
func transpose() {
	const name = "transposeAVX2"
	TEXT(name, NOSPLIT, "func(dst *float32, bytes int, src *float32, columns *int32, blocks int)")
	Doc(name+" copies src[columns[c]+r] to dst[r*bytes/4+c], for c < 8 and r < 8*blocks, blocks being at",
		"least 1. See transposeGeneric.")
	Pragma("noescape")
	dst, bytes, left := GP64(), GP64(), GP64()
	columns := make([]reg.GPVirtual, 8)
	src, table := GP64(), GP64()
	MOVQ(arg("src", 2), src)
	MOVQ(arg("columns", 3), table)
	for c := range columns {
		columns[c] = GP64()
		MOVLQSX(mem(table, 4*c), columns[c])
		LEAQ(operand.Mem{Base: src, Index: columns[c], Scale: 4}, columns[c])
	}
	MOVQ(arg("dst", 0), dst)
	MOVQ(arg("bytes", 1), bytes)
	MOVQ(arg("blocks", 4), left)
	Label("block")
	in, out := make([]reg.VecVirtual, 8), make([]reg.VecVirtual, 8)
	for c := range in {
		in[c] = YMM()
		VMOVUPS(mem(columns[c], 0), in[c])
		ADDQ(operand.Imm(32), columns[c])
	}
	for i := 0; i < 8; i += 2 { // pairs of columns
		out[i], out[i+1] = YMM(), YMM()
		VUNPCKLPS(in[i+1], in[i], out[i])
		VUNPCKHPS(in[i+1], in[i], out[i+1])
	}
	for i := 0; i < 8; i += 4 { // fours
		for k := range 2 {
			in[i+2*k], in[i+2*k+1] = YMM(), YMM()
			VUNPCKLPD(out[i+2+k], out[i+k], in[i+2*k])
			VUNPCKHPD(out[i+2+k], out[i+k], in[i+2*k+1])
		}
	}
	for r := range 8 {
		v := YMM()
		VPERM2F128(operand.U8(0x20+0x11*(r/4)), in[r%4+4], in[r%4], v)
		VMOVUPS(v, mem(dst, 0))
		ADDQ(bytes, dst)
	}
	DECQ(left)
	JNZ(operand.LabelRef("block"))
	VZEROUPPER()
	RET()
}
