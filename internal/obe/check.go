package obe

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"krypton/internal/incremental"
	"krypton/internal/target"
)

// Comparison is what whole runs of the network gave at some positions.
type Comparison struct {
	// Positions is how many were run, of Of that the map measured.
	Positions, Of int
	// Whole is the time of the whole runs, by whom the map was answered. Runs that take too
	// little time to be measured are repeated, and this is their part of it.
	Whole time.Duration
	// Largest is the largest difference of an output, before the activation;
	// NaN where one has a number and the other has none. Different counts the
	// outputs that differ in any bit.
	Largest   float32
	Different int
}

// block bounds the positions whose outputs are held at once to be compared, and
// blockBytes what these may take.
const (
	block      = 256
	blockBytes = 64 << 20
)

// block is the number of positions whose outputs are held at once.
func (t *Task) block(r *Result) int {
	return max(1, min(block, blockBytes/(4*r.numbers)))
}

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
	block, ran := t.block(r), 0
	for lo := 0; lo < n; lo += block {
		pick := order[lo:min(lo+block, n)]
		exact, _, err := t.rerun(ctx, views, pick, t.Mode == Naive, t.answer)
		if err != nil {
			return err
		}
		whole, spent, err := t.rerun(ctx, views, pick, true, t.whole())
		if err != nil {
			return err
		}
		for i := range pick {
			k, a, b := c.add(exact[i], whole[i])
			if k >= 0 && lo+i < verify {
				return fmt.Errorf("%w: position %d (%v), output element %d: %g, whole run %g", ErrMismatch, pick[i], t.Grid.Rect(pick[i]), k, a, b)
			}
		}
		if t.Device != nil && !t.own() { // what answered the map is timed, not who verified it
			if pick = pick[:min(len(pick), max(0, compare-lo))]; len(pick) > 0 {
				if _, spent, err = t.rerun(ctx, views, pick, true, t.answer); err != nil {
					return err
				}
			}
		}
		if len(pick) > 0 {
			c.Whole += spent
			ran += len(pick)
		}
		if t.Checking != nil {
			t.Checking(min(lo+block, n), n)
		}
	}
	r.Verified = verify
	if compare > 0 {
		c.Whole = c.Whole * time.Duration(compare) / time.Duration(ran)
		for pick := order[:compare:compare]; c.Whole*time.Duration(len(pick)/compare) < measurable; {
			pick = append(pick, pick...)
			_, spent, err := t.rerun(ctx, views, pick, true, t.answer)
			if err != nil {
				return err
			}
			c.Whole = max(1, spent/time.Duration(len(pick)/compare))
		}
		r.Compared = c
	}
	return nil
}

// add compares the outputs of a position, and gives the first element that differs, -1
// if none does.
func (c *Comparison) add(exact, whole [][]float32) (first int, a, b float32) {
	first = -1
	at := 0 // over all outputs
	for n, out := range exact {
		for k, x := range out {
			y := whole[n][k]
			if math.Float32bits(x) == math.Float32bits(y) {
				continue
			}
			if first < 0 {
				first, a, b = at+k, x, y
			}
			c.Different++
			if d := float32(math.Abs(float64(x) - float64(y))); d > c.Largest || d != d {
				c.Largest = d
			}
		}
		at += len(out)
	}
	return first, a, b
}

// rerun gives the outputs that the target reads at some positions, and the time they
// took by one who answers.
func (t *Task) rerun(ctx context.Context, views *incremental.Views, pick []int, whole bool, by answerer) ([][][]float32, time.Duration, error) {
	outs := make([][][]float32, len(pick))
	c := &picked{changes: newChanges(t, whole), pick: pick}
	start := time.Now()
	keep := func(i int, res incremental.Results) error {
		var err error
		outs[i], err = target.Keep(t.Target, res)
		return err
	}
	opt := incremental.Options{Workers: t.Workers, Memory: t.Memory, Chunk: t.Chunk}
	err := by(ctx, t.Plan, views, c, opt, keep)
	return outs, time.Since(start), err
}
