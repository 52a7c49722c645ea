package op

import (
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// Concat joins its inputs along one axis; a negative Axis counts from the end.
type Concat struct{ Axis int }

func newConcat(n *Node) (Operator, error) {
	if !n.Attr.Has("axis") && n.Opset >= 4 {
		return nil, fmt.Errorf("attribute \"axis\" is missing")
	}
	a, err := n.Attr.Int("axis", 1)
	return &Concat{a}, err
}

// Infer implements Operator.
func (c *Concat) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, max(1, len(in))); err != nil {
		return nil, err
	}
	for i, x := range in {
		if x.Type != in[0].Type {
			return nil, fmt.Errorf("input %d is of %v, input 0 of %v", i, x.Type, in[0].Type)
		}
	}
	if !allKnown(in) {
		return unknown(in[0].Type)
	}
	axis, err := normalAxis(c.Axis, len(in[0].Shape))
	if err != nil {
		return nil, err
	}
	shape := slices.Clone(in[0].Shape)
	shape[axis] = 0
	for i, x := range in {
		if len(x.Shape) != len(shape) {
			return nil, fmt.Errorf("input %d has shape %v, input 0 %v: ranks differ", i, x.Shape, in[0].Shape)
		}
		for a, d := range x.Shape {
			if a != axis && d != shape[a] {
				return nil, fmt.Errorf("input %d has shape %v, input 0 %v: they differ outside axis %d", i, x.Shape, in[0].Shape, axis)
			}
		}
		shape[axis] += x.Shape[axis]
		if shape[axis] > maxAxis {
			return nil, fmt.Errorf("%w: axis %d", tensor.ErrSize, axis)
		}
	}
	return single(in[0].Type, shape)
}

// Locality implements Localizer.
func (c *Concat) Locality(in []*Info, out []Info) Locality {
	if !out[0].Known() || !channelAxis(c.Axis, len(out[0].Shape)) {
		return Locality{}
	}
	return Locality{Kind: Pointwise}
}

// channelAxis says whether the axis is that of the channels of a tensor with
// spatial axes.
func channelAxis(axis, rank int) bool {
	a, err := normalAxis(axis, rank)
	return err == nil && rank >= 3 && a == 1
}

// Eval implements Operator.
func (c *Concat) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(c, in)
	if err != nil {
		return nil, err
	}
	axis, err := normalAxis(c.Axis, len(shape))
	if err != nil {
		return nil, err
	}
	y, err := tensor.Make(in[0].DType(), shape...)
	if err != nil {
		return nil, err
	}
	_, total, inner := around(shape, axis)
	base := 0
	for i, x := range in {
		run := x.Shape[axis] * inner
		err := place(y, x, "none", func(e int) int { return e/run*total*inner + base + e%run })
		if err != nil {
			return nil, fmt.Errorf("input %d: %w", i, err)
		}
		base += run
	}
	return []*tensor.Tensor{y}, nil
}
