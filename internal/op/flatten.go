package op

import (
	"fmt"

	"krypton/internal/tensor"
)

// Flatten views its input as a matrix: the axes before Axis and the others.
type Flatten struct{ Axis int }

func newFlatten(n *Node) (Operator, error) {
	a, err := n.Attr.Int("axis", 1)
	return &Flatten{a}, err
}

// Infer implements Operator.
func (f *Flatten) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	if !in[0].Known() {
		return unknown(in[0].Type)
	}
	rank := len(in[0].Shape)
	if f.Axis < -rank || f.Axis > rank { // the rank itself is allowed here
		return nil, fmt.Errorf("axis %d is out of range for rank %d", f.Axis, rank)
	}
	axis := f.Axis
	if axis < 0 {
		axis += rank
	}
	return single(in[0].Type, []int{product(in[0].Shape[:axis]), product(in[0].Shape[axis:])})
}

// Eval implements Operator.
func (f *Flatten) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(f, in)
	if err != nil {
		return nil, err
	}
	y, err := in[0].Reshaped(shape...)
	return []*tensor.Tensor{y}, err
}

// Identity passes its input on: Identity, and Dropout in inference, whose
// second output is a mask of what was kept, that is everything.
type Identity struct {
	// sameMask says that the mask is of the input's type, as before operator
	// set 10, and not bool.
	sameMask bool
}

func newIdentity(*Node) (Operator, error) { return &Identity{}, nil }

func newDropout(n *Node) (Operator, error) {
	n.Attr.Ignore("ratio", "seed", "is_test")
	return &Identity{sameMask: n.Opset < 10}, nil
}

// Infer implements Operator.
func (d *Identity) Infer(in []*Info, outputs int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	out, err := broadcastInfo(in[:1], in[0].Type)
	if err == nil && outputs > 1 {
		out = append(out, Info{Type: d.maskType(in[0].Type), Shape: out[0].Shape})
	}
	return out, err
}

// Note implements Noter.
func (d *Identity) Note(in []*Info) string {
	if !given(in, 2) { // Dropout's training_mode
		return ""
	}
	if v := in[2].Value; v != nil {
		if b, err := tensor.Of[bool](v); err == nil && len(b) == 1 && !b[0] {
			return ""
		}
	}
	return "was exported in training mode: nothing is dropped"
}

func (d *Identity) maskType(input tensor.DType) tensor.DType {
	if d.sameMask {
		return input
	}
	return tensor.Bool
}

// Locality implements Localizer.
func (d *Identity) Locality([]*Info, []Info) Locality { return Locality{Kind: Pointwise} }

// Eval implements Operator.
func (d *Identity) Eval(in []*tensor.Tensor, outputs int) ([]*tensor.Tensor, error) {
	out := []*tensor.Tensor{in[0]}
	if outputs > 1 {
		one, err := castTensor(tensor.Scalar(true), d.maskType(in[0].DType()))
		if err != nil {
			return nil, err
		}
		m, err := repeated(one, in[0].Shape)
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}
