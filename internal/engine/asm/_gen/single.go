package main

import (
	"fmt"
	"slices"

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
// operation on some vectors, or one that functions share. They stand for those of package
// asm's single.go.
type single struct {
	s     isa
	table reg.Register
	kept  map[int]reg.VecVirtual // constants that lie in registers
	n     int                    // vectors at a time: one is computed while others wait

	labels *int // that the function has
}

func (f single) vec() reg.VecVirtual { return f.s.vec() }

func (f single) each(op func(i int, to reg.VecVirtual)) pair {
	return function{s: f.s, halves: f.n}.each(op)
}

// constant is number i of the table in all lanes.
func (f single) constant(i int) pair {
	if v, ok := f.kept[i]; ok {
		return f.same(v)
	}
	if f.s.lane != 16 {
		return f.same(mem(f.table, 8*atWide+32*i))
	}
	v := f.vec()
	VBROADCASTSS(mem(f.table, 8*atSingle+4*i), v)
	return f.same(v)
}

func (f single) same(v operand.Op) pair { return slices.Repeat(pair{v}, f.n) }

// op is an instruction whose second operand may not lie in memory.
func (f single) op(do func(...operand.Op), b, a pair) pair {
	a = f.s.loaded(a)
	return f.each(func(i int, to reg.VecVirtual) { do(b[i], a[i], to) })
}

// fma is a*b + c.
func (f single) fma(a, b, c pair) pair {
	a, b = inMemoryLast(a, b)
	return f.each(func(i int, to reg.VecVirtual) {
		move(VMOVAPS, c[i], to)
		VFMADD231PS(b[i], a[i], to)
	})
}

// plus is a*b + c, and may be c's register.
func (f single) plus(a, b, c pair) pair {
	if f.s.lane == 16 {
		return f.fma(a, b, c)
	}
	for i := range c {
		VFMADD231PS(b[i], a[i], c[i])
	}
	return c
}

// atMost and atLeast bound v; a NaN stays.
func (f single) atMost(v, most pair) pair   { return f.op(VMINPS, v, most) }
func (f single) atLeast(v, least pair) pair { return f.op(VMAXPS, v, least) }

func (f single) zero() pair {
	v := f.vec()
	VXORPS(v, v, v)
	return f.same(v)
}

const (
	lessThan = operand.U8(1)
	notAbove = operand.U8(2)
)

func (f single) logistic(v, x pair) pair {
	n := f.fma(x, f.constant(at32Log2E), f.constant(at32Round))
	k := f.op(VSUBPS, f.constant(at32Round), n)
	r := f.plus(k, f.constant(at32Ln2Rest), f.fma(k, f.constant(at32Ln2), x))
	highest := f.constant(at32Exp)
	u := f.each(func(i int, to reg.VecVirtual) { move(VMOVAPS, highest[i], to) })
	for t := 1; t < exp32Terms; t++ {
		c := f.constant(at32Exp + t)
		for i := range u {
			VFMADD213PS(c[i], r[i], u[i])
		}
	}
	rest := f.op(VMULPS, r, r)
	for i := range rest {
		VFMSUB213PS(r[i], u[i], rest[i])
	}
	divisor := func(scale pair) pair {
		for i := range rest {
			VPSLLD(operand.U8(23), n[i], n[i])
			VPADDD(scale[i], n[i], n[i])
			VFMADD213PS(scale[i], n[i], rest[i])
			VADDPS(n[i], rest[i], rest[i])
		}
		return rest
	}
	if f.s.lane == 16 {
		low, scale := K(), f.vec()
		VCMPPS(lessThan, f.constant(at32Low)[0], x[0], low)
		VBLENDMPS(f.constant(at32Scale)[0], f.constant(at32One)[0], low, scale)
		quotient := f.op(VDIVPS, divisor(pair{scale}), v)
		f.scaled(quotient[0].(reg.VecVirtual), scale, low)
		return quotient
	}
	low, scale, one := f.constant(at32Low), f.constant(at32Scale), f.s.loaded(f.constant(at32One))
	scales := f.each(func(i int, to reg.VecVirtual) {
		VCMPPS(lessThan, low[i], x[i], to)
		VBLENDVPS(to, scale[i], one[i], to)
	})
	d := divisor(scales)
	least := f.constant(at32Least)
	again := f.each(func(i int, to reg.VecVirtual) {
		VCMPPS(notAbove, least[i], x[i], to)
		VANDNPS(scales[i], to, to)
	})
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
	sign, tiny := f.constant(at32Sign)[0], K()
	size, units := f.op(VANDNPS, pair{quotient}, pair{sign})[0], f.vec()
	VCMPPS(lessThan, f.constant(at32Tiny)[0], size, low, tiny)
	VANDPS(quotient, sign, sign)
	VPADDD(scale, quotient, quotient)
	VPSUBD(f.constant(at32One)[0], quotient, quotient)
	VMULPS_Z(f.constant(at32Units)[0], size, tiny, units)
	VCVTPS2DQ(units, units)
	VPORD(sign, units, tiny, quotient)
	Label(end)
}

func (f single) line(x pair) pair {
	rest := f.fma(x, f.constant(at32P0Rest), f.constant(at32P1Rest))
	v := f.op(VADDPS, rest, f.fma(x, f.constant(at32P0), f.constant(at32P1)))
	return f.atMost(f.atLeast(v, f.zero()), f.constant(at32One))
}

// unlessZero is a*b, but 0 where a is, whatever b.
func (f single) unlessZero(a, b pair) pair {
	const notEqual = operand.U8(4) // or unordered
	zero := f.zero()
	return f.each(func(i int, to reg.VecVirtual) {
		if f.s.lane == 16 {
			k := K()
			VCMPPS(notEqual, zero[i], a[i], k)
			VMULPS_Z(b[i], a[i], k, to)
			return
		}
		there := f.vec()
		VCMPPS(notEqual, zero[i], a[i], there)
		VMULPS(b[i], a[i], to)
		VANDPS(there, to, to)
	})
}

// ofLogistic and ofLine are the constants of those, keptOfLogistic what is read most often.
var (
	keptOfLogistic = []int{at32Least, at32Round, at32One}
	ofLogistic     = []int{at32One, at32Log2E, at32Round, at32Ln2, at32Ln2Rest, at32Exp, at32Exp + 1, at32Exp + 2, at32Exp + 3, at32Exp + 4, at32Least, at32Most, at32Low, at32Scale}
	ofLine         = []int{at32P0, at32P0Rest, at32P1, at32P1Rest, at32One}
)

// singles are the functions of package asm that are computed in float32.
var singles = []struct {
	name, doc string
	constants []int // which AVX-512 keeps in registers
	kept      []int // those that AVX2 keeps, which reads the others where they lie
	of        func(f single, x pair) pair
}{
	{"sigmoid", "1 / (1 + exp(-x))", ofLogistic, keptOfLogistic, func(f single, x pair) pair {
		return f.logistic(f.constant(at32One), f.atMost(f.atLeast(x, f.constant(at32Least)), f.constant(at32Most)))
	}},
	{"silu", "x / (1 + exp(-x))", ofLogistic, keptOfLogistic, func(f single, x pair) pair {
		v := f.atLeast(x, f.constant(at32Least))
		return f.logistic(v, f.atMost(v, f.constant(at32Most)))
	}},
	{"hardSigmoid", "min(max(0, P[0]*x+P[1]), 1)", ofLine, ofLine, single.line},
	{"hardSwish", "x * min(max(0, P[0]*x+P[1]), 1)", ofLine, ofLine, func(f single, x pair) pair {
		return f.unlessZero(f.line(x), x)
	}},
	{"leakyRelu", "P[0]*x if x is negative, else x", []int{at32P0}, []int{at32P0}, func(f single, x pair) pair {
		y := f.op(VMULPS, f.constant(at32P0), x)
		for i := range y {
			if f.s.lane == 16 {
				k := K()
				VPMOVD2M(x[i], k)
				VBLENDMPS(y[i], x[i], k, y[i])
				continue
			}
			VBLENDVPS(x[i], y[i], x[i], y[i])
		}
		return y
	}},
	{"abs", "|x|", []int{at32Sign}, []int{at32Sign}, func(f single, x pair) pair { return f.op(VANDNPS, x, f.constant(at32Sign)) }},
	{"neg", "-x", []int{at32Sign}, []int{at32Sign}, func(f single, x pair) pair { return f.op(VXORPS, f.constant(at32Sign), x) }},
	{"softsign", "x / (1 + |x|)", []int{at32Sign, at32Largest, at32One}, []int{at32Sign, at32Largest, at32One}, func(f single, x pair) pair {
		least := f.op(VXORPS, f.constant(at32Sign), f.constant(at32Largest))
		v := f.atMost(f.atLeast(x, least), f.constant(at32Largest))
		return f.op(VDIVPS, f.op(VADDPS, f.constant(at32One), f.op(VANDNPS, v, f.constant(at32Sign))), v)
	}},
	{"square", "x * x", nil, nil, func(f single, x pair) pair { return f.op(VMULPS, x, x) }},
}

func singleFunction(s isa, name, doc string, constants, kept []int, of func(f single, x pair) pair) {
	elementLoop(s, name, doc, "float32 (see single.go", func(table reg.Register) elements {
		f := single{s, table, map[int]reg.VecVirtual{}, 1, new(int)}
		if s.lane != 16 { // there are not registers enough for all
			constants = kept
		}
		for _, i := range constants {
			v := f.constant(i)
			f.kept[i] = s.loaded(v)[0].(reg.VecVirtual)
		}
		vectors := func(n int) func(from, to, off reg.Register) {
			f := f
			f.n = n
			return func(from, to, off reg.Register) {
				x := f.each(func(i int, v reg.VecVirtual) { VMOVUPS(indexed(from, off, i*s.bytes()), v) })
				for i, y := range of(f, x) {
					VMOVUPS(y, indexed(to, off, i*s.bytes()))
				}
			}
		}
		e := elements{vector: vectors(1), partial: func(from, to, lanes operand.Mem) { f.partial(of, from, to, lanes) }}
		if s.lane != 16 {
			e.several, e.many = singlesAtOnce, vectors(singlesAtOnce)
		}
		return e
	})
}

const singlesAtOnce = 2

// partial computes the vector of which only the lanes of the mask are there.
func (f single) partial(of func(f single, x pair) pair, from, to, lanes operand.Mem) {
	x, m := f.vec(), f.vec()
	if f.s.lane == 16 {
		k := K()
		VMOVDQU32(lanes, m)
		VPTESTMD(m, m, k)
		VMOVUPS_Z(from, k, x)
		VMOVUPS(of(f, pair{x})[0], k, to)
		return
	}
	VMOVUPS(lanes, m)
	VMASKMOVPS(from, m, x)
	y := of(f, pair{x})[0]
	VMOVUPS(lanes, m)
	VMASKMOVPS(y, m, to)
}
