package incremental

import (
	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// cells are the recurrent layers that the engine has.
var cells = map[string]engine.Cell{"LSTM": engine.LSTM, "GRU": engine.GRU, "RNN": engine.TanhCell}

// recurrent lowers a recurrent layer over one sequence: the sums over its input are a
// convolution of single pixels, of which a change moves only its own steps, and what
// follows a state from step to step reads these.
func (c *compiler) recurrent(n *graph.Node, o *op.Recurrent) (bool, error) {
	if !o.Plain() || len(c.shape(n.In[0])) != 3 || c.g.Values[n.In[0]].Info.Type != tensor.Float32 || givenInput(n, 4) || givenInput(n, 7) {
		return false, nil
	}
	numbers := make([][]float32, 7)
	for i := 1; i < len(numbers); i++ {
		if !givenInput(n, i) {
			continue
		}
		t := c.constant(n.In[i])
		if t == nil {
			return false, nil
		}
		var err error
		if numbers[i], err = t.Floats(); err != nil {
			return false, err
		}
	}
	w, u, b := numbers[1], numbers[2], numbers[3]
	shape := c.shape(n.In[1])
	steps, inputs, sums, hidden := c.shape(n.In[0])[0], shape[2], shape[1], c.shape(n.In[2])[2]
	plane, lies, ok := c.stepsOf(n.In[0], steps, inputs)
	if !ok && c.inOrder(n.In[0]) {
		plane, lies, ok = c.stepsOf(n.In[0], steps, inputs)
	}
	if !ok {
		return false, nil
	}
	r := &engine.Recurrence{Cell: cells[o.Type], Steps: steps, Hidden: hidden, Last: c.read(n, 1) || c.read(n, 2)}
	if o.Relu() {
		r.Cell = engine.ReluCell
	}
	ways := o.Reversed()
	bias := make([]float32, len(ways)*sums)
	for d, reverse := range ways {
		way := engine.Direction{Reverse: reverse, Weights: u[d*sums*hidden:][:sums*hidden]}
		if b != nil {
			copy(bias[d*sums:], b[2*d*sums:][:sums])
			way.Bias = b[(2*d+1)*sums:][:sums]
		}
		for i, to := range []*[]float32{&way.State, &way.Memory} {
			if first := numbers[5+i]; first != nil {
				*to = first[d*hidden:][:hidden]
			}
		}
		r.Directions = append(r.Directions, way)
	}
	name := c.g.Values[n.Out[max(0, c.firstRead(n))]].Name
	src := c.asPlane(lies.value, plane)
	v := c.convolve(step{node: n.Name, operator: "(gates)", in: []source{src}}, name,
		engine.Convolution{Y: region.Identity(plane.H), X: region.Identity(plane.W), Group: 1, OutC: len(ways) * sums, Weights: w, Bias: bias, Clamp: unbounded})
	from := source{v, engine.Plane{H: plane.H, W: plane.W, C: len(ways) * sums}}
	v = c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Global, in: []source{from}, spec: r}, name, r.Out())
	all := len(ways) * hidden
	for i, id := range n.Out {
		if id < 0 || !c.read(n, i) {
			continue
		}
		is := &view{value: v, scale: 1, axes: [][]stride{merged([]stride{{len(ways), hidden}}), nil, merged([]stride{{hidden, 1}})}}
		if i == 0 {
			is.axes = append([][]stride{merged([]stride{{steps, all}})}, is.axes...)
		} else {
			is.offset = (steps + i - 1) * all
		}
		c.see(id, is)
	}
	return true, nil
}

// givenInput says whether a node has input i.
func givenInput(n *graph.Node, i int) bool { return i < len(n.In) && n.In[i] >= 0 }

// read says whether anybody reads output i of a node.
func (c *compiler) read(n *graph.Node, i int) bool {
	return i < len(n.Out) && n.Out[i] >= 0 && (len(c.consumers[n.Out[i]]) > 0 || c.isOutput[n.Out[i]])
}

// firstRead is the first output of a node that anybody reads, -1 if there is none.
func (c *compiler) firstRead(n *graph.Node) int {
	for i := range n.Out {
		if c.read(n, i) {
			return i
		}
	}
	return -1
}

// stepsOf gives the plane whose pixels, row by row, are the steps of a sequence [steps, 1,
// inputs].
func (c *compiler) stepsOf(id graph.ValueID, steps, inputs int) (plane engine.Plane, lies *view, ok bool) {
	plane, lies, ok = c.channelsLast(id)
	if !ok || plane.C != inputs || plane.H*plane.W != steps || len(lies.axes[1]) > 0 {
		return plane, nil, false
	}
	time := lies.axes[0]
	return plane, lies, steps == 1 || len(time) == 1 && time[0].step == inputs
}
