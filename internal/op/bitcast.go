package op

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"krypton/internal/tensor"
)

// BitCast gives the bits of its elements another type of the same size.
type BitCast struct{ To tensor.DType }

func newBitCast(n *Node) (Operator, error) {
	to, err := n.Attr.Int("to", 0)
	if err != nil {
		return nil, err
	}
	if bitSize(tensor.DType(to)) == 0 {
		return nil, fmt.Errorf("attribute \"to\": %w", DTypeError(tensor.DType(to)))
	}
	return &BitCast{tensor.DType(to)}, nil
}

// bitSize is the number of bytes of an element whose bits can be anything.
func bitSize(t tensor.DType) int {
	switch t {
	case tensor.Uint8, tensor.Int8:
		return 1
	case tensor.Uint16, tensor.Int16, tensor.Float16:
		return 2
	case tensor.Uint32, tensor.Int32, tensor.Float32:
		return 4
	case tensor.Uint64, tensor.Int64, tensor.Float64:
		return 8
	}
	return 0
}

// Infer implements Operator.
func (b *BitCast) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 1); err != nil {
		return nil, err
	}
	if bitSize(in[0].Type) != bitSize(b.To) {
		return nil, fmt.Errorf("bits of %v are no %v", in[0].Type, b.To)
	}
	if !in[0].Known() {
		return unknown(b.To)
	}
	return single(b.To, slices.Clone(in[0].Shape))
}

// Locality implements Localizer.
func (b *BitCast) Locality([]*Info, []Info) Locality { return Locality{Kind: Pointwise} }

// Eval implements Operator.
func (b *BitCast) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(b, in)
	if err != nil {
		return nil, err
	}
	y, err := tensor.Make(b.To, shape...)
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	if err := binary.Write(&buf, binary.LittleEndian, in[0].Data); err != nil {
		return nil, err
	}
	return []*tensor.Tensor{y}, binary.Read(&buf, binary.LittleEndian, y.Data)
}
