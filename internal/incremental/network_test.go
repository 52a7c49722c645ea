package incremental

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/tensor"
)

// network builds graphs node by node and evaluates them by the operators' own
// references: the oracle of these tests.
type network struct {
	t   testing.TB
	rng *rand.Rand
	g   *graph.Graph
	log []string
}

func newNetwork(t testing.TB, rng *rand.Rand, shape ...int) (*network, graph.ValueID) {
	n := &network{t: t, rng: rng, g: &graph.Graph{Name: "test"}}
	in := n.value("input", op.Info{Type: tensor.Float32, Shape: shape}, -1)
	n.g.Inputs = []graph.ValueID{in}
	n.log = append(n.log, fmt.Sprintf("input %v", shape))
	return n, in
}

func (n *network) value(name string, info op.Info, producer int) graph.ValueID {
	n.g.Values = append(n.g.Values, graph.Value{Name: name, Info: info, Producer: producer})
	return graph.ValueID(len(n.g.Values) - 1)
}

// constant adds a constant.
func (n *network) constant(t *tensor.Tensor) graph.ValueID {
	return n.value(fmt.Sprintf("const%d", len(n.g.Values)), op.Info{Type: t.DType(), Shape: t.Shape, Value: t}, -1)
}

// weights adds a random constant with entries in [-a, a).
func (n *network) weights(a float32, shape ...int) graph.ValueID {
	t := tensor.Zeros[float32](shape...)
	d := t.Data.([]float32)
	for i := range d {
		d[i] = (n.rng.Float32()*2 - 1) * a
	}
	return n.constant(t)
}

// ints adds an integer constant.
func (n *network) ints(v ...int64) graph.ValueID { return n.constant(tensor.New(v, len(v))) }

func (n *network) shape(id graph.ValueID) []int { return n.g.Values[id].Info.Shape }

// try adds a node, or returns an error and leaves the graph as it was.
func (n *network) try(typ string, attr map[string]any, outputs int, in ...graph.ValueID) ([]graph.ValueID, error) {
	const opset = 17
	def, err := op.Lookup(typ, opset)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("n%d", len(n.g.Nodes))
	o, err := def.New(&op.Node{Name: name, Type: typ[strings.LastIndexByte(typ, '.')+1:], Opset: opset, Inputs: len(in), Outputs: outputs, Attr: op.NewAttributes(attr)})
	if err != nil {
		return nil, err
	}
	infos := make([]*op.Info, len(in))
	for i, id := range in {
		if id >= 0 {
			infos[i] = &n.g.Values[id].Info
		}
	}
	out, err := o.Infer(infos, outputs)
	if err != nil {
		return nil, err
	}
	node := &graph.Node{Name: name, Def: def, Op: o, Opset: opset, In: in, Locality: op.LocalityOf(o, infos, out)}
	for i, info := range out {
		node.Out = append(node.Out, n.value(fmt.Sprintf("%s_%d", name, i), info, len(n.g.Nodes)))
	}
	n.g.Nodes = append(n.g.Nodes, node)
	n.log = append(n.log, fmt.Sprintf("%s = %s(%v) %v -> %v", name, typ, in, attr, out[0].Shape))
	return node.Out, nil
}

// node adds a node with one output.
func (n *network) node(typ string, attr map[string]any, in ...graph.ValueID) graph.ValueID {
	n.t.Helper()
	out, err := n.try(typ, attr, 1, in...)
	if err != nil {
		n.t.Fatalf("%s %v: %v\n%s", typ, attr, err, n)
	}
	return out[0]
}

func (n *network) output(ids ...graph.ValueID) { n.g.Outputs = append(n.g.Outputs, ids...) }

// String lists the network so that a failure can be read.
func (n *network) String() string { return strings.Join(n.log, "\n") }

// evaluate runs every node's reference computation.
func (n *network) evaluate(input *tensor.Tensor) []*tensor.Tensor {
	n.t.Helper()
	vals := make([]*tensor.Tensor, len(n.g.Values))
	for i := range n.g.Values {
		vals[i] = n.g.Values[i].Info.Value
	}
	vals[n.g.Inputs[0]] = input
	for _, node := range n.g.Nodes {
		in := make([]*tensor.Tensor, len(node.In))
		for i, id := range node.In {
			if id >= 0 {
				in[i] = vals[id]
			}
		}
		out, err := node.Op.Eval(in, len(node.Out))
		if err != nil {
			n.t.Fatalf("%s: %v\n%s", node.Name, err, n)
		}
		for i, id := range node.Out {
			vals[id] = out[i]
		}
	}
	outs := make([]*tensor.Tensor, len(n.g.Outputs))
	for i, id := range n.g.Outputs {
		outs[i] = vals[id]
	}
	return outs
}

