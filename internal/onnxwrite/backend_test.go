package onnxwrite

import (
	"math"

	"github.com/owulveryck/onnx-go"
	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/simple"
	"gorgonia.org/tensor"
)

// recorder is a backend of onnx-go that only keeps what its decoder delivers.
type recorder struct {
	*simple.WeightedDirectedGraph
	operations []onnx.Operation
}

func newRecorder() *recorder {
	return &recorder{WeightedDirectedGraph: simple.NewWeightedDirectedGraph(math.MaxFloat64, -1)}
}

func (r *recorder) NewNode() graph.Node {
	return &recordedNode{id: r.WeightedDirectedGraph.NewNode().ID()}
}

func (r *recorder) ApplyOperation(o onnx.Operation, _ ...graph.Node) error {
	r.operations = append(r.operations, o)
	return nil
}

type recordedNode struct {
	id    int64
	value tensor.Tensor
}

func (n *recordedNode) ID() int64                       { return n.id }
func (n *recordedNode) SetTensor(t tensor.Tensor) error { n.value = t; return nil }
func (n *recordedNode) GetTensor() tensor.Tensor        { return n.value }
