package incremental_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"krypton/internal/exporter"
	"krypton/internal/incremental"
	"krypton/internal/onnxload"
	"krypton/internal/onnxwrite"
)

// The network of all forms below: a convolution of 3 to 4 channels with borders, ReLU,
// the mean of each channel, a fully connected layer to 3 numbers.
const (
	formSize     = 8
	formChannels = 4
	formClasses  = 3
)

// form is that network's numbers.
type form struct {
	w, b, fc, fb []float32
	pixels       []float32 // 3 planes
}

func newForm() *form {
	fill := func(n int, v func(i int) float32) []float32 {
		f := make([]float32, n)
		for i := range f {
			f[i] = v(i)
		}
		return f
	}
	// Multiples of powers of two: float16, bfloat16 and int8 hold them exactly.
	return &form{w: fill(formChannels*27, func(i int) float32 { return float32((i*7)%17-8) / 16 }), b: fill(formChannels, func(i int) float32 { return float32(i-1) / 4 }),
		fc: fill(formClasses*formChannels, func(i int) float32 { return float32((i*5)%13-6) / 8 }), fb: fill(formClasses, func(i int) float32 { return float32(i) / 2 }),
		pixels: fill(3*formSize*formSize, func(i int) float32 { return float32((i*37)%251) / 256 })}
}

// logits computes the network plainly: pixel reads the input, after every layer its
// numbers pass through rounded.
func (f *form) logits(pixel func(c, y, x int) float64, rounded func(layer string, v float64) float64) []float64 {
	means := make([]float64, formChannels)
	for o := range formChannels {
		for y := range formSize {
			for x := range formSize {
				sum := float64(f.b[o])
				for c := range 3 {
					for k := range 9 {
						if yy, xx := y+k/3-1, x+k%3-1; yy >= 0 && yy < formSize && xx >= 0 && xx < formSize {
							sum += float64(f.w[(o*3+c)*9+k]) * pixel(c, yy, xx)
						}
					}
				}
				means[o] += rounded("conv", max(sum, 0)) / (formSize * formSize)
			}
		}
		means[o] = rounded("mean", means[o])
	}
	out := make([]float64, formClasses)
	for k := range out {
		out[k] = float64(f.fb[k])
		for o, m := range means {
			out[k] += float64(f.fc[k*formChannels+o]) * m
		}
	}
	return out
}

func (f *form) pixel(c, y, x int) float64 {
	return float64(f.pixels[(c*formSize+y)*formSize+x])
}

func exact(_ string, v float64) float64 { return v }

// softmaxOf is the usual reading of logits.
func softmaxOf(l []float64) []float64 {
	sum, out := 0.0, make([]float64, len(l))
	for i, v := range l {
		out[i] = math.Exp(v - slices.Max(l))
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

func (f *form) weights() []onnxwrite.Tensor {
	return []onnxwrite.Tensor{onnxwrite.Raw("w", []int64{formChannels, 3, 3, 3}, f.w), onnxwrite.Raw("b", []int64{formChannels}, f.b),
		onnxwrite.Raw("fc", []int64{formClasses, formChannels}, f.fc), onnxwrite.Raw("fb", []int64{formClasses}, f.fb)}
}

// model is one of these nodes over an input and the network's weights.
func (f *form) model(opset int64, input onnxwrite.ValueInfo, nodes ...onnxwrite.Node) *onnxwrite.Model {
	return &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": opset}, Graph: onnxwrite.Graph{Name: "main_graph", Initializers: f.weights(), Nodes: nodes,
		Inputs: []onnxwrite.ValueInfo{input}, Outputs: []onnxwrite.ValueInfo{{Name: "y", ElemType: onnxwrite.TypeFloat32}}}}
}

var (
	formPads = onnxwrite.Ints("pads", 1, 1, 1, 1)
	formGemm = onnxwrite.Int("transB", 1)
)

