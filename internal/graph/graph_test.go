package graph_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"krypton/internal/graph"
	"krypton/internal/onnxload"
	w "krypton/internal/onnxwrite"
	"krypton/internal/op"
	"krypton/internal/tensor"
)

func ramp(n int, f func(i int) float64) []float32 {
	d := make([]float32, n)
	for i := range d {
		d[i] = float32(f(i))
	}
	return d
}

// The weights of the small network; the bias of its convolution is the sum of
// two constants.
var (
	filters = ramp(2*3*3, func(i int) float64 { return float64(i*7%11)/8 - 0.5 })
	shifts  = [2][]float32{{0.25, -0.5}, {0.5, 0.125}}
	matrix  = ramp(3*18, func(i int) float64 { return float64(i*5%13)/16 - 0.375 })
	offsets = []float32{1, -2, 0.5}
)

// network is Conv (two 3x3 filters, padded), Relu, MaxPool, Flatten, Gemm on a
// 6x6 plane, with a constant node and a node that no output needs.
func network() *w.Model {
	return &w.Model{IRVersion: 8, Producer: "test", Opsets: map[string]int64{"": 13}, Metadata: map[string]string{"classes": "3"}, Graph: w.Graph{
		Name:    "small",
		Inputs:  []w.ValueInfo{{Name: "x", ElemType: 1, Dims: []w.Dim{w.Symbolic("batch"), {Value: 1}, {Value: 6}, {Value: 6}}}},
		Outputs: []w.ValueInfo{{Name: "scores", ElemType: 1, Dims: w.Fixed(1, 3)}},
		Initializers: []w.Tensor{
			w.Raw("w", []int64{2, 1, 3, 3}, filters), w.Raw("b0", []int64{2}, shifts[0]), w.Raw("b1", []int64{2}, shifts[1]),
			w.Raw("m", []int64{3, 18}, matrix), w.Raw("o", []int64{3}, offsets), w.Raw("unused", []int64{100}, make([]float32, 100)),
		},
		Nodes: []w.Node{
			{Name: "bias", OpType: "Add", Inputs: []string{"b0", "b1"}, Outputs: []string{"b"}},
			{Name: "conv", OpType: "Conv", Inputs: []string{"x", "w", "b"}, Outputs: []string{"c"}, Attributes: []w.Attribute{w.Ints("pads", 1, 1, 1, 1)}},
			{Name: "relu", OpType: "Relu", Inputs: []string{"c"}, Outputs: []string{"r"}},
			{Name: "dead", OpType: "Neg", Inputs: []string{"r"}, Outputs: []string{"d"}},
			{Name: "pool", OpType: "MaxPool", Inputs: []string{"r"}, Outputs: []string{"p"}, Attributes: []w.Attribute{w.Ints("kernel_shape", 2, 2), w.Ints("strides", 2, 2)}},
			{Name: "flat", OpType: "Flatten", Inputs: []string{"p"}, Outputs: []string{"f"}},
			{Name: "full", OpType: "Gemm", Inputs: []string{"f", "m", "o"}, Outputs: []string{"scores"}, Attributes: []w.Attribute{w.Int("transB", 1)}},
		},
	}}
}

// scores computes the small network without any of our code.
func scores(x []float32) []float64 {
	var flat []float64
	for k := range 2 {
		var plane [6][6]float64
		for r := range 6 {
			for c := range 6 {
				sum := float64(shifts[0][k] + shifts[1][k])
				for i := range 9 {
					if y, z := r+i/3-1, c+i%3-1; y >= 0 && y < 6 && z >= 0 && z < 6 {
						sum += float64(filters[k*9+i]) * float64(x[y*6+z])
					}
				}
				plane[r][c] = math.Max(sum, 0)
			}
		}
		for r := 0; r < 6; r += 2 {
			for c := 0; c < 6; c += 2 {
				flat = append(flat, max(plane[r][c], plane[r][c+1], plane[r+1][c], plane[r+1][c+1]))
			}
		}
	}
	out := make([]float64, 3)
	for m := range out {
		out[m] = float64(offsets[m])
		for i, v := range flat {
			out[m] += v * float64(matrix[m*18+i])
		}
	}
	return out
}

