package incremental

import (
	"math"
	"slices"
	"sync"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/tensor"
)

// Exporters write one function as many operators: x*Sigmoid(x), x*Clip(x+3,0,6)/6,
// x*0.5*(1+Erf(x/sqrt(2))), in a dozen spellings each. A chain is a piece of the
// graph that makes one value of one other by functions of single elements and numbers.
// What it computes is told by computing it: a chain whose values at arguments of every
// size are those of a known function is that function, however it is spelled.

// longestChain is how many nodes a chain may have.
const longestChain = 12

// chain is something known written as several nodes.
type chain struct {
	nodes []int // in the graph's order
	// lower makes a step of them at the last one; false where the engine cannot.
	lower func(c *compiler, last *graph.Node) (bool, error)
	// views says that it is a normalization along the last axis, of value of, which may be
	// a part of what lies somewhere.
	views bool
	of    graph.ValueID
}

// lastOfChains are the operators that the functions end with, however written.
var lastOfChains = []string{"Mul", "Div", "Reciprocal"}

// recognize finds the chains of the graph, by their last nodes. The other nodes are
// then theirs.
func (c *compiler) recognize() {
	for last := len(c.g.Nodes) - 1; last >= 0; last-- {
		if c.chained(last) || !slices.Contains(lastOfChains, c.g.Nodes[last].Def.Name) || !c.ofElements(last) {
			continue
		}
		if ch, ok := c.chainTo(last); ok {
			c.take(ch)
		}
	}
}

// take gives a chain its nodes.
func (c *compiler) take(ch chain) {
	last := ch.nodes[len(ch.nodes)-1]
	c.chains[last] = ch
	for _, i := range ch.nodes {
		c.fused[i] = i != last
	}
}

// ofElements says whether a node computes every element of its output of the same
// element of its inputs, and of numbers.
func (c *compiler) ofElements(i int) bool {
	n := c.g.Nodes[i]
	switch n.Op.(type) {
	case *op.Unary, *op.Clip, *op.Elementwise:
	default:
		return false
	}
	out := c.g.Values[n.Out[0]].Info
	if out.Type != tensor.Float32 || out.Shape == nil || out.Value != nil {
		return false
	}
	for _, id := range n.In {
		switch t := c.number(id); {
		case id < 0 || t != nil:
		case c.constant(id) != nil || c.g.Values[id].Info.Type != tensor.Float32 || !slices.Equal(c.shape(id), out.Shape):
			return false
		}
	}
	return true
}

// number is a constant of one element, without axes; nil if the value is none.
func (c *compiler) number(id graph.ValueID) *tensor.Tensor {
	if id < 0 {
		return nil
	}
	t := c.constant(id)
	if t == nil || t.Len() != 1 {
		return nil
	}
	return &tensor.Tensor{Data: t.Data}
}

// chainTo finds the longest chain with the last node given that is a known function.
func (c *compiler) chainTo(last int) (found chain, ok bool) {
	nodes := []int{last}
	for len(nodes) <= longestChain {
		front := c.front(nodes)
		if len(nodes) > 1 && len(front) == 1 {
			if prim := c.known(nodes, front[0]); prim != nil {
				from := front[0]
				found, ok = chain{nodes: slices.Clone(nodes), lower: func(c *compiler, last *graph.Node) (bool, error) { return c.elementwiseOf(last, from, prim) }}, true
			}
		}
		next := -1 // the latest node that only the chain reads
		for _, id := range front {
			i := c.g.Values[id].Producer // -1 for inputs
			if i > next && !c.isOutput[id] && !c.chained(i) && c.ofElements(i) && !slices.ContainsFunc(c.consumers[id], func(i int) bool { return !slices.Contains(nodes, i) }) {
				next = i
			}
		}
		if next < 0 {
			break
		}
		nodes = append(nodes, next)
		slices.Sort(nodes)
	}
	return found, ok
}

// front lists the values that the nodes read and do not make.
func (c *compiler) front(nodes []int) (front []graph.ValueID) {
	for _, i := range nodes {
		for _, id := range c.g.Nodes[i].In {
			made := slices.ContainsFunc(nodes, func(i int) bool { return c.g.Nodes[i].Out[0] == id })
			if id >= 0 && !made && c.number(id) == nil && !slices.Contains(front, id) {
				front = append(front, id)
			}
		}
	}
	return front
}

