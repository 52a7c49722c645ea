package incremental

import (
	"math/rand/v2"
	"testing"

	"krypton/internal/graph"
)

// TestShares: what workers share by channels, by tiles of pixels and by the rows of a mean
// is what the operators' references say and what updates of any rectangle are, bit for bit.
func TestShares(t *testing.T) {
	gate := func(n *network, x graph.ValueID, c int) graph.ValueID {
		mean := n.node("GlobalAveragePool", nil, x)
		return n.node("Mul", nil, x, n.node("Sigmoid", nil, n.node("Conv", nil, mean, n.weights(0.2, c, c, 1, 1))))
	}
	for name, add := range map[string]func(n *network, x graph.ValueID, c int) graph.ValueID{
		"depthwise 3": func(n *network, x graph.ValueID, c int) graph.ValueID { return n.depthwise(x, c, 3, 1) },
		"depthwise 5": func(n *network, x graph.ValueID, c int) graph.ValueID { return n.depthwise(x, c, 5, 1) },
		"depthwise 9": func(n *network, x graph.ValueID, c int) graph.ValueID { return n.depthwise(x, c, 9, 1) },
		"strided":     func(n *network, x graph.ValueID, c int) graph.ValueID { return n.depthwise(x, c, 5, 2) },
		"pixels": func(n *network, x graph.ValueID, c int) graph.ValueID {
			return n.node("Conv", nil, x, n.weights(0.2, 40, c, 1, 1))
		},
		"weights": func(n *network, x graph.ValueID, c int) graph.ValueID {
			return n.node("Conv", nil, x, n.weights(0.2, 300, c, 1, 1))
		},
		"gate": gate,
		// What others read, too, lies where the concatenation wants it.
		"ghost": func(n *network, x graph.ValueID, c int) graph.ValueID {
			y := n.node("Relu", nil, n.node("Conv", nil, x, n.weights(0.2, c/3, c, 1, 1)))
			both := n.node("Concat", map[string]any{"axis": int64(1)}, y, n.depthwise(y, c/3, 3, 1))
			less := n.node("Conv", map[string]any{"strides": []int64{2, 2}}, y, n.weights(0.2, 20, c/3, 1, 1))
			n.output(less)
			n.output(n.depthwise(y, c/3, 5, 2))
			return n.depthwise(both, c/3*2, 3, 2)
		},
	} {
		for _, a := range arithmetics(t) {
			t.Run(name+" "+a.String(), func(t *testing.T) {
				for seed, c := range []int{64, 72, 137} {
					size := []int{14, 9, 33}[seed]
					rng := rand.New(rand.NewPCG(uint64(seed), 5))
					n, x := newNetwork(t, rng, 1, c, size, size)
					x = n.node("Relu", nil, n.depthwise(x, c, 3, 1))
					n.output(add(n, x, c))
					p := checkGraph(t, a, uint64(seed), n, rng)
					lying := 0
					for _, at := range p.inConcats() {
						lying += min(at.of, 1)
					}
					if name == "ghost" && a.precision == FP32 && lying != 2 {
						t.Errorf("%d values lie in a concatenation", lying)
					}
				}
			})
		}
	}
}

// depthwise adds a layer of one filter for each channel.
func (n *network) depthwise(x graph.ValueID, c int, kernel, stride int64) graph.ValueID {
	pad := kernel / 2
	return n.node("Conv", map[string]any{"group": int64(c), "pads": []int64{pad, pad, pad, pad}, "strides": []int64{stride, stride}}, x, n.weights(0.5, c, 1, int(kernel), int(kernel)))
}