func floatInput(name string, dims ...onnxwrite.Dim) onnxwrite.ValueInfo {
	return onnxwrite.ValueInfo{Name: name, ElemType: onnxwrite.TypeFloat32, Dims: dims}
}

func one(text string, a ...onnxwrite.Attribute) onnxwrite.Node {
	return onnxwrite.Lines(text)[0].With(a...)
}

// branchOf is a branch of If that gives its last node's output.
func branchOf(nodes ...onnxwrite.Node) onnxwrite.Graph {
	return onnxwrite.Graph{Nodes: nodes, Outputs: []onnxwrite.ValueInfo{{Name: nodes[len(nodes)-1].Outputs[0]}}}
}

// exported is a file as an exporter writes it, with what it must give.
type exported struct {
	model *onnxwrite.Model
	opt   onnxload.Options
	files map[string][]byte // beside it
	input []float32         // in the order of the file's input
	want  []float64
}

// forms are the files of docs/exporters.md.
func forms() map[string]exported {
	f := newForm()
	batch, c3, side := onnxwrite.Symbolic("batch_size"), onnxwrite.Dim{Value: 3}, onnxwrite.Dim{Value: formSize}
	nchw := []onnxwrite.Dim{batch, c3, side, side}
	logits := f.logits(f.pixel, exact)
	last := make([]float32, 0, len(f.pixels)) // channels last
	for i := range formSize * formSize {
		for c := range 3 {
			last = append(last, f.pixels[c*formSize*formSize+i])
		}
	}
	plain := []onnxwrite.Node{one("c = Conv x w b", formPads), one("r = Relu c"), one("g = GlobalAveragePool r"), one("p = Flatten g"), one("y = Gemm p fc fb", formGemm)}
	out := map[string]exported{}

	// PyTorch, TorchScript: weights among the inputs (older ones), sizes computed from
	// shapes, squeeze as an If, dropout left in.
	m := f.model(11, floatInput("x", nchw...), one("c = Conv x w b", formPads), one("r = Relu c"), one("g = GlobalAveragePool r"),
		one("k = Constant", onnxwrite.TensorValue("value", onnxwrite.Raw("", nil, []int64{3}))), one("s = Shape g"), one("n = Gather s k", onnxwrite.Int("axis", 0)),
		one("1 = Constant", onnxwrite.TensorValue("value", onnxwrite.Raw("", nil, []int64{1}))), one("e = Equal n 1"),
		onnxwrite.Node{Name: "If_0", OpType: "If", Inputs: []string{"e"}, Outputs: []string{"q"}, Attributes: []onnxwrite.Attribute{
			onnxwrite.GraphValue("then_branch", branchOf(one("22 = Squeeze g", onnxwrite.Ints("axes", 3)))), onnxwrite.GraphValue("else_branch", branchOf(one("23 = Identity g")))}},
		one("u = Unsqueeze n0", onnxwrite.Ints("axes", 0)), one("n0 = Gather s zero", onnxwrite.Int("axis", 0)), one("rest = Constant", onnxwrite.TensorValue("value", onnxwrite.Raw("", []int64{1}, []int64{-1}))),
		one("to = Concat u rest", onnxwrite.Int("axis", 0)), one("p = Reshape q to"), one("d = Dropout p", onnxwrite.Float("ratio", .5)), one("y = Gemm d fc fb", formGemm))
	m.Producer = "pytorch"
	m.Graph.Initializers = append(m.Graph.Initializers, onnxwrite.Raw("zero", nil, []int64{0}))
	for _, t := range f.weights() {
		m.Graph.Inputs = append(m.Graph.Inputs, floatInput(t.Name, onnxwrite.Fixed(t.Dims...)...))
	}
	out["PyTorch, TorchScript"] = exported{model: m, input: f.pixels, want: logits}

	// PyTorch, dynamo: functions of torchlib that call one another, an operator set for
	// each, weights beside the file.
	const lib = "pkg.onnxscript.torch_lib"
	m = f.model(18, floatInput("x", onnxwrite.Symbolic("s0"), c3, side, side), one("c = Conv x w b", formPads), one("r = "+lib+".aten_relu c"), one("g = "+lib+".mean r"), one("y = "+lib+".addmm fb g fct", onnxwrite.Float("scale", 1)), one("fct = Transpose fc"))
	m.Producer, m.Opsets[lib] = "pytorch", 1
	sets := map[string]int64{"": 18, lib: 1}
	m.Functions = []onnxwrite.Function{
		{Name: "aten_relu", Domain: lib, Inputs: []string{"self"}, Outputs: []string{"return_val"}, Nodes: []onnxwrite.Node{one("return_val = Relu self")}, Opsets: sets},
		{Name: "mean", Domain: lib, Inputs: []string{"self"}, Outputs: []string{"return_val"}, Opsets: sets, Nodes: []onnxwrite.Node{
			one("dims = Constant", onnxwrite.Ints("value_ints", -1, -2)), one("m = ReduceMean self dims", onnxwrite.Int("keepdims", 0)), one("return_val = " + lib + ".same m")}},
		{Name: "same", Domain: lib, Inputs: []string{"self"}, Outputs: []string{"self"}, Opsets: sets},
		{Name: "addmm", Domain: lib, Inputs: []string{"self", "a", "b"}, Outputs: []string{"return_val"}, Attributes: []string{"scale"}, Opsets: sets, Nodes: []onnxwrite.Node{
			one("return_val = Gemm a b self").With(onnxwrite.Reference("alpha", "scale", onnxwrite.AttrFloat))}},
	}
	m.Graph.Initializers[0] = onnxwrite.ExternalTensor("w", onnxwrite.TypeFloat32, []int64{formChannels, 3, 3, 3}, map[string]string{"location": "m.onnx.data", "offset": "0", "length": fmt.Sprint(4 * len(f.w))})
	out["PyTorch, dynamo"] = exported{model: m, input: f.pixels, want: logits, files: map[string][]byte{"m.onnx.data": onnxwrite.Bytes(f.w)}}

	// tf2onnx: bytes, channels last and open sizes; transposed at the ends.
	bytes := make([]float32, len(last))
	for i, v := range last {
		bytes[i] = v * 256
	}
	m = f.model(13, onnxwrite.ValueInfo{Name: "x:0", ElemType: onnxwrite.TypeUint8, Dims: []onnxwrite.Dim{onnxwrite.Symbolic("unk__6"), onnxwrite.Symbolic("unk__7"), onnxwrite.Symbolic("unk__8"), c3}},
		one("f:0 = Cast x:0", onnxwrite.Int("to", 1)), one("s:0 = Div f:0 scale:0"), one("t:0 = Transpose s:0", onnxwrite.Ints("perm", 0, 3, 1, 2)),
		one("c:0 = Conv t:0 w b", onnxwrite.String("auto_pad", "SAME_UPPER")), one("r:0 = Relu c:0"), one("m:0 = ReduceMean r:0", onnxwrite.Ints("axes", 2, 3), onnxwrite.Int("keepdims", 0)), one("y = Gemm m:0 fc fb", formGemm))
	m.Producer, m.Opsets["ai.onnx.ml"] = "tf2onnx", 2
	m.Graph.Initializers = append(m.Graph.Initializers, onnxwrite.Raw("scale:0", nil, []float32{256}))
	out["tf2onnx"] = exported{model: m, opt: onnxload.Options{Size: [2]int{formSize, formSize}}, input: bytes, want: logits}

	// Keras 3: channels last, an open batch, the head as MatMul, Add and Softmax.
	fct := make([]float32, len(f.fc))
	for i, v := range f.fc {
		fct[i%formChannels*formClasses+i/formChannels] = v
	}
	m = f.model(15, floatInput("keras_tensor", batch, side, side, c3), one("t = Transpose keras_tensor", onnxwrite.Ints("perm", 0, 3, 1, 2)), one("c = Conv t w b", onnxwrite.String("auto_pad", "SAME_UPPER")), one("r = Relu c"),
		one("l = Transpose r", onnxwrite.Ints("perm", 0, 2, 3, 1)), one("p = ReduceMean l", onnxwrite.Ints("axes", 1, 2), onnxwrite.Int("keepdims", 0)), one("h = MatMul p fct"), one("a = Add h fb"), one("y = Softmax a"))
	m.Graph.Initializers = append(m.Graph.Initializers, onnxwrite.Raw("fct", []int64{formChannels, formClasses}, fct))
	out["Keras 3"] = exported{model: m, input: last, want: softmaxOf(logits)}

	// Paddle: inputs of the picture's size and scale, weights as Constant nodes, boxes
	// divided by the scale.
	m = f.model(11, floatInput("im_shape", onnxwrite.Symbolic("DynamicDimension.0"), onnxwrite.Dim{Value: 2}))
	m.Graph.Inputs = append(m.Graph.Inputs, floatInput("image", onnxwrite.Dim{Value: -1}, c3, side, side), floatInput("scale_factor", onnxwrite.Symbolic("DynamicDimension.1"), onnxwrite.Dim{Value: 2}))
	for _, t := range f.weights() {
		name := t.Name
		t.Name = ""
		m.Graph.Nodes = append(m.Graph.Nodes, one(name+" = Constant", onnxwrite.TensorValue("value", t)))
	}
	m.Graph.Initializers = nil
	m.Graph.Nodes = append(m.Graph.Nodes, one("c = Conv image w b", formPads), one("r = Relu c"), one("g = GlobalAveragePool r"), one("p = Flatten g"), one("z = Gemm p fc fb", formGemm),
		one("at = Constant", onnxwrite.TensorValue("value", onnxwrite.Raw("", nil, []int64{1}))), one("h = Gather im_shape at", onnxwrite.Int("axis", 1)), one("v = Gather scale_factor at", onnxwrite.Int("axis", 1)),
		one("q = Mul z h"), one("y = Div q v"))
	m.Producer = "PaddlePaddle"
	times := make([]float64, len(logits))
	for i, v := range logits {
		times[i] = v * formSize
	}
	out["PaddlePaddle"] = exported{model: m, input: f.pixels, want: times}

	// Custom Vision: a label found by strings, and a table of names and probabilities.
	m = f.model(8, floatInput("data", onnxwrite.Symbolic("None"), c3, side, side), slices.Concat([]onnxwrite.Node{one("c = Conv data w b", formPads)}, plain[1:4], []onnxwrite.Node{one("z = Gemm p fc fb", formGemm), one("loss_prob = Softmax z"),
		one("best = ArgMax loss_prob", onnxwrite.Int("axis", 1)), {OpType: "ArrayFeatureExtractor", Domain: "ai.onnx.ml", Inputs: []string{"names", "best"}, Outputs: []string{"classLabel"}},
		{OpType: "ZipMap", Domain: "ai.onnx.ml", Inputs: []string{"loss_prob"}, Outputs: []string{"loss"}, Attributes: []onnxwrite.Attribute{onnxwrite.Strings("classlabels_strings", "cat", "dog", "fox")}}})...)
	m.Opsets["ai.onnx.ml"] = 1
	m.Graph.Initializers = append(m.Graph.Initializers, onnxwrite.StringTensor("names", []int64{3}, []string{"cat", "dog", "fox"}))
	m.Graph.Outputs = []onnxwrite.ValueInfo{{Name: "classLabel", ElemType: onnxwrite.TypeString}, {Name: "loss"}}
	out["Custom Vision"] = exported{model: m, input: f.pixels, want: softmaxOf(logits)}

	// Ultralytics: boxes and scores in one output, everything else in the metadata.
	m = f.model(17, floatInput("images", nchw...), slices.Concat([]onnxwrite.Node{one("c = Conv images w b", formPads)}, plain[1:4], []onnxwrite.Node{one("z = Gemm p fc fb", formGemm), one("s = Sigmoid z"), one("column = Reshape s shape"), one("y = Concat box column", onnxwrite.Int("axis", 1))})...)
	m.Producer, m.Metadata = "pytorch", map[string]string{"names": "{0: 'cat', 1: 'dog', 2: 'fox'}", "task": "detect", "stride": "32", "imgsz": "[8, 8]", "batch": "1", "description": "Ultralytics YOLOv8n model"}
	m.Graph.Initializers = append(m.Graph.Initializers, onnxwrite.Raw("shape", []int64{3}, []int64{1, -1, 1}), onnxwrite.Raw("box", []int64{1, 4, 1}, []float32{4, 4, 2, 3}))
	found := []float64{4, 4, 2, 3}
	for _, v := range logits {
		found = append(found, 1/(1+math.Exp(-v)))
	}
	out["Ultralytics"] = exported{model: m, input: f.pixels, want: found}

	for name, e := range runtimes(f, nchw, plain) {
		out[name] = e
	}
	return out
}

