package incremental

import (
	"fmt"
	"math"
	"slices"

	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// Quantized networks pass whole numbers of 8 or 16 bits between their nodes. Planes hold
// float32, which has all of them, so a plan carries them as they are: what lies between
// nodes that are known is of float32 in the graph that is lowered, and the nodes are those
// of this file, or such as only move numbers. Sums of products of 8 bits are whole numbers
// too: where none of them, in whatever order, reaches 2^24, a convolution of float32 gives
// them without an error, and where one might, two convolutions do, by the weights' upper
// and lower four bits. So the answers are the references' to the last bit.

// carried gives a graph with quantized values as numbers of float32, or the graph itself
// where it has none.
func carried(g *graph.Graph) *graph.Graph {
	q := &carrying{g: g, readers: make([][]int, len(g.Values)), is: make([]bool, len(g.Nodes))}
	any := false
	for i, n := range g.Nodes {
		for _, id := range n.In {
			if id >= 0 {
				q.readers[id] = append(q.readers[id], i)
			}
		}
		q.is[i] = q.known(n)
		any = any || q.is[i]
	}
	if !any {
		return g
	}
	for _, id := range g.Outputs {
		q.readers[id] = append(q.readers[id], -1)
	}
	for again := true; again; {
		again = false
		for i, n := range g.Nodes {
			if q.is[i] && !q.all(n) {
				q.is[i], again = false, true
			}
		}
	}
	to := *g
	to.Values, to.Nodes = slices.Clone(g.Values), nil
	q.to = &to
	for i, n := range g.Nodes {
		if !q.is[i] {
			q.put(n)
			continue
		}
		for _, id := range n.Out {
			if id >= 0 && q.carries(id) {
				to.Values[id].Info.Type = tensor.Float32
			}
		}
		q.rewrite(n)
	}
	return q.to
}

// carrying is a graph on its way.
type carrying struct {
	g, to   *graph.Graph
	readers [][]int // -1 for the outputs of the graph
	is      []bool  // nodes that are known
}

// quantizedTo says whether values of a type are carried.
func quantizedTo(t tensor.DType) bool {
	return t == tensor.Uint8 || t == tensor.Int8 || t == tensor.Uint16 || t == tensor.Int16
}

// limits are the least and the greatest number of such a type.
func limits(t tensor.DType) (low, high float32) {
	switch t {
	case tensor.Uint8:
		return 0, math.MaxUint8
	case tensor.Int8:
		return math.MinInt8, math.MaxInt8
	case tensor.Uint16:
		return 0, math.MaxUint16
	}
	return math.MinInt16, math.MaxInt16
}

// value is a value's constant, or nil.
func (q *carrying) value(id graph.ValueID) *tensor.Tensor {
	if id < 0 {
		return nil
	}
	return q.g.Values[id].Info.Value
}

// number is a constant of one element; one that is absent is 0.
func (q *carrying) number(n *graph.Node, k int) (float32, bool) {
	if !givenInput(n, k) {
		return 0, true
	}
	t := q.value(n.In[k])
	if t == nil || t.Len() != 1 {
		return 0, false
	}
	f, err := t.Numbers()
	if err != nil {
		return 0, false
	}
	return f[0], true
}

// constants says whether all inputs are but those given.
func (q *carrying) constants(n *graph.Node, but ...int) bool {
	for k, id := range n.In {
		if id >= 0 && !slices.Contains(but, k) && q.value(id) == nil {
			return false
		}
	}
	return true
}

// info is what is known of a value.
func (q *carrying) info(id graph.ValueID) *op.Info { return &q.g.Values[id].Info }

// known says whether a node can take part: it is one of this file's, or moves numbers.
func (q *carrying) known(n *graph.Node) bool {
	if len(n.In) == 0 || n.In[0] < 0 || len(n.Out) == 0 || n.Out[0] < 0 || q.info(n.Out[0]).Shape == nil || q.info(n.Out[0]).Value != nil {
		return false
	}
	numbers := func(inputs ...int) bool {
		for _, k := range inputs {
			if _, ok := q.number(n, k); !ok {
				return false
			}
		}
		return true
	}
	x := q.info(n.In[0])
	switch o := n.Op.(type) {
	case *op.QuantizeLinear:
		return o.Block == 0 && numbers(1, 2)
	case *op.DequantizeLinear:
		return quantizedTo(x.Type) && x.Value == nil && o.Block == 0 && numbers(1, 2)
	case *op.Cast:
		return q.narrowed(n.In[0]) && x.Value == nil && o.To == tensor.Float32 || x.Type == tensor.Float32 && quantizedTo(o.To) && slices.Contains(q.g.Inputs, n.In[0])
	case *op.QLinearConv:
		return q.constants(n, 0) && numbers(1, 2, 6, 7) && len(x.Shape) <= 4 && q.small(n, 8)
	case *op.ConvInteger:
		return len(x.Shape) <= 4 && q.value(n.In[1]) != nil && (!givenInput(n, 3) || q.value(n.In[3]) != nil) && (!givenInput(n, 2) || q.info(n.In[2]).Shape != nil) && q.toFloats(n.Out[0])
	case *op.MatMulInteger:
		zero := func(k int) bool { return !givenInput(n, k) || q.info(n.In[k]).Shape != nil }
		return x.Value == nil && zero(2) && (q.columns(n, 1, 3) || zero(3) && q.pairs(n, 1)) && q.toFloats(n.Out[0]) && q.one(n, 2)
	case *op.QLinearMatMul:
		return numbers(1, 2, 6, 7) && x.Value == nil && (q.columns(n, 3, 5) && q.value(n.In[4]) != nil || numbers(4, 5) && q.pairs(n, 3))
	case *op.QGemm:
		return !o.TransA && q.constants(n, 0) && numbers(1, 2, 7, 8) && q.small(n, 6) && q.row(n, 6)
	case *op.QLinearBinary:
		return numbers(1, 2, 4, 5, 6, 7)
	case *op.QLinearUnary:
		return q.constants(n, 0)
	case *op.QLinearAveragePool:
		return numbers(1, 2, 3, 4) && len(x.Shape) <= 4 && (o.Pool != nil || q.area(n.In[0]) <= mostAveraged)
	case *op.QLinearConcat:
		for k := range n.In {
			if _, ok := q.number(n, k); !ok && (k < 2 || k%3 != 2) {
				return false
			}
		}
		return true
	case *op.DynamicQuantizeLinear:
		return x.Shape != nil
	case *op.Pool:
		return quantizedTo(x.Type) && len(n.Out) == 1
	case *op.Gather:
		return quantizedTo(x.Type) && q.constants(n, 0)
	case *op.Flatten, *op.Reshape, *op.Squeeze, *op.Unsqueeze, *op.Transpose, *op.Identity, *op.Concat, *op.Slice, *op.Split, *op.Pad, *op.DepthToSpace, *op.SpaceToDepth:
		return quantizedTo(x.Type)
	}
	return false
}

// small says whether all numbers of a bias, if there is one, are some that float32 has.
func (q *carrying) small(n *graph.Node, k int) bool {
	if !givenInput(n, k) {
		return true
	}
	b, ok := q.value(n.In[k]).Data.([]int32)
	return ok && !slices.ContainsFunc(b, func(v int32) bool { return v <= -exactTo || v >= exactTo })
}

// columns says whether an operand is a constant matrix, less constant zero points.
func (q *carrying) columns(n *graph.Node, k, zeros int) bool {
	t := q.value(n.In[k])
	return t != nil && len(t.Shape) == 2 && (!givenInput(n, zeros) || q.value(n.In[zeros]) != nil)
}

// pairs says whether an operand has one zero point at most, and sums of as many products
// as its matrices have rows are whole numbers that float32 has, at least where the other's
// upper bits and lower bits are multiplied on their own.
func (q *carrying) pairs(n *graph.Node, k int) bool {
	s := q.info(n.In[k]).Shape
	return len(s) >= 2 && s[len(s)-2]*256*255 < exactTo*16 && q.one(n, k+2)
}

// multiplied adds the product of two activations of whole numbers, left no farther from 0
// than 255, or of one and a constant matrix.
func (q *carrying) multiplied(n *graph.Node, shape []int, into graph.ValueID, left, right graph.ValueID, most float64) graph.ValueID {
	product := &wholeProduct{Operator: &op.MatMul{}, most: most}
	b := q.to.Values[right].Info
	if b.Value != nil && len(b.Shape) == 2 || b.Shape[len(b.Shape)-2]*255*255 < exactTo {
		return q.add(n, product, n.Locality, shape, into, left, right)
	}
	of := q.to.Values[left].Info.Shape
	upper := q.add(n, &rounded{Quantize: engine.Quantize{Scale: []float32{1. / 16}, Low: -16, High: 16}}, pointwise, of, -1, left)
	upper = q.add(n, &dequantized{Dequantize: engine.Dequantize{Scale: []float32{16}}}, pointwise, of, -1, upper)
	lower := q.generic(n, "Sub", of, -1, left, upper)
	return q.generic(n, "Add", shape, into, q.add(n, product, n.Locality, shape, -1, upper, right), q.add(n, product, n.Locality, shape, -1, lower, right))
}

// one says whether an input that is there is one number.
func (q *carrying) one(n *graph.Node, k int) bool {
	if !givenInput(n, k) {
		return true
	}
	size, err := tensor.Size(q.info(n.In[k]).Shape)
	return err == nil && size == 1
}

// row says whether an input that is there is a row, or one number.
func (q *carrying) row(n *graph.Node, k int) bool {
	if !givenInput(n, k) {
		return true
	}
	s := q.info(n.In[k]).Shape
	return len(s) < 2 || s[0] == 1
}

// mostAveraged is how many numbers of 8 bits make no sum of 2^24.
const mostAveraged = 1 << 15

// area is how many pixels a value's plane has.
func (q *carrying) area(id graph.ValueID) int {
	n := 1
	for _, d := range q.info(id).Shape[2:] {
		n *= d
	}
	return n
}

// toFloats says whether a value is made float32 by all who read it.
func (q *carrying) toFloats(id graph.ValueID) bool {
	for _, i := range q.readers[id] {
		if i < 0 {
			return false
		}
		if c, ok := q.g.Nodes[i].Op.(*op.Cast); !ok || c.To != tensor.Float32 {
			return false
		}
	}
	return true
}

// all says whether everything narrow that a node reads and makes is carried, but constants.
func (q *carrying) all(n *graph.Node) bool {
	for _, id := range slices.Concat(n.In, n.Out) {
		if id >= 0 && q.value(id) == nil && q.narrowed(id) && !q.carries(id) {
			return false
		}
	}
	return true
}

// narrowed says whether a value is to be carried if it can be: what ConvInteger and
// MatMulInteger make of such is one.
func (q *carrying) narrowed(id graph.ValueID) bool {
	v := &q.g.Values[id]
	if quantizedTo(v.Info.Type) {
		return true
	}
	if v.Info.Type != tensor.Int32 || v.Producer < 0 {
		return false
	}
	switch q.g.Nodes[v.Producer].Op.(type) {
	case *op.ConvInteger, *op.MatMulInteger:
		return true
	}
	return false
}

// carries says whether a value is carried: the one who makes it and all who read it are
// known.
func (q *carrying) carries(id graph.ValueID) bool {
	v := &q.g.Values[id]
	if v.Info.Value != nil || v.Producer < 0 || !q.is[v.Producer] || !q.narrowed(id) {
		return false
	}
	return !slices.ContainsFunc(q.readers[id], func(i int) bool { return i < 0 || !q.is[i] })
}

// put adds a node to the new graph.
func (q *carrying) put(n *graph.Node) {
	for _, id := range n.Out {
		if id >= 0 {
			q.to.Values[id].Producer = len(q.to.Nodes)
		}
	}
	q.to.Nodes = append(q.to.Nodes, n)
}

// add adds a node that stands for one of the file's, or for a part of it, to make a new
// value of float32 unless into says which it makes.
func (q *carrying) add(of *graph.Node, o op.Operator, locality op.Locality, shape []int, into graph.ValueID, in ...graph.ValueID) graph.ValueID {
	if into < 0 {
		into = q.float(of.Name, op.Info{Type: tensor.Float32, Shape: shape})
	}
	q.put(&graph.Node{Name: of.Name, Def: of.Def, Op: o, Opset: of.Opset, In: in, Out: []graph.ValueID{into}, Locality: locality})
	return into
}

// float adds a value.
func (q *carrying) float(name string, info op.Info) graph.ValueID {
	q.to.Values = append(q.to.Values, graph.Value{Name: name, Info: info, Producer: -1})
	return graph.ValueID(len(q.to.Values) - 1)
}

// given adds a constant.
func (q *carrying) given(name string, f []float32, shape ...int) graph.ValueID {
	t := tensor.New(f, shape...)
	return q.float(name, op.Info{Type: tensor.Float32, Shape: t.Shape, Value: t})
}

var pointwise = op.Locality{Kind: op.Pointwise}

// rewrite puts a node into the new graph as those of this file. What it needs has been
// checked: the operator's own rules, and known.
func (q *carrying) rewrite(n *graph.Node) {
	x, y := n.In[0], n.Out[0]
	shape := q.info(y).Shape
	number := func(k int) float32 { f, _ := q.number(n, k); return f }
	switch o := n.Op.(type) {
	case *op.QuantizeLinear:
		q.add(n, rounding(q.info(y).Type, []float32{number(1)}, true, 0, number(2)), pointwise, shape, y, x)
	case *op.DequantizeLinear:
		q.add(n, &dequantized{Dequantize: engine.Dequantize{Zero: number(2), Scale: []float32{number(1)}}}, pointwise, shape, y, x)
	case *op.Cast:
		if o.To == tensor.Float32 {
			q.add(n, &op.Identity{}, pointwise, shape, y, x)
			return
		}
		low, high := limits(o.To)
		q.add(n, &op.Unary{Name: n.Def.Name, F: func(v float64) float64 { // whole numbers of the type already, but for soft edges
			if v != v {
				return 0
			}
			return math.Trunc(min(max(v, float64(low)), float64(high)))
		}}, pointwise, shape, y, x)
	case *op.QLinearConv:
		w, bias := q.weights(n, 3, 5), []float32(nil)
		if givenInput(n, 8) {
			bias = floatsOf(q.value(n.In[8]))
		}
		sum := &wholeConv{Conv: o.Plain(), most: q.farthest(n, 0, number(2))}
		of := q.add(n, sum, n.Locality, shape, -1, q.shifted(n, x, number(2)), w, q.optional(n.Name+" bias", bias))
		ratio := floatsOf(q.value(n.In[4]))
		xs, ys := number(1), number(6)
		for i, ws := range ratio {
			ratio[i] = float32(xs*ws) / ys
		}
		q.add(n, rounding(q.info(y).Type, ratio, false, 0, number(7)), pointwise, shape, y, of)
	case *op.ConvInteger:
		q.add(n, &wholeConv{Conv: o.Plain(), most: 255}, n.Locality, shape, y, q.lessZero(n, 0, 2), q.weights(n, 1, 3))
	case *op.MatMulInteger:
		q.multiplied(n, shape, y, q.lessZero(n, 0, 2), q.right(n, 1, 3), 255)
	case *op.QLinearMatMul:
		sum := q.multiplied(n, shape, -1, q.shifted(n, x, number(2)), q.right(n, 3, 5), q.farthest(n, 0, number(2)))
		ratio := floatsOf(q.value(n.In[4]))
		for i, bs := range ratio {
			ratio[i] = float32(number(1)*bs) / number(6)
		}
		r := rounding(q.info(y).Type, ratio, false, 0, number(7))
		r.last = true
		q.add(n, r, pointwise, shape, y, sum)
	case *op.QGemm:
		q.gemm(n, o, number)
	case *op.QLinearBinary:
		q.binary(n, o, number)
	case *op.QLinearUnary:
		q.add(n, q.table(n), pointwise, shape, y, x)
	case *op.QLinearAveragePool:
		if o.Pool != nil {
			numbers := q.add(n, &dequantized{Dequantize: engine.Dequantize{Zero: number(2), Scale: []float32{number(1)}}}, pointwise, q.info(x).Shape, -1, x)
			mean := q.add(n, &preciseMean{Pool: o.Pool}, n.Locality, shape, -1, numbers)
			q.add(n, rounding(q.info(y).Type, []float32{number(3)}, true, number(4), 0), pointwise, shape, y, mean)
			return
		}
		ratio := number(1) / float32(number(3)*float32(q.area(x)))
		sum := q.add(n, &planeSum{}, n.Locality, shape, -1, q.shifted(n, x, number(2)))
		q.add(n, rounding(q.info(y).Type, []float32{ratio}, false, 0, number(4)), pointwise, shape, y, sum)
	case *op.QLinearConcat:
		var parts []graph.ValueID
		for k := 2; k < len(n.In); k += 3 {
			id, s, z := n.In[k], number(k+1), number(k+2)
			within := q.info(id).Shape
			if s != number(0) || z != number(1) {
				id = q.add(n, &dequantized{Dequantize: engine.Dequantize{Zero: z, Scale: []float32{s}}}, pointwise, within, -1, q.numbersOf(id))
				id = q.add(n, rounding(q.info(y).Type, []float32{number(0)}, true, 0, number(1)), pointwise, within, -1, id)
			}
			parts = append(parts, q.numbersOf(id))
		}
		q.add(n, o.Plain(), n.Locality, shape, y, parts...)
	case *op.DynamicQuantizeLinear:
		q.dynamic(n)
	default:
		in := slices.Clone(n.In)
		for k, id := range in {
			if id >= 0 && quantizedTo(q.info(id).Type) {
				in[k] = q.numbersOf(id)
			}
		}
		m := *n
		m.In = in
		q.put(&m)
	}
}

// generic adds one of ONNX's operators on two values.
func (q *carrying) generic(of *graph.Node, name string, shape []int, into graph.ValueID, a, b graph.ValueID) graph.ValueID {
	n := *of
	n.Def = definition(name)
	o, err := n.Def.New(&op.Node{Type: name, Opset: genericOpset, Attr: &op.Attributes{}})
	if err != nil {
		panic(err) // it has no attributes
	}
	return q.add(&n, o, pointwise, shape, into, a, b)
}

const genericOpset = 13

func definition(name string) *op.Definition {
	d, err := op.Lookup(name, genericOpset)
	if err != nil {
		panic(err) // the table has it
	}
	return d
}

// numbersOf is a value, or a constant's numbers as float32.
func (q *carrying) numbersOf(id graph.ValueID) graph.ValueID {
	if int(id) >= len(q.g.Values) {
		return id
	}
	if t := q.value(id); t != nil && quantizedTo(t.DType()) {
		return q.given(q.g.Values[id].Name, floatsOf(t), t.Shape...)
	}
	return id
}

// floatsOf are the numbers of a constant of at most 32 bits.
func floatsOf(t *tensor.Tensor) []float32 {
	f, err := t.Numbers()
	if err != nil {
		panic(err) // it has a type of numbers
	}
	return slices.Clone(f)
}

// optional adds a constant of one axis, or says that there is none.
func (q *carrying) optional(name string, f []float32) graph.ValueID {
	if f == nil {
		return -1
	}
	return q.given(name, f, len(f))
}

// weights adds a convolution's weights less their zero points, one for all or one for
// each output channel.
func (q *carrying) weights(n *graph.Node, k, zeros int) graph.ValueID {
	t := q.value(n.In[k])
	w := floatsOf(t)
	if givenInput(n, zeros) {
		z := floatsOf(q.value(n.In[zeros]))
		for i := range w {
			w[i] -= z[i*len(z)/len(w)]
		}
	}
	return q.given(q.g.Values[n.In[k]].Name, w, t.Shape...)
}

// right is the right operand of a product, less its zero points.
func (q *carrying) right(n *graph.Node, k, zeros int) graph.ValueID {
	if q.columns(n, k, zeros) {
		return q.matrix(n, k, zeros, false)
	}
	return q.lessZero(n, k, zeros)
}

// matrix adds a constant matrix [in][out] less its zero points, one for all or one for each
// column; the file's may be the other way round.
func (q *carrying) matrix(n *graph.Node, k, zeros int, turned bool) graph.ValueID {
	t := q.value(n.In[k])
	w, rows, columns := floatsOf(t), t.Shape[0], t.Shape[1]
	if turned {
		w, rows, columns = transposed(w, rows, columns), columns, rows
	}
	if givenInput(n, zeros) {
		z := floatsOf(q.value(n.In[zeros]))
		for i := range w {
			w[i] -= z[i%columns%len(z)]
		}
	}
	return q.given(q.g.Values[n.In[k]].Name, w, rows, columns)
}

// lessZero is an operand less its zero point, which may depend on data.
func (q *carrying) lessZero(n *graph.Node, k, zeros int) graph.ValueID {
	x := n.In[k]
	zero, known := q.number(n, zeros)
	switch {
	case !known:
		return q.generic(n, "Sub", q.info(x).Shape, -1, q.numbersOf(x), n.In[zeros])
	case q.value(x) != nil:
		f := floatsOf(q.value(x))
		for i := range f {
			f[i] -= zero
		}
		return q.given(q.g.Values[x].Name, f, q.info(x).Shape...)
	}
	return q.shifted(n, x, zero)
}

// gemm adds what QGemm is: a product with a bias, quantized or as numbers.
func (q *carrying) gemm(n *graph.Node, o *op.QGemm, number func(k int) float32) {
	shape, y := q.info(n.Out[0]).Shape, n.Out[0]
	w := q.matrix(n, 3, 5, o.TransB)
	bias := graph.ValueID(-1)
	if givenInput(n, 6) {
		bias = q.optional(n.Name+" bias", repeated(floatsOf(q.value(n.In[6])), shape[1]))
	}
	product := &wholeProduct{Operator: &op.Gemm{Alpha: 1, Beta: 1}, most: q.farthest(n, 0, number(2))}
	sum := q.add(n, product, n.Locality, shape, -1, q.shifted(n, n.In[0], number(2)), w, bias)
	ratio, to := floatsOf(q.value(n.In[4])), float32(1)
	if givenInput(n, 7) {
		to = number(7)
	}
	for i, bs := range ratio {
		ratio[i] = float32(float32(o.Alpha*number(1))*bs) / to
	}
	if !givenInput(n, 7) {
		q.add(n, &dequantized{Dequantize: engine.Dequantize{Scale: ratio}, last: true}, pointwise, shape, y, sum)
		return
	}
	r := rounding(q.info(y).Type, ratio, false, 0, number(8))
	r.last = true
	q.add(n, r, pointwise, shape, y, sum)
}

// shifted is a value less a zero point.
func (q *carrying) shifted(n *graph.Node, x graph.ValueID, zero float32) graph.ValueID {
	if zero == 0 {
		return x
	}
	return q.add(n, &dequantized{Dequantize: engine.Dequantize{Zero: zero}}, pointwise, q.info(x).Shape, -1, x)
}

// farthest is how far a number of an input's type may be from a zero point.
func (q *carrying) farthest(n *graph.Node, k int, zero float32) float64 {
	low, high := limits(q.info(n.In[k]).Type)
	return float64(max(high-zero, zero-low))
}

// binary adds what QLinearAdd and QLinearMul are, in the order of their reference.
func (q *carrying) binary(n *graph.Node, o *op.QLinearBinary, number func(k int) float32) {
	shape, y := q.info(n.Out[0]).Shape, n.Out[0]
	scale := func(k int, d engine.Dequantize) graph.ValueID {
		id := n.In[k]
		if t := q.value(id); t != nil {
			f := floatsOf(t)
			for i, v := range f {
				f[i] = v - d.Zero
				if d.Scale != nil {
					f[i] *= d.Scale[0]
				}
			}
			return q.given(q.g.Values[id].Name, f, t.Shape...)
		}
		return q.add(n, &dequantized{Dequantize: d}, pointwise, q.info(id).Shape, -1, id)
	}
	as, az, bs, bz, cs, cz := number(1), number(2), number(4), number(5), number(6), number(7)
	t := q.info(y).Type
	if o.Multiplies() {
		a, b := scale(0, engine.Dequantize{Zero: az}), scale(3, engine.Dequantize{Zero: bz})
		product := q.generic(n, "Mul", shape, -1, a, b)
		q.add(n, rounding(t, []float32{float32(as*bs) / cs}, false, cz, 0), pointwise, shape, y, product)
		return
	}
	ratioA, ratioB := as/cs, bs/cs
	fixed := cz - (float32(ratioA*az) + float32(ratioB*bz))
	a, b := scale(0, engine.Dequantize{Scale: []float32{ratioA}}), scale(3, engine.Dequantize{Scale: []float32{ratioB}})
	q.add(n, rounding(t, nil, false, fixed, 0), pointwise, shape, y, q.generic(n, "Add", shape, -1, a, b))
}

// table is a function of single elements, by the reference's answer to each of the numbers
// that there are.
func (q *carrying) table(n *graph.Node) op.Operator {
	t := q.info(n.In[0]).Type
	low, high := limits(t)
	x, err := tensor.Make(t, int(high-low)+1)
	if err != nil {
		panic(err) // of 8 bits
	}
	for i := range int(high-low) + 1 {
		switch d := x.Data.(type) {
		case []uint8:
			d[i] = uint8(i)
		case []int8:
			d[i] = int8(i + int(low))
		}
	}
	in := []*tensor.Tensor{x}
	for _, id := range n.In[1:] {
		in = append(in, q.value(id))
	}
	out, err := n.Op.Eval(in, 1)
	if err != nil {
		panic(fmt.Errorf("%s of all numbers: %w", n.Def.Name, err))
	}
	y := floatsOf(out[0])
	return &op.Unary{Name: n.Def.Name, F: func(v float64) float64 { return float64(y[int(min(max(v, float64(low)), float64(high))-float64(low))]) }}
}

// dynamic adds what DynamicQuantizeLinear is: a scale and a zero point of all numbers, and
// the numbers by them.
func (q *carrying) dynamic(n *graph.Node) {
	shape := q.info(n.In[0]).Shape
	out := func(k int) graph.ValueID {
		if k < len(n.Out) && n.Out[k] >= 0 {
			return n.Out[k]
		}
		return q.float(n.Name, op.Info{Type: tensor.Float32, Shape: []int{}})
	}
	scale, zero := out(1), out(2)
	q.put(&graph.Node{Name: n.Name, Def: n.Def, Op: &spanOf{}, Opset: n.Opset, In: n.In, Out: []graph.ValueID{scale, zero}})
	v := q.generic(n, "Div", shape, -1, n.In[0], scale)
	v = q.add(n, &rounded{Quantize: engine.Quantize{Low: -(1 << 21), High: 1 << 21}}, pointwise, shape, -1, v)
	v = q.generic(n, "Add", shape, -1, v, zero)
	q.add(n, &rounded{Quantize: engine.Quantize{High: math.MaxUint8}}, pointwise, shape, n.Out[0], v)
}

// rounding is what makes numbers of a type: x*scale or x/scale, plus before, rounded, plus
// after, a zero point of that type.
func rounding(t tensor.DType, scale []float32, divide bool, before, after float32) *rounded {
	low, high := limits(t)
	return &rounded{Quantize: engine.Quantize{Scale: scale, Divide: divide, Before: before, After: after, Low: low - after, High: high - after}}
}

// floatsLike is the shape rule of what makes float32 of float32.
type floatsLike struct{}

// Infer implements op.Operator.
func (floatsLike) Infer(in []*op.Info, _ int) ([]op.Info, error) {
	return []op.Info{{Type: tensor.Float32, Shape: in[0].Shape}}, nil
}

// rounded is engine.Quantize on channels of axis 1, or of the last one.
type rounded struct {
	floatsLike
	engine.Quantize
	last bool
}

// dequantized is engine.Dequantize, likewise.
type dequantized struct {
	floatsLike
	engine.Dequantize
	last bool
}

// wholeConv is a convolution of whole numbers, none of which is farther from 0 than most,
// with whole weights and a whole bias. Its sums are whole numbers, rounded once.
type wholeConv struct {
	*op.Conv
	most float64
}

// wholeProduct is MatMul, or Gemm with a bias for each column, of whole numbers, of which
// the left ones are no farther from 0 than most. Its sums are whole numbers, rounded once.
type wholeProduct struct {
	op.Operator
	most float64
}

// preciseMean is an average pool whose sums are of float64, as the reference's.
type preciseMean struct{ *op.Pool }

// planeSum adds up each channel of a plane.
type planeSum struct{}

// spanOf gives scale and zero point of DynamicQuantizeLinear, of all numbers of its input.
type spanOf struct{}

// Infer implements op.Operator.
func (s *planeSum) Infer(in []*op.Info, outputs int) ([]op.Info, error) {
	return (&op.GlobalPool{}).Infer(in, outputs)
}

// Infer implements op.Operator.
func (*spanOf) Infer([]*op.Info, int) ([]op.Info, error) {
	return []op.Info{{Type: tensor.Float32, Shape: []int{}}, {Type: tensor.Float32, Shape: []int{}}}, nil
}

// Eval implements op.Operator.
func (r *rounded) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	return onRows(in[0], len(r.Scale), r.last, &r.Quantize), nil
}

