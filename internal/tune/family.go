package tune

import (
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
	// Branching networks concatenate: SqueezeNet, Inception, DenseNet.
	Branching Family = "branching"
	// Residual networks add: ResNet.
	Residual Family = "residual"
	// Separable networks convolve each channel by itself: MobileNet,
	// EfficientNet.
	Separable Family = "separable"
)

// FamilyOf tells a network's family from its nodes.
func FamilyOf(g *graph.Graph) Family {
	computed := func(id graph.ValueID) bool { return id >= 0 && g.Values[id].Producer >= 0 }
	family := Plain
	for _, n := range g.Nodes {
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
	return family
}

// defaults are what is taken for a model that nobody has tuned. Those of branching
// and residual networks were measured on trained ones (docs/approximation.md): SSIM
// of scores is 0.98 and more, of rendered maps 0.95. Where additions carry
// everything on, cutting regions loses what thresholds keep. Of plain and
// separable networks no trained ones of size were at hand: plain ones widen their
// regions as branching ones do, of separable ones less is given up.
var defaults = map[Family]obe.Approximation{
	Plain:     {Tau: 0.6, Epsilon: 0.05, Shortlist: 128},
	Branching: {Tau: 0.6, Epsilon: 0.05, Shortlist: 128},
	Residual:  {Epsilon: 0.05, Shortlist: 128},
	Separable: {Epsilon: 0.02, Shortlist: 128},
}

// Default is the setting of a family, for models that nobody has tuned.
func Default(f Family) obe.Approximation { return defaults[f] }
