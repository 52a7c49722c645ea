package prediction

import (
	"math"
	"sort"
)

// Top gives the n classes with the highest scores, best first; the lower index
// wins a tie, and NaN comes last.
func Top(p []float32, n int) []int {
	idx := make([]int, len(p))
	for i := range idx {
		idx[i] = i
	}
	key := func(i int) float64 {
		if v := float64(p[i]); v == v {
			return v
		}
		return math.Inf(-1)
	}
	sort.SliceStable(idx, func(a, b int) bool { return key(idx[a]) > key(idx[b]) })
	return idx[:min(n, len(idx))]
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
