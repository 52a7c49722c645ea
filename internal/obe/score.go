package obe

import (
	"fmt"
	"math"
	"sort"
)

// Activation turns a network's raw outputs into scores.
type Activation string

// The activations.
const (
	// Auto takes Softmax where the outputs are not probabilities already,
	// and None where they are or where there is only one.
	Auto    Activation = "auto"
	Softmax Activation = "softmax"
	Sigmoid Activation = "sigmoid"
	None    Activation = "none"
)

// Resolve decides what Auto stands for, from the outputs of the clean image.
func (a Activation) Resolve(out []float32) (Activation, error) {
	switch a {
	case Softmax, Sigmoid, None:
		return a, nil
	case Auto, "":
	default:
		return "", fmt.Errorf("unknown activation %q: want auto, softmax, sigmoid or none", a)
	}
	sum := 0.0
	for _, v := range out {
		if v < 0 || v > 1 {
			sum = math.NaN()
			break
		}
		sum += float64(v)
	}
	if len(out) < 2 || math.Abs(sum-1) < 1e-3 {
		return None, nil
	}
	return Softmax, nil
}

// apply writes the activation of out to dst.
func (a Activation) apply(dst, out []float32) {
	switch a {
	case Softmax:
		top := out[0]
		for _, v := range out {
			top = max(top, v)
		}
		sum := 0.0
		for _, v := range out {
			sum += math.Exp(float64(v - top))
		}
		for i, v := range out {
			dst[i] = float32(math.Exp(float64(v-top)) / sum)
		}
	case Sigmoid:
		for i, v := range out {
			dst[i] = float32(1 / (1 + math.Exp(-float64(v))))
		}
	default:
		copy(dst, out)
	}
}

// Score says which number of a prediction the map shows.
type Score string

// The scores.
const (
	// Value is the class's own score, after the activation.
	Value Score = "value"
	// Margin is the class's score minus the best other class's.
	Margin Score = "margin"
	// Entropy is the entropy of all scores, in nats; it needs probabilities.
	Entropy Score = "entropy"
)

// of computes the score of a class from activated outputs.
func (s Score) of(p []float32, class int) float32 {
	switch s {
	case Margin:
		best := float32(math.Inf(-1))
		for i, v := range p {
			if i != class {
				best = max(best, v)
			}
		}
		return p[class] - best
	case Entropy:
		h := 0.0
		for _, v := range p {
			if v > 0 {
				h -= float64(v) * math.Log(float64(v))
			}
		}
		return float32(h)
	}
	return p[class]
}

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

// winner is the class with the highest score.
func winner(p []float32) int {
	best := 0
	for i, v := range p {
		if v > p[best] || p[best] != p[best] {
			best = i
		}
	}
	return best
}
