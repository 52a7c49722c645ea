package incremental

import (
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
