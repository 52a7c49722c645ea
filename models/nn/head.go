package nn

import (
	"math"
	"math/rand/v2"
)

// AveragePool is the mean of every channel over its whole plane.
type AveragePool struct{ x, y, dx *Tensor }

// Params implements [Layer].
func (*AveragePool) Params() []*Param { return nil }

// Forward implements [Layer].
func (p *AveragePool) Forward(x *Tensor, _ bool) *Tensor {
	p.x, p.y = x, p.y.resized(x.N, x.C, 1, 1)
	plane := x.H * x.W
	for i := range p.y.Data {
		var sum float32
		for _, v := range x.Data[i*plane : (i+1)*plane] {
			sum += v
		}
		p.y.Data[i] = sum / float32(plane)
	}
	return p.y
}

// Backward implements [Layer].
func (p *AveragePool) Backward(dy *Tensor) *Tensor {
	x := p.x
	p.dx = p.dx.resized(x.N, x.C, x.H, x.W)
	plane := x.H * x.W
	for i, g := range dy.Data {
		share := g / float32(plane)
		line := p.dx.Data[i*plane : (i+1)*plane]
		for j := range line {
			line[j] = share
		}
	}
	return p.dx
}

// Linear is a matrix product over the channels of a 1 x 1 plane, with a bias.
type Linear struct {
	In, Out int
	// Weight is [Out][In], Bias is [Out].
	Weight, Bias *Param

	x, y, dx *Tensor
}

// NewLinear starts with a zero bias and normal weights of variance 1 / in.
func NewLinear(rng *rand.Rand, name string, in, out int) *Linear {
	l := &Linear{In: in, Out: out, Weight: newParam(name+".weight", out*in, true), Bias: newParam(name+".bias", out, false)}
	for i := range l.Weight.Value {
		l.Weight.Value[i] = float32(rng.NormFloat64() / math.Sqrt(float64(in)))
	}
	return l
}

// Params implements [Layer].
func (l *Linear) Params() []*Param { return []*Param{l.Weight, l.Bias} }

// Forward implements [Layer].
func (l *Linear) Forward(x *Tensor, _ bool) *Tensor {
	l.x, l.y = x, l.y.resized(x.N, l.Out, 1, 1)
	for n := range x.N {
		in, out := x.Sample(n), l.y.Sample(n)
		for o := range out {
			sum := l.Bias.Value[o]
			for i, w := range l.Weight.Value[o*l.In : (o+1)*l.In] {
				sum += w * in[i]
			}
			out[o] = sum
		}
	}
	return l.y
}

// Backward implements [Layer].
func (l *Linear) Backward(dy *Tensor) *Tensor {
	l.dx = l.dx.resized(l.x.N, l.In, 1, 1)
	clear(l.dx.Data)
	clear(l.Weight.Grad)
	clear(l.Bias.Grad)
	for n := range dy.N {
		in, dx := l.x.Sample(n), l.dx.Sample(n)
		for o, g := range dy.Sample(n) {
			l.Bias.Grad[o] += g
			w, dw := l.Weight.Value[o*l.In:(o+1)*l.In], l.Weight.Grad[o*l.In:(o+1)*l.In]
			for i := range w {
				dw[i] += g * in[i]
				dx[i] += g * w[i]
			}
		}
	}
	return l.dx
}