// byRowsAndColumns combines a plane with what is made of its rows and of its columns, of
// each channel or of all, as attention by coordinates does.
func (n *network) byRowsAndColumns(rng *rand.Rand, x graph.ValueID) graph.ValueID {
	for _, axis := range []int64{3, 2}[:1+rng.IntN(2)] {
		g := n.node([]string{"ReduceMean", "ReduceMax"}[rng.IntN(2)], map[string]any{"axes": []int64{axis}}, x)
		if rng.IntN(3) == 0 {
			g = n.node("ReduceMean", map[string]any{"axes": []int64{1}}, g)
		}
		in := []graph.ValueID{x, n.node("Sigmoid", nil, g)}
		if rng.IntN(3) == 0 {
			in[0], in[1] = in[1], in[0]
		}
		x = n.node([]string{"Mul", "Add", "Sub", "Div"}[rng.IntN(4)], nil, in...)
	}
	return x
}

// batchNormalization adds one with random numbers.
func (n *network) batchNormalization(x graph.ValueID) graph.ValueID {
	m := n.shape(x)[1]
	variance := tensor.Zeros[float32](m)
	for i := range m {
		variance.Data.([]float32)[i] = 0.5 + n.rng.Float32()
	}
	return n.node("BatchNormalization", nil, x, n.weights(1, m), n.weights(1, m), n.weights(1, m), n.constant(variance))
}

// denseBlock adds layers that each read what all before them have made, which is put
// together anew or goes on from what was.
func (n *network) denseBlock(x graph.ValueID, layers int, anew bool) graph.ValueID {
	parts, all := []graph.ValueID{x}, x
	for range layers {
		y := n.batchNormalization(all)
		if n.rng.IntN(3) > 0 {
			y = n.node("Relu", nil, y)
		}
		w := []int{1 + n.rng.IntN(7), n.shape(y)[1], 3, 3}
		pads := []int64{1, 1, 1, 1}
		if len(n.shape(x)) == 3 {
			w, pads = w[:3], pads[:2]
		}
		y = n.node("Conv", map[string]any{"pads": pads}, y, n.weights(0.3, w...))
		if parts = append(parts, y); anew {
			all = n.node("Concat", map[string]any{"axis": int64(1)}, parts...)
		} else {
			all = n.node("Concat", map[string]any{"axis": int64(1)}, all, y)
		}
	}
	return all
}

// shuffled puts two values' channels together, mixes groups of them, and parts them again
// where that goes.
func (n *network) shuffled(x, y graph.ValueID) []graph.ValueID {
	all := n.node("Concat", map[string]any{"axis": int64(1)}, x, y)
	s := n.shape(all)
	groups := 1
	for _, g := range n.rng.Perm(5) {
		if g > 0 && s[1]%g == 0 {
			groups = g
		}
	}
	apart, together := []int64{1, int64(groups), int64(s[1] / groups)}, []int64{1, int64(s[1])}
	perm := []int64{0, 2, 1}
	for a, d := range s[2:] {
		apart, together, perm = append(apart, int64(d)), append(together, int64(d)), append(perm, int64(3+a))
	}
	all = n.node("Reshape", nil, n.node("Transpose", map[string]any{"perm": perm}, n.node("Reshape", nil, all, n.ints(apart...))), n.ints(together...))
	if n.rng.IntN(3) == 0 {
		return []graph.ValueID{all}
	}
	at := int64(1 + n.rng.IntN(s[1]-1))
	return []graph.ValueID{n.node("Slice", nil, all, n.ints(0), n.ints(at), n.ints(1)), n.node("Slice", nil, all, n.ints(at), n.ints(int64(s[1])), n.ints(1))}
}

