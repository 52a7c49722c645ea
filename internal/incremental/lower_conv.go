package incremental

import (
	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/region"
)

// conv lowers a convolution with constant weights, and folds what scales and shifts
// channels and an activation behind it.
func (c *compiler) conv(n *graph.Node, o *op.Conv) (bool, error) {
	return c.convOf(n, o, n.In[0], nil, nil)
}

// convOf lowers a convolution that reads a value with its axes in an order (nil: as they
// are), and so many zeros more before each spatial axis as begin says: its windows are
// those over the input with zeros around it.
func (c *compiler) convOf(n *graph.Node, o *op.Conv, from graph.ValueID, order, begin []int) (bool, error) {
	f, err := c.filters(n, o)
	if f == nil || err != nil {
		return false, err
	}
	ws, weights, bias, outC := f.windows, f.weights, f.bias, f.outC
	for i, more := range begin {
		ws[i].Pad += more
		ws[i].In = permuted(c.shape(from), order)[2+i]
	}
	if from == n.In[0] && single(ws) && o.Group == 1 && !c.asRows(from) && c.convWithin(n, weights, bias, outC) {
		return true, nil
	}
	src, ok := c.turnedRows(from, order)
	if !ok {
		return false, nil
	}
	weights, bias, result, name := c.foldAffine(n, weights, bias, outC, 1, c.perChannelOf(n.Out[0]))
	lies := c.rowsView(result, 0)
	weights, bias, result, name, moved := c.foldBehindMove(result, name, weights, bias, lies, 1)
	y, x := planar(ws)
	clamp, result, name := c.activation(result, name)
	v := c.convolved(n, src, y, x, o.Group, weights, bias, outC, clamp, result, name)
	if moved == nil {
		c.define(result, v)
		return true, nil
	}
	c.see(result, moved(&view{value: v, axes: lies.axes, scale: 1}))
	return true, nil
}

// filters are what a convolution multiplies by, and its windows over its input.
type filters struct {
	windows       []region.Window
	weights, bias []float32 // bias is nil where there is none
	outC          int
}

