#!/usr/bin/env bash
# gonnx (Go): a convolution stops at the column whose number is the picture's height; all to the
# right of it is the bias.
#
# One would guess: Conv over N x C x H x W visits every place of the output, whose shape is right;
# what is not done (groups, other sets of operators) is refused by name.
#
# What happens:
# - The loop over columns ends at the padded height, not at the padded width. Pictures that are
#   square or higher than wide are right, and so are their tests; of a wide one the rest of each
#   row stays 0 (with a bias: is the bias). A series written as 1 x N gets its first number only.
# - auto_pad takes the number of pictures for their height and that of channels for their width.
#   SAME_UPPER and SAME_LOWER come out right with stride 1, where sizes cancel; with stride 2 the
#   windows start beside, by how much depends on whether the number of channels is even. VALID
#   pads as SAME_UPPER does, and gives 3 x 3 numbers for 2 x 2.
# No error in any of them.
#
# Why it matters: Go programs run networks by it without any C. A frame of 16:9 loses 44 % of its
# columns in the first layer, a panorama more; classes stay plausible as most things are in the
# middle or on the left, and an occlusion map says that the right side never matters.
#
# The sums told are those of the operator's text, added up plainly below; onnxruntime 1.30.0 gives
# the same. No thread found.
#
# Versions: github.com/advancedclimatesystems/gonnx v1.1.0, gorgonia.org/tensor v0.9.24, Go 1.24 or later.
# Checked on 1 Dec 2026. Output then (the numbers are 1, 2, 3 ... in order, all weights 1):
#   4 x 4, window 1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16, told 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
#   5 x 2, window 1: 1 2 3 4 5 6 7 8 9 10, told 1 2 3 4 5 6 7 8 9 10
#   2 x 5, window 1: 1 2 0 0 0 6 7 0 0 0, told 1 2 3 4 5 6 7 8 9 10
#   2 x 5, window 1, bias 100: 101 102 100 100 100 106 107 100 100 100, told 101 102 103 104 105 106 107 108 109 110
#   1 x 6, window 1: 1 0 0 0 0 0, told 1 2 3 4 5 6
#   2 x 6, window 3, padded by 1: 18 30 36 42 0 0 18 30 36 42 0 0, told 18 30 36 42 48 34 18 30 36 42 48 34
#   3 x 3, window 2, VALID: 12 16 9 24 28 15 15 17 9, told 12 16 24 28
#   3 x 3, window 3, SAME_UPPER: 12 21 16 27 45 33 24 39 28, told 12 21 16 27 45 33 24 39 28
#   4 x 4, window 3, stride 2, SAME_UPPER: 14 30 57 99, told 54 45 72 54
#   2 channels of 4 x 4, the same: 144 108 324 234, told 252 186 240 172
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
mkdir "$dir/try"
cd "$dir/try"
cat > go.mod <<'MOD'
module try

go 1.24.3

require (
	github.com/advancedclimatesystems/gonnx v1.1.0
	gorgonia.org/tensor v0.9.24
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/advancedclimatesystems/gonnx"
	"github.com/advancedclimatesystems/gonnx/onnx"
	"gorgonia.org/tensor"
)

// A try is one Conv with a bias of its own over a picture that holds 1, 2, 3 ...
type try struct {
	name                    string
	channels, height, width int
	window, stride          int
	bias                    float32
	autoPad                 string
	before, after           int // padding: as written in the file, or as autoPad means it
}

func (t try) attributes() []*onnx.AttributeProto {
	ints := func(name string, v ...int) *onnx.AttributeProto {
		a := &onnx.AttributeProto{Name: name, Type: onnx.AttributeProto_INTS}
		for _, n := range v {
			a.Ints = append(a.Ints, int64(n))
		}
		return a
	}
	pad := ints("pads", t.before, t.before, t.after, t.after)
	if t.autoPad != "" {
		pad = &onnx.AttributeProto{Name: "auto_pad", Type: onnx.AttributeProto_STRING, S: []byte(t.autoPad)}
	}
	return []*onnx.AttributeProto{ints("kernel_shape", t.window, t.window), ints("strides", t.stride, t.stride), pad}
}

func value(name string, dims ...int) *onnx.ValueInfoProto {
	shape := &onnx.TensorShapeProto{}
	for _, d := range dims {
		shape.Dim = append(shape.Dim, &onnx.TensorShapeProto_Dimension{Value: &onnx.TensorShapeProto_Dimension_DimValue{DimValue: int64(d)}})
	}
	return &onnx.ValueInfoProto{Name: name, Type: &onnx.TypeProto{Value: &onnx.TypeProto_TensorType{TensorType: &onnx.TypeProto_Tensor{ElemType: 1, Shape: shape}}}}
}

