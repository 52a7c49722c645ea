//go:build gpu && linux

package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"krypton/internal/engine/asm"
	"krypton/internal/gpu/kernels"
	"krypton/internal/gpu/ptx"
	"krypton/internal/gpu/standin"
	"krypton/internal/onnxwrite"
)

// wideNetwork has layers of enough channels for tensor cores; with 4 channels of 8 pixels a side
// it reads what fourInput makes. With 16 classes its last layer is computed by Winograd's tiles.
func wideNetwork(channels, side, classes int64) []byte {
	weights := func(name string, dims ...int64) onnxwrite.Tensor {
		n := int64(1)
		for _, d := range dims {
			n *= d
		}
		w := make([]float32, n)
		for i := range w {
			w[i] = float32((i*37)%101-50) / 150
		}
		return onnxwrite.Raw(name, dims, w)
	}
	pads := []onnxwrite.Attribute{onnxwrite.Ints("pads", 1, 1, 1, 1)}
	m := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{
		Inputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("x", 1, channels, side, side)}, Outputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("y", 1, classes)},
		Initializers: []onnxwrite.Tensor{weights("v", 16, channels, 3, 3), weights("w", classes, 16, 3, 3)},
		Nodes: []onnxwrite.Node{
			{OpType: "Conv", Inputs: []string{"x", "v"}, Outputs: []string{"a"}, Attributes: pads},
			{OpType: "Relu", Inputs: []string{"a"}, Outputs: []string{"b"}},
			{OpType: "Conv", Inputs: []string{"b", "w"}, Outputs: []string{"c"}, Attributes: pads},
			{OpType: "GlobalAveragePool", Inputs: []string{"c"}, Outputs: []string{"p"}},
			{OpType: "Flatten", Inputs: []string{"p"}, Outputs: []string{"y"}},
		},
	}}
	return m.Marshal()
}

// TestCards runs the scripts of testdata/gpu, where the command card puts one into the machine:
// a library that stands in for the driver's, behind which the interpreter computes.
func TestCards(t *testing.T) {
	if sets := asm.Sets(); len(sets) == 1 {
		asm.Missing(t, "avx2")
	}
	data := t.TempDir()
	scriptData(t, data)
	for name, b := range map[string][]byte{"wide.onnx": wideNetwork(4, 8, 5), "tiled.onnx": wideNetwork(4, 8, 16), "video.onnx": wideNetwork(3, 12, 5), "large.onnx": wideNetwork(3, 112, 5)} {
		if err := os.WriteFile(filepath.Join(data, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	library, err := standin.Build(data)
	if err == standin.ErrNoCompiler {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := ptx.Parse(kernels.PTX)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(data, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) // the scripts run side by side, later
	go func() {
		if err := standin.Serve(l, m); err != nil {
			t.Error(err)
		}
	}()
	commands := scriptCommands()
	commands["card"] = func(ts *testscript.TestScript, _ bool, _ []string) {
		ts.Setenv("LD_LIBRARY_PATH", filepath.Dir(library))
		ts.Setenv("STANDIN_SOCKET", l.Addr().String())
	}
	testscript.Run(t, testscript.Params{Dir: "testdata/gpu", Setup: func(e *testscript.Env) error {
		e.Setenv("DATA", data)
		return nil
	}, Cmds: commands})
}
