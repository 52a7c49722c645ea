package onnxload

import (
	"fmt"
	"slices"
	"sort"

	"github.com/owulveryck/onnx-go"

	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/tensor"
)

// builder makes the typed graph: it infers shapes node by node and evaluates
// what depends on constants alone.
type builder struct {
	m       *modelProto
	opt     Options
	opset   int
	g       *graph.Graph
	ids     map[string]graph.ValueID
	byOut   map[string]*nodeProto // the file's node by its first named output
	narrow  bool                  // the whole model is taken as float32
	applied int
	folded  int64 // bytes of all constants that folding has computed
}

func newBuilder(m *modelProto, opt Options) *builder {
	b := &builder{m: m, opt: opt, opset: int(m.opsets[""]), g: &graph.Graph{}, ids: map[string]graph.ValueID{}, byOut: map[string]*nodeProto{}}
	for _, n := range m.graph.nodes {
		for _, o := range n.outputs {
			if o != "" {
				b.byOut[o] = n
			}
		}
	}
	return b
}

// nodes is the number of nodes that onnx-go will hand over.
func (b *builder) nodes() int {
	n := 0
	for _, p := range b.m.graph.nodes {
		if p.opType != "Constant" {
			n++
		}
	}
	return n
}

// begin makes the values of inputs and constants.
func (b *builder) begin() error {
	g := b.m.graph
	if err := g.constants(); err != nil {
		return err
	}
	b.g.Facts = graph.Facts{Producer: b.m.producer, IRVersion: int(b.m.irVersion), Opset: b.opset, Nodes: len(g.nodes), Metadata: b.m.metadata}
	b.narrow = b.isWide()
	converted := map[string]bool{}
	for _, name := range sortedNames(g.initializers) {
		t := g.initializers[name]
		if b.narrow && (t.DType() == tensor.Float16 || t.DType() == tensor.Float64) {
			converted[t.DType().String()] = true
			f, err := t.Floats()
			if err != nil {
				return err
			}
			t = &tensor.Tensor{Shape: t.Shape, Data: f}
		}
		b.add(name, op.Info{Type: t.DType(), Shape: t.Shape, Value: t}, -1)
	}
	for _, v := range g.inputs {
		if g.initializers[v.name] != nil {
			continue // an initializer listed among the inputs is a constant
		}
		b.g.Facts.Inputs = append(b.g.Facts.Inputs, v.declared())
		if t := b.opt.Bind[v.name]; t != nil {
			b.add(v.name, op.Info{Type: t.DType(), Shape: t.Shape, Value: t}, -1)
			continue
		}
		info, err := b.inputInfo(v)
		if err != nil {
			return err
		}
		if b.narrow && info.Type != v.elem {
			converted[v.elem.String()] = true
		}
		b.g.Inputs = append(b.g.Inputs, b.add(v.name, info, -1))
	}
	for _, v := range g.outputs {
		b.g.Facts.Outputs = append(b.g.Facts.Outputs, v.declared())
	}
	for t := range converted {
		b.g.Facts.Converted = append(b.g.Facts.Converted, t)
	}
	sort.Strings(b.g.Facts.Converted)
	return nil
}

// isWide says whether the model computes in float16 or float64 throughout: its
// floating-point inputs or weights are of that type and none is float32. Such a
// model is taken as float32 as a whole.
func (b *builder) isWide() bool {
	other, single := false, false
	see := func(t tensor.DType) {
		other = other || t == tensor.Float16 || t == tensor.Float64 || t == tensor.BFloat16
		single = single || t == tensor.Float32
	}
	weights := 0
	for _, t := range b.m.graph.initializers {
		see(t.DType())
		weights++
	}
	for _, v := range b.m.graph.inputs {
		if b.m.graph.initializers[v.name] == nil {
			see(v.elem)
		}
	}
	return other && !single && weights > 0
}