// runtimes are the forms that ONNX Runtime's tools and onnxconverter-common write.
func runtimes(f *form, nchw []onnxwrite.Dim, plain []onnxwrite.Node) map[string]exported {
	out := map[string]exported{}
	logits := f.logits(f.pixel, exact)

	// The quantizer: weights of eight bits, activations rounded in between.
	steps := map[string]float64{"x": 1. / 256, "conv": 1. / 32, "mean": 1. / 64}
	quantized := func(layer string, v float64) float64 {
		return steps[layer] * math.Min(math.Max(math.RoundToEven(v/steps[layer]), 0), 255)
	}
	m := f.model(13, floatInput("x", nchw...))
	g := &m.Graph
	w8 := make([]int8, len(f.w))
	for i, v := range f.w {
		w8[i] = int8(v * 16)
	}
	g.Initializers = append(g.Initializers[1:], onnxwrite.Raw("w8", []int64{formChannels, 3, 3, 3}, w8), onnxwrite.Raw("w8s", nil, []float32{1. / 16}), onnxwrite.Raw("w8z", nil, []int8{0}), onnxwrite.Raw("zp", nil, []uint8{0}))
	pair := func(in, out, layer string) {
		g.Initializers = append(g.Initializers, onnxwrite.Raw(layer+"_scale", nil, []float32{float32(steps[layer])}))
		g.Nodes = append(g.Nodes, one(out+"_q = QuantizeLinear "+in+" "+layer+"_scale zp"), one(out+" = DequantizeLinear "+out+"_q "+layer+"_scale zp"))
	}
	pair("x", "xd", "x")
	g.Nodes = append(g.Nodes, one("w = DequantizeLinear w8 w8s w8z"), one("c = Conv xd w b", formPads), one("r = Relu c"))
	pair("r", "rd", "conv")
	g.Nodes = append(g.Nodes, one("a = GlobalAveragePool rd"))
	pair("a", "ad", "mean")
	g.Nodes = append(g.Nodes, one("p = Flatten ad"), one("y = Gemm p fc fb", formGemm))
	m.Producer = "onnx.quantize"
	out["ONNX Runtime's quantizer"] = exported{model: m, input: f.pixels, want: f.logits(func(c, y, x int) float64 { return quantized("x", f.pixel(c, y, x)) }, quantized)}

	// The quantizer's other form: operators on eight bits.
	b32 := make([]int32, len(f.b))
	for i, v := range f.b {
		b32[i] = int32(v * 256 * 16)
	}
	m = f.model(13, floatInput("x", nchw...), one("q = QuantizeLinear x x_scale zp"), one("c = QLinearConv q x_scale zp w8 w8s w8z conv_scale zp b32", formPads),
		one("a = com.microsoft.QLinearGlobalAveragePool c conv_scale zp mean_scale zp", onnxwrite.Int("channels_last", 0)), one("ad = DequantizeLinear a mean_scale zp"), one("p = Flatten ad"), one("y = Gemm p fc fb", formGemm))
	m.Opsets["com.microsoft"] = 1
	m.Graph.Initializers = append(slices.Clone(g.Initializers), onnxwrite.Raw("b32", []int64{formChannels}, b32))
	out["ONNX Runtime's quantizer, QOperator"] = exported{model: m, input: f.pixels, want: out["ONNX Runtime's quantizer"].want}

	// The optimizer: operators of its own.
	m = f.model(13, floatInput("x", nchw...), one("r = com.microsoft.FusedConv x w b", formPads, onnxwrite.String("activation", "Relu")), plain[2], plain[3], one("y = com.microsoft.FusedGemm p fc fb", formGemm, onnxwrite.String("activation", "LeakyRelu"), onnxwrite.Float("activation_alpha", 1)))
	m.Opsets["com.microsoft"] = 1
	out["ONNX Runtime's optimizer"] = exported{model: m, input: f.pixels, want: logits}

	// onnxconverter-common: float16 between casts, one operator kept in float32.
	half := func(v []float32) []onnxwrite.Float16 {
		h := make([]onnxwrite.Float16, len(v))
		for i, x := range v {
			h[i] = onnxwrite.ToFloat16(x)
		}
		return h
	}
	cast := func(text string, to int64) onnxwrite.Node { return one(text, onnxwrite.Int("to", to)) }
	m = f.model(13, floatInput("x", nchw...), cast("x16 = Cast x", 10), one("c = Conv x16 w b", formPads), one("r = Relu c"), cast("r32 = Cast r", 1), one("g32 = GlobalAveragePool r32"), cast("g = Cast g32", 10), plain[3],
		one("z = Gemm p fc fb", formGemm), cast("y = Cast z", 1))
	m.Graph.Initializers = []onnxwrite.Tensor{onnxwrite.Raw("w", []int64{formChannels, 3, 3, 3}, half(f.w)), onnxwrite.Raw("b", []int64{formChannels}, half(f.b)), onnxwrite.Raw("fc", []int64{formClasses, formChannels}, half(f.fc)), onnxwrite.Raw("fb", []int64{formClasses}, half(f.fb))}
	out["onnxconverter-common, float16"] = exported{model: m, input: f.pixels, want: logits}
	return out
}

