// Package prediction reads what a classifier says: scores from raw outputs, the
// best classes.
package prediction

import (
	"fmt"
	"math"

	"krypton/internal/softmax"
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

// Apply writes the activation of out to dst.
func (a Activation) Apply(dst, out []float32) {
	switch a {
	case Softmax:
		softmax.Row(dst, out)
	case Sigmoid:
		for i, v := range out {
			dst[i] = float32(1 / (1 + math.Exp(-float64(v))))
		}
	default:
		copy(dst, out)
	}
}
