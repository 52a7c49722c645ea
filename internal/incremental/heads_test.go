package incremental

import (
	"math/rand/v2"
	"testing"

	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/tensor"
)

// TestHeads: what detectors do to the channels of their planes, in axes of boxes and
// numbers that they transpose, cut, combine with constants and put together over scales,
// is what the references say, without them, and updates equal whole runs.
func TestHeads(t *testing.T) {
	count := 80
	if testing.Short() {
		count = 15
	}
	for _, a := range arithmetics(t) {
		t.Run(a.String(), func(t *testing.T) {
			local, all := 0, 0
			for seed := range uint64(count) {
				rng := rand.New(rand.NewPCG(seed, 15))
				n, x := newNetwork(t, rng, 1, 1+rng.IntN(4), 6+rng.IntN(8), 6+rng.IntN(8))
				n.heads(rng, x)
				p := checkGraph(t, a, seed, n, rng)
				if a.precision != INT8 && seed%3 == 0 {
					checkStreamOf(t, a, seed, n, rng)
				}
				for _, s := range p.steps {
					if s.reference != nil && s.operator != "Cast" {
						t.Fatalf("seed %d: %s (%s) is computed by its reference\n%s", seed, s.node, s.operator, n)
					}
					if s.operator == "Slice" || s.operator == "Split" {
						if all++; s.kind == op.Pointwise {
							local++
						}
					}
				}
			}
			t.Logf("%d of %d cuts are pixel by pixel", local, all)
			if 2*local < all {
				t.Errorf("only %d of %d cuts are pixel by pixel", local, all)
			}
		})
	}
}

// heads adds heads of one or more scales, of boxes in axes of their own or of flattened
// planes, and what puts them together.
func (n *network) heads(rng *rand.Rand, x graph.ValueID) {
	boxes, numbers := 1+rng.IntN(3), 3+rng.IntN(5)
	apart := rng.IntN(2) == 0
	var all []graph.ValueID
	for scale := range 1 + rng.IntN(3) {
		s := n.shape(x)
		c := numbers
		if apart {
			c *= boxes
		}
		head := n.node("Conv", nil, x, n.weights(0.5, c, s[1], 1, 1))
		if apart {
			all = append(all, n.boxes(rng, head, boxes, numbers))
		} else {
			all = append(all, n.flattened(rng, head))
		}
		if scale < 2 && s[2] > 2 && s[3] > 2 {
			x = n.node("Relu", nil, n.node("Conv", map[string]any{"strides": []int64{2, 2}, "pads": []int64{1, 1, 1, 1}}, x, n.weights(0.5, 5, s[1], 3, 3)))
		}
	}
	axis := int64(1)
	if !apart {
		axis = 2
	}
	y := n.node("Concat", map[string]any{"axis": axis}, all...)
	if rng.IntN(2) == 0 {
		y = n.node("Transpose", map[string]any{"perm": []int64{0, 2, 1}}, y)
	} else if !apart {
		y = n.decoded(rng, y)
	}
	n.output(y)
	if rng.IntN(3) == 0 {
		n.output(all[0])
	}
	if rng.IntN(3) == 0 { // maxima of what no sum has rounded
		in := n.g.Inputs[0]
		pooled := n.node("MaxPool", map[string]any{"kernel_shape": []int64{3, 3}, "pads": []int64{1, 1, 1, 1}}, in)
		is := n.node("Cast", map[string]any{"to": int64(tensor.Float32)}, n.node([]string{"Equal", "GreaterOrEqual", "Less"}[rng.IntN(3)], nil, in, pooled))
		n.output(n.node("Mul", nil, in, is))
	}
	if rng.IntN(3) == 0 {
		place := n.node([]string{"ArgMax", "ArgMin"}[rng.IntN(2)], map[string]any{"axis": int64(1), "keepdims": int64(rng.IntN(2)), "select_last_index": int64(rng.IntN(2))}, n.g.Inputs[0])
		if rng.IntN(2) == 0 {
			place = n.node("Cast", map[string]any{"to": int64(tensor.Float32)}, place)
		}
		n.output(place)
	}
}

