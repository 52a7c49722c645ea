package incremental

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"krypton/internal/onnxload"
)

// TestRealModelsAreNative keeps every node of the real models on the engine's
// primitives, and their numbers where they are: a single reference step in the middle of a
// network costs it a third of its speed and has all behind it recomputed.
func TestRealModelsAreNative(t *testing.T) {
	dir := os.Getenv("KRYPTON_DATA")
	if dir == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	for name, want := range map[string]map[string]int{
		"squeezenet1":      {},
		"squeezenet1_fp16": {},
		"resnet20_cifar10": {},
		"mnist":            {},
		"fastestdet":       {},
		"ultraface_rfb320": {},
	} {
		g, err := onnxload.Load(filepath.Join(dir, "models", name+".onnx"), onnxload.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := Compile(g, CompileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for i := range p.steps {
			if s := &p.steps[i]; s.reference != nil || s.operator == "(relayout)" {
				got[s.operator]++
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: steps by references, and moves of whole planes, are %v, want %v", name, got, want)
		}
	}
}
