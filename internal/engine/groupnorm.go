package engine

import (
	"math"

	"krypton/internal/engine/asm"
)

// Moments gives what normalizes groups of channels over all pixels: for each channel the
// number that it is multiplied by, and after those of all channels what is added.
type Moments struct {
	Groups      int
	Epsilon     float64
	Scale, Bias []float32 // of the normalized channels
}

// momentPixels is how many pixels are added up in float32.
const momentPixels = 64

// MultiplyAdds implements Primitive.
func (m *Moments) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (m *Moments) Run(s *Scratch, jobs []Job) {
	for i := range jobs {
		j := &jobs[i]
		c := len(m.Scale)
		plane := j.In[0].Plane
		x := j.whole(s, 0)
		n := float64(plane.H * plane.W * (c / m.Groups))
		means := s.lineBuffer(1, c)
		m.spread(m.sums(s, x, c, nil), n, means)
		squares := m.sums(s, x, c, means)
		for k := range c {
			g := k / (c / m.Groups)
			factor := float64(m.Scale[k]) / math.Sqrt(squares[g]/n+m.Epsilon)
			j.Out[k] = float32(factor)
			j.Out[c+k] = float32(float64(m.Bias[k]) - float64(float64(means[k])*factor))
		}
	}
}

// spread writes each group's mean to its channels.
func (m *Moments) spread(sums []float64, n float64, means []float32) {
	for k := range means {
		means[k] = float32(sums[k/(len(means)/m.Groups)] / n)
	}
}

// sums adds up each group's numbers, or with means the squares of their distances from
// those.
func (m *Moments) sums(s *Scratch, x []float32, c int, means []float32) []float64 {
	part, tmp := s.lineBuffer(2, c), s.lineBuffer(3, momentPixels*c)
	sums := grow(&s.sums, m.Groups)
	clear(sums)
	s.scale = [2]float32{1}
	for len(x) > 0 {
		n := min(momentPixels, len(x)/c)
		px := x[:n*c]
		if means != nil {
			s.Kernels.Combine(asm.Difference, px, means, tmp, n, 0, c, false)
			px = tmp[:n*c]
			s.Kernels.Combine(asm.Product, px, px, px, 1, 0, n*c, false)
		}
		s.run = asm.Run{Rows: append(s.run.Rows[:0], &px[0]), Kx: n, N: 1, Step: c, Pixel: c}
		s.Kernels.SumPool(&s.run, c, part, &s.scale)
		for k, v := range part {
			sums[k/(c/m.Groups)] += float64(v)
		}
		x = x[n*c:]
	}
	return sums
}

// Rescale multiplies each channel of the first input by a number of the second's, and adds
// another: those that Moments gives.
type Rescale struct{ Clamp Clamp }

// MultiplyAdds implements Primitive.
func (r *Rescale) MultiplyAdds() int64 { return 0 }

// Run implements Primitive.
func (r *Rescale) Run(s *Scratch, jobs []Job) {
	for i := range jobs {
		j := &jobs[i]
		row := j.whole(s, 1)
		c := len(row) / 2
		eachRow(s, jobs[i:i+1], func(x, out []float32) {
			s.Kernels.Affine(x, row[:c], row[c:], out, len(out)/c, c, &r.Clamp)
		})
	}
}
