package main

import (
	"fmt"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The places of a function's table, as in package asm.
const (
	atP0       = 0
	atP1       = 1
	atOne      = 2
	atSign     = 3
	atLog2E    = 4
	atRound    = 5
	atLn2      = 6
	atExp      = 7
	expTerms   = 6
	atLeast    = atExp + expTerms
	atMost     = atLeast + 1
	atLowest   = atMost + 1
	atHighest  = atLowest + 1
	atOwn      = atHighest + 1
	atTail     = atOwn + 11
	aboveTerms = 5
	belowTerms = 6 // of the polynomial below the line

	atanhTerms = 7
	atSingle   = atTail + aboveTerms + belowTerms + 1 // of the functions in float32
	atWide     = (atSingle + (at32Units+2)/2 + 3) / 4 * 4
)

// pair is a vector of float32 widened to float64: its lower and its upper half. With
// registers enough it is two vectors, of which one is computed while the other waits.
// Constants of AVX2 are whole vectors in memory, not in registers.
type pair []operand.Op

// function writes code for a function of single elements: each method is one
// operation on a pair, or one that functions share. They stand for the same names in
// package asm's pointwise_generic.go.
type function struct {
	s      isa
	table  reg.Register
	halves int                    // of a pair
	kept   map[int]reg.VecVirtual // constants that lie in registers
}

func (f function) wide() reg.VecVirtual { return f.s.vec() }

// vec is any register for a vector.
func (s isa) vec() reg.VecVirtual {
	if s.lane == 16 {
		return ZMM()
	}
	return YMM()
}

func (f function) each(op func(h int, to reg.VecVirtual)) pair {
	p := make(pair, f.halves)
	for h := range p {
		v := f.wide()
		op(h, v)
		p[h] = v
	}
	return p
}

// same is a pair of the same numbers.
func (f function) same(v operand.Op) pair { return slices.Repeat(pair{v}, f.halves) }

// constant is the table's number i in all lanes.
func (f function) constant(i int) pair {
	if v, ok := f.kept[i]; ok {
		return f.same(v)
	}
	if f.s.lane != 16 {
		return f.same(mem(f.table, 8*atWide+32*i))
	}
	v := f.wide()
	VBROADCASTSD(mem(f.table, 8*i), v)
	return f.same(v)
}

// loaded is v in registers.
func (s isa) loaded(v pair) pair {
	if _, ok := v[0].(operand.Mem); !ok {
		return v
	}
	to := s.vec()
	VMOVUPS(v[0], to)
	return slices.Repeat(pair{to}, len(v))
}

// inMemoryLast gives the operands of a sum or a product in the order in which the second one
// may lie in memory.
func inMemoryLast(a, b pair) (first, second pair) {
	if _, ok := a[0].(operand.Mem); ok {
		return b, a
	}
	return a, b
}

func (f function) add(a, b pair) pair {
	a, b = inMemoryLast(a, b)
	return f.each(func(h int, to reg.VecVirtual) { VADDPD(b[h], a[h], to) })
}

func (f function) sub(a, b pair) pair {
	a = f.s.loaded(a)
	return f.each(func(h int, to reg.VecVirtual) { VSUBPD(b[h], a[h], to) })
}

func (f function) mul(a, b pair) pair {
	a, b = inMemoryLast(a, b)
	return f.each(func(h int, to reg.VecVirtual) { VMULPD(b[h], a[h], to) })
}

func (f function) div(a, b pair) pair {
	a = f.s.loaded(a)
	return f.each(func(h int, to reg.VecVirtual) { VDIVPD(b[h], a[h], to) })
}

// fma is a*b + c.
func (f function) fma(a, b, c pair) pair {
	a, b = inMemoryLast(a, b)
	return f.each(func(h int, to reg.VecVirtual) {
		move(VMOVAPD, c[h], to)
		VFMADD231PD(b[h], a[h], to)
	})
}

// move copies what lies in memory, or in a register by the instruction for that.
func move(register func(...operand.Op), from operand.Op, to reg.VecVirtual) {
	if _, ok := from.(operand.Mem); ok {
		VMOVUPS(from, to)
		return
	}
	register(from, to)
}

// atMost and atLeast bound v; a NaN stays.
func (f function) atMost(v, most pair) pair {
	most = f.s.loaded(most)
	return f.each(func(h int, to reg.VecVirtual) { VMINPD(v[h], most[h], to) })
}

func (f function) atLeast(v, least pair) pair {
	least = f.s.loaded(least)
	return f.each(func(h int, to reg.VecVirtual) { VMAXPD(v[h], least[h], to) })
}

func (f function) zero() pair {
	v := f.wide()
	VXORPD(v, v, v)
	return f.same(v)
}

func (f function) neg(v pair) pair {
	sign := f.constant(atSign)
	v = f.s.loaded(v)
	return f.each(func(h int, to reg.VecVirtual) { VXORPD(sign[h], v[h], to) })
}

func (f function) abs(v pair) pair {
	sign := f.s.loaded(f.constant(atSign))
	return f.each(func(h int, to reg.VecVirtual) { VANDNPD(v[h], sign[h], to) })
}

// signed is v, which is not negative, with the sign of x.
func (f function) signed(v, x pair) pair {
	sign := f.constant(atSign)
	return f.each(func(h int, to reg.VecVirtual) {
		VANDPD(sign[h], x[h], to)
		VORPD(v[h], to, to)
	})
}

// bySign is below where x has the sign of negative numbers, else above.
func (f function) bySign(x, below, above pair) pair {
	above = f.s.loaded(above)
	return f.each(func(h int, to reg.VecVirtual) {
		if f.s.lane == 16 {
			k := K()
			VPMOVQ2M(x[h], k)
			VBLENDMPD(below[h], above[h], k, to)
			return
		}
		VBLENDVPD(x[h], below[h], above[h], to)
	})
}

// less is yes where a < b, else no.
func (f function) less(a, b, yes, no pair) pair {
	const lessThan = operand.U8(1)
	a, no = f.s.loaded(a), f.s.loaded(no)
	return f.each(func(h int, to reg.VecVirtual) {
		if f.s.lane == 16 {
			k := K()
			VCMPPD(lessThan, b[h], a[h], k)
			VBLENDMPD(yes[h], no[h], k, to)
			return
		}
		VCMPPD(lessThan, b[h], a[h], to)
		VBLENDVPD(to, yes[h], no[h], to)
	})
}

func (f function) horner(x pair, first, n int) pair {
	p := f.each(func(_ int, to reg.VecVirtual) {
		if f.s.lane == 16 {
			VBROADCASTSD(mem(f.table, 8*first), to)
			return
		}
		move(VMOVAPD, f.constant(first)[0], to)
	})
	for i := 1; i < n; i++ {
		c := f.constant(first + i)
		for h := range p {
			VFMADD213PD(c[h], x[h], p[h])
		}
	}
	return p
}

func (f function) finite(x pair) pair {
	return f.atMost(f.atLeast(x, f.constant(atLowest)), f.constant(atHighest))
}

// reduced overwrites x.
func (f function) reduced(x pair) (n, rest pair) {
	n = f.fma(x, f.constant(atLog2E), f.constant(atRound))
	k := f.sub(n, f.constant(atRound))
	ln2 := f.constant(atLn2)
	for h := range x {
		VFNMADD231PD(ln2[h], k[h], x[h]) // x is r now
	}
	return n, f.mul(f.horner(x, atExp, expTerms), x)
}

// times2 adds n to the exponent of v.
func (f function) times2(n, v pair) pair {
	return f.each(func(h int, to reg.VecVirtual) {
		VPSLLQ(operand.U8(52), n[h], to)
		VPADDQ(v[h], to, to)
	})
}

func (f function) power(x pair) (two, rest pair) {
	n, rest := f.reduced(f.atMost(f.atLeast(x, f.constant(atLeast)), f.constant(atMost)))
	return f.times2(n, f.constant(atOne)), rest
}

func (f function) exp(x pair) pair {
	two, rest := f.power(x)
	return f.fma(two, rest, two)
}

func (f function) logistic(v, x pair) pair {
	return f.div(v, f.add(f.exp(f.neg(x)), f.constant(atOne)))
}

func (f function) lessOne(x pair) pair {
	two, rest := f.power(x)
	return f.fma(two, rest, f.sub(two, f.constant(atOne)))
}

func (f function) ln(x pair) pair {
	shift := f.constant(atOwn + 8)
	bits := f.each(func(h int, to reg.VecVirtual) { VPADDQ(shift[h], x[h], to) })
	whole := f.constant(atOwn + 10)
	k := f.each(func(h int, to reg.VecVirtual) {
		VPSRLQ(operand.U8(52), bits[h], to)
		VORPD(whole[h], to, to)
	})
	k = f.sub(k, f.constant(atOwn+11))
	mantissa, least := f.constant(atOwn+9), f.constant(atOwn+7)
	m := f.each(func(h int, to reg.VecVirtual) {
		VANDPD(mantissa[h], bits[h], to)
		VPADDQ(least[h], to, to)
	})
	s := f.div(f.sub(m, f.constant(atOne)), f.add(m, f.constant(atOne)))
	y := f.fma(k, f.constant(atLn2), f.mul(f.horner(f.mul(s, s), atOwn, atanhTerms), s))
	y = f.less(f.constant(atHighest), x, x, f.add(y, f.sub(x, x)))
	return f.less(x, f.constant(atOwn+12), f.constant(atOwn+13), y)
}

func (f function) normalTail(w, z, h pair) pair {
	n, rest := f.reduced(h)
	above := f.mul(f.horner(z, atTail, aboveTerms), w)
	above = f.fma(above, rest, above)
	return f.times2(n, f.div(above, f.horner(z, atTail+aboveTerms, belowTerms)))
}

// functions are those of package asm that are computed in float64.
var functions = []struct {
	name, doc string
	of        func(f function, x pair) pair
}{
	{"exp", "exp(x)", function.exp},
	{"swish", "x / (1 + exp(-P[0]*x))", func(f function, x pair) pair {
		return f.logistic(f.finite(x), f.mul(x, f.constant(atP0)))
	}},
	{"tanh", "tanh(x)", func(f function, x pair) pair {
		e := f.lessOne(f.add(x, x))
		return f.div(e, f.add(e, f.constant(atOwn)))
	}},
	{"erf", "erf(x)", func(f function, x pair) pair {
		near := f.fma(f.horner(f.mul(x, x), atOwn+2, 7), x, x)
		z := f.atMost(f.abs(x), f.constant(atOwn+9))
		tail := f.normalTail(f.constant(atOwn+10), f.mul(z, f.constant(atOwn+1)), f.neg(f.mul(z, z)))
		far := f.signed(f.sub(f.constant(atOne), tail), x)
		return f.less(f.abs(x), f.constant(atOwn), near, far)
	}},
	{"gelu", "x * normal(x)", func(f function, x pair) pair {
		z := f.atMost(f.abs(x), f.constant(atOwn+1))
		tail := f.normalTail(z, z, f.mul(f.mul(z, z), f.constant(atOwn)))
		return f.sub(f.atLeast(x, f.zero()), tail)
	}},
	{"geluTanh", "x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715*x^3)))", func(f function, x pair) pair {
		x = f.atLeast(x, f.neg(f.constant(atOwn+2)))
		v := f.atMost(x, f.constant(atOwn+2))
		n, rest := f.reduced(f.mul(v, f.fma(f.mul(v, v), f.constant(atOwn+1), f.constant(atOwn))))
		two := f.times2(n, f.constant(atOne))
		return f.div(x, f.add(f.fma(two, rest, two), f.constant(atOne)))
	}},
	{"mish", "x * tanh(log(1 + exp(x)))", func(f function, x pair) pair {
		e := f.exp(x)
		n := f.mul(e, f.add(e, f.constant(atOwn)))
		return f.mul(f.finite(x), f.div(n, f.add(n, f.constant(atOwn))))
	}},
	{"elu", "P[0]*(exp(x)-1) if x is negative, else P[1]*x", func(f function, x pair) pair {
		return f.bySign(x, f.mul(f.lessOne(x), f.constant(atP0)), f.mul(x, f.constant(atP1)))
	}},
	{"log", "log(x)", func(f function, x pair) pair {
		return f.less(x, f.zero(), f.constant(atOwn+14), f.ln(x))
	}},
	{"softplus", "log(1 + exp(x))", func(f function, x pair) pair {
		e := f.exp(f.neg(f.abs(x)))
		s := f.div(e, f.add(e, f.constant(atOwn+atanhTerms)))
		return f.fma(f.horner(f.mul(s, s), atOwn, atanhTerms), s, f.atLeast(x, f.zero()))
	}},
	{"celu", "P[0]*(exp(P[1]*x)-1) if x is negative, else x", func(f function, x pair) pair {
		return f.bySign(x, f.mul(f.lessOne(f.mul(x, f.constant(atP1))), f.constant(atP0)), x)
	}},
	{"pow", "|x|^P[0], times P[1] if x < 0", func(f function, x pair) pair {
		y := f.exp(f.mul(f.ln(f.abs(x)), f.constant(atP0)))
		return f.mul(y, f.less(x, f.zero(), f.constant(atP1), f.constant(atOne)))
	}},
	{"sqrt", "sqrt(x)", func(f function, x pair) pair {
		return f.each(func(h int, to reg.VecVirtual) { VSQRTPD(x[h], to) })
	}},
	{"reciprocal", "1 / x", func(f function, x pair) pair { return f.div(f.constant(atOne), x) }},
}

// byTwo are the functions for which there are registers enough for two vectors at a time, of
// AVX-512 and of AVX2.
var byTwo = map[string]struct{ avx512, avx2 bool }{
	"gelu": {true, false}, "exp": {true, true}, "tanh": {true, true}, "geluTanh": {true, false}, "mish": {true, false},
}

// keptOf are constants that AVX2 keeps in registers, which reads the others where they lie.
var keptOf = map[string][]int{
	"geluTanh": {atRound, atOne, atOwn + 2}, "mish": {atRound, atOne, atLeast, atMost, atLog2E, atLn2},
}

// pointwise writes the functions of single elements.
func pointwise(s isa) {
	for _, fn := range functions {
		pointwiseFunction(s, fn.name, fn.doc, fn.of)
	}
	for _, fn := range singles {
		singleFunction(s, fn.name, fn.doc, fn.constants, fn.kept, fn.of)
	}
}

func pointwiseFunction(s isa, name, doc string, of func(f function, x pair) pair) {
	elementLoop(s, name, doc, "float64 (see pointwise_generic.go", func(table reg.Register) elements {
		kept := map[int]reg.VecVirtual{}
		if s.lane != 16 {
			f := function{s: s, table: table, halves: 1}
			for _, i := range keptOf[name] {
				kept[i] = s.loaded(f.constant(i))[0].(reg.VecVirtual)
			}
		}
		vectors := func(n int) func(from, to, off reg.Register) {
			return func(from, to, off reg.Register) {
				f := function{s, table, 2 * n, kept}
				y := of(f, f.each(func(h int, v reg.VecVirtual) { VCVTPS2PD(indexed(from, off, h*s.bytes()/2), v) }))
				for h, half := range f.narrow(y) {
					VMOVUPS(half, indexed(to, off, h*s.bytes()/2))
				}
			}
		}
		f := function{s, table, 2, kept}
		e := elements{vector: vectors(1), partial: func(from, to, lanes operand.Mem) { f.partial(of, from, to, lanes) }}
		if s.lane == 16 && byTwo[name].avx512 || s.lane != 16 && byTwo[name].avx2 {
			e.several, e.many = 2, vectors(2)
		}
		return e
	})
}

// elements computes a function of single elements: of several vectors at an offset, of one,
// and of the one of which only the lanes of a mask are there.
type elements struct {
	several int // vectors at a time, if not 0
	many    func(from, to, off reg.Register)
	vector  func(from, to, off reg.Register)
	partial func(from, to, lanes operand.Mem)
}

// elementLoop writes a function of single elements. begin prepares what computes it.
func elementLoop(s isa, name, doc, where string, begin func(table reg.Register) elements) {
	name += s.name
	TEXT(name, NOSPLIT, "func(x, out *float32, bytes int, table *float64, mask *int32)")
	Doc(name+" computes, for each i < bytes/4, in "+where+", whose operations these are):",
		"", "	out[i] = "+doc+" // of x[i]", "",
		fmt.Sprintf("mask holds the lanes of the last, partial vector of %d.", s.lane))
	Pragma("noescape")
	from, to, table, off := reg.R8, reg.R9, reg.R10, reg.RSI
	MOVQ(arg("x", 0), from)
	MOVQ(arg("out", 1), to)
	MOVQ(arg("table", 3), table)
	e := begin(table)
	XORQ(off, off)
	if e.several > 1 {
		manyVectors(s, e.several, arg("bytes", 2), func() { e.many(from, to, off) })
	}
	vectorFrameFrom(s, arg("bytes", 2), arg("mask", 4), func() { e.vector(from, to, off) }, func(lanes operand.Mem) {
		e.partial(indexed(from, off, 0), indexed(to, off, 0), lanes)
	})
}

// narrow rounds all halves to float32.
func (f function) narrow(y pair) []reg.VecVirtual {
	halves := make([]reg.VecVirtual, len(y))
	for h := range y {
		if f.s.lane == 16 {
			halves[h] = YMM()
			VCVTPD2PS(y[h], halves[h])
			continue
		}
		halves[h] = XMM()
		VCVTPD2PSY(y[h], halves[h])
	}
	return halves
}

// partial computes the vector of which only the lanes of the mask are there.
func (f function) partial(of func(f function, x pair) pair, from, to, lanes operand.Mem) {
	one := operand.U8(1)
	if f.s.lane == 16 {
		k, x, upper := K(), ZMM(), YMM()
		VMOVDQU32(lanes, x)
		VPTESTMD(x, x, k)
		VMOVUPS_Z(from, k, x)
		VEXTRACTF32X8(one, x, upper)
		y := f.narrow(of(f, f.each(func(h int, v reg.VecVirtual) { VCVTPS2PD([]reg.Register{x.AsY(), upper}[h], v) })))
		out := ZMM()
		VINSERTF32X8(one, y[1], y[0].AsZ(), out)
		VMOVUPS(out, k, to)
		return
	}
	k, x, upper := YMM(), YMM(), XMM()
	VMOVUPS(lanes, k)
	VMASKMOVPS(from, k, x)
	VEXTRACTF128(one, x, upper)
	y := f.narrow(of(f, f.each(func(h int, v reg.VecVirtual) { VCVTPS2PD([]reg.Register{x.AsX(), upper}[h], v) })))
	out := YMM()
	VINSERTF128(one, y[1], y[0].AsY(), out)
	VMOVUPS(lanes, k)
	VMASKMOVPS(out, k, to)
}
