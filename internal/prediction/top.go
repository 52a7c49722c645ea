package prediction

import (
	"cmp"
	"math"
	"slices"
)

// Top gives the n classes with the highest scores, best first; the lower index
// wins a tie, and NaN comes last.
func Top(p []float32, n int) []int {
	key := func(i int) float64 {
		if v := float64(p[i]); v == v {
			return v
		}
		return math.Inf(-1)
	}
	if n > 32 { // by sorting
		all := make([]int, len(p))
		for i := range all {
			all[i] = i
		}
		slices.SortStableFunc(all, func(a, b int) int { return cmp.Compare(key(b), key(a)) })
		return all[:min(n, len(all))]
	}
	best := make([]int, 0, min(n, len(p)))
	for i := range p {
		k := key(i)
		at := len(best)
		if at == cap(best) {
			if at == 0 || !(k > key(best[at-1])) {
				continue
			}
			at--
			best = best[:at]
		}
		for ; at > 0 && k > key(best[at-1]); at-- {
		}
		best = slices.Insert(best, at, i)
	}
	return best
}

// Winner is the class with the highest score.
func Winner(p []float32) int {
	best := 0
	for i, v := range p {
		if v > p[best] || p[best] != p[best] {
			best = i
		}
	}
	return best
}
