package op

import (
	"fmt"

	"krypton/internal/tensor"
)

// Transpose permutes axes: output axis i is input axis Perm[i]. A nil Perm
// reverses them.
type Transpose struct{ Perm []int }

func newTranspose(n *Node) (Operator, error) {
	p, err := n.Attr.Ints("perm")
	return &Transpose{p}, err
}

// Permutation is the permutation for an input of the given rank.
func (t *Transpose) Permutation(rank int) ([]int, error) {
	p := make([]int, rank)
	if t.Perm == nil {
		for i := range p {
			p[i] = rank - 1 - i
		}
		return p, nil
	}
	seen := make([]bool, rank)
	if len(t.Perm) != rank {
		return nil, fmt.Errorf("attribute \"perm\" is %v for an input of rank %d", t.Perm, rank)
	}
	for i, a := range t.Perm {
		if a < 0 || a >= rank || seen[a] {
			return nil, fmt.Errorf("attribute \"perm\" is %v: not a permutation of %d axes", t.Perm, rank)
		}
		seen[a] = true
		p[i] = a
	}
	return p, nil
}

// Infer implements Operator.
func (t *Transpose) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	x := in[0]
	if !x.Known() {
		return unknown(x.Type)
	}
	p, err := t.Permutation(len(x.Shape))
	if err != nil {
		return nil, err
	}
	shape := make([]int, len(p))
	for i, a := range p {
		shape[i] = x.Shape[a]
	}
	return single(x.Type, shape)
}

// Eval implements Operator.
func (t *Transpose) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(t, in)
	if err != nil {
		return nil, err
	}
	p, err := t.Permutation(len(shape))
	if err != nil {
		return nil, err
	}
	xs := strides(in[0].Shape)
	stride := make([]int, len(p))
	for i, a := range p {
		stride[i] = xs[a]
	}
	at := make([]int, len(p))
	y, err := gathered(in[0], shape, nil, func(o int) int {
		unravel(o, shape, at)
		return flat(at, stride)
	})
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}
