package incremental

import (
	"context"
	"math/rand/v2"
	"testing"

	"krypton/internal/graph"
	"krypton/internal/tensor"
)

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
		"a map as long as a row of channels": func(n *network, x graph.ValueID) []graph.ValueID {
			y := n.node("Conv", nil, x, n.weights(.1, 72, 20, 1, 1))
			return []graph.ValueID{n.node("Relu", nil, n.node("Mul", nil, y, n.weights(1, 1, 1, 9, 8)))}
		},
		"a factor that weights would lose bits by": func(n *network, x graph.ValueID) []graph.ValueID {
			y := n.node("Mul", nil, n.node("Conv", nil, x, n.weights(.1, 7, 20, 1, 1)), n.number(1e-30))
			return []graph.ValueID{n.node("Mul", nil, y, n.number(1e30))}
		},
		"the convolution is an output": func(n *network, x graph.ValueID) []graph.ValueID {
			y := n.node("Conv", nil, x, n.weights(.1, 7, 20, 1, 1))
			return []graph.ValueID{y, n.node("Mul", nil, y, n.number(2))}
		},
		"ones around the plane": func(n *network, x graph.ValueID) []graph.ValueID {
			y := n.node("Pad", nil, x, n.ints(0, 0, 1, 1, 0, 0, 1, 1), n.number(1))
			return []graph.ValueID{n.node("Conv", nil, y, n.weights(.1, 7, 20, 3, 3))}
		},
		"zeros that others read": func(n *network, x graph.ValueID) []graph.ValueID {
			y := n.node("Pad", nil, x, n.ints(0, 0, 1, 1, 0, 0, 1, 1))
			return []graph.ValueID{n.node("Conv", nil, y, n.weights(.1, 7, 20, 3, 3)), y}
		},
		"less than the plane": func(n *network, x graph.ValueID) []graph.ValueID {
			y := n.node("Pad", nil, x, n.ints(0, 0, -1, 0, 0, 0, 0, 1))
			return []graph.ValueID{n.node("Conv", nil, y, n.weights(.1, 7, 20, 3, 3))}
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
