package op

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/tensor"
)

// evalNode builds a node and evaluates it.
func evalNode(t *testing.T, name string, opset int, a attrs, outputs int, in ...*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	o, err := inferNode(name, opset, a, outputs, in...)
	if err != nil {
		t.Fatalf("%s %v %s: %v", name, a, describe(in), err)
	}
	out, err := o.Eval(in, outputs)
	if err != nil {
		t.Fatalf("%s %v %s: %v", name, a, describe(in), err)
	}
	return out
}

func show(t *tensor.Tensor) string { return fmt.Sprint(t.DType(), t.Shape, t.Data) }

// TestValues has expectations by hand.
func TestValues(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	m := tensor.New([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	for _, c := range []struct {
		name  string
		opset int
		attr  attrs
		in    []*tensor.Tensor
		want  string
	}{
		{"Cast", 13, attrs{"to": int64(tensor.Int8)}, []*tensor.Tensor{f32(1.9, -1.9, nan, inf, -inf, 200)}, "int8 [6] [1 -1 0 127 -128 127]"},
		{"Cast", 13, attrs{"to": int64(tensor.Uint8)}, []*tensor.Tensor{f32(-1, 255.9, 256)}, "uint8 [3] [0 255 255]"},
		{"Cast", 13, attrs{"to": int64(tensor.Int64)}, []*tensor.Tensor{f32(9.3e18, -9.3e18)}, "int64 [2] [9223372036854775807 -9223372036854775808]"},
		{"Cast", 13, attrs{"to": int64(tensor.Uint8)}, []*tensor.Tensor{i64(-1, 257)}, "uint8 [2] [255 1]"},
		{"Cast", 13, attrs{"to": int64(tensor.Bool)}, []*tensor.Tensor{f32(0, nan, 0.5)}, "bool [3] [false true true]"},
		{"Cast", 13, attrs{"to": int64(tensor.Float32)}, []*tensor.Tensor{tensor.New([]bool{true, false}, 2)}, "float32 [2] [1 0]"},
		{"Cast", 13, attrs{"to": int64(tensor.Float16)}, []*tensor.Tensor{f32(1, 65520)}, "float16 [2] [15360 31744]"},
		{"Slice", 13, nil, []*tensor.Tensor{i64(0, 1, 2, 3, 4), i64(math.MaxInt64), i64(math.MinInt64), i64(0), i64(-2)}, "int64 [3] [4 2 0]"},
		{"Slice", 13, nil, []*tensor.Tensor{i64(0, 1, 2, 3, 4), i64(-2), i64(math.MaxInt64)}, "int64 [2] [3 4]"},
		{"Slice", 13, nil, []*tensor.Tensor{i64(0, 1, 2, 3, 4), i64(3), i64(1)}, "int64 [0] []"},
		{"Pad", 13, attrs{"mode": "reflect"}, []*tensor.Tensor{i64(0, 1, 2), i64(5, 4)}, "int64 [12] [1 0 1 2 1 0 1 2 1 0 1 2]"},
		{"Pad", 19, attrs{"mode": "wrap"}, []*tensor.Tensor{i64(0, 1, 2), i64(2, 4)}, "int64 [9] [1 2 0 1 2 0 1 2 0]"},
		{"Pad", 13, attrs{"mode": "edge"}, []*tensor.Tensor{i64(0, 1, 2), i64(-1, 2)}, "int64 [4] [1 2 2 2]"},
		{"Pad", 13, nil, []*tensor.Tensor{i64(0, 1, 2), i64(-1, 1), i64(9)}, "int64 [3] [1 2 9]"},
		{"Pad", 10, attrs{"pads": []int64{1, -2}, "value": float32(7)}, []*tensor.Tensor{f32(0, 1, 2)}, "float32 [2] [7 0]"},
		{"Shape", 15, attrs{"start": int64(-2)}, []*tensor.Tensor{tensor.Zeros[float32](2, 0, 4)}, "int64 [2] [0 4]"},
		{"Size", 13, nil, []*tensor.Tensor{tensor.Zeros[float32](2, 3, 4)}, "int64 [] [24]"},
		{"Gather", 13, attrs{"axis": int64(1)}, []*tensor.Tensor{m, i64(-1, 0)}, "float32 [2 2] [3 1 6 4]"},
		{"Gather", 13, nil, []*tensor.Tensor{m, tensor.Scalar(int64(1))}, "float32 [3] [4 5 6]"},
		{"Split", 18, attrs{"num_outputs": int64(1)}, []*tensor.Tensor{i64(1, 2)}, "int64 [2] [1 2]"},
		{"Add", 6, attrs{"broadcast": int64(1), "axis": int64(0)}, []*tensor.Tensor{m, f32(10, 20)}, "float32 [2 3] [11 12 13 24 25 26]"},
		{"Sub", 1, attrs{"broadcast": int64(1), "consumed_inputs": []int64{0, 0}}, []*tensor.Tensor{m, f32(1, 2, 3)}, "float32 [2 3] [0 0 0 3 3 3]"},
		{"Greater", 6, attrs{"broadcast": int64(1), "axis": int64(-2)}, []*tensor.Tensor{m, f32(1, 4)}, "bool [2 3] [false true true false true true]"},
		{"PRelu", 6, nil, []*tensor.Tensor{tensor.New([]float32{-1, -1, -1, -1}, 1, 2, 2), f32(2, 3)}, "float32 [1 2 2] [-2 -2 -3 -3]"},
		{"Reshape", 1, attrs{"shape": []int64{3, -1}}, []*tensor.Tensor{m}, "float32 [3 2] [1 2 3 4 5 6]"},
		{"Tile", 1, nil, []*tensor.Tensor{m, f32(2), f32(1)}, "float32 [2 6] [1 2 3 1 2 3 4 5 6 4 5 6]"},
		{"Cast", 1, attrs{"to": "INT32"}, []*tensor.Tensor{f32(1.5, -1.5)}, "int32 [2] [1 -1]"},
		{"Concat", 1, nil, []*tensor.Tensor{m, m}, "float32 [2 6] [1 2 3 1 2 3 4 5 6 4 5 6]"},
		{"Pad", 1, attrs{"paddings": []int64{0, 1, 0, 0}}, []*tensor.Tensor{m}, "float32 [2 4] [0 1 2 3 0 4 5 6]"},
		{"Upsample", 1, attrs{"height_scale": float32(1), "width_scale": float32(2), "mode": "nearest"}, []*tensor.Tensor{tensor.New([]float32{1, 2}, 1, 1, 1, 2)}, "float32 [1 1 1 4] [1 1 2 2]"},
		{"ImageScaler", 1, attrs{"scale": float32(2), "bias": []float32{1}}, []*tensor.Tensor{tensor.New([]float32{1, 2}, 1, 1, 1, 2)}, "float32 [1 1 1 2] [3 5]"},
		{"Dropout", 1, attrs{"is_test": int64(0), "ratio": float32(.5)}, []*tensor.Tensor{m}, "float32 [2 3] [1 2 3 4 5 6]"},
		{"Dropout", 13, nil, []*tensor.Tensor{m, tensor.Scalar(float32(.5)), tensor.Scalar(true)}, "float32 [2 3] [1 2 3 4 5 6]"},
		{"CumProd", 26, nil, []*tensor.Tensor{m, tensor.Scalar(int64(1))}, "float32 [2 3] [1 2 6 4 20 120]"},
		{"BitCast", 26, attrs{"to": int64(tensor.Int32)}, []*tensor.Tensor{f32(1, -2)}, "int32 [2] [1065353216 -1073741824]"},
		{"Range", 13, nil, []*tensor.Tensor{i64(5), i64(0), i64(-2)}, "int64 [3] [5 3 1]"},
		{"Range", 13, nil, []*tensor.Tensor{f32(0), f32(1), f32(0.25)}, "float32 [4] [0 0.25 0.5 0.75]"},
		{"TopK", 11, nil, []*tensor.Tensor{f32(2, nan, 3, 2, 3), i64(4)}, "float32 [4] [NaN 3 3 2]"},
		{"TopK", 11, attrs{"largest": int64(0)}, []*tensor.Tensor{f32(2, nan, 3, 2, 3), i64(5)}, "float32 [5] [2 2 3 3 NaN]"},
		{"ArgMax", 12, nil, []*tensor.Tensor{f32(1, nan, inf, nan)}, "int64 [1] [1]"},
		{"ArgMin", 12, nil, []*tensor.Tensor{f32(-inf, nan, 1, nan)}, "int64 [1] [1]"},
		{"ArgMin", 12, attrs{"select_last_index": int64(1)}, []*tensor.Tensor{f32(nan, 0, nan, 1)}, "int64 [1] [2]"},
		{"ReduceMax", 18, nil, []*tensor.Tensor{f32(inf, nan)}, "float32 [1] [NaN]"},
		{"ReduceMin", 18, nil, []*tensor.Tensor{f32(nan, -inf)}, "float32 [1] [NaN]"},
		{"ReduceLogSumExp", 18, nil, []*tensor.Tensor{f32(inf, nan)}, "float32 [1] [NaN]"},
		{"Max", 13, nil, []*tensor.Tensor{f32(inf, nan), f32(nan, 1)}, "float32 [2] [NaN NaN]"},
		{"Relu", 13, nil, []*tensor.Tensor{f32(nan, -1)}, "float32 [2] [NaN 0]"},
		{"Clip", 13, nil, []*tensor.Tensor{f32(nan, -1), tensor.Scalar(float32(0)), tensor.Scalar(float32(1))}, "float32 [2] [NaN 0]"},
		{"GlobalMaxPool", 13, nil, []*tensor.Tensor{tensor.New([]float32{inf, nan, 1}, 1, 1, 3)}, "float32 [1 1 1] [NaN]"},
		{"MaxPool", 12, attrs{"kernel_shape": []int64{2}, "pads": []int64{1, 1}}, []*tensor.Tensor{tensor.New([]float32{inf, nan, 1, -inf}, 1, 1, 4)}, "float32 [1 1 5] [+Inf NaN NaN 1 -Inf]"},
		{"ArgMax", 12, attrs{"keepdims": int64(0)}, []*tensor.Tensor{f32(1, 3, 3)}, "int64 [] [1]"},
		{"ArgMax", 12, attrs{"select_last_index": int64(1)}, []*tensor.Tensor{f32(1, 3, 3)}, "int64 [1] [2]"},
		{"ArgMin", 12, attrs{"axis": int64(-1)}, []*tensor.Tensor{m}, "int64 [2 1] [0 0]"},
		{"CumSum", 14, attrs{"exclusive": int64(1), "reverse": int64(1)}, []*tensor.Tensor{m, tensor.Scalar(int64(1))}, "float32 [2 3] [5 3 0 11 6 0]"},
		{"OneHot", 11, nil, []*tensor.Tensor{i64(1, -1, 7), i64(3), i64(5, 9)}, "int64 [3 3] [5 9 5 5 5 9 5 5 5]"},
		{"NonZero", 13, nil, []*tensor.Tensor{tensor.New([]float32{0, 1, 2, 0}, 2, 2)}, "int64 [2 2] [0 1 1 0]"},
		{"Where", 13, nil, []*tensor.Tensor{tensor.New([]bool{true, false}, 2, 1), i64(1, 2), tensor.Scalar(int64(0))}, "int64 [2 2] [1 2 0 0]"},
		{"Trilu", 14, attrs{"upper": int64(0)}, []*tensor.Tensor{m, tensor.Scalar(int64(1))}, "float32 [2 3] [1 2 0 4 5 6]"},
		{"ScatterElements", 18, attrs{"reduction": "add"}, []*tensor.Tensor{f32(1, 2, 3), i64(1, -2), f32(10, 20)}, "float32 [3] [1 32 3]"},
		{"ScatterND", 18, attrs{"reduction": "max"}, []*tensor.Tensor{f32(1, 2, 3), tensor.New([]int64{0, 0}, 2, 1), f32(5, 4)}, "float32 [3] [5 2 3]"},
		{"GatherND", 12, attrs{"batch_dims": int64(1)}, []*tensor.Tensor{m, tensor.New([]int64{2, 0}, 2, 1)}, "float32 [2] [3 4]"},
		{"Equal", 13, nil, []*tensor.Tensor{f32(1, nan), f32(1, nan)}, "bool [2] [true false]"},
		{"LessOrEqual", 16, nil, []*tensor.Tensor{i64(1, 2, 3), i64(2)}, "bool [3] [true true false]"},
		{"Xor", 13, nil, []*tensor.Tensor{tensor.New([]bool{true, false}, 2), tensor.Scalar(true)}, "bool [2] [false true]"},
		{"DepthToSpace", 11, attrs{"blocksize": int64(2), "mode": "CRD"}, []*tensor.Tensor{tensor.New([]float32{0, 1, 2, 3, 4, 5, 6, 7}, 1, 8, 1, 1)}, "float32 [1 2 2 2] [0 1 2 3 4 5 6 7]"},
		{"DepthToSpace", 11, attrs{"blocksize": int64(2)}, []*tensor.Tensor{tensor.New([]float32{0, 1, 2, 3, 4, 5, 6, 7}, 1, 8, 1, 1)}, "float32 [1 2 2 2] [0 2 4 6 1 3 5 7]"},
		{"ReduceMean", 18, attrs{"keepdims": int64(0)}, []*tensor.Tensor{m, i64(-1)}, "float32 [2] [2 5]"},
		{"ReduceMax", 18, nil, []*tensor.Tensor{tensor.Zeros[float32](2, 0), i64(1)}, "float32 [2 1] [-Inf -Inf]"},
		{"ReduceMin", 18, nil, []*tensor.Tensor{tensor.Zeros[int32](2, 0), i64(1)}, "int32 [2 1] [2147483647 2147483647]"},
		{"ReduceProd", 18, nil, []*tensor.Tensor{tensor.Zeros[float32](0)}, "float32 [1] [1]"},
		{"ReduceLogSumExp", 18, nil, []*tensor.Tensor{f32(1000, 1000)}, "float32 [1] [1000.6932]"},
		{"ReduceL2", 13, attrs{"axes": []int64{0}}, []*tensor.Tensor{f32(3, 4)}, "float32 [1] [5]"},
		{"ReduceSumSquare", 18, attrs{"noop_with_empty_axes": int64(1)}, []*tensor.Tensor{f32(3, 4)}, "float32 [2] [9 16]"},
		{"QuantizeLinear", 13, nil, []*tensor.Tensor{f32(0.5, 1.5, -9, 9e9, nan), tensor.Scalar(float32(1)), tensor.Scalar(uint8(3))}, "uint8 [5] [3 5 0 255 0]"},
		{"LpNormalization", 13, attrs{"p": int64(1)}, []*tensor.Tensor{tensor.New([]float32{1, -3, 0, 0}, 2, 2)}, "float32 [2 2] [0.25 -0.75 0 0]"},
	} {
		if got := show(evalNode(t, c.name, c.opset, c.attr, 1, c.in...)[0]); got != c.want {
			t.Errorf("%s-%d %v %s: got %s, want %s", c.name, c.opset, c.attr, describe(c.in), got, c.want)
		}
	}
}

// TestSliceEqualsWalk compares Slice with a walk from start to end, step by
// step, over random bounds.
func TestSliceEqualsWalk(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 2000 {
		n := rng.IntN(7)
		x := make([]int64, n)
		for i := range x {
			x[i] = int64(i)
		}
		start, end, step := rng.IntN(21)-10, rng.IntN(21)-10, rng.IntN(9)-4
		if step == 0 {
			continue
		}
		want := []int64{}
		i, stop := start, end
		if i < 0 {
			i += n
		}
		if stop < 0 {
			stop += n
		}
		if step > 0 {
			for i = max(i, 0); i < min(stop, n); i += step {
				want = append(want, int64(i))
			}
		} else if n > 0 {
			for i = max(min(i, n-1), 0); i > max(stop, -1); i += step {
				if i < 0 {
					break
				}
				want = append(want, int64(i))
			}
		}
		got := evalNode(t, "Slice", 13, nil, 1, i64(x...), i64(int64(start)), i64(int64(end)), i64(0), i64(int64(step)))
		if !slices.Equal(got[0].Data.([]int64), want) {
			t.Fatalf("[%d:%d:%d] of %d: got %v, want %v", start, end, step, n, got[0].Data, want)
		}
	}
}

// TestInverses: Split then Concat, Transpose twice and space-to-depth-to-space
// give the input back.
func TestInverses(t *testing.T) {
	d := make([]float32, 2*4*6*4)
	for i := range d {
		d[i] = float32(i)
	}
	x := tensor.New(d, 2, 4, 6, 4)
	for axis := range int64(4) {
		parts := evalNode(t, "Split", 18, attrs{"axis": axis, "num_outputs": int64(2)}, 2, x)
		if y := evalNode(t, "Concat", 13, attrs{"axis": axis - 4}, 1, parts...)[0]; show(y) != show(x) {
			t.Errorf("axis %d: Concat of Split differs", axis)
		}
	}
	perm := attrs{"perm": []int64{2, 0, 3, 1}}
	y := evalNode(t, "Transpose", 13, attrs{"perm": []int64{1, 3, 0, 2}}, 1, evalNode(t, "Transpose", 13, perm, 1, x)...)[0]
	if show(y) != show(x) {
		t.Error("Transpose and its inverse differ")
	}
	block := attrs{"blocksize": int64(2)}
	y = evalNode(t, "DepthToSpace", 13, block, 1, evalNode(t, "SpaceToDepth", 13, block, 1, x)...)[0]
	if show(y) != show(x) {
		t.Error("DepthToSpace of SpaceToDepth differs")
	}
}

// TestNonMaxSuppression: huge, empty and NaN boxes suppress nothing.
func TestNonMaxSuppression(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	boxes := tensor.New([]float32{
		0, 0, 1, 1, // best
		0, 0.1, 1, 1.1, // overlaps it
		0, 2, 1, 3,
		3, 3, 3, 3,
		nan, 0, 1, 1,
		-3e38, -3e38, 3e38, 3e38,
		-inf, -inf, inf, inf,
	}, 1, 7, 4)
	scores := tensor.New([]float32{0.9, 0.8, 0.7, 0.6, 0.5, 0.4, nan}, 1, 1, 7)
	got := evalNode(t, "NonMaxSuppression", 11, nil, 1, boxes, scores, i64(10), f32(0.5), f32(0.3))[0]
	if want := "int64 [5 3] [0 0 0 0 0 2 0 0 3 0 0 4 0 0 5]"; show(got) != want {
		t.Errorf("got %s, want %s", show(got), want)
	}
	got = evalNode(t, "NonMaxSuppression", 11, nil, 1, boxes, scores)[0]
	if want := "int64 [0 3] []"; show(got) != want {
		t.Errorf("without a limit: got %s, want %s", show(got), want)
	}
}
