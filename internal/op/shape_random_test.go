package op

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"krypton/internal/tensor"
)

// randomNode draws nodes of the operators of this file's families: mostly
// meaningful, often slightly wrong, sometimes hostile.
type randomNode struct {
	*rand.Rand
	opset int
}

var hostileInts = []int64{math.MinInt64, math.MaxInt64, -1 << 40, 1 << 40, 1e12, -1e12, 1 << 31, 1<<31 - 1, 1e9, 0, -1, 7}

// length is a small axis length, sometimes 0.
func (r *randomNode) length() int { return max(0, r.IntN(7)-r.IntN(2)) }

func (r *randomNode) shape(minRank, maxRank int) []int {
	s := make([]int, minRank+r.IntN(maxRank-minRank+1))
	for i := range s {
		s[i] = r.length()
	}
	return s
}

func (r *randomNode) dtype() tensor.DType {
	all := []tensor.DType{tensor.Float32, tensor.Float32, tensor.Float32, tensor.Float64, tensor.Float16, tensor.Bool,
		tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64, tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64}
	return all[r.IntN(len(all))]
}

// data is a tensor of small random numbers.
func (r *randomNode) data(t tensor.DType, shape ...int) *tensor.Tensor {
	n, err := tensor.Size(shape)
	if err != nil {
		panic(err)
	}
	d := make([]float64, n)
	for i := range d {
		d[i] = float64(r.IntN(19) - 9)
		if t == tensor.Float32 && r.IntN(3) == 0 {
			d[i] = []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e30, 0.5}[r.IntN(5)]
		}
	}
	y, err := castTensor(tensor.New(d, shape...), t)
	if err != nil {
		panic(err)
	}
	return y
}

// ints draws n integers in [lo, hi], seldom hostile, seldom of another count.
func (r *randomNode) ints(n, lo, hi int) []int64 {
	if r.IntN(20) == 0 {
		n = r.IntN(5)
	}
	v := make([]int64, n)
	for i := range v {
		v[i] = int64(lo + r.IntN(hi-lo+1))
		if r.IntN(25) == 0 {
			v[i] = hostileInts[r.IntN(len(hostileInts))]
		}
	}
	return v
}

// one draws one integer in [lo, hi], seldom hostile.
func (r *randomNode) one(lo, hi int) int64 {
	if r.IntN(25) == 0 {
		return hostileInts[r.IntN(len(hostileInts))]
	}
	return int64(lo + r.IntN(hi-lo+1))
}

func (r *randomNode) list(n, lo, hi int) *tensor.Tensor {
	v := r.ints(n, lo, hi)
	return tensor.New(v, len(v))
}

func (r *randomNode) scalar(lo, hi int) *tensor.Tensor {
	if r.IntN(2) == 0 {
		return r.list(1, lo, hi)
	}
	return tensor.Scalar(r.one(lo, hi))
}

// axes draws distinct axes, often negative.
func (r *randomNode) axes(rank int) []int64 {
	var v []int64
	for _, a := range r.Perm(rank)[:r.IntN(rank+1)] {
		if r.IntN(3) == 0 {
			a -= rank
		}
		v = append(v, int64(a))
	}
	if r.IntN(20) == 0 {
		v = append(v, hostileInts[r.IntN(len(hostileInts))])
	}
	return v
}

func (r *randomNode) axis(rank int) int64 {
	return int64(r.IntN(2*rank+1) - rank - r.IntN(rank+1)/max(rank, 1))
}

func (r *randomNode) pick(v ...string) string { return v[r.IntN(len(v))] }

func (r *randomNode) bit() int64 { return int64(r.IntN(2)) }

