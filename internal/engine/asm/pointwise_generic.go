package asm

import (
	"math"
	"unsafe"
)

// The functions in plain Go: the same operations in the same order as in assembly,
// and so the same bits. Products whose sum is not math.FMA's are converted, which
// keeps a compiler from fusing them.

// horner is the polynomial of x with the coefficients c, the highest first.
func horner(x float64, c []float64) float64 {
	p := c[0]
	for _, v := range c[1:] {
		p = math.FMA(p, x, v)
	}
	return p
}

// atMostOf and atLeastOf bound v; a NaN stays.
func atMostOf(v, most float64) float64 {
	if v > most {
		return most
	}
	return v
}

func atLeastOf(v, least float64) float64 {
	if v < least {
		return least
	}
	return v
}

// finite is x, or a number beyond every float32 for an infinite one.
func finite(x float64, t []float64) float64 {
	return atMostOf(atLeastOf(x, t[atLowest]), t[atHighest])
}

// power is the exponential of x as two + two*rest, with two a power of 2.
func power(x float64, t []float64) (two, rest float64) {
	n, rest := reduced(atMostOf(atLeastOf(x, t[atLeast]), t[atMost]), t)
	return times2(n, t[atOne]), rest
}

// reduced is the exponential of x, which is bounded, as 2^n (1 + rest); n is in the last bits
// of a number.
func reduced(x float64, t []float64) (n, rest float64) {
	n = math.FMA(x, t[atLog2E], t[atRound])
	k := n - t[atRound]
	r := math.FMA(-k, t[atLn2], x)
	return n, float64(horner(r, t[atExp:atLeast]) * r)
}

// times2 is v times 2^n.
func times2(n, v float64) float64 {
	return math.Float64frombits(math.Float64bits(n)<<52 + math.Float64bits(v))
}

func exp(x float64, t []float64) float64 {
	two, rest := power(x, t)
	return math.FMA(two, rest, two)
}

// logistic is v / (1 + exp(-x)).
func logistic(v, x float64, t []float64) float64 { return v / (exp(-x, t) + t[atOne]) }

// lessOne is exp(x) - 1.
func lessOne(x float64, t []float64) float64 {
	two, rest := power(x, t)
	return math.FMA(two, rest, two-t[atOne])
}

// ln is the natural logarithm of x that is not less than 0: of the power of 2 that leaves
// the rest between the roots of a half and 2, and of that rest.
func ln(x float64, t []float64) float64 {
	c := t[atOwn:]
	bits := math.Float64bits(x) + math.Float64bits(c[8])
	k := math.Float64frombits(bits>>52|math.Float64bits(c[10])) - c[11]
	m := math.Float64frombits(bits&math.Float64bits(c[9]) + math.Float64bits(c[7]))
	s := (m - t[atOne]) / (m + t[atOne])
	y := math.FMA(k, t[atLn2], float64(horner(float64(s*s), c[:atanhTerms])*s)) + (x - x)
	switch {
	case x < c[12]:
		return c[13]
	case t[atHighest] < x:
		return x
	}
	return y
}

// normalTail is w times the normal distribution's probability of less than -z, for h =
// -z*z/2.
func normalTail(w, z, h float64, t []float64) float64 {
	n, rest := reduced(h, t)
	above := float64(horner(z, t[atTail:atBelow]) * w)
	return times2(n, math.FMA(above, rest, above)/horner(z, t[atBelow:atKind]))
}

// plain are the functions of one element.
var plain = [functions]func(x float64, t []float64) float64{
	Exp:   exp,
	Swish: func(x float64, t []float64) float64 { return logistic(finite(x, t), x*t[atP0], t) },
	Tanh: func(x float64, t []float64) float64 {
		e := lessOne(x+x, t)
		return e / (e + t[atOwn])
	},
	Erf: func(x float64, t []float64) float64 {
		z, c := math.Abs(x), t[atOwn:]
		if z < c[0] {
			return math.FMA(horner(float64(x*x), c[2:9]), x, x)
		}
		z = atMostOf(z, c[9])
		return math.Copysign(t[atOne]-normalTail(c[10], float64(z*c[1]), -float64(z*z), t), x)
	},
	Gelu: func(x float64, t []float64) float64 {
		c := t[atOwn:]
		z := atMostOf(math.Abs(x), c[1])
		return atLeastOf(x, 0) - normalTail(z, z, float64(z*z)*c[0], t)
	},
	GeluTanh: func(x float64, t []float64) float64 {
		c := t[atOwn:]
		x = atLeastOf(x, -c[2])
		v := atMostOf(x, c[2])
		n, rest := reduced(v*math.FMA(float64(v*v), c[1], c[0]), t)
		two := times2(n, t[atOne])
		return x / (math.FMA(two, rest, two) + t[atOne])
	},
	Mish: func(x float64, t []float64) float64 {
		e, two := exp(x, t), t[atOwn]
		n := float64(e * (e + two))
		return finite(x, t) * (n / (n + two))
	},
	Elu: func(x float64, t []float64) float64 {
		if math.Signbit(x) {
			return lessOne(x, t) * t[atP0]
		}
		return x * t[atP1]
	},
	Log: func(x float64, t []float64) float64 {
		if x < 0 {
			return t[atOwn+14]
		}
		return ln(x, t)
	},
	Softplus: func(x float64, t []float64) float64 {
		e := exp(-math.Abs(x), t)
		s := e / (e + t[atOwn+atanhTerms])
		return math.FMA(horner(float64(s*s), t[atOwn:atOwn+atanhTerms]), s, atLeastOf(x, 0))
	},
	Celu: func(x float64, t []float64) float64 {
		if math.Signbit(x) {
			return lessOne(x*t[atP1], t) * t[atP0]
		}
		return x
	},
	Pow: func(x float64, t []float64) float64 {
		sign := t[atOne]
		if x < 0 {
			sign = t[atP1]
		}
		return exp(float64(ln(math.Abs(x), t)*t[atP0]), t) * sign
	},
	Sqrt:       func(x float64, _ []float64) float64 { return math.Sqrt(x) },
	Reciprocal: func(x float64, t []float64) float64 { return t[atOne] / x },
}

// functionsGeneric makes loops of the plain functions.
func functionsGeneric() (k [functions]pointwiseKernel) {
	for f := range k {
		if quick[f] != nil {
			k[f] = quickly(Function(f))
			continue
		}
		k[f] = func(x, out *float32, bytes int, table *float64, _ *int32) {
			from, to, t := unsafe.Slice(x, bytes/4), unsafe.Slice(out, bytes/4), unsafe.Slice(table, tableLen)
			for i, v := range from {
				to[i] = float32(plain[f](float64(v), t))
			}
		}
	}
	return k
}
