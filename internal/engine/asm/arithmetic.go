package asm

import (
	"fmt"
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

// each and eachWith are loops of an operation, of rows and of a row with a number, which the
// compiler puts in where they are called.
func each(a, b, to []float32, op func(a, b float32) float32) {
	b, to = b[:len(a)], to[:len(a)]
	for i, x := range a {
		to[i] = op(x, b[i])
	}
}

func eachWith(a []float32, b float32, to []float32, op func(a, b float32) float32) {
	to = to[:len(a)]
	for i, x := range a {
		to[i] = op(x, b)
	}
}

// combine computes an operation on rows of numbers; of b only the first one if number.
func combine(o Arithmetic, a, b, to []float32, number bool) {
	switch {
	case o == Sum && number:
		eachWith(a, b[0], to, func(a, b float32) float32 { return a + b })
	case o == Sum:
		each(a, b, to, func(a, b float32) float32 { return a + b })
	case o == Difference && number:
		eachWith(a, b[0], to, func(a, b float32) float32 { return a - b })
	case o == Difference:
		each(a, b, to, func(a, b float32) float32 { return a - b })
	case o == Product && number:
		eachWith(a, b[0], to, func(a, b float32) float32 { return a * b })
	case o == Product:
		each(a, b, to, func(a, b float32) float32 { return a * b })
	case o == Larger && !number:
		each(a, b, to, larger)
	case number:
		op := combineTwo[o]
		for i, x := range a {
			to[i] = op(x, b[0])
		}
	default:
		op := combineTwo[o]
		for i, x := range a {
			to[i] = op(x, b[i])
		}
	}
}

func larger(a, b float32) float32 {
	if a > b || a != a {
		return a
	}
	return b
}

// combineTwo are the operations on two numbers.
var combineTwo = [arithmetics]func(a, b float32) float32{
	Sum:            func(a, b float32) float32 { return a + b },
	Difference:     func(a, b float32) float32 { return a - b },
	DifferenceFrom: func(a, b float32) float32 { return b - a },
	Product:        func(a, b float32) float32 { return a * b },
	Quotient:       func(a, b float32) float32 { return a / b },
	QuotientOf:     func(a, b float32) float32 { return b / a },
	Larger:         larger,
	Smaller: func(a, b float32) float32 {
		if a < b || a != a {
			return a
		}
		return b
	},
	Slope: func(a, b float32) float32 {
		if a < 0 {
			return a * b
		}
		return a
	},
	Equal:          func(a, b float32) float32 { return oneIf(a == b) },
	Less:           func(a, b float32) float32 { return oneIf(a < b) },
	LessOrEqual:    func(a, b float32) float32 { return oneIf(a <= b) },
	Greater:        func(a, b float32) float32 { return oneIf(a > b) },
	GreaterOrEqual: func(a, b float32) float32 { return oneIf(a >= b) },
}

func oneIf(holds bool) float32 {
	if holds {
		return 1
	}
	return 0
}

// arithmeticGeneric makes loops of the operations.
func arithmeticGeneric() (k [arithmetics]arithmeticKernels) {
	for o := range k {
		loop := func(number bool) arithmeticKernel {
			return func(a, b, out *float32, n, step, bytes int, _ *int32) {
				c, need := bytes/4, 1
				if !number {
					need = c
				}
				for i := range n {
					y := unsafe.Slice(behind[float32](unsafe.Pointer(b), i*step), need)
					combine(Arithmetic(o), unsafe.Slice(behind[float32](unsafe.Pointer(a), i*bytes), c), y, unsafe.Slice(behind[float32](unsafe.Pointer(out), i*bytes), c), number)
				}
			}
		}
		k[o] = arithmeticKernels{loop(false), loop(true)}
	}
	return k
}
