package graph

import (
	"math"
	"slices"
)

// Softmax, its logarithm and vectors of length 1 are also written in pieces, of
// which arithmetic is the last.

// producer is the node that computes a value, nil for inputs and constants.
func (m *maker) producer(id ValueID) *Node {
	if id < 0 || m.g.Values[id].Producer < 0 {
		return nil
	}
	return m.g.Nodes[m.g.Values[id].Producer]
}

// farthest is how many nodes a search goes back.
const farthest = 16

// behind is the node that computes a value, behind what only gives it another shape,
// keeps a divisor from 0 or adds a constant to it.
func (m *maker) behind(id ValueID) *Node {
	p := m.producer(id)
	for range farthest {
		if p == nil {
			return nil
		}
		switch p.Def.Name {
		case "Identity", "Expand", "Reshape", "Unsqueeze", "Squeeze", "Clip", "Cast":
			id = p.In[0]
		case "Max", "Add":
			if len(p.In) != 2 || m.constant(p.In[0]) == m.constant(p.In[1]) {
				return p
			}
			if id = p.In[0]; m.constant(id) {
				id = p.In[1]
			}
		default:
			return p
		}
		p = m.producer(id)
	}
	return p
}

// same is the value behind nodes that change nothing.
func (m *maker) same(id ValueID) ValueID {
	for range farthest {
		p := m.producer(id)
		if p == nil || p.Def.Name != "Identity" && p.Def.Name != "Dropout" {
			break
		}
		id = p.In[0]
	}
	return id
}

// isOf says whether a node is one of some operators and reads the value x.
func (m *maker) isOf(n *Node, x ValueID, operators ...string) bool {
	return n != nil && slices.Contains(operators, n.Def.Name) && m.same(n.In[0]) == m.same(x)
}

// total says how many numbers of x a node adds up, 0 if it does not.
func (m *maker) total(n *Node, x ValueID) int {
	if m.isOf(n, x, "ReduceSum", "ReduceL1") {
		return m.reduced(n)
	}
	return 0
}

// isLength says whether a node computes the length of the vector x.
func (m *maker) isLength(n *Node, x ValueID) bool {
	if n == nil || n.Def.Name != "Sqrt" {
		return m.isOf(n, x, "ReduceL2")
	}
	squares := m.behind(n.In[0])
	if squares == nil || squares.Def.Name != "ReduceSum" {
		return m.isOf(squares, x, "ReduceSumSquare")
	}
	p := m.producer(m.same(squares.In[0]))
	return m.isOf(p, x, "Mul", "Pow") && (p.Def.Name == "Pow" || m.same(p.In[1]) == m.same(x))
}

// quotient knows a value over the sum of it, or over its length.
func (m *maker) quotient(x, divisor ValueID) (Made, bool) {
	by := m.behind(divisor)
	if k := m.total(by, x); k > 0 && m.of(x).Lo >= 0 {
		return Made{Kind: Shares, Hi: 1, Of: k}, true
	}
	if m.isLength(by, x) {
		return Made{Kind: Direction, Lo: -1, Hi: 1}, true
	}
	if p := m.producer(divisor); p != nil && p.Def.Name == "Add" && m.of(x).Lo >= 0 { // e / (1 + e)
		one, e := p.In[0], p.In[1]
		if m.same(one) == m.same(x) {
			one, e = e, one
		}
		if m.same(e) == m.same(x) && m.of(one).Lo > 0 {
			return Made{Kind: Chances, Hi: 1}, true
		}
	}
	return Made{}, false
}

// logSoftmax knows x - log(sum(exp(x))).
func (m *maker) logSoftmax(x, subtracted ValueID) (Made, bool) {
	l := m.behind(subtracted)
	sum := l
	switch {
	case m.isOf(l, x, "ReduceLogSumExp"):
	case l != nil && l.Def.Name == "Log":
		sum = m.behind(l.In[0])
		if sum == nil || sum.Def.Name != "ReduceSum" || !m.isOf(m.producer(m.same(sum.In[0])), x, "Exp") {
			return Made{}, false
		}
	default:
		return Made{}, false
	}
	return Made{Kind: Logarithms, Lo: math.Inf(-1), Of: m.reduced(sum)}, true
}

