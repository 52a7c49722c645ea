package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"krypton/internal/onnxwrite"
)

// TestFolderOfBoxes: the folder of the format yolo is refused before any work where it
// is there already, replaced with --force, and never if it holds somebody's file.
func TestFolderOfBoxes(t *testing.T) {
	dir := t.TempDir()
	model := filepath.Join(dir, "m.onnx")
	changed(func(m *onnxwrite.Model) {
		g := &m.Graph
		g.Outputs[0].Name, g.Outputs[0].Dims = "c", onnxwrite.Fixed(1, 6, 14, 14)
		// Every cell holds a box of class 0: objectness, place, size, score.
		g.Initializers = []onnxwrite.Tensor{onnxwrite.Raw("w", []int64{6, 3, 3, 3}, make([]float32, 6*27)), onnxwrite.Raw("b", []int64{6}, []float32{.9, 0, 0, .5, .5, .9})}
		g.Nodes = g.Nodes[:1]
		g.Nodes[0].Inputs = []string{"x", "w", "b"}
	})(t, model)
	holding([]byte("preprocess: {preset: unit, resize: stretch}\ndetector: {form: grid}\n"))(t, filepath.Join(dir, "m.krypton.yaml"))
	run := func(frames int, code int, more ...string) {
		t.Helper()
		cmd := command(append([]string{"orv", smallPictures(t, frames, 16), "-q", "--model", model, "--format", "yolo", "-o", filepath.Join(dir, "boxes")}, more...)...)
		out, err := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != code {
			t.Fatalf("exit code %d (%v), want %d: %s", got, err, code, out)
		}
	}
	folder := filepath.Join(dir, "boxes.yolo")
	holds := func(want ...string) {
		t.Helper()
		if got := names(t, folder); !slices.Equal(got, want) {
			t.Fatalf("the folder holds %q, want %q", got, want)
		}
		if got := names(t, dir); !slices.Equal(got, []string{"boxes.yolo", "m.krypton.yaml", "m.onnx"}) {
			t.Fatalf("there is %q", got)
		}
	}
	run(3, 0)
	holds("classes.txt", "data.yaml", "p0000.txt", "p0001.txt", "p0002.txt")
	if b, err := os.ReadFile(filepath.Join(folder, "p0001.txt")); err != nil || len(b) == 0 {
		t.Fatalf("no boxes: %q, %v", b, err)
	}
	run(1, exitCantCreate)
	holds("classes.txt", "data.yaml", "p0000.txt", "p0001.txt", "p0002.txt")
	run(2, 0, "--force")
	holds("classes.txt", "data.yaml", "p0000.txt", "p0001.txt")
	holding([]byte("cars"))(t, filepath.Join(folder, "cars.md"))
	run(1, exitCantCreate, "--force")
	holds("cars.md", "classes.txt", "data.yaml", "p0000.txt", "p0001.txt")
}
