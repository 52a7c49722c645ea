package engine

import (
	"math"

	"krypton/internal/region"
)

// MaxPool takes the largest input of each window; padding never wins. A window
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
		eachWindow(s, &jobs[i], p.Y, p.X, func(table []*float32, out []float32, inside int) {
			if inside == 0 {
				for c := range out {
					out[c] = float32(math.Inf(-1))
				}
				return
			}
			s.Kernels.MaxPool(table, out)
		}, nil)
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
	for i := range jobs {
		j := &jobs[i]
		y, x := j.Rect.Y.Lo, j.Rect.X.Lo
		eachWindow(s, j, p.Y, p.X, func(table []*float32, out []float32, inside int) {
			n := inside
			if p.DivisorY != nil {
				n = p.DivisorY[y] * p.DivisorX[x]
			}
			if x++; x == j.Rect.X.Hi {
				x, y = j.Rect.X.Lo, y+1
			}
			if inside == 0 {
				clear(out)
				return
			}
			s.scale = 1 / float32(n)
			s.Kernels.SumPool(table, out, &s.scale)
		}, nil)
	}
}
