package op

import (
	"fmt"
	"slices"
	"strings"
)

// newEinsum is the sum of products that an equation names the axes of: one operand after
// the other is multiplied in, as a product of matrices where labels are summed up.
func newEinsum(n *Node) (Operator, error) {
	equation, err := n.Attr.String("equation", "")
	if err != nil {
		return nil, err
	}
	operands, result, err := parseEinsum(equation)
	if err == nil && n.Inputs > 0 && len(operands) != n.Inputs {
		err = fmt.Errorf("equation %q has %d terms for %d inputs", equation, len(operands), n.Inputs)
	}
	if err != nil {
		return nil, err
	}
	return &Compound{least: len(operands), build: func(p *parts, in []*Info) error {
		terms := make([]term, len(operands))
		for i, labels := range operands {
			if !in[i].Known() {
				return fmt.Errorf("shape of input %d must be known", i)
			}
			var err error
			if terms[i], err = newTerm(p.input(i), labels, in[i].Shape); err != nil {
				return fmt.Errorf("equation %q, input %d: %w", equation, i, err)
			}
		}
		want, err := resultLabels(terms, result)
		if err != nil {
			return fmt.Errorf("equation %q: %w", equation, err)
		}
		y, err := p.contracted(terms, want)
		p.result(y)
		return err
	}}, nil
}

// label names an axis: a letter, ellipsis, or, from axisOf on, an axis that an ellipsis
// stands for, counted from the last.
type label = int

const (
	ellipsis label = 1
	axisOf   label = 1000
)

// parseEinsum reads an equation; result is nil if it has none.
func parseEinsum(equation string) (operands [][]label, result []label, err error) {
	left, right, explicit := strings.Cut(strings.ReplaceAll(equation, " ", ""), "->")
	for _, t := range strings.Split(left, ",") {
		labels, err := parseTerm(t)
		if err != nil {
			return nil, nil, fmt.Errorf("equation %q: %w", equation, err)
		}
		operands = append(operands, labels)
	}
	if explicit {
		if result, err = parseTerm(right); err != nil {
			return nil, nil, fmt.Errorf("equation %q: %w", equation, err)
		}
		result = append([]label{}, result...) // not nil
	}
	return operands, result, nil
}

func parseTerm(s string) (labels []label, err error) {
	for len(s) > 0 {
		c := s[0]
		next := label(c)
		switch {
		case strings.HasPrefix(s, "..."):
			next, s = ellipsis, s[2:]
		case c < 'A' || c > 'Z' && c < 'a' || c > 'z':
			return nil, fmt.Errorf("%q names no axis", s[:1])
		}
		if slices.Contains(labels, next) {
			return nil, fmt.Errorf("an axis that a term names twice (diagonals) is not supported")
		}
		labels, s = append(labels, next), s[1:]
	}
	return labels, nil
}

// term is an operand with a label for each axis.
type term struct {
	ref    Ref
	labels []label
	shape  []int
}

// newTerm gives every axis of an operand its label.
func newTerm(ref Ref, labels []label, shape []int) (term, error) {
	t := term{ref: ref, shape: shape}
	left := len(shape) - len(labels) + 1
	if at := slices.Index(labels, ellipsis); at >= 0 && left >= 0 {
		t.labels = slices.Concat(labels[:at], ellipsisAxes(left), labels[at+1:])
	} else {
		t.labels = labels
	}
	if len(t.labels) != len(shape) {
		return t, fmt.Errorf("%d labels for shape %v", len(labels), shape)
	}
	return t, nil
}

// ellipsisAxes are the labels of n axes that an ellipsis stands for.
func ellipsisAxes(n int) []label {
	axes := make([]label, n)
	for i := range axes {
		axes[i] = axisOf + n - 1 - i
	}
	return axes
}

// resultLabels are the labels of the result: as it is written, or all that are named once,
// in order, behind what ellipses stand for.
func resultLabels(terms []term, written []label) ([]label, error) {
	count := map[label]int{}
	axes := 0
	for _, t := range terms {
		for _, l := range t.labels {
			count[l]++
			axes = max(axes, l-axisOf+1)
		}
	}
	if written == nil {
		var once []label
		for l, n := range count {
			if n == 1 && l < axisOf {
				once = append(once, l)
			}
		}
		slices.Sort(once)
		return append(ellipsisAxes(axes), once...), nil
	}
	var want []label
	for _, l := range written {
		switch {
		case l == ellipsis:
			want = append(want, ellipsisAxes(axes)...)
		case count[l] == 0:
			return nil, fmt.Errorf("the result has an axis %q that no term has", rune(l))
		default:
			want = append(want, l)
		}
	}
	return want, nil
}

