package op

import (
	"math"
)

// pointwiseOperators are functions of single elements and arithmetic.
var pointwiseOperators = []Definition{
	one("Relu", newRelu),
	one("LeakyRelu", unaryWith(func(a []float64) func(float64) float64 {
		return func(x float64) float64 {
			if x < 0 {
				return a[0] * x
			}
			return x
		}
	}, attribute{"alpha", 0.01})),
	one("Elu", unaryWith(func(a []float64) func(float64) float64 {
		return func(x float64) float64 {
			if x < 0 {
				return a[0] * math.Expm1(x)
			}
			return x
		}
	}, attribute{"alpha", 1})),
	until(5, one("Selu", unaryWith(selu, attribute{"alpha", 1.6732}, attribute{"gamma", 1.0507}))),
	since(6, one("Selu", unaryWith(selu, attribute{"alpha", 1.67326319217681884765625}, attribute{"gamma", 1.05070102214813232421875}))),
	since(12, one("Celu", unaryWith(func(a []float64) func(float64) float64 {
		return func(x float64) float64 { return math.Max(0, x) + math.Min(0, a[0]*math.Expm1(x/a[0])) }
	}, attribute{"alpha", 1}))),
	one("ThresholdedRelu", unaryWith(func(a []float64) func(float64) float64 {
		return func(x float64) float64 {
			if x > a[0] || x != x {
				return x
			}
			return 0
		}
	}, attribute{"alpha", 1})),
	one("HardSigmoid", unaryWith(func(a []float64) func(float64) float64 {
		return func(x float64) float64 { return math.Max(0, math.Min(1, float64(a[0]*x)+a[1])) }
	}, attribute{"alpha", 0.2}, attribute{"beta", 0.5})),
	since(14, one("HardSwish", unary("HardSwish", func(x float64) float64 { return x * math.Max(0, math.Min(1, x/6+0.5)) }))),
	since(24, one("Swish", unaryWith(func(a []float64) func(float64) float64 {
		return func(x float64) float64 { return x * sigmoid(a[0]*x) }
	}, attribute{"alpha", 1}))),
	since(18, one("Mish", unary("Mish", func(x float64) float64 { return x * math.Tanh(softplus(x)) }))),
	since(20, one("Gelu", newGelu)),
	one("Sigmoid", unary("Sigmoid", sigmoid)),
	one("Softplus", unary("Softplus", softplus)),
	one("Softsign", unary("Softsign", func(x float64) float64 { return x / (1 + math.Abs(x)) })),
	one("Tanh", unary("Tanh", math.Tanh)),
	one("Exp", unary("Exp", math.Exp)),
	one("Log", unary("Log", math.Log)),
	one("Sqrt", unary("Sqrt", math.Sqrt)),
	one("Reciprocal", unary("Reciprocal", func(x float64) float64 { return 1 / x })),
	one("Ceil", unary("Ceil", math.Ceil)),
	one("Floor", unary("Floor", math.Floor)),
	since(11, one("Round", unary("Round", math.RoundToEven))),
	since(9, one("Erf", unary("Erf", math.Erf))),
	one("Abs", unaryNumber("Abs", math.Abs, integerTypes)),
	one("Neg", unaryNumber("Neg", func(x float64) float64 { return -x }, signedTypes)),
	since(9, one("Sign", unaryNumber("Sign", func(x float64) float64 {
		switch {
		case x > 0:
			return 1
		case x < 0:
			return -1
		}
		return x
	}, integerTypes))),
	one("Sin", unary("Sin", math.Sin)),
	one("Cos", unary("Cos", math.Cos)),
	one("Tan", unary("Tan", math.Tan)),
	one("Atan", unary("Atan", math.Atan)),
	one("Asin", unary("Asin", math.Asin)),
	one("Acos", unary("Acos", math.Acos)),
	since(9, one("Sinh", unary("Sinh", math.Sinh))),
	since(9, one("Cosh", unary("Cosh", math.Cosh))),
	since(9, one("Asinh", unary("Asinh", math.Asinh))),
	since(9, one("Acosh", unary("Acosh", math.Acosh))),
	since(9, one("Atanh", unary("Atanh", math.Atanh))),
	since(9, one("Shrink", unaryWith(func(a []float64) func(float64) float64 {
		return func(x float64) float64 {
			switch {
			case x < -a[0]:
				return x + a[1]
			case x > a[0]:
				return x - a[1]
			}
			return 0
		}
	}, attribute{"lambd", 0.5}, attribute{"bias", 0}))),
	{Name: "Clip", Since: MinOpset, Until: 10, MinInputs: 1, MaxInputs: 1, Outputs: 1, New: newClip},
	{Name: "Clip", Since: 11, MinInputs: 1, MaxInputs: 3, Outputs: 1, New: newClip},
	{Name: "PRelu", Since: MinOpset, Until: 6, MinInputs: 2, MaxInputs: 2, Outputs: 1, New: newOldPRelu},
	{Name: "PRelu", Since: 7, MinInputs: 2, MaxInputs: 2, Outputs: 1, New: newPRelu},
	oldTwo("Add"), oldTwo("Sub"), oldTwo("Mul"), oldTwo("Div"), oldTwo("Pow"),
	one("Affine", unaryWith(func(a []float64) func(float64) float64 {
		return func(x float64) float64 { return float64(a[0]*x) + a[1] }
	}, attribute{"alpha", 1}, attribute{"beta", 0})),
	one("Scale", unaryWith(func(a []float64) func(float64) float64 {
		return func(x float64) float64 { return a[0] * x }
	}, attribute{"scale", 1})),
	one("ScaledTanh", unaryWith(func(a []float64) func(float64) float64 {
		return func(x float64) float64 { return a[0] * math.Tanh(a[1]*x) }
	}, attribute{"alpha", 1}, attribute{"beta", 1})),
	one("ParametricSoftplus", unaryWith(func(a []float64) func(float64) float64 {
		return func(x float64) float64 { return a[0] * softplus(a[1]*x) }
	}, attribute{"alpha", 1}, attribute{"beta", 1})),
	one("ImageScaler", newImageScaler),
	two("Add"), two("Sub"), two("Mul"), two("Div"), two("Pow"),
	since(10, two("Mod")),
	many("Sum"), many("Mean"), many("Max"), many("Min"),
}

// one defines an operator of one input and one output.
func one(name string, make func(*Node) (Operator, error)) Definition {
	return Definition{Name: name, Since: MinOpset, MinInputs: 1, MaxInputs: 1, Outputs: 1, New: make}
}

// since sets the first operator set.
func since(opset int, d Definition) Definition {
	d.Since = opset
	return d
}

func two(name string) Definition {
	return Definition{Name: name, Since: 7, MinInputs: 2, MaxInputs: 2, Outputs: 1, New: newElementwise}
}

func many(name string) Definition {
	return Definition{Name: name, Since: MinOpset, MinInputs: 1, MaxInputs: -1, Outputs: 1, New: newElementwise}
}

// until sets the last operator set.
func until(opset int, d Definition) Definition {
	d.Until = opset
	return d
}

// oldTwo is an operator on two operands as it was before operator set 7.
func oldTwo(name string) Definition {
	return Definition{Name: name, Since: MinOpset, Until: 6, MinInputs: 2, MaxInputs: 2, Outputs: 1, New: newOldBroadcast}
}
