package incremental

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"krypton/internal/onnxload"
	"krypton/internal/op"
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
	}
}

// TestReferencesAreCheap: no step by reference of any real model is expected to take more
// than a hundredth of a whole run, or of a patch in the middle.
func TestReferencesAreCheap(t *testing.T) {
	dir := os.Getenv("KRYPTON_DATA")
	if dir == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	files, err := filepath.Glob(filepath.Join(dir, "models", "*.onnx"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no models in %s: %v", dir, err)
	}
	for _, file := range files {
		g, err := onnxload.Load(file, onnxload.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := Compile(g, CompileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, of := range dear(p) {
			t.Errorf("%s: %s", filepath.Base(file), of)
		}
	}
}

// TestDear: what is dear is found where a reference multiplies as much as all else.
func TestDear(t *testing.T) {
	_, p := slow(t)
	if found := dear(p); len(found) != 1 {
		t.Errorf("dear are %v, want the running sum", found)
	}
}

// dear lists the steps by reference that are expected to take more than a hundredth of a
// whole run, or of a patch, on a machine of usual speed.
func dear(p *Plan) (found []string) {
	const most = 0.01
	plane := p.InputPlane()
	patch := centred(region.Plane(min(16, plane.H), min(16, plane.W)), plane)
	predictions := p.Predict(Machine{Flops: 2e11, Cache: 1.5e11, Outer: 8e10, Memory: 2.5e10}, patch)
	var all StepPrediction
	for _, s := range predictions {
		all.Whole, all.Incremental = all.Whole+s.Whole, all.Incremental+s.Incremental
	}
	for i, s := range predictions {
		if p.steps[i].reference != nil && (s.Whole > most*all.Whole || s.Incremental > most*all.Incremental) {
			found = append(found, fmt.Sprintf("%s (%s) by reference takes %.1f %% of a whole run and %.1f %% of a patch", p.steps[i].node, p.steps[i].operator, 100*s.Whole/all.Whole, 100*s.Incremental/all.Incremental))
		}
	}
	return found
}

// TestGatheredChannels: channels that are put in another order, as between RGB and BGR, are
// picked pixel by pixel, wherever they lie, and constant ones are put beside them.
func TestGatheredChannels(t *testing.T) {
	for _, a := range arithmetics(t) {
		rng := rand.New(rand.NewPCG(5, 6))
		n, x := newNetwork(t, rng, 1, 3, 9, 8)
		x = n.node("Gather", map[string]any{"axis": int64(1)}, x, n.ints(2, -2, 0))
		x = n.node("Transpose", map[string]any{"perm": []int64{0, 2, 3, 1}}, n.node("Sigmoid", nil, x))
		x = n.node("Gather", map[string]any{"axis": int64(3)}, x, n.ints(2, 1, 0, 1))
		x = n.node("Transpose", map[string]any{"perm": []int64{0, 3, 1, 2}}, n.node("Sigmoid", nil, x))
		x = n.node("Concat", map[string]any{"axis": int64(1)}, n.weights(1, 1, 2, 9, 8), x, n.weights(1, 1, 1, 9, 8)) // as coordinates
		n.output(n.node("Conv", nil, x, n.weights(.3, 5, 7, 3, 3)))
		p := checkGraph(t, a, 1, n, rng)
		if a.precision == FP32 {
			n.agrees(t, p)
		}
		for i := range p.steps {
			if s := &p.steps[i]; s.reference != nil || s.kind == op.Global {
				t.Errorf("step %s (%s) is global", s.node, s.operator)
			}
		}
	}
}
