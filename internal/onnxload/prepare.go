package onnxload

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"krypton/internal/op"
	"krypton/internal/tensor"
)

// check refuses what no later step would notice: operator sets, two producers of a
// name, names without a producer, cycles. It sorts the nodes topologically, in linear
// time. What single nodes lack is noted in them.
func (m *modelProto) check() error {
	opset, ok := m.opsets[""]
	if !ok && slices.ContainsFunc(m.graph.nodes, func(n *nodeProto) bool { _, own := n.opsets[""]; return n.domain == "" && !own }) {
		return fmt.Errorf("%w: the file names no operator set", ErrModel)
	}
	if ok && (opset < op.MinOpset || opset > op.MaxOpset) {
		return fmt.Errorf("%w: operator set %d is not supported: want %d to %d", ErrModel, opset, op.MinOpset, op.MaxOpset)
	}
	g := m.graph
	if len(g.outputs) == 0 {
		return fmt.Errorf("%w: the graph has no outputs", ErrModel)
	}
	given := map[string]bool{}
	for _, v := range g.inputs {
		if v.name == "" {
			return fmt.Errorf("%w: an input has no name", ErrModel)
		}
		if given[v.name] {
			return fmt.Errorf("%w: two inputs are named %q", ErrModel, v.name)
		}
		given[v.name] = true
	}
	if err := m.stripZipMaps(); err != nil {
		return err
	}
	producer, err := g.sort(func(name string) bool { return given[name] })
	if err != nil {
		return err
	}
	for _, v := range g.outputs {
		if _, ok := producer[v.name]; !ok && !given[v.name] {
			return fmt.Errorf("%w: output %q is produced by nothing", ErrModel, v.name)
		}
	}
	return nil
}

// stripZipMaps lets the probabilities that a ZipMap makes a table of pass as they
// are, and keeps the names that it would have given them.
func (m *modelProto) stripZipMaps() error {
	for i, n := range m.graph.nodes {
		if n.domain != "ai.onnx.ml" || n.opType != "ZipMap" || len(n.inputs) != 1 || len(n.outputs) != 1 {
			continue
		}
		var names []string
		if a := n.attribute("classlabels_strings"); a != nil {
			var err error
			if names, err = a.texts(); err != nil {
				return err
			}
		}
		if a := n.attribute("classlabels_int64s"); a != nil && len(names) == 0 {
			ints, _ := a.value.([]int64)
			for _, v := range ints {
				names = append(names, strconv.FormatInt(v, 10))
			}
		}
		m.labels[n.inputs[0]], m.labels[n.outputs[0]] = names, names
		m.graph.nodes[i] = identity(n.inputs[0], n.outputs[0])
	}
	return nil
}

// opset is the operator set of the default domain that a node is of; one of another
// domain may stand in a file that names none.
func (n *nodeProto) opset() (set int, ok bool) {
	v, ok := n.opsets[""]
	if !ok && n.domain != "" {
		return op.MaxOpset, true
	}
	return int(v), ok && v >= op.MinOpset && v <= op.MaxOpset
}

// supported says whether the table has the node's operator.
func (n *nodeProto) supported() error {
	if n.refused != nil {
		return n.refused
	}
	for _, a := range n.attributes {
		if a.ref != "" {
			return fmt.Errorf("attribute %q stands for one of a function, and the node is in none", a.name)
		}
	}
	if n.opType == "If" && n.domain == "" {
		if len(n.inputs) != 1 || n.inputs[0] == "" || len(n.outputs) == 0 {
			return fmt.Errorf("operator If has %d inputs and %d outputs", len(n.inputs), len(n.outputs))
		}
		return nil
	}
	opset, ok := n.opset()
	if !ok {
		return errors.New("its function names no operator set that is supported")
	}
	d, err := op.Lookup(op.Qualified(n.domain, n.opType), opset)
	if err != nil {
		return err
	}
	if len(n.inputs) < d.MinInputs || d.MaxInputs >= 0 && len(n.inputs) > d.MaxInputs {
		return fmt.Errorf("operator %s (operator set %d) has %d inputs", n.opType, opset, len(n.inputs))
	}
	if len(n.outputs) < 1 || len(n.outputs) > d.Outputs && d.Outputs >= 0 {
		return fmt.Errorf("operator %s (operator set %d) has %d outputs", n.opType, opset, len(n.outputs))
	}
	for i := range d.MinInputs {
		if n.inputs[i] == "" {
			return fmt.Errorf("operator %s lacks input %d", n.opType, i)
		}
	}
	return nil
}

