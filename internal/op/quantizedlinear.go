package op

import (
	"fmt"
	"math"
	"slices"

	"krypton/internal/tensor"
)

// The operators of this file compute on 8-bit tensors with one scale and one zero
// point each, as ONNX Runtime's quantizer writes them (com.microsoft). Where the
// order of operations decides which way a tie is rounded it is that of ONNX
// Runtime's kernels for x86-64, in float32.

// linear is the quantization of one operand: its slots of scale and zero point.
type linear struct{ scale, zero int }

// check holds the parameters of an operand (or, with operand -1, of the output) to
// one scale and one zero point of the operand's type.
func (l linear) check(in []*Info, t tensor.DType) error {
	if t != tensor.Uint8 && t != tensor.Int8 {
		return DTypeError(t)
	}
	if !given(in, l.scale) {
		return fmt.Errorf("input %d (a scale) is missing", l.scale)
	}
	for _, i := range []int{l.scale, l.zero} {
		if !given(in, i) {
			continue
		}
		want := t
		if i == l.scale {
			want = tensor.Float32
		}
		if in[i].Type != want {
			return fmt.Errorf("input %d: is of %v, want %v", i, in[i].Type, want)
		}
		if !in[i].Known() || product(in[i].Shape) != 1 {
			return fmt.Errorf("input %d has shape %v, want one number", i, in[i].Shape)
		}
	}
	return nil
}

// read gives the numbers.
func (l linear) read(in []*tensor.Tensor) (scale, zero float32) {
	return in[l.scale].Data.([]float32)[0], float32(zeroPoint(in, l.zero)(0))
}

// quantized rounds numbers, already in units of the output's scale, to even and
// saturates them.
func quantized(t tensor.DType, y []float32, shape []int) ([]*tensor.Tensor, error) {
	wide := make([]float64, len(y))
	for i, v := range y {
		wide[i] = math.RoundToEven(float64(v))
	}
	r, err := castTensor(tensor.New(wide, shape...), t)
	return []*tensor.Tensor{r}, err
}

// requantized takes a sum of integers to the output's units: the ratio of scales is
// float32, as the product with it.
func requantized(sum int64, ratio, zero float32) float32 {
	return float32(math.RoundToEven(float64(float32(sum)*ratio))) + zero
}

// onlyFirst says whether nothing but the first input can change.
func onlyFirst(in []*Info) bool { return allConstant(in[1:]) }

// QLinearBinary is QLinearAdd or QLinearMul: A, its scale and zero point, B and
// its own, scale and zero point of the output; broadcast.
type QLinearBinary struct{ multiply bool }

func newQLinearBinary(n *Node) (Operator, error) { return &QLinearBinary{n.Type == "QLinearMul"}, nil }

// Infer implements Operator.
func (q *QLinearBinary) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if !given(in, 3) || in[3].Type != in[0].Type {
		return nil, fmt.Errorf("both operands must be given and of one type")
	}
	for _, l := range []linear{{1, 2}, {4, 5}, {6, 7}} {
		if err := l.check(in, in[0].Type); err != nil {
			return nil, err
		}
	}
	return broadcastInfo([]*Info{in[0], in[3]}, in[0].Type)
}

// Locality implements Localizer.
func (q *QLinearBinary) Locality(in []*Info, out []Info) Locality {
	for i, x := range in {
		if i != 0 && i != 3 && x != nil && x.Value == nil {
			return Locality{}
		}
	}
	return elementwise([]*Info{in[0], in[3]}, out)
}

// Eval implements Operator.
func (q *QLinearBinary) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(q, in)
	if err != nil {
		return nil, err
	}
	a, b := floatReader(in[0]), floatReader(in[3])
	ia, ib := cyclic(in[0].Shape, shape), cyclic(in[3].Shape, shape)
	as, az := linear{1, 2}.read(in)
	bs, bz := linear{4, 5}.read(in)
	cs, cz := linear{6, 7}.read(in)
	y := make([]float32, product(shape))
	ratioA, ratioB, ratio := as/cs, bs/cs, as*bs/cs
	fixed := cz - (float32(ratioA*az) + float32(ratioB*bz))
	for o := range y {
		x, z := float32(a(ia(o))), float32(b(ib(o)))
		if q.multiply {
			y[o] = float32((x-az)*(z-bz)*ratio) + cz
		} else {
			y[o] = float32(ratioA*x) + float32(ratioB*z) + fixed
		}
	}
	return quantized(in[0].DType(), y, shape)
}

// QLinearUnary is a function of single elements, by way of the 256 values that
// there are: x, its scale and zero point, scale and zero point of the output.
type QLinearUnary struct{ f func(float32) float32 }

