package incremental

import (
	"math/rand/v2"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/region"
)

// TestGlobal: a plan says from which step on everything is computed anew where that costs
// most, and neither where the cause stands at the end, nor on a branch beside, nor where the
// patch itself is large.
func TestGlobal(t *testing.T) {
	conv := func(n *network, x graph.ValueID, from, to int) graph.ValueID {
		return n.node("Relu", nil, n.node("Conv", map[string]any{"pads": []int64{1, 1, 1, 1}}, x, n.weights(1, to, from, 3, 3)))
	}
	gate := func(n *network, x graph.ValueID, c int) graph.ValueID {
		g := n.node("GlobalAveragePool", nil, x)
		return n.node("Mul", nil, x, n.node("Sigmoid", nil, n.node("Conv", nil, g, n.weights(1, c, c, 1, 1))))
	}
	end := func(n *network, x graph.ValueID, c int) {
		n.output(n.node("Gemm", nil, n.node("Flatten", nil, n.node("GlobalAveragePool", nil, x)), n.weights(1, c, 10)))
	}
	for name, c := range map[string]struct {
		make func(n *network, x graph.ValueID)
		side int    // of the patch
		want string // the operator
	}{
		"gated at the beginning": {func(n *network, x graph.ValueID) {
			end(n, conv(n, conv(n, gate(n, conv(n, x, 4, 8), 8), 8, 16), 16, 16), 16)
		}, 6, "GlobalAveragePool"},
		"gated at the end": {func(n *network, x graph.ValueID) { end(n, gate(n, conv(n, conv(n, x, 4, 16), 16, 16), 16), 16) }, 6, ""},
		"normalized": {func(n *network, x graph.ValueID) {
			end(n, conv(n, n.node("InstanceNormalization", nil, conv(n, x, 4, 8), n.weights(1, 8), n.weights(1, 8)), 8, 16), 16)
		}, 6, "moments"},
		"a gated branch": {func(n *network, x graph.ValueID) {
			x = conv(n, x, 4, 16)
			side := n.node("Conv", nil, n.node("GlobalAveragePool", nil, x), n.weights(1, 4, 16, 1, 1))
			x = conv(n, conv(n, x, 16, 16), 16, 16)
			n.output(n.node("Concat", map[string]any{"axis": int64(1)}, n.node("GlobalAveragePool", nil, x), side))
		}, 6, ""},
		"a large patch": {func(n *network, x graph.ValueID) { end(n, conv(n, conv(n, x, 4, 16), 16, 16), 16) }, 40, ""},
	} {
		n, x := newNetwork(t, rand.New(rand.NewPCG(4, 2)), 1, 4, 40, 40)
		c.make(n, x)
		p, err := Compile(n.g, CompileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		r := region.Rect{Y: region.Span{Hi: c.side}, X: region.Span{Hi: c.side}}
		got := p.Global([]region.Rect{r, centred(r, engine.Plane{H: 40, W: 40})})
		switch {
		case (got != nil) != (c.want != ""):
			t.Errorf("%s: %+v", name, got)
		case got == nil:
		case got.Operator != c.want || got.Step < 2 || got.Steps != len(p.steps) || !(got.Share >= savesLittle && got.Share <= 1):
			t.Errorf("%s: %+v", name, got)
		}
	}
}
