package op

import (
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// Squeeze removes axes of length 1: those that the attribute (before operator
// set 13) or input 1 names, or all of them.
type Squeeze struct{ axes axesArgument }

// Unsqueeze inserts axes of length 1 at the places that they have in the
// output.
type Unsqueeze struct{ axes axesArgument }

// axesArgument is a list of axes that is an attribute in older operator sets
// and a constant input in newer ones.
type axesArgument struct {
	input int   // input slot, or -1
	attr  []int // nil if absent
}

// resolve returns the list as written, nil if it is absent.
func (a *axesArgument) resolve(in []*Info) ([]int, error) {
	if a.input < 0 {
		return a.attr, nil
	}
	if !given(in, a.input) {
		return nil, nil
	}
	return constantInts(in, a.input, "axes")
}

// readAxes reads the axes of a node whose list became input 1 in operator set
// since.
func readAxes(n *Node, since int) (a axesArgument, err error) {
	if n.Opset >= since {
		return axesArgument{input: 1}, nil
	}
	a.input = -1
	a.attr, err = n.Attr.Ints("axes")
	return a, err
}

func newSqueeze(n *Node) (Operator, error) {
	a, err := readAxes(n, 13)
	return &Squeeze{a}, err
}

func newUnsqueeze(n *Node) (Operator, error) {
	a, err := readAxes(n, 13)
	if err == nil && a.input < 0 && a.attr == nil {
		err = fmt.Errorf("attribute \"axes\" is missing")
	}
	return &Unsqueeze{a}, err
}

// Infer implements Operator.
func (s *Squeeze) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	axes, err := s.axes.resolve(in)
	if err != nil {
		return nil, err
	}
	x := in[0]
	if !x.Known() {
		return unknown(x.Type)
	}
	drop, err := normalAxes(axes, len(x.Shape))
	if err != nil {
		return nil, err
	}
	shape := []int{}
	for i, d := range x.Shape {
		named := slices.Contains(drop, i)
		switch {
		case named && d != 1:
			return nil, fmt.Errorf("axis %d of shape %v is not 1 and cannot be squeezed", i, x.Shape)
		case named, axes == nil && d == 1:
		default:
			shape = append(shape, d)
		}
	}
	return single(x.Type, shape)
}

// Eval implements Operator; the output shares the input's elements.
func (s *Squeeze) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) { return viewed(s, in) }

// Infer implements Operator.
func (u *Unsqueeze) Infer(in []*Info, _ int) ([]Info, error) {
	required := 1 + max(0, u.axes.input)
	if err := checkInputs(in, required); err != nil {
		return nil, err
	}
	axes, err := u.axes.resolve(in)
	if err != nil {
		return nil, err
	}
	x := in[0]
	if !x.Known() {
		return unknown(x.Type)
	}
	insert, err := normalAxes(axes, len(x.Shape)+len(axes))
	if err != nil {
		return nil, err
	}
	shape, rest := make([]int, len(x.Shape)+len(axes)), x.Shape
	for _, a := range insert {
		shape[a] = -1
	}
	for i := range shape {
		if shape[i] == -1 {
			shape[i] = 1
			continue
		}
		shape[i], rest = rest[0], rest[1:]
	}
	return single(x.Type, shape)
}

// Eval implements Operator; the output shares the input's elements.
func (u *Unsqueeze) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) { return viewed(u, in) }
