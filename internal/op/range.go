package op

import (
	"fmt"
	"math"

	"krypton/internal/tensor"
)

// Range counts from input 0 up to but not including input 1 by steps of input
// 2; all are constant scalars of one type.
type Range struct{}

func newRange(*Node) (Operator, error) { return &Range{}, nil }

// Infer implements Operator.
func (r *Range) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 3); err != nil {
		return nil, err
	}
	for i, name := range []string{"start", "limit", "delta"} {
		v, err := constant(in, i, name)
		if err != nil {
			return nil, err
		}
		if v.Len() != 1 {
			return nil, fmt.Errorf("input %d (%s) has %d elements, want one", i, name, v.Len())
		}
		if in[i].Type != in[0].Type || v.DType() != in[0].Type {
			return nil, fmt.Errorf("input %d (%s) is of %v, start of %v", i, name, in[i].Type, in[0].Type)
		}
	}
	n, err := rangeLength(in[0].Value, in[1].Value, in[2].Value)
	if err != nil {
		return nil, err
	}
	return single(in[0].Type, []int{n})
}

// rangeLength is max(0, ceil((limit-start)/delta)).
func rangeLength(start, limit, delta *tensor.Tensor) (int, error) {
	switch start.DType() {
	case tensor.Float32, tensor.Float64:
		v := readFloats(start, limit, delta)
		n := math.Ceil((v[1] - v[0]) / v[2])
		if v[2] == 0 || math.IsNaN(n) || n > maxAxis || math.IsInf(v[2], 0) {
			return 0, fmt.Errorf("%w: range from %g to %g by %g", tensor.ErrSize, v[0], v[1], v[2])
		}
		return int(max(n, 0)), nil
	case tensor.Int16, tensor.Int32, tensor.Int64:
		v := readInts(start, limit, delta)
		lo, hi, step := v[0], v[1], uint64(v[2])
		switch {
		case v[2] == 0:
			return 0, fmt.Errorf("range from %d to %d by 0", lo, hi)
		case v[2] < 0:
			lo, hi, step = hi, lo, -step
		}
		if lo >= hi {
			return 0, nil
		}
		// Unsigned, the difference of two int64 cannot overflow.
		n := (uint64(hi)-uint64(lo)-1)/step + 1
		if n > maxAxis {
			return 0, fmt.Errorf("%w: range from %d to %d by %d", tensor.ErrSize, v[0], v[1], v[2])
		}
		return int(n), nil
	}
	return 0, DTypeError(start.DType())
}

func readFloats(ts ...*tensor.Tensor) []float64 {
	r := make([]float64, len(ts))
	for i, t := range ts {
		r[i] = floatReader(t)(0)
	}
	return r
}

func readInts(ts ...*tensor.Tensor) []int64 {
	r := make([]int64, len(ts))
	for i, t := range ts {
		r[i] = intReader(t)(0)
	}
	return r
}

// Eval implements Operator.
func (r *Range) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(r, in)
	if err != nil {
		return nil, err
	}
	var y *tensor.Tensor
	switch t := in[0].DType(); t {
	case tensor.Float32, tensor.Float64:
		v := readFloats(in...)
		d := make([]float64, shape[0])
		for i := range d {
			d[i] = v[0] + float64(float64(i)*v[2])
		}
		y, err = castTensor(tensor.New(d, shape...), t)
	default:
		v := readInts(in...)
		d := make([]int64, shape[0])
		for i := range d {
			d[i] = v[0] + int64(i)*v[2]
		}
		y, err = castTensor(tensor.New(d, shape...), t)
	}
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}
