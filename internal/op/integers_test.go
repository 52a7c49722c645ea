package op

import (
	"math"
	"reflect"
	"testing"

	"krypton/internal/tensor"
)

func vector[T tensor.Element](v ...T) *tensor.Tensor { return tensor.New(v, len(v)) }

// TestIntegersAreExact: integers are computed in their own type, also where
// float64 cannot hold them.
func TestIntegersAreExact(t *testing.T) {
	const big, least = int64(1)<<62 + 1, math.MinInt64
	for _, c := range []struct {
		name string
		in   []*tensor.Tensor
		want any
	}{
		{"Abs", []*tensor.Tensor{vector[int64](-big, big, least, 0)}, []int64{big, big, least, 0}},
		{"Abs", []*tensor.Tensor{vector[int8](-128, -127, 5)}, []int8{-128, 127, 5}},
		{"Abs", []*tensor.Tensor{vector[uint64](math.MaxUint64, 1)}, []uint64{math.MaxUint64, 1}},
		{"Neg", []*tensor.Tensor{vector[int64](-big, big, least, 0)}, []int64{big, -big, least, 0}},
		{"Neg", []*tensor.Tensor{vector[int16](-3, math.MinInt16)}, []int16{3, math.MinInt16}},
		{"Sign", []*tensor.Tensor{vector[int64](-big, big, least, 0)}, []int64{-1, 1, -1, 0}},
		{"Sign", []*tensor.Tensor{vector[uint64](math.MaxUint64, 0)}, []uint64{1, 0}},
		{"Sign", []*tensor.Tensor{vector[uint8](200, 0)}, []uint8{1, 0}},
		{"Relu", []*tensor.Tensor{vector[int64](-big, big, 0)}, []int64{0, big, 0}},
		{"Relu", []*tensor.Tensor{vector[int32](-7, 7)}, []int32{0, 7}},
		{"Clip", []*tensor.Tensor{vector[int64](-big, big), tensor.Scalar(-big + 1), tensor.Scalar(big - 2)}, []int64{-big + 1, big - 2}},
		{"Add", []*tensor.Tensor{vector(big), vector[int64](1)}, []int64{big + 1}},
		{"Mul", []*tensor.Tensor{vector(int64(1)<<40 + 1), vector(int64(3))}, []int64{3<<40 + 3}},
		{"Max", []*tensor.Tensor{vector(big), vector(big - 1)}, []int64{big}},
		{"Pow", []*tensor.Tensor{vector(big, 3, -3, 2, 0), vector[int64](1, 39, 3, -1, 0)}, []int64{big, 4052555153018976267, -27, 0, 1}},
		{"Pow", []*tensor.Tensor{vector[int32](4, 2, 5), vector[float32](0.5, 3, -1)}, []int32{2, 8, 0}},
		{"Pow", []*tensor.Tensor{vector[uint8](15, 17), vector[uint8](2, 2)}, []uint8{225, 33}},
	} {
		o, err := inferNode(c.name, MaxOpset, nil, 1, c.in...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		out, err := o.Eval(c.in, 1)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if !reflect.DeepEqual(out[0].Data, c.want) {
			t.Errorf("%s of %v: got %v, want %v", c.name, c.in[0].Data, out[0].Data, c.want)
		}
	}
}

// TestUnaryTypes: an element type that ONNX does not allow is refused.
func TestUnaryTypes(t *testing.T) {
	for _, c := range []struct {
		name  string
		opset int
		in    tensor.DType
		ok    bool
	}{
		{"Abs", 13, tensor.Uint8, true},
		{"Abs", 13, tensor.Bool, false},
		{"Neg", 13, tensor.Int8, true},
		{"Neg", 13, tensor.Uint8, false},
		{"Neg", 13, tensor.Uint64, false},
		{"Sign", 13, tensor.Uint64, true},
		{"Relu", 13, tensor.Int32, false},
		{"Relu", 14, tensor.Int32, true},
		{"Relu", 14, tensor.Uint8, false},
		{"Floor", 13, tensor.Int32, false},
		{"Sqrt", 13, tensor.Int64, false},
		{"Clip", 11, tensor.Int64, false},
		{"Clip", 12, tensor.Int64, true},
	} {
		x, err := tensor.Make(c.in, 2)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := inferNode(c.name, c.opset, nil, 1, x); (err == nil) != c.ok {
			t.Errorf("%s-%d of %v: %v", c.name, c.opset, c.in, err)
		}
	}
}

// TestDropoutMask: the mask keeps everything; it is bool from operator set 10
// on, and of the input's type before.
func TestDropoutMask(t *testing.T) {
	x := f32(3, 4)
	for opset, want := range map[int]any{7: []float32{1, 1}, 9: []float32{1, 1}, 10: []bool{true, true}, 13: []bool{true, true}} {
		o, err := inferNode("Dropout", opset, nil, 2, x)
		if err != nil {
			t.Fatal(err)
		}
		if err := try(t, "Dropout", o, infosOf([]*tensor.Tensor{x}), 2); err != nil {
			t.Error(err)
		}
		out, err := o.Eval([]*tensor.Tensor{x}, 2)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(out[1].Data, want) {
			t.Errorf("Dropout-%d: mask %v, want %v", opset, out[1].Data, want)
		}
	}
}
