package tune

import (
	"slices"

	"krypton/internal/graph"
	"krypton/internal/obe"
	"krypton/internal/op"
)

// Family is a kind of network by what carries its changes on.
type Family string

// The families, with the networks that they are named for.
const (
	// Plain networks are chains of layers: VGG, AlexNet.
	Plain Family = "plain"
	// Branching networks concatenate: SqueezeNet, GoogLeNet.
	Branching Family = "branching"
	// Deep networks are branching ones of many layers: Inception v3 and later, DenseNet.
	Deep Family = "deep branching"
	// Residual networks add: ResNet.
	Residual Family = "residual"
	// Separable networks convolve each channel by itself: MobileNet,
	// EfficientNet.
	Separable Family = "separable"
)

// deep is the number of layers with windows, one behind the other, from which on a branching
// network is a deep one: SqueezeNet has 9, GoogLeNet 12, Inception v3 over 30.
const deep = 20

// FamilyOf tells a network's family from its nodes.
func FamilyOf(g *graph.Graph) Family {
	computed := func(id graph.ValueID) bool { return id >= 0 && g.Values[id].Producer >= 0 }
	family := Plain
	depth, most := make([]int, len(g.Values)), 0
	for _, n := range g.Nodes {
		here := 0
		for _, id := range n.In {
			if id >= 0 {
				here = max(here, depth[id])
			}
		}
		if _, ok := n.Op.(*op.Conv); ok && len(n.In) > 1 && n.In[1] >= 0 && windowed(g.Values[n.In[1]].Info.Shape) {
			here++
		}
		for _, id := range n.Out {
			if id >= 0 {
				depth[id] = here
			}
		}
		most = max(most, here)
		switch o := n.Op.(type) {
		case *op.Conv:
			if s := g.Values[n.In[0]].Info.Shape; o.Group > 1 && len(s) > 1 && o.Group == s[1] {
				return Separable
			}
		case *op.Elementwise:
			if n.Def.Name != "Add" && n.Def.Name != "Sum" {
				continue
			}
			if len(n.In) > 1 && computed(n.In[0]) && computed(n.In[1]) {
				family = Residual
			}
		case *op.Concat:
			if family == Plain && len(n.In) > 1 && computed(n.In[0]) && computed(n.In[1]) {
				family = Branching
			}
		}
	}
	if family == Branching && most >= deep {
		return Deep
	}
	return family
}

// windowed says that a convolution's weights, [outputs, inputs, window...], see more than one
// pixel.
func windowed(weights []int) bool {
	return len(weights) > 2 && slices.ContainsFunc(weights[2:], func(n int) bool { return n > 1 })
}

// defaults are what is taken for a model that nobody has tuned. Those of branching
// and residual networks were measured on trained ones (docs/approximation.md): SSIM
// of scores is 0.98 and more, of rendered maps 0.95. Where additions carry
// everything on, or changes have spread over most of the plane for many layers, cutting
// regions loses what thresholds keep. Of plain and
// separable networks no trained ones of size were at hand: plain ones widen their
// regions as branching ones do, of separable ones less is given up.
var defaults = map[Family]obe.Approximation{
	Plain:     {Tau: 0.6, Epsilon: 0.05, Shortlist: 128},
	Branching: {Tau: 0.6, Epsilon: 0.05, Shortlist: 128},
	Deep:      {Epsilon: 0.03, Shortlist: 128},
	Residual:  {Epsilon: 0.05, Shortlist: 128},
	Separable: {Epsilon: 0.02, Shortlist: 128},
}

// rungs are what positions of a certified map may give up, the boldest first. What is too
// bold for a picture is found out for that picture, at the price of a coarse map; so the
// first ones are such as most pictures bear. What a bolder one saves at each position it
// costs in positions that may be left out.
var rungs = map[Family][]obe.Approximation{
	Plain:     {{Tau: 0.6, Epsilon: 0.02, Shortlist: 128}, {Epsilon: 0.01, Shortlist: 128}, {Shortlist: 128}},
	Branching: {{Tau: 0.7, Epsilon: 0.015, Shortlist: 128}, {Epsilon: 0.01, Shortlist: 128}, {Shortlist: 128}},
	Deep:      {{Epsilon: 0.03, Shortlist: 128}, {Epsilon: 0.01, Shortlist: 128}, {Shortlist: 128}},
	Residual:  {{Epsilon: 0.05, Shortlist: 128}, {Epsilon: 0.02, Shortlist: 128}, {Shortlist: 128}},
	Separable: {{Epsilon: 0.02, Shortlist: 128}, {Shortlist: 128}},
}

// Rungs are what certified maps of a family's networks may give up, the boldest first. A
// profile's point, if there is one, comes before them.
func Rungs(f Family, start *Point) []obe.Approximation {
	all := slices.Clone(rungs[f])
	if start != nil {
		a := start.Approximation
		a.Steps, a.Checkerboard, a.DrillDown = nil, false, 0
		all = append([]obe.Approximation{a}, all...)
	}
	return all
}

// Default is the setting of a family, for models that nobody has tuned.
func Default(f Family) obe.Approximation { return defaults[f] }
