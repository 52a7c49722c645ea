package op

import (
	"errors"
	"fmt"

	"krypton/internal/tensor"
)

// fewBits are the settings of MatMulNBits: a product with a matrix of N rows of K numbers
// of 2, 4 or 8 bits, whose blocks of numbers in a row share a scale and a zero point.
type fewBits struct {
	k, n, bits, block int64
}

// newMatMulNBits reads com.microsoft.MatMulNBits (ContribOperators.md of ONNX Runtime).
// Inputs are A [..., K], B [N, blocks, bytes of a block], scales [N, blocks], zero points
// (of as many bits, rows of whole bytes, or floats; else half of the range), the block of
// each of the K numbers, and a bias [N].
func newMatMulNBits(n *Node) (Operator, error) {
	var f fewBits
	for _, a := range []struct {
		name  string
		other int
		to    *int64
	}{{"K", 0, &f.k}, {"N", 0, &f.n}, {"bits", 4, &f.bits}, {"block_size", 0, &f.block}} {
		v, err := n.Attr.Int(a.name, a.other)
		if err != nil {
			return nil, err
		}
		*a.to = int64(v)
	}
	n.Attr.Ignore("accuracy_level") // how roughly it may be computed
	n.Attr.Ignore("weight_prepacked")
	const most = tensor.MaxElements
	if f.bits != 2 && f.bits != 4 && f.bits != 8 || f.k < 1 || f.n < 1 || f.k > most || f.n > most || f.block < 8 || f.block%8 != 0 || f.block > most {
		return nil, fmt.Errorf("%d rows of %d numbers of %d bits in blocks of %d are not supported", f.n, f.k, f.bits, f.block)
	}
	return &Compound{build: func(p *parts, in []*Info) error {
		w, err := f.matrix(in)
		if err != nil {
			return err
		}
		y, err := p.add("MatMul", 13, nil, p.input(0), p.constant(w))
		if err == nil && given(p.in, 5) {
			y, err = p.add("Add", 13, nil, y, p.input(5))
		}
		p.result(y)
		return err
	}}, nil
}

// matrix is the matrix [K, N] in float32.
func (f *fewBits) matrix(in []*Info) (*tensor.Tensor, error) {
	blocks := (f.k + f.block - 1) / f.block
	row, zeroRow := blocks*(f.block*f.bits/8), (blocks*f.bits+7)/8
	values := func(i int) *tensor.Tensor {
		if !given(in, i) {
			return nil
		}
		return in[i].Value
	}
	if values(1) == nil || values(2) == nil {
		return nil, errors.New("a matrix or scales that depend on data are not supported")
	}
	if _, err := tensor.Size([]int{int(f.k), int(f.n)}); err != nil {
		return nil, err
	}
	b, ok := values(1).Data.([]uint8)
	if !ok || int64(len(b)) != f.n*row {
		return nil, fmt.Errorf("matrix of type %v and shape %v, want uint8 of %d x %d numbers in blocks of %d", in[1].Type, in[1].Shape, f.n, f.k, f.block)
	}
	scales, ok := values(2).Data.([]float32)
	if !ok || int64(len(scales)) != f.n*blocks {
		return nil, fmt.Errorf("scales of type %v and shape %v, want one for each of %d x %d blocks", in[2].Type, in[2].Shape, f.n, blocks)
	}
	zero := func(int64, int64) float32 { return float32(int64(1) << (f.bits - 1)) }
	if t := values(3); t != nil {
		switch z := t.Data.(type) {
		case []uint8:
			if int64(len(z)) != f.n*zeroRow {
				return nil, fmt.Errorf("zero points of shape %v, want %d x %d bytes", t.Shape, f.n, zeroRow)
			}
			zero = func(r, block int64) float32 { return f.number(z[r*zeroRow:], block) }
		case []float32:
			if int64(len(z)) != f.n*blocks {
				return nil, fmt.Errorf("zero points of shape %v, want one for each of %d x %d blocks", t.Shape, f.n, blocks)
			}
			zero = func(r, block int64) float32 { return z[r*blocks+block] }
		default:
			return nil, fmt.Errorf("zero points of type %v", t.DType())
		}
	}
	var group []int32
	if t := values(4); t != nil {
		if group, ok = t.Data.([]int32); !ok || int64(len(group)) < f.k {
			return nil, fmt.Errorf("blocks of numbers of type %v and shape %v, want int32 for %d", t.DType(), t.Shape, f.k)
		}
	}
	w := make([]float32, f.k*f.n)
	for r := range f.n {
		for i := range f.k {
			block := i / f.block
			if group != nil {
				if block = int64(group[i]); block < 0 || block >= blocks {
					return nil, fmt.Errorf("number %d is of block %d of %d", i, block, blocks)
				}
			}
			w[i*f.n+r] = (f.number(b[r*row:], i) - zero(r, block)) * scales[r*blocks+block]
		}
	}
	return tensor.New(w, int(f.k), int(f.n)), nil
}

// number i of a row whose numbers lie from the lowest bits of the first byte on.
func (f *fewBits) number(row []byte, i int64) float32 {
	at := i * f.bits
	return float32(row[at/8] >> (at % 8) & (1<<f.bits - 1))
}
