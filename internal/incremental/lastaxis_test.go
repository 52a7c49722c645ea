package incremental

import (
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/graph"
	"krypton/internal/op"
)

// TestChannelsLast: linear layers, normalizations, biases and scales over the last axis,
// as ConvNeXt and its like have them behind a transpose, are computed pixel by pixel by
// the engine's primitives; updates equal whole runs.
func TestChannelsLast(t *testing.T) {
	count := 100
	if testing.Short() {
		count = 8
	}
	for _, a := range arithmetics(t) {
		t.Run(a.String(), func(t *testing.T) {
			for seed := range uint64(count) {
				rng := rand.New(rand.NewPCG(seed, 13))
				c := 1 + rng.IntN(30)
				n, x := newNetwork(t, rng, 1, c, 6+rng.IntN(6), 6+rng.IntN(6))
				x = n.node("Conv", map[string]any{"group": int64(c), "pads": []int64{1, 1, 1, 1}}, x, n.weights(1, c, 1, 3, 3))
				n.output(n.block(rng, x, c))
				p := checkGraph(t, a, seed, n, rng)
				for _, s := range p.steps {
					if s.reference != nil || s.kind == op.Global {
						t.Fatalf("seed %d: %s (%s) is %v, by its reference %v\n%s", seed, s.node, s.operator, s.kind, s.reference != nil, n)
					}
				}
			}
		})
	}
}

// block adds a block of a network whose channels are last inside it.
func (n *network) block(rng *rand.Rand, x graph.ValueID, c int) graph.ValueID {
	out := 1 + rng.IntN(40)
	y := n.node("Transpose", map[string]any{"perm": []int64{0, 2, 3, 1}}, x)
	if rng.IntN(3) == 0 {
		y = n.normInPieces(rng, y, c)
	} else if rng.IntN(2) == 0 {
		y = n.node("LayerNormalization", map[string]any{"epsilon": float32(1e-3)}, y, n.weights(1, c), n.weights(1, c))
	}
	if s := n.shape(y); rng.IntN(3) == 0 { // tokens
		y = n.node("Reshape", nil, y, n.ints(1, int64(s[1]*s[2]), int64(c)))
	}
	y = n.node("MatMul", nil, y, n.weights(1/float32(math.Sqrt(float64(c))), c, out))
	if rng.IntN(2) == 0 {
		y = n.node("Add", nil, n.weights(1, out), y)
	}
	switch rng.IntN(3) {
	case 0:
		y = n.node("Relu", nil, y)
	case 1:
		e := n.node("Add", nil, n.node("Erf", nil, n.node("Div", nil, y, n.number(math.Sqrt2))), n.number(1))
		y = n.node("Mul", nil, n.node("Mul", nil, y, e), n.number(0.5))
	}
	if rng.IntN(3) == 0 {
		y = n.byResponse(rng, y, out)
	}
	y = n.node("MatMul", nil, y, n.weights(1/float32(math.Sqrt(float64(out))), out, c))
	y = n.node([]string{"Mul", "Add", "Sub", "Div"}[rng.IntN(4)], nil, y, n.constantFrom(1, c))
	if s := n.shape(x); len(n.shape(y)) == 3 {
		y = n.node("Reshape", nil, y, n.ints(1, int64(s[2]), int64(s[3]), int64(c)))
	}
	y = n.node("Transpose", map[string]any{"perm": []int64{0, 3, 1, 2}}, y)
	if rng.IntN(2) == 0 {
		y = n.node("Mul", nil, y, n.weights(1, c, 1, 1))
	}
	return n.node("Add", nil, y, x)
}

// byResponse adds a normalization of channels by what all pixels have of them beside the
// mean of all channels, as ConvNeXt V2 has it.
func (n *network) byResponse(rng *rand.Rand, x graph.ValueID, c int) graph.ValueID {
	kind := []string{"ReduceL2", "ReduceL2", "ReduceL1", "ReduceSum", "ReduceSumSquare", "ReduceMean", "ReduceMax"}[rng.IntN(7)]
	axes := []int64{1, 2}[:len(n.shape(x))-2]
	var g graph.ValueID
	if kind == "ReduceSum" { // its axes are an input
		g = n.node(kind, nil, x, n.ints(axes...))
	} else {
		g = n.node(kind, map[string]any{"axes": axes}, x)
	}
	g = n.node("Abs", nil, g)
	mean := n.node("ReduceMean", map[string]any{"axes": []int64{-1}}, g)
	g = n.node("Div", nil, g, n.node("Add", nil, mean, n.number(0.1)))
	y := n.node("Mul", nil, x, g)
	if rng.IntN(2) == 0 {
		y = n.node("Mul", nil, g, x)
	}
	y = n.node("Add", nil, n.node("Mul", nil, n.weights(1, append([]int{1, 1, 1}[:len(n.shape(x))-1:3], c)...), y), n.weights(1, c))
	return n.node("Add", nil, y, x)
}

// normInPieces adds a layer normalization as exporters write it that have no operator
// for it.
func (n *network) normInPieces(rng *rand.Rand, x graph.ValueID, c int) graph.ValueID {
	d := n.node("Sub", nil, x, n.node("ReduceMean", map[string]any{"axes": []int64{-1}}, x))
	var square graph.ValueID
	if rng.IntN(2) == 0 {
		square = n.node("Pow", nil, d, n.number(2))
	} else {
		square = n.node("Mul", nil, d, d)
	}
	v := n.node("Add", nil, n.node("ReduceMean", map[string]any{"axes": []int64{-1}}, square), n.number(1e-3))
	y := n.node("Div", nil, d, n.node("Sqrt", nil, v))
	if rng.IntN(3) > 0 {
		y = n.node("Add", nil, n.node("Mul", nil, y, n.weights(1, c)), n.weights(1, c))
	}
	return y
}

// constantFrom is a row of numbers from lo up, which may divide.
func (n *network) constantFrom(lo float32, length int) graph.ValueID {
	id := n.weights(1, length)
	for i, v := range n.g.Values[id].Info.Value.Data.([]float32) {
		n.g.Values[id].Info.Value.Data.([]float32)[i] = lo + v*v
	}
	return id
}

// TestMeanOfLists: a mean of lists is no sum of them.
func TestMeanOfLists(t *testing.T) {
	n, x := newNetwork(t, rand.New(rand.NewPCG(1, 1)), 1, 3, 6, 7)
	list := n.node("Reshape", nil, n.node("Transpose", map[string]any{"perm": []int64{0, 2, 3, 1}}, n.node("Conv", nil, x, n.weights(1, 8, 3, 1, 1))), n.ints(1, 42, 8))
	n.output(n.node("Mean", nil, list, n.weights(1, 1, 1, 8)))
	p, err := Compile(n.g, CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n.agrees(t, p)
}

// TestNormalizedRows: a batch normalization behind a linear layer over the last axis is
// of axis 1, whose length may be that of the last one.
func TestNormalizedRows(t *testing.T) {
	for _, a := range arithmetics(t) {
		for seed := range uint64(10) {
			rng := rand.New(rand.NewPCG(seed, 18))
			side := 2 + rng.IntN(4)
			n, x := newNetwork(t, rng, 1, side, 2+rng.IntN(4), side)
			y := n.node("MatMul", nil, x, n.weights(1, side, side))
			n.output(n.node("Relu", nil, n.batchNormalization(y)))
			checkGraph(t, a, seed, n, rng)
		}
	}
}
