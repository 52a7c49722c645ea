package op

import (
	"math"
	"strings"
	"testing"

	"krypton/internal/tensor"
)

type attrs = map[string]any

func i64(v ...int64) *tensor.Tensor { return tensor.New(append([]int64{}, v...), len(v)) }

func f32(v ...float32) *tensor.Tensor { return tensor.New(append([]float32{}, v...), len(v)) }

// inferNode builds and infers a node with all inputs constant.
func inferNode(name string, opset int, a attrs, outputs int, in ...*tensor.Tensor) (Operator, error) {
	d, err := Lookup(name, opset)
	if err != nil {
		return nil, err
	}
	o, err := d.New(&Node{Type: name, Opset: opset, Inputs: len(in), Outputs: outputs, Attr: NewAttributes(a)})
	if err != nil {
		return nil, err
	}
	_, err = o.Infer(infosOf(in), outputs)
	return o, err
}

// TestRefusals: wrong and hostile nodes are refused by the shape rule, before
// anything is allocated, with an error that says what is wrong.
func TestRefusals(t *testing.T) {
	x := tensor.Zeros[float32](2, 3, 4, 4)
	far, near := int64(math.MaxInt64), int64(math.MinInt64)
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		name  string
		opset int
		attr  attrs
		in    []*tensor.Tensor
		want  string
	}{
		{"Reshape", 13, nil, []*tensor.Tensor{x, i64(-1, -1)}, "more than one -1"},
		{"Reshape", 13, nil, []*tensor.Tensor{x, i64(5, 5)}, "cannot be reshaped"},
		{"Reshape", 13, nil, []*tensor.Tensor{x, i64(-1, 7)}, "cannot be reshaped"},
		{"Reshape", 13, nil, []*tensor.Tensor{x, i64(2, 3, 4, 4, 0)}, "does not have"},
		{"Reshape", 13, nil, []*tensor.Tensor{x, i64(1<<40, 1<<40)}, "out of range"},
		{"Reshape", 13, nil, []*tensor.Tensor{x, i64(near)}, "below -1"},
		{"Reshape", 14, attrs{"allowzero": int64(1)}, []*tensor.Tensor{tensor.Zeros[float32](0, 2), i64(0, -1)}, "both -1"},
		{"Reshape", 13, nil, []*tensor.Tensor{x, nil}, "missing"},
		{"Slice", 13, nil, []*tensor.Tensor{x, i64(0), i64(2), i64(1), i64(0)}, "step of axis 1 is 0"},
		{"Slice", 13, nil, []*tensor.Tensor{x, i64(0), i64(2), i64(4)}, "axis 4 is out of range"},
		{"Slice", 13, nil, []*tensor.Tensor{x, i64(0, 0), i64(2, 2), i64(1, -3)}, "twice"},
		{"Slice", 13, nil, []*tensor.Tensor{x, i64(0, 0, 0, 0, 0), i64(2, 2, 2, 2, 2)}, "do not agree"},
		{"Slice", 9, attrs{"starts": []int64{0}}, []*tensor.Tensor{x}, `"ends" is missing`},
		{"Gather", 13, attrs{"axis": int64(1)}, []*tensor.Tensor{x, i64(3)}, "out of range"},
		{"Gather", 13, attrs{"axis": int64(1)}, []*tensor.Tensor{x, i64(near)}, "out of range"},
		{"Gather", 13, attrs{"axis": int64(4)}, []*tensor.Tensor{x, i64(0)}, "axis 4"},
		{"Gather", 13, nil, []*tensor.Tensor{x, f32(0)}, "float32"},
		{"Split", 13, nil, []*tensor.Tensor{x, i64(1)}, "sums to 1"},
		{"Split", 13, nil, []*tensor.Tensor{x, i64(3)}, "does not fit"},
		{"Split", 13, nil, []*tensor.Tensor{x, i64(1, 1)}, "for 1 outputs"},
		{"Split", 11, attrs{"split": []int64{far}}, []*tensor.Tensor{x}, "does not fit"},
		{"Split", 18, attrs{"num_outputs": int64(0)}, []*tensor.Tensor{x}, "num_outputs"},
		{"Concat", 13, attrs{"axis": int64(4)}, []*tensor.Tensor{x, x}, "axis 4"},
		{"Concat", 13, nil, []*tensor.Tensor{x, x}, `"axis" is missing`},
		{"Concat", 13, attrs{"axis": int64(1)}, []*tensor.Tensor{x, f32(1)}, "ranks differ"},
		{"Concat", 13, attrs{"axis": int64(1)}, []*tensor.Tensor{x, i64(1)}, "int64"},
		{"Transpose", 13, attrs{"perm": []int64{0, 1, 1, 2}}, []*tensor.Tensor{x}, "not a permutation"},
		{"Transpose", 13, attrs{"perm": []int64{0, 1}}, []*tensor.Tensor{x}, "rank 4"},
		{"Squeeze", 13, nil, []*tensor.Tensor{x, i64(1)}, "is not 1"},
		{"Squeeze", 11, attrs{"axes": []int64{7}}, []*tensor.Tensor{x}, "axis 7"},
		{"Unsqueeze", 13, nil, []*tensor.Tensor{x, i64(1, 1)}, "twice"},
		{"Unsqueeze", 11, nil, []*tensor.Tensor{x}, `"axes" is missing`},
		{"Resize", 13, nil, []*tensor.Tensor{x, nil, f32(1, 1, 0, 1)}, "scale 0"},
		{"Resize", 13, nil, []*tensor.Tensor{x, nil, f32(1, 1, -2, 1)}, "scale -2"},
		{"Resize", 13, nil, []*tensor.Tensor{x, nil, f32(1, 1, nan, 1)}, "scale NaN"},
		{"Resize", 13, nil, []*tensor.Tensor{x, nil, f32(1, 1, inf, 1)}, "scale +Inf"},
		{"Resize", 13, nil, []*tensor.Tensor{x, nil, f32(1, 1, 1e9, 1)}, "out of range"},
		{"Resize", 13, nil, []*tensor.Tensor{x, nil, f32(1, 1, 1e5, 1e5)}, "out of range"},
		{"Resize", 13, nil, []*tensor.Tensor{x, nil, nil, i64(1, 1, 0, 1)}, "size 0"},
		{"Resize", 13, nil, []*tensor.Tensor{x, nil, nil, i64(2, 3, far, 1)}, "out of range"},
		{"Resize", 13, nil, []*tensor.Tensor{x, nil, f32(1, 1, 2, 2), i64(2, 3, 8, 8)}, "either"},
		{"Resize", 13, nil, []*tensor.Tensor{x}, "either"},
		{"Resize", 13, nil, []*tensor.Tensor{x, nil, f32(2, 2)}, "for 4 axes"},
		{"Resize", 13, attrs{"coordinate_transformation_mode": "tf_crop_and_resize"}, []*tensor.Tensor{x, nil, f32(1, 1, 2, 2)}, "roi"},
		{"Resize", 13, attrs{"coordinate_transformation_mode": "tf_crop_and_resize"}, []*tensor.Tensor{x, f32(0, 0, 0, nan, 1, 1, 1, 1), f32(1, 1, 2, 2)}, "roi"},
		{"Resize", 13, attrs{"mode": "linear"}, []*tensor.Tensor{tensor.Zeros[int32](1, 1, 2), nil, f32(1, 1, 2)}, "int32"},
		{"Resize", 18, attrs{"axes": []int64{2, 2}}, []*tensor.Tensor{x, nil, f32(1, 1)}, "twice"},
		{"Upsample", 9, nil, []*tensor.Tensor{x, f32(1, 1, 0.5, 1)}, "at least 1"},
		{"Tile", 13, nil, []*tensor.Tensor{x, i64(1, 1, 1e6, 1e6)}, "out of range"},
		{"Tile", 13, nil, []*tensor.Tensor{x, i64(1, 1, far, 1)}, "out of range"},
		{"Tile", 13, nil, []*tensor.Tensor{x, i64(1, 1, -1, 1)}, "out of range"},
		{"Expand", 13, nil, []*tensor.Tensor{f32(1), i64(1e6, 1e6)}, "out of range"},
		{"Expand", 13, nil, []*tensor.Tensor{f32(1), i64(-1)}, "out of range"},
		{"Expand", 13, nil, []*tensor.Tensor{f32(1, 2), i64(3)}, "do not broadcast"},
		{"ConstantOfShape", 13, nil, []*tensor.Tensor{i64(1e6, 1e6)}, "out of range"},
		{"ConstantOfShape", 13, nil, []*tensor.Tensor{i64(0, far)}, "out of range"},
		{"ConstantOfShape", 13, attrs{"value": f32(1, 2)}, []*tensor.Tensor{i64(1)}, "want one"},
		{"Range", 13, nil, []*tensor.Tensor{i64(0), i64(1e12), i64(1)}, "out of range"},
		{"Range", 13, nil, []*tensor.Tensor{i64(near), i64(far), i64(1)}, "out of range"},
		{"Range", 13, nil, []*tensor.Tensor{i64(0), i64(5), i64(0)}, "by 0"},
		{"Range", 13, nil, []*tensor.Tensor{f32(0), f32(5), f32(0)}, "by 0"},
		{"Range", 13, nil, []*tensor.Tensor{f32(0), f32(nan), f32(1)}, "NaN"},
		{"Range", 13, nil, []*tensor.Tensor{f32(0), f32(1), f32(1e-12)}, "out of range"},
		{"Pad", 13, nil, []*tensor.Tensor{x, i64(0, 0, 0, 1e12, 0, 0, 0, 0)}, "out of range"},
		{"Pad", 13, nil, []*tensor.Tensor{x, i64(0, 0, 1e6, 0, 0, 0, 0, 1e6)}, "out of range"},
		{"Pad", 13, nil, []*tensor.Tensor{x, i64(0, 0, near, 0, 0, 0, 0, 0)}, "out of range"},
		{"Pad", 13, nil, []*tensor.Tensor{x, i64(0, 0, -5, 0, 0, 0, 0, 0)}, "remove more"},
		{"Pad", 13, nil, []*tensor.Tensor{x, i64(1, 1)}, "4 axes"},
		{"Pad", 13, attrs{"mode": "wrap"}, []*tensor.Tensor{x, i64(0, 0, 0, 0, 0, 0, 0, 0)}, `"mode"`},
		{"Pad", 13, attrs{"mode": "edge"}, []*tensor.Tensor{tensor.Zeros[float32](0), i64(1, 1)}, "nothing to copy"},
		{"Pad", 13, nil, []*tensor.Tensor{x, i64(0, 0, 0, 0, 0, 0, 0, 0), i64(1)}, "int64"},
		{"TopK", 11, nil, []*tensor.Tensor{x, i64(5)}, "k is 5"},
		{"TopK", 11, nil, []*tensor.Tensor{x, i64(-1)}, "k is -1"},
		{"TopK", 9, nil, []*tensor.Tensor{x}, `"k" is missing`},
		{"OneHot", 11, nil, []*tensor.Tensor{i64(1), i64(1e12), f32(0, 1)}, "depth"},
		{"OneHot", 11, nil, []*tensor.Tensor{i64(1), i64(3), f32(0, 1, 2)}, "want [2]"},
		{"Cast", 13, attrs{"to": int64(17)}, []*tensor.Tensor{x}, "float8e4m3fn"},
		{"Cast", 13, attrs{"to": int64(8)}, []*tensor.Tensor{x}, "string"},
		{"Constant", 13, nil, nil, "want one"},
		{"Constant", 13, attrs{"value_int": int64(1), "value_float": float32(1)}, nil, "want one"},
		{"ReduceSum", 13, nil, []*tensor.Tensor{x, i64(4)}, "axis 4"},
		{"ReduceMean", 13, attrs{"axes": []int64{1, 1}}, []*tensor.Tensor{x}, "twice"},
		{"ReduceMean", 13, nil, []*tensor.Tensor{tensor.Zeros[bool](2)}, "bool"},
		{"ArgMax", 13, nil, []*tensor.Tensor{tensor.Zeros[float32](0, 2)}, "empty"},
		{"NonMaxSuppression", 11, nil, []*tensor.Tensor{tensor.Zeros[float32](1, 2, 5), tensor.Zeros[float32](1, 1, 2)}, "[b, n, 4]"},
		{"NonMaxSuppression", 11, nil, []*tensor.Tensor{tensor.Zeros[float32](1, 2, 4), tensor.Zeros[float32](1, 1, 3)}, "[b, n, 4]"},
		{"DepthToSpace", 11, attrs{"blocksize": int64(2)}, []*tensor.Tensor{x}, "divisible by 4"},
		{"DepthToSpace", 11, nil, []*tensor.Tensor{x}, `"blocksize"`},
		{"SpaceToDepth", 11, attrs{"blocksize": int64(3)}, []*tensor.Tensor{x}, "divisible by 3"},
		{"Where", 11, nil, []*tensor.Tensor{x, x, x}, "condition"},
		{"And", 11, nil, []*tensor.Tensor{x, x}, "float32"},
		{"Equal", 11, nil, []*tensor.Tensor{x, i64(1)}, "int64"},
		{"ScatterND", 11, nil, []*tensor.Tensor{x, tensor.Zeros[int64](1, 0), x}, "do not fit"},
		{"GatherND", 11, nil, []*tensor.Tensor{x, tensor.Zeros[int64](1, 5)}, "do not fit"},
	} {
		_, err := inferNode(c.name, c.opset, c.attr, 1, c.in...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s-%d %v %s: got error %v, want one with %q", c.name, c.opset, c.attr, describe(c.in), err, c.want)
		}
	}
}

// TestNotConstant: a shape that is known only at run time is refused by name.
func TestNotConstant(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"Reshape", "shape"}, {"Expand", "shape"}, {"Tile", "repeats"}, {"Slice", "starts"}, {"Pad", "pads"}, {"ReduceMean", "axes"}, {"Unsqueeze", "axes"}, {"TopK", "k"},
	} {
		d, err := Lookup(c.name, 18)
		if err != nil {
			t.Fatal(err)
		}
		o, err := d.New(&Node{Type: c.name, Opset: 18, Attr: NewAttributes(nil)})
		if err != nil {
			t.Fatal(err)
		}
		in := []*Info{{Type: tensor.Float32, Shape: []int{2, 3}}, {Type: tensor.Int64, Shape: []int{2}}}
		if _, err := o.Infer(in, 1); err == nil || !strings.Contains(err.Error(), "("+c.want+") must be a constant") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
