package incremental

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/graph"
	"krypton/internal/onnxload"
	"krypton/internal/onnxwrite"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// script reads decisions from fuzzed bytes; when they are used up all are 0.
type script struct{ bytes []byte }

func (s *script) next() int {
	if len(s.bytes) == 0 {
		return 0
	}
	b := s.bytes[0]
	s.bytes = s.bytes[1:]
	return int(b)
}

// below decides for a number under n.
func (s *script) below(n int) int { return s.next() % n }

// number is a small one mostly, and sometimes what nobody expects.
func (s *script) number() int64 {
	switch b := s.next(); {
	case b < 200:
		return int64(b % 5)
	case b < 230:
		return int64(b%7) - 4
	default:
		return []int64{1 << 31, -1 << 31, 1 << 62, math.MinInt64, 1000, 65536, 17, 255}[b%8]
	}
}

// operators that keep numbers of ordinary size, so that results can be compared.
var scripted = []string{"Conv", "Relu", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Add", "Mul", "Concat", "Pad", "Slice", "Transpose",
	"Reshape", "Flatten", "Softmax", "BatchNormalization", "Gemm", "MatMul", "Resize", "Sigmoid", "Tanh", "ReduceMean", "Split", "Squeeze", "Unsqueeze",
	"Clip", "LeakyRelu", "PRelu", "Identity", "LRN", "ConvTranspose", "Gather", "Expand", "DepthToSpace", "SpaceToDepth", "ReduceMax", "Sub", "Max", "Cast", "Shape"}

// model writes a small graph of what the script says: nodes of any operators with
// any attributes on any values, seldom such that they fit each other.
func (s *script) model() []byte {
	shape := []int64{1, 1 + int64(s.below(4)), 1 + int64(s.below(8)), 1 + int64(s.below(8))}
	g := onnxwrite.Graph{Name: "fuzz", Inputs: []onnxwrite.ValueInfo{{Name: "x", ElemType: 1, Dims: onnxwrite.Fixed(shape...)}}}
	values := []string{"x"}
	constant := func() string {
		name := fmt.Sprintf("c%d", len(g.Initializers))
		dims, n := []int64{}, int64(1)
		for range s.below(5) {
			d := int64(s.below(5))
			dims, n = append(dims, d), n*d
		}
		if s.below(3) == 0 {
			v := make([]int64, n)
			for i := range v {
				v[i] = s.number()
			}
			g.Initializers = append(g.Initializers, onnxwrite.Raw(name, dims, v))
			return name
		}
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(s.next()-128) / 64
		}
		g.Initializers = append(g.Initializers, onnxwrite.Raw(name, dims, v))
		return name
	}
	for i := range 1 + s.below(6) {
		n := onnxwrite.Node{Name: fmt.Sprintf("n%d", i), OpType: scripted[s.below(len(scripted))]}
		for k := range 1 + s.below(4) {
			switch w := s.below(4); {
			case k == 0 || w == 0:
				n.Inputs = append(n.Inputs, values[len(values)-1-s.below(len(values))])
			case w == 1 && k > 1:
				n.Inputs = append(n.Inputs, "")
			default:
				n.Inputs = append(n.Inputs, constant())
			}
		}
		for range s.below(4) {
			names := []string{"kernel_shape", "strides", "pads", "dilations", "axes", "perm", "output_padding", "output_shape"}
			if s.below(2) == 0 {
				v := make([]int64, s.below(5))
				for k := range v {
					v[k] = s.number()
				}
				n.Attributes = append(n.Attributes, onnxwrite.Ints(names[s.below(len(names))], v...))
				continue
			}
			single := []string{"group", "axis", "keepdims", "ceil_mode", "count_include_pad", "transA", "transB", "blocksize", "to", "size"}
			n.Attributes = append(n.Attributes, onnxwrite.Int(single[s.below(len(single))], s.number()))
		}
		outputs := 1
		if n.OpType == "Split" {
			outputs = 1 + s.below(3)
		}
		for k := range outputs {
			name := fmt.Sprintf("v%d_%d", i, k)
			n.Outputs, values = append(n.Outputs, name), append(values, name)
		}
		g.Nodes = append(g.Nodes, n)
	}
	g.Outputs = []onnxwrite.ValueInfo{{Name: values[len(values)-1], ElemType: 1}}
	m := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": int64(7 + s.below(16))}, Graph: g}
	return m.Marshal()
}

