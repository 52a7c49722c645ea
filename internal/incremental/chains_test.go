package incremental

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/graph"
)

// written are chains of nodes as exporters write them, each made behind a convolution,
// and the step that they become. docs/operators.md has the same table.
var written = []struct {
	as, is string
	steps  int // of the chain
	make   func(n *network, x graph.ValueID) graph.ValueID
}{
	{"x*Sigmoid(x)", "SiLU", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Mul", nil, x, n.node("Sigmoid", nil, x))
	}},
	{"x/(1+Exp(-x))", "SiLU", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Div", nil, x, n.node("Add", nil, n.node("Exp", nil, n.node("Neg", nil, x)), n.number(1)))
	}},
	{"x*Sigmoid(1.702x)", "SiLU of 1.702x", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Mul", nil, n.node("Sigmoid", nil, n.node("Mul", nil, n.number(1.702), x)), x)
	}},
	{"x*HardSigmoid(x)", "hard-swish", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Mul", nil, x, n.node("HardSigmoid", map[string]any{"alpha": float32(1. / 6), "beta": float32(0.5)}, x))
	}},
	{"x*Clip(x+3,0,6)/6", "hard-swish", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Div", nil, n.node("Mul", nil, x, n.relu6(n.node("Add", nil, x, n.number(3)))), n.number(6))
	}},
	{"x*(Clip(3+x,0,6)*0.16667)", "hard-swish", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Mul", nil, n.node("Mul", nil, n.relu6(n.node("Add", nil, n.number(3), x)), n.number(1./6)), x)
	}},
	{"x*Min(Relu(x+3),6)/6", "hard-swish", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Mul", nil, x, n.node("Div", nil, n.node("Min", nil, n.node("Relu", nil, n.node("Add", nil, x, n.number(3))), n.number(6)), n.number(6)))
	}},
	{"Clip(x+3,0,6)/6", "hard-sigmoid", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Div", nil, n.relu6(n.node("Add", nil, x, n.number(3))), n.number(6))
	}},
	{"x*0.5*(1+Erf(x/sqrt(2)))", "GELU", 1, func(n *network, x graph.ValueID) graph.ValueID {
		e := n.node("Add", nil, n.node("Erf", nil, n.node("Div", nil, x, n.number(math.Sqrt2))), n.number(1))
		return n.node("Mul", nil, n.node("Mul", nil, x, e), n.number(0.5))
	}},
	{"(0.5*x)*(1+Erf(x*0.7071))", "GELU", 1, func(n *network, x graph.ValueID) graph.ValueID {
		e := n.node("Add", nil, n.number(1), n.node("Erf", nil, n.node("Mul", nil, x, n.number(math.Sqrt2/2))))
		return n.node("Mul", nil, n.node("Mul", nil, n.number(0.5), x), e)
	}},
	{"0.5x(1+Tanh(0.7979(x+0.044715x^3)))", "GELU by tanh", 1, func(n *network, x graph.ValueID) graph.ValueID {
		cube := n.node("Mul", nil, n.number(0.044715), n.node("Pow", nil, x, n.number(3)))
		u := n.node("Mul", nil, n.number(math.Sqrt(2/math.Pi)), n.node("Add", nil, x, cube))
		return n.node("Mul", nil, n.node("Mul", nil, x, n.number(0.5)), n.node("Add", nil, n.node("Tanh", nil, u), n.number(1)))
	}},
	{"x*Tanh(Softplus(x))", "Mish", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Mul", nil, x, n.node("Tanh", nil, n.node("Softplus", nil, x)))
	}},
	{"1/(1+Exp(-x))", "Sigmoid", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Div", nil, n.number(1), n.node("Add", nil, n.number(1), n.node("Exp", nil, n.node("Neg", nil, x))))
	}},
	{"x*Tanh(Log(1+Exp(x)))", "Mish", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Mul", nil, x, n.node("Tanh", nil, n.node("Log", nil, n.node("Add", nil, n.node("Exp", nil, x), n.number(1)))))
	}},
	{"x/(1+Abs(x))", "Softsign", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Div", nil, x, n.node("Add", nil, n.node("Abs", nil, x), n.number(1)))
	}},
	{"(x-Mean(x))/Sqrt(Mean((x-Mean(x))^2)+e)*scale+bias", "LayerNormalization", 1, func(n *network, x graph.ValueID) graph.ValueID {
		x = n.last(x)
		d := n.centred(x)
		return n.row("Add", n.row("Mul", n.node("Div", nil, d, n.root(n.node("Mul", nil, d, d)))))
	}},
	{"(x-Mean(x))*Reciprocal(Sqrt(Mean((x-Mean(x))^2)+e))", "LayerNormalization", 1, func(n *network, x graph.ValueID) graph.ValueID {
		d := n.centred(n.last(x))
		return n.node("Mul", nil, d, n.node("Reciprocal", nil, n.root(n.node("Pow", nil, d, n.number(2)))))
	}},
	{"(x-Mean(x))/Sqrt(Mean((x-Mean(x))^2)+e)*scale+bias over a plane's channels", "LayerNormalization", 1, func(n *network, x graph.ValueID) graph.ValueID {
		mean := func(x graph.ValueID) graph.ValueID {
			return n.node("ReduceMean", map[string]any{"axes": []int64{1}}, x)
		}
		d := n.node("Sub", nil, x, mean(x))
		y := n.node("Div", nil, d, n.node("Sqrt", nil, n.node("Add", nil, mean(n.node("Pow", nil, d, n.number(2))), n.number(1e-3))))
		c := n.shape(x)[1]
		return n.node("Add", nil, n.node("Mul", nil, n.weights(1, 1, c, 1, 1), y), n.weights(1, c, 1, 1))
	}},
	{"x/Sqrt(Mean(x^2)+e)*scale", "RMSNormalization", 1, func(n *network, x graph.ValueID) graph.ValueID {
		x = n.last(x)
		return n.row("Mul", n.node("Div", nil, x, n.root(n.node("Mul", nil, x, x))))
	}},
	{"scale*(x*(1/Sqrt(Mean(x^2)+e)))", "RMSNormalization", 1, func(n *network, x graph.ValueID) graph.ValueID {
		x = n.last(x)
		return n.row("Mul", n.node("Mul", nil, x, n.node("Div", nil, n.number(1), n.root(n.node("Pow", nil, x, n.number(2))))))
	}},
	{"x*Pow(Mean(x^2)+e,-0.5)*scale", "RMSNormalization", 1, func(n *network, x graph.ValueID) graph.ValueID {
		x = n.last(x)
		mean := n.node("Add", nil, n.node("ReduceMean", map[string]any{"axes": []int64{-1}}, n.node("Pow", nil, x, n.number(2))), n.number(1e-3))
		return n.row("Mul", n.node("Mul", nil, n.node("Pow", nil, mean, n.number(-0.5)), x))
	}},
	{"x/Expand(Clip(ReduceL2(x),e))", "LpNormalization", 1, func(n *network, x graph.ValueID) graph.ValueID {
		x = n.last(x)
		l := n.node("Clip", nil, n.node("ReduceL2", map[string]any{"axes": []int64{-1}}, x), n.number(1e-12))
		shape := []int64{}
		for _, d := range n.shape(x) {
			shape = append(shape, int64(d))
		}
		return n.node("Div", nil, x, n.node("Expand", nil, l, n.ints(shape...)))
	}},
	{"Reshape(InstanceNormalization(Reshape(x)))*scale+bias", "GroupNormalization", 2, func(n *network, x graph.ValueID) graph.ValueID {
		s := n.shape(x)
		y := n.node("InstanceNormalization", nil, n.node("Reshape", nil, x, n.ints(1, 2, -1)), n.weights(1, 2), n.weights(1, 2))
		y = n.node("Reshape", nil, y, n.ints(int64(s[0]), int64(s[1]), int64(s[2]), int64(s[3])))
		return n.channel("Add", n.channel("Mul", y))
	}},
	{"Relu(BatchNormalization(Conv(x)))", "convolution", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Relu", nil, n.batchNorm(n.conv3(x)))
	}},
	{"Clip(Conv(x)*scale+shift,0,6)", "convolution", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.relu6(n.channel("Add", n.channel("Mul", n.conv3(x))))
	}},
	{"(Conv(x)-mean)/deviation", "convolution", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.channel("Div", n.channel("Sub", n.conv3(x)))
	}},
	{"Relu(1-Conv(x)*0.5)", "convolution", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Relu", nil, n.node("Sub", nil, n.number(1), n.node("Mul", nil, n.conv3(x), n.number(0.5))))
	}},
	{"Relu(BatchNormalization(Conv(Pad(x))))", "convolution", 1, func(n *network, x graph.ValueID) graph.ValueID {
		x = n.node("Pad", nil, x, n.ints(0, 0, 0, 1, 0, 0, 1, 2))
		return n.node("Relu", nil, n.batchNorm(n.node("Conv", map[string]any{"strides": []int64{2, 2}}, x, n.weights(1, 12, 20, 3, 3))))
	}},
	{"Conv(Pad(x)) with a filter for each channel", "convolution", 1, func(n *network, x graph.ValueID) graph.ValueID {
		x = n.node("Pad", nil, x, n.ints(0, 0, 1, 1, 0, 0, 0, 0))
		return n.node("Conv", map[string]any{"group": int64(20), "pads": []int64{0, 0, 1, 1}}, x, n.weights(1, 20, 1, 3, 3))
	}},
	{"Clip(Transpose(Conv(Transpose(Pad(x))))*scale+shift) with channels last", "convolution", 1, func(n *network, x graph.ValueID) graph.ValueID {
		x = n.node("Pad", nil, n.last(x), n.ints(0, 0, 1, 0, 0, 1, 1, 0))
		x = n.node("Transpose", map[string]any{"perm": []int64{0, 3, 1, 2}}, x)
		x = n.last(n.node("Conv", map[string]any{"strides": []int64{2, 2}}, x, n.weights(.05, 24, 20, 3, 3)))
		return n.relu6(n.row("Add", n.row("Mul", x)))
	}},
	{"Conv(x)+BatchNormalization(Conv(x))+BatchNormalization(x)", "convolution", 1, func(n *network, x graph.ValueID) graph.ValueID {
		small := n.batchNorm(n.node("Conv", nil, x, n.weights(.05, 20, 20, 1, 1)))
		large := n.node("Conv", map[string]any{"pads": []int64{1, 1, 1, 1}}, x, n.weights(.05, 20, 20, 3, 3), n.constantFrom(0.5, 20))
		return n.node("Relu", nil, n.node("Add", nil, n.node("Add", nil, n.node("Add", nil, n.number(0), large), small), n.batchNorm(x)))
	}},
	{"Conv(x)*scale+Conv(x) with strides, dilation and groups", "convolution", 1, func(n *network, x graph.ValueID) graph.ValueID {
		a := map[string]any{"group": int64(4), "strides": []int64{2, 2}, "dilations": []int64{2, 2}, "pads": []int64{2, 4, 2, 4}}
		b := map[string]any{"group": int64(4), "strides": []int64{2, 2}, "dilations": []int64{2, 2}, "pads": []int64{0, 2, 0, 2}}
		return n.node("Add", nil, n.channel("Mul", n.node("Conv", b, x, n.weights(.2, 24, 5, 1, 3))), n.node("Conv", a, x, n.weights(.2, 24, 5, 3, 5)))
	}},
	{"Relu(ConvTranspose(x)*scale+shift)", "convolution and laying out", 2, func(n *network, x graph.ValueID) graph.ValueID {
		x = n.node("ConvTranspose", map[string]any{"strides": []int64{2, 2}}, x, n.weights(1, 20, 6, 2, 2))
		return n.node("Relu", nil, n.channel("Add", n.channel("Mul", x)))
	}},
	{"Relu((MatMul(x,W)+b)*scale)", "linear layer", 1, func(n *network, x graph.ValueID) graph.ValueID {
		x = n.node("MatMul", nil, n.last(x), n.weights(.3, 20, 14))
		return n.node("Relu", nil, n.row("Mul", n.row("Add", x)))
	}},
	{"scale*Transpose(MatMul(x,W)+b)", "linear layer", 1, func(n *network, x graph.ValueID) graph.ValueID {
		x = n.row("Add", n.node("MatMul", nil, n.last(x), n.weights(.3, 20, 14)))
		return n.channel("Mul", n.node("Transpose", map[string]any{"perm": []int64{0, 3, 1, 2}}, x))
	}},
	{"Relu(BatchNormalization(Reshape(MatMul(x,W))))", "linear layer", 1, func(n *network, x graph.ValueID) graph.ValueID {
		x = n.node("Reshape", nil, n.node("MatMul", nil, n.last(x), n.weights(.3, 20, 14)), n.ints(72, 14))
		return n.node("Reshape", nil, n.node("Relu", nil, n.batchNorm(x)), n.ints(1, 9, 8, 14))
	}},
	{"Relu(Gemm(Flatten(x))*scale)", "linear layer", 1, func(n *network, x graph.ValueID) graph.ValueID {
		x = n.node("Gemm", map[string]any{"transB": int64(1)}, n.node("Flatten", nil, x), n.weights(.1, 10, 20*9*8))
		return n.node("Relu", nil, n.node("Mul", nil, x, n.constantFrom(1, 10)))
	}},
	{"Relu(BatchNormalization(x))", "scale, shift and bounds", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Relu", nil, n.batchNorm(n.node("Sigmoid", nil, x)))
	}},
	{"Relu(BatchNormalization(x)) of rows", "scale, shift and bounds", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Relu", nil, n.batchNorm(n.node("Reshape", nil, n.last(n.node("Sigmoid", nil, x)), n.ints(72, 20))))
	}},
	{"Relu(x+y)", "sum and bounds", 1, func(n *network, x graph.ValueID) graph.ValueID {
		return n.node("Relu", nil, n.node("Add", nil, n.node("Sigmoid", nil, x), x))
	}},
	{"Where(IsNaN(x),0,x)", "a number for NaN", 2, func(n *network, x graph.ValueID) graph.ValueID {
		x = n.node("Sqrt", nil, x) // of negative numbers too
		return n.node("Where", nil, n.node("IsNaN", nil, x), n.number(0), x)
	}},
	{"Reshape(Transpose(Reshape(x)))", "shuffle of channels", 1, func(n *network, x graph.ValueID) graph.ValueID {
		x = n.node("Reshape", nil, x, n.ints(1, 4, 5, 9, 8))
		return n.node("Reshape", nil, n.node("Transpose", map[string]any{"perm": []int64{0, 2, 1, 3, 4}}, x), n.ints(1, 20, 9, 8))
	}},
}

