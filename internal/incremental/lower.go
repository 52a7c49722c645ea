package incremental

import (
	"slices"

	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/tensor"
)

// native lowers a node to primitives of the engine, together with the nodes
// behind it that can be fused. It returns false, having changed nothing that
// matters, where the engine has no primitive for the node at these shapes.
func (c *compiler) native(n *graph.Node) (bool, error) {
	if len(n.In) == 0 || n.In[0] < 0 || c.empty(n) {
		return false, nil
	}
	switch o := n.Op.(type) {
	case *op.Conv:
		return c.conv(n, o)
	case *op.ConvTranspose:
		return c.convTranspose(n, o)
	case *op.Gemm:
		return c.gemm(n, o)
	case *op.MatMul:
		return c.matMul(n)
	case *op.Recurrent:
		return c.recurrent(n, o)
	case *wholeConv:
		return c.wholeConv(n, o)
	case *wholeProduct:
		return c.wholeProduct(n, o)
	case *preciseMean:
		return c.preciseMean(n, o.Pool)
	case *rounded:
		return c.byScale(n, len(o.Scale), o.last, &o.Quantize)
	case *dequantized:
		return c.byScale(n, len(o.Scale), o.last, &o.Dequantize)
	case *planeSum:
		return c.reducePlane(n, op.ReduceSum)
	case *spanOf:
		return c.spans(n)
	case *op.Identity:
		return c.alias(n, func(r *ref) (*ref, bool) { return r, true })
	case *op.Transpose:
		return c.alias(n, func(r *ref) (*ref, bool) {
			if r.shape != nil {
				return nil, false
			}
			perm, err := o.Permutation(len(r.layout.shape))
			if err != nil {
				return nil, false
			}
			return &ref{value: r.value, layout: r.layout.transposed(perm)}, true
		})
	case *op.Flatten, *op.Reshape, *op.Squeeze, *op.Unsqueeze:
		return c.reshape(n)
	}
	if c.constant(n.In[0]) == nil && c.refs[n.In[0]] == nil {
		return false, nil
	}
	if o, ok := n.Op.(*op.Elementwise); ok && o.Name == "Mean" {
		return false, nil // a sum that is divided
	}
	if isElementwise(n, "Pow") && slices.Equal(c.shape(n.In[0]), c.shape(n.Out[0])) {
		if t := c.number(n.In[1]); t != nil && t.DType() == tensor.Float32 {
			if u := power(float64(t.Data.([]float32)[0])); u != nil {
				return c.elementwise(n, u)
			}
		}
	}
	if done, err := c.lists(n); done || err != nil {
		return done, err
	}
	if !c.allRows(n) {
		if done, err := c.pixelwise(n); done || err != nil {
			return done, err
		}
	}
	switch o := n.Op.(type) {
	case *op.Unary, *op.Clip:
		if clamp, ok := c.bounds(n); ok {
			return c.elementwise(n, &engine.Bounds{Clamp: clamp})
		}
		if u, ok := o.(*op.Unary); ok {
			return c.elementwise(n, unary(u))
		}
		return false, nil
	case *op.DepthToSpace:
		return c.depthToSpace(n, o)
	case *op.SpaceToDepth:
		return c.spaceToDepth(n, o)
	case *op.Gather:
		if done, err := c.pick(n, o); done || err != nil {
			return done, err
		}
	case *op.Pool:
		return c.pool(n, o)
	case *op.GlobalPool:
		return c.globalPool(n, o.Kind)
	case *op.Reduce:
		return c.reduce(n, o)
	case *op.BatchNorm:
		scale, shift, ok := c.normalization(n, o)
		if !ok {
			return false, nil
		}
		plane, lies, tokens := c.channelsLast(n.In[0])
		tokens = tokens && len(lies.axes) == 2 && len(lies.axes[0]) > 0 && plane.C == len(scale) // many rows of channels
		if _, _, rows := rowsOf(c.shape(n.In[0])); !tokens && !rows {
			return c.normalizedBatch(n, scale, shift), nil
		}
		if !tokens {
			if _, ok := c.rows(n.In[0]); !ok {
				return false, nil
			}
		}
		clamp, result, name := c.activation(n.Out[0], n.Name)
		affine := &engine.Affine{Scale: scale, Shift: shift, Clamp: clamp}
		if tokens {
			c.lastAxis(n, result, name, affine, plane, lies)
			return true, nil
		}
		return c.perPixelTo(n, result, name, affine)
	case *op.PRelu:
		slope, ok := c.perChannel(n.In[1], c.shape(n.In[0]))
		if !ok {
			return false, nil
		}
		return c.perPixel(n, &engine.PRelu{Slope: slope})
	case *op.LayerNorm:
		return c.layerNorm(n, o.Axis, &engine.LayerNorm{Mean: true, Epsilon: float64(o.Epsilon)})
	case *op.RMSNorm:
		return c.layerNorm(n, o.Axis, &engine.LayerNorm{Epsilon: float64(o.Epsilon)})
	case *op.LpNormalization:
		return c.lengths(n, o)
	case *op.GroupNorm:
		return c.groupNorm(n, o)
	case *op.LRN:
		return c.perPixel(n, &engine.LRN{Size: o.Size, Alpha: o.Alpha, Beta: o.Beta, Bias: o.Bias})
	case *op.Softmax:
		return c.softmax(n, o)
	case *op.Elementwise:
		done, err := c.binary(n, o)
		return done || err == nil && c.byComputed(n, o), err
	case *op.Concat:
		return c.concat(n, o)
	}
	if n.Locality.Kind == op.Rearranging && n.Locality.Tables != nil {
		return c.interpolate(n)
	}
	if n.Locality.Field != nil {
		return c.sample(n)
	}
	return c.channels(n)
}

// empty says whether a node reads or makes a tensor without elements, which no
// primitive is for.
func (c *compiler) empty(n *graph.Node) bool {
	in := n.In
	if n.Locality.Tables != nil {
		in = in[:1] // the rest went into the tables, and may be empty (the roi of Resize)
	}
	return slices.ContainsFunc(slices.Concat(in, n.Out), func(id graph.ValueID) bool { return id >= 0 && slices.Contains(c.shape(id), 0) })
}
