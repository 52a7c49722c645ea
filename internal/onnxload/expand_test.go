package onnxload

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"krypton/internal/graph"
	"krypton/internal/onnxwrite"
	"krypton/internal/tensor"
)

// lines builds a model over x of shape [2] from nodes, each written as
// "out = Op in in"; the output is y.
func lines(text ...string) *onnxwrite.Model {
	return &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 18, "own": 1}, Graph: onnxwrite.Graph{
		Inputs:       []onnxwrite.ValueInfo{{Name: "x", ElemType: 1, Dims: onnxwrite.Fixed(2)}},
		Outputs:      []onnxwrite.ValueInfo{{Name: "y"}},
		Initializers: []onnxwrite.Tensor{onnxwrite.Raw("two", nil, []float32{2}), onnxwrite.Raw("yes", nil, []bool{true}), onnxwrite.Raw("no", nil, []bool{false})},
		Nodes:        onnxwrite.Lines(text...),
	}}
}

// function makes a function of the domain own: "in in -> out out".
func function(name, signature string, nodes ...onnxwrite.Node) onnxwrite.Function {
	in, out, _ := strings.Cut(signature, "->")
	return onnxwrite.Function{Name: name, Domain: "own", Inputs: strings.Fields(in), Outputs: strings.Fields(out), Nodes: nodes, Opsets: map[string]int64{"": 18, "own": 1}}
}

// results runs a model on x = [3, -5] and gives y.
func results(m *onnxwrite.Model, opt Options) ([]float32, *graph.Graph, error) {
	g, err := LoadBytes(m.Marshal(), "m", "", opt)
	if err != nil {
		return nil, nil, err
	}
	r, err := graph.NewReference(g)
	if err != nil {
		return nil, nil, err
	}
	out, err := r.Run(map[string]*tensor.Tensor{"x": tensor.New([]float32{3, -5}, 2)})
	if err != nil {
		return nil, nil, err
	}
	f, err := out[0].Floats()
	return f, g, err
}

// branches is an If node.
func branches(out, condition string, yes, no onnxwrite.Graph) onnxwrite.Node {
	return onnxwrite.Node{Name: "choice", OpType: "If", Inputs: []string{condition}, Outputs: strings.Fields(out),
		Attributes: []onnxwrite.Attribute{onnxwrite.GraphValue("then_branch", yes), onnxwrite.GraphValue("else_branch", no)}}
}

// arm is a branch: lines, and the names that it gives.
func arm(gives string, nodes ...onnxwrite.Node) onnxwrite.Graph {
	g := onnxwrite.Graph{Nodes: nodes}
	for _, name := range strings.Fields(gives) {
		g.Outputs = append(g.Outputs, onnxwrite.ValueInfo{Name: name})
	}
	return g
}