// draw gives the attributes and inputs of a random node of an operator.
func (r *randomNode) draw(name string) (map[string]any, []*tensor.Tensor, int) {
	t := r.dtype()
	shape := r.shape(0, 4)
	if r.IntN(4) > 0 {
		shape = r.shape(3, 4)
	}
	rank := len(shape)
	x := r.data(t, shape...)
	attr := map[string]any{}
	in := []*tensor.Tensor{x}
	if r.rare(name, attr, &in) {
		return attr, in, 1
	}
	add := func(ts ...*tensor.Tensor) { in = append(in, ts...) }
	switch name {
	case "Reshape":
		attr["allowzero"] = r.bit()
		want := make([]int64, 0, 4)
		rest := x.Len()
		for range r.IntN(4) {
			d := 1 + r.IntN(6)
			if rest > 0 && rest%d == 0 {
				rest /= d
			}
			want = append(want, int64(d))
		}
		want = append(want, []int64{-1, int64(rest), 0}[r.IntN(3)])
		add(tensor.New(want, len(want)))
		if r.IntN(4) == 0 {
			in[1] = r.list(rank, -1, 6)
		}
	case "Squeeze", "Unsqueeze":
		for i := range shape {
			if r.IntN(2) == 0 && name == "Squeeze" {
				shape[i] = 1
			}
		}
		in[0] = r.data(t, shape...)
		axes := r.axes(rank)
		if name == "Squeeze" && r.IntN(2) == 0 {
			axes = nil
			for i, n := range shape {
				if n == 1 {
					axes = append(axes, int64(i-rank*r.IntN(2)))
				}
			}
		}
		if r.opset < 13 {
			attr["axes"] = axes
		} else {
			add(tensor.New(axes, len(axes)))
		}
	case "Transpose":
		p := []int64{}
		for _, a := range r.Perm(rank) {
			p = append(p, int64(a))
		}
		if r.IntN(8) == 0 {
			p = r.ints(rank, 0, 3)
		}
		if r.IntN(4) > 0 {
			attr["perm"] = p
		}
	case "Concat":
		a := r.axis(rank)
		attr["axis"] = a
		for range r.IntN(3) {
			s := slices.Clone(shape)
			if k, err := normalAxis(int(a), rank); err == nil {
				s[k] = r.length()
			}
			add(r.data(t, s...))
		}
	case "Split":
		a := r.axis(rank)
		attr["axis"] = a
		outputs := 1 + r.IntN(4)
		if k, err := normalAxis(int(a), rank); err == nil && r.IntN(2) == 0 {
			parts := make([]int64, outputs)
			for range shape[k] {
				parts[r.IntN(outputs)]++
			}
			if r.IntN(10) == 0 {
				parts[0] = hostileInts[r.IntN(len(hostileInts))]
			}
			if r.opset < 13 {
				attr["split"] = parts
			} else {
				add(tensor.New(parts, len(parts)))
			}
		} else if r.opset >= 18 {
			attr["num_outputs"] = int64(outputs)
		}
		return attr, in, outputs
	case "Slice":
		axes := r.axes(rank)
		n := len(axes)
		starts, ends, steps := r.ints(n, -8, 8), r.ints(n, -8, 8), r.ints(n, -3, 3)
		if r.opset < 10 {
			attr["starts"], attr["ends"], attr["axes"] = starts, ends, axes
			break
		}
		add(tensor.New(starts, len(starts)), tensor.New(ends, len(ends)), tensor.New(axes, len(axes)))
		if r.IntN(3) > 0 {
			add(tensor.New(steps, len(steps)))
		}
	case "Pad":
		attr["mode"] = r.pick("constant", "reflect", "edge")
		if r.opset >= 19 && r.IntN(3) == 0 {
			attr["mode"] = "wrap"
		}
		pads := r.ints(2*rank, -2, 5)
		if r.IntN(2) == 0 && len(pads) == 2*rank { // of the plane only
			for i := range min(2, rank) {
				pads[i], pads[rank+i] = 0, 0
			}
		}
		if r.opset < 11 {
			attr["pads"], attr["value"] = pads, float32(3)
			break
		}
		add(tensor.New(pads, len(pads)))
		if r.IntN(2) == 0 {
			add(r.data(t))
		}
		if r.opset >= 18 && r.IntN(2) == 0 && len(in) == 3 {
			axes := r.axes(rank)
			in[1] = r.list(2*len(axes), -2, 5)
			add(tensor.New(axes, len(axes)))
		}
	case "Shape":
		if r.opset >= 15 {
			attr["start"], attr["end"] = r.one(-5, 5), r.one(-5, 5)
		}
	case "Size", "NonZero":
	case "Gather", "GatherElements":
		a := r.axis(rank)
		attr["axis"] = a
		s := r.shape(0, 2)
		if name == "GatherElements" {
			s = slices.Clone(shape)
		}
		n := 1
		if k, err := normalAxis(int(a), rank); err == nil {
			n = max(shape[k], 1)
			if name == "GatherElements" {
				s[k] = r.length()
			}
		}
		add(r.indices(n, s...))
	case "GatherND", "ScatterND":
		b := 0
		if name == "GatherND" && r.opset >= 12 {
			b = r.IntN(max(rank, 1))
			attr["batch_dims"] = int64(b)
		}
		k := r.IntN(max(rank-b, 0) + 1)
		s := append(slices.Clone(shape[:b]), r.shape(0, 2)...)
		add(r.indices(max(1, slices.Min(append(slices.Clone(shape[b:b+k]), 7))), append(s, k)...))
		if name == "ScatterND" {
			attr["reduction"] = r.pick("none", "add", "mul")
			add(r.data(t, append(s, shape[k:]...)...))
		}
	case "Scatter", "ScatterElements":
		a := r.axis(rank)
		attr["axis"] = a
		if r.opset >= 18 {
			attr["reduction"] = r.pick("none", "add", "mul", "max", "min")
		}
		s, n := slices.Clone(shape), 1
		for i := range s {
			s[i] -= r.IntN(s[i] + 1)
		}
		if k, err := normalAxis(int(a), rank); err == nil {
			n = max(shape[k], 1)
			s[k] = r.length()
		}
		add(r.indices(n, s...), r.data(t, s...))
	case "CenterCropPad":
		lengths := r.ints(rank, 1, 9)
		if r.IntN(2) == 0 && rank > 0 {
			axes := r.axes(rank)
			attr["axes"], lengths = axes, r.ints(len(axes), 1, 9)
		}
		add(tensor.New(lengths, len(lengths)))
	case "Expand":
		for i := range shape {
			if r.IntN(2) == 0 {
				shape[i] = 1
			}
		}
		in[0] = r.data(t, shape...)
		want := []int64{}
		for range r.IntN(2) {
			want = append(want, int64(r.length()))
		}
		for _, n := range shape {
			if n == 1 {
				n = r.length()
			}
			want = append(want, int64(n))
		}
		if r.IntN(6) == 0 {
			want = r.ints(rank, 0, 5)
		}
		add(tensor.New(want, len(want)))
	case "Tile":
		add(r.list(rank, 0, 3))
	case "Constant":
		return map[string]any{"value": x}, nil, 1
	case "ConstantOfShape":
		attr["value"] = r.data(t, []int{1}...)
		in = []*tensor.Tensor{r.list(r.IntN(4), 0, 6)}
	case "Range":
		if r.IntN(2) == 0 {
			v := []float32{0, 1, -1, 10, 2.5, 1e30, float32(math.NaN()), float32(math.Inf(1)), -7, 1e-30}
			in = nil
			for range 3 {
				in = append(in, tensor.Scalar(v[r.IntN(len(v))]))
			}
		} else {
			in = []*tensor.Tensor{r.scalar(-9, 9), r.scalar(-9, 9), r.scalar(-3, 3)}
		}
	case "Cast":
		attr["to"] = int64(r.IntN(25))
	case "CastLike":
		add(r.data(r.dtype(), 1))
	case "DepthToSpace", "SpaceToDepth":
		b := 1 + r.IntN(3)
		attr["blocksize"] = int64(b)
		s := []int{r.length(), r.length(), r.length() * b, r.length() * b}
		if name == "DepthToSpace" {
			s = []int{r.length(), r.length() * b * b, r.length(), r.length()}
			if r.opset >= 11 {
				attr["mode"] = r.pick("DCR", "CRD")
			}
		}
		in[0] = r.data(t, s...)
	case "Upsample", "Resize":
		r.resize(name, attr, &in)
	case "OneHot":
		attr["axis"] = r.axis(rank + 1)
		add(r.scalar(0, 9), r.data(r.dtype(), 2))
	case "NonMaxSuppression":
		attr["center_point_box"] = r.bit()
		b, n, c := r.length(), r.length(), r.length()
		in = []*tensor.Tensor{r.data(tensor.Float32, b, n, 4), r.data(tensor.Float32, b, c, n)}
		add([]*tensor.Tensor{r.scalar(-1, 4), tensor.Scalar(float32(0.5)), tensor.Scalar(float32(-2))}[:r.IntN(4)]...)
	case "Trilu":
		attr["upper"] = r.bit()
		if r.IntN(2) == 0 {
			add(r.scalar(-5, 5))
		}
	case "Where":
		in = []*tensor.Tensor{r.data(tensor.Bool, r.part(shape)...), r.data(t, r.part(shape)...), r.data(t, r.part(shape)...)}
	case "Not":
		in[0] = r.data(tensor.Bool, shape...)
	case "And", "Or", "Xor":
		in = []*tensor.Tensor{r.data(tensor.Bool, r.part(shape)...), r.data(tensor.Bool, r.part(shape)...)}
	case "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual":
		in = []*tensor.Tensor{r.data(t, r.part(shape)...), r.data(t, r.part(shape)...)}
	case "ArgMax", "ArgMin":
		attr["axis"], attr["keepdims"] = r.axis(rank), r.bit()
		if r.opset >= 12 {
			attr["select_last_index"] = r.bit()
		}
	case "TopK":
		attr["axis"] = r.axis(rank)
		if r.opset < 10 {
			attr["k"] = r.one(0, 4)
		} else {
			add(r.scalar(0, 4))
		}
		if r.opset >= 11 {
			attr["largest"] = r.bit()
		}
		return attr, in, 1 + r.IntN(2)
	case "CumSum", "CumProd":
		attr["exclusive"], attr["reverse"] = r.bit(), r.bit()
		add(tensor.Scalar(r.axis(rank)))
	case "QuantizeLinear", "DequantizeLinear":
		if r.opset >= 13 {
			attr["axis"] = r.axis(rank)
		}
		q := []tensor.DType{tensor.Uint8, tensor.Int8, tensor.Uint16, tensor.Int16}[r.IntN(4)]
		s := []int{}
		if k, err := normalAxis(int(r.axis(rank)), rank); err == nil && r.IntN(2) == 0 && r.opset >= 13 {
			attr["axis"] = int64(k)
			s = shape[k : k+1]
			if b := 1 + r.IntN(3); r.opset >= 21 && r.IntN(2) == 0 {
				attr["block_size"] = int64(b)
				s = slices.Clone(shape)
				s[k] = (s[k] + b - 1) / b
			}
		}
		in = []*tensor.Tensor{r.data(tensor.Float32, shape...), r.data(tensor.Float32, s...), r.data(q, s...)}[:2+r.IntN(2)]
		if name == "DequantizeLinear" {
			in[0] = r.data(q, shape...)
		}
	case "DynamicQuantizeLinear":
		in[0] = r.data(tensor.Float32, shape...)
		return attr, in, 1 + r.IntN(3)
	case "Einsum":
		attr["equation"], in = r.einsum()
	case "MatMulInteger", "QLinearMatMul":
		n, m, k := r.length(), r.length(), r.length()
		a := r.data(tensor.Uint8, append(slices.Clone(shape[:r.IntN(rank+1)]), n, k)...)
		b := r.data(tensor.Int8, slices.Concat(r.part(a.Shape[:len(a.Shape)-2]), []int{k, m})...)
		in = r.quantized(name == "QLinearMatMul", a, b, m)
	case "ConvInteger", "QLinearConv":
		g := 1 + r.IntN(2)
		attr["group"] = int64(g)
		c, m := 1+r.IntN(3), g*(1+r.IntN(2))
		x := r.data(tensor.Uint8, r.length(), c*g, 4+r.IntN(5), 4+r.IntN(5))
		w := r.data(tensor.Int8, m, c, 1+r.IntN(4), 1+r.IntN(4))
		attr["strides"] = r.ints(2, 1, 3)
		attr["dilations"] = r.ints(2, 1, 2)
		attr["pads"] = r.ints(4, 0, 2)
		in = r.quantized(name == "QLinearConv", x, w, m)
		if name == "QLinearConv" && r.IntN(2) == 0 {
			add(r.data(tensor.Int32, m))
		}
	case "GridSample":
		attr["padding_mode"], attr["align_corners"] = r.pick("zeros", "border", "reflection"), r.bit()
		attr["mode"] = "nearest"
		if r.IntN(3) > 0 {
			attr["mode"] = map[bool]string{true: "linear", false: "bilinear"}[r.opset >= 20]
		}
		if r.IntN(3) == 0 {
			attr["mode"] = map[bool]string{true: "cubic", false: "bicubic"}[r.opset >= 20]
		}
		if rank < 3 {
			shape = append(shape, 1, 2, 3)
		}
		if r.IntN(4) > 0 {
			shape[0] = 1
		}
		s := append(append([]int{shape[0]}, r.shape(len(shape)-2, len(shape)-2)...), len(shape)-2)
		in = []*tensor.Tensor{r.data(tensor.Float32, shape...), r.data(tensor.Float32, s...)}
	case "RoiAlign":
		attr["mode"] = r.pick("avg", "max")
		attr["output_height"], attr["output_width"] = r.one(1, 4), r.one(1, 4)
		attr["sampling_ratio"] = r.one(0, 3)
		attr["spatial_scale"] = float32(0.5)
		n := r.length()
		rois := r.data(tensor.Float32, n, 4)
		for i, v := range rois.Data.([]float32) {
			rois.Data.([]float32)[i] = min(max(v, -500), 500)
			if v != v {
				rois.Data.([]float32)[i] = 1
			}
		}
		in = []*tensor.Tensor{r.data(tensor.Float32, 1+r.IntN(3), r.length(), 1+r.IntN(5), 1+r.IntN(5)), rois, r.indices(1, n)}
	case "LpNormalization":
		in[0] = r.data(tensor.Float32, shape...)
		attr["axis"], attr["p"] = r.axis(rank), int64(1+r.IntN(2))
	case "MeanVarianceNormalization":
		in[0] = r.data(tensor.Float32, shape...)
		attr["axes"] = r.axes(rank)
	default: // reductions
		attr["keepdims"] = r.bit()
		axes := r.axes(rank)
		if r.IntN(3) == 0 && rank >= 3 {
			axes = []int64{2, 3}[:rank-2]
		}
		since := 18
		if name == "ReduceSum" {
			since = 13
		}
		if r.opset < since {
			attr["axes"] = axes
		} else {
			attr["noop_with_empty_axes"] = r.bit()
			add(tensor.New(axes, len(axes)))
		}
	}
	return attr, in, 1
}

