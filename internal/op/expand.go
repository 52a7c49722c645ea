package op

import (
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// Expand broadcasts input 0 to the shape that input 1 holds, both ways: a
// length of 1 there keeps the input's.
type Expand struct{}

func newExpand(*Node) (Operator, error) { return &Expand{}, nil }

// Infer implements Operator.
func (e *Expand) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	want, err := constantInts(in, 1, "shape")
	if err != nil {
		return nil, err
	}
	if !in[0].Known() {
		return unknown(in[0].Type)
	}
	if err := checkShape(want); err != nil {
		return nil, err
	}
	shape, err := commonShape(in[0].Shape, want)
	if err != nil {
		return nil, err
	}
	return single(in[0].Type, shape)
}

// commonShape is the shape that two shapes, aligned at the end, broadcast to.
func commonShape(a, b []int) ([]int, error) {
	rank := max(len(a), len(b))
	shape := make([]int, rank)
	for i := range shape {
		m, n := 1, 1
		if k := i - rank + len(a); k >= 0 {
			m = a[k]
		}
		if k := i - rank + len(b); k >= 0 {
			n = b[k]
		}
		switch {
		case m == 1:
			shape[i] = n
		case n == 1 || n == m:
			shape[i] = m
		default:
			return nil, fmt.Errorf("shapes %v and %v do not broadcast", a, b)
		}
	}
	return shape, nil
}

// Eval implements Operator.
func (e *Expand) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(e, in)
	if err != nil {
		return nil, err
	}
	y, err := repeated(in[0], shape)
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}

// repeated fills a shape with copies of t, whose axes, aligned at the end, are
// read cyclically.
func repeated(t *tensor.Tensor, shape []int) (*tensor.Tensor, error) {
	return gathered(t, shape, nil, cyclic(t.Shape, shape))
}

// cyclic gives the element of a tensor of shape `from` that element o of shape
// `to` copies.
func cyclic(from, to []int) func(o int) int {
	stride, at, lead := strides(from), make([]int, len(to)), len(to)-len(from)
	return func(o int) int {
		unravel(o, to, at)
		i := 0
		for a, n := range from {
			i += at[lead+a] % n * stride[a]
		}
		return i
	}
}

// Tile repeats input 0 along each axis as often as input 1 says.
type Tile struct{}

func newTile(*Node) (Operator, error) { return &Tile{}, nil }

// Infer implements Operator.
func (t *Tile) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	repeats, err := constantInts(in, 1, "repeats")
	if err != nil {
		return nil, err
	}
	if !in[0].Known() {
		return unknown(in[0].Type)
	}
	shape := slices.Clone(in[0].Shape)
	if len(repeats) != len(shape) {
		return nil, fmt.Errorf("repeats %v for shape %v: want one for each axis", repeats, shape)
	}
	for a, r := range repeats {
		if r < 0 || r > maxAxis || shape[a] > 0 && r > maxAxis/shape[a] {
			return nil, fmt.Errorf("%w: shape %v with repeats %v", tensor.ErrSize, in[0].Shape, repeats)
		}
		shape[a] *= r
	}
	return single(in[0].Type, shape)
}

// Eval implements Operator.
func (t *Tile) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(t, in)
	if err != nil {
		return nil, err
	}
	y, err := repeated(in[0], shape)
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}
