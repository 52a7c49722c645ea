package op

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"krypton/internal/tensor"
)

// Elementwise is arithmetic on broadcast operands: Add, Sub, Mul, Div, Pow, Mod
// on two, and Sum, Mean, Max, Min on any number, folded from the left.
type Elementwise struct {
	Name string
	fmod bool // Mod with the sign of the dividend
}

func newElementwise(n *Node) (Operator, error) {
	e := &Elementwise{Name: n.Type}
	if n.Type == "Mod" {
		var err error
		e.fmod, err = n.Attr.Bool("fmod", false)
		return e, err
	}
	return e, nil
}

var errDivision = errors.New("integer division by zero")

// F32 is the operation on two float32 numbers.
func (e *Elementwise) F32(a, b float32) float32 {
	switch e.Name {
	case "Add", "Sum", "Mean":
		return a + b
	case "Sub":
		return a - b
	case "Mul":
		return a * b
	case "Div":
		return a / b
	case "Max":
		return max(a, b)
	case "Min":
		return min(a, b)
	case "Pow":
		return float32(math.Pow(float64(a), float64(b)))
	}
	return float32(e.mod(float64(a), float64(b)))
}

func (e *Elementwise) mod(a, b float64) float64 {
	m := math.Mod(a, b)
	if !e.fmod && m != 0 && (m < 0) != (b < 0) {
		m += b
	}
	return m
}

// Infer implements Operator.
func (e *Elementwise) Infer(in []*Info, _ int) ([]Info, error) {
	least := 2
	switch e.Name {
	case "Sum", "Mean", "Max", "Min":
		least = 1
	}
	if err := checkInputs(in, max(least, len(in))); err != nil {
		return nil, err
	}
	for i, x := range in {
		if !numeric(x.Type) {
			return nil, fmt.Errorf("input %d: %w", i, DTypeError(x.Type))
		}
		if x.Type != in[0].Type && e.Name != "Pow" {
			return nil, fmt.Errorf("input %d is of %v, input 0 of %v", i, x.Type, in[0].Type)
		}
	}
	if t := in[0].Type; e.Name == "Mean" && t != tensor.Float32 && t != tensor.Float64 {
		return nil, DTypeError(t)
	}
	return broadcastInfo(in, in[0].Type)
}

// Locality implements Localizer.
func (e *Elementwise) Locality(in []*Info, out []Info) Locality { return elementwise(in, out) }

// Eval implements Operator.
func (e *Elementwise) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(e, in)
	if err != nil {
		return nil, err
	}
	switch in[0].Data.(type) {
	case []float32:
		return arithmeticFloat[float32](e, in, shape)
	case []float64:
		return arithmeticFloat[float64](e, in, shape)
	case []int8:
		return arithmeticInt[int8](e, in, shape)
	case []int16:
		return arithmeticInt[int16](e, in, shape)
	case []int32:
		return arithmeticInt[int32](e, in, shape)
	case []int64:
		return arithmeticInt[int64](e, in, shape)
	case []uint8:
		return arithmeticInt[uint8](e, in, shape)
	case []uint16:
		return arithmeticInt[uint16](e, in, shape)
	case []uint32:
		return arithmeticInt[uint32](e, in, shape)
	case []uint64:
		return arithmeticInt[uint64](e, in, shape)
	}
	return nil, DTypeError(in[0].DType())
}

// arithmeticFloat computes in float64 and rounds once.
func arithmeticFloat[T float32 | float64](e *Elementwise, in []*tensor.Tensor, shape []int) ([]*tensor.Tensor, error) {
	out := tensor.Zeros[T](shape...)
	y := out.Data.([]T)
	acc := make([]float64, len(y))
	for k, t := range in {
		x, err := castTensor(t, tensor.Float64)
		if err != nil {
			return nil, err
		}
		if !slices.Equal(x.Shape, shape) {
			if x, err = repeated(x, shape); err != nil {
				return nil, err
			}
		}
		for i, b := range x.Data.([]float64) {
			a := acc[i]
			switch {
			case k == 0:
				a = b
			case e.Name == "Add" || e.Name == "Sum" || e.Name == "Mean":
				a += b
			case e.Name == "Sub":
				a -= b
			case e.Name == "Mul":
				a *= b
			case e.Name == "Div":
				a /= b
			case e.Name == "Max":
				a = max(a, b)
			case e.Name == "Min":
				a = min(a, b)
			case e.Name == "Pow":
				a = math.Pow(a, b)
			default:
				a = e.mod(a, b)
			}
			acc[i] = a
		}
	}
	for i, a := range acc {
		if e.Name == "Mean" {
			a /= float64(len(in))
		}
		y[i] = T(a)
	}
	return []*tensor.Tensor{out}, nil
}

