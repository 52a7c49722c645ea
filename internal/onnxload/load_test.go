package onnxload

import (
	"os"
	"path/filepath"
	"testing"
)

// data is the folder of real files, or the test is skipped.
func data(t testing.TB) string {
	dir := os.Getenv("KRYPTON_DATA")
	if dir == "" {
		t.Skip("KRYPTON_DATA is not set: it names the folder of real models")
	}
	return dir
}

func TestRealModelsLoad(t *testing.T) {
	for name, nodes := range map[string]int{"squeezenet1": 66, "squeezenet1_fp16": 66, "resnet20_cifar10": 1, "mnist": 1, "ultraface_rfb320": 1, "fastestdet": 1} {
		g, err := Load(filepath.Join(data(t), "models", name+".onnx"), Options{})
		if err != nil {
			t.Error(err)
			continue
		}
		t.Logf("%s: %d nodes of %d, %d folded, %d parameters, converted %v", name, len(g.Nodes), g.Facts.Nodes, g.Facts.Folded, g.Facts.Parameters, g.Facts.Converted)
		if len(g.Nodes) < nodes {
			t.Errorf("%s: %d nodes", name, len(g.Nodes))
		}
	}
}
