package incremental

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/tensor"
)

// written are functions as exporters write them, each a chain of nodes from x.
var written = []struct {
	name string
	of   asm.Function
	make func(n *network, x graph.ValueID) graph.ValueID
}{
	{"x*Sigmoid(x)", asm.Swish, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Mul", nil, x, n.node("Sigmoid", nil, x))
	}},
	{"x/(1+Exp(-x))", asm.Swish, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Div", nil, x, n.node("Add", nil, n.node("Exp", nil, n.node("Neg", nil, x)), n.number(1)))
	}},
	{"x*Sigmoid(1.702x)", asm.Swish, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Mul", nil, n.node("Sigmoid", nil, n.node("Mul", nil, n.number(1.702), x)), x)
	}},
	{"x*HardSigmoid(x)", asm.HardSwish, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Mul", nil, x, n.node("HardSigmoid", map[string]any{"alpha": float32(1. / 6), "beta": float32(0.5)}, x))
	}},
	{"x*Clip(x+3,0,6)/6", asm.HardSwish, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Div", nil, n.node("Mul", nil, x, n.relu6(n.node("Add", nil, x, n.number(3)))), n.number(6))
	}},
	{"x*(Clip(3+x,0,6)*0.16667)", asm.HardSwish, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Mul", nil, n.node("Mul", nil, n.relu6(n.node("Add", nil, n.number(3), x)), n.number(1./6)), x)
	}},
	{"x*Min(Relu(x+3),6)/6", asm.HardSwish, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Mul", nil, x, n.node("Div", nil, n.node("Min", nil, n.node("Relu", nil, n.node("Add", nil, x, n.number(3))), n.number(6)), n.number(6)))
	}},
	{"Clip(x+3,0,6)/6", asm.HardSigmoid, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Div", nil, n.relu6(n.node("Add", nil, x, n.number(3))), n.number(6))
	}},
	{"x*0.5*(1+Erf(x/sqrt(2)))", asm.Gelu, func(n *network, x graph.ValueID) graph.ValueID {
		e := n.node("Add", nil, n.node("Erf", nil, n.node("Div", nil, x, n.number(math.Sqrt2))), n.number(1))
		return n.node("Mul", nil, n.node("Mul", nil, x, e), n.number(0.5))
	}},
	{"(0.5*x)*(1+Erf(x*0.7071))", asm.Gelu, func(n *network, x graph.ValueID) graph.ValueID {
		e := n.node("Add", nil, n.number(1), n.node("Erf", nil, n.node("Mul", nil, x, n.number(math.Sqrt2/2))))
		return n.node("Mul", nil, n.node("Mul", nil, n.number(0.5), x), e)
	}},
	{"0.5x(1+Tanh(0.7979(x+0.044715x^3)))", asm.GeluTanh, func(n *network, x graph.ValueID) graph.ValueID {
		cube := n.node("Mul", nil, n.number(0.044715), n.node("Pow", nil, x, n.number(3)))
		u := n.node("Mul", nil, n.number(math.Sqrt(2/math.Pi)), n.node("Add", nil, x, cube))
		return n.node("Mul", nil, n.node("Mul", nil, x, n.number(0.5)), n.node("Add", nil, n.node("Tanh", nil, u), n.number(1)))
	}},
	{"x*Tanh(Softplus(x))", asm.Mish, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Mul", nil, x, n.node("Tanh", nil, n.node("Softplus", nil, x)))
	}},
}

func (n *network) number(v float64) graph.ValueID {
	return n.constant(tensor.New([]float32{float32(v)}))
}

func (n *network) relu6(x graph.ValueID) graph.ValueID {
	return n.node("Clip", nil, x, n.number(0), n.number(6))
}

// agrees compares a whole run with the operators' references.
func (n *network) agrees(t *testing.T, p *Plan) {
	t.Helper()
	base := make([]float32, p.InputPlane().Len())
	for i := range base {
		base[i] = n.rng.Float32()*2 - 1
	}
	v, err := p.Materialize(context.Background(), base, 1)
	if err != nil {
		t.Fatal(err)
	}
	input := tensor.Zeros[float32](n.shape(n.g.Inputs[0])...)
	p.inputLayout.gather(input.Data.([]float32), base)
	for i, want := range n.evaluate(input) {
		closeTo(t, p.Output(v, i), want, 2e-6, n.String())
	}
}

// TestWrittenFunctions: a function written as a chain of nodes is one step, which is
// what the nodes make by their references.
func TestWrittenFunctions(t *testing.T) {
	for _, w := range written {
		t.Run(w.name, func(t *testing.T) {
			n, x := newNetwork(t, rand.New(rand.NewPCG(1, 2)), 1, 3, 9, 8)
			x = n.node("Conv", map[string]any{"pads": []int64{1, 1, 1, 1}}, x, n.weights(2, 20, 3, 3, 3))
			n.output(w.make(n, x))
			p, err := Compile(n.g, CompileOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if len(p.steps) != 2 {
				t.Fatalf("%d steps, want the convolution and the function", len(p.steps))
			}
			u, ok := p.steps[1].prim.(*engine.Unary)
			if !ok || u.Table == nil || u.Function != w.of {
				t.Fatalf("the function is %T %+v", p.steps[1].prim, p.steps[1].prim)
			}
			n.agrees(t, p)
		})
	}
}

// TestOtherFunctions: chains that are nearly known functions, or whose inside somebody
// else reads, are computed as they stand.
func TestOtherFunctions(t *testing.T) {
	for name, make := range map[string]func(n *network, x graph.ValueID) []graph.ValueID{
		"another slope": func(n *network, x graph.ValueID) []graph.ValueID {
			return []graph.ValueID{n.node("Mul", nil, x, n.node("Sigmoid", nil, n.node("Mul", nil, x, n.number(1.0001))))}
		},
		"bounded far out": func(n *network, x graph.ValueID) []graph.ValueID {
			y := n.node("Mul", nil, x, n.node("Sigmoid", nil, x))
			return []graph.ValueID{n.node("Clip", nil, y, n.number(-1), n.number(1e12))}
		},
		"the inside is an output": func(n *network, x graph.ValueID) []graph.ValueID {
			s := n.node("Sigmoid", nil, x)
			return []graph.ValueID{n.node("Mul", nil, x, s), s}
		},
		"a row of numbers": func(n *network, x graph.ValueID) []graph.ValueID {
			s := n.node("Sigmoid", nil, n.node("Mul", nil, x, n.weights(1, 1, 20, 1, 1)))
			return []graph.ValueID{n.node("Mul", nil, x, s)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			n, x := newNetwork(t, rand.New(rand.NewPCG(1, 2)), 1, 3, 9, 8)
			x = n.node("Conv", map[string]any{"pads": []int64{1, 1, 1, 1}}, x, n.weights(2, 20, 3, 3, 3))
			n.output(make(n, x)...)
			p, err := Compile(n.g, CompileOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if len(p.steps) < 3 {
				t.Fatalf("%d steps", len(p.steps))
			}
			n.agrees(t, p)
		})
	}
}
