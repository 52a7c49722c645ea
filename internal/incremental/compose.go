package incremental

import (
	"slices"

	"krypton/internal/engine"
	"krypton/internal/region"
)

// compose lets steps that pick channels read what concatenations and other such steps
// put together, where nobody else wants that: ShuffleNet's concatenation, shuffle and
// split so become one copy of each half.
func (c *compiler) compose() {
	p := c.p
	readers, producer := p.readers(), p.producers()
	left := map[int]bool{}
	for i := range p.steps {
		s := &p.steps[i]
		if len(s.in) == 0 {
			continue
		}
		if from, ok := producer[s.in[0].value]; ok && len(readers[s.in[0].value]) == 1 && copyBehind(s, &p.steps[from]) {
			left[from] = true
			continue
		}
		pick, ok := s.spec.(*engine.Channels)
		if !ok || !c.plainly(i) {
			continue
		}
		for k := 0; k < len(s.in); k++ {
			from, ok := producer[s.in[k].value]
			if !ok || !c.onlyPicked(readers[s.in[k].value]) || !c.plainly(from) {
				continue
			}
			in, composed := replaced(s.in, k, pick, &p.steps[from])
			if composed == nil || len(in) > mostPicked || composed.Moves(widths(in)) > 2*pick.Moves(widths(s.in)) {
				continue
			}
			k += len(p.steps[from].in) - 1
			s.in, s.spec, pick = in, composed, composed
			left[from] = true
		}
	}
	c.drop(left)
}

// copyBehind lets a step that copies pixels read what the one before, which does so too,
// reads: a plane that is rolled along both axes.
func copyBehind(s, before *step) bool {
	second, ok := s.spec.(*engine.Interpolate)
	first, and := before.spec.(*engine.Interpolate)
	copies := func(p *engine.Interpolate) bool {
		return p.Y.Weight == nil && p.X.Weight == nil && !slices.Contains(p.Y.Index, -1) && !slices.Contains(p.X.Index, -1)
	}
	if !ok || !and || s.in[0].plane != first.Out || !copies(first) || !copies(second) {
		return false
	}
	through := func(a, b *region.Table) region.Table {
		return region.Copy(a.In, b.Out(), func(o int) int { return int(a.Index[b.Index[o]]) })
	}
	both := &engine.Interpolate{In: first.In, Out: second.Out, Y: through(&first.Y, &second.Y), X: through(&first.X, &second.X)}
	s.node = before.node + "+" + s.node
	s.in, s.spec, s.moves = before.in, both, region.Tables{Y: &both.Y, X: &both.X}
	return true
}

// mostPicked is how many inputs a step that picks channels may have.
const mostPicked = 6

// onlyPicked says whether the readers of a value pick channels, all of them.
func (c *compiler) onlyPicked(readers []int) bool {
	return !slices.ContainsFunc(readers, func(i int) bool {
		if i < 0 {
			return true
		}
		_, ok := c.p.steps[i].spec.(*engine.Channels)
		return !ok || !c.plainly(i)
	})
}

// widths are the numbers of channels of a step's inputs.
func widths(in []source) (w []int) {
	for _, s := range in {
		w = append(w, s.plane.C)
	}
	return w
}

// replaced gives the step that picks channels of in without input k, which is replaced by
// what step from makes it of; nil if that cannot be.
func replaced(in []source, k int, pick *engine.Channels, from *step) ([]source, *engine.Channels) {
	var made []int // of input k's channels, in terms of from's inputs
	fill := pick.Fill
	switch prim := from.spec.(type) {
	case *engine.Concat:
		made = span(0, prim.Out.C, 1)
	case *engine.Channels:
		if made = prim.Source; slices.Contains(made, -1) {
			if slices.Contains(pick.Source, -1) && prim.Fill != fill {
				return nil, nil
			}
			fill = prim.Fill
		}
	default:
		return nil, nil
	}
	first, more := 0, 0 // channels before input k, and how many more it becomes
	for _, s := range in[:k] {
		first += s.plane.C
	}
	for _, w := range widths(from.in) {
		more += w
	}
	more -= in[k].plane.C
	source := make([]int, len(pick.Source))
	for i, s := range pick.Source {
		switch {
		case s < first:
		case s >= first+in[k].plane.C:
			s += more
		default:
			if s = made[s-first]; s >= 0 {
				s += first
			}
		}
		source[i] = s
	}
	return slices.Concat(in[:k], from.in, in[k+1:]), &engine.Channels{Source: source, Fill: fill}
}

// drop takes out steps whose values nobody reads any more, of those given.
func (c *compiler) drop(left map[int]bool) {
	p := c.p
	readers := p.readers()
	gone := map[int]bool{} // values
	var steps []step
	at := make([]int, len(p.steps))
	for i, s := range p.steps {
		if at[i] = len(steps); left[i] && len(readers[s.out]) == 0 {
			gone[s.out] = true
			continue
		}
		steps = append(steps, s)
	}
	if len(gone) == 0 {
		return
	}
	p.steps = steps
	for _, v := range c.pending {
		v.step = at[v.step]
	}
	number := make([]int, len(p.values))
	var values []value
	for i, v := range p.values {
		if number[i] = len(values); !gone[i] {
			values = append(values, v)
		}
	}
	p.values = values
	for i := range p.steps {
		s := &p.steps[i]
		s.out = number[s.out]
		for k := range s.in {
			s.in[k].value = number[s.in[k].value]
		}
		if s.reference != nil {
			for k, v := range s.reference.out {
				if v >= 0 {
					s.reference.out[k] = number[v]
				}
			}
		}
	}
	for i := range p.outputs {
		o := &p.outputs[i]
		o.host = number[o.host]
		for k := range o.pieces {
			o.pieces[k].value = number[o.pieces[k].value]
		}
	}
}
