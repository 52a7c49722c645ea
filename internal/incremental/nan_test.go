package incremental

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/tensor"
)

// TestNaNInPlans: where the reference gives NaN the plan does, with every kernel
// set, and nowhere else: NaN in, NaN out, and padding is not one.
func TestNaNInPlans(t *testing.T) {
	window := map[string]any{"kernel_shape": []int64{3, 3}, "pads": []int64{1, 1, 1, 1}}
	for name, layer := range map[string]func(n *network, x graph.ValueID) graph.ValueID{
		"MaxPool":     func(n *network, x graph.ValueID) graph.ValueID { return n.node("MaxPool", window, x) },
		"AveragePool": func(n *network, x graph.ValueID) graph.ValueID { return n.node("AveragePool", window, x) },
		"strided": func(n *network, x graph.ValueID) graph.ValueID {
			return n.node("MaxPool", map[string]any{"kernel_shape": []int64{2, 2}, "strides": []int64{2, 2}}, x)
		},
		"GlobalMaxPool": func(n *network, x graph.ValueID) graph.ValueID { return n.node("GlobalMaxPool", nil, x) },
		"ReduceMax": func(n *network, x graph.ValueID) graph.ValueID {
			return n.node("ReduceMax", map[string]any{"axes": []int64{2, 3}}, x)
		},
		"ReduceMin": func(n *network, x graph.ValueID) graph.ValueID {
			return n.node("ReduceMin", map[string]any{"axes": []int64{2, 3}}, x)
		},
		"Relu": func(n *network, x graph.ValueID) graph.ValueID { return n.node("Relu", nil, x) },
		"Clip": func(n *network, x graph.ValueID) graph.ValueID {
			return n.node("Clip", nil, x, n.constant(tensor.Scalar(float32(-.5))), n.constant(tensor.Scalar(float32(.5))))
		},
		"Max":         func(n *network, x graph.ValueID) graph.ValueID { return n.node("Max", nil, x, n.weights(1, 1)) },
		"Min":         func(n *network, x graph.ValueID) graph.ValueID { return n.node("Min", nil, x, n.weights(1, 1)) },
		"LeakyRelu":   func(n *network, x graph.ValueID) graph.ValueID { return n.node("LeakyRelu", nil, x) },
		"PRelu":       func(n *network, x graph.ValueID) graph.ValueID { return n.node("PRelu", nil, x, n.weights(1, 1)) },
		"HardSigmoid": func(n *network, x graph.ValueID) graph.ValueID { return n.node("HardSigmoid", nil, x) },
		"Conv, Relu": func(n *network, x graph.ValueID) graph.ValueID {
			return n.node("Relu", nil, n.node("Conv", nil, x, n.weights(1, 5, n.shape(x)[1], 1, 1)))
		},
	} {
		for _, k := range asm.EverySet(t) {
			rng := rand.New(rand.NewPCG(5, 6))
			for _, channels := range []int{1, 3, 16, 37, 80} {
				n, x := newNetwork(t, rng, 1, channels, 9, 8)
				n.output(layer(n, x))
				p, err := Compile(n.g, CompileOptions{Kernels: k, Layout: "nchw"})
				if err != nil {
					t.Fatal(err)
				}
				in := tensor.Zeros[float32](1, channels, 9, 8)
				d := in.Data.([]float32)
				for i := range d {
					if d[i] = rng.Float32()*2 - 1; rng.IntN(60) == 0 {
						d[i] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}[rng.IntN(3)]
					}
				}
				want := floats32(t, n.evaluate(in)[0])
				v, err := p.Materialize(context.Background(), p.Arrange(d), 1)
				if err != nil {
					t.Fatal(err)
				}
				got := floats32(t, p.Output(v, 0))
				for i, w := range want {
					if a := got[i]; math.IsNaN(float64(a)) != math.IsNaN(float64(w)) || a == a && a != w && !(math.Abs(float64(a-w)) < 1e-4) {
						t.Errorf("%s, %s, %d channels: [%d] is %g, want %g", name, k.Name, channels, i, a, w)
						break
					}
				}
			}
		}
	}
}

func floats32(t *testing.T, x *tensor.Tensor) []float32 {
	t.Helper()
	f, err := x.Floats()
	if err != nil {
		t.Fatal(fmt.Errorf("output: %w", err))
	}
	return f
}
