package obe

import (
	"context"
	"fmt"
	"math"

	"krypton/internal/incremental"
	"krypton/internal/target"
)

// reference holds a map made in low precision to the clean image's scores in
// float32. Rounding moves the logits of all positions by nearly the same, since
// they share most of the image: what it moves the clean image's by, which one
// whole run tells, is taken off all of them. (A control variate with the clean
// image as its known value.)
type reference struct {
	plan  *incremental.Plan
	views *incremental.Views
	clean [][]float32  // outputs of the clean image, in float32
	mover target.Mover // of the other plan's outputs
	// shift is what is added to a class's raw output, or to its logarithm
	// where the model itself ends in a softmax.
	shift []float32
}

// shifts are added to the numbers of outputs, to those of each for itself.
type shifts [][]float32

func (s shifts) Move(k int, dst, out []float32) {
	for i, v := range out {
		dst[i] = v + s[k][i]
	}
}

// ratios are added to the logarithms of the one output, whose numbers are shares of 1.
type ratios []float32

func (s ratios) Move(_ int, dst, out []float32) {
	sum := 0.0
	for i, v := range out {
		sum += float64(float64(v) * math.Exp(float64(s[i])))
	}
	for i, v := range out {
		dst[i] = float32(float64(v) * math.Exp(float64(s[i])) / sum)
	}
}

// smallestProbability is that whose logarithm still says something.
const smallestProbability = 1e-30

// newReference runs the clean image by Task.Reference. rounded is what Task.Plan made
// of it.
func (t *Task) newReference(ctx context.Context, rounded [][]float32) (*reference, error) {
	a := &reference{plan: t.Reference}
	var err error
	if a.views, err = a.plan.Materialize(ctx, t.Base, t.Workers); err != nil {
		return nil, err
	}
	if a.clean, err = t.outputs(a.plan, a.views); err != nil {
		return nil, err
	}
	head, ok := t.head()
	ratio := ok && head.Softmax
	all := make(shifts, len(rounded))
	for k, out := range a.clean {
		if len(out) != len(rounded[k]) {
			return nil, fmt.Errorf("output %q has %d numbers in one precision and %d in the other", t.Plan.Outputs()[t.Target.Reads()[k]], len(out), len(rounded[k]))
		}
		all[k] = make([]float32, len(out))
		for i, v := range rounded[k] {
			d := float64(out[i]) - float64(v)
			if ratio {
				d = 0
				if v > smallestProbability && out[i] > smallestProbability {
					d = math.Log(float64(out[i])) - math.Log(float64(v))
				}
			}
			if d-d == 0 {
				all[k][i] = float32(d)
			}
		}
	}
	a.shift = all[0]
	if a.mover = all; ratio {
		a.mover = ratios(a.shift)
	}
	return a, nil
}

// release gives the memory back once nobody needs the clean image's views.
func (a *reference) release() {
	if a.views != nil {
		a.plan.Release(a.views)
		a.views = nil
	}
}
