package onnxload

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"krypton/internal/onnxwrite"
	"krypton/internal/tensor"
	"krypton/models"
)

// small is a valid model of one convolution and a Relu.
func small() *onnxwrite.Model {
	return &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{
		Name:         "g",
		Inputs:       []onnxwrite.ValueInfo{{Name: "x", ElemType: 1, Dims: onnxwrite.Fixed(1, 2, 5, 5)}},
		Outputs:      []onnxwrite.ValueInfo{{Name: "y", ElemType: 1, Dims: onnxwrite.Fixed(1, 1, 3, 3)}},
		Initializers: []onnxwrite.Tensor{onnxwrite.Raw("w", []int64{1, 2, 3, 3}, make([]float32, 18))},
		Nodes: []onnxwrite.Node{
			{Name: "c", OpType: "Conv", Inputs: []string{"x", "w"}, Outputs: []string{"h"}},
			{Name: "r", OpType: "Relu", Inputs: []string{"h"}, Outputs: []string{"y"}},
		},
	}}
}

func TestSmallLoads(t *testing.T) {
	for _, packed := range []bool{false, true} {
		m := small()
		m.Packed = packed
		g, err := LoadBytes(m.Marshal(), "small", "", Options{})
		if err != nil || len(g.Nodes) != 2 || g.Facts.Parameters != 18 {
			t.Fatalf("%+v, %v", g, err)
		}
	}
}

// TestRefused: each broken model is refused with a message that says why.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m *onnxwrite.Model)
		want   string
	}{
		"unknown operator":   {func(m *onnxwrite.Model) { m.Graph.Nodes[1].OpType = "Frobnicate" }, `node "r": operator Frobnicate`},
		"unknown domain":     {func(m *onnxwrite.Model) { m.Graph.Nodes[1].Domain = "com.example" }, `domain "com.example"`},
		"old operator set":   {func(m *onnxwrite.Model) { m.Opsets[""] = 0 }, "operator set 0"},
		"far operator set":   {func(m *onnxwrite.Model) { m.Opsets[""] = 1e9 }, "operator set 1000000000"},
		"negative set":       {func(m *onnxwrite.Model) { m.Opsets[""] = -5 }, "operator set -5"},
		"no operator set":    {func(m *onnxwrite.Model) { m.Opsets = nil }, "no operator set"},
		"no nodes":           {func(m *onnxwrite.Model) { m.Graph.Nodes = nil }, `"y" is produced by nothing`},
		"no outputs":         {func(m *onnxwrite.Model) { m.Graph.Outputs = nil }, "no outputs"},
		"dangling input":     {func(m *onnxwrite.Model) { m.Graph.Nodes[1].Inputs[0] = "q" }, `reads "q"`},
		"cycle":              {func(m *onnxwrite.Model) { m.Graph.Nodes[0].Inputs[0] = "y" }, "cycle"},
		"self-loop":          {func(m *onnxwrite.Model) { m.Graph.Nodes[1].Inputs[0] = "y" }, "cycle"},
		"two producers":      {func(m *onnxwrite.Model) { m.Graph.Nodes[1].Outputs[0] = "h" }, "something else produces too"},
		"unknown attribute":  {func(m *onnxwrite.Model) { attr(m, 1, onnxwrite.Int("sparkle", 1)) }, `"sparkle"`},
		"group 0":            {func(m *onnxwrite.Model) { attr(m, 0, onnxwrite.Int("group", 0)) }, "group"},
		"group 3":            {func(m *onnxwrite.Model) { attr(m, 0, onnxwrite.Int("group", 3)) }, "group 3"},
		"stride 0":           {func(m *onnxwrite.Model) { attr(m, 0, onnxwrite.Ints("strides", 0, 1)) }, "strides"},
		"pads negative":      {func(m *onnxwrite.Model) { attr(m, 0, onnxwrite.Ints("pads", -1, 0, 0, 0)) }, "pads"},
		"pads huge":          {func(m *onnxwrite.Model) { attr(m, 0, onnxwrite.Ints("pads", 1e9, 0, 0, 0)) }, "pads"},
		"auto_pad misspelt":  {func(m *onnxwrite.Model) { attr(m, 0, onnxwrite.String("auto_pad", "SAME")) }, "auto_pad"},
		"kernel disagrees":   {func(m *onnxwrite.Model) { attr(m, 0, onnxwrite.Ints("kernel_shape", 5, 5)) }, "kernel_shape"},
		"kernel too large":   {func(m *onnxwrite.Model) { m.Graph.Inputs[0].Dims = onnxwrite.Fixed(1, 2, 2, 2) }, "larger than the padded input"},
		"weight rank":        {func(m *onnxwrite.Model) { weight(m, 18) }, "ranks"},
		"huge dims":          {func(m *onnxwrite.Model) { m.Graph.Initializers[0].Dims = []int64{1 << 31, 1 << 31} }, "size out of range"},
		"overflowing dims":   {func(m *onnxwrite.Model) { m.Graph.Initializers[0].Dims = []int64{1 << 62, 4} }, "dimensions"},
		"negative dims":      {func(m *onnxwrite.Model) { m.Graph.Initializers[0].Dims = []int64{-1} }, "dimensions"},
		"short data":         {func(m *onnxwrite.Model) { m.Graph.Initializers[0].Dims = []int64{1, 2, 3, 4} }, "bytes of data"},
		"element type 99":    {func(m *onnxwrite.Model) { m.Graph.Initializers[0].DataType = 99 }, "type 99"},
		"wrong input type":   {func(m *onnxwrite.Model) { m.Graph.Inputs[0].ElemType = 8 }, "string"},
		"symbolic size":      {func(m *onnxwrite.Model) { m.Graph.Inputs[0].Dims[2] = onnxwrite.Symbolic("h") }, "(h)"},
		"external, no place": {func(m *onnxwrite.Model) { m.Graph.Initializers[0] = ext("w.bin") }, "not allowed here"},
	} {
		m := small()
		c.change(m)
		_, err := LoadBytes(m.Marshal(), "file.onnx", "", Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "model file.onnx: ") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil && !errors.Is(err, ErrModel) && !errors.Is(err, ErrShape) {
			t.Errorf("%s: %v is neither ErrModel nor ErrShape", name, err)
		}
	}
}

