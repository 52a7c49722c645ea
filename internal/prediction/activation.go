// Package prediction reads what a classifier says: what its outputs mean, scores from
// raw outputs, the best classes.
package prediction

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"krypton/internal/softmax"
)

// Activation turns a network's raw outputs into scores.
type Activation string

// The activations.
const (
	// Auto leaves the choice to what makes the output, see Read.
	Auto    Activation = "auto"
	Softmax Activation = "softmax"
	Sigmoid Activation = "sigmoid"
	// Exp is for logarithms of probabilities.
	Exp  Activation = "exp"
	None Activation = "none"
)

// Activations are the names of all.
var Activations = []string{string(Auto), string(Softmax), string(Sigmoid), string(Exp), string(None)}

// Check fails for what is none of Activations.
func (a Activation) Check() error {
	if !slices.Contains(Activations, string(a)) {
		return fmt.Errorf("unknown activation %q: want one of %s", a, strings.Join(Activations, ", "))
	}
	return nil
}

// apply writes the activation of out to dst, which may be out.
func (a Activation) apply(dst, out []float32) {
	switch a {
	case Softmax:
		softmax.Row(dst, out)
	case Sigmoid:
		for i, v := range out {
			dst[i] = float32(1 / (1 + math.Exp(-float64(v))))
		}
	case Exp:
		for i, v := range out {
			dst[i] = float32(math.Exp(float64(v)))
		}
	default:
		copy(dst, out)
	}
}
