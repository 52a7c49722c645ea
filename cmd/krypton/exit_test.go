package main

import (
	"math"
	"path/filepath"
	"runtime/debug"
	"testing"

	"krypton/internal/environment"
	"krypton/internal/onnxwrite"
)

// nanModel is a small network whose scores are no numbers: its weights are infinite.
func nanModel(t testing.TB, path string) {
	w := make([]float32, 3*3)
	for i := range w {
		w[i] = float32(math.Inf(1 - 2*(i%2)))
	}
	m := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{
		Inputs:       []onnxwrite.ValueInfo{{Name: "x", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3, 32, 32)}},
		Outputs:      []onnxwrite.ValueInfo{{Name: "y", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3)}},
		Initializers: []onnxwrite.Tensor{onnxwrite.Raw("w", []int64{3, 3, 1, 1}, w)},
		Nodes: []onnxwrite.Node{
			{OpType: "Conv", Inputs: []string{"x", "w"}, Outputs: []string{"c"}},
			{OpType: "GlobalAveragePool", Inputs: []string{"c"}, Outputs: []string{"p"}},
			{OpType: "Flatten", Inputs: []string{"p"}, Outputs: []string{"y"}},
		},
	}}
	holding(m.Marshal())(t, path)
}

// TestCodesOfEveryCommand: too little memory is temporary, and a model whose scores
// are no numbers is unusable, whichever command meets it.
func TestCodesOfEveryCommand(t *testing.T) {
	picture := filepath.Join(t.TempDir(), "sample.png")
	holding(samplePicture())(t, picture)
	heat := filepath.Join(t.TempDir(), "map.npy")
	holding(npy(t, [128][128]float32{}))(t, heat)
	runBad(t, []badInput{
		{id: "C04/obe", args: []string{"obe", picture, "--memory", "1MiB", "-q", "-o", "DIR/x.png"}, code: exitTemporary, says: "memory"},
		{id: "C04/tune", args: []string{"tune", picture, "--memory", "1MiB", "-q", "-o", "DIR/x.yaml"}, code: exitTemporary, says: "memory"},
		{id: "C04/bench", args: []string{"bench", "--memory", "1MiB", "-q"}, code: exitTemporary, says: "memory"},
		{id: "C04/score", args: []string{"score", heat, "--image", picture, "--memory", "1MiB", "-q"}, code: exitTemporary, says: "memory"},
		{id: "M10/tune", file: "m.onnx", make: nanModel, args: []string{"tune", picture, "--model", "FILE", "-q", "-o", "DIR/x.yaml"}, code: exitData, says: "no finite number"},
	})
}

// TestBuiltFrom: a program says the version of its module, or the revision of its files.
func TestBuiltFrom(t *testing.T) {
	const revision = "0123456789abcdef0123456789abcdef01234567"
	for want, info := range map[string]*debug.BuildInfo{
		"v1.2.3":             {Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: revision}}},
		"0123456789ab":       {Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: "false"}}},
		"0123456789ab-dirty": {Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: revision}, {Key: "vcs.modified", Value: "true"}}},
		"dev":                {Main: debug.Module{Version: "(devel)"}},
	} {
		if got := environment.BuiltFrom(info); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