// quantized gives the inputs of a product of quantized operands.
// einsum draws an equation and its inputs, of which some do not fit.
func (r *randomNode) einsum() (equation string, in []*tensor.Tensor) {
	const letters = "abcZ"
	sizes := [len(letters)]int{r.length(), r.length(), r.length(), r.length()}
	used := ""
	for range 1 + r.IntN(3) {
		shape, term := []int{}, ""
		for _, l := range r.Perm(len(letters))[:r.IntN(4)] {
			n := sizes[l]
			if r.IntN(20) == 0 {
				n = 1 + r.IntN(2)
			}
			shape, term = append(shape, n), term+letters[l:l+1]
		}
		if r.IntN(5) == 0 {
			shape, term = append([]int{2, 3}[r.IntN(2):], shape...), "..."+term
		}
		equation, used = equation+","+term, used+term
		in = append(in, r.data(tensor.Float32, shape...))
	}
	if equation = equation[1:]; r.IntN(3) > 0 {
		equation += "->"
		if strings.Contains(used, ".") {
			equation += "..."
		}
		for _, l := range r.Perm(len(letters))[:r.IntN(3)] {
			if s := letters[l : l+1]; strings.Contains(used, s) || r.IntN(20) == 0 {
				equation += s
			}
		}
	}
	return equation, in
}

