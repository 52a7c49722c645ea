package incremental

import (
	"math/rand/v2"
	"testing"

	"krypton/internal/graph"
	"krypton/internal/tensor"
)

// TestSpreadingLayers: transposed convolutions of any geometry, squares of channels laid
// out and resized planes are what their references say, by the engine's primitives, and
// updates of them equal whole runs.
func TestSpreadingLayers(t *testing.T) {
	count := 300
	if testing.Short() {
		count = 15
	}
	for _, a := range arithmetics() {
		t.Run(a.String(), func(t *testing.T) {
			for seed := range uint64(count) {
				rng := rand.New(rand.NewPCG(seed, 12))
				c := 1 + rng.IntN(9)
				shape := []int{1, 4 * c, 1 + rng.IntN(9), 1 + rng.IntN(9)}
				n, x := newNetwork(t, rng, shape...)
				n.output(n.spreading(rng, x, c))
				p := checkGraph(t, a, seed, n, rng)
				for _, s := range p.steps {
					if s.reference != nil {
						t.Fatalf("seed %d: %s is computed by its reference\n%s", seed, s.node, n)
					}
				}
			}
		})
	}
}

// spreading adds a layer that makes a larger plane, and sometimes one behind it.
func (n *network) spreading(rng *rand.Rand, x graph.ValueID, c int) graph.ValueID {
	switch rng.IntN(4) {
	case 0:
		return n.node("DepthToSpace", map[string]any{"blocksize": int64(2), "mode": []string{"DCR", "CRD"}[rng.IntN(2)]}, x)
	case 1:
		mode := []string{"nearest", "linear", "cubic"}[rng.IntN(3)]
		scales := []float32{1, 1, 1 + rng.Float32()*2, 1 + rng.Float32()*2}
		return n.node("Resize", map[string]any{"mode": mode, "coordinate_transformation_mode": []string{"half_pixel", "align_corners", "asymmetric"}[rng.IntN(3)]}, x, -1, n.constant(tensor.New(scales, 4)))
	}
	for {
		m := 1 + rng.IntN(9)
		k, s := []int{1 + rng.IntN(5), 1 + rng.IntN(5)}, []int64{int64(1 + rng.IntN(3)), int64(1 + rng.IntN(3))}
		pads := []int64{int64(rng.IntN(k[0] + 1)), int64(rng.IntN(k[1] + 1)), int64(rng.IntN(k[0] + 1)), int64(rng.IntN(k[1] + 1))}
		more := []int64{int64(rng.IntN(int(s[0]))), int64(rng.IntN(int(s[1])))}
		left := true // something, when the pads are cut off
		for a := range 2 {
			left = left && s[a]*int64(n.shape(x)[2+a]-1)+more[a]+int64(k[a])-pads[a]-pads[2+a] > 0
		}
		if !left {
			continue
		}
		in := []graph.ValueID{x, n.weights(1, 4*c, m, k[0], k[1])}
		if rng.IntN(2) == 0 {
			in = append(in, n.weights(1, m))
		}
		y := n.node("ConvTranspose", map[string]any{"strides": s, "pads": pads, "output_padding": more}, in...)
		if rng.IntN(2) == 0 {
			variance := tensor.Zeros[float32](m)
			for i := range m {
				variance.Data.([]float32)[i] = 0.5 + rng.Float32()
			}
			y = n.node("BatchNormalization", nil, y, n.weights(1, m), n.weights(1, m), n.weights(1, m), n.constant(variance))
		}
		if rng.IntN(2) == 0 {
			y = n.node("Relu", nil, y)
		}
		return y
	}
}
