package onnxwrite

import (
	"maps"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// Model is a ModelProto.
type Model struct {
	// IRVersion is ir_version (field 1). Zero leaves the field out.
	IRVersion int
	// Producer and ProducerVersion are producer_name (2) and
	// producer_version (3). Empty leaves the field out.
	Producer, ProducerVersion string
	// Doc is doc_string (6).
	Doc string
	// Graph is graph (7); it is always written.
	Graph Graph
	// Opsets is opset_import (8), from operator domain to version. The default
	// domain of ONNX is "".
	Opsets map[string]int64
	// Functions is functions (25).
	Functions []Function
	// Metadata is metadata_props (14), from key to value.
	Metadata map[string]string
	// Packed selects the encoding of the repeated scalar fields that
	// onnx.proto does not declare as packed (TensorProto.dims,
	// AttributeProto.floats and ints). False writes one tag for each element,
	// as proto2 does and with it the exporters of PyTorch; true writes one
	// block, as proto3 does. A reader has to accept both.
	Packed bool
}

// Graph is a GraphProto.
type Graph struct {
	// Name is name (2).
	Name string
	// Inputs and Outputs are input (11) and output (12).
	Inputs, Outputs []ValueInfo
	// Values is value_info (13), the declared types of inner values.
	Values []ValueInfo
	// Initializers is initializer (5).
	Initializers []Tensor
	// Nodes is node (1), in topological order for a valid model.
	Nodes []Node
}

// Function is a FunctionProto: nodes that others call by its name.
type Function struct {
	// Name is name (1), Domain is domain (10), Overload is overload (13).
	Name, Domain, Overload string
	// Inputs and Outputs are input (4) and output (5).
	Inputs, Outputs []string
	// Attributes is attribute (6), the names of those without a default; Defaults
	// is attribute_proto (11).
	Attributes []string
	Defaults   []Attribute
	// Nodes is node (7).
	Nodes []Node
	// Opsets is opset_import (9).
	Opsets map[string]int64
}

// Node is a NodeProto.
type Node struct {
	// Name is name (3), OpType is op_type (4), Domain is domain (7), Overload is
	// overload (8).
	Name, OpType, Domain, Overload string
	// Inputs and Outputs are input (1) and output (2). An empty string is an
	// optional input or output that is left out.
	Inputs, Outputs []string
	// Attributes is attribute (5).
	Attributes []Attribute
}

// ValueInfo is a ValueInfoProto whose type (2) is a tensor.
type ValueInfo struct {
	// Name is name (1).
	Name string
	// ElemType is type.tensor_type.elem_type. Zero leaves out the whole type.
	ElemType DataType
	// Dims is type.tensor_type.shape.dim. Nil leaves out the shape (unknown
	// rank); an empty slice that is not nil is a scalar.
	Dims []Dim
}

// Dim is a TensorShapeProto.Dimension: dim_param (2) if Param is set, else
// dim_value (1), unless Unknown, which writes neither.
type Dim struct {
	Value   int64
	Param   string
	Unknown bool
}

// Floats32 declares a value of float32 numbers with fixed sizes.
func Floats32(name string, sizes ...int64) ValueInfo {
	return ValueInfo{Name: name, ElemType: TypeFloat32, Dims: Fixed(sizes...)}
}

// Fixed is a list of dimensions with known sizes.
func Fixed(sizes ...int64) []Dim {
	dims := make([]Dim, len(sizes))
	for i, s := range sizes {
		dims[i].Value = s
	}
	return dims
}

// Symbolic is a dimension that has only a name, as the batch often has.
func Symbolic(name string) Dim { return Dim{Param: name} }

// Marshal returns the model as the bytes of an ONNX file.
func (m *Model) Marshal() []byte {
	w := writer{packed: m.Packed}
	w.optVarint(1, int64(m.IRVersion))
	w.optString(2, m.Producer)
	w.optString(3, m.ProducerVersion)
	w.optString(6, m.Doc)
	w.message(7, func(w *writer) { w.graph(&m.Graph) })
	w.opsets(8, m.Opsets)
	for _, key := range slices.Sorted(maps.Keys(m.Metadata)) {
		// StringStringEntryProto: key (1), value (2).
		w.message(14, func(w *writer) { w.entry(key, m.Metadata[key]) })
	}
	for i := range m.Functions {
		w.message(25, func(w *writer) { w.function(&m.Functions[i]) })
	}
	return w.buf
}

// writer appends fields to a message under construction.
type writer struct {
	buf    []byte
	packed bool
}

// opsets writes OperatorSetIdProtos: domain (1), version (2).
func (w *writer) opsets(field protowire.Number, opsets map[string]int64) {
	for _, domain := range slices.Sorted(maps.Keys(opsets)) {
		w.message(field, func(w *writer) {
			w.optString(1, domain)
			w.varint(2, opsets[domain])
		})
	}
}

func (w *writer) function(f *Function) {
	w.optString(1, f.Name)
	for i, names := range [][]string{f.Inputs, f.Outputs, f.Attributes} {
		for _, name := range names {
			w.string(protowire.Number(4+i), name)
		}
	}
	for i := range f.Nodes {
		w.message(7, func(w *writer) { w.node(&f.Nodes[i]) })
	}
	w.opsets(9, f.Opsets)
	w.optString(10, f.Domain)
	for i := range f.Defaults {
		w.message(11, func(w *writer) { w.attribute(&f.Defaults[i]) })
	}
	w.optString(13, f.Overload)
}

func (w *writer) graph(g *Graph) {
	for i := range g.Nodes {
		w.message(1, func(w *writer) { w.node(&g.Nodes[i]) })
	}
	w.optString(2, g.Name)
	for i := range g.Initializers {
		w.message(5, func(w *writer) { w.tensor(&g.Initializers[i]) })
	}
	for _, list := range []struct {
		field  protowire.Number
		values []ValueInfo
	}{{11, g.Inputs}, {12, g.Outputs}, {13, g.Values}} {
		for i := range list.values {
			w.message(list.field, func(w *writer) { w.valueInfo(&list.values[i]) })
		}
	}
}

func (w *writer) node(n *Node) {
	for _, name := range n.Inputs {
		w.string(1, name)
	}
	for _, name := range n.Outputs {
		w.string(2, name)
	}
	w.optString(3, n.Name)
	w.optString(4, n.OpType)
	for i := range n.Attributes {
		w.message(5, func(w *writer) { w.attribute(&n.Attributes[i]) })
	}
	w.optString(7, n.Domain)
	w.optString(8, n.Overload)
}

func (w *writer) valueInfo(v *ValueInfo) {
	w.optString(1, v.Name)
	if v.ElemType == 0 {
		return
	}
	w.message(2, func(w *writer) { // TypeProto
		w.message(1, func(w *writer) { // tensor_type: TypeProto.Tensor
			w.varint(1, int64(v.ElemType))
			if v.Dims == nil {
				return
			}
			w.message(2, func(w *writer) { // shape: TensorShapeProto
				for _, d := range v.Dims {
					w.message(1, func(w *writer) {
						switch {
						case d.Unknown:
						case d.Param != "":
							w.string(2, d.Param)
						default:
							w.varint(1, d.Value)
						}
					})
				}
			})
		})
	})
}

// entry writes the fields of a StringStringEntryProto.
func (w *writer) entry(key, value string) {
	w.string(1, key)
	w.string(2, value)
}

func (w *writer) message(field protowire.Number, write func(*writer)) {
	inner := writer{packed: w.packed}
	write(&inner)
	w.bytes(field, inner.buf)
}

func (w *writer) bytes(field protowire.Number, v []byte) {
	w.buf = protowire.AppendTag(w.buf, field, protowire.BytesType)
	w.buf = protowire.AppendBytes(w.buf, v)
}

func (w *writer) string(field protowire.Number, v string) {
	w.buf = protowire.AppendTag(w.buf, field, protowire.BytesType)
	w.buf = protowire.AppendString(w.buf, v)
}

func (w *writer) varint(field protowire.Number, v int64) {
	w.buf = protowire.AppendTag(w.buf, field, protowire.VarintType)
	w.buf = protowire.AppendVarint(w.buf, uint64(v))
}

func (w *writer) float(field protowire.Number, v float32) {
	w.buf = protowire.AppendTag(w.buf, field, protowire.Fixed32Type)
	w.buf = protowire.AppendFixed32(w.buf, math.Float32bits(v))
}

func (w *writer) optString(field protowire.Number, v string) {
	if v != "" {
		w.string(field, v)
	}
}

func (w *writer) optVarint(field protowire.Number, v int64) {
	if v != 0 {
		w.varint(field, v)
	}
}

// varints writes a repeated integer field that is not declared as packed.
func (w *writer) varints(field protowire.Number, values []int64) {
	if w.packed {
		w.packedVarints(field, values)
		return
	}
	for _, v := range values {
		w.varint(field, v)
	}
}

// packedVarints writes a repeated integer field declared [packed = true].
func (w *writer) packedVarints(field protowire.Number, values []int64) {
	if len(values) == 0 {
		return
	}
	var block []byte
	for _, v := range values {
		block = protowire.AppendVarint(block, uint64(v))
	}
	w.bytes(field, block)
}

// packedFloats writes a repeated float field declared [packed = true].
func (w *writer) packedFloats(field protowire.Number, values []float32) {
	if len(values) == 0 {
		return
	}
	var block []byte
	for _, v := range values {
		block = protowire.AppendFixed32(block, math.Float32bits(v))
	}
	w.bytes(field, block)
}

// Lines makes nodes of lines of text: "out out = Domain.Op in in", where - is an input
// or output that is left out. Nodes get attributes by With.
func Lines(text ...string) []Node {
	var nodes []Node
	names := func(list string) []string {
		f := strings.Fields(list)
		for i, name := range f {
			if name == "-" {
				f[i] = ""
			}
		}
		return f
	}
	for _, line := range text {
		left, right, _ := strings.Cut(line, " = ")
		op, inputs, _ := strings.Cut(right, " ")
		n := Node{OpType: op, Inputs: names(inputs), Outputs: names(left)}
		if i := strings.LastIndex(op, "."); i >= 0 {
			n.Domain, n.OpType = op[:i], op[i+1:]
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// With is a node with further attributes.
func (n Node) With(a ...Attribute) Node {
	n.Attributes = append(slices.Clone(n.Attributes), a...)
	return n
}
