package onnxload

import (
	"fmt"
	"slices"
	"strings"

	"krypton/internal/tensor"
)

// expander puts bodies in line: those of functions in the place of the nodes that
// call them, and the branches of If that are taken. Every name that it makes is new.
type expander struct {
	functions map[functionID]*functionProto
	taken     map[string]bool
	next      map[string]int // by what the names begin with
	calls     []functionID   // that are being put in line
	left      int            // parts of nodes that may still be made
}

// maxExpanded bounds what expansion makes: nodes with their inputs, outputs and
// attributes, long ones by their bytes. Ten functions that call each other twice need few bytes in a file.
const maxExpanded = 1 << 20

func newExpander(m *modelProto) *expander {
	e := &expander{functions: m.functions, taken: map[string]bool{}, next: map[string]int{}, left: maxExpanded}
	e.take(m.graph)
	return e
}

func (e *expander) spend(parts int) error {
	if e.left -= parts; e.left < 0 {
		return fmt.Errorf("%w: with functions and branches in line there are more than %d parts of nodes", ErrModel, maxExpanded)
	}
	return nil
}

// take notes all names of a graph and of the graphs in it.
func (e *expander) take(g *graphProto) {
	for _, list := range [][]valueInfo{g.inputs, g.outputs} {
		for _, v := range list {
			e.taken[v.name] = true
		}
	}
	for name := range g.initializers {
		e.taken[name] = true
	}
	for name := range g.unusable {
		e.taken[name] = true
	}
	for _, n := range g.nodes {
		for _, list := range [][]string{n.inputs, n.outputs} {
			for _, name := range list {
				e.taken[name] = true
			}
		}
		for _, a := range n.attributes {
			if a.graph != nil {
				e.take(a.graph)
			}
		}
	}
}

// fresh makes a name that nothing has, and that tells where it came from.
func (e *expander) fresh(name string) string {
	name = short(name)
	for {
		e.next[name]++
		if s := fmt.Sprintf("%s:%d", name, e.next[name]); !e.taken[s] {
			e.taken[s] = true
			return s
		}
	}
}

// short cuts a name that is made part of others.
func short(name string) string {
	const most = 64
	if len(name) > most {
		return strings.ToValidUTF8(name[:most], "")
	}
	return name
}

// graph puts the functions that a graph calls in line.
func (e *expander) graph(g *graphProto) (err error) {
	g.nodes, err = e.nodes(g.nodes)
	return err
}

func (e *expander) nodes(nodes []*nodeProto) ([]*nodeProto, error) {
	if len(e.functions) == 0 {
		return nodes, nil
	}
	var out []*nodeProto
	for _, n := range nodes {
		if f := e.functions[functionID{n.domain, n.opType, n.overload}]; f != nil {
			body, err := e.call(n, f)
			if err != nil {
				return nil, err
			}
			out = append(out, body...)
			continue
		}
		for _, a := range n.attributes {
			if a.graph == nil {
				continue
			}
			if err := e.graph(a.graph); err != nil {
				return nil, err
			}
		}
		out = append(out, n)
	}
	return out, nil
}

// call gives the nodes that a call of a function stands for.
func (e *expander) call(n *nodeProto, f *functionProto) ([]*nodeProto, error) {
	if i := slices.Index(e.calls, f.functionID); i >= 0 {
		var names []string
		for _, c := range append(e.calls[i:], f.functionID) {
			names = append(names, c.String())
		}
		return nil, fmt.Errorf("%w: functions call one another in a circle: %s", ErrModel, strings.Join(names, " calls "))
	}
	if len(e.calls) == maxDepth {
		return nil, fmt.Errorf("%w: node %q: functions call one another more than %d deep", ErrModel, n.name, maxDepth)
	}
	if len(n.inputs) > len(f.inputs) || len(n.outputs) > len(f.outputs) {
		return nil, fmt.Errorf("%w: node %q calls the function %s with %d inputs and %d outputs; it has %d and %d",
			ErrModel, n.name, f.functionID, len(n.inputs), len(n.outputs), len(f.inputs), len(f.outputs))
	}
	names := map[string]string{"": ""}
	for i, in := range f.inputs {
		names[in] = ""
		if i < len(n.inputs) {
			names[in] = n.inputs[i]
		}
	}
	var handed []*nodeProto // outputs that are no more than another name
	for i, out := range n.outputs {
		if out == "" {
			continue
		}
		if same, known := names[f.outputs[i]]; known { // an input, or an output for the second time
			handed = append(handed, identity(same, out))
			continue
		}
		names[f.outputs[i]] = out
	}
	c := &copier{e: e, rename: func(name string) string {
		s, known := names[name]
		if !known {
			s = e.fresh(name)
			names[name] = s
		}
		return s
	}, value: func(name string) *attrProto {
		if a := n.attribute(name); a != nil {
			return a
		}
		if i := slices.IndexFunc(f.defaults, func(a *attrProto) bool { return a.name == name }); i >= 0 {
			return f.defaults[i]
		}
		return nil
	}}
	body, err := c.nodes(f.nodes)
	if err != nil {
		return nil, err
	}
	for _, b := range body { // for messages, and tables of steps
		b.name = short(label(n)) + "/" + short(label(b))
	}
	e.calls = append(e.calls, f.functionID)
	body, err = e.nodes(body)
	e.calls = e.calls[:len(e.calls)-1]
	return append(body, handed...), err
}

// label is what to call a node that may have no name.
func label(n *nodeProto) string {
	if n.name == "" && len(n.outputs) > 0 {
		return n.outputs[0]
	}
	return n.name
}

