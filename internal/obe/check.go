package obe

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"krypton/internal/incremental"
)

// Comparison is what whole runs of the network gave at some positions.
type Comparison struct {
	// Positions is how many were run, of Of that the map measured.
	Positions, Of int
	// Whole is the time of the whole runs. Runs that take too little time to
	// be measured are repeated, and this is their part of it.
	Whole time.Duration
	// Largest is the largest difference of an output, before the activation;
	// NaN where one has a number and the other has none. Different counts the
	// outputs that differ in any bit.
	Largest   float32
	Different int
}

// block bounds the positions whose outputs are held at once to be compared.
const block = 256

// measurable is the time that whole runs should take together, so that getting
// ready for them does not count.
const measurable = 200 * time.Millisecond

// check recomputes random positions whole: those to verify, then those to
// compare.
func (t *Task) check(ctx context.Context, views *incremental.Views, r *Result) error {
	var order []int // random, without what the mask excludes
	masked := newChanges(t, true).masked
	for _, i := range rand.New(rand.NewPCG(t.Seed, 1)).Perm(t.Grid.Len()) {
		if !masked[i] {
			order = append(order, i)
		}
	}
	verify, compare := min(max(0, t.Verify), len(order)), t.Compare
	if compare < 0 || compare > len(order) {
		compare = len(order)
	}
	n := max(verify, compare)
	if t.Checking != nil && n > 0 {
		t.Checking(0, n)
	}
	c := &Comparison{Positions: compare, Of: len(order)}
	for lo := 0; lo < n; lo += block {
		pick := order[lo:min(lo+block, n)]
		exact, _, err := t.rerun(ctx, views, pick, t.Mode == Naive)
		if err != nil {
			return err
		}
		whole, spent, err := t.rerun(ctx, views, pick, true)
		if err != nil {
			return err
		}
		for i := range pick {
			for k, a := range exact[i] {
				b := whole[i][k]
				if math.Float32bits(a) == math.Float32bits(b) {
					continue
				}
				if lo+i < verify {
					return fmt.Errorf("%w: position %d (%v), output element %d: %g, whole run %g", ErrMismatch, pick[i], t.Grid.Rect(pick[i]), k, a, b)
				}
				c.Different++
				if d := float32(math.Abs(float64(a) - float64(b))); d > c.Largest || d != d {
					c.Largest = d
				}
			}
		}
		c.Whole += spent
		if t.Checking != nil {
			t.Checking(lo+len(pick), n)
		}
	}
	r.Verified = verify
	if compare > 0 {
		c.Whole = c.Whole * time.Duration(compare) / time.Duration(n)
		for pick := order[:compare:compare]; c.Whole*time.Duration(len(pick)/compare) < measurable; {
			pick = append(pick, pick...)
			_, spent, err := t.rerun(ctx, views, pick, true)
			if err != nil {
				return err
			}
			c.Whole = max(1, spent/time.Duration(len(pick)/compare))
		}
		r.Compared = c
	}
	return nil
}

// rerun gives the outputs at some positions and the time they took.
func (t *Task) rerun(ctx context.Context, views *incremental.Views, pick []int, whole bool) ([][]float32, time.Duration, error) {
	out := make([][]float32, len(pick))
	c := &picked{changes: newChanges(t, whole), pick: pick}
	start := time.Now()
	err := t.Plan.Update(ctx, views, c, incremental.Options{Workers: t.Workers, Memory: t.Memory, Chunk: t.Chunk}, func(i int, res incremental.Results) error {
		f, err := res.Floats(t.Output)
		out[i] = append([]float32{}, f...)
		return err
	})
	return out, time.Since(start), err
}