// Eval implements op.Operator.
func (d *dequantized) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	return onRows(in[0], len(d.Scale), d.last, &d.Dequantize), nil
}

// Eval implements op.Operator.
func (*planeSum) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	s := in[0].Shape
	y := make([]float32, s[0]*s[1])
	x := in[0].Data.([]float32)
	for i := range y {
		n := len(x) / len(y)
		for _, v := range x[i*n : (i+1)*n] {
			y[i] += v
		}
	}
	shape := []int{s[0], s[1]}
	for range s[2:] {
		shape = append(shape, 1)
	}
	return []*tensor.Tensor{tensor.New(y, shape...)}, nil
}

// Eval implements op.Operator.
func (*spanOf) Eval(in []*tensor.Tensor, _ int) ([]*tensor.Tensor, error) {
	scale, zero := engine.SpanOf(in[0].Data.([]float32))
	return []*tensor.Tensor{tensor.Scalar(scale), tensor.Scalar(zero)}, nil
}

// onRows applies a primitive of single elements to a tensor, whose scale is one number or
// one for each channel of axis 1, or of the last one.
func onRows(t *tensor.Tensor, scales int, last bool, prim engine.Elements) []*tensor.Tensor {
	x := t.Data.([]float32)
	y := make([]float32, len(x))
	if scales <= 1 {
		prim.Each(x, y, 0)
		return []*tensor.Tensor{tensor.New(y, t.Shape...)}
	}
	n := 1
	if !last {
		n = len(x) / t.Shape[0] / scales
	}
	for i := range len(x) / max(n, 1) {
		prim.Each(x[i*n:][:n], y[i*n:][:n], i%scales)
	}
	return []*tensor.Tensor{tensor.New(y, t.Shape...)}
}