func (r *randomNode) quantized(whole bool, a, b *tensor.Tensor, lines int) []*tensor.Tensor {
	one := []int{}
	if r.IntN(2) == 0 {
		one = []int{lines}
	}
	if !whole {
		return []*tensor.Tensor{a, b, r.data(a.DType()), r.data(b.DType(), one...)}[:2+r.IntN(3)]
	}
	s := func(shape ...int) *tensor.Tensor { return r.data(tensor.Float32, shape...) }
	return []*tensor.Tensor{a, s(), r.data(a.DType()), b, s(one...), r.data(b.DType(), one...), s(), r.data(tensor.Uint8)}
}

// part is a shape that broadcasts to shape, mostly.
func (r *randomNode) part(shape []int) []int {
	if r.IntN(3) == 0 {
		return shape
	}
	s := slices.Clone(shape)
	for i := range s {
		if r.IntN(4) == 0 {
			s[i] = 1
		}
	}
	return s[r.IntN(len(s)+1):]
}

func (r *randomNode) indices(n int, shape ...int) *tensor.Tensor {
	size, _ := tensor.Size(shape)
	d := make([]int64, size)
	for i := range d {
		d[i] = int64(r.IntN(2*n) - n)
		if r.IntN(200) == 0 {
			d[i] = hostileInts[r.IntN(len(hostileInts))]
		}
	}
	return tensor.New(d, shape...)
}

