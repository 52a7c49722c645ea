package main

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"krypton/internal/onnxwrite"
)

// sound is a small model that works: a convolution, a pooling, a flattening.
func sound() *onnxwrite.Model {
	value := func(name string, dims ...int64) onnxwrite.ValueInfo {
		return onnxwrite.ValueInfo{Name: name, ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(dims...)}
	}
	var w [4 * 3 * 3 * 3]float32
	for i := range w {
		w[i] = float32(i%7-3) / 8
	}
	return &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{
		Inputs: []onnxwrite.ValueInfo{value("x", 1, 3, 16, 16)}, Outputs: []onnxwrite.ValueInfo{value("y", 1, 4)},
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
		g.Nodes = append(g.Nodes[:1:1], append([]onnxwrite.Node{{Name: "odd", OpType: op, Inputs: inputs, Outputs: []string{"o"}, Attributes: attributes}}, g.Nodes[1:]...)...)
		g.Nodes[2].Inputs = []string{"o"}
	})
}

func convWith(attributes ...onnxwrite.Attribute) func(testing.TB, string) {
	return changed(func(m *onnxwrite.Model) { m.Graph.Nodes[0].Attributes = attributes })
}

func ints(name string, v ...int64) onnxwrite.Tensor {
	return onnxwrite.Raw(name, []int64{int64(len(v))}, v)
}

