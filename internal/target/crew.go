package target

import (
	"fmt"
	"slices"

	"krypton/internal/incremental"
	"krypton/internal/region"
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
	// shapes are those of the outputs where changes are followed, else nil.
	shapes [][]int
	moved  Mover // nil moves nothing
	bound  Bound
	hands  chan *Hand
}

// Hand is what one goroutine scores with.
type Hand struct {
	crew   *Crew
	scorer Scorer
	// Outs are the outputs, as they are given to the scorer, Scores what it made of them.
	Outs   [][]float32
	Scores []float32
	own    [][]float32 // memory for those that are moved
	// follower is the scorer if it is to be told what changed, else nil, and changed what
	// did of each of Outs.
	follower Follower
	changed  [][]region.Span
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

// Follow says that all changes are of the very run that the clean outputs are of: then
// scorers that can are told what the changes leave as it is.
func (c *Crew) Follow(p *incremental.Plan) {
	for _, i := range c.reads {
		c.shapes = append(c.shapes, p.OutputShape(i))
	}
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
	if c.shapes != nil && c.moved == nil {
		h.follower, _ = h.scorer.(Follower)
		h.changed = make([][]region.Span, len(c.reads))
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
		if h.follower != nil {
			h.changed[k] = spansOf(h.changed[k][:0], res.Changed(output), c.shapes[k], len(out))
		}
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
	if h.follower != nil {
		return h.follower.ScoreChanged(h.Scores, h.Outs, h.changed)
	}
	return h.scorer.Score(h.Scores, h.Outs)
}

// spansOf appends parts of an output of n numbers as spans of these. What has no known
// shape has changed everywhere.
func spansOf(to []region.Span, parts []incremental.Part, shape []int, n int) []region.Span {
	for _, p := range parts {
		if len(shape) == 0 || len(p) != len(shape) {
			return append(to[:0], region.Span{Hi: n})
		}
		to = spans(to, p, shape, 0, n)
	}
	return to
}

// spans appends those of a part of an array of n numbers that begins at some place: the
// last axes are one span if all of them but the first are whole.
func spans(to []region.Span, p incremental.Part, shape []int, at, n int) []region.Span {
	step, whole := n/shape[0], true
	for a := 1; a < len(shape); a++ {
		whole = whole && p[a] == region.Span{Hi: shape[a]}
	}
	if whole {
		return append(to, region.Span{Lo: at + p[0].Lo*step, Hi: at + p[0].Hi*step})
	}
	for i := p[0].Lo; i < p[0].Hi; i++ {
		to = spans(to, p[1:], shape[1:], at+i*step, step)
	}
	return to
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
