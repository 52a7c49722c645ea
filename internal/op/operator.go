// Package op defines the ONNX operators that Krypton knows, each in one place:
// its versions, its attributes, its shape rule, its reference computation (slow
// and plain, what Gorgonia's machine runs) and its locality, that is how far a
// change of its input reaches in its output. The loader, the plan and the tests
// all find an operator through the table in this package.
package op

import (
	"fmt"

	"krypton/internal/region"
	"krypton/internal/tensor"
)

// Definition is the entry of one ONNX operator in the table.
type Definition struct {
	// Name is the ONNX op_type; behind its domain and a point if that is not the
	// default one (see Qualified).
	Name string
	// Since and Until are the first and the last operator set whose meaning
	// of the operator is implemented. Until 0 means the newest known
	// (MaxOpset); Since is at least MinOpset.
	Since, Until int
	// MinInputs and MaxInputs bound the number of inputs; MaxInputs -1 means
	// any number. Outputs is the largest number of outputs.
	MinInputs, MaxInputs, Outputs int
	// Static lists the inputs whose *values* decide shapes or reading order
	// (a Reshape's shape, a Slice's starts). They must be known when the
	// model is loaded: Infer and New see them as Info.Value. -1 stands for
	// all inputs.
	Static []int
	// New reads the attributes of a node. It returns an error that names
	// the attribute when one is missing, malformed or not implemented; an
	// attribute that it does not read is refused by the loader, so that
	// nothing is silently ignored.
	New func(n *Node) (Operator, error)
}

// MinOpset and MaxOpset bound the operator sets that are accepted.
const (
	MinOpset = 1
	MaxOpset = 27
)

// Info is what is known of a value before a run.
type Info struct {
	Type tensor.DType
	// Shape in ONNX order; nil when it depends on data (after NonZero).
	Shape []int
	// Value is set for constants.
	Value *tensor.Tensor
}

// Known says whether the shape is known.
func (i *Info) Known() bool { return i != nil && i.Shape != nil }

// Operator is one node's operator with its attributes resolved. Operators are
// immutable and safe for concurrent use.
type Operator interface {
	// Infer is the shape rule: from the inputs (nil for an absent optional
	// one) to as many outputs as the node has. It checks ranks, sizes and
	// types, so that Eval on inputs of these shapes cannot fail for them.
	// An output's Shape is nil if it depends on data.
	Infer(in []*Info, outputs int) ([]Info, error)
	// Eval is the reference computation, on row-major ONNX-order tensors
	// (nil for an absent optional input); it returns the first `outputs`
	// outputs. It never writes to its inputs, but an output may share
	// an input's elements.
	Eval(in []*tensor.Tensor, outputs int) ([]*tensor.Tensor, error)
}

// Localizer is implemented by operators through which a change of part of the
// input reaches only part of the output. An operator without it is Global:
// slow, never wrong.
type Localizer interface {
	// Locality describes how a change of the spatial plane passes through.
	// in and out are as Infer saw and gave them. It holds for every input
	// that is not constant: where a scale, a weight or a bound can change,
	// everything can, and the locality is Global.
	Locality(in []*Info, out []Info) Locality
}

// Noter is implemented by operators that do otherwise than the file says in a way
// that its user should know.
type Noter interface {
	// Note says what, or is empty.
	Note(in []*Info) string
}

// LocalityOf is the locality of any operator: its own, or Global.
func LocalityOf(o Operator, in []*Info, out []Info) Locality {
	if l, ok := o.(Localizer); ok {
		return l.Locality(in, out)
	}
	return Locality{Kind: Global}
}

// LocalityKind says how a change of an input region reaches the output.
type LocalityKind int

// The kinds of locality, from the safest to the most local.
const (
	// Global: every output may change.
	Global LocalityKind = iota
	// Rearranging: the region is mapped to another place or shape.
	Rearranging
	// Windowed: the region grows by the kernel and shrinks by the stride.
	Windowed
	// Pointwise: the output region is the input region.
	Pointwise
)

// String names the kind as DESIGN does.
func (k LocalityKind) String() string {
	return [...]string{"global", "rearranging", "window", "pointwise"}[k]
}

// Locality is an operator's locality at given shapes.
type Locality struct {
	Kind LocalityKind
	// Windows holds, for Windowed, one window for each spatial axis (the
	// axes behind batch and channels, in ONNX order).
	Windows []region.Window
	// Tables holds, for Rearranging, one table for each spatial axis if the
	// output is a separable copy or interpolation of the input.
	Tables []region.Table
	// Field holds, for Rearranging, where every output pixel reads if that is
	// not separable; a plane without rows counts as one row. Where Tables and
	// Field are nil, the mapping is of another kind, and the plan treats it as
	// Global.
	Field *region.Field
}

// Node is one node of a model as the loader hands it over.
type Node struct {
	Name, Type string
	Opset      int
	Inputs     int // number of input slots, absent ones included
	Outputs    int
	Attr       *Attributes
}

// DTypeError says that an element type is not implemented by an operator.
func DTypeError(t tensor.DType) error {
	return fmt.Errorf("element type %v is not supported here", t)
}