// sort orders nodes so that each comes after what it reads (Kahn's algorithm;
// the file's order is kept where it will do), and gives the node that produces each
// name, -1 for constants. outside says which names come from around the graph.
func (g *graphProto) sort(outside func(string) bool) (map[string]int, error) {
	producer, err := g.producers(outside)
	if err != nil {
		return nil, err
	}
	waits := make([]int, len(g.nodes))
	readers := make([][]int32, len(g.nodes))
	for i, n := range g.nodes {
		for _, in := range n.reads() {
			if in == "" {
				continue
			}
			p, ok := producer[in]
			if !ok && !outside(in) {
				return nil, fmt.Errorf("%w: node %q (%s) reads %q, which nothing produces", ErrModel, n.name, n.opType, in)
			}
			if ok && p >= 0 {
				waits[i]++
				readers[p] = append(readers[p], int32(i))
			}
		}
	}
	var ready []int32
	for i, w := range waits {
		if w == 0 {
			ready = append(ready, int32(i))
		}
	}
	sorted := make([]*nodeProto, 0, len(g.nodes))
	for len(ready) > 0 {
		i := ready[0]
		ready = ready[1:]
		sorted = append(sorted, g.nodes[i])
		for _, r := range readers[i] {
			if waits[r]--; waits[r] == 0 {
				ready = append(ready, r)
			}
		}
	}
	if len(sorted) < len(g.nodes) {
		for i, w := range waits {
			if w > 0 {
				return nil, fmt.Errorf("%w: node %q (%s) is part of a cycle", ErrModel, g.nodes[i].name, g.nodes[i].opType)
			}
		}
	}
	g.nodes = sorted
	return producer, nil
}

// producers finds what makes each name of a graph, and gives nodes without a name one.
func (g *graphProto) producers(outside func(string) bool) (map[string]int, error) {
	producer := map[string]int{}
	for name := range g.initializers {
		producer[name] = -1
	}
	for name := range g.unusable {
		producer[name] = -1
	}
	for i, n := range g.nodes {
		if n.name == "" {
			n.name = fmt.Sprintf("#%d", i)
			if len(n.outputs) > 0 && n.outputs[0] != "" {
				n.name = n.outputs[0]
			}
		}
		for _, out := range n.outputs {
			if out == "" {
				continue
			}
			if _, dup := producer[out]; dup || outside(out) {
				return nil, fmt.Errorf("%w: node %q (%s) produces %q, which something else produces too", ErrModel, n.name, n.opType, out)
			}
			producer[out] = i
		}
	}
	return producer, nil
}

// reduced is a model of nodes as onnx-go's decoder gets it: with their scalar and
// list attributes. Weights, declared shapes, graphs and Constant nodes stay with us: the decoder would copy weights,
// allocate a tensor for every declared shape, and misread several types.
func reduced(nodes []*nodeProto) []byte {
	var g []byte
	for _, n := range nodes {
		var b []byte
		for _, s := range n.inputs {
			b = appendText(b, 1, s)
		}
		for _, s := range n.outputs {
			b = appendText(b, 2, s)
		}
		b = appendText(b, 4, n.opType)
		for _, a := range n.attributes {
			if a.typ != attrTensor && a.typ != attrGraph {
				b = appendBytes(b, 5, a.raw)
			}
		}
		g = appendBytes(g, 1, b)
	}
	// The decoder asks for an output, whatever it is called.
	g = appendBytes(g, 12, appendText(nil, 1, nodes[len(nodes)-1].outputs[0]))
	return appendBytes(nil, 7, g)
}

func appendText(b []byte, n protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), s)
}

func appendBytes(b []byte, n protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
}

// constant is the tensor of a Constant node.
func (n *nodeProto) constant() (*tensor.Tensor, error) {
	for _, a := range n.attributes {
		switch v := a.value.(type) {
		case nil:
			if a.name == "value" && a.tensor != nil {
				return a.tensor, nil
			}
		case uint32:
			if a.name == "value_float" {
				return tensor.Scalar(math.Float32frombits(v)), nil
			}
		case int64:
			if a.name == "value_int" {
				return tensor.Scalar(v), nil
			}
		case []uint32:
			if a.name == "value_floats" {
				f := make([]float32, len(v))
				for i, w := range v {
					f[i] = math.Float32frombits(w)
				}
				return tensor.New(f, len(f)), nil
			}
		case []int64:
			if a.name == "value_ints" {
				return tensor.New(slices.Clone(v), len(v)), nil
			}
		}
		return nil, fmt.Errorf("attribute %q is not supported", a.name)
	}
	return nil, errors.New("has no value")
}
