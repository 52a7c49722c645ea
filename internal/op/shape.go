package op

import (
	"slices"

	"krypton/internal/tensor"
)

// Shape gives the shape of its input, from axis Start up to axis End, as an
// int64 list. Both may count from the end and are clamped.
type Shape struct{ Start, End int }

func newShape(n *Node) (Operator, error) {
	s := &Shape{0, maxAxis}
	if n.Opset < 15 {
		return s, nil
	}
	var err error
	if s.Start, err = n.Attr.Int("start", 0); err != nil {
		return nil, err
	}
	s.End, err = n.Attr.Int("end", maxAxis)
	return s, err
}

// Of is the output for an input of a shape.
func (s *Shape) Of(shape []int) *tensor.Tensor {
	clamp := func(a int) int {
		if a < 0 {
			a = max(a, -len(shape)) + len(shape)
		}
		return min(a, len(shape))
	}
	lo := clamp(s.Start)
	return lengths(shape[lo:max(lo, clamp(s.End))])
}

func lengths(shape []int) *tensor.Tensor {
	d := make([]int64, len(shape))
	for i, n := range shape {
		d[i] = int64(n)
	}
	return tensor.New(d, len(d))
}

// ShapeReader is an operator whose output is known as soon as the shape of its input is.
type ShapeReader interface {
	OfShape(x *Info) (*tensor.Tensor, error)
}

// OfShape implements ShapeReader.
func (s *Shape) OfShape(x *Info) (*tensor.Tensor, error) { return s.Of(x.Shape), nil }

// OfShape implements ShapeReader.
func (s *Size) OfShape(x *Info) (*tensor.Tensor, error) { return s.Of(x.Shape), nil }

// Infer implements Operator. It leaves the value to Of.
func (s *Shape) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	if !in[0].Known() {
		return unknown(tensor.Int64)
	}
	return single(tensor.Int64, slices.Clone(s.Of(in[0].Shape).Shape))
}

// Eval implements Operator.
func (s *Shape) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	if _, err := evalShape(s, in); err != nil {
		return nil, err
	}
	return []*tensor.Tensor{s.Of(in[0].Shape)}, nil
}

// Size gives the number of elements of its input as an int64 scalar.
type Size struct{}

func newSize(*Node) (Operator, error) { return &Size{}, nil }

// Of is the output for an input of a shape.
func (s *Size) Of(shape []int) *tensor.Tensor { return tensor.Scalar(int64(product(shape))) }

// Infer implements Operator. It leaves the value to Of.
func (s *Size) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	return single(tensor.Int64, nil)
}

// Eval implements Operator.
func (s *Size) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	if _, err := evalShape(s, in); err != nil {
		return nil, err
	}
	return []*tensor.Tensor{s.Of(in[0].Shape)}, nil
}
