package engine

import (
	"math"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// MaxPool takes the largest input of each window, NaN if one is; padding never wins. A window
// wholly in the padding gives -Inf.
type MaxPool struct {
	In, Out Plane
	Y, X    region.Window
}

// MultiplyAdds implements Primitive.
func (p *MaxPool) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (p *MaxPool) Run(s *Scratch, jobs []Job) {
	for i := range jobs {
		eachRun(s, &jobs[i], p.Y, p.X, false, nil, func(r *asm.Run, _, _ int, out []float32) {
			if r == nil {
				for c := range out {
					out[c] = float32(math.Inf(-1))
				}
				return
			}
			s.Kernels.MaxPool(r, p.In.C, out)
		})
	}
}

// AveragePool takes the mean of each window.
type AveragePool struct {
	In, Out Plane
	Y, X    region.Window
	// Divisors, if not nil, holds for each row and column of the output the
	// number of cells that the mean is divided by along that axis (padding
	// that counts included); nil divides by the inputs inside the plane.
	DivisorY, DivisorX []int
}

// MultiplyAdds implements Primitive.
func (p *AveragePool) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (p *AveragePool) Run(s *Scratch, jobs []Job) {
	p.each(s, jobs, func(r *asm.Run, n int, out []float32) {
		s.scale[0] = 1 / float32(n)
		s.Kernels.SumPool(r, p.In.C, out, &s.scale)
	})
}

// each has mean write the mean of every run of windows, whose sums are divided by n; that of no
// inputs is 0.
func (p *AveragePool) each(s *Scratch, jobs []Job, mean func(r *asm.Run, n int, out []float32)) {
	for i := range jobs {
		eachRun(s, &jobs[i], p.Y, p.X, false, p.alike, func(r *asm.Run, y, x int, out []float32) {
			if r == nil {
				clear(out)
				return
			}
			n := len(r.Rows) * r.Kx
			if p.DivisorY != nil {
				n = p.DivisorY[y] * p.DivisorX[x]
			}
			mean(r, n, out)
		})
	}
}

// PreciseMean is AveragePool with sums in float64, from the first tap of the window to the
// last, each divided and then rounded once.
type PreciseMean struct{ AveragePool }

// Run implements Primitive.
func (p *PreciseMean) Run(s *Scratch, jobs []Job) {
	p.each(s, jobs, func(r *asm.Run, n int, out []float32) { r.MeanPool(p.In.C, out, float64(n)) })
}

// alike is the number of columns from x on that have the same divisor.
func (p *AveragePool) alike(x int) int {
	if p.DivisorX == nil {
		return p.Out.W
	}
	n := 1
	for x+n < len(p.DivisorX) && p.DivisorX[x+n] == p.DivisorX[x] {
		n++
	}
	return n
}
