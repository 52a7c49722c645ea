package onnxload

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// ErrModel says that a file is not a model that can be used: do not retry.
var ErrModel = errors.New("model cannot be used")

// field is one field of a protobuf message.
type field struct {
	number protowire.Number
	typ    protowire.Type
	// bytes is the content of a length-delimited field, value that of the
	// others.
	bytes []byte
	value uint64
}

// fields calls f for every field of a message. Unknown fields reach f too and
// are for it to ignore; groups, which ONNX has none of, are skipped whole
// (protowire bounds their depth).
func fields(msg []byte, f func(field) error) error {
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return fmt.Errorf("%w: %w", ErrModel, protowire.ParseError(n))
		}
		msg = msg[n:]
		fl := field{number: num, typ: typ}
		switch typ {
		case protowire.VarintType:
			fl.value, n = protowire.ConsumeVarint(msg)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(msg)
			fl.value = uint64(v)
		case protowire.Fixed64Type:
			fl.value, n = protowire.ConsumeFixed64(msg)
		case protowire.BytesType:
			fl.bytes, n = protowire.ConsumeBytes(msg)
		default:
			n = protowire.ConsumeFieldValue(num, typ, msg)
		}
		if n < 0 {
			return fmt.Errorf("%w: field %d: %w", ErrModel, num, protowire.ParseError(n))
		}
		msg = msg[n:]
		if typ == protowire.StartGroupType || typ == protowire.EndGroupType {
			continue
		}
		if err := f(fl); err != nil {
			return err
		}
	}
	return nil
}

// text gives a string field, or an error if it is of another wire type.
func (f field) text() (string, error) {
	if f.typ != protowire.BytesType {
		return "", f.wrong()
	}
	return string(f.bytes), nil
}

// message gives an embedded message.
func (f field) message() ([]byte, error) {
	if f.typ != protowire.BytesType {
		return nil, f.wrong()
	}
	return f.bytes, nil
}

// integer gives an integer field.
func (f field) integer() (int64, error) {
	if f.typ != protowire.VarintType {
		return 0, f.wrong()
	}
	return int64(f.value), nil
}

func (f field) wrong() error {
	return fmt.Errorf("%w: field %d has the wrong wire type %d", ErrModel, f.number, f.typ)
}

// integers appends the values of a repeated integer field, packed or not.
func (f field) integers(to []int64) ([]int64, error) {
	if f.typ == protowire.VarintType {
		return append(to, int64(f.value)), nil
	}
	if f.typ != protowire.BytesType {
		return nil, f.wrong()
	}
	for b := f.bytes; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return nil, fmt.Errorf("%w: field %d: %w", ErrModel, f.number, protowire.ParseError(n))
		}
		to, b = append(to, int64(v)), b[n:]
	}
	return to, nil
}

// words32 and words64 append the values of a repeated fixed-width field.
func (f field) words32(to []uint32) ([]uint32, error) {
	if f.typ == protowire.Fixed32Type {
		return append(to, uint32(f.value)), nil
	}
	if f.typ != protowire.BytesType || len(f.bytes)%4 != 0 {
		return nil, f.wrong()
	}
	for b := f.bytes; len(b) > 0; b = b[4:] {
		v, _ := protowire.ConsumeFixed32(b)
		to = append(to, v)
	}
	return to, nil
}

func (f field) words64(to []uint64) ([]uint64, error) {
	if f.typ == protowire.Fixed64Type {
		return append(to, f.value), nil
	}
	if f.typ != protowire.BytesType || len(f.bytes)%8 != 0 {
		return nil, f.wrong()
	}
	for b := f.bytes; len(b) > 0; b = b[8:] {
		v, _ := protowire.ConsumeFixed64(b)
		to = append(to, v)
	}
	return to, nil
}
