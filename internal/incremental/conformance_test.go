package incremental_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"krypton/internal/graph"
	"krypton/internal/incremental"
	"krypton/internal/onnxload"
	"krypton/internal/tensor"
)

// data is the folder of real files, or the test is skipped.
func data(t testing.TB) string {
	dir := os.Getenv("KRYPTON_DATA")
	if dir == "" {
		t.Skip("KRYPTON_DATA is not set: it names the folder of real models and the ONNX project's test cases")
	}
	return dir
}

// onnxCase is one of the ONNX project's node tests.
type onnxCase struct {
	name, dir string
	model     []byte
	inputs    []*tensor.Tensor // in the order of the graph's inputs, nil for absent
	outputs   []*tensor.Tensor
	absolute  float64 // tolerance, if more than the upstream runner's
}

func readCase(dir string) (*onnxCase, error) {
	c := &onnxCase{name: filepath.Base(filepath.Dir(dir)) + "/" + filepath.Base(dir), dir: dir}
	var err error
	if c.model, err = os.ReadFile(filepath.Join(dir, "model.onnx")); err != nil {
		return nil, err
	}
	read := func(kind string) (ts []*tensor.Tensor, err error) {
		for i := 0; ; i++ {
			b, err := os.ReadFile(filepath.Join(dir, "test_data_set_0", fmt.Sprintf("%s_%d.pb", kind, i)))
			if errors.Is(err, os.ErrNotExist) {
				return ts, nil
			}
			if err != nil {
				return nil, err
			}
			if len(b) == 0 {
				ts = append(ts, nil)
				continue
			}
			_, t, err := onnxload.Tensor(b)
			if err != nil {
				return nil, fmt.Errorf("%s_%d: %w", kind, i, err)
			}
			ts = append(ts, t)
		}
	}
	if c.inputs, err = read("input"); err != nil {
		return nil, err
	}
	c.outputs, err = read("output")
	return c, err
}

// load loads a case with its tensors bound to the inputs that decide shapes,
// and, for a plan, to every input but the first one that can vary.
func (c *onnxCase) load(forPlan bool) (*graph.Graph, map[string]*tensor.Tensor, error) {
	opt := onnxload.Options{Bind: map[string]*tensor.Tensor{}, Shapes: map[string][]int{}}
	names, err := onnxload.InputNames(c.model)
	if err != nil {
		return nil, nil, err
	}
	if len(names) < len(c.inputs) {
		return nil, nil, fmt.Errorf("%d inputs for a graph of %d", len(c.inputs), len(names))
	}
	feeds := map[string]*tensor.Tensor{}
	free := ""
	for i, t := range c.inputs {
		if t == nil {
			continue
		}
		feeds[names[i]] = t
		opt.Shapes[names[i]] = t.Shape
		if free == "" && t.DType() == tensor.Float32 && t.Len() > 0 {
			free = names[i]
		}
	}
	for i, t := range c.inputs {
		if t != nil && forPlan && names[i] != free {
			opt.Bind[names[i]] = t
		}
	}
	g, err := onnxload.LoadBytes(c.model, c.name, "", opt)
	if err != nil && strings.Contains(err.Error(), "must be a constant") && !forPlan {
		for i, t := range c.inputs {
			if t != nil && names[i] != free {
				opt.Bind[names[i]] = t
			}
		}
		g, err = onnxload.LoadBytes(c.model, c.name, "", opt)
	}
	if err != nil && strings.Contains(err.Error(), "must be a constant") {
		opt.Bind[free] = feeds[free] // a shape that is given as floats: scales
		g, err = onnxload.LoadBytes(c.model, c.name, "", opt)
	}
	if g != nil {
		for _, id := range g.Inputs {
			v := &g.Values[id]
			if t := feeds[v.Name]; t != nil && v.Info.Type == tensor.Float32 && t.DType() != tensor.Float32 {
				f, err := t.Floats()
				if err != nil {
					return nil, nil, err
				}
				feeds[v.Name] = &tensor.Tensor{Shape: t.Shape, Data: f}
			}
		}
	}
	return g, feeds, err
}

// compare applies the pass rule of the upstream runner, with its absolute tolerance
// or another.
func compare(got, want *tensor.Tensor, absolute float64) error {
	if got == nil {
		return errors.New("no output")
	}
	// What is of 16 bits in a file is taken as float32 throughout.
	if got.DType() != want.DType() && !(got.DType() == tensor.Float32 && want.DType() == tensor.Float16) {
		return fmt.Errorf("element type %v, want %v", got.DType(), want.DType())
	}
	if fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) {
		return fmt.Errorf("shape %v, want %v", got.Shape, want.Shape)
	}
	switch w := want.Data.(type) {
	case []float32, []float64, []tensor.Half:
		a, b := floats(got), floats(want)
		for i := range b {
			if math.IsNaN(a[i]) && math.IsNaN(b[i]) || a[i] == b[i] {
				continue
			}
			if !(math.Abs(a[i]-b[i]) <= absolute+1e-3*math.Abs(b[i])) {
				return fmt.Errorf("[%d] is %g, want %g", i, a[i], b[i])
			}
		}
	default:
		if fmt.Sprint(got.Data) != fmt.Sprint(w) {
			return fmt.Errorf("is %.200v, want %.200v", got.Data, w)
		}
	}
	return nil
}

