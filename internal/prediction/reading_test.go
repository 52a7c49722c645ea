package prediction_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"krypton/internal/graph"
	"krypton/internal/incremental"
	"krypton/internal/onnxload"
	"krypton/internal/onnxwrite"
	. "krypton/internal/prediction"
)

// build makes a small network: a convolution, pooling, a fully connected layer of n
// classes, whose numbers are called x, and the nodes that make y of them.
type build struct {
	n     int
	nodes []onnxwrite.Node
	inits []onnxwrite.Tensor
	opset int64
}

func floats(name string, v []float32, dims ...int64) onnxwrite.Tensor {
	return onnxwrite.Raw(name, dims, v)
}

func ints(name string, v ...int64) onnxwrite.Tensor {
	return onnxwrite.Raw(name, []int64{int64(len(v))}, v)
}

const microsoft = "com.microsoft"

// stem is the network up to x [1, n].
func stem(n int) *build {
	rng := rand.New(rand.NewPCG(7, uint64(n)))
	random := func(k int, scale float32) []float32 {
		v := make([]float32, k)
		for i := range v {
			v[i] = (rng.Float32()*2 - 1) * scale
		}
		return v
	}
	b := &build{n: n, opset: 21}
	b.inits = []onnxwrite.Tensor{floats("w", random(6*3*9, 1), 6, 3, 3, 3), floats("f", random(6*n, 3), 6, int64(n)), floats("b", random(n, 2), int64(n))}
	b.add("Conv", "c", []string{"in", "w"}, onnxwrite.Ints("pads", 1, 1, 1, 1))
	b.add("Relu", "r", []string{"c"})
	b.add("GlobalAveragePool", "g", []string{"r"})
	b.add("Flatten", "h", []string{"g"})
	b.add("Gemm", "x", []string{"h", "f", "b"})
	return b
}

func (b *build) add(operator, out string, in []string, attrs ...onnxwrite.Attribute) *build {
	domain := ""
	if name, ok := strings.CutPrefix(operator, microsoft+"."); ok {
		domain, operator = microsoft, name
	}
	b.nodes = append(b.nodes, onnxwrite.Node{Name: "the " + out, OpType: operator, Domain: domain, Inputs: in, Outputs: strings.Split(out, " "), Attributes: attrs})
	return b
}

func (b *build) constant(t onnxwrite.Tensor) *build {
	b.inits = append(b.inits, t)
	return b
}

// plan compiles the network with the output y, or others.
func (b *build) plan(t *testing.T, outputs ...string) *incremental.Plan {
	t.Helper()
	if outputs == nil {
		outputs = []string{"y"}
	}
	m := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": b.opset, microsoft: 1}, Graph: onnxwrite.Graph{Name: "g", Nodes: b.nodes, Initializers: b.inits,
		Inputs: []onnxwrite.ValueInfo{{Name: "in", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3, 8, 8)}}}}
	for _, o := range outputs {
		m.Graph.Outputs = append(m.Graph.Outputs, onnxwrite.ValueInfo{Name: o})
	}
	g, err := onnxload.LoadBytes(m.Marshal(), "m", "", onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := incremental.Compile(g, incremental.CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func read(p *incremental.Plan, q Question) (Reading, error) {
	q.Plan, q.Workers = p, 1
	if q.Activation == "" {
		q.Activation = Auto
	}
	return Read(context.Background(), q)
}

// numbers runs a plan on some picture and gives its output.
func numbers(t *testing.T, p *incremental.Plan, output int, seed uint64) []float32 {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 3))
	in := make([]float32, p.InputPlane().Len())
	for i := range in {
		in[i] = rng.Float32()*2 - 1
	}
	f := p.NewInference(1)
	if err := f.Run(context.Background(), in); err != nil {
		t.Fatal(err)
	}
	out, err := f.Output(output).Floats()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(out)
}

// maker adds nodes that make y of x, and says what scores come of x.
type maker struct {
	name      string
	nodes     func(b *build, x, y string)
	want      func(x []float32) []float64
	operator  string // that the reason names
	exclusive bool
}

