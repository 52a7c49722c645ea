package graph

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	gtensor "gorgonia.org/tensor"

	"krypton/internal/op"
	"krypton/internal/tensor"
)

// Operation is a typed operator as a gorgonia.Op: one output of one node. Its
// constant inputs are its own; its Gorgonia children are the others.
type Operation struct {
	// Node is the node of the typed graph, Output the number of its output.
	Node   *Node
	Output int

	id     uint32 // unique in the graph, so that equal operators stay apart
	g      *Graph
	inputs []ValueID // the Gorgonia children, in order
	run    *run
}

// run holds the true tensors of one evaluation. Gorgonia's tensors cannot be
// scalars of rank 0, empty, or of unknown shape; such values travel as
// placeholders, and this is where their readers find them.
type run struct{ values []*tensor.Tensor }

// Arity implements gorgonia.Op.
func (o *Operation) Arity() int { return len(o.inputs) }

// Type implements gorgonia.Op: tensors of the inputs' ranks to one of the
// output's.
func (o *Operation) Type() hm.Type {
	var ts []hm.Type
	for _, id := range o.inputs {
		ts = append(ts, typeOf(&o.g.Values[id].Info))
	}
	return hm.NewFnType(append(ts, typeOf(&o.g.Values[o.Node.Out[o.Output]].Info))...)
}

// InferShape implements gorgonia.Op: shapes were inferred when the model was
// loaded.
func (o *Operation) InferShape(...gorgonia.DimSizer) (gtensor.Shape, error) {
	return shapeOf(&o.g.Values[o.Node.Out[o.Output]].Info), nil
}

// Do implements gorgonia.Op by the operator's reference computation. The machine
// calls it on a goroutine of its own, where only Do itself can stop a panic.
func (o *Operation) Do(values ...gorgonia.Value) (_ gorgonia.Value, err error) {
	defer recovered(&err, fmt.Sprintf("node %s (%s)", o.Node.Name, o.Node.Def.Name))
	out := o.Node.Out[o.Output]
	if len(values) != len(o.inputs) {
		return nil, fmt.Errorf("node %s (%s): %d inputs, want %d", o.Node.Name, o.Node.Def.Name, len(values), len(o.inputs))
	}
	for i, v := range values { // what Gorgonia hands over counts, not what we remember
		if id := o.inputs[i]; plain(&o.g.Values[id].Info) {
			d, ok := v.(*gtensor.Dense)
			if !ok {
				return nil, fmt.Errorf("node %s (%s): input %d is a %T", o.Node.Name, o.Node.Def.Name, i, v)
			}
			o.run.values[id] = &tensor.Tensor{Shape: append([]int{}, d.Shape()...), Data: d.Data()}
		}
	}
	in := make([]*tensor.Tensor, len(o.Node.In))
	for i, id := range o.Node.In {
		if id < 0 {
			continue
		}
		if in[i] = o.g.Values[id].Info.Value; in[i] == nil {
			in[i] = o.run.values[id]
		}
		if in[i] == nil {
			return nil, fmt.Errorf("node %s (%s): input %q has no value", o.Node.Name, o.Node.Def.Name, o.g.Values[id].Name)
		}
	}
	results, err := o.Node.Op.Eval(in, len(o.Node.Out))
	if err != nil {
		return nil, fmt.Errorf("node %s (%s): %w", o.Node.Name, o.Node.Def.Name, err)
	}
	if len(results) <= o.Output {
		return nil, fmt.Errorf("node %s (%s): %d outputs, want %d", o.Node.Name, o.Node.Def.Name, len(results), o.Output+1)
	}
	o.run.values[out] = results[o.Output]
	return denseOf(results[o.Output], &o.g.Values[out].Info), nil
}

// ReturnsPtr implements gorgonia.Op.
func (o *Operation) ReturnsPtr() bool { return false }

// CallsExtern implements gorgonia.Op.
func (o *Operation) CallsExtern() bool { return false }

// OverwritesInput implements gorgonia.Op.
func (o *Operation) OverwritesInput() int { return -1 }

// WriteHash implements gorgonia.Op.
func (o *Operation) WriteHash(h hash.Hash) {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], o.id)
	h.Write(b[:]) // a hash.Hash never fails
}

// Hashcode implements gorgonia.Op.
func (o *Operation) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// String names the operator and the node.
func (o *Operation) String() string {
	return fmt.Sprintf("%s(%s).%d", o.Node.Def.Name, o.Node.Name, o.Output)
}

var dtypes = map[tensor.DType]gtensor.Dtype{
	tensor.Float32: gtensor.Float32, tensor.Float64: gtensor.Float64, tensor.Bool: gtensor.Bool,
	tensor.Int64: gtensor.Int64, tensor.Int32: gtensor.Int32, tensor.Int16: gtensor.Int16, tensor.Int8: gtensor.Int8,
	tensor.Uint8: gtensor.Uint8, tensor.Uint16: gtensor.Uint16, tensor.Uint32: gtensor.Uint32, tensor.Uint64: gtensor.Uint64,
}

// plain says whether a value can be a Gorgonia tensor as it is.
func plain(i *op.Info) bool {
	if _, ok := dtypes[i.Type]; !ok || len(i.Shape) == 0 {
		return false
	}
	n, err := tensor.Size(i.Shape)
	return err == nil && n > 0
}

