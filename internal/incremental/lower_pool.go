package incremental

import (
	"slices"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// pool lowers max and average pooling.
func (c *compiler) pool(n *graph.Node, o *op.Pool) (bool, error) {
	if len(n.Out) > 1 && (len(c.consumers[n.Out[1]]) > 0 || c.isOutput[n.Out[1]]) {
		return false, nil
	}
	if o.Kind != op.PoolMax && o.Kind != op.PoolAverage || c.g.Values[n.In[0]].Info.Type != tensor.Float32 {
		return false, nil
	}
	return c.pooled(n, o, func(ws []region.Window, src source) engine.Primitive {
		if o.Kind == op.PoolAverage {
			return c.averaged(o, ws, src)
		}
		y, x := planar(ws)
		return &engine.MaxPool{In: src.plane, Out: pooledPlane(ws, src), Y: y, X: x}
	})
}

// preciseMean lowers an average pool whose sums are of float64.
func (c *compiler) preciseMean(n *graph.Node, o *op.Pool) (bool, error) {
	return c.pooled(n, o, func(ws []region.Window, src source) engine.Primitive {
		return &engine.PreciseMean{AveragePool: *c.averaged(o, ws, src)}
	})
}

// pooled emits the step that pool makes of windows over a plane, or a series.
func (c *compiler) pooled(n *graph.Node, o *op.Pool, pool func(ws []region.Window, src source) engine.Primitive) (bool, error) {
	ws, err := o.Windows(c.shape(n.In[0]))
	if err != nil || len(ws) > 2 {
		return false, nil
	}
	src, ok := c.rows(n.In[0])
	if !ok {
		return false, nil
	}
	y, x := planar(ws)
	return true, c.emitWindowed(n, src, y, x, pool(ws, src), pooledPlane(ws, src))
}

// pooledPlane is what windows make of a plane.
func pooledPlane(ws []region.Window, src source) engine.Plane {
	y, x := planar(ws)
	return engine.Plane{H: y.Out, W: x.Out, C: src.plane.C}
}

// averaged is an average pool of a plane.
func (c *compiler) averaged(o *op.Pool, ws []region.Window, src source) *engine.AveragePool {
	y, x := planar(ws)
	a := &engine.AveragePool{In: src.plane, Out: pooledPlane(ws, src), Y: y, X: x}
	if o.CountIncludePad {
		a.DivisorY, a.DivisorX = []int{1}, divisors(o, ws, len(ws)-1)
		if len(ws) == 2 {
			a.DivisorY = divisors(o, ws, 0)
		}
	}
	return a
}

// divisors counts, for each output along an axis, the window's cells inside
// the input and its stated padding.
func divisors(o *op.Pool, ws []region.Window, axis int) []int {
	n := make([]int, ws[axis].Out)
	for i := range n {
		n[i] = o.CellsAlong(ws, axis, i)
	}
	return n
}

func (c *compiler) emitWindowed(n *graph.Node, src source, y, x region.Window, prim engine.Primitive, out engine.Plane) error {
	v := c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Windowed, windows: [2]region.Window{y, x}, in: []source{src}, spec: prim},
		c.g.Values[n.Out[0]].Name, out)
	c.refs[n.Out[0]] = nil
	// A pooled plane of one pixel may drop its spatial axes.
	if shape := c.shape(n.Out[0]); out.H*out.W == 1 {
		c.refs[n.Out[0]] = &ref{value: v, layout: rowMajor(shape)}
		return nil
	}
	c.define(n.Out[0], v)
	return nil
}

// globalPool lowers pooling over the whole plane.
func (c *compiler) globalPool(n *graph.Node, kind op.PoolKind) (bool, error) {
	switch kind {
	case op.PoolMax:
		return c.reducePlane(n, op.ReduceMax)
	case op.PoolAverage:
		return c.reducePlane(n, op.ReduceMean)
	}
	return false, nil
}

// planeReductions are what becomes one number of each channel of a plane, by kernels:
// sums of what of makes of the numbers, or the largest.
var planeReductions = map[op.ReduceKind]struct {
	of   *engine.Unary
	mean bool // divided by how many there are
	root bool // the root of the sum
}{
	op.ReduceMax: {}, op.ReduceMean: {mean: true}, op.ReduceSum: {},
	op.ReduceL1: {of: absolute}, op.ReduceSumSquare: {of: squared}, op.ReduceL2: {of: squared, root: true},
}

var (
	squared  = &engine.Unary{Function: asm.Square, Table: asm.Table(asm.Square)}
	absolute = &engine.Unary{Function: asm.Abs, Table: asm.Table(asm.Abs)}
)

