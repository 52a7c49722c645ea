package op

import (
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// Compress keeps the slices of an axis, or the elements of the flattened tensor, whose
// number in a list of truth values says so; those behind the list's end go.
type Compress struct {
	axis int
	flat bool
}

func newCompress(n *Node) (Operator, error) {
	axis, err := n.Attr.Int("axis", 0)
	return &Compress{axis, !n.Attr.Has("axis")}, err
}

// kept lists what is kept of an axis of n.
func (c *Compress) kept(condition *tensor.Tensor, n int) (at []int) {
	for i, keep := range condition.Data.([]bool) {
		if keep && i < n {
			at = append(at, i)
		}
	}
	return at
}

// Infer implements Operator: the shape depends on the list.
func (c *Compress) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if in[1].Type != tensor.Bool {
		return nil, fmt.Errorf("input 1: %w", DTypeError(in[1].Type))
	}
	if in[1].Known() && len(in[1].Shape) != 1 {
		return nil, fmt.Errorf("input 1 has shape %v, want a list", in[1].Shape)
	}
	if !allKnown(in) {
		return unknown(in[0].Type)
	}
	shape, axis, err := c.on(in[0].Shape)
	if err != nil || in[1].Value == nil {
		return []Info{{Type: in[0].Type}}, err
	}
	shape[axis] = len(c.kept(in[1].Value, shape[axis]))
	return single(in[0].Type, shape)
}

// on is the shape that slices are taken of, and their axis.
func (c *Compress) on(shape []int) ([]int, int, error) {
	if c.flat {
		return []int{product(shape)}, 0, nil
	}
	axis, err := normalAxis(c.axis, len(shape))
	return slices.Clone(shape), axis, err
}

// Eval implements Operator.
func (c *Compress) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	out, err := evalShape(c, in)
	if err != nil {
		return nil, err
	}
	shape, axis, err := c.on(in[0].Shape)
	if err != nil {
		return nil, err
	}
	at := c.kept(in[1], shape[axis])
	_, n, inner := around(shape, axis)
	y, err := gathered(in[0], out, nil, func(o int) int {
		return (o/inner/len(at)*n+at[o/inner%len(at)])*inner + o%inner
	})
	return []*tensor.Tensor{y}, err
}

// ReverseSequence turns the first elements of a time axis around, as many as a list says for
// each element of the batch axis. One of both axes is the first and one the second.
type ReverseSequence struct{ batch, time int }

func newReverseSequence(n *Node) (Operator, error) {
	r := &ReverseSequence{}
	var err error
	if r.batch, err = n.Attr.Int("batch_axis", 1); err != nil {
		return nil, err
	}
	r.time, err = n.Attr.Int("time_axis", 0)
	if err == nil && (r.batch != 0 && r.batch != 1 || r.time != 1-r.batch) {
		err = fmt.Errorf("attributes \"batch_axis\" and \"time_axis\" are %d and %d, want 0 and 1 or 1 and 0", r.batch, r.time)
	}
	return r, err
}

// Infer implements Operator.
func (r *ReverseSequence) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if in[1].Type != tensor.Int64 {
		return nil, fmt.Errorf("input 1: %w", DTypeError(in[1].Type))
	}
	if !allKnown(in) {
		return unknown(in[0].Type)
	}
	shape := in[0].Shape
	if len(shape) < 2 || !slices.Equal(in[1].Shape, []int{shape[r.batch]}) {
		return nil, fmt.Errorf("lengths of shape %v for input shape %v, batch axis %d", in[1].Shape, shape, r.batch)
	}
	return single(in[0].Type, slices.Clone(shape))
}

// Eval implements Operator.
func (r *ReverseSequence) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(r, in)
	if err != nil {
		return nil, err
	}
	lengths := in[1].Data.([]int64)
	for _, n := range lengths {
		if n < 0 || n > int64(shape[r.time]) {
			return nil, fmt.Errorf("%w: a length of %d, the time axis has %d", errIndex, n, shape[r.time])
		}
	}
	inner := product(shape[2:])
	y, err := gathered(in[0], shape, nil, func(o int) int {
		at := [2]int{o / inner / shape[1], o / inner % shape[1]}
		if n := int(lengths[at[r.batch]]); at[r.time] < n {
			at[r.time] = n - 1 - at[r.time]
		}
		return (at[0]*shape[1]+at[1])*inner + o%inner
	})
	return []*tensor.Tensor{y}, err
}

// EyeLike has the shape of its input, a matrix, ones on a diagonal, and zeros around it.
type EyeLike struct {
	typ tensor.DType // Invalid for that of the input
	k   int
}

func newEyeLike(n *Node) (Operator, error) {
	t, err := n.Attr.Int("dtype", 0)
	if err != nil {
		return nil, err
	}
	e := &EyeLike{typ: tensor.DType(t)}
	if t != 0 && !storable(e.typ) {
		return nil, fmt.Errorf("attribute \"dtype\": %w", DTypeError(e.typ))
	}
	e.k, err = n.Attr.Int("k", 0)
	return e, err
}

// Infer implements Operator.
func (e *EyeLike) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	t := e.typ
	if t == tensor.Invalid {
		t = in[0].Type
	}
	if !in[0].Known() {
		return unknown(t)
	}
	if len(in[0].Shape) != 2 {
		return nil, fmt.Errorf("input has shape %v, want a matrix", in[0].Shape)
	}
	return single(t, slices.Clone(in[0].Shape))
}

// OfShape implements ShapeReader.
func (e *EyeLike) OfShape(x *Info) (*tensor.Tensor, error) {
	out, err := e.Infer([]*Info{x}, 1)
	if err != nil {
		return nil, err
	}
	y := tensor.Zeros[uint8](out[0].Shape...)
	columns := out[0].Shape[1]
	for row := range out[0].Shape[0] {
		if c := row + e.k; c >= 0 && c < columns {
			y.Data.([]uint8)[row*columns+c] = 1
		}
	}
	return castTensor(y, out[0].Type)
}

// Eval implements Operator.
func (e *EyeLike) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	if _, err := evalShape(e, in); err != nil {
		return nil, err
	}
	y, err := e.OfShape(infosOf(in)[0])
	return []*tensor.Tensor{y}, err
}