// fuzzMemory bounds what a fuzzed network may hold: larger ones are right, but
// say no more.
const fuzzMemory = 1 << 22

// FuzzGraph loads small graphs, of which most are wrong: they are refused. The
// others run; then a whole run agrees with the operators' references, and an
// update with a whole run, bit for bit.
func FuzzGraph(f *testing.F) {
	f.Add([]byte{})
	rng := rand.New(rand.NewPCG(1, 1))
	for range 40 {
		b := make([]byte, 60)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		f.Add(b)
	}
	// Of a convolution, a ReLU, a pooling; and of a residual sum.
	f.Add([]byte{2, 6, 6, 2, 0, 1, 0, 0, 0, 1, 0, 0, 2, 0, 0, 2, 0, 2, 2, 2, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &script{b}
		g, err := onnxload.LoadBytes(s.model(), "fuzz", "", onnxload.Options{MaxBytes: 1 << 20})
		if err != nil {
			return
		}
		size := int64(0)
		for _, v := range g.Values {
			if n, err := tensor.Size(v.Info.Shape); err == nil {
				size += int64(n)
			}
		}
		if size > fuzzMemory {
			return
		}
		p, err := Compile(g, CompileOptions{})
		if err != nil {
			return
		}
		plane := p.InputPlane()
		base := make([]float32, plane.Len())
		rng := rand.New(rand.NewPCG(uint64(len(b)), 7))
		for i := range base {
			base[i] = rng.Float32()*2 - 1
		}
		v, err := p.Materialize(context.Background(), base, 1)
		if err != nil {
			return
		}
		want, err := referenced(g, p, base)
		if err != nil {
			t.Fatalf("the plan runs, the references say %v", err)
		}
		if got := p.Output(v, 0); got.Len() != want.Len() {
			t.Fatalf("output of %v, the reference's is %v", got.Shape, want.Shape)
		} else if a, err := got.Floats(); err == nil {
			b, err := want.Floats()
			if err != nil {
				t.Fatal(err)
			}
			near(t, a, b)
		}
		r := region.Rect{Y: region.Span{Lo: plane.H / 2, Hi: plane.H}, X: region.Span{Lo: plane.W / 3, Hi: plane.W}}
		changes := &patches{plane: [3]int{plane.H, plane.W, plane.C}, base: base, rects: []region.Rect{r}, data: [][]float32{make([]float32, r.Area()*plane.C)}}
		update, err := outputs(p, v, changes)
		if err != nil {
			return
		}
		changes.whole = true
		whole, err := outputs(p, v, changes)
		if err != nil {
			t.Fatalf("an update works, a whole run says %v", err)
		}
		if d := differs(whole, update); d != "" {
			t.Fatal(d)
		}
	})
}

// outputs is answers for what may fail.
func outputs(p *Plan, v *Views, c Changes) ([][][]float32, error) {
	out := make([][][]float32, c.Len())
	err := p.Update(context.Background(), v, c, Options{}, func(i int, r Results) error {
		x, err := r.Tensor(0)
		if err != nil {
			return err
		}
		f, err := x.Floats()
		if err != nil {
			return nil // no numbers to compare
		}
		out[i] = [][]float32{append([]float32{}, f...)}
		return nil
	})
	return out, err
}

// referenced evaluates a graph's first output by its operators' references.
func referenced(g *graph.Graph, p *Plan, base []float32) (*tensor.Tensor, error) {
	values := make([]*tensor.Tensor, len(g.Values))
	for i := range g.Values {
		values[i] = g.Values[i].Info.Value
	}
	in := g.Values[g.Inputs[0]].Info.Shape
	x := tensor.Zeros[float32](in...)
	p.inputLayout.gather(x.Data.([]float32), base)
	values[g.Inputs[0]] = x
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
	return values[g.Outputs[0]], nil
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