func typeOf(i *op.Info) hm.Type {
	if !plain(i) {
		return gorgonia.TensorType{Dims: 1, Of: gtensor.Float32}
	}
	return gorgonia.TensorType{Dims: len(i.Shape), Of: dtypes[i.Type]}
}

func shapeOf(i *op.Info) gtensor.Shape {
	if !plain(i) {
		return gtensor.Shape{1}
	}
	return gtensor.Shape(i.Shape)
}

func denseOf(t *tensor.Tensor, i *op.Info) *gtensor.Dense {
	if !plain(i) {
		return gtensor.New(gtensor.WithShape(1), gtensor.WithBacking([]float32{0}))
	}
	return gtensor.New(gtensor.WithShape(t.Shape...), gtensor.WithBacking(t.Data))
}

// ErrGorgonia says that a graph could not be expressed or run by Gorgonia.
var ErrGorgonia = errors.New("gorgonia")

// recovered turns a panic of a library into an error.
func recovered(err *error, what string) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %s: %v", ErrGorgonia, what, r)
	}
}

// Expr builds, once, the Gorgonia graph whose nodes carry the typed operators.
func (g *Graph) Expr() (e *gorgonia.ExprGraph, err error) {
	if g.expr != nil {
		return g.expr, nil
	}
	defer recovered(&err, "building the graph")
	e = gorgonia.NewGraph(gorgonia.WithGraphName(g.Name))
	nodes := map[ValueID]*gorgonia.Node{}
	for _, id := range g.Inputs {
		i := &g.Values[id].Info
		t := dtypes[i.Type]
		if !plain(i) {
			t = gtensor.Float32
		}
		s := shapeOf(i)
		nodes[id] = gorgonia.NewTensor(e, t, len(s), gorgonia.WithShape(s...), gorgonia.WithName(g.Values[id].Name))
	}
	r := &run{}
	next := uint32(1)
	for _, n := range g.Nodes {
		for k := range n.Out {
			o := &Operation{Node: n, Output: k, id: next, g: g, run: r}
			next++
			var children []*gorgonia.Node
			for _, id := range n.In {
				if id >= 0 && g.Values[id].Info.Value == nil {
					if nodes[id] == nil {
						return nil, fmt.Errorf("%w: node %s (%s): input %q is produced by nothing before it", ErrGorgonia, n.Name, n.Def.Name, g.Values[id].Name)
					}
					o.inputs = append(o.inputs, id)
					children = append(children, nodes[id])
				}
			}
			if len(children) == 0 {
				return nil, fmt.Errorf("%w: node %s (%s) has no input that varies", ErrGorgonia, n.Name, n.Def.Name)
			}
			node, err := gorgonia.ApplyOp(o, children...)
			if err != nil {
				return nil, fmt.Errorf("%w: node %s (%s): %w", ErrGorgonia, n.Name, n.Def.Name, err)
			}
			nodes[n.Out[k]] = node
		}
	}
	g.expr, g.exprs = e, nodes
	return e, nil
}

// Reference runs a graph with Gorgonia's tape machine. It is slow, and not safe
// for concurrent use.
type Reference struct {
	g       *Graph
	machine gorgonia.VM
	run     *run
}

// NewReference prepares the machine.
func NewReference(g *Graph) (ref *Reference, err error) {
	e, err := g.Expr()
	if err != nil {
		return nil, err
	}
	defer recovered(&err, "preparing the machine")
	ref = &Reference{g: g, run: &run{}}
	for _, n := range e.AllNodes() {
		if o, ok := n.Op().(*Operation); ok {
			ref.run = o.run
		}
	}
	if len(g.Nodes) > 0 {
		ref.machine = gorgonia.NewTapeMachine(e)
	}
	return ref, nil
}

// Run evaluates the graph on inputs by name and gives its outputs in order.
func (r *Reference) Run(inputs map[string]*tensor.Tensor) (out []*tensor.Tensor, err error) {
	defer recovered(&err, "running the machine")
	r.run.values = make([]*tensor.Tensor, len(r.g.Values))
	for _, id := range r.g.Inputs {
		v := &r.g.Values[id]
		t := inputs[v.Name]
		if t == nil {
			return nil, fmt.Errorf("input %q has no value", v.Name)
		}
		if t.DType() != v.Info.Type || fmt.Sprint(t.Shape) != fmt.Sprint(v.Info.Shape) {
			return nil, fmt.Errorf("input %q is %v %v, want %v %v", v.Name, t.DType(), t.Shape, v.Info.Type, v.Info.Shape)
		}
		r.run.values[id] = t
		if err := gorgonia.Let(r.g.exprs[id], denseOf(t, &v.Info)); err != nil {
			return nil, fmt.Errorf("%w: input %q: %w", ErrGorgonia, v.Name, err)
		}
	}
	if r.machine != nil {
		defer r.machine.Reset()
		if err := r.machine.RunAll(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrGorgonia, err)
		}
	}
	for _, id := range r.g.Outputs {
		t := r.g.Values[id].Info.Value
		if t == nil {
			t = r.run.values[id]
		}
		if t == nil {
			return nil, fmt.Errorf("%w: output %q was not computed", ErrGorgonia, r.g.Values[id].Name)
		}
		out = append(out, t)
	}
	return out, nil
}
