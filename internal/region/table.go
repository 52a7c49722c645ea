package region

// Table is the geometry of a rearrangement along one axis: padding, slicing,
// resizing. Output o is the sum over t < Taps of Weight[o*Taps+t] times the
// input Index[o*Taps+t]; an index of -1 reads the operator's constant fill.
// Weight nil means that every weight is 1, and then Taps is 1: a plain copy.
type Table struct {
	In, Taps int
	Index    []int32
	Weight   []float32
}

// Out is the length of the output axis.
func (t *Table) Out() int { return len(t.Index) / t.Taps }

// Reach is the bounding span of the outputs that read an input in s. A tap of
// weight zero counts: zero times a changed infinity is a change.
func (t *Table) Reach(s Span) Span {
	var r Span
	for o := range t.Out() {
		for _, i := range t.Index[o*t.Taps : (o+1)*t.Taps] {
			if int(i) >= s.Lo && int(i) < s.Hi {
				r = r.Union(Span{o, o + 1})
				break
			}
		}
	}
	return r
}

// Reads is the bounding span of the inputs that the outputs o read; empty if all are the
// constant fill.
func (t *Table) Reads(o Span) Span {
	var r Span
	for _, i := range t.Index[o.Lo*t.Taps : o.Hi*t.Taps] {
		if i >= 0 {
			r = r.Union(Span{int(i), int(i) + 1})
		}
	}
	return r
}

// Copy builds the table of an axis of n inputs whose output o is a copy of
// input source(o), where a negative source reads the constant fill.
func Copy(n, out int, source func(o int) int) Table {
	t := Table{In: n, Taps: 1, Index: make([]int32, out)}
	for o := range t.Index {
		t.Index[o] = int32(max(source(o), -1))
	}
	return t
}
