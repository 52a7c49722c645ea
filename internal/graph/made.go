package graph

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"krypton/internal/op"
	"krypton/internal/tensor"
)

// Kind is what a value's numbers are, as far as the operators that make them tell.
type Kind string

// The kinds.
const (
	// Plain numbers: nothing is known but their bounds.
	Plain Kind = ""
	// Shares lie between 0 and 1 and add to 1 in sets of Made.Of numbers: a
	// softmax.
	Shares Kind = "shares"
	// Chances lie between 0 and 1, each for itself: sigmoids.
	Chances Kind = "chances"
	// Logarithms are those of Shares or Chances.
	Logarithms Kind = "logarithms"
	// Scaled are Shares or Chances times constants, plus constants, or sums of them.
	Scaled Kind = "scaled"
	// Bounded lie between -1 and 1, each for itself: a tanh.
	Bounded Kind = "bounded"
	// Direction is a vector whose length was made 1: features, no classes.
	Direction Kind = "direction"
	// Ranking holds places of numbers, or numbers by size: which class is where
	// depends on the picture.
	Ranking Kind = "ranking"
	// Costs are negative Logarithms: the least is the likeliest.
	Costs Kind = "costs"
)

// Made says what a value's numbers are.
type Made struct {
	Kind Kind
	// Node and Operator name what made them so; empty for Plain numbers of
	// no node.
	Node, Operator string
	// From names the value whose greatest numbers a Ranking tells of, if it is known.
	From string
	// Cut names the value that was made a yes or no, or a whole number, "" if none was that
	// is known.
	Cut string
	// Lo and Hi are bounds.
	Lo, Hi float64
	// Of is the number of Shares that add to 1, 0 if that is not known.
	Of int
}

// By names the node, for messages.
func (m Made) By() string { return fmt.Sprintf("%s node %q", m.Operator, m.Node) }

// Within says whether all numbers lie between lo and hi.
func (m Made) Within(lo, hi float64) bool { return m.Lo >= lo && m.Hi <= hi }

// unbounded is what nothing is known of.
func unbounded() Made { return Made{Lo: math.Inf(-1), Hi: math.Inf(1)} }

// Made says of each output what its numbers are. It reads constants, and must be
// called before DropConstants.
func (g *Graph) Made() []Made {
	m := &maker{g: g, made: map[ValueID]Made{}}
	for _, n := range g.Nodes {
		for i, id := range n.Out {
			if id < 0 {
				continue
			}
			made := m.node(n, i)
			if made.Kind == Plain && made.Within(0, 1) {
				made.Kind = Chances
			}
			if made.Node == "" {
				made.Node, made.Operator = n.Name, n.Def.Name
			}
			if made.Cut == "" && made.Kind != Ranking && i == 0 {
				made.Cut = m.cut(n)
			}
			m.made[id] = made
		}
	}
	var all []Made
	for _, id := range g.Outputs {
		all = append(all, m.of(id))
	}
	return all
}

// maker goes through a graph, node by node.
type maker struct {
	g    *Graph
	made map[ValueID]Made
}

// mostRead bounds the constants that are looked at.
const mostRead = 1 << 16

// of is what is known of a value.
func (m *maker) of(id ValueID) Made {
	if id < 0 {
		return unbounded()
	}
	if made, ok := m.made[id]; ok {
		return made
	}
	made := unbounded()
	if t := m.g.Values[id].Info.Value; t != nil && t.Len() > 0 && t.Len() <= mostRead {
		if f, err := t.Floats(); err == nil {
			made.Lo, made.Hi = float64(slices.Min(f)), float64(slices.Max(f))
			if made.Lo != made.Lo {
				made = unbounded()
			}
		}
	}
	m.made[id] = made
	return made
}

// constant says whether a value is a constant.
func (m *maker) constant(id ValueID) bool { return id >= 0 && m.g.Values[id].Info.Value != nil }

// in is input i of a node, -1 if it is absent.
func in(n *Node, i int) ValueID {
	if i >= len(n.In) {
		return -1
	}
	return n.In[i]
}

// moves are operators whose output holds numbers of input 0 and no others.
var moves = []string{"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Dropout", "Expand", "Tile", "Slice", "Gather", "GatherElements", "GatherND", "Split",
	"DepthToSpace", "SpaceToDepth", "GlobalAveragePool", "ReduceMean", "QuantizeLinear"}

// extremes give the largest or the smallest numbers of input 0, which need not add to
// 1 where it does.
var extremes = []string{"GlobalMaxPool", "MaxPool", "ReduceMax", "ReduceMin"}

