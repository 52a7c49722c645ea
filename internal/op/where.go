package op

import (
	"fmt"

	"krypton/internal/tensor"
)

// Where takes elements of input 1 where the boolean input 0 is true and of
// input 2 elsewhere; all three are broadcast.
type Where struct{}

func newWhere(*Node) (Operator, error) { return &Where{}, nil }

// Infer implements Operator.
func (w *Where) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 3); err != nil {
		return nil, err
	}
	if in[0].Type != tensor.Bool {
		return nil, fmt.Errorf("condition: %w", DTypeError(in[0].Type))
	}
	if in[1].Type != in[2].Type {
		return nil, fmt.Errorf("input 1 is of %v, input 2 of %v", in[1].Type, in[2].Type)
	}
	return broadcastInfo(in, in[1].Type)
}

// broadcastInfo is the shape rule of operators that broadcast all inputs.
func broadcastInfo(in []*Info, t tensor.DType) ([]Info, error) {
	if !allKnown(in) {
		return unknown(t)
	}
	shape := []int{}
	for _, x := range in {
		var err error
		if shape, err = commonShape(shape, x.Shape); err != nil {
			return nil, err
		}
	}
	return single(t, shape)
}

// Locality implements Localizer.
func (w *Where) Locality(in []*Info, out []Info) Locality { return elementwise(in, out) }

// elementwise is Pointwise if every input that can change has the spatial
// shape of the output; constants may be broadcast.
func elementwise(in []*Info, out []Info) Locality {
	if !out[0].Known() || len(out[0].Shape) < 3 {
		return Locality{}
	}
	for _, x := range in {
		if x != nil && x.Value == nil && !spatialEqual(x.Shape, out[0].Shape) {
			return Locality{}
		}
	}
	return Locality{Kind: Pointwise}
}

// Eval implements Operator.
func (w *Where) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(w, in)
	if err != nil {
		return nil, err
	}
	cond, err := repeated(in[0], shape)
	if err != nil {
		return nil, err
	}
	x, err := repeated(in[1], shape)
	if err != nil {
		return nil, err
	}
	y, err := repeated(in[2], shape)
	if err != nil {
		return nil, err
	}
	var take []int
	for o, c := range cond.Data.([]bool) {
		if c {
			take = append(take, o)
		}
	}
	taken, err := gathered(x, []int{len(take)}, nil, func(i int) int { return take[i] })
	if err != nil {
		return nil, err
	}
	if err := place(y, taken, "none", func(i int) int { return take[i] }); err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}
