package incremental_test

import (
	"maps"
	"math"

	"krypton/internal/onnxwrite"
	"krypton/internal/tensor"
)

func init() { maps.Copy(operatorFamilies, rareFamilies) }

// scalar is a whole number that is constant.
func scalar(n int) *tensor.Tensor { return tensor.Scalar(int64(n)) }

// whole is random bytes.
func (c *operatorCase) whole(shape ...int) *tensor.Tensor {
	t := tensor.Zeros[uint8](shape...)
	for i := range t.Data.([]uint8) {
		t.Data.([]uint8)[i] = uint8(c.below(256))
	}
	return t
}

func ints(v ...int) *tensor.Tensor {
	t := tensor.Zeros[int64](len(v))
	for i, n := range v {
		t.Data.([]int64)[i] = int64(n)
	}
	return t
}

// rareFamilies are cases of operators that few networks have.
var rareFamilies = map[string]func(c *operatorCase){
	"functions of angles": func(c *operatorCase) {
		x := c.input(c.plain(1, 2, 7))
		for _, name := range []string{"Asin", "Acos", "Atanh", "Sinh", "Cosh", "Asinh"} {
			c.output(c.node("", name, nil, 1, x)...)
		}
		c.output(c.node("", "Acosh", nil, 1, c.node("", "Add", nil, 1, x, tensor.Scalar(float32(2)))[0])...)
		c.output(c.node("", "Shrink", []onnxwrite.Attribute{onnxwrite.Float("lambd", .4), onnxwrite.Float("bias", pick(c, float32(0), .2))}, 1, x)...)
	},
	"IsNaN and IsInf": func(c *operatorCase) {
		x := c.plain(1, 1, 2, 3, 4)
		for i, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)} {
			x.Data.([]float32)[c.below(6)+6*i] = float32(v)
		}
		in := c.input(x)
		nan := c.node("", "IsNaN", nil, 1, in)[0]
		c.output(nan, c.node("", "IsInf", []onnxwrite.Attribute{flag(c, "detect_negative"), flag(c, "detect_positive")}, 1, in)[0])
		c.output(c.node("", "Where", nil, 1, nan, tensor.Scalar(float32(7)), in)...)
		c.output(c.node("", "Where", nil, 1, c.node("", "Not", nil, 1, nan)[0], in, tensor.Scalar(float32(0)))...)
	},
	"bits": func(c *operatorCase) {
		c.opset = 18
		x := c.plain(1, 2, 5)
		for i := range x.Data.([]float32) {
			x.Data.([]float32)[i] = float32(c.below(256))
		}
		bytes := c.node("", "Cast", []onnxwrite.Attribute{onnxwrite.Int("to", int64(onnxwrite.TypeUint8))}, 1, c.input(x))[0]
		shift := c.whole(5)
		for i := range shift.Data.([]uint8) {
			shift.Data.([]uint8)[i] %= 8
		}
		c.output(c.node("", "BitShift", []onnxwrite.Attribute{onnxwrite.String("direction", pick(c, "LEFT", "RIGHT"))}, 1, bytes, shift)...)
		for _, name := range []string{"BitwiseAnd", "BitwiseOr", "BitwiseXor"} {
			c.output(c.node("", name, nil, 1, bytes, c.whole(5))...)
			i := c.node("", "Cast", []onnxwrite.Attribute{onnxwrite.Int("to", int64(onnxwrite.TypeInt32))}, 1, bytes)[0]
			c.output(c.node("", name, nil, 1, c.node("", "Neg", nil, 1, i)[0], tensor.New([]int32{int32(c.below(1 << 20)), -5}, 2, 1))...)
		}
		c.output(c.node("", "BitwiseNot", nil, 1, bytes)...)
	},
	"Compress": func(c *operatorCase) {
		keep := tensor.New([]bool{c.below(2) == 0, true, c.below(2) == 0}, 3)
		var attrs []onnxwrite.Attribute
		if c.below(3) > 0 {
			attrs = append(attrs, onnxwrite.Int("axis", int64(c.below(3)-1)))
		}
		c.output(c.node("", "Compress", attrs, 1, c.input(c.plain(1, 3, 4, 5)), keep)...)
	},
	"ReverseSequence": func(c *operatorCase) {
		batch := c.below(2)
		shape := []int{5, 4, 3}
		lengths := make([]int, shape[batch])
		for i := range lengths {
			lengths[i] = 1 + c.below(shape[1-batch])
		}
		c.output(c.node("", "ReverseSequence", []onnxwrite.Attribute{onnxwrite.Int("batch_axis", int64(batch)), onnxwrite.Int("time_axis", int64(1-batch))}, 1, c.input(c.plain(1, shape...)), ints(lengths...))...)
	},
	"EyeLike": func(c *operatorCase) {
		x := c.input(c.plain(1, 3+c.below(3), 4))
		attrs := []onnxwrite.Attribute{onnxwrite.Int("k", int64(c.below(7)-3))}
		if c.below(2) == 0 {
			c.output(c.node("", "EyeLike", append(attrs, onnxwrite.Int("dtype", int64(onnxwrite.TypeInt32))), 1, x)...)
		}
		c.output(c.node("", "Mul", nil, 1, x, c.node("", "EyeLike", attrs, 1, x)[0])...)
	},
	"MaxUnpool": func(c *operatorCase) {
		attrs := []onnxwrite.Attribute{onnxwrite.Ints("kernel_shape", 2, 3), onnxwrite.Ints("strides", int64(1+c.below(2)), 2)}
		if c.below(2) == 0 {
			attrs = append(attrs, onnxwrite.Ints("pads", 1, 0, int64(c.below(2)), 1))
		}
		h, w := 6+c.below(2), 7+c.below(3)
		pool := c.node("", "MaxPool", attrs, 2, c.input(c.plain(1, 1, 2, h, w)))
		c.output(c.node("", "MaxUnpool", attrs, 1, pool[0], pool[1], ints(1, 2, h, w))...)
		if c.below(2) == 0 { // what the windows reach, if indices fit
			one := []onnxwrite.Attribute{onnxwrite.Ints("kernel_shape", 2, 2), onnxwrite.Ints("strides", 2, 2)}
			pool = c.node("", "MaxPool", one, 2, c.input(c.plain(1, 1, 2, 4, 6)))
			c.output(c.node("", "MaxUnpool", one, 1, pool[0], pool[1])...)
		}
	},
	"Det": func(c *operatorCase) {
		n := 1 + c.below(4)
		c.output(c.node("", "Det", nil, 1, c.input(c.plain(2, 3, n, n)))...)
	},
	"Col2Im": func(c *operatorCase) {
		c.opset = 18
		image, block, stride, dilation, pad := []int{5 + c.below(3), 6}, []int{2, 1 + c.below(3)}, 1+c.below(2), 1+c.below(2), c.below(2)
		positions := 1
		for i := range image {
			positions *= (image[i]+2*pad-dilation*(block[i]-1)-1)/stride + 1
		}
		attrs := []onnxwrite.Attribute{onnxwrite.Ints("strides", int64(stride), int64(stride)), onnxwrite.Ints("dilations", int64(dilation), int64(dilation)), onnxwrite.Ints("pads", int64(pad), int64(pad), int64(pad), int64(pad))}
		c.output(c.node("", "Col2Im", attrs, 1, c.input(c.plain(1, 2, 3*block[0]*block[1], positions)), ints(image...), ints(block...))...)
	},
	"windows of sounds": func(c *operatorCase) {
		n := 1 + c.below(9)
		x := c.input(c.plain(1, n))
		for _, name := range []string{"HannWindow", "HammingWindow", "BlackmanWindow"} {
			periodic := int64(1)
			if n > 1 {
				periodic = int64(c.below(2))
			}
			w := c.node("", name, []onnxwrite.Attribute{onnxwrite.Int("periodic", periodic)}, 1, scalar(n))[0]
			c.output(c.node("", "Mul", nil, 1, x, w)...)
		}
	},
	"DFT": func(c *operatorCase) {
		c.opset = int64(pick(c, 17, 20))
		shape := []int{2, 3 + c.below(6), 4 + c.below(3), 1 + c.below(2)}
		axis := 1 + c.below(2)
		var attrs []onnxwrite.Attribute
		switch c.below(3) {
		case 0:
			attrs = append(attrs, onnxwrite.Int("inverse", 1))
			shape[3] = 2
		case 1:
			attrs = append(attrs, onnxwrite.Int("onesided", 1))
			shape[3] = 1
		}
		in := []any{c.input(c.plain(.2, shape...)), nil}
		if c.below(2) == 0 {
			in[1] = scalar(shape[axis] + c.below(5) - 2)
		}
		if c.opset == 20 {
			in = append(in, scalar(axis))
		} else {
			attrs = append(attrs, onnxwrite.Int("axis", int64(axis)))
		}
		c.output(c.node("", "DFT", attrs, 1, in...)...)
	},
	"STFT": func(c *operatorCase) {
		size, half := 8+c.below(9), c.below(2)
		in := []any{c.input(c.plain(.2, 2, 40, 1)), scalar(1 + c.below(9)), c.plain(1, size), nil}
		if c.below(3) == 0 {
			in[2], in[3] = nil, scalar(size)
		} else if c.below(2) == 0 {
			in[3] = scalar(size)
		}
		c.output(c.node("", "STFT", []onnxwrite.Attribute{onnxwrite.Int("onesided", int64(half))}, 1, in...)...)
	},
	"MelWeightMatrix": func(c *operatorCase) {
		size := 2 * (16 + c.below(80))
		m := c.node("", "MelWeightMatrix", nil, 1, scalar(2+c.below(20)), scalar(size), scalar(8000), tensor.Scalar(float32(c.below(100))), tensor.Scalar(float32(2000+c.below(1900))))[0]
		c.output(c.node("", "MatMul", nil, 1, c.input(c.plain(1, 2, size/2+1)), m)...)
	},
	"AffineGrid": func(c *operatorCase) {
		c.opset = 20
		if c.below(3) == 0 {
			c.output(c.node("", "AffineGrid", []onnxwrite.Attribute{flag(c, "align_corners")}, 1, c.input(c.plain(1, 2, 3, 4)), ints(2, 1, 3, 4, 2))...)
			return
		}
		grid := c.node("", "AffineGrid", []onnxwrite.Attribute{flag(c, "align_corners")}, 1, c.input(c.plain(1, 1, 2, 3)), ints(1, 2, 4, 5))[0]
		c.output(grid, c.node("", "GridSample", nil, 1, c.input(c.plain(1, 1, 2, 6, 6)), grid)[0])
	},
	"DeformConv": func(c *operatorCase) {
		c.opset = 19
		group, offsets := 1+c.below(2), 1+c.below(2)
		attrs := []onnxwrite.Attribute{onnxwrite.Int("group", int64(group)), onnxwrite.Int("offset_group", int64(offsets)), onnxwrite.Ints("pads", 1, 0, 1, 0), onnxwrite.Ints("strides", int64(1+c.below(2)), 1), onnxwrite.Ints("dilations", 1, int64(1+c.below(2))), onnxwrite.Ints("kernel_shape", 3, 2)}
		stride, dilation := attrs[3].Ints[0], attrs[4].Ints[1]
		h, w := (6+2-3)/int(stride)+1, 7-int(dilation)
		in := []any{c.input(c.plain(1, 1, 4, 6, 7)), c.plain(1, 6, 4/group, 3, 2), c.input(c.plain(2, 1, offsets*12, h, w)), nil, nil}
		if c.below(2) == 0 {
			in[3] = c.plain(1, 6)
		}
		if c.below(2) == 0 {
			in[4] = c.plain(1, 1, offsets*6, h, w)
		}
		c.output(c.node("", "DeformConv", attrs, 1, in...)...)
	},
	"DynamicQuantizeLSTM": func(c *operatorCase) {
		steps, input, hidden, direction, signed, each := 5, 6, 4, pick(c, "forward", "reverse", "bidirectional"), c.below(2) == 0, c.below(2) == 0
		dirs := 1
		if direction == "bidirectional" {
			dirs = 2
		}
		in := []any{c.input(c.plain(1, steps, 1, input)), c.bytesTensor(signed, dirs, input, 4*hidden), c.bytesTensor(signed, dirs, hidden, 4*hidden), nil, nil, nil, nil, nil}
		if c.below(3) > 0 {
			in[3] = c.plain(1, dirs, 8*hidden)
		}
		if c.below(2) == 0 {
			in[5], in[6] = c.plain(1, dirs, 1, hidden), c.plain(1, dirs, 1, hidden)
		}
		for range 2 {
			shape := []int{dirs}
			if each {
				shape = []int{dirs, 4 * hidden}
			}
			s := c.plain(.002, shape...)
			for i, v := range s.Data.([]float32) {
				s.Data.([]float32)[i] = .004 + v
			}
			z := c.bytesTensor(signed, shape...)
			if each && signed {
				z = tensor.Zeros[int8](shape...)
			}
			in = append(in, s, z)
		}
		c.output(c.node(microsoft, "DynamicQuantizeLSTM", []onnxwrite.Attribute{onnxwrite.Int("hidden_size", int64(hidden)), onnxwrite.String("direction", direction)}, 3, in...)...)
	},
	"DequantizeLinear of four bits": func(c *operatorCase) {
		c.opset = 21
		var w, z *tensor.Tensor
		k, n, block := 6, 5, 1+c.below(4)
		blocks := (k + block - 1) / block
		if c.below(2) == 0 {
			w, z = tensor.Zeros[tensor.FourBits](k, n), tensor.Zeros[tensor.FourBits](blocks, n)
			for _, t := range []*tensor.Tensor{w, z} {
				for i := range t.Data.([]tensor.FourBits) {
					t.Data.([]tensor.FourBits)[i] = tensor.FourBits(c.below(16) - 8)
				}
			}
		} else {
			w, z = tensor.Zeros[tensor.FourBitsUnsigned](k, n), tensor.Zeros[tensor.FourBitsUnsigned](blocks, n)
			for _, t := range []*tensor.Tensor{w, z} {
				for i := range t.Data.([]tensor.FourBitsUnsigned) {
					t.Data.([]tensor.FourBitsUnsigned)[i] = tensor.FourBitsUnsigned(c.below(16))
				}
			}
		}
		in := []any{w, c.plain(1, blocks, n), z}
		if c.below(3) == 0 {
			in = in[:2]
		}
		m := c.node("", "DequantizeLinear", []onnxwrite.Attribute{onnxwrite.Int("axis", 0), onnxwrite.Int("block_size", int64(block))}, 1, in...)[0]
		c.output(c.node("", "MatMul", nil, 1, c.input(c.plain(1, 2, k)), m)...)
	},
	"DequantizeLinear of eight bits with exponents": func(c *operatorCase) {
		c.opset = 19
		w := tensor.Zeros[tensor.Eight1](3, 8)
		for i := range w.Data.([]tensor.Eight1) {
			w.Data.([]tensor.Eight1)[i] = tensor.Eight1(c.below(255))
			if w.Data.([]tensor.Eight1)[i] == 127 {
				w.Data.([]tensor.Eight1)[i] = 126
			}
		}
		v := tensor.Zeros[tensor.Eight2](3, 8)
		for i := range v.Data.([]tensor.Eight2) {
			v.Data.([]tensor.Eight2)[i] = tensor.Eight2(c.below(2)<<7 | c.below(124))
		}
		x := c.input(c.plain(1, 2, 3))
		for _, t := range []*tensor.Tensor{w, v} {
			m := c.node("", "DequantizeLinear", nil, 1, t, tensor.Scalar(float32(.125)))[0]
			c.output(c.node("", "MatMul", nil, 1, x, m)...)
		}
	},
}
