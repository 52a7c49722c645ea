package obe

import "krypton/internal/prediction"

// firstLook bounds the number of positions of a gradual map's coarsest step: few
// enough that they are there at once, enough to tell one side of an image from the
// other.
const firstLook = 100

// gradually computes all positions, every step-th row and column first, then those
// between them, with half the step each time.
func gradually(g *Grid, r *Result, compute func(pick []int) error) error {
	r.Computed = make([]bool, g.Len())
	step := 1
	for (len(g.Ys)+step-1)/step*((len(g.Xs)+step-1)/step) > firstLook {
		step *= 2
	}
	for ; step > 0; step /= 2 {
		var pick []int
		for y := 0; y < len(g.Ys); y += step {
			for x := 0; x < len(g.Xs); x += step {
				if i := y*len(g.Xs) + x; !r.Computed[i] {
					r.Computed[i] = true
					pick = append(pick, i)
				}
			}
		}
		if err := compute(pick); err != nil {
			return err
		}
	}
	return nil
}

// answered tells of position i, whose scores and winner are there.
func (t *Task) answered(r *Result, i int) {
	if t.Answered == nil {
		return
	}
	var few [4]float32
	scores := few[:0]
	for k := range r.Scores {
		scores = append(scores, r.Scores[k][i])
	}
	t.Answered(i, scores, r.Winners[i])
}

// Kept is how many bytes Keep takes for a grid and an output of so many numbers.
func Kept(g *Grid, numbers int) int64 { return 4 * int64(g.Len()+1) * int64(numbers) }

// Reread answers the task from the outputs that an earlier answer kept: with other
// classes, another reading or score, on the same plan, image, grid and fill. It
// computes what Explain would, bit for bit, in the time that the activation takes.
func (t Task) Reread(from *Result) (*Result, error) {
	if from.Outputs == nil {
		return nil, ErrNotKept
	}
	r := *from
	r.Base, r.Scores, r.NaN = nil, nil, false
	numbers, n := len(from.Clean), t.Grid.Len()
	if err := t.clean(&r, from.Clean); err != nil {
		return nil, err
	}
	r.Winners = make([]int32, n)
	r.Scores = make([][]float32, len(r.Classes))
	for k := range r.Scores {
		r.Scores[k] = make([]float32, n)
	}
	p := make([]float32, len(r.Probabilities))
	for i := range n {
		t.Reading.Apply(p, from.Outputs[i*numbers:][:numbers])
		r.NaN = t.read(&r, p, r.Classes, i) || r.NaN
		r.Winners[i] = int32(prediction.Winner(p))
	}
	return &r, nil
}
