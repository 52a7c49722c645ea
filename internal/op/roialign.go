package op

import (
	"fmt"
	"math"

	"krypton/internal/tensor"
)

// RoiAlign pools regions of X [N, C, H, W] into [regions, C, Height, Width] by
// bilinear samples. Input 1 holds the regions as x1, y1, x2, y2, input 2 the
// batch index of each.
type RoiAlign struct {
	Max           bool // else the average
	HalfPixel     bool
	Height, Width int
	Sampling      int // samples per bin and axis; 0 adapts it to the region
	Scale         float64
}

// maxSampling bounds the samples per bin and axis.
const maxSampling = 1 << 10

func newRoiAlign(n *Node) (Operator, error) {
	r := &RoiAlign{}
	mode, err := n.Attr.OneOf("mode", "avg", "max")
	if err != nil {
		return nil, err
	}
	r.Max = mode == "max"
	if n.Opset >= 16 {
		c, err := n.Attr.OneOf("coordinate_transformation_mode", "half_pixel", "output_half_pixel")
		if err != nil {
			return nil, err
		}
		r.HalfPixel = c == "half_pixel"
	}
	if r.Height, err = n.Attr.Int("output_height", 1); err != nil {
		return nil, err
	}
	if r.Width, err = n.Attr.Int("output_width", 1); err != nil {
		return nil, err
	}
	if r.Sampling, err = n.Attr.Int("sampling_ratio", 0); err != nil {
		return nil, err
	}
	scale, err := n.Attr.Float("spatial_scale", 1)
	if err != nil {
		return nil, err
	}
	r.Scale = float64(scale)
	if r.Height < 1 || r.Height > maxWindow || r.Width < 1 || r.Width > maxWindow || r.Sampling < 0 || r.Sampling > maxSampling || !(scale > 0) || math.IsInf(r.Scale, 0) {
		return nil, fmt.Errorf("output %d x %d, sampling_ratio %d, spatial_scale %g: out of range", r.Height, r.Width, r.Sampling, scale)
	}
	return r, nil
}

// Infer implements Operator.
func (r *RoiAlign) Infer(in []*Info, _ int) ([]Info, error) {
	if err := checkInputs(in, 3); err != nil {
		return nil, err
	}
	if err := allFloat32(in[:2]); err != nil {
		return nil, err
	}
	if in[2].Type != tensor.Int64 {
		return nil, fmt.Errorf("input 2: %w", DTypeError(in[2].Type))
	}
	if !allKnown(in) {
		return unknown(tensor.Float32)
	}
	x, rois, batch := in[0].Shape, in[1].Shape, in[2].Shape
	if len(x) != 4 || len(rois) != 2 || rois[1] != 4 || len(batch) != 1 || batch[0] != rois[0] {
		return nil, fmt.Errorf("input shapes %v, %v and %v: want [n, c, h, w], [rois, 4] and [rois]", x, rois, batch)
	}
	if x[2]*x[3] == 0 {
		return nil, fmt.Errorf("input shape %v has an empty plane", x)
	}
	if err := checkIndices(in[2], x[0]); err != nil {
		return nil, err
	}
	return single(tensor.Float32, []int{rois[0], x[1], r.Height, r.Width})
}

// roi is one axis of a region: where it begins, its bin length and samples.
type roi struct {
	start, bin float64
	samples    int
}

func (r *RoiAlign) axis(lo, hi float32, bins int) (roi, error) {
	offset := 0.0
	if r.HalfPixel {
		offset = 0.5
	}
	start, end := float64(float64(lo)*r.Scale)-offset, float64(float64(hi)*r.Scale)-offset
	length := end - start
	if !r.HalfPixel {
		length = max(length, 1)
	}
	a := roi{start, length / float64(bins), r.Sampling}
	if a.samples == 0 {
		n := math.Ceil(a.bin)
		if !(n <= maxSampling) {
			return a, fmt.Errorf("region from %g to %g is too large to sample", lo, hi)
		}
		a.samples = int(max(n, 0))
	}
	return a, nil
}

// Eval implements Operator. A batch index out of range is an error.
func (r *RoiAlign) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	shape, err := evalShape(r, in)
	if err != nil {
		return nil, err
	}
	xs := in[0].Shape
	batch, err := indices(in[2], xs[0])
	if err != nil {
		return nil, err
	}
	x, rois := in[0].Data.([]float32), in[1].Data.([]float32)
	y := tensor.Zeros[float32](shape...)
	d, o := y.Data.([]float32), 0
	for k, n := range batch {
		ay, err := r.axis(rois[k*4+1], rois[k*4+3], r.Height)
		if err != nil {
			return nil, err
		}
		ax, err := r.axis(rois[k*4], rois[k*4+2], r.Width)
		if err != nil {
			return nil, err
		}
		for c := range xs[1] {
			plane := x[(n*xs[1]+c)*xs[2]*xs[3]:]
			for by := range r.Height {
				for bx := range r.Width {
					d[o] = float32(r.bin(plane, xs[2], xs[3], ay, ax, by, bx))
					o++
				}
			}
		}
	}
	return []*tensor.Tensor{y}, nil
}

// bin pools one bin.
func (r *RoiAlign) bin(plane []float32, h, w int, ay, ax roi, by, bx int) float64 {
	sum, best := 0.0, math.Inf(-1)
	for iy := range ay.samples {
		y := ay.start + float64((float64(by)+(float64(iy)+0.5)/float64(ay.samples))*ay.bin)
		for ix := range ax.samples {
			x := ax.start + float64((float64(bx)+(float64(ix)+0.5)/float64(ax.samples))*ax.bin)
			s, m := bilinear(plane, h, w, y, x)
			sum += s
			best = max(best, m)
		}
	}
	n := ay.samples * ax.samples
	switch {
	case n == 0:
		return 0
	case r.Max:
		return best
	}
	return sum / float64(n)
}

// bilinear gives the sum and the greatest of the four weighted neighbours of a
// point, 0 for one that is more than a pixel outside. The reference for mode
// max takes the greatest weighted neighbour, not the greatest sample.
func bilinear(plane []float32, h, w int, y, x float64) (sum, greatest float64) {
	if !(y >= -1 && y <= float64(h) && x >= -1 && x <= float64(w)) {
		return 0, 0
	}
	y0, y1, fy := neighbours(y, h)
	x0, x1, fx := neighbours(x, w)
	greatest = math.Inf(-1)
	for _, t := range []struct {
		i int
		w float64
	}{{y0*w + x0, (1 - fy) * (1 - fx)}, {y0*w + x1, (1 - fy) * fx}, {y1*w + x0, fy * (1 - fx)}, {y1*w + x1, fy * fx}} {
		v := float64(t.w * float64(plane[t.i]))
		sum += v
		greatest = max(greatest, v)
	}
	return sum, greatest
}

func neighbours(p float64, n int) (low, high int, f float64) {
	p = max(p, 0)
	low = int(p)
	if low >= n-1 {
		return n - 1, n - 1, 0
	}
	return low, low + 1, p - float64(low)
}
