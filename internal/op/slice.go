package op

import (
	"fmt"
	"slices"

	"krypton/internal/region"
	"krypton/internal/tensor"
)

// Slice takes every step-th element from a start to an end of each axis, also
// backwards. Bounds are attributes before operator set 10 and constant inputs
// (starts, ends, axes, steps) after it.
type Slice struct {
	attr               bool
	starts, ends, axes []int
}

func newSlice(n *Node) (Operator, error) {
	if n.Opset >= 10 {
		return &Slice{}, nil
	}
	s := &Slice{attr: true}
	for name, p := range map[string]*[]int{"starts": &s.starts, "ends": &s.ends, "axes": &s.axes} {
		var err error
		if *p, err = n.Attr.Ints(name); err != nil {
			return nil, err
		}
		if *p == nil && name != "axes" {
			return nil, fmt.Errorf("attribute %q is missing", name)
		}
	}
	return s, nil
}

// Ranges resolves the slice for every axis: output position o reads input
// position starts+o*steps, for o below counts.
func (s *Slice) Ranges(in []*Info) (starts, steps []int, counts []int, err error) {
	if err = checkInputs(in, 1); err != nil {
		return nil, nil, nil, err
	}
	from, to, axes, by, err := s.arguments(in)
	if err != nil {
		return nil, nil, nil, err
	}
	shape := in[0].Shape
	if axes == nil && len(from) <= len(shape) {
		axes = make([]int, len(from))
		for i := range axes {
			axes[i] = i
		}
	}
	if len(to) != len(from) || len(axes) != len(from) || by != nil && len(by) != len(from) {
		return nil, nil, nil, fmt.Errorf("starts %v, ends %v, axes %v and steps %v do not agree for shape %v", from, to, axes, by, shape)
	}
	if axes, err = normalAxes(axes, len(shape)); err != nil {
		return nil, nil, nil, err
	}
	starts, steps, counts = make([]int, len(shape)), make([]int, len(shape)), slices.Clone(shape)
	for a := range steps {
		steps[a] = 1
	}
	for i, a := range axes {
		step := 1
		if by != nil {
			step = by[i]
		}
		if step == 0 {
			return nil, nil, nil, fmt.Errorf("step of axis %d is 0", a)
		}
		starts[a], steps[a], counts[a] = sliceRange(from[i], to[i], step, shape[a])
	}
	return starts, steps, counts, nil
}

// sliceRange clamps the bounds of one axis of length n, as ONNX and Python do.
func sliceRange(from, to, step, n int) (start, by, count int) {
	if n == 0 {
		return 0, 1, 0
	}
	// A longer step than the axis takes one element all the same.
	step = min(max(step, -n), n)
	low, high := 0, n
	if step < 0 {
		low, high = -1, n-1
	}
	clamp := func(v, low int) int {
		if v < 0 {
			v = max(v, -n-1) + n
		}
		return min(max(v, low), high)
	}
	from, to = clamp(from, 0), clamp(to, low)
	if step > 0 {
		count = (to - from + step - 1) / step
	} else {
		count = (from - to - step - 1) / -step
	}
	if count <= 0 {
		return 0, 1, 0
	}
	return from, step, count
}

func (s *Slice) arguments(in []*Info) (from, to, axes, by []int, err error) {
	if s.attr {
		return s.starts, s.ends, s.axes, nil, nil
	}
	if from, err = constantInts(in, 1, "starts"); err != nil {
		return
	}
	if to, err = constantInts(in, 2, "ends"); err != nil {
		return
	}
	if given(in, 3) {
		if axes, err = constantInts(in, 3, "axes"); err != nil {
			return
		}
	}
	if given(in, 4) {
		by, err = constantInts(in, 4, "steps")
	}
	return
}

// Infer implements Operator.
func (s *Slice) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	if !in[0].Known() {
		return unknown(in[0].Type)
	}
	_, _, counts, err := s.Ranges(in)
	if err != nil {
		return nil, err
	}
	return single(in[0].Type, counts)
}

// Locality implements Localizer.
func (s *Slice) Locality(in []*Info, _ []Info) Locality {
	if !in[0].Known() || len(in[0].Shape) < 3 {
		return Locality{}
	}
	starts, steps, counts, err := s.Ranges(in)
	if err != nil {
		return Locality{}
	}
	shape := in[0].Shape
	changed := make([]bool, len(shape))
	for a, n := range shape {
		changed[a] = starts[a] != 0 || steps[a] != 1 || counts[a] != n
	}
	switch {
	case !slices.Contains(changed[2:], true) && !changed[0]:
		return Locality{Kind: Pointwise}
	case changed[0] || changed[1]:
		return Locality{}
	}
	tables := make([]region.Table, len(shape)-2)
	for i := range tables {
		a := i + 2
		if !tableSized(shape[a], counts[a], 1) {
			return Locality{}
		}
		tables[i] = region.Copy(shape[a], counts[a], func(o int) int { return starts[a] + o*steps[a] })
	}
	return Locality{Kind: Rearranging, Tables: tables}
}

// maxTable bounds the entries of a region.Table.
const maxTable = 1 << 26

// tableSized says whether an axis fits in a table.
func tableSized(in, out, taps int) bool {
	return in <= maxTable && out <= maxTable && out*taps <= maxTable
}

// Eval implements Operator.
func (s *Slice) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	starts, steps, counts, err := s.Ranges(infosOf(in))
	if err != nil {
		return nil, err
	}
	stride := strides(in[0].Shape)
	at := make([]int, len(counts))
	y, err := gathered(in[0], counts, nil, func(o int) int {
		unravel(o, counts, at)
		for a := range at {
			at[a] = starts[a] + at[a]*steps[a]
		}
		return flat(at, stride)
	})
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}