func newQLinearUnary(n *Node) (Operator, error) {
	if n.Type == "QLinearSigmoid" {
		return &QLinearUnary{func(x float32) float32 { return float32(sigmoid(float64(x))) }}, nil
	}
	alpha, err := n.Attr.Float("alpha", 0.01)
	return &QLinearUnary{func(x float32) float32 {
		if x < 0 {
			return alpha * x
		}
		return x
	}}, err
}

// Infer implements Operator.
func (q *QLinearUnary) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	for _, l := range []linear{{1, 2}, {3, 4}} {
		if err := l.check(in, in[0].Type); err != nil {
			return nil, err
		}
	}
	return broadcastInfo(in[:1], in[0].Type)
}

// Locality implements Localizer.
func (q *QLinearUnary) Locality(in []*Info, _ []Info) Locality {
	if !onlyFirst(in) {
		return Locality{}
	}
	return Locality{Kind: Pointwise}
}

// Eval implements Operator.
func (q *QLinearUnary) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	if _, err := evalShape(q, in); err != nil {
		return nil, err
	}
	xs, xz := linear{1, 2}.read(in)
	ys, yz := linear{3, 4}.read(in)
	x := floatReader(in[0])
	y := make([]float32, in[0].Len())
	for i := range y {
		y[i] = float32(math.RoundToEven(float64(q.f(xs*(float32(x(i))-xz))/ys))) + yz
	}
	return quantized(in[0].DType(), y, in[0].Shape)
}

// QLinearAveragePool is AveragePool or GlobalAveragePool: x, its scale and zero
// point, scale and zero point of the output.
type QLinearAveragePool struct{ Pool *Pool } // nil for whole planes

func newQLinearAveragePool(n *Node) (Operator, error) {
	if n.Type == "QLinearGlobalAveragePool" {
		return channelsLastOf(n, func(*Node) (Operator, error) { return &QLinearAveragePool{}, nil })
	}
	return channelsLastOf(n, func(n *Node) (Operator, error) {
		m := *n
		m.Opset = 19
		p, err := newPool(PoolAverage)(&m)
		if err != nil {
			return nil, err
		}
		return &QLinearAveragePool{p.(*Pool)}, nil
	})
}

// Infer implements Operator.
func (q *QLinearAveragePool) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	for _, l := range []linear{{1, 2}, {3, 4}} {
		if err := l.check(in, in[0].Type); err != nil {
			return nil, err
		}
	}
	out, err := q.mean().Infer([]*Info{{Type: tensor.Float32, Shape: in[0].Shape}}, 1)
	if err != nil {
		return nil, err
	}
	out[0].Type = in[0].Type
	return out, nil
}

// mean is the pooling of numbers.
func (q *QLinearAveragePool) mean() interface {
	Operator
	Localizer
} {
	if q.Pool != nil {
		return q.Pool
	}
	return &GlobalPool{Kind: PoolAverage}
}

// Locality implements Localizer.
func (q *QLinearAveragePool) Locality(in []*Info, out []Info) Locality {
	if !onlyFirst(in) {
		return Locality{}
	}
	return q.mean().Locality(in[:1], out)
}

// Eval implements Operator: the mean of the whole plane is exact until it is
// rounded, other windows are means of float32 numbers.
func (q *QLinearAveragePool) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(q, in)
	if err != nil {
		return nil, err
	}
	xs, xz := linear{1, 2}.read(in)
	ys, yz := linear{3, 4}.read(in)
	x := floatReader(in[0])
	y := make([]float32, product(shape))
	if q.Pool == nil {
		n := product(in[0].Shape[2:])
		ratio := xs / (ys * float32(n))
		for o := range y {
			sum := float32(0)
			for i := o * n; i < (o+1)*n; i++ {
				sum += float32(x(i)) - xz
			}
			y[o] = float32(math.RoundToEven(float64(sum*ratio))) + yz
		}
		return quantized(in[0].DType(), y, shape)
	}
	numbers := make([]float32, in[0].Len())
	for i := range numbers {
		numbers[i] = xs * (float32(x(i)) - xz)
	}
	m, err := q.Pool.Eval([]*tensor.Tensor{tensor.New(numbers, in[0].Shape...)}, 1)
	if err != nil {
		return nil, err
	}
	for o, v := range m[0].Data.([]float32) {
		y[o] = v/ys + yz
	}
	return quantized(in[0].DType(), y, shape)
}

// QLinearConcat joins quantized tensors along an axis: scale and zero point of
// the output, then tensor, scale and zero point of each input.
type QLinearConcat struct{ axis int }

func newQLinearConcat(n *Node) (Operator, error) {
	if !n.Attr.Has("axis") {
		return nil, fmt.Errorf("attribute \"axis\" is missing")
	}
	axis, err := n.Attr.Int("axis", 0)
	return &QLinearConcat{axis}, err
}

