package certify

import "math"

// AtMost bounds from above, at Confidence, how many of all things have a property, where
// drawn of them were drawn by chances that do not depend on it, without putting any back,
// and found of those have it: the largest number with which a sample that shows no more
// would still not be rare. (Hypergeometric distribution; one-sided, after Clopper and
// Pearson, 1934.) Wants 0 <= found <= drawn <= all.
func AtMost(all, drawn, found int) int {
	// The more have it, the rarer are samples that show so few.
	lo, hi := found, all-(drawn-found)
	for lo < hi {
		n := (lo + hi + 1) / 2
		if upTo(all, n, drawn, found) > 1-Confidence {
			lo = n
		} else {
			hi = n - 1
		}
	}
	return lo
}

// upTo is the chance that a sample of drawn out of all, n of which have a property, shows
// at most found that have it.
func upTo(all, n, drawn, found int) float64 {
	sum := 0.0
	for k := max(0, drawn-(all-n)); k <= min(found, n); k++ {
		sum += math.Exp(choose(n, k) + choose(all-n, drawn-k) - choose(all, drawn))
	}
	return sum
}

// choose is the logarithm of a binomial coefficient.
func choose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}
