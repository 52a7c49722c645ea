package op

import (
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// OneHot puts a new axis of length depth (input 1) into the shape of the
// indices (input 0), holding the on value at the index and the off value
// elsewhere; input 2 is [off, on]. An index outside [-depth, depth) has no on
// value.
type OneHot struct{ Axis int }

func newOneHot(n *Node) (Operator, error) {
	a, err := n.Attr.Int("axis", -1)
	return &OneHot{a}, err
}

// Infer implements Operator.
func (h *OneHot) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 3); err != nil {
		return nil, err
	}
	if !numeric(in[0].Type) {
		return nil, fmt.Errorf("input 0: %w", DTypeError(in[0].Type))
	}
	if in[2].Known() && !slices.Equal(in[2].Shape, []int{2}) {
		return nil, fmt.Errorf("input 2 (values) has shape %v, want [2]", in[2].Shape)
	}
	d, err := constant(in, 1, "depth")
	if err != nil {
		return nil, err
	}
	read := intReader(d)
	if d.Len() != 1 || read == nil {
		return nil, fmt.Errorf("input 1 (depth) has %d elements, want one number", d.Len())
	}
	depth := read(0)
	if depth < 0 || depth > maxAxis {
		return nil, fmt.Errorf("%w: depth %d", tensor.ErrSize, depth)
	}
	if !in[0].Known() {
		return unknown(in[2].Type)
	}
	axis, err := normalAxis(h.Axis, len(in[0].Shape)+1)
	if err != nil {
		return nil, err
	}
	return single(in[2].Type, slices.Insert(slices.Clone(in[0].Shape), axis, int(depth)))
}

// Eval implements Operator.
func (h *OneHot) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(h, in)
	if err != nil {
		return nil, err
	}
	axis, err := normalAxis(h.Axis, len(shape))
	if err != nil {
		return nil, err
	}
	_, depth, inner := around(shape, axis)
	index := intReader(in[0])
	y, err := gathered(in[2], shape, nil, func(o int) int {
		i := index(o/inner/depth*inner + o%inner)
		if i < 0 {
			i += int64(depth)
		}
		if i == int64(o/inner%depth) {
			return 1
		}
		return 0
	})
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}
