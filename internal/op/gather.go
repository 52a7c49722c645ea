package op

import (
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// Gather takes slices of input 0 along one axis by the indices of input 1,
// whose shape replaces the axis; a negative Axis counts from the end.
type Gather struct{ Axis int }

func newGather(n *Node) (Operator, error) {
	a, err := n.Attr.Int("axis", 0)
	return &Gather{a}, err
}

// Infer implements Operator.
func (g *Gather) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if err := indexType(in, 1); err != nil {
		return nil, err
	}
	x := in[0].Shape
	if !in[0].Known() || !in[1].Known() {
		return unknown(in[0].Type)
	}
	axis, err := normalAxis(g.Axis, len(x))
	if err != nil {
		return nil, err
	}
	if err := checkIndices(in[1], x[axis]); err != nil {
		return nil, err
	}
	return single(in[0].Type, slices.Concat(x[:axis], in[1].Shape, x[axis+1:]))
}

// Locality implements Localizer.
func (g *Gather) Locality(in []*Info, _ []Info) Locality {
	if !in[0].Known() || in[1].Value == nil || len(in[1].Shape) != 1 || !channelAxis(g.Axis, len(in[0].Shape)) {
		return Locality{}
	}
	return Locality{Kind: Pointwise}
}

// Eval implements Operator. An index out of range is an error.
func (g *Gather) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(g, in)
	if err != nil {
		return nil, err
	}
	axis, err := normalAxis(g.Axis, len(in[0].Shape))
	if err != nil {
		return nil, err
	}
	_, n, inner := around(in[0].Shape, axis)
	idx, err := indices(in[1], n)
	if err != nil {
		return nil, err
	}
	y, err := gathered(in[0], shape, nil, func(o int) int {
		return (o/inner/len(idx)*n+idx[o/inner%len(idx)])*inner + o%inner
	})
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}

// GatherElements takes for every index of input 1 the element of input 0 at
// the same coordinates, with the index in place of that of one axis.
type GatherElements struct{ Axis int }

func newGatherElements(n *Node) (Operator, error) {
	a, err := n.Attr.Int("axis", 0)
	return &GatherElements{a}, err
}

// Infer implements Operator.
func (g *GatherElements) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if err := indexType(in, 1); err != nil {
		return nil, err
	}
	if !in[0].Known() || !in[1].Known() {
		return unknown(in[0].Type)
	}
	if err := alongAxis(in[0].Shape, in[1], g.Axis); err != nil {
		return nil, err
	}
	return single(in[0].Type, slices.Clone(in[1].Shape))
}

// alongAxis checks indices that stand in for one coordinate of the elements of
// a tensor of shape x.
func alongAxis(x []int, index *Info, axis int) error {
	if len(index.Shape) != len(x) {
		return fmt.Errorf("indices have shape %v, data %v: ranks differ", index.Shape, x)
	}
	axis, err := normalAxis(axis, len(x))
	if err != nil {
		return err
	}
	for a, n := range index.Shape {
		if a != axis && n > x[a] {
			return fmt.Errorf("indices have shape %v, which does not fit in %v outside axis %d", index.Shape, x, axis)
		}
	}
	return checkIndices(index, x[axis])
}

// elementsAt are the flat positions in a tensor of shape x that the indices
// name along the axis.
func elementsAt(x []int, index *tensor.Tensor, axis int) ([]int, error) {
	axis, err := normalAxis(axis, len(x))
	if err != nil {
		return nil, err
	}
	pos, err := indices(index, x[axis])
	if err != nil {
		return nil, err
	}
	stride, at := strides(x), make([]int, len(x))
	for i, p := range pos {
		unravel(i, index.Shape, at)
		at[axis] = p
		pos[i] = flat(at, stride)
	}
	return pos, nil
}

// Eval implements Operator. An index out of range is an error.
func (g *GatherElements) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(g, in)
	if err != nil {
		return nil, err
	}
	pos, err := elementsAt(in[0].Shape, in[1], g.Axis)
	if err != nil {
		return nil, err
	}
	y, err := gathered(in[0], shape, nil, func(o int) int { return pos[o] })
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}

// GatherND takes the slices of input 0 that the index tuples in the last axis
// of input 1 name, within each of the leading BatchDims axes.
type GatherND struct{ BatchDims int }

func newGatherND(n *Node) (Operator, error) {
	g := &GatherND{}
	var err error
	if n.Opset >= 12 {
		g.BatchDims, err = n.Attr.Int("batch_dims", 0)
	}
	if err == nil && (g.BatchDims < 0 || g.BatchDims > maxAxis) {
		err = fmt.Errorf("attribute \"batch_dims\" is %d, want at least 0", g.BatchDims)
	}
	return g, err
}

// Infer implements Operator.
func (g *GatherND) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if err := indexType(in, 1); err != nil {
		return nil, err
	}
	if !in[0].Known() || !in[1].Known() {
		return unknown(in[0].Type)
	}
	x, idx, b := in[0].Shape, in[1].Shape, g.BatchDims
	if len(x) == 0 || len(idx) == 0 || b >= min(len(x), len(idx)) {
		return nil, fmt.Errorf("batch_dims %d for data of shape %v and indices of shape %v", b, x, idx)
	}
	k := idx[len(idx)-1]
	if !slices.Equal(x[:b], idx[:b]) || k < 1 || k > len(x)-b {
		return nil, fmt.Errorf("indices of shape %v do not fit data of shape %v with batch_dims %d", idx, x, b)
	}
	if in[1].Value != nil {
		if _, err := tuples(in[1].Value, x[b:b+k]); err != nil {
			return nil, err
		}
	}
	return single(in[0].Type, slices.Concat(idx[:len(idx)-1], x[b+k:]))
}

// Eval implements Operator. An index out of range is an error.
func (g *GatherND) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(g, in)
	if err != nil {
		return nil, err
	}
	x, idx, b := in[0].Shape, in[1].Shape, g.BatchDims
	k := idx[len(idx)-1]
	pos, err := tuples(in[1], x[b:b+k])
	if err != nil {
		return nil, err
	}
	batches, area, run := product(x[:b]), product(x[b:b+k]), product(x[b+k:])
	perBatch := 1
	if batches > 0 {
		perBatch = max(1, len(pos)/batches)
	}
	y, err := gathered(in[0], shape, nil, func(o int) int {
		t := o / run
		return (t/perBatch*area+pos[t])*run + o%run
	})
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}
