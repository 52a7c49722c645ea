package graph

import (
	"fmt"

	"krypton/internal/op"
	"krypton/internal/tensor"
)

// Expand puts the parts of compound operators in their places, and evaluates
// those parts that depend on constants alone.
func (g *Graph) Expand() error {
	old := g.Nodes
	g.Nodes = make([]*Node, 0, len(old))
	for _, n := range old {
		if err := g.expand(n); err != nil {
			return fmt.Errorf("node %q (%s): %w", n.Name, n.Def.Name, err)
		}
	}
	return nil
}

// expand appends a node, or what it consists of.
func (g *Graph) expand(n *Node) error {
	c, ok := n.Op.(*op.Compound)
	if !ok {
		for _, id := range n.Out {
			if id >= 0 {
				g.Values[id].Producer = len(g.Nodes)
			}
		}
		g.Nodes = append(g.Nodes, n)
		return nil
	}
	in := g.infos(n.In)
	parts, results, err := c.Parts(in, len(n.Out))
	if err != nil {
		return err
	}
	ids := make([][]ValueID, len(parts))
	for i, p := range parts {
		for k, info := range p.Out {
			id := ValueID(-1)
			for o, r := range results {
				if r == (op.Ref{Part: i + 1, Output: k}) {
					id = n.Out[o]
				}
			}
			if id < 0 {
				id = g.value(fmt.Sprintf("%s/%d", n.Name, i), info)
			}
			ids[i] = append(ids[i], id)
		}
	}
	for i, p := range parts {
		m := &Node{Name: n.Name, Def: p.Def, Op: p.Op, Opset: n.Opset, Out: ids[i]}
		for _, r := range p.In {
			m.In = append(m.In, g.operand(n, ids, r))
		}
		if done, err := g.fold(m); done || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		m.Locality = op.LocalityOf(m.Op, g.infos(m.In), p.Out)
		if err := g.expand(m); err != nil {
			return err
		}
	}
	return nil
}

// operand finds the value that a part of n reads.
func (g *Graph) operand(n *Node, ids [][]ValueID, r op.Ref) ValueID {
	switch {
	case r.Value != nil:
		shape := r.Value.Shape
		if shape == nil {
			shape = []int{}
		}
		return g.value(n.Name, op.Info{Type: r.Value.DType(), Shape: shape, Value: r.Value})
	case r.Input > 0:
		return n.In[r.Input-1]
	case r.Part > 0:
		return ids[r.Part-1][r.Output]
	}
	return -1
}

func (g *Graph) value(name string, info op.Info) ValueID {
	g.Values = append(g.Values, Value{Name: name, Info: info, Producer: -1})
	return ValueID(len(g.Values) - 1)
}

func (g *Graph) infos(ids []ValueID) []*op.Info {
	infos := make([]*op.Info, len(ids))
	for i, id := range ids {
		if id >= 0 {
			infos[i] = &g.Values[id].Info
		}
	}
	return infos
}

// fold gives the outputs of a node whose inputs are all constant their values.
func (g *Graph) fold(n *Node) (bool, error) {
	in := make([]*tensor.Tensor, len(n.In))
	for i, id := range n.In {
		if id < 0 {
			continue
		}
		if in[i] = g.Values[id].Info.Value; in[i] == nil {
			return false, nil
		}
	}
	out, err := n.Op.Eval(in, len(n.Out))
	if err != nil {
		return false, err
	}
	for i, id := range n.Out {
		g.Values[id].Info.Value = out[i]
	}
	return true, nil
}
