package asm

import (
	"math"
	"math/rand/v2"
	"testing"
)

// combineTwo are the operations on two numbers.
var combineTwo = [arithmetics]func(a, b float32) float32{
	Sum:            func(a, b float32) float32 { return a + b },
	Difference:     func(a, b float32) float32 { return a - b },
	DifferenceFrom: func(a, b float32) float32 { return b - a },
	Product:        func(a, b float32) float32 { return a * b },
	Quotient:       func(a, b float32) float32 { return a / b },
	QuotientOf:     func(a, b float32) float32 { return b / a },
	Larger: func(a, b float32) float32 {
		if a > b || a != a {
			return a
		}
		return b
	},
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

// TestCombine: every operation of every set gives the bits of Go's own arithmetic,
// with rows and numbers, steps and lengths of all kinds, also into its operand, and
// writes nothing else.
func TestCombine(t *testing.T) {
	special := []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), math.SmallestNonzeroFloat32}
	for _, k := range EverySet(t) {
		t.Run(k.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 8))
			fill := func(x []float32) {
				for i := range x {
					if rng.IntN(4) == 0 {
						x[i] = special[rng.IntN(len(special))]
					}
				}
			}
			for trial := range 3000 {
				o := Arithmetic(trial % int(arithmetics))
				n, c, number := 1+rng.IntN(5), 1+rng.IntN(150), rng.IntN(2) == 0
				each, width := 1, c
				if number {
					each, width = 0, 1
				}
				step := []int{0, width, width + rng.IntN(9)}[rng.IntN(3)]
				a, b, out := newGuarded(n*c, 40, rng), newGuarded((n-1)*step+width, 40, rng), newGuarded(n*c, 40, nil)
				fill(a.mid)
				fill(b.mid)
				want := make([]float32, n*c)
				for i := range want {
					want[i] = combineTwo[o](a.mid[i], b.mid[i/c*step+i%c*each])
				}
				if rng.IntN(3) == 0 {
					out = a
				}
				k.Combine(o, a.mid, b.mid, out.mid, n, step, c, number)
				out.check(t)
				for i, v := range out.mid {
					if math.Float32bits(v) != math.Float32bits(want[i]) && (v == v || want[i] == want[i]) {
						t.Fatalf("operation %d, %d pixels of %d, step %d, number %v: element %d is %g, want %g", o, n, c, step, number, i, v, want[i])
					}
				}
			}
		})
	}
}

// TestSwapped: an operation with exchanged operands is the other one, up to the sign
// of zeros and which NaN it is.
func TestSwapped(t *testing.T) {
	for o := range arithmetics {
		s, ok := o.Swapped()
		for _, a := range []float32{-2, 0, 3, float32(math.NaN())} {
			for _, b := range []float32{-5, 1, 4} {
				x, y := combineTwo[o](a, b), combineTwo[s](b, a)
				if ok && x != y && (x == x || y == y) {
					t.Errorf("operation %d of %g and %g: %g, swapped %g", o, a, b, x, y)
				}
			}
		}
	}
}
