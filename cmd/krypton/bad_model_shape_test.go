package main

import (
	"fmt"
	"math"
	"testing"

	"krypton/internal/onnxwrite"
)

// badAttributes are the rows M16 and M17: windows that cannot be.
func badAttributes() []badInput {
	var rows []badInput
	for _, c := range []struct {
		name string
		a    onnxwrite.Attribute
		says string
	}{
		{"kernel-zero", onnxwrite.Ints("kernel_shape", 0, 0), `"kernel_shape" is [0 0]`}, {"kernel-negative", onnxwrite.Ints("kernel_shape", -3, 3), `"kernel_shape" is [-3 3]`},
		{"kernel-of-three", onnxwrite.Ints("kernel_shape", 3, 3, 3), "kernel_shape"}, {"kernel-not-the-weight's", onnxwrite.Ints("kernel_shape", 5, 5), "kernel_shape"},
		{"stride-zero", onnxwrite.Ints("strides", 0, 1), `"strides" is [0 1]`}, {"stride-negative", onnxwrite.Ints("strides", -1, 1), `"strides" is [-1 1]`},
		{"stride-2^63-1", onnxwrite.Ints("strides", math.MaxInt64, 1), `"strides"`}, {"dilation-zero", onnxwrite.Ints("dilations", 0, 0), `"dilations" is [0 0]`},
		{"dilation-2^63-1", onnxwrite.Ints("dilations", math.MaxInt64, 1), `"dilations"`}, {"dilation-beyond-input", onnxwrite.Ints("dilations", 1000, 1), "larger than the padded input"},
		{"pads-negative", onnxwrite.Ints("pads", -9, 0, 0, 0), `"pads" is [-9 0 0 0]`}, {"pads-huge", onnxwrite.Ints("pads", 1e9, 1e9, 1e9, 1e9), `"pads"`}, {"pads-of-three", onnxwrite.Ints("pads", 1, 1, 1), "pads"},
		{"group-two", onnxwrite.Int("group", 2), "group 2"}, {"group-zero", onnxwrite.Int("group", 0), `"group" is 0`}, {"group-negative", onnxwrite.Int("group", -1), `"group" is -1`},
		{"auto-pad", onnxwrite.String("auto_pad", "SAME_LOWR"), "SAME_LOWR"}, {"strides-of-another-type", onnxwrite.String("strides", "2"), "strides"},
	} {
		rows = append(rows, looked("M16/"+c.name, convWith(c.a), exitData, `node "first" (Conv, operator set 13)`), looked("M16/"+c.name+"-why", convWith(c.a), exitData, c.says))
	}
	rows = append(rows,
		looked("M16/weight-rank", weight(func(w *onnxwrite.Tensor) { w.Dims = []int64{4, 27} }), exitData, "weight [4 27]"),
		looked("M16/weight-channels", weight(func(w *onnxwrite.Tensor) { w.Dims = []int64{3, 4, 3, 3} }), exitData, "do not fit"),
		looked("M16/weight-empty", weight(func(w *onnxwrite.Tensor) { w.Dims, w.RawData = []int64{0, 3, 3, 3}, []byte{} }), exitData, "no channels"),
		mapped("M16/weight-empty-map", weight(func(w *onnxwrite.Tensor) { w.Dims, w.RawData = []int64{0, 3, 3, 3}, []byte{} }), exitData, "no channels"),
		looked("M16/bias-length", changed(func(m *onnxwrite.Model) {
			m.Graph.Initializers = append(m.Graph.Initializers, floats("b", 1, 2, 3))
			m.Graph.Nodes[0].Inputs = append(m.Graph.Nodes[0].Inputs, "b")
		}), exitData, "bias has shape [3]"),
		mapped("M16/transposed-weight-empty-map", betweenWith("ConvTranspose", []onnxwrite.Tensor{onnxwrite.Raw("e", []int64{4, 0, 3, 3}, []float32{})}), exitData, `is empty`),
		mapped("M16/map", convWith(onnxwrite.Int("group", 2)), exitData, "group 2"))

	kernel := func(n int64) onnxwrite.Attribute { return onnxwrite.Ints("kernel_shape", n, n) }
	all := func(name string, n int64) onnxwrite.Attribute { return onnxwrite.Ints(name, n, n, n, n) }
	for _, op := range []string{"MaxPool", "AveragePool"} {
		rows = append(rows,
			looked("M17/kernel-beyond-input-"+op, between(op, kernel(40)), exitData, "larger than the padded input"),
			looked("M17/no-kernel-"+op, between(op), exitData, "kernel_shape"),
			looked("M17/pads-as-large-as-kernel-"+op, between(op, kernel(2), all("pads", 2)), exitData, "wholly in it"),
			// 14 and 1 of padding, windows at 0, 5, 10 and 15: the last has padding only.
			mapped("M17/last-window-in-padding-"+op, between(op, kernel(2), onnxwrite.Ints("strides", 5, 5), onnxwrite.Ints("pads", 0, 0, 1, 1), onnxwrite.Int("ceil_mode", 1)), exitOK, ""),
			mapped("M17/last-window-outside-"+op, between(op, kernel(1), onnxwrite.Ints("strides", 15, 15), onnxwrite.Int("ceil_mode", 1)), exitOK, ""))
	}
	return rows
}

