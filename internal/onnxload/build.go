package onnxload

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/owulveryck/onnx-go"

	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/tensor"
)

// builder makes the typed graph: it infers shapes node by node and evaluates
// what depends on constants alone. What cannot be made is kept in mind with the reason,
// and is an error only if it is needed.
type builder struct {
	m       *modelProto
	opt     Options
	g       *graph.Graph
	expand  *expander
	ids     map[string]graph.ValueID
	byOut   map[string]*nodeProto // nodes by each of their outputs
	failed  map[string]bool       // values that cannot be made
	why     map[string]error      // the reason, where it lies in the value itself
	narrow  bool                  // float64 is taken as float32
	wanted  []string              // outputs
	needed  map[string]bool       // values that these need
	widened map[*tensor.Tensor]*tensor.Tensor
	types   map[tensor.DType]bool // that became float32
	// bfloat16 says that tensors of that type were read as float32 from the start.
	bfloat16 bool
	// carried are values of a picture's own type that the graph has as float32, cast
	// what they are cast to where an operator wants the type itself.
	carried map[graph.ValueID]tensor.DType
	cast    map[graph.ValueID]graph.ValueID
	handed  int   // nodes that the decoder got
	applied int   // nodes that it gave back
	folded  int64 // bytes of all constants that folding has computed
}

func newBuilder(m *modelProto, e *expander, opt Options) *builder {
	b := &builder{m: m, opt: opt, g: &graph.Graph{}, expand: e, ids: map[string]graph.ValueID{}, byOut: map[string]*nodeProto{},
		failed: map[string]bool{}, why: map[string]error{}, needed: map[string]bool{},
		widened: map[*tensor.Tensor]*tensor.Tensor{}, types: map[tensor.DType]bool{},
		carried: map[graph.ValueID]tensor.DType{}, cast: map[graph.ValueID]graph.ValueID{}}
	b.narrow = b.isDouble()
	return b
}

// choose finds the outputs that can be made, as far as can be told before shapes are
// known, and cuts the graph down to what they need.
func (b *builder) choose() error {
	g := b.m.graph
	b.see(g)
	names := b.opt.Outputs
	for _, name := range names {
		switch made := b.byOut[name] != nil; {
		case slices.ContainsFunc(g.outputs, func(v valueInfo) bool { return v.name == name }):
		case made: // a value within the network, such as the scores that an ArgMax chooses from
			g.outputs = append(g.outputs, valueInfo{name: name})
		default:
			return b.noOutput(name)
		}
	}
	for _, v := range g.outputs {
		if len(b.opt.Outputs) == 0 {
			names = append(names, v.name)
		} else if !slices.Contains(names, v.name) {
			b.g.Facts.Left = append(b.g.Facts.Left, graph.Unmade{Name: v.name})
		}
	}
	for _, name := range names {
		if !b.failed[name] {
			b.wanted = append(b.wanted, name)
		}
	}
	if len(b.wanted) == 0 || len(b.opt.Outputs) > 0 && len(b.wanted) < len(names) {
		return b.unmade(names)
	}
	b.leave(names)
	b.cut()
	return nil
}

func (b *builder) noOutput(name string) error {
	var has []string
	for _, v := range b.m.graph.outputs {
		has = append(has, v.name)
	}
	if len(has) > 20 {
		has = append(has[:20], "...")
	}
	return fmt.Errorf("%w %q: the model has %s", ErrOutput, name, strings.Join(has, ", "))
}

// see takes in a sorted graph: what its nodes are called, and which cannot be had.
func (b *builder) see(g *graphProto) {
	for name, err := range g.unusable {
		b.fail(name, err)
	}
	for _, n := range g.nodes {
		for _, out := range n.outputs {
			if out != "" {
				b.byOut[out] = n
			}
		}
		if err := n.supported(); err != nil {
			b.failNode(n, fmt.Errorf("node %q: %w", n.name, err))
		} else if slices.ContainsFunc(n.inputs, func(in string) bool { return b.failed[in] }) {
			b.failNode(n, nil)
		}
	}
}

// fail notes that a value cannot be made, and why if that lies in itself.
func (b *builder) fail(name string, why error) {
	b.failed[name] = true
	if why != nil {
		b.why[name] = why
	}
}

func (b *builder) failNode(n *nodeProto, why error) {
	for _, out := range n.outputs {
		if out != "" {
			b.fail(out, why)
		}
	}
}

