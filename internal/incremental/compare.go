package incremental

import (
	"slices"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/tensor"
)

// comparisons are the operators whose yes and no are made 1 and 0 of, as maps of maxima
// do ("where a pool changes nothing").
var comparisons = map[string]asm.Arithmetic{
	"Equal": asm.Equal, "Greater": asm.Greater, "GreaterOrEqual": asm.GreaterOrEqual, "Less": asm.Less, "LessOrEqual": asm.LessOrEqual,
}

// recognizeComparisons finds comparisons that are only read as numbers.
func (c *compiler) recognizeComparisons() {
	for i, n := range c.g.Nodes {
		o, ok := n.Op.(*op.Cast)
		if !ok || o.To != tensor.Float32 || n.In[0] < 0 || c.only(n.In[0]) != i || c.chained(i) {
			continue
		}
		at := c.g.Values[n.In[0]].Producer
		if at < 0 || c.chained(at) {
			continue
		}
		compare := c.g.Nodes[at]
		of, ok := compare.Op.(*op.Compare)
		if !ok {
			continue
		}
		if _, ok := comparisons[of.Name]; ok && c.g.Values[compare.In[0]].Info.Type == tensor.Float32 {
			c.take(chain{nodes: []int{at, i}, lower: func(c *compiler, last *graph.Node) (bool, error) {
				n := *last
				n.Name, n.In, n.Op = compare.Name+"+"+last.Name, compare.In, &op.Elementwise{Name: of.Name}
				if c.empty(&n) || len(c.shape(n.Out[0])) == 0 {
					return false, nil
				}
				return c.arithmetic(&n)
			}})
		}
	}
}

// arithmetic lowers a node of two operands by any way that the engine has.
func (c *compiler) arithmetic(n *graph.Node) (bool, error) {
	done, err := c.native(n)
	if !done && err == nil {
		done, err = c.pixelwise(n)
	}
	return done, err
}

// recognizeReplaced finds what puts a number in the place of what is none: Where(IsNaN(x), n, x),
// as attention is exported whose rows may be masked as a whole, and with Not between.
func (c *compiler) recognizeReplaced() {
	for i, n := range c.g.Nodes {
		if _, ok := n.Op.(*op.Where); !ok || c.chained(i) || c.g.Values[n.Out[0]].Info.Type != tensor.Float32 {
			continue
		}
		nodes, cond, with, of := []int{i}, n.In[0], n.In[1], n.In[2]
		test := (*op.FloatTest)(nil)
		for test == nil {
			at := c.g.Values[cond].Producer
			if at < 0 || c.chained(at) || c.only(cond) != nodes[0] {
				break
			}
			nodes = append([]int{at}, nodes...)
			if _, ok := c.g.Nodes[at].Op.(*op.Not); ok {
				cond, with, of = c.g.Nodes[at].In[0], of, with
				continue
			}
			o, ok := c.g.Nodes[at].Op.(*op.FloatTest)
			if !ok {
				break
			}
			test, cond = o, c.g.Nodes[at].In[0]
		}
		number := c.number(with)
		if test == nil || !test.NaN || cond != of || number == nil || !slices.Equal(c.shape(of), c.shape(n.Out[0])) {
			continue
		}
		f, err := number.Floats()
		if err != nil {
			continue
		}
		c.take(chain{nodes: nodes, lower: func(c *compiler, last *graph.Node) (bool, error) {
			if c.empty(last) {
				return false, nil
			}
			return c.elementwiseOf(last, of, &engine.Replace{With: f[0]})
		}})
	}
}
