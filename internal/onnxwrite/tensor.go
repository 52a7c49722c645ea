package onnxwrite

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// DataType is TensorProto.DataType.
type DataType int32

// The element types of ONNX that this package knows by name.
const (
	TypeFloat32  DataType = 1
	TypeUint8    DataType = 2
	TypeInt8     DataType = 3
	TypeUint16   DataType = 4
	TypeInt16    DataType = 5
	TypeInt32    DataType = 6
	TypeInt64    DataType = 7
	TypeString   DataType = 8
	TypeBool     DataType = 9
	TypeFloat16  DataType = 10
	TypeFloat64  DataType = 11
	TypeUint32   DataType = 12
	TypeUint64   DataType = 13
	TypeBFloat16 DataType = 16
)

// Float16 is the bit pattern of an IEEE 754 binary16 number.
type Float16 uint16

// BFloat16 is the bit pattern of the upper half of an IEEE 754 binary32 number.
type BFloat16 uint16

// Element is a type that a tensor's elements can have.
type Element interface {
	float32 | float64 | Float16 | BFloat16 | bool |
		int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

// Tensor is a TensorProto. Every field that is set is written, so that a
// tensor with its data in two places can be built too. [Raw], [Typed],
// [StringTensor] and [ExternalTensor] make the valid ones.
type Tensor struct {
	Name       string            // name (8)
	DataType   DataType          // data_type (2)
	Dims       []int64           // dims (1), row-major, empty for a scalar
	FloatData  []float32         // float_data (4)
	Int32Data  []int32           // int32_data (5)
	StringData []string          // string_data (6)
	Int64Data  []int64           // int64_data (7)
	RawData    []byte            // raw_data (9), little-endian; nil leaves it out
	DoubleData []float64         // double_data (10)
	Uint64Data []uint64          // uint64_data (11)
	External   map[string]string // external_data (13); not nil sets data_location (14) to EXTERNAL
}

// Raw is a tensor with its elements in raw_data: little-endian, row-major, one
// byte for a bool.
func Raw[T Element](name string, dims []int64, values []T) Tensor {
	t := Tensor{Name: name, DataType: DataTypeOf[T](), Dims: dims}
	t.RawData = Bytes(values)
	return t
}

// Bytes is the encoding of the values in raw_data and in external data files.
// It is never nil.
func Bytes[T Element](values []T) []byte {
	raw, err := binary.Append([]byte{}, binary.LittleEndian, values)
	if err != nil {
		// Every Element has a fixed size, the one thing that Append asks for.
		panic("onnxwrite: " + err.Error())
	}
	return raw
}

// Typed is a tensor with its elements in the field that onnx.proto names for
// their type: float_data, int32_data (also for the integers of at most 16 bits,
// bool and the bits of the 16-bit floats), int64_data, double_data or
// uint64_data (also for uint32).
func Typed[T Element](name string, dims []int64, values []T) Tensor {
	t := Tensor{Name: name, DataType: DataTypeOf[T](), Dims: dims}
	switch v := any(values).(type) {
	case []float32:
		t.FloatData = v
	case []float64:
		t.DoubleData = v
	case []int64:
		t.Int64Data = v
	case []uint64:
		t.Uint64Data = v
	case []uint32:
		t.Uint64Data = convert[uint64](v)
	case []int32:
		t.Int32Data = v
	case []int16:
		t.Int32Data = convert[int32](v)
	case []int8:
		t.Int32Data = convert[int32](v)
	case []uint16:
		t.Int32Data = convert[int32](v)
	case []uint8:
		t.Int32Data = convert[int32](v)
	case []Float16:
		t.Int32Data = convert[int32](v)
	case []BFloat16:
		t.Int32Data = convert[int32](v)
	case []bool:
		t.Int32Data = make([]int32, len(v))
		for i, b := range v {
			if b {
				t.Int32Data[i] = 1
			}
		}
	}
	return t
}

// StringTensor is a tensor of strings.
func StringTensor(name string, dims []int64, values []string) Tensor {
	return Tensor{Name: name, DataType: TypeString, Dims: dims, StringData: values}
}

// ExternalTensor is a tensor whose elements, encoded as in raw_data, lie in
// another file. The keys of data are location (a path relative to the model's
// folder), offset and length (bytes, decimal, optional) and checksum.
func ExternalTensor(name string, typ DataType, dims []int64, data map[string]string) Tensor {
	if data == nil {
		data = map[string]string{}
	}
	return Tensor{Name: name, DataType: typ, Dims: dims, External: data}
}

// DataTypeOf is the DataType of a Go type.
func DataTypeOf[T Element]() DataType {
	var zero T
	switch any(zero).(type) {
	case float32:
		return TypeFloat32
	case float64:
		return TypeFloat64
	case Float16:
		return TypeFloat16
	case BFloat16:
		return TypeBFloat16
	case bool:
		return TypeBool
	case int8:
		return TypeInt8
	case int16:
		return TypeInt16
	case int32:
		return TypeInt32
	case int64:
		return TypeInt64
	case uint8:
		return TypeUint8
	case uint16:
		return TypeUint16
	case uint32:
		return TypeUint32
	default:
		return TypeUint64
	}
}

func (w *writer) tensor(t *Tensor) {
	w.varints(1, t.Dims)
	w.optVarint(2, int64(t.DataType))
	w.packedFloats(4, t.FloatData)
	w.packedVarints(5, convert[int64](t.Int32Data))
	for _, s := range t.StringData {
		w.string(6, s)
	}
	w.packedVarints(7, t.Int64Data)
	w.optString(8, t.Name)
	if t.RawData != nil {
		w.bytes(9, t.RawData)
	}
	if len(t.DoubleData) > 0 {
		var block []byte
		for _, v := range t.DoubleData {
			block = protowire.AppendFixed64(block, math.Float64bits(v))
		}
		w.bytes(10, block)
	}
	w.packedVarints(11, convert[int64](t.Uint64Data))
	if t.External != nil {
		for _, key := range slices.Sorted(maps.Keys(t.External)) {
			w.message(13, func(w *writer) { w.entry(key, t.External[key]) })
		}
		w.varint(14, 1)
	}
}

type integer interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

func convert[To, From integer](values []From) []To {
	out := make([]To, len(values))
	for i, v := range values {
		out[i] = To(v)
	}
	return out
}
