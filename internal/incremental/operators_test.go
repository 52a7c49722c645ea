package incremental_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"testing"

	"krypton/internal/onnxwrite"
	"krypton/internal/tensor"
)

// operatorResults is what ONNX Runtime computed of operatorCases: written by
// scripts/onnxruntime/operators.mjs. envOperators names a folder to which the cases
// are written for it, with another number of seeds, and read from it.
const (
	operatorResults = "../../testdata/onnxruntime-operators.json"
	envOperators    = "KRYPTON_OPERATORS"
)

// operatorCase is a small model that is under construction.
type operatorCase struct {
	name    string
	rng     *rand.Rand
	opset   int64
	graph   onnxwrite.Graph
	inputs  []*tensor.Tensor
	weights int
}

// input adds an input of the graph with its value.
func (c *operatorCase) input(t *tensor.Tensor) string {
	name := fmt.Sprintf("x%d", len(c.inputs))
	c.inputs = append(c.inputs, t)
	w := written(name, t)
	c.graph.Inputs = append(c.graph.Inputs, onnxwrite.ValueInfo{Name: name, ElemType: w.DataType, Dims: onnxwrite.Fixed(w.Dims...)})
	return name
}

// constant adds an initializer.
func (c *operatorCase) constant(t *tensor.Tensor) string {
	name := fmt.Sprintf("w%d", c.weights)
	c.weights++
	c.graph.Initializers = append(c.graph.Initializers, written(name, t))
	return name
}

// node adds a node of so many outputs; in may hold names, and tensors that are
// constants; nil is an absent input.
func (c *operatorCase) node(domain, op string, attrs []onnxwrite.Attribute, outputs int, in ...any) []string {
	n := onnxwrite.Node{OpType: op, Domain: domain, Attributes: attrs}
	for _, x := range in {
		switch x := x.(type) {
		case string:
			n.Inputs = append(n.Inputs, x)
		case *tensor.Tensor:
			n.Inputs = append(n.Inputs, c.constant(x))
		default:
			n.Inputs = append(n.Inputs, "")
		}
	}
	for i := range outputs {
		n.Outputs = append(n.Outputs, fmt.Sprintf("y%d_%d", len(c.graph.Nodes), i))
	}
	c.graph.Nodes = append(c.graph.Nodes, n)
	return n.Outputs
}

// output makes values the outputs.
func (c *operatorCase) output(names ...string) {
	for _, name := range names {
		c.graph.Outputs = append(c.graph.Outputs, onnxwrite.ValueInfo{Name: name})
	}
}

// bytes is the model's file.
func (c *operatorCase) bytes() []byte {
	m := onnxwrite.Model{IRVersion: 8, Graph: c.graph, Opsets: map[string]int64{"": c.opset, "com.microsoft": 1}}
	m.Graph.Name = "case"
	return m.Marshal()
}

// plain is n float32 numbers in [-a, a).
func (c *operatorCase) plain(a float32, shape ...int) *tensor.Tensor {
	t := tensor.Zeros[float32](shape...)
	d := t.Data.([]float32)
	for i := range d {
		d[i] = (c.rng.Float32()*2 - 1) * a
	}
	return t
}

// below is a random number, pick one of some.
func (c *operatorCase) below(n int) int { return c.rng.IntN(n) }

func pick[T any](c *operatorCase, of ...T) T { return of[c.rng.IntN(len(of))] }

func flag(c *operatorCase, name string) onnxwrite.Attribute {
	return onnxwrite.Int(name, int64(c.below(2)))
}

func written(name string, t *tensor.Tensor) onnxwrite.Tensor {
	dims := make([]int64, len(t.Shape))
	for i, n := range t.Shape {
		dims[i] = int64(n)
	}
	switch d := t.Data.(type) {
	case []float32:
		return onnxwrite.Raw(name, dims, d)
	case []int64:
		return onnxwrite.Raw(name, dims, d)
	case []int32:
		return onnxwrite.Raw(name, dims, d)
	case []uint8:
		return onnxwrite.Raw(name, dims, d)
	case []int8:
		return onnxwrite.Raw(name, dims, d)
	case []bool:
		return onnxwrite.Raw(name, dims, d)
	case []tensor.FourBits:
		return packed(name, dims, onnxwrite.DataType(tensor.Int4), d)
	case []tensor.FourBitsUnsigned:
		return packed(name, dims, onnxwrite.DataType(tensor.Uint4), d)
	case []tensor.Eight1:
		return asBytes(name, dims, onnxwrite.DataType(tensor.Float8E4M3), d)
	case []tensor.Eight2:
		return asBytes(name, dims, onnxwrite.DataType(tensor.Float8E5M2), d)
	}
	panic(fmt.Sprintf("no tensor of %T", t.Data))
}

// packed writes numbers of four bits, two to a byte, asBytes those of eight.
func packed[T tensor.FourBits | tensor.FourBitsUnsigned](name string, dims []int64, typ onnxwrite.DataType, d []T) onnxwrite.Tensor {
	t := onnxwrite.Tensor{Name: name, DataType: typ, Dims: dims, RawData: make([]byte, (len(d)+1)/2)}
	for i, v := range d {
		t.RawData[i/2] |= byte(v) & 15 << (i % 2 * 4)
	}
	return t
}

func asBytes[T tensor.Eight1 | tensor.Eight2](name string, dims []int64, typ onnxwrite.DataType, d []T) onnxwrite.Tensor {
	t := onnxwrite.Tensor{Name: name, DataType: typ, Dims: dims}
	for _, v := range d {
		t.RawData = append(t.RawData, byte(v))
	}
	return t
}

