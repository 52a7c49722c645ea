package asm

import (
	"fmt"
	"math"
	"unsafe"
)

// Arithmetic is an operation on two operands.
type Arithmetic int

// The operations. The extremes are NaN where an operand is; of two zeros they give
// the second.
const (
	Sum            Arithmetic = iota // a + b
	Difference                       // a - b
	DifferenceFrom                   // b - a
	Product                          // a * b
	Quotient                         // a / b
	QuotientOf                       // b / a
	Larger                           // a or b
	Smaller                          // a or b
	Slope                            // a * b where a < 0, else a
	Equal                            // 1 where a == b, else 0; so the others
	Less                             // a < b
	LessOrEqual                      // a <= b
	Greater                          // a > b
	GreaterOrEqual                   // a >= b
	arithmetics
)

// Swapped is the operation with the operands exchanged; false if it has none.
func (o Arithmetic) Swapped() (Arithmetic, bool) {
	switch o {
	case Difference:
		return DifferenceFrom, true
	case DifferenceFrom:
		return Difference, true
	case Quotient:
		return QuotientOf, true
	case QuotientOf:
		return Quotient, true
	case Less:
		return Greater, true
	case LessOrEqual:
		return GreaterOrEqual, true
	case Greater:
		return Less, true
	case GreaterOrEqual:
		return LessOrEqual, true
	case Slope:
		return o, false
	}
	return o, true
}

// arithmeticKernel computes n pixels of bytes/4 channels; the second operand's next
// pixel is step bytes further.
type arithmeticKernel func(a, b, out *float32, n, step, bytes int, mask *int32)

// arithmeticKernels are the kernels of one operation: with a row of channels as
// second operand, and with a number.
type arithmeticKernels struct{ rows, number arithmeticKernel }

// Combine computes, for n pixels of some channels, out = a op b: b's next pixel is step
// elements further, 0 for the same again, and if number it is one number for all
// channels. out may be a, and b where the two lie alike.
func (k *Kernels) Combine(o Arithmetic, a, b, out []float32, n, step, channels int, number bool) {
	need := (n - 1) * step
	if number {
		need++
	} else {
		need += channels
	}
	if n < 1 || step < 0 || channels < 1 || len(a) < n*channels || len(out) < n*channels || len(b) < need {
		panic(fmt.Sprintf("asm: Combine of %d and %d into %d: %d pixels of %d channels, step %d", len(a), len(b), len(out), n, channels, step))
	}
	run := k.arithmetic[o].rows
	if number {
		run = k.arithmetic[o].number
	}
	run(&a[0], &b[0], &out[0], n, 4*step, 4*channels, k.tail(channels))
}

// combine computes an operation on rows of numbers; b's next number is step bytes further,
// 0 for the same again.
func combine(o Arithmetic, a []float32, b *float32, to []float32, step int) {
	switch o {
	case Sum:
		sums(a, b, to, step)
	case Difference:
		each(a, b, to, step, func(a, b float32) float32 { return a - b })
	case DifferenceFrom:
		each(a, b, to, step, func(a, b float32) float32 { return b - a })
	case Product:
		each(a, b, to, step, func(a, b float32) float32 { return a * b })
	case Quotient:
		each(a, b, to, step, func(a, b float32) float32 { return a / b })
	case QuotientOf:
		each(a, b, to, step, func(a, b float32) float32 { return b / a })
	case Larger:
		extremes(a, b, to, step, false)
	case Smaller:
		extremes(a, b, to, step, true)
	case Slope:
		each(a, b, to, step, slope)
	case Equal:
		each(a, b, to, step, equal)
	case Less:
		each(a, b, to, step, less)
	case LessOrEqual:
		each(a, b, to, step, lessOrEqual)
	case Greater:
		each(a, b, to, step, func(a, b float32) float32 { return less(b, a) })
	case GreaterOrEqual:
		each(a, b, to, step, func(a, b float32) float32 { return lessOrEqual(b, a) })
	}
}

// each is the loop of an operation, which the compiler puts in where it is called.
func each(a []float32, b *float32, to []float32, step int, op func(a, b float32) float32) {
	to = to[:len(a)]
	k := 0
	for i, x := range a {
		to[i] = op(x, *behind[float32](unsafe.Pointer(b), k))
		k += step
	}
}

