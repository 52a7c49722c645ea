package target

import "math"

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
	// Dice and IoU are overlaps of a class's pixels with those of the clean picture:
	// twice what is common by the sum of both, and what is common by what either has.
	Dice Score = "dice"
	IoU  Score = "iou"
	// Cosine and Euclidean compare vectors: the cosine of their angle, and their
	// distance.
	Cosine    Score = "cosine"
	Euclidean Score = "euclidean"
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
				h -= float64(float64(v) * math.Log(float64(v)))
			}
		}
		return float32(h)
	}
	return p[class]
}
