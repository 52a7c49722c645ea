package op

import (
	"fmt"

	"krypton/internal/tensor"
)

// DepthToSpace moves channels into Block x Block squares of the plane of a
// [N, C, H, W] tensor, giving [N, C/Block^2, H*Block, W*Block]. Mode DCR takes
// the square's place as the outer part of the channel number, CRD as the inner.
type DepthToSpace struct {
	Block int
	Mode  string
}

// SpaceToDepth is the inverse of DepthToSpace in mode DCR.
type SpaceToDepth struct{ Block int }

func readBlock(n *Node) (int, error) {
	b, err := n.Attr.Int("blocksize", 0)
	if err == nil && (b < 1 || b > maxWindow) {
		err = fmt.Errorf("attribute \"blocksize\" is %d, want from 1 to %d", b, maxWindow)
	}
	return b, err
}

func newDepthToSpace(n *Node) (Operator, error) {
	b, err := readBlock(n)
	d := &DepthToSpace{b, "DCR"}
	if err == nil && n.Opset >= 11 {
		d.Mode, err = n.Attr.OneOf("mode", "DCR", "CRD")
	}
	return d, err
}

func newSpaceToDepth(n *Node) (Operator, error) {
	b, err := readBlock(n)
	return &SpaceToDepth{b}, err
}

// Infer implements Operator.
func (d *DepthToSpace) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	x := in[0].Shape
	if !in[0].Known() {
		return unknown(in[0].Type)
	}
	if len(x) != 4 || x[1]%(d.Block*d.Block) != 0 {
		return nil, fmt.Errorf("input shape %v: want rank 4 and channels divisible by %d", x, d.Block*d.Block)
	}
	return single(in[0].Type, []int{x[0], x[1] / (d.Block * d.Block), x[2] * d.Block, x[3] * d.Block})
}

// Eval implements Operator.
func (d *DepthToSpace) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(d, in)
	if err != nil {
		return nil, err
	}
	stride, at, b := strides(in[0].Shape), make([]int, 4), d.Block
	y, err := gathered(in[0], shape, nil, func(o int) int {
		unravel(o, shape, at)
		by, bx := at[2]%b, at[3]%b
		c := (by*b+bx)*shape[1] + at[1]
		if d.Mode == "CRD" {
			c = (at[1]*b+by)*b + bx
		}
		return at[0]*stride[0] + c*stride[1] + at[2]/b*stride[2] + at[3]/b
	})
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}

// Infer implements Operator.
func (s *SpaceToDepth) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	x := in[0].Shape
	if !in[0].Known() {
		return unknown(in[0].Type)
	}
	if len(x) != 4 || x[2]%s.Block != 0 || x[3]%s.Block != 0 {
		return nil, fmt.Errorf("input shape %v: want rank 4 and a plane divisible by %d", x, s.Block)
	}
	if x[1] > maxAxis/(s.Block*s.Block) {
		return nil, fmt.Errorf("%w: channels of %v times %d", tensor.ErrSize, x, s.Block*s.Block)
	}
	return single(in[0].Type, []int{x[0], x[1] * s.Block * s.Block, x[2] / s.Block, x[3] / s.Block})
}

// Eval implements Operator.
func (s *SpaceToDepth) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(s, in)
	if err != nil {
		return nil, err
	}
	stride, at, b, channels := strides(in[0].Shape), make([]int, 4), s.Block, in[0].Shape[1]
	y, err := gathered(in[0], shape, nil, func(o int) int {
		unravel(o, shape, at)
		square, c := at[1]/channels, at[1]%channels
		return at[0]*stride[0] + c*stride[1] + (at[2]*b+square/b)*stride[2] + at[3]*b + square%b
	})
	if err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, nil
}
