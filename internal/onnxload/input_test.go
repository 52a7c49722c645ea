package onnxload

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"krypton/internal/graph"
	"krypton/internal/onnxwrite"
	"krypton/internal/tensor"
)

// bound is a model whose output is what its input n, of a type and shape, holds.
func bound(kind onnxwrite.DataType, dims ...onnxwrite.Dim) *onnxwrite.Model {
	m := lines("y = Identity n")
	m.Graph.Inputs = []onnxwrite.ValueInfo{{Name: "n", ElemType: kind, Dims: dims}}
	return m
}

// TestBind: a value is converted to its input's type and shape, or refused.
func TestBind(t *testing.T) {
	list := func(v ...float64) *tensor.Tensor { return tensor.New(v, len(v)) }
	ints := func(v ...int64) *tensor.Tensor { return tensor.New(v, len(v)) }
	two := onnxwrite.Fixed(1, 2)
	open := []onnxwrite.Dim{onnxwrite.Symbolic("n"), {Value: 2}}
	for name, c := range map[string]struct {
		kind  onnxwrite.DataType
		dims  []onnxwrite.Dim
		value *tensor.Tensor
		want  string // the value, or what the error says
	}{
		"number fills":           {1, two, tensor.Scalar(.5), "[1 2] [0.5 0.5]"},
		"list":                   {1, two, list(3, 4), "[1 2] [3 4]"},
		"array":                  {1, two, tensor.New([]float64{3, 4}, 1, 2), "[1 2] [3 4]"},
		"array without batch":    {1, onnxwrite.Fixed(1, 2, 1), tensor.New([]float64{3, 4}, 2, 1), "[1 2 1] [3 4]"},
		"array of another shape": {1, onnxwrite.Fixed(2, 3), tensor.New(make([]float64, 6), 3, 2), "shape [3 2]"},
		"too few":                {1, two, list(3), "1 numbers are given, it has 2"},
		"too many":               {1, two, list(3, 4, 5), "3 numbers are given, it has 2"},
		"open batch":             {1, open, list(3, 4), "[1 2] [3 4]"},
		"open batch, array":      {1, open, tensor.New([]float64{1, 2, 3, 4}, 2, 2), "[2 2] [1 2 3 4]"},
		"batch within, number":   {1, []onnxwrite.Dim{{Value: 2}, onnxwrite.Symbolic("batch"), {Value: 1}}, tensor.Scalar(.5), "its shape is open: say it before the number (2x1x1:0)"},
		"open, filled":           {1, []onnxwrite.Dim{{Value: 2}, onnxwrite.Symbolic("batch"), {Value: 1}}, tensor.New([]float64{3, 3, 3, 3}, 2, 2, 1), "[2 2 1] [3 3 3 3]"},
		"open length":            {7, []onnxwrite.Dim{onnxwrite.Symbolic("n")}, ints(5, 6, 7), "[3] [5 6 7]"},
		"open length, number":    {7, []onnxwrite.Dim{onnxwrite.Symbolic("n")}, tensor.Scalar[int64](5), "its shape is open"},
		"scalar":                 {1, []onnxwrite.Dim{}, tensor.Scalar[int64](5), "[] [5]"},
		"scalar by a list":       {1, []onnxwrite.Dim{}, list(5), "[] [5]"},
		"int64, exactly":         {7, two, ints(1<<53+1, -1), "[1 2] [9007199254740993 -1]"},
		"int64, no integer":      {7, two, list(1.5, 2), "1.5 is no number of type int64"},
		"int32":                  {6, two, list(7, math.MaxInt32), "[1 2] [7 2147483647]"},
		"int32, too large":       {6, two, list(7, math.MaxInt32+1), "no number of type int32"},
		"uint8":                  {2, two, ints(0, 255), "[1 2] [0 255]"},
		"uint8, negative":        {2, two, ints(0, -1), "-1 is no number of type uint8"},
		"int8":                   {3, two, ints(-128, 127), "[1 2] [-128 127]"},
		"int8, too large":        {3, two, ints(-128, 128), "128 is no number of type int8"},
		"uint64, negative":       {13, two, ints(1, -1), "no number of type uint64"},
		"bool":                   {9, two, ints(0, 1), "[1 2] [false true]"},
		"bool, 2":                {9, two, ints(0, 2), "no number of type bool"},
		"float32, too large":     {1, two, list(1e39, 0), "no number of type float32"},
		"float16":                {10, two, list(.5, 1e6), "[1 2] [0.5 1e+06]"},
		"float64":                {11, two, list(1e300, 0), "[1 2] [1e+300 0]"},
		"string":                 {8, two, list(1, 0), "string"},
		"overflowing":            {1, onnxwrite.Fixed(1<<40, 1<<40), list(1, 2), "size out of range"},
		"far too large":          {1, onnxwrite.Fixed(1<<20, 1<<10), tensor.Scalar(1.), "too large"},
	} {
		g, err := LoadBytes(bound(c.kind, c.dims...).Marshal(), "m", "", Options{Bind: map[string]*tensor.Tensor{"n": c.value}})
		got := ""
		if err == nil {
			v := g.Values[g.Outputs[0]].Info.Value
			got = fmt.Sprint(v.Shape, v.Data)
		} else if !errors.Is(err, ErrBind) {
			t.Errorf("%s: %v is no ErrBind", name, err)
		} else {
			got = err.Error()
		}
		if err == nil && got != c.want || err != nil && !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	_, err := LoadBytes(bound(1, two...).Marshal(), "m", "", Options{Bind: map[string]*tensor.Tensor{"q": list(1, 2)}})
	if !errors.Is(err, ErrBind) || !strings.Contains(err.Error(), `"q" cannot be bound: the model has the inputs n`) {
		t.Errorf("no such input: %v", err)
	}
}

// TestUsualInputs: inputs that exporters always call so have the values of a picture of
// the network's own size.
func TestUsualInputs(t *testing.T) {
	model := func(kind onnxwrite.DataType, other string, dims ...int64) *onnxwrite.Model {
		m := lines("s = ReduceMean x", "f = CastLike "+other+" s", "y = Mul f s")
		m.Graph.Inputs = []onnxwrite.ValueInfo{{Name: other, ElemType: kind, Dims: onnxwrite.Fixed(dims...)}, {Name: "x", ElemType: 1, Dims: onnxwrite.Fixed(1, 3, 20, 30)}}
		return m
	}
	for _, c := range []struct {
		name string
		kind onnxwrite.DataType
		dims []int64
		want string
	}{
		{"im_shape", 1, []int64{1, 2}, "[20 30]"}, {"scale_factor", 1, []int64{1, 2}, "[1 1]"}, {"im_size", 6, []int64{1, 2}, "[20 30]"},
		{"image_shape", 1, []int64{1, 2}, "[20 30]"}, {"im_info", 1, []int64{1, 3}, "[20 30 1]"}, {"orig_target_sizes", 7, []int64{1, 2}, "[30 20]"},
	} {
		g, err := LoadBytes(model(c.kind, c.name, c.dims...).Marshal(), "m", "", Options{Picture: true})
		if err != nil || len(g.Inputs) != 1 || g.Values[g.Inputs[0]].Name != "x" || len(g.Facts.Bound) != 1 || fmt.Sprint(g.Facts.Bound[0].Values) != c.want {
			t.Errorf("%s: %+v, %v", c.name, g, err)
			continue
		}
		r, err := graph.NewReference(g)
		if err != nil {
			t.Fatal(err)
		}
		ones := tensor.Zeros[float32](1, 3, 20, 30)
		for i := range ones.Data.([]float32) {
			ones.Data.([]float32)[i] = 1
		}
		out, err := r.Run(map[string]*tensor.Tensor{"x": ones})
		if err != nil || fmt.Sprint(out[0].Data) != c.want {
			t.Errorf("%s: %+v, %v", c.name, out, err)
		}
	}
	var missing *InputsError
	_, err := LoadBytes(model(1, "im_shape", 1, 5).Marshal(), "m", "", Options{Picture: true})
	if !errors.As(err, &missing) || missing.Picture != "x" || len(missing.Free) != 1 || missing.Free[0].Name != "im_shape" {
		t.Errorf("another shape: %v", err)
	}
	_, err = LoadBytes(model(1, "z", 1, 2).Marshal(), "m", "", Options{Picture: true})
	if !errors.As(err, &missing) || missing.Picture != "" || len(missing.Free) != 2 || !strings.Contains(err.Error(), `2 inputs: "z" (float32 [1 2]), "x" (float32 [1 3 20 30])`) {
		t.Errorf("two: %v", err)
	}
	_, err = LoadBytes(model(1, "z", 1, 2).Marshal(), "m", "", Options{Picture: true, Input: "q"})
	if !errors.Is(err, ErrInput) {
		t.Errorf("no such input: %v", err)
	}
	g, err := LoadBytes(model(1, "z", 1, 2).Marshal(), "m", "", Options{Picture: true, Bind: map[string]*tensor.Tensor{"z": tensor.Scalar(2.)}})
	if err != nil || len(g.Inputs) != 1 {
		t.Errorf("bound: %v", err)
	}
}

// TestPixels: an input of whole numbers is taken in float32; operators that want its
// type get it, a cast to float32 costs nothing.
func TestPixels(t *testing.T) {
	cast := onnxwrite.Lines("f = Cast h")[0].With(onnxwrite.Int("to", 1))
	quantized := func(zero ...onnxwrite.Tensor) func(*onnxwrite.Model) {
		return func(m *onnxwrite.Model) {
			m.Graph.Nodes = onnxwrite.Lines("y = DequantizeLinear x half")
			m.Graph.Initializers = append(append(m.Graph.Initializers, onnxwrite.Raw("half", nil, []float32{.5})), zero...)
			if zero != nil {
				m.Graph.Nodes[0].Inputs = append(m.Graph.Nodes[0].Inputs, "zero")
			}
		}
	}
	for name, c := range map[string]struct {
		kind  onnxwrite.DataType
		build func(m *onnxwrite.Model)
		want  string
		casts int // that are left
		zero  string
	}{
		"cast at once": {2, func(m *onnxwrite.Model) {
			m.Graph.Nodes = append(onnxwrite.Lines("h = Identity x"), cast, onnxwrite.Lines("y = Mul f two")[0])
		}, "[6 400]", 0, ""},
		"moved, then cast": {2, func(m *onnxwrite.Model) {
			m.Graph.Nodes = append(onnxwrite.Lines("s = Shape x", "h = Reshape x s"), cast, onnxwrite.Lines("y = Mul f two")[0])
		}, "[6 400]", 0, ""},
		"int32": {6, func(m *onnxwrite.Model) {
			m.Graph.Nodes = append(onnxwrite.Lines("h = Identity x"), cast, onnxwrite.Lines("y = Mul f two")[0])
		}, "[6 400]", 0, ""},
		"float64": {11, func(m *onnxwrite.Model) {
			m.Graph.Nodes = append(onnxwrite.Lines("h = Identity x"), cast, onnxwrite.Lines("y = Mul f two")[0])
		}, "[6 400]", 0, ""},
		"its type is wanted": {2, func(m *onnxwrite.Model) {
			m.Graph.Nodes = append(onnxwrite.Lines("h = Add x x"), cast, onnxwrite.Lines("y = Identity f")[0])
		}, "[6 144]", 2, ""}, // 400 in 8 bits
		"as second operand": {2, func(m *onnxwrite.Model) {
			m.Graph.Initializers = append(m.Graph.Initializers, onnxwrite.Raw("w", []int64{2}, []uint8{10, 10}))
			m.Graph.Nodes = append(onnxwrite.Lines("h = Mul w x"), cast, onnxwrite.Lines("y = Identity f")[0])
		}, "[30 208]", 2, ""},
		"to bool": {2, func(m *onnxwrite.Model) {
			m.Graph.Nodes = append([]onnxwrite.Node{onnxwrite.Lines("h = Cast x")[0].With(onnxwrite.Int("to", 9))}, cast, onnxwrite.Lines("y = Identity f")[0])
		}, "[1 1]", 2, ""},
		"quantized":          {2, quantized(onnxwrite.Raw("zero", nil, []uint8{1})), "[1 99.5]", 1, "1"},
		"quantized, int8":    {3, quantized(onnxwrite.Raw("zero", nil, []int8{-128})), "[65.5 164]", 1, "-128"},
		"quantized, no zero": {3, quantized(), "[1.5 100]", 1, "0"},
	} {
		m := lines()
		m.Graph.Inputs[0].ElemType = c.kind
		c.build(m)
		x := []float32{3, 200}
		if c.kind == 3 { // 200 fits no int8
			x[1], c.want = 100, strings.Replace(strings.Replace(c.want, "164", "114", 1), "100", "50", 1)
		}
		g, err := LoadBytes(m.Marshal(), "m", "", Options{Picture: true})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		r, err := graph.NewReference(g)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		out, err := r.Run(map[string]*tensor.Tensor{"x": tensor.New(x, 2)})
		casts := 0
		for _, n := range g.Nodes {
			if n.Def.Name == "Cast" {
				casts++
			}
		}
		zero := ""
		if g.Pixels.Zero != nil {
			zero = fmt.Sprint(*g.Pixels.Zero)
		}
		if err != nil || fmt.Sprint(out[0].Data) != c.want || casts != c.casts || zero != c.zero || g.Pixels.Type != tensor.DType(c.kind) {
			t.Errorf("%s: %v, %v, %d casts, zero %q, want %s", name, out, err, casts, zero, c.want)
		}
	}
}

// TestOpenSizes: height and width that a file leaves open are Options.Size's, channels
// first or last.
func TestOpenSizes(t *testing.T) {
	open := onnxwrite.Symbolic
	three, one := onnxwrite.Dim{Value: 3}, onnxwrite.Dim{Value: 1}
	for _, c := range []struct {
		dims   []onnxwrite.Dim
		layout string
		want   string
	}{
		{[]onnxwrite.Dim{open("n"), three, open("h"), open("w")}, "", "[1 3 20 30]"},
		{[]onnxwrite.Dim{open("n"), open("h"), open("w"), three}, "", "[1 20 30 3]"},
		{[]onnxwrite.Dim{one, {Value: 20}, open("w"), three}, "", "[1 20 30 3]"},
		{[]onnxwrite.Dim{one, open("h"), open("w"), {Value: 8}}, "nhwc", "[1 20 30 8]"},
		{[]onnxwrite.Dim{one, three, open("h"), {Value: 3}}, "", "[1 3 20 3]"},
		{[]onnxwrite.Dim{one, open("c"), open("h"), open("w")}, "", "unknown dimension 1 (c)"},
	} {
		m := lines("y = Neg x")
		m.Graph.Inputs[0].Dims = c.dims
		g, err := LoadBytes(m.Marshal(), "m", "", Options{Size: [2]int{20, 30}, Layout: c.layout})
		switch {
		case err != nil && !strings.Contains(err.Error(), c.want):
			t.Errorf("%v: %v", c.dims, err)
		case err == nil && fmt.Sprint(g.Values[g.Inputs[0]].Info.Shape) != c.want:
			t.Errorf("%v: %v", c.dims, g.Values[g.Inputs[0]].Info.Shape)
		}
	}
}

// TestFixedSizes: a size that is not the file's own is refused, whichever side the file
// fixes; the file's own, and what it leaves open, are taken.
func TestFixedSizes(t *testing.T) {
	of := func(dims ...int64) (list []onnxwrite.Dim) {
		for _, d := range dims {
			if list = append(list, onnxwrite.Dim{Value: d}); d == 0 {
				list[len(list)-1] = onnxwrite.Symbolic("open")
			}
		}
		return list
	}
	for _, c := range []struct {
		dims    []onnxwrite.Dim
		size    [2]int
		refused string
	}{
		{of(1, 3, 20, 30), [2]int{20, 30}, ""},
		{of(1, 20, 30, 3), [2]int{20, 30}, ""},
		{of(0, 3, 0, 30), [2]int{20, 30}, ""},
		{of(1, 3, 20, 30), [2]int{30, 20}, `the model has no size 30x20: input "x" is of 20x30`},
		{of(1, 20, 30, 3), [2]int{20, 31}, "is of 20x30"},
		{of(0, 3, 0, 30), [2]int{20, 31}, "is of openx30"},
		{of(1, 12, 500), [2]int{1, 500}, ""},
		{of(500, 12), [2]int{1, 500}, ""},
		{of(0, 12, 500), [2]int{1, 400}, "is of 12x500"},
	} {
		m := lines("y = Neg x")
		m.Graph.Inputs[0].Dims = c.dims
		_, err := LoadBytes(m.Marshal(), "m", "", Options{Size: c.size, Picture: true})
		if (err != nil) != (c.refused != "") || err != nil && (!errors.Is(err, ErrSize) || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("%v, size %v: %v", c.dims, c.size, err)
		}
	}
}