func (r *randomNode) resize(name string, attr map[string]any, in *[]*tensor.Tensor) {
	x := (*in)[0]
	if r.IntN(2) == 0 {
		x = r.data(tensor.Float32, x.Shape...)
	}
	rank := len(x.Shape)
	scales := make([]float32, rank)
	for i := range scales {
		scales[i] = 1
		if i >= 2 || r.IntN(8) == 0 {
			scales[i] = []float32{1, 2, 3, 0.5, 0.6, 1.7, 0.33}[r.IntN(7)]
		}
		if r.IntN(40) == 0 {
			scales[i] = []float32{0, -1, float32(math.NaN()), 1e9, float32(math.Inf(1)), 1e-9}[r.IntN(6)]
		}
	}
	scaleT := tensor.New(scales, rank)
	attr["mode"] = r.pick("nearest", "linear")
	switch {
	case name == "Upsample" && r.opset < 9:
		attr["scales"] = scales
		*in = []*tensor.Tensor{x}
		return
	case name == "Upsample" || r.opset == 10:
		*in = []*tensor.Tensor{x, scaleT}
		return
	}
	attr["mode"] = r.pick("nearest", "linear", "cubic")
	attr["coordinate_transformation_mode"] = r.pick("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize", "half_pixel_symmetric")
	attr["nearest_mode"] = r.pick("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")
	attr["exclude_outside"] = r.bit()
	attr["extrapolation_value"] = float32(2.5)
	if r.opset >= 18 {
		attr["antialias"] = r.bit()
		attr["keep_aspect_ratio_policy"] = r.pick("stretch", "stretch", "not_larger", "not_smaller")
	}
	roi := make([]float32, 2*rank)
	for i := range roi {
		roi[i] = float32(i/rank) + float32(r.IntN(3)-1)*0.2
	}
	*in = []*tensor.Tensor{x, tensor.New(roi, len(roi)), scaleT}
	if r.IntN(2) == 0 {
		sizes := r.ints(rank, 1, 9)
		for i := range min(2, rank, len(sizes)) {
			sizes[i] = int64(x.Shape[i])
		}
		*in = []*tensor.Tensor{x, (*in)[1], nil, tensor.New(sizes, len(sizes))}
	}
}

