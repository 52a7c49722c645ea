package op

import (
	"slices"

	"krypton/internal/tensor"
)

// rare draws nodes of operators that few networks have; false for others.
func (r *randomNode) rare(name string, attr map[string]any, in *[]*tensor.Tensor) bool {
	shape := r.shape(1, 4)
	x := r.data(tensor.Float32, shape...)
	number := func(lo, hi int) *tensor.Tensor { return tensor.Scalar(r.one(lo, hi)) }
	maybe := func(t *tensor.Tensor) *tensor.Tensor {
		if r.IntN(2) == 0 {
			return nil
		}
		return t
	}
	spread := func(a, b *tensor.Tensor) []*tensor.Tensor { return []*tensor.Tensor{a, b} }
	switch name {
	case "Compress":
		keep := tensor.Zeros[bool](r.length())
		for i := range keep.Data.([]bool) {
			keep.Data.([]bool)[i] = r.IntN(2) == 0
		}
		if r.IntN(3) > 0 {
			attr["axis"] = r.axis(len(shape))
		}
		*in = spread(r.data(r.dtype(), shape...), keep)
	case "ReverseSequence":
		batch := r.IntN(2)
		attr["batch_axis"], attr["time_axis"] = int64(batch), int64(1-batch)
		shape = r.shape(2, 4)
		*in = spread(r.data(r.dtype(), shape...), r.list(shape[batch], 0, shape[1-batch]))
	case "EyeLike":
		attr["k"] = r.one(-4, 4)
		if r.IntN(2) == 0 {
			attr["dtype"] = int64(r.dtype())
		}
		*in = []*tensor.Tensor{r.data(r.dtype(), r.shape(2, 2)...)}
	case "DeformConv":
		group, offsets, w := 1+r.IntN(2), 1+r.IntN(2), []int{2 * (1 + r.IntN(2)), 1 + r.IntN(2), 1 + r.IntN(3), 1 + r.IntN(3)}
		attr["group"], attr["offset_group"], attr["strides"] = int64(group), int64(offsets), r.ints(2, 1, 2)
		of := r.data(tensor.Float32, r.length(), 2*w[1], 3+r.IntN(4), 3+r.IntN(4))
		if group == 1 {
			of = r.data(tensor.Float32, of.Shape[0], 2*w[1], of.Shape[2], of.Shape[3])
			w[1] *= 2
		}
		out := make([]int, 2)
		for i, s := range attr["strides"].([]int64) {
			if i < 2 && s > 0 {
				out[i] = (of.Shape[2+i]-w[2+i])/int(s) + 1
			}
		}
		taps := offsets * w[2] * w[3]
		*in = []*tensor.Tensor{of, r.data(tensor.Float32, w...), r.data(tensor.Float32, of.Shape[0], 2*taps, out[0], out[1]), maybe(r.data(tensor.Float32, w[0])), maybe(r.data(tensor.Float32, of.Shape[0], taps, out[0], out[1]))}
	case "AffineGrid":
		attr["align_corners"] = r.bit()
		rank, n := 2+r.IntN(2), r.length()
		size := r.list(rank+2, 0, 5)
		if size.Len() > 0 {
			size.Data.([]int64)[0] = int64(n)
		}
		*in = spread(r.data(tensor.Float32, n, rank, rank+1), size)
	case "MaxUnpool":
		attr["kernel_shape"], attr["strides"] = r.ints(2, 1, 3), r.ints(2, 1, 3)
		if r.IntN(3) == 0 {
			attr["pads"] = r.ints(4, 0, 1)
		}
		s := []int{r.length(), r.length(), 1 + r.IntN(4), 1 + r.IntN(4)}
		*in = append(spread(r.data(tensor.Float32, s...), r.indices(8, s...)), maybe(tensor.New([]int64{int64(s[0]), int64(s[1]), r.one(0, 9), r.one(0, 9)}, 4)))
		for i, v := range (*in)[1].Data.([]int64) {
			(*in)[1].Data.([]int64)[i] = max(v, -v)
		}
	case "Col2Im":
		image, block := []int{2 + r.IntN(5), 2 + r.IntN(5)}, []int{1 + r.IntN(2), 1 + r.IntN(2)}
		stride, pad := 1+r.IntN(2), r.IntN(2)
		attr["strides"], attr["pads"] = []int64{int64(stride), 1}, []int64{int64(pad), 0, 0, 1}
		positions := ((image[0]+pad-block[0])/stride + 1) * (image[1] + 1 - block[1] + 1)
		*in = []*tensor.Tensor{r.data(tensor.Float32, r.length(), r.length()*block[0]*block[1], positions), lengths(image), lengths(block)}
		if r.IntN(10) == 0 {
			(*in)[1] = r.list(2, -1, 9)
		}
	case "Det":
		n := r.length()
		*in = []*tensor.Tensor{r.data(tensor.Float32, append(r.shape(0, 2), n, n)...)}
	case "HannWindow", "HammingWindow", "BlackmanWindow":
		attr["periodic"] = r.bit()
		*in = []*tensor.Tensor{r.scalar(-1, 9)}
	case "DFT":
		axis := r.IntN(len(shape))
		s := append(slices.Clone(shape), 1+r.IntN(2))
		attr[r.pick("inverse", "onesided")] = r.bit()
		*in = spread(r.data(tensor.Float32, s...), maybe(number(0, 9)))
		if r.opset < 20 {
			attr["axis"] = int64(axis)
		} else {
			*in = append(*in, number(axis, axis))
		}
	case "STFT":
		attr["onesided"] = r.bit()
		frame := 1 + r.IntN(6)
		*in = []*tensor.Tensor{r.data(tensor.Float32, r.length(), 4+r.IntN(9), 1+r.IntN(2)), number(1, 4), maybe(r.data(tensor.Float32, frame)), number(frame, frame)}
	case "MelWeightMatrix":
		*in = []*tensor.Tensor{number(0, 6), number(8, 64), number(4000, 8000), tensor.Scalar(float32(r.IntN(50))), tensor.Scalar(float32(r.IntN(2000)))}
	case "BitShift":
		attr["direction"] = r.pick("LEFT", "RIGHT")
		t := []tensor.DType{tensor.Uint8, tensor.Uint16, tensor.Uint32, tensor.Uint64}[r.IntN(4)]
		*in = spread(r.data(t, shape...), r.data(t, r.part(shape)...))
	case "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot":
		t := integerTypes[r.IntN(len(integerTypes))]
		if *in = spread(r.data(t, shape...), r.data(t, r.part(shape)...)); name == "BitwiseNot" {
			*in = (*in)[:1]
		}
	case "IsNaN", "IsInf":
		*in = []*tensor.Tensor{x}
	default:
		return false
	}
	return true
}