// reducePlane lowers what makes one number of each channel of all of a node's input.
func (c *compiler) reducePlane(n *graph.Node, kind op.ReduceKind) (bool, error) {
	src, ok := c.pixelsOf(n.In[0])
	if !ok {
		src, ok = c.rows(n.In[0])
	}
	if !ok || len(c.shape(n.In[0])) < 3 {
		return false, nil
	}
	return true, c.reduceWhole(n, src, kind)
}

// reduceWhole lowers what makes one number of each channel of a plane.
func (c *compiler) reduceWhole(n *graph.Node, src source, kind op.ReduceKind) error {
	src, prim := c.wholePlane(n, src, kind)
	return c.emitWindowed(n, src, region.Whole(src.plane.H), region.Whole(src.plane.W), prim, engine.Plane{H: 1, W: 1, C: src.plane.C})
}

// sumsFrom is from how many numbers on a plane's sum goes by sums of its rows: a change
// then reads the rows that it reaches, and workers share the rows.
const sumsFrom = 1 << 16

// wholePlane is what reduces a whole plane, and of what: the plane itself, or the sums of
// its rows.
func (c *compiler) wholePlane(n *graph.Node, src source, kind op.ReduceKind) (source, engine.Primitive) {
	plane, how := src.plane, planeReductions[kind]
	if kind == op.ReduceMax {
		return src, &engine.MaxPool{In: plane, Out: engine.Plane{H: 1, W: 1, C: plane.C}, Y: region.Whole(plane.H), X: region.Whole(plane.W)}
	}
	mean := &engine.Mean{Count: 1, Of: how.of, Root: how.root}
	if how.mean {
		mean.Count = plane.H * plane.W
	}
	if plane.H == 1 || plane.W == 1 || plane.Len() < sumsFrom {
		return src, mean
	}
	mean.Of = nil
	sums := engine.Plane{H: plane.H, W: 1, C: plane.C}
	v := c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Windowed, windows: [2]region.Window{region.Identity(plane.H), region.Whole(plane.W)}, in: []source{src}, spec: &engine.RowSums{Of: how.of}},
		c.g.Values[n.Out[0]].Name+" (rows)", sums)
	return source{v, sums}, mean
}

// reduce lowers what makes one number of each channel over exactly the spatial axes.
func (c *compiler) reduce(n *graph.Node, o *op.Reduce) (bool, error) {
	shape := c.shape(n.In[0])
	if _, ok := planeReductions[o.Kind]; !ok || c.g.Values[n.In[0]].Info.Type != tensor.Float32 || len(shape) < 3 || shape[0] != 1 {
		return false, nil
	}
	axes, err := o.Axes(c.infos(n.In))
	if err != nil {
		return false, err
	}
	var spatial []int
	for a := 2; a < len(shape); a++ {
		spatial = append(spatial, a)
	}
	if !c.asRows(n.In[0]) && c.ofPixels(n, axes) {
		plane, lies, _ := c.channelsLast(n.In[0])
		return true, c.reduceWhole(n, c.asPlane(lies.value, plane), o.Kind)
	}
	if slices.Equal(axes, spatial) {
		return c.reducePlane(n, o.Kind)
	}
	if len(axes) == 1 && slices.Contains(spatial, axes[0]) && len(shape) == 4 && o.KeepDims {
		return c.reduceAlong(n, o.Kind, axes[0])
	}
	return false, nil
}

// reduceAlong lowers the mean, the sum or the maximum over one axis of the plane, which
// stays. A sum is a layer of one channel each whose weights are ones.
func (c *compiler) reduceAlong(n *graph.Node, kind op.ReduceKind, axis int) (bool, error) {
	if kind != op.ReduceMean && kind != op.ReduceMax && kind != op.ReduceSum {
		return false, nil
	}
	src, ok := c.rows(n.In[0])
	if !ok {
		return false, nil
	}
	y, x := region.Whole(src.plane.H), region.Identity(src.plane.W)
	if axis == 3 {
		y, x = region.Identity(src.plane.H), region.Whole(src.plane.W)
	}
	out := engine.Plane{H: y.Out, W: x.Out, C: src.plane.C}
	if kind == op.ReduceSum {
		c.emitConv(n, src, y, x, out.C, repeated([]float32{1}, out.C*y.Kernel*x.Kernel), nil, out.C, n.Out[0], n.Name)
		return true, nil
	}
	var prim engine.Primitive = &engine.MaxPool{In: src.plane, Out: out, Y: y, X: x}
	if kind == op.ReduceMean {
		prim = &engine.AveragePool{In: src.plane, Out: out, Y: y, X: x}
	}
	return true, c.emitWindowed(n, src, y, x, prim, out)
}
