package models

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// This file reads the embedded model with no help from Krypton's own loader, as
// a second opinion on it. It knows only what the built-in models need.

type onnxNode struct {
	op      string
	inputs  []string
	outputs []string
	ints    map[string][]int
	floats  map[string]float64
}

type array struct {
	shape []int
	data  []float64
}

type onnxGraph struct {
	nodes         []onnxNode
	weights       map[string]array
	input, output string
	inputShape    []int
}

// fields calls visit for every field of a message.
func fields(data []byte, visit func(number protowire.Number, value uint64, data []byte) error) error {
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		var value uint64
		var inner []byte
		switch kind {
		case protowire.VarintType:
			value, n = protowire.ConsumeVarint(data)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(data)
			value = uint64(v)
		case protowire.BytesType:
			inner, n = protowire.ConsumeBytes(data)
		default:
			return fmt.Errorf("field %d has wire type %d", number, kind)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		data = data[n:]
		if err := visit(number, value, inner); err != nil {
			return err
		}
	}
	return nil
}

func readModel(data []byte) (*onnxGraph, error) {
	g := &onnxGraph{weights: map[string]array{}}
	err := fields(data, func(number protowire.Number, _ uint64, data []byte) error {
		if number != 7 {
			return nil
		}
		return fields(data, func(number protowire.Number, _ uint64, data []byte) error {
			switch number {
			case 1:
				return g.readNode(data)
			case 5:
				return g.readWeight(data)
			case 11, 12:
				return g.readValue(number == 11, data)
			}
			return nil
		})
	})
	return g, err
}

func (g *onnxGraph) readNode(data []byte) error {
	n := onnxNode{ints: map[string][]int{}, floats: map[string]float64{}}
	err := fields(data, func(number protowire.Number, _ uint64, data []byte) error {
		switch number {
		case 1:
			n.inputs = append(n.inputs, string(data))
		case 2:
			n.outputs = append(n.outputs, string(data))
		case 4:
			n.op = string(data)
		case 5:
			var name string
			return fields(data, func(number protowire.Number, value uint64, data []byte) error {
				switch number {
				case 1:
					name = string(data)
				case 2:
					n.floats[name] = float64(math.Float32frombits(uint32(value)))
				case 3, 8:
					n.ints[name] = append(n.ints[name], int(value))
				}
				return nil
			})
		}
		return nil
	})
	g.nodes = append(g.nodes, n)
	return err
}

func (g *onnxGraph) readWeight(data []byte) error {
	var a array
	var name string
	err := fields(data, func(number protowire.Number, value uint64, data []byte) error {
		switch number {
		case 1:
			a.shape = append(a.shape, int(value))
		case 2:
			if value != 1 {
				return fmt.Errorf("data type %d is not float32", value)
			}
		case 8:
			name = string(data)
		case 9:
			for ; len(data) >= 4; data = data[4:] {
				a.data = append(a.data, float64(math.Float32frombits(binary.LittleEndian.Uint32(data))))
			}
		}
		return nil
	})
	size := 1
	for _, d := range a.shape {
		size *= d
	}
	if err == nil && size != len(a.data) {
		err = fmt.Errorf("weight %s has %d numbers for shape %v", name, len(a.data), a.shape)
	}
	g.weights[name] = a
	return err
}

func (g *onnxGraph) readValue(input bool, data []byte) error {
	var name string
	var shape []int
	err := fields(data, func(number protowire.Number, _ uint64, data []byte) error {
		switch number {
		case 1:
			name = string(data)
		case 2: // type / tensor_type / shape / dim / dim_value
			return fields(data, func(_ protowire.Number, _ uint64, data []byte) error {
				return fields(data, func(number protowire.Number, _ uint64, data []byte) error {
					if number != 2 {
						return nil
					}
					return fields(data, func(_ protowire.Number, _ uint64, data []byte) error {
						return fields(data, func(_ protowire.Number, value uint64, _ []byte) error {
							shape = append(shape, int(value))
							return nil
						})
					})
				})
			})
		}
		return nil
	})
	if input {
		g.input, g.inputShape = name, shape
	} else {
		g.output = name
	}
	return err
}

// run computes the graph's output in float64 by the definitions of the
// operators.
func (g *onnxGraph) run(x array) (array, error) {
	values := map[string]array{g.input: x}
	get := func(name string) array {
		if w, ok := g.weights[name]; ok {
			return w
		}
		return values[name]
	}
	for _, n := range g.nodes {
		in := get(n.inputs[0])
		var out array
		switch n.op {
		case "Conv":
			out = convolve(in, get(n.inputs[1]), n.ints["strides"], n.ints["pads"])
		case "BatchNormalization":
			out = normalize(in, get(n.inputs[1]), get(n.inputs[2]), get(n.inputs[3]), get(n.inputs[4]), n.floats["epsilon"])
		case "Relu":
			out = array{in.shape, make([]float64, len(in.data))}
			for i, v := range in.data {
				out.data[i] = math.Max(v, 0)
			}
		case "Add":
			out = array{in.shape, make([]float64, len(in.data))}
			other := get(n.inputs[1])
			for i, v := range in.data {
				out.data[i] = v + other.data[i]
			}
		case "GlobalAveragePool":
			plane := in.shape[2] * in.shape[3]
			out = array{[]int{1, in.shape[1], 1, 1}, make([]float64, in.shape[1])}
			for i, v := range in.data {
				out.data[i/plane] += v / float64(plane)
			}
		case "Flatten":
			out = array{[]int{1, len(in.data)}, in.data}
		case "Gemm": // transB
			w, b := get(n.inputs[1]), get(n.inputs[2])
			out = array{[]int{1, w.shape[0]}, append([]float64(nil), b.data...)}
			for i, v := range w.data {
				out.data[i/w.shape[1]] += v * in.data[i%w.shape[1]]
			}
		default:
			return array{}, fmt.Errorf("operator %s", n.op)
		}
		values[n.outputs[0]] = out
	}
	return values[g.output], nil
}

func normalize(x, scale, shift, mean, variance array, epsilon float64) array {
	out := array{x.shape, make([]float64, len(x.data))}
	plane := x.shape[2] * x.shape[3]
	for i, v := range x.data {
		c := i / plane
		out.data[i] = scale.data[c]*(v-mean.data[c])/math.Sqrt(variance.data[c]+epsilon) + shift.data[c]
	}
	return out
}

func convolve(x, w array, strides, pads []int) array {
	ch, h, wd := x.shape[1], x.shape[2], x.shape[3]
	k := w.shape[2]
	oh := (h+pads[0]+pads[2]-k)/strides[0] + 1
	ow := (wd+pads[1]+pads[3]-k)/strides[1] + 1
	out := array{[]int{1, w.shape[0], oh, ow}, make([]float64, w.shape[0]*oh*ow)}
	for o := range w.shape[0] {
		for c := range ch {
			for ky := range k {
				for kx := range k {
					weight := w.data[((o*ch+c)*k+ky)*k+kx]
					for oy := range oh {
						y := oy*strides[0] - pads[0] + ky
						if y < 0 || y >= h {
							continue
						}
						row, sum := x.data[(c*h+y)*wd:][:wd], out.data[(o*oh+oy)*ow:][:ow]
						for ox := range sum {
							if at := ox*strides[1] - pads[1] + kx; at >= 0 && at < wd {
								sum[ox] += weight * row[at]
							}
						}
					}
				}
			}
		}
	}
	return out
}
