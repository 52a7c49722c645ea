package incremental

import (
	"math/rand/v2"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/graph"
)

// TestGroupedUpdates: convolutions in groups of 4 to 16 channels, and depthwise ones of
// wide windows, are what their references say, in updates bit for bit what they are in whole
// runs, whether they write their own memory or a part of a concatenation's.
func TestGroupedUpdates(t *testing.T) {
	for _, a := range arithmetics(t) {
		t.Run(a.String(), func(t *testing.T) {
			together := 0
			for seed := range uint64(30) {
				rng := rand.New(rand.NewPCG(seed, 77))
				per := []int{4, 8, 1, 16}[rng.IntN(4)]
				c := (16 + 8*rng.IntN(4)) / per * per
				n, x := newNetwork(t, rng, 1, c, 6+rng.IntN(16), 6+rng.IntN(16))
				var parts []int64
				for range 2 {
					k := int64(3)
					if per == 1 {
						k = []int64{3, 5, 7}[rng.IntN(3)]
					}
					stride, dilation := 1+rng.Int64N(2), 1+rng.Int64N(2)
					pad := (k - 1) * dilation / 2
					parts = append(parts, k, stride, dilation, pad)
				}
				conv := func(x graph.ValueID, q []int64) graph.ValueID {
					attributes := map[string]any{"group": int64(c / per), "strides": []int64{q[1], q[1]}, "dilations": []int64{q[2], q[2]}, "pads": []int64{q[3], q[3], q[3], q[3]}}
					return n.node("Conv", attributes, x, n.weights(1/float32(per), c, per, int(q[0]), int(q[0])), n.weights(1, c))
				}
				first := conv(x, parts[:4])
				second := conv(first, parts[4:])
				third := conv(first, parts[4:])
				n.output(n.node("Concat", map[string]any{"axis": int64(1)}, second, third))
				p := checkGraph(t, a, seed, n, rng)
				for i := range p.steps {
					if _, ok := p.steps[i].prim.(*engine.Depthwise); ok && per > 1 {
						together++
					}
				}
			}
			if together < 20 && a.k != &asm.Generic {
				t.Errorf("only %d layers have kernels for their groups", together)
			}
		})
	}
}

// TestMultiplied: depthwise layers that make several channels of each, as those for
// electroencephalograms do over all electrodes, are depthwise layers.
func TestMultiplied(t *testing.T) {
	for _, a := range arithmetics(t) {
		for seed := range uint64(4) {
			rng := rand.New(rand.NewPCG(seed, 78))
			c, each := 8+rng.IntN(9), 2+int(seed%3)
			n, x := newNetwork(t, rng, 1, 1, 9, 6+rng.IntN(16))
			x = n.node("Conv", map[string]any{"pads": []int64{0, 1, 0, 1}}, x, n.weights(1, c, 1, 1, 3))
			x = n.node("Conv", map[string]any{"group": int64(c)}, x, n.weights(0.3, c*each, 1, 9, 1), n.weights(1, c*each))
			n.output(n.node("Relu", nil, x))
			p := checkGraph(t, a, seed, n, rng)
			layers := 0
			for i := range p.steps {
				if _, ok := p.steps[i].prim.(*engine.Depthwise); ok {
					layers++
				}
			}
			if layers != each {
				t.Errorf("%s, seed %d: %d layers, want %d\n%s", a, seed, layers, each, n)
			}
		}
	}
}
