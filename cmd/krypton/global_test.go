package main

import (
	"math/rand/v2"

	"krypton/internal/onnxwrite"
)

// globalData are networks of 64 by 64 pixels in which a change of one pixel soon is one of
// everything: by gates (squeeze and excitation), and by attention.
func globalData() map[string][]byte {
	own := []byte("preprocess: {preset: unit}\n")
	return map[string][]byte{"gates.onnx": gatedNetwork(), "gates.krypton.yaml": own, "attention.onnx": attentiveNetwork(), "attention.krypton.yaml": own}
}

// drawn builds a network with weights drawn at random.
type drawn struct {
	m   onnxwrite.Model
	rng *rand.Rand
}

func newDrawn() *drawn {
	d := &drawn{onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 17}}, rand.New(rand.NewPCG(1, 1))}
	d.m.Graph.Inputs = []onnxwrite.ValueInfo{onnxwrite.Floats32("in", 1, 3, 64, 64)}
	d.m.Graph.Outputs = []onnxwrite.ValueInfo{{Name: "y"}}
	return d
}

// weights adds a tensor whose sums of fan numbers stay as large as these are.
func (d *drawn) weights(name string, fan float64, shape ...int64) string {
	n := int64(1)
	for _, s := range shape {
		n *= s
	}
	w := make([]float32, n)
	for i := range w {
		w[i] = float32(d.rng.NormFloat64() * 1.4 / fan)
	}
	d.m.Graph.Initializers = append(d.m.Graph.Initializers, onnxwrite.Raw(name, shape, w))
	return name
}

// add adds a node that makes out, and gives that.
func (d *drawn) add(operator, out string, in []string, attributes ...onnxwrite.Attribute) string {
	d.m.Graph.Nodes = append(d.m.Graph.Nodes, onnxwrite.Node{Name: out, OpType: operator, Inputs: in, Outputs: []string{out}}.With(attributes...))
	return out
}

// conv adds a convolution that a ReLU follows.
func (d *drawn) conv(name, x string, from, to, kernel, stride int64) string {
	w := d.weights(name+".w", 1.5*float64(kernel), to, from, kernel, kernel)
	c := d.add("Conv", name, []string{x, w}, onnxwrite.Ints("pads", kernel/2, kernel/2, kernel/2, kernel/2), onnxwrite.Ints("strides", stride, stride))
	return d.add("Relu", name+".relu", []string{c})
}

// gatedNetwork has two blocks with squeeze and excitation.
func gatedNetwork() []byte {
	d := newDrawn()
	x := d.conv("stem", "in", 3, 16, 3, 2)
	for _, name := range []string{"a", "b"} {
		g := d.add("GlobalAveragePool", name+".squeeze", []string{x})
		g = d.conv(name+".down", g, 16, 4, 1, 1)
		g = d.add("Conv", name+".up", []string{g, d.weights(name+".up.w", 1, 16, 4, 1, 1)})
		g = d.add("Sigmoid", name+".gate", []string{g})
		x = d.conv(name, d.add("Mul", name+".scale", []string{x, g}), 16, 16, 3, 1)
	}
	x = d.conv("last", x, 16, 32, 3, 2)
	x = d.add("Flatten", "flat", []string{d.add("GlobalAveragePool", "mean", []string{x})})
	d.add("Gemm", "y", []string{x, d.weights("head.w", 1, 32, 5)})
	return d.m.Marshal()
}

// attentiveNetwork is a transformer of one block over 64 tokens.
func attentiveNetwork() []byte {
	d := newDrawn()
	const c = 32
	d.m.Graph.Initializers = append(d.m.Graph.Initializers, onnxwrite.Raw("tokens", []int64{3}, []int64{1, c, 64}))
	x := d.add("Conv", "patches", []string{"in", d.weights("patches.w", 8, c, 3, 8, 8)}, onnxwrite.Ints("strides", 8, 8))
	x = d.add("Transpose", "rows", []string{d.add("Reshape", "flat", []string{x, "tokens"})}, onnxwrite.Ints("perm", 0, 2, 1))
	linear := func(name, x string, from, to int64) string {
		return d.add("MatMul", name, []string{x, d.weights(name+".w", 6, from, to)})
	}
	q, k, v := linear("q", x, c, c), linear("k", x, c, c), linear("v", x, c, c)
	k = d.add("Transpose", "kt", []string{k}, onnxwrite.Ints("perm", 0, 2, 1))
	a := d.add("Softmax", "attention", []string{d.add("MatMul", "alike", []string{q, k})}, onnxwrite.Int("axis", -1))
	x = d.add("Add", "sum", []string{x, d.add("MatMul", "mixed", []string{a, v})})
	x = linear("out", d.add("Relu", "relu", []string{linear("in.mlp", x, c, 4*c)}), 4*c, c)
	x = d.add("ReduceMean", "mean", []string{x}, onnxwrite.Ints("axes", 1), onnxwrite.Int("keepdims", 0))
	d.add("Gemm", "y", []string{x, d.weights("head.w", 1, c, 5)})
	return d.m.Marshal()
}