func (t try) run(x []float32) string {
	ones := make([]float32, t.channels*t.window*t.window)
	for i := range ones {
		ones[i] = 1
	}
	m, err := gonnx.NewModel(&onnx.ModelProto{
		IrVersion: 7, OpsetImport: []*onnx.OperatorSetIdProto{{Version: 13}},
		Graph: &onnx.GraphProto{
			Node: []*onnx.NodeProto{{OpType: "Conv", Input: []string{"x", "w", "b"}, Output: []string{"y"}, Attribute: t.attributes()}},
			Initializer: []*onnx.TensorProto{
				{Name: "w", DataType: 1, Dims: []int64{1, int64(t.channels), int64(t.window), int64(t.window)}, FloatData: ones},
				{Name: "b", DataType: 1, Dims: []int64{1}, FloatData: []float32{t.bias}},
			},
			Input:  []*onnx.ValueInfoProto{value("x", 1, t.channels, t.height, t.width)},
			Output: []*onnx.ValueInfoProto{value("y")},
		},
	})
	if err != nil {
		return err.Error()
	}
	y, err := m.Run(gonnx.Tensors{"x": tensor.New(tensor.WithShape(1, t.channels, t.height, t.width), tensor.WithBacking(x))})
	if err != nil {
		return err.Error()
	}
	return strings.Trim(fmt.Sprint(y["y"].Data()), "[]")
}

func (t try) told(x []float32) string {
	var sums []float32
	for top := -t.before; top+t.window <= t.height+t.after; top += t.stride {
		for left := -t.before; left+t.window <= t.width+t.after; left += t.stride {
			sum := t.bias
			for c := 0; c < t.channels; c++ {
				for row := max(top, 0); row < min(top+t.window, t.height); row++ {
					for column := max(left, 0); column < min(left+t.window, t.width); column++ {
						sum += x[(c*t.height+row)*t.width+column]
					}
				}
			}
			sums = append(sums, sum)
		}
	}
	return strings.Trim(fmt.Sprint(sums), "[]")
}

func main() {
	var lines []string
	for _, t := range []try{
		{"4 x 4, window 1", 1, 4, 4, 1, 1, 0, "", 0, 0},
		{"5 x 2, window 1", 1, 5, 2, 1, 1, 0, "", 0, 0},
		{"2 x 5, window 1", 1, 2, 5, 1, 1, 0, "", 0, 0},
		{"2 x 5, window 1, bias 100", 1, 2, 5, 1, 1, 100, "", 0, 0},
		{"1 x 6, window 1", 1, 1, 6, 1, 1, 0, "", 0, 0},
		{"2 x 6, window 3, padded by 1", 1, 2, 6, 3, 1, 0, "", 1, 1},
		{"3 x 3, window 2, VALID", 1, 3, 3, 2, 1, 0, "VALID", 0, 0},
		{"3 x 3, window 3, SAME_UPPER", 1, 3, 3, 3, 1, 0, "SAME_UPPER", 1, 1},
		{"4 x 4, window 3, stride 2, SAME_UPPER", 1, 4, 4, 3, 2, 0, "SAME_UPPER", 0, 1},
		{"2 channels of 4 x 4, the same", 2, 4, 4, 3, 2, 0, "SAME_UPPER", 0, 1},
	} {
		x := make([]float32, t.channels*t.height*t.width)
		for i := range x {
			x[i] = float32(i + 1)
		}
		told := t.told(x)
		lines = append(lines, fmt.Sprintf("%s: %s, told %s", t.name, t.run(x), told))
	}
	got := strings.Join(lines, "\n")
	fmt.Println(got)
	if got != `4 x 4, window 1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16, told 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
5 x 2, window 1: 1 2 3 4 5 6 7 8 9 10, told 1 2 3 4 5 6 7 8 9 10
2 x 5, window 1: 1 2 0 0 0 6 7 0 0 0, told 1 2 3 4 5 6 7 8 9 10
2 x 5, window 1, bias 100: 101 102 100 100 100 106 107 100 100 100, told 101 102 103 104 105 106 107 108 109 110
1 x 6, window 1: 1 0 0 0 0 0, told 1 2 3 4 5 6
2 x 6, window 3, padded by 1: 18 30 36 42 0 0 18 30 36 42 0 0, told 18 30 36 42 48 34 18 30 36 42 48 34
3 x 3, window 2, VALID: 12 16 9 24 28 15 15 17 9, told 12 16 24 28
3 x 3, window 3, SAME_UPPER: 12 21 16 27 45 33 24 39 28, told 12 21 16 27 45 33 24 39 28
4 x 4, window 3, stride 2, SAME_UPPER: 14 30 57 99, told 54 45 72 54
2 channels of 4 x 4, the same: 144 108 324 234, told 252 186 240 172` {
		fmt.Println("CHANGED")
		os.Exit(1)
	}
	fmt.Println("still so")
}
GO
export GOMODCACHE="$dir/modules" GOFLAGS=-modcacherw
go mod tidy 2>/dev/null
go run .
