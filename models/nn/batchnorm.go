package nn

import "math"

// BatchNorm normalizes every channel to mean 0 and variance 1 over the batch
// and the plane, then applies a trained scale and shift (Ioffe and Szegedy
// 2015). Outside of training it uses running statistics.
type BatchNorm struct {
	Channels    int
	Gamma, Beta *Param
	// Mean and Variance are the running statistics.
	Mean, Variance []float32
	// Momentum is the share that a batch leaves of the running statistics.
	Momentum float32
	// Epsilon is added to the variance.
	Epsilon float32

	name     string
	x, y, dx *Tensor
	mean     []float32 // of the last batch
	scale    []float32 // 1 / standard deviation of the last batch
}

// NewBatchNorm starts with scale 1 and shift 0.
func NewBatchNorm(name string, channels int) *BatchNorm {
	b := &BatchNorm{
		Channels: channels, Gamma: newParam(name+".gamma", channels, false), Beta: newParam(name+".beta", channels, false),
		Mean: make([]float32, channels), Variance: make([]float32, channels), Momentum: 0.95, Epsilon: 1e-5,
		name: name, mean: make([]float32, channels), scale: make([]float32, channels),
	}
	for i := range channels {
		b.Gamma.Value[i], b.Variance[i] = 1, 1
	}
	return b
}

// Params implements [Layer].
func (b *BatchNorm) Params() []*Param { return []*Param{b.Gamma, b.Beta} }

// Forward implements [Layer].
func (b *BatchNorm) Forward(x *Tensor, training bool) *Tensor {
	b.x, b.y = x, b.y.resized(x.N, x.C, x.H, x.W)
	plane := x.H * x.W
	parallel(x.C, func(c int) {
		mean, variance := float64(b.Mean[c]), float64(b.Variance[c])
		if training {
			mean, variance = b.moments(x, c)
			n := float64(x.N * plane)
			b.Mean[c] = b.Momentum*b.Mean[c] + (1-b.Momentum)*float32(mean)
			b.Variance[c] = b.Momentum*b.Variance[c] + (1-b.Momentum)*float32(variance*n/max(1, n-1))
		}
		b.mean[c], b.scale[c] = float32(mean), float32(1/math.Sqrt(variance+float64(b.Epsilon)))
		f := b.Gamma.Value[c] * b.scale[c]
		shift := b.Beta.Value[c] - b.mean[c]*f
		for n := range x.N {
			in, out := x.Sample(n)[c*plane:][:plane], b.y.Sample(n)[c*plane:][:plane]
			for i, v := range in {
				out[i] = v*f + shift
			}
		}
	})
	return b.y
}

// moments are the mean and the biased variance of a channel.
func (b *BatchNorm) moments(x *Tensor, c int) (mean, variance float64) {
	plane := x.H * x.W
	count := float64(x.N * plane)
	for n := range x.N {
		var sum float32
		for _, v := range x.Sample(n)[c*plane:][:plane] {
			sum += v
		}
		mean += float64(sum)
	}
	mean /= count
	m := float32(mean)
	for n := range x.N {
		var sum float32
		for _, v := range x.Sample(n)[c*plane:][:plane] {
			sum += (v - m) * (v - m)
		}
		variance += float64(sum)
	}
	return mean, variance / count
}

// Backward implements [Layer]; it holds for a Forward in training. With
// z = (x - mean) * scale and N elements in a channel,
//
//	dx = gamma * scale * (dy - mean(dy) - z * mean(dy * z)).
func (b *BatchNorm) Backward(dy *Tensor) *Tensor {
	x := b.x
	b.dx = b.dx.resized(x.N, x.C, x.H, x.W)
	plane := x.H * x.W
	parallel(x.C, func(c int) {
		mean, scale := b.mean[c], b.scale[c]
		var sum, dot float64
		for n := range x.N {
			in, out := x.Sample(n)[c*plane:][:plane], dy.Sample(n)[c*plane:][:plane]
			var s, d float32
			for i, g := range out {
				s += g
				d += g * (in[i] - mean)
			}
			sum += float64(s)
			dot += float64(d)
		}
		dot *= float64(scale)
		b.Beta.Grad[c], b.Gamma.Grad[c] = float32(sum), float32(dot)
		count := float64(x.N * plane)
		f := b.Gamma.Value[c] * scale
		offset, slope := float32(sum/count), float32(dot/count)*scale
		for n := range x.N {
			in, out := x.Sample(n)[c*plane:][:plane], dy.Sample(n)[c*plane:][:plane]
			dx := b.dx.Sample(n)[c*plane:][:plane]
			for i, g := range out {
				dx[i] = f * (g - offset - slope*(in[i]-mean))
			}
		}
	})
	return b.dx
}
