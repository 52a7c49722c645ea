package onnxload

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"krypton/internal/op"
	"krypton/internal/tensor"
)

// check refuses what no later step would notice: domains and operator sets,
// subgraphs, two producers of a name, names without a producer, cycles. It
// sorts the nodes topologically, in linear time.
func (m *modelProto) check() error {
	opset, ok := m.opsets[""]
	if !ok {
		return fmt.Errorf("%w: the file names no operator set", ErrModel)
	}
	if opset < op.MinOpset || opset > op.MaxOpset {
		return fmt.Errorf("%w: operator set %d is not supported: want %d to %d", ErrModel, opset, op.MinOpset, op.MaxOpset)
	}
	if m.functions > 0 {
		return fmt.Errorf("%w: the file defines %d functions of its own, which are not supported", ErrModel, m.functions)
	}
	g := m.graph
	if len(g.outputs) == 0 {
		return fmt.Errorf("%w: the graph has no outputs", ErrModel)
	}
	producer := map[string]int{}
	for _, v := range g.inputs {
		if v.name == "" {
			return fmt.Errorf("%w: an input has no name", ErrModel)
		}
		if _, dup := producer[v.name]; dup {
			return fmt.Errorf("%w: two inputs are named %q", ErrModel, v.name)
		}
		producer[v.name] = -1
	}
	for name := range g.initializers {
		producer[name] = -1
	}
	var refused []string
	for i, n := range g.nodes {
		if n.name == "" {
			n.name = fmt.Sprintf("#%d", i)
			if len(n.outputs) > 0 && n.outputs[0] != "" {
				n.name = n.outputs[0]
			}
		}
		if err := n.supported(int(opset)); err != nil {
			refused = append(refused, fmt.Sprintf("node %q: %v", n.name, err))
			continue
		}
		for _, out := range n.outputs {
			if out == "" {
				continue
			}
			if _, dup := producer[out]; dup {
				return fmt.Errorf("%w: node %q (%s) produces %q, which something else produces too", ErrModel, n.name, n.opType, out)
			}
			producer[out] = i
		}
	}
	if len(refused) > 0 {
		more := ""
		if n := len(refused) - 8; n > 0 {
			refused, more = refused[:8], fmt.Sprintf("; and %d more", n)
		}
		return fmt.Errorf("%w: %s%s", ErrModel, strings.Join(refused, "; "), more)
	}
	for _, v := range g.outputs {
		if _, ok := producer[v.name]; !ok {
			return fmt.Errorf("%w: output %q is produced by nothing", ErrModel, v.name)
		}
	}
	return g.sort(producer)
}

// supported says whether the table has the node's operator.
func (n *nodeProto) supported(opset int) error {
	if n.domain != "" {
		return fmt.Errorf("operator %s of domain %q is not supported", n.opType, n.domain)
	}
	if len(n.graphs) > 0 {
		return fmt.Errorf("operator %s with a graph in attribute %q is not supported", n.opType, n.graphs[0])
	}
	d, err := op.Lookup(n.opType, opset)
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
// the file's order is kept where it will do).
func (g *graphProto) sort(producer map[string]int) error {
	waits := make([]int, len(g.nodes))
	readers := make([][]int32, len(g.nodes))
	for i, n := range g.nodes {
		for _, in := range n.inputs {
			if in == "" {
				continue
			}
			p, ok := producer[in]
			if !ok {
				return fmt.Errorf("%w: node %q (%s) reads %q, which nothing produces", ErrModel, n.name, n.opType, in)
			}
			if p >= 0 {
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
				return fmt.Errorf("%w: node %q (%s) is part of a cycle", ErrModel, g.nodes[i].name, g.nodes[i].opType)
			}
		}
	}
	g.nodes = sorted
	return nil
}

// reduced is the model as onnx-go's decoder gets it: nodes with their scalar
// and list attributes, and bare names of inputs and outputs. Weights, declared
// shapes and Constant nodes stay with us: the decoder would copy weights,
// allocate a tensor for every declared shape, and misread several types.
func (m *modelProto) reduced() []byte {
	var g []byte
	for _, n := range m.graph.nodes {
		if n.opType == "Constant" {
			continue
		}
		var b []byte
		for _, s := range n.inputs {
			b = appendText(b, 1, s)
		}
		for _, s := range n.outputs {
			b = appendText(b, 2, s)
		}
		b = appendText(b, 4, n.opType)
		for _, a := range n.raw {
			b = appendBytes(b, 5, a)
		}
		g = appendBytes(g, 1, b)
	}
	for _, v := range m.graph.inputs {
		if m.graph.initializers[v.name] == nil {
			g = appendBytes(g, 11, appendText(nil, 1, v.name))
		}
	}
	for _, v := range m.graph.outputs {
		g = appendBytes(g, 12, appendText(nil, 1, v.name))
	}
	return appendBytes(nil, 7, g)
}

func appendText(b []byte, n protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), s)
}

func appendBytes(b []byte, n protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
}

// constants evaluates Constant nodes into initializers.
func (g *graphProto) constants() error {
	for _, n := range g.nodes {
		if n.opType != "Constant" {
			continue
		}
		t := n.tensors["value"]
		for name, v := range n.single {
			switch {
			case name == "value_float":
				t = tensor.Scalar(floatBits(v.(uint32)))
			case name == "value_int":
				t = tensor.Scalar(v.(int64))
			case name == "value_floats":
				var f []float32
				for _, w := range v.([]uint32) {
					f = append(f, floatBits(w))
				}
				t = tensor.New(f, len(f))
			case name == "value_ints":
				t = tensor.New(append([]int64{}, v.([]int64)...), len(v.([]int64)))
			default:
				return fmt.Errorf("%w: node %q (Constant): attribute %q is not supported", ErrModel, n.name, name)
			}
		}
		if t == nil {
			return fmt.Errorf("%w: node %q (Constant) has no value", ErrModel, n.name)
		}
		g.initializers[n.outputs[0]] = t
	}
	return nil
}
