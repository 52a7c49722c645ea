//go:build onnxruntime

package incremental_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"krypton/internal/engine/asm"
)

// envONNXRuntime names the folder that scripts/onnxruntime/run.mjs wrote.
const envONNXRuntime = "KRYPTON_ONNXRUNTIME"

// TestAgainstONNXRuntime is an oracle: whole runs agree with ONNX Runtime.
func TestAgainstONNXRuntime(t *testing.T) {
	dir := os.Getenv(envONNXRuntime)
	if dir == "" {
		t.Fatal(envONNXRuntime + " is not set: `make compare-onnxruntime` sets it")
	}
	floats := func(name string) []float32 {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		f := make([]float32, len(b)/4)
		for i := range f {
			f[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
		return f
	}
	for _, name := range realModels {
		var record struct {
			Input   struct{ File string }
			Outputs []struct {
				Name  string
				Shape []int
				File  string
			}
		}
		b, err := os.ReadFile(filepath.Join(dir, name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &record); err != nil {
			t.Fatal(err)
		}
		g := loadModel(t, name)
		for _, k := range asm.EverySet(t) {
			p := compile(t, g, k)
			v, err := p.Materialize(context.Background(), p.Arrange(floats(record.Input.File)), 2)
			if err != nil {
				t.Fatal(err)
			}
			for i, o := range record.Outputs {
				got := p.Output(v, i)
				f, err := got.Floats()
				if err != nil {
					t.Fatal(err)
				}
				if fmt.Sprint(got.Shape) != fmt.Sprint(o.Shape) {
					t.Errorf("%s output %s: shape %v, want %v", name, o.Name, got.Shape, o.Shape)
				}
				if err := agree(f, floats(o.File), 1e-4); err != nil {
					t.Errorf("%s (%s) output %s: %v", name, k.Name, o.Name, err)
				}
			}
		}
	}
}
