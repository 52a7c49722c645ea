package engine

import "math"

// LayerNorm takes each pixel's channels to mean 0 and variance 1, or without Mean to a
// mean square of 1, and then computes x*Scale[c] + Bias[c]. Sums are in float64.
type LayerNorm struct {
	Mean        bool
	Epsilon     float64
	Scale, Bias []float32
}

// MultiplyAdds implements Primitive.
func (l *LayerNorm) MultiplyAdds() int64 { return 2 * int64(len(l.Scale)) }

// Run implements Primitive.
func (l *LayerNorm) Run(s *Scratch, jobs []Job) {
	n := len(l.Scale)
	eachRow(s, jobs, func(x, out []float32) {
		for k := 0; k < len(out); k += n {
			l.pixel(x[k:k+n], out[k:k+n])
		}
	})
}

func (l *LayerNorm) pixel(x, out []float32) {
	n, mean := float64(len(x)), 0.0
	if l.Mean {
		mean = total(x) / n
	}
	inverse := 1 / math.Sqrt(squares(x, mean)/n+l.Epsilon)
	scale, bias, out := l.Scale[:len(x)], l.Bias[:len(x)], out[:len(x)]
	for i, v := range x {
		out[i] = float32(float64((float64(v)-mean)*inverse*float64(scale[i])) + float64(bias[i]))
	}
}

// total adds x up in four sums that do not wait for each other.
func total(x []float32) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += float64(x[0])
		b += float64(x[1])
		c += float64(x[2])
		d += float64(x[3])
	}
	for _, v := range x {
		a += float64(v)
	}
	return (a + b) + (c + d)
}

// squares adds up the squares of x's distances from the mean, likewise.
func squares(x []float32, mean float64) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		p, q, r, s := float64(x[0])-mean, float64(x[1])-mean, float64(x[2])-mean, float64(x[3])-mean
		a += float64(p * p)
		b += float64(q * q)
		c += float64(r * r)
		d += float64(s * s)
	}
	for _, v := range x {
		p := float64(v) - mean
		a += float64(p * p)
	}
	return (a + b) + (c + d)
}
