package onnxload

import (
	"errors"
	"slices"
	"testing"

	"krypton/internal/onnxwrite"
	"krypton/internal/tensor"
)

// FuzzTensor reads tensors in all encodings: one is refused, or has as many
// elements as its shape says, of the type that it says.
func FuzzTensor(f *testing.F) {
	for _, seed := range []onnxwrite.Tensor{
		onnxwrite.Raw("a", []int64{2, 3}, []float32{1, 2, 3, 4, 5, 6}),
		onnxwrite.Raw("b", []int64{2}, []float64{1, 2}),
		onnxwrite.Raw("c", []int64{}, []int64{7}),
		onnxwrite.Raw("d", []int64{3, 0}, []int8{}),
		onnxwrite.Raw("e", []int64{4}, []bool{true, false, true, true}),
		onnxwrite.ExternalTensor("f", 1, []int64{1}, map[string]string{"location": "w.bin", "offset": "-1"}),
	} {
		for _, packed := range []bool{false, true} {
			m := onnxwrite.Model{IRVersion: 8, Packed: packed, Graph: onnxwrite.Graph{Initializers: []onnxwrite.Tensor{seed}}}
			f.Add(body(f, body(f, m.Marshal(), 7), 5))
		}
	}
	// The elements in the fields of their types, float16 among the integers: dims,
	// data_type, then float_data, int32_data, int64_data, double_data, uint64_data.
	for _, b := range []string{"\x08\x02\x10\x01\x22\x08\x00\x00\x80\x3f\x00\x00\x00\x40", "\x08\x02\x10\x01\x25\x00\x00\x80\x3f\x25\x00\x00\x00\x40",
		"\x08\x02\x10\x0a\x2a\x03\x80\x78\x01", "\x08\x02\x10\x03\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x28\x07",
		"\x08\x01\x10\x07\x3a\x01\x05", "\x08\x01\x10\x0b\x52\x08\x00\x00\x00\x00\x00\x00\xf0\x3f", "\x08\x02\x10\x0d\x5a\x02\x01\x02", "\x08\x01\x10\x08\x32\x01x",
		"\x08\x03\x10\x16\x4a\x02\x7f\x01", "\x08\x03\x10\x15\x2a\x02\x7f\x01", "\x08\x01\x10\x11\x4a\x01\x7f", "\x08\x01\x10\x13\x2a\x01\x7f"} {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p := &parser{}
		_, v, err := p.tensor(b)
		if err != nil {
			if !errors.Is(err, ErrModel) {
				t.Errorf("%v is not ErrModel", err)
			}
			return
		}
		n, err := tensor.Size(v.Shape)
		if err != nil || n != v.Len() || int64(n) > 2*int64(len(b)) {
			t.Fatalf("%v of shape %v from %d bytes has %d elements: %v", v.DType(), v.Shape, len(b), v.Len(), err)
		}
	})
}

// TestFewBits: numbers of four bits lie two to a byte, the first one in the lower bits, and
// those of eight are widened exactly.
func TestFewBits(t *testing.T) {
	for _, test := range []struct {
		tensor onnxwrite.Tensor
		want   []float64
	}{
		{onnxwrite.Tensor{DataType: 22, Dims: []int64{3}, RawData: []byte{0x8f, 0x07}}, []float64{-1, -8, 7}},
		{onnxwrite.Tensor{DataType: 22, Dims: []int64{3}, Int32Data: []int32{0x8f, 0x07}}, []float64{-1, -8, 7}},
		{onnxwrite.Tensor{DataType: 21, Dims: []int64{2, 1}, RawData: []byte{0x8f}}, []float64{15, 8}},
		{onnxwrite.Tensor{DataType: 17, Dims: []int64{6}, RawData: []byte{0x00, 0x01, 0x38, 0xb8, 0x7e, 0x88}}, []float64{0, 1. / 512, 1, -1, 448, -1. / 64}},
		{onnxwrite.Tensor{DataType: 19, Dims: []int64{5}, Int32Data: []int32{0x01, 0x3c, 0xbc, 0x7b, 0x04}}, []float64{1. / 65536, 1, -1, 57344, 1. / 16384}},
		{onnxwrite.Tensor{DataType: 22, Dims: []int64{3}, RawData: []byte{1}}, nil},
		{onnxwrite.Tensor{DataType: 21, Dims: []int64{2}, Int32Data: []int32{1, 2}}, nil},
		{onnxwrite.Tensor{DataType: 18, Dims: []int64{1}, RawData: []byte{1}}, nil},
	} {
		m := onnxwrite.Model{IRVersion: 10, Graph: onnxwrite.Graph{Initializers: []onnxwrite.Tensor{test.tensor}}}
		_, v, err := (&parser{}).tensor(body(t, body(t, m.Marshal(), 7), 5))
		if (err != nil) != (test.want == nil) {
			t.Errorf("%v: %v", test.tensor, err)
		}
		if err != nil {
			continue
		}
		var got []float64
		switch d := v.Data.(type) {
		case []tensor.FourBits:
			got = widened(d, func(x tensor.FourBits) float64 { return float64(x) })
		case []tensor.FourBitsUnsigned:
			got = widened(d, func(x tensor.FourBitsUnsigned) float64 { return float64(x) })
		case []tensor.Eight1:
			got = widened(d, func(x tensor.Eight1) float64 { return float64(x.Float32()) })
		case []tensor.Eight2:
			got = widened(d, func(x tensor.Eight2) float64 { return float64(x.Float32()) })
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%v: %v, want %v", test.tensor, got, test.want)
		}
	}
}

func widened[T any](d []T, f func(T) float64) (w []float64) {
	for _, v := range d {
		w = append(w, f(v))
	}
	return w
}

// body gives the bytes of a message's first field of this number.
func body(t testing.TB, b []byte, number int) []byte {
	t.Helper()
	var found []byte
	if err := fields(b, func(f field) (err error) {
		if int(f.number) == number && found == nil {
			found, err = f.message()
		}
		return err
	}); err != nil || found == nil {
		t.Fatalf("no field %d: %v", number, err)
	}
	return found
}

// TestManyNumbers: those that lie on large pages are the file's too.
func TestManyNumbers(t *testing.T) {
	want := make([]float32, onPages/4+3)
	for i := range want {
		want[i] = float32(i) / 3
	}
	m := onnxwrite.Model{IRVersion: 8, Graph: onnxwrite.Graph{Initializers: []onnxwrite.Tensor{onnxwrite.Raw("a", []int64{int64(len(want))}, want)}}}
	_, v, err := (&parser{}).tensor(body(t, body(t, m.Marshal(), 7), 5))
	if err != nil {
		t.Fatal(err)
	}
	if got := v.Data.([]float32); !slices.Equal(got, want) || !slices.Equal(v.Shape, []int{len(want)}) {
		t.Errorf("%d other numbers of shape %v", len(got), v.Shape)
	}
}