func floats(t *tensor.Tensor) []float64 {
	if d, ok := t.Data.([]float64); ok {
		return d
	}
	f, err := t.Floats()
	if err != nil {
		return nil
	}
	out := make([]float64, len(f))
	for i, v := range f {
		out[i] = float64(v)
	}
	return out
}

// errWrong marks a result that is not the expected one: never allowed.
var errWrong = errors.New("wrong result")

// byGorgonia runs the case on Gorgonia's machine.
func (c *onnxCase) byGorgonia() error {
	g, feeds, err := c.load(false)
	if err != nil {
		return err
	}
	r, err := graph.NewReference(g)
	if err != nil {
		return err
	}
	out, err := r.Run(feeds)
	if err != nil {
		return err
	}
	return c.check(out)
}

// byPlan runs the case on the engine's plan.
func (c *onnxCase) byPlan() error {
	g, feeds, err := c.load(true)
	if err != nil {
		return err
	}
	var out []*tensor.Tensor
	if len(g.Inputs) == 0 { // everything was folded
		for _, id := range g.Outputs {
			out = append(out, g.Values[id].Info.Value)
		}
		return c.check(out)
	}
	p, err := incremental.Compile(g, incremental.CompileOptions{Layout: "nchw"})
	if err != nil {
		return err
	}
	v, err := p.Materialize(context.Background(), p.Arrange(feeds[g.Values[g.Inputs[0]].Name].Data.([]float32)), 2)
	if err != nil {
		return err
	}
	for i := range p.Outputs() {
		out = append(out, p.Output(v, i))
	}
	return c.check(out)
}

func (c *onnxCase) check(out []*tensor.Tensor) error {
	if len(out) != len(c.outputs) {
		return fmt.Errorf("%w: %d outputs, want %d", errWrong, len(out), len(c.outputs))
	}
	for i, want := range c.outputs {
		if want == nil {
			continue
		}
		if err := compare(out[i], want, max(c.absolute, 1e-7)); err != nil {
			return fmt.Errorf("%w: output %d: %w", errWrong, i, err)
		}
	}
	return nil
}

// refusedList is the checked-in list of cases that are refused, with reasons.
const refusedList = "../../testdata/onnx-refused.txt"

// differingList names the cases whose numbers contradict the operator's own text,
// and what says so; each must differ.
const differingList = "../../testdata/onnx-different.txt"

// listedCases reads a list of cases with reasons.
func listedCases(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, line := range strings.Split(string(text), "\n") {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			name, reason, _ := strings.Cut(line, " ")
			if reason == "" {
				t.Errorf("%s: no reason is given", name)
			}
			listed[name] = reason
		}
	}
	return listed
}

// TestConformance runs every case of the ONNX project on Gorgonia's machine and
// on the plan. A wrong number fails. Refusals must be on the list, and what is
// on the list must be refused.
func TestConformance(t *testing.T) {
	root := filepath.Join(data(t), "onnx-conformance")
	dirs, err := filepath.Glob(filepath.Join(root, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	listed, differing := listedCases(t, refusedList), listedCases(t, differingList)
	passed, seen := 0, map[string]bool{}
	var refused []string
	for _, dir := range dirs {
		if i, err := os.Stat(filepath.Join(dir, "model.onnx")); err != nil || i.IsDir() {
			continue
		}
		name := filepath.Base(filepath.Dir(dir)) + "/" + filepath.Base(dir)
		seen[name] = true
		c, err := readCase(dir)
		if err == nil {
			if err = c.byGorgonia(); err == nil {
				err = c.byPlan()
			} else if e := c.byPlan(); errors.Is(e, errWrong) {
				err = e
			}
		}
		_, expected := listed[name]
		if _, differs := differing[name]; differs {
			if !errors.Is(err, errWrong) {
				t.Errorf("%s: %v: take it off %s", name, err, differingList)
			}
			continue
		}
		switch {
		case errors.Is(err, errWrong):
			t.Errorf("%s: %v", name, err)
		case err != nil:
			refused = append(refused, fmt.Sprintf("%s %v", name, err))
			if !expected {
				t.Errorf("%s: refused and not on the list: %v", name, err)
			}
		default:
			passed++
			if expected {
				t.Errorf("%s passes: take it off %s", name, refusedList)
			}
		}
	}
	for name := range listed {
		if !seen[name] {
			t.Logf("%s is on the list and not among the cases here", name)
		}
	}
	if passed == 0 {
		t.Fatalf("no case was run from %s", root)
	}
	sort.Strings(refused)
	t.Logf("%d passed, %d refused", passed, len(refused))
	if out := os.Getenv("KRYPTON_REFUSED_OUT"); out != "" {
		if err := os.WriteFile(out, []byte(strings.Join(refused, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
