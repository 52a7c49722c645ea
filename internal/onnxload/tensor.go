package onnxload

import (
	"encoding/binary"
	"fmt"
	"math"

	"krypton/internal/pages"
	"krypton/internal/tensor"
)

// errElement says that a tensor has an element type that nothing here reads: no
// fault of the file.
var errElement = fmt.Errorf("%w", ErrModel)

// tensorProto is a TensorProto before its numbers are read.
type tensorProto struct {
	name     string
	dims     []int64
	typ      tensor.DType
	raw      []byte
	hasRaw   bool
	floats   []uint32
	int32s   []int64
	int64s   []int64
	doubles  []uint64
	uint64s  []int64
	external map[string]string
	location int64
	typed    int // which typed fields are present, as bits of field numbers
}

// tensor decodes a TensorProto. Sizes are checked before anything is
// allocated: the data must be there in full.
func (p *parser) tensor(b []byte) (string, *tensor.Tensor, error) {
	t := tensorProto{external: map[string]string{}}
	err := fields(b, func(f field) (err error) {
		switch f.number {
		case 1:
			t.dims, err = f.integers(t.dims)
		case 2:
			var v int64
			v, err = f.integer()
			t.typ = tensor.DType(v)
		case 4:
			t.typed |= 1 << 4
			t.floats, err = f.words32(t.floats)
		case 5:
			t.typed |= 1 << 5
			t.int32s, err = f.integers(t.int32s)
		case 6:
			t.typed |= 1 << 6 // strings fit no type that is supported
		case 7:
			t.typed |= 1 << 7
			t.int64s, err = f.integers(t.int64s)
		case 8:
			t.name, err = f.text()
		case 9:
			t.hasRaw = true
			t.raw, err = f.message()
		case 10:
			t.typed |= 1 << 10
			t.doubles, err = f.words64(t.doubles)
		case 11:
			t.typed |= 1 << 11
			t.uint64s, err = f.integers(t.uint64s)
		case 13:
			var m []byte
			if m, err = f.message(); err == nil {
				var k, v string
				if k, v, err = pair(m); err == nil {
					t.external[k] = v
				}
			}
		case 14:
			t.location, err = f.integer()
		}
		return err
	})
	if err != nil {
		return t.name, nil, err
	}
	v, err := p.decode(&t)
	return t.name, v, err
}

// elementBits is the size of an element in raw data.
func elementBits(t tensor.DType) int {
	switch t {
	case tensor.Float64, tensor.Int64, tensor.Uint64:
		return 64
	case tensor.Float32, tensor.Int32, tensor.Uint32:
		return 32
	case tensor.Float16, tensor.BFloat16, tensor.Int16, tensor.Uint16:
		return 16
	case tensor.Int8, tensor.Uint8, tensor.Bool, tensor.Float8E4M3, tensor.Float8E5M2:
		return 8
	case tensor.Int4, tensor.Uint4:
		return 4
	}
	return 0
}

func (p *parser) decode(t *tensorProto) (*tensor.Tensor, error) {
	bits := elementBits(t.typ)
	if bits == 0 {
		return nil, fmt.Errorf("%w: element type %v is not supported", errElement, t.typ)
	}
	p.bfloat16 = p.bfloat16 || t.typ == tensor.BFloat16
	if len(t.dims) > maxRank {
		return nil, fmt.Errorf("%w: %d dimensions", ErrModel, len(t.dims))
	}
	shape := make([]int, len(t.dims))
	for i, d := range t.dims {
		if d < 0 || d > tensor.MaxElements {
			return nil, fmt.Errorf("%w: dimensions %v", ErrModel, t.dims)
		}
		shape[i] = int(d)
	}
	n, err := tensor.Size(shape)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	size := (n*bits + 7) / 8
	if t.location == 1 || len(t.external) > 0 {
		if t.hasRaw || t.typed != 0 {
			return nil, fmt.Errorf("%w: data both inside and outside the file", ErrModel)
		}
		if t.raw, err = p.external.read(t.external, int64(size)); err != nil {
			return nil, err
		}
		t.hasRaw = true
	}
	if t.hasRaw && t.typed != 0 {
		return nil, fmt.Errorf("%w: both raw and typed data", ErrModel)
	}
	if t.hasRaw {
		if len(t.raw) != size {
			return nil, fmt.Errorf("%w: %d bytes of data for shape %v of %v, want %d", ErrModel, len(t.raw), shape, t.typ, size)
		}
		return fromRaw(t.typ, t.raw, shape), nil
	}
	return t.fromTyped(n, shape)
}

