package incremental_test

import (
	"krypton/internal/onnxwrite"
	"krypton/internal/tensor"
)

const microsoft = "com.microsoft"

// quantizedInput is an input of float32, quantized to type uint8 or int8; it
// gives the tensor's name, its scale and its zero point.
func (c *operatorCase) quantizedInput(signed bool, shape ...int) (q string, scale, zero *tensor.Tensor) {
	scale, zero = c.quantization(signed)
	q = c.node("", "QuantizeLinear", nil, 1, c.input(c.plain(2, shape...)), scale, zero)[0]
	return q, scale, zero
}

// quantization is a scale and a zero point.
func (c *operatorCase) quantization(signed bool) (scale, zero *tensor.Tensor) {
	scale = tensor.Scalar(pick(c, float32(.0625), 0.01+c.rng.Float32()*.05))
	if signed {
		return scale, tensor.Scalar(int8(c.below(40) - 20))
	}
	return scale, tensor.Scalar(uint8(100 + c.below(60)))
}

func (c *operatorCase) bytesTensor(signed bool, shape ...int) *tensor.Tensor {
	if signed {
		t := tensor.Zeros[int8](shape...)
		for i := range t.Data.([]int8) {
			t.Data.([]int8)[i] = int8(c.below(256) - 128)
		}
		return t
	}
	t := tensor.Zeros[uint8](shape...)
	for i := range t.Data.([]uint8) {
		t.Data.([]uint8)[i] = uint8(c.below(256))
	}
	return t
}

// dequantizedOutput makes numbers of a quantized tensor the output.
func (c *operatorCase) dequantizedOutput(q string, scale, zero *tensor.Tensor) {
	c.output(q, c.node("", "DequantizeLinear", nil, 1, q, scale, zero)[0])
}

// headsOf are the attributes of an attention, with a scale or without.
func headsOf(c *operatorCase, heads int) []onnxwrite.Attribute {
	attrs := []onnxwrite.Attribute{onnxwrite.Int("num_heads", int64(heads))}
	if c.below(2) == 0 {
		attrs = append(attrs, onnxwrite.Float("scale", .3))
	}
	return attrs
}

