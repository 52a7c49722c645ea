package onnxwrite

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/owulveryck/onnx-go"
	"google.golang.org/protobuf/encoding/protowire"
)

// convModel is a convolution, a Relu and a pooling with weights in both
// encodings.
func convModel() *Model {
	weights := make([]float32, 2*3*3*3)
	for i := range weights {
		weights[i] = float32(i)/10 - 2
	}
	return &Model{
		IRVersion: 8,
		Opsets:    map[string]int64{"": 13, "com.example": 1, "ai.onnx.ml": 2},
		Producer:  "krypton test",
		Metadata:  map[string]string{"b": "2", "a": "1", "c": "3"},
		Graph: Graph{
			Name:    "g",
			Inputs:  []ValueInfo{{Name: "x", ElemType: TypeFloat32, Dims: append([]Dim{Symbolic("N")}, Fixed(3, 8, 8)...)}},
			Outputs: []ValueInfo{{Name: "y", ElemType: TypeFloat32, Dims: Fixed(1, 2, 1, 1)}},
			Initializers: []Tensor{
				Raw("w", []int64{2, 3, 3, 3}, weights),
				Typed("b", []int64{2}, []float32{0.5, -0.5}),
			},
			Nodes: []Node{
				{Name: "conv", OpType: "Conv", Inputs: []string{"x", "w", "b"}, Outputs: []string{"c"}, Attributes: []Attribute{
					Ints("kernel_shape", 3, 3), Ints("pads", 1, 1, 1, 1), Ints("strides", 2, 2), Int("group", 1), String("auto_pad", "NOTSET"),
				}},
				{Name: "relu", OpType: "Relu", Inputs: []string{"c"}, Outputs: []string{"r"}},
				{Name: "pool", OpType: "GlobalAveragePool", Inputs: []string{"r"}, Outputs: []string{"y"}},
			},
		},
	}
}

func TestModelFieldsAreThoseOfOnnxProto(t *testing.T) {
	m := parse(t, convModel().Marshal())
	if got, want := m.all(1).text(), "1=8 "; got != want {
		t.Errorf("ir_version: %s, want %s", got, want)
	}
	if got, want := m.all(2).text(), `2="krypton test" `; got != want {
		t.Errorf("producer_name: %s, want %s", got, want)
	}
	var opsets, metadata string
	for _, f := range m.all(8) {
		opsets += parse(t, f.data).text()
	}
	if want := `2=13 1="ai.onnx.ml" 2=2 1="com.example" 2=1 `; opsets != want {
		t.Errorf("opset_import: %s, want %s", opsets, want)
	}
	for _, f := range m.all(14) {
		metadata += parse(t, f.data).text()
	}
	if want := `1="a" 2="1" 1="b" 2="2" 1="c" 2="3" `; metadata != want {
		t.Errorf("metadata_props: %s, want %s", metadata, want)
	}
	node := m.path(t, 7, 1)
	if got, want := node.all(1).text(), `1="x" 1="w" 1="b" `; got != want {
		t.Errorf("node inputs: %s, want %s", got, want)
	}
	if got, want := node.all(3).text()+node.all(4).text(), `3="conv" 4="Conv" `; got != want {
		t.Errorf("node: %s, want %s", got, want)
	}
	if got, want := node.path(t, 5).text(), `1="kernel_shape" 8=3 8=3 20=7 `; got != want {
		t.Errorf("attribute: %s, want %s", got, want)
	}
	shape := m.path(t, 7, 11, 2, 1, 2)
	var dims string
	for _, f := range shape.all(1) {
		dims += parse(t, f.data).text()
	}
	if want := `2="N" 1=3 1=8 1=8 `; dims != want {
		t.Errorf("input dims: %s, want %s", dims, want)
	}
}

func TestEqualModelsGiveEqualBytes(t *testing.T) {
	want := convModel().Marshal()
	for range 20 { // maps iterate in another order each time
		if !bytes.Equal(convModel().Marshal(), want) {
			t.Fatal("two equal models were written differently")
		}
	}
}