// badShapes are the rows M18 to M20: shapes that mean nothing, or too much.
func badShapes() []badInput {
	var rows []badInput
	bad := func(id string, make func(testing.TB, string), says string) {
		rows = append(rows, looked(id, make, exitData, `node "odd"`), looked(id+"-why", make, exitData, says))
	}
	fine := func(id string, make func(testing.TB, string)) {
		rows = append(rows, looked(id, make, exitOK, ""))
	}
	reshape := func(s ...int64) func(testing.TB, string) {
		return betweenWith("Reshape", []onnxwrite.Tensor{ints("s", s...)})
	}
	slice := func(start, end, step int64) func(testing.TB, string) {
		return betweenWith("Slice", []onnxwrite.Tensor{ints("a", start), ints("b", end), ints("d", 2), ints("e", step)})
	}
	axis := func(n int64) onnxwrite.Attribute { return onnxwrite.Int("axis", n) }
	bad("M18/reshape-two-unknown", reshape(-1, -1), "more than one -1")
	bad("M18/reshape-product", reshape(1, 5, 5, 5), "cannot be reshaped")
	bad("M18/reshape-zero-without-source", reshape(1, 4, 14, 14, 0), "does not have")
	bad("M18/reshape-huge", reshape(1<<62, 1<<62), "tensor size out of range")
	bad("M18/reshape-minus-two", reshape(-2, 4), "-2")
	bad("M18/slice-step-zero", slice(0, math.MaxInt64, 0), "step of axis 2 is 0")
	fine("M18/slice-to-2^63-1", slice(0, math.MaxInt64, 1))
	fine("M18/slice-from--2^63", slice(math.MinInt64, math.MaxInt64, 1))
	fine("M18/slice-step-2^63-1", slice(0, math.MaxInt64, math.MaxInt64))
	fine("M18/slice-backwards", slice(math.MaxInt64, math.MinInt64, -1))
	fine("M18/slice-step--2^63", slice(math.MaxInt64, math.MinInt64, math.MinInt64))
	bad("M18/slice-axis", betweenWith("Slice", []onnxwrite.Tensor{ints("a", 0), ints("b", 1), ints("d", 9)}), "axis 9")
	bad("M18/gather-out-of-range", betweenWith("Gather", []onnxwrite.Tensor{ints("i", 99)}, axis(1)), "99")
	bad("M18/gather-below-range", betweenWith("Gather", []onnxwrite.Tensor{ints("i", -5)}, axis(1)), "-5")
	bad("M18/gather-2^63-1", betweenWith("Gather", []onnxwrite.Tensor{ints("i", math.MaxInt64)}, axis(1)), "9223372036854775807")
	bad("M18/concat-axis", between("Concat", axis(9)), "axis 9")
	bad("M18/transpose-repeats", between("Transpose", onnxwrite.Ints("perm", 0, 0, 1, 1)), "not a permutation")
	bad("M18/squeeze-of-more", betweenWith("Squeeze", []onnxwrite.Tensor{ints("a", 1)}), "cannot be squeezed")
	bad("M18/split-sizes", betweenWith("Split", []onnxwrite.Tensor{ints("a", 3)}, axis(1)), "split")
	bad("M18/split-sizes-negative", betweenWith("Split", []onnxwrite.Tensor{ints("a", -4)}, axis(1)), "split")

	for name, s := range map[string]float32{"zero": 0, "negative": -2, "nan": float32(math.NaN()), "inf": float32(math.Inf(1)), "10^9": 1e9} {
		bad("M19/resize-"+name, betweenWith("Resize", []onnxwrite.Tensor{floats("roi"), floats("scales", 1, 1, s, s)}), "scale")
	}
	bad("M19/resize-to-10^6", betweenWith("Resize", []onnxwrite.Tensor{floats("roi"), floats("scales"), ints("sizes", 1, 4, 1e6, 1e6)}), "tensor size out of range")
	const large = "more than 2147483648 elements"
	bad("M19/tile", betweenWith("Tile", []onnxwrite.Tensor{ints("n", 1e3, 1e3, 1e3, 1e3)}), large)
	bad("M19/tile-2^62", betweenWith("Tile", []onnxwrite.Tensor{ints("n", 1<<62, 4, 1, 1)}), "tensor size out of range")
	bad("M19/expand", betweenWith("Expand", []onnxwrite.Tensor{ints("n", 1e6, 4, 14e3, 14)}), "tensor size out of range")
	bad("M19/pad", betweenWith("Pad", []onnxwrite.Tensor{ints("n", 0, 0, 1e6, 1e6, 0, 0, 1e6, 1e6)}), large)
	bad("M19/pad-2^63-1", betweenWith("Pad", []onnxwrite.Tensor{ints("n", 0, 0, math.MaxInt64, 0, 0, 0, math.MaxInt64, 0)}), "tensor size out of range")
	bad("M19/constant-of-shape", further("ConstantOfShape", []onnxwrite.Tensor{ints("n", 1e6, 1e6)}), "tensor size out of range")
	bad("M19/constant-of-2^30", further("ConstantOfShape", []onnxwrite.Tensor{ints("n", 1<<30)}), "too large to compute")
	bad("M19/range", further("Range", []onnxwrite.Tensor{integer("a", 0), integer("b", 1e12), integer("d", 1)}), "range")
	bad("M19/range-of-all", further("Range", []onnxwrite.Tensor{integer("a", math.MinInt64), integer("b", math.MaxInt64), integer("d", 1)}), "range")
	bad("M19/range-to-inf", further("Range", []onnxwrite.Tensor{onnxwrite.Raw("a", nil, []float32{0}), onnxwrite.Raw("b", nil, []float32{float32(math.Inf(1))}), onnxwrite.Raw("d", nil, []float32{1})}), "range")
	bad("M19/one-hot", further("OneHot", []onnxwrite.Tensor{ints("a", 0), integer("b", 1e12), floats("d", 0, 1)}), "1000000000000")
	rows = append(rows, mapped("M18/slice-of-nothing-map", slice(3, 3, 1), exitData, `node "`),
		mapped("M18/expand-to-nothing-map", betweenWith("Expand", []onnxwrite.Tensor{ints("n", 0, 4, 14, 14)}), exitData, `is empty`),
		mapped("M18/gemm-to-nothing-map", changed(func(m *onnxwrite.Model) {
			g := &m.Graph
			g.Initializers = append(g.Initializers, onnxwrite.Raw("b", []int64{4, 0}, []float32{}))
			g.Nodes = append(g.Nodes, onnxwrite.Node{OpType: "Gemm", Inputs: []string{"y", "b"}, Outputs: []string{"z"}})
			g.Outputs[0] = onnxwrite.ValueInfo{Name: "z"}
		}), exitData, `is empty`),
		mapped("M18/sum-of-nothing-map", changed(func(m *onnxwrite.Model) {
			g := &m.Graph
			g.Initializers = append(g.Initializers, onnxwrite.Raw("b", []int64{4, 0}, []float32{}), onnxwrite.Raw("bb", []int64{0, 4}, []float32{}))
			g.Nodes = append(g.Nodes, onnxwrite.Node{OpType: "MatMul", Inputs: []string{"y", "b"}, Outputs: []string{"z"}}, onnxwrite.Node{OpType: "MatMul", Inputs: []string{"z", "bb"}, Outputs: []string{"zz"}})
			g.Outputs[0] = onnxwrite.ValueInfo{Name: "zz"}
		}), exitOK, ""),
		manyConstants(), mapped("M19/map", betweenWith("Tile", []onnxwrite.Tensor{ints("n", 1e3, 1e3, 1e3, 1e3)}), exitData, large))

	bad("M20/range-delta-zero", further("Range", []onnxwrite.Tensor{integer("a", 0), integer("b", 9), integer("d", 0)}), "by 0")
	bad("M20/range-delta-nan", further("Range", []onnxwrite.Tensor{onnxwrite.Raw("a", nil, []float32{0}), onnxwrite.Raw("b", nil, []float32{1}), onnxwrite.Raw("d", nil, []float32{float32(math.NaN())})}), "NaN")
	for _, k := range []int64{9, -1, math.MaxInt64} {
		bad(fmt.Sprintf("M20/top-%d-of-3", k), further("TopK", []onnxwrite.Tensor{floats("a", 1, 2, 3), ints("k", k)}), fmt.Sprint(k))
	}
	big := float32(math.MaxFloat32)
	inf := float32(math.Inf(1))
	boxes := onnxwrite.Raw("boxes", []int64{1, 4, 4}, []float32{0, 0, big, big, -big, -big, big, big, 0, 0, inf, inf, float32(math.NaN()), 0, 1, 1})
	fine("M20/suppression-of-huge-boxes", further("NonMaxSuppression", []onnxwrite.Tensor{boxes, onnxwrite.Raw("scores", []int64{1, 1, 4}, []float32{1, 2, 3, 4}), integer("max", math.MaxInt64), onnxwrite.Raw("iou", nil, []float32{0.5})}))
	return rows
}

// manyConstants asks for 512 MiB of computed constants a hundred times; each alone
// could be had.
func manyConstants() badInput {
	row := looked("M19/many-constants", changed(func(m *onnxwrite.Model) {
		m.Graph.Initializers = append(m.Graph.Initializers, ints("n", 1<<24))
		for i := range 100 {
			name := fmt.Sprintf("k%d", i)
			m.Graph.Nodes = append(m.Graph.Nodes, onnxwrite.Node{OpType: "ConstantOfShape", Inputs: []string{"n"}, Outputs: []string{name}})
			m.Graph.Outputs = append(m.Graph.Outputs, onnxwrite.ValueInfo{Name: name})
		}
	}), exitData, "limit of 268435456")
	row.args = append(row.args, "--max-model-bytes", "256MiB")
	return row
}
