package incremental_test

import (
	"maps"
	"math"

	"krypton/internal/onnxwrite"
	"krypton/internal/tensor"
)

func init() { maps.Copy(operatorFamilies, moreFamilies) }

// recurrent makes a recurrent layer with random attributes.
func recurrent(c *operatorCase, name string, gates int, activations ...string) {
	steps, batch, input, hidden := 4, 1+c.below(2), 3, 2
	direction := pick(c, "forward", "reverse", "bidirectional")
	dirs := 1
	if direction == "bidirectional" {
		dirs = 2
	}
	attrs := []onnxwrite.Attribute{onnxwrite.Int("hidden_size", int64(hidden)), onnxwrite.String("direction", direction)}
	if c.below(2) == 0 {
		var names []string
		for range dirs {
			names = append(names, activations...)
		}
		attrs = append(attrs, onnxwrite.Strings("activations", names...))
	}
	if c.below(2) == 0 {
		attrs = append(attrs, onnxwrite.Float("clip", .5))
	}
	in := []any{c.input(c.plain(1, steps, batch, input)), c.plain(1, dirs, gates*hidden, input), c.plain(1, dirs, gates*hidden, hidden), nil, nil, nil, nil, nil}
	if c.below(3) > 0 {
		in[3] = c.plain(1, dirs, 2*gates*hidden)
	}
	if c.below(2) == 0 {
		lengths := tensor.Zeros[int32](batch)
		for i := range lengths.Data.([]int32) {
			lengths.Data.([]int32)[i] = int32(1 + c.below(steps))
		}
		in[4] = lengths
	}
	if c.below(2) == 0 {
		in[5] = c.plain(1, dirs, batch, hidden)
	}
	outputs := 2
	if name == "LSTM" {
		outputs = 3
		if c.below(2) == 0 {
			in[6] = c.plain(1, dirs, batch, hidden)
		}
		if c.below(2) == 0 {
			in[7] = c.plain(1, dirs, 3*hidden)
		}
		attrs = append(attrs, flag(c, "input_forget"))
	} else {
		in = in[:6]
	}
	if name == "GRU" {
		attrs = append(attrs, flag(c, "linear_before_reset"))
	}
	c.output(c.node("", name, attrs, outputs, in...)...)
}