// operatorFamilies makes the cases of each family.
var operatorFamilies = map[string]func(c *operatorCase){
	"QLinearAdd": func(c *operatorCase) { qlinearBinary(c, "QLinearAdd") },
	"QLinearMul": func(c *operatorCase) { qlinearBinary(c, "QLinearMul") },
	"QLinearSigmoid": func(c *operatorCase) {
		signed := c.below(2) == 0
		x, xs, xz := c.quantizedInput(signed, 1, 3, 5, 6)
		ys, yz := c.quantization(signed)
		c.dequantizedOutput(c.node(microsoft, "QLinearSigmoid", nil, 1, x, xs, xz, ys, yz)[0], ys, yz)
	},
	"QLinearLeakyRelu": func(c *operatorCase) {
		signed := c.below(2) == 0
		x, xs, xz := c.quantizedInput(signed, 1, 3, 5, 6)
		ys, yz := c.quantization(signed)
		c.dequantizedOutput(c.node(microsoft, "QLinearLeakyRelu", []onnxwrite.Attribute{onnxwrite.Float("alpha", c.rng.Float32())}, 1, x, xs, xz, ys, yz)[0], ys, yz)
	},
	"QLinearSoftmax": func(c *operatorCase) {
		x, xs, xz := c.quantizedInput(false, 2, 9)
		ys, yz := tensor.Scalar(float32(1)/256), tensor.Scalar(uint8(0))
		c.dequantizedOutput(c.node(microsoft, "QLinearSoftmax", []onnxwrite.Attribute{onnxwrite.Int("axis", -1), onnxwrite.Int("opset", 13)}, 1, x, xs, xz, ys, yz)[0], ys, yz)
	},
	"QLinearAveragePool": func(c *operatorCase) {
		signed, last := c.below(2) == 0, c.below(2) == 0
		shape := []int{1, 3, 7, 8}
		if last {
			shape = []int{1, 7, 8, 3}
		}
		x, xs, xz := c.quantizedInput(signed, shape...)
		ys, yz := c.quantization(signed)
		attrs := []onnxwrite.Attribute{onnxwrite.Ints("kernel_shape", 3, 2), onnxwrite.Ints("strides", int64(1+c.below(2)), int64(1+c.below(3))),
			onnxwrite.Ints("pads", int64(c.below(2)), int64(c.below(2)), int64(c.below(2)), int64(c.below(2))), flag(c, "count_include_pad")}
		if last {
			attrs = append(attrs, onnxwrite.Int("channels_last", 1))
		}
		c.dequantizedOutput(c.node(microsoft, "QLinearAveragePool", attrs, 1, x, xs, xz, ys, yz)[0], ys, yz)
	},
	"QLinearGlobalAveragePool": func(c *operatorCase) {
		signed, last := c.below(2) == 0, c.below(2) == 0
		shape := []int{1, 3, 7, 8}
		if last {
			shape = []int{1, 7, 8, 3}
		}
		x, xs, xz := c.quantizedInput(signed, shape...)
		ys, yz := c.quantization(signed)
		attrs := []onnxwrite.Attribute{onnxwrite.Int("channels_last", map[bool]int64{true: 1}[last])}
		c.dequantizedOutput(c.node(microsoft, "QLinearGlobalAveragePool", attrs, 1, x, xs, xz, ys, yz)[0], ys, yz)
	},
	"QLinearConcat": func(c *operatorCase) {
		signed := c.below(2) == 0
		x, xs, xz := c.quantizedInput(signed, 1, 3, 5, 6)
		w, wz := c.quantization(signed)
		ys, yz := c.quantization(signed)
		if c.below(2) == 0 {
			ys, yz = xs, xz
		}
		y := c.node(microsoft, "QLinearConcat", []onnxwrite.Attribute{onnxwrite.Int("axis", 1)}, 1, ys, yz, x, xs, xz, c.bytesTensor(signed, 1, 2, 5, 6), w, wz)[0]
		c.dequantizedOutput(y, ys, yz)
	},
	"QGemm": func(c *operatorCase) {
		signed := c.below(2) == 0
		m, k, n := 2, 7, 5
		transB := c.below(2)
		x, xs, xz := c.quantizedInput(signed, m, k)
		bs, bz := c.quantization(true)
		shape := []int{k, n}
		if transB == 1 {
			shape = []int{n, k}
		}
		bias := tensor.Zeros[int32](n)
		for i := range n {
			bias.Data.([]int32)[i] = int32(c.below(400) - 200)
		}
		in := []any{x, xs, xz, c.bytesTensor(true, shape...), bs, bz, bias}
		ys, yz := c.quantization(signed)
		quantized := c.below(2) == 0
		if quantized {
			in = append(in, ys, yz)
		}
		y := c.node(microsoft, "QGemm", []onnxwrite.Attribute{onnxwrite.Int("transB", int64(transB)), onnxwrite.Float("alpha", pick(c, float32(1), .5))}, 1, in...)[0]
		if quantized {
			c.dequantizedOutput(y, ys, yz)
		} else {
			c.output(y)
		}
	},
	"QLinearConv, channels last": func(c *operatorCase) {
		x, xs, xz := c.quantizedInput(false, 1, 6, 7, 4)
		ws, _ := c.quantization(true)
		ys, yz := c.quantization(false)
		y := c.node(microsoft, "QLinearConv", []onnxwrite.Attribute{onnxwrite.Int("channels_last", 1), onnxwrite.Ints("pads", 1, 1, 1, 1)}, 1,
			x, xs, xz, c.bytesTensor(true, 5, 4, 3, 3), ws, tensor.Scalar(int8(0)), ys, yz)[0]
		c.dequantizedOutput(y, ys, yz)
	},
	"QLinearConv": func(c *operatorCase) {
		x, xs, xz := c.quantizedInput(false, 1, 4, 6, 7)
		ys, yz := c.quantization(false)
		bias := tensor.Zeros[int32](5)
		for i := range bias.Data.([]int32) {
			bias.Data.([]int32)[i] = int32(c.below(4000) - 2000)
		}
		ws := c.plain(.05, 5)
		for i, v := range ws.Data.([]float32) {
			ws.Data.([]float32)[i] = max(v, -v) + .001
		}
		y := c.node("", "QLinearConv", []onnxwrite.Attribute{onnxwrite.Ints("pads", 1, 1, 1, 1)}, 1,
			x, xs, xz, c.bytesTensor(true, 5, 4, 3, 3), ws, tensor.New(make([]int8, 5), 5), ys, yz, bias)[0]
		c.dequantizedOutput(y, ys, yz)
	},
	"QLinearMatMul": func(c *operatorCase) {
		x, xs, xz := c.quantizedInput(false, 3, 7)
		bs, bz := c.quantization(true)
		ys, yz := c.quantization(false)
		c.dequantizedOutput(c.node("", "QLinearMatMul", nil, 1, x, xs, xz, c.bytesTensor(true, 7, 5), bs, bz, ys, yz)[0], ys, yz)
	},
	"NhwcMaxPool": func(c *operatorCase) {
		x, xs, xz := c.quantizedInput(c.below(2) == 0, 1, 6, 7, 4)
		y := c.node(microsoft, "NhwcMaxPool", []onnxwrite.Attribute{onnxwrite.Ints("kernel_shape", 2, 3), onnxwrite.Ints("strides", 2, 1), onnxwrite.Ints("pads", 0, 1, 0, 1)}, 1, x)[0]
		c.dequantizedOutput(y, xs, xz)
	},
	"Quantize, Dequantize": func(c *operatorCase) {
		scale, zero := c.quantization(c.below(2) == 0)
		q := c.node(microsoft, "QuantizeLinear", nil, 1, c.input(c.plain(2, 1, 3, 5)), scale, zero)[0]
		c.output(q, c.node(microsoft, "DequantizeLinear", nil, 1, q, scale, zero)[0])
	},
	"DynamicQuantizeMatMul": func(c *operatorCase) {
		in := []any{c.input(c.plain(2, 2, 6)), c.bytesTensor(true, 6, 5), tensor.Scalar(float32(.02)), tensor.Scalar(int8(3))}
		if c.below(2) == 0 {
			in = append(in, c.plain(1, 5))
		}
		c.output(c.node(microsoft, "DynamicQuantizeMatMul", nil, 1, in...)[0])
	},
	"MatMulIntegerToFloat": func(c *operatorCase) {
		x, xs, xz := c.quantizedInput(false, 2, 6)
		in := []any{x, c.bytesTensor(true, 6, 5), xs, c.plain(.1, 5), xz, tensor.Scalar(int8(2))}
		if c.below(2) == 0 {
			in = append(in, c.plain(1, 5))
		}
		c.output(c.node(microsoft, "MatMulIntegerToFloat", nil, 1, in...)[0])
	},
	"Attention, fused": func(c *operatorCase) {
		heads := 1 + c.below(3)
		size := 4 * heads
		in := []any{c.input(c.plain(1, 1, 5, 6)), c.plain(.5, 6, 3*size), c.plain(1, 3*size)}
		c.output(c.node(microsoft, "Attention", headsOf(c, heads), 1, in...)[0])
	},
	"MultiHeadAttention": func(c *operatorCase) {
		heads := 1 + c.below(3)
		size := 4 * heads
		in := []any{c.input(c.plain(1, 1, 5, size)), c.input(c.plain(1, 1, 7, size)), c.input(c.plain(1, 1, 7, size)), nil}
		if c.below(2) == 0 {
			in[3] = c.plain(1, 3*size)
		}
		c.output(c.node(microsoft, "MultiHeadAttention", headsOf(c, heads), 1, in...)[0])
	},
	"MatMulNBits": func(c *operatorCase) {
		bits, block := pick(c, 4, 8), pick(c, 16, 32)
		k, n := 8*(2+c.below(8)), 3+c.below(4)
		blocks := (k + block - 1) / block
		in := []any{c.input(c.plain(1, 2, 3, k)), c.bytesTensor(false, n, blocks, block*bits/8), c.plain(.05, n, blocks), nil, nil, nil}
		if c.below(2) == 0 {
			in[3] = c.bytesTensor(false, n, (blocks*bits+7)/8)
		}
		if c.below(2) == 0 {
			in[5] = c.plain(1, n)
		}
		attrs := []onnxwrite.Attribute{onnxwrite.Int("K", int64(k)), onnxwrite.Int("N", int64(n)), onnxwrite.Int("bits", int64(bits)), onnxwrite.Int("block_size", int64(block))}
		c.output(c.node(microsoft, "MatMulNBits", attrs, 1, in...)[0])
	},
	"FusedConv": func(c *operatorCase) {
		activation := pick(c, "Relu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "HardSigmoid")
		attrs := []onnxwrite.Attribute{onnxwrite.Ints("pads", 1, 1, 1, 1), onnxwrite.Ints("kernel_shape", 3, 3), onnxwrite.String("activation", activation)}
		switch activation {
		case "LeakyRelu":
			attrs = append(attrs, onnxwrite.Floats("activation_params", .2))
		case "Clip":
			attrs = append(attrs, onnxwrite.Floats("activation_params", -.5, 1))
		case "HardSigmoid":
			attrs = append(attrs, onnxwrite.Floats("activation_params", .3, .4))
		}
		in := []any{c.input(c.plain(1, 1, 3, 8, 8)), c.plain(.5, 4, 3, 3, 3), c.plain(1, 4)}
		if c.below(2) == 0 {
			in = append(in, c.plain(1, 1, 4, 8, 8))
		}
		c.output(c.node(microsoft, "FusedConv", attrs, 1, in...)[0])
	},
	"FusedGemm": func(c *operatorCase) {
		activation := pick(c, "Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid")
		attrs := []onnxwrite.Attribute{onnxwrite.Int("transB", 1), onnxwrite.String("activation", activation)}
		if activation == "LeakyRelu" || activation == "HardSigmoid" {
			attrs = append(attrs, onnxwrite.Float("activation_alpha", .3))
		}
		if activation == "HardSigmoid" {
			attrs = append(attrs, onnxwrite.Float("activation_beta", .3))
		}
		c.output(c.node(microsoft, "FusedGemm", attrs, 1, c.input(c.plain(1, 1, 6)), c.plain(1, 4, 6), c.plain(1, 4))[0])
	},
	"FusedMatMul": func(c *operatorCase) {
		a, b, batches := []int{3, 4}, []int{4, 5}, c.below(3)
		attrs := []onnxwrite.Attribute{onnxwrite.Float("alpha", pick(c, float32(1), .25))}
		if c.below(2) == 0 {
			a, attrs = []int{4, 3}, append(attrs, onnxwrite.Int("transA", 1))
		}
		if c.below(2) == 0 {
			b, attrs = []int{5, 4}, append(attrs, onnxwrite.Int("transB", 1))
		}
		switch batches {
		case 1:
			a, b = append([]int{2}, a...), append([]int{2}, b...)
		case 2: // the batch lies between rows and columns
			a, b = []int{a[0], 2, a[1]}, []int{b[0], 2, b[1]}
			attrs = append(attrs, onnxwrite.Int("transBatchA", 1), onnxwrite.Int("transBatchB", 1))
		}
		c.output(c.node(microsoft, "FusedMatMul", attrs, 1, c.input(c.plain(1, a...)), c.plain(1, b...))[0])
	},
	"Gelus": func(c *operatorCase) {
		x := c.input(c.plain(3, 1, 4, 6))
		c.output(c.node(microsoft, "Gelu", nil, 1, x)[0], c.node(microsoft, "BiasGelu", nil, 1, x, c.plain(1, 6))[0], c.node(microsoft, "FastGelu", nil, 1, x)[0],
			c.node(microsoft, "FastGelu", nil, 1, x, c.plain(1, 6))[0], c.node(microsoft, "QuickGelu", []onnxwrite.Attribute{onnxwrite.Float("alpha", 1.5)}, 1, x)[0])
	},
	"SkipLayerNormalization": func(c *operatorCase) {
		in := []any{c.input(c.plain(3, 1, 4, 6)), c.plain(1, 1, 4, 6), c.plain(1, 6), c.plain(1, 6)}
		if c.below(2) == 0 {
			in = append(in, c.plain(1, 6))
		}
		c.output(c.node(microsoft, "SkipLayerNormalization", []onnxwrite.Attribute{onnxwrite.Float("epsilon", 1e-3)}, 1, in...)[0])
	},
	"SkipSimplifiedLayerNormalization": func(c *operatorCase) {
		in := []any{c.input(c.plain(3, 1, 4, 6)), c.plain(1, 1, 4, 6), c.plain(1, 6)}
		if c.below(2) == 0 {
			in = append(in, c.plain(1, 6))
		}
		c.output(c.node(microsoft, "SkipSimplifiedLayerNormalization", []onnxwrite.Attribute{onnxwrite.Float("epsilon", 1e-3)}, 1, in...)[0])
	},
	"LayerNormalization, old": func(c *operatorCase) {
		c.opset = 13
		x := c.input(c.plain(3, 1, 4, 6))
		c.output(c.node("", "LayerNormalization", []onnxwrite.Attribute{onnxwrite.Int("axis", -1), onnxwrite.Float("epsilon", 1e-3)}, 1, x, c.plain(1, 6), c.plain(1, 6))[0],
			c.node("", "SimplifiedLayerNormalization", []onnxwrite.Attribute{onnxwrite.Int("axis", -1), onnxwrite.Float("epsilon", 1e-3)}, 1, x, c.plain(1, 6))[0])
	},
}

func qlinearBinary(c *operatorCase, name string) {
	signed := c.below(2) == 0
	a, as, az := c.quantizedInput(signed, 1, 3, 5, 6)
	bs, bz := c.quantization(signed)
	cs, cz := c.quantization(signed)
	b := c.bytesTensor(signed, pick(c, []int{1, 3, 5, 6}, []int{3, 1, 1}, []int{1})...)
	c.dequantizedOutput(c.node(microsoft, name, nil, 1, a, as, az, b, bs, bz, cs, cz)[0], cs, cz)
}
