package incremental

import (
	"slices"

	"krypton/internal/engine"
)

// attend makes one step of two products with a softmax between that nobody else reads:
// attention, whose scores, as many as pairs of tokens, then never lie in memory.
func (c *compiler) attend() {
	p := c.p
	readers, producer := p.readers(), p.producers()
	// before is the step that makes input k of s for s alone.
	before := func(s *step, k int) *step {
		value := s.in[k].value
		i, ok := producer[value]
		if !ok || len(readers[value]) != 1 || !c.plainly(i) {
			return nil
		}
		return &p.steps[i]
	}
	left := map[int]bool{}
	for i := range p.steps {
		s := &p.steps[i]
		values, ok := s.spec.(*engine.Product)
		if !ok || values.Left.Const != nil || !c.plainly(i) {
			continue
		}
		if values.Right.Const == nil && values.Right.In == values.Left.In {
			continue
		}
		soft := before(s, values.Left.In)
		if soft == nil {
			continue
		}
		softmax, ok := soft.spec.(*engine.Softmax)
		if !ok || softmax.Log {
			continue
		}
		first := before(soft, 0)
		if first == nil {
			continue
		}
		scores, ok := first.spec.(*engine.Product)
		if !ok || softmax.Size != len(scores.Right.Column) || !sameRows(scores, values) {
			continue
		}
		a := &engine.Attention{Scores: *scores, Values: *values}
		in := slices.Clone(first.in)
		if right := &a.Values.Right; right.Const == nil {
			src := s.in[right.In]
			if right.In = slices.Index(in, src); right.In < 0 {
				right.In, in = len(in), append(in, src)
			}
		}
		s.in, s.spec = in, a
		s.node, s.operator = first.node+"+"+soft.node+"+"+s.node, "(attention)"
		left[producer[first.out]], left[producer[soft.out]] = true, true
		soft.in = nil
	}
	c.drop(left)
}

// sameRows says whether the left matrices of values are what scores gives, pair by pair and
// row by row, and more than a single row.
func sameRows(scores, values *engine.Product) bool {
	l := &values.Left
	if len(l.Batch) != len(scores.OutBatch) || len(l.Row) != len(scores.OutRow) || len(l.Batch)*len(l.Row) < 2 || len(l.Column) != len(scores.Right.Column) {
		return false
	}
	for i, o := range l.Column {
		if o != l.Column[0]+int32(i) {
			return false
		}
	}
	first := int32(l.First) + l.Column[0]
	for b, o := range l.Batch {
		if first+o+l.Row[0] != scores.OutBatch[b]+scores.OutRow[0] {
			return false
		}
	}
	for r, o := range l.Row {
		if o-l.Row[0] != scores.OutRow[r]-scores.OutRow[0] {
			return false
		}
	}
	return true
}
