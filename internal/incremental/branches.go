package incremental

import (
	"slices"

	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// Networks that are trained with branches side by side (RepVGG, MobileOne, ACNet) add
// convolutions of one value, of several sizes, and batch normalizations of that value itself.
// If they are exported as they were trained, all of that is one convolution still, whose
// weights are the sums (Ding et al., RepVGG, CVPR 2021).

// mostBranchNodes is how many nodes a sum of branches may have.
const mostBranchNodes = 64

// branch is a convolution of a value, or the value itself if conv is nil, of which each
// channel is multiplied by scale and shifted.
type branch struct {
	conv         *graph.Node
	from         graph.ValueID
	scale, shift []float64 // one number for each channel of the output; nil for 1 and 0
}

// branches are what is added, and the nodes that do it.
type branches struct {
	sum   []branch
	nodes []int
}

// recognizeBranches finds sums of convolutions of one value.
func (c *compiler) recognizeBranches() {
	for last := len(c.g.Nodes) - 1; last >= 0; last-- {
		n := c.g.Nodes[last]
		if c.chained(last) || !isElementwise(n, "Add") || c.empty(n) || c.g.Values[n.Out[0]].Info.Type != tensor.Float32 {
			continue
		}
		found := &branches{nodes: []int{last}}
		if !c.addedBranches(n, last, branch{}, found) {
			continue
		}
		if sum, main, ok := c.mergedBranches(found.sum); ok {
			slices.Sort(found.nodes)
			from := main.In[0]
			c.take(chain{nodes: found.nodes, lower: func(c *compiler, last *graph.Node) (bool, error) {
				src, ok := c.rows(from)
				if !ok {
					return false, nil
				}
				weights, bias, result, name := c.foldAffine(last, sum.Weights, sum.Bias, sum.OutC, 1, c.perChannelOf(last.Out[0]))
				operator := *main
				operator.Name, operator.Out = last.Name, last.Out
				c.emitConv(&operator, src, sum.Y, sum.X, sum.Group, weights, bias, sum.OutC, result, name)
				return true, nil
			}})
		}
	}
}

// addedBranches follows both sides of an Add, whose result b takes further; false if one of them is
// no branch.
func (c *compiler) addedBranches(n *graph.Node, i int, b branch, found *branches) bool {
	out := c.shape(n.Out[0])
	for k, id := range n.In {
		if id < 0 || c.constant(id) != nil || len(n.In) != 2 || !slices.Equal(c.shape(id), out) {
			return false
		}
		if k > 0 {
			b.shift = nil // counts once
		}
		if !c.branch(id, i, b, found) {
			return false
		}
	}
	return true
}

// branch follows a value, which node reader reads and b takes further, to where it comes from.
func (c *compiler) branch(id graph.ValueID, reader int, b branch, found *branches) bool {
	i := c.g.Values[id].Producer
	if i >= 0 && c.only(id) == reader && !c.chained(i) && len(found.nodes) < mostBranchNodes {
		n := c.g.Nodes[i]
		if _, ok := n.Op.(*op.Conv); ok {
			b.conv, b.from = n, n.In[0]
			found.sum, found.nodes = append(found.sum, b), append(found.nodes, i)
			return true
		}
		for _, of := range n.In {
			if of < 0 || c.constant(of) != nil {
				continue
			}
			if scale, shift, ok := c.affine(n, of, c.perChannelOf(n.Out[0])); ok {
				found.nodes = append(found.nodes, i)
				return c.branch(of, i, b.of(scale, shift), found)
			}
			break
		}
		if isElementwise(n, "Add") {
			found.nodes = append(found.nodes, i)
			return c.addedBranches(n, i, b, found)
		}
	}
	b.from = id
	found.sum = append(found.sum, b)
	return b.scale != nil // else a residual, which stays a sum
}

// of is what b makes of something that is scaled and shifted.
func (b branch) of(scale, shift []float32) branch {
	to := branch{scale: make([]float64, len(scale)), shift: make([]float64, len(scale))}
	for m := range scale {
		s, t := 1.0, 0.0
		if b.scale != nil {
			s = b.scale[m]
		}
		if b.shift != nil {
			t = b.shift[m]
		}
		to.scale[m], to.shift[m] = float64(s*float64(scale[m])), float64(s*float64(shift[m]))+t
	}
	return to
}

// mergedBranches makes one convolution of branches, with the windows of the largest of them, main;
// false if they read several values or if windows lie beside those.
func (c *compiler) mergedBranches(sum []branch) (all engine.Convolution, main *graph.Node, ok bool) {
	largest := 0
	for _, b := range sum {
		if b.from != sum[0].from {
			return all, nil, false
		}
		if b.conv == nil {
			continue
		}
		if w := c.constant(b.conv.In[1]); w != nil && w.Len() > largest {
			main, largest = b.conv, w.Len()
		}
	}
	if main == nil || len(sum) < 2 {
		return all, nil, false
	}
	if all, ok = c.kernel(main); !ok {
		return all, nil, false
	}
	per := len(all.Weights) / (all.OutC * all.Y.Kernel * all.X.Kernel)
	weights, bias := make([]float64, len(all.Weights)), make([]float64, all.OutC)
	for _, b := range sum {
		k := engine.Convolution{Y: region.Identity(all.Y.Out), X: region.Identity(all.X.Out), Group: all.Group, OutC: all.OutC}
		if b.conv != nil {
			if k, ok = c.kernel(b.conv); !ok {
				return all, nil, false
			}
		} else if c.shape(b.from)[1] != all.OutC || per*all.Group != all.OutC {
			return all, nil, false
		}
		y, okY := inside(k.Y, all.Y)
		x, okX := inside(k.X, all.X)
		if !okY || !okX || k.Group != all.Group || k.OutC != all.OutC || b.scale != nil && len(b.scale) != all.OutC {
			return all, nil, false
		}
		for m := range all.OutC {
			scale := 1.0
			if b.scale != nil {
				scale = b.scale[m]
			}
			if b.shift != nil {
				bias[m] += b.shift[m]
			}
			if b.conv == nil {
				weights[((m*per+m%per)*all.Y.Kernel+y)*all.X.Kernel+x] += scale
				continue
			}
			if k.Bias != nil {
				bias[m] += float64(scale * float64(k.Bias[m]))
			}
			for p := range per {
				for ty := range k.Y.Kernel {
					for tx := range k.X.Kernel {
						w := k.Weights[((m*per+p)*k.Y.Kernel+ty)*k.X.Kernel+tx]
						weights[((m*per+p)*all.Y.Kernel+y+ty)*all.X.Kernel+x+tx] += float64(scale * float64(w))
					}
				}
			}
		}
	}
	all.Weights, all.Bias = make([]float32, len(weights)), make([]float32, len(bias))
	for i, w := range weights {
		all.Weights[i] = float32(w)
	}
	for i, v := range bias {
		all.Bias[i] = float32(v)
	}
	return all, main, engine.Finite(all.Weights) && engine.Finite(all.Bias)
}

// kernel is what a convolution node with constant weights is; false if it has others, or
// more axes than a plane.
func (c *compiler) kernel(n *graph.Node) (k engine.Convolution, ok bool) {
	o, w := n.Op.(*op.Conv), c.constant(n.In[1])
	if w == nil || c.shape(n.In[0]) == nil || c.g.Values[n.In[0]].Info.Type != tensor.Float32 {
		return k, false
	}
	ws, err := o.Windows(c.shape(n.In[0]), w.Shape)
	if err != nil || len(ws) < 1 || len(ws) > 2 {
		return k, false
	}
	k = engine.Convolution{Group: o.Group, OutC: w.Shape[0]}
	k.Y, k.X = planar(ws)
	if k.Weights, err = w.Floats(); err != nil {
		return k, false
	}
	if givenInput(n, 2) {
		b := c.constant(n.In[2])
		if b == nil {
			return k, false
		}
		if k.Bias, err = b.Floats(); err != nil {
			return k, false
		}
	}
	return k, true
}

// inside gives the tap of windows that the first tap of others is, if all of theirs are taps
// of the windows for the same outputs.
func inside(w, of region.Window) (first int, ok bool) {
	before := of.Pad - w.Pad
	if w.Stride != of.Stride || w.Out != of.Out || w.In != of.In || before < 0 || before%of.Dilation != 0 || w.Kernel > 1 && w.Dilation != of.Dilation {
		return 0, false
	}
	first = before / of.Dilation
	return first, first+w.Kernel <= of.Kernel
}
