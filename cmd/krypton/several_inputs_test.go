package main

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"krypton/internal/onnxwrite"
)

// scaled is a network of a picture of 8 by 8 and of a list a of two numbers: class k is
// the picture's mean times a[k].
func scaled(kind onnxwrite.DataType) *onnxwrite.Model {
	value := func(name string, kind onnxwrite.DataType, dims ...int64) onnxwrite.ValueInfo {
		return onnxwrite.ValueInfo{Name: name, ElemType: kind, Dims: onnxwrite.Fixed(dims...)}
	}
	return &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{
		Inputs:  []onnxwrite.ValueInfo{value("a", kind, 1, 2), value("x", onnxwrite.TypeFloat32, 1, 3, 8, 8)},
		Outputs: []onnxwrite.ValueInfo{value("y", onnxwrite.TypeFloat32, 1, 2)},
		Nodes: []onnxwrite.Node{
			{OpType: "Cast", Inputs: []string{"a"}, Outputs: []string{"f"}, Attributes: []onnxwrite.Attribute{onnxwrite.Int("to", 1)}},
			{OpType: "ReduceMean", Inputs: []string{"x"}, Outputs: []string{"m"}, Attributes: []onnxwrite.Attribute{onnxwrite.Ints("axes", 1, 2, 3), onnxwrite.Int("keepdims", 0)}},
			{OpType: "Mul", Inputs: []string{"f", "m"}, Outputs: []string{"y"}},
		},
	}}
}