// Infer implements Operator.
func (q *QLinearConcat) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if len(in) < 5 || (len(in)-2)%3 != 0 {
		return nil, fmt.Errorf("%d inputs, want 2 and three for each tensor", len(in))
	}
	var tensors []*Info
	for i := 2; i < len(in); i += 3 {
		if in[i] == nil || in[2] == nil || in[i].Type != in[2].Type {
			return nil, fmt.Errorf("input %d is missing or of another type than input 2", i)
		}
		if err := (linear{i + 1, i + 2}).check(in, in[2].Type); err != nil {
			return nil, err
		}
		tensors = append(tensors, in[i])
	}
	if err := (linear{0, 1}).check(in, in[2].Type); err != nil {
		return nil, err
	}
	return (&Concat{Axis: q.axis}).Infer(tensors, 1)
}

// Locality implements Localizer.
func (q *QLinearConcat) Locality(in []*Info, out []Info) Locality {
	var tensors []*Info
	for i, x := range in {
		switch {
		case i >= 2 && (i-2)%3 == 0:
			tensors = append(tensors, x)
		case x != nil && x.Value == nil:
			return Locality{}
		}
	}
	return (&Concat{Axis: q.axis}).Locality(tensors, out)
}

// Eval implements Operator.
func (q *QLinearConcat) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	if _, err := q.Infer(infosOf(in), 1); err != nil {
		return nil, err
	}
	ys, yz := linear{0, 1}.read(in)
	var tensors []*tensor.Tensor
	for i := 2; i < len(in); i += 3 {
		x := floatReader(in[i])
		xs, xz := linear{i + 1, i + 2}.read(in)
		y := make([]float32, in[i].Len())
		for k := range y {
			if y[k] = float32(x(k)); xs != ys || xz != yz {
				y[k] = float32(math.RoundToEven(float64(xs*(y[k]-xz)/ys))) + yz
			}
		}
		r, err := quantized(in[i].DType(), y, in[i].Shape)
		if err != nil {
			return nil, err
		}
		tensors = append(tensors, r...)
	}
	return (&Concat{Axis: q.axis}).Eval(tensors, 1)
}

// newQLinearSoftmax takes the softmax of the numbers and quantizes it.
func newQLinearSoftmax(n *Node) (Operator, error) {
	axis, err := n.Attr.Int("axis", -1)
	if err != nil {
		return nil, err
	}
	opset, err := n.Attr.Int("opset", 13)
	if err != nil {
		return nil, err
	}
	if opset < MinOpset || opset > MaxOpset {
		return nil, fmt.Errorf("attribute \"opset\" is %d", opset)
	}
	return &Compound{build: func(p *parts, _ []*Info) error {
		x, err := p.add("DequantizeLinear", 13, nil, p.input(0), p.input(1), p.input(2))
		if err == nil {
			x, err = p.add("Softmax", opset, map[string]any{"axis": int64(axis)}, x)
		}
		if err == nil {
			x, err = p.add("QuantizeLinear", 13, nil, x, p.input(3), p.input(4))
		}
		p.result(x)
		return err
	}}, nil
}

// newQLinearWhere takes one of two quantized tensors (each with scale and zero point) for each
// truth value, and quantizes it anew where the result's scale or zero point is another.
func newQLinearWhere(*Node) (Operator, error) {
	return &Compound{build: func(p *parts, in []*Info) error {
		arms := []Ref{p.input(1), p.input(4)}
		for i := range arms {
			scale, zero := p.input(2+3*i), p.input(3+3*i)
			if sameNumber(p.info(scale), in[7]) && sameNumber(p.info(zero), in[8]) {
				continue
			}
			x, err := p.add("DequantizeLinear", 13, nil, arms[i], scale, zero)
			if err == nil {
				arms[i], err = p.add("QuantizeLinear", 13, nil, x, p.input(7), p.input(8))
			}
			if err != nil {
				return err
			}
		}
		y, err := p.add("Where", 16, nil, p.input(0), arms[0], arms[1])
		p.result(y)
		return err
	}}, nil
}

// sameNumber says whether two constants are one number.
func sameNumber(a, b *Info) bool {
	return a.Value != nil && b.Value != nil && a.Type == b.Type && a.Value.Len() == 1 && b.Value.Len() == 1 && floatReader(a.Value)(0) == floatReader(b.Value)(0)
}

// QGemm is alpha times the product of two quantized matrices, plus a bias of int32
// in units of the product of all three: A, its scale and zero point, B and its own
// (one, or one for each column), the bias, and, for a quantized result, its scale
// and zero point.
type QGemm struct {
	Alpha          float32
	TransA, TransB bool
}

