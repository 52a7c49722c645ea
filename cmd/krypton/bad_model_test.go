package main

import (
	"path/filepath"
	"slices"
	"testing"

	"krypton/internal/onnxwrite"
)

// sound is a small model that works: a convolution, a pooling, a flattening.
func sound() *onnxwrite.Model {
	var w [4 * 3 * 3 * 3]float32
	for i := range w {
		w[i] = float32(i%7-3) / 8
	}
	return &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{
		Inputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("x", 1, 3, 16, 16)}, Outputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("y", 1, 4)},
		Initializers: []onnxwrite.Tensor{onnxwrite.Raw("w", []int64{4, 3, 3, 3}, w[:])},
		Nodes: []onnxwrite.Node{
			{Name: "first", OpType: "Conv", Inputs: []string{"x", "w"}, Outputs: []string{"c"}},
			{Name: "pool", OpType: "GlobalAveragePool", Inputs: []string{"c"}, Outputs: []string{"p"}},
			{Name: "flat", OpType: "Flatten", Inputs: []string{"p"}, Outputs: []string{"y"}},
		},
	}}
}

// changed makes a file of the sound model after a change.
func changed(f func(*onnxwrite.Model)) func(testing.TB, string) {
	return func(t testing.TB, path string) {
		m := sound()
		f(m)
		holding(m.Marshal())(t, path)
	}
}

// between puts a node behind the first; what it gives is what follows reads.
func between(op string, attributes ...onnxwrite.Attribute) func(testing.TB, string) {
	return betweenWith(op, nil, attributes...)
}

// betweenWith gives the node constants as further inputs.
func betweenWith(op string, constants []onnxwrite.Tensor, attributes ...onnxwrite.Attribute) func(testing.TB, string) {
	return changed(func(m *onnxwrite.Model) {
		g := &m.Graph
		inputs := []string{"c"}
		for _, c := range constants {
			g.Initializers = append(g.Initializers, c)
			inputs = append(inputs, c.Name)
		}
		g.Nodes = slices.Insert(g.Nodes, 1, onnxwrite.Node{Name: "odd", OpType: op, Inputs: inputs, Outputs: []string{"o"}, Attributes: attributes})
		g.Nodes[2].Inputs = []string{"o"}
	})
}

// further adds a node that reads constants alone; its first output is the model's.
func further(op string, constants []onnxwrite.Tensor, attributes ...onnxwrite.Attribute) func(testing.TB, string) {
	return changed(func(m *onnxwrite.Model) {
		g := &m.Graph
		n := onnxwrite.Node{Name: "odd", OpType: op, Outputs: []string{"r"}, Attributes: attributes}
		for _, c := range constants {
			g.Initializers = append(g.Initializers, c)
			n.Inputs = append(n.Inputs, c.Name)
		}
		if op == "TopK" {
			n.Outputs = append(n.Outputs, "at")
		}
		g.Nodes = append(g.Nodes, n)
		g.Outputs = []onnxwrite.ValueInfo{{Name: "r"}}
		if op == "NonMaxSuppression" { // which can be had
			g.Outputs = append(g.Outputs, onnxwrite.ValueInfo{Name: "y"})
		}
	})
}

func convWith(attributes ...onnxwrite.Attribute) func(testing.TB, string) {
	return changed(func(m *onnxwrite.Model) { m.Graph.Nodes[0].Attributes = attributes })
}

// weight changes the convolution's weights.
func weight(f func(*onnxwrite.Tensor)) func(testing.TB, string) {
	return changed(func(m *onnxwrite.Model) { f(&m.Graph.Initializers[0]) })
}

// ints is a constant list of integers, int one integer, floats a list of floats.
func ints(name string, v ...int64) onnxwrite.Tensor {
	return onnxwrite.Raw(name, []int64{int64(len(v))}, v)
}

func integer(name string, v int64) onnxwrite.Tensor {
	return onnxwrite.Raw(name, nil, []int64{v})
}

func floats(name string, v ...float32) onnxwrite.Tensor {
	return onnxwrite.Raw(name, []int64{int64(len(v))}, v)
}

// looked is a row of a model that is only looked at, the cheapest command that
// loads one and makes its plan.
func looked(id string, make func(testing.TB, string), code int, says string) badInput {
	return badInput{id: id, file: "m.onnx", make: make, args: []string{"model", "info", "FILE"}, code: code, says: says}
}

// mapped is a row of a model that a map is asked of, over an earlier one.
func mapped(id string, make func(testing.TB, string), code int, says string) badInput {
	return badInput{id: id, file: "m.onnx", make: besidePicture(make), args: []string{"obe", "DIR/picture.png", "--model", "FILE", "--patch", "4", "--stride", "4", "-q", "--force", "-o", "DIR/map.png"}, code: code, says: says}
}

// besidePicture puts a picture beside the model, and an earlier map.
func besidePicture(make func(testing.TB, string)) func(testing.TB, string) {
	return beside(func(t testing.TB, path string) {
		make(t, path)
		holding(samplePicture())(t, filepath.Join(filepath.Dir(path), "picture.png"))
	})
}

// TestBadModels are the rows of models, each with the real command.
func TestBadModels(t *testing.T) {
	runBad(t, slices.Concat(
		[]badInput{looked("M00/sound", changed(func(*onnxwrite.Model) {}), exitOK, ""), mapped("M00/sound-map", changed(func(*onnxwrite.Model) {}), exitOK, "")},
		badBytes(), badTensors(), badExternal(), badGraphs(), badAttributes(), badShapes(), badInputs(), badFiles()))
}