// krypton runs the command and gives its exit code and what it wrote.
func krypton(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(args, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// TestSeveralInputs: the others get values by flags and by the model's file; messages
// say which flags to write, and what is bound is part of records and of what a batch
// must be resumed with.
func TestSeveralInputs(t *testing.T) {
	list := func(v ...float32) []byte { return npy(t, [][2]float32{{v[0], v[1]}}[0]) }
	dir := inFolder(t, map[string][]byte{"m.onnx": scaled(onnxwrite.TypeFloat32).Marshal(), "i.onnx": scaled(onnxwrite.TypeUint8).Marshal(), "a.png": levels(t, 32768, 32768), "b.npy": list(5, 7),
		"own.onnx": scaled(onnxwrite.TypeFloat32).Marshal(), "own.krypton.yaml": []byte("bind: {a: [2, 4]}\npreprocess: {preset: unit}\n"),
		"file.onnx": scaled(onnxwrite.TypeFloat32).Marshal(), "file.krypton.yaml": []byte("bind: {a: b.npy}\npreprocess: {preset: unit}\n"),
		"far.onnx": scaled(onnxwrite.TypeFloat32).Marshal(), "far.krypton.yaml": []byte("bind: {a: ../b.npy}\n"),
		"k.yaml": []byte("bind: {a: [2, 6]}\n"), "other.yaml": []byte("bind: {Big: 1}\n")})
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		model string
		args  []string
		want  []float64
	}{
		{"m.onnx", []string{"--bind", "a=3"}, []float64{1.5, 1.5}},
		{"m.onnx", []string{"--bind", "a=3,-1.5"}, []float64{1.5, -.75}},
		{"m.onnx", []string{"--bind", "a=[3,-1.5]"}, []float64{1.5, -.75}},
		{"m.onnx", []string{"--bind", "a=" + at("b.npy")}, []float64{2.5, 3.5}},
		{"i.onnx", []string{"--bind", "a=3,255"}, []float64{1.5, 127.5}},
		{"m.onnx", []string{"--config", at("k.yaml")}, []float64{1, 3}},
		{"m.onnx", []string{"--config", at("k.yaml"), "--bind", "a=3"}, []float64{1.5, 1.5}},
		{"own.onnx", nil, []float64{1, 2}},
		{"own.onnx", []string{"--bind", "a=8"}, []float64{4, 4}},
		{"file.onnx", nil, []float64{2.5, 3.5}},
	} {
		r, _ := obeRecord(t, append([]string{at("a.png"), "--model", at(c.model), "--preset", "unit", "--activation", "none", "--class", "all", "--patch", "4", "--stride", "4", "--verify", "2"}, c.args...)...)
		for i, want := range c.want {
			if got := float64(r.Classes[i].BaseScore); math.Abs(got-want) > 1e-4*math.Abs(want) {
				t.Errorf("%s %v: class %d is %g, want %g", c.model, c.args, i, got, want)
			}
		}
	}
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{exitData, `2 inputs: "a" (float32 [1 2]), "x" (float32 [1 3 8 8]); say --input a if that is the picture, --bind x=FILE.npy`, []string{"obe", at("a.png"), "--model", at("m.onnx")}},
		{exitData, `besides the picture "x" these inputs need a value: "a" (float32 [1 2]); say --bind a=A,B,... of 2 numbers`, []string{"inspect", at("m.onnx"), "--input", "x"}},
		{exitUsage, `3 numbers are given, it has 2`, []string{"bench", at("m.onnx"), "--bind", "a=1,2,3"}},
		{exitUsage, `no number of type uint8`, []string{"inspect", at("i.onnx"), "--bind", "a=256"}},
		{exitUsage, `the model has the inputs a, x`, []string{"inspect", at("m.onnx"), "--bind", "b=1"}},
		{exitUsage, `"Big" cannot be bound`, []string{"inspect", at("m.onnx"), "--config", at("other.yaml")}},
		{exitUsage, `there is no output "q": the model has y`, []string{"inspect", at("own.onnx"), "--output", "q"}},
		{exitUsage, `there is no output "q": the model has y`, []string{"bench", at("own.onnx"), "--output", "q"}},
		{exitUsage, `neither a number`, []string{"inspect", at("m.onnx"), "--bind", "a=one"}},
		{exitUsage, `neither a number`, []string{"inspect", at("m.onnx"), "--bind", "a=1,inf"}},
		{exitUsage, `want NAME=NUMBER`, []string{"inspect", at("m.onnx"), "--bind", "a"}},
		{exitUsage, `two values`, []string{"inspect", at("m.onnx"), "--bind", "a=1", "--bind", "a=2"}},
		{exitUsage, `there is no input "q"`, []string{"inspect", at("m.onnx"), "--input", "q"}},
		{exitNoInput, `none.npy`, []string{"inspect", at("m.onnx"), "--bind", "a=none.npy"}},
		{exitData, `m.npy`, []string{"inspect", at("m.onnx"), "--bind", "a=" + at("m.npy")}},
		{exitData, `below the model's folder`, []string{"inspect", at("far.onnx")}},
	} {
		if strings.Contains(strings.Join(c.args, " "), "m.npy") {
			holding([]byte("no array"))(t, at("m.npy"))
		}
		code, out, text := krypton(t, c.args...)
		if code != c.code || !strings.Contains(text, c.says) || out != "" || strings.Count(text, "\n") != 1 {
			t.Errorf("%v: %d, %s %s", c.args, code, out, text)
		}
	}
	if code, out, text := krypton(t, "inspect", at("own.onnx")); code != exitOK || !strings.Contains(out, "input         a float32 [1 2]\ninput         x float32 [1 3 8 8], run as 8x8") {
		t.Errorf("inspect: %d, %s %s", code, out, text)
	}
	if code, out, text := krypton(t, "bench", at("own.onnx"), "--patch", "4", "--stride", "4", "--positions", "2", "--sample", "1", "--threads", "1"); code != exitOK {
		t.Errorf("bench: %d, %s %s", code, out, text)
	}
	// A batch goes on only with the values that it began with.
	batch := []string{"obe", at("a.png"), "--model", at("m.onnx"), "--patch", "4", "--stride", "4", "--out-dir", at("out"), "--resume", "-q", "--scores", "{name}.json", "--bind"}
	if code, _, text := krypton(t, append(batch, "a="+at("b.npy"))...); code != exitOK {
		t.Fatalf("batch: %d, %s", code, text)
	}
	record, err := os.ReadFile(at("out/a.json"))
	if err != nil || !bytes.Contains(record, []byte(`"bind"`)) || !bytes.Contains(record, []byte(`"sha256"`)) {
		t.Errorf("the record says nothing of it: %v, %s", err, record)
	}
	holding(list(5, 8))(t, at("b.npy"))
	if code, _, text := krypton(t, append(batch, "a="+at("b.npy"))...); code == exitOK || !strings.Contains(text, "settings") {
		t.Errorf("another file of the same name: %d, %s", code, text)
	}
}

// wholeNumbers is a network of 8 by 8 pixels of a type of whole numbers, channels last:
// its class k is the sum of channel k, dequantized with a zero point if there is one.
func wholeNumbers[T onnxwrite.Element](zero ...T) []byte {
	m := &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{
		Inputs:       []onnxwrite.ValueInfo{{Name: "x", ElemType: onnxwrite.DataTypeOf[T](), Dims: []onnxwrite.Dim{onnxwrite.Symbolic("n"), onnxwrite.Symbolic("h"), onnxwrite.Symbolic("w"), {Value: 3}}}},
		Outputs:      []onnxwrite.ValueInfo{{Name: "y"}},
		Initializers: []onnxwrite.Tensor{onnxwrite.Raw("one", nil, []float32{1})},
		Nodes: []onnxwrite.Node{
			{OpType: "Cast", Inputs: []string{"x"}, Outputs: []string{"f"}, Attributes: []onnxwrite.Attribute{onnxwrite.Int("to", 1)}},
			{OpType: "ReduceSum", Inputs: []string{"f", "axes"}, Outputs: []string{"y"}, Attributes: []onnxwrite.Attribute{onnxwrite.Int("keepdims", 0)}},
		},
	}}
	m.Graph.Initializers = append(m.Graph.Initializers, ints("axes", 1, 2))
	if len(zero) > 0 {
		m.Graph.Initializers = append(m.Graph.Initializers, onnxwrite.Raw("zero", nil, zero))
		m.Graph.Nodes[0] = onnxwrite.Node{OpType: "DequantizeLinear", Inputs: []string{"x", "one", "zero"}, Outputs: []string{"f"}}
	}
	return m.Marshal()
}

