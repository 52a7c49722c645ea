// Package tensor holds the plain host tensor that model files are decoded into
// and that reference computations read and write: row-major (ONNX order),
// dense, of any element type that ONNX models use. The engine's channels-last
// activations are another thing and live in package engine.
package tensor

import (
	"errors"
	"fmt"
	"math"
)

// DType is an element type. The values are those of onnx.proto's
// TensorProto.DataType, so that they can be read from a file as they are.
type DType int

// Element types, numbered as in onnx.proto.
const (
	Invalid  DType = 0
	Float32  DType = 1
	Uint8    DType = 2
	Int8     DType = 3
	Uint16   DType = 4
	Int16    DType = 5
	Int32    DType = 6
	Int64    DType = 7
	String   DType = 8
	Bool     DType = 9
	Float16  DType = 10
	Float64  DType = 11
	Uint32   DType = 12
	Uint64   DType = 13
	BFloat16 DType = 16
	// Of weights alone: what nothing but DequantizeLinear reads.
	Float8E4M3 DType = 17 // FLOAT8E4M3FN
	Float8E5M2 DType = 19
	Uint4      DType = 21
	Int4       DType = 22
)

// Element types that nothing here reads, which have names alone.
const (
	float8E4M3UZ DType = 18
	float8E5M2UZ DType = 20
	float4E2M1   DType = 23
	float8E8M0   DType = 24
	uint2        DType = 25
	int2         DType = 26
)

var dtypeNames = map[DType]string{
	Float32: "float32", Uint8: "uint8", Int8: "int8", Uint16: "uint16", Int16: "int16",
	Int32: "int32", Int64: "int64", String: "string", Bool: "bool", Float16: "float16",
	Float64: "float64", Uint32: "uint32", Uint64: "uint64", BFloat16: "bfloat16",
	Float8E4M3: "float8e4m3fn", float8E4M3UZ: "float8e4m3fnuz", Float8E5M2: "float8e5m2", float8E5M2UZ: "float8e5m2fnuz",
	Uint4: "uint4", Int4: "int4", float4E2M1: "float4e2m1", float8E8M0: "float8e8m0", uint2: "uint2", int2: "int2",
}

// String gives the type's name, or "type N" for one without a name.
func (t DType) String() string {
	if s, ok := dtypeNames[t]; ok {
		return s
	}
	return fmt.Sprintf("type %d", int(t))
}

// OfWeights says whether a type is one of weights of few bits, which only DequantizeLinear
// reads.
func (t DType) OfWeights() bool {
	return t == Int4 || t == Uint4 || t == Float8E4M3 || t == Float8E5M2
}

// Half is an IEEE 754 binary16 number as stored. It only passes through Cast
// and a graph's declared inputs and outputs: all arithmetic is in wider types.
type Half uint16

// Weights of few bits, one to a byte.
type (
	// FourBits is a number of -8 to 7, and FourBitsUnsigned one of 0 to 15.
	FourBits         int8
	FourBitsUnsigned uint8
	// Eight1 has 4 bits of exponent and 3 of mantissa (ONNX's FLOAT8E4M3FN), Eight2 5 and 2
	// (FLOAT8E5M2), as stored.
	Eight1 uint8
	Eight2 uint8
)

// Float32 widens a number exactly: it has no infinities, and one NaN of each sign.
func (e Eight1) Float32() float32 {
	exp, man := int(e>>3&15), float64(e&7)
	f := math.Ldexp(man, -9)
	switch {
	case e&0x7f == 0x7f:
		f = math.NaN()
	case exp > 0:
		f = math.Ldexp(8+man, exp-10)
	}
	return float32(math.Copysign(f, 1-2*float64(e>>7)))
}

// Float32 widens a number exactly: it is the upper byte of a binary16 number.
func (e Eight2) Float32() float32 { return Half(uint16(e) << 8).Float32() }

// Element lists the Go types that a tensor's elements can have.
type Element interface {
	float32 | float64 | int64 | int32 | int16 | int8 | uint8 | uint16 | uint32 | uint64 | bool | Half | FourBits | FourBitsUnsigned | Eight1 | Eight2
}

// Number lists the element types that arithmetic is defined on.
type Number interface {
	float32 | float64 | int64 | int32 | int16 | int8 | uint8 | uint16 | uint32 | uint64
}