// TestFunctions: functions are put in line, with attributes, names and operator sets
// of their own.
func TestFunctions(t *testing.T) {
	relu := function("relu", "a->b", onnxwrite.Lines("h = Neg a", "g = Relu h", "b = Neg g")...) // min(a, 0)
	leaky := func(defaults ...onnxwrite.Attribute) onnxwrite.Function {
		f := function("leaky", "a->b", onnxwrite.Lines("b = LeakyRelu a")[0].With(onnxwrite.Reference("alpha", "slope", onnxwrite.AttrFloat)))
		if f.Defaults = defaults; defaults == nil {
			f.Attributes = []string{"slope"}
		}
		return f
	}
	deep := func(n int) (fs []onnxwrite.Function) {
		for i := range n {
			calls := "b = own.f" + strconv.Itoa(i+1) + " a"
			if i == n-1 {
				calls = "b = Neg a"
			}
			fs = append(fs, function("f"+strconv.Itoa(i), "a->b", onnxwrite.Lines(calls)...))
		}
		return fs
	}
	zero := float32(math.Copysign(0, -1)) // Neg of Relu's 0
	for name, c := range map[string]struct {
		m         *onnxwrite.Model
		functions []onnxwrite.Function
		want      []float32
	}{
		"once":               {lines("y = own.relu x"), []onnxwrite.Function{relu}, []float32{zero, -5}},
		"twice, equal names": {lines("h = own.relu x", "g = Neg h", "b = own.relu g", "y = Sub b h"), []onnxwrite.Function{relu}, []float32{0, 5}},
		"nested": {lines("y = own.outer x two"), []onnxwrite.Function{function("outer", "a h->b", onnxwrite.Lines("g = Mul a h", "b = own.relu g")...), relu},
			[]float32{zero, -10}},
		"output first in the file":   {lines("y = Neg h", "h = own.relu x"), []onnxwrite.Function{relu}, []float32{0, 5}},
		"hands an input on":          {lines("y = own.pass x"), []onnxwrite.Function{function("pass", "a->a")}, []float32{3, -5}},
		"gives a value twice":        {lines("p q = own.two x", "y = Add p q"), []onnxwrite.Function{function("two", "a->b b", onnxwrite.Lines("b = Neg a")...)}, []float32{-6, 10}},
		"output that is left out":    {lines("- q = own.two x", "y = Neg q"), []onnxwrite.Function{function("two", "a->b c", onnxwrite.Lines("b = Neg a", "c = Abs b")...)}, []float32{-3, -5}},
		"input that is left out":     {lines("y = own.limit x"), []onnxwrite.Function{function("limit", "a lo hi->b", onnxwrite.Lines("b = Clip a lo hi")...)}, []float32{3, -5}},
		"input left out in between":  {lines("y = own.limit x - two"), []onnxwrite.Function{function("limit", "a lo hi->b", onnxwrite.Lines("b = Clip a lo hi")...)}, []float32{2, -5}},
		"attribute by default":       {lines("y = own.leaky x"), []onnxwrite.Function{leaky(onnxwrite.Float("slope", .5))}, []float32{3, -2.5}},
		"attribute that nobody gave": {lines("y = own.leaky x"), []onnxwrite.Function{leaky()}, []float32{3, float32(-5) * float32(.01)}},
		"32 deep":                    {lines("y = own.f0 x"), deep(32), []float32{-3, 5}},
	} {
		c.m.Functions = c.functions
		got, _, err := results(c.m, Options{})
		if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}

	m := lines("y = own.leaky x")
	m.Functions = []onnxwrite.Function{leaky(onnxwrite.Float("slope", .5))}
	m.Graph.Nodes[0] = m.Graph.Nodes[0].With(onnxwrite.Float("slope", .25))
	if got, _, err := results(m, Options{}); err != nil || fmt.Sprint(got) != "[3 -1.25]" {
		t.Errorf("attribute of the call: %v, %v", got, err)
	}
	m = lines("y = own.times x")
	m.Functions = []onnxwrite.Function{function("times", "a->b", onnxwrite.Lines("c = Constant")[0].With(onnxwrite.Reference("value_float", "by", onnxwrite.AttrFloat)), onnxwrite.Lines("b = Mul a c")[0])}
	m.Functions[0].Defaults = []onnxwrite.Attribute{onnxwrite.Float("by", 4)}
	if got, _, err := results(m, Options{}); err != nil || fmt.Sprint(got) != "[12 -20]" {
		t.Errorf("constant that stands for an attribute: %v, %v", got, err)
	}
	m = lines("y = own.f0 x")
	m.Functions = deep(33)
	refused(t, "33 deep", m, "more than 32 deep")
	m.Functions = []onnxwrite.Function{function("f0", "a->b", onnxwrite.Lines("b = own.g a")...), function("g", "a->b", onnxwrite.Lines("b = own.f0 a")...)}
	refused(t, "circle", m, `"f0" of domain "own" calls "g" of domain "own" calls "f0" of domain "own"`)
	m.Functions = []onnxwrite.Function{relu, relu}
	refused(t, "two of one name", m, "defined twice")
	m.Functions = nil
	for i := range 30 { // each calls the next one ten times
		var nodes []onnxwrite.Node
		for k := range 10 {
			nodes = append(nodes, onnxwrite.Lines(fmt.Sprintf("v%d = own.f%d a", k, i+1))...)
		}
		m.Functions = append(m.Functions, function("f"+strconv.Itoa(i), "a->v0", nodes...))
	}
	refused(t, "10^30 nodes", m, "more than 1048576 parts")
	m.Functions = []onnxwrite.Function{function("f0", "a->b", onnxwrite.Lines("b = Frobnicate a")...)}
	refused(t, "unknown operator", m, `node "y/y": operator Frobnicate (operator set 18)`)
	m.Functions = []onnxwrite.Function{relu}
	m.Functions[0].Name, m.Functions[0].Opsets = "f0", map[string]int64{"own": 1}
	refused(t, "no operator set", m, "names no operator set")
	m.Graph.Nodes[0].Inputs = []string{"x", "x"}
	refused(t, "too many inputs", m, "2 inputs and 1 outputs; it has 1 and 1")
	m = lines("y = LeakyRelu x")
	m.Graph.Nodes[0] = m.Graph.Nodes[0].With(onnxwrite.Reference("alpha", "slope", onnxwrite.AttrFloat))
	refused(t, "reference outside", m, "the node is in none")
}

