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
		"\x08\x01\x10\x07\x3a\x01\x05", "\x08\x01\x10\x0b\x52\x08\x00\x00\x00\x00\x00\x00\xf0\x3f", "\x08\x02\x10\x0d\x5a\x02\x01\x02", "\x08\x01\x10\x08\x32\x01x"} {
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
		if err != nil || n != v.Len() || int64(n) > int64(len(b)) {
			t.Fatalf("%v of shape %v from %d bytes has %d elements: %v", v.DType(), v.Shape, len(b), v.Len(), err)
		}
	})
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