// onPages is from how many bytes on numbers lie on large pages: of smaller ones what is left
// of the last page would be too much.
const onPages = 4 << 20

func fromRaw(typ tensor.DType, b []byte, shape []int) *tensor.Tensor {
	le := binary.LittleEndian
	switch typ {
	case tensor.Float32:
		// Nearly all that models hold: without a call for each number.
		var d []float32
		if len(b) < onPages {
			d = make([]float32, len(b)/4)
		} else {
			d = pages.Numbers(len(b) / 4)
		}
		for i := range d {
			d[i] = math.Float32frombits(le.Uint32(b[4*i:]))
		}
		return tensor.New(d, shape...)
	case tensor.Float64:
		return words(b, 8, shape, func(b []byte) float64 { return math.Float64frombits(le.Uint64(b)) })
	case tensor.Int64:
		return words(b, 8, shape, func(b []byte) int64 { return int64(le.Uint64(b)) })
	case tensor.Uint64:
		return words(b, 8, shape, le.Uint64)
	case tensor.Int32:
		return words(b, 4, shape, func(b []byte) int32 { return int32(le.Uint32(b)) })
	case tensor.Uint32:
		return words(b, 4, shape, le.Uint32)
	case tensor.Int16:
		return words(b, 2, shape, func(b []byte) int16 { return int16(le.Uint16(b)) })
	case tensor.Uint16:
		return words(b, 2, shape, le.Uint16)
	case tensor.Float16:
		return words(b, 2, shape, func(b []byte) tensor.Half { return tensor.Half(le.Uint16(b)) })
	case tensor.BFloat16:
		return words(b, 2, shape, func(b []byte) float32 { return math.Float32frombits(uint32(le.Uint16(b)) << 16) })
	case tensor.Int8:
		return words(b, 1, shape, func(b []byte) int8 { return int8(b[0]) })
	case tensor.Uint8:
		return words(b, 1, shape, func(b []byte) uint8 { return b[0] })
	case tensor.Float8E4M3:
		return words(b, 1, shape, func(b []byte) tensor.Eight1 { return tensor.Eight1(b[0]) })
	case tensor.Float8E5M2:
		return words(b, 1, shape, func(b []byte) tensor.Eight2 { return tensor.Eight2(b[0]) })
	case tensor.Int4, tensor.Uint4:
		return fourBits(typ, shape, func(i int) byte { return b[i] })
	}
	return words(b, 1, shape, func(b []byte) bool { return b[0] != 0 })
}

func words[T tensor.Element](b []byte, size int, shape []int, f func([]byte) T) *tensor.Tensor {
	t := tensor.Zeros[T](shape...)
	d := t.Data.([]T)
	for i := range d {
		d[i] = f(b[i*size:])
	}
	return t
}

// fourBits reads numbers that lie two to a byte, the first one in the lower bits.
func fourBits(typ tensor.DType, shape []int, pair func(i int) byte) *tensor.Tensor {
	at := func(i int) byte { return pair(i/2) >> (i % 2 * 4) & 15 }
	if typ == tensor.Uint4 {
		t := tensor.Zeros[tensor.FourBitsUnsigned](shape...)
		for i, d := 0, t.Data.([]tensor.FourBitsUnsigned); i < len(d); i++ {
			d[i] = tensor.FourBitsUnsigned(at(i))
		}
		return t
	}
	t := tensor.Zeros[tensor.FourBits](shape...)
	for i, d := 0, t.Data.([]tensor.FourBits); i < len(d); i++ {
		d[i] = tensor.FourBits(int8(at(i)<<4) >> 4)
	}
	return t
}