// TestFunctionsOfOtherOperatorSets: a body is of the operator sets that its function
// names, whatever the model's: Clip has attributes in 6 to 10, and Squeeze until 12.
func TestFunctionsOfOtherOperatorSets(t *testing.T) {
	m := lines("h = own.old x", "y = Clip h two")
	old := function("old", "a->b", onnxwrite.Lines("b = Clip a")[0].With(onnxwrite.Float("max", 2.5), onnxwrite.Float("min", -9)))
	old.Opsets[""] = 9
	m.Functions = []onnxwrite.Function{old}
	if got, _, err := results(m, Options{}); err != nil || fmt.Sprint(got) != "[2.5 2]" {
		t.Errorf("%v, %v", got, err)
	}
}

func refused(t *testing.T, name string, m *onnxwrite.Model, want string) {
	t.Helper()
	_, err := LoadBytes(m.Marshal(), "m", "", Options{})
	if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, ErrModel) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: %v, want %q", name, err, want)
	}
}

// TestBranches: of an If whose condition is known the branch that it takes is put in
// line; of one that depends on data both are computed, if they give values of one shape.
func TestBranches(t *testing.T) {
	neg, abs := arm("h", onnxwrite.Lines("h = Neg x")...), arm("h", onnxwrite.Lines("h = Abs x")...)
	shape := onnxwrite.Lines("s = Shape x", "n = Size s", "one = Size two", "rank1 = Equal n one")
	for name, c := range map[string]struct {
		nodes []onnxwrite.Node
		want  string
	}{
		"true":                   {[]onnxwrite.Node{branches("y", "yes", neg, abs)}, "[-3 5]"},
		"false":                  {[]onnxwrite.Node{branches("y", "no", neg, abs)}, "[3 5]"},
		"by the shape":           {append(shape, branches("y", "rank1", neg, abs)), "[-3 5]"},
		"two that use one name":  {[]onnxwrite.Node{branches("p", "yes", neg, abs), branches("q", "no", neg, abs), onnxwrite.Lines("y = Add p q")[0]}, "[0 10]"},
		"a value around it":      {append(onnxwrite.Lines("g = Mul x two"), branches("y", "yes", arm("h", onnxwrite.Lines("h = Neg g")...), abs)), "[-6 10]"},
		"hands a value on":       {append(onnxwrite.Lines("g = Mul x two"), branches("y", "yes", arm("g"), abs)), "[6 -10]"},
		"constants of its own":   {[]onnxwrite.Node{branches("y", "yes", onnxwrite.Graph{Outputs: arm("h").Outputs, Initializers: []onnxwrite.Tensor{onnxwrite.Raw("w", nil, []float32{7})}, Nodes: onnxwrite.Lines("h = Mul x w")}, abs)}, "[21 -35]"},
		"the other is unknown":   {[]onnxwrite.Node{branches("y", "yes", neg, arm("h", onnxwrite.Lines("h = Frobnicate x")...))}, "[-3 5]"},
		"nested":                 {[]onnxwrite.Node{branches("y", "yes", arm("h", onnxwrite.Lines("g = Mul x two")[0], branches("h", "no", neg, arm("q", onnxwrite.Lines("q = Neg g")...))), abs)}, "[-6 10]"},
		"nested, names repeated": {[]onnxwrite.Node{branches("y", "yes", arm("h", branches("h", "no", abs, neg)), abs)}, "[-3 5]"},
		"before what it reads":   {append([]onnxwrite.Node{branches("y", "yes", arm("h", onnxwrite.Lines("h = Neg g")...), abs)}, onnxwrite.Lines("g = Mul x two")...), "[-6 10]"},
	} {
		m := lines()
		m.Graph.Nodes = c.nodes
		got, _, err := results(m, Options{})
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, %v, want %s", name, got, err, c.want)
		}
	}
	m := lines()
	choose := onnxwrite.Lines("b = If c")[0].With(onnxwrite.GraphValue("then_branch", arm("h", onnxwrite.Lines("h = LeakyRelu a")[0].With(onnxwrite.Reference("alpha", "slope", onnxwrite.AttrFloat)))),
		onnxwrite.GraphValue("else_branch", arm("h", onnxwrite.Lines("h = own.negative a")...)))
	m.Functions = []onnxwrite.Function{function("choose", "a c->b", choose), function("negative", "h->g", onnxwrite.Lines("g = Neg h")...)}
	m.Functions[0].Attributes = []string{"slope"}
	m.Graph.Nodes = []onnxwrite.Node{onnxwrite.Lines("p = own.choose x yes")[0].With(onnxwrite.Float("slope", .5)), onnxwrite.Lines("q = own.choose x no")[0], onnxwrite.Lines("y = Add p q")[0]}
	if got, _, err := results(m, Options{}); err != nil || fmt.Sprint(got) != "[0 2.5]" {
		t.Errorf("in a function: %v, %v", got, err)
	}

	ask := onnxwrite.Lines("top = ReduceMax x", "big = Greater top two", "small = Less top two", "line = Squeeze top", "point = Less line two", "both = Greater x two")
	for condition, want := range map[string]string{"big": "[-3 5]", "small": "[3 5]", "point": "[3 5]"} {
		m.Graph.Nodes = append(slices.Clone(ask), branches("y", condition, neg, abs))
		if got, _, err := results(m, Options{}); err != nil || fmt.Sprint(got) != want {
			t.Errorf("by data, %s: %v, %v, want %s", condition, got, err, want)
		}
	}
	m.Graph.Nodes = append(slices.Clone(ask), branches("y", "big", arm("h", onnxwrite.Lines("h = Size x")...), abs))
	refused(t, "by data, types", m, `node "choice" (If, operator set 18): its condition "big" depends on data, and its branches give`)
	m.Graph.Nodes = append(slices.Clone(ask), branches("y", "big", arm("h", onnxwrite.Lines("h = ReduceMax x")...), abs))
	refused(t, "by data, shapes", m, "must be known when the model is loaded")
	m.Graph.Nodes = append(slices.Clone(ask), branches("y", "both", neg, abs))
	refused(t, "by data, two", m, "want one truth value")
	m.Graph.Nodes = []onnxwrite.Node{branches("y", "two", neg, abs)}
	refused(t, "no truth value", m, "want one truth value")
	m.Graph.Nodes = []onnxwrite.Node{branches("y", "yes", arm("h g", onnxwrite.Lines("h g = Split x")...), abs)}
	refused(t, "outputs", m, "the branch has 2 outputs, the node 1")
	m.Graph.Nodes = []onnxwrite.Node{branches("y", "yes", arm("h", onnxwrite.Lines("h = Neg g", "g = Neg h")...), abs)}
	refused(t, "cycle", m, "part of a cycle")
	m.Graph.Nodes = []onnxwrite.Node{branches("y", "yes", arm("h", onnxwrite.Lines("h = Neg nothing")...), abs)}
	refused(t, "dangling", m, `reads "nothing"`)
	m.Graph.Nodes = []onnxwrite.Node{branches("y", "yes", arm("h", onnxwrite.Lines("h = Frobnicate x")...), abs)}
	refused(t, "unknown operator", m, `node "h:1": operator Frobnicate`)
	deep := neg
	for range 200 {
		deep = arm("h", branches("h", "yes", deep, arm("x")))
	}
	m.Graph.Nodes = []onnxwrite.Node{branches("y", "yes", deep, abs)}
	refused(t, "200 deep", m, "more than 32 deep")
}

