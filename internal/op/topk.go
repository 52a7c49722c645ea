package op

import (
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// TopK gives the k greatest (or least) elements along one axis, sorted, and
// their int64 positions. Of equal elements the first one comes first. A NaN
// counts as greater than any number. The results are sorted even where that is
// not asked for.
type TopK struct {
	Axis    int
	Largest bool
	k       int // attribute before operator set 10, else -1
}

func newTopK(n *Node) (Operator, error) {
	t := &TopK{Largest: true, k: -1}
	var err error
	if t.Axis, err = n.Attr.Int("axis", -1); err != nil {
		return nil, err
	}
	if n.Opset < 10 {
		if t.k, err = n.Attr.Int("k", -1); err == nil && t.k < 0 {
			err = fmt.Errorf("attribute \"k\" is missing or negative")
		}
		return t, err
	}
	if n.Opset >= 11 {
		if t.Largest, err = n.Attr.Bool("largest", true); err != nil {
			return nil, err
		}
		_, err = n.Attr.Bool("sorted", true)
	}
	return t, err
}

// Infer implements Operator.
func (t *TopK) Infer(in []*Info, outputs int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	if !numeric(in[0].Type) {
		return nil, DTypeError(in[0].Type)
	}
	k := t.k
	if k < 0 {
		var err error
		if k, err = constantInt(in, 1, "k"); err != nil {
			return nil, err
		}
	}
	infos := []Info{{Type: in[0].Type}, {Type: tensor.Int64}}
	if in[0].Known() {
		axis, err := normalAxis(t.Axis, len(in[0].Shape))
		if err != nil {
			return nil, err
		}
		for i := range infos {
			infos[i].Shape = slices.Clone(in[0].Shape)
			if k < 0 || k > infos[i].Shape[axis] {
				return nil, fmt.Errorf("k is %d for axis %d of shape %v", k, axis, in[0].Shape)
			}
			infos[i].Shape[axis] = k
		}
	}
	return infos[:min(max(outputs, 0), 2)], nil
}

// Eval implements Operator.
func (t *TopK) Eval(in []*tensor.Tensor, outputs int) ([]*tensor.Tensor, error) {
	infos, err := t.Infer(infosOf(in), 2)
	if err != nil {
		return nil, err
	}
	axis, err := normalAxis(t.Axis, len(in[0].Shape))
	if err != nil {
		return nil, err
	}
	outer, n, inner := around(in[0].Shape, axis)
	shape := infos[0].Shape
	k := shape[axis]
	order := orderOf(in[0])
	positions, source := tensor.Zeros[int64](shape...), make([]int, product(shape))
	p, row := positions.Data.([]int64), make([]int, n)
	for r := range outer * inner {
		if len(p) == 0 {
			break
		}
		base := r/inner*n*inner + r%inner
		for i := range row {
			row[i] = i
		}
		slices.SortStableFunc(row, func(a, b int) int {
			c := order(base+a*inner, base+b*inner)
			if t.Largest {
				return -c
			}
			return c
		})
		for i, a := range row[:k] {
			o := (r/inner*k+i)*inner + r%inner
			p[o], source[o] = int64(a), base+a*inner
		}
	}
	values, err := gathered(in[0], shape, nil, func(o int) int { return source[o] })
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{values, positions}[:min(max(outputs, 0), 2)], nil
}
