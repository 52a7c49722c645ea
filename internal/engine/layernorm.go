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
		mean = sum4(x, func(v float64) float64 { return v }) / n
	}
	square := sum4(x, func(v float64) float64 { d := v - mean; return float64(d * d) }) / n
	inverse := 1 / math.Sqrt(square+l.Epsilon)
	scale, bias := l.Scale[:len(x)], l.Bias[:len(x)]
	for i, v := range x {
		out[i] = float32(float64(float64((float64(v)-mean)*inverse)*float64(scale[i])) + float64(bias[i]))
	}
}

// sum4 adds f(x[i]) up in four sums that do not wait for each other.
func sum4(x []float32, f func(float64) float64) float64 {
	var a, b, c, d float64
	for ; len(x) >= 4; x = x[4:] {
		a += f(float64(x[0]))
		b += f(float64(x[1]))
		c += f(float64(x[2]))
		d += f(float64(x[3]))
	}
	for _, v := range x {
		a += f(float64(v))
	}
	return (a + b) + (c + d)
}
