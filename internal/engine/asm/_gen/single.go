package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The places of the constants of functions in float32, as in package asm.
const (
	at32P0      = 0
	at32P0Rest  = 1
	at32P1      = 2
	at32P1Rest  = 3
	at32One     = 4
	at32Log2E   = 5
	at32Round   = 6
	at32Ln2     = 7
	at32Ln2Rest = 8
	at32Exp     = 9
	exp32Terms  = 5
	at32Least   = at32Exp + exp32Terms
	at32Most    = at32Least + 1
	at32Low     = at32Most + 1
	at32Scale   = at32Low + 1
	at32Sign    = at32Scale + 1
	at32Largest = at32Sign + 1
	at32Tiny    = at32Largest + 1
	at32Units   = at32Tiny + 1
)

// single writes code for a function of single elements in float32: each method is one
// operation, or one that functions share. They stand for those of package asm's
// single.go.
type single struct {
	s     isa
	table reg.Register
	kept  map[int]reg.VecVirtual // constants that lie in registers

	labels *int // that the function has
}

func (f single) vec() reg.VecVirtual {
	if f.s.lane == 16 {
		return ZMM()
	}
	return YMM()
}

// constant is number i of the table in all lanes.
func (f single) constant(i int) reg.VecVirtual {
	if v, ok := f.kept[i]; ok {
		return v
	}
	v := f.vec()
	VBROADCASTSS(mem(f.table, 8*atSingle+4*i), v)
	return v
}

func (f single) op(do func(...operand.Op), b, a reg.VecVirtual) reg.VecVirtual {
	to := f.vec()
	do(b, a, to)
	return to
}

// fma is a*b + c.
func (f single) fma(a, b, c reg.VecVirtual) reg.VecVirtual {
	to := f.vec()
	VMOVAPS(c, to)
	VFMADD231PS(b, a, to)
	return to
}

// atMost and atLeast bound v; a NaN stays.
func (f single) atMost(v, most reg.VecVirtual) reg.VecVirtual   { return f.op(VMINPS, v, most) }
func (f single) atLeast(v, least reg.VecVirtual) reg.VecVirtual { return f.op(VMAXPS, v, least) }

func (f single) zero() reg.VecVirtual {
	v := f.vec()
	VXORPS(v, v, v)
	return v
}

// pick is yes where a and b compare so, else no.
func (f single) pick(predicate operand.U8, a, b, yes, no reg.VecVirtual) reg.VecVirtual {
	to := f.vec()
	if f.s.lane == 16 {
		k := K()
		VCMPPS(predicate, b, a, k)
		VBLENDMPS(yes, no, k, to)
		return to
	}
	VCMPPS(predicate, b, a, to)
	VBLENDVPS(to, yes, no, to)
	return to
}

const (
	lessThan = operand.U8(1)
	notAbove = operand.U8(2)
)

func (f single) logistic(v, x reg.VecVirtual) reg.VecVirtual {
	n := f.fma(x, f.constant(at32Log2E), f.constant(at32Round))
	k := f.op(VSUBPS, f.constant(at32Round), n)
	r := f.fma(k, f.constant(at32Ln2Rest), f.fma(k, f.constant(at32Ln2), x))
	u := f.vec()
	VMOVAPS(f.constant(at32Exp), u)
	for i := 1; i < exp32Terms; i++ {
		VFMADD213PS(f.constant(at32Exp+i), r, u)
	}
	rest := f.op(VMULPS, r, r)
	VFMSUB213PS(r, u, rest)
	divisor := func(scale reg.VecVirtual) reg.VecVirtual {
		VPSLLD(operand.U8(23), n, n)
		VPADDD(scale, n, n)
		VFMADD213PS(scale, n, rest)
		VADDPS(n, rest, rest)
		return rest
	}
	if f.s.lane == 16 {
		low, scale := K(), f.vec()
		VCMPPS(lessThan, f.constant(at32Low), x, low)
		VBLENDMPS(f.constant(at32Scale), f.constant(at32One), low, scale)
		quotient := f.op(VDIVPS, divisor(scale), v)
		f.scaled(quotient, scale, low)
		return quotient
	}
	scale := f.pick(lessThan, x, f.constant(at32Low), f.constant(at32Scale), f.constant(at32One))
	d := divisor(scale)
	again := f.pick(notAbove, x, f.constant(at32Least), f.zero(), scale)
	return f.op(VMULPS, again, f.op(VDIVPS, d, v))
}

// scaled multiplies the quotients in lanes low by at32Scale, which is scale there and 1
// elsewhere, without a product: one that gives a denormal number takes seventy cycles. The scale comes off
// the exponent; what has none left is counted in units of the least denormal
// number, and rounded so.
func (f single) scaled(quotient, scale reg.VecVirtual, low reg.OpmaskVirtual) {
	*f.labels++
	end := fmt.Sprintf("scaled%d", *f.labels)
	KORTESTW(low, low)
	JZ(operand.LabelRef(end))
	sign, tiny := f.constant(at32Sign), K()
	size, units := f.op(VANDNPS, quotient, sign), f.vec()
	VCMPPS(lessThan, f.constant(at32Tiny), size, low, tiny)
	VANDPS(quotient, sign, sign)
	VPADDD(scale, quotient, quotient)
	VPSUBD(f.constant(at32One), quotient, quotient)
	VMULPS_Z(f.constant(at32Units), size, tiny, units)
	VCVTPS2DQ(units, units)
	VPORD(sign, units, tiny, quotient)
	Label(end)
}

