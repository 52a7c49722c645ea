package engine

import (
	"fmt"

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
	zero := s.zeros(d.In.C)
	for i := range jobs {
		eachWindow(s, &jobs[i], d.Y, d.X, func(table []*float32, out []float32, _ int) {
			s.Kernels.Depthwise(table, d.weights, out, d.bias, &d.Clamp)
		}, &zero[0])
	}
}

// eachWindow calls f for every output pixel of a job with the pointers to the
// window's input pixels, in the order of taps, and the pixel's output row.
// Padding is read from pad; with pad nil such taps are left out. f also gets
// the number of taps inside the plane.
func eachWindow(s *Scratch, j *Job, wy, wx region.Window, f func(table []*float32, out []float32, inside int), pad *float32) {
	in := &j.In[0]
	s.rows = grow(&s.rows, wy.Kernel)
	s.table = grow(&s.table, wy.Kernel*wx.Kernel)
	outC := len(j.Out) / j.Rect.Area()
	at := 0
	for y := j.Rect.Y.Lo; y < j.Rect.Y.Hi; y++ {
		for ky := range s.rows {
			s.rows[ky] = in.row(y*wy.Stride - wy.Pad + ky*wy.Dilation)
		}
		for x := j.Rect.X.Lo; x < j.Rect.X.Hi; x++ {
			n, inside := 0, 0
			for ky := range s.rows {
				r := &s.rows[ky]
				for kx, xi := 0, x*wx.Stride-wx.Pad; kx < wx.Kernel; kx, xi = kx+1, xi+wx.Dilation {
					switch {
					case !r.inside || uint(xi) >= uint(in.W):
						if pad == nil {
							continue
						}
						s.table[n] = pad
					case xi >= r.span.Lo && xi < r.span.Hi:
						s.table[n] = &r.update[(xi-r.span.Lo)*in.C]
						inside++
					default:
						s.table[n] = &r.view[xi*in.C]
						inside++
					}
					n++
				}
			}
			f(s.table[:n], j.Out[at:at+outC], inside)
			at += outC
		}
	}
}
