package engine

import (
	"fmt"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// Depthwise is a convolution with one filter for each channel, or for each channel of
// small groups that have as many outputs as inputs.
type Depthwise struct {
	In, Out Plane
	Y, X    region.Window
	Clamp   Clamp

	per     int       // channels of a group
	weights []float32 // [tap][channel of the group][channel], or as asm.PackGroups packs them
	bias    []float32
	packed  bool
}

// NewDepthwise packs weights given as [C][1][Y.Kernel][X.Kernel] and bias (nil
// for none).
func NewDepthwise(in Plane, y, x region.Window, weights, bias []float32, clamp Clamp) (*Depthwise, error) {
	return newDepthwise(in, y, x, 1, weights, bias, clamp)
}

// GroupedTogether says whether the set has kernels for NewGrouped with such windows over
// channels in groups of per channels, inputs and outputs alike.
func GroupedTogether(k *asm.Kernels, y, x region.Window, per, channels int) bool {
	return per > 1 && k.Together(axisOf(y, 1), axisOf(x, 1), per, channels)
}

// axisOf is one axis of n windows.
func axisOf(w region.Window, n int) asm.Axis {
	return asm.Axis{Out: n, Kernel: w.Kernel, Stride: w.Stride, Dilation: w.Dilation}
}

// NewGrouped packs weights given as [C][per][Y.Kernel][X.Kernel] and bias (nil for none)
// of a convolution for which GroupedTogether holds.
func NewGrouped(k *asm.Kernels, in Plane, y, x region.Window, per int, weights, bias []float32, clamp Clamp) (*Depthwise, error) {
	if !GroupedTogether(k, y, x, per, in.C) {
		return nil, fmt.Errorf("no %s kernel for %d channels in groups of %d, windows of %d", k.Name, in.C, per, x.Kernel)
	}
	d, err := newDepthwise(in, y, x, per, weights, bias, clamp)
	if err == nil && k.Grouped(axisOf(y, 1), axisOf(x, 1), per) {
		d.weights, d.packed = asm.PackGroups(d.weights, in.C, per), true
	}
	return d, err
}

func newDepthwise(in Plane, y, x region.Window, per int, weights, bias []float32, clamp Clamp) (*Depthwise, error) {
	taps := y.Kernel * x.Kernel
	if len(weights) != in.C*per*taps || (bias != nil && len(bias) != in.C) {
		return nil, fmt.Errorf("convolution of %d channels in groups of %d: %d weights, %d biases", in.C, per, len(weights), len(bias))
	}
	d := &Depthwise{In: in, Out: Plane{y.Out, x.Out, in.C}, Y: y, X: x, Clamp: clamp, per: per,
		weights: make([]float32, len(weights)), bias: make([]float32, in.C)}
	copyBias(d.bias, bias)
	for c := range in.C {
		for k := range per {
			for t := range taps {
				d.weights[(t*per+k)*in.C+c] = weights[(c*per+k)*taps+t]
			}
		}
	}
	return d, nil
}

// MultiplyAdds implements Primitive.
func (d *Depthwise) MultiplyAdds() int64 {
	return int64(d.In.C) * int64(d.per*d.Y.Kernel*d.X.Kernel)
}

// Run implements Primitive. Padding is read as zeros, in the order of all
// taps, so that a border pixel is summed like any other.
func (d *Depthwise) Run(s *Scratch, jobs []Job) {
	for i := range jobs {
		j := &jobs[i]
		if d.together(s.Kernels, j.Rect) {
			d.windows(s, j, region.Span{Hi: d.In.C})
			continue
		}
		if c := d.In.C; j.pitch(c) != c {
			d.apart(s, j)
			continue
		}
		d.runs(s, j)
	}
}

// runs computes a job whose pixels are read where they lie.
func (d *Depthwise) runs(s *Scratch, j *Job) {
	eachRun(s, j, d.Y, d.X, true, nil, func(r *asm.Run, _, _ int, out []float32) {
		s.Kernels.Depthwise(r, d.weights, out, d.bias, &d.Clamp)
	})
}

// apart is runs for a job whose outputs lie apart: they are laid out afterwards.
func (d *Depthwise) apart(s *Scratch, j *Job) {
	c, n := d.In.C, j.Rect.Area()
	together := *j
	together.Out, together.Pitch = s.lineBuffer(0, n*c), 0
	d.runs(s, &together)
	copyPixels(j.Out, together.Out, n, c, j.Pitch, c)
}

// windows computes some channels of a job whose pixels are put together.
func (d *Depthwise) windows(s *Scratch, j *Job, channels region.Span) {
	w := s.windowsOf(j, d.Y, d.X, d.per)
	w.From, w.To = channels.Lo, channels.Hi
	if d.packed {
		s.Kernels.GroupedWindows(w, d.weights, j.Out, d.bias, &d.Clamp)
		return
	}
	s.Kernels.DepthwiseWindows(w, d.weights, j.Out, d.bias, &d.Clamp)
}

// blockChannels is how many channels a block has: two vectors, the last one perhaps some more.
const blockChannels = 32

// fewRows is how many rows a worker's share of a plane has at least, and as many as a window:
// each share reads the rows around it, too.
const fewRows = 4

// Blocks is in how many blocks of channels so many workers share a whole plane: one where
// they had better share its rows, whose pixels the steps before and behind leave and look for
// in the same workers' caches.
func (d *Depthwise) Blocks(k *asm.Kernels, workers int) int {
	if d.Out.H >= workers*max(fewRows, d.Y.Extent()) || !d.together(k, d.Out.Rect()) {
		return 1
	}
	return max(1, d.In.C/blockChannels)
}

// RunBlocks computes the channels of blocks [lo, hi) of whole planes.
func (d *Depthwise) RunBlocks(s *Scratch, jobs []Job, lo, hi int) {
	channels := region.Span{Lo: lo * blockChannels, Hi: hi * blockChannels}
	if hi == max(1, d.In.C/blockChannels) {
		channels.Hi = d.In.C
	}
	for i := range jobs {
		d.windows(s, &jobs[i], channels)
	}
}

// together says whether pixels are put together before they are multiplied. Small
// windows that hardly overlap are better read where they lie; groups have no other way.
func (d *Depthwise) together(k *asm.Kernels, r region.Rect) bool {
	y, x := axisOf(d.Y, r.Y.Len()), axisOf(d.X, r.X.Len())
	if d.per > 1 {
		return true
	}
	if r.Area() < 4 || !k.Together(y, x, 1, d.In.C) {
		return false
	}
	return d.X.Stride == 1 || d.X.Kernel > 3 || d.Y.Kernel > 3 || k.Pointed(y, x, 1, d.In.C)
}