// exactTo is the number below which float32 has all whole numbers.
const exactTo = 1 << 24

// wholeConv lowers a convolution of whole numbers, so that its sums have no error but one
// rounding; false where that is not certain.
func (c *compiler) wholeConv(n *graph.Node, o *wholeConv) (bool, error) {
	f, err := c.filters(n, o.Conv)
	if f == nil || err != nil {
		return false, err
	}
	parts := wholeParts(f.weights, f.bias, f.outC, o.most)
	src, ok := c.rows(n.In[0])
	if !ok || parts == nil {
		return false, nil
	}
	y, x := planar(f.windows)
	v := c.wholeSum(n, parts, func(weights, bias []float32) int {
		return c.convolved(n, src, y, x, o.Group, weights, bias, f.outC, unbounded, n.Out[0], n.Name)
	})
	c.define(n.Out[0], v)
	return true, nil
}

// wholeProduct lowers a product of whole numbers: with a constant matrix as a convolution of
// them, of two activations as other products, whose sums are known to be exact.
func (c *compiler) wholeProduct(n *graph.Node, o *wholeProduct) (bool, error) {
	w := c.constant(n.In[1])
	if w == nil || len(w.Shape) != 2 {
		return !givenInput(n, 2) && c.product(n, false), nil
	}
	values, err := w.Floats()
	if err != nil {
		return false, err
	}
	var bias []float32
	if givenInput(n, 2) {
		if bias, err = c.constant(n.In[2]).Floats(); err != nil {
			return false, err
		}
	}
	in, out := w.Shape[0], w.Shape[1]
	parts := wholeParts(transposed(values, in, out), bias, out, o.most)
	if parts == nil {
		return false, nil
	}
	l, ok := c.ofLastAxis(n, in, out)
	if !ok {
		return false, nil
	}
	v := c.wholeSum(n, parts, func(weights, bias []float32) int {
		return c.convolve(step{node: n.Name, operator: n.Def.Name, in: []source{l.src}}, c.g.Values[n.Out[0]].Name,
			engine.Convolution{Y: l.y, X: l.x, Group: 1, OutC: out, Weights: weights, Bias: bias, Clamp: unbounded})
	})
	if l.lies == nil {
		c.define(n.Out[0], v)
	} else {
		c.see(n.Out[0], l.lies.widened(v, out))
	}
	return true, nil
}