// plainOpset is that of the nodes that we add.
var plainOpset = map[string]int64{"": 13}

func identity(in, out string) *nodeProto {
	return &nodeProto{name: out, opType: "Identity", inputs: []string{in}, outputs: []string{out}, opsets: plainOpset}
}

// branch gives the body of a branch of the If node n, with names of its own, and
// nodes that hand its outputs on to those of n.
func (e *expander) branch(n *nodeProto, g *graphProto) (*graphProto, error) {
	if len(g.outputs) != len(n.outputs) {
		return nil, fmt.Errorf("the branch has %d outputs, the node %d", len(g.outputs), len(n.outputs))
	}
	if len(g.inputs) > 0 {
		return nil, fmt.Errorf("the branch has inputs")
	}
	own := map[string]string{}
	for _, name := range g.locals() {
		if own[name] == "" {
			own[name] = e.fresh(name)
		}
	}
	c := &copier{e: e, rename: func(name string) string {
		if s := own[name]; s != "" {
			return s
		}
		return name
	}}
	b, err := c.graph(g)
	if err != nil {
		return nil, err
	}
	for i, out := range n.outputs {
		if out != "" {
			b.nodes = append(b.nodes, identity(b.outputs[i].name, out))
		}
	}
	return b, nil
}

// locals are the names that a graph itself defines, sorted.
func (g *graphProto) locals() []string {
	names := append(sortedNames(g.initializers), sortedNames(g.unusable)...)
	for _, n := range g.nodes {
		for _, out := range n.outputs {
			if out != "" {
				names = append(names, out)
			}
		}
	}
	slices.Sort(names)
	return names
}

// captures are the names of the values around it that a graph reads.
func (g *graphProto) captures() []string {
	own := map[string]bool{"": true}
	for _, name := range g.locals() {
		own[name] = true
	}
	var names []string
	see := func(name string) {
		if !own[name] {
			own[name] = true // once is enough
			names = append(names, name)
		}
	}
	for _, n := range g.nodes {
		for _, name := range n.reads() {
			see(name)
		}
	}
	for _, v := range g.outputs {
		see(v.name)
	}
	return names
}

// reads are the names of all values that a node needs: its inputs, and what its
// branches capture.
func (n *nodeProto) reads() []string {
	if n.read == nil {
		n.read = n.inputs
		for _, a := range n.attributes {
			if a.graph != nil {
				n.read = slices.Concat(n.read, a.graph.captures())
			}
		}
	}
	return n.read
}

// copier copies nodes and graphs under other names.
type copier struct {
	e      *expander
	rename func(string) string
	// value gives what an attribute of the function stands for, nil for nothing; it
	// is nil itself outside functions.
	value func(name string) *attrProto
}

func (c *copier) nodes(nodes []*nodeProto) ([]*nodeProto, error) {
	out := make([]*nodeProto, 0, len(nodes))
	for _, n := range nodes {
		if err := c.e.spend(1 + len(n.inputs) + len(n.outputs) + len(n.attributes)); err != nil {
			return nil, err
		}
		k := &nodeProto{name: n.name, opType: n.opType, domain: n.domain, overload: n.overload, opsets: n.opsets, refused: n.refused}
		k.inputs, k.outputs = c.names(n.inputs), c.names(n.outputs)
		for _, a := range n.attributes {
			v, err := c.attribute(k, a)
			if err != nil {
				return nil, err
			}
			if v != nil {
				k.attributes = append(k.attributes, v)
			}
		}
		out = append(out, k)
	}
	return out, nil
}

func (c *copier) names(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = c.rename(name)
	}
	return out
}

// attribute is an attribute as the copy k has it, nil if it stands for one that
// nobody gave.
func (c *copier) attribute(k *nodeProto, a *attrProto) (*attrProto, error) {
	if a.ref != "" && c.value != nil {
		v := c.value(a.ref)
		switch {
		case v == nil:
			return nil, nil
		case v.ref != "" || v.typ != a.typ || v.typ == attrGraph:
			k.refused = fmt.Errorf("attribute %q stands for the function's attribute %q, which is of another kind", a.name, a.ref)
			return nil, nil
		}
		as := *v
		if as.name = a.name; v.typ != attrTensor {
			as.raw = appendText(slices.Clone(v.raw), 1, a.name) // of two names the last counts
		}
		return &as, c.e.spend(len(as.raw) / 32)
	}
	if a.graph == nil {
		if a.typ == attrTensor {
			return a, nil // tensors are not copied
		}
		return a, c.e.spend(len(a.raw) / 32)
	}
	g, err := c.graph(a.graph)
	as := *a
	as.graph = g
	return &as, err
}

func (c *copier) graph(g *graphProto) (*graphProto, error) {
	b := &graphProto{name: g.name, initializers: map[string]*tensor.Tensor{}, unusable: map[string]error{}}
	if err := c.e.spend(len(g.initializers) + len(g.unusable) + len(g.inputs) + len(g.outputs)); err != nil {
		return nil, err
	}
	for _, name := range sortedNames(g.initializers) {
		b.initializers[c.rename(name)] = g.initializers[name]
	}
	for _, name := range sortedNames(g.unusable) {
		b.unusable[c.rename(name)] = g.unusable[name]
	}
	for _, v := range g.inputs {
		v.name = c.rename(v.name)
		b.inputs = append(b.inputs, v)
	}
	for _, v := range g.outputs {
		v.name = c.rename(v.name)
		b.outputs = append(b.outputs, v)
	}
	var err error
	b.nodes, err = c.nodes(g.nodes)
	return b, err
}