// moreFamilies are cases of ONNX's own operators.
var moreFamilies = map[string]func(c *operatorCase){
	"RNN":  func(c *operatorCase) { recurrent(c, "RNN", 1, pick(c, "Tanh", "Relu", "Softsign")) },
	"GRU":  func(c *operatorCase) { recurrent(c, "GRU", 3, "Sigmoid", pick(c, "Tanh", "Softsign")) },
	"LSTM": func(c *operatorCase) { recurrent(c, "LSTM", 4, "Sigmoid", pick(c, "Tanh", "Softsign"), "Tanh") },
	"ConvTranspose": func(c *operatorCase) {
		stride, kernel, group := int64(1+c.below(3)), 1+c.below(4), 1+c.below(2)
		attrs := []onnxwrite.Attribute{onnxwrite.Ints("strides", stride, 2), onnxwrite.Int("group", int64(group))}
		switch c.below(3) {
		case 0:
			attrs = append(attrs, onnxwrite.String("auto_pad", pick(c, "SAME_UPPER", "SAME_LOWER", "NOTSET")), onnxwrite.Ints("output_shape", int64(4)*stride+int64(c.below(3))-1, 9+int64(c.below(2))))
		case 1:
			attrs = append(attrs, onnxwrite.String("auto_pad", pick(c, "SAME_UPPER", "SAME_LOWER", "VALID")))
			kernel = max(kernel, int(stride)) // or ONNX Runtime's output is shorter than the text says
		case 2:
			attrs = append(attrs, onnxwrite.Ints("pads", int64(c.below(2)), 0, 0, int64(c.below(2))))
		}
		if stride > 1 && c.below(2) == 0 {
			attrs = append(attrs, onnxwrite.Ints("output_padding", 1, 0))
		}
		c.output(c.node("", "ConvTranspose", attrs, 1, c.input(c.plain(1, 1, 2, 4, 5)), c.plain(1, 2, 2, kernel, 3), c.plain(1, 2*group))[0])
	},
	"BatchNormalization, training": func(c *operatorCase) {
		c.opset = int64(pick(c, 14, 15))
		in := []any{c.input(c.plain(1, 2, 3, 4, 5)), c.plain(1, 3), c.plain(1, 3), c.plain(1, 3), c.plain(1, 3)}
		attrs := []onnxwrite.Attribute{onnxwrite.Int("training_mode", 1), onnxwrite.Float("momentum", .7)}
		c.output(c.node("", "BatchNormalization", attrs, 3, in...)...)
	},
	"RMSNormalization": func(c *operatorCase) {
		c.opset = 23
		axis := c.below(3) - 1
		shape := []int{2, 3, 4}
		if axis < 0 {
			axis += 3
		}
		c.output(c.node("", "RMSNormalization", []onnxwrite.Attribute{onnxwrite.Int("axis", int64(axis)), onnxwrite.Float("epsilon", 1e-3)}, 1, c.input(c.plain(2, shape...)), c.plain(1, shape[axis:]...))...)
	},
	"Attention": func(c *operatorCase) {
		c.opset = int64(pick(c, 23, 24))
		b, hq, hk, lq, lk, d, dv := 1+c.below(2), 4, pick(c, 4, 2, 1), 3, 5, 4, 6
		var attrs []onnxwrite.Attribute
		q, k, v := []int{b, hq, lq, d}, []int{b, hk, lk, d}, []int{b, hk, lk, dv}
		if c.below(2) == 0 {
			q, k, v = []int{b, lq, hq * d}, []int{b, lk, hk * d}, []int{b, lk, hk * dv}
			attrs = append(attrs, onnxwrite.Int("q_num_heads", int64(hq)), onnxwrite.Int("kv_num_heads", int64(hk)))
		}
		past := 0
		in := []any{c.input(c.plain(1, q...)), c.plain(1, k...), c.plain(1, v...), nil, nil, nil}
		if c.below(2) == 0 {
			past = 2
			in[4], in[5] = c.plain(1, b, hk, past, d), c.plain(1, b, hk, past, dv)
		}
		switch c.below(4) {
		case 0:
			in[3] = c.plain(1, lq, lk+past)
		case 1:
			m := tensor.Zeros[bool](lq, lk+past)
			for i := range m.Data.([]bool) {
				m.Data.([]bool)[i] = i%(lk+past) == 0 || c.below(2) == 0
			}
			in[3] = m
		case 2:
			attrs = append(attrs, onnxwrite.Int("is_causal", 1))
		}
		if c.below(3) == 0 {
			attrs = append(attrs, onnxwrite.Float("scale", .3))
		}
		if c.below(3) == 0 {
			attrs = append(attrs, onnxwrite.Float("softcap", .5))
		}
		outputs := 1
		if past > 0 {
			outputs = 3
		}
		if c.below(2) == 0 && past > 0 {
			outputs = 4
			attrs = append(attrs, onnxwrite.Int("qk_matmul_output_mode", int64(pick(c, 0, 3))))
		}
		c.output(c.node("", "Attention", attrs, outputs, in...)...)
	},
	"RotaryEmbedding": func(c *operatorCase) {
		c.opset = 23
		b, h, l, d := 2, 3, 4, 8
		attrs := []onnxwrite.Attribute{flag(c, "interleaved")}
		shape, rotating := []int{b, h, l, d}, d
		if c.below(2) == 0 {
			shape, attrs = []int{b, l, h * d}, append(attrs, onnxwrite.Int("num_heads", int64(h)))
		} else if c.below(2) == 0 {
			rotating = 4
			attrs = append(attrs, onnxwrite.Int("rotary_embedding_dim", 4), onnxwrite.Int("num_heads", int64(h)))
		}
		in := []any{c.input(c.plain(1, shape...)), c.plain(1, b, l, rotating/2), c.plain(1, b, l, rotating/2)}
		if c.below(2) == 0 {
			p := tensor.Zeros[int64](b, l)
			for i := range p.Data.([]int64) {
				p.Data.([]int64)[i] = int64(c.below(9))
			}
			in = []any{in[0], c.plain(1, 9, rotating/2), c.plain(1, 9, rotating/2), p}
		}
		c.output(c.node("", "RotaryEmbedding", attrs, 1, in...)...)
	},
	"TensorScatter": func(c *operatorCase) {
		c.opset = 24
		mode := pick(c, "linear", "circular")
		w := tensor.New([]int64{int64(c.below(3)), int64(c.below(3))}, 2)
		if mode == "circular" {
			w.Data.([]int64)[0] = 4
		}
		c.output(c.node("", "TensorScatter", []onnxwrite.Attribute{onnxwrite.String("mode", mode)}, 1, c.input(c.plain(1, 2, 3, 5, 4)), c.plain(1, 2, 3, 3, 4), w)...)
	},
	"GlobalLpPool": func(c *operatorCase) {
		c.output(c.node("", "GlobalLpPool", []onnxwrite.Attribute{onnxwrite.Int("p", int64(1+c.below(3)))}, 1, c.input(c.plain(1, 1, 3, 4, 5)))...)
	},
	"Resize": func(c *operatorCase) {
		mode := pick(c, "nearest", "linear", "cubic")
		c.opset = int64(pick(c, 13, 18, 19))
		coordinates := []string{"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"}
		if c.opset == 19 {
			coordinates = append(coordinates, "half_pixel_symmetric")
		}
		attrs := []onnxwrite.Attribute{onnxwrite.String("mode", mode), onnxwrite.String("coordinate_transformation_mode", pick(c, coordinates...))}
		if mode == "nearest" {
			attrs = append(attrs, onnxwrite.String("nearest_mode", pick(c, "round_prefer_floor", "round_prefer_ceil", "floor", "ceil")))
		} else if mode == "cubic" {
			attrs = append(attrs, onnxwrite.Float("cubic_coeff_a", pick(c, float32(-.75), -.5)), flag(c, "exclude_outside"))
		}
		antialias := c.opset >= 18 && mode != "nearest" && c.below(3) == 0
		if antialias {
			attrs = append(attrs, onnxwrite.Int("antialias", 1))
		}
		x := c.input(c.plain(1, 1, 2, 1+c.below(7), 2+c.below(7)))
		if c.below(2) == 0 || antialias { // by scales ONNX Runtime may leave an axis alone
			c.output(c.node("", "Resize", attrs, 1, x, nil, nil, tensor.New([]int64{1, 2, int64(1 + c.below(9)), int64(1 + c.below(9))}, 4))...)
		} else {
			scale := func() float32 { return pick(c, float32(.5), .6, 1, 1.3, 2, 2.5, .7) }
			c.output(c.node("", "Resize", attrs, 1, x, nil, tensor.New([]float32{1, 1, max(1, scale()), scale()}, 4))...)
		}
	},
	"Resize, cropped": func(c *operatorCase) {
		attrs := []onnxwrite.Attribute{onnxwrite.String("mode", pick(c, "nearest", "linear")), onnxwrite.String("coordinate_transformation_mode", "tf_crop_and_resize"), onnxwrite.Float("extrapolation_value", 7)}
		roi := tensor.New([]float32{0, 0, c.rng.Float32()*.6 - .1, c.rng.Float32()*.6 - .1, 1, 1, c.rng.Float32()*.5 + .6, c.rng.Float32()*.5 + .6}, 8)
		h, w := 2+c.below(4), 2+c.below(4) // other lengths than the output's: ONNX Runtime does not crop an axis whose length stays
		c.output(c.node("", "Resize", attrs, 1, c.input(c.plain(1, 1, 2, h, w)), roi, nil, tensor.New([]int64{1, 2, int64(h + 1 + c.below(4)), int64(pick(c, 1, w+1, w+3))}, 4))...)
	},
	"QuantizeLinear": func(c *operatorCase) {
		x := c.plain(40, 1, 3, 9)
		for i, v := range []float32{0.5, 1.5, 2.5, -0.5, 1e9, -1e9, float32(math.Inf(1)), float32(math.Inf(-1))} {
			x.Data.([]float32)[i] = v
		}
		in := c.input(x)
		for _, signed := range []bool{false, true} {
			_, zero := c.quantization(signed)
			q := c.node("", "QuantizeLinear", nil, 1, in, tensor.Scalar(pick(c, float32(1), .25, .3)), zero)[0]
			c.output(q, c.node("", "DequantizeLinear", nil, 1, q, tensor.Scalar(float32(.3)), zero)[0])
		}
		c.output(c.node("", "DynamicQuantizeLinear", nil, 3, c.input(c.plain(pick(c, float32(1), 20), 2, 9)))...)
	},
	"pools": func(c *operatorCase) {
		name := pick(c, "MaxPool", "AveragePool", "LpPool")
		c.opset = 19
		if name == "LpPool" {
			c.opset = 18
		}
		attrs := []onnxwrite.Attribute{onnxwrite.Ints("kernel_shape", int64(1+c.below(3)), int64(2+c.below(2))), onnxwrite.Ints("strides", int64(1+c.below(3)), int64(1+c.below(3)))}
		if c.below(3) == 0 {
			attrs = append(attrs, onnxwrite.String("auto_pad", pick(c, "SAME_UPPER", "SAME_LOWER", "VALID")))
		} else {
			attrs = append(attrs, onnxwrite.Ints("pads", 0, int64(c.below(2)), 0, int64(c.below(2))), flag(c, "ceil_mode"), onnxwrite.Ints("dilations", int64(1+c.below(2)), int64(1+c.below(2))))
		}
		outputs := 1
		switch name {
		case "AveragePool":
			attrs = append(attrs, flag(c, "count_include_pad"))
		case "MaxPool":
			outputs = 2
			attrs = append(attrs, flag(c, "storage_order"))
		}
		c.output(c.node("", name, attrs, outputs, c.input(c.plain(1, 1, 2, 6+c.below(4), 6+c.below(4))))...)
	},
	"Pad": func(c *operatorCase) {
		c.opset = 19
		pads := tensor.Zeros[int64](8)
		for i := range pads.Data.([]int64) {
			pads.Data.([]int64)[i] = int64(c.below(4) - 1)
		}
		c.output(c.node("", "Pad", []onnxwrite.Attribute{onnxwrite.String("mode", pick(c, "constant", "reflect", "edge", "wrap"))}, 1, c.input(c.plain(1, 3, 4, 5, 4)), pads, tensor.Scalar(float32(.5)))...)
	},
	"GridSample": func(c *operatorCase) {
		c.opset = int64(pick(c, 16, 20))
		modes := []string{"bilinear", "nearest", "bicubic"}
		if c.opset == 20 {
			modes = []string{"linear", "nearest", "cubic"}
		}
		attrs := []onnxwrite.Attribute{onnxwrite.String("mode", pick(c, modes...)), onnxwrite.String("padding_mode", pick(c, "zeros", "border", "reflection")), flag(c, "align_corners")}
		c.output(c.node("", "GridSample", attrs, 1, c.input(c.plain(1, 1, 2, 4, 5)), c.plain(1.5, 1, 3, 4, 2))...)
	},
	"RoiAlign": func(c *operatorCase) {
		c.opset = 16
		attrs := []onnxwrite.Attribute{onnxwrite.String("mode", pick(c, "avg", "max")), onnxwrite.Int("output_height", 3), onnxwrite.Int("output_width", 2), onnxwrite.Int("sampling_ratio", int64(c.below(3))),
			onnxwrite.Float("spatial_scale", pick(c, float32(1), .5)), onnxwrite.String("coordinate_transformation_mode", pick(c, "half_pixel", "output_half_pixel"))}
		rois := tensor.Zeros[float32](3, 4)
		for i := range 3 {
			r := rois.Data.([]float32)[4*i:]
			r[0], r[1] = c.rng.Float32()*6-1, c.rng.Float32()*6-1
			r[2], r[3] = r[0]+c.rng.Float32()*6, r[1]+c.rng.Float32()*6
		}
		c.output(c.node("", "RoiAlign", attrs, 1, c.input(c.plain(1, 1, 2, 7, 8)), rois, tensor.New([]int64{0, 0, 0}, 3))...)
	},
	"ties": func(c *operatorCase) {
		x := c.plain(2, 2, 6)
		for i, v := range x.Data.([]float32) {
			x.Data.([]float32)[i] = float32(int(v)) // of few values
		}
		in, axis := c.input(x), int64(c.below(2))
		c.output(c.node("", "TopK", []onnxwrite.Attribute{onnxwrite.Int("axis", axis), flag(c, "largest")}, 2, in, tensor.New([]int64{2}, 1))...)
		for _, name := range []string{"ArgMax", "ArgMin"} {
			c.output(c.node("", name, []onnxwrite.Attribute{onnxwrite.Int("axis", axis), flag(c, "select_last_index"), flag(c, "keepdims")}, 1, in)...)
		}
	},
	"arithmetic": func(c *operatorCase) {
		x, y := c.input(c.plain(4, 2, 3)), c.plain(3, 3)
		c.output(c.node("", "Mod", []onnxwrite.Attribute{onnxwrite.Int("fmod", 1)}, 1, x, y)...)
		c.output(c.node("", "CumSum", []onnxwrite.Attribute{flag(c, "exclusive"), flag(c, "reverse")}, 1, x, tensor.Scalar(int64(c.below(2))))...)
		for _, to := range []onnxwrite.DataType{onnxwrite.TypeInt32, onnxwrite.TypeBool, onnxwrite.TypeInt64} {
			c.output(c.node("", "Cast", []onnxwrite.Attribute{onnxwrite.Int("to", int64(to))}, 1, x)...)
		}
		i := c.node("", "Cast", []onnxwrite.Attribute{onnxwrite.Int("to", int64(onnxwrite.TypeInt32))}, 1, x)[0]
		c.output(c.node("", "Mod", nil, 1, i, tensor.New([]int32{3, -2, 5}, 3))...)
		c.output(c.node("", "Round", nil, 1, c.node("", "Mul", nil, 1, c.node("", "Cast", []onnxwrite.Attribute{onnxwrite.Int("to", 1)}, 1, i)[0], tensor.Scalar(float32(.5)))[0])...)
	},
	"NonMaxSuppression": func(c *operatorCase) {
		n := 8
		boxes := tensor.Zeros[float32](1, n, 4)
		for i := range n {
			b := boxes.Data.([]float32)[4*i:]
			b[0], b[1] = c.rng.Float32()*4, c.rng.Float32()*4
			b[2], b[3] = b[0]+1+c.rng.Float32()*3, b[1]+1+c.rng.Float32()*3
			if c.below(3) == 0 {
				b[0], b[2] = b[2], b[0]
			}
		}
		scores := c.plain(1, 1, 2, n)
		scores.Data.([]float32)[3] = scores.Data.([]float32)[2] // a tie
		c.output(c.node("", "NonMaxSuppression", []onnxwrite.Attribute{flag(c, "center_point_box")}, 1, boxes, c.input(scores),
			tensor.New([]int64{int64(1 + c.below(5))}, 1), tensor.New([]float32{c.rng.Float32() * .7}, 1), tensor.New([]float32{c.rng.Float32() * .5}, 1))...)
	},
}
