package obe

import "math"

// leaning says how far the answers of a rung are off, from what they are off by at samples:
// a weighted mean of the samples around a position. What an approximation passes over is
// much the same for neighbours.
type leaning struct {
	off   []float64       // at each position
	apart map[int]float64 // at samples, as if nobody had drawn them
}

// leaningRadii are the deviations of the weights, in distances between samples, that are
// tried; pull draws means to 0, as if by so many samples that are not off.
var leaningRadii = []float64{0.35, 0.6, 1, 2}

const leaningPull = 0.5

// newLeaning chooses the radius by which samples tell best of one another, or none.
func newLeaning(rows, cols int, samples []int, off []float64) *leaning {
	n := rows * cols
	spacing := math.Sqrt(float64(n) / float64(max(1, len(samples))))
	l := &leaning{off: make([]float64, n), apart: map[int]float64{}}
	best, radius := 0.0, 0.0
	for _, v := range off {
		best += v * v
	}
	best *= 0.95
	for _, r := range leaningRadii {
		square := 0.0
		weight := gaussWeights(max(rows, cols), r*spacing)
		for k, s := range samples {
			d := off[k] - leaningAt(s, k, cols, samples, off, weight)
			square += d * d
		}
		if square < best {
			best, radius = square, r*spacing
		}
	}
	if radius == 0 {
		return l
	}
	weight := gaussWeights(max(rows, cols), radius)
	for i := range l.off {
		l.off[i] = leaningAt(i, -1, cols, samples, off, weight)
	}
	for k, s := range samples {
		l.apart[s] = leaningAt(s, k, cols, samples, off, weight)
	}
	return l
}

// at is what position i is off by, and as if the sample there were none.
func (l *leaning) at(i int) (off, apart float64) { return l.off[i], l.apart[i] }

// gaussWeights are those of distances along an axis.
func gaussWeights(n int, radius float64) []float64 {
	w := make([]float64, n)
	for d := range w {
		w[d] = math.Exp(-float64(d*d) / (2 * radius * radius))
	}
	return w
}

// leaningAt is the weighted mean of what samples, but for one, are off by around i.
func leaningAt(i, but, cols int, samples []int, off, weight []float64) float64 {
	y, x := i/cols, i%cols
	sum, all := 0.0, leaningPull
	for k, s := range samples {
		if k == but {
			continue
		}
		v := weight[max(y-s/cols, s/cols-y)] * weight[max(x-s%cols, s%cols-x)]
		sum, all = sum+v*off[k], all+v
	}
	return sum / all
}
