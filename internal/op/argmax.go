package op

import (
	"cmp"
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// ArgExtreme is ArgMax or ArgMin: the int64 position of the greatest or least
// element along one axis, the first of several unless Last. A NaN counts as
// less than any number.
type ArgExtreme struct {
	Largest, KeepDims, Last bool
	Axis                    int
}

func newArgExtreme(largest bool) func(n *Node) (Operator, error) {
	return func(n *Node) (Operator, error) {
		r := &ArgExtreme{Largest: largest}
		var err error
		if r.Axis, err = n.Attr.Int("axis", 0); err != nil {
			return nil, err
		}
		if r.KeepDims, err = n.Attr.Bool("keepdims", true); err != nil {
			return nil, err
		}
		if n.Opset >= 12 {
			r.Last, err = n.Attr.Bool("select_last_index", false)
		}
		return r, err
	}
}

// Infer implements Operator.
func (r *ArgExtreme) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	if !numeric(in[0].Type) {
		return nil, DTypeError(in[0].Type)
	}
	if !in[0].Known() {
		return unknown(tensor.Int64)
	}
	axis, err := normalAxis(r.Axis, len(in[0].Shape))
	if err != nil {
		return nil, err
	}
	shape := slices.Clone(in[0].Shape)
	if shape[axis] == 0 {
		return nil, fmt.Errorf("axis %d of shape %v is empty", axis, shape)
	}
	shape[axis] = 1
	if !r.KeepDims {
		shape = slices.Delete(shape, axis, axis+1)
	}
	return single(tensor.Int64, shape)
}

// Eval implements Operator.
func (r *ArgExtreme) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(r, in)
	if err != nil {
		return nil, err
	}
	axis, err := normalAxis(r.Axis, len(in[0].Shape))
	if err != nil {
		return nil, err
	}
	_, n, inner := around(in[0].Shape, axis)
	order := orderOf(in[0])
	y := tensor.Zeros[int64](shape...)
	fill(y.Data.([]int64), func(o int) int64 {
		base, best := o/inner*n*inner+o%inner, 0
		for i := range n {
			c := order(base+i*inner, base+best*inner)
			if !r.Largest {
				c = -c
			}
			if c > 0 || c == 0 && r.Last {
				best = i
			}
		}
		return int64(best)
	})
	return []*tensor.Tensor{y}, nil
}

// orderOf compares elements of a numeric tensor by position, as cmp.Compare
// does: NaN is equal to NaN and less than any number.
func orderOf(t *tensor.Tensor) func(i, j int) int {
	switch d := t.Data.(type) {
	case []float32:
		return orderIn(d)
	case []float64:
		return orderIn(d)
	case []int8:
		return orderIn(d)
	case []int16:
		return orderIn(d)
	case []int32:
		return orderIn(d)
	case []int64:
		return orderIn(d)
	case []uint8:
		return orderIn(d)
	case []uint16:
		return orderIn(d)
	case []uint32:
		return orderIn(d)
	case []uint64:
		return orderIn(d)
	}
	return nil
}

func orderIn[T tensor.Number](d []T) func(i, j int) int {
	return func(i, j int) int { return cmp.Compare(d[i], d[j]) }
}
