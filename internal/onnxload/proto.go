package onnxload

import (
	"errors"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"krypton/internal/tensor"
)

// modelProto, graphProto and nodeProto are what is used of the messages of
// that name in onnx.proto.
type modelProto struct {
	irVersion int64
	producer  string
	opsets    map[string]int64
	graph     *graphProto
	metadata  map[string]string
	functions map[functionID]*functionProto
	// labels are the class names that ZipMap nodes gave, by the names of the
	// values that they name: input and output.
	labels map[string][]string
}

type graphProto struct {
	name         string
	nodes        []*nodeProto
	initializers map[string]*tensor.Tensor
	// unusable are initializers of element types that nothing here reads: no
	// fault until somebody needs them.
	unusable        map[string]error
	inputs, outputs []valueInfo
}

type nodeProto struct {
	name, opType, domain, overload string
	inputs, outputs                []string
	attributes                     []*attrProto
	// opsets are those of the model, or of the function that the node came from.
	opsets map[string]int64
	// refused says why the node cannot be had; no fault until somebody needs it.
	refused error
	read    []string // see reads
}

// attrProto is a node's attribute. Numbers and texts go on to onnx-go's decoder as
// they came; tensors and graphs are taken out of its way.
type attrProto struct {
	name string
	typ  int64
	ref  string // the attribute of the function that it stands for, "" for none
	raw  []byte
	// tensor, graph and value hold what is of that type: value is a float's bits, an
	// integer, a string, or a list of numbers.
	tensor *tensor.Tensor
	graph  *graphProto
	value  any
}

// functionID is what a node calls a function by.
type functionID struct{ domain, name, overload string }

// functionProto is a function that a file defines.
type functionProto struct {
	functionID
	inputs, outputs []string
	nodes           []*nodeProto
	defaults        []*attrProto
	opsets          map[string]int64
}

// attribute finds a node's attribute, nil if it has none of that name.
func (n *nodeProto) attribute(name string) *attrProto {
	for _, a := range n.attributes {
		if a.name == name {
			return a
		}
	}
	return nil
}

// texts reads the strings of an attribute.
func (a *attrProto) texts() (texts []string, err error) {
	err = fields(a.raw, func(f field) error {
		if f.number != 9 {
			return nil
		}
		s, err := f.text()
		texts = append(texts, s)
		return err
	})
	return texts, err
}

// The types of attributes (AttributeProto.AttributeType).
const (
	attrFloat   = 1
	attrInt     = 2
	attrString  = 3
	attrTensor  = 4
	attrGraph   = 5
	attrFloats  = 6
	attrInts    = 7
	attrStrings = 8
)

// valueInfo is a declared input or output.
type valueInfo struct {
	name string
	elem tensor.DType
	dims []dim // nil if no shape is declared
	// shaped says that a shape, perhaps of rank 0, is declared.
	shaped bool
}

// dim is a declared dimension: a number, a symbol, or nothing (-1 and "").
type dim struct {
	value  int64
	symbol string
}

func (d dim) String() string {
	switch {
	case d.symbol != "":
		return d.symbol
	case d.value < 0:
		return "?"
	}
	return strconv.FormatInt(d.value, 10)
}

// parser reads messages of one file.
type parser struct {
	external *external
	listed   int  // nodes of all graphs and functions
	depth    int  // of the graph that is read
	bfloat16 bool // tensors of that type became float32
}

func (p *parser) model(data []byte) (*modelProto, error) {
	m := &modelProto{opsets: map[string]int64{}, metadata: map[string]string{}, functions: map[functionID]*functionProto{}, labels: map[string][]string{}}
	err := fields(data, func(f field) (err error) {
		switch f.number {
		case 1:
			m.irVersion, err = f.integer()
		case 2:
			m.producer, err = f.text()
		case 3:
			var v string
			if v, err = f.text(); v != "" {
				m.producer += " " + v
			}
		case 7:
			var b []byte
			if b, err = f.message(); err == nil {
				m.graph, err = p.graph(b)
			}
		case 8:
			var b []byte
			if b, err = f.message(); err == nil {
				err = opsetID(b, m.opsets)
			}
		case 14:
			var b []byte
			if b, err = f.message(); err == nil {
				var k, v string
				if k, v, err = pair(b); err == nil {
					m.metadata[k] = v
				}
			}
		case 25:
			var b []byte
			if b, err = f.message(); err == nil {
				err = p.function(b, m.functions)
			}
		}
		return err
	})
	if err != nil {
		return m, err
	}
	if m.graph == nil {
		return m, fmt.Errorf("%w: no graph in the file; is it an ONNX model?", ErrModel)
	}
	m.graph.bind(m.opsets)
	return m, nil
}

// bind says which operator sets the nodes of a graph are of, and those of the
// graphs in it.
func (g *graphProto) bind(opsets map[string]int64) { bindNodes(g.nodes, opsets) }

func bindNodes(nodes []*nodeProto, opsets map[string]int64) {
	for _, n := range nodes {
		n.opsets = opsets
		for _, a := range n.attributes {
			if a.graph != nil {
				a.graph.bind(opsets)
			}
		}
	}
}

