package onnxload

import (
	"fmt"

	"github.com/owulveryck/onnx-go"
	ggraph "gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/simple"
)

// backend receives onnx-go's decoding. It keeps each node's arguments as a list
// (a plain graph would lose an input that is used twice) and hands every
// operation, in the file's sorted order, to apply.
type backend struct {
	*simple.WeightedDirectedGraph
	next  int64
	apply func(o onnx.Operation, inputs, outputs []string) error
}

// value is a node of the backend: a named value.
type value struct {
	id   int64
	name string
	args []*value // of the operation that produces it
}

// ID implements the graph's Node.
func (v *value) ID() int64 { return v.id }

// SetName and GetName implement onnx.Namer.
func (v *value) SetName(s string) { v.name = s }

// GetName gives the value's name.
func (v *value) GetName() string { return v.name }

func newBackend(apply func(o onnx.Operation, inputs, outputs []string) error) *backend {
	return &backend{WeightedDirectedGraph: simple.NewWeightedDirectedGraph(0, 0), apply: apply}
}

// NewNode implements the builder interface.
func (b *backend) NewNode() ggraph.Node {
	b.next++
	return &value{id: b.next}
}

// AddNode implements the builder interface; nothing has to be kept.
func (b *backend) AddNode(ggraph.Node) {}

// edge is an argument: output to input, with the input's index as weight.
type edge struct {
	from, to *value
	weight   float64
}

func (e edge) From() ggraph.Node         { return e.from }
func (e edge) To() ggraph.Node           { return e.to }
func (e edge) ReversedEdge() ggraph.Edge { return edge{e.to, e.from, e.weight} }
func (e edge) Weight() float64           { return e.weight }

// NewWeightedEdge implements the builder interface.
func (b *backend) NewWeightedEdge(from, to ggraph.Node, weight float64) ggraph.WeightedEdge {
	return edge{from.(*value), to.(*value), weight}
}

// SetWeightedEdge implements the builder interface: arguments come in order.
func (b *backend) SetWeightedEdge(e ggraph.WeightedEdge) {
	out, in := e.From().(*value), e.To().(*value)
	out.args = append(out.args, in)
}

// ApplyOperation implements onnx.OperationCarrier.
func (b *backend) ApplyOperation(o onnx.Operation, nodes ...ggraph.Node) error {
	if len(nodes) == 0 {
		return fmt.Errorf("operation %s has no outputs", o.Name)
	}
	var in, out []string
	for _, n := range nodes {
		out = append(out, n.(*value).name)
	}
	// Each output got the same list of arguments; an unused output ("") may
	// stand for several and have more, so the first named one counts.
	for _, n := range nodes {
		if v := n.(*value); v.name != "" {
			for _, a := range v.args {
				in = append(in, a.name)
			}
			break
		}
	}
	return b.apply(o, in, out)
}
