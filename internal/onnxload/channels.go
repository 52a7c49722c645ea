package onnxload

import "slices"

// sameAxes are the operators whose first output has its numbers at the places of the
// first input's.
var sameAxes = map[string]bool{
	"Cast": true, "Clip": true, "DequantizeLinear": true, "DynamicQuantizeLinear": true, "Identity": true, "Pad": true, "QuantizeLinear": true, "Relu": true, "Resize": true, "Upsample": true,
}

// arithmetic are operators of two inputs that keep the places of both.
var arithmetic = map[string]bool{"Add": true, "Div": true, "Mul": true, "Sub": true}

// channels are an input's declared axes, with the number of channels where the file
// leaves it open, as exporters do that make every axis one of any length: the first
// convolution or normalization that reads the input has weights for just as many. What
// lies between may be arithmetic with constants, casts and transposes.
func (b *builder) channels(v valueInfo) []dim {
	if len(v.dims) < 3 {
		return v.dims
	}
	// at are, for each value that is the input's in another form, the input's axes that
	// its own are.
	at := map[string][]int{v.name: nil}
	for k := range v.dims {
		at[v.name] = append(at[v.name], k)
	}
	for _, n := range b.m.graph.nodes {
		if len(n.inputs) == 0 || len(n.outputs) == 0 || n.refused != nil {
			continue
		}
		axes := at[n.inputs[0]]
		switch {
		case arithmetic[n.opType] && len(n.inputs) == 2:
			other := n.inputs[1]
			if axes == nil {
				axes, other = at[n.inputs[1]], n.inputs[0]
			}
			if s, ok := b.weights(other); axes == nil || !ok || len(s) > len(axes) {
				continue
			}
		case axes == nil:
			continue
		case sameAxes[n.opType]:
		case n.opType == "Transpose":
			perm := make([]int, len(axes))
			for i := range perm {
				perm[i] = len(axes) - 1 - i
			}
			if a := n.attribute("perm"); a != nil {
				list, _ := a.value.([]int64)
				if len(list) != len(perm) {
					return v.dims
				}
				for i, p := range list {
					if p < 0 || int(p) >= len(perm) {
						return v.dims
					}
					perm[i] = int(p)
				}
			}
			moved := make([]int, len(axes))
			for i, p := range perm {
				moved[i] = axes[p]
			}
			axes = moved
		default:
			count, axis := b.channelsRead(n, len(axes)), axes[1]
			if count < 1 {
				continue
			}
			if v.dims[axis].value >= 0 || axis == 0 || b.opt.Layout == "nhwc" && axis != 3 || b.opt.Layout == "nchw" && axis != 1 {
				return v.dims
			}
			dims := slices.Clone(v.dims)
			dims[axis].value = int64(count)
			return dims
		}
		at[n.outputs[0]] = axes
	}
	return v.dims
}

// channelsRead is how many channels a layer has weights for, whose first input is of a
// rank; 0 where its weights do not say.
func (b *builder) channelsRead(n *nodeProto, rank int) int {
	weights, groups := -1, int64(1)
	switch n.opType {
	case "Conv", "ConvInteger", "FusedConv":
		weights = 1
	case "QLinearConv":
		weights = 3
	case "BatchNormalization", "InstanceNormalization":
		if len(n.inputs) > 1 {
			if s, ok := b.weights(n.inputs[1]); ok && len(s) == 1 {
				return s[0]
			}
		}
	}
	if weights < 0 || weights >= len(n.inputs) {
		return 0
	}
	if a := n.attribute("channels_last"); a != nil {
		return 0
	}
	if a := n.attribute("group"); a != nil {
		groups, _ = a.value.(int64)
	}
	s, ok := b.weights(n.inputs[weights])
	if !ok || len(s) != rank || groups < 1 || groups > int64(s[0]) {
		return 0
	}
	return s[1] * int(groups)
}

// weights is the shape of a constant, or of one that is given in another type.
func (b *builder) weights(name string) ([]int, bool) {
	for range 8 {
		if id, ok := b.ids[name]; ok {
			t := b.g.Values[id].Info
			return t.Shape, t.Value != nil
		}
		n := b.byOut[name]
		if n == nil || !sameAxes[n.opType] || len(n.inputs) == 0 {
			return nil, false
		}
		name = n.inputs[0]
	}
	return nil, false
}