func attr(m *onnxwrite.Model, node int, a onnxwrite.Attribute) {
	m.Graph.Nodes[node].Attributes = append(m.Graph.Nodes[node].Attributes, a)
}

func weight(m *onnxwrite.Model, n int64) {
	m.Graph.Initializers[0] = onnxwrite.Raw("w", []int64{n}, make([]float32, n))
}

func ext(location string) onnxwrite.Tensor {
	return onnxwrite.ExternalTensor("w", 1, []int64{1, 2, 3, 3}, map[string]string{"location": location})
}

// TestExternalData: only plain files below the model's folder are read.
func TestExternalData(t *testing.T) {
	dir := t.TempDir()
	inside := filepath.Join(dir, "m")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(inside, "sub"), 0o755))
	bytes := make([]byte, 72)
	for _, f := range []string{"secret", "m/good", "m/sub/good", "m/hard"} {
		must(os.WriteFile(filepath.Join(dir, f), bytes, 0o600))
	}
	must(os.WriteFile(filepath.Join(inside, "short"), bytes[:71], 0o600))
	must(os.Symlink(filepath.Join(dir, "secret"), filepath.Join(inside, "link")))
	must(os.Symlink(dir, filepath.Join(inside, "parent")))
	must(os.Link(filepath.Join(inside, "hard"), filepath.Join(dir, "hard2")))
	for location, good := range map[string]bool{"good": true, "sub/good": true, "../secret": false, "sub/../../secret": false, filepath.Join(dir, "secret"): false,
		"link": false, "parent/secret": false, "hard": false, "short": false, "sub": false, "": false, "none": false, "go\x00od": false} {
		m := small()
		m.Graph.Initializers[0] = ext(location)
		if _, err := LoadBytes(m.Marshal(), "x", inside, Options{}); (err == nil) != good {
			t.Errorf("%q: %v", location, err)
		}
	}
	for key, value := range map[string]string{"offset": "-1", "length": "9223372036854775807", "colour": "red"} {
		m := small()
		e := map[string]string{"location": "good", key: value}
		m.Graph.Initializers[0] = onnxwrite.ExternalTensor("w", 1, []int64{1, 2, 3, 3}, e)
		if _, err := LoadBytes(m.Marshal(), "x", inside, Options{}); err == nil {
			t.Errorf("%s=%s is accepted", key, value)
		}
	}
}