// Tensor is a dense row-major array. Shape may be empty (a scalar) and may
// hold zeros (an empty tensor); Data is a slice of one of the types of Element
// whose length is the product of Shape. Tensors are treated as immutable once
// built: operators never write to their inputs.
type Tensor struct {
	Shape []int
	Data  any
}

// New wraps data as a tensor of the given shape; it does not copy. It panics
// if the sizes disagree, which is a bug of the caller: sizes from outside are
// checked with Size before.
func New[T Element](data []T, shape ...int) *Tensor {
	if n, err := Size(shape); err != nil || n != len(data) {
		panic(fmt.Sprintf("tensor: %d elements for shape %v", len(data), shape))
	}
	return &Tensor{Shape: append([]int{}, shape...), Data: data}
}

// Zeros allocates a tensor of zeros.
func Zeros[T Element](shape ...int) *Tensor {
	n, err := Size(shape)
	if err != nil {
		panic("tensor: " + err.Error())
	}
	return New(make([]T, n), shape...)
}

// Scalar makes a tensor of rank 0.
func Scalar[T Element](v T) *Tensor { return &Tensor{Shape: []int{}, Data: []T{v}} }

// ErrSize says that a shape is negative or larger than MaxElements.
var ErrSize = errors.New("tensor size out of range")

// MaxElements bounds the elements of any one tensor, so that a lying shape is
// refused before anything is allocated for it.
const MaxElements = 1 << 31

// Size returns the product of shape, or ErrSize when a dimension is negative
// or the product exceeds MaxElements.
func Size(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("%w: shape %v", ErrSize, shape)
		}
		if d == 0 {
			n = 0
		}
	}
	if n == 0 {
		return 0, nil
	}
	for _, d := range shape {
		if n > MaxElements/d {
			return 0, fmt.Errorf("%w: shape %v has more than %d elements", ErrSize, shape, MaxElements)
		}
		n *= d
	}
	return n, nil
}

// Len is the number of elements.
func (t *Tensor) Len() int {
	n, _ := Size(t.Shape)
	return n
}

// DType is the element type, found from Data.
func (t *Tensor) DType() DType {
	switch t.Data.(type) {
	case []float32:
		return Float32
	case []float64:
		return Float64
	case []int64:
		return Int64
	case []int32:
		return Int32
	case []int16:
		return Int16
	case []int8:
		return Int8
	case []uint8:
		return Uint8
	case []uint16:
		return Uint16
	case []uint32:
		return Uint32
	case []uint64:
		return Uint64
	case []bool:
		return Bool
	case []Half:
		return Float16
	case []FourBits:
		return Int4
	case []FourBitsUnsigned:
		return Uint4
	case []Eight1:
		return Float8E4M3
	case []Eight2:
		return Float8E5M2
	}
	return Invalid
}

// Of returns the tensor's elements as []T, or an error naming both types.
func Of[T Element](t *Tensor) ([]T, error) {
	d, ok := t.Data.([]T)
	if !ok {
		return nil, fmt.Errorf("element type is %v, want %v", t.DType(), (&Tensor{Data: []T{}}).DType())
	}
	return d, nil
}

// Reshaped shares t's elements under another shape of the same size.
func (t *Tensor) Reshaped(shape ...int) (*Tensor, error) {
	n, err := Size(shape)
	if err != nil {
		return nil, err
	}
	if n != t.Len() {
		return nil, fmt.Errorf("cannot view shape %v as %v", t.Shape, shape)
	}
	return &Tensor{Shape: append([]int{}, shape...), Data: t.Data}, nil
}

// Ints returns the elements of an integer tensor as []int: shapes, axes, pads.
// Values beyond the range of int are clamped (2^63-1 as "to the end").
func (t *Tensor) Ints() ([]int, error) {
	switch d := t.Data.(type) {
	case []int64:
		r := make([]int, len(d))
		for i, v := range d {
			r[i] = int(v)
		}
		return r, nil
	case []int32:
		r := make([]int, len(d))
		for i, v := range d {
			r[i] = int(v)
		}
		return r, nil
	}
	return nil, fmt.Errorf("element type is %v, want int64 or int32", t.DType())
}