// TestExporters runs a small file of every form of docs/exporters.md.
func TestExporters(t *testing.T) {
	for name, e := range forms() {
		for _, packed := range []bool{false, true} {
			dir := t.TempDir()
			path := filepath.Join(dir, "m.onnx")
			e.model.Packed = packed
			for file, b := range e.files {
				if err := os.WriteFile(filepath.Join(dir, file), b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(path, e.model.Marshal(), 0o600); err != nil {
				t.Fatal(err)
			}
			e.opt.Picture = true
			g, err := onnxload.Load(path, e.opt)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			p, err := incremental.Compile(g, incremental.CompileOptions{})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if s := p.InputPlane(); s.H != formSize || s.W != formSize || s.C != 3 {
				t.Errorf("%s: the plane is %v", name, s)
			}
			v, err := p.Materialize(context.Background(), p.Arrange(e.input), 1)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			got := floats(p.Output(v, 0))
			for i, want := range e.want {
				if len(got) != len(e.want) || math.Abs(got[i]-want) > 1e-5*math.Max(1, math.Abs(want)) {
					t.Errorf("%s: %v, want %v", name, got, e.want)
					break
				}
			}
			if said := exporter.Read(exporter.Facts{Metadata: g.Facts.Metadata, Outputs: []int{3}}); name == "Ultralytics" && (!slices.Equal(said.Labels, []string{"cat", "dog", "fox"}) || said.Head == nil) {
				t.Errorf("%s: %+v", name, said)
			}
			if name == "Custom Vision" && !slices.Equal(g.Facts.Labels, []string{"cat", "dog", "fox"}) {
				t.Errorf("%s: labels %v", name, g.Facts.Labels)
			}
		}
	}
}
