package op

import (
	"errors"
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// maxAxis bounds every axis length, so that sums and differences of a few
// lengths, pads and bounds cannot overflow.
const maxAxis = tensor.MaxElements

// given says whether optional input i is present.
func given[T any](in []*T, i int) bool { return i < len(in) && in[i] != nil }

// checkInputs requires the first `required` inputs to be present, all element
// types to be ones that tensors can hold, and all known shapes to be in bounds.
func checkInputs(in []*Info, required int) error {
	for i := range required {
		if !given(in, i) {
			return fmt.Errorf("input %d is missing", i)
		}
	}
	for i, x := range in {
		if x == nil {
			continue
		}
		if !storable(x.Type) {
			return fmt.Errorf("input %d: %w", i, DTypeError(x.Type))
		}
		if err := checkShape(x.Shape); err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
	}
	return nil
}

// checkShape bounds the size of a shape and, also if it is empty, of each axis.
func checkShape(shape []int) error {
	for _, d := range shape {
		if d < 0 || d > maxAxis {
			return fmt.Errorf("%w: shape %v", tensor.ErrSize, shape)
		}
	}
	_, err := tensor.Size(shape)
	return err
}

// storable says whether a host tensor can hold elements of the type.
func storable(t tensor.DType) bool {
	switch t {
	case tensor.Float32, tensor.Float64, tensor.Float16, tensor.Bool,
		tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64,
		tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64:
		return true
	}
	return false
}

// numeric says whether arithmetic and order are defined on the type.
func numeric(t tensor.DType) bool {
	return storable(t) && t != tensor.Bool && t != tensor.Float16
}

// allKnown says whether the shapes of all present inputs are known.
func allKnown(in []*Info) bool {
	for _, x := range in {
		if x != nil && x.Shape == nil {
			return false
		}
	}
	return true
}

// allConstant says whether all present inputs are constant: no change of the
// plane comes in through them. (A change of a scale or a weight changes
// everything, which makes an operator Global.)
func allConstant(in []*Info) bool {
	for _, x := range in {
		if x != nil && x.Value == nil {
			return false
		}
	}
	return true
}

// single is the result of a shape rule with one output; it checks the size.
func single(t tensor.DType, shape []int) ([]Info, error) {
	if err := checkShape(shape); err != nil {
		return nil, fmt.Errorf("output: %w", err)
	}
	if shape == nil {
		shape = []int{}
	}
	return []Info{{Type: t, Shape: shape}}, nil
}

// sameAsFirst infers the output of an operator that changes the numbers of its
// float32 input and not their shape. The attributes are checked against the
// input's rank as soon as that is known.
func sameAsFirst(in []*Info, check func(rank int) error) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	if err := allFloat32(in); err != nil {
		return nil, err
	}
	if !in[0].Known() {
		return unknown(in[0].Type)
	}
	if err := check(len(in[0].Shape)); err != nil {
		return nil, err
	}
	return single(in[0].Type, slices.Clone(in[0].Shape))
}

// unknown is the result of a shape rule whose output depends on data.
func unknown(t tensor.DType) ([]Info, error) { return []Info{{Type: t}}, nil }

var errNotConstant = errors.New("must be a constant when the model is loaded")

// constant returns the value of an input that decides shapes, or an error that
// names it.
func constant(in []*Info, i int, name string) (*tensor.Tensor, error) {
	if !given(in, i) {
		return nil, fmt.Errorf("input %d (%s) is missing", i, name)
	}
	if in[i].Value == nil {
		return nil, fmt.Errorf("input %d (%s) %w", i, name, errNotConstant)
	}
	return in[i].Value, nil
}

// constantInts returns the elements of a constant integer list; a scalar
// counts as a list of one.
func constantInts(in []*Info, i int, name string) ([]int, error) {
	t, err := constant(in, i, name)
	if err != nil {
		return nil, err
	}
	if len(t.Shape) > 1 {
		return nil, fmt.Errorf("input %d (%s) has shape %v, want a list", i, name, t.Shape)
	}
	v, err := t.Ints()
	if err != nil {
		return nil, fmt.Errorf("input %d (%s): %w", i, name, err)
	}
	return v, nil
}

// constantInt returns the one element of a constant integer scalar or list of
// length one.
func constantInt(in []*Info, i int, name string) (int, error) {
	v, err := constantInts(in, i, name)
	if err != nil {
		return 0, err
	}
	if len(v) != 1 {
		return 0, fmt.Errorf("input %d (%s) has %d elements, want one", i, name, len(v))
	}
	return v[0], nil
}

// normalAxis resolves an axis that may count from the end.
func normalAxis(axis, rank int) (int, error) {
	if axis < -rank || axis >= rank {
		return 0, fmt.Errorf("axis %d is out of range for rank %d", axis, rank)
	}
	if axis < 0 {
		axis += rank
	}
	return axis, nil
}

// normalAxes resolves a list of axes in its own order; a repeated axis is an
// error.
func normalAxes(axes []int, rank int) ([]int, error) {
	r := make([]int, 0, min(len(axes), rank))
	seen := make([]bool, rank)
	for _, a := range axes {
		n, err := normalAxis(a, rank)
		if err != nil {
			return nil, err
		}
		if seen[n] {
			return nil, fmt.Errorf("axes %v name axis %d twice", axes, n)
		}
		seen[n] = true
		r = append(r, n)
	}
	return r, nil
}

// infosOf describes tensors as Infer would see them as constants.
func infosOf(ts []*tensor.Tensor) []*Info {
	r := make([]*Info, len(ts))
	for i, t := range ts {
		if t != nil {
			shape := t.Shape
			if shape == nil {
				shape = []int{} // a scalar, not an unknown shape
			}
			r[i] = &Info{Type: t.DType(), Shape: shape, Value: t}
		}
	}
	return r
}

// evalShape runs the shape rule on tensors, for an Eval of one output: what
// Infer accepts cannot fail afterwards.
func evalShape(o Operator, in []*tensor.Tensor) ([]int, error) {
	r, err := o.Infer(infosOf(in), 1)
	if err != nil {
		return nil, err
	}
	return r[0].Shape, nil
}

// strides are the row-major strides of a shape in elements.
func strides(shape []int) []int {
	s, n := make([]int, len(shape)), 1
	for a := len(shape) - 1; a >= 0; a-- {
		s[a] = n
		n *= max(shape[a], 1)
	}
	return s
}

// flat is the row-major index of coordinates.
func flat(at, stride []int) int {
	i := 0
	for a, c := range at {
		i += c * stride[a]
	}
	return i
}

// product of lengths that checkShape has bounded.
func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// around splits a shape at an axis into the products before and behind it.
func around(shape []int, axis int) (outer, n, inner int) {
	return product(shape[:axis]), shape[axis], product(shape[axis+1:])
}

// spatialEqual says whether two shapes have at least one spatial axis and
// agree in all of them.
func spatialEqual(a, b []int) bool {
	return len(a) >= 3 && len(a) == len(b) && slices.Equal(a[2:], b[2:])
}
