package onnxwrite

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// field is one field of a message as it lies on the wire.
type field struct {
	number protowire.Number
	kind   protowire.Type
	value  uint64 // varint, fixed32, fixed64
	data   []byte // length-delimited
}

// message is a parsed message: its fields in order.
type message []field

// parse reads a message with no knowledge of onnx.proto.
func parse(t *testing.T, data []byte) message {
	t.Helper()
	var m message
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			t.Fatalf("tag: %v", protowire.ParseError(n))
		}
		data = data[n:]
		f := field{number: number, kind: kind}
		switch kind {
		case protowire.VarintType:
			f.value, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(data)
			f.value = uint64(v)
		case protowire.Fixed64Type:
			f.value, n = protowire.ConsumeFixed64(data)
		case protowire.BytesType:
			f.data, n = protowire.ConsumeBytes(data)
		default:
			t.Fatalf("field %d has wire type %d", number, kind)
		}
		if n < 0 {
			t.Fatalf("field %d: %v", number, protowire.ParseError(n))
		}
		data = data[n:]
		m = append(m, f)
	}
	return m
}

// all returns the fields with a number.
func (m message) all(number protowire.Number) message {
	var out message
	for _, f := range m {
		if f.number == number {
			out = append(out, f)
		}
	}
	return out
}

// path follows the first field of each number downwards.
func (m message) path(t *testing.T, numbers ...protowire.Number) message {
	t.Helper()
	for _, n := range numbers {
		found := m.all(n)
		if len(found) == 0 {
			t.Fatalf("no field %d in path %v", n, numbers)
		}
		m = parse(t, found[0].data)
	}
	return m
}

// text shows the fields as number=value, for comparisons.
func (m message) text() string {
	var s string
	for _, f := range m {
		if f.kind == protowire.BytesType {
			s += fmt.Sprintf("%d=%q ", f.number, f.data)
		} else {
			s += fmt.Sprintf("%d=%d ", f.number, f.value)
		}
	}
	return s
}
