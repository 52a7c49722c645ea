package incremental

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"krypton/internal/graph"
	"krypton/internal/onnxload"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// mostByReference is the share of a plan's predicted time that steps may have which an
// operator's reference computes, or a function called for each element.
const mostByReference = 0.01

// TestReferencesAreFew: in no network that people have does a step that is computed by an
// operator's reference take a noticeable part of the time: in trained models (with
// KRYPTON_DATA), and in what networks of known kinds do between their convolutions.
func TestReferencesAreFew(t *testing.T) {
	for name, build := range patterns {
		rng := rand.New(rand.NewPCG(1, 17))
		n, x := newNetwork(t, rng, 1, 3, 64, 64)
		x = n.layer(x, 32, 3, 2)
		build(n, x)
		checkReferences(t, name, n.g, name == "functions")
	}
	dir := os.Getenv("KRYPTON_DATA")
	if dir == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	models, err := filepath.Glob(filepath.Join(dir, "models", "*.onnx"))
	if err != nil || len(models) == 0 {
		t.Fatalf("no models: %v", err)
	}
	for _, file := range models {
		g, err := onnxload.Load(file, onnxload.Options{Size: [2]int{320, 320}})
		if err != nil {
			t.Fatal(err)
		}
		checkReferences(t, filepath.Base(file), g, true)
	}
}

// checkReferences tests one network; plain counts what calls a function for each element
// too.
func checkReferences(t *testing.T, name string, g *graph.Graph, plain bool) {
	t.Helper()
	p, err := Compile(g, CompileOptions{Direct: true})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	plane := p.InputPlane()
	patch := region.Rect{Y: region.Span{Lo: plane.H / 2, Hi: plane.H/2 + 16}, X: region.Span{Lo: plane.W / 2, Hi: plane.W/2 + 16}}.Intersect(plane.Rect())
	cost, predicted := p.Cost(patch), p.Predict(Machine{Flops: 2e11, Cache: 1e11, Outer: 5e10, Memory: 1e10}, patch)
	var all, by StepPrediction
	var steps []string
	for i, s := range predicted {
		all.Whole, all.Incremental = all.Whole+s.Whole, all.Incremental+s.Incremental
		if cost[i].Reference() || plain && cost[i].Algorithm == plainGo {
			by.Whole, by.Incremental = by.Whole+s.Whole, by.Incremental+s.Incremental
			steps = append(steps, cost[i].Operator)
		}
	}
	if by.Whole > mostByReference*all.Whole || by.Incremental > mostByReference*all.Incremental {
		t.Errorf("%s: steps without kernels (%v) have %.1f %% of whole runs, %.1f %% of updates", name, steps, 100*by.Whole/all.Whole, 100*by.Incremental/all.Incremental)
	}
}

// layer is a convolution of that many channels, normalized and bounded.
func (n *network) layer(x graph.ValueID, channels, kernel, stride int) graph.ValueID {
	pad, s := int64(kernel/2), int64(stride)
	x = n.node("Conv", map[string]any{"pads": []int64{pad, pad, pad, pad}, "strides": []int64{s, s}}, x, n.weights(0.2, channels, n.shape(x)[1], kernel, kernel))
	return n.node("Relu", nil, n.batchNormalization(x))
}