func TestOnnxGoDecodesTheModel(t *testing.T) {
	for _, packed := range []bool{false, true} {
		m := convModel()
		m.Packed = packed
		backend := newRecorder()
		model := onnx.NewModel(backend)
		if err := model.UnmarshalBinary(m.Marshal()); err != nil {
			t.Fatalf("packed=%v: %v", packed, err)
		}
		in, out := model.GetInputTensors(), model.Output
		if len(in) != 1 || len(out) != 1 {
			t.Fatalf("packed=%v: %d inputs and %d outputs", packed, len(in), len(out))
		}
		// x, w, b, c, r, y
		if got := backend.Nodes().Len(); got != 6 {
			t.Errorf("packed=%v: %d graph nodes, want 6", packed, got)
		}
		for _, init := range []struct {
			name  string
			shape []int
			first float32
		}{{"w", []int{2, 3, 3, 3}, -2}, {"b", []int{2}, 0.5}} {
			n, ok := model.GetNodeByName(init.name)
			if !ok {
				t.Fatalf("packed=%v: no %s", packed, init.name)
			}
			got := n.(onnx.DataCarrier).GetTensor()
			if d := cmp.Diff(init.shape, []int(got.Shape())); d != "" {
				t.Errorf("packed=%v: shape of %s (-want +got):\n%s", packed, init.name, d)
			}
			if v := got.Data().([]float32)[0]; v != init.first {
				t.Errorf("packed=%v: %s[0] = %g, want %g", packed, init.name, v, init.first)
			}
		}
		want := []onnx.Operation{
			{Name: "Conv", Attributes: map[string]any{
				"kernel_shape": []int64{3, 3}, "pads": []int64{1, 1, 1, 1}, "strides": []int64{2, 2},
				"group": int64(1), "auto_pad": "NOTSET",
			}},
			{Name: "Relu", Attributes: map[string]any{}},
			{Name: "GlobalAveragePool", Attributes: map[string]any{}},
		}
		if d := cmp.Diff(want, backend.operations); d != "" {
			t.Errorf("packed=%v: operations (-want +got):\n%s", packed, d)
		}
	}
}

func TestAttributesOfEveryKind(t *testing.T) {
	inner := Graph{Name: "branch"}
	for _, c := range []struct {
		attr Attribute
		want string
	}{
		{Float("a", 1.5), "1=\"a\" 2=1069547520 20=1 "},
		{Float("zero", 0), "1=\"zero\" 2=0 20=1 "},
		{Int("a", -1), "1=\"a\" 3=18446744073709551615 20=2 "},
		{String("a", "SAME_UPPER"), "1=\"a\" 4=\"SAME_UPPER\" 20=3 "},
		{TensorValue("a", Tensor{Name: "t"}), "1=\"a\" 5=\"B\\x01t\" 20=4 "},
		{GraphValue("a", inner), "1=\"a\" 6=\"\\x12\\x06branch\" 20=5 "},
		{Floats("a", 1, 2), "1=\"a\" 7=1065353216 7=1073741824 20=6 "},
		{Ints("a", 1, -2), "1=\"a\" 8=1 8=18446744073709551614 20=7 "},
		{Strings("a", "x", ""), "1=\"a\" 9=\"x\" 9=\"\" 20=8 "},
		{Attribute{Name: "a", Type: AttrTensors, Tensors: []Tensor{{Name: "t"}}}, "1=\"a\" 10=\"B\\x01t\" 20=9 "},
		{Attribute{Name: "a", Type: AttrGraphs, Graphs: []Graph{inner}}, "1=\"a\" 11=\"\\x12\\x06branch\" 20=10 "},
	} {
		var w writer
		w.attribute(&c.attr)
		if got := parse(t, w.buf).text(); got != c.want {
			t.Errorf("%+v:\n got %s\nwant %s", c.attr.Type, got, c.want)
		}
	}
	// Packed lists are one length-delimited field.
	w := writer{packed: true}
	a := Ints("a", 1, 300)
	w.attribute(&a)
	if got, want := parse(t, w.buf).text(), "1=\"a\" 8=\"\\x01\\xac\\x02\" 20=7 "; got != want {
		t.Errorf("packed ints: %s, want %s", got, want)
	}
}