// known gives the infos that a loader would have: values of static inputs, and
// of others sometimes.
func (r *randomNode) known(d *Definition, in []*tensor.Tensor) []*Info {
	infos := infosOf(in)
	for i, x := range infos {
		if x != nil && !slices.Contains(d.Static, i) && !slices.Contains(d.Static, -1) && r.IntN(4) > 0 {
			x.Value = nil
		}
	}
	return infos
}

// drawn are the definitions whose nodes randomNode draws: what operators meant before
// operator set 7 is tried by the ONNX project's cases.
func drawn() []Definition {
	var list []Definition
	for _, d := range slices.Concat(shapeOperators, reduceOperators) {
		switch d.Name {
		case "Attention", "RotaryEmbedding", "TensorScatter", "BitCast":
			continue // compared with ONNX Runtime
		}
		if d.Until == 0 || d.Until >= 7 {
			d.Since = max(d.Since, 7)
			list = append(list, d)
		}
	}
	return list
}

// TestRandomNodes checks on random nodes that New and Infer never panic, and
// that what Infer accepts can be evaluated and has the inferred types and
// shapes, without a change of the inputs.
func TestRandomNodes(t *testing.T) {
	for _, d := range drawn() {
		t.Run(fmt.Sprintf("%s-%d", d.Name, d.Since), func(t *testing.T) {
			until := d.Until
			if until == 0 {
				until = MaxOpset
			}
			accepted, refused := 0, 0
			for seed := range uint64(600) {
				r := &randomNode{rand.New(rand.NewPCG(seed, 1)), 0}
				r.opset = d.Since + r.IntN(until-d.Since+1)
				attr, in, outputs := r.draw(d.Name)
				o, err := d.New(&Node{Type: d.Name, Opset: r.opset, Inputs: len(in), Outputs: outputs, Attr: NewAttributes(attr)})
				if err != nil {
					refused++
					continue
				}
				infos := r.known(&d, in)
				out, err := o.Infer(infos, outputs)
				if err != nil {
					refused++
					continue
				}
				if len(out) != outputs {
					t.Fatalf("seed %d: %d infos for %d outputs", seed, len(out), outputs)
				}
				large := false
				for _, x := range out {
					large = large || x.Shape != nil && product(x.Shape) > 1<<20
				}
				if large {
					continue
				}
				LocalityOf(o, infos, out)
				before := allContents(in)
				got, err := o.Eval(in, outputs)
				if allContents(in) != before {
					t.Fatalf("seed %d: Eval changed its inputs", seed)
				}
				if err != nil {
					if errors.Is(err, errIndex) {
						continue
					}
					t.Fatalf("seed %d: Infer accepted %v %v, Eval: %v", seed, attr, describe(in), err)
				}
				accepted++
				for i, y := range got {
					if y.DType() != out[i].Type || out[i].Shape != nil && !slices.Equal(y.Shape, out[i].Shape) {
						t.Fatalf("seed %d: output %d is %v %v, inferred %v %v (%v %v)", seed, i, y.DType(), y.Shape, out[i].Type, out[i].Shape, attr, describe(in))
					}
				}
			}
			if accepted < 100 {
				t.Errorf("only %d nodes accepted, %d refused: the generator does not reach the operator", accepted, refused)
			}
		})
	}
}

