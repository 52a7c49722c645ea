package main

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"krypton/internal/onnxwrite"
)

// badGraphs are the rows M14, M15 and M24: how nodes hang together, what they are,
// how many there are.
func badGraphs() []badInput {
	rows := []badInput{
		looked("M14/cycle", changed(func(m *onnxwrite.Model) { m.Graph.Nodes[0].Inputs[0] = "p" }), exitData, "part of a cycle"),
		looked("M14/self-loop", changed(func(m *onnxwrite.Model) { m.Graph.Nodes[1].Inputs[0] = "p" }), exitData, "part of a cycle"),
		looked("M14/never-produced", changed(func(m *onnxwrite.Model) { m.Graph.Nodes[1].Inputs[0] = "nothing" }), exitData, `reads "nothing"`),
		looked("M14/two-produce-it", changed(func(m *onnxwrite.Model) { m.Graph.Nodes[1].Outputs[0] = "c" }), exitData, `produces "c"`),
		looked("M14/produces-an-input", changed(func(m *onnxwrite.Model) { m.Graph.Nodes[1].Outputs[0] = "x" }), exitData, `produces "x"`),
		looked("M14/output-not-produced", changed(func(m *onnxwrite.Model) { m.Graph.Outputs[0].Name = "z" }), exitData, `output "z"`),
		looked("M14/empty-graph", changed(func(m *onnxwrite.Model) { m.Graph = onnxwrite.Graph{} }), exitData, "no outputs"),
		looked("M14/two-inputs-of-one-name", changed(func(m *onnxwrite.Model) { m.Graph.Inputs = append(m.Graph.Inputs, m.Graph.Inputs[0]) }), exitData, `named "x"`),
		looked("M14/two-initializers-of-one-name", changed(func(m *onnxwrite.Model) { m.Graph.Initializers = append(m.Graph.Initializers, m.Graph.Initializers[0]) }), exitData, `named "w"`),
		looked("M14/output-is-an-input", changed(func(m *onnxwrite.Model) { m.Graph.Outputs[0].Name, m.Graph.Nodes = "x", nil }), exitOK, ""),
		looked("M14/unused-initializer", changed(func(m *onnxwrite.Model) { m.Graph.Initializers = append(m.Graph.Initializers, ints("unused", 1)) }), exitOK, ""),
		looked("M14/out-of-order", changed(func(m *onnxwrite.Model) { slices.Reverse(m.Graph.Nodes) }), exitOK, ""),
		mapped("M14/map", changed(func(m *onnxwrite.Model) { m.Graph.Nodes[0].Inputs[0] = "p" }), exitData, "part of a cycle"),

		looked("M15/unknown-operator", between("Frobnicate"), exitData, `operator Frobnicate (operator set 13)`),
		looked("M15/no-operator", between(""), exitData, `"odd"`),
		looked("M15/unknown-domain", changed(func(m *onnxwrite.Model) { m.Graph.Nodes[0].Domain = "com.example" }), exitData, `operator Conv of domain "com.example"`),
		looked("M15/no-operator-set", changed(func(m *onnxwrite.Model) { m.Opsets = nil }), exitData, "names no operator set"),
		looked("M15/operator-set-of-another-domain", changed(func(m *onnxwrite.Model) { m.Opsets = map[string]int64{"com.example": 1} }), exitData, "names no operator set"),
		looked("M15/functions-calling-each-other", functions, exitData, `calls "g" of domain "own" calls "f"`),
		looked("M15/unknown-attribute", convWith(onnxwrite.Int("sparkle", 1)), exitData, `"sparkle"`),
		mapped("M15/map", between("Frobnicate"), exitData, "operator Frobnicate"),
	}
	for _, v := range []int64{0, -5, 1e9} {
		rows = append(rows, looked(fmt.Sprintf("M15/operator-set-%d", v), changed(func(m *onnxwrite.Model) { m.Opsets[""] = v }), exitData, fmt.Sprintf("operator set %d is not supported", v)))
	}
	long := 200000
	if testing.Short() || raceDetector {
		long = 20000
	}
	return append(rows,
		looked("M24/long-chain", chain(long, func(last string) onnxwrite.Node { return onnxwrite.Node{OpType: "Relu", Inputs: []string{last}} }), exitOK, ""),
		// Each node reads the one before it twice: 2^60 paths.
		looked("M24/diamonds", chain(60, func(last string) onnxwrite.Node { return onnxwrite.Node{OpType: "Add", Inputs: []string{last, last}} }), exitOK, ""),
		mapped("M24/diamonds-map", chain(60, func(last string) onnxwrite.Node { return onnxwrite.Node{OpType: "Add", Inputs: []string{last, last}} }), exitOK, ""),
		looked("M24/doubled-60-times", chain(60, func(last string) onnxwrite.Node {
			return onnxwrite.Node{OpType: "Concat", Inputs: []string{last, last}, Attributes: []onnxwrite.Attribute{onnxwrite.Int("axis", 1)}}
		}), exitData, "more than 2147483648 elements"),
		doubledShape(),
		looked("M24/concat-of-10000", changed(func(m *onnxwrite.Model) {
			n := onnxwrite.Node{Name: "wide", OpType: "Concat", Outputs: []string{"o"}, Attributes: []onnxwrite.Attribute{onnxwrite.Int("axis", 1)}}
			for range 10000 {
				n.Inputs = append(n.Inputs, "c")
			}
			m.Graph.Nodes = append(m.Graph.Nodes, n)
			m.Graph.Nodes[1].Inputs[0] = "o"
			m.Graph.Outputs[0].Dims = nil
		}), exitOK, ""),
		looked("M24/five-million-empty-nodes", holding(protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType), slices.Repeat([]byte{1<<3 | 2, 0}, 5<<20))), exitData, "more than 1048576 nodes"))
}

