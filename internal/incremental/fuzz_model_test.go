package incremental

import (
	"fmt"
	"math"

	"krypton/internal/onnxload"
	"krypton/internal/onnxwrite"
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

// scripted are operators that keep numbers of ordinary size, so that results can be
// compared.
var scripted = []string{"Conv", "Relu", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Add", "Mul", "Concat", "Pad", "Slice", "Transpose",
	"Reshape", "Flatten", "Softmax", "BatchNormalization", "Gemm", "MatMul", "Resize", "Sigmoid", "Tanh", "ReduceMean", "Split", "Squeeze", "Unsqueeze",
	"Clip", "LeakyRelu", "PRelu", "Identity", "LRN", "ConvTranspose", "Gather", "Expand", "DepthToSpace", "SpaceToDepth", "ReduceMax", "Sub", "Max", "Cast", "Shape"}

// model writes a small graph, one of three such that anything goes.
func (s *script) model() []byte {
	if s.below(3) == 0 {
		return s.wild()
	}
	return s.fitting()
}

// wild writes a small graph of what the script says: nodes of any operators with
// any attributes on any values, seldom such that they fit each other.
func (s *script) wild() []byte {
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

// drawn is a graph that grows node by node. A node that the loader refuses is taken
// back, so that most scripts give a network that runs; what it does not refuse tells
// its shape, so that the next node can fit it.
type drawn struct {
	*script
	model  onnxwrite.Model
	values []shaped
}

// shaped is a value with its shape.
type shaped struct {
	name  string
	shape []int
}

// fitting writes a small graph of nodes that fit each other.
func (s *script) fitting() []byte {
	x := shaped{"x", []int{1, 1 + s.below(5), 1 + s.below(12), 1 + s.below(12)}}
	d := &drawn{script: s, values: []shaped{x}}
	d.model = onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": int64(7 + s.below(16))}}
	d.model.Graph = onnxwrite.Graph{Name: "fuzz", Inputs: []onnxwrite.ValueInfo{{Name: "x", ElemType: 1, Dims: onnxwrite.Fixed(wide(x.shape)...)}}}
	for range 1 + s.below(8) {
		d.grow()
	}
	d.outputs(d.values[len(d.values)-1], d.values[s.below(len(d.values))])
	return d.model.Marshal()
}

func (d *drawn) outputs(of ...shaped) {
	d.model.Graph.Outputs = nil
	for i, v := range of {
		if i > 0 && (v.name == of[0].name || v.name == "x") {
			continue // an output twice, or one that is the input
		}
		d.model.Graph.Outputs = append(d.model.Graph.Outputs, onnxwrite.ValueInfo{Name: v.name, ElemType: 1})
	}
}

// grow adds a node on one of the last values.
func (d *drawn) grow() {
	g := &d.model.Graph
	nodes, constants := len(g.Nodes), len(g.Initializers)
	x := d.values[len(d.values)-1-d.below(min(3, len(d.values)))]
	n := d.node(x)
	n.Name = fmt.Sprintf("n%d", nodes)
	if n.Outputs == nil {
		n.Outputs = make([]string, 1)
	}
	for i := range n.Outputs {
		n.Outputs[i] = fmt.Sprintf("v%d_%d", nodes, i)
	}
	g.Nodes = append(g.Nodes, n)
	var made []shaped
	for _, name := range n.Outputs {
		d.outputs(shaped{name: name})
		loaded, err := onnxload.LoadBytes(d.model.Marshal(), "fuzz", "", onnxload.Options{MaxBytes: 1 << 20})
		if err != nil {
			g.Nodes, g.Initializers = g.Nodes[:nodes], g.Initializers[:constants]
			return
		}
		made = append(made, shaped{name, loaded.Values[loaded.Outputs[0]].Info.Shape})
	}
	d.values = append(d.values, made...)
}

func wide(v []int) []int64 {
	w := make([]int64, len(v))
	for i := range v {
		w[i] = int64(v[i])
	}
	return w
}

// floats adds a constant of numbers in [-1, 1].
func (d *drawn) floats(shape ...int) string {
	n := 1
	for _, l := range shape {
		n *= l
	}
	if n > 1<<12 {
		return "too large" // nothing has that name: the node is taken back
	}
	v := make([]float32, n)
	seed := d.next()
	for i := range v {
		seed = (seed*75 + 74) % 65537 // numbers of their own would use the script up
		v[i] = float32(seed%255-127) / 127
	}
	return d.constant(onnxwrite.Raw(d.fresh(), wide(shape), v))
}

// positive adds a constant of numbers that can be variances.
func (d *drawn) positive(n int) string {
	v := make([]float32, n)
	for i := range v {
		v[i] = 0.25 + float32(d.below(8))/4
	}
	return d.constant(onnxwrite.Raw(d.fresh(), []int64{int64(n)}, v))
}

func (d *drawn) ints(v ...int64) string {
	return d.constant(onnxwrite.Raw(d.fresh(), []int64{int64(len(v))}, v))
}

func (d *drawn) fresh() string { return fmt.Sprintf("c%d", len(d.model.Graph.Initializers)) }

func (d *drawn) constant(t onnxwrite.Tensor) string {
	d.model.Graph.Initializers = append(d.model.Graph.Initializers, t)
	return t.Name
}

// several draws n numbers from lo on, k of them, the same one mostly.
func (d *drawn) several(n int, lo, k int64) []int64 {
	v := make([]int64, n)
	for i := range v {
		if v[i] = lo + int64(d.below(int(k))); i > 0 && d.below(2) == 0 {
			v[i] = v[0]
		}
	}
	return v
}

// window draws what convolutions and poolings have in common, for kernels of this
// size.
func (d *drawn) window(kernel []int64) []onnxwrite.Attribute {
	a := []onnxwrite.Attribute{onnxwrite.Ints("kernel_shape", kernel...), onnxwrite.Ints("strides", d.several(len(kernel), 1, 3)...)}
	if d.below(4) == 0 {
		return append(a, onnxwrite.String("auto_pad", []string{"SAME_UPPER", "SAME_LOWER", "VALID"}[d.below(3)]))
	}
	if d.below(3) > 0 {
		a = append(a, onnxwrite.Ints("pads", d.several(2*len(kernel), 0, 3)...))
	}
	return a
}

// like gives another value of x's shape, or a constant that can be broadcast to it.
func (d *drawn) like(x shaped) string {
	if d.below(3) > 0 {
		for i := range d.values {
			v := d.values[(i+d.below(len(d.values)))%len(d.values)]
			if fmt.Sprint(v.shape) == fmt.Sprint(x.shape) && v.name != x.name {
				return v.name
			}
		}
	}
	shape := append([]int{}, x.shape[d.below(len(x.shape)+1):]...)
	for i := range shape {
		if d.below(2) == 0 {
			shape[i] = 1
		}
	}
	return d.floats(shape...)
}

// node draws a node that reads x; of its outputs only the number counts.
func (d *drawn) node(x shaped) onnxwrite.Node {
	rank, opset := len(x.shape), d.model.Opsets[""]
	channels := 1
	if rank > 1 {
		channels = x.shape[1]
	}
	n := onnxwrite.Node{Inputs: []string{x.name}}
	read := func(names ...string) { n.Inputs = append(n.Inputs, names...) }
	set := func(a ...onnxwrite.Attribute) { n.Attributes = append(n.Attributes, a...) }
	axis := func() int { return d.below(max(rank, 1)) }
	// listed gives numbers as an input or, before an operator set, as an attribute.
	listed := func(name string, since int64, v ...int64) {
		if opset < since {
			set(onnxwrite.Ints(name, v...))
		} else {
			read(d.ints(v...))
		}
	}
	spatial := max(rank-2, 0)
	switch kind := d.below(26); kind {
	case 0, 1, 2:
		n.OpType = "Conv"
		kernel, group := d.several(spatial, 1, 4), 1
		if d.below(3) == 0 {
			group = max(channels, 1)
		}
		out := group * (1 + d.below(3))
		read(d.floats(append([]int{out, channels / group}, narrow(kernel)...)...))
		if d.below(2) == 0 {
			read(d.floats(out))
		}
		set(onnxwrite.Int("group", int64(group)))
		set(d.window(kernel)...)
		if d.below(3) == 0 {
			set(onnxwrite.Ints("dilations", d.several(spatial, 1, 3)...))
		}
	case 3:
		n.OpType = "ConvTranspose"
		kernel := d.several(spatial, 1, 3)
		read(d.floats(append([]int{channels, 1 + d.below(3)}, narrow(kernel)...)...))
		set(d.window(kernel)...)
	case 4, 5:
		n.OpType = []string{"MaxPool", "AveragePool", "AveragePool", "LpPool"}[d.below(4)]
		set(d.window(d.several(spatial, 1, 4))...)
		if opset >= 10 && d.below(3) == 0 {
			set(onnxwrite.Int("ceil_mode", 1))
		}
		if n.OpType == "AveragePool" {
			set(onnxwrite.Int("count_include_pad", int64(d.below(2))))
		}
	case 6:
		n.OpType = []string{"GlobalAveragePool", "GlobalMaxPool"}[d.below(2)]
	case 7, 8:
		n.OpType = []string{"Add", "Mul", "Sub", "Max", "Min", "Sum"}[d.below(6)]
		read(d.like(x))
		if d.below(3) == 0 {
			n.Inputs[0], n.Inputs[1] = n.Inputs[1], n.Inputs[0]
		}
	case 9, 10:
		n.OpType = []string{"Relu", "Sigmoid", "Tanh", "LeakyRelu", "Elu", "HardSigmoid", "Softplus", "Softsign", "Abs", "Neg", "Identity", "Selu", "HardSwish", "Erf", "Floor"}[d.below(15)]
	case 11:
		n.OpType = "Clip"
		if opset < 11 {
			set(onnxwrite.Float("min", -0.5), onnxwrite.Float("max", 1))
		} else {
			read(d.floats(), d.positiveScalar())
		}
	case 12:
		n.OpType = "Concat"
		at := axis()
		for range 1 + d.below(2) {
			if d.below(2) == 0 {
				read(d.like(x))
				continue
			}
			shape := append([]int{}, x.shape...)
			if rank > 0 {
				shape[at] = 1 + d.below(3)
			}
			read(d.floats(shape...))
		}
		set(onnxwrite.Int("axis", int64(at)))
	case 13:
		n.OpType = "Pad"
		pads := make([]int64, 2*rank)
		for i := range pads {
			if i%max(rank, 1) >= rank-2 || d.below(4) == 0 {
				pads[i] = int64(d.below(5)) - 1
			}
		}
		listed("pads", 11, pads...)
		set(onnxwrite.String("mode", []string{"constant", "reflect", "edge"}[d.below(3)]))
	case 14:
		n.OpType = "Slice"
		at, length := axis(), 1
		if rank > 0 {
			length = max(x.shape[at], 1)
		}
		lo := int64(d.below(length))
		hi := lo + 1 + int64(d.below(length))
		if opset >= 10 && d.below(4) == 0 { // backwards, from its end
			read(d.ints(-1), d.ints(math.MinInt64), d.ints(int64(at)), d.ints(-1-int64(d.below(2))))
			break
		}
		listed("starts", 10, lo)
		listed("ends", 10, hi)
		listed("axes", 10, int64(at))
		if opset >= 10 {
			read(d.ints(1 + int64(d.below(2))))
		}
	case 15:
		n.OpType = "Transpose"
		perm := make([]int64, rank)
		for i := range perm {
			k := d.below(i + 1)
			perm[i], perm[k] = perm[k], int64(i)
		}
		set(onnxwrite.Ints("perm", perm...))
	case 16:
		n.OpType = "Reshape"
		shape := wide(x.shape)
		switch at := axis(); {
		case rank > 1 && d.below(2) == 0 && at > 0:
			shape = append(append(shape[:at-1:at-1], -1), shape[at+1:]...)
		case rank > 0 && shape[at]%2 == 0:
			shape = append(append(shape[:at:at], 2, shape[at]/2), shape[at+1:]...)
		}
		read(d.ints(shape...))
	case 17:
		n.OpType = "Flatten"
		set(onnxwrite.Int("axis", int64(axis())))
	case 18:
		n.OpType = []string{"Softmax", "LogSoftmax"}[d.below(2)]
		set(onnxwrite.Int("axis", int64(axis())))
	case 19:
		if n.OpType = "BatchNormalization"; d.below(3) == 0 {
			n.OpType = "InstanceNormalization"
			read(d.floats(channels), d.floats(channels))
			break
		}
		read(d.floats(channels), d.floats(channels), d.floats(channels), d.positive(channels))
	case 20:
		last := 1
		if rank > 0 {
			last = x.shape[rank-1]
		}
		if n.OpType = "MatMul"; rank == 2 && d.below(2) == 0 {
			n.OpType = "Gemm"
			if out := 1 + d.below(4); d.below(2) == 0 {
				read(d.floats(last, out), d.floats(out))
			} else {
				read(d.floats(out, last))
				set(onnxwrite.Int("transB", 1))
			}
			break
		}
		read(d.floats(last, 1+d.below(4)))
	case 21:
		n.OpType = "Resize"
		scales := make([]float32, rank)
		for i := range scales {
			if scales[i] = 1; i >= rank-2 {
				scales[i] = []float32{2, 0.5, 1, 3, 1.5}[d.below(5)]
			}
		}
		mode := onnxwrite.String("mode", []string{"nearest", "linear", "cubic"}[d.below(3)])
		list := d.constant(onnxwrite.Raw(d.fresh(), []int64{int64(rank)}, scales))
		if set(mode); opset < 10 {
			n.OpType = "Upsample"
			read(list)
		} else if opset == 10 {
			read(list)
		} else {
			read("", list)
			set(onnxwrite.String("coordinate_transformation_mode", []string{"half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"}[d.below(4)]))
		}
	case 22:
		n.OpType = []string{"ReduceMean", "ReduceMax", "ReduceSum", "ReduceMin", "ReduceL2"}[d.below(5)]
		since := int64(18)
		if n.OpType == "ReduceSum" {
			since = 13
		}
		axes := []int64{int64(axis())}
		if d.below(2) == 0 && rank > 2 {
			axes = []int64{int64(rank - 2), -1}
		}
		listed("axes", since, axes...)
		set(onnxwrite.Int("keepdims", int64(d.below(2))))
	case 23:
		n.OpType = "Split"
		at := axis()
		length := 1
		if rank > 0 {
			length = x.shape[at]
		}
		lo := d.below(length + 1)
		listed("split", 13, int64(lo), int64(length-lo))
		set(onnxwrite.Int("axis", int64(at)))
		n.Outputs = make([]string, 2)
	case 24:
		switch n.OpType = []string{"LRN", "PRelu", "DepthToSpace", "SpaceToDepth", "Gather", "Expand", "Where"}[d.below(7)]; n.OpType {
		case "LRN":
			set(onnxwrite.Int("size", int64(1+2*d.below(3))))
		case "PRelu":
			read(d.floats(channels, 1, 1))
		case "DepthToSpace", "SpaceToDepth":
			set(onnxwrite.Int("blocksize", int64(1+d.below(3))))
		case "Gather":
			at := axis()
			length := 1
			if rank > 0 {
				length = max(x.shape[at], 1)
			}
			read(d.ints(d.several(1+d.below(3), 0, int64(length))...))
			set(onnxwrite.Int("axis", int64(at)))
		case "Expand":
			shape := wide(x.shape)
			for i := range shape {
				if shape[i] == 1 && i > 0 {
					shape[i] = int64(1 + d.below(4))
				}
			}
			read(d.ints(shape...))
		case "Where":
			mask := make([]bool, 1)
			if rank > 0 {
				mask = make([]bool, x.shape[rank-1])
			}
			for i := range mask {
				mask[i] = d.below(2) == 0
			}
			read(d.like(x))
			n.Inputs = append([]string{d.constant(onnxwrite.Raw(d.fresh(), []int64{int64(len(mask))}, mask))}, n.Inputs...)
		}
	case 25:
		n.OpType = []string{"Squeeze", "Unsqueeze"}[d.below(2)]
		listed("axes", 13, int64(axis()))
	}
	return n
}

func (d *drawn) positiveScalar() string {
	return d.constant(onnxwrite.Raw(d.fresh(), []int64{}, []float32{0.25 + float32(d.below(8))/4}))
}

func narrow(v []int64) []int {
	n := make([]int, len(v))
	for i := range v {
		n[i] = int(v[i])
	}
	return n
}
