#!/usr/bin/env bash
# onnx-gomlx (Go): the last step of a series is its first, and a ReLU6 lets everything through.
#
# One would guess: a converter of ONNX files computes what the operators' text says, or refuses;
# this one refuses much, by name.
#
# What happens:
# - Gather with index -1 (the text: from the back) takes element 0, and so do -2, -3; also
#   GatherElements. x[:, -1], which ends most recurrent and many causal networks, is
#   exported by PyTorch as this Gather: the answer is that of the first step. A Slice with step
#   -1 gives nothing at all, with a size of 0.
# - Clip of the sets 6 to 10, with its bounds as attributes (ReLU6 of MobileNet and
#   EfficientNet-Lite up to PyTorch's set 10), returns what came in.
# - MaxPool and AveragePool without strides, which are then 1, step by their window: 3 numbers
#   for 5. Softmax before set 13, which is over all axes from the one named, is over that one
#   axis. Gemm multiplies the bias by alpha and never reads beta.
# Shapes are mostly right, and there is no error. onnxruntime 1.30.0 gives of the same files what
# the text tells.
#
# Why it matters: Go programs run networks by it without any C; a network for series gives
# plausible scores that depend on the first sample only, and an occlusion map says just that.
#
# No thread found.
#
# Versions: github.com/gomlx/onnx-gomlx v0.3.4, github.com/gomlx/gomlx v0.26.0 with its backend
# "go" (the one by XLA was not tried), Go 1.24 or later.
# Checked on 30 Nov 2026. Output then:
#   Gather, index -1, of 1 2 3 4: 1, told 4
#   Gather, indices 0 -1 -2 -3: 1 1 1 1, told 1 4 3 2
#   GatherElements, index -1: 1, told 4
#   Slice, step -1: nothing, told 4 3 2 1
#   Clip of set 10, 0 to 6, of -3 3 9: -3 3 9, told 0 3 6
#   Clip of set 11, the same: 0 3 6, told 0 3 6
#   MaxPool, window 2, no strides: 2 4 6, told 2 3 4 5 6
#   Softmax of set 11, 1 x 2 x 2 zeros: 0.5 0.5 0.5 0.5, told 0.25 0.25 0.25 0.25
#   Gemm, 1 * 1 + 0.5 * 10: 11, told 6
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat > go.mod <<'MOD'
module try

go 1.24.3

require (
	github.com/gomlx/gomlx v0.26.0
	github.com/gomlx/onnx-gomlx v0.3.4
	google.golang.org/protobuf v1.36.10
)
MOD
cat > main.go <<'GO'
package main

import (
	"fmt"
	"math"
	"os"
	"strings"

	"github.com/gomlx/gomlx/backends"
	_ "github.com/gomlx/gomlx/backends/simplego"
	"github.com/gomlx/gomlx/pkg/core/graph"
	"github.com/gomlx/gomlx/pkg/core/tensors"
	"github.com/gomlx/gomlx/pkg/ml/context"
	"github.com/gomlx/onnx-gomlx/onnx"
	"google.golang.org/protobuf/encoding/protowire"
)

// Fields of onnx.proto: their numbers, and what they hold.
func bytesField(number protowire.Number, parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), all)
}
func textField(number protowire.Number, s string) []byte { return bytesField(number, []byte(s)) }
func intField(number protowire.Number, v int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), uint64(v))
}

const floatType, int64Type = 1, 7

func attribute(name string, value any) []byte {
	content := textField(1, name)
	switch v := value.(type) {
	case float32:
		content = append(content, protowire.AppendFixed32(protowire.AppendTag(nil, 2, protowire.Fixed32Type), math.Float32bits(v))...)
		content = append(content, intField(20, 1)...)
	case int:
		content = append(append(content, intField(3, int64(v))...), intField(20, 2)...)
	case []int64:
		for _, n := range v {
			content = append(content, intField(8, n)...)
		}
		content = append(content, intField(20, 7)...)
	}
	return bytesField(5, content)
}

func sizes(number protowire.Number, dims []int) (all []byte) {
	for _, d := range dims {
		all = append(all, intField(number, int64(d))...)
	}
	return all
}

func value(number protowire.Number, name string, dims []int) []byte {
	var shape []byte
	for _, d := range dims {
		shape = append(shape, bytesField(1, intField(1, int64(d)))...)
	}
	return bytesField(number, textField(1, name), bytesField(2, bytesField(1, intField(1, floatType), bytesField(2, shape))))
}

// A constant is a tensor of int64 or float32; nil sizes make it a scalar.
type constant struct {
	dims   []int
	ints   []int64
	floats []float32
}

func (c constant) tensor(name string) []byte {
	kind := int64(floatType)
	var raw []byte
	for _, f := range c.floats {
		raw = protowire.AppendFixed32(raw, math.Float32bits(f))
	}
	if c.ints != nil {
		kind = int64Type
		for _, n := range c.ints {
			raw = protowire.AppendFixed64(raw, uint64(n))
		}
	}
	return bytesField(5, sizes(1, c.dims), intField(2, kind), textField(8, name), bytesField(9, raw))
}

type try struct {
	name       string
	op         string
	set        int64
	dims       []int
	x          []float32
	constants  []constant
	attributes [][]byte
	out        []int
	told       string
}

