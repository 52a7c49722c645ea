package incremental

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/onnxload"
	"krypton/internal/onnxwrite"
	"krypton/internal/tensor"
)

// registered is an input of a random network that reads a picture of the same place as
// others do: channels of them, first or last, and ratio pixels of the picture for each of
// its own along a side.
type registered struct {
	name     string
	channels int
	ratio    int
	last     bool
}

// registeredNetwork is a network of several such inputs: a convolution of each, all of
// one size again, one over all of them and a layer for three classes.
func registeredNetwork(rng *rand.Rand, inputs []registered, h, w int) []byte {
	m := &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{Outputs: []onnxwrite.ValueInfo{{Name: "y"}, {Name: "plane"}}}}
	g := &m.Graph
	weights := func(name string, dims ...int64) {
		n := int64(1)
		for _, d := range dims {
			n *= d
		}
		data := make([]float32, n)
		for i := range data {
			data[i] = rng.Float32() - .5
		}
		g.Initializers = append(g.Initializers, onnxwrite.Raw(name, dims, data))
	}
	const wide = 5
	concat := onnxwrite.Node{OpType: "Concat", Outputs: []string{"all"}, Attributes: []onnxwrite.Attribute{onnxwrite.Int("axis", 1)}}
	for i, in := range inputs {
		own := fmt.Sprintf("%s-%d", in.name, i)
		dims, from := onnxwrite.Fixed(1, int64(in.channels), int64(h/in.ratio), int64(w/in.ratio)), in.name
		if in.last {
			dims = onnxwrite.Fixed(1, int64(h/in.ratio), int64(w/in.ratio), int64(in.channels))
			g.Nodes = append(g.Nodes, onnxwrite.Node{OpType: "Transpose", Inputs: []string{from}, Outputs: []string{own + "t"}, Attributes: []onnxwrite.Attribute{onnxwrite.Ints("perm", 0, 3, 1, 2)}})
			from = own + "t"
		}
		g.Inputs = append(g.Inputs, onnxwrite.ValueInfo{Name: in.name, ElemType: onnxwrite.TypeFloat32, Dims: dims})
		weights(own+"w", wide, int64(in.channels), 3, 3)
		g.Nodes = append(g.Nodes, onnxwrite.Lines(own+"c = Conv "+from+" "+own+"w", own+"r = Relu "+own+"c")...)
		g.Nodes[len(g.Nodes)-2] = g.Nodes[len(g.Nodes)-2].With(onnxwrite.Ints("pads", 1, 1, 1, 1))
		g.Initializers = append(g.Initializers, onnxwrite.Raw(own+"s", []int64{4}, []float32{1, 1, float32(in.ratio), float32(in.ratio)}))
		g.Nodes = append(g.Nodes, onnxwrite.Lines(own + " = Resize " + own + "r - " + own + "s")[0].With(onnxwrite.String("mode", "nearest"), onnxwrite.String("coordinate_transformation_mode", "asymmetric"), onnxwrite.String("nearest_mode", "floor")))
		concat.Inputs = append(concat.Inputs, own)
	}
	weights("w", 6, int64(wide*len(inputs)), 3, 3)
	weights("classes", 6, 3)
	g.Nodes = append(g.Nodes, concat)
	g.Nodes = append(g.Nodes, onnxwrite.Lines("conv = Conv all w", "plane = Relu conv", "m = GlobalAveragePool plane", "f = Flatten m", "y = Gemm f classes")...)
	return m.Marshal()
}

// TestJoinedInputs: random networks with two and three inputs of one place have one input
// of all their channels. What is changed there is changed in each of them, where they
// lie: the operators' references give the same of the file's own inputs, the plan agrees
// with them, and an update with a whole run, bit for bit.
func TestJoinedInputs(t *testing.T) {
	for seed := range uint64(24) {
		rng := rand.New(rand.NewPCG(seed, 19))
		inputs := []registered{{name: "a", channels: 1 + rng.IntN(4), ratio: 1}}
		for _, name := range []string{"b", "c"}[:1+seed%2] {
			inputs = append(inputs, registered{name, []int{1, 2, 3, 6}[rng.IntN(4)], 1 + rng.IntN(3), rng.IntN(4) == 0})
		}
		for i := range inputs { // so that the layout is told from the shape
			if inputs[i].last {
				inputs[i].channels = 3
			}
		}
		h, w := 6*(2+rng.IntN(3)), 6*(2+rng.IntN(3))
		data := registeredNetwork(rng, inputs, h, w)
		opt := onnxload.Options{Picture: true, Input: "a"}
		for _, in := range inputs[1:] {
			opt.With = append(opt.With, in.name)
		}
		joined, err := onnxload.LoadBytes(data, "m", "", opt)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		apart, err := onnxload.LoadBytes(data, "m", "", onnxload.Options{})
		if err != nil {
			t.Fatal(err)
		}
		sameAsApart(t, rng, joined, apart, inputs)
		p, err := Compile(joined, CompileOptions{Layout: "nchw"})
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.steps {
			if p.steps[i].prim == nil {
				t.Errorf("seed %d: step %s (%s) is computed by its reference", seed, p.steps[i].node, p.steps[i].operator)
			}
		}
		for _, k := range asm.EverySet(t) {
			holdsWith(t, joined, seed, CompileOptions{Layout: "nchw", Kernels: k})
		}
	}
}

// sameAsApart fails where the references make other numbers of the joined input than of
// the file's own ones.
func sameAsApart(t *testing.T, rng *rand.Rand, joined, apart *graph.Graph, inputs []registered) {
	t.Helper()
	shape := joined.Values[joined.Inputs[0]].Info.Shape
	h, w := shape[2], shape[3]
	x := tensor.Zeros[float32](shape...)
	numbers := x.Data.([]float32)
	for i := range numbers {
		numbers[i] = rng.Float32()*2 - 1
	}
	own := map[string]*tensor.Tensor{}
	from := 0
	for _, in := range inputs {
		ih, iw := h/in.ratio, w/in.ratio
		f := make([]float32, in.channels*ih*iw)
		for c := range in.channels {
			for y := range ih {
				for x := range iw {
					at := (c*ih+y)*iw + x
					if in.last {
						at = (y*iw+x)*in.channels + c
					}
					f[at] = numbers[((from+c)*h+y*in.ratio+in.ratio/2)*w+x*in.ratio+in.ratio/2]
				}
			}
		}
		from += in.channels
		dims := []int{1, in.channels, ih, iw}
		if in.last {
			dims = []int{1, ih, iw, in.channels}
		}
		own[in.name] = tensor.New(f, dims...)
	}
	got := evaluated(t, joined, map[string]*tensor.Tensor{joined.Values[joined.Inputs[0]].Name: x})
	want := evaluated(t, apart, own)
	for i := range want {
		a, b := got[i].Data.([]float32), want[i].Data.([]float32)
		for k := range b {
			if math.Float32bits(a[k]) != math.Float32bits(b[k]) {
				t.Fatalf("%v: output %d [%d] is %g of the joined input, %g of the file's own", inputs, i, k, a[k], b[k])
			}
		}
	}
}

// evaluated are a graph's outputs for inputs by their names, by its operators' references.
func evaluated(t *testing.T, g *graph.Graph, inputs map[string]*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	out, err := evaluate(g, func(id graph.ValueID) *tensor.Tensor { return inputs[g.Values[id].Name] })
	if err != nil {
		t.Fatal(err)
	}
	return out
}
