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
	for _, a := range arithmetics(t) {
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

// TestStreamOfSpreadingLayers: what changes in streams passes through them too.
func TestStreamOfSpreadingLayers(t *testing.T) {
	for _, a := range arithmetics(t) {
		if a.precision == INT8 {
			continue // has no streams
		}
		for seed := range uint64(40) {
			rng := rand.New(rand.NewPCG(seed, 13))
			c := 1 + rng.IntN(9)
			n, x := newNetwork(t, rng, 1, 4*c, 1+rng.IntN(9), 1+rng.IntN(9))
			n.output(n.spreading(rng, x, c))
			checkStreamOf(t, a, seed, n, rng)
		}
	}
}

// spreading adds a layer that makes a larger plane, and sometimes one behind it.
func (n *network) spreading(rng *rand.Rand, x graph.ValueID, c int) graph.ValueID {
	switch rng.IntN(7) {
	case 6:
		return n.sampled(rng, x)
	case 4:
		return n.squares(rng, x)
	case 5:
		if s := n.shape(x); s[2]%2 == 0 && s[3]%2 == 0 {
			return n.node("SpaceToDepth", map[string]any{"blocksize": int64(2)}, x)
		}
		fallthrough
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
		groups, dilations := []int{1, 1, 2, 4, 4 * c}[rng.IntN(5)], []int64{int64(1 + rng.IntN(5)/3), int64(1 + rng.IntN(5)/3)}
		left := true // something, when the pads are cut off
		for a := range 2 {
			left = left && s[a]*int64(n.shape(x)[2+a]-1)+more[a]+dilations[a]*int64(k[a]-1)+1-pads[a]-pads[2+a] > 0
		}
		if !left {
			continue
		}
		in := []graph.ValueID{x, n.weights(1, 4*c, m, k[0], k[1])}
		m *= groups
		if rng.IntN(2) == 0 {
			in = append(in, n.weights(1, m))
		}
		y := n.node("ConvTranspose", map[string]any{"strides": s, "pads": pads, "output_padding": more, "group": int64(groups), "dilations": dilations}, in...)
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

// sampled reads a plane at the points of a grid: one that is bent and turned a little, as
// those that straighten pictures, or any.
func (n *network) sampled(rng *rand.Rand, x graph.ValueID) graph.ValueID {
	h, w := 1+rng.IntN(12), 1+rng.IntN(12)
	grid := tensor.Zeros[float32](1, h, w, 2)
	at := grid.Data.([]float32)
	turn, anywhere := rng.Float32()-0.5, rng.IntN(4) == 0
	for i := range h * w {
		v, u := 2*float32(i/w)/float32(max(1, h-1))-1, 2*float32(i%w)/float32(max(1, w-1))-1
		at[2*i], at[2*i+1] = u+turn*v, v-turn*u*u
		if anywhere {
			at[2*i], at[2*i+1] = rng.Float32()*4-2, rng.Float32()*4-2
		}
	}
	attr := map[string]any{"mode": []string{"bilinear", "nearest", "bicubic"}[rng.IntN(3)], "padding_mode": []string{"zeros", "border", "reflection"}[rng.IntN(3)], "align_corners": int64(rng.IntN(2))}
	y := n.node("GridSample", attr, x, n.constant(grid))
	if rng.IntN(2) == 0 {
		y = n.node("Conv", nil, y, n.weights(1, 3, n.shape(y)[1], 1, 1))
	}
	return y
}

// squares writes the laying out of squares of pixels, or the putting together, as changes
// of axes.
func (n *network) squares(rng *rand.Rand, x graph.ValueID) graph.ValueID {
	s := n.shape(x)
	c, h, w := int64(s[1]), int64(s[2]), int64(s[3])
	if s[2]%2 == 0 && rng.IntN(2) == 0 { // pairs of rows
		y := n.node("Reshape", nil, x, n.ints(1, c, h/2, 2, w, 1))
		y = n.node("Transpose", map[string]any{"perm": [][]int64{{0, 1, 3, 5, 2, 4}, {0, 3, 5, 1, 2, 4}}[rng.IntN(2)]}, y)
		return n.node("Relu", nil, n.node("Reshape", nil, y, n.ints(1, 2*c, h/2, w)))
	}
	y := n.node("Reshape", nil, x, n.ints(1, c/4, 2, 2, h, w))
	y = n.node("Transpose", map[string]any{"perm": []int64{0, 1, 4, 2, 5, 3}}, y)
	return n.node("Relu", nil, n.node("Reshape", nil, y, n.ints(1, c/4, 2*h, 2*w)))
}
