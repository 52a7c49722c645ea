package incremental

import (
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/graph"
	"krypton/internal/op"
)

// TestSeriesLayouts: whatever order the axes of a series have, and whatever exporters put in
// front of its layers, time is the plane's, no step is global, a change stays one of some
// samples, and updates and streams equal whole runs.
func TestSeriesLayouts(t *testing.T) {
	const c, length = 5, 60
	transpose := func(perm ...int64) map[string]any { return map[string]any{"perm": perm} }
	fronts := []struct {
		name  string
		shape []int
		front func(n *network, x graph.ValueID) graph.ValueID // makes [1, C, T]
	}{
		{"[B C T]", []int{1, c, length}, func(n *network, x graph.ValueID) graph.ValueID { return x }},
		{"[B T C]", []int{1, length, c}, func(n *network, x graph.ValueID) graph.ValueID {
			return n.node("Transpose", transpose(0, 2, 1), x)
		}},
		{"more channels than samples", []int{1, 12, 40}, func(n *network, x graph.ValueID) graph.ValueID {
			return n.node("Transpose", transpose(0, 2, 1), n.node("Relu", nil, x))
		}},
		{"[T C]", []int{length, c}, func(n *network, x graph.ValueID) graph.ValueID {
			return n.node("Unsqueeze", nil, n.node("Transpose", transpose(1, 0), x), n.ints(0))
		}},
		{"[C T]", []int{c, length}, func(n *network, x graph.ValueID) graph.ValueID {
			return n.node("Reshape", nil, x, n.ints(1, c, length))
		}},
		{"[B T 1]", []int{1, length, 1}, func(n *network, x graph.ValueID) graph.ValueID {
			return n.node("Reshape", nil, x, n.ints(-1, 1, length))
		}},
		{"[B T]", []int{1, length}, func(n *network, x graph.ValueID) graph.ValueID {
			return n.node("Unsqueeze", nil, x, n.ints(1))
		}},
		{"[T B C]", []int{length, 1, c}, func(n *network, x graph.ValueID) graph.ValueID {
			return n.node("Transpose", transpose(1, 2, 0), x)
		}},
		{"[B 1 C T]", []int{1, 1, c, length}, func(n *network, x graph.ValueID) graph.ValueID {
			y := n.node("Conv", nil, x, n.weights(1, 6, 1, c, 3)) // over all channels at a time
			return n.node("Squeeze", nil, y, n.ints(2))
		}},
		{"[B T C], by planes of one row", []int{1, length, c}, func(n *network, x graph.ValueID) graph.ValueID {
			y := n.node("Transpose", transpose(0, 3, 1, 2), n.node("Unsqueeze", nil, x, n.ints(1)))
			y = n.node("Conv", map[string]any{"pads": []int64{0, 2, 0, 2}}, y, n.weights(.5, 6, c, 1, 5))
			return n.node("Squeeze", nil, y, n.ints(2))
		}},
	}
	backs := []struct {
		name string
		back func(n *network, x graph.ValueID) graph.ValueID // of [1, C, T]
	}{
		{"series", func(n *network, x graph.ValueID) graph.ValueID {
			return n.node("Conv", map[string]any{"pads": []int64{1, 1}}, x, n.weights(.3, 7, n.shape(x)[1], 3))
		}},
		{"channels as rows", func(n *network, x graph.ValueID) graph.ValueID {
			y := n.node("Unsqueeze", nil, x, n.ints(1))
			return n.node("Conv", map[string]any{"pads": []int64{1, 1, 1, 1}}, y, n.weights(.5, 3, 1, 3, 3))
		}},
		{"time as rows, and back", func(n *network, x graph.ValueID) graph.ValueID {
			y := n.node("Unsqueeze", nil, n.node("Transpose", transpose(0, 2, 1), x), n.ints(1))
			y = n.node("Conv", map[string]any{"pads": []int64{1, 1, 1, 1}}, y, n.weights(.5, 3, 1, 3, 3))
			s := n.shape(y)
			y = n.node("Reshape", nil, n.node("Transpose", transpose(0, 2, 1, 3), y), n.ints(1, int64(s[2]), int64(s[1]*s[3])))
			return n.node("MatMul", nil, y, n.weights(.3, s[1]*s[3], 4))
		}},
		{"time as rows, channels last", func(n *network, x graph.ValueID) graph.ValueID {
			s := n.shape(x)
			y := n.node("Reshape", nil, n.node("Transpose", transpose(0, 2, 1), x), n.ints(1, int64(s[2]), 2, int64(s[1]/2)))
			y = n.node("Transpose", transpose(0, 3, 1, 2), y)
			return n.node("Conv", map[string]any{"pads": []int64{1, 1, 1, 1}}, y, n.weights(.5, 3, s[1]/2, 3, 3))
		}},
	}
	for _, a := range arithmetics(t) {
		t.Run(a.String(), func(t *testing.T) {
			for i, front := range fronts {
				for j, back := range backs {
					seed := uint64(10*i + j)
					rng := rand.New(rand.NewPCG(seed, 71))
					n, x := newNetwork(t, rng, front.shape...)
					x = front.front(n, x)
					x = n.node("Relu", nil, n.node("Conv", map[string]any{"strides": []int64{2}, "pads": []int64{2, 2}}, x, n.weights(.5, 6, n.shape(x)[1], 5)))
					n.output(back.back(n, x))
					p := checkGraph(t, a, seed, n, rng)
					if a.precision != INT8 { // of which there are no streams
						checkStreamOf(t, a, seed, n, rng)
					}
					plane := p.InputPlane()
					if plane.W != slices.Max(front.shape) && front.shape[1] != 12 || front.shape[1] == 12 && plane.W != 12 {
						t.Errorf("%s: the plane is %v", front.name, plane)
					}
					for _, s := range p.steps {
						if s.reference != nil || s.kind == op.Global {
							t.Errorf("%s, %s: %s (%s) is %v", front.name, back.name, s.node, s.operator, s.kind)
						}
					}
				}
			}
		})
	}
}
