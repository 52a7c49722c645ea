package op

import (
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// maxOutputs bounds the outputs of an operator with any number of them.
const maxOutputs = 1 << 16

// Split cuts its input along one axis into consecutive parts, of given lengths
// or of equal ones; a negative Axis counts from the end.
type Split struct {
	Axis int
	// parts is the attribute of operator sets before 13; later ones have
	// input 1.
	parts    []int
	hasInput bool
	// uneven allows, from operator set 18, a shorter last part.
	uneven     bool
	numOutputs int // 0 if absent
}

func newSplit(n *Node) (Operator, error) {
	s := &Split{hasInput: n.Opset >= 13 || n.Opset == 1}
	var err error
	if s.Axis, err = n.Attr.Int("axis", 0); err != nil {
		return nil, err
	}
	if n.Opset < 13 {
		if s.parts, err = n.Attr.Ints("split"); err != nil {
			return nil, err
		}
	}
	if n.Opset >= 18 && n.Attr.Has("num_outputs") {
		s.uneven = true
		if s.numOutputs, err = n.Attr.Int("num_outputs", 0); err != nil {
			return nil, err
		}
		if s.numOutputs < 1 || s.numOutputs > maxOutputs {
			return nil, fmt.Errorf("attribute \"num_outputs\" is %d, want from 1 to %d", s.numOutputs, maxOutputs)
		}
	}
	return s, nil
}

// Ranges gives the part [lo, hi) of the axis that each output holds.
func (s *Split) Ranges(in []*Info, outputs int) ([][2]int, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	shape := in[0].Shape
	axis, err := normalAxis(s.Axis, len(shape))
	if err != nil {
		return nil, err
	}
	parts, explicit := s.parts, s.parts != nil
	if s.hasInput && given(in, 1) {
		if parts, err = constantInts(in, 1, "split"); err != nil {
			return nil, err
		}
		explicit = true
	}
	if outputs < 1 || outputs > maxOutputs {
		return nil, fmt.Errorf("%d outputs, want from 1 to %d", outputs, maxOutputs)
	}
	r, n, lo := make([][2]int, outputs), shape[axis], 0
	if explicit {
		if len(parts) != outputs {
			return nil, fmt.Errorf("split %v for %d outputs", parts, outputs)
		}
		for i, p := range parts {
			if p < 0 || p > n-lo {
				return nil, fmt.Errorf("split %v does not fit axis %d of shape %v", parts, axis, shape)
			}
			r[i] = [2]int{lo, lo + p}
			lo += p
		}
		if lo != n {
			return nil, fmt.Errorf("split %v sums to %d, axis %d of shape %v is %d long", parts, lo, axis, shape, n)
		}
		return r, nil
	}
	if s.numOutputs != 0 && s.numOutputs != outputs {
		return nil, fmt.Errorf("attribute \"num_outputs\" is %d for %d outputs", s.numOutputs, outputs)
	}
	if !s.uneven && n%outputs != 0 {
		return nil, fmt.Errorf("axis %d of shape %v cannot be split into %d equal parts", axis, shape, outputs)
	}
	part := (n + outputs - 1) / outputs
	for i := range r {
		r[i] = [2]int{min(i*part, n), min((i+1)*part, n)}
	}
	return r, nil
}

// Infer implements Operator.
func (s *Split) Infer(in []*Info, outputs int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	x := in[0]
	infos := make([]Info, min(max(outputs, 0), maxOutputs))
	if !x.Known() {
		for i := range infos {
			infos[i].Type = x.Type
		}
		return infos, nil
	}
	ranges, err := s.Ranges(in, outputs)
	if err != nil {
		return nil, err
	}
	axis, err := normalAxis(s.Axis, len(x.Shape))
	if err != nil {
		return nil, err
	}
	for i, r := range ranges {
		shape := slices.Clone(x.Shape)
		shape[axis] = r[1] - r[0]
		infos[i] = Info{Type: x.Type, Shape: shape}
	}
	return infos, nil
}

// Locality implements Localizer.
func (s *Split) Locality(in []*Info, _ []Info) Locality {
	if !in[0].Known() || !channelAxis(s.Axis, len(in[0].Shape)) {
		return Locality{}
	}
	return Locality{Kind: Pointwise}
}

// Eval implements Operator.
func (s *Split) Eval(in []*tensor.Tensor, outputs int) ([]*tensor.Tensor, error) {
	infos, err := s.Infer(infosOf(in), outputs)
	if err != nil {
		return nil, err
	}
	axis, err := normalAxis(s.Axis, len(in[0].Shape))
	if err != nil {
		return nil, err
	}
	_, total, inner := around(in[0].Shape, axis)
	r, base := make([]*tensor.Tensor, len(infos)), 0
	for i := range r {
		run := infos[i].Shape[axis] * inner
		r[i], err = gathered(in[0], infos[i].Shape, nil, func(o int) int { return o/run*total*inner + base + o%run })
		if err != nil {
			return nil, err
		}
		base += run
	}
	return r, nil
}
