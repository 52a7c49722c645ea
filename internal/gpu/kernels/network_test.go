package kernels

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/incremental"
	"krypton/internal/onnxload"
	"krypton/internal/onnxwrite"
	"krypton/internal/op"
	"krypton/internal/region"
	"krypton/internal/softmax"
)

// onDevice runs a graph by kernels as a plan does: views of a clean input stay on the
// device, and updates of many positions go through each layer in one launch.
type onDevice struct {
	*device
	g      *graph.Graph
	layers []layer
	values map[graph.ValueID]*held
	// same says which other value's memory holds what a value is: a flattened plane, what
	// an activation in a layer's last step makes.
	same   map[graph.ValueID]graph.ValueID
	output graph.ValueID
	scores bool // a softmax follows
}

// held is a value: its plane, its view, and of each position the region and the memory of
// its update.
type held struct {
	plane  engine.Plane
	view   uint64
	rects  []region.Rect
	update []uint64
	// in is the concatenation that the value is part of, from channel at on, or -1.
	in graph.ValueID
	at int
}

// layer computes a value of one or two others.
type layer struct {
	in     []graph.ValueID
	out    graph.ValueID
	y, x   region.Window
	launch func(b Batch) (Launch, error)
}

// lower makes layers of a graph's nodes.
func lower(t *testing.T, g *graph.Graph) *onDevice {
	t.Helper()
	s := g.Values[g.Inputs[0]].Info.Shape
	n := &onDevice{device: newDevice(t), g: g, values: map[graph.ValueID]*held{}, same: map[graph.ValueID]graph.ValueID{}, output: g.Outputs[0]}
	n.values[g.Inputs[0]] = &held{plane: engine.Plane{H: s[2], W: s[3], C: s[1]}, in: -1}
	// Parts of concatenations are written where they belong.
	for _, node := range g.Nodes {
		if _, ok := node.Op.(*op.Concat); ok {
			c := &held{in: -1}
			n.values[node.Out[0]] = c
			for _, id := range node.In {
				n.values[id] = &held{in: node.Out[0], at: c.plane.C}
				shape := g.Values[id].Info.Shape
				c.plane = engine.Plane{H: shape[2], W: shape[3], C: c.plane.C + shape[1]}
			}
		}
	}
	for _, node := range g.Nodes {
		n.node(node)
	}
	return n
}

// root is the value in whose memory another one lies.
func (n *onDevice) root(id graph.ValueID) graph.ValueID {
	for {
		to, ok := n.same[id]
		if !ok {
			return id
		}
		id = to
	}
}

func (n *onDevice) plane(id graph.ValueID) engine.Plane { return n.values[n.root(id)].plane }

// constant is a constant's numbers, nil of an input that is left out.
func (n *onDevice) constant(in []graph.ValueID, i int) []float32 {
	if i >= len(in) || in[i] < 0 {
		return nil
	}
	return n.g.Values[in[i]].Info.Value.Data.([]float32)
}

// emit adds a layer whose output is that of a node, or, if nothing but a ReLU reads that,
// what the ReLU makes of it: then it calls make with its bounds.
func (n *onDevice) emit(node *graph.Node, l layer, outC int, clamp engine.Clamp, made func(clamp engine.Clamp) func(b Batch) (Launch, error)) {
	l.out = node.Out[0]
	var readers []*graph.Node
	for _, other := range n.g.Nodes {
		for _, id := range other.In {
			if id == l.out {
				readers = append(readers, other)
			}
		}
	}
	if len(readers) == 1 && l.out != n.output {
		if u, ok := readers[0].Op.(*op.Unary); ok && u.Name == "Relu" {
			n.same[l.out] = readers[0].Out[0]
			l.out, clamp = readers[0].Out[0], engine.Clamp{0, float32(math.Inf(1))}
		}
	}
	v := n.values[l.out]
	if v == nil {
		v = &held{in: -1}
		n.values[l.out] = v
	}
	v.plane = engine.Plane{H: l.y.Out, W: l.x.Out, C: outC}
	l.launch = made(clamp)
	n.layers = append(n.layers, l)
}

