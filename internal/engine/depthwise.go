package engine

import (
	"fmt"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// Depthwise is a convolution with one filter for each channel.
type Depthwise struct {
	In, Out Plane
	Y, X    region.Window
	Clamp   Clamp

	weights []float32 // [tap][channel]
	bias    []float32
}

// NewDepthwise packs weights given as [C][1][Y.Kernel][X.Kernel] and bias (nil
// for none).
func NewDepthwise(in Plane, y, x region.Window, weights, bias []float32, clamp Clamp) (*Depthwise, error) {
	taps := y.Kernel * x.Kernel
	if len(weights) != in.C*taps || (bias != nil && len(bias) != in.C) {
		return nil, fmt.Errorf("depthwise convolution of %d channels: %d weights, %d biases", in.C, len(weights), len(bias))
	}
	d := &Depthwise{In: in, Out: Plane{y.Out, x.Out, in.C}, Y: y, X: x, Clamp: clamp,
		weights: make([]float32, len(weights)), bias: make([]float32, in.C)}
	copy(d.bias, bias)
	for c := range in.C {
		for t := range taps {
			d.weights[t*in.C+c] = weights[c*taps+t]
		}
	}
	return d, nil
}

// MultiplyAdds implements Primitive.
func (d *Depthwise) MultiplyAdds() int64 { return int64(d.In.C) * int64(d.Y.Kernel*d.X.Kernel) }

// Run implements Primitive. Padding is read as zeros, in the order of all
// taps, so that a border pixel is summed like any other.
func (d *Depthwise) Run(s *Scratch, jobs []Job) {
	for i := range jobs {
		j := &jobs[i]
		if d.together(s.Kernels, j.Rect) {
			s.Kernels.DepthwiseWindows(s.windowsOf(j, d.Y, d.X), d.weights, j.Out, d.bias, &d.Clamp)
			continue
		}
		eachRun(s, j, d.Y, d.X, true, nil, func(r *asm.Run, _, _ int, out []float32) {
			s.Kernels.Depthwise(r, d.weights, out, d.bias, &d.Clamp)
		})
	}
}

// together says whether pixels are put together before they are multiplied. Small
// windows that hardly overlap are better read where they lie.
func (d *Depthwise) together(k *asm.Kernels, r region.Rect) bool {
	return r.Area() >= 4 && k.Together(asm.Axis{Kernel: d.X.Kernel, Stride: d.X.Stride, Dilation: d.X.Dilation}, d.In.C) &&
		(d.X.Stride == 1 || d.X.Kernel > 3)
}