// fromTyped reads the typed fields; onnx.proto says which type lies in which.
func (t *tensorProto) fromTyped(n int, shape []int) (*tensor.Tensor, error) {
	want := 1 << 5 // int32_data, for everything small
	have, all := len(t.int32s), n
	switch t.typ {
	case tensor.Float32:
		want, have = 1<<4, len(t.floats)
	case tensor.Int64:
		want, have = 1<<7, len(t.int64s)
	case tensor.Float64:
		want, have = 1<<10, len(t.doubles)
	case tensor.Uint32, tensor.Uint64:
		want, have = 1<<11, len(t.uint64s)
	case tensor.Int4, tensor.Uint4:
		all = (n + 1) / 2 // bytes
	}
	if t.typed&^want != 0 || have != all {
		return nil, fmt.Errorf("%w: %d numbers of data for shape %v of %v, want %d", ErrModel, have, shape, t.typ, all)
	}
	switch t.typ {
	case tensor.Float32:
		return typed(t.floats, shape, math.Float32frombits), nil
	case tensor.Float64:
		return typed(t.doubles, shape, math.Float64frombits), nil
	case tensor.Int64:
		return typed(t.int64s, shape, func(v int64) int64 { return v }), nil
	case tensor.Uint64:
		return typed(t.uint64s, shape, func(v int64) uint64 { return uint64(v) }), nil
	case tensor.Uint32:
		return typed(t.uint64s, shape, func(v int64) uint32 { return uint32(v) }), nil
	case tensor.Int32:
		return typed(t.int32s, shape, func(v int64) int32 { return int32(v) }), nil
	case tensor.Int16:
		return typed(t.int32s, shape, func(v int64) int16 { return int16(v) }), nil
	case tensor.Uint16:
		return typed(t.int32s, shape, func(v int64) uint16 { return uint16(v) }), nil
	case tensor.Int8:
		return typed(t.int32s, shape, func(v int64) int8 { return int8(v) }), nil
	case tensor.Uint8:
		return typed(t.int32s, shape, func(v int64) uint8 { return uint8(v) }), nil
	case tensor.Float16:
		return typed(t.int32s, shape, func(v int64) tensor.Half { return tensor.Half(v) }), nil
	case tensor.BFloat16:
		return typed(t.int32s, shape, func(v int64) float32 { return math.Float32frombits(uint32(uint16(v)) << 16) }), nil
	case tensor.Float8E4M3:
		return typed(t.int32s, shape, func(v int64) tensor.Eight1 { return tensor.Eight1(v) }), nil
	case tensor.Float8E5M2:
		return typed(t.int32s, shape, func(v int64) tensor.Eight2 { return tensor.Eight2(v) }), nil
	case tensor.Int4, tensor.Uint4:
		return fourBits(t.typ, shape, func(i int) byte { return byte(t.int32s[i]) }), nil
	}
	return typed(t.int32s, shape, func(v int64) bool { return v != 0 }), nil
}

func typed[S any, T tensor.Element](s []S, shape []int, f func(S) T) *tensor.Tensor {
	t := tensor.Zeros[T](shape...)
	d := t.Data.([]T)
	for i := range d {
		d[i] = f(s[i])
	}
	return t
}

// Tensor decodes a file that holds one TensorProto, as the ONNX project's test
// cases do. External data is refused.
func Tensor(data []byte) (name string, t *tensor.Tensor, err error) {
	return (&parser{external: &external{}}).tensor(data)
}