// function reads a FunctionProto.
func (p *parser) function(b []byte, to map[functionID]*functionProto) error {
	d := &functionProto{opsets: map[string]int64{}}
	err := fields(b, func(f field) (err error) {
		var m []byte
		switch f.number {
		case 1, 4, 5, 7, 9, 10, 11, 13:
			if m, err = f.message(); err != nil {
				return err
			}
		}
		switch f.number {
		case 1:
			d.name = string(m)
		case 4:
			d.inputs = append(d.inputs, string(m))
		case 5:
			d.outputs = append(d.outputs, string(m))
		case 7:
			var n *nodeProto
			if n, err = p.node(m); err == nil {
				d.nodes = append(d.nodes, n)
			}
		case 9:
			err = opsetID(m, d.opsets)
		case 10:
			d.domain = standard(string(m))
		case 11:
			var a *attrProto
			if a, err = p.attribute(m, false); err == nil {
				d.defaults = append(d.defaults, a)
			}
		case 13:
			d.overload = string(m)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("function %q: %w", d.name, err)
	}
	if to[d.functionID] != nil {
		return fmt.Errorf("%w: the function %s is defined twice", ErrModel, d.functionID)
	}
	if p.listed += len(d.inputs) + len(d.outputs); p.listed > maxListed {
		return fmt.Errorf("%w: the file has more than %d nodes", ErrModel, maxListed)
	}
	bindNodes(d.nodes, d.opsets)
	to[d.functionID] = d
	return nil
}

// String names a function as messages do.
func (f functionID) String() string {
	s := strconv.Quote(f.name)
	if f.domain != "" {
		s += " of domain " + strconv.Quote(f.domain)
	}
	return s
}

// standard is a domain's name, with the default one's two spellings made one.
func standard(domain string) string {
	if domain == "ai.onnx" {
		return ""
	}
	return domain
}

func opsetID(b []byte, to map[string]int64) error {
	domain, version := "", int64(0)
	err := fields(b, func(f field) (err error) {
		switch f.number {
		case 1:
			domain, err = f.text()
		case 2:
			version, err = f.integer()
		}
		return err
	})
	to[standard(domain)] = version
	return err
}

func pair(b []byte) (key, value string, err error) {
	err = fields(b, func(f field) (err error) {
		switch f.number {
		case 1:
			key, err = f.text()
		case 2:
			value, err = f.text()
		}
		return err
	})
	return key, value, err
}

// maxListed bounds the nodes of a file, and a graph's inputs and outputs: an empty
// one takes two bytes in a file, and hundreds here.
const maxListed = 1 << 20

// maxDepth bounds how deep graphs lie in one another, and functions call one
// another.
const maxDepth = 32

func (p *parser) graph(b []byte) (*graphProto, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("%w: graphs lie more than %d deep in one another", ErrModel, maxDepth)
	}
	defer func() { p.depth-- }()
	g := &graphProto{initializers: map[string]*tensor.Tensor{}, unusable: map[string]error{}}
	err := fields(b, func(f field) (err error) {
		var m []byte
		switch f.number {
		case 1, 2, 5, 11, 12, 15:
			if m, err = f.message(); err != nil {
				return err
			}
		}
		switch f.number {
		case 1:
			var n *nodeProto
			if n, err = p.node(m); err == nil {
				g.nodes = append(g.nodes, n)
			}
		case 2:
			g.name = string(m)
		case 5:
			name, t, err := p.tensor(m)
			if err != nil && !errors.Is(err, errElement) {
				return fmt.Errorf("initializer %q: %w", name, err)
			}
			if name == "" {
				return fmt.Errorf("%w: an initializer has no name", ErrModel)
			}
			if g.initializers[name] != nil || g.unusable[name] != nil {
				return fmt.Errorf("%w: two initializers are named %q", ErrModel, name)
			}
			if err != nil {
				g.unusable[name] = fmt.Errorf("initializer %q: %w", name, err)
				return nil
			}
			g.initializers[name] = t
		case 11, 12:
			if len(g.inputs)+len(g.outputs) == maxListed {
				return fmt.Errorf("%w: the graph has more than %d inputs and outputs", ErrModel, maxListed)
			}
			v, err := info(m)
			if err != nil {
				return err
			}
			if f.number == 11 {
				g.inputs = append(g.inputs, v)
			} else {
				g.outputs = append(g.outputs, v)
			}
		case 15:
			return fmt.Errorf("%w: sparse initializers are not supported", ErrModel)
		}
		return err
	})
	return g, err
}

// info reads a ValueInfoProto whose type is a tensor.
func info(b []byte) (v valueInfo, err error) {
	err = fields(b, func(f field) (err error) {
		switch f.number {
		case 1:
			v.name, err = f.text()
		case 2:
			var m []byte
			if m, err = f.message(); err != nil {
				return err
			}
			err = fields(m, func(f field) error {
				if f.number != 1 { // sequence, map, optional, sparse: no element type, refused later
					return nil
				}
				m, err := f.message()
				if err != nil {
					return err
				}
				return tensorType(m, &v)
			})
		}
		return err
	})
	return v, err
}

func tensorType(b []byte, v *valueInfo) error {
	return fields(b, func(f field) error {
		switch f.number {
		case 1:
			e, err := f.integer()
			v.elem = tensor.DType(e)
			return err
		case 2:
			m, err := f.message()
			if err != nil {
				return err
			}
			v.shaped = true
			return fields(m, func(f field) error {
				if f.number != 1 {
					return nil
				}
				m, err := f.message()
				if err != nil {
					return err
				}
				d := dim{value: -1}
				err = fields(m, func(f field) (err error) {
					switch f.number {
					case 1:
						if d.value, err = f.integer(); err == nil && d.value < 0 {
							d.value = -1
						}
					case 2:
						d.symbol, err = f.text()
					}
					return err
				})
				v.dims = append(v.dims, d)
				if len(v.dims) > maxRank {
					return fmt.Errorf("%w: value %q has more than %d dimensions", ErrModel, v.name, maxRank)
				}
				return err
			})
		}
		return nil
	})
}

// maxRank bounds the rank of every tensor.
const maxRank = 16

func (p *parser) node(b []byte) (*nodeProto, error) {
	if p.listed++; p.listed > maxListed {
		return nil, fmt.Errorf("%w: the file has more than %d nodes", ErrModel, maxListed)
	}
	n := &nodeProto{}
	var attributes [][]byte
	err := fields(b, func(f field) error {
		switch f.number {
		case 1, 2, 3, 4, 7, 8:
			s, err := f.text()
			if err != nil {
				return err
			}
			switch f.number {
			case 1:
				n.inputs = append(n.inputs, s)
			case 2:
				n.outputs = append(n.outputs, s)
			case 3:
				n.name = s
			case 4:
				n.opType = s
			case 7:
				n.domain = standard(s)
			case 8:
				n.overload = s
			}
		case 5:
			m, err := f.message()
			if err != nil {
				return err
			}
			attributes = append(attributes, m)
		}
		return nil
	})
	if err != nil {
		return n, err
	}
	// Which graphs are read depends on the operator, which may stand behind its
	// attributes.
	for _, m := range attributes {
		a, err := p.attribute(m, n.domain == "" && n.opType == "If")
		switch {
		case errors.Is(err, errElement):
			n.refused = fmt.Errorf("attribute %q: %w", a.name, err)
		case err != nil && a.typ == attrGraph:
			return n, err // of a node in it
		case err != nil:
			return n, fmt.Errorf("node %q (%s), attribute %q: %w", n.name, n.opType, a.name, err)
		case a.ref != "": // what it stands for is seen when the function is called
		case a.typ == attrGraph && a.graph == nil || a.typ == 10:
			n.refused = fmt.Errorf("operator %s with a graph in attribute %q is not supported", n.opType, a.name)
		case a.typ < 1 || a.typ > attrStrings:
			n.refused = fmt.Errorf("attribute %q has type %d, which is not supported", a.name, a.typ)
		}
		n.attributes = append(n.attributes, a)
	}
	return n, nil
}

// attribute reads an AttributeProto; its graph only if graphs says so.
func (p *parser) attribute(b []byte, graphs bool) (*attrProto, error) {
	a := &attrProto{raw: b}
	var t, g, text []byte
	var floats []uint32
	var ints []int64
	kinds := map[int64]bool{} // values that are present, as AttributeType
	err := fields(b, func(f field) (err error) {
		switch f.number {
		case 1:
			a.name, err = f.text()
		case 2:
			kinds[attrFloat] = true
			floats, err = f.words32(floats)
		case 3:
			kinds[attrInt] = true
			ints, err = f.integers(ints)
		case 4:
			kinds[attrString] = true
			text, err = f.message()
		case 5:
			kinds[attrTensor] = true
			t, err = f.message()
		case 6, 11:
			kinds[attrGraph] = true
			if f.number == 6 {
				g, err = f.message()
			}
		case 7:
			kinds[attrFloats] = true
			floats, err = f.words32(floats)
		case 8:
			kinds[attrInts] = true
			ints, err = f.integers(ints)
		case 9:
			kinds[attrStrings] = true
		case 20:
			a.typ, err = f.integer()
		case 21:
			a.ref, err = f.text()
		}
		return err
	})
	if err != nil {
		return a, err
	}
	if a.typ == 0 { // old files do not say the type: it is that of the value
		for k := int64(attrFloat); k <= attrStrings; k++ {
			if kinds[k] {
				a.typ = k
			}
		}
		a.raw = protowire.AppendTag(append([]byte{}, b...), 20, protowire.VarintType)
		a.raw = protowire.AppendVarint(a.raw, uint64(a.typ))
	}
	switch a.typ {
	case attrFloat:
		a.value = append(floats, 0)[0]
	case attrInt:
		a.value = append(ints, 0)[0]
	case attrString:
		a.value = string(text)
	case attrFloats:
		a.value = floats
	case attrInts:
		a.value = ints
	case attrTensor:
		if a.ref == "" {
			_, a.tensor, err = p.tensor(t)
		}
	case attrGraph:
		if graphs && a.ref == "" {
			a.graph, err = p.graph(g)
		}
	}
	return a, err
}
