package op

import (
	"fmt"

	"krypton/internal/tensor"
)

// Constant has no inputs and gives Value.
type Constant struct{ Value *tensor.Tensor }

func newConstant(n *Node) (Operator, error) {
	var found []*tensor.Tensor
	for _, name := range []string{"value", "value_float", "value_floats", "value_int", "value_ints"} {
		if !n.Attr.Has(name) {
			continue
		}
		t, err := constantAttribute(n.Attr, name)
		if err != nil {
			return nil, err
		}
		if t == nil {
			return nil, fmt.Errorf("attribute %q is empty", name)
		}
		found = append(found, t)
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%d of the attributes value, value_float(s), value_int(s) are given, want one", len(found))
	}
	return &Constant{found[0]}, nil
}

func constantAttribute(a *Attributes, name string) (*tensor.Tensor, error) {
	switch name {
	case "value_float":
		v, err := a.Float(name, 0)
		return tensor.Scalar(v), err
	case "value_floats":
		v, err := a.Floats(name)
		return tensor.New(v, len(v)), err
	case "value_int":
		v, err := a.Int(name, 0)
		return tensor.Scalar(int64(v)), err
	case "value_ints":
		v, err := a.Ints(name)
		return lengths(v), err
	}
	return a.Tensor(name)
}

// Infer implements Operator.
func (c *Constant) Infer([]*Info, int) ([]Info, error) {
	if t := c.Value.DType(); !storable(t) && !t.OfWeights() {
		return nil, fmt.Errorf("attribute \"value\": %w", DTypeError(t))
	}
	return single(c.Value.DType(), c.Value.Shape)
}

// Eval implements Operator; the output shares the attribute's elements.
func (c *Constant) Eval([]*tensor.Tensor, int) ([]*tensor.Tensor, error) {
	return []*tensor.Tensor{c.Value}, nil
}

// ConstantOfShape fills the shape that input 0 holds with the one element of
// Value (float32 zero if the attribute is absent).
type ConstantOfShape struct{ Value *tensor.Tensor }

func newConstantOfShape(n *Node) (Operator, error) {
	v, err := n.Attr.Tensor("value")
	if err != nil {
		return nil, err
	}
	if v == nil {
		v = tensor.Scalar(float32(0))
	}
	if v.Len() != 1 {
		return nil, fmt.Errorf("attribute \"value\" has %d elements, want one", v.Len())
	}
	if !storable(v.DType()) {
		return nil, fmt.Errorf("attribute \"value\": %w", DTypeError(v.DType()))
	}
	return &ConstantOfShape{v}, nil
}

// Infer implements Operator.
func (c *ConstantOfShape) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	shape, err := constantInts(in, 0, "shape")
	if err != nil {
		return nil, err
	}
	return single(c.Value.DType(), shape)
}

// Eval implements Operator.
func (c *ConstantOfShape) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(c, in)
	if err != nil {
		return nil, err
	}
	y, err := gathered(c.Value, shape, nil, func(int) int { return 0 })
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}