func (t try) run(backend backends.Backend) string {
	node := textField(1, "x")
	var tensorsOf []byte
	for i, c := range t.constants {
		name := fmt.Sprint("c", i)
		node = append(node, textField(1, name)...)
		tensorsOf = append(tensorsOf, c.tensor(name)...)
	}
	node = append(append(node, textField(2, "y")...), textField(4, t.op)...)
	for _, a := range t.attributes {
		node = append(node, a...)
	}
	file := append(intField(1, 7), bytesField(7, bytesField(1, node), textField(2, "g"), tensorsOf, value(11, "x", t.dims), value(12, "y", t.out))...)
	file = append(file, bytesField(8, textField(1, ""), intField(2, t.set))...)
	model, err := onnx.Parse(file)
	if err != nil {
		return err.Error()
	}
	ctx := context.New()
	if err := model.VariablesToContext(ctx); err != nil {
		return err.Error()
	}
	y, err := context.ExecOnce(backend, ctx.Reuse(), func(ctx *context.Context, x *graph.Node) *graph.Node {
		return model.CallGraph(ctx, x.Graph(), map[string]*graph.Node{"x": x}, "y")[0]
	}, tensors.FromFlatDataAndDimensions(t.x, t.dims...))
	if err != nil {
		return err.Error()
	}
	var text string
	y.ConstFlatData(func(flat any) { text = strings.Trim(fmt.Sprint(flat), "[]") })
	if text == "" {
		return "nothing"
	}
	return text
}

func main() {
	backend := backends.MustNew()
	series := []float32{1, 2, 3, 4}
	tries := []try{
		{"Gather, index -1, of 1 2 3 4", "Gather", 13, []int{1, 4}, series, []constant{{nil, []int64{-1}, nil}}, [][]byte{attribute("axis", 1)}, []int{1}, "4"},
		{"Gather, indices 0 -1 -2 -3", "Gather", 13, []int{1, 4}, series, []constant{{[]int{4}, []int64{0, -1, -2, -3}, nil}}, [][]byte{attribute("axis", 1)}, []int{1, 4}, "1 4 3 2"},
		{"GatherElements, index -1", "GatherElements", 13, []int{1, 4}, series, []constant{{[]int{1, 1}, []int64{-1}, nil}}, [][]byte{attribute("axis", 1)}, []int{1, 1}, "4"},
		{"Slice, step -1", "Slice", 13, []int{1, 4}, series, []constant{{[]int{1}, []int64{-1}, nil}, {[]int{1}, []int64{-5}, nil}, {[]int{1}, []int64{1}, nil}, {[]int{1}, []int64{-1}, nil}}, nil, []int{1, 4}, "4 3 2 1"},
		{"Clip of set 10, 0 to 6, of -3 3 9", "Clip", 10, []int{1, 3}, []float32{-3, 3, 9}, nil, [][]byte{attribute("min", float32(0)), attribute("max", float32(6))}, []int{1, 3}, "0 3 6"},
		{"Clip of set 11, the same", "Clip", 11, []int{1, 3}, []float32{-3, 3, 9}, []constant{{nil, nil, []float32{0}}, {nil, nil, []float32{6}}}, nil, []int{1, 3}, "0 3 6"},
		{"MaxPool, window 2, no strides", "MaxPool", 12, []int{1, 1, 1, 6}, []float32{1, 2, 3, 4, 5, 6}, nil, [][]byte{attribute("kernel_shape", []int64{1, 2})}, []int{1, 1, 1, 5}, "2 3 4 5 6"},
		{"Softmax of set 11, 1 x 2 x 2 zeros", "Softmax", 11, []int{1, 2, 2}, make([]float32, 4), nil, [][]byte{attribute("axis", 1)}, []int{1, 2, 2}, "0.25 0.25 0.25 0.25"},
		{"Gemm, 1 * 1 + 0.5 * 10", "Gemm", 13, []int{1, 1}, []float32{1}, []constant{{[]int{1, 1}, nil, []float32{1}}, {[]int{1}, nil, []float32{10}}}, [][]byte{attribute("beta", float32(0.5))}, []int{1, 1}, "6"},
	}
	var lines []string
	for _, t := range tries {
		lines = append(lines, fmt.Sprintf("%s: %s, told %s", t.name, t.run(backend), t.told))
	}
	got := strings.Join(lines, "\n")
	fmt.Println(got)
	if got != `Gather, index -1, of 1 2 3 4: 1, told 4
Gather, indices 0 -1 -2 -3: 1 1 1 1, told 1 4 3 2
GatherElements, index -1: 1, told 4
Slice, step -1: nothing, told 4 3 2 1
Clip of set 10, 0 to 6, of -3 3 9: -3 3 9, told 0 3 6
Clip of set 11, the same: 0 3 6, told 0 3 6
MaxPool, window 2, no strides: 2 4 6, told 2 3 4 5 6
Softmax of set 11, 1 x 2 x 2 zeros: 0.5 0.5 0.5 0.5, told 0.25 0.25 0.25 0.25
Gemm, 1 * 1 + 0.5 * 10: 11, told 6` {
		fmt.Println("CHANGED")
		os.Exit(1)
	}
	fmt.Println("still so")
}
GO
export GOMODCACHE="$dir/modules" GOFLAGS=-modcacherw
go mod tidy 2>/dev/null
GOMLX_BACKEND=go go run .
