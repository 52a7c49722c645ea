package op

import (
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// MatMulInteger multiplies 8-bit matrices, less their zero points (inputs 2 and
// 3: scalars, or one for each row of A and each column of B), into int32.
type MatMulInteger struct{}

func newMatMulInteger(*Node) (Operator, error) { return &MatMulInteger{}, nil }

func eightBit(in []*Info, slots ...int) error {
	for _, i := range slots {
		if given(in, i) && in[i].Type != tensor.Uint8 && in[i].Type != tensor.Int8 {
			return fmt.Errorf("input %d: %w", i, DTypeError(in[i].Type))
		}
	}
	return nil
}

// integerMatMulShape is the shape of a times b, whose leading axes are
// broadcast; both have rank 2 at least.
func integerMatMulShape(a, b []int) ([]int, error) {
	if len(a) < 2 || len(b) < 2 || a[len(a)-1] != b[len(b)-2] {
		return nil, fmt.Errorf("matrices of shapes %v and %v do not fit", a, b)
	}
	lead, err := commonShape(a[:len(a)-2], b[:len(b)-2])
	if err != nil {
		return nil, err
	}
	return append(lead, a[len(a)-2], b[len(b)-1]), nil
}

// lineParameter checks a scale or zero point that is one for all, or one for
// each of n lines.
func lineParameter(in []*Info, i, n int) error {
	if !given(in, i) || product(in[i].Shape) == 1 || slices.Equal(in[i].Shape, []int{n}) {
		return nil
	}
	return fmt.Errorf("input %d has shape %v, want a scalar or [%d]", i, in[i].Shape, n)
}

// Infer implements Operator.
func (m *MatMulInteger) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if err := eightBit(in, 0, 1, 2, 3); err != nil {
		return nil, err
	}
	if !allKnown(in) {
		return unknown(tensor.Int32)
	}
	shape, err := integerMatMulShape(in[0].Shape, in[1].Shape)
	if err != nil {
		return nil, err
	}
	if err := lineParameter(in, 2, shape[len(shape)-2]); err != nil {
		return nil, err
	}
	if err := lineParameter(in, 3, shape[len(shape)-1]); err != nil {
		return nil, err
	}
	return single(tensor.Int32, shape)
}

// Eval implements Operator; sums wrap around as int32.
func (m *MatMulInteger) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(m, in)
	if err != nil {
		return nil, err
	}
	y := tensor.Zeros[int32](shape...)
	d := y.Data.([]int32)
	integerMatMul(in[0], in[1], shape, zeroPoint(in, 2), zeroPoint(in, 3), func(o int, sum int64) { d[o] = int32(sum) })
	return []*tensor.Tensor{y}, nil
}

// integerMatMul hands every element of (a - az) times (b - bz) to store.
func integerMatMul(a, b *tensor.Tensor, shape []int, az, bz func(k int) float64, store func(o int, sum int64)) {
	lead, rows, cols := shape[:len(shape)-2], shape[len(shape)-2], shape[len(shape)-1]
	n := a.Shape[len(a.Shape)-1]
	u, v := intReader(a), intReader(b)
	left, right := cyclic(a.Shape[:len(a.Shape)-2], lead), cyclic(b.Shape[:len(b.Shape)-2], lead)
	for o := range product(shape) {
		batch, i, j := o/cols/rows, o/cols%rows, o%cols
		sum, za, zb := int64(0), int64(az(i)), int64(bz(j))
		la, lb := left(batch), right(batch)
		for k := range n {
			sum += (u((la*rows+i)*n+k) - za) * (v((lb*n+k)*cols+j) - zb)
		}
		store(o, sum)
	}
}

// QLinearMatMul multiplies quantized matrices into a quantized one. Inputs: a,
// its scale and zero point, b, its scale and zero point, the output's.
type QLinearMatMul struct{}

func newQLinearMatMul(*Node) (Operator, error) { return &QLinearMatMul{}, nil }

// checkQuantized checks the types of quantized operands at slots 0 and 3, their
// parameters and those of the output at 6 and 7.
func checkQuantized(in []*Info) error {
	if err := checkInputs(in, 8); err != nil {
		return err
	}
	if err := eightBit(in, 0, 2, 3, 5, 7); err != nil {
		return err
	}
	for _, i := range []int{1, 4, 6} {
		if in[i].Type != tensor.Float32 {
			return fmt.Errorf("input %d: %w", i, DTypeError(in[i].Type))
		}
	}
	if in[2].Type != in[0].Type || in[5].Type != in[3].Type {
		return fmt.Errorf("a zero point has another type than its operand")
	}
	for _, i := range []int{6, 7} {
		if in[i].Known() && product(in[i].Shape) != 1 {
			return fmt.Errorf("input %d has shape %v, want a scalar", i, in[i].Shape)
		}
	}
	return nil
}

// Infer implements Operator.
func (m *QLinearMatMul) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkQuantized(in); err != nil {
		return nil, err
	}
	if !allKnown(in) {
		return unknown(in[7].Type)
	}
	shape, err := integerMatMulShape(in[0].Shape, in[3].Shape)
	if err != nil {
		return nil, err
	}
	for _, p := range [][2]int{{1, 2}, {2, 2}, {4, 1}, {5, 1}} {
		if err := lineParameter(in, p[0], shape[len(shape)-p[1]]); err != nil {
			return nil, err
		}
	}
	return single(in[7].Type, shape)
}

// Eval implements Operator.
func (m *QLinearMatMul) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(m, in)
	if err != nil {
		return nil, err
	}
	rows, cols := shape[len(shape)-2], shape[len(shape)-1]
	y := make([]float32, product(shape))
	as, bs := zeroPoint(in, 1), zeroPoint(in, 4)
	scale, zero := linear{6, 7}.read(in)
	integerMatMul(in[0], in[3], shape, zeroPoint(in, 2), zeroPoint(in, 5), func(o int, sum int64) {
		y[o] = requantized(sum, float32(as(o/cols%rows))*float32(bs(o%cols))/scale, zero)
	})
	return quantized(in[7].DType(), y, shape)
}