func allContents(in []*tensor.Tensor) string {
	s := ""
	for _, x := range in {
		if x != nil {
			s += fmt.Sprint(x.Shape, x.Data)
		}
	}
	return s
}

func describe(in []*tensor.Tensor) string {
	s := ""
	for _, x := range in {
		if x == nil {
			s += " -"
		} else if x.Len() < 10 {
			s += fmt.Sprintf(" %v%v", x.Shape, x.Data)
		} else {
			s += fmt.Sprintf(" %v%v", x.DType(), x.Shape)
		}
	}
	return s
}

// TestUnknownShapes checks that shape rules cope with inputs of unknown shape, and that
// most random nodes get as far as their rule.
func TestUnknownShapes(t *testing.T) {
	asked, told := 0, 0
	for _, d := range drawn() {
		until := d.Until
		if until == 0 {
			until = MaxOpset
		}
		reached := 0
		for seed := range uint64(50) {
			r := &randomNode{rand.New(rand.NewPCG(seed, 2)), 0}
			r.opset = d.Since + r.IntN(until-d.Since+1)
			attr, in, outputs := r.draw(d.Name)
			o, err := d.New(&Node{Type: d.Name, Opset: r.opset, Inputs: len(in), Outputs: outputs, Attr: NewAttributes(attr)})
			if err != nil {
				continue
			}
			infos := r.known(&d, in)
			for _, x := range infos {
				if x != nil && x.Value == nil {
					x.Shape = nil
				}
			}
			reached++
			asked++
			if out, err := o.Infer(infos, outputs); err == nil {
				told++
				LocalityOf(o, infos, out)
			}
		}
		if reached < 10 {
			t.Errorf("%s: only %d of 50 random nodes reached the shape rule", d.Name, reached)
		}
	}
	if told*4 < asked {
		t.Errorf("shape rules answer only %d of %d nodes without shapes", told, asked)
	}
}