// TestCut: what no output needs that is asked for, or can be made, does not hinder.
func TestCut(t *testing.T) {
	foreign := onnxwrite.Node{Name: "tail", OpType: "NonsenseTail", Domain: "com.example", Inputs: []string{"y"}, Outputs: []string{"z"}}
	zipmap := onnxwrite.Node{Name: "names", OpType: "ZipMap", Domain: "ai.onnx.ml", Inputs: []string{"y"}, Outputs: []string{"z"}, Attributes: []onnxwrite.Attribute{onnxwrite.Strings("classlabels_strings", "cat", "dog")}}
	outputs := func(names ...string) (v []onnxwrite.ValueInfo) {
		for _, n := range names {
			v = append(v, onnxwrite.ValueInfo{Name: n})
		}
		return v
	}
	texts := onnxwrite.StringTensor("texts", []int64{2}, []string{"a", "b"})
	for name, c := range map[string]struct {
		last   onnxwrite.Node
		asked  []string
		order  string // of the file's outputs
		gives  string // the outputs of the graph
		labels string
	}{
		"the other is asked for":   {foreign, []string{"y"}, "y z", "y", ""},
		"the first that can be":    {foreign, nil, "z y", "y", ""},
		"SequenceConstruct":        {onnxwrite.Lines("z = SequenceConstruct y")[0], nil, "y z", "y", ""},
		"strings":                  {onnxwrite.Node{OpType: "ArrayFeatureExtractor", Domain: "ai.onnx.ml", Inputs: []string{"texts", "y"}, Outputs: []string{"z"}}, nil, "z y", "y", ""},
		"strings, by our operator": {onnxwrite.Lines("z = Gather texts y")[0], nil, "z y", "y", ""},
		"wrong shapes":             {onnxwrite.Lines("z = Conv y y")[0], nil, "z y", "y", ""},
		"data decides":             {onnxwrite.Lines("z = Reshape x y")[0], nil, "z y", "y", ""},
		"no output at all":         {foreign, nil, "y", "y", ""},
		"ZipMap":                   {zipmap, nil, "z y", "z y", "cat dog"},
		"ZipMap behind":            {zipmap, []string{"y"}, "y z", "y", "cat dog"},
		"ZipMap alone":             {zipmap, nil, "z", "z", "cat dog"},
		"data decides a branch":    {branches("z", "big", arm("h", onnxwrite.Lines("h = Size x")...), arm("x")), nil, "z y", "y", ""},
	} {
		m := lines("h = Neg x", "top = ReduceMax x", "big = Greater top two", "y = Abs h")
		m.Graph.Nodes = append(m.Graph.Nodes, c.last)
		m.Graph.Initializers = append(m.Graph.Initializers, texts)
		m.Graph.Outputs = outputs(strings.Fields(c.order)...)
		got, g, err := results(m, Options{Outputs: c.asked})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var names []string
		for _, id := range g.Outputs {
			names = append(names, g.Values[id].Name)
		}
		left := slices.ContainsFunc(g.Facts.Left, func(u graph.Unmade) bool { return u.Name == "z" && (u.Why != "") == (c.asked == nil) })
		if fmt.Sprint(got) != "[3 5]" || strings.Join(names, " ") != c.gives || strings.Join(g.Facts.Labels, " ") != c.labels ||
			left != (strings.Contains(c.order, "z") && !strings.Contains(c.gives, "z")) {
			t.Errorf("%s: %v of %v, labels %v, left %+v", name, got, names, g.Facts.Labels, g.Facts.Left)
		}
	}
	m := lines("y = Abs x")
	m.Graph.Nodes = append(m.Graph.Nodes, foreign)
	m.Graph.Outputs = outputs("y", "z")
	if _, err := LoadBytes(m.Marshal(), "m", "", Options{Outputs: []string{"z"}}); err == nil || !strings.Contains(err.Error(), `node "tail": operator NonsenseTail of domain "com.example"`) {
		t.Errorf("asked for: %v", err)
	}
	within := lines("h = Abs x", "y = Neg h")
	if got, g, err := results(within, Options{Outputs: []string{"h"}}); err != nil || fmt.Sprint(got) != "[3 5]" || len(g.Outputs) != 1 {
		t.Errorf("within the network: %v, %v", got, err)
	}
	if _, err := LoadBytes(m.Marshal(), "m", "", Options{Outputs: []string{"q"}}); !errors.Is(err, ErrOutput) || !strings.Contains(err.Error(), "y, z") {
		t.Errorf("unknown: %v", err)
	}
	m.Graph.Nodes = append(m.Graph.Nodes, onnxwrite.Lines("w = Frobnicate x")...)
	m.Graph.Outputs = outputs("z", "w")
	refused(t, "none", m, `no output can be made: "z": node "tail": operator NonsenseTail of domain "com.example" is not supported; "w": node "w": operator Frobnicate`)
	m = lines("y = Abs x", "z = Add x more")
	m.Graph.Inputs = append(m.Graph.Inputs, onnxwrite.ValueInfo{Name: "more", ElemType: 1, Dims: []onnxwrite.Dim{onnxwrite.Symbolic("n")}})
	m.Graph.Outputs = outputs("y", "z")
	if got, g, err := results(m, Options{Outputs: []string{"y"}}); err != nil || len(g.Inputs) != 1 || len(g.Facts.Inputs) != 2 || fmt.Sprint(got) != "[3 5]" {
		t.Errorf("an input that nobody needs: %v, %v", got, err)
	}
}