// chain puts n nodes behind the first; each gives what the next one reads.
func chain(n int, node func(last string) onnxwrite.Node) func(testing.TB, string) {
	return changed(func(m *onnxwrite.Model) {
		g := &m.Graph
		last := "c"
		for i := range n {
			k := node(last)
			last = fmt.Sprintf("r%d", i)
			k.Outputs = []string{last}
			g.Nodes = append(g.Nodes, k)
		}
		g.Nodes[1].Inputs[0] = last
	})
}

// doubledShape is a model that computes a shape by joining a list to itself 60
// times.
func doubledShape() badInput {
	row := looked("M24/shape-doubled-60-times", changed(func(m *onnxwrite.Model) {
		g := &m.Graph
		g.Nodes = append(g.Nodes, onnxwrite.Node{OpType: "Shape", Inputs: []string{"c"}, Outputs: []string{"s"}})
		last := "s"
		for i := range 60 {
			name := fmt.Sprintf("s%d", i)
			g.Nodes = append(g.Nodes, onnxwrite.Node{OpType: "Concat", Inputs: []string{last, last}, Outputs: []string{name}, Attributes: []onnxwrite.Attribute{onnxwrite.Int("axis", 0)}})
			last = name
		}
		g.Nodes = append(g.Nodes, onnxwrite.Node{OpType: "Reshape", Inputs: []string{"c", last}, Outputs: []string{"o"}})
		g.Nodes[1].Inputs[0] = "o"
	}), exitData, "computed constants exceed the limit of 67108864")
	row.args = append(row.args, "--max-model-bytes", "64MiB")
	return row
}

// functions is a model that defines two functions, each of which calls the other.
func functions(t testing.TB, path string) {
	field := func(b []byte, n protowire.Number, v []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
	}
	define := func(name, calls string) []byte {
		node := field(field(field(field(nil, 1, []byte("a")), 2, []byte("b")), 4, []byte(calls)), 7, []byte("own"))
		return field(field(field(field(field(nil, 1, []byte(name)), 4, []byte("a")), 5, []byte("b")), 7, node), 10, []byte("own"))
	}
	m := sound()
	m.Opsets["own"] = 1
	m.Graph.Nodes[1].OpType, m.Graph.Nodes[1].Domain = "f", "own"
	holding(field(field(m.Marshal(), 25, define("f", "g")), 25, define("g", "f")))(t, path)
}