// filters reads those of a convolution; nil where they are no constants, or it has more than
// two spatial axes.
func (c *compiler) filters(n *graph.Node, o *op.Conv) (*filters, error) {
	w := c.constant(n.In[1])
	if w == nil || givenInput(n, 2) && c.constant(n.In[2]) == nil {
		return nil, nil
	}
	ws, err := o.Windows(c.shape(n.In[0]), w.Shape)
	if err != nil || len(ws) > 2 {
		return nil, nil
	}
	f := &filters{windows: ws, outC: w.Shape[0]}
	if f.weights, err = w.Floats(); err != nil {
		return nil, err
	}
	if givenInput(n, 2) {
		if f.bias, err = c.constant(n.In[2]).Floats(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// turnedRows is rows of a value with its axes in an order.
func (c *compiler) turnedRows(id graph.ValueID, order []int) (source, bool) {
	if order == nil {
		return c.rows(id)
	}
	r := c.refs[id]
	if r == nil || r.shape != nil || c.p.values[r.value].host || c.shape(id) == nil {
		return source{}, false
	}
	src, _, ok := c.rowsFrom(&ref{value: r.value, layout: r.layout.transposed(order)}, permuted(c.shape(id), order), c.g.Values[id].Name)
	return src, ok
}

// rowsView is how a value of rows of a plane lies.
func (c *compiler) rowsView(id graph.ValueID, value int) *view {
	l, _, _ := rowsOf(c.shape(id))
	axes, _ := grouped(l.strides(), l.shape)
	return &view{value, axes, 0, 1}
}

// permuted lists elements in an order of their indices; nil is the order they have.
func permuted(s, order []int) []int {
	if order == nil {
		return s
	}
	p := make([]int, len(order))
	for i, k := range order {
		p[i] = s[k]
	}
	return p
}

// planar gives the windows of a plane: a series is a plane of one row.
func planar(ws []region.Window) (y, x region.Window) {
	if len(ws) == 1 {
		return region.Identity(1), ws[0]
	}
	return ws[0], ws[1]
}

// emitConv emits a convolution whose result is graph value result, or what the
// activation behind it makes of it.
func (c *compiler) emitConv(n *graph.Node, src source, y, x region.Window, group int, weights, bias []float32, outC int, result graph.ValueID, name string) {
	clamp, result, name := c.activation(result, name)
	c.emitConvTo(n, src, y, x, group, weights, bias, outC, clamp, result, name)
}

// emitConvTo emits a convolution with bounds whose result is graph value result.
func (c *compiler) emitConvTo(n *graph.Node, src source, y, x region.Window, group int, weights, bias []float32, outC int, clamp engine.Clamp, result graph.ValueID, name string) {
	c.define(result, c.convolved(n, src, y, x, group, weights, bias, outC, clamp, result, name))
}

// convolved emits what emitConvTo does, and leaves it to others to say how the result lies.
func (c *compiler) convolved(n *graph.Node, src source, y, x region.Window, group int, weights, bias []float32, outC int, clamp engine.Clamp, result graph.ValueID, name string) int {
	if each := outC / group; group == src.plane.C && group >= leastMultiplied && each > 1 && each <= mostMultiplied {
		return c.multiplied(n, src, y, x, each, weights, bias, clamp, result, name)
	}
	return c.convolve(step{node: name, operator: n.Def.Name, in: []source{src}}, c.g.Values[result].Name,
		engine.Convolution{Y: y, X: x, Group: group, OutC: outC, Weights: weights, Bias: bias, Clamp: clamp})
}

// A depthwise layer that makes several channels of each is as many layers, if these have so
// many channels at least and they are no more than that.
const (
	leastMultiplied = 8
	mostMultiplied  = 4
)

// multiplied emits a depthwise layer that makes some channels of each: those of one number
// are a layer of their own, and their channels are put between each other then.
func (c *compiler) multiplied(n *graph.Node, src source, y, x region.Window, each int, weights, bias []float32, clamp engine.Clamp, result graph.ValueID, name string) int {
	channels, taps := src.plane.C, y.Kernel*x.Kernel
	s := step{node: name, operator: n.Def.Name, kind: op.Pointwise}
	for k := range each {
		w, b := make([]float32, 0, channels*taps), []float32(nil)
		for i := k; i < channels*each; i += each {
			w = append(w, weights[i*taps:][:taps]...)
			if bias != nil {
				b = append(b, bias[i])
			}
		}
		sum := engine.Convolution{Y: y, X: x, Group: channels, OutC: channels, Weights: w, Bias: b, Clamp: clamp}
		s.in = append(s.in, source{c.convolve(step{node: name, operator: n.Def.Name, in: []source{src}}, c.g.Values[result].Name, sum), sum.Out()})
	}
	pick := &engine.Channels{Source: make([]int, channels*each)}
	for i := range pick.Source {
		pick.Source[i] = i%each*channels + i/each
	}
	s.spec = pick
	return c.emit(s, c.g.Values[result].Name, engine.Plane{H: y.Out, W: x.Out, C: channels * each})
}

// convolve emits a step that is a convolution of its only source.
func (c *compiler) convolve(s step, name string, sum engine.Convolution) int {
	sum.In = s.in[0].plane
	trim(&sum)
	c.pending = append(c.pending, &convolution{Convolution: &sum, step: len(c.p.steps)})
	s.kind, s.windows, s.spec = op.Windowed, [2]region.Window{sum.Y, sum.X}, &sum
	return c.emit(s, name, sum.Out())
}

// trim leaves out the rows and columns of windows that read nothing but zeros beside the
// plane, whatever the output: of dilated layers on small planes (DeepLab's pyramids) most
// taps do, and so do all but one of a 3x3 layer on a plane of one pixel.
func trim(sum *engine.Convolution) {
	y, x := sum.Y.Read(), sum.X.Read()
	all := region.Rect{Y: region.Span{Hi: sum.Y.Kernel}, X: region.Span{Hi: sum.X.Kernel}}
	if y.Empty() || x.Empty() || y == all.Y && x == all.X || !engine.Finite(sum.Weights) {
		return // 0 times infinity would be no zero
	}
	weights := make([]float32, 0, len(sum.Weights)/all.Area()*y.Len()*x.Len())
	for at := 0; at < len(sum.Weights); at += all.Area() {
		for row := y.Lo; row < y.Hi; row++ {
			weights = append(weights, sum.Weights[at+row*all.X.Hi:][x.Lo:x.Hi]...)
		}
	}
	sum.Y, sum.X, sum.Weights = sum.Y.Taps(y), sum.X.Taps(x), weights
}