// spellings are the functions that chains are compared with.
var spellings = []struct {
	of         asm.Function
	parameters []float64
}{
	{of: asm.Sigmoid}, {of: asm.Swish, parameters: []float64{1}}, {of: asm.Swish, parameters: []float64{1.702}},
	{of: asm.HardSwish, parameters: []float64{1. / 6, 0.5}}, {of: asm.HardSwish, parameters: []float64{0.2, 0.5}},
	{of: asm.HardSigmoid, parameters: []float64{1. / 6, 0.5}}, {of: asm.HardSigmoid, parameters: []float64{0.2, 0.5}},
	{of: asm.Gelu}, {of: asm.GeluTanh}, {of: asm.Mish}, {of: asm.Tanh}, {of: asm.Softsign},
}

// arguments are where functions are compared: numbers of every size with both signs,
// and closely around zero, where they bend.
var arguments = func() (x []float32) {
	for e := -30; e <= 60; e++ {
		for _, m := range []float64{1, 1.23, 1.61} {
			v := float32(math.Ldexp(m, e))
			x = append(x, v, -v)
		}
	}
	for i := -600; i <= 600; i++ {
		x = append(x, float32(i)/50)
	}
	return x
}()

// few are some of the arguments: most chains are told from all functions by these.
var few = []float32{-3, -1.23, -0.02, 0.61, 2, 7}

// expected are the functions' values at the few arguments, then at all.
var expected = sync.OnceValue(func() (want [][2][]float32) {
	for _, f := range spellings {
		var w [2][]float32
		for i, x := range [2][]float32{few, arguments} {
			w[i] = make([]float32, len(x))
			asm.Generic.Apply(f.of, asm.Table(f.of, f.parameters...), x, w[i])
		}
		want = append(want, w)
	}
	return want
})

// known is the function that the nodes make of the source, nil if it is not known.
func (c *compiler) known(nodes []int, source graph.ValueID) *engine.Unary {
	y := c.values(nodes, source, few)
	if y == nil || !slices.ContainsFunc(expected(), func(want [2][]float32) bool { return agree(few, y, want[0]) }) {
		return nil
	}
	if y = c.values(nodes, source, arguments); y == nil {
		return nil
	}
	for i, f := range spellings {
		if agree(arguments, y, expected()[i][1]) {
			return &engine.Unary{Function: f.of, Table: asm.Table(f.of, f.parameters...)}
		}
	}
	return nil
}

// agree says whether two functions are the same but for how the chain's operators
// round: 1+Erf(x) has no more than an error of float32 at 1 where it nearly vanishes.
func agree(x, y, want []float32) bool {
	for i, w := range want {
		a, b := float64(y[i]), float64(w)
		if limit := 2e-6 * math.Max(math.Abs(b), math.Min(1, math.Abs(float64(x[i])))); !(math.Abs(a-b) <= limit) {
			return false
		}
	}
	return true
}

// values are what the nodes make of the arguments x, by the operators' references; nil
// if they do not compute that.
func (c *compiler) values(nodes []int, source graph.ValueID, x []float32) []float32 {
	made := map[graph.ValueID]*tensor.Tensor{source: tensor.New(x, len(x))}
	for _, i := range nodes {
		n := c.g.Nodes[i]
		in := make([]*tensor.Tensor, len(n.In))
		for k, id := range n.In {
			if in[k] = made[id]; in[k] == nil {
				in[k] = c.number(id)
			}
		}
		out, err := n.Op.Eval(in, 1)
		if err != nil || len(out) == 0 || out[0].Len() != len(x) {
			return nil
		}
		made[n.Out[0]] = out[0]
	}
	y, _ := made[c.g.Nodes[nodes[len(nodes)-1]].Out[0]].Data.([]float32)
	return y
}

// chained says whether a node is of a chain.
func (c *compiler) chained(i int) bool {
	_, last := c.chains[i]
	return last || c.fused[i]
}

// chain lowers a chain at its last node; where the engine cannot, node by node.
func (c *compiler) chain(ch chain) error {
	last := c.g.Nodes[ch.nodes[len(ch.nodes)-1]]
	for _, i := range ch.nodes {
		for _, id := range c.g.Nodes[i].In {
			if !ch.views || id != ch.of {
				c.settle(id)
			}
		}
	}
	if done, err := ch.lower(c, last); done || err != nil {
		return err
	}
	for _, i := range ch.nodes {
		if err := c.node(c.g.Nodes[i]); err != nil {
			return err
		}
	}
	return nil
}
