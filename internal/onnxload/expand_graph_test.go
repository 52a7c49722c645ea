package onnxload

import (
	"strings"
	"testing"

	"krypton/internal/graph"
	"krypton/internal/onnxwrite"
)

// loadNodes loads a model of some nodes on an input x [1 3 4 4] with output y.
func loadNodes(t *testing.T, opset int64, initializers []onnxwrite.Tensor, nodes ...onnxwrite.Node) (*graph.Graph, error) {
	t.Helper()
	m := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": opset, "com.microsoft": 1}, Graph: onnxwrite.Graph{Nodes: nodes, Initializers: initializers,
		Inputs: []onnxwrite.ValueInfo{{Name: "x", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3, 4, 4)}}, Outputs: []onnxwrite.ValueInfo{{Name: "y"}}}}
	return LoadBytes(m.Marshal(), "m", "", Options{})
}

// TestCompoundsAreTheirParts: a fused convolution is the convolution and its
// activation, so that a plan takes it as it takes these.
func TestCompoundsAreTheirParts(t *testing.T) {
	w := onnxwrite.Raw("w", []int64{2, 3, 1, 1}, make([]float32, 6))
	g, err := loadNodes(t, 13, []onnxwrite.Tensor{w}, onnxwrite.Node{OpType: "FusedConv", Domain: "com.microsoft", Inputs: []string{"x", "w"}, Outputs: []string{"y"},
		Attributes: []onnxwrite.Attribute{onnxwrite.String("activation", "Relu")}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, n := range g.Nodes {
		got = append(got, n.Def.Name)
		for _, id := range n.Out {
			if g.Values[id].Producer != i {
				t.Errorf("value %d of node %d is produced by %d", id, i, g.Values[id].Producer)
			}
		}
	}
	if s := strings.Join(got, " "); s != "Conv Relu" || g.Values[g.Outputs[0]].Name != "y" {
		t.Errorf("nodes are %s, output %q", s, g.Values[g.Outputs[0]].Name)
	}
}

// TestTrainingMode: Dropout drops nothing and says so; statistics are the input's.
func TestTrainingMode(t *testing.T) {
	on := onnxwrite.Raw("on", nil, []bool{true})
	ratio := onnxwrite.Raw("ratio", nil, []float32{.5})
	g, err := loadNodes(t, 13, []onnxwrite.Tensor{on, ratio}, onnxwrite.Node{Name: "drop", OpType: "Dropout", Inputs: []string{"x", "ratio", "on"}, Outputs: []string{"y"}})
	if err != nil || len(g.Facts.Notes) != 1 || !strings.Contains(g.Facts.Notes[0], `"drop"`) {
		t.Errorf("notes are %q: %v", g.Facts.Notes, err)
	}
}

// TestBlockedLayoutIsNamed: what ONNX Runtime wrote for one processor is refused with
// what to do.
func TestBlockedLayoutIsNamed(t *testing.T) {
	_, err := loadNodes(t, 13, nil, onnxwrite.Node{OpType: "MaxPool", Domain: "com.microsoft.nchwc", Inputs: []string{"x"}, Outputs: []string{"y"}})
	if err == nil || !strings.Contains(err.Error(), "optimization level") {
		t.Errorf("error is %v", err)
	}
}