// last puts channels last.
func (n *network) last(x graph.ValueID) graph.ValueID {
	return n.node("Transpose", map[string]any{"perm": []int64{0, 2, 3, 1}}, x)
}

// centred takes the mean of the last axis off.
func (n *network) centred(x graph.ValueID) graph.ValueID {
	return n.node("Sub", nil, x, n.node("ReduceMean", map[string]any{"axes": []int64{-1}}, x))
}

// root is the root of the mean of squares over the last axis, and a little.
func (n *network) root(squares graph.ValueID) graph.ValueID {
	mean := n.node("ReduceMean", map[string]any{"axes": []int64{-1}}, squares)
	return n.node("Sqrt", nil, n.node("Add", nil, mean, n.number(1e-3)))
}

// row combines x with a constant row of its last axis.
func (n *network) row(name string, x graph.ValueID) graph.ValueID {
	s := n.shape(x)
	return n.node(name, nil, x, n.constantFrom(0.5, s[len(s)-1]))
}

// channel combines x with a constant for each channel.
func (n *network) channel(name string, x graph.ValueID) graph.ValueID {
	row := n.constantFrom(0.5, n.shape(x)[1])
	t := n.g.Values[row].Info.Value
	t.Shape = []int{t.Len(), 1, 1}
	n.g.Values[row].Info.Shape = t.Shape
	return n.node(name, nil, x, row)
}

