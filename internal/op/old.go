package op

import (
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// What operators meant before operator set 7, where a newer form says the same.

// newOldBroadcast is an operator on two operands of one shape; with broadcast the
// second one's axes are some that follow each other of the first: from axis on, or
// the last ones.
func newOldBroadcast(n *Node) (Operator, error) {
	broadcast, err := n.Attr.Bool("broadcast", false)
	if err != nil {
		return nil, err
	}
	given := n.Attr.Has("axis")
	axis, err := n.Attr.Int("axis", 0)
	name := n.Type
	return &Compound{least: 2, build: func(p *parts, in []*Info) error {
		b := p.input(1)
		switch {
		case !allKnown(in):
			return fmt.Errorf("shapes of both inputs must be known")
		case !broadcast && !slices.Equal(in[0].Shape, in[1].Shape):
			return fmt.Errorf("inputs have shapes %v and %v, and are not to be broadcast", in[0].Shape, in[1].Shape)
		case broadcast && given:
			at := axis
			if at < 0 {
				at += len(in[0].Shape)
			}
			var err error
			if b, err = p.aligned(b, len(in[0].Shape), at); err != nil {
				return err
			}
		}
		y, err := p.add(name, 7, nil, p.input(0), b)
		if err != nil {
			return err
		}
		if s := p.info(y).Shape; !slices.Equal(s, in[0].Shape) {
			return fmt.Errorf("input 1 of shape %v does not broadcast to %v at axis %d", in[1].Shape, in[0].Shape, axis)
		}
		p.result(y)
		return nil
	}}, err
}

// aligned views x so that its axes are those from axis on of rank ones.
func (p *parts) aligned(x Ref, rank, axis int) (Ref, error) {
	own := p.info(x).Shape
	behind := rank - axis - len(own)
	if axis < 0 || axis > rank || behind < 0 {
		return Ref{}, fmt.Errorf("shape %v does not fit %d axes from axis %d on", own, rank, axis)
	}
	shape := make([]int64, 0, len(own)+behind)
	for _, n := range own {
		shape = append(shape, int64(n))
	}
	for range behind {
		shape = append(shape, 1)
	}
	return p.add("Reshape", 5, nil, x, p.ints(shape...))
}

// newOldPRelu has one slope, or one for each channel.
func newOldPRelu(*Node) (Operator, error) {
	return &Compound{least: 2, build: func(p *parts, in []*Info) error {
		slope := p.input(1)
		if allKnown(in) && len(in[1].Shape) == 1 && in[1].Shape[0] != 1 && len(in[0].Shape) > 1 {
			var err error
			if slope, err = p.aligned(slope, len(in[0].Shape), 1); err != nil {
				return err
			}
		}
		y, err := p.add("PRelu", 7, nil, p.input(0), slope)
		p.result(y)
		return err
	}}, nil
}

// newOldReshape has its shape in an attribute.
func newOldReshape(n *Node) (Operator, error) {
	shape, err := n.Attr.Ints("shape")
	if err == nil && shape == nil {
		err = fmt.Errorf("attribute \"shape\" is missing")
	}
	var list []int64
	for _, d := range shape {
		list = append(list, int64(d))
	}
	return &Compound{least: 1, build: func(p *parts, _ []*Info) error {
		y, err := p.add("Reshape", 5, nil, p.input(0), p.ints(list...))
		p.result(y)
		return err
	}}, err
}

// newOldTile repeats along one axis: input 2 says which, input 1 how often.
func newOldTile(*Node) (Operator, error) {
	return &Compound{least: 3, build: func(p *parts, in []*Info) error {
		tiles, err := wholeNumber(in, 1, "tiles")
		if err != nil {
			return err
		}
		axis, err := wholeNumber(in, 2, "axis")
		if err != nil {
			return err
		}
		if !in[0].Known() {
			return fmt.Errorf("shape of the input must be known")
		}
		if axis, err = normalAxis(axis, len(in[0].Shape)); err != nil {
			return err
		}
		repeats := make([]int64, len(in[0].Shape))
		for a := range repeats {
			repeats[a] = 1
		}
		repeats[axis] = int64(tiles)
		y, err := p.add("Tile", 6, nil, p.input(0), p.ints(repeats...))
		p.result(y)
		return err
	}}, nil
}

// wholeNumber is a constant integer that may be written as a float.
func wholeNumber(in []*Info, i int, name string) (int, error) {
	t, err := constant(in, i, name)
	if err != nil {
		return 0, err
	}
	f := floatReader(t)
	if t.Len() != 1 || f == nil || f(0) != float64(int32(f(0))) {
		return 0, fmt.Errorf("input %d (%s) is no integer", i, name)
	}
	return int(f(0)), nil
}

// newOldCast names the type.
func newOldCast(n *Node) (Operator, error) {
	to, err := n.Attr.String("to", "")
	if err != nil {
		return nil, err
	}
	t, ok := map[string]tensor.DType{
		"FLOAT": tensor.Float32, "DOUBLE": tensor.Float64, "FLOAT16": tensor.Float16, "BOOL": tensor.Bool,
		"INT8": tensor.Int8, "INT16": tensor.Int16, "INT32": tensor.Int32, "INT64": tensor.Int64,
		"UINT8": tensor.Uint8, "UINT16": tensor.Uint16, "UINT32": tensor.Uint32, "UINT64": tensor.Uint64,
	}[to]
	if !ok {
		return nil, fmt.Errorf("attribute \"to\" is %q, which is no type that is supported", to)
	}
	return &Cast{t}, nil
}

// newImageScaler scales and adds one number for each channel: what converters from
// Core ML wrote before there were numpy's rules of broadcasting.
func newImageScaler(n *Node) (Operator, error) {
	scale, err := n.Attr.Float("scale", 1)
	if err != nil {
		return nil, err
	}
	bias, err := n.Attr.Floats("bias")
	if err == nil && len(bias) == 0 {
		err = fmt.Errorf("attribute \"bias\" is missing")
	}
	return &Compound{least: 1, build: func(p *parts, in []*Info) error {
		if len(in[0].Shape) != 4 || in[0].Shape[1] != len(bias) {
			return fmt.Errorf("input has shape %v for %d channels", in[0].Shape, len(bias))
		}
		y, err := p.add("Mul", 7, nil, p.input(0), p.float(scale))
		if err == nil {
			y, err = p.add("Add", 7, nil, y, p.constant(tensor.New(bias, len(bias), 1, 1)))
		}
		p.result(y)
		return err
	}}, err
}