func load(t *testing.T, m *w.Model) *graph.Graph {
	t.Helper()
	g, err := onnxload.LoadBytes(m.Marshal(), "test", "", onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestConstruction(t *testing.T) {
	g := load(t, network())
	f := g.Facts
	if f.Producer != "test" || f.IRVersion != 8 || f.Opset != 13 || f.Nodes != 7 || f.Folded != 1 || f.Metadata["classes"] != "3" || f.Converted != nil {
		t.Errorf("facts: %+v", f)
	}
	if want := int64(18 + 2 + 54 + 3); f.Parameters != want {
		t.Errorf("%d parameters, want %d: the folded bias counts once, what nothing reads not at all", f.Parameters, want)
	}
	if got, want := fmt.Sprint(f.Inputs, f.Outputs), "[{x float32 float32 [batch 1 6 6]}] [{scores float32 float32 [1 3]}]"; got != want {
		t.Errorf("declared %s, want %s", got, want)
	}
	want := []struct {
		name, typ string
		shape     []int
		kind      op.LocalityKind
	}{
		{"conv", "Conv", []int{1, 2, 6, 6}, op.Windowed},
		{"relu", "Relu", []int{1, 2, 6, 6}, op.Pointwise},
		{"pool", "MaxPool", []int{1, 2, 3, 3}, op.Windowed},
		{"flat", "Flatten", []int{1, 18}, op.Global},
		{"full", "Gemm", []int{1, 3}, op.Global},
	}
	if len(g.Nodes) != len(want) {
		t.Fatalf("%d nodes, want %d", len(g.Nodes), len(want))
	}
	for i, n := range g.Nodes {
		out := g.Values[n.Out[0]]
		if n.Name != want[i].name || n.Def.Name != want[i].typ || n.Opset != 13 || n.Locality.Kind != want[i].kind {
			t.Errorf("node %d is %s (%s, operator set %d, %v), want %+v", i, n.Name, n.Def.Name, n.Opset, n.Locality.Kind, want[i])
		}
		if out.Info.Type != tensor.Float32 || !slices.Equal(out.Info.Shape, want[i].shape) || out.Producer != i || out.Info.Value != nil {
			t.Errorf("node %s gives %q: %v %v of node %d, want %v", n.Name, out.Name, out.Info.Type, out.Info.Shape, out.Producer, want[i].shape)
		}
		for _, id := range n.In { // topological order
			if p := g.Values[id].Producer; p >= i {
				t.Errorf("node %s reads node %d", n.Name, p)
			}
		}
	}
	bias := g.Values[g.Nodes[0].In[2]].Info.Value
	if bias == nil || !reflect.DeepEqual(bias.Data, []float32{0.75, -0.375}) {
		t.Errorf("the bias is %v", bias)
	}
	if x := g.Values[g.Inputs[0]]; len(g.Inputs) != 1 || x.Name != "x" || x.Producer != -1 || !slices.Equal(x.Info.Shape, []int{1, 1, 6, 6}) {
		t.Errorf("input %+v", x)
	}
}

// TestExpr: the Gorgonia graph has the input and one node for each output, all
// with our shapes.
func TestExpr(t *testing.T) {
	g := load(t, network())
	e, err := g.Expr()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := g.Expr(); err != nil || again != e {
		t.Errorf("a second call gives another graph (%v)", err)
	}
	shapes := map[string]string{}
	for _, n := range e.AllNodes() {
		name := n.Name()
		if o, ok := n.Op().(*graph.Operation); ok {
			name = o.String()
			if o.Arity() != 1 || o.OverwritesInput() != -1 {
				t.Errorf("%s: arity %d, overwrites %d", o, o.Arity(), o.OverwritesInput())
			}
		}
		shapes[name] = fmt.Sprint(n.Dtype(), n.Shape())
	}
	want := map[string]string{
		"x": "float32 (1, 1, 6, 6)", "Conv(conv).0": "float32 (1, 2, 6, 6)", "Relu(relu).0": "float32 (1, 2, 6, 6)",
		"MaxPool(pool).0": "float32 (1, 2, 3, 3)", "Flatten(flat).0": "float32 (1, 18)", "Gemm(full).0": "float32 (1, 3)",
	}
	if !reflect.DeepEqual(shapes, want) {
		t.Errorf("the graph holds %v, want %v", shapes, want)
	}
}

func TestReference(t *testing.T) {
	g := load(t, network())
	r, err := graph.NewReference(g)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range 3 { // the machine can be used again
		x := ramp(36, func(i int) float64 { return math.Sin(float64(i*(seed+1) + seed)) })
		in := append([]float32{}, x...)
		out, err := r.Run(map[string]*tensor.Tensor{"x": tensor.New(in, 1, 1, 6, 6)})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(in, x) {
			t.Error("the input was written to")
		}
		if len(out) != 1 || !slices.Equal(out[0].Shape, []int{1, 3}) {
			t.Fatalf("outputs %v", out)
		}
		for i, want := range scores(x) {
			if got := float64(out[0].Data.([]float32)[i]); math.Abs(got-want) > 1e-5 {
				t.Errorf("seed %d: score %d is %g, want %g", seed, i, got, want)
			}
		}
	}
}

// TestReferenceShapes: what Gorgonia has no tensors for (scalars, empty and
// integer tensors, lengths that depend on data, several outputs) passes too.
func TestReferenceShapes(t *testing.T) {
	x := tensor.New([]float32{3, -1, 0, 2}, 4)
	info := func(name string) w.ValueInfo { return w.ValueInfo{Name: name, ElemType: 1} }
	node := func(name, typ string, in, out []string, a ...w.Attribute) w.Node {
		return w.Node{Name: name, OpType: typ, Inputs: in, Outputs: out, Attributes: a}
	}
	for _, c := range []struct {
		name  string
		nodes []w.Node
		want  []any
	}{
		{"scalar", []w.Node{node("a", "ReduceSum", []string{"x"}, []string{"s"}, w.Int("keepdims", 0)), node("b", "Neg", []string{"s"}, []string{"y"})}, []any{[]float32{-4}}},
		{"data", []w.Node{node("a", "NonZero", []string{"x"}, []string{"i"}), node("b", "Cast", []string{"i"}, []string{"y"}, w.Int("to", 1))}, []any{[]float32{0, 1, 3}}},
		{"outputs", []w.Node{node("a", "Split", []string{"x"}, []string{"y", "z"})}, []any{[]float32{3, -1}, []float32{0, 2}}},
		{"empty", []w.Node{node("a", "Slice", []string{"x", "zero", "zero"}, []string{"y"})}, []any{[]float32{}}},
		{"shared", []w.Node{node("a", "Identity", []string{"x"}, []string{"i"}), node("b", "Add", []string{"i", "i"}, []string{"y"})}, []any{[]float32{6, -2, 0, 4}}},
		{"twice", []w.Node{node("a", "Relu", []string{"x"}, []string{"y"}), node("b", "Relu", []string{"x"}, []string{"z"})}, []any{[]float32{3, 0, 0, 2}, []float32{3, 0, 0, 2}}},
		{"input", []w.Node{node("a", "Identity", []string{"x"}, []string{"y"})}, []any{[]float32{3, -1, 0, 2}}},
		{"constant", []w.Node{node("a", "Neg", []string{"zero"}, []string{"y"})}, []any{[]int64{0}}},
	} {
		m := &w.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: w.Graph{
			Inputs:       []w.ValueInfo{{Name: "x", ElemType: 1, Dims: w.Fixed(4)}},
			Outputs:      []w.ValueInfo{info("y"), info("z")}[:len(c.want)],
			Initializers: []w.Tensor{w.Raw("zero", []int64{1}, []int64{0})},
			Nodes:        c.nodes,
		}}
		r, err := graph.NewReference(load(t, m))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		out, err := r.Run(map[string]*tensor.Tensor{"x": x})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for i, want := range c.want {
			if !reflect.DeepEqual(out[i].Data, want) {
				t.Errorf("%s: output %d is %v, want %v", c.name, i, out[i].Data, want)
			}
		}
	}
}

// failing is an operator whose evaluation ends as it says.
type failing struct{ how string }

func (f failing) Infer(in []*op.Info, _ int) ([]op.Info, error) { return []op.Info{*in[0]}, nil }

func (f failing) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	switch f.how {
	case "error":
		return nil, errors.New("out of luck")
	case "panic":
		panic("out of luck")
	case "none":
		return nil, nil
	}
	return in[:1], nil
}

