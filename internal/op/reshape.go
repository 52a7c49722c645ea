package op

import (
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// Reshape views its input under the shape that input 1 holds: a -1 is derived
// from the others, a 0 copies the input's length (or means 0 with AllowZero).
type Reshape struct{ AllowZero bool }

func newReshape(n *Node) (Operator, error) {
	if n.Opset < 14 {
		return &Reshape{}, nil
	}
	z, err := n.Attr.Bool("allowzero", false)
	return &Reshape{z}, err
}

// Infer implements Operator.
func (r *Reshape) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	want, err := constantInts(in, 1, "shape")
	if err != nil {
		return nil, err
	}
	x := in[0]
	shape, derived, zero := slices.Clone(want), -1, false
	for i, d := range want {
		switch {
		case d < -1:
			return nil, fmt.Errorf("shape %v has a length below -1", want)
		case d == -1 && derived >= 0:
			return nil, fmt.Errorf("shape %v has more than one -1", want)
		case d == -1:
			derived = i
		case d == 0 && r.AllowZero:
			zero = true
		case d == 0 && !x.Known():
			return unknown(x.Type)
		case d == 0 && i >= len(x.Shape):
			return nil, fmt.Errorf("shape %v copies axis %d, which input shape %v does not have", want, i, x.Shape)
		case d == 0:
			shape[i] = x.Shape[i]
		}
	}
	if derived >= 0 && zero {
		return nil, fmt.Errorf("shape %v has both -1 and, with allowzero, 0", want)
	}
	if !x.Known() {
		if derived >= 0 {
			return unknown(x.Type)
		}
		return single(x.Type, shape)
	}
	size, err := tensor.Size(x.Shape)
	if err != nil {
		return nil, err
	}
	if derived >= 0 {
		shape[derived] = 1
		rest, err := tensor.Size(shape)
		if err != nil {
			return nil, err
		}
		if rest == 0 || size%rest != 0 {
			return nil, fmt.Errorf("input shape %v cannot be reshaped to %v: the -1 has no value", x.Shape, want)
		}
		shape[derived] = size / rest
	}
	if got, err := tensor.Size(shape); err != nil {
		return nil, err
	} else if got != size {
		return nil, fmt.Errorf("input shape %v cannot be reshaped to %v", x.Shape, want)
	}
	return single(x.Type, shape)
}

// Eval implements Operator; the output shares the input's elements.
func (r *Reshape) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) { return viewed(r, in) }

// viewed is the Eval of operators that only give their input another shape.
func viewed(o Operator, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	shape, err := evalShape(o, in)
	if err != nil {
		return nil, err
	}
	y, err := in[0].Reshaped(shape...)
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}
