package onnxload

import (
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
	functions int
}

type graphProto struct {
	name            string
	nodes           []*nodeProto
	initializers    map[string]*tensor.Tensor
	converted       map[string]bool // element types that became float32
	inputs, outputs []valueInfo
}

type nodeProto struct {
	name, opType, domain string
	inputs, outputs      []string
	// attributes that onnx-go's decoder is given, as they came; tensors are
	// taken out of its way.
	raw     [][]byte
	tensors map[string]*tensor.Tensor
	// graphs names attributes that hold graphs.
	graphs []string
	single map[string]any // for Constant: value_float and the like
}

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
}

func (p *parser) model(data []byte) (*modelProto, error) {
	m := &modelProto{opsets: map[string]int64{}, metadata: map[string]string{}}
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
			m.functions++
		}
		return err
	})
	if err == nil && m.graph == nil {
		err = fmt.Errorf("%w: no graph in the file; is it an ONNX model?", ErrModel)
	}
	return m, err
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
	if domain == "ai.onnx" {
		domain = ""
	}
	to[domain] = version
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

// maxListed bounds the nodes of a graph, and its inputs and outputs: an empty one
// takes two bytes in a file, and hundreds here.
const maxListed = 1 << 20

func (p *parser) graph(b []byte) (*graphProto, error) {
	g := &graphProto{initializers: map[string]*tensor.Tensor{}, converted: map[string]bool{}}
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
			if len(g.nodes) == maxListed {
				return fmt.Errorf("%w: the graph has more than %d nodes", ErrModel, maxListed)
			}
			var n *nodeProto
			if n, err = p.node(m); err == nil {
				g.nodes = append(g.nodes, n)
			}
		case 2:
			g.name = string(m)
		case 5:
			name, t, err := p.tensor(m)
			if err != nil {
				return fmt.Errorf("initializer %q: %w", name, err)
			}
			if name == "" {
				return fmt.Errorf("%w: an initializer has no name", ErrModel)
			}
			if g.initializers[name] != nil {
				return fmt.Errorf("%w: two initializers are named %q", ErrModel, name)
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
	n := &nodeProto{tensors: map[string]*tensor.Tensor{}, single: map[string]any{}}
	err := fields(b, func(f field) error {
		switch f.number {
		case 1, 2, 3, 4, 7:
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
				n.domain = s
			}
		case 5:
			m, err := f.message()
			if err != nil {
				return err
			}
			return p.attribute(n, m)
		}
		return nil
	})
	if n.domain == "ai.onnx" {
		n.domain = ""
	}
	return n, err
}

// attribute sorts a node's attribute: tensors are decoded here, graphs are
// noted, everything else goes on to onnx-go as it is.
func (p *parser) attribute(n *nodeProto, b []byte) error {
	name, typ := "", int64(0)
	var t []byte
	var floats []uint32
	var ints []int64
	var err error
	var text []byte
	kinds := map[int64]bool{} // values that are present, as AttributeType
	err = fields(b, func(f field) (err error) {
		switch f.number {
		case 1:
			name, err = f.text()
		case 2:
			kinds[1] = true
			floats, err = f.words32(floats)
		case 3:
			kinds[2] = true
			ints, err = f.integers(ints)
		case 4:
			kinds[3] = true
			text, err = f.message()
		case 5:
			kinds[4] = true
			t, err = f.message()
		case 6, 11:
			kinds[5] = true
		case 7:
			kinds[6] = true
			floats, err = f.words32(floats)
		case 8:
			kinds[7] = true
			ints, err = f.integers(ints)
		case 9:
			kinds[8] = true
		case 20:
			typ, err = f.integer()
		}
		return err
	})
	if err != nil {
		return err
	}
	if typ == 0 { // old files do not say the type: it is that of the value
		for _, k := range []int64{1, 2, 3, 4, 5, 6, 7, 8} {
			if kinds[k] {
				typ = k
			}
		}
		b = protowire.AppendTag(append([]byte{}, b...), 20, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(typ))
	}
	switch typ {
	case 4:
		_, v, err := p.tensor(t)
		if err != nil {
			return fmt.Errorf("node %q (%s), attribute %q: %w", n.name, n.opType, name, err)
		}
		n.tensors[name] = v
	case 5, 10:
		n.graphs = append(n.graphs, name)
	case 1, 2, 3, 6, 7, 8:
		n.raw = append(n.raw, b)
		if n.opType == "Constant" {
			switch typ {
			case 1:
				n.single[name] = append(floats, 0)[0]
			case 2:
				n.single[name] = append(ints, 0)[0]
			case 3:
				n.single[name] = string(text)
			case 6:
				n.single[name] = floats
			case 7:
				n.single[name] = ints
			}
		}
	default:
		return fmt.Errorf("%w: node %q (%s), attribute %q has type %d, which is not supported", ErrModel, n.name, n.opType, name, typ)
	}
	return nil
}
