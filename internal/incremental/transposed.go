package incremental

import (
	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/region"
)

// phases is one axis of a transposed convolution as a plain one: output o of stride s
// is pixel q and phase r of o + pad = q*s + r, and reads the inputs q, q-1, ... by the
// taps r, r+s, ... Each phase has its own output channels.
type phases struct {
	op.TransposedAxis
	kernel int // of the transposed convolution
	taps   int // of each phase
	first  int // q of the first output pixel that is computed
}

func newPhases(a op.TransposedAxis, kernel int) phases {
	p := phases{TransposedAxis: a, kernel: kernel, taps: (kernel + a.Stride - 1) / a.Stride}
	p.first = min(a.Pad/a.Stride, p.taps-1)
	return p
}

// window is the geometry over an axis of n inputs.
func (p phases) window(n int) region.Window {
	return region.Window{Kernel: p.taps, Stride: 1, Dilation: 1, Pad: p.taps - 1 - p.first, In: n, Out: (p.Out-1+p.Pad)/p.Stride + 1 - p.first}
}

// skip is how many outputs of the first pixel are none.
func (p phases) skip() int { return p.Pad - p.first*p.Stride }

// tap gives the tap of phase r that the plain convolution's tap t is, false if it has
// none.
func (p phases) tap(r, t int) (int, bool) {
	k := r + p.Stride*(p.taps-1-t)
	return k, k < p.kernel
}

// convTranspose lowers a transposed convolution with constant weights: a convolution
// that computes all phases of a pixel as channels, and their laying out. A batch
// normalization and bounds behind it are folded into it.
func (c *compiler) convTranspose(n *graph.Node, o *op.ConvTranspose) (bool, error) {
	w := c.constant(n.In[1])
	if w == nil || o.Group != 1 || len(n.In) > 2 && n.In[2] >= 0 && c.constant(n.In[2]) == nil {
		return false, nil
	}
	axes, err := o.Axes(c.shape(n.In[0]), w.Shape)
	if err != nil || len(axes) > 2 || len(c.shape(n.In[0])) != len(axes)+2 {
		return false, nil
	}
	for _, a := range axes {
		if a.Dilation != 1 || a.Out < 1 {
			return false, nil
		}
	}
	src, ok := c.rows(n.In[0])
	if !ok {
		return false, nil
	}
	weights, err := w.Floats()
	if err != nil {
		return false, err
	}
	bias := make([]float32, w.Shape[1])
	if len(n.In) > 2 && n.In[2] >= 0 {
		if bias, err = c.constant(n.In[2]).Floats(); err != nil {
			return false, err
		}
	}
	x := newPhases(axes[len(axes)-1], w.Shape[len(w.Shape)-1])
	y := newPhases(op.TransposedAxis{Stride: 1, Dilation: 1, Out: 1}, 1)
	if len(axes) == 2 {
		y = newPhases(axes[0], w.Shape[2])
	}
	weights, bias = phaseWeights(weights, bias, src.plane.C, y, x)
	weights, bias, result, name := c.foldAffine(n, weights, bias, len(bias), c.perChannelOf(n.Out[0]))
	c.emitTransposed(n, src, y, x, weights, bias, result, name)
	return true, nil
}

// repeated is f again and again, n numbers in all.
func repeated(f []float32, n int) []float32 {
	r := make([]float32, 0, n)
	for len(r) < n {
		r = append(r, f...)
	}
	return r
}

// phaseWeights turns weights [in, out, kernel...] into those of the plain convolution,
// whose output channels are phase by phase those of the transposed one.
func phaseWeights(weights, bias []float32, in int, y, x phases) (w, b []float32) {
	out := len(bias)
	w = make([]float32, y.Stride*x.Stride*out*in*y.taps*x.taps)
	at := 0
	for ry := range y.Stride {
		for rx := range x.Stride {
			for m := range out {
				for ci := range in {
					for ty := range y.taps {
						for tx := range x.taps {
							ky, inY := y.tap(ry, ty)
							kx, inX := x.tap(rx, tx)
							if inY && inX {
								w[at] = weights[((ci*out+m)*y.kernel+ky)*x.kernel+kx]
							}
							at++
						}
					}
				}
			}
		}
	}
	return w, repeated(bias, y.Stride*x.Stride*out)
}

// emitTransposed emits both steps; the result is graph value result, or what the
// activation behind it makes of it.
func (c *compiler) emitTransposed(n *graph.Node, src source, y, x phases, weights, bias []float32, result graph.ValueID, name string) {
	clamp, result, name := c.activation(result, name)
	wy, wx := y.window(src.plane.H), x.window(src.plane.W)
	c.pending = append(c.pending, &convolution{step: len(c.p.steps), in: src.plane, y: wy, x: wx, group: 1, weights: weights, bias: bias, outC: len(bias), clamp: clamp})
	inner := engine.Plane{H: wy.Out, W: wx.Out, C: len(bias)}
	v := c.emit(step{node: name, operator: n.Def.Name, kind: op.Windowed, windows: [2]region.Window{wy, wx}, in: []source{src}}, c.g.Values[result].Name+" (phases)", inner)
	if y.Stride == 1 && x.Stride == 1 && y.skip() == 0 && x.skip() == 0 {
		c.define(result, v)
		return
	}
	p := &engine.Spread{Out: engine.Plane{H: y.Out, W: x.Out, C: len(bias) / (y.Stride * x.Stride)}, Y: y.Stride, X: x.Stride, SkipY: y.skip(), SkipX: x.skip()}
	c.define(result, c.spread(n, name, source{v, inner}, p, c.g.Values[result].Name))
}

// spread emits the laying out of a plane.
func (c *compiler) spread(n *graph.Node, name string, src source, p *engine.Spread, value string) int {
	ty, tx := p.Tables(src.plane)
	return c.emit(step{node: name, operator: n.Def.Name, kind: op.Rearranging, tables: [2]*region.Table{&ty, &tx}, in: []source{src}, prim: p}, value, p.Out)
}

// depthToSpace lowers the laying out of squares of channels.
func (c *compiler) depthToSpace(n *graph.Node, o *op.DepthToSpace) (bool, error) {
	_, plane, ok := rowsOf(c.shape(n.Out[0]))
	if !ok || len(c.shape(n.In[0])) != 4 {
		return false, nil
	}
	src, ok := c.rows(n.In[0])
	if !ok {
		return false, nil
	}
	name := c.g.Values[n.Out[0]].Name
	if o.Mode == "CRD" && o.Block > 1 { // channels by their place in the square first
		square := o.Block * o.Block
		from := make([]int, src.plane.C)
		for i := range from {
			from[i] = i%plane.C*square + i/plane.C
		}
		src.value = c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, in: []source{src}, prim: &engine.Channels{Source: from}}, name+" (phases)", src.plane)
	}
	c.define(n.Out[0], c.spread(n, n.Name, src, &engine.Spread{Out: plane, Y: o.Block, X: o.Block}, name))
	return true, nil
}