// pieces knows what the last node of something in pieces makes.
func (m *maker) pieces(n *Node, name string) (Made, bool) {
	if len(n.In) != 2 {
		return Made{}, false
	}
	a, b := n.In[0], n.In[1]
	switch name {
	case "Div":
		return m.quotient(a, b)
	case "Mul":
		for range 2 {
			if p := m.producer(b); p != nil && p.Def.Name == "Reciprocal" {
				if made, ok := m.quotient(a, p.In[0]); ok {
					return made, true
				}
			}
			a, b = b, a
		}
	case "Sub":
		return m.logSoftmax(a, b)
	}
	return Made{}, false
}

// arithmetic is what sums, products and their like are.
func (m *maker) arithmetic(n *Node, name string) Made {
	if made, ok := m.pieces(n, name); ok {
		return made
	}
	y := m.of(n.In[0])
	if name == "Pow" && len(n.In) == 2 {
		return m.power(y, n.In[1])
	}
	for _, id := range n.In[1:] {
		y = combined(name, y, m.of(id))
	}
	return y
}

// combined is one step of arithmetic on two values.
func combined(name string, a, b Made) Made {
	var at []float64
	switch name {
	case "Add", "Sum":
		at = []float64{a.Lo + b.Lo, a.Hi + b.Hi}
	case "Sub":
		at = []float64{a.Lo - b.Hi, a.Hi - b.Lo}
	case "Mul":
		at = []float64{a.Lo * b.Lo, a.Lo * b.Hi, a.Hi * b.Lo, a.Hi * b.Hi}
	case "Div":
		if b.Lo <= 0 && b.Hi >= 0 {
			return unbounded()
		}
		at = []float64{a.Lo / b.Lo, a.Lo / b.Hi, a.Hi / b.Lo, a.Hi / b.Hi}
	default:
		return unbounded()
	}
	y := Made{Lo: math.Inf(1), Hi: math.Inf(-1)}
	for _, v := range at {
		if v != v { // 0 times what has no bound, or a difference of two such
			return unbounded()
		}
		y.Lo, y.Hi = min(y.Lo, v), max(y.Hi, v)
	}
	if unchanged(name, a, b) {
		return a
	}
	if name != "Sub" && name != "Div" && unchanged(name, b, a) {
		return b
	}
	fixed := b.Lo == b.Hi || a.Lo == a.Hi
	switch {
	case fixed && (y.Lo < 0 || y.Hi > 1) && (known(a) || known(b)):
		y.Kind = Scaled
	case (name == "Add" || name == "Sum") && y.Hi > 1 && (known(a) && b.Lo >= 0 && b.Hi <= 1 || known(b) && a.Lo >= 0 && a.Hi <= 1 || known(a) && known(b)):
		y.Kind = Scaled // votes
	case fixed && (name == "Mul" || name == "Div") && (a.Kind == Direction || b.Kind == Direction):
		y.Kind = Direction
	}
	return y
}

// unchanged says whether b does nothing to a.
func unchanged(name string, a, b Made) bool {
	return b.Lo == b.Hi && (b.Lo == 0 && slices.Contains([]string{"Add", "Sum", "Sub"}, name) || b.Lo == 1 && (name == "Mul" || name == "Div"))
}

// known says whether numbers are probabilities, or were.
func known(a Made) bool { return a.Kind == Shares || a.Kind == Chances || a.Kind == Scaled }

// power is a value to a constant power.
func (m *maker) power(x Made, exponent ValueID) Made {
	e := m.of(exponent)
	switch {
	case e.Lo != e.Hi:
		return unbounded()
	case e.Lo == 2 && x.Lo < 0:
		return Made{Hi: max(x.Lo*x.Lo, x.Hi*x.Hi)}
	case x.Lo > 0 || x.Lo == 0 && e.Lo > 0:
		a, b := math.Pow(x.Lo, e.Lo), math.Pow(x.Hi, e.Lo)
		return Made{Lo: min(a, b), Hi: max(a, b)}
	}
	return unbounded()
}