func (n *network) conv3(x graph.ValueID) graph.ValueID {
	return n.node("Conv", map[string]any{"pads": []int64{1, 1, 1, 1}}, x, n.weights(.05, 24, n.shape(x)[1], 3, 3))
}

func (n *network) batchNorm(x graph.ValueID) graph.ValueID {
	c := n.shape(x)[1]
	return n.node("BatchNormalization", nil, x, n.constantFrom(0.5, c), n.weights(1, c), n.weights(1, c), n.constantFrom(0.5, c))
}

// kindOf names what the last steps of a plan are, as the table of written chains does.
func kindOf(p *Plan) string {
	switch prim := p.steps[len(p.steps)-1].prim.(type) {
	case *engine.Unary:
		if prim.Function == asm.Swish && prim.Table[0] != 1 {
			return "SiLU of 1.702x"
		}
		if prim.Table == nil {
			return "a Go function"
		}
		return map[asm.Function]string{asm.Sigmoid: "Sigmoid", asm.Swish: "SiLU", asm.HardSwish: "hard-swish", asm.HardSigmoid: "hard-sigmoid",
			asm.Gelu: "GELU", asm.GeluTanh: "GELU by tanh", asm.Mish: "Mish", asm.Softsign: "Softsign"}[prim.Function]
	case *engine.Rescale:
		return "GroupNormalization"
	case *engine.LayerNorm:
		if prim.Length {
			return "LpNormalization"
		}
		if !prim.Mean {
			return "RMSNormalization"
		}
		return "LayerNormalization"
	case *engine.Conv, *engine.Depthwise, *engine.Winograd:
		switch p.steps[len(p.steps)-1].operator {
		case "MatMul", "Gemm":
			return "linear layer"
		}
		return "convolution"
	case *engine.Spread:
		return "convolution and laying out"
	case *engine.Affine:
		return "scale, shift and bounds"
	case *engine.Sum:
		return "sum and bounds"
	case *engine.Channels:
		return "shuffle of channels"
	case *engine.Replace:
		return "a number for NaN"
	}
	return "something else"
}

