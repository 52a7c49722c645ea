package op

import (
	"krypton/internal/tensor"
)

// NonZero lists the coordinates of the elements that are not zero, in row-major
// order, as an int64 tensor [rank, count].
type NonZero struct{}

func newNonZero(*Node) (Operator, error) { return &NonZero{}, nil }

// Infer implements Operator: the shape depends on data.
func (z *NonZero) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	return unknown(tensor.Int64)
}

// Eval implements Operator.
func (z *NonZero) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	if err := checkInputs(infosOf(in), 1); err != nil {
		return nil, err
	}
	value := floatReader(in[0])
	var found []int
	for i := range in[0].Len() {
		if value(i) != 0 {
			found = append(found, i)
		}
	}
	rank := len(in[0].Shape)
	d, at := make([]int64, rank*len(found)), make([]int, rank)
	for k, i := range found {
		unravel(i, in[0].Shape, at)
		for a, c := range at {
			d[a*len(found)+k] = int64(c)
		}
	}
	return []*tensor.Tensor{tensor.New(d, rank, len(found))}, nil
}
