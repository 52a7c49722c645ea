package quality

import (
	"fmt"
	"math"
	"slices"
)

// Spearman is the rank correlation of two maps, ties sharing the mean of their
// ranks: 1 for the same order, -1 for the opposite one. Two constant maps
// correlate, one constant map with another does not (0).
func Spearman(a, b []float32) (float64, error) {
	if _, err := grid(a, b, max(1, len(a))); err != nil {
		return 0, err
	}
	ra, rb := ranks(a), ranks(b)
	mean := float64(len(a)+1) / 2
	var aa, bb, ab float64
	for i := range ra {
		p, q := ra[i]-mean, rb[i]-mean
		aa += float64(p * p)
		bb += float64(q * q)
		ab += float64(p * q)
	}
	switch {
	case aa == 0 && bb == 0:
		return 1, nil
	case aa == 0 || bb == 0:
		return 0, nil
	}
	return ab / math.Sqrt(aa*bb), nil
}

// ranks are the places of the values in rising order, from 1 on.
func ranks(x []float32) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return compare(x[i], x[j]) })
	r := make([]float64, len(x))
	for lo := 0; lo < len(order); {
		hi := lo
		for hi < len(order) && x[order[hi]] == x[order[lo]] {
			hi++
		}
		for _, i := range order[lo:hi] {
			r[i] = float64(lo+1+hi) / 2
		}
		lo = hi
	}
	return r
}

func compare(a, b float32) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// TopOverlap is the part of the exact map's most important positions, the
// given share of all with the lowest scores, that the other map has among its
// own. Ties go to the first.
func TopOverlap(exact, approx []float32, share float64) (float64, error) {
	if _, err := grid(exact, approx, max(1, len(exact))); err != nil {
		return 0, err
	}
	if !(share > 0 && share <= 1) {
		return 0, fmt.Errorf("share is %g, want above 0 and up to 1", share)
	}
	n := max(1, int(math.Round(share*float64(len(exact)))))
	top := func(x []float32) []int {
		order := make([]int, len(x))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(i, j int) int { return compare(x[i], x[j]) })
		return order[:n]
	}
	in := make([]bool, len(exact))
	for _, i := range top(exact) {
		in[i] = true
	}
	both := 0
	for _, i := range top(approx) {
		if in[i] {
			both++
		}
	}
	return float64(both) / float64(n), nil
}