// typedValues decodes a typed-data field of a tensor to float64.
func typedValues(t *testing.T, m message) []float64 {
	t.Helper()
	var out []float64
	for _, f := range m {
		b := f.data
		switch f.number {
		case 4:
			for ; len(b) > 0; b = b[4:] {
				out = append(out, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
			}
		case 10:
			for ; len(b) > 0; b = b[8:] {
				out = append(out, math.Float64frombits(binary.LittleEndian.Uint64(b)))
			}
		case 5, 7, 11:
			for len(b) > 0 {
				v, n := protowire.ConsumeVarint(b)
				if n < 0 {
					t.Fatal(protowire.ParseError(n))
				}
				out = append(out, float64(int64(v)))
				b = b[n:]
			}
		}
	}
	return out
}

func testElements[T Element](t *testing.T, typ DataType, size int, fieldNumber protowire.Number, values []T, want []float64) {
	t.Helper()
	dims := []int64{int64(len(values)), 1}
	var raw, typed writer
	rt, tt := Raw("name", dims, values), Typed("name", dims, values)
	raw.tensor(&rt)
	typed.tensor(&tt)
	rm, tm := parse(t, raw.buf), parse(t, typed.buf)
	for _, m := range []message{rm, tm} {
		if m.all(2)[0].value != uint64(typ) {
			t.Errorf("%T: data_type %d, want %d", values, m.all(2)[0].value, typ)
		}
		if got := m.all(1); len(got) != 2 || got[0].value != uint64(len(values)) || got[1].value != 1 {
			t.Errorf("%T: dims %s", values, got.text())
		}
		if string(m.all(8)[0].data) != "name" {
			t.Errorf("%T: name %q", values, m.all(8)[0].data)
		}
	}
	if got := len(rm.all(9)[0].data); got != size*len(values) {
		t.Errorf("%T: raw_data has %d bytes, want %d", values, got, size*len(values))
	}
	if len(typed.buf) > 0 && len(tm.all(fieldNumber)) != 1 {
		t.Fatalf("%T: no field %d", values, fieldNumber)
	}
	if d := cmp.Diff(want, typedValues(t, tm)); d != "" {
		t.Errorf("%T: typed data (-want +got):\n%s", values, d)
	}
}

func TestTensorsOfEveryElementType(t *testing.T) {
	testElements(t, TypeFloat32, 4, 4, []float32{1.5, -2}, []float64{1.5, -2})
	testElements(t, TypeFloat64, 8, 10, []float64{1.5, -2}, []float64{1.5, -2})
	testElements(t, TypeInt64, 8, 7, []int64{1 << 40, -2}, []float64{1 << 40, -2})
	testElements(t, TypeInt32, 4, 5, []int32{7, -2}, []float64{7, -2})
	testElements(t, TypeInt16, 2, 5, []int16{7, -2}, []float64{7, -2})
	testElements(t, TypeInt8, 1, 5, []int8{7, -2}, []float64{7, -2})
	testElements(t, TypeUint8, 1, 5, []uint8{7, 255}, []float64{7, 255})
	testElements(t, TypeUint16, 2, 5, []uint16{7, 65535}, []float64{7, 65535})
	testElements(t, TypeUint32, 4, 11, []uint32{7, 1<<32 - 1}, []float64{7, 1<<32 - 1})
	testElements(t, TypeUint64, 8, 11, []uint64{7, 1 << 50}, []float64{7, 1 << 50})
	testElements(t, TypeBool, 1, 5, []bool{true, false}, []float64{1, 0})
	testElements(t, TypeFloat16, 2, 5, []Float16{0x3c00, 0xc000}, []float64{0x3c00, 0xc000})
	testElements(t, TypeBFloat16, 2, 5, []BFloat16{0x3f80, 0xc000}, []float64{0x3f80, 0xc000})
	if got, want := Bytes([]float32{1, -2}), []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}; !bytes.Equal(got, want) {
		t.Errorf("raw float32: % x, want % x", got, want)
	}
	var w writer
	s := StringTensor("s", []int64{2}, []string{"a", ""})
	w.tensor(&s)
	if got, want := parse(t, w.buf).text(), `1=2 2=8 6="a" 6="" 8="s" `; got != want {
		t.Errorf("strings: %s, want %s", got, want)
	}
}

