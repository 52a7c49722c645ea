package op

import (
	"fmt"

	"krypton/internal/tensor"
)

// newCenterCropPad cuts axes to the lengths of input 1, or fills them up with zeros, on both
// sides alike: where that leaves one over, a cut takes it from the end, and so are the zeros
// one more there. It is a Pad, whose pads may be negative. Attribute axes says which axes the
// lengths are of, all if it is missing.
func newCenterCropPad(n *Node) (Operator, error) {
	axes, err := n.Attr.Ints("axes")
	return &Compound{least: 2, build: func(p *parts, in []*Info) error {
		lengths, err := constantInts(in, 1, "shape")
		if err != nil {
			return err
		}
		if !in[0].Known() {
			return fmt.Errorf("shape of the input must be known")
		}
		shape := in[0].Shape
		rank := len(shape)
		of := axes
		if of == nil {
			for a := range shape {
				of = append(of, a)
			}
		} else if of, err = normalAxes(of, rank); err != nil {
			return err
		}
		if len(lengths) != len(of) {
			return fmt.Errorf("input 1 (shape) has %d lengths for %d axes", len(lengths), len(of))
		}
		pads := make([]int64, 2*rank)
		for i, a := range of {
			if lengths[i] < 0 || lengths[i] > maxAxis {
				return fmt.Errorf("%w: length %d of axis %d", tensor.ErrSize, lengths[i], a)
			}
			more := lengths[i] - shape[a]
			pads[a] = int64(more / 2) // toward 0 in both directions
			pads[rank+a] = int64(more) - pads[a]
		}
		y, err := p.add("Pad", 13, nil, p.input(0), p.ints(pads...))
		p.result(y)
		return err
	}}, err
}