// arithmeticInt wraps around as the type does; division truncates, and by zero
// it is an error.
func arithmeticInt[T integer](e *Elementwise, in []*tensor.Tensor, shape []int) ([]*tensor.Tensor, error) {
	var out *tensor.Tensor
	for k, t := range in {
		r, err := repeated(t, shape)
		if err != nil {
			return nil, err
		}
		if e.Name == "Pow" && k == 1 {
			return powInt(out.Data.([]T), r, shape)
		}
		x := r.Data.([]T)
		if k == 0 {
			out = tensor.New(append([]T{}, x...), shape...)
			continue
		}
		y := out.Data.([]T)
		for i, b := range x {
			switch e.Name {
			case "Add", "Sum":
				y[i] += b
			case "Sub":
				y[i] -= b
			case "Mul":
				y[i] *= b
			case "Max":
				y[i] = max(y[i], b)
			case "Min":
				y[i] = min(y[i], b)
			default: // Div, Mod
				if b == 0 {
					return nil, errDivision
				}
				if e.Name == "Div" {
					y[i] /= b
					continue
				}
				m := y[i] % b
				if !e.fmod && m != 0 && (m < 0) != (b < 0) {
					m += b
				}
				y[i] = m
			}
		}
	}
	return []*tensor.Tensor{out}, nil
}

// powInt raises integers to a power of any type: exactly and wrapping around
// if the exponent is an integer of at least 0, and through float64 otherwise.
func powInt[T integer](x []T, exponent *tensor.Tensor, shape []int) ([]*tensor.Tensor, error) {
	f, n := floatReader(exponent), intReader(exponent)
	if f == nil || n == nil {
		return nil, DTypeError(exponent.DType())
	}
	for i, v := range x {
		p, k := f(i), n(i)
		if k < 0 || float64(k) != p {
			x[i] = truncated[T](math.Pow(float64(v), p))
			continue
		}
		x[i] = 1
		for ; k > 0; k >>= 1 {
			if k&1 != 0 {
				x[i] *= v
			}
			v *= v
		}
	}
	return []*tensor.Tensor{tensor.New(x, shape...)}, nil
}

// PRelu is x where x is not negative and slope*x elsewhere; the slope is
// broadcast one way, to the input.
type PRelu struct{}

func newPRelu(*Node) (Operator, error) { return &PRelu{}, nil }

// Infer implements Operator.
func (p *PRelu) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if err := allFloat32(in); err != nil {
		return nil, err
	}
	out, err := broadcastInfo(in, in[0].Type)
	if err == nil && out[0].Known() && fmt.Sprint(out[0].Shape) != fmt.Sprint(in[0].Shape) {
		return nil, fmt.Errorf("slope of shape %v does not broadcast to %v", in[1].Shape, in[0].Shape)
	}
	return out, err
}

// Locality implements Localizer.
func (p *PRelu) Locality(in []*Info, out []Info) Locality { return elementwise(in, out) }

// Eval implements Operator.
func (p *PRelu) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	slope, err := repeated(in[1], in[0].Shape)
	if err != nil {
		return nil, err
	}
	y := tensor.Zeros[float32](in[0].Shape...)
	s, d := slope.Data.([]float32), y.Data.([]float32)
	for i, v := range in[0].Data.([]float32) {
		if v < 0 {
			v *= s[i]
		}
		d[i] = v
	}
	return []*tensor.Tensor{y}, nil
}