// patterns are what networks do between their convolutions, by name.
var patterns = map[string]func(n *network, x graph.ValueID){
	"boxes in axes of their own, over scales": func(n *network, x graph.ValueID) {
		var all []graph.ValueID
		for range 3 {
			all = append(all, n.boxes(n.rng, n.node("Conv", nil, x, n.weights(0.2, 3*25, n.shape(x)[1], 1, 1)), 3, 25))
			x = n.layer(x, 64, 3, 2)
		}
		n.output(n.node("Concat", map[string]any{"axis": int64(1)}, all...))
	},
	"distributions of sides, flattened over scales": func(n *network, x graph.ValueID) {
		var all []graph.ValueID
		for range 3 {
			head := n.node("Concat", map[string]any{"axis": int64(1)}, n.layer(x, 64, 3, 1), n.layer(x, 20, 3, 1))
			all = append(all, n.node("Reshape", nil, head, n.ints(1, 84, -1)))
			x = n.layer(x, 64, 3, 2)
		}
		n.output(n.decoded(n.rng, n.node("Concat", map[string]any{"axis": int64(2)}, all...)))
	},
	"classes and sides with a split": func(n *network, x graph.ValueID) {
		var all []graph.ValueID
		for range 2 {
			head, err := n.try("Split", map[string]any{"axis": int64(1)}, 2, n.layer(x, 52, 1, 1), n.ints(20, 32))
			if err != nil {
				n.t.Fatal(err)
			}
			y := n.node("Concat", map[string]any{"axis": int64(1)}, n.node("Sigmoid", nil, head[0]), head[1])
			all = append(all, n.node("Reshape", nil, y, n.ints(1, 52, -1)))
			x = n.layer(x, 64, 3, 2)
		}
		n.output(n.node("Transpose", map[string]any{"perm": []int64{0, 2, 1}}, n.node("Concat", map[string]any{"axis": int64(2)}, all...)))
	},
	"maxima of a map": func(n *network, x graph.ValueID) {
		h := n.node("Sigmoid", nil, n.layer(x, 20, 1, 1))
		m := n.node("MaxPool", map[string]any{"kernel_shape": []int64{3, 3}, "pads": []int64{1, 1, 1, 1}}, h)
		n.output(n.node("Mul", nil, h, n.node("Cast", map[string]any{"to": int64(tensor.Float32)}, n.node("Equal", nil, h, m))))
	},
	"upsampling by transposed convolutions of groups": func(n *network, x graph.ValueID) {
		y := n.node("ConvTranspose", map[string]any{"group": int64(32), "strides": []int64{2, 2}, "pads": []int64{1, 1, 1, 1}}, x, n.weights(1, 32, 1, 4, 4))
		y = n.node("ConvTranspose", map[string]any{"group": int64(4), "strides": []int64{2, 2}}, y, n.weights(0.3, 32, 4, 2, 2))
		n.output(n.layer(y, 8, 3, 1))
	},
	"normalizations of groups": func(n *network, x graph.ValueID) {
		s := n.shape(x)
		y := n.node("InstanceNormalization", nil, n.node("Reshape", nil, x, n.ints(1, 8, -1)), n.weights(1, 8), n.weights(1, 8))
		y = n.node("Reshape", nil, y, n.ints(1, int64(s[1]), int64(s[2]), int64(s[3])))
		y = n.node("Add", nil, n.node("Mul", nil, y, n.weights(1, s[1], 1, 1)), n.weights(1, s[1], 1, 1))
		y = n.layer(n.node("Relu", nil, y), 64, 3, 1)
		n.output(n.layer(n.node("InstanceNormalization", nil, y, n.weights(1, 64), n.weights(1, 64)), 8, 3, 1))
	},
	"the best class of each pixel": func(n *network, x graph.ValueID) {
		y := x
		for range 4 { // what goes before it in the smallest of such networks
			y = n.layer(y, 64, 3, 1)
		}
		n.output(n.node("ArgMax", map[string]any{"axis": int64(1)}, n.layer(y, 21, 1, 1)))
	},
	"gates of channels and places": func(n *network, x graph.ValueID) {
		mean := n.node("ReduceMean", map[string]any{"axes": []int64{1}}, x)
		most := n.node("ReduceMax", map[string]any{"axes": []int64{1}}, x)
		gate := n.node("Sigmoid", nil, n.node("Conv", map[string]any{"pads": []int64{3, 3, 3, 3}}, n.node("Concat", map[string]any{"axis": int64(1)}, mean, most), n.weights(0.3, 1, 2, 7, 7)))
		y := n.layer(n.node("Mul", nil, x, gate), 32, 3, 1)
		norm := n.node("Expand", nil, n.node("ReduceL2", map[string]any{"axes": []int64{1}}, y), n.ints(1, 32, 32, 32))
		n.output(n.node("Div", nil, y, norm))
	},
	"squares of pixels, there and back": func(n *network, x graph.ValueID) {
		s := n.shape(x)
		c, h, w := int64(s[1]), int64(s[2]), int64(s[3])
		y := n.node("Transpose", map[string]any{"perm": []int64{0, 1, 3, 5, 2, 4}}, n.node("Reshape", nil, x, n.ints(1, c, h/2, 2, w/2, 2)))
		y = n.layer(n.node("Reshape", nil, y, n.ints(1, 4*c, h/2, w/2)), 64, 3, 1)
		n.output(n.layer(n.node("DepthToSpace", map[string]any{"blocksize": int64(2), "mode": "CRD"}, y), 3, 3, 1))
	},
	"a pyramid": func(n *network, x graph.ValueID) {
		low := n.layer(x, 32, 3, 2)
		up := n.node("Resize", map[string]any{"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}, low, -1, n.constant(tensor.New([]float32{1, 1, 2, 2}, 4)))
		y := n.node("Concat", map[string]any{"axis": int64(1)}, n.node("Add", nil, up, x), x)
		n.output(n.layer(y, 16, 3, 1))
	},
	"functions": func(n *network, x graph.ValueID) {
		for _, f := range []string{"Softplus", "Softsign", "Selu", "Celu", "Elu", "HardSwish", "HardSigmoid"} {
			x = n.node(f, nil, n.layer(x, 16, 3, 1))
		}
		x = n.node("Pow", nil, n.node("Exp", nil, n.layer(x, 16, 3, 1)), n.number(0.4))
		n.output(n.node("Log", nil, x))
	},
}
