package op

import (
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// Trilu keeps the upper or lower triangle of the matrices in the last two axes,
// from the diagonal that input 1 names (0 the main one, positive above), and
// puts zeros elsewhere.
type Trilu struct{ Upper bool }

func newTrilu(n *Node) (Operator, error) {
	u, err := n.Attr.Bool("upper", true)
	return &Trilu{u}, err
}

func (t *Trilu) diagonal(in []*Info) (int, error) {
	if !given(in, 1) {
		return 0, nil
	}
	k, err := constantInt(in, 1, "k")
	return min(max(k, -maxAxis), maxAxis), err
}

// Infer implements Operator.
func (t *Trilu) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	if _, err := t.diagonal(in); err != nil {
		return nil, err
	}
	if !in[0].Known() {
		return unknown(in[0].Type)
	}
	if len(in[0].Shape) < 2 {
		return nil, fmt.Errorf("input shape %v: want rank 2 or more", in[0].Shape)
	}
	return single(in[0].Type, slices.Clone(in[0].Shape))
}

// Eval implements Operator.
func (t *Trilu) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(t, in)
	if err != nil {
		return nil, err
	}
	k, err := t.diagonal(infosOf(in))
	if err != nil {
		return nil, err
	}
	h, w := shape[len(shape)-2], shape[len(shape)-1]
	y, err := gathered(in[0], shape, nil, func(o int) int {
		above := o%w - o/w%h - k
		if t.Upper && above < 0 || !t.Upper && above > 0 {
			return -1
		}
		return o
	})
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}