// TestWholeNumbers: networks that read whole numbers get pixels before normalization,
// rounded, and fills and tensors likewise; what nothing says is asked for.
func TestWholeNumbers(t *testing.T) {
	var tensor [1][8][8][3]uint8
	for i := range 64 {
		tensor[0][i/8][i%8] = [3]uint8{uint8(i), 2, 255}
	}
	var odd [8][8][3]float32
	odd[3][3][1] = .5
	dir := inFolder(t, map[string][]byte{"u8.onnx": wholeNumbers[uint8](), "i32.onnx": wholeNumbers[int32](), "i8.onnx": wholeNumbers[int8](), "i8zero.onnx": wholeNumbers[int8](-128), "u8zero.onnx": wholeNumbers[uint8](10), "u16.onnx": wholeNumbers[uint16](),
		"a.png": levels(t, 100*257+100, 100*257+100), "t.npy": npy(t, tensor), "odd.npy": npy(t, odd)})
	at := func(name string) string { return filepath.Join(dir, name) }
	row := func(picture string, args ...string) []string {
		return append([]string{at(picture), "--size", "8x8", "--class", "all", "--activation", "none", "--patch", "8", "--stride", "8", "--verify", "1"}, args...)
	}
	for _, c := range []struct {
		args   []string
		want   float64 // of class 2
		behind float64 // the patch, which hides it all
	}{
		{row("a.png", "--model", at("u8.onnx"), "--fill", "black"), 6400, 0},
		{row("a.png", "--model", at("u8.onnx"), "--fill", "mean"), 6400, 6400},
		{row("a.png", "--model", at("i32.onnx"), "--fill", "white"), 6400, 16320},
		{row("a.png", "--model", at("u8.onnx"), "--preset", "raw", "--pixel-scale", ".503", "--fill", "black"), 50 * 64, 0},
		{row("a.png", "--model", at("u8zero.onnx"), "--fill", "black"), 5760, -640},
		{row("a.png", "--model", at("i8zero.onnx"), "--fill", "white"), 6400, 16320}, // 100-128, and then plus 128
		{row("a.png", "--model", at("i8.onnx"), "--preset", "raw", "--mean", "128", "--fill", "black"), -28 * 64, -128 * 64},
		{row("t.npy", "--model", at("u8.onnx"), "--fill", "mean"), 16320, 16320},
	} {
		r, _ := obeRecord(t, c.args...)
		if got := float64(r.Classes[2].BaseScore); got != c.want {
			t.Errorf("%v: %g, want %g", c.args, got, c.want)
		}
		if got := float64(r.Classes[2].Scores[0][0]); got != c.behind {
			t.Errorf("%v: behind the patch %g, want %g", c.args, got, c.behind)
		}
	}
	// The mean of a tensor of whole numbers is a whole number.
	if r, _ := obeRecord(t, row("t.npy", "--model", at("u8.onnx"), "--fill", "mean")...); float64(r.Classes[0].Scores[0][0]) != 32*64 { // of 31.5
		t.Errorf("behind the mean: %v", r.Classes[0].Scores)
	}
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{exitUsage, "say --size HxW", []string{"inspect", at("u8.onnx")}},
		{exitUsage, "nothing in it says which number is black", append([]string{"obe"}, row("a.png", "--model", at("i8.onnx"))...)},
		{exitUsage, "nothing in it says which number is black", append([]string{"obe"}, row("a.png", "--model", at("u16.onnx"))...)},
		{exitUsage, "makes -2 to 2 of black to white", append([]string{"obe"}, row("a.png", "--model", at("u8.onnx"), "--preset", "imagenet")...)},
		{exitUsage, "makes 0 to 1 of black to white", append([]string{"obe"}, row("a.png", "--model", at("u8.onnx"), "--preset", "unit")...)},
		{exitUsage, "makes 0 to 255 of black to white", append([]string{"obe"}, row("a.png", "--model", at("i8.onnx"), "--preset", "raw")...)},
	} {
		code, _, text := krypton(t, c.args...)
		if code != c.code || !strings.Contains(text, c.says) {
			t.Errorf("%v: %d, %s", c.args, code, text)
		}
	}
	if code, _, text := krypton(t, append([]string{"obe"}, row("odd.npy", "--model", at("u8.onnx"), "-o", at("h.png"))...)...); code != exitData || !strings.Contains(text, "holds 0.5, and the network reads whole numbers of type uint8") {
		t.Errorf("a tensor with fractions: %d, %s", code, text)
	}
}