// randomNetwork grows a network of random layers: convolutions with strides,
// dilations, groups and asymmetric pads, poolings with ceil mode, residual
// adds, concatenations, dense blocks, shuffles, splits, padding, resizing, normalizations, then
// perhaps a head.
func randomNetwork(t testing.TB, rng *rand.Rand) *network {
	series := rng.IntN(6) == 0
	shape := []int{1, 1 + rng.IntN(20), 4 + rng.IntN(16), 4 + rng.IntN(16)}
	if series {
		shape = []int{1, 1 + rng.IntN(20), 6 + rng.IntN(40)}
	}
	n, x := newNetwork(t, rng, shape...)
	spatial := len(shape) - 2
	ints := func(lo, hi int) []int64 {
		v := make([]int64, spatial)
		for i := range v {
			v[i] = int64(lo + rng.IntN(hi-lo+1))
		}
		return v
	}
	live := []graph.ValueID{x} // values that a later layer may read
	for layer := 0; layer < 2+rng.IntN(9); layer++ {
		x := live[len(live)-1-rng.IntN(min(2, len(live)))]
		s := n.shape(x)
		c := s[1]
		window := func() map[string]any {
			pads := append(ints(0, 2), ints(0, 2)...)
			return map[string]any{"strides": ints(1, 2), "pads": pads}
		}
		add := func(typ string, attr map[string]any, in ...graph.ValueID) {
			if out, err := n.try(typ, attr, 1, in...); err == nil {
				for _, d := range n.shape(out[0]) {
					if d == 0 {
						return
					}
				}
				live = append(live, out[0])
			}
		}
		switch rng.IntN(16) {
		case 0, 1, 2, 3:
			g := 1
			switch {
			case rng.IntN(4) == 0:
				g = c
			case c%2 == 0 && rng.IntN(3) == 0:
				g = 2
			}
			outC := g * (1 + rng.IntN(1+36/g))
			if rng.IntN(3) == 0 && g == c {
				outC = c
			}
			k := ints(1, 3)
			a := window()
			a["dilations"] = ints(1, 2)
			if len(k) == 2 && rng.IntN(3) == 0 { // what Winograd's tiles can do
				g, k = 1, []int64{3, 3}
				a["strides"], a["dilations"] = []int64{1, 1}, []int64{1, 1}
			}
			a["group"] = int64(g)
			ws := []int{outC, c / g}
			for _, v := range k {
				ws = append(ws, int(v))
			}
			in := []graph.ValueID{x, n.weights(1.5/float32(c/g+1), ws...)}
			if rng.IntN(2) == 0 {
				in = append(in, n.weights(1, outC))
			}
			add("Conv", a, in...)
			if last := live[len(live)-1]; rng.IntN(3) == 0 && last != x {
				live = append(live, n.batchNormalization(last))
			}
			if rng.IntN(2) == 0 {
				add("Relu", nil, live[len(live)-1])
			}
		case 4:
			a := window()
			a["kernel_shape"] = ints(2, 3)
			a["pads"] = append(ints(0, 1), ints(0, 1)...)
			a["ceil_mode"] = int64(rng.IntN(2))
			add("MaxPool", a, x)
		case 5:
			a := window()
			a["kernel_shape"] = ints(2, 3)
			a["pads"] = append(ints(0, 1), ints(0, 1)...)
			a["ceil_mode"] = int64(rng.IntN(2))
			a["count_include_pad"] = int64(rng.IntN(2))
			add("AveragePool", a, x)
		case 6, 7:
			y := live[rng.IntN(len(live))]
			if fmt.Sprint(n.shape(y)) == fmt.Sprint(s) {
				add([]string{"Add", "Mul", "Max", "Sub"}[rng.IntN(4)], nil, x, y)
				if rng.IntN(2) == 0 {
					add("Relu", nil, live[len(live)-1])
				}
			}
		case 8:
			y := live[rng.IntN(len(live))]
			if fmt.Sprint(n.shape(y)[2:]) == fmt.Sprint(s[2:]) && c+n.shape(y)[1] < 80 {
				add("Concat", map[string]any{"axis": int64(1)}, x, y)
			}
		case 9:
			add([]string{"Sigmoid", "LeakyRelu", "Elu", "Tanh"}[rng.IntN(4)], nil, x)
		case 10:
			one := make([]int, spatial+1)
			for i := range one {
				one[i] = 1
			}
			one[0] = c
			add([]string{"Add", "Mul"}[rng.IntN(2)], nil, x, n.weights(1, one...))
		case 11:
			if rng.IntN(3) == 0 && c < 40 { // channels, as shortcuts of residual networks
				pads := make([]int64, 2*(spatial+2))
				pads[1], pads[spatial+3] = int64(rng.IntN(5)), int64(rng.IntN(5))
				add("Pad", nil, x, n.ints(pads...), n.constant(tensor.Scalar(rng.Float32())))
				break
			}
			pads := []int64{0, 0}
			pads = append(pads, ints(0, 2)...)
			pads = append(pads, 0, 0)
			pads = append(pads, ints(0, 2)...)
			add("Pad", map[string]any{"mode": []string{"constant", "edge"}[rng.IntN(2)]}, x, n.ints(pads...))
		case 12:
			if c > 1 && rng.IntN(2) == 0 { // every second, as shuffles
				add("Slice", nil, x, n.ints(int64(rng.IntN(2))), n.ints(int64(c)), n.ints(1), n.ints(2))
			} else if c > 1 {
				lo := rng.IntN(c - 1)
				add("Slice", nil, x, n.ints(int64(lo)), n.ints(int64(lo+1+rng.IntN(c-lo))), n.ints(1))
			}
		case 15:
			if y := live[rng.IntN(len(live))]; fmt.Sprint(n.shape(y)[2:]) == fmt.Sprint(s[2:]) && c+n.shape(y)[1] < 80 {
				live = append(live, n.shuffled(x, y)...)
			}
		case 14:
			if c < 40 {
				live = append(live, n.denseBlock(x, 1+rng.IntN(4), rng.IntN(2) == 0))
			}
		case 13:
			if spatial == 2 && s[2]*s[3] < 300 {
				scales := n.constant(tensor.New([]float32{1, 1, 2, 2}, 4))
				mode := []string{"nearest", "linear"}[rng.IntN(2)]
				roi := []graph.ValueID{-1, n.constant(tensor.Zeros[float32](0))}[rng.IntN(2)] // exporters write either for none
				add("Resize", map[string]any{"mode": mode, "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}, x, roi, scales)
			}
		}
	}
	last := live[len(live)-1]
	switch rng.IntN(6) {
	case 0, 1: // squeeze and excite
		p := n.node("GlobalAveragePool", nil, last)
		last = n.node("Mul", nil, last, n.node("Sigmoid", nil, p))
	case 2:
		if len(n.shape(last)) == 4 {
			last = n.byRowsAndColumns(rng, last)
		}
	}
	switch s := n.shape(last); rng.IntN(4) {
	case 0:
		n.output(last)
	case 1:
		p := n.node("Flatten", nil, n.node("GlobalAveragePool", nil, last))
		n.output(n.node("Softmax", nil, n.node("Gemm", map[string]any{"transB": int64(1)}, p, n.weights(1, 7, s[1]), n.weights(1, 7))))
	case 2:
		f := n.node("Flatten", nil, last)
		out := n.node("Gemm", nil, f, n.weights(0.1, n.shape(f)[1], 9))
		n.output(out, last)
	case 3:
		if len(s) == 4 { // a detector's head: channels last, flattened
			list := func(v graph.ValueID) graph.ValueID {
				tr := n.node("Transpose", map[string]any{"perm": []int64{0, 2, 3, 1}}, v)
				return n.node("Reshape", nil, tr, n.ints(1, -1, int64(s[1])))
			}
			all := list(last)
			if rng.IntN(3) > 0 { // heads of several planes, and boxes made of them
				for _, v := range live {
					if o := n.shape(v); len(o) == 4 && rng.IntN(3) == 0 {
						w := n.weights(1.5/float32(o[1]+1), s[1], o[1], 1, 1)
						all = n.node("Concat", map[string]any{"axis": int64(1)}, all, list(n.node("Conv", nil, v, w)))
					}
				}
				boxes := n.shape(all)[1]
				if k := 1 + rng.IntN(s[1]); k < s[1] {
					left := n.node("Slice", nil, all, n.ints(0), n.ints(int64(k)), n.ints(2))
					right := n.node("Slice", nil, all, n.ints(int64(k)), n.ints(int64(s[1])), n.ints(2))
					left = n.node("Mul", nil, left, n.weights(1, 1, boxes, k))
					right = n.node("Add", nil, n.node("Sigmoid", nil, right), n.weights(1, []int{1, boxes}[rng.IntN(2)], s[1]-k))
					all = n.node("Concat", map[string]any{"axis": int64(2)}, left, right)
				}
				if rng.IntN(2) == 0 {
					all = n.node("Add", nil, all, all)
				}
			}
			n.output(n.node("Softmax", nil, all))
		} else {
			n.output(last)
		}
	}
	return n
}