func TestExternalTensor(t *testing.T) {
	var w writer
	e := ExternalTensor("w", TypeFloat32, []int64{2}, map[string]string{"offset": "8", "location": "w.bin", "length": "8"})
	w.tensor(&e)
	m := parse(t, w.buf)
	var entries string
	for _, f := range m.all(13) {
		entries += parse(t, f.data).text()
	}
	if want := `1="length" 2="8" 1="location" 2="w.bin" 1="offset" 2="8" `; entries != want {
		t.Errorf("external_data: %s, want %s", entries, want)
	}
	if got := m.all(14).text(); got != "14=1 " {
		t.Errorf("data_location: %s, want 14=1", got)
	}
}

func TestUnknownDimensionsAndTypes(t *testing.T) {
	for _, c := range []struct {
		name string
		v    ValueInfo
		want string
	}{
		{"no type", ValueInfo{Name: "x"}, `1="x" `},
		{"unknown rank", ValueInfo{Name: "x", ElemType: 1}, `1="x" 2="\n\x02\b\x01" `},
		{"scalar", ValueInfo{Name: "x", ElemType: 1, Dims: []Dim{}}, `1="x" 2="\n\x04\b\x01\x12\x00" `},
		{"unknown size", ValueInfo{Name: "x", ElemType: 1, Dims: []Dim{{Unknown: true}}}, `1="x" 2="\n\x06\b\x01\x12\x02\n\x00" `},
	} {
		var w writer
		w.valueInfo(&c.v)
		if got := parse(t, w.buf).text(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// decode16 is the value of a binary16 number by its definition.
func decode16(h Float16) float64 {
	sign := 1 - 2*float64(h>>15)
	exp, frac := int(h>>10&31), float64(h&1023)/1024
	switch {
	case exp == 31 && frac != 0:
		return math.NaN()
	case exp == 31:
		return sign * math.Inf(1)
	case exp == 0:
		return sign * math.Ldexp(frac, -14)
	}
	return sign * math.Ldexp(1+frac, exp-15)
}

func TestToFloat16RoundsToNearestEven(t *testing.T) {
	for h := range 1 << 16 {
		v := decode16(Float16(h))
		got := ToFloat16(float32(v))
		if math.IsNaN(v) {
			if !math.IsNaN(decode16(got)) {
				t.Fatalf("%#04x: NaN became %#04x", h, got)
			}
			continue
		}
		if got != Float16(h) {
			t.Fatalf("%#04x (%g) became %#04x", h, v, got)
		}
		next := decode16(Float16(h + 1))
		if h&0x7fff >= 0x7bff {
			continue // no finite neighbour above
		}
		// A float32 holds the midpoint of two neighbours exactly.
		mid := float32((v + next) / 2)
		even := Float16(h + h&1)
		if got := ToFloat16(mid); got != even {
			t.Fatalf("midpoint %g above %#04x became %#04x, want %#04x", mid, h, got, even)
		}
		// A hair towards h gives h, a hair away from it the neighbour.
		if got := ToFloat16(math.Nextafter32(mid, float32(v))); got != Float16(h) {
			t.Fatalf("below midpoint %g: %#04x, want %#04x", mid, got, h)
		}
		if got := ToFloat16(math.Nextafter32(mid, float32(next))); got != Float16(h+1) {
			t.Fatalf("above midpoint %g: %#04x, want %#04x", mid, got, h+1)
		}
	}
	for v, want := range map[float32]Float16{65519: 0x7bff, 65520: 0x7c00, 1e30: 0x7c00, -1e30: 0xfc00} {
		if got := ToFloat16(v); got != want {
			t.Errorf("%g became %#04x, want %#04x", v, got, want)
		}
	}
}

func TestToBFloat16RoundsToNearestEven(t *testing.T) {
	for bits, want := range map[uint32]BFloat16{
		0x3f800000: 0x3f80, 0x3f808000: 0x3f80, 0x3f808001: 0x3f81, 0x3f818000: 0x3f82,
		0x7f800000: 0x7f80, 0xff800000: 0xff80, 0x7f7fffff: 0x7f80, 0x80000000: 0x8000,
	} {
		if got := ToBFloat16(math.Float32frombits(bits)); got != want {
			t.Errorf("%#08x became %#04x, want %#04x", bits, got, want)
		}
	}
	if got := ToBFloat16(float32(math.NaN())); got&0x7f80 != 0x7f80 || got&0x7f == 0 {
		t.Errorf("NaN became %#04x", got)
	}
}