// sums is the loop of sums.
func sums(a []float32, b *float32, to []float32, step int) {
	p, q, out, i := unsafe.Pointer(unsafe.SliceData(a)), unsafe.Pointer(b), unsafe.Pointer(unsafe.SliceData(to)), 0
	if step == 0 {
		q = unsafe.Pointer(&[4]float32{*b, *b, *b, *b})
	}
	for ; i+4 <= len(a); i += 4 {
		x, y, o := behind[[4]float32](p, 4*i), behind[[4]float32](q, i*step), behind[[4]float32](out, 4*i)
		o[0], o[1], o[2], o[3] = x[0]+y[0], x[1]+y[1], x[2]+y[2], x[3]+y[3]
	}
	for ; i < len(a); i++ {
		to[i] = a[i] + *behind[float32](q, i*step)
	}
}

// larger and smaller choose between the bits, as limits.cut does: x and y of a and b.
func larger(x, y uint32, a, b float32) uint32 {
	if a > b {
		y = x
	}
	if x<<1 > infinite<<1 { // NaN
		y = x
	}
	return y
}

func smaller(x, y uint32, a, b float32) uint32 {
	if a < b {
		y = x
	}
	if x<<1 > infinite<<1 {
		y = x
	}
	return y
}

// extremes is the loop of larger or smaller, which reads bits and numbers where they lie.
func extremes(a []float32, b *float32, to []float32, step int, least bool) {
	p, q, out, i := unsafe.Pointer(unsafe.SliceData(a)), unsafe.Pointer(b), unsafe.Pointer(unsafe.SliceData(to)), 0
	if step == 0 {
		q = unsafe.Pointer(&[4]float32{*b, *b, *b, *b})
	}
	for ; i+4 <= len(a); i += 4 {
		x, y := behind[[4]uint32](p, 4*i), behind[[4]uint32](q, i*step)
		f, g := behind[[4]float32](p, 4*i), behind[[4]float32](q, i*step)
		o := behind[[4]uint32](out, 4*i)
		if least {
			o[0] = smaller(x[0], y[0], f[0], g[0])
			o[1] = smaller(x[1], y[1], f[1], g[1])
			o[2] = smaller(x[2], y[2], f[2], g[2])
			o[3] = smaller(x[3], y[3], f[3], g[3])
		} else {
			o[0] = larger(x[0], y[0], f[0], g[0])
			o[1] = larger(x[1], y[1], f[1], g[1])
			o[2] = larger(x[2], y[2], f[2], g[2])
			o[3] = larger(x[3], y[3], f[3], g[3])
		}
	}
	for ; i < len(a); i++ {
		x, y := *behind[float32](p, 4*i), *behind[float32](q, i*step)
		if least {
			to[i] = math.Float32frombits(smaller(math.Float32bits(x), math.Float32bits(y), x, y))
		} else {
			to[i] = math.Float32frombits(larger(math.Float32bits(x), math.Float32bits(y), x, y))
		}
	}
}

func slope(a, b float32) float32 {
	x, y := math.Float32bits(float32(a*b)), math.Float32bits(a)
	if a < 0 {
		y = x
	}
	return math.Float32frombits(y)
}

// one is the bits of 1.
const one = 0x3f800000

func less(a, b float32) float32 {
	bits := uint32(0)
	if a < b {
		bits = one
	}
	return math.Float32frombits(bits)
}

func lessOrEqual(a, b float32) float32 {
	bits := uint32(0)
	if a <= b {
		bits = one
	}
	return math.Float32frombits(bits)
}

func equal(a, b float32) float32 {
	bits := uint32(0)
	if a <= b {
		bits = one
	}
	if a < b {
		bits = 0
	}
	return math.Float32frombits(bits)
}

// arithmeticGeneric makes loops of the operations.
func arithmeticGeneric() (k [arithmetics]arithmeticKernels) {
	for o := range k {
		loop := func(number bool) arithmeticKernel {
			return func(a, b, out *float32, n, step, bytes int, _ *int32) {
				c, next := bytes/4, 4
				if number {
					next = 0
				}
				for i := range n {
					combine(Arithmetic(o), unsafe.Slice(behind[float32](unsafe.Pointer(a), i*bytes), c), behind[float32](unsafe.Pointer(b), i*step), unsafe.Slice(behind[float32](unsafe.Pointer(out), i*bytes), c), next)
				}
			}
		}
		k[o] = arithmeticKernels{loop(false), loop(true)}
	}
	return k
}