// TestDamaged cuts and flips real bytes: errors, never a panic that gets out.
func TestDamaged(t *testing.T) {
	b := models.Default().Model
	head := b[:4000]
	for n := range 400 {
		if _, err := LoadBytes(head[:n*10], "cut", "", Options{}); err == nil {
			t.Errorf("cut at %d is read", n*10)
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	s := small().Marshal()
	for range 3000 {
		d := append([]byte{}, s...)
		for range 1 + rng.IntN(4) {
			d[rng.IntN(len(d))] ^= 1 << rng.IntN(8)
		}
		if _, err := LoadBytes(d, "flipped", "", Options{}); err != nil && !errors.Is(err, ErrModel) && !errors.Is(err, ErrShape) {
			t.Errorf("%v", err)
		}
	}
	if _, err := Load(t.TempDir(), Options{}); !errors.Is(err, ErrModel) {
		t.Errorf("folder: %v", err)
	}
}

// TestLongChain: 200,000 nodes, in reverse order, load in linear time.
func TestLongChain(t *testing.T) {
	m := small()
	n := 200000
	if testing.Short() {
		n = 20000
	}
	nodes := make([]onnxwrite.Node, n)
	name := func(i int) string {
		if i == n {
			return "y"
		}
		return "v" + strconv.Itoa(i)
	}
	for i := range nodes {
		in := "x"
		if i > 0 {
			in = name(i)
		}
		nodes[n-1-i] = onnxwrite.Node{OpType: "Relu", Inputs: []string{in}, Outputs: []string{name(i + 1)}}
	}
	m.Graph.Nodes, m.Graph.Initializers = nodes, nil
	m.Graph.Outputs[0].Dims = onnxwrite.Fixed(1, 2, 5, 5)
	g, err := LoadBytes(m.Marshal(), "chain", "", Options{})
	if err != nil || len(g.Nodes) != n {
		t.Fatal(err)
	}
}

// FuzzLoad loads damaged files: as they are, and as a picture's network of which one
// output is asked for and one input is bound.
func FuzzLoad(f *testing.F) {
	f.Add(small().Marshal())
	m := small()
	m.Packed = true
	attr(m, 0, onnxwrite.Ints("pads", 1, 1, 1, 1))
	f.Add(m.Marshal())
	for _, m := range inlined() {
		f.Add(m.Marshal())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, opt := range []Options{{}, {Picture: true, Outputs: []string{"y"}, Size: [2]int{4, 4}}, {Picture: true, Input: "x", Bind: map[string]*tensor.Tensor{"n": tensor.Scalar(1.5)}}} {
			opt.MaxBytes = 1 << 20
			g, err := LoadBytes(b, "fuzz", "", opt)
			switch {
			case err == nil && (len(g.Outputs) == 0 || opt.Picture && len(g.Inputs) > 1):
				t.Error("a graph without outputs, or a picture's with several inputs")
			case err != nil && !errors.Is(err, ErrModel) && !errors.Is(err, ErrShape) && !errors.Is(err, ErrSize) && !errors.Is(err, ErrBind) && !errors.Is(err, ErrInput) && !errors.Is(err, ErrOutput):
				t.Errorf("of no kind: %v", err)
			}
		}
	})
}

// inlined are sound models with what loading puts in line, strips or converts.
func inlined() []*onnxwrite.Model {
	call := lines("h = own.outer x two", "y = own.inner h")
	call.Functions = []onnxwrite.Function{
		function("outer", "a b->c", onnxwrite.Lines("g = Mul a b", "c = own.inner g")...),
		function("inner", "a->b", onnxwrite.Lines("b = LeakyRelu a")[0].With(onnxwrite.Reference("alpha", "slope", onnxwrite.AttrFloat))),
	}
	call.Functions[1].Defaults = []onnxwrite.Attribute{onnxwrite.Float("slope", .5)}
	choice := lines("s = Shape x", "n = Size s", "one = Size two", "known = Equal n one")
	choice.Graph.Nodes = append(choice.Graph.Nodes, branches("y", "known", arm("h", branches("h", "no", arm("x"), arm("q", onnxwrite.Lines("q = Neg x")...))), arm("x")))
	table := lines("y = Softmax x")
	table.Graph.Nodes = append(table.Graph.Nodes, onnxwrite.Node{OpType: "ZipMap", Domain: "ai.onnx.ml", Inputs: []string{"y"}, Outputs: []string{"z"}, Attributes: []onnxwrite.Attribute{onnxwrite.Strings("classlabels_strings", "a", "b")}})
	table.Graph.Outputs = append(table.Graph.Outputs, onnxwrite.ValueInfo{Name: "z"})
	bytes := lines("r = Transpose x", "y = DequantizeLinear r two eight")
	bytes.Graph.Inputs[0] = onnxwrite.ValueInfo{Name: "x", ElemType: 2, Dims: []onnxwrite.Dim{{Value: 1}, onnxwrite.Symbolic("h"), onnxwrite.Symbolic("w"), {Value: 3}}}
	bytes.Graph.Initializers = append(bytes.Graph.Initializers, onnxwrite.Raw("eight", nil, []uint8{8}))
	several := lines("f = Cast n", "y = Mul x f")
	several.Graph.Nodes[0] = several.Graph.Nodes[0].With(onnxwrite.Int("to", 10))
	several.Graph.Inputs = append(several.Graph.Inputs, onnxwrite.ValueInfo{Name: "n", ElemType: 11, Dims: onnxwrite.Fixed(2)})
	named := lines("s = ReduceMean x", "y = Mul scale_factor s")
	named.Graph.Inputs = []onnxwrite.ValueInfo{{Name: "x", ElemType: 1, Dims: onnxwrite.Fixed(1, 3, 4, 4)}, {Name: "scale_factor", ElemType: 1, Dims: onnxwrite.Fixed(1, 2)}}
	return []*onnxwrite.Model{call, choice, table, bytes, several, named}
}
