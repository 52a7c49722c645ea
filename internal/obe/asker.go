package obe

import (
	"fmt"

	"krypton/internal/incremental"
	"krypton/internal/target"
)

// asker answers positions: by whose plan and views, and what makes scores of the outputs.
// It is made once for a map, for all classes or for those of a shortlist.
type asker struct {
	plan  *incremental.Plan
	views *incremental.Views
	reads []int
	names []string // of the outputs that are read
	sizes []int    // how many numbers each has
	moved mover    // nil moves nothing
	bound target.Bound
	hands chan *hand
}

// mover moves what an output, one of those that are read, says at a position. dst may
// be out.
type mover interface {
	move(k int, dst, out []float32)
}

// hand is what one goroutine scores with.
type hand struct {
	scorer target.Scorer
	outs   [][]float32 // as they are given to the scorer
	own    [][]float32 // memory for those that are moved, or several
	scores []float32
}

// newAsker is that of all that the target reads. clean are the clean image's outputs.
func (t *Task) newAsker(views *incremental.Views, moved mover, bound target.Bound, clean [][]float32) *asker {
	a := &asker{plan: t.Plan, views: views, reads: t.Target.Reads(), moved: moved, bound: bound, hands: make(chan *hand, max(1, t.Workers))}
	for k, i := range a.reads {
		a.names, a.sizes = append(a.names, t.Plan.Outputs()[i]), append(a.sizes, len(clean[k]))
	}
	return a
}

// take gives a hand that nobody else has until it is given back.
func (a *asker) take() *hand {
	select {
	case h := <-a.hands:
		return h
	default:
	}
	h := &hand{scorer: a.bound.Scorer(), outs: make([][]float32, len(a.reads)), own: make([][]float32, len(a.reads)), scores: make([]float32, len(a.bound.Items()))}
	for k, n := range a.sizes {
		if a.moved != nil || len(a.reads) > 1 {
			h.own[k] = make([]float32, n)
		}
	}
	return h
}

func (a *asker) give(h *hand) {
	select {
	case a.hands <- h:
	default:
	}
}

// read puts the outputs of position i into a hand, as the network gives them.
func (a *asker) read(h *hand, i int, res incremental.Results) error {
	for k, output := range a.reads {
		out, err := numbers(res, output)
		if err != nil {
			return err
		}
		if len(out) != a.sizes[k] {
			return fmt.Errorf("output %q has %d numbers at position %d and %d on the clean image", a.names[k], len(out), i, a.sizes[k])
		}
		if h.outs[k] = out; len(a.reads) > 1 { // the next may take the same memory
			h.outs[k] = h.own[k]
			copy(h.own[k], out)
		}
	}
	return nil
}

// numbers are those of an output, which may be whole ones.
func numbers(res incremental.Results, output int) ([]float32, error) {
	out, err := res.Floats(output)
	if err == nil {
		return out, nil
	}
	t, err := res.Tensor(output)
	if err != nil {
		return nil, err
	}
	return t.Numbers()
}

// score makes the scores, and the winner, of what a hand holds.
func (a *asker) score(h *hand) (winner int32) {
	if a.moved != nil {
		for k, out := range h.outs {
			a.moved.move(k, h.own[k], out)
			h.outs[k] = h.own[k]
		}
	}
	return h.scorer.Score(h.scores, h.outs)
}

// outputs are the numbers of a run that the target reads, one slice for each.
func (t *Task) outputs(p *incremental.Plan, v *incremental.Views) ([][]float32, error) {
	var outs [][]float32
	for _, i := range t.Target.Reads() {
		if i < 0 || i >= len(p.Outputs()) {
			return nil, fmt.Errorf("%w: the model has no output %d", ErrTask, i)
		}
		out, err := p.Output(v, i).Numbers()
		if err != nil {
			return nil, fmt.Errorf("%w: output %q: %v", ErrTask, p.Outputs()[i], err)
		}
		if len(out) == 0 {
			return nil, fmt.Errorf("%w: output %q is empty", ErrTask, p.Outputs()[i])
		}
		outs = append(outs, out)
	}
	return outs, nil
}
