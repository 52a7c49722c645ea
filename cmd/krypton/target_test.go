package main

import (
	"image/color"
	"math"
	"strings"
	"testing"

	"krypton/internal/onnxwrite"
)

// colours is a network of 16 by 16 pixels whose logits of a pixel, called m, are six times
// its colours, and the nodes that make y of them.
func colours(nodes ...onnxwrite.Node) []byte {
	m := &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 17}}
	m.Graph.Name = "g"
	m.Graph.Inputs = []onnxwrite.ValueInfo{{Name: "in", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3, 16, 16)}}
	m.Graph.Outputs = []onnxwrite.ValueInfo{{Name: "y"}}
	m.Graph.Initializers = []onnxwrite.Tensor{onnxwrite.Raw("w", []int64{3, 3, 1, 1}, []float32{6, 0, 0, 0, 6, 0, 0, 0, 6}), onnxwrite.Raw("flat", []int64{2}, []int64{1, 3})}
	m.Graph.Nodes = append([]onnxwrite.Node{{OpType: "Conv", Inputs: []string{"in", "w"}, Outputs: []string{"m"}}}, nodes...)
	return m.Marshal()
}

// targetData are models, their own files and pictures for scripts about targets.
func targetData(t testing.TB) map[string][]byte {
	vector := []onnxwrite.Node{{OpType: "GlobalAveragePool", Inputs: []string{"m"}, Outputs: []string{"g"}}, {OpType: "Reshape", Inputs: []string{"g", "flat"}, Outputs: []string{"v"}}}
	red := color.NRGBA{255, 0, 0, 255}
	return map[string][]byte{
		"segment.onnx":         colours(onnxwrite.Node{OpType: "Identity", Inputs: []string{"m"}, Outputs: []string{"y"}}),
		"segment.krypton.yaml": []byte("preprocess: {preset: unit}\nlabels: [road, tree, sky]\n"),
		"numbers.onnx":         colours(append(vector, onnxwrite.Node{OpType: "Identity", Inputs: []string{"v"}, Outputs: []string{"y"}})...),
		"numbers.krypton.yaml": []byte("preprocess: {preset: unit}\nvalues: [{name: height, unit: m}, {name: weight, unit: kg}, {name: age, unit: years}]\n"),
		"vector.onnx":          colours(append(vector, onnxwrite.Node{OpType: "LpNormalization", Inputs: []string{"v"}, Outputs: []string{"y"}})...),
		"vector.krypton.yaml":  []byte("preprocess: {preset: unit}\n"),
		"rows.onnx":            colours(onnxwrite.Node{OpType: "ReduceMean", Inputs: []string{"m"}, Outputs: []string{"y"}}.With(onnxwrite.Ints("axes", 3), onnxwrite.Int("keepdims", 0))),
		"rows.krypton.yaml":    []byte("preprocess: {preset: unit}\n"),
		"half.png":             pngOf(t, 16, 16, red),
		"other.png":            pngOf(t, 16, 16, color.NRGBA{0, 255, 0, 255}),
		"ones.npy":             npy(t, [16][16]float32{}),
		"wide.png":             pngOf(t, 16, 8, red),
		"vector.npy":           npy(t, [3]float32{0, 1, 0}),
		"other.npy":            npy(t, [3]float32{1, 1, 0}),
		"zero.npy":             npy(t, [3]float32{}),
		"none.npy":             npy(t, [3]float32{1, float32(math.NaN()), 0}),
	}
}

// TestTargetNumbers: what maps of targets say is what a hand reckons. The picture's right
// half is red, its left half black, where all logits are 0.
func TestTargetNumbers(t *testing.T) {
	d := newDesk(t)
	for name, b := range targetData(t) {
		d.write(name, b)
	}
	sure := math.Exp(6) / (math.Exp(6) + 2) // that a red pixel is road
	black := []string{"--patch", "8", "--stride", "8", "--fill", "black", "--verify", "2"}
	for args, want := range map[string][2]float64{ // clean, and behind a black patch on red pixels, 64 of 128
		"segment --segment-region 8,0,8,16":                                 {sure, (sure + 1./3) / 2},
		"segment --segment-region 8,0,8,16 --score margin":                  {sure - (1-sure)/2, (sure - (1-sure)/2) / 2},
		"segment --at 15,15":                                                {sure, 1. / 3},
		"segment --at 15,15 --class sky":                                    {(1 - sure) / 2, 1. / 3},
		"segment --output y[0,0,:,8:16] --reduce mean":                      {6, 3},
		"segment --output y[0,0,:,8:16] --reduce sum":                       {6 * 128, 6 * 64},
		"segment --output y[0,0] --reduce max":                              {6, 6},
		"segment --output y[0,0] --target number --segment-region 8,0,8,16": {6, 3},
		"segment --output y[0,:,15,15]":                                     {sure, 1. / 3},
		"segment --output y[0,:,-1,-1] --class tree":                        {(1 - sure) / 2, 1. / 3},
		"numbers":                  {3, 1.5},
		"numbers --class weight":   {0, 0},
		"numbers --reduce sum":     {3, 1.5},
		"vector":                   {1, 1},
		"vector --score euclidean": {0, 0},
		"vector --reference " + d.path("vector.npy"):                       {0, 0},
		"vector --reference " + d.path("other.png") + " --score euclidean": {math.Sqrt2, math.Sqrt2},
		"rows --output y[0,:,3] --class 0":                                 {math.Exp(3) / (math.Exp(3) + 2), 1. / 3},
		"rows --output y[0,0,0:8] --reduce mean":                           {3, 0},
	} {
		list := strings.Fields(args)
		r, _ := obeRecord(t, append(append([]string{d.path("half.png"), "--model", d.path(list[0] + ".onnx")}, list[1:]...), black...)...)
		last := r.Classes[0].Scores[1][1] // of the grid's two rows and columns: bottom right
		if strings.HasPrefix(args, "rows") {
			last = r.Classes[0].Scores[0][1]
		}
		if got := float64(r.Classes[0].BaseScore); math.Abs(got-want[0]) > 1e-5*max(1, want[0]) || math.Abs(float64(last)-want[1]) > 1e-5*max(1, want[1]) {
			t.Errorf("%s: %g, behind a patch %g; want %g", args, got, last, want)
		}
		if (r.Target == nil) != (len(list) == 0) || r.Verified != 2 {
			t.Errorf("%s: %+v, %d verified", args, r.Target, r.Verified)
		}
	}
}
