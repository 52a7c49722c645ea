package op

import (
	"fmt"

	"krypton/internal/tensor"
)

// Gemm is Alpha * A' * B' + Beta * C on matrices, where a prime is an optional
// transposition and C broadcasts to the result.
type Gemm struct {
	Alpha, Beta    float32
	TransA, TransB bool
}

func newGemm(n *Node) (Operator, error) {
	g := &Gemm{}
	if n.Opset < 7 {
		n.Attr.Ignore("broadcast") // newer sets always do
	}
	var err error
	if g.Alpha, err = n.Attr.Float("alpha", 1); err != nil {
		return nil, err
	}
	if g.Beta, err = n.Attr.Float("beta", 1); err != nil {
		return nil, err
	}
	if g.TransA, err = n.Attr.Bool("transA", false); err != nil {
		return nil, err
	}
	g.TransB, err = n.Attr.Bool("transB", false)
	return g, err
}

func (g *Gemm) dims(a, b []int) (m, k, n int, err error) {
	if len(a) != 2 || len(b) != 2 {
		return 0, 0, 0, fmt.Errorf("inputs have shapes %v and %v: want matrices", a, b)
	}
	m, k = a[0], a[1]
	if g.TransA {
		m, k = k, m
	}
	kb, n := b[0], b[1]
	if g.TransB {
		kb, n = n, kb
	}
	if k != kb {
		return 0, 0, 0, fmt.Errorf("inner lengths differ: %v and %v (transA %v, transB %v)", a, b, g.TransA, g.TransB)
	}
	return m, k, n, nil
}

// Infer implements Operator.
func (g *Gemm) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if err := allFloat32(in); err != nil {
		return nil, err
	}
	m, _, n, err := g.dims(in[0].Shape, in[1].Shape)
	if err != nil {
		return nil, err
	}
	if given(in, 2) {
		if s, err := commonShape(in[2].Shape, []int{m, n}); err != nil || len(s) != 2 || s[0] != m || s[1] != n {
			return nil, fmt.Errorf("input 2 has shape %v, which does not broadcast to [%d %d]", in[2].Shape, m, n)
		}
	}
	return single(in[0].Type, []int{m, n})
}

// Eval implements Operator.
func (g *Gemm) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	m, k, n, err := g.dims(in[0].Shape, in[1].Shape)
	if err != nil {
		return nil, err
	}
	a, b := in[0].Data.([]float32), in[1].Data.([]float32)
	y := tensor.Zeros[float32](m, n)
	var c []float32
	if given(in, 2) {
		r, err := repeated(in[2], []int{m, n})
		if err != nil {
			return nil, err
		}
		c = r.Data.([]float32)
	}
	for i := range m {
		for j := range n {
			sum := 0.0
			for p := range k {
				ai, bi := i*k+p, p*n+j
				if g.TransA {
					ai = p*m + i
				}
				if g.TransB {
					bi = j*k + p
				}
				sum += float64(float64(a[ai]) * float64(b[bi]))
			}
			sum = float64(sum * float64(g.Alpha))
			if c != nil {
				sum += float64(float64(g.Beta) * float64(c[i*n+j]))
			}
			y.Data.([]float32)[i*n+j] = float32(sum)
		}
	}
	return []*tensor.Tensor{y}, nil
}

// MatMul is NumPy's matmul: the product of the last two axes, leading axes
// broadcast; a vector is a row on the left and a column on the right.
type MatMul struct{}

func newMatMul(*Node) (Operator, error) { return &MatMul{}, nil }

// matrices extends vectors and gives the batch shape and the product's m, k, n.
func matrices(a, b []int) (batch, as, bs []int, err error) {
	if len(a) == 0 || len(b) == 0 {
		return nil, nil, nil, fmt.Errorf("inputs have shapes %v and %v: scalars cannot be multiplied", a, b)
	}
	as, bs = a, b
	if len(a) == 1 {
		as = []int{1, a[0]}
	}
	if len(b) == 1 {
		bs = []int{b[0], 1}
	}
	if as[len(as)-1] != bs[len(bs)-2] {
		return nil, nil, nil, fmt.Errorf("inner lengths of %v and %v differ", a, b)
	}
	batch, err = commonShape(as[:len(as)-2], bs[:len(bs)-2])
	return batch, as, bs, err
}

// Infer implements Operator.
func (*MatMul) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 2); err != nil {
		return nil, err
	}
	if err := allFloat32(in); err != nil {
		return nil, err
	}
	batch, as, bs, err := matrices(in[0].Shape, in[1].Shape)
	if err != nil {
		return nil, err
	}
	shape := append([]int{}, batch...)
	if len(in[0].Shape) > 1 {
		shape = append(shape, as[len(as)-2])
	}
	if len(in[1].Shape) > 1 {
		shape = append(shape, bs[len(bs)-1])
	}
	return single(in[0].Type, shape)
}

// Eval implements Operator.
func (o *MatMul) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(o, in)
	if err != nil {
		return nil, err
	}
	batch, as, bs, err := matrices(in[0].Shape, in[1].Shape)
	if err != nil {
		return nil, err
	}
	m, k, n := as[len(as)-2], as[len(as)-1], bs[len(bs)-1]
	a, b := in[0].Data.([]float32), in[1].Data.([]float32)
	// Matrices of a broadcast batch are read where they lie: copies of them
	// could be larger than any tensor may be.
	left, right := cyclic(as[:len(as)-2], batch), cyclic(bs[:len(bs)-2], batch)
	y := tensor.Zeros[float32](shape...)
	for l := range product(batch) {
		a, b := a[left(l)*m*k:], b[right(l)*k*n:]
		for i := range m {
			for j := range n {
				sum := 0.0
				for p := range k {
					sum += float64(float64(a[i*k+p]) * float64(b[p*n+j]))
				}
				y.Data.([]float32)[(l*m+i)*n+j] = float32(sum)
			}
		}
	}
	return []*tensor.Tensor{y}, nil
}
