package incremental

import (
	"math"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/op"
)

// functions are the operators that kernels compute, by name, with what they take of
// the operator's attributes.
var functions = map[string]struct {
	of         asm.Function
	parameters func(args []float64) []float64
}{
	"Exp": {of: asm.Exp}, "Sigmoid": {of: asm.Sigmoid}, "Tanh": {of: asm.Tanh}, "Erf": {of: asm.Erf}, "Gelu": {of: asm.Gelu}, "GeluTanh": {of: asm.GeluTanh},
	"Mish": {of: asm.Mish}, "Sqrt": {of: asm.Sqrt}, "Reciprocal": {of: asm.Reciprocal}, "Abs": {of: asm.Abs}, "Neg": {of: asm.Neg},
	"Log": {of: asm.Log}, "Softplus": {of: asm.Softplus}, "Softsign": {of: asm.Softsign},
	"Celu":        {asm.Celu, func(a []float64) []float64 { return []float64{a[0], 1 / a[0]} }},
	"Swish":       {asm.Swish, func(a []float64) []float64 { return a }},
	"Elu":         {asm.Elu, func(a []float64) []float64 { return []float64{a[0], 1} }},
	"Selu":        {asm.Elu, func(a []float64) []float64 { return []float64{a[0] * a[1], a[1]} }},
	"LeakyRelu":   {asm.LeakyRelu, func(a []float64) []float64 { return a }},
	"HardSigmoid": {asm.HardSigmoid, func(a []float64) []float64 { return a }},
	"HardSwish":   {asm.HardSwish, func([]float64) []float64 { return []float64{1. / 6, 0.5} }},
}

// unary is the primitive of a function of single elements.
func unary(u *op.Unary) *engine.Unary {
	p := &engine.Unary{F: u.F32}
	if f, ok := functions[u.Name]; ok {
		var parameters []float64
		if f.parameters != nil {
			parameters = f.parameters(u.Args)
		}
		p.Function, p.Table = f.of, asm.Table(f.of, parameters...)
	}
	return p
}

// power is the primitive of a constant power, nil for those that have no kernel.
func power(p float64) *engine.Unary {
	switch {
	case p == 2:
		return squared
	case p == 0 || math.IsInf(p, 0) || p != p:
		return nil
	}
	return &engine.Unary{Function: asm.Pow, Table: asm.Table(asm.Pow, p, asm.PowSign(p))}
}

// operations are those of operators on two operands.
var operations = map[string]asm.Arithmetic{"Add": asm.Sum, "Sum": asm.Sum, "Sub": asm.Difference, "Mul": asm.Product, "Div": asm.Quotient, "Max": asm.Larger, "Min": asm.Smaller}

// operation makes an operator's arithmetic that of b.
func operation(b *engine.Binary, o *op.Elementwise) {
	if of, ok := comparisons[o.Name]; ok {
		b.Operation, b.Native = of, true
		return
	}
	b.F = o.F32
	b.Operation, b.Native = operations[o.Name]
}
