package incremental

import (
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/graph"
)

// TestRecurrent: recurrent layers over what convolutions made, of any kind and direction,
// are kernels; they give their definition's numbers, and updates the bits of whole runs.
func TestRecurrent(t *testing.T) {
	count := 40
	if testing.Short() {
		count = 6
	}
	for _, a := range arithmetics(t) {
		t.Run(a.String(), func(t *testing.T) {
			for seed := range uint64(count) {
				rng := rand.New(rand.NewPCG(seed, 29))
				c, h, w := 1+rng.IntN(20), 1+rng.IntN(3), 4+rng.IntN(9)
				n, x := newNetwork(t, rng, 1, 2, h, w)
				x = n.node("Conv", nil, x, n.weights(1, c, 2, h, 1)) // [1,c,1,w]
				if rng.IntN(3) == 0 {
					x = n.node("Conv", map[string]any{"pads": []int64{0, 1, 0, 1}}, x, n.weights(1/float32(c), c, c, 1, 3))
				}
				x = n.node("Transpose", map[string]any{"perm": []int64{2, 0, 1}}, n.node("Reshape", nil, x, n.ints(1, int64(c), int64(w))))
				for range 1 + rng.IntN(2) {
					x = n.recurrentLayer(rng, x)
				}
				p := checkGraph(t, a, seed, n, rng)
				for _, s := range p.steps {
					if s.reference != nil {
						t.Fatalf("seed %d: %s (%s) by its reference\n%s", seed, s.node, s.operator, n)
					}
				}
			}
		})
	}
}

// recurrentLayer adds a recurrent layer, some of whose outputs are the network's, and gives
// its states as a sequence.
func (n *network) recurrentLayer(rng *rand.Rand, x graph.ValueID) graph.ValueID {
	kind := rng.IntN(4)
	typ, gates := []string{"LSTM", "GRU", "RNN", "RNN"}[kind], []int{4, 3, 1, 1}[kind]
	hidden, ways, attr := 1+rng.IntN(40), 1, map[string]any{}
	switch rng.IntN(3) {
	case 0:
		attr["direction"], ways = "bidirectional", 2
	case 1:
		attr["direction"] = "reverse"
	}
	switch kind {
	case 1:
		attr["linear_before_reset"] = int64(1)
	case 3:
		attr["activations"] = []string{"Relu", "Relu"}[:ways]
	}
	attr["hidden_size"] = int64(hidden)
	from := n.shape(x)[2]
	in := []graph.ValueID{x, n.weights(1/float32(math.Sqrt(float64(from))), ways, gates*hidden, from),
		n.weights(1/float32(math.Sqrt(float64(hidden))), ways, gates*hidden, hidden), -1, -1, -1}
	if rng.IntN(3) > 0 {
		in[3] = n.weights(.3, ways, 2*gates*hidden)
	}
	if rng.IntN(2) == 0 {
		in[5] = n.weights(1, ways, 1, hidden)
	}
	if typ == "LSTM" && rng.IntN(2) == 0 {
		in = append(in, n.weights(1, ways, 1, hidden))
	}
	outputs := 2
	if typ == "LSTM" {
		outputs = 3
	}
	out, err := n.try(typ, attr, outputs, in...)
	if err != nil {
		n.t.Fatal(err)
	}
	y := n.node("Reshape", nil, n.node("Transpose", map[string]any{"perm": []int64{0, 2, 1, 3}}, out[0]), n.ints(int64(n.shape(x)[0]), 1, int64(ways*hidden)))
	if rng.IntN(2) == 0 {
		n.output(n.node("MatMul", nil, y, n.weights(1/float32(ways*hidden), ways*hidden, 3)))
	} else if rng.IntN(2) == 0 {
		n.output(out[0])
	} else {
		n.output(y)
	}
	if rng.IntN(2) == 0 {
		n.output(out[1:]...)
	}
	return y
}
