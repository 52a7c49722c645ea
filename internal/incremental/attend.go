package incremental

import (
	"slices"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/op"
)

// attend makes one step of two products with a softmax between that nobody else reads, and
// perhaps biases and masks before that: attention, whose scores, as many as pairs of tokens,
// then never lie in memory. Where tokens look at those of their window alone, changes
// reach no further.
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
		between, names, first := c.between(before, soft)
		if first == nil {
			continue
		}
		scores, ok := first.spec.(*engine.Product)
		if !ok || softmax.Size != len(scores.Right.Column) || !sameRows(scores, values) {
			continue
		}
		a := &engine.Attention{Scores: *scores, Values: *values, Between: between}
		in := slices.Clone(first.in)
		if right := &a.Values.Right; right.Const == nil {
			src := s.in[right.In]
			if right.In = slices.Index(in, src); right.In < 0 {
				right.In, in = len(in), append(in, src)
			}
		}
		s.in, s.spec = in, a
		s.node, s.operator = first.node+"+"+names+soft.node+"+"+s.node, "(attention)"
		for soft.in[0].value != first.out {
			between := &p.steps[producer[soft.in[0].value]]
			left[producer[between.out]] = true
			soft.in, between.in = between.in, nil
		}
		left[producer[first.out]], left[producer[soft.out]] = true, true
		soft.in = nil
		c.windows(i)
	}
	c.drop(left)
}

// between gives what is done with scores, whose rows are as long as softmax's, before the
// softmax that alone reads them: steps with constants, their names, and what makes the scores,
// nil if that is something else.
func (c *compiler) between(before func(*step, int) *step, soft *step) (all []engine.Between, names string, first *step) {
	size := soft.spec.(*engine.Softmax).Size
	for s := before(soft, 0); s != nil; s = before(s, 0) {
		x := engine.Between{}
		switch spec := s.spec.(type) {
		case *engine.Product:
			slices.Reverse(all)
			for i := range all {
				all[i].Pairs = pairs(spec, all, i)
			}
			return all, names, s
		case *engine.Table:
			x.Table = spec
		case *engine.Select:
			x.Select = spec
		case *engine.Binary:
			x.Table = tableOf(spec, size)
		}
		if x.Table == nil && x.Select == nil || x.Constants().Length != size {
			return nil, "", nil
		}
		all, names = append(all, x), s.node+"+"+names
	}
	return nil, "", nil
}

// tableOf is what combines a value with a constant, as a table whose runs have n numbers; nil
// if it is no such thing.
func tableOf(b *engine.Binary, n int) *engine.Table {
	k := 1 // the constant operand
	if b.Const[0] != nil {
		k = 0
	}
	o, ok := b.Operation, true
	if k == 0 {
		o, ok = o.Swapped()
	}
	if !ok || !b.Native || b.Const[k] == nil || b.Const[1-k] != nil || b.Kind[1-k] != engine.Full || b.Out.C%n != 0 {
		return nil
	}
	t := &engine.Table{Out: b.Out, Operation: o, Const: b.Const[k], Length: n, Rows: make([]int32, b.Out.Len()/n)}
	for i := range t.Rows {
		switch b.Kind[k] {
		case engine.Full:
			t.Rows[i] = int32(i * n)
		case engine.PerChannel:
			t.Rows[i] = int32(i * n % b.Out.C)
		case engine.PerPixel:
			t.Rows[i], t.Single = int32(i*n/b.Out.C), true
		case engine.Scalar:
			t.Single = true
		}
	}
	return t
}

// pairs says of each pair of a product whether step i of those behind it changes anything:
// zeros that are added, as masks have most, do not, where nothing but sums follow.
func pairs(scores *engine.Product, all []engine.Between, i int) []bool {
	t, change := all[i].Table, slices.Repeat([]bool{true}, len(scores.OutBatch))
	for _, x := range all[i:] {
		if x.Table == nil || x.Table.Operation != asm.Sum {
			return change
		}
	}
	n := t.Length
	for b, first := range scores.OutBatch {
		change[b] = slices.ContainsFunc(scores.OutRow, func(o int32) bool {
			row := t.Const[t.Rows[int(first+o)/n]:]
			if t.Single {
				return row[0] != 0
			}
			return slices.ContainsFunc(row[:n], func(v float32) bool { return v != 0 })
		})
	}
	return change
}

// windows finds out whether step i, an attention, is of windows of pixels, and makes what it
// reaches those, unless something behind it counts on all of its output being changed.
func (c *compiler) windows(i int) {
	p := c.p
	s := &p.steps[i]
	a := s.spec.(*engine.Attention)
	var in []engine.Plane
	for _, src := range s.in {
		in = append(in, src.plane)
	}
	if p.values[s.in[0].value].entire || !a.SetWindows(in, p.values[s.out].plane) {
		return
	}
	s.kind, s.moves = op.Rearranging, a.Windows
	was := make([]bool, len(p.values))
	for v := range p.values {
		was[v] = p.values[v].entire
	}
	for k := i; k < len(p.steps); k++ {
		s := &p.steps[k]
		for _, src := range s.in {
			v := &p.values[src.value]
			if was[src.value] && !v.entire && v.plane != src.plane && v.plane.H*v.plane.W > 1 {
				for v := range p.values {
					p.values[v].entire = was[v]
				}
				at := &p.steps[i]
				at.kind, at.moves, a.Windows = op.Global, nil, nil
				return
			}
		}
		if s.reference == nil && len(s.in) > 0 {
			p.values[s.out].entire = c.entirely(s)
		}
	}
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
