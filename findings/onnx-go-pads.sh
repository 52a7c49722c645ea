#!/usr/bin/env bash
# onnx-go (Go): Conv and MaxPool read the padding of all four sides in another order than ONNX
# writes it, and Conv refuses what is even and takes what is not.
#
# One would guess: pads are the beginnings of all axes and then their ends (top, left, bottom,
# right), and uneven padding, which gorgonia's convolution cannot do, is refused as the message
# "Asymetric padding" says.
#
# What happens: both are read as top, bottom, left, right. 0 0 1 1, a row below and a column to the
# right, which is TensorFlow's SAME at stride 2 and an even size written out in numbers, becomes no
# row and a column on either side: 1 x 2 numbers for 2 x 2, other ones, and no error. Where a
# network goes on with a global average the shape is right again. A window of 1 x 3 with a column
# on either side (0 1 0 1) is refused as uneven. The same number on all sides is right, which is
# what PyTorch's networks for pictures mostly have.
#
# Why it matters: each halving of such a network loses a row and moves its columns by one. 224 x
# 224 becomes 111 x 112, classes stay plausible, and what is at the border counts for something else.
#
# The numbers told are the operators' text; onnxruntime 1.30.0 gives them of such files.
# oramasearch/onnx-go#192 has the refusal; nothing found on the rest.
#
# Versions: github.com/owulveryck/onnx-go v0.5.0 with its backend gorgonnx (gorgonia v0.9.4), Go 1.24 or
# later.
# Checked on 1 Dec 2026. Output then (4 x 4 holds 1, 2, 3 ... in order, all weights 1):
#   Conv 3 x 3, stride 2, pads [1 1 1 1]: 2 x 2: 14 30 57 99, told 2 x 2: 14 30 57 99
#   Conv 3 x 3, stride 2, pads [0 0 1 1]: 1 x 2: 33 63, told 2 x 2: 54 45 72 54
#   Conv 3 x 3, stride 2, pads [0 0 1 1], mean: 1 x 1: 48, told 1 x 1: 56.25
#   Conv 1 x 3, stride 1, pads [0 1 0 1]: refused, onnx: operator Conv. Implementation error for attribute pads ([]int64{0, 1, 0, 1}): Asymetric padding, told 4 x 4: 3 6 9 7 11 18 21 15 19 30 33 23 27 42 45 31
#   MaxPool 3 x 3, stride 2, pads [1 1 1 1]: 2 x 2: 6 8 14 16, told 2 x 2: 6 8 14 16
#   MaxPool 3 x 3, stride 2, pads [0 0 1 1]: 1 x 2: 10 12, told 2 x 2: 11 12 15 16
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
mkdir "$dir/try"
cd "$dir/try"
cat > go.mod <<'MOD'
module try

go 1.24.3

require (
	github.com/owulveryck/onnx-go v0.5.0
	google.golang.org/protobuf v1.36.10
	gorgonia.org/tensor v0.9.3
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"math"
	"os"
	"strings"

	"github.com/owulveryck/onnx-go"
	"github.com/owulveryck/onnx-go/backend/x/gorgonnx"
	"google.golang.org/protobuf/encoding/protowire"
	"gorgonia.org/tensor"
)

const size = 4

// A try is a Conv or MaxPool over 4 x 4, and a GlobalAveragePool behind it if mean is set.
type try struct {
	op                  string
	height, width, step int
	pads                [4]int // top, left, bottom, right
	mean                bool
}

// Fields of onnx.proto: their numbers, and what they hold.
func message(number protowire.Number, parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), all)
}
func text(number protowire.Number, s string) []byte { return message(number, []byte(s)) }
func integers(number protowire.Number, list ...int) (all []byte) {
	for _, n := range list {
		all = protowire.AppendVarint(protowire.AppendTag(all, number, protowire.VarintType), uint64(n))
	}
	return all
}
func attribute(name string, list ...int) []byte {
	return message(5, text(1, name), integers(8, list...), integers(20, 7))
}
func value(number protowire.Number, name string, dims ...int) []byte {
	var shape []byte
	for _, d := range dims {
		shape = append(shape, message(1, integers(1, d))...)
	}
	return message(number, text(1, name), message(2, message(1, integers(1, 1), message(2, shape))))
}

