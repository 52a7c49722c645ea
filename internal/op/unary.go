package op

import (
	"cmp"
	"math"
	"slices"

	"krypton/internal/tensor"
)

// Unary is a function of single elements.
type Unary struct {
	Name string
	// F is the function in float64; results are rounded once.
	F func(x float64) float64
	// Args are the attributes, in the order of the operator's definition.
	Args []float64
	// lo and hi are set for functions that only bound their argument.
	lo, hi float32
	bounds bool
	// integers are the integer types that ONNX allows; their arithmetic is
	// integer's.
	integers []tensor.DType
}

var (
	signedTypes  = []tensor.DType{tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64}
	integerTypes = append([]tensor.DType{tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64}, signedTypes...)
)

// F32 is the function on float32, rounded once.
func (u *Unary) F32(x float32) float32 { return float32(u.F(float64(x))) }

// Clamp is ok if the function is min(max(x, lo), hi); a NaN stays.
func (u *Unary) Clamp() (lo, hi float32, ok bool) { return u.lo, u.hi, u.bounds }

// unary lists a function without attributes.
func unary(name string, f func(float64) float64) func(*Node) (Operator, error) {
	return func(*Node) (Operator, error) { return &Unary{Name: name, F: f}, nil }
}

// unaryNumber lists a function that integer types have too.
func unaryNumber(name string, f func(float64) float64, integers []tensor.DType) func(*Node) (Operator, error) {
	return func(*Node) (Operator, error) { return &Unary{Name: name, F: f, integers: integers}, nil }
}

// unaryWith lists a function with float attributes, given as name and default.
func unaryWith(f func(a []float64) func(float64) float64, attrs ...attribute) func(*Node) (Operator, error) {
	return func(n *Node) (Operator, error) {
		a := make([]float64, len(attrs))
		for i, at := range attrs {
			v, err := n.Attr.Float(at.name, at.def)
			if err != nil {
				return nil, err
			}
			a[i] = float64(v)
		}
		return &Unary{Name: n.Type, F: f(a), Args: a}, nil
	}
}

type attribute struct {
	name string
	def  float32
}

func newRelu(n *Node) (Operator, error) {
	u := &Unary{Name: "Relu", F: relu, lo: 0, hi: float32(math.Inf(1)), bounds: true}
	if n.Opset >= 14 {
		u.integers = signedTypes
	}
	return u, nil
}

func relu(x float64) float64 {
	if x < 0 {
		return 0
	}
	return x
}

func selu(a []float64) func(float64) float64 {
	return func(x float64) float64 {
		if x <= 0 {
			return a[1] * a[0] * math.Expm1(x)
		}
		return a[1] * x
	}
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func softplus(x float64) float64 { return math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

func newGelu(n *Node) (Operator, error) {
	how, err := n.Attr.OneOf("approximate", "none", "tanh")
	if err != nil {
		return nil, err
	}
	u := &Unary{Name: "Gelu", F: func(x float64) float64 { return 0.5 * x * (1 + math.Erf(x/math.Sqrt2)) }}
	if how == "tanh" {
		u.Name = "GeluTanh"
		u.F = func(x float64) float64 {
			return 0.5 * x * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+float64(0.044715*x*x*x))))
		}
	}
	return u, nil
}

// Infer implements Operator.
func (u *Unary) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	t := in[0].Type
	if t != tensor.Float32 && t != tensor.Float64 && !slices.Contains(u.integers, t) {
		return nil, DTypeError(t)
	}
	return broadcastInfo(in, t)
}

// Locality implements Localizer.
func (u *Unary) Locality([]*Info, []Info) Locality { return Locality{Kind: Pointwise} }

// Eval implements Operator.
func (u *Unary) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	switch d := in[0].Data.(type) {
	case []float32:
		return mapped(in[0].Shape, d, u.F32), nil
	case []float64:
		return mapped(in[0].Shape, d, u.F), nil
	case []int8:
		return unaryInt(u, in[0].Shape, d)
	case []int16:
		return unaryInt(u, in[0].Shape, d)
	case []int32:
		return unaryInt(u, in[0].Shape, d)
	case []int64:
		return unaryInt(u, in[0].Shape, d)
	case []uint8:
		return unaryInt(u, in[0].Shape, d)
	case []uint16:
		return unaryInt(u, in[0].Shape, d)
	case []uint32:
		return unaryInt(u, in[0].Shape, d)
	case []uint64:
		return unaryInt(u, in[0].Shape, d)
	}
	return nil, DTypeError(in[0].DType())
}

// unaryInt computes in the type itself: float64 holds integers up to 2^53 only.
// The least value of a type is its own negative.
func unaryInt[T integer](u *Unary, shape []int, x []T) ([]*tensor.Tensor, error) {
	switch u.Name {
	case "Abs":
		return mapped(shape, x, func(v T) T {
			if v < 0 {
				return -v
			}
			return v
		}), nil
	case "Neg":
		return mapped(shape, x, func(v T) T { return -v }), nil
	case "Sign":
		return mapped(shape, x, func(v T) T { return T(cmp.Compare(v, 0)) }), nil
	case "Relu":
		return mapped(shape, x, func(v T) T { return max(v, 0) }), nil
	}
	return nil, DTypeError((&tensor.Tensor{Data: x}).DType())
}

func mapped[T tensor.Number](shape []int, x []T, f func(T) T) []*tensor.Tensor {
	y := tensor.Zeros[T](shape...)
	fill(y.Data.([]T), func(i int) T { return f(x[i]) })
	return []*tensor.Tensor{y}
}