// Floats returns the elements of a floating-point tensor as []float32,
// sharing them when they are float32 already and rounding otherwise.
func (t *Tensor) Floats() ([]float32, error) {
	switch d := t.Data.(type) {
	case []float32:
		return d, nil
	case []float64:
		r := make([]float32, len(d))
		for i, v := range d {
			r[i] = float32(v)
		}
		return r, nil
	case []Half:
		r := make([]float32, len(d))
		for i, v := range d {
			r[i] = v.Float32()
		}
		return r, nil
	}
	return nil, fmt.Errorf("element type is %v, want a floating-point type", t.DType())
}

// Numbers gives the elements as float32, whole numbers and truth values too.
func (t *Tensor) Numbers() ([]float32, error) {
	switch d := t.Data.(type) {
	case []int64:
		return numbersOf(d), nil
	case []int32:
		return numbersOf(d), nil
	case []int16:
		return numbersOf(d), nil
	case []int8:
		return numbersOf(d), nil
	case []uint8:
		return numbersOf(d), nil
	case []uint16:
		return numbersOf(d), nil
	case []uint32:
		return numbersOf(d), nil
	case []uint64:
		return numbersOf(d), nil
	case []bool:
		r := make([]float32, len(d))
		for i, v := range d {
			if v {
				r[i] = 1
			}
		}
		return r, nil
	}
	return t.Floats()
}

func numbersOf[T int64 | int32 | int16 | int8 | uint8 | uint16 | uint32 | uint64](d []T) []float32 {
	r := make([]float32, len(d))
	for i, v := range d {
		r[i] = float32(v)
	}
	return r
}

// Make allocates a zeroed tensor of a type known only at run time.
func Make(t DType, shape ...int) (*Tensor, error) {
	if _, err := Size(shape); err != nil {
		return nil, err
	}
	switch t {
	case Float32:
		return Zeros[float32](shape...), nil
	case Float64:
		return Zeros[float64](shape...), nil
	case Int64:
		return Zeros[int64](shape...), nil
	case Int32:
		return Zeros[int32](shape...), nil
	case Int16:
		return Zeros[int16](shape...), nil
	case Int8:
		return Zeros[int8](shape...), nil
	case Uint8:
		return Zeros[uint8](shape...), nil
	case Uint16:
		return Zeros[uint16](shape...), nil
	case Uint32:
		return Zeros[uint32](shape...), nil
	case Uint64:
		return Zeros[uint64](shape...), nil
	case Bool:
		return Zeros[bool](shape...), nil
	case Float16:
		return Zeros[Half](shape...), nil
	case Int4:
		return Zeros[FourBits](shape...), nil
	case Uint4:
		return Zeros[FourBitsUnsigned](shape...), nil
	case Float8E4M3:
		return Zeros[Eight1](shape...), nil
	case Float8E5M2:
		return Zeros[Eight2](shape...), nil
	}
	return nil, fmt.Errorf("element type %v is not supported", t)
}

// Float32 widens a half-precision number exactly.
func (h Half) Float32() float32 {
	sign := uint32(h>>15) << 31
	exp := uint32(h>>10) & 0x1f
	man := uint32(h) & 0x3ff
	switch {
	case exp == 0x1f: // infinity or NaN
		return math.Float32frombits(sign | 0x7f800000 | man<<13)
	case exp != 0:
		return math.Float32frombits(sign | (exp+112)<<23 | man<<13)
	case man == 0:
		return math.Float32frombits(sign)
	}
	// Subnormal: man * 2^-24, exact in float32.
	f := float32(man) / (1 << 24)
	return math.Float32frombits(math.Float32bits(f) | sign)
}

// HalfOf rounds to half precision, to nearest, ties to even.
func HalfOf(f float32) Half {
	b := math.Float32bits(f)
	sign := Half(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000: // NaN stays NaN, quiet
		return sign | 0x7e00 | Half(b>>13&0x3ff)
	case b >= 0x477ff000: // rounds to 65536 or more
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14: count of 2^-24, rounded to even
		return sign | Half(math.RoundToEven(float64(math.Float32frombits(b))*(1<<24)))
	}
	b += 0xfff + b>>13&1
	return sign | Half((b-0x38000000)>>13)
}
