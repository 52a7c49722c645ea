package obe

import (
	"context"
	"fmt"
	"math"

	"krypton/internal/incremental"
	"krypton/internal/prediction"
)

// reference holds a map made in low precision to the clean image's scores in
// float32. Rounding moves the logits of all positions by nearly the same, since
// they share most of the image: what it moves the clean image's by, which one
// whole run tells, is taken off all of them. (A control variate with the clean
// image as its known value.)
type reference struct {
	plan  *incremental.Plan
	views *incremental.Views
	out   []float32 // of the clean image, in float32
	// shift is what is added to a class's raw output, or to its logarithm
	// where the model itself ends in a softmax (ratio).
	shift []float32
	ratio bool
}

// smallestProbability is that whose logarithm still says something.
const smallestProbability = 1e-30

// newReference runs the clean image by Task.Reference. rounded is what Task.Plan made
// of it.
func (t *Task) newReference(ctx context.Context, rounded []float32) (*reference, error) {
	a := &reference{plan: t.Reference}
	var err error
	if a.views, err = a.plan.Materialize(ctx, t.Base, t.Workers); err != nil {
		return nil, err
	}
	if a.out, err = a.plan.Output(a.views, t.Output).Floats(); err != nil {
		return nil, fmt.Errorf("%w: output %q: %v", ErrTask, t.Plan.Outputs()[t.Output], err)
	}
	if len(a.out) != len(rounded) {
		return nil, fmt.Errorf("output %q has %d numbers in one precision and %d in the other", t.Plan.Outputs()[t.Output], len(a.out), len(rounded))
	}
	head, ok := t.Plan.Head(t.Output)
	a.ratio = ok && head.Softmax
	a.shift = make([]float32, len(rounded))
	for i, v := range rounded {
		d := float64(a.out[i]) - float64(v)
		if a.ratio {
			d = 0
			if v > smallestProbability && a.out[i] > smallestProbability {
				d = math.Log(float64(a.out[i])) - math.Log(float64(v))
			}
		}
		if d-d == 0 {
			a.shift[i] = float32(d)
		}
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

// apply writes the scores of raw outputs, moved, to dst.
func (a *reference) apply(reading prediction.Reading, dst, out []float32) {
	if !a.ratio {
		for i, v := range out {
			dst[i] = v + a.shift[i]
		}
		reading.Apply(dst, dst[:len(out)])
		return
	}
	sum := 0.0
	for i, v := range out {
		sum += float64(v) * math.Exp(float64(a.shift[i]))
	}
	for i, v := range out {
		dst[i] = float32(float64(v) * math.Exp(float64(a.shift[i])) / sum)
	}
	reading.Apply(dst, dst[:len(out)])
}
