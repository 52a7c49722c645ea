package engine

import (
	"math"

	"krypton/internal/engine/asm"
)

// LayerNorm takes each pixel's channels to mean 0 and variance 1, or without Mean to a
// mean square of 1, and then computes x*Scale[c] + Bias[c]. With Length it divides by the
// vector's length instead, of which Epsilon is the least. Sums are in float64.
type LayerNorm struct {
	Mean        bool
	Length      bool
	Epsilon     float64
	Scale, Bias []float32
}

// MultiplyAdds implements Primitive.
func (l *LayerNorm) MultiplyAdds() int64 { return 2 * int64(len(l.Scale)) }

// Run implements Primitive.
func (l *LayerNorm) Run(s *Scratch, jobs []Job) {
	n := len(l.Scale)
	eachRow(s, jobs, func(x, out []float32) {
		if l.Mean && !l.Length {
			asm.NormRows(x, out, l.Scale, l.Bias, l.Epsilon)
			return
		}
		for k := 0; k < len(out); k += n {
			l.pixel(x[k:k+n], out[k:k+n])
		}
	})
}

// pixel is for what has no mean taken off.
func (l *LayerNorm) pixel(x, out []float32) {
	factor := 0.0
	if squares := asm.RowSquares(x, 0); l.Length {
		factor = 1 / max(math.Sqrt(squares), l.Epsilon)
	} else {
		factor = 1 / math.Sqrt(squares/float64(len(x))+l.Epsilon)
	}
	asm.RowScale(x, out, l.Scale, l.Bias, 0, factor)
}
