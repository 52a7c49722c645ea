package op

import (
	"fmt"

	"krypton/internal/tensor"
)

// Not negates booleans.
type Not struct{}

func newNot(*Node) (Operator, error) { return &Not{}, nil }

// Infer implements Operator.
func (n *Not) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	if in[0].Type != tensor.Bool {
		return nil, DTypeError(in[0].Type)
	}
	return broadcastInfo(in, tensor.Bool)
}

// Locality implements Localizer.
func (n *Not) Locality([]*Info, []Info) Locality { return Locality{Kind: Pointwise} }

// Eval implements Operator.
func (n *Not) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(n, in)
	if err != nil {
		return nil, err
	}
	x, y := in[0].Data.([]bool), tensor.Zeros[bool](shape...)
	fill(y.Data.([]bool), func(i int) bool { return !x[i] })
	return []*tensor.Tensor{y}, nil
}

// Logic is And, Or or Xor of two broadcast boolean tensors.
type Logic struct{ Name string }

func newLogic(name string) func(*Node) (Operator, error) {
	return func(*Node) (Operator, error) { return &Logic{name}, nil }
}

// Infer implements Operator.
func (l *Logic) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	for i, x := range in {
		if x.Type != tensor.Bool {
			return nil, fmt.Errorf("input %d: %w", i, DTypeError(x.Type))
		}
	}
	return broadcastInfo(in, tensor.Bool)
}

// Locality implements Localizer.
func (l *Logic) Locality(in []*Info, out []Info) Locality { return elementwise(in, out) }

// Eval implements Operator.
func (l *Logic) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(l, in)
	if err != nil {
		return nil, err
	}
	test := map[string]func(a, b bool) bool{
		"And": func(a, b bool) bool { return a && b },
		"Or":  func(a, b bool) bool { return a || b },
		"Xor": func(a, b bool) bool { return a != b },
	}[l.Name]
	return tested[bool](in, shape, test)
}

// tested applies a test to every pair of elements of two tensors broadcast to
// a shape.
func tested[T tensor.Element](in []*tensor.Tensor, shape []int, test func(a, b T) bool) ([]*tensor.Tensor, error) {
	a, err := repeated(in[0], shape)
	if err != nil {
		return nil, err
	}
	b, err := repeated(in[1], shape)
	if err != nil {
		return nil, err
	}
	u, err := tensor.Of[T](a)
	if err != nil {
		return nil, err
	}
	v, err := tensor.Of[T](b)
	if err != nil {
		return nil, err
	}
	y := tensor.Zeros[bool](shape...)
	fill(y.Data.([]bool), func(i int) bool { return test(u[i], v[i]) })
	return []*tensor.Tensor{y}, nil
}

// Compare is Equal, Greater, GreaterOrEqual, Less or LessOrEqual of two
// broadcast tensors of one type. A NaN compares as false.
type Compare struct{ Name string }

func newCompare(name string) func(*Node) (Operator, error) {
	return func(*Node) (Operator, error) { return &Compare{name}, nil }
}

// Infer implements Operator.
func (c *Compare) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if t := in[0].Type; !numeric(t) && !(c.Name == "Equal" && t == tensor.Bool) {
		return nil, DTypeError(t)
	}
	if in[0].Type != in[1].Type {
		return nil, fmt.Errorf("input 0 is of %v, input 1 of %v", in[0].Type, in[1].Type)
	}
	return broadcastInfo(in, tensor.Bool)
}

// Locality implements Localizer.
func (c *Compare) Locality(in []*Info, out []Info) Locality { return elementwise(in, out) }

// Eval implements Operator.
func (c *Compare) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(c, in)
	if err != nil {
		return nil, err
	}
	switch in[0].Data.(type) {
	case []float32:
		return tested(in, shape, comparison[float32](c.Name))
	case []float64:
		return tested(in, shape, comparison[float64](c.Name))
	case []int8:
		return tested(in, shape, comparison[int8](c.Name))
	case []int16:
		return tested(in, shape, comparison[int16](c.Name))
	case []int32:
		return tested(in, shape, comparison[int32](c.Name))
	case []int64:
		return tested(in, shape, comparison[int64](c.Name))
	case []uint8:
		return tested(in, shape, comparison[uint8](c.Name))
	case []uint16:
		return tested(in, shape, comparison[uint16](c.Name))
	case []uint32:
		return tested(in, shape, comparison[uint32](c.Name))
	case []uint64:
		return tested(in, shape, comparison[uint64](c.Name))
	}
	return tested(in, shape, func(a, b bool) bool { return a == b })
}

func comparison[T tensor.Number](name string) func(a, b T) bool {
	switch name {
	case "Greater":
		return func(a, b T) bool { return a > b }
	case "GreaterOrEqual":
		return func(a, b T) bool { return a >= b }
	case "Less":
		return func(a, b T) bool { return a < b }
	case "LessOrEqual":
		return func(a, b T) bool { return a <= b }
	}
	return func(a, b T) bool { return a == b }
}
