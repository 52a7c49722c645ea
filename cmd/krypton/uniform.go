package main

import (
	"fmt"

	"krypton/internal/prediction"
)

// activationHelp is the help of --activation.
const activationHelp = "what makes scores of the outputs: auto (told by what makes them in the model), softmax, sigmoid, exp or none"

// Scores are nearly uniform where the best one is less than this share of the way from
// 1/n to 1, and less than twice 1/n.
const nearlyUniform = 0.05

// uniform is a note on scores that say hardly anything, "" for others.
func uniform(r prediction.Reading, scores []float32) string {
	n, top := float64(len(scores)), float64(scores[prediction.Winner(scores)])
	if !r.Exclusive || !(top < min(2/n, 1/n+nearlyUniform*(1-1/n))) { // a NaN has its own note
		return ""
	}
	return fmt.Sprintf("the prediction is nearly uniform (%.3g, of %d classes): is the preprocessing right (--preset), and the activation (%s, as %s; --activation)?", top, len(scores), r.Activation, r.Reason)
}