// wholeParts gives weights and biases of the convolutions of whole numbers whose sum is one
// without an error but one rounding: itself, or those by its upper and lower bits; nil where
// that is not certain.
func wholeParts(weights, bias []float32, outC int, most float64) [][2][]float32 {
	if len(weights) == 0 {
		return nil
	}
	if wholeSums(weights, bias, outC, most, 1) {
		return [][2][]float32{{weights, bias}}
	}
	upper, lower := halves(weights)
	upperBias, lowerBias := halves(bias)
	if !wholeSums(upper, upperBias, outC, most, 16) || !wholeSums(lower, lowerBias, outC, most, 1) {
		return nil
	}
	return [][2][]float32{{upper, upperBias}, {lower, lowerBias}}
}

// wholeSum emits the convolutions of parts, and their sum where there are two.
func (c *compiler) wholeSum(n *graph.Node, parts [][2][]float32, emit func(weights, bias []float32) int) int {
	var sums []source
	first := len(c.pending)
	for _, p := range parts {
		v := emit(p[0], p[1])
		sums = append(sums, source{v, c.p.values[v].plane})
	}
	for _, v := range c.pending[first:] {
		v.whole = true
	}
	if len(sums) == 1 {
		return sums[0].value
	}
	return c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, in: sums, spec: &engine.Sum{Clamp: unbounded}}, c.g.Values[n.Out[0]].Name, sums[0].plane)
}