// number is a float in JSON, which has no NaN.
type number float64

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(b []byte) error {
	s := string(b)
	if len(s) > 1 && s[0] == '"' {
		s = s[1 : len(s)-1]
	}
	v, err := strconv.ParseFloat(s, 64)
	*n = number(v)
	return err
}

// jsonTensor is a tensor in JSON.
type jsonTensor struct {
	Type  string   `json:"type"`
	Shape []int    `json:"shape"`
	Data  []number `json:"data"`
}

func (j *jsonTensor) tensor() (*tensor.Tensor, error) {
	switch j.Type {
	case "float32":
		return numbers[float32](j), nil
	case "int64":
		return numbers[int64](j), nil
	case "int32":
		return numbers[int32](j), nil
	case "uint8":
		return numbers[uint8](j), nil
	case "int8":
		return numbers[int8](j), nil
	case "bool":
		t := tensor.Zeros[bool](j.Shape...)
		for i, v := range j.Data {
			t.Data.([]bool)[i] = v != 0
		}
		return t, nil
	}
	return nil, fmt.Errorf("type %q", j.Type)
}

func numbers[T tensor.Number](j *jsonTensor) *tensor.Tensor {
	t := tensor.Zeros[T](j.Shape...)
	for i, v := range j.Data {
		t.Data.([]T)[i] = T(v)
	}
	return t
}

// operatorResult is what ONNX Runtime made of a case: outputs, or an error.
type operatorResult struct {
	Outputs []jsonTensor `json:"outputs"`
	Error   string       `json:"error"`
}

// casesOf makes the cases of every family, so many of each.
func casesOf(seeds int) []*operatorCase {
	var cases []*operatorCase
	for _, family := range slices.Sorted(maps.Keys(operatorFamilies)) {
		for seed := range seeds {
			c := &operatorCase{name: fmt.Sprintf("%s/%d", family, seed), opset: 17, rng: rand.New(rand.NewPCG(uint64(seed), 77))}
			operatorFamilies[family](c)
			cases = append(cases, c)
		}
	}
	return cases
}

// storedSeeds is how many cases of each family lie in operatorResults.
const storedSeeds = 6

// TestOperatorsEqualONNXRuntime: operators with random attributes give the numbers
// of ONNX Runtime, by reference and in a plan.
func TestOperatorsEqualONNXRuntime(t *testing.T) {
	file, seeds := operatorResults, storedSeeds
	if dir := os.Getenv(envOperators); dir != "" {
		file = filepath.Join(dir, "results.json")
		seeds, _ = strconv.Atoi(os.Getenv(envOperators + "_SEEDS"))
		if _, err := os.Stat(file); err != nil {
			writeOperators(t, dir, casesOf(seeds))
			t.Skipf("cases are in %s: run operators.mjs", dir)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var results map[string]operatorResult
	if err := json.Unmarshal(b, &results); err != nil {
		t.Fatal(err)
	}
	wrong, refused := map[string]int{}, map[string]int{}
	for _, c := range casesOf(seeds) {
		family := path.Dir(c.name)
		r, ok := results[c.name]
		if !ok {
			t.Errorf("%s: no result of ONNX Runtime", c.name)
			continue
		}
		if r.Error != "" {
			refused[family]++
			continue
		}
		o := &onnxCase{name: c.name, model: c.bytes(), inputs: c.inputs, absolute: 2e-6}
		for i := range r.Outputs {
			out, err := r.Outputs[i].tensor()
			if err != nil {
				t.Fatal(err)
			}
			o.outputs = append(o.outputs, out)
		}
		err := o.byGorgonia()
		if err == nil {
			err = o.byPlan()
		}
		if err != nil {
			if wrong[family]++; wrong[family] <= 4 {
				t.Errorf("%s: %v\n%s", c.name, err, c)
			}
		}
	}
	t.Logf("wrong: %v; refused by ONNX Runtime: %v", wrong, refused)
}

// String lists the nodes.
func (c *operatorCase) String() string {
	s := ""
	for _, n := range c.graph.Nodes {
		s += fmt.Sprintf("  %s %v -> %v {", n.OpType, n.Inputs, n.Outputs)
		for _, a := range n.Attributes {
			s += fmt.Sprintf(" %s=%v%v%v%v%q", a.Name, a.I, a.F, a.Ints, a.Floats, a.S)
		}
		s += " }\n"
	}
	for _, w := range c.graph.Initializers {
		s += fmt.Sprintf("  %s %v", w.Name, w.Dims)
	}
	for i, x := range c.inputs {
		s += fmt.Sprintf("  x%d %v", i, x.Shape)
	}
	return s
}

// writeOperators writes models and inputs for the script.
func writeOperators(t *testing.T, dir string, cases []*operatorCase) {
	t.Helper()
	type input struct {
		Name  string `json:"name"`
		Type  string `json:"type"`
		Shape []int  `json:"shape"`
		Data  []any  `json:"data"`
	}
	type entry struct {
		Name   string  `json:"name"`
		Model  []byte  `json:"model"`
		Inputs []input `json:"inputs"`
	}
	var list []entry
	for _, c := range cases {
		e := entry{Name: c.name, Model: c.bytes(), Inputs: []input{}}
		for i, x := range c.inputs {
			in := input{Name: fmt.Sprintf("x%d", i), Type: x.DType().String(), Shape: append([]int{}, x.Shape...), Data: []any{}}
			for _, v := range floats(x) {
				switch {
				case math.IsNaN(v) || math.IsInf(v, 0):
					in.Data = append(in.Data, fmt.Sprint(v))
				default:
					in.Data = append(in.Data, v)
				}
			}
			e.Inputs = append(e.Inputs, in)
		}
		list = append(list, e)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	b, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cases.json"), b, 0o644); err != nil {
		t.Fatal(err)
	}
}
