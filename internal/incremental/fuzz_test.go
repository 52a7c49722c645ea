package incremental

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/graph"
	"krypton/internal/onnxload"
	"krypton/internal/onnxwrite"
	"krypton/internal/tensor"
)

// fuzzMemory bounds what a fuzzed network may hold: larger ones are right, but
// say no more.
const fuzzMemory = 1 << 22

// FuzzGraph loads small graphs, of which some are wrong: they are refused. The
// others run; then a whole run agrees with the operators' references, or both
// refuse, and an update agrees with a whole run, bit for bit.
func FuzzGraph(f *testing.F) {
	f.Add([]byte{})
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		b := make([]byte, 150)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := onnxload.LoadBytes((&script{b}).model(), "fuzz", "", onnxload.Options{MaxBytes: 1 << 20})
		if err == nil {
			holds(t, g, uint64(len(b)))
		}
	})
}

// holds fails if a network's plan and its operators' references disagree, or an
// update and a whole run.
func holds(t *testing.T, g *graph.Graph, seed uint64) {
	t.Helper()
	size := int64(0)
	for _, v := range g.Values {
		if n, err := tensor.Size(v.Info.Shape); err == nil {
			size += int64(n)
		}
	}
	if size > fuzzMemory {
		return
	}
	holdsWith(t, g, seed, CompileOptions{})
}

// holdsWith is holds for a plan that is made with options.
func holdsWith(t *testing.T, g *graph.Graph, seed uint64, opt CompileOptions) {
	t.Helper()
	p, err := Compile(g, opt)
	if err != nil {
		t.Fatalf("it loads, but: %v", err)
	}
	plane := p.InputPlane()
	base := make([]float32, plane.Len())
	rng := rand.New(rand.NewPCG(seed, 7))
	for i := range base {
		base[i] = rng.Float32()*2 - 1
	}
	want, refused := referenced(g, p, base)
	v, err := p.Materialize(context.Background(), base, 1)
	if (err == nil) != (refused == nil) {
		t.Fatalf("the plan says %v, the references %v", err, refused)
	}
	if err != nil {
		return
	}
	for i := range want {
		alike(t, i, p.Output(v, i), want[i])
	}
	changes := randomPatches(rng, 3, plane.H, plane.W, plane.C, base)
	update, err := outputs(p, v, changes)
	changes.whole = true
	whole, refused := outputs(p, v, changes)
	if (err == nil) != (refused == nil) {
		t.Fatalf("an update says %v, a whole run %v", err, refused)
	}
	if err != nil {
		return
	}
	if d := differs(whole, update); d != "" {
		t.Fatal(d)
	}
}

// outputs is answers for what may fail.
func outputs(p *Plan, v *Views, c Changes) ([][][]float32, error) {
	out := make([][][]float32, c.Len())
	err := p.Update(context.Background(), v, c, Options{}, func(i int, r Results) error {
		for k := range p.Outputs() {
			x, err := r.Tensor(k)
			if err != nil {
				return err
			}
			f, err := x.Floats()
			if err != nil {
				continue // no numbers to compare
			}
			out[i] = append(out[i], append([]float32{}, f...))
		}
		return nil
	})
	return out, err
}

// referenced evaluates a graph's outputs by its operators' references.
func referenced(g *graph.Graph, p *Plan, base []float32) ([]*tensor.Tensor, error) {
	x := tensor.Zeros[float32](g.Values[g.Inputs[0]].Info.Shape...)
	p.inputLayout.gather(x.Data.([]float32), base)
	return evaluate(g, func(graph.ValueID) *tensor.Tensor { return x })
}

