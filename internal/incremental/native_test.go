package incremental

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"krypton/internal/onnxload"
	"krypton/internal/region"
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
		checkSlow(t, name, p)
	}
}

// checkSlow fails where steps that no kernel computes take more than a hundredth of a
// whole run's time, or of a patch's.
func checkSlow(t *testing.T, name string, p *Plan) {
	t.Helper()
	plane := p.InputPlane()
	at := centred(region.Plane(min(16, plane.H), min(16, plane.W)), plane)
	var whole, incremental, slowWhole, slowIncremental float64
	cost := p.Cost(at)
	for i, s := range p.Predict(Machine{Flops: 1e11, Cache: 1e11, Outer: 5e10, Memory: 2e10}, at) {
		whole, incremental = whole+s.Whole, incremental+s.Incremental
		if a := cost[i].Algorithm; a == byReference || a == plainGo {
			slowWhole, slowIncremental = slowWhole+s.Whole, slowIncremental+s.Incremental
		}
	}
	if slowWhole > whole/100 || slowIncremental > incremental/100 {
		t.Errorf("%s: steps without kernels take %.3g of %.3g ms, and %.3g of %.3g for a patch", name, 1e3*slowWhole, 1e3*whole, 1e3*slowIncremental, 1e3*incremental)
	}
}