func softmaxOf(x []float32) []float64 {
	p, sum := make([]float64, len(x)), 0.0
	for i, v := range x {
		p[i] = math.Exp(float64(v))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

func each(f func(float64) float64) func([]float32) []float64 {
	return func(x []float32) []float64 {
		p := make([]float64, len(x))
		for i, v := range x {
			p[i] = f(float64(v))
		}
		return p
	}
}

var sigmoidOf = each(func(v float64) float64 { return 1 / (1 + math.Exp(-v)) })

var makers = []maker{
	{"softmax", func(b *build, x, y string) { b.add("Softmax", y, []string{x}) }, softmaxOf, "Softmax", true},
	{"sigmoid", func(b *build, x, y string) { b.add("Sigmoid", y, []string{x}) }, sigmoidOf, "Sigmoid", false},
	{"hardsigmoid", func(b *build, x, y string) { b.add("HardSigmoid", y, []string{x}) }, each(func(v float64) float64 { return max(0, min(1, .2*v+.5)) }), "HardSigmoid", false},
	{"logsoftmax", func(b *build, x, y string) { b.add("LogSoftmax", y, []string{x}) }, softmaxOf, "LogSoftmax", true},
	{"log of softmax", func(b *build, x, y string) { b.add("Softmax", y+"s", []string{x}).add("Log", y, []string{y + "s"}) }, softmaxOf, "Log", true},
	{"log of sigmoid", func(b *build, x, y string) { b.add("Sigmoid", y+"s", []string{x}).add("Log", y, []string{y + "s"}) }, sigmoidOf, "Log", false},
	{"softmax in pieces", func(b *build, x, y string) {
		b.constant(ints(y+"max", -1)).add("ReduceMax", y+"m", []string{x, y + "max"}).add("Sub", y+"d", []string{x, y + "m"}).add("Exp", y+"e", []string{y + "d"})
		b.constant(ints(y+"axis", -1)).add("ReduceSum", y+"s", []string{y + "e", y + "axis"}).add("Div", y, []string{y + "e", y + "s"})
	}, softmaxOf, "Div", true},
	{"softmax by a reciprocal", func(b *build, x, y string) {
		b.add("Exp", y+"e", []string{x}).constant(ints(y+"axis", -1)).add("ReduceSum", y+"s", []string{y + "e", y + "axis"})
		b.add("Reciprocal", y+"r", []string{y + "s"}).add("Mul", y, []string{y + "r", y + "e"})
	}, softmaxOf, "Mul", true},
	{"logsoftmax in pieces", func(b *build, x, y string) {
		b.add("Exp", y+"e", []string{x}).constant(ints(y+"axis", -1)).add("ReduceSum", y+"s", []string{y + "e", y + "axis"})
		b.add("Log", y+"l", []string{y + "s"}).add("Sub", y, []string{x, y + "l"})
	}, softmaxOf, "Sub", true},
	{"logsumexp", func(b *build, x, y string) {
		b.constant(ints(y+"axis", 1)).add("ReduceLogSumExp", y+"l", []string{x, y + "axis"}).add("Sub", y, []string{x, y + "l"})
	}, softmaxOf, "Sub", true},
	{"sigmoid in pieces", func(b *build, x, y string) {
		b.constant(floats(y+"one", []float32{1})).add("Neg", y+"n", []string{x}).add("Exp", y+"e", []string{y + "n"})
		b.add("Add", y+"a", []string{y + "e", y + "one"}).add("Div", y, []string{y + "one", y + "a"})
	}, sigmoidOf, "Div", false},
	{"sigmoid by a reciprocal", func(b *build, x, y string) {
		b.constant(floats(y+"one", []float32{1})).add("Neg", y+"n", []string{x}).add("Exp", y+"e", []string{y + "n"})
		b.add("Add", y+"a", []string{y + "one", y + "e"}).add("Reciprocal", y, []string{y + "a"})
	}, sigmoidOf, "Reciprocal", false},
	{"sigmoid over itself", func(b *build, x, y string) {
		b.constant(floats(y+"one", []float32{1})).add("Exp", y+"e", []string{x})
		b.add("Add", y+"a", []string{y + "one", y + "e"}).add("Div", y, []string{y + "e", y + "a"})
	}, sigmoidOf, "Div", false},
	{"sigmoid by tanh", func(b *build, x, y string) {
		b.constant(floats(y+"half", []float32{.5})).add("Mul", y+"h", []string{x, y + "half"}).add("Tanh", y+"t", []string{y + "h"})
		b.add("Mul", y+"m", []string{y + "t", y + "half"}).add("Add", y, []string{y + "m", y + "half"})
	}, sigmoidOf, "Add", false},
	{"hardsigmoid in pieces", func(b *build, x, y string) {
		b.constant(floats(y+"three", []float32{3})).constant(floats(y+"six", []float32{6})).constant(floats(y+"nil", []float32{0}))
		b.add("Add", y+"a", []string{x, y + "three"}).add("Max", y+"x", []string{y + "a", y + "nil"}).add("Min", y+"i", []string{y + "x", y + "six"}).add("Div", y, []string{y + "i", y + "six"})
	}, each(func(v float64) float64 { return max(0, min(1, v/6+.5)) }), "Div", false},
	{"clip", func(b *build, x, y string) {
		b.constant(floats(y+"lo", []float32{0})).constant(floats(y+"hi", []float32{1})).add("Clip", y, []string{x, y + "lo", y + "hi"})
	}, each(func(v float64) float64 { return max(0, min(1, v)) }), "Clip", false},
	{"softmax, clipped", func(b *build, x, y string) {
		b.constant(floats(y+"lo", []float32{1e-7})).constant(floats(y+"hi", []float32{1 - 1e-7})).add("Softmax", y+"s", []string{x}).add("Clip", y, []string{y + "s", y + "lo", y + "hi"})
	}, softmaxOf, "Softmax", true},
	{"mean of two", func(b *build, x, y string) {
		b.constant(floats(y+"half", []float32{.5})).add("Softmax", y+"s", []string{x}).add("Sigmoid", y+"t", []string{x}).add("Add", y+"a", []string{y + "s", y + "t"}).add("Mul", y, []string{y + "a", y + "half"})
	}, func(x []float32) []float64 {
		p, q := softmaxOf(x), sigmoidOf(x)
		for i := range p {
			p[i] = (p[i] + q[i]) / 2
		}
		return p
	}, "Mul", false},
	{"sum of two", func(b *build, x, y string) {
		b.add("Softmax", y+"s", []string{x}).add("Sigmoid", y+"t", []string{x}).add("Add", y, []string{y + "s", y + "t"})
	}, func(x []float32) []float64 {
		p, q := softmaxOf(x), sigmoidOf(x)
		for i := range p {
			p[i] += q[i]
		}
		return p
	}, "Add", false},
	{"sum of three", func(b *build, x, y string) {
		b.constant(floats(y+"third", []float32{.3})).add("Softmax", y+"s", []string{x}).add("Sigmoid", y+"t", []string{x}).add("Mul", y+"u", []string{y + "t", y + "third"}).add("Sum", y, []string{y + "s", y + "t", y + "u"})
	}, func(x []float32) []float64 {
		p, q := softmaxOf(x), sigmoidOf(x)
		for i := range p {
			p[i] += q[i] * 1.3
		}
		return p
	}, "Sum", false},
	{"percent", func(b *build, x, y string) {
		b.constant(floats(y+"hundred", []float32{100})).add("Softmax", y+"s", []string{x}).add("Mul", y, []string{y + "s", y + "hundred"})
	}, func(x []float32) []float64 {
		p := softmaxOf(x)
		for i := range p {
			p[i] *= 100
		}
		return p
	}, "Mul", false},
	{"tanh", func(b *build, x, y string) { b.add("Tanh", y, []string{x}) }, each(math.Tanh), "Tanh", false},
	{"logits", func(b *build, x, y string) { b.add("Identity", y, []string{x}) }, softmaxOf, "Gemm", true},
	{"scaled logits", func(b *build, x, y string) {
		b.constant(floats(y+"t", []float32{.5})).add("Mul", y, []string{x, y + "t"})
	}, func(x []float32) []float64 {
		half := slices.Clone(x)
		for i := range half {
			half[i] /= 2
		}
		return softmaxOf(half)
	}, "Mul", true},
}

// passes are what may stand behind a maker. Each keeps all n numbers and their order.
var passes = []struct {
	name  string
	nodes func(b *build, x, y string)
	near  float64 // what rounding may take
}{
	{"nothing", nil, 0},
	{"identity", func(b *build, x, y string) { b.add("Identity", y, []string{x}) }, 0},
	{"reshape", func(b *build, x, y string) {
		b.constant(ints(y+"to", 1, -1, 1, 1)).add("Reshape", y, []string{x, y + "to"})
	}, 0},
	{"vector", func(b *build, x, y string) { b.constant(ints(y+"to", -1)).add("Reshape", y, []string{x, y + "to"}) }, 0},
	{"flatten", func(b *build, x, y string) { b.add("Flatten", y, []string{x}, onnxwrite.Int("axis", 1)) }, 0},
	{"unsqueeze", func(b *build, x, y string) { b.constant(ints(y+"at", 1)).add("Unsqueeze", y, []string{x, y + "at"}) }, 0},
	{"squeeze", func(b *build, x, y string) { b.constant(ints(y+"at", 0)).add("Squeeze", y, []string{x, y + "at"}) }, 0},
	{"transpose", func(b *build, x, y string) { b.add("Transpose", y, []string{x}, onnxwrite.Ints("perm", 1, 0)) }, 0},
	{"cast", func(b *build, x, y string) {
		b.add("Cast", y+"d", []string{x}, onnxwrite.Int("to", int64(onnxwrite.TypeFloat64))).add("Cast", y, []string{y + "d"}, onnxwrite.Int("to", int64(onnxwrite.TypeFloat32)))
	}, 0},
	{"quantized", func(b *build, x, y string) {
		b.constant(floats(y+"s", []float32{1.0 / 100})).constant(onnxwrite.Raw(y+"z", nil, []int16{0}))
		b.add("QuantizeLinear", y+"q", []string{x, y + "s", y + "z"}).add("DequantizeLinear", y, []string{y + "q", y + "s", y + "z"})
	}, .02},
	{"slice and concat", func(b *build, x, y string) {
		b.constant(ints(y+"0", 0)).constant(ints(y+"2", 2)).constant(ints(y+"end", 1000)).constant(ints(y+"axis", 1))
		b.add("Slice", y+"a", []string{x, y + "0", y + "2", y + "axis"}).add("Slice", y+"b", []string{x, y + "2", y + "end", y + "axis"})
		b.add("Concat", y, []string{y + "a", y + "b"}, onnxwrite.Int("axis", 1))
	}, 0},
	{"split and concat", func(b *build, x, y string) {
		b.constant(ints(y+"parts", 1, int64(b.n-1)))
		b.add("Split", y+"a "+y+"b", []string{x, y + "parts"}, onnxwrite.Int("axis", 1)).add("Concat", y, []string{y + "a", y + "b"}, onnxwrite.Int("axis", 1))
	}, 0},
	{"gather", func(b *build, x, y string) {
		all := make([]int64, b.n)
		for i := range all {
			all[i] = int64(i)
		}
		b.constant(ints(y+"i", all...)).add("Gather", y, []string{x, y + "i"}, onnxwrite.Int("axis", 1))
	}, 0},
	{"times one", func(b *build, x, y string) {
		b.constant(floats(y+"one", []float32{1})).add("Mul", y, []string{y + "one", x})
	}, 0},
	{"dropout", func(b *build, x, y string) { b.add("Dropout", y, []string{x}) }, 0},
}

// TestMakers: every maker behind everything that may stand behind it gives the scores
// that plain arithmetic gives, on any picture.
func TestMakers(t *testing.T) {
	for _, m := range makers {
		for _, pass := range passes {
			b := stem(5)
			name := m.name + ", " + pass.name
			if pass.nodes == nil {
				m.nodes(b, "x", "y")
			} else {
				m.nodes(b, "x", "made")
				pass.nodes(b, "made", "y")
			}
			p := b.plan(t, "y", "x")
			r, err := read(p, Question{})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if !strings.Contains(r.Reason, m.operator+" node") || r.Exclusive != m.exclusive && !strings.HasPrefix(pass.name, "s") || r.Outputs != 5 {
				t.Errorf("%s: %+v", name, r)
			}
			for seed := range uint64(3) {
				x, y := numbers(t, p, 1, seed), numbers(t, p, 0, seed)
				got, want := make([]float32, 5), m.want(x)
				r.Apply(got, y)
				near := max(1e-5, pass.near*(1+want[0]))
				if pass.near > 0 && m.name == "percent" {
					continue // of 8 bits hardly anything is left
				}
				for i := range got {
					if math.Abs(float64(got[i])-want[i]) > near*max(1, math.Abs(want[i])) {
						t.Errorf("%s, picture %d: %v, want %v (%+v)", name, seed, got, want, r)
						break
					}
				}
			}
		}
	}
}

// TestQuantizedHeads: heads that ONNX Runtime's quantizer and optimizer write.
func TestQuantizedHeads(t *testing.T) {
	quantized := func(n int) *build {
		return stem(n).constant(floats("xs", []float32{.1})).constant(onnxwrite.Raw("xz", nil, []uint8{128})).constant(floats("ys", []float32{1.0 / 256})).constant(onnxwrite.Raw("yz", nil, []uint8{0})).
			add("QuantizeLinear", "q", []string{"x", "xs", "xz"})
	}
	end := func(b *build) *build { return b.add("DequantizeLinear", "y", []string{"p", "ys", "yz"}) }
	plain := stem(4)
	plain.nodes = plain.nodes[:len(plain.nodes)-1]
	for name, c := range map[string]struct {
		b        *build
		want     func(x []float32) []float64
		operator string
	}{
		"sigmoid": {end(quantized(4).add(microsoft+".QLinearSigmoid", "p", []string{"q", "xs", "xz", "ys", "yz"})), sigmoidOf, "QLinearSigmoid"},
		"softmax": {end(quantized(4).add(microsoft+".QLinearSoftmax", "p", []string{"q", "xs", "xz", "ys", "yz"}, onnxwrite.Int("opset", 13))), softmaxOf, "Softmax"},
		"concatenation": {end(quantized(4).add(microsoft+".QLinearSigmoid", "s", []string{"q", "xs", "xz", "ys", "yz"}).
			constant(ints("half", 2, 2)).add("Split", "s1 s2", []string{"s", "half"}, onnxwrite.Int("axis", 1)).
			add(microsoft+".QLinearConcat", "p", []string{"ys", "yz", "s1", "ys", "yz", "s2", "ys", "yz"}, onnxwrite.Int("axis", 1))), sigmoidOf, "QLinearSigmoid"},
		"fused": {plain.add(microsoft+".FusedGemm", "y", []string{"h", "f", "b"}, onnxwrite.String("activation", "Sigmoid")).add("Gemm", "x", []string{"h", "f", "b"}), sigmoidOf, "Sigmoid"},
	} {
		p := c.b.plan(t, "y", "x")
		r, err := read(p, Question{})
		if err != nil || r.Activation != None || !strings.Contains(r.Reason, c.operator) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		x, got := numbers(t, p, 1, 1), numbers(t, p, 0, 1)
		r.Apply(got, got)
		for i, want := range c.want(x) {
			if math.Abs(float64(got[i])-want) > .03 {
				t.Errorf("%s: %v, want %v", name, got, c.want(x))
				break
			}
		}
	}
}

// TestNumbers: where the graph does not tell, numbers on neutral pictures do. A Gemm
// without weights gives what its bias says.
func TestNumbers(t *testing.T) {
	fixed := func(v ...float32) *incremental.Plan {
		b := stem(len(v))
		b.inits[1], b.inits[2] = floats("f", make([]float32, 6*len(v)), 6, int64(len(v))), floats("b", v, int64(len(v)))
		return b.add("Identity", "y", []string{"x"}).plan(t)
	}
	for name, c := range map[string]struct {
		p         *incremental.Plan
		want      Activation
		exclusive bool
		names     int
		pair      []float32 // of the number .25, or of 2
	}{
		"probabilities":           {fixed(.25, .5, .25), None, true, 0, nil},
		"rounded probabilities":   {fixed(.2509804, .4980392, .2549020), None, true, 0, nil},
		"rounded beyond 1":        {fixed(1.0039216, 0, -.0039), None, true, 0, nil},
		"independent":             {fixed(.9, .8, .1), None, false, 0, nil},
		"logits":                  {fixed(3, -1, 2), Softmax, true, 0, nil},
		"logits above 0":          {fixed(3, 1, .2), Softmax, true, 0, nil},
		"one number":              {fixed(7), None, false, 0, nil},
		"one number, one name":    {fixed(7), None, false, 1, nil},
		"one logit, two names":    {fixed(2), Sigmoid, false, 2, []float32{float32(1 / (1 + math.Exp(2))), float32(1 / (1 + math.Exp(-2)))}},
		"one probability":         {fixed(.25), None, false, 2, []float32{.75, .25}},
		"one number, three names": {fixed(.25), None, false, 3, nil},
		"not a number":            {fixed(float32(math.NaN()), 1), Softmax, true, 0, nil},
		"zeros":                   {fixed(0, 0), Softmax, true, 0, nil},
	} {
		r, err := read(c.p, Question{Names: c.names})
		if err != nil || r.Activation != c.want || r.Exclusive != c.exclusive || r.Pair != (c.pair != nil) || r.Reason == "" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if !r.Pair {
			continue
		}
		got := make([]float32, 2)
		r.Apply(got, numbers(t, c.p, 0, 1))
		if math.Abs(float64(got[0]-c.pair[0])) > 1e-6 || math.Abs(float64(got[1]-c.pair[1])) > 1e-6 || r.Own(got) != 1 || r.Classes(1) != 2 {
			t.Errorf("%s: %v, want %v", name, got, c.pair)
		}
	}
}

// TestPairs: what one number says of two classes, by what was asked for.
func TestPairs(t *testing.T) {
	logit := stem(1).add("Identity", "y", []string{"x"}).plan(t)
	chance := stem(1).add("Sigmoid", "y", []string{"x"}).plan(t)
	x := float64(numbers(t, logit, 0, 4)[0])
	s := 1 / (1 + math.Exp(-x))
	for name, c := range map[string]struct {
		p    *incremental.Plan
		a    Activation
		want [2]float64
	}{
		"logit": {logit, Auto, [2]float64{1 - s, s}}, "logit, sigmoid": {logit, Sigmoid, [2]float64{1 - s, s}}, "logit as it is": {logit, None, [2]float64{-x, x}},
		"probability": {chance, Auto, [2]float64{1 - s, s}}, "probability, none": {chance, None, [2]float64{1 - s, s}},
	} {
		r, err := read(c.p, Question{Activation: c.a, Names: 2})
		if err != nil {
			t.Fatal(err)
		}
		got := append(numbers(t, c.p, 0, 4), 0)
		r.Apply(got, got[:1]) // in place
		if math.Abs(float64(got[0])-c.want[0]) > 1e-5 || math.Abs(float64(got[1])-c.want[1]) > 1e-5 {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if r, err := read(logit, Question{Names: 2, Value: true}); err != nil || r.Pair || r.Activation != None {
		t.Errorf("a value: %+v, %v", r, err)
	}
}

// TestRefused: outputs that are no row of classes, and rows that are.
func TestRefused(t *testing.T) {
	two := func(b *build) *build {
		return b.constant(ints("two", 2)).constant(ints("one", 1))
	}
	reshape := func(n int, dims ...int64) *build {
		return stem(n).constant(ints("to", dims...)).add("Reshape", "y", []string{"x", "to"})
	}
	for name, c := range map[string]struct {
		b    *build
		want string // in the error; "" for none
	}{
		"planes":             {stem(3).add("Identity", "y", []string{"r"}), "shape [1 6 8 8]"},
		"boxes":              {reshape(8, 1, 4, 2), "shape [1 4 2]"},
		"rows":               {reshape(8, 4, 2), "shape [4 2]"},
		"none":               {stem(3).constant(ints("from", 0)).constant(ints("none", 0)).add("Slice", "y", []string{"x", "from", "none"}), "is empty"},
		"features":           {stem(6).add("LpNormalization", "y", []string{"x"}), `LpNormalization node "the y"`},
		"features, reshaped": {stem(6).add("LpNormalization", "l", []string{"x"}).constant(ints("to", 6)).add("Reshape", "y", []string{"l", "to"}), "LpNormalization"},
		"features, scaled":   {stem(6).add("LpNormalization", "l", []string{"x"}).constant(floats("s", []float32{64})).add("Mul", "y", []string{"l", "s"}), "feature vector"},
		"features in pieces": {stem(6).constant(ints("a", 1)).add("ReduceL2", "n", []string{"x", "a"}).constant(floats("eps", []float32{1e-12})).add("Clip", "k", []string{"n", "eps"}).add("Div", "y", []string{"x", "k"}), "feature vector"},
		"features by a root": {stem(6).add("Mul", "q", []string{"x", "x"}).constant(ints("a", 1)).add("ReduceSum", "s", []string{"q", "a"}).add("Sqrt", "n", []string{"s"}).add("Div", "y", []string{"x", "n"}), "feature vector"},
		"places":             {stem(6).add("ArgMax", "y", []string{"x"}, onnxwrite.Int("axis", 1)), "holds int64"},
		"places as floats":   {stem(6).add("ArgMax", "a", []string{"x"}, onnxwrite.Int("axis", 1)).add("Cast", "y", []string{"a"}, onnxwrite.Int("to", 1)), "places"},
		"the best two":       {two(stem(6)).add("TopK", "y i", []string{"x", "two"}), "TopK"},
		"sorted":             {two(stem(6)).add("TopK", "v i", []string{"x", "two"}).add("GatherElements", "y", []string{"x", "i"}, onnxwrite.Int("axis", 1)), "GatherElements"},
		"costs":              {stem(6).add("LogSoftmax", "l", []string{"x"}).add("Neg", "n", []string{"l"}).add("Flatten", "y", []string{"n"}), "the least is the likeliest"},
		"row":                {reshape(4, 1, 4), ""},
		"vector":             {reshape(4, 4), ""},
		"channels":           {reshape(4, 1, 4, 1, 1), ""},
		"last":               {reshape(4, 1, 1, 4), ""},
		"last of four":       {reshape(4, 1, 1, 1, 4), ""},
		"column":             {reshape(4, 4, 1), ""},
		"one":                {reshape(1, 1, 1), ""},
		"scalar":             {stem(1).constant(onnxwrite.Raw("to", []int64{0}, []int64{})).add("Reshape", "y", []string{"x", "to"}), ""},
		"shares by L1":       {stem(4).add("Exp", "e", []string{"x"}).add("LpNormalization", "y", []string{"e"}, onnxwrite.Int("p", 1)), ""},
	} {
		r, err := read(c.b.plan(t, "y", "x"), Question{})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (!errors.Is(err, ErrNoClasses) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "output names another: x")):
			t.Errorf("%s: %+v, %v; want an error with %q", name, r, err, c.want)
		}
	}
	if _, err := read(stem(3).add("Softmax", "y", []string{"x"}).plan(t), Question{Activation: "relu"}); err == nil {
		t.Error("relu is accepted")
	}
}

// TestDoubts: what was asked for is done, and doubted where the model does it too.
func TestDoubts(t *testing.T) {
	for a, doubtful := range map[Activation]bool{None: false, Sigmoid: true, Softmax: true, Auto: false} {
		r, err := read(stem(3).add("Sigmoid", "y", []string{"x"}).plan(t), Question{Activation: a})
		if err != nil || (r.Doubt != nil) != doubtful || a != Auto && r.Activation != a {
			t.Errorf("%s over sigmoids: %+v, %v", a, r, err)
		}
	}
}

// TestCut: decisions and rounded numbers are doubted, with the name of what they are made
// of; numbers that keep their fractions are not.
func TestCut(t *testing.T) {
	half := floats("half", []float32{.5})
	s := func() *build { return stem(1).add("Sigmoid", "sig", []string{"x"}).constant(half) }
	for name, c := range map[string]struct {
		b    *build
		want string
	}{
		"compared":         {s().add("Greater", "cmp", []string{"sig", "half"}).add("Cast", "y", []string{"cmp"}, onnxwrite.Int("to", 1)), "output sig takes"},
		"the other way":    {s().add("Less", "cmp", []string{"half", "sig"}).add("Not", "not", []string{"cmp"}).add("Cast", "y", []string{"not"}, onnxwrite.Int("to", 1)), "output sig takes"},
		"rounded":          {s().add("Round", "y", []string{"sig"}), "output sig takes"},
		"rounded by casts": {s().add("Cast", "int", []string{"sig"}, onnxwrite.Int("to", 7)).add("Cast", "y", []string{"int"}, onnxwrite.Int("to", 1)), "output sig takes"},
		"chosen":           {s().constant(floats("on", []float32{1})).constant(floats("off", []float32{0})).add("Greater", "cmp", []string{"sig", "half"}).add("Where", "y", []string{"cmp", "on", "off"}), "output sig takes"},
		"whole":            {s().add("Cast", "y", []string{"sig"}, onnxwrite.Int("to", 7)), "output sig takes"},
		"two":              {s().add("Greater", "cmp", []string{"sig", "x"}).add("Cast", "y", []string{"cmp"}, onnxwrite.Int("to", 1)), ""},
		"float16":          {s().add("Cast", "dbl", []string{"sig"}, onnxwrite.Int("to", 10)).add("Cast", "y", []string{"dbl"}, onnxwrite.Int("to", 1)), ""},
		"masked":           {s().add("Greater", "cmp", []string{"sig", "half"}).add("Where", "y", []string{"cmp", "sig", "half"}), ""},
		"softmax of one":   {stem(1).add("Softmax", "y", []string{"x"}), "always 1"},
		"softmax of two":   {stem(2).add("Softmax", "y", []string{"x"}), ""},
	} {
		r, err := read(c.b.plan(t), Question{})
		if err == nil {
			err = r.Doubt
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestBounds: whatever is claimed of numbers holds for those that a network computes,
// in random chains of operators.
func TestBounds(t *testing.T) {
	unary := []string{"Relu", "LeakyRelu", "Elu", "Selu", "Celu", "HardSigmoid", "Sigmoid", "Softplus", "Softsign", "Tanh", "Exp", "Log", "Sqrt", "Erf", "Atan", "Neg", "Ceil", "Floor", "Round", "Reciprocal", "Abs", "Softmax", "LogSoftmax", "LpNormalization", "Identity", "Hardmax"}
	binary := []string{"Add", "Sub", "Mul", "Div", "Max", "Min", "Mean", "Pow", "Sum"}
	claimed := map[graph.Kind]int{}
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 9))
		b := stem(4)
		values := []string{"x"}
		for i := range 12 {
			name := fmt.Sprint("v", i)
			any := func() string { return values[len(values)-1-rng.IntN(min(4, len(values)))] }
			switch k := rng.IntN(10); {
			case k < 5:
				b.add(unary[rng.IntN(len(unary))], name, []string{any()})
			case k < 8:
				b.constant(floats(name+"c", []float32{[]float32{-1, 0, .5, 1, 2, 3}[rng.IntN(6)]}))
				operands := []string{any(), name + "c"}
				if rng.IntN(2) == 0 {
					slices.Reverse(operands)
				}
				b.add(binary[rng.IntN(len(binary))], name, operands)
			case k < 9:
				b.add(binary[rng.IntN(len(binary))], name, []string{any(), any()})
			default:
				b.constant(ints(name+"a", 1)).add([]string{"ReduceSum", "ReduceMax", "ReduceMean", "ReduceMin"}[rng.IntN(4)], name, []string{any(), name + "a"})
			}
			values = append(values, name)
		}
		p := b.plan(t, values...)
		for picture := range uint64(2) {
			for i, name := range values {
				made, sum := p.Made(i), 0.0
				out := numbers(t, p, i, picture)
				for _, v := range out {
					near := 1e-5 * max(1, math.Abs(float64(v)))
					if float64(v) < made.Lo-near || float64(v) > made.Hi+near {
						t.Fatalf("seed %d, %s: %v, claimed to be %+v", seed, name, out, made)
					}
					sum += float64(v)
				}
				if made.Kind == graph.Shares && made.Of == len(out) && math.Abs(sum-1) > 1e-3 && sum == sum && sum != 0 {
					t.Fatalf("seed %d, %s: %v add to %g, claimed to be %+v", seed, name, out, sum, made)
				}
				claimed[made.Kind]++
			}
		}
	}
	for _, k := range []graph.Kind{graph.Plain, graph.Shares, graph.Chances, graph.Logarithms, graph.Scaled, graph.Bounded, graph.Direction} {
		if claimed[k] == 0 {
			t.Errorf("nothing is claimed to be %q", k)
		}
	}
}

// TestWidth: a softmax over pairs is no softmax over the classes that are left of it,
// and one before operator set 13 is over all axes from its own on.
func TestWidth(t *testing.T) {
	b := stem(10).constant(ints("pairs", 1, 5, 2)).constant(onnxwrite.Raw("one", nil, []int64{1}))
	b.add("Reshape", "p", []string{"x", "pairs"}).add("Softmax", "s", []string{"p"}, onnxwrite.Int("axis", 2)).add("Gather", "y", []string{"s", "one"}, onnxwrite.Int("axis", 2))
	if r, err := read(b.plan(t), Question{}); err != nil || r.Activation != None || r.Exclusive || r.Outputs != 5 {
		t.Errorf("pairs: %+v, %v", r, err)
	}
	b = stem(6).constant(ints("to", 1, 6, 1, 1))
	b.opset = 11
	if r, err := read(b.add("Reshape", "p", []string{"x", "to"}).add("Softmax", "y", []string{"p"}).plan(t), Question{}); err != nil || !r.Exclusive {
		t.Errorf("an old softmax: %+v, %v", r, err)
	}
}

// TestReportedModels reads models of the kinds that people asked about.
func TestReportedModels(t *testing.T) {
	data := os.Getenv("KRYPTON_DATA")
	if data == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	for file, want := range map[string]struct {
		activation Activation
		kind       graph.Kind
		refused    bool
	}{
		"multilabel.onnx": {None, graph.Chances, false}, "sure2.onnx": {Softmax, graph.Plain, false}, "onesig.onnx": {None, graph.Chances, false},
		"embed.onnx": {"", graph.Direction, true}, "seg.onnx": {"", graph.Plain, true},
	} {
		g, err := onnxload.Load(filepath.Join(data, "..", "reports", file), onnxload.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := incremental.Compile(g, incremental.CompileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := read(p, Question{})
		if r.Activation != want.activation || p.Made(0).Kind != want.kind || errors.Is(err, ErrNoClasses) != want.refused {
			t.Errorf("%s: %+v, %v, %+v", file, r, err, p.Made(0))
		}
	}
}

// TestMemory: runs on neutral pictures keep to what they may take, and none is made
// where the graph tells.
func TestMemory(t *testing.T) {
	logits := stem(3).add("Identity", "y", []string{"x"}).plan(t)
	if _, err := read(logits, Question{Memory: logits.InferenceBytes(1) - 1}); !errors.Is(err, incremental.ErrMemory) {
		t.Error(err)
	}
	if _, err := read(logits, Question{Memory: logits.InferenceBytes(1)}); err != nil {
		t.Error(err)
	}
	if _, err := read(stem(3).add("Sigmoid", "y", []string{"x"}).plan(t), Question{Memory: 1}); err != nil {
		t.Error(err)
	}
}
