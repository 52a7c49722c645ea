package incremental

import (
	"math/rand/v2"
	"testing"

	"krypton/internal/op"
)

// TestTrimmedWindows: rows and columns of windows that read no pixel are left out, results
// stay the references', and updates equal whole runs.
func TestTrimmedWindows(t *testing.T) {
	for _, c := range []struct {
		name         string
		h, w         int
		kernel, pads []int64
		dilation     int64
		stride       int64
		y, x         int // taps that are left
	}{
		{"on one pixel", 1, 1, []int64{3, 3}, []int64{1, 1, 1, 1}, 1, 1, 1, 1},
		{"on one row", 1, 9, []int64{3, 3}, []int64{1, 1, 1, 1}, 1, 1, 1, 3},
		{"of a pyramid, beside the plane", 8, 8, []int64{3, 3}, []int64{12, 12, 12, 12}, 12, 1, 1, 1},
		{"of a pyramid, partly beside", 8, 8, []int64{3, 3}, []int64{6, 6, 6, 6}, 6, 1, 3, 3},
		{"with a stride", 2, 2, []int64{5, 5}, []int64{2, 2, 2, 2}, 1, 2, 2, 2},
		{"behind the end", 4, 6, []int64{7, 3}, []int64{0, 1, 6, 1}, 1, 1, 4, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i, a := range arithmetics(t) {
				for _, groups := range []int{1, 2, 12} {
					rng := rand.New(rand.NewPCG(uint64(i), 31))
					n, x := newNetwork(t, rng, 1, 12, c.h, c.w)
					y := n.node("Conv", map[string]any{"pads": c.pads, "dilations": []int64{c.dilation, c.dilation}, "strides": []int64{c.stride, c.stride}, "group": int64(groups)},
						x, n.weights(1, 12, 12/groups, int(c.kernel[0]), int(c.kernel[1])))
					n.output(n.node("Relu", nil, y))
					found := 0
					for _, s := range checkGraph(t, a, 0, n, rng).steps {
						if s.kind == op.Windowed {
							if found++; s.windows[0].Kernel != c.y || s.windows[1].Kernel != c.x {
								t.Errorf("%d groups: windows of %dx%d, want %dx%d", groups, s.windows[0].Kernel, s.windows[1].Kernel, c.y, c.x)
							}
						}
					}
					if found == 0 {
						t.Errorf("%d groups: no convolution", groups)
					}
				}
			}
		})
	}
}