// leave notes the outputs that are not made, with the reasons.
func (b *builder) leave(names []string) {
	told := 0
	for _, name := range names {
		if !b.failed[name] {
			continue
		}
		why := "for such a reason too"
		if told++; told <= 8 { // each walks through the graph
			why = strings.TrimPrefix(b.reasons(name, 2).Error(), ErrModel.Error()+": ")
		}
		b.g.Facts.Left = append(b.g.Facts.Left, graph.Unmade{Name: name, Why: why})
	}
}

// unmade is the error that none of these outputs can be made.
func (b *builder) unmade(names []string) error {
	if len(names) == 1 {
		return b.reasons(names[0], 8)
	}
	var all reasons
	for i, name := range names {
		if i == 4 {
			all.text = append(all.text, fmt.Sprintf("and %d more", len(names)-i))
			break
		}
		r := b.reasons(name, 4)
		all.text = append(all.text, fmt.Sprintf("%q: %s", name, strings.Join(r.text, "; ")))
		all.errs = append(all.errs, r.errs...)
	}
	all.text[0] = "no output can be made: " + all.text[0]
	return &all
}

// reasons are why something cannot be made.
type reasons struct {
	text []string
	errs []error
}

// Error implements error.
func (r *reasons) Error() string {
	text := strings.Join(r.text, "; ")
	if errors.Is(r, ErrShape) || strings.Contains(text, ErrModel.Error()) {
		return text // says what kind it is of
	}
	return ErrModel.Error() + ": " + text
}

// Unwrap gives the errors: if none says what kind it is of, the model is at fault.
func (r *reasons) Unwrap() []error {
	for _, err := range r.errs {
		if errors.Is(err, ErrShape) {
			return r.errs
		}
	}
	return append([]error{ErrModel}, r.errs...)
}

// reasons finds why a value cannot be made: the first of what it needs that cannot.
func (b *builder) reasons(name string, most int) *reasons {
	r := &reasons{}
	seen, told := map[string]bool{}, map[string]bool{}
	more := 0
	for stack := []string{name}; len(stack) > 0; {
		name := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[name] || !b.failed[name] {
			continue
		}
		seen[name] = true
		if err := b.why[name]; err != nil {
			switch text := err.Error(); {
			case told[text]:
			case len(r.text) < most:
				r.text, r.errs, told[text] = append(r.text, text), append(r.errs, err), true
			default:
				more, told[text] = more+1, true
			}
			continue
		}
		if n := b.byOut[name]; n != nil {
			for _, in := range slices.Backward(n.inputs) {
				stack = append(stack, in)
			}
		}
	}
	if more > 0 {
		r.text = append(r.text, fmt.Sprintf("and %d more", more))
	}
	return r
}

// cut finds what the wanted outputs need.
func (b *builder) cut() {
	stack := slices.Clone(b.wanted)
	for len(stack) > 0 {
		name := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if b.needed[name] {
			continue
		}
		b.needed[name] = true
		if n := b.byOut[name]; n != nil {
			stack = append(stack, n.reads()...)
		}
	}
}

// needs says whether any output of a node is needed.
func (b *builder) needs(n *nodeProto) bool {
	return slices.ContainsFunc(n.outputs, func(out string) bool { return b.needed[out] })
}

// begin makes the values of inputs and constants.
func (b *builder) begin() error {
	g := b.m.graph
	opset, _ := b.m.opsets[""]
	b.g.Facts.Producer, b.g.Facts.IRVersion, b.g.Facts.Opset, b.g.Facts.Metadata = b.m.producer, int(b.m.irVersion), int(opset), b.m.metadata
	b.constants(g, func(name string) bool { return b.needed[name] })
	var free []valueInfo
	for _, v := range g.inputs {
		if g.initializers[v.name] != nil {
			continue // an initializer listed among the inputs is a constant
		}
		b.g.Facts.Inputs = append(b.g.Facts.Inputs, v.declared())
		if b.opt.Bind[v.name] == nil && b.needed[v.name] {
			free = append(free, v)
		}
	}
	if err := b.bind(); err != nil {
		return err
	}
	if b.opt.Picture {
		var err error
		if free, err = b.picture(free); err != nil {
			return err
		}
	}
	if b.opt.Picture && len(b.opt.With) > 0 {
		if err := b.join(free); err != nil {
			return err
		}
		free = nil
	}
	for _, v := range free {
		info, kind, err := b.openInput(v)
		if err != nil {
			return err
		}
		id := b.add(v.name, info, -1)
		if b.g.Inputs = append(b.g.Inputs, id); info.Type != kind {
			b.g.Pixels.Type, b.carried[id] = kind, kind
		}
	}
	for _, v := range g.outputs {
		b.g.Facts.Outputs = append(b.g.Facts.Outputs, v.declared())
	}
	return nil
}

