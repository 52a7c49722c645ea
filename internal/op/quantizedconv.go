package op

import (
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// ConvInteger is a convolution of 8-bit tensors, less their zero points (input
// 2: a scalar; input 3: a scalar or one for each output channel), into int32.
// Padding counts as the zero point.
type ConvInteger struct{ conv *Conv }

func newConvInteger(n *Node) (Operator, error) {
	c, err := newConv(n)
	if err != nil {
		return nil, err
	}
	return &ConvInteger{c.(*Conv)}, nil
}

// integerConvShape is the shape of a convolution of x with w.
func integerConvShape(c *Conv, x, w []int) ([]int, error) {
	ws, err := c.Windows(x, w)
	if err != nil {
		return nil, err
	}
	return append([]int{x[0], w[0]}, outs(ws)...), nil
}

// Infer implements Operator.
func (c *ConvInteger) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if err := eightBit(in, 0, 1, 2, 3); err != nil {
		return nil, err
	}
	if !allKnown(in) {
		return unknown(tensor.Int32)
	}
	shape, err := integerConvShape(c.conv, in[0].Shape, in[1].Shape)
	if err != nil {
		return nil, err
	}
	if given(in, 2) && product(in[2].Shape) != 1 {
		return nil, fmt.Errorf("input 2 has shape %v, want a scalar", in[2].Shape)
	}
	if err := lineParameter(in, 3, shape[1]); err != nil {
		return nil, err
	}
	return single(tensor.Int32, shape)
}

// Locality implements Localizer.
func (c *ConvInteger) Locality(in []*Info, _ []Info) Locality {
	return quantizedWindows(c.conv, in, 1)
}

// quantizedWindows is the locality of a convolution whose inputs but the first
// are constant.
func quantizedWindows(c *Conv, in []*Info, weight int) Locality {
	if !allConstant(in[1:]) {
		return Locality{}
	}
	ws, err := c.Windows(in[0].Shape, in[weight].Shape)
	if err != nil {
		return Locality{}
	}
	return Locality{Kind: Windowed, Windows: ws}
}

// Eval implements Operator; sums wrap around as int32.
func (c *ConvInteger) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(c, in)
	if err != nil {
		return nil, err
	}
	y := tensor.Zeros[int32](shape...)
	d := y.Data.([]int32)
	err = integerConv(c.conv, in[0], in[1], shape, zeroPoint(in, 2), zeroPoint(in, 3), func(o int, sum int64) { d[o] = int32(sum) })
	return []*tensor.Tensor{y}, err
}

// integerConv hands every element of the convolution of (x - xz) with (w - wz)
// to store.
func integerConv(c *Conv, x, w *tensor.Tensor, shape []int, xz, wz func(k int) float64, store func(o int, sum int64)) error {
	ws, err := c.Windows(x.Shape, w.Shape)
	if err != nil {
		return err
	}
	inPlane, outPlane, taps := product(x.Shape[2:]), product(shape[2:]), product(w.Shape[2:])
	perIn, perOut := w.Shape[1], max(1, w.Shape[0]/c.Group)
	u, v := intReader(x), intReader(w)
	at, k := make([]int, len(ws)), make([]int, len(ws))
	for o := range product(shape) {
		n, m := o/outPlane/shape[1], o/outPlane%shape[1]
		unravel(o%outPlane, shape[2:], at)
		sum, zx, zw := int64(0), int64(xz(0)), int64(wz(m))
		for t := range taps {
			unravel(t, w.Shape[2:], k)
			s := sourceIndex(ws, at, k)
			if s < 0 {
				continue
			}
			for ci := range perIn {
				sum += (u((n*x.Shape[1]+m/perOut*perIn+ci)*inPlane+s) - zx) * (v((m*perIn+ci)*taps+t) - zw)
			}
		}
		store(o, sum)
	}
	return nil
}

// QLinearConv is a convolution of quantized tensors into a quantized one.
// Inputs: x, its scale and zero point, w, its scale and zero point (scalars or
// one for each output channel), the output's, and an int32 bias in units of
// the product of both scales.
type QLinearConv struct{ conv *Conv }

func newQLinearConv(n *Node) (Operator, error) {
	c, err := newConv(n)
	if err != nil {
		return nil, err
	}
	return &QLinearConv{c.(*Conv)}, nil
}

// Infer implements Operator.
func (c *QLinearConv) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkQuantized(in); err != nil {
		return nil, err
	}
	if given(in, 8) && in[8].Type != tensor.Int32 {
		return nil, fmt.Errorf("input 8: %w", DTypeError(in[8].Type))
	}
	if !allKnown(in) {
		return unknown(in[7].Type)
	}
	shape, err := integerConvShape(c.conv, in[0].Shape, in[3].Shape)
	if err != nil {
		return nil, err
	}
	for _, i := range []int{1, 2} {
		if product(in[i].Shape) != 1 {
			return nil, fmt.Errorf("input %d has shape %v, want a scalar", i, in[i].Shape)
		}
	}
	for _, i := range []int{4, 5} {
		if err := lineParameter(in, i, shape[1]); err != nil {
			return nil, err
		}
	}
	if given(in, 8) && !slices.Equal(in[8].Shape, shape[1:2]) {
		return nil, fmt.Errorf("bias has shape %v, want [%d]", in[8].Shape, shape[1])
	}
	return single(in[7].Type, shape)
}

// Locality implements Localizer.
func (c *QLinearConv) Locality(in []*Info, _ []Info) Locality {
	return quantizedWindows(c.conv, in, 3)
}

// Eval implements Operator.
func (c *QLinearConv) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(c, in)
	if err != nil {
		return nil, err
	}
	plane := product(shape[2:])
	y := make([]float32, product(shape))
	ws, bias := zeroPoint(in, 4), zeroPoint(in, 8)
	xs, _ := linear{1, 2}.read(in)
	scale, zero := linear{6, 7}.read(in)
	err = integerConv(c.conv, in[0], in[3], shape, zeroPoint(in, 2), zeroPoint(in, 5), func(o int, sum int64) {
		m := o / plane % shape[1]
		y[o] = requantized(sum+int64(bias(m)), xs*float32(ws(m))/scale, zero)
	})
	if err != nil {
		return nil, err
	}
	return quantized(in[7].DType(), y, shape)
}

// Plain is the convolution of numbers less their zero points that it is.
func (c *ConvInteger) Plain() *Conv { return c.conv }

// Plain is the convolution of numbers less their zero points that it is.
func (c *QLinearConv) Plain() *Conv { return c.conv }
