package incremental

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/region"
)

// residualBlocks is a chain of residual blocks of all forms: with a projection of the
// input or without, wide and narrow, the shortcut on either side, ReLU behind or not.
func residualBlocks(t *testing.T, rng *rand.Rand) *network {
	n, x := newNetwork(t, rng, 1, 3+rng.IntN(14), 9+rng.IntN(12), 9+rng.IntN(12))
	conv := func(x graph.ValueID, out, kernel, stride int) graph.ValueID {
		in, pad := n.shape(x)[1], int64(kernel/2)
		return n.node("Conv", map[string]any{"strides": []int64{int64(stride), int64(stride)}, "pads": []int64{pad, pad, pad, pad}},
			x, n.weights(1.5/float32(kernel*kernel*in), out, in, kernel, kernel), n.weights(1, out))
	}
	relu := func(x graph.ValueID) graph.ValueID { return n.node("Relu", nil, x) }
	for range 1 + rng.IntN(3) {
		stride, c := 1, n.shape(x)[1]
		if n.shape(x)[2] > 8 && n.shape(x)[3] > 8 {
			stride += rng.IntN(2)
		}
		out := c
		projected := stride > 1 || rng.IntN(3) == 0
		if projected {
			out = 1 + rng.IntN(70)
		}
		y := relu(conv(x, 1+rng.IntN(40), 1+2*rng.IntN(2), 1))
		if rng.IntN(2) == 0 {
			y = relu(conv(y, 1+rng.IntN(40), 1, 1))
		}
		y = conv(y, out, []int{3, 3, 1}[rng.IntN(3)], stride)
		if projected {
			x = conv(x, out, 1, stride)
		}
		if rng.IntN(2) == 0 {
			x, y = y, x
		}
		if x = n.node("Add", nil, x, y); rng.IntN(3) > 0 {
			x = relu(x)
		}
	}
	n.output(x, n.node("GlobalAveragePool", nil, x))
	return n
}

// TestJoined: plans whose sums are joined to convolutions give the same bits as those whose
// steps stand apart: whole runs and updates, cut down by policies too, band by band and at
// once, in float32 and bfloat16, by every kernel set.
func TestJoined(t *testing.T) {
	count := uint64(24)
	if testing.Short() {
		count = 12
	}
	for _, a := range arithmetics(t) {
		if a.precision == INT8 {
			continue // which adds to what views have
		}
		t.Run(a.String(), func(t *testing.T) {
			joined, moved := 0, 0
			for seed := range count {
				rng := rand.New(rand.NewPCG(seed, 21))
				n := residualBlocks(t, rng)
				sizes := make([]asm.WinogradSize, 64)
				for i := range sizes {
					sizes[i] = []asm.WinogradSize{0, asm.Winograd2, asm.Winograd4}[rng.IntN(3)]
				}
				compile := func(apart bool) *Plan {
					taken := 0 // by convolutions in the graph's order, which steps may leave
					p, err := Compile(n.g, CompileOptions{Kernels: a.k, Precision: a.precision, cached: []int{1, 2000, 0}[seed%3], apart: apart,
						force: func(int) asm.WinogradSize { taken++; return sizes[taken-1] }})
					if err != nil {
						t.Fatalf("seed %d: %v\n%s", seed, err, n)
					}
					return p
				}
				p, q := compile(false), compile(true)
				for i := range p.steps {
					if p.steps[i].joined {
						joined++
					}
					if p.steps[i].node != q.steps[i].node {
						moved++
					}
					if q.steps[i].joined || q.steps[i].inside {
						t.Fatalf("seed %d: joined though it must not be", seed)
					}
				}
				checkJoined(t, seed, n, p, q, rng)
			}
			if joined < int(count)/2 || moved < int(count)/4 {
				t.Errorf("%d sums were joined, %d steps moved", joined, moved)
			}
		})
	}
}

// TestResidualBlocks is TestUpdateEqualsWholeRun for networks whose sums are joined.
func TestResidualBlocks(t *testing.T) {
	for _, a := range arithmetics(t) {
		t.Run(a.String(), func(t *testing.T) {
			joined := 0
			for seed := range uint64(10) {
				rng := rand.New(rand.NewPCG(seed, 22))
				for _, s := range checkGraph(t, a, seed, residualBlocks(t, rng), rng).steps {
					if s.joined {
						joined++
					}
				}
			}
			if joined < 5 && a.precision != INT8 {
				t.Errorf("%d sums were joined", joined)
			}
		})
	}
}

func checkJoined(t *testing.T, seed uint64, n *network, p, q *Plan, rng *rand.Rand) {
	t.Helper()
	ctx, plane := context.Background(), p.InputPlane()
	base := make([]float32, plane.Len())
	for i := range base {
		base[i] = rng.Float32()*2 - 1
	}
	inference := p.NewInference(1 + rng.IntN(3))
	if err := inference.Run(ctx, base); err != nil {
		t.Fatal(err)
	}
	v, err := p.Materialize(ctx, base, 2)
	if err != nil {
		t.Fatal(err)
	}
	w, err := q.Materialize(ctx, base, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.outputs {
		got, want := inference.Output(i).Data.([]float32), q.Output(w, i).Data.([]float32)
		for k := range want {
			if math.Float32bits(got[k]) != math.Float32bits(want[k]) {
				t.Fatalf("seed %d: whole run, output %d [%d]: %g, apart %g\n%s", seed, i, k, got[k], want[k], n)
			}
		}
	}
	changes := randomPatches(rng, 8, plane.H, plane.W, plane.C, base)
	for _, policy := range []Policy{nil, Tau(0.5), Tau(0.2), leftOut{}} {
		opt := Options{Workers: 1 + rng.IntN(2), Chunk: 1 + rng.IntN(8), Policy: policy}
		if d := differs(answers(t, p, v, changes, opt), answers(t, q, w, changes, Options{Workers: 1, Chunk: 3, Policy: policy})); d != "" {
			t.Fatalf("seed %d, policy %v: joined and apart: %s\n%s", seed, policy, d, n)
		}
	}
}

// leftOut is a policy that cuts a column off the regions of some planes: so that a sum's
// region is not its convolution's.
type leftOut struct{}

func (leftOut) Crop(plane engine.Plane, r region.Rect, _ Point) region.Rect {
	if plane.C%2 == 0 && r.X.Len() > 1 {
		r.X.Lo++
	}
	return r
}