// TestWrittenChains: what exporters write as a chain of nodes is one step, which is what
// the nodes make by their references, and updates equal whole runs.
func TestWrittenChains(t *testing.T) {
	for _, w := range written {
		t.Run(w.as, func(t *testing.T) {
			made := func() *network {
				n, x := newNetwork(t, rand.New(rand.NewPCG(1, 2)), 1, 3, 9, 8)
				x = n.node("Conv", map[string]any{"pads": []int64{1, 1, 1, 1}}, x, n.weights(2, 20, 3, 3, 3))
				n.output(w.make(n, x))
				return n
			}
			n := made()
			p, err := Compile(n.g, CompileOptions{})
			if err != nil {
				t.Fatal(err)
			}
			before := 1
			if w.is == "scale, shift and bounds" || w.is == "sum and bounds" {
				before++ // a sigmoid that nothing is folded into
			}
			if got := kindOf(p); got != w.is || len(p.steps) != before+w.steps {
				t.Fatalf("%d steps, the last is %s, want %d and %s", len(p.steps), got, before+w.steps, w.is)
			}
			n.agrees(t, p)
			for _, k := range asm.EverySet(t) {
				n := made()
				checkGraph(t, arithmetic{k, FP32}, 1, n, n.rng)
			}
		})
	}
}