// node lowers one node.
func (n *onDevice) node(node *graph.Node) {
	in, t := n.plane(node.In[0]), n.t
	one := []graph.ValueID{node.In[0]}
	shape := func(y, x region.Window, outC int) Shape { return shapeOf(in, y, x, outC) }
	plain := func(y, x region.Window, of func(b Batch, s Shape) (Launch, error)) {
		n.emit(node, layer{in: one, y: y, x: x}, in.C, unclamped, func(clamp engine.Clamp) func(b Batch) (Launch, error) {
			s := shape(y, x, in.C)
			if s.Clamp = clamp; clamp != unclamped {
				t.Fatalf("%s: a ReLU behind what has no bounds", node.Name)
			}
			return func(b Batch) (Launch, error) { return of(b, s) }
		})
	}
	hw := func() (y, x region.Window) { return region.Identity(in.H), region.Identity(in.W) }
	switch o := node.Op.(type) {
	case *op.Conv:
		w := n.g.Values[node.In[1]].Info
		ws := must(o.Windows(n.g.Values[node.In[0]].Info.Shape, w.Shape))
		n.convolution(node, one, in, ws[0], ws[1], o.Group, w.Shape[0], n.constant(node.In, 1), n.constant(node.In, 2))
	case *op.Gemm:
		if !o.TransB || o.TransA || o.Alpha != 1 || o.Beta != 1 {
			t.Fatal("another Gemm")
		}
		outC := n.g.Values[node.In[1]].Info.Shape[0]
		n.convolution(node, one, in, region.Whole(in.H), region.Whole(in.W), 1, outC, n.constant(node.In, 1), n.constant(node.In, 2))
	case *op.Pool:
		ws := must(o.Windows(n.g.Values[node.In[0]].Info.Shape))
		if o.Kind == op.PoolMax {
			plain(ws[0], ws[1], MaxPool)
			return
		}
		plain(ws[0], ws[1], func(b Batch, s Shape) (Launch, error) { return AveragePool(b, s, 0, 0) })
	case *op.GlobalPool:
		whole := func(b Batch, s Shape) (Launch, error) { return Mean(b, s, in.H*in.W) }
		if in.H == 1 || in.W == 1 || in.Len() < 1<<16 {
			plain(region.Whole(in.H), region.Whole(in.W), whole)
			return
		}
		// Of a large plane the rows are added up first.
		rows := graph.ValueID(-2 - len(n.layers))
		n.values[rows] = &held{plane: engine.Plane{H: in.H, W: 1, C: in.C}, in: -1}
		y, x := region.Identity(in.H), region.Whole(in.W)
		n.layers = append(n.layers, layer{in: one, out: rows, y: y, x: x, launch: func(b Batch) (Launch, error) { return Mean(b, shape(y, x, in.C), 1) }})
		of := in
		one, in = []graph.ValueID{rows}, engine.Plane{H: of.H, W: 1, C: of.C}
		plain(region.Whole(of.H), region.Identity(1), func(b Batch, s Shape) (Launch, error) { return Mean(b, s, of.H*of.W) })
	case *op.Elementwise:
		y, x := hw()
		if o.Name != "Add" {
			t.Fatal(o.Name)
		}
		n.emit(node, layer{in: node.In, y: y, x: x}, in.C, unclamped, func(clamp engine.Clamp) func(b Batch) (Launch, error) {
			s := shape(y, x, in.C)
			s.Clamp = clamp
			return func(b Batch) (Launch, error) { return Sum(b, s) }
		})
	case *op.Unary:
		y, x := hw()
		switch {
		case o.Name == "Sigmoid":
			table := n.doubles("table", asm.Table(asm.Sigmoid))
			plain(y, x, func(b Batch, s Shape) (Launch, error) { return Function(b, s, asm.Sigmoid, 0, table) })
		case o.Name != "Relu":
			t.Fatal(o.Name)
		case n.values[node.Out[0]] == nil: // of several readers
			plain(y, x, func(b Batch, s Shape) (Launch, error) {
				s.Clamp = engine.Clamp{0, float32(math.Inf(1))}
				return Bounds(b, s)
			})
		}
	case *op.Concat:
	case *op.Flatten, *op.Reshape, *op.Identity:
		n.same[node.Out[0]] = node.In[0]
	case *op.Softmax:
		n.scores, n.same[node.Out[0]] = true, node.In[0]
	default:
		t.Fatalf("%T", o)
	}
}