// chain is a graph of one failing node behind a good one.
func chain(how string) *graph.Graph {
	info := op.Info{Type: tensor.Float32, Shape: []int{2}}
	node := func(name string, o op.Operator, in, out graph.ValueID) *graph.Node {
		return &graph.Node{Name: name, Def: &op.Definition{Name: "Test"}, Op: o, In: []graph.ValueID{in}, Out: []graph.ValueID{out}}
	}
	return &graph.Graph{
		Values: []graph.Value{{Name: "x", Info: info, Producer: -1}, {Name: "y", Info: info, Producer: 0}, {Name: "z", Info: info, Producer: 1}},
		Nodes:  []*graph.Node{node("good", failing{}, 0, 1), node("bad", failing{how}, 1, 2)},
		Inputs: []graph.ValueID{0}, Outputs: []graph.ValueID{2},
	}
}

// TestErrorsNameTheNode: whatever goes wrong in Gorgonia's machine is an error
// that says where.
func TestErrorsNameTheNode(t *testing.T) {
	x := map[string]*tensor.Tensor{"x": tensor.New([]float32{1, 2}, 2)}
	for _, c := range []struct {
		name  string
		graph func() *graph.Graph
		in    map[string]*tensor.Tensor
		want  []string
	}{
		{"good", func() *graph.Graph { return chain("") }, x, nil},
		{"error", func() *graph.Graph { return chain("error") }, x, []string{"bad", "out of luck"}},
		{"panic", func() *graph.Graph { return chain("panic") }, x, []string{"bad", "out of luck"}},
		{"no outputs", func() *graph.Graph { return chain("none") }, x, []string{"bad", "0 outputs"}},
		{"order", func() *graph.Graph {
			g := chain("")
			slices.Reverse(g.Nodes)
			return g
		}, x, []string{"bad", `"y"`}},
		{"nothing varies", func() *graph.Graph {
			g := chain("")
			g.Values[1].Info.Value = x["x"]
			return g
		}, x, []string{"bad", "no input that varies"}},
		{"no value", func() *graph.Graph { return chain("") }, nil, []string{`"x"`, "no value"}},
		{"another shape", func() *graph.Graph { return chain("") }, map[string]*tensor.Tensor{"x": tensor.New([]float32{1}, 1)}, []string{`"x"`, "[1]", "[2]"}},
		{"another type", func() *graph.Graph { return chain("") }, map[string]*tensor.Tensor{"x": tensor.New([]int64{1, 2}, 2)}, []string{`"x"`, "int64", "float32"}},
		{"output of nothing", func() *graph.Graph {
			g := chain("")
			g.Values = append(g.Values, graph.Value{Name: "lost", Info: g.Values[0].Info, Producer: -1})
			g.Outputs = []graph.ValueID{3}
			return g
		}, x, []string{`"lost"`}},
	} {
		r, err := graph.NewReference(c.graph())
		if err == nil {
			_, err = r.Run(c.in)
		}
		if c.want == nil {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q does not say %q", c.name, err, want)
			}
		}
	}
}