// evaluate evaluates a graph's outputs by its operators' references, given its inputs.
func evaluate(g *graph.Graph, input func(graph.ValueID) *tensor.Tensor) ([]*tensor.Tensor, error) {
	values := make([]*tensor.Tensor, len(g.Values))
	for i := range g.Values {
		values[i] = g.Values[i].Info.Value
	}
	for _, id := range g.Inputs {
		values[id] = input(id)
	}
	for _, n := range g.Nodes {
		ins := make([]*tensor.Tensor, len(n.In))
		for i, id := range n.In {
			if id >= 0 {
				ins[i] = values[id]
			}
		}
		out, err := n.Op.Eval(ins, len(n.Out))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.Def.Name, err)
		}
		for i, id := range n.Out {
			values[id] = out[i]
		}
	}
	out := make([]*tensor.Tensor, len(g.Outputs))
	for i, id := range g.Outputs {
		out[i] = values[id]
	}
	return out, nil
}

// alike fails where output i is not the reference's.
func alike(t *testing.T, i int, got, want *tensor.Tensor) {
	t.Helper()
	if got.DType() != want.DType() || !slices.Equal(got.Shape, want.Shape) {
		t.Fatalf("output %d is %v of %v, the reference's is %v of %v", i, got.DType(), got.Shape, want.DType(), want.Shape)
	}
	a, err := got.Floats()
	if err != nil {
		return // no numbers to compare
	}
	b, err := want.Floats()
	if err != nil {
		t.Fatal(err)
	}
	near(t, a, b)
}

// near fails where numbers of ordinary size differ.
func near(t *testing.T, got, want []float32) {
	t.Helper()
	most := 1.0
	for _, w := range want {
		if m := math.Abs(float64(w)); m > most && !math.IsInf(m, 0) {
			most = m
		}
	}
	for i, w := range want {
		g := got[i]
		if w != w || math.IsInf(float64(w), 0) || most > 1e6 {
			continue // what rounding makes of these is anybody's
		}
		if d := math.Abs(float64(g) - float64(w)); !(d <= 1e-3*most) {
			t.Fatalf("element %d is %g, the reference says %g (largest %g)", i, g, w, most)
		}
	}
}

// TestNothingInBetween: a network in which a value has no elements, here the rows
// behind a picture's last, that are then put before its first.
func TestNothingInBetween(t *testing.T) {
	for opset, slice := range map[int64]onnxwrite.Node{
		9:  {OpType: "Slice", Inputs: []string{"x"}, Attributes: []onnxwrite.Attribute{onnxwrite.Ints("starts", 5), onnxwrite.Ints("ends", 9), onnxwrite.Ints("axes", 2)}},
		13: {OpType: "Slice", Inputs: []string{"x", "at", "end", "axis"}},
	} {
		slice.Outputs = []string{"none"}
		m := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": opset}, Graph: onnxwrite.Graph{
			Name:    "g",
			Inputs:  []onnxwrite.ValueInfo{{Name: "x", ElemType: 1, Dims: onnxwrite.Fixed(1, 2, 5, 6)}},
			Outputs: []onnxwrite.ValueInfo{{Name: "y", ElemType: 1, Dims: onnxwrite.Fixed(1, 2, 5, 6)}},
			Initializers: []onnxwrite.Tensor{onnxwrite.Raw("at", []int64{1}, []int64{5}), onnxwrite.Raw("end", []int64{1}, []int64{9}),
				onnxwrite.Raw("axis", []int64{1}, []int64{2})},
			Nodes: []onnxwrite.Node{slice,
				{OpType: "Relu", Inputs: []string{"none"}, Outputs: []string{"still"}},
				{OpType: "Concat", Inputs: []string{"still", "x"}, Outputs: []string{"all"}, Attributes: []onnxwrite.Attribute{onnxwrite.Int("axis", 2)}},
				{OpType: "Sigmoid", Inputs: []string{"all"}, Outputs: []string{"y"}}},
		}}
		g, err := onnxload.LoadBytes(m.Marshal(), "nothing", "", onnxload.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Compile(g, CompileOptions{}); err != nil {
			t.Fatal(err)
		}
		holds(t, g, 1)
	}
}
