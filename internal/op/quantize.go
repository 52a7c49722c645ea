package op

import (
	"fmt"
	"math"
	"slices"

	"krypton/internal/tensor"
)

// quantizedType says whether values are quantized to the type.
func quantizedType(t tensor.DType) bool {
	return t == tensor.Uint8 || t == tensor.Int8 || t == tensor.Uint16 || t == tensor.Int16
}

// quantization says which scale and zero point belong to an element: one for
// all, one for each position on an axis, or one for each block on it.
type quantization struct{ Axis, Block int }

func readQuantization(n *Node) (q quantization, err error) {
	q.Axis = 1
	if n.Opset >= 13 {
		if q.Axis, err = n.Attr.Int("axis", 1); err != nil {
			return q, err
		}
	}
	if n.Opset >= 21 {
		q.Block, err = n.Attr.Int("block_size", 0)
	}
	if err == nil && (q.Block < 0 || q.Block > maxAxis) {
		err = fmt.Errorf("attribute \"block_size\" is %d, want at least 0", q.Block)
	}
	return q, err
}

// check compares the shapes of input, scale and zero point.
func (q *quantization) check(in []*Info) error {
	x, s := in[0].Shape, in[1].Shape
	if given(in, 2) && !slices.Equal(in[2].Shape, s) && (product(in[2].Shape) != 1 || product(s) != 1) {
		return fmt.Errorf("scale has shape %v, zero point %v: they differ", s, in[2].Shape)
	}
	if q.Block == 0 && product(s) == 1 && len(s) <= 1 {
		return nil
	}
	axis, err := normalAxis(q.Axis, len(x))
	if err != nil {
		return err
	}
	want := []int{x[axis]}
	if q.Block > 0 {
		want = slices.Clone(x)
		want[axis] = (x[axis] + q.Block - 1) / q.Block
	}
	if !slices.Equal(s, want) {
		return fmt.Errorf("scale has shape %v for input shape %v, axis %d and block size %d", s, x, axis, q.Block)
	}
	return nil
}

// parameter gives the position of the scale of element o of shape x.
func (q *quantization) parameter(x, scale []int) func(o int) int {
	if q.Block == 0 && product(scale) == 1 && len(scale) <= 1 {
		return func(int) int { return 0 }
	}
	axis, err := normalAxis(q.Axis, len(x))
	if err != nil { // check has refused it
		return nil
	}
	_, n, inner := around(x, axis)
	if q.Block == 0 {
		return func(o int) int { return o / inner % n }
	}
	return func(o int) int { return (o/inner/n*scale[axis]+o/inner%n/q.Block)*inner + o%inner }
}

// QuantizeLinear is saturate(round(x / scale) + zero point), rounded to
// nearest even, in the zero point's type.
type QuantizeLinear struct {
	quantization
	output tensor.DType // of the attribute, or Invalid
}

func newQuantizeLinear(n *Node) (Operator, error) {
	q, err := readQuantization(n)
	if err != nil {
		return nil, err
	}
	r := &QuantizeLinear{quantization: q}
	if n.Opset >= 19 {
		n.Attr.Ignore("saturate") // only concerns 8-bit floats
	}
	if n.Opset >= 21 {
		t, err := n.Attr.Int("output_dtype", 0)
		if err != nil {
			return nil, err
		}
		r.output = tensor.DType(t)
	}
	if n.Opset >= 23 {
		p, err := n.Attr.Int("precision", 0)
		if err != nil {
			return nil, err
		}
		if p != 0 && p != int(tensor.Float32) {
			return nil, fmt.Errorf("attribute \"precision\": %w", DTypeError(tensor.DType(p)))
		}
	}
	return r, nil
}

func (r *QuantizeLinear) outputType(in []*Info) (tensor.DType, error) {
	t := r.output
	if given(in, 2) {
		if t != tensor.Invalid && t != in[2].Type {
			return t, fmt.Errorf("attribute \"output_dtype\" is %v, zero point of %v", t, in[2].Type)
		}
		t = in[2].Type
	}
	if t == tensor.Invalid {
		t = tensor.Uint8
	}
	if !quantizedType(t) {
		return t, fmt.Errorf("output: %w", DTypeError(t))
	}
	return t, nil
}

// Infer implements Operator.
func (r *QuantizeLinear) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	for i := range 2 {
		if in[i].Type != tensor.Float32 {
			return nil, fmt.Errorf("input %d: %w", i, DTypeError(in[i].Type))
		}
	}
	t, err := r.outputType(in)
	if err != nil {
		return nil, err
	}
	return r.info(in, t)
}

func (q *quantization) info(in []*Info, t tensor.DType) ([]Info, error) {
	if !allKnown(in) {
		return unknown(t)
	}
	if err := q.check(in); err != nil {
		return nil, err
	}
	return single(t, slices.Clone(in[0].Shape))
}

// locality is Pointwise if scale and zero point are constant.
func (q *quantization) locality(in []*Info) Locality {
	if !allKnown(in) || in[1].Value == nil || given(in, 2) && in[2].Value == nil {
		return Locality{}
	}
	return Locality{Kind: Pointwise}
}

// Locality implements Localizer.
func (r *QuantizeLinear) Locality(in []*Info, _ []Info) Locality { return r.locality(in) }