// boxes views a plane as boxes of some numbers, does something to the numbers, and lists
// the boxes.
func (n *network) boxes(rng *rand.Rand, x graph.ValueID, boxes, numbers int) graph.ValueID {
	s := n.shape(x)
	y := n.node("Reshape", nil, x, n.ints(1, int64(boxes), int64(numbers), int64(s[2]), int64(s[3])))
	last := int64(4)
	if rng.IntN(4) == 0 {
		y, last = n.node("Transpose", map[string]any{"perm": []int64{0, 3, 4, 1, 2}}, y), 4
	} else {
		y = n.node("Transpose", map[string]any{"perm": []int64{0, 1, 3, 4, 2}}, y)
	}
	shape := n.shape(y)
	broadcast := func(k int) []int { // a constant's shape
		c := []int{1, 1, 1, 1, 1}
		for a := range c {
			if rng.IntN(2) == 0 {
				c[a] = shape[a]
			}
		}
		c[4] = []int{1, k}[rng.IntN(2)]
		return c[rng.IntN(2):]
	}
	cut := func(lo, hi int) graph.ValueID {
		return n.node("Slice", nil, y, n.ints(int64(lo)), n.ints(int64(hi)), n.ints(last))
	}
	places, rest := cut(0, 2), cut(2, numbers)
	if rng.IntN(2) == 0 {
		parts, err := n.try("Split", map[string]any{"axis": last}, 2, y, n.ints(2, int64(numbers-2)))
		if err != nil {
			n.t.Fatal(err)
		}
		places, rest = parts[0], parts[1]
	}
	places = n.node("Mul", nil, n.node("Add", nil, places, n.weights(1, broadcast(2)...)), n.weights(1, broadcast(2)...))
	rest = n.node("Sigmoid", nil, rest)
	if rng.IntN(2) == 0 {
		rest = n.node("Pow", nil, rest, n.constant(tensor.Scalar[float32](2)))
	}
	switch rng.IntN(4) {
	case 0: // times one of them, broadcast
		rest = n.node("Mul", nil, rest, n.node("Slice", nil, rest, n.ints(0), n.ints(1), n.ints(last)))
	case 1:
		m := n.node("ReduceMax", map[string]any{"axes": []int64{last}}, rest)
		rest = n.node("Sub", nil, rest, m)
	}
	y = n.node("Concat", map[string]any{"axis": last}, places, rest)
	return n.node("Reshape", nil, y, n.ints(1, -1, int64(n.shape(y)[4])))
}

// flattened makes a row of pixels of a plane.
func (n *network) flattened(rng *rand.Rand, x graph.ValueID) graph.ValueID {
	s := n.shape(x)
	if rng.IntN(2) == 0 && s[1] > 2 {
		parts := []graph.ValueID{n.node("Slice", nil, x, n.ints(0), n.ints(2), n.ints(1)), n.node("Slice", nil, x, n.ints(2), n.ints(int64(s[1])), n.ints(1))}
		parts[1] = n.node("Sigmoid", nil, parts[1])
		x = n.node("Concat", map[string]any{"axis": int64(1)}, parts...)
	}
	return n.node("Reshape", nil, x, n.ints(1, int64(s[1]), -1))
}

// decoded does to a row of pixels what is done to boxes' sides: means of distributions,
// constants for each place, norms.
func (n *network) decoded(rng *rand.Rand, x graph.ValueID) graph.ValueID {
	s := n.shape(x)
	wide := n.node("Conv", nil, x, n.weights(0.5, 12, s[1], 1))
	d := n.node("Reshape", nil, wide, n.ints(1, 4, 3, int64(s[2])))
	d = n.node("Softmax", map[string]any{"axis": int64(1)}, n.node("Transpose", map[string]any{"perm": []int64{0, 2, 1, 3}}, d))
	d = n.node("Reshape", nil, n.node("Conv", nil, d, n.weights(1, 1, 3, 1, 1)), n.ints(1, 4, int64(s[2])))
	d = n.node("Mul", nil, n.node("Add", nil, d, n.weights(1, 1, 4, s[2])), n.weights(1, 1, 1, s[2]))
	norm := n.node([]string{"ReduceL2", "ReduceMean", "ReduceMax", "ReduceMin"}[rng.IntN(4)], map[string]any{"axes": []int64{1}}, x)
	if rng.IntN(2) == 0 {
		norm = n.node("Expand", nil, norm, n.ints(1, 4, int64(s[2])))
	}
	return n.node("Concat", map[string]any{"axis": int64(1)}, n.node("Add", nil, d, norm), n.node("Sigmoid", nil, x))
}
