package target

import (
	"fmt"
	"slices"

	"krypton/internal/incremental"
)

// Outputs are the numbers of the outputs that a target reads, of the run that views come
// from: one slice for each.
func Outputs(t Target, p *incremental.Plan, v *incremental.Views) ([][]float32, error) {
	var outs [][]float32
	for _, i := range t.Reads() {
		if i < 0 || i >= len(p.Outputs()) {
			return nil, fmt.Errorf("the model has no output %d", i)
		}
		out, err := p.Output(v, i).Numbers()
		if err != nil {
			return nil, fmt.Errorf("output %q: %v", p.Outputs()[i], err)
		}
		if len(out) == 0 {
			return nil, fmt.Errorf("output %q is empty", p.Outputs()[i])
		}
		outs = append(outs, out)
	}
	return outs, nil
}

// numbers are those of an output of a change, which may be whole ones. They are valid as
// long as the results' own.
func numbers(r incremental.Results, output int) ([]float32, error) {
	if out, err := r.Floats(output); err == nil {
		return out, nil
	}
	t, err := r.Tensor(output)
	if err != nil {
		return nil, err
	}
	return t.Numbers()
}

// Mover moves what an output, one of those that are read, says at a position. dst may
// be out.
type Mover interface {
	Move(k int, dst, out []float32)
}

// Crew scores the outputs of changes, by as many goroutines as there are.
type Crew struct {
	reads []int
	names []string // of the outputs that are read
	sizes []int    // how many numbers each has
	moved Mover    // nil moves nothing
	bound Bound
	hands chan *Hand
}

// Hand is what one goroutine scores with.
type Hand struct {
	crew   *Crew
	scorer Scorer
	// Outs are the outputs, as they are given to the scorer, Scores what it made of them.
	Outs   [][]float32
	Scores []float32
	own    [][]float32 // memory for those that are moved
}

// NewCrew scores what a target reads of a plan by what it is bound to. clean are the
// outputs on the clean picture; moved, if not nil, moves those of changes first.
func NewCrew(t Target, p *incremental.Plan, bound Bound, clean [][]float32, moved Mover, workers int) *Crew {
	c := &Crew{reads: t.Reads(), moved: moved, bound: bound, hands: make(chan *Hand, max(1, workers))}
	for k, i := range c.reads {
		c.names, c.sizes = append(c.names, p.Outputs()[i]), append(c.sizes, len(clean[k]))
	}
	return c
}

// Take gives a hand that nobody else has until it is given back.
func (c *Crew) Take() *Hand {
	select {
	case h := <-c.hands:
		return h
	default:
	}
	h := &Hand{crew: c, scorer: c.bound.Scorer(), Outs: make([][]float32, len(c.reads)), own: make([][]float32, len(c.reads)), Scores: make([]float32, len(c.bound.Items()))}
	for k, n := range c.sizes {
		if c.moved != nil {
			h.own[k] = make([]float32, n)
		}
	}
	return h
}

// Give gives a hand back.
func (c *Crew) Give(h *Hand) {
	select {
	case c.hands <- h:
	default:
	}
}

// Read takes the outputs of a change, as the network gives them.
func (h *Hand) Read(res incremental.Results) error {
	c := h.crew
	for k, output := range c.reads {
		out, err := numbers(res, output)
		if err != nil {
			return err
		}
		if len(out) != c.sizes[k] {
			return fmt.Errorf("output %q has %d numbers behind a change and %d on the clean picture", c.names[k], len(out), c.sizes[k])
		}
		h.Outs[k] = out
	}
	return nil
}

// Score makes the scores of what was read, and the winner.
func (h *Hand) Score() (winner int32) {
	if m := h.crew.moved; m != nil {
		for k, out := range h.Outs {
			m.Move(k, h.own[k], out)
			h.Outs[k] = h.own[k]
		}
	}
	return h.scorer.Score(h.Scores, h.Outs)
}

// Keep gives what a target reads of a change, to be kept.
func Keep(t Target, res incremental.Results) ([][]float32, error) {
	var outs [][]float32
	for _, output := range t.Reads() {
		out, err := numbers(res, output)
		if err != nil {
			return nil, err
		}
		outs = append(outs, slices.Clone(out))
	}
	return outs, nil
}
