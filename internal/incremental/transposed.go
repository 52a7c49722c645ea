package incremental

import (
	"slices"

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
	extent := a.Dilation*(kernel-1) + 1
	p := phases{TransposedAxis: a, kernel: kernel, taps: (extent + a.Stride - 1) / a.Stride}
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
	return k / p.Dilation, k%p.Dilation == 0 && k/p.Dilation < p.kernel
}

// convTranspose lowers a transposed convolution with constant weights: a convolution
// that computes all phases of a pixel as channels, and their laying out. A batch
// normalization and bounds behind it are folded into it.
func (c *compiler) convTranspose(n *graph.Node, o *op.ConvTranspose) (bool, error) {
	w := c.constant(n.In[1])
	if w == nil || givenInput(n, 2) && c.constant(n.In[2]) == nil {
		return false, nil
	}
	axes, err := o.Axes(c.shape(n.In[0]), w.Shape)
	if err != nil || len(axes) > 2 || len(c.shape(n.In[0])) != len(axes)+2 {
		return false, nil
	}
	for _, a := range axes {
		if a.Out < 1 {
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
	bias := make([]float32, o.Group*w.Shape[1])
	if givenInput(n, 2) {
		if bias, err = c.constant(n.In[2]).Floats(); err != nil {
			return false, err
		}
	}
	x := newPhases(axes[len(axes)-1], w.Shape[len(w.Shape)-1])
	y := newPhases(op.TransposedAxis{Stride: 1, Dilation: 1, Out: 1}, 1)
	if len(axes) == 2 {
		y = newPhases(axes[0], w.Shape[2])
	}
	weights, bias = phaseWeights(weights, bias, o.Group, src.plane.C, y, x)
	weights, bias, result, name := c.foldAffine(n, weights, bias, len(bias), 1, c.perChannelOf(n.Out[0]))
	c.emitTransposed(n, src, y, x, o.Group, weights, bias, result, name)
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

// phaseWeights turns weights [in, out of a group, kernel...] into those of the plain
// convolution, whose output channels are phase by phase those of the transposed one.
func phaseWeights(weights, bias []float32, groups, in int, y, x phases) (w, b []float32) {
	out, per := len(bias)/groups, in/groups
	w = make([]float32, y.Stride*x.Stride*len(bias)*per*y.taps*x.taps)
	at := 0
	for ry := range y.Stride {
		for rx := range x.Stride {
			for m := range bias {
				for ci := range per {
					from := (m/out*per+ci)*out + m%out
					for ty := range y.taps {
						for tx := range x.taps {
							ky, inY := y.tap(ry, ty)
							kx, inX := x.tap(rx, tx)
							if inY && inX {
								w[at] = weights[(from*y.kernel+ky)*x.kernel+kx]
							}
							at++
						}
					}
				}
			}
		}
	}
	return w, repeated(bias, y.Stride*x.Stride*len(bias))
}

// emitTransposed emits the convolution and the laying out; the result is graph value
// result, or what the activation behind it makes of it.
func (c *compiler) emitTransposed(n *graph.Node, src source, y, x phases, groups int, weights, bias []float32, result graph.ValueID, name string) {
	clamp, result, name := c.activation(result, name)
	wy, wx := y.window(src.plane.H), x.window(src.plane.W)
	value, squares := c.g.Values[result].Name, y.Stride*x.Stride
	inner := engine.Plane{H: wy.Out, W: wx.Out, C: len(bias)}
	channels := len(bias) / squares
	pick := func(src source, name string, from []int) source {
		plane := engine.Plane{H: src.plane.H, W: src.plane.W, C: len(from)}
		return source{c.emit(step{node: name, operator: "(channels)", kind: op.Pointwise, in: []source{src}, spec: &engine.Channels{Source: from}}, value+" (channels)", plane), plane}
	}
	var order []int // of the laid out channels among those that are computed
	switch {
	case groups > 1 && groups == src.plane.C: // each output channel reads one of its own
		from := make([]int, len(bias))
		for i := range from {
			from[i] = i % channels / (channels / groups)
		}
		if !slices.Equal(from, span(0, groups, 1)) {
			src = pick(src, name, from)
		}
		groups = len(bias)
	case groups > 1: // each group's phases together
		weights, bias, order = groupPhases(weights, bias, groups, squares)
	}
	made := source{c.convolve(step{node: name, operator: n.Def.Name, in: []source{src}}, value+" (phases)",
		engine.Convolution{Y: wy, X: wx, Group: groups, OutC: len(bias), Weights: weights, Bias: bias, Clamp: clamp}), inner}
	if order != nil && squares > 1 {
		made = pick(made, name, order)
	}
	if squares == 1 && y.skip() == 0 && x.skip() == 0 {
		c.define(result, made.value)
		return
	}
	p := &engine.Spread{Out: engine.Plane{H: y.Out, W: x.Out, C: channels}, Y: y.Stride, X: x.Stride, SkipY: y.skip(), SkipX: x.skip()}
	c.define(result, c.spread(n, name, made, p, value))
}

// groupPhases puts output channels that go phase by phase group by group, and tells where
// each is then.
func groupPhases(weights, bias []float32, groups, phases int) (w, b []float32, order []int) {
	each, row := len(bias)/phases/groups, len(weights)/len(bias)
	order = make([]int, len(bias))
	for g := range groups {
		for p := range phases {
			for m := range each {
				from := (p*groups+g)*each + m
				order[from] = len(b)
				w, b = append(w, weights[from*row:(from+1)*row]...), append(b, bias[from])
			}
		}
	}
	return w, b, order
}

// spread emits the laying out of a plane.
func (c *compiler) spread(n *graph.Node, name string, src source, p *engine.Spread, value string) int {
	ty, tx := p.Tables(src.plane)
	return c.emit(step{node: name, operator: n.Def.Name, kind: op.Rearranging, moves: region.Tables{Y: &ty, X: &tx}, in: []source{src}, spec: p}, value, p.Out)
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
		src.value = c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, in: []source{src}, spec: &engine.Channels{Source: from}}, name+" (phases)", src.plane)
	}
	c.define(n.Out[0], c.spread(n, n.Name, src, &engine.Spread{Out: plane, Y: o.Block, X: o.Block}, name))
	return true, nil
}

// spaceToDepth lowers the putting together of squares of pixels.
func (c *compiler) spaceToDepth(n *graph.Node, o *op.SpaceToDepth) (bool, error) {
	_, plane, ok := rowsOf(c.shape(n.Out[0]))
	if !ok || len(c.shape(n.In[0])) != 4 {
		return false, nil
	}
	src, ok := c.rows(n.In[0])
	if !ok {
		return false, nil
	}
	p := &engine.Squares{Y: o.Block, X: o.Block, Channels: engine.Channels{Source: span(0, plane.C, 1)}}
	y, x := p.Windows(src.plane)
	return true, c.emitWindowed(n, src, y, x, p, plane)
}
