// Package graph is the typed form of a loaded model: what the loader makes, the
// plan compiler reads, and Gorgonia's machine runs as the slow reference.
package graph

import (
	"slices"

	"gorgonia.org/gorgonia"

	"krypton/internal/op"
	"krypton/internal/tensor"
)

// ValueID numbers a graph's values; -1 stands for an absent optional input.
type ValueID int

// Value is one named value.
type Value struct {
	Name string
	// Info is what is known before a run; Info.Value is set for constants.
	Info op.Info
	// Producer is the index of the node that computes it, -1 for inputs and
	// constants.
	Producer int
}

// Node is one node with its operator.
type Node struct {
	Name     string
	Def      *op.Definition
	Op       op.Operator
	Opset    int
	In       []ValueID
	Out      []ValueID
	Locality op.Locality
}

// Graph is a loaded model. Nodes are in topological order, what depends on
// constants alone is folded, and what no output needs is gone.
type Graph struct {
	Name            string
	Values          []Value
	Nodes           []*Node
	Inputs, Outputs []ValueID
	Facts           Facts
	// Pixels says what the picture's input is of where the file has it of another
	// type than float32, in which the graph takes it.
	Pixels Pixels
	// Joined are the file's inputs that the graph's only one is made of, the picture's
	// first; nil where it is one of the file's.
	Joined []Joined

	expr  *gorgonia.ExprGraph
	exprs map[ValueID]*gorgonia.Node
}

// Facts are what `model info` tells about a file beside its graph.
type Facts struct {
	Producer  string `json:"producer,omitempty"`
	IRVersion int    `json:"ir_version"`
	Opset     int    `json:"opset"`
	// Nodes counts the file's nodes, Folded those that are constants.
	Nodes  int `json:"nodes"`
	Folded int `json:"folded"`
	// Parameters counts the numbers in all weights that are used.
	Parameters int64 `json:"parameters"`
	// Converted says which element types were changed to float32.
	Converted []string `json:"converted,omitempty"`
	// Left are the outputs that were not made.
	Left []Unmade `json:"outputs_left,omitempty"`
	// Bound are the inputs that got a value because exporters always call them so.
	Bound []Bound `json:"bound,omitempty"`
	// Notes say where the model is taken otherwise than the file has it.
	Notes []string `json:"notes,omitempty"`
	// Labels are the class names that the graph itself holds (ZipMap).
	Labels   []string          `json:"labels,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	// Declared are the inputs and outputs as the file declares them.
	Inputs  []Declared `json:"inputs"`
	Outputs []Declared `json:"outputs"`
}

// Unmade is an output that was not made: Why says what stood against it, "" if it was
// not asked for.
type Unmade struct {
	Name string `json:"name"`
	Why  string `json:"why,omitempty"`
}

// Bound is an input with the value that it got.
type Bound struct {
	Name   string    `json:"name"`
	Values []float64 `json:"values"`
}

// Pixels are a picture's numbers as a file wants them: whole numbers of a type, or
// float64.
type Pixels struct {
	// Type is 0 for float32.
	Type tensor.DType
	// Zero is the number that stands for 0 by the operator that reads the input, nil
	// if none says so.
	Zero *int
}

// Joined is an input of the file that is a part of the graph's: Channels of its channels,
// from From on. Ratio is how many of the graph's pixels one of the input's stands for along
// each side: what it reads is that in the middle of them.
type Joined struct {
	Name           string
	From, Channels int
	Ratio          int
}

// ChannelsLast says whether a picture's input of a shape has its channels last:
// layout is nchw, nhwc, or "" to tell from the shape.
func ChannelsLast(shape []int, layout string) bool {
	return len(shape) == 4 && shape[0] == 1 && (layout == "nhwc" || layout == "" && shape[1] > 4 && shape[3] <= 4)
}

// Declared is an input or output as a file declares it: Dims are numbers or
// symbols, "?" where nothing is said.
type Declared struct {
	Name string       `json:"name"`
	Type tensor.DType `json:"-"`
	Elem string       `json:"type"`
	Dims []string     `json:"dims"`
}

// DropConstants lets go of the values of all constants, once a plan has been
// made of them: they are most of a graph's memory. What remains says how the
// model is built, and can be neither compiled nor run.
func (g *Graph) DropConstants() {
	for i := range g.Values {
		g.Values[i].Info.Value = nil
	}
	g.expr, g.exprs = nil, nil
}

// Outline is a copy without the values of constants: what DropConstants leaves, while
// the graph itself can still be compiled.
func (g *Graph) Outline() *Graph {
	o := *g
	o.Values = slices.Clone(g.Values)
	o.DropConstants()
	return &o
}