// TestBadModels are the rows of models, each with the real command.
func TestBadModels(t *testing.T) {
	info := []string{"model", "info", "FILE"}
	good := sound().Marshal()
	var rows []badInput
	add := func(id string, make func(testing.TB, string), code int, says string) {
		rows = append(rows, badInput{id: id, file: "m.onnx", make: make, args: info, code: code, says: says})
	}
	add("M00/sound", holding(good), exitOK, "")
	add("M01/empty", holding(nil), exitData, "empty")
	add("M01/one-byte", holding([]byte{8}), exitData, "")
	add("M01/text", holding([]byte("this is not a model\n")), exitData, "")
	add("M01/jpeg", holding([]byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01")), exitData, "")
	for i := range 10 {
		n := 1 + (len(good)-2)*i/10
		add(fmt.Sprintf("M02/cut-at-%d", n), holding(good[:n]), exitData, "")
	}
	add("M04/varint-of-11-bytes", holding(append(bytes.Repeat([]byte{0xff}, 11), good...)), exitData, "")
	add("M04/length-past-the-end", holding(protowire.AppendVarint(protowire.AppendTag(nil, 7, protowire.BytesType), math.MaxInt64)), exitData, "")
	add("M04/field-zero", holding(append([]byte{0x02, 0x00}, good...)), exitData, "")
	add("M04/wrong-wire-type", holding(protowire.AppendFixed64(protowire.AppendTag(nil, 7, protowire.Fixed64Type), 1)), exitData, "")
	add("M04/group", holding(append(protowire.AppendTag(nil, 7, protowire.StartGroupType), good...)), exitData, "")
	add("M05/unknown-fields", holding(protowire.AppendString(protowire.AppendTag(bytes.Clone(good), 4000, protowire.BytesType), "later")), exitOK, "")
	nested := onnxwrite.Graph{Nodes: []onnxwrite.Node{{OpType: "If", Inputs: []string{"x"}, Outputs: []string{"y"}}}}
	for range 200 {
		nested = onnxwrite.Graph{Nodes: []onnxwrite.Node{{OpType: "If", Inputs: []string{"x"}, Outputs: []string{"y"}, Attributes: []onnxwrite.Attribute{onnxwrite.GraphValue("then_branch", nested)}}}}
	}
	add("M06/nested-bodies", changed(func(m *onnxwrite.Model) { m.Graph.Nodes = append(m.Graph.Nodes, nested.Nodes...) }), exitData, "")
	for name, dims := range map[string][]int64{"huge": {1 << 31, 1 << 31}, "negative": {-1}, "overflow": {1 << 62, 4}, "wraps-to-small": {1 << 32, 1 << 32, 27}} {
		add("M07/"+name, changed(func(m *onnxwrite.Model) { m.Graph.Initializers[0].Dims = dims }), exitData, "w")
	}
	add("M08/raw-too-short", changed(func(m *onnxwrite.Model) { r := &m.Graph.Initializers[0]; r.RawData = r.RawData[:40] }), exitData, "w")
	add("M08/raw-too-long", changed(func(m *onnxwrite.Model) { r := &m.Graph.Initializers[0]; r.RawData = append(r.RawData, 0, 0, 0, 0) }), exitData, "w")
	add("M08/raw-of-half-an-element", changed(func(m *onnxwrite.Model) { r := &m.Graph.Initializers[0]; r.RawData = r.RawData[:41] }), exitData, "w")
	add("M08/raw-and-typed", changed(func(m *onnxwrite.Model) { m.Graph.Initializers[0].FloatData = make([]float32, 108) }), exitData, "w")
	for _, typ := range []onnxwrite.DataType{0, 99, 8, 22} {
		add(fmt.Sprintf("M09/element-type-%d", typ), changed(func(m *onnxwrite.Model) { m.Graph.Initializers[0].DataType = typ }), exitData, "w")
	}
	add("M10/nan-weights", changed(func(m *onnxwrite.Model) {
		copy(m.Graph.Initializers[0].RawData, []byte{0, 0, 0xc0, 0x7f, 0, 0, 0x80, 0x7f, 1, 0, 0, 0})
	}), exitOK, "")
	rows = append(rows, badExternal(info)...)
	add("M14/cycle", changed(func(m *onnxwrite.Model) { m.Graph.Nodes[0].Inputs[0] = "p" }), exitData, "")
	add("M14/never-produced", changed(func(m *onnxwrite.Model) { m.Graph.Nodes[1].Inputs[0] = "nothing" }), exitData, "nothing")
	add("M14/two-produce-it", changed(func(m *onnxwrite.Model) { m.Graph.Nodes[1].Outputs[0] = "c" }), exitData, "c")
	add("M14/output-not-produced", changed(func(m *onnxwrite.Model) { m.Graph.Outputs[0].Name = "z" }), exitData, "z")
	add("M14/empty-graph", changed(func(m *onnxwrite.Model) { m.Graph = onnxwrite.Graph{} }), exitData, "")
	add("M14/unused-initializer", changed(func(m *onnxwrite.Model) { m.Graph.Initializers = append(m.Graph.Initializers, ints("unused", 1)) }), exitOK, "")
	add("M15/unknown-operator", between("Frobnicate"), exitData, "Frobnicate")
	add("M15/unknown-domain", changed(func(m *onnxwrite.Model) { m.Graph.Nodes[0].Domain = "com.example" }), exitData, "com.example")
	for _, v := range []int64{0, -5, 1e9} {
		add(fmt.Sprintf("M15/operator-set-%d", v), changed(func(m *onnxwrite.Model) { m.Opsets[""] = v }), exitData, fmt.Sprint(v))
	}
	add("M15/no-operator-set", changed(func(m *onnxwrite.Model) { m.Opsets = nil }), exitData, "operator set")
	for name, a := range map[string]onnxwrite.Attribute{
		"kernel-zero": onnxwrite.Ints("kernel_shape", 0, 0), "kernel-negative": onnxwrite.Ints("kernel_shape", -3, 3), "stride-zero": onnxwrite.Ints("strides", 0, 1),
		"dilation-zero": onnxwrite.Ints("dilations", 0, 0), "pads-negative": onnxwrite.Ints("pads", -9, 0, 0, 0), "pads-huge": onnxwrite.Ints("pads", 1e9, 1e9, 1e9, 1e9),
		"group-two": onnxwrite.Int("group", 2), "group-zero": onnxwrite.Int("group", 0), "auto-pad": onnxwrite.String("auto_pad", "SAME_LOWR"),
	} {
		add("M16/"+name, convWith(a), exitData, "first")
	}
	add("M16/weight-rank", changed(func(m *onnxwrite.Model) { m.Graph.Initializers[0].Dims = []int64{4, 27} }), exitData, "first")
	add("M16/bias-length", changed(func(m *onnxwrite.Model) {
		m.Graph.Initializers = append(m.Graph.Initializers, onnxwrite.Raw("b", []int64{3}, []float32{1, 2, 3}))
		m.Graph.Nodes[0].Inputs = append(m.Graph.Nodes[0].Inputs, "b")
	}), exitData, "first")
	add("M17/kernel-beyond-input", between("MaxPool", onnxwrite.Ints("kernel_shape", 40, 40)), exitData, "odd")
	add("M17/pads-as-large-as-kernel", between("MaxPool", onnxwrite.Ints("kernel_shape", 2, 2), onnxwrite.Ints("pads", 5, 5, 5, 5)), exitData, "odd")
	for name, c := range map[string][]onnxwrite.Tensor{"two-unknown": {ints("s", -1, -1)}, "product": {ints("s", 1, 5, 5, 5)}, "zero-without-source": {ints("s", 1, 4, 14, 14, 0)}} {
		add("M18/reshape-"+name, betweenWith("Reshape", c), exitData, "odd")
	}
	add("M18/slice-step-zero", betweenWith("Slice", []onnxwrite.Tensor{ints("a", 0), ints("b", math.MaxInt64), ints("d", 2), ints("e", 0)}), exitData, "odd")
	add("M18/concat-axis", between("Concat", onnxwrite.Int("axis", 9)), exitData, "odd")
	add("M18/transpose-repeats", between("Transpose", onnxwrite.Ints("perm", 0, 0, 1, 1)), exitData, "odd")
	add("M18/squeeze-of-more", betweenWith("Squeeze", []onnxwrite.Tensor{ints("a", 1)}), exitData, "odd")
	add("M18/split-sizes", betweenWith("Split", []onnxwrite.Tensor{ints("a", 1, 1)}, onnxwrite.Int("axis", 1)), exitData, "odd")
	for name, s := range map[string]float32{"zero": 0, "negative": -2, "nan": float32(math.NaN()), "huge": 1e9} {
		add("M19/resize-"+name, betweenWith("Resize", []onnxwrite.Tensor{onnxwrite.Raw("roi", []int64{0}, []float32{}), onnxwrite.Raw("scales", []int64{4}, []float32{1, 1, s, s})}), exitData, "odd")
	}
	add("M19/tile", betweenWith("Tile", []onnxwrite.Tensor{ints("n", 1e3, 1e3, 1e3, 1e3)}), exitData, "odd")
	add("M19/expand", betweenWith("Expand", []onnxwrite.Tensor{ints("n", 1e6, 4, 14e3, 14)}), exitData, "odd")
	add("M19/pad", betweenWith("Pad", []onnxwrite.Tensor{ints("n", 0, 0, 1e6, 1e6, 0, 0, 1e6, 1e6)}), exitData, "odd")
	add("M20/range-delta-zero", changed(func(m *onnxwrite.Model) {
		scalar := func(name string, v int64) onnxwrite.Tensor { return onnxwrite.Raw(name, []int64{}, []int64{v}) }
		m.Graph.Initializers = append(m.Graph.Initializers, scalar("a", 0), scalar("b", 9), scalar("d", 0))
		m.Graph.Nodes = append(m.Graph.Nodes, onnxwrite.Node{Name: "odd", OpType: "Range", Inputs: []string{"a", "b", "d"}, Outputs: []string{"r"}})
		m.Graph.Outputs = append(m.Graph.Outputs, onnxwrite.ValueInfo{Name: "r", ElemType: onnxwrite.TypeInt64})
	}), exitData, "odd")
	add("M21/negative-variance", betweenWith("BatchNormalization", []onnxwrite.Tensor{onnxwrite.Raw("s", []int64{4}, make([]float32, 4)), onnxwrite.Raw("bias", []int64{4}, make([]float32, 4)),
		onnxwrite.Raw("mean", []int64{4}, make([]float32, 4)), onnxwrite.Raw("var", []int64{4}, []float32{-1, 0, 1, 2})}), exitOK, "")
	add("M22/zero-size", changed(func(m *onnxwrite.Model) { m.Graph.Inputs[0].Dims = onnxwrite.Fixed(1, 3, 0, 16) }), exitData, "x")
	add("M22/symbolic-size", changed(func(m *onnxwrite.Model) {
		m.Graph.Inputs[0].Dims = append(onnxwrite.Fixed(1, 3), onnxwrite.Symbolic("h"), onnxwrite.Symbolic("w"))
	}), exitUsage, "--size")
	add("M22/no-input", changed(func(m *onnxwrite.Model) { m.Graph.Inputs = nil }), exitData, "")
	add("M23/sparse-terabyte", func(t testing.TB, path string) {
		holding(nil)(t, path)
		if err := os.Truncate(path, 1<<40); err != nil {
			t.Skip("this file system has no sparse files of a terabyte")
		}
	}, exitData, "more than the limit")
	add("M24/long-chain", changed(func(m *onnxwrite.Model) {
		g := &m.Graph
		last := "c"
		for i := range 20000 {
			name := fmt.Sprintf("r%d", i)
			g.Nodes = append(g.Nodes, onnxwrite.Node{OpType: "Relu", Inputs: []string{last}, Outputs: []string{name}})
			last = name
		}
		g.Outputs = append(g.Outputs, onnxwrite.ValueInfo{Name: last, ElemType: onnxwrite.TypeFloat32})
	}), exitOK, "")
	add("M25/folder", func(t testing.TB, path string) {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}, exitData, "")
	add("M25/pipe", func(t testing.TB, path string) {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Skip(err)
		}
	}, exitData, "")
	add("M25/dangling-link", func(t testing.TB, path string) {
		if err := os.Symlink(path+"-nowhere", path); err != nil {
			t.Fatal(err)
		}
	}, exitNoInput, "")
	rows = append(rows, badInput{id: "M25/odd-name", file: "a b é $(x).onnx", make: holding([]byte("text")), args: info, code: exitData})
	rows = append(rows, badInput{id: "M25/long-name", file: "", args: []string{"model", "info", strings.Repeat("n", 4096)}, code: exitNoInput, says: "nnn"})
	// What a model is refused for is refused before a map is begun, too.
	rows = append(rows,
		badInput{id: "M01/map", file: "m.onnx", make: holding(nil), args: []string{"obe", "--model", "FILE", "-o", "DIR/map.png"}, code: exitData},
		badInput{id: "M16/map", file: "m.onnx", make: convWith(onnxwrite.Int("group", 2)), args: []string{"obe", "--model", "FILE", "-o", "DIR/map.png"}, code: exitData, says: "first"})
	runBad(t, rows)
}

// badExternal are models whose weights lie in another file that must not be read.
func badExternal(info []string) []badInput {
	var rows []badInput
	with := func(pairs ...string) func(testing.TB, string) {
		return func(t testing.TB, path string) {
			outside := filepath.Join(filepath.Dir(filepath.Dir(path)), "outside.bin")
			inside := filepath.Join(filepath.Dir(path), "inside.bin")
			for _, p := range []string{outside, inside} {
				holding(make([]byte, 4*108))(t, p)
			}
			if err := os.Symlink(outside, filepath.Join(filepath.Dir(path), "link.bin")); err != nil {
				t.Fatal(err)
			}
			m := sound()
			w := &m.Graph.Initializers[0]
			w.RawData, w.External = nil, map[string]string{}
			for i := 0; i < len(pairs); i += 2 {
				w.External[pairs[i]] = pairs[i+1]
			}
			holding(m.Marshal())(t, path)
		}
	}
	add := func(id string, code int, pairs ...string) {
		rows = append(rows, badInput{id: id, file: "m.onnx", make: with(pairs...), args: info, code: code})
	}
	add("M11/sound", exitOK, "location", "inside.bin")
	for name, location := range map[string]string{"missing": "none.bin", "parent": "../outside.bin", "through-parent": "sub/../../outside.bin", "absolute": "/etc/passwd",
		"link": "link.bin", "device": "/dev/zero", "folder": ".", "empty": "", "nul": "inside.bin\x00"} {
		code := exitData
		if name == "missing" {
			code = exitNoInput
		}
		add("M11/"+name, code, "location", location)
	}
	for name, pairs := range map[string][]string{"offset-negative": {"offset", "-1"}, "offset-past-end": {"offset", "9999"}, "offset-text": {"offset", "x"}, "offset-huge": {"offset", "9223372036854775808"}, "length-past-end": {"length", "9999"}} {
		add("M12/"+name, exitData, append([]string{"location", "inside.bin"}, pairs...)...)
	}
	return rows
}

// TestFlippedModels runs the command over a model with random bits turned over:
// an error or a result, never a crash.
func TestFlippedModels(t *testing.T) {
	good := sound().Marshal()
	var rows []badInput
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 3))
		b := bytes.Clone(good)
		for range 1 + rng.IntN(4) {
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		}
		rows = append(rows, badInput{id: fmt.Sprintf("M03/seed-%d", seed), file: "m.onnx", make: holding(b), args: []string{"model", "info", "FILE"}, code: -1})
	}
	for _, row := range rows {
		t.Run(row.id, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), row.file)
			row.make(t, path)
			out, _ := command("model", "info", path).CombinedOutput()
			if text := string(out); strings.Contains(text, "panic") || strings.Contains(text, "internal error") || text == "" {
				t.Errorf("%s", text)
			}
		})
	}
}
