package op

import (
	"fmt"
	"math"
	"slices"

	"krypton/internal/tensor"
)

// Cast converts elements to the type To. Between floats it rounds to nearest
// (float64 to float16 through float32); float to integer truncates towards
// zero, saturates, and makes 0 of NaN; integer to integer keeps the low bits;
// to bool is "not zero".
type Cast struct{ To tensor.DType }

func newCast(n *Node) (Operator, error) {
	if n.Opset < 6 {
		return newOldCast(n)
	}
	to, err := n.Attr.Int("to", 0)
	if err != nil {
		return nil, err
	}
	// Both only concern 8-bit floats, which are refused by their type.
	n.Attr.Ignore("saturate", "round_mode")
	if !storable(tensor.DType(to)) {
		return nil, fmt.Errorf("attribute \"to\": %w", DTypeError(tensor.DType(to)))
	}
	return &Cast{tensor.DType(to)}, nil
}

// Infer implements Operator.
func (c *Cast) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	return castInfo(in[0], c.To)
}

func castInfo(x *Info, to tensor.DType) ([]Info, error) {
	if !x.Known() {
		return unknown(to)
	}
	return single(to, slices.Clone(x.Shape))
}

// Locality implements Localizer.
func (c *Cast) Locality([]*Info, []Info) Locality { return Locality{Kind: Pointwise} }

// Eval implements Operator.
func (c *Cast) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	if _, err := evalShape(c, in); err != nil {
		return nil, err
	}
	y, err := castTensor(in[0], c.To)
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}

// CastLike converts input 0 to the element type of input 1, as Cast does.
type CastLike struct{}

func newCastLike(n *Node) (Operator, error) {
	n.Attr.Ignore("saturate", "round_mode")
	return &CastLike{}, nil
}

// Infer implements Operator.
func (c *CastLike) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	return castInfo(in[0], in[1].Type)
}

// Locality implements Localizer: only the type of input 1 matters.
func (c *CastLike) Locality([]*Info, []Info) Locality { return Locality{Kind: Pointwise} }

// Eval implements Operator.
func (c *CastLike) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	if _, err := evalShape(c, in); err != nil {
		return nil, err
	}
	y, err := castTensor(in[0], in[1].DType())
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}

// castTensor converts as Cast says. It shares the elements if the type is the
// same.
func castTensor(t *tensor.Tensor, to tensor.DType) (*tensor.Tensor, error) {
	if t.DType() == to {
		return t, nil
	}
	y, err := tensor.Make(to, t.Shape...)
	if err != nil {
		return nil, err
	}
	isFloat := t.DType() == tensor.Float32 || t.DType() == tensor.Float64 || t.DType() == tensor.Float16
	f, n := floatReader(t), intReader(t)
	if f == nil || n == nil {
		return nil, DTypeError(t.DType())
	}
	switch d := y.Data.(type) {
	case []float32:
		if isFloat || t.DType() == tensor.Uint64 {
			fill(d, func(i int) float32 { return float32(f(i)) })
		} else { // from the integer, so that it is rounded once
			fill(d, func(i int) float32 { return float32(n(i)) })
		}
	case []float64:
		fill(d, f)
	case []tensor.Half:
		fill(d, func(i int) tensor.Half { return tensor.HalfOf(float32(f(i))) })
	case []bool:
		fill(d, func(i int) bool { return f(i) != 0 })
	case []int8:
		castInts(d, isFloat, f, n)
	case []int16:
		castInts(d, isFloat, f, n)
	case []int32:
		castInts(d, isFloat, f, n)
	case []int64:
		castInts(d, isFloat, f, n)
	case []uint8:
		castInts(d, isFloat, f, n)
	case []uint16:
		castInts(d, isFloat, f, n)
	case []uint32:
		castInts(d, isFloat, f, n)
	case []uint64:
		castInts(d, isFloat, f, n)
	default:
		return nil, DTypeError(to)
	}
	return y, nil
}

func fill[T any](d []T, value func(i int) T) {
	for i := range d {
		d[i] = value(i)
	}
}

type integer interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

func castInts[T integer](d []T, isFloat bool, f func(int) float64, n func(int) int64) {
	for i := range d {
		if isFloat {
			d[i] = truncated[T](f(i))
		} else {
			d[i] = T(n(i))
		}
	}
}

// truncated converts to an integer type towards zero; beyond its range it
// saturates, and NaN gives 0.
func truncated[T integer](v float64) T {
	low, high := bounds[T]()
	switch {
	case v != v:
		return 0
	case v <= float64(low):
		return low
	case v >= float64(high): // 2^63-1 and 2^64-1 round up: all above saturates
		return high
	}
	return T(v)
}

// bounds are the least and the greatest value of an integer type.
func bounds[T integer]() (low, high T) {
	var zero T
	switch any(zero).(type) {
	case int8:
		return any(int8(math.MinInt8)).(T), any(int8(math.MaxInt8)).(T)
	case int16:
		return any(int16(math.MinInt16)).(T), any(int16(math.MaxInt16)).(T)
	case int32:
		return any(int32(math.MinInt32)).(T), any(int32(math.MaxInt32)).(T)
	case int64:
		return any(int64(math.MinInt64)).(T), any(int64(math.MaxInt64)).(T)
	}
	return 0, ^zero
}

// floatReader reads elements as float64, nil for a type without numbers.
func floatReader(t *tensor.Tensor) func(i int) float64 {
	switch d := t.Data.(type) {
	case []float32:
		return readAs[float32, float64](d)
	case []float64:
		return func(i int) float64 { return d[i] }
	case []tensor.Half:
		return func(i int) float64 { return float64(d[i].Float32()) }
	case []uint64:
		return readAs[uint64, float64](d)
	case []tensor.FourBits:
		return func(i int) float64 { return float64(d[i]) }
	case []tensor.FourBitsUnsigned:
		return func(i int) float64 { return float64(d[i]) }
	case []tensor.Eight1:
		return func(i int) float64 { return float64(d[i].Float32()) }
	case []tensor.Eight2:
		return func(i int) float64 { return float64(d[i].Float32()) }
	}
	n := intReader(t)
	if n == nil {
		return nil
	}
	return func(i int) float64 { return float64(n(i)) }
}

// intReader reads the elements of an integer or bool tensor as int64 (uint64
// as the same bits), floats truncated; nil for a type without numbers.
func intReader(t *tensor.Tensor) func(i int) int64 {
	switch d := t.Data.(type) {
	case []int8:
		return readAs[int8, int64](d)
	case []int16:
		return readAs[int16, int64](d)
	case []int32:
		return readAs[int32, int64](d)
	case []int64:
		return func(i int) int64 { return d[i] }
	case []uint8:
		return readAs[uint8, int64](d)
	case []uint16:
		return readAs[uint16, int64](d)
	case []uint32:
		return readAs[uint32, int64](d)
	case []uint64:
		return readAs[uint64, int64](d)
	case []bool:
		return func(i int) int64 {
			if d[i] {
				return 1
			}
			return 0
		}
	case []float32, []float64, []tensor.Half:
		f := floatReader(t)
		return func(i int) int64 { return truncated[int64](f(i)) }
	}
	return nil
}

func readAs[S, D tensor.Number](d []S) func(i int) D { return func(i int) D { return D(d[i]) } }
