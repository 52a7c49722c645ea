// Package faithful measures how faithful a map of importance is to a network, by
// the deletion and insertion curves of Petsiuk, Das and Saenko (RISE, BMVC 2018):
// pixels are taken from a picture, or put into an empty one, the most important
// first, and the network is asked for the class's score after every step. A
// faithful map makes the score fall fast and rise fast.
package faithful

import (
	"math"
	"sort"
)

// Curve is a score over the share of pixels that were changed.
type Curve struct {
	// Shares rise from 0 to 1; Scores has a number for each.
	Shares, Scores []float64
}

// Area is the area under the curve, by trapezoids: the mean score. It is NaN if a
// score is.
func (c Curve) Area() float64 {
	sum := 0.0
	for i := 1; i < len(c.Scores); i++ {
		sum += (c.Shares[i] - c.Shares[i-1]) * (c.Scores[i] + c.Scores[i-1]) / 2
	}
	return sum
}

// Mean is the mean of curves over the same shares.
func Mean(curves []Curve) Curve {
	if len(curves) == 0 {
		return Curve{}
	}
	m := Curve{curves[0].Shares, make([]float64, len(curves[0].Scores))}
	for i := range m.Scores {
		for _, c := range curves {
			m.Scores[i] += c.Scores[i] / float64(len(curves))
		}
	}
	return m
}

// Order ranks the pixels of a map from the most to the least important. Equal
// ones keep their order, those without a number come last.
func Order(importance []float64) []int {
	order := make([]int, len(importance))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool {
		x, y := importance[order[a]], importance[order[b]]
		return x > y || !math.IsNaN(x) && math.IsNaN(y)
	})
	return order
}

// Counts are the numbers of pixels that are changed after 0, 1, ... of so many
// steps: as even as whole numbers allow, each step at least one pixel.
func Counts(pixels, steps int) []int {
	steps = max(1, min(steps, pixels))
	counts := make([]int, steps+1)
	for k := range counts {
		counts[k] = int((int64(k)*int64(pixels) + int64(steps)/2) / int64(steps))
	}
	return counts
}