func (t try) file() []byte {
	inputs, weights := text(1, "x"), []byte(nil)
	if t.op == "Conv" {
		var ones []byte
		for range t.height * t.width {
			ones = protowire.AppendFixed32(ones, math.Float32bits(1))
		}
		inputs = append(inputs, text(1, "w")...)
		weights = append(message(5, integers(1, 1, 1, t.height, t.width), integers(2, 1), text(8, "w"), message(9, ones)), value(11, "w", 1, 1, t.height, t.width)...)
	}
	out := "y"
	var mean []byte
	if t.mean {
		out = "all"
		mean = message(1, text(1, out), text(2, "y"), text(4, "GlobalAveragePool"))
	}
	node := message(1, inputs, text(2, out), text(4, t.op),
		attribute("kernel_shape", t.height, t.width), attribute("strides", t.step, t.step), attribute("pads", t.pads[:]...))
	graph := message(7, node, mean, text(2, "g"), value(11, "x", 1, 1, size, size), weights, value(12, "y", 1, 1, 1, 1))
	return append(append(integers(1, 7), graph...), message(8, text(1, ""), integers(2, 9))...)
}

func numbers(rows int, list []float32) string {
	return fmt.Sprintf("%d x %d: %s", rows, len(list)/rows, strings.Trim(fmt.Sprint(list), "[]"))
}

func (t try) run(x []float32) string {
	backend := gorgonnx.NewGraph()
	model := onnx.NewModel(backend)
	err := model.UnmarshalBinary(t.file())
	if err == nil {
		err = model.SetInput(0, tensor.New(tensor.WithShape(1, 1, size, size), tensor.WithBacking(x)))
	}
	if err == nil {
		err = backend.Run()
	}
	if err != nil {
		return "refused, " + err.Error()
	}
	y, err := model.GetOutputTensors()
	if err != nil {
		return err.Error()
	}
	return numbers(y[0].Shape()[2], y[0].Data().([]float32))
}

func (t try) told(x []float32) string {
	var list []float32
	rows := 0
	for top := -t.pads[0]; top+t.height <= size+t.pads[2]; top += t.step {
		rows++
		for left := -t.pads[1]; left+t.width <= size+t.pads[3]; left += t.step {
			var sum, most float32
			for row := max(top, 0); row < min(top+t.height, size); row++ {
				for column := max(left, 0); column < min(left+t.width, size); column++ {
					sum += x[row*size+column]
					most = max(most, x[row*size+column])
				}
			}
			if t.op == "MaxPool" {
				sum = most
			}
			list = append(list, sum)
		}
	}
	if t.mean {
		var sum float32
		for _, v := range list {
			sum += v
		}
		return numbers(1, []float32{sum / float32(len(list))})
	}
	return numbers(rows, list)
}

func main() {
	x := make([]float32, size*size)
	for i := range x {
		x[i] = float32(i + 1)
	}
	var lines []string
	for _, t := range []try{
		{"Conv", 3, 3, 2, [4]int{1, 1, 1, 1}, false},
		{"Conv", 3, 3, 2, [4]int{0, 0, 1, 1}, false},
		{"Conv", 3, 3, 2, [4]int{0, 0, 1, 1}, true},
		{"Conv", 1, 3, 1, [4]int{0, 1, 0, 1}, false},
		{"MaxPool", 3, 3, 2, [4]int{1, 1, 1, 1}, false},
		{"MaxPool", 3, 3, 2, [4]int{0, 0, 1, 1}, false},
	} {
		name := fmt.Sprintf("%s %d x %d, stride %d, pads %v", t.op, t.height, t.width, t.step, t.pads)
		if t.mean {
			name += ", mean"
		}
		lines = append(lines, fmt.Sprintf("%s: %s, told %s", name, t.run(append([]float32(nil), x...)), t.told(x)))
	}
	got := strings.Join(lines, "\n")
	fmt.Println(got)
	if got != `Conv 3 x 3, stride 2, pads [1 1 1 1]: 2 x 2: 14 30 57 99, told 2 x 2: 14 30 57 99
Conv 3 x 3, stride 2, pads [0 0 1 1]: 1 x 2: 33 63, told 2 x 2: 54 45 72 54
Conv 3 x 3, stride 2, pads [0 0 1 1], mean: 1 x 1: 48, told 1 x 1: 56.25
Conv 1 x 3, stride 1, pads [0 1 0 1]: refused, onnx: operator Conv. Implementation error for attribute pads ([]int64{0, 1, 0, 1}): Asymetric padding, told 4 x 4: 3 6 9 7 11 18 21 15 19 30 33 23 27 42 45 31
MaxPool 3 x 3, stride 2, pads [1 1 1 1]: 2 x 2: 6 8 14 16, told 2 x 2: 6 8 14 16
MaxPool 3 x 3, stride 2, pads [0 0 1 1]: 1 x 2: 10 12, told 2 x 2: 11 12 15 16` {
		fmt.Println("CHANGED")
		os.Exit(1)
	}
	fmt.Println("still so")
}
GO
export GOMODCACHE="$dir/modules" GOFLAGS=-modcacherw
go mod tidy 2>/dev/null
go run .