// Eval implements Operator; the quotient is rounded to float32 first, as
// runtimes do.
func (r *QuantizeLinear) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	info, err := r.Infer(infosOf(in), 1)
	if err != nil {
		return nil, err
	}
	x, s := in[0].Data.([]float32), in[1].Data.([]float32)
	p := r.parameter(in[0].Shape, in[1].Shape)
	zero := zeroPoint(in, 2)
	y := make([]float64, len(x))
	for o, v := range x {
		k := p(o)
		y[o] = math.RoundToEven(float64(v/s[k])) + zero(k)
	}
	t, err := castTensor(tensor.New(y, in[0].Shape...), info[0].Type)
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{t}, nil
}

// zeroPoint reads an optional zero point; one element serves for all.
func zeroPoint(in []*tensor.Tensor, i int) func(k int) float64 {
	if !given(in, i) {
		return func(int) float64 { return 0 }
	}
	f := floatReader(in[i])
	if in[i].Len() == 1 {
		return func(int) float64 { return f(0) }
	}
	return f
}

// DequantizeLinear is (x - zero point) * scale.
type DequantizeLinear struct{ quantization }

func newDequantizeLinear(n *Node) (Operator, error) {
	q, err := readQuantization(n)
	if err == nil && n.Opset >= 23 {
		var t int
		if t, err = n.Attr.Int("output_dtype", 0); err == nil && t != 0 && t != int(tensor.Float32) {
			err = fmt.Errorf("attribute \"output_dtype\": %w", DTypeError(tensor.DType(t)))
		}
	}
	return &DequantizeLinear{q}, err
}

// Infer implements Operator.
func (r *DequantizeLinear) Infer(in []*Info, _ int) ([]Info, error) {
	check := slices.Clone(in) // shapes and types of all but weights of few bits
	for i, x := range in {
		if i != 1 && x != nil && x.Type.OfWeights() {
			check[i] = &Info{Type: tensor.Int8, Shape: x.Shape}
		}
	}
	if err := checkInputs(check, 2); err != nil {
		return nil, err
	}
	if t := in[0].Type; !quantizedType(t) && !t.OfWeights() && t != tensor.Int32 {
		return nil, fmt.Errorf("input 0: %w", DTypeError(t))
	}
	if in[1].Type != tensor.Float32 {
		return nil, fmt.Errorf("input 1: %w", DTypeError(in[1].Type))
	}
	if given(in, 2) && in[2].Type != in[0].Type {
		return nil, fmt.Errorf("zero point is of %v, input of %v", in[2].Type, in[0].Type)
	}
	return r.info(in, tensor.Float32)
}

// Locality implements Localizer.
func (r *DequantizeLinear) Locality(in []*Info, _ []Info) Locality { return r.locality(in) }

// Eval implements Operator.
func (r *DequantizeLinear) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(r, in)
	if err != nil {
		return nil, err
	}
	x, s := floatReader(in[0]), in[1].Data.([]float32)
	p := r.parameter(in[0].Shape, in[1].Shape)
	zero := zeroPoint(in, 2)
	y := tensor.Zeros[float32](shape...)
	fill(y.Data.([]float32), func(o int) float32 {
		k := p(o)
		return float32((x(o) - zero(k)) * float64(s[k]))
	})
	return []*tensor.Tensor{y}, nil
}

// DynamicQuantizeLinear quantizes float32 to uint8 by the range of the data,
// widened to include 0; its outputs are the values, the scale and the zero
// point.
type DynamicQuantizeLinear struct{}

func newDynamicQuantizeLinear(*Node) (Operator, error) { return &DynamicQuantizeLinear{}, nil }

// Infer implements Operator.
func (r *DynamicQuantizeLinear) Infer(in []*Info, outputs int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	if in[0].Type != tensor.Float32 {
		return nil, fmt.Errorf("input 0: %w", DTypeError(in[0].Type))
	}
	infos := []Info{
		{Type: tensor.Uint8, Shape: slices.Clone(in[0].Shape)},
		{Type: tensor.Float32, Shape: []int{}},
		{Type: tensor.Uint8, Shape: []int{}},
	}
	return infos[:min(max(outputs, 0), 3)], nil
}

// Eval implements Operator. If all values are 0 the scale is 1.
func (r *DynamicQuantizeLinear) Eval(in []*tensor.Tensor, outputs int) ([]*tensor.Tensor, error) {
	if _, err := r.Infer(infosOf(in), 3); err != nil {
		return nil, err
	}
	q, scale, zero := dynamicallyQuantized(in[0].Data.([]float32))
	return []*tensor.Tensor{tensor.New(q, in[0].Shape...), tensor.Scalar(scale), tensor.Scalar(zero)}[:min(max(outputs, 0), 3)], nil
}

// dynamicallyQuantized gives numbers by their own range, with scale and zero point.
func dynamicallyQuantized(x []float32) (q []uint8, scale float32, zero uint8) {
	var low, high float32
	for _, v := range x {
		low, high = min(low, v), max(high, v)
	}
	if scale = (high - low) / 255; scale == 0 {
		scale = 1
	}
	zero = truncated[uint8](math.RoundToEven(float64(-low / scale)))
	q = make([]uint8, len(x))
	fill(q, func(i int) uint8 {
		return truncated[uint8](math.RoundToEven(float64(x[i]/scale)) + float64(zero))
	})
	return q, scale, zero
}