// TestSixteenBits: what is of 16 bits anywhere is float32 everywhere.
func TestSixteenBits(t *testing.T) {
	half := func(f ...float32) (h []onnxwrite.Float16) {
		for _, v := range f {
			h = append(h, onnxwrite.ToFloat16(v))
		}
		return h
	}
	cast := func(line string, to int64) onnxwrite.Node {
		return onnxwrite.Lines(line)[0].With(onnxwrite.Int("to", to))
	}
	for name, c := range map[string]struct {
		m    func() *onnxwrite.Model
		want string
		says string
	}{
		"float32 at the ends": {func() *onnxwrite.Model {
			m := lines()
			m.Graph.Initializers = append(m.Graph.Initializers, onnxwrite.Raw("w", []int64{2}, half(.5, 3)))
			m.Graph.Nodes = []onnxwrite.Node{cast("h = Cast x", 10), onnxwrite.Lines("g = Mul h w")[0], cast("y = Cast g", 1)}
			return m
		}, "[1.5 -15]", "[float16]"},
		"beyond its range": {func() *onnxwrite.Model {
			m := lines()
			m.Graph.Initializers = append(m.Graph.Initializers, onnxwrite.Raw("w", []int64{2}, half(60000, 60000)))
			m.Graph.Nodes = []onnxwrite.Node{cast("h = Cast x", 10), onnxwrite.Lines("y = Mul h w")[0]}
			return m
		}, "[180000 -300000]", "[float16]"},
		"only a cast": {func() *onnxwrite.Model {
			m := lines()
			m.Graph.Nodes = []onnxwrite.Node{cast("h = Cast x", 16), cast("y = Cast h", 1)}
			return m
		}, "[3 -5]", "[bfloat16]"},
		"bfloat16 constant": {func() *onnxwrite.Model {
			m := lines()
			m.Graph.Nodes = []onnxwrite.Node{onnxwrite.Lines("w = Constant")[0].With(onnxwrite.TensorValue("value", onnxwrite.Raw("", nil, []onnxwrite.BFloat16{onnxwrite.ToBFloat16(1.5)}))),
				onnxwrite.Lines("h = CastLike x w")[0], onnxwrite.Lines("y = Mul h w")[0]}
			return m
		}, "[4.5 -7.5]", "[bfloat16]"},
		"shape's constant": {func() *onnxwrite.Model {
			m := lines("s = Shape x")
			m.Graph.Nodes = append(m.Graph.Nodes, onnxwrite.Lines("w = ConstantOfShape s")[0].With(onnxwrite.TensorValue("value", onnxwrite.Raw("", []int64{1}, half(4)))), onnxwrite.Lines("y = Mul x w")[0])
			return m
		}, "[12 -20]", "[float16]"},
		"input": {func() *onnxwrite.Model {
			m := lines("y = Mul x w")
			m.Graph.Inputs[0].ElemType = 10
			m.Graph.Initializers = append(m.Graph.Initializers, onnxwrite.Raw("w", nil, []float32{2}))
			return m
		}, "[6 -10]", "[float16]"},
		"in a branch and a function": {func() *onnxwrite.Model {
			m := lines()
			m.Functions = []onnxwrite.Function{function("f", "a->b", cast("h = Cast a", 10), branches("g", "on", onnxwrite.Graph{Outputs: arm("q").Outputs,
				Initializers: []onnxwrite.Tensor{onnxwrite.Raw("w", nil, half(2))}, Nodes: onnxwrite.Lines("q = Mul h w")}, arm("h")), cast("b = Cast g", 1))}
			m.Functions[0].Inputs = []string{"a", "on"}
			m.Graph.Nodes = onnxwrite.Lines("y = own.f x yes")
			return m
		}, "[6 -10]", "[float16]"},
	} {
		got, g, err := results(c.m(), Options{})
		if err != nil || fmt.Sprint(got) != c.want || fmt.Sprint(g.Facts.Converted) != c.says {
			t.Errorf("%s: %v, %v, want %s", name, got, err, c.want)
			continue
		}
		for _, v := range g.Values {
			if v.Info.Type == tensor.Float16 || v.Info.Type == tensor.BFloat16 {
				t.Errorf("%s: %q is of type %v", name, v.Name, v.Info.Type)
			}
		}
	}
}