// openInput is what is known of an input without a value, and the type that its numbers
// have where the graph takes them as float32.
func (b *builder) openInput(v valueInfo) (info op.Info, kind tensor.DType, err error) {
	if info, err = b.inputInfo(v); err != nil {
		return info, 0, err
	}
	if info.Type != v.elem {
		b.types[v.elem] = true
	}
	if kind = info.Type; b.opt.Picture {
		info.Type = tensor.Float32
	}
	return info, kind, nil
}

// constants makes the values of a graph's initializers and Constant nodes.
func (b *builder) constants(g *graphProto, needed func(name string) bool) {
	for _, name := range sortedNames(g.initializers) {
		if needed(name) {
			b.constant(name, g.initializers[name])
		}
	}
	for _, n := range g.nodes {
		if n.domain != "" || n.opType != "Constant" || len(n.outputs) == 0 || b.failed[n.outputs[0]] || !needed(n.outputs[0]) {
			continue
		}
		t, err := n.constant()
		if err != nil {
			b.failNode(n, fmt.Errorf("node %q (Constant): %w", n.name, err))
			continue
		}
		b.constant(n.outputs[0], t)
	}
}

func (b *builder) constant(name string, t *tensor.Tensor) {
	t = b.widen(t)
	b.add(name, op.Info{Type: t.DType(), Shape: t.Shape, Value: t}, -1)
}

// widen is a constant as the graph has it: in float32 if it is of a type that becomes
// that.
func (b *builder) widen(t *tensor.Tensor) *tensor.Tensor {
	if !b.widens(t.DType()) {
		return t
	}
	b.types[t.DType()] = true
	w := b.widened[t]
	if w == nil {
		f, _ := t.Floats() // of a floating-point type
		w = &tensor.Tensor{Shape: t.Shape, Data: f}
		b.widened[t] = w
	}
	return w
}

// widens says whether a type becomes float32: the 16-bit ones wherever they are, so
// that a file that mixes them with float32 is of one type; float64 in files that hold
// no float32.
func (b *builder) widens(t tensor.DType) bool {
	return t == tensor.Float16 || t == tensor.BFloat16 || t == tensor.Float64 && b.narrow
}

