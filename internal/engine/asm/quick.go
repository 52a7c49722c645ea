package asm

import (
	"math"
	"unsafe"
)

// The functions in plain Go once more, without math.FMA, which is a call where processors may
// lack the instruction, and hundreds of instructions where they do. Products that are rounded
// before they are added change the last bits of float64: by less than a part in 2^40 of the
// result, since no function takes the difference of numbers that nearly cancel out (functions
// less than 1 from where they vanish add to it exactly). So the float32 next to the result is
// the same, unless it lies that near to the middle of two, and then the exact order is asked.

// Numbers between below and above times a result round to the same float32, or it is not
// known well enough.
const (
	below = 1 - 0x1p-38
	above = 1 + 0x1p-38
)

type constants = [tableLen]float64

// quick are the functions of one element. What they give for a NaN is one. A number becomes a
// float64 in the register that it came in: anywhere else the instruction would wait for what
// was in that, which is the last element's result.
var quick = [functions]func(v float32, t *constants) float64{
	Exp: func(v float32, t *constants) float64 {
		x := float64(v)
		two, rest := quickPower(x, t)
		return float64(two*rest) + two
	},
	Swish: func(v float32, t *constants) float64 {
		x := float64(v)
		two, rest := quickPower(-(x * t[atP0]), t)
		return finite(x, t[:]) / (float64(two*rest) + two + t[atOne])
	},
	Tanh: func(v float32, t *constants) float64 {
		x := float64(v)
		e := quickLessOne(x+x, t)
		return e / (e + t[atOwn])
	},
	Erf: func(v float32, t *constants) float64 {
		x := float64(v)
		z, c := math.Abs(x), (*[9]float64)(t[atOwn:])
		if z < c[0] {
			return float64(horner7(float64(x*x), (*[7]float64)(c[2:]))*x) + x
		}
		z = atMostOf(z, t[atOwn+9])
		return math.Copysign(t[atOne]-quickTail(t[atOwn+10], float64(z*c[1]), -float64(z*z), t), x)
	},
	Gelu: func(v float32, t *constants) float64 {
		x := float64(v)
		z := atMostOf(math.Abs(x), t[atOwn+1])
		return atLeastOf(x, 0) - quickTail(z, z, float64(z*z)*t[atOwn], t)
	},
	GeluTanh: func(v float32, t *constants) float64 {
		x := float64(v)
		c := (*[3]float64)(t[atOwn:])
		x = atLeastOf(x, -c[2])
		b := atMostOf(x, c[2])
		n, rest := quickReduced(b*(float64(float64(b*b)*c[1])+c[0]), t)
		two := times2(n, t[atOne])
		return x / (float64(two*rest) + two + t[atOne])
	},
	Mish: func(v float32, t *constants) float64 {
		x := float64(v)
		two, rest := quickPower(x, t)
		e := float64(two*rest) + two
		n := float64(e * (e + t[atOwn]))
		return finite(x, t[:]) * (n / (n + t[atOwn]))
	},
	Elu: func(v float32, t *constants) float64 {
		x := float64(v)
		if math.Signbit(x) {
			return quickLessOne(x, t) * t[atP0]
		}
		return x * t[atP1]
	},
	Log: func(v float32, t *constants) float64 {
		x := float64(v)
		if x < 0 {
			return t[atOwn+14]
		}
		return quickLn(x, t)
	},
	Softplus: func(v float32, t *constants) float64 {
		x := float64(v)
		two, rest := quickPower(-math.Abs(x), t)
		e := float64(two*rest) + two
		s := e / (e + t[atOwn+atanhTerms])
		return float64(horner7(float64(s*s), (*[7]float64)(t[atOwn:]))*s) + atLeastOf(x, 0)
	},
	Celu: func(v float32, t *constants) float64 {
		x := float64(v)
		if math.Signbit(x) {
			return quickLessOne(x*t[atP1], t) * t[atP0]
		}
		return x
	},
	Pow: func(v float32, t *constants) float64 {
		x := float64(v)
		sign := t[atOne]
		if x < 0 {
			sign = t[atP1]
		}
		two, rest := quickPower(float64(quickLn(math.Abs(x), t)*t[atP0]), t)
		return (float64(two*rest) + two) * sign
	},
}

func quickPower(x float64, t *constants) (two, rest float64) {
	n, rest := quickReduced(atMostOf(atLeastOf(x, t[atLeast]), t[atMost]), t)
	return times2(n, t[atOne]), rest
}

// quickReduced is reduced, with a rest that is NaN where the nearest whole number may be
// another one: then all that follows is.
func quickReduced(x float64, t *constants) (n, rest float64) {
	n = float64(x*t[atLog2E]) + t[atRound]
	k := n - t[atRound]
	r := x - float64(k*t[atLn2])
	square := float64(r * r)
	const half = math.Ln2 / 2 * (1 - 0x1p-36)
	if square > half*half {
		return 0, math.NaN()
	}
	c := (*[6]float64)(t[atExp:])
	p := float64(c[0]*r) + c[1]
	p = float64(p*r) + c[2]
	p = float64(p*r) + c[3]
	p = float64(p*r) + c[4]
	p = float64(p*r) + c[5]
	return n, float64(p * r)
}

func quickLessOne(x float64, t *constants) float64 {
	two, rest := quickPower(x, t)
	return float64(two*rest) + (two - t[atOne])
}

func quickTail(w, z, h float64, t *constants) float64 {
	c := (*[len(tail)]float64)(t[atTail:])
	p := float64(c[0]*z) + c[1]
	p = float64(p*z) + c[2]
	p = float64(p*z) + c[3]
	p = float64(p*z) + c[4]
	q := float64(c[5]*z) + c[6]
	q = float64(q*z) + c[7]
	q = float64(q*z) + c[8]
	q = float64(q*z) + c[9]
	q = float64(q*z) + c[10]
	n, rest := quickReduced(h, t)
	p *= w
	return times2(n, (float64(p*rest)+p)/q)
}

func horner7(x float64, c *[7]float64) float64 {
	p := float64(c[0]*x) + c[1]
	p = float64(p*x) + c[2]
	p = float64(p*x) + c[3]
	p = float64(p*x) + c[4]
	p = float64(p*x) + c[5]
	return float64(p*x) + c[6]
}

func quickLn(x float64, t *constants) float64 {
	c := (*[14]float64)(t[atOwn:])
	bits := math.Float64bits(x) + math.Float64bits(c[8])
	k := math.Float64frombits(bits>>52|math.Float64bits(c[10])) - c[11]
	m := math.Float64frombits(bits&math.Float64bits(c[9]) + math.Float64bits(c[7]))
	s := (m - t[atOne]) / (m + t[atOne])
	y := float64(k*t[atLn2]) + float64(horner7(float64(s*s), (*[7]float64)(c[:]))*s) + (x - x)
	switch {
	case x < c[12]:
		return c[13]
	case t[atHighest] < x:
		return x
	}
	return y
}

// quickly makes the loop of a function that has a quick form.
func quickly(f Function) pointwiseKernel {
	of, exact := quick[f], plain[f]
	return func(x, out *float32, bytes int, table *float64, _ *int32) {
		from, to, t := unsafe.Slice(x, bytes/4), unsafe.Slice(out, bytes/4), (*constants)(unsafe.Pointer(table))
		for i, v := range from {
			y := of(v, t)
			r := float32(y * below)
			if r != float32(y*above) { // also NaN
				r = float32(exact(float64(v), t[:]))
			}
			to[i] = r
		}
	}
}