func (f single) line(x reg.VecVirtual) reg.VecVirtual {
	v := f.op(VADDPS, f.fma(x, f.constant(at32P0Rest), f.constant(at32P1Rest)), f.fma(x, f.constant(at32P0), f.constant(at32P1)))
	return f.atMost(f.atLeast(v, f.zero()), f.constant(at32One))
}

// unlessZero is a*b, but 0 where a is, whatever b.
func (f single) unlessZero(a, b reg.VecVirtual) reg.VecVirtual {
	const notEqual = operand.U8(4) // or unordered
	zero, to := f.zero(), f.vec()
	if f.s.lane == 16 {
		k := K()
		VCMPPS(notEqual, zero, a, k)
		VMULPS_Z(b, a, k, to)
		return to
	}
	VCMPPS(notEqual, zero, a, zero)
	VMULPS(b, a, to)
	VANDPS(zero, to, to)
	return to
}

// ofLogistic and ofLine are the constants of those.
var (
	ofLogistic = []int{at32One, at32Log2E, at32Round, at32Ln2, at32Ln2Rest, at32Exp, at32Exp + 1, at32Exp + 2, at32Exp + 3, at32Exp + 4, at32Least, at32Most, at32Low, at32Scale}
	ofLine     = []int{at32P0, at32P0Rest, at32P1, at32P1Rest, at32One}
)

// singles are the functions of package asm that are computed in float32.
var singles = []struct {
	name, doc string
	constants []int
	of        func(f single, x reg.VecVirtual) reg.VecVirtual
}{
	{"sigmoid", "1 / (1 + exp(-x))", ofLogistic, func(f single, x reg.VecVirtual) reg.VecVirtual {
		return f.logistic(f.constant(at32One), f.atMost(f.atLeast(x, f.constant(at32Least)), f.constant(at32Most)))
	}},
	{"silu", "x / (1 + exp(-x))", ofLogistic, func(f single, x reg.VecVirtual) reg.VecVirtual {
		v := f.atLeast(x, f.constant(at32Least))
		return f.logistic(v, f.atMost(v, f.constant(at32Most)))
	}},
	{"hardSigmoid", "min(max(0, P[0]*x+P[1]), 1)", ofLine, single.line},
	{"hardSwish", "x * min(max(0, P[0]*x+P[1]), 1)", ofLine, func(f single, x reg.VecVirtual) reg.VecVirtual {
		return f.unlessZero(f.line(x), x)
	}},
	{"leakyRelu", "P[0]*x if x is negative, else x", []int{at32P0}, func(f single, x reg.VecVirtual) reg.VecVirtual {
		y := f.op(VMULPS, f.constant(at32P0), x)
		if f.s.lane == 16 {
			k := K()
			VPMOVD2M(x, k)
			VBLENDMPS(y, x, k, y)
			return y
		}
		VBLENDVPS(x, y, x, y)
		return y
	}},
	{"abs", "|x|", []int{at32Sign}, func(f single, x reg.VecVirtual) reg.VecVirtual { return f.op(VANDNPS, x, f.constant(at32Sign)) }},
	{"neg", "-x", []int{at32Sign}, func(f single, x reg.VecVirtual) reg.VecVirtual { return f.op(VXORPS, f.constant(at32Sign), x) }},
	{"softsign", "x / (1 + |x|)", []int{at32Sign, at32Largest, at32One}, func(f single, x reg.VecVirtual) reg.VecVirtual {
		least := f.op(VXORPS, f.constant(at32Sign), f.constant(at32Largest))
		v := f.atMost(f.atLeast(x, least), f.constant(at32Largest))
		return f.op(VDIVPS, f.op(VADDPS, f.constant(at32One), f.op(VANDNPS, v, f.constant(at32Sign))), v)
	}},
	{"square", "x * x", nil, func(f single, x reg.VecVirtual) reg.VecVirtual { return f.op(VMULPS, x, x) }},
}

func singleFunction(s isa, name, doc string, constants []int, of func(f single, x reg.VecVirtual) reg.VecVirtual) {
	elementLoop(s, name, doc, "float32 (see single.go", func(table reg.Register) elements {
		f := single{s, table, map[int]reg.VecVirtual{}, new(int)}
		if s.lane == 16 { // there are registers enough
			for _, i := range constants {
				f.kept[i] = f.constant(i)
			}
		}
		return elements{
			vector: func(from, to, off reg.Register) {
				x := f.vec()
				VMOVUPS(indexed(from, off, 0), x)
				VMOVUPS(of(f, x), indexed(to, off, 0))
			},
			partial: func(from, to, lanes operand.Mem) { f.partial(of, from, to, lanes) },
		}
	})
}

// partial computes the vector of which only the lanes of the mask are there.
func (f single) partial(of func(f single, x reg.VecVirtual) reg.VecVirtual, from, to, lanes operand.Mem) {
	x, m := f.vec(), f.vec()
	if f.s.lane == 16 {
		k := K()
		VMOVDQU32(lanes, m)
		VPTESTMD(m, m, k)
		VMOVUPS_Z(from, k, x)
		VMOVUPS(of(f, x), k, to)
		return
	}
	VMOVUPS(lanes, m)
	VMASKMOVPS(from, m, x)
	y := of(f, x)
	VMOVUPS(lanes, m)
	VMASKMOVPS(y, m, to)
}