// convolution lowers one, by the kernel whose bits the engine's has.
func (n *onDevice) convolution(node *graph.Node, from []graph.ValueID, in engine.Plane, y, x region.Window, group, outC int, weights, bias []float32) {
	taps := y.Kernel * x.Kernel
	n.emit(node, layer{in: from, y: y, x: x}, outC, unclamped, func(clamp engine.Clamp) func(b Batch) (Launch, error) {
		s := shapeOf(in, y, x, outC)
		s.Group, s.Clamp = group, clamp
		if group == in.C && outC == in.C {
			s.Group = 1
			if bias == nil {
				bias = make([]float32, outC)
			}
			w, bs := n.floats("weights of "+node.Name, PackDepthwise(weights, 1, taps, in.C)), n.floats("biases of "+node.Name, bias)
			return func(b Batch) (Launch, error) { return Depthwise(b, s, w, bs) }
		}
		packed, biases := PackDense(weights, bias, in.C/group, taps, group, outC)
		w, bs := n.floats("weights of "+node.Name, packed), n.floats("biases of "+node.Name, biases)
		return func(b Batch) (Launch, error) { return Convolve(b, s, w, bs) }
	})
}

// materialize computes all views.
func (n *onDevice) materialize(input []float32) {
	for id, v := range n.values {
		if v.view = n.memory.Alloc(fmt.Sprintf("view of value %d", id), 4*v.plane.Len()); id == n.g.Inputs[0] {
			v.view = n.floats("input", input)
		}
	}
	for _, l := range n.layers {
		job := Job{Rect: n.values[l.out].plane.Rect()}
		for i, id := range l.in {
			p := Patched{View: n.values[n.root(id)].view}
			if job.In = p; i > 0 {
				job.In, job.Other = Patched{View: n.values[n.root(l.in[0])].view}, p
			}
		}
		n.run(l.launch(n.batch([]Job{n.into(l.out, job, func(v *held) uint64 { return v.view })}, n.values[l.out].plane.C)))
	}
}

// into says where a job's output goes: to its own memory, or to a concatenation's.
func (n *onDevice) into(id graph.ValueID, j Job, memory func(v *held) uint64) Job {
	v := n.values[id]
	j.Out = memory(v)
	if v.in >= 0 {
		of := n.values[v.in]
		j.Out, j.Pitch = memory(of)+4*uint64(v.at), of.plane.C
	}
	return j
}

// update computes what positions change: rects of the input, and their pixels.
func (n *onDevice) update(rects []region.Rect, pixels [][]float32) {
	for _, v := range n.values {
		v.rects, v.update = make([]region.Rect, len(rects)), make([]uint64, len(rects))
	}
	first := n.values[n.g.Inputs[0]]
	for k, r := range rects {
		first.rects[k], first.update[k] = r, n.floats(fmt.Sprintf("position %d", k), pixels[k])
	}
	// Regions first: what is written into a concatenation covers all of its region.
	for _, l := range n.layers {
		out := n.values[l.out]
		for k := range rects {
			for _, id := range l.in {
				r := n.values[n.root(id)].rects[k]
				out.rects[k] = out.rects[k].Union(region.Rect{Y: l.y.Reach(r.Y), X: l.x.Reach(r.X)})
			}
			if out.in >= 0 {
				of := n.values[out.in]
				of.rects[k] = of.rects[k].Union(out.rects[k])
			}
		}
	}
	for id, v := range n.values {
		for k := range rects {
			if v.in >= 0 {
				v.rects[k] = n.values[v.in].rects[k]
			}
			if v != first {
				v.update[k] = n.memory.Alloc(fmt.Sprintf("update %d of value %d", k, id), 4*v.rects[k].Area()*v.plane.C)
			}
		}
	}
	for _, l := range n.layers {
		var jobs []Job
		for k := range rects {
			job := Job{Rect: n.values[l.out].rects[k]}
			if job.Rect.Empty() {
				continue
			}
			of := func(id graph.ValueID) Patched {
				v := n.values[n.root(id)]
				return Patched{View: v.view, Update: v.update[k], Rect: v.rects[k]}
			}
			if job.In = of(l.in[0]); len(l.in) > 1 {
				job.Other = of(l.in[1])
			}
			jobs = append(jobs, n.into(l.out, job, func(v *held) uint64 { return v.update[k] }))
		}
		if len(jobs) > 0 {
			n.run(l.launch(n.batch(jobs, n.values[l.out].plane.C)))
		}
	}
}