// halves gives whole numbers as multiples of 16 and what is left, -8 to 8.
func halves(f []float32) (upper, lower []float32) {
	if f == nil {
		return nil, nil
	}
	upper, lower = make([]float32, len(f)), make([]float32, len(f))
	for i, v := range f {
		upper[i] = float32(16 * math.RoundToEven(float64(v)/16))
		lower[i] = v - upper[i]
	}
	return upper, lower
}

// wholeSums says whether no sum of a convolution of whole numbers, in whatever order, can
// leave those that float32 has: multiples of unit of less than 2^24 units.
func wholeSums(weights, bias []float32, outC int, most, unit float64) bool {
	each := len(weights) / outC
	for k := range outC {
		sum := 0.0
		for _, w := range weights[k*each:][:each] {
			sum += math.Abs(float64(w))
		}
		sum *= most
		if bias != nil {
			sum += math.Abs(float64(bias[k]))
		}
		if !(sum < exactTo*unit) {
			return false
		}
	}
	return true
}

// spans lowers scale and zero point of all of a value's numbers: the extremes of each row,
// and what they say.
func (c *compiler) spans(n *graph.Node) (bool, error) {
	r := c.refs[n.In[0]]
	if r == nil || c.p.values[r.value].host {
		return false, nil
	}
	plane := c.p.values[r.value].plane
	rows := engine.Plane{H: plane.H, W: 1, C: 2}
	v := c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Windowed, windows: [2]region.Window{region.Identity(plane.H), region.Whole(plane.W)},
		in: []source{{r.value, plane}}, spec: &engine.Extremes{}}, n.Name+" (extremes)", rows)
	two := engine.Plane{H: 1, W: 1, C: 2}
	v = c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Windowed, windows: [2]region.Window{region.Whole(plane.H), region.Identity(1)},
		in: []source{{v, rows}}, spec: &engine.Span{}}, n.Name+" (scale, zero point)", two)
	for k, id := range n.Out {
		one := c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, in: []source{{v, two}}, spec: &engine.Channels{Source: []int{k}}},
			c.g.Values[id].Name, engine.Plane{H: 1, W: 1, C: 1})
		c.refs[id] = &ref{value: one, layout: rowMajor([]int{})}
	}
	return true, nil
}