// TestNotOnlyPlanes: batch normalizations of several series at a time, and what is repeated
// along any axes, have no step by reference, give the references' numbers, and updates equal
// whole runs.
func TestNotOnlyPlanes(t *testing.T) {
	for name, build := range map[string]func(n *network, x graph.ValueID) graph.ValueID{
		"batch normalization of several series": func(n *network, x graph.ValueID) graph.ValueID { // 1 6 4 5
			x = n.node("Reshape", nil, n.node("Transpose", map[string]any{"perm": []int64{0, 2, 3, 1}}, x), n.ints(4, 5, 6))
			x = n.batchNorm(n.node("Transpose", map[string]any{"perm": []int64{0, 2, 1}}, n.node("Abs", nil, x)))
			return n.node("Transpose", map[string]any{"perm": []int64{0, 2, 1}}, n.node("Relu", nil, x))
		},
		"batch normalization of several planes": func(n *network, x graph.ValueID) graph.ValueID {
			x = n.node("Transpose", map[string]any{"perm": []int64{0, 2, 3, 4, 1}}, n.node("Reshape", nil, x, n.ints(1, 6, 2, 2, 5)))
			x = n.node("Transpose", map[string]any{"perm": []int64{0, 3, 1, 2}}, n.node("Reshape", nil, x, n.ints(2, 2, 5, 6)))
			return n.batchNorm(x)
		},
		"the mean of a series beside it": func(n *network, x graph.ValueID) graph.ValueID {
			x = n.node("Reshape", nil, x, n.ints(1, 6, 20))
			m := n.node("Tile", nil, n.node("ReduceMean", map[string]any{"axes": []int64{2}}, x), n.ints(1, 1, 20))
			return n.node("Relu", nil, n.node("Concat", map[string]any{"axis": int64(1)}, x, m))
		},
		"tiles": func(n *network, x graph.ValueID) graph.ValueID {
			return n.node("Abs", nil, n.node("Tile", nil, n.node("Reshape", nil, x, n.ints(3, 2, 20)), n.ints(2, 3, 1)))
		},
	} {
		for _, k := range asm.EverySet(t) {
			rng := rand.New(rand.NewPCG(1, 8))
			n, x := newNetwork(t, rng, 1, 6, 4, 5)
			n.output(build(n, x))
			for _, s := range checkGraph(t, arithmetic{k, FP32}, 1, n, rng).steps {
				if s.reference != nil {
					t.Errorf("%s: %s is computed by its reference", name, s.node)
				}
			}
		}
	}
}

// TestChainsAreDocumented: the table for users is the one that is tested.
func TestChainsAreDocumented(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "operators.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(doc), "| written | becomes |\n| --- | --- |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var want strings.Builder
	for _, w := range written {
		want.WriteString("| `" + w.as + "` | " + w.is + " |\n")
	}
	if !found || table+"\n" != want.String() {
		t.Errorf("docs/operators.md has the table\n%s\n\nwant\n%s", table, want.String())
	}
}