// result is the output in ONNX's order: of a position, or of the clean input if that is -1.
func (n *onDevice) result(k int) []float32 {
	v := n.values[n.root(n.output)]
	p := engine.Patched{Plane: v.plane, View: n.read(v.view, v.plane.Len())}
	if k >= 0 {
		p.Rect = v.rects[k]
		p.Update = n.read(v.update[k], p.Rect.Area()*v.plane.C)
	}
	rows, out := make([]float32, v.plane.Len()), make([]float32, v.plane.Len())
	p.Compose(rows)
	for i, x := range rows {
		out[i%v.plane.C*v.plane.H*v.plane.W+i/v.plane.C] = x
	}
	if n.scores {
		softmax.Row(out, out)
	}
	return out
}

// changes are rectangles of the input with other pixels.
type changes struct {
	rects  []region.Rect
	pixels [][]float32
}

func (c changes) Len() int                   { return len(c.rects) }
func (c changes) Rect(i int) region.Rect     { return c.rects[i] }
func (c changes) Write(i int, dst []float32) { copy(dst, c.pixels[i]) }

// compareNetwork runs a graph on the interpreter, whole and behind some patches, and compares
// the output's bits with those of plans for every set.
func compareNetwork(t *testing.T, g *graph.Graph, rng *rand.Rand, patches int) {
	t.Helper()
	n := lower(t, g)
	plane := n.values[g.Inputs[0]].plane
	input := make([]float32, plane.Len())
	for i := range input {
		input[i] = rng.Float32()*2 - 1
	}
	var c changes
	for range patches {
		r := randomRect(rng, plane.H, plane.W)
		r.Y.Hi, r.X.Hi = min(r.Y.Hi, r.Y.Lo+24), min(r.X.Hi, r.X.Lo+24)
		c.rects, c.pixels = append(c.rects, r), append(c.pixels, random(rng, r.Area()*plane.C))
	}
	n.materialize(input)
	n.update(c.rects, c.pixels)
	for _, k := range fusedSets(t) {
		p, err := incremental.Compile(g, incremental.CompileOptions{Kernels: k, Direct: true})
		if err != nil {
			t.Fatal(err)
		}
		v, err := p.Materialize(context.Background(), input, 1)
		if err != nil {
			t.Fatal(err)
		}
		sameAll(t, k.Name+", whole", n.result(-1), p.Output(v, 0).Data.([]float32))
		var lock sync.Mutex
		err = p.Update(context.Background(), v, c, incremental.Options{Workers: 1}, func(i int, r incremental.Results) error {
			f, err := r.Floats(0)
			lock.Lock()
			defer lock.Unlock()
			sameAll(t, fmt.Sprintf("%s, position %d of %v", k.Name, i, c.rects[i]), n.result(i), f)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func sameAll(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	for i, v := range got {
		if !sameBits(v, want[i]) {
			t.Fatalf("%s: number %d is %g (%x), want %g (%x)", what, i, v, math.Float32bits(v), want[i], math.Float32bits(want[i]))
		}
	}
}

// TestNetwork runs a small network that has all of what lower knows.
func TestNetwork(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	weights := func(name string, dims ...int64) onnxwrite.Tensor {
		n := int64(1)
		for _, d := range dims {
			n *= d
		}
		w := make([]float32, n)
		for i := range w {
			w[i] = rng.Float32() - 0.4
		}
		return onnxwrite.Raw(name, dims, w)
	}
	nodes := onnxwrite.Lines("a = Conv x w1 b1", "b = Relu a", "c = MaxPool b", "d = Conv c w2", "e = Relu d", "f = Conv c w3 b3", "g = Relu f",
		"h = Concat e g", "i = Conv h w4 b4", "j = Sigmoid i", "k = Add j h", "l = Relu k", "m = AveragePool l", "n = Add m m", "o = Conv n w5 b5",
		"p = Relu o", "q = Sigmoid o", "r = Add p q", "s = Flatten r", "y = Gemm s w6 b6")
	for i, a := range map[int][]onnxwrite.Attribute{
		0:  {onnxwrite.Ints("pads", 1, 1, 1, 1)},
		2:  {onnxwrite.Ints("kernel_shape", 3, 3), onnxwrite.Ints("strides", 2, 2), onnxwrite.Ints("pads", 0, 0, 1, 1)},
		5:  {onnxwrite.Ints("pads", 1, 1, 1, 1)},
		7:  {onnxwrite.Int("axis", 1)},
		8:  {onnxwrite.Ints("pads", 1, 1, 1, 1), onnxwrite.Int("group", 12)},
		12: {onnxwrite.Ints("kernel_shape", 2, 2), onnxwrite.Ints("strides", 1, 2), onnxwrite.Ints("pads", 1, 0, 0, 1)},
		14: {onnxwrite.Int("group", 2), onnxwrite.Ints("dilations", 2, 1), onnxwrite.Ints("pads", 2, 0, 2, 0)},
		19: {onnxwrite.Int("transB", 1)},
	} {
		nodes[i] = nodes[i].With(a...)
	}
	model := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{Name: "small", Nodes: nodes,
		Inputs:  []onnxwrite.ValueInfo{onnxwrite.Floats32("x", 1, 3, 14, 13)},
		Outputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("y", 1, 5)},
		Initializers: []onnxwrite.Tensor{weights("w1", 8, 3, 3, 3), weights("b1", 8), weights("w2", 5, 8, 1, 1), weights("w3", 7, 8, 3, 3), weights("b3", 7),
			weights("w4", 12, 1, 3, 3), weights("b4", 12), weights("w5", 10, 6, 3, 1), weights("b5", 10), weights("w6", 5, 10*7*3), weights("b6", 5)},
	}}
	g, err := onnxload.LoadBytes(model.Marshal(), "small", "", onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		compareNetwork(t, g, rng, 5)
	}
}

// TestTrainedNetworks runs the first layers of real networks: of two small ones, or with
// KRYPTON_WHOLE set of all, and SqueezeNet to its end, which takes a quarter of a minute.
func TestTrainedNetworks(t *testing.T) {
	dir := os.Getenv("KRYPTON_DATA")
	if dir == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	names, all := []string{"mnist", "resnet20_cifar10"}, os.Getenv("KRYPTON_WHOLE") != ""
	if all {
		names = append(names, "squeezenet1", "ultraface_rfb320", "fastestdet")
	}
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			g, err := onnxload.Load(filepath.Join(dir, "models", name+".onnx"), onnxload.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if name != "squeezenet1" {
				g = begin(t, g)
			}
			compareNetwork(t, g, rand.New(rand.NewPCG(uint64(i), 20)), 2)
		})
	}
}

// begin cuts a graph off before what lower does not know, or what would make it take more than
// some five million multiply-adds; of the first convolution it keeps all.
func begin(t *testing.T, g *graph.Graph) *graph.Graph {
	t.Helper()
	cut, left := *g, 5_000_000
	for i, node := range g.Nodes {
		switch node.Op.(type) {
		case *op.Conv:
			work := 1
			for _, n := range append(g.Values[node.Out[0]].Info.Shape[2:], g.Values[node.In[1]].Info.Shape...) {
				work *= n
			}
			if left -= work; left < 0 && i > 0 {
				return &cut
			}
		case *op.Pool, *op.Unary, *op.Concat:
		default:
			return &cut
		}
		cut.Nodes, cut.Outputs = g.Nodes[:i+1], node.Out[:1]
	}
	t.Fatal("no end")
	return nil
}