// comparisons give truth values.
var comparisons = []string{"Not", "And", "Or", "Xor", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"}

// node is what is known of a node's output i.
func (m *maker) node(n *Node, i int) Made {
	x := m.of(in(n, 0))
	switch name := strings.TrimPrefix(n.Def.Name, "com.microsoft."); {
	case slices.Contains(moves, name):
		switch {
		case i > 0 && name != "Split":
			return unbounded() // a mask
		case strings.HasPrefix(name, "Gather") && m.of(in(n, 1)).Kind == Ranking:
			return Made{Kind: Ranking, From: m.of(in(n, 1)).From, Lo: x.Lo, Hi: x.Hi}
		}
		return x
	case slices.Contains(extremes, name):
		if i > 0 {
			return Made{Kind: Ranking, Lo: math.Inf(-1), Hi: math.Inf(1)}
		}
		if x.Kind == Shares {
			x.Kind = Chances
		}
		return x
	case name == "DequantizeLinear":
		if x.Node == "" { // integers as they were in the file
			return unbounded()
		}
		return x
	case name == "Cast", name == "CastLike":
		return m.cast(n, x)
	case name == "QLinearSigmoid":
		return Made{Kind: Chances, Hi: 1}
	case name == "QLinearConcat": // scale, zero point, then three for each part
		var parts []ValueID
		for i := 2; i < len(n.In); i += 3 {
			parts = append(parts, n.In[i])
		}
		return m.together("Concat", parts)
	case name == "QLinearGlobalAveragePool":
		return x
	case name == "AveragePool", name == "QLinearAveragePool": // borders may count as zeros
		x.Lo, x.Hi = min(x.Lo, 0), max(x.Hi, 0)
		return x
	case name == "Concat", name == "Max", name == "Min", name == "Mean":
		return m.together(name, n.In)
	case name == "Where":
		return m.together(name, n.In[1:])
	case name == "ArgMax", name == "TopK":
		return Made{Kind: Ranking, From: m.g.Values[n.In[0]].Name, Lo: math.Inf(-1), Hi: math.Inf(1)}
	case name == "ArgMin", name == "NonMaxSuppression", name == "NonZero":
		return Made{Kind: Ranking, Lo: math.Inf(-1), Hi: math.Inf(1)}
	case slices.Contains(comparisons, name):
		return Made{Kind: Chances, Hi: 1}
	case name == "ReduceSum":
		return m.sum(n, x)
	case name == "Abs" && x.Lo < 0:
		return Made{Hi: max(-x.Lo, x.Hi)}
	}
	switch o := n.Op.(type) {
	case *op.Softmax:
		return m.softmax(n, o)
	case *op.LpNormalization:
		return m.normalized(n, o, x)
	case *op.Clip:
		return m.clip(n, o, x)
	case *op.Unary:
		return m.unary(n, o, x)
	case *op.Elementwise:
		return m.arithmetic(n, o.Name)
	}
	return unbounded()
}

// cut names the value that a node decides by: the one input of a comparison, a rounding or a
// cast to whole numbers that is no constant, or what that one was cut from.
func (m *maker) cut(n *Node) string {
	ids := n.In
	switch name := n.Def.Name; {
	case name == "Where": // between two constants
		if !m.constant(n.In[1]) || !m.constant(n.In[2]) {
			return ""
		}
		ids = n.In[:1]
	case name == "Cast", name == "CastLike":
		ids = n.In[:1]
		if m.float(n.Out[0]) {
			return m.of(ids[0]).Cut
		}
	case !slices.Contains(comparisons, name) && !slices.Contains([]string{"Round", "Floor", "Ceil", "Sign"}, name):
		return ""
	}
	from := ValueID(-1)
	for _, id := range ids {
		if id < 0 || m.constant(id) {
			continue
		}
		if from >= 0 {
			return ""
		}
		from = id
	}
	if from < 0 {
		return ""
	}
	if made := m.of(from); made.Cut != "" || !m.float(from) {
		return made.Cut
	}
	return m.g.Values[from].Name
}

// float says whether a value holds numbers with fractions.
func (m *maker) float(id ValueID) bool {
	t := m.g.Values[id].Info.Type
	return t == tensor.Float32 || t == tensor.Float64 || t == tensor.Float16 || t == tensor.BFloat16
}

// cast loses what integers cannot hold.
func (m *maker) cast(n *Node, x Made) Made {
	switch {
	case m.float(n.Out[0]):
		return x
	case m.g.Values[n.Out[0]].Info.Type == tensor.Bool:
		return Made{Kind: Chances, Hi: 1}
	}
	if x.Kind == Ranking {
		return x
	}
	return Made{Lo: math.Floor(x.Lo), Hi: math.Ceil(x.Hi)}
}

// together is what numbers of several values are.
func (m *maker) together(operator string, ids []ValueID) Made {
	all := m.of(ids[0])
	for _, id := range ids[1:] {
		x := m.of(id)
		lo, hi := min(all.Lo, x.Lo), max(all.Hi, x.Hi)
		switch operator {
		case "Max":
			lo = max(all.Lo, x.Lo)
		case "Min":
			hi = min(all.Hi, x.Hi)
		}
		if x.Kind != all.Kind || x.Of != all.Of || operator != "Concat" {
			all = Made{Kind: common(all.Kind, x.Kind)}
		}
		all.Lo, all.Hi = lo, hi
	}
	return all
}

// common is what numbers of either kind are.
func common(a, b Kind) Kind {
	switch own := []Kind{Shares, Chances}; {
	case a == b && a != Shares:
		return a
	case slices.Contains(own, a) && slices.Contains(own, b):
		return Chances
	case slices.Contains(append(own, Scaled), a) && slices.Contains(append(own, Scaled), b):
		return Scaled
	}
	return Plain
}

// sum adds up.
func (m *maker) sum(n *Node, x Made) Made {
	k := float64(m.reduced(n))
	if k == 0 {
		return unbounded()
	}
	s := Made{Lo: x.Lo * k, Hi: x.Hi * k}
	if x.Kind == Shares || x.Kind == Chances {
		s.Kind = Scaled
	}
	return s
}

// reduced is how many numbers a reduction makes one of, 0 if that is not known.
func (m *maker) reduced(n *Node) int {
	all, err1 := tensor.Size(m.g.Values[n.In[0]].Info.Shape)
	left, err2 := tensor.Size(m.g.Values[n.Out[0]].Info.Shape)
	if m.g.Values[n.In[0]].Info.Shape == nil || m.g.Values[n.Out[0]].Info.Shape == nil || err1 != nil || err2 != nil || left == 0 {
		return 0
	}
	return all / left
}

func (m *maker) softmax(n *Node, o *op.Softmax) Made {
	s := Made{Kind: Shares, Hi: 1}
	if shape := m.g.Values[n.In[0]].Info.Shape; shape != nil {
		axis := o.Axis
		if axis < 0 {
			axis += len(shape)
		}
		if axis >= 0 && axis < len(shape) {
			set := shape[axis : axis+1]
			if o.Coerce {
				set = shape[axis:]
			}
			s.Of, _ = tensor.Size(set)
		}
	}
	if o.Log {
		s.Kind, s.Lo, s.Hi = Logarithms, math.Inf(-1), 0
	}
	return s
}

// normalized is a vector made as long as 1; numbers that are not negative, made to
// add to 1, are shares.
func (m *maker) normalized(n *Node, o *op.LpNormalization, x Made) Made {
	d := Made{Kind: Direction, Lo: -1, Hi: 1}
	if x.Lo >= 0 {
		d.Lo = 0
	}
	shape := m.g.Values[n.In[0]].Info.Shape
	axis := o.Axis
	if axis < 0 {
		axis += len(shape)
	}
	if axis < 0 || axis >= len(shape) {
		return d
	}
	if o.P == 1 && x.Lo >= 0 {
		d.Kind, d.Of = Shares, shape[axis]
	}
	return d
}

// slack is what may be cut off shares so that they still count as adding to 1.
const slack = 1e-3

func (m *maker) clip(n *Node, o *op.Clip, x Made) Made {
	infos := make([]*op.Info, len(n.In))
	for i, id := range n.In {
		if id >= 0 {
			infos[i] = &m.g.Values[id].Info
		}
	}
	lo, hi, ok := o.Bounds(infos)
	if !ok {
		return unbounded()
	}
	keeps := x.Kind == Logarithms || x.Kind == Scaled || x.Kind == Ranking || float64(lo) <= x.Lo && float64(hi) >= x.Hi ||
		(x.Kind == Shares || x.Kind == Chances) && lo <= slack && hi >= 1-slack
	c := Made{Lo: min(max(x.Lo, float64(lo)), float64(hi)), Hi: min(max(x.Hi, float64(lo)), float64(hi))}
	if keeps {
		x.Lo, x.Hi = c.Lo, c.Hi
		return x
	}
	return c
}

// monotone are functions that never turn.
var monotone = []string{"Relu", "LeakyRelu", "Elu", "Selu", "Celu", "HardSigmoid", "Sigmoid", "Softplus", "Softsign", "Tanh", "Exp", "Log", "Sqrt", "Erf", "Atan", "Neg", "Ceil", "Floor", "Round"}

func (m *maker) unary(n *Node, o *op.Unary, x Made) Made {
	y := unbounded()
	switch name := n.Def.Name; {
	case slices.Contains(monotone, name):
		lo := x.Lo
		if name == "Sqrt" || name == "Log" { // no number below
			lo = max(lo, 0)
		}
		a, b := o.F(max(lo, -math.MaxFloat64)), o.F(min(x.Hi, math.MaxFloat64))
		if a == a && b == b {
			y.Lo, y.Hi = min(a, b), max(a, b)
		}
	case name == "Reciprocal" && (x.Lo > 0 || x.Hi < 0):
		y.Lo, y.Hi = 1/x.Hi, 1/x.Lo
	}
	switch n.Def.Name {
	case "Sigmoid", "HardSigmoid":
		y.Kind = Chances
	case "Tanh", "Softsign", "Erf":
		y.Kind = Bounded
	case "Exp":
		if x.Kind == Logarithms {
			if y.Kind = Chances; x.Of > 0 {
				y.Kind, y.Of = Shares, x.Of
			}
		}
	case "Log":
		if x.Kind == Shares || x.Kind == Chances {
			y.Kind, y.Of = Logarithms, x.Of
			if x.Kind == Chances {
				y.Of = 0
			}
		}
	case "Neg":
		if x.Kind == Logarithms {
			y.Kind = Costs
		}
		if p := m.producer(n.In[0]); p != nil && p.Def.Name == "Softplus" { // the logarithm of a sigmoid
			y.Kind = Logarithms
		}
	}
	return y
}
