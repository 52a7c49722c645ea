package incremental

import (
	"slices"

	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/region"
)

// gemm lowers a fully connected layer with constant weights: the convolution
// whose kernel is the whole plane.
func (c *compiler) gemm(n *graph.Node, o *op.Gemm) (bool, error) {
	w := c.constant(n.In[1])
	if w == nil || o.TransA {
		return c.gemmProduct(n, o)
	}
	if givenInput(n, 2) && c.constant(n.In[2]) == nil {
		return false, nil
	}
	values, err := w.Floats()
	if err != nil || len(w.Shape) != 2 {
		return false, nil
	}
	in, out := w.Shape[0], w.Shape[1]
	if o.TransB {
		in, out = out, in
	}
	weights := values // [out][in]
	if !o.TransB {
		weights = transposed(values, in, out)
	}
	if o.Alpha != 1 {
		weights = slices.Clone(weights)
		for i, v := range weights {
			weights[i] = float32(float64(o.Alpha) * float64(v))
		}
	}
	var bias []float32
	if givenInput(n, 2) && o.Beta != 0 {
		b := c.constant(n.In[2])
		f, err := b.Floats()
		if err != nil {
			return false, err
		}
		if len(f) != 1 && (len(f) != out || b.Shape[len(b.Shape)-1] != out) {
			return false, nil
		}
		bias = make([]float32, out)
		for m := range bias {
			bias[m] = float32(float64(o.Beta) * float64(f[m%len(f)]))
		}
	}
	return c.row(n, weights, bias, in, out)
}

// linearSource is what a linear layer reads: single pixels whose channels are the last axis,
// lying so, or (lies is nil) one row, perhaps of all pixels of a plane.
type linearSource struct {
	src  source
	y, x region.Window
	lies *view
}

// ofLastAxis finds how a layer of the last axis reads a node's input, which is moved if it
// must be.
func (c *compiler) ofLastAxis(n *graph.Node, in, out int) (linearSource, bool) {
	if in == 0 || out == 0 {
		return linearSource{}, false
	}
	if l, ok := c.ofRow(n.In[0], in); ok {
		return l, true
	}
	plane, lies, ok := c.channelsLast(n.In[0])
	if !ok && c.inOrder(n.In[0]) {
		plane, lies, ok = c.channelsLast(n.In[0])
	}
	if !ok || plane.C != in || len(c.shape(n.Out[0])) != len(lies.axes) {
		return linearSource{}, false
	}
	return linearSource{c.asPlane(lies.value, plane), region.Identity(plane.H), region.Identity(plane.W), lies}, true
}

// ofRow finds how a layer of a [1, in] row reads it: where it lies if it is a flattened plane.
func (c *compiler) ofRow(id graph.ValueID, in int) (linearSource, bool) {
	r, shape := c.refs[id], c.shape(id)
	if r == nil || c.p.values[r.value].host || len(shape) != 2 || shape[0] != 1 || shape[1] != in {
		return linearSource{}, false
	}
	if r.shape != nil {
		want, plane, ok := rowsOf(r.layout.shape)
		if own := c.p.values[r.value].plane; ok && r.layout.same(want) && (own == plane || own.H*own.W == 1) {
			return linearSource{source{r.value, plane}, region.Whole(plane.H), region.Whole(plane.W), nil}, true
		}
	}
	src, ok := c.rows(id)
	one := region.Identity(1)
	return linearSource{src, one, one, nil}, ok
}

// row lowers a fully connected layer of a row, or of the last axis.
func (c *compiler) row(n *graph.Node, weights, bias []float32, in, out int) (bool, error) {
	if done, err := c.fullyConnected(n, weights, bias, in, out); done || err != nil {
		return done, err
	}
	if done, err := c.linear(n, weights, bias, in, out); done || err != nil {
		return done, err
	}
	if !c.inOrder(n.In[0]) {
		return false, nil
	}
	return c.linear(n, weights, bias, in, out)
}

// matMul lowers the product with a constant matrix, or of two activations.
func (c *compiler) matMul(n *graph.Node) (bool, error) {
	w := c.constant(n.In[1])
	if w == nil || len(w.Shape) != 2 {
		return c.product(n, true), nil
	}
	values, err := w.Floats()
	if err != nil {
		return false, nil
	}
	in, out := w.Shape[0], w.Shape[1]
	done, err := c.row(n, transposed(values, in, out), nil, in, out)
	if err == nil && !done {
		done = c.product(n, true)
	}
	return done, err
}

// transposed makes columns by rows of a matrix of rows by columns, block by block:
// whole columns would leave the caches.
func transposed(m []float32, rows, columns int) []float32 {
	const block = 16
	t := make([]float32, len(m))
	for r0 := 0; r0 < rows; r0 += block {
		for c0 := 0; c0 < columns; c0 += block {
			for r := r0; r < min(rows, r0+block); r++ {
				for c := c0; c < min(columns, c0+block); c++ {
					t[c*rows+r] = m[r*columns+c]
				}
			}
		}
	}
	return t
}

// fullyConnected lowers a [1, in] row times weights [out][in]. A row that is a
// flattened plane is read where it lies.
func (c *compiler) fullyConnected(n *graph.Node, weights, bias []float32, in, out int) (bool, error) {
	if in == 0 || out == 0 {
		return false, nil
	}
	l, ok := c.ofRow(n.In[0], in)
	if !ok {
		return false, nil
	}
	weights, bias, result, name := c.foldAffine(n, weights, bias, out, 1, c.perChannelOf(n.Out[0]))
	c.emitConv(n, l.src, l.y, l.x, 1, weights, bias, out, result, name)
	return true, nil
}