func newQGemm(n *Node) (Operator, error) {
	q := &QGemm{}
	var err error
	if q.Alpha, err = n.Attr.Float("alpha", 1); err != nil {
		return nil, err
	}
	if q.TransA, err = n.Attr.Bool("transA", false); err != nil {
		return nil, err
	}
	q.TransB, err = n.Attr.Bool("transB", false)
	return q, err
}

// sizes are rows, inner length and columns.
func (q *QGemm) sizes(a, b []int) (m, k, n int, err error) {
	if len(a) != 2 || len(b) != 2 {
		return 0, 0, 0, fmt.Errorf("matrices have shapes %v and %v", a, b)
	}
	m, k, n = a[0], a[1], b[1]
	if q.TransA {
		m, k = k, m
	}
	inner := b[0]
	if q.TransB {
		n, inner = inner, n
	}
	if k != inner {
		return 0, 0, 0, fmt.Errorf("matrices of shapes %v and %v do not fit", a, b)
	}
	return m, k, n, nil
}

// Infer implements Operator.
func (q *QGemm) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if !given(in, 3) || !given(in, 4) {
		return nil, fmt.Errorf("input 3 or 4 is missing")
	}
	if err := (linear{1, 2}).check(in, in[0].Type); err != nil {
		return nil, err
	}
	if err := eightBit(in, 3, 5, 8); err != nil {
		return nil, err
	}
	if !allKnown(in) {
		return unknown(tensor.Float32)
	}
	m, _, n, err := q.sizes(in[0].Shape, in[3].Shape)
	if err != nil {
		return nil, err
	}
	for _, i := range []int{4, 5} {
		if err := lineParameter(in, i, n); err != nil {
			return nil, err
		}
	}
	if in[4].Type != tensor.Float32 || given(in, 5) && in[5].Type != in[3].Type {
		return nil, fmt.Errorf("scale of %v or zero point of another type than its matrix", in[4].Type)
	}
	if given(in, 6) {
		if in[6].Type != tensor.Int32 {
			return nil, fmt.Errorf("input 6: %w", DTypeError(in[6].Type))
		}
		if s, err := commonShape(in[6].Shape, []int{m, n}); err != nil || !slices.Equal(s, []int{m, n}) {
			return nil, fmt.Errorf("bias of shape %v does not broadcast to %v", in[6].Shape, []int{m, n})
		}
	}
	if !given(in, 7) {
		return single(tensor.Float32, []int{m, n})
	}
	if err := (linear{7, 8}).check(in, q.output(in)); err != nil {
		return nil, err
	}
	return single(q.output(in), []int{m, n})
}

// output is the type of a quantized result.
func (q *QGemm) output(in []*Info) tensor.DType {
	if given(in, 8) {
		return in[8].Type
	}
	return in[0].Type
}

// Eval implements Operator.
func (q *QGemm) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	infos := infosOf(in)
	info, err := q.Infer(infos, 1)
	if err != nil {
		return nil, err
	}
	m, k, n, err := q.sizes(in[0].Shape, in[3].Shape)
	if err != nil {
		return nil, err
	}
	a, b := intReader(in[0]), intReader(in[3])
	as, _ := linear{1, 2}.read(in)
	az, bs, bz := int64(zeroPoint(in, 2)(0)), zeroPoint(in, 4), zeroPoint(in, 5)
	bias, at := func(int) int64 { return 0 }, func(int) int { return 0 }
	if given(in, 6) {
		bias, at = intReader(in[6]), cyclic(in[6].Shape, []int{m, n})
	}
	ys, yz := float32(1), float32(0)
	if given(in, 7) {
		ys, yz = linear{7, 8}.read(in)
	}
	y := make([]float32, m*n)
	for o := range y {
		i, j := o/n, o%n
		sum := int64(0)
		for t := range k {
			ia, ib := i*k+t, t*n+j
			if q.TransA {
				ia = t*m + i
			}
			if q.TransB {
				ib = j*k + t
			}
			sum += (a(ia) - az) * (b(ib) - int64(bz(j)))
		}
		sum += bias(at(o))
		if ratio := q.Alpha * as * float32(bs(j)) / ys; given(in, 7) {
			y[o] = requantized(sum, ratio, yz)
		} else {
			y[o] = float32(sum) * ratio
		}
	}
	if !given(in, 7) {
		return []*tensor.Tensor{tensor.New(y, m, n)}, nil
	}
	return quantized(info[0].Type, y, []int{m, n})
}

// Multiplies says whether it is QLinearMul.
func (q *QLinearBinary) Multiplies() bool { return q.multiply }

// Plain is the concatenation of numbers that it is.
func (q *QLinearConcat) Plain() *Concat { return &Concat{Axis: q.axis} }
