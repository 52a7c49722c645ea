package op

import (
	"fmt"

	"krypton/internal/region"
	"krypton/internal/tensor"
)

// Pad adds elements before and behind the axes, or removes them where a pad is
// negative. Mode is constant, reflect (without repeating the edge), edge or
// wrap. Pads are an attribute before operator set 11 and constant inputs
// (pads, value, axes) after it.
type Pad struct {
	Mode  string
	attr  bool
	pads  []int
	value float32
}

func newPad(n *Node) (Operator, error) {
	p := &Pad{attr: n.Opset < 11}
	modes := []string{"constant", "reflect", "edge"}
	if n.Opset >= 19 {
		modes = append(modes, "wrap")
	}
	var err error
	if p.Mode, err = n.Attr.OneOf("mode", modes...); err != nil {
		return nil, err
	}
	if !p.attr {
		return p, nil
	}
	name := "pads"
	if n.Opset < 2 {
		name = "paddings"
	}
	if p.pads, err = n.Attr.Ints(name); err != nil {
		return nil, err
	}
	if p.pads == nil {
		return nil, fmt.Errorf("attribute %q is missing", name)
	}
	p.value, err = n.Attr.Float("value", 0)
	return p, err
}

// Pads resolves the pads of every axis and the constant that mode constant
// fills with (rounded to float32 for a wider element type).
func (p *Pad) Pads(in []*Info) (begin, end []int, value float32, err error) {
	if err = checkInputs(in, 1); err != nil {
		return nil, nil, 0, err
	}
	shape := in[0].Shape
	pads := p.pads
	axes := make([]int, len(shape))
	for a := range axes {
		axes[a] = a
	}
	if !p.attr {
		if pads, err = constantInts(in, 1, "pads"); err != nil {
			return nil, nil, 0, err
		}
		if given(in, 3) {
			if axes, err = constantInts(in, 3, "axes"); err != nil {
				return nil, nil, 0, err
			}
			if axes, err = normalAxes(axes, len(shape)); err != nil {
				return nil, nil, 0, err
			}
		}
	}
	if len(pads) != 2*len(axes) {
		return nil, nil, 0, fmt.Errorf("pads %v for %d axes: want two for each", pads, len(axes))
	}
	begin, end = make([]int, len(shape)), make([]int, len(shape))
	for i, a := range axes {
		b, e := pads[i], pads[len(axes)+i]
		if b > maxAxis || b < -maxAxis || e > maxAxis || e < -maxAxis {
			return nil, nil, 0, fmt.Errorf("%w: pads %v", tensor.ErrSize, pads)
		}
		begin[a], end[a] = b, e
		n := shape[a]
		if n+b+e < 0 {
			return nil, nil, 0, fmt.Errorf("pads %d and %d remove more than axis %d of shape %v has", b, e, a, shape)
		}
		if p.Mode != "constant" && n+b+e > 0 && n+min(b, 0)+min(e, 0) <= 0 {
			return nil, nil, 0, fmt.Errorf("mode %s has nothing to copy on axis %d of shape %v with pads %d and %d", p.Mode, a, shape, b, e)
		}
	}
	fill, err := p.fill(in)
	if err != nil {
		return nil, nil, 0, err
	}
	f, err := castTensor(fill, tensor.Float32)
	if err != nil {
		return nil, nil, 0, err
	}
	return begin, end, f.Data.([]float32)[0], nil
}

// fill is the constant as a scalar of the input's element type.
func (p *Pad) fill(in []*Info) (*tensor.Tensor, error) {
	if p.attr || !given(in, 2) {
		return castTensor(tensor.Scalar(p.value), in[0].Type)
	}
	v, err := constant(in, 2, "constant_value")
	if err != nil {
		return nil, err
	}
	if v.Len() != 1 {
		return nil, fmt.Errorf("input 2 (constant_value) has %d elements, want one", v.Len())
	}
	if v.DType() != in[0].Type {
		return nil, fmt.Errorf("input 2 (constant_value) is of %v, input 0 of %v", v.DType(), in[0].Type)
	}
	return v, nil
}

// Infer implements Operator.
func (p *Pad) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	if !in[0].Known() {
		return unknown(in[0].Type)
	}
	begin, end, _, err := p.Pads(in)
	if err != nil {
		return nil, err
	}
	return single(in[0].Type, padded(in[0].Shape, begin, end))
}

func padded(shape, begin, end []int) []int {
	r := make([]int, len(shape))
	for a, n := range shape {
		r[a] = begin[a] + n + end[a]
	}
	return r
}

// source is the input position that output o of an axis of length n copies, or
// -1 for the constant. What negative pads remove is not seen by the modes.
func (p *Pad) source(o, n, begin, end int) int {
	low, high := max(0, -begin), n-max(0, -end)
	i := o - begin
	if i >= low && i < high {
		return i
	}
	m := high - low
	switch p.Mode {
	case "edge":
		return min(max(i, low), high-1)
	case "wrap":
		return low + modulo(i-low, m)
	case "reflect":
		if m == 1 {
			return low
		}
		r := modulo(i-low, 2*(m-1))
		return low + min(r, 2*(m-1)-r)
	}
	return -1
}

// modulo is the remainder that is never negative.
func modulo(a, n int) int {
	if a %= n; a < 0 {
		a += n
	}
	return a
}

// Locality implements Localizer.
func (p *Pad) Locality(in []*Info, out []Info) Locality {
	if !in[0].Known() || len(in[0].Shape) < 3 {
		return Locality{}
	}
	begin, end, _, err := p.Pads(in)
	if err != nil {
		return Locality{}
	}
	tables := make([]region.Table, len(begin)-2)
	for a, n := range in[0].Shape {
		if a < 2 {
			if begin[a] != 0 || end[a] != 0 {
				return Locality{}
			}
			continue
		}
		var ok bool
		if tables[a-2], ok = p.Axis(n, begin[a], end[a]); !ok {
			return Locality{}
		}
	}
	return Locality{Kind: Rearranging, Tables: tables}
}

// Axis says which of an axis's n elements each one of the padded axis copies; false where
// that are too many for a table.
func (p *Pad) Axis(n, begin, end int) (t region.Table, ok bool) {
	length := begin + n + end
	if !tableSized(n, length, 1) {
		return t, false
	}
	return region.Copy(n, length, func(o int) int { return p.source(o, n, begin, end) }), true
}

// Eval implements Operator.
func (p *Pad) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	infos := infosOf(in)
	if _, err := p.Infer(infos, 1); err != nil {
		return nil, err
	}
	begin, end, _, err := p.Pads(infos)
	if err != nil {
		return nil, err
	}
	fill, err := p.fill(infos)
	if err != nil {
		return nil, err
	}
	xs := in[0].Shape
	shape, stride := padded(xs, begin, end), strides(xs)
	at := make([]int, len(shape))
	y, err := gathered(in[0], shape, fill, func(o int) int {
		unravel(o, shape, at)
		i := 0
		for a, c := range at {
			s := p.source(c, xs[a], begin[a], end[a])
			if s < 0 {
				return -1
			}
			i += s * stride[a]
		}
		return i
	})
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}
