package nn

import (
	"fmt"
	"slices"

	"krypton/internal/onnxwrite"
)

// exporter collects the nodes and weights of an ONNX graph.
type exporter struct {
	graph onnxwrite.Graph
	count map[string]int
}

// node adds a node with one output and returns the output's name.
func (e *exporter) node(op string, inputs []string, attributes ...onnxwrite.Attribute) string {
	name := fmt.Sprintf("%s_%d", op, e.count[op])
	e.count[op]++
	e.graph.Nodes = append(e.graph.Nodes, onnxwrite.Node{
		Name: name, OpType: op, Inputs: inputs, Outputs: []string{name + "_out"}, Attributes: attributes,
	})
	return name + "_out"
}

func (e *exporter) weight(name string, values []float32, dims ...int) string {
	t := onnxwrite.Raw[float32](name, nil, values)
	for _, d := range dims {
		t.Dims = append(t.Dims, int64(d))
	}
	e.graph.Initializers = append(e.graph.Initializers, t)
	return name
}

func (c *Conv) emit(e *exporter, in string) string {
	rank := 2
	if c.Line {
		rank = 1
	}
	each := func(name string, v, times int) onnxwrite.Attribute {
		return onnxwrite.Ints(name, slices.Repeat([]int64{int64(v)}, times)...)
	}
	dims := append([]int{c.Out, c.In}, slices.Repeat([]int{c.Kernel}, rank)...)
	return e.node("Conv", []string{in, e.weight(c.Weight.Name, c.Weight.Value, dims...)},
		each("dilations", 1, rank), onnxwrite.Int("group", 1), each("kernel_shape", c.Kernel, rank),
		each("pads", c.Pad, 2*rank), each("strides", c.Stride, rank))
}

func (b *BatchNorm) emit(e *exporter, in string) string {
	return e.node("BatchNormalization", []string{in,
		e.weight(b.Gamma.Name, b.Gamma.Value, b.Channels), e.weight(b.Beta.Name, b.Beta.Value, b.Channels),
		e.weight(b.name+".mean", b.Mean, b.Channels), e.weight(b.name+".var", b.Variance, b.Channels),
	}, onnxwrite.Float("epsilon", b.Epsilon))
}

func (*ReLU) emit(e *exporter, in string) string { return e.node("Relu", []string{in}) }

func (s Sequence) emit(e *exporter, in string) string {
	for _, l := range s {
		in = l.emit(e, in)
	}
	return in
}

func (r *Residual) emit(e *exporter, in string) string {
	return e.node("Add", []string{in, r.Inner.emit(e, in)})
}

func (*AveragePool) emit(e *exporter, in string) string {
	return e.node("GlobalAveragePool", []string{in})
}

func (l *Linear) emit(e *exporter, in string) string {
	flat := e.node("Flatten", []string{in}, onnxwrite.Int("axis", 1))
	return e.node("Gemm", []string{flat,
		e.weight(l.Weight.Name, l.Weight.Value, l.Out, l.In), e.weight(l.Bias.Name, l.Bias.Value, l.Out),
	}, onnxwrite.Float("alpha", 1), onnxwrite.Float("beta", 1), onnxwrite.Int("transB", 1))
}

// Export is the network as an ONNX model (opset 13, IR version 7) for one
// sample of this shape: channels, height and width, or channels and length. The last layer has to be a Linear; its result is
// the model's output, 1 x out. BatchNorm is written with its running
// statistics.
func Export(net Sequence, name, input, output string, shape []int, out int, metadata map[string]string) []byte {
	e := &exporter{count: map[string]int{}}
	dims := []int64{1}
	for _, n := range shape {
		dims = append(dims, int64(n))
	}
	e.graph.Name = name
	e.graph.Inputs = []onnxwrite.ValueInfo{{Name: input, ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(dims...)}}
	e.graph.Outputs = []onnxwrite.ValueInfo{{Name: output, ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, int64(out))}}
	net.emit(e, input)
	e.graph.Nodes[len(e.graph.Nodes)-1].Outputs[0] = output
	m := onnxwrite.Model{
		IRVersion: 7, Producer: "krypton", Opsets: map[string]int64{"": 13}, Graph: e.graph, Metadata: metadata,
	}
	return m.Marshal()
}
