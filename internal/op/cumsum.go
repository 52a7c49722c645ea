package op

import (
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// CumSum sums (or, as CumProd, multiplies) along the axis of input 1 up to each
// element, without it if Exclusive, from the end if Reverse.
type CumSum struct{ Exclusive, Reverse, product bool }

func newCumSum(n *Node) (Operator, error) {
	c := &CumSum{product: n.Type == "CumProd"}
	var err error
	if c.Exclusive, err = n.Attr.Bool("exclusive", false); err != nil {
		return nil, err
	}
	c.Reverse, err = n.Attr.Bool("reverse", false)
	return c, err
}

// Infer implements Operator.
func (c *CumSum) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if !numeric(in[0].Type) {
		return nil, DTypeError(in[0].Type)
	}
	axis, err := constantInt(in, 1, "axis")
	if err != nil {
		return nil, err
	}
	if !in[0].Known() {
		return unknown(in[0].Type)
	}
	if _, err := normalAxis(axis, len(in[0].Shape)); err != nil {
		return nil, err
	}
	return single(in[0].Type, slices.Clone(in[0].Shape))
}

// Eval implements Operator. Floats are summed in float64, integers wrap around.
func (c *CumSum) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(c, in)
	if err != nil {
		return nil, err
	}
	axis, err := constantInt(infosOf(in), 1, "axis")
	if err != nil {
		return nil, err
	}
	if axis, err = normalAxis(axis, len(shape)); err != nil {
		return nil, err
	}
	var sums *tensor.Tensor
	switch in[0].DType() {
	case tensor.Float32, tensor.Float64:
		sums = cumulated[float64](c, shape, axis, floatReader(in[0]))
	default:
		sums = cumulated[int64](c, shape, axis, intReader(in[0]))
	}
	y, err := castTensor(sums, in[0].DType())
	if err != nil {
		return nil, fmt.Errorf("sums: %w", err)
	}
	return []*tensor.Tensor{y}, nil
}

func cumulated[T float64 | int64](c *CumSum, shape []int, axis int, x func(i int) T) *tensor.Tensor {
	y := tensor.Zeros[T](shape...)
	d := y.Data.([]T)
	if len(d) == 0 {
		return y
	}
	outer, n, inner := around(shape, axis)
	for r := range outer * inner {
		var sum T
		if c.product {
			sum = 1
		}
		for k := range n {
			if c.Reverse {
				k = n - 1 - k
			}
			i := (r/inner*n+k)*inner + r%inner
			v := x(i)
			if c.Exclusive {
				d[i] = sum
			}
			if c.product {
				sum *= v
			} else {
				sum += v
			}
			if !c.Exclusive {
				d[i] = sum
			}
		}
	}
	return y
}