// contracted multiplies the terms, sums up what the result does not have, and orders its
// axes.
func (p *parts) contracted(terms []term, want []label) (Ref, error) {
	t := terms[0]
	for i, next := range terms[1:] {
		keep := slices.Clone(want)
		for _, later := range terms[i+2:] {
			keep = append(keep, later.labels...)
		}
		var err error
		if t, err = p.pair(t, next, keep); err != nil {
			return Ref{}, err
		}
	}
	t, err := p.summed(t, func(l label) bool { return !slices.Contains(want, l) })
	if err != nil {
		return Ref{}, err
	}
	t, err = p.ordered(t, want)
	if err == nil && len(p.list) == 0 {
		return p.add("Identity", 13, nil, t.ref)
	}
	return t.ref, err
}

// pair multiplies two terms and sums up labels that are not kept.
func (p *parts) pair(a, b term, keep []label) (term, error) {
	const absent = -1
	size := func(t term, l label) int {
		if i := slices.Index(t.labels, l); i >= 0 {
			return t.shape[i]
		}
		return absent
	}
	lonely := func(t, other term) func(l label) bool { // summed up before the product
		return func(l label) bool { return !slices.Contains(keep, l) && size(t, l) != size(other, l) }
	}
	before := a
	a, err := p.summed(a, lonely(a, b))
	if err == nil {
		b, err = p.summed(b, lonely(b, before))
	}
	if err != nil {
		return term{}, err
	}
	var batch, rows, depth, columns []label
	for _, l := range a.labels {
		switch {
		case !slices.Contains(b.labels, l):
			rows = append(rows, l)
		case slices.Contains(keep, l):
			batch = append(batch, l)
		default:
			depth = append(depth, l)
		}
	}
	for _, l := range b.labels {
		if !slices.Contains(a.labels, l) {
			columns = append(columns, l)
		}
	}
	shape := []int{}
	for _, l := range slices.Concat(batch, rows, columns) {
		n, m := size(a, l), size(b, l)
		switch { // 1 is spread, as elsewhere
		case n == absent || n == 1 && m != absent:
			n = m
		case m != absent && m != 1 && m != n:
			return term{}, fmt.Errorf("an axis is %d long in one input and %d in another", n, m)
		}
		shape = append(shape, n)
	}
	x, err := p.matrix(a, batch, rows, depth)
	if err != nil {
		return term{}, err
	}
	y, err := p.matrix(b, batch, depth, columns)
	if err != nil {
		return term{}, err
	}
	operator := "MatMul"
	if len(depth) == 0 {
		operator = "Mul" // each of a column with each of a row
	}
	z, err := p.add(operator, 13, nil, x, y)
	if err != nil {
		return term{}, err
	}
	z, err = p.reshaped(z, shape)
	return term{z, slices.Concat(batch, rows, columns), shape}, err
}

// matrix gives a term as a batch of matrices, whose rows and columns have these labels.
func (p *parts) matrix(t term, batch, rows, columns []label) (Ref, error) {
	t, err := p.ordered(t, slices.Concat(batch, rows, columns))
	if err != nil {
		return Ref{}, err
	}
	n := len(batch)
	shape := append(slices.Clone(t.shape[:n]), product(t.shape[n:n+len(rows)]), product(t.shape[n+len(rows):]))
	return p.reshaped(t.ref, shape)
}

// summed adds a term up over the labels for which gone says so.
func (p *parts) summed(t term, gone func(l label) bool) (term, error) {
	var axes []int64
	left := term{ref: t.ref, shape: []int{}}
	for i, l := range t.labels {
		if gone(l) {
			axes = append(axes, int64(i))
			continue
		}
		left.labels, left.shape = append(left.labels, l), append(left.shape, t.shape[i])
	}
	if len(axes) == 0 {
		return t, nil
	}
	var err error
	left.ref, err = p.add("ReduceSum", 13, map[string]any{"keepdims": int64(0)}, t.ref, p.ints(axes...))
	return left, err
}

// ordered brings a term's axes into the order given, of the same labels.
func (p *parts) ordered(t term, labels []label) (term, error) {
	if slices.Equal(t.labels, labels) {
		return t, nil
	}
	perm, shape := make([]int64, len(labels)), make([]int, len(labels))
	for i, l := range labels {
		k := slices.Index(t.labels, l)
		if k < 0 {
			return t, fmt.Errorf("an axis of the result is named twice, or in no input")
		}
		perm[i], shape[i] = int64(k), t.shape[k]
	}
	if len(labels) != len(t.labels) {
		return t, fmt.Errorf("the result names an axis twice")
	}
	ref, err := p.add("Transpose", 13, map[string]any{"perm": perm}, t.ref)
	return term{ref, labels, shape}, err
}

// reshaped gives a value another shape.
func (p *parts) reshaped(r Ref, shape []int) (Ref, error) {
	if slices.Equal(p.info(r).Shape, shape) {
		return r, nil
	}
	to := make([]int64, len(shape))
	for i, n := range shape {
		to[i] = int64(n)
	}
	return p.add("Reshape", 14, map[string]any{"allowzero": int64(1)}, r, p.ints(to...))
}
