package obe

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

// Kept is how many bytes Keep takes for a grid and outputs of so many numbers together.
func Kept(g *Grid, numbers int) int64 { return 4 * int64(g.Len()+1) * int64(numbers) }

// Reread answers the task from the outputs that an earlier answer kept: with another
// target that reads the same outputs, on the same plan, image, grid and fill. It
// computes what Explain would, bit for bit, in the time that the scores take.
func (t Task) Reread(from *Result) (*Result, error) {
	if from.Outputs == nil {
		return nil, ErrNotKept
	}
	r := *from
	if err := t.bind(&r, from.Clean); err != nil {
		return nil, err
	}
	scorer, outs, scores := r.Bound.Scorer(), make([][]float32, len(from.Outputs)), make([]float32, len(r.Items))
	for i := range t.Grid.Len() {
		for k, all := range from.Outputs {
			n := len(from.Clean[k])
			outs[k] = all[i*n:][:n]
		}
		winner := scorer.Score(scores, outs)
		r.NaN = r.put(i, scores, winner) || r.NaN
	}
	return &r, nil
}
