package op

import (
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// readReduction reads how updates meet what is there: add and mul from
// operator set 16, max and min from 18.
func readReduction(n *Node) (string, error) {
	switch {
	case n.Opset >= 18:
		return n.Attr.OneOf("reduction", "none", "add", "mul", "max", "min")
	case n.Opset >= 16:
		return n.Attr.OneOf("reduction", "none", "add", "mul")
	}
	return "none", nil
}

func checkScatter(in []*Info, reduction string) error {
	if err := checkInputs(in, 3); err != nil {
		return err
	}
	if err := indexType(in, 1); err != nil {
		return err
	}
	if in[2].Type != in[0].Type {
		return fmt.Errorf("updates are of %v, data of %v", in[2].Type, in[0].Type)
	}
	if reduction != "none" && !numeric(in[0].Type) {
		return fmt.Errorf("reduction %s: %w", reduction, DTypeError(in[0].Type))
	}
	return nil
}

// ScatterElements copies input 0 and writes each element of the updates
// (input 2) to its own coordinates, with the index of input 1 in place of that
// of one axis.
type ScatterElements struct {
	Axis      int
	Reduction string
}

func newScatterElements(n *Node) (Operator, error) {
	s := &ScatterElements{}
	var err error
	if s.Axis, err = n.Attr.Int("axis", 0); err != nil {
		return nil, err
	}
	s.Reduction, err = readReduction(n)
	return s, err
}

// Infer implements Operator.
func (s *ScatterElements) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkScatter(in, s.Reduction); err != nil {
		return nil, err
	}
	if !allKnown(in) {
		return []Info{{Type: in[0].Type, Shape: in[0].Shape}}, nil
	}
	if err := alongAxis(in[0].Shape, in[1], s.Axis); err != nil {
		return nil, err
	}
	if !slices.Equal(in[1].Shape, in[2].Shape) {
		return nil, fmt.Errorf("indices have shape %v, updates %v: they differ", in[1].Shape, in[2].Shape)
	}
	return single(in[0].Type, slices.Clone(in[0].Shape))
}

// Eval implements Operator: updates are applied in order, so that without a
// reduction the last of several at one place stays.
func (s *ScatterElements) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	if _, err := evalShape(s, in); err != nil {
		return nil, err
	}
	pos, err := elementsAt(in[0].Shape, in[1], s.Axis)
	if err != nil {
		return nil, err
	}
	y, err := copied(in[0])
	if err != nil {
		return nil, err
	}
	if err := place(y, in[2], s.Reduction, func(i int) int { return pos[i] }); err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}

// ScatterND copies input 0 and writes the slices of the updates (input 2) to
// where the index tuples in the last axis of input 1 say.
type ScatterND struct{ Reduction string }

func newScatterND(n *Node) (Operator, error) {
	r, err := readReduction(n)
	return &ScatterND{r}, err
}

// Infer implements Operator.
func (s *ScatterND) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkScatter(in, s.Reduction); err != nil {
		return nil, err
	}
	if !allKnown(in) {
		return []Info{{Type: in[0].Type, Shape: in[0].Shape}}, nil
	}
	x, idx := in[0].Shape, in[1].Shape
	if len(idx) == 0 || idx[len(idx)-1] < 1 || idx[len(idx)-1] > len(x) {
		return nil, fmt.Errorf("indices of shape %v do not fit data of shape %v", idx, x)
	}
	k := idx[len(idx)-1]
	if want := slices.Concat(idx[:len(idx)-1], x[k:]); !slices.Equal(want, in[2].Shape) {
		return nil, fmt.Errorf("updates have shape %v, want %v", in[2].Shape, want)
	}
	if in[1].Value != nil {
		if _, err := tuples(in[1].Value, x[:k]); err != nil {
			return nil, err
		}
	}
	return single(in[0].Type, slices.Clone(x))
}

// Eval implements Operator: updates are applied in order, so that without a
// reduction the last of several at one place stays.
func (s *ScatterND) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	if _, err := evalShape(s, in); err != nil {
		return nil, err
	}
	x, idx := in[0].Shape, in[1].Shape
	k := idx[len(idx)-1]
	pos, err := tuples(in[1], x[:k])
	if err != nil {
		return nil, err
	}
	y, err := copied(in[0])
	if err != nil {
		return nil, err
	}
	run := product(x[k:])
	if err := place(y, in[2], s.Reduction, func(i int) int { return pos[i/run]*run + i%run }); err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}
