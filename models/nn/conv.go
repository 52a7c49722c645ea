package nn

import (
	"math"
	"math/rand/v2"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

var engine gonum.Implementation

// Conv is a two-dimensional convolution with square kernels and equal padding
// on all sides, or one along the only row of a series, without bias (a BatchNorm
// follows).
type Conv struct {
	In, Out, Kernel, Stride, Pad int
	// Line says that planes have one row, and kernels too.
	Line bool
	// Weight is [Out][In][Kernel][Kernel], of lines [Out][In][Kernel].
	Weight *Param
	// First says that nobody needs the gradient of the input. Backward then
	// returns nil.
	First bool

	x, y, dx *Tensor
	partial  []float32
	columns  sync.Pool
}

// NewConv is a convolution with weights drawn from a normal distribution of
// variance 2 / (In * Kernel^2), after He et al. 2015, for a ReLU behind it.
func NewConv(rng *rand.Rand, name string, in, out, kernel, stride int) *Conv {
	return newConv(rng, name, &Conv{In: in, Out: out, Kernel: kernel, Stride: stride, Pad: kernel / 2})
}

// NewLineConv is NewConv along the only row of a series.
func NewLineConv(rng *rand.Rand, name string, in, out, kernel, stride int) *Conv {
	return newConv(rng, name, &Conv{In: in, Out: out, Kernel: kernel, Stride: stride, Pad: kernel / 2, Line: true})
}

func newConv(rng *rand.Rand, name string, c *Conv) *Conv {
	k, out := c.taps(), c.Out
	c.Weight = newParam(name+".weight", out*k, true)
	for i := range c.Weight.Value {
		c.Weight.Value[i] = float32(rng.NormFloat64() * math.Sqrt(2/float64(k)))
	}
	return c
}

// Params implements [Layer].
func (c *Conv) Params() []*Param { return []*Param{c.Weight} }

// taps is how many weights an output channel has.
func (c *Conv) taps() int {
	if c.Line {
		return c.In * c.Kernel
	}
	return c.In * c.Kernel * c.Kernel
}

// axis is how a kernel moves along rows or columns.
type axis struct{ kernel, stride, pad int }

// axes are those of rows and of columns.
func (c *Conv) axes() (down, across axis) {
	across = axis{c.Kernel, c.Stride, c.Pad}
	if c.Line {
		return axis{1, 1, 0}, across
	}
	return across, across
}

func (a axis) out(n int) int { return (n+2*a.pad-a.kernel)/a.stride + 1 }

// scratch is a matrix with a column for each output pixel and a row for each
// weight of an output channel.
func (c *Conv) scratch(n int) []float32 {
	if s, ok := c.columns.Get().(*[]float32); ok && len(*s) == n {
		return *s
	}
	return make([]float32, n)
}

// Forward implements [Layer].
func (c *Conv) Forward(x *Tensor, _ bool) *Tensor {
	down, across := c.axes()
	oh, ow := down.out(x.H), across.out(x.W)
	c.x, c.y = x, c.y.resized(x.N, c.Out, oh, ow)
	k, p := c.taps(), oh*ow
	parallel(x.N, func(i int) {
		col := c.scratch(k * p)
		c.gather(col, x.Sample(i), x.H, x.W, oh, ow)
		engine.Sgemm(blas.NoTrans, blas.NoTrans, c.Out, p, k, 1, c.Weight.Value, k, col, p, 0, c.y.Sample(i), p)
		c.columns.Put(&col)
	})
	return c.y
}

// Backward implements [Layer].
func (c *Conv) Backward(dy *Tensor) *Tensor {
	x := c.x
	k, p, size := c.taps(), dy.H*dy.W, len(c.Weight.Value)
	groups := (x.N + group - 1) / group
	if len(c.partial) != groups*size {
		c.partial = make([]float32, groups*size)
	}
	if !c.First {
		c.dx = c.dx.resized(x.N, x.C, x.H, x.W)
	}
	parallel(groups, func(g int) {
		col := c.scratch(k * p)
		sum := c.partial[g*size : (g+1)*size]
		clear(sum)
		for i := g * group; i < min(x.N, (g+1)*group); i++ {
			c.gather(col, x.Sample(i), x.H, x.W, dy.H, dy.W)
			engine.Sgemm(blas.NoTrans, blas.Trans, c.Out, k, p, 1, dy.Sample(i), p, col, p, 1, sum, k)
			if c.First {
				continue
			}
			engine.Sgemm(blas.Trans, blas.NoTrans, k, p, c.Out, 1, c.Weight.Value, k, dy.Sample(i), p, 0, col, p)
			c.scatter(c.dx.Sample(i), col, x.H, x.W, dy.H, dy.W)
		}
		c.columns.Put(&col)
	})
	clear(c.Weight.Grad)
	for g := range groups {
		for i, v := range c.partial[g*size : (g+1)*size] {
			c.Weight.Grad[i] += v
		}
	}
	if c.First {
		return nil
	}
	return c.dx
}

// span is the range of output positions whose input position o*stride - pad + k
// lies within [0, in).
func (a axis) span(k, in, out int) (lo, hi int) {
	off := k - a.pad
	if off < 0 {
		lo = (-off + a.stride - 1) / a.stride
	}
	if off >= in {
		return lo, lo
	}
	return lo, max(lo, min(out, (in-1-off)/a.stride+1))
}

// gather fills the columns with the inputs of every output pixel.
func (c *Conv) gather(col, x []float32, h, w, oh, ow int) {
	down, across := c.axes()
	row := 0
	for ch := range c.In {
		plane := x[ch*h*w : (ch+1)*h*w]
		for ky := range down.kernel {
			y0, y1 := down.span(ky, h, oh)
			for kx := range across.kernel {
				x0, x1 := across.span(kx, w, ow)
				dst := col[row*oh*ow : (row+1)*oh*ow]
				row++
				clear(dst)
				for oy := y0; oy < y1; oy++ {
					src := plane[(oy*down.stride-down.pad+ky)*w:][:w]
					line := dst[oy*ow : (oy+1)*ow]
					at := x0*across.stride - across.pad + kx
					if across.stride == 1 {
						copy(line[x0:x1], src[at:])
						continue
					}
					for ox := x0; ox < x1; ox++ {
						line[ox] = src[at]
						at += across.stride
					}
				}
			}
		}
	}
}

// scatter is the transpose of gather: it adds every column's values up at the
// inputs that they belong to.
func (c *Conv) scatter(dx, col []float32, h, w, oh, ow int) {
	clear(dx)
	down, across := c.axes()
	row := 0
	for ch := range c.In {
		plane := dx[ch*h*w : (ch+1)*h*w]
		for ky := range down.kernel {
			y0, y1 := down.span(ky, h, oh)
			for kx := range across.kernel {
				x0, x1 := across.span(kx, w, ow)
				src := col[row*oh*ow : (row+1)*oh*ow]
				row++
				for oy := y0; oy < y1; oy++ {
					dst := plane[(oy*down.stride-down.pad+ky)*w:][:w]
					line := src[oy*ow : (oy+1)*ow]
					at := x0*across.stride - across.pad + kx
					for ox := x0; ox < x1; ox++ {
						dst[at] += line[ox]
						at += across.stride
					}
				}
			}
		}
	}
}
