package op

import (
	"fmt"
	"math"
	"slices"

	"krypton/internal/tensor"
)

// Bitwise is BitwiseAnd, BitwiseOr or BitwiseXor of two broadcast tensors of whole numbers,
// or BitShift of numbers without sign by as many bits as the second one says: bits beyond
// the type are lost, and all of them where it is as many as the type has.
type Bitwise struct {
	Name string // that of the operator, of BitShift with its direction behind
}

func newBitwise(n *Node) (Operator, error) { return &Bitwise{n.Type}, nil }

func newBitShift(n *Node) (Operator, error) {
	if !n.Attr.Has("direction") {
		return nil, fmt.Errorf("attribute \"direction\" is missing")
	}
	d, err := n.Attr.OneOf("direction", "LEFT", "RIGHT")
	return &Bitwise{n.Type + d}, err
}

func (b *Bitwise) shifts() bool { return b.Name == "BitShiftLEFT" || b.Name == "BitShiftRIGHT" }

// Infer implements Operator.
func (b *Bitwise) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	t := in[0].Type
	if !slices.Contains(integerTypes, t) || b.shifts() && slices.Contains(signedTypes, t) {
		return nil, DTypeError(t)
	}
	if in[1].Type != t {
		return nil, fmt.Errorf("input 0 is of %v, input 1 of %v", t, in[1].Type)
	}
	return broadcastInfo(in, t)
}

// Locality implements Localizer.
func (b *Bitwise) Locality(in []*Info, out []Info) Locality { return elementwise(in, out) }

// Eval implements Operator.
func (b *Bitwise) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(b, in)
	if err != nil {
		return nil, err
	}
	var sides [2]*tensor.Tensor
	for i := range sides {
		if sides[i], err = repeated(in[i], shape); err != nil {
			return nil, err
		}
	}
	switch in[0].Data.(type) {
	case []int8:
		return bitwise[int8](b.Name, sides, shape)
	case []int16:
		return bitwise[int16](b.Name, sides, shape)
	case []int32:
		return bitwise[int32](b.Name, sides, shape)
	case []int64:
		return bitwise[int64](b.Name, sides, shape)
	case []uint8:
		return bitwise[uint8](b.Name, sides, shape)
	case []uint16:
		return bitwise[uint16](b.Name, sides, shape)
	case []uint32:
		return bitwise[uint32](b.Name, sides, shape)
	}
	return bitwise[uint64](b.Name, sides, shape)
}

func bitwise[T integer](name string, sides [2]*tensor.Tensor, shape []int) ([]*tensor.Tensor, error) {
	u, err := tensor.Of[T](sides[0])
	if err != nil {
		return nil, err
	}
	v, err := tensor.Of[T](sides[1])
	if err != nil {
		return nil, err
	}
	of := map[string]func(a, b T) T{
		"BitwiseAnd":    func(a, b T) T { return a & b },
		"BitwiseOr":     func(a, b T) T { return a | b },
		"BitwiseXor":    func(a, b T) T { return a ^ b },
		"BitShiftLEFT":  func(a, b T) T { return a << uint64(b) },
		"BitShiftRIGHT": func(a, b T) T { return a >> uint64(b) },
	}[name]
	y := tensor.Zeros[T](shape...)
	fill(y.Data.([]T), func(i int) T { return of(u[i], v[i]) })
	return []*tensor.Tensor{y}, nil
}

// newBitwiseNot turns every bit of whole numbers: it is BitwiseXor with -1, all of whose bits
// are set.
func newBitwiseNot(*Node) (Operator, error) {
	return &Compound{least: 1, build: func(p *parts, in []*Info) error {
		ones, err := castTensor(tensor.Scalar(int64(-1)), in[0].Type)
		if err != nil {
			return err
		}
		y, err := p.add("BitwiseXor", 18, nil, p.input(0), p.constant(ones))
		p.result(y)
		return err
	}}, nil
}

// FloatTest is IsNaN or IsInf: a truth value for each floating-point number.
type FloatTest struct {
	NaN bool // IsNaN
	F   func(x float64) bool
}

func newIsNaN(*Node) (Operator, error) {
	return &FloatTest{true, func(x float64) bool { return x != x }}, nil
}

func newIsInf(n *Node) (Operator, error) {
	negative, err := n.Attr.Bool("detect_negative", true)
	if err != nil {
		return nil, err
	}
	positive, err := n.Attr.Bool("detect_positive", true)
	return &FloatTest{false, func(x float64) bool {
		return negative && math.IsInf(x, -1) || positive && math.IsInf(x, 1)
	}}, err
}

// Infer implements Operator.
func (f *FloatTest) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	if t := in[0].Type; t != tensor.Float32 && t != tensor.Float64 {
		return nil, DTypeError(t)
	}
	return broadcastInfo(in[:1], tensor.Bool)
}

// Locality implements Localizer.
func (f *FloatTest) Locality([]*Info, []Info) Locality { return Locality{Kind: Pointwise} }

// Eval implements Operator.
func (f *FloatTest) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(f, in)
	if err != nil {
		return nil, err
	}
	x, y := floatReader(in[0]), tensor.Zeros[bool](shape...)
	fill(y.Data.([]bool), func(i int) bool { return f.F(x(i)) })
	return []*tensor.Tensor{y}, nil
}
