package op

import (
	"cmp"
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// ArgExtreme is ArgMax or ArgMin: the int64 position of the greatest or least
// element along one axis, the first of several unless Last. A NaN is both, as
// in PyTorch and numpy.
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
	order, nan := orderOf(in[0]), nanIn(in[0])
	y := tensor.Zeros[int64](shape...)
	fill(y.Data.([]int64), func(o int) int64 {
		base, best := o/inner*n*inner+o%inner, 0
		for i := range n {
			a, b := base+i*inner, base+best*inner
			if !r.Largest && !nan(a) && !nan(b) {
				a, b = b, a
			}
			c := order(a, b)
			if c > 0 || c == 0 && r.Last {
				best = i
			}
		}
		return int64(best)
	})
	return []*tensor.Tensor{y}, nil
}

// nanIn tells which elements of a numeric tensor are NaN.
func nanIn(t *tensor.Tensor) func(i int) bool {
	switch d := t.Data.(type) {
	case []float32:
		return func(i int) bool { return d[i] != d[i] }
	case []float64:
		return func(i int) bool { return d[i] != d[i] }
	}
	return func(int) bool { return false }
}

// orderOf compares elements of a numeric tensor by position: NaN is equal to NaN
// and greater than any number, as PyTorch sorts.
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
	return func(i, j int) int {
		a, b := d[i], d[j]
		if a != a || b != b { // cmp.Compare has NaN below all numbers
			a, b = b, a
		}
		return cmp.Compare(a, b)
	}
}