// isDouble says whether the model computes in float64 throughout: its inputs or
// weights are of that type and none is float32. Such a model is taken as float32.
func (b *builder) isDouble() bool {
	double, single, weights := false, false, false
	see := func(t tensor.DType) {
		double = double || t == tensor.Float64
		single = single || t == tensor.Float32
	}
	for _, t := range b.m.graph.initializers {
		see(t.DType())
		weights = true
	}
	for _, v := range b.m.graph.inputs {
		if b.m.graph.initializers[v.name] == nil {
			see(v.elem)
		}
	}
	return double && !single && weights
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
	if b.widens(v.elem) {
		i.Type = tensor.Float32
	}
	if elementBits(i.Type) == 0 || i.Type.OfWeights() {
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
	dims := b.channels(v)
	i.Shape = make([]int, len(dims))
	var missing []string
	for k, d := range dims {
		n := int(d.value)
		if n < 0 || d.value > tensor.MaxElements {
			n = -1
		}
		if x, ok := b.opt.Dims[d.symbol]; ok && d.symbol != "" {
			n = x
		}
		if given != nil && given[k] > 0 {
			n = given[k]
		}
		if n < 1 && k == 0 && len(v.dims) > 1 { // a symbolic batch, or 0 as some exporters write it
			n = 1
		}
		if n < 0 {
			n = b.sized(dims, k)
		}
		if n < 0 {
			missing = append(missing, fmt.Sprintf("dimension %d (%s)", k, d))
		}
		i.Shape[k] = n
	}
	if missing != nil {
		return i, fmt.Errorf("%w: input %q has unknown %s", ErrShape, v.name, strings.Join(missing, ", "))
	}
	if _, err := tensor.Size(i.Shape); err != nil {
		return i, fmt.Errorf("%w: input %q: %w", ErrModel, v.name, err)
	}
	return i, nil
}

// sized gives the height or width of Options.Size if dimension k of an image
// input is one of these: channels are known, and first or last.
func (b *builder) sized(dims []dim, k int) int {
	if b.opt.Size[0] <= 0 {
		return -1
	}
	if len(dims) < 4 { // a series: a number is its length
		return b.opt.Size[1]
	}
	if len(dims) != 4 {
		return -1
	}
	few := func(d dim) bool { return d.value > 0 && d.value <= 4 }
	last := b.opt.Layout == "nhwc" || b.opt.Layout == "" && few(dims[3]) && !few(dims[1])
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

// decode lets onnx-go decode nodes, which drives the builder through its backend.
func (b *builder) decode(nodes []*nodeProto) error {
	if len(nodes) == 0 {
		return nil
	}
	b.handed += len(nodes)
	if err := onnx.NewModel(newBackend(b.apply)).UnmarshalBinary(reduced(nodes)); err != nil {
		if errors.Is(err, ErrModel) || errors.Is(err, ErrShape) {
			return err
		}
		return fmt.Errorf("%w: %w", ErrModel, err)
	}
	return nil
}

// pending are the nodes of a graph that are left to the decoder: those that are needed
// and may be had.
func (b *builder) pending(g *graphProto, needed func(n *nodeProto) bool) []*nodeProto {
	var nodes []*nodeProto
	for _, n := range g.nodes {
		if n.opType == "Constant" && n.domain == "" || !needed(n) || n.supported() != nil {
			continue
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// apply takes one operation from onnx-go's decoder.
func (b *builder) apply(o onnx.Operation, inputs, outputs []string) error {
	b.applied++
	var p *nodeProto
	for _, out := range outputs {
		if out != "" {
			p = b.byOut[out]
		}
	}
	if p == nil {
		return nil // a node without a named output does nothing
	}
	if slices.ContainsFunc(p.inputs, func(in string) bool { return b.failed[in] }) {
		b.failNode(p, nil)
		return nil
	}
	opset, _ := p.opset()
	var err error
	if p.opType == "If" && p.domain == "" {
		err = b.branch(p)
	} else {
		err = b.node(p, o, inputs)
	}
	if err != nil {
		err = fmt.Errorf("node %q (%s, operator set %d): %w", p.name, p.opType, opset, err)
		if errors.Is(err, errTooMuch) { // which would depend on the order of nodes
			return fmt.Errorf("%w: %w", ErrModel, err)
		}
		b.failNode(p, err)
	}
	return nil
}

// branch puts the branch of an If in line that its condition takes; where that depends on
// data, both.
func (b *builder) branch(p *nodeProto) error {
	id, ok := b.ids[p.inputs[0]]
	if !ok {
		return fmt.Errorf("input %q has no value", p.inputs[0])
	}
	t := b.g.Values[id].Info.Value
	if t == nil {
		return b.bothBranches(p, b.g.Values[id].Info)
	}
	condition, ok := t.Data.([]bool)
	if !ok || len(condition) != 1 {
		return fmt.Errorf("its condition %q is %v of shape %v, want one truth value", p.inputs[0], t.DType(), t.Shape)
	}
	b.g.Facts.Folded++ // the condition is gone
	if condition[0] {
		return b.inLine(p, thenBranch)
	}
	return b.inLine(p, elseBranch)
}

const thenBranch, elseBranch = "then_branch", "else_branch"

// inLine puts a branch of an If in its place.
func (b *builder) inLine(p *nodeProto, which string) error {
	a := p.attribute(which)
	if a == nil || a.graph == nil {
		return fmt.Errorf("it has no %s", which)
	}
	g, err := b.expand.branch(p, a.graph)
	if err != nil {
		return fmt.Errorf("%s: %w", which, err)
	}
	return b.put(g)
}

// put has a graph's nodes decoded before those that follow.
func (b *builder) put(g *graphProto) error {
	for _, n := range g.nodes {
		for _, out := range n.outputs {
			delete(b.byOut, out)
		}
	}
	around := func(name string) bool { _, made := b.ids[name]; return made || b.failed[name] }
	if _, err := g.sort(around); err != nil {
		return err
	}
	b.see(g)
	b.constants(g, func(string) bool { return true })
	return b.decode(b.pending(g, func(*nodeProto) bool { return true }))
}

// bothBranches computes both branches of an If whose condition depends on data, and takes
// the values of one: that is what the If gives, as nodes have no effect but their values.
// They must be of one shape and type.
func (b *builder) bothBranches(p *nodeProto, condition op.Info) error {
	data := fmt.Sprintf("its condition %q depends on data", p.inputs[0])
	if n, err := tensor.Size(condition.Shape); condition.Type != tensor.Bool || condition.Shape == nil || err != nil || n != 1 {
		return fmt.Errorf("%s, and is %v of shape %v, want one truth value", data, condition.Type, condition.Shape)
	}
	var arms [2][]string
	for i, which := range []string{thenBranch, elseBranch} {
		q := *p
		q.outputs = slices.Clone(p.outputs)
		for k, out := range q.outputs {
			if out != "" {
				q.outputs[k] = b.expand.fresh(out)
			}
		}
		if err := b.inLine(&q, which); err != nil {
			return err
		}
		arms[i] = q.outputs
	}
	one := p.inputs[0]
	g := &graphProto{}
	if len(condition.Shape) > 0 {
		one = b.expand.fresh(one)
		g.nodes = append(g.nodes, &nodeProto{name: one, opType: "Squeeze", inputs: p.inputs[:1], outputs: []string{one}, opsets: plainOpset})
	}
	for k, out := range p.outputs {
		if out == "" {
			continue
		}
		var infos [2]op.Info
		for i := range arms {
			id, ok := b.ids[arms[i][k]]
			if !ok {
				return fmt.Errorf("%s, and one of its branches cannot be computed", data)
			}
			infos[i] = b.g.Values[id].Info
		}
		x, y := infos[0], infos[1]
		if x.Type != y.Type || x.Shape == nil || y.Shape == nil || !slices.Equal(x.Shape, y.Shape) {
			return fmt.Errorf("%s, and its branches give %v of shape %v and %v of shape %v: which is taken must be known when the model is loaded", data, x.Type, x.Shape, y.Type, y.Shape)
		}
		g.nodes = append(g.nodes, &nodeProto{name: out, opType: "Where", inputs: []string{one, arms[0][k], arms[1][k]}, outputs: []string{out}, opsets: plainOpset})
	}
	b.g.Facts.Notes = append(b.g.Facts.Notes, fmt.Sprintf("node %q (If): %s: both branches are computed", p.name, data))
	return b.put(g)
}

func (b *builder) node(p *nodeProto, o onnx.Operation, inputs []string) error {
	if len(p.inputs) == 0 {
		inputs = nil // onnx-go invents one
	}
	opset, _ := p.opset()
	def, err := op.Lookup(op.Qualified(p.domain, o.Name), opset)
	if err != nil {
		return err
	}
	attrs := map[string]any{}
	for name, v := range o.Attributes {
		attrs[name] = v
	}
	for _, v := range p.attributes {
		if v.typ == attrTensor {
			attrs[v.name] = b.widen(v.tensor)
		}
	}
	if o.Name != "BitCast" { // whose bits count
		for _, name := range []string{"to", "dtype", "output_dtype", "output_datatype"} {
			if t, ok := attrs[name].(int64); ok && b.widens(tensor.DType(t)) {
				attrs[name] = int64(tensor.Float32)
				b.types[tensor.DType(t)] = true
			}
		}
	}
	a := op.NewAttributes(attrs)
	oper, err := def.New(&op.Node{Name: p.name, Type: o.Name, Opset: opset, Inputs: len(inputs), Outputs: len(p.outputs), Attr: a})
	if err != nil {
		return err
	}
	if left := a.Unread(); len(left) > 0 {
		return fmt.Errorf("attributes %q are not supported", left)
	}
	n := &graph.Node{Name: p.name, Def: def, Op: oper, Opset: opset}
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
		if _, ok := b.carried[id]; ok && (i > 0 || !handsOn[def.Name] && def.Name != "Cast" && def.Name != "CastLike") {
			if id, err = b.solid(id); err != nil {
				return err
			}
		}
		n.In = append(n.In, id)
		infos[i] = &b.g.Values[id].Info
		constants = constants && infos[i].Value != nil
	}
	if same(oper, infos) { // a cast that changes nothing costs nothing
		if def, err = op.Lookup("Identity", opset); err != nil {
			return err
		}
		oper, infos = &op.Identity{}, infos[:1]
		constants = infos[0].Value != nil // whatever it was to be cast like
		n.Def, n.Op, n.In = def, oper, n.In[:1]
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
	b.zeroPoint(n, infos)
	n.Locality = op.LocalityOf(oper, infos, out)
	if o, ok := oper.(op.Noter); ok {
		if note := o.Note(infos); note != "" {
			b.g.Facts.Notes = append(b.g.Facts.Notes, fmt.Sprintf("node %q (%s) %s", p.name, p.opType, note))
		}
	}
	b.g.Nodes = append(b.g.Nodes, n)
	for i, info := range out {
		info.Value = nil
		id := b.add(p.outputs[i], info, len(b.g.Nodes)-1)
		if n.Out = append(n.Out, id); handsOn[o.Name] && len(n.In) > 0 {
			if t, ok := b.carried[n.In[0]]; ok {
				b.carried[id] = t
			}
		}
	}
	return nil
}

// same says whether an operator casts to the type that its input has.
func same(o op.Operator, in []*op.Info) bool {
	switch o := o.(type) {
	case *op.Cast:
		return len(in) == 1 && in[0] != nil && in[0].Type == o.To
	case *op.CastLike:
		return len(in) == 2 && in[0] != nil && in[1] != nil && in[0].Type == in[1].Type
	}
	return false
}

// errTooMuch ends loading, whichever output is wanted.
var errTooMuch = errors.New("computed constants exceed the limit")

// fold evaluates a node whose outputs are known: all inputs constant, or the
// shape of a known shape.
func (b *builder) fold(o op.Operator, in []*op.Info, out []op.Info, constants bool) ([]*tensor.Tensor, bool, error) {
	if s, ok := o.(op.ShapeReader); ok && in[0].Known() {
		t, err := s.OfShape(in[0])
		return []*tensor.Tensor{t}, err == nil, err
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
			known += int64(n) * int64(elementBits(i.Type)/8)
		}
	}
	if b.folded+known > b.opt.MaxBytes {
		return nil, false, fmt.Errorf("%w of %d bytes", errTooMuch, b.opt.MaxBytes)
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
		b.folded += int64(t.Len()) * int64(elementBits(t.DType())/8)
	}
	return v[:len(out)], true, nil
}

// finish drops what no output needs and closes the graph.
func (b *builder) finish(name string) (*graph.Graph, error) {
	if b.applied != b.handed {
		return nil, fmt.Errorf("%w: the decoder gave %d nodes of %d", ErrModel, b.applied, b.handed)
	}
	g := b.g
	g.Name = name
	for _, name := range b.wanted {
		if id, ok := b.ids[name]; ok && !b.failed[name] {
			g.Outputs = append(g.Outputs, id)
		}
	}
	if len(g.Outputs) == 0 || len(b.opt.Outputs) > 0 && len(g.Outputs) < len(b.wanted) {
		return nil, b.unmade(b.wanted)
	}
	b.leave(b.wanted)
	b.tell()
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
	g.Inputs = slices.DeleteFunc(g.Inputs, func(id graph.ValueID) bool { return !needed[id] })
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
		if t := v.Info.Type; t == tensor.Float32 || t == tensor.Float64 {
			g.Facts.Parameters += int64(v.Info.Value.Len())
		}
	}
	if err := g.Expand(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	return g, nil
}

// tell writes down what was found out about the file.
func (b *builder) tell() {
	f := &b.g.Facts
	if b.bfloat16 {
		b.types[tensor.BFloat16] = true
	}
	for t := range b.types {
		f.Converted = append(f.Converted, t.String())
	}
	sort.Strings(f.Converted)
	f.Labels = b.m.classNames(b.g.Values[b.g.Outputs[0]].Name)
}

// classNames are the names that a ZipMap gave the classes of an output: its own, or
// those of all ZipMaps if they agree.
func (m *modelProto) classNames(output string) []string {
	if own, ok := m.labels[output]; ok {
		return own
	}
	var all []string
	for _, l := range m.labels {
		if all != nil && !slices.Equal(all, l) {
			return nil
		}
		all = l
	}
	return all
}