func sortedNames[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

func (v valueInfo) declared() graph.Declared {
	d := graph.Declared{Name: v.name, Type: v.elem, Elem: v.elem.String(), Dims: []string{}}
	for _, x := range v.dims {
		d.Dims = append(d.Dims, x.String())
	}
	if !v.shaped {
		d.Dims = []string{"?"}
	}
	return d
}

// inputInfo resolves an input's shape from the file and the options.
func (b *builder) inputInfo(v valueInfo) (op.Info, error) {
	i := op.Info{Type: v.elem}
	if b.narrow && (v.elem == tensor.Float16 || v.elem == tensor.Float64 || v.elem == tensor.BFloat16) {
		i.Type = tensor.Float32
	}
	if elementBytes(i.Type) == 0 {
		return i, fmt.Errorf("%w: input %q has element type %v, which is not supported", ErrModel, v.name, v.elem)
	}
	given := b.opt.Shapes[v.name]
	if !v.shaped {
		if given == nil {
			return i, fmt.Errorf("%w: input %q declares no shape", ErrShape, v.name)
		}
		i.Shape = slices.Clone(given)
		return i, nil
	}
	if given != nil && len(given) != len(v.dims) {
		return i, fmt.Errorf("%w: input %q has %d dimensions, %d are given", ErrShape, v.name, len(v.dims), len(given))
	}
	i.Shape = make([]int, len(v.dims))
	var missing []string
	for k, d := range v.dims {
		n := int(d.value)
		if n < 0 || d.value > tensor.MaxElements {
			n = -1
			if x, ok := b.opt.Dims[d.symbol]; ok && d.symbol != "" {
				n = x
			}
		}
		if given != nil && given[k] > 0 {
			n = given[k]
		}
		if n < 1 && k == 0 && len(v.dims) > 1 { // a symbolic batch, or 0 as some exporters write it
			n = 1
		}
		if n < 0 {
			n = b.sized(v.dims, k)
		}
		if n < 0 {
			missing = append(missing, fmt.Sprintf("dimension %d (%s)", k, d))
		}
		i.Shape[k] = n
	}
	if missing != nil {
		return i, fmt.Errorf("%w: input %q has unknown %v", ErrShape, v.name, missing)
	}
	if _, err := tensor.Size(i.Shape); err != nil {
		return i, fmt.Errorf("%w: input %q: %w", ErrModel, v.name, err)
	}
	return i, nil
}

// sized gives the height or width of Options.Size if dimension k of an image
// input is one of these: channels are known, and first or last.
func (b *builder) sized(dims []dim, k int) int {
	if len(dims) != 4 || b.opt.Size[0] <= 0 {
		return -1
	}
	last := dims[3].value > 0 && dims[3].value <= 4 && dims[1].value <= 0
	switch {
	case last && (k == 1 || k == 2):
		return b.opt.Size[k-1]
	case !last && (k == 2 || k == 3):
		return b.opt.Size[k-2]
	}
	return -1
}

func (b *builder) add(name string, info op.Info, producer int) graph.ValueID {
	b.g.Values = append(b.g.Values, graph.Value{Name: name, Info: info, Producer: producer})
	id := graph.ValueID(len(b.g.Values) - 1)
	if name != "" {
		b.ids[name] = id
	}
	return id
}

// maxFolded bounds the elements of a constant that folding computes.
const maxFolded = 1 << 27

// apply takes one operation from onnx-go's decoder.
func (b *builder) apply(o onnx.Operation, inputs, outputs []string) error {
	var p *nodeProto
	for _, out := range outputs {
		if out != "" {
			p = b.byOut[out]
		}
	}
	if p == nil {
		return nil // a node without a named output does nothing
	}
	b.applied++
	if err := b.node(p, o, inputs); err != nil {
		return fmt.Errorf("%w: node %q (%s, operator set %d): %w", ErrModel, p.name, p.opType, b.opset, err)
	}
	return nil
}

func (b *builder) node(p *nodeProto, o onnx.Operation, inputs []string) error {
	if len(p.inputs) == 0 {
		inputs = nil // onnx-go invents one
	}
	def, err := op.Lookup(o.Name, b.opset)
	if err != nil {
		return err
	}
	attrs := map[string]any{}
	for name, v := range o.Attributes {
		attrs[name] = v
	}
	for name, t := range p.tensors {
		attrs[name] = t
	}
	if t, ok := attrs["to"].(int64); ok && b.narrow && o.Name == "Cast" && wide(tensor.DType(t)) {
		attrs["to"] = int64(tensor.Float32)
	}
	for name, v := range attrs {
		if t, ok := v.(*tensor.Tensor); ok && b.narrow && wide(t.DType()) {
			f, err := t.Floats()
			if err != nil {
				return err
			}
			attrs[name] = &tensor.Tensor{Shape: t.Shape, Data: f}
		}
	}
	a := op.NewAttributes(attrs)
	oper, err := def.New(&op.Node{Name: p.name, Type: o.Name, Opset: b.opset, Inputs: len(inputs), Outputs: len(p.outputs), Attr: a})
	if err != nil {
		return err
	}
	if left := a.Unread(); len(left) > 0 {
		return fmt.Errorf("attributes %q are not supported", left)
	}
	n := &graph.Node{Name: p.name, Def: def, Op: oper, Opset: b.opset}
	infos := make([]*op.Info, len(inputs))
	constants := true
	for i, name := range inputs {
		if name == "" {
			n.In = append(n.In, -1)
			continue
		}
		id, ok := b.ids[name]
		if !ok {
			return fmt.Errorf("input %q has no value", name)
		}
		n.In = append(n.In, id)
		infos[i] = &b.g.Values[id].Info
		constants = constants && infos[i].Value != nil
	}
	for _, s := range def.Static {
		for i := range infos {
			if (s == i || s == -1) && infos[i] != nil && infos[i].Value == nil {
				return fmt.Errorf("input %d (%q) decides shapes and must be a constant when the model is loaded", i, inputs[i])
			}
		}
	}
	out, err := oper.Infer(infos, len(p.outputs))
	if err != nil {
		return err
	}
	if len(out) < len(p.outputs) {
		return fmt.Errorf("%d outputs, the operator has %d", len(p.outputs), len(out))
	}
	out = out[:len(p.outputs)]
	for _, i := range out {
		if i.Shape != nil {
			if _, err := tensor.Size(i.Shape); err != nil {
				return err
			}
		}
	}
	if values, ok, err := b.fold(oper, infos, out, constants); err != nil {
		return err
	} else if ok {
		b.g.Facts.Folded++
		for i, t := range values {
			b.add(p.outputs[i], op.Info{Type: t.DType(), Shape: t.Shape, Value: t}, -1)
		}
		return nil
	}
	n.Locality = op.LocalityOf(oper, infos, out)
	b.g.Nodes = append(b.g.Nodes, n)
	for i, info := range out {
		info.Value = nil
		n.Out = append(n.Out, b.add(p.outputs[i], info, len(b.g.Nodes)-1))
	}
	return nil
}

func wide(t tensor.DType) bool {
	return t == tensor.Float16 || t == tensor.Float64 || t == tensor.BFloat16
}

// fold evaluates a node whose outputs are known: all inputs constant, or the
// shape of a known shape.
func (b *builder) fold(o op.Operator, in []*op.Info, out []op.Info, constants bool) ([]*tensor.Tensor, bool, error) {
	if s, ok := o.(*op.Shape); ok && in[0].Known() {
		return []*tensor.Tensor{s.Of(in[0].Shape)}, true, nil
	}
	if !constants {
		return nil, false, nil
	}
	var known int64
	for _, i := range out {
		if i.Shape != nil {
			n, err := tensor.Size(i.Shape)
			if err != nil || n > maxFolded {
				return nil, false, fmt.Errorf("a constant of shape %v is too large to compute", i.Shape)
			}
			known += int64(n) * int64(elementBytes(i.Type))
		}
	}
	if b.folded+known > b.opt.MaxBytes {
		return nil, false, fmt.Errorf("computed constants exceed the limit of %d bytes", b.opt.MaxBytes)
	}
	ts := make([]*tensor.Tensor, len(in))
	for i := range in {
		if in[i] != nil {
			ts[i] = in[i].Value
		}
	}
	v, err := o.Eval(ts, len(out))
	if err != nil {
		return nil, false, err
	}
	if len(v) < len(out) {
		return nil, false, fmt.Errorf("operator gave %d outputs, want %d", len(v), len(out))
	}
	for _, t := range v[:len(out)] {
		b.folded += int64(t.Len()) * int64(elementBytes(t.DType()))
	}
	return v[:len(out)], true, nil
}

// finish drops what no output needs and closes the graph.
func (b *builder) finish(name string) (*graph.Graph, error) {
	if want := b.nodes(); b.applied > want {
		return nil, fmt.Errorf("%w: the decoder gave %d nodes of %d", ErrModel, b.applied, want)
	}
	g := b.g
	g.Name = name
	for _, v := range b.m.graph.outputs {
		id, ok := b.ids[v.name]
		if !ok {
			return nil, fmt.Errorf("%w: output %q is produced by nothing", ErrModel, v.name)
		}
		g.Outputs = append(g.Outputs, id)
	}
	needed := make([]bool, len(g.Values))
	for _, id := range g.Outputs {
		needed[id] = true
	}
	var keep []*graph.Node
	for _, n := range slices.Backward(g.Nodes) {
		if !slices.ContainsFunc(n.Out, func(id graph.ValueID) bool { return needed[id] }) {
			continue
		}
		for _, id := range n.In {
			if id >= 0 {
				needed[id] = true
			}
		}
		keep = append(keep, n)
	}
	slices.Reverse(keep)
	g.Nodes = keep
	for i := range g.Values {
		g.Values[i].Producer = -1
	}
	for i, n := range g.Nodes {
		for _, id := range n.Out {
			g.Values[id].Producer = i
		}
	}
	for i := range g.Values {
		v := &g.Values[i]
		if v.Info.Value == nil {
			continue
		}
		if !needed[i] {
			v.Info.Value = nil
			continue
		}
		if t := v.Info.Type; t == tensor.Float32 || wide(t) {
			g.Facts.Parameters += int64(v.Info.Value.Len())
		}
	}
	return g, nil
}
