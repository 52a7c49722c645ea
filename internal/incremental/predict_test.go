package incremental

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/region"
)

// slow is a network of a large convolution, a running sum by its reference, and a linear
// layer.
func slow(t *testing.T) (*network, *Plan) {
	n, x := newNetwork(t, rand.New(rand.NewPCG(4, 2)), 1, 16, 40, 40)
	x = n.node("Relu", nil, n.node("Conv", map[string]any{"pads": []int64{1, 1, 1, 1}}, x, n.weights(1, 64, 16, 3, 3)))
	x = n.node("Conv", map[string]any{"strides": []int64{2, 2}}, x, n.weights(1, 32, 64, 3, 3))
	x = n.node("CumSum", nil, x, n.ints(2))
	x = n.node("GlobalAveragePool", nil, x)
	n.output(n.node("Gemm", nil, n.node("Flatten", nil, x), n.weights(1, 32, 10)))
	p, err := Compile(n.g, CompileOptions{Direct: true})
	if err != nil {
		t.Fatal(err)
	}
	return n, p
}

// TestPredict: predictions follow from the machine's numbers, and name what is slow.
func TestPredict(t *testing.T) {
	_, p := slow(t)
	m := Machine{Flops: 2e11, Cache: 1e11, Outer: 5e10, Memory: 1e10}
	patch := region.Rect{Y: region.Span{Lo: 12, Hi: 20}, X: region.Span{Lo: 12, Hi: 20}}
	cost, got := p.Cost(patch), p.Predict(m, patch)
	faster := p.Predict(Machine{Flops: 4e11, Cache: 1e12, Outer: 1e12, Memory: 1e12}, patch)
	reference := 0
	for i, c := range cost {
		most := 1.2
		if c.Algorithm == "" { // it reads and writes: of all changes of a chunk, from further away
			most = 2
		}
		if !(got[i].Whole > 0) || got[i].Incremental > most*got[i].Whole || !(faster[i].Whole <= got[i].Whole) {
			t.Errorf("%s (%s): %+v, on the faster machine %+v", c.Node, c.Operator, got[i], faster[i])
		}
		if peak := 2 * float64(c.Whole) / m.Flops; c.Algorithm == "direct" && (got[i].Whole < peak || c.Operator == "Conv" && got[i].Whole > 2*peak) {
			t.Errorf("%s: %g s where the peak says %g", c.Node, got[i].Whole, peak)
		}
		if c.Reference() {
			reference++
			if c.Operator != "CumSum" || got[i].Incremental < got[i].Whole || faster[i].Whole < 0.9*got[i].Whole {
				t.Errorf("%s is by reference: %+v, on the faster machine %+v", c.Operator, got[i], faster[i])
			}
		}
	}
	if reference != 1 {
		t.Errorf("%d steps by reference, want the running sum", reference)
	}
	for i, r := range p.Predict(m, region.Rect{}) {
		if r.Incremental != 0 || r.Whole != got[i].Whole {
			t.Errorf("step %d: no change is predicted to take %+v", i, r)
		}
	}
}

// TestReferenceProducts counts the multiply-adds of operators' references.
func TestReferenceProducts(t *testing.T) {
	n, x := newNetwork(t, rand.New(rand.NewPCG(1, 1)), 1, 6, 9, 8)
	row, matrix := n.weights(1, 5, 7), n.weights(1, 3, 5, 4)
	for _, c := range []struct {
		made graph.ValueID
		want int
	}{
		{n.node("Conv", map[string]any{"group": int64(2)}, x, n.weights(1, 4, 3, 3, 2)), 4 * 7 * 7 * 3 * 3 * 2},
		{n.node("ConvTranspose", map[string]any{"strides": []int64{2, 2}}, x, n.weights(1, 6, 5, 2, 3)), 6 * 9 * 8 * 5 * 2 * 3},
		{n.node("MatMul", nil, matrix, n.weights(1, 3, 4, 2)), 3 * 5 * 2 * 4},
		{n.node("Gemm", map[string]any{"transA": int64(1)}, row, n.weights(1, 5, 3)), 7 * 3 * 5},
		{n.node("Gemm", map[string]any{"transB": int64(1)}, row, n.weights(1, 3, 7)), 5 * 3 * 7},
		{n.node("Relu", nil, x), 0},
	} {
		node := n.g.Nodes[n.g.Values[c.made].Producer]
		r := &reference{op: node.Op}
		var in []int
		for _, id := range node.In {
			r.in = append(r.in, operand{layout: rowMajor(n.shape(id))})
			in = append(in, elements(n.shape(id)))
		}
		if got := r.products(in, elements(n.shape(c.made))); got != c.want {
			t.Errorf("%s: %d multiply-adds, want %d", node.Def.Name, got, c.want)
		}
	}
}

func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// TestReads: what a step reads is where a change reaches its output from.
func TestReads(t *testing.T) {
	count := 60
	if testing.Short() {
		count = 8
	}
	for seed := range uint64(count) {
		rng := rand.New(rand.NewPCG(seed, 3))
		n := randomNetwork(t, rng)
		p, err := Compile(n.g, CompileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range p.steps {
			s := &p.steps[i]
			out := p.values[s.out].plane
			y, x := rng.IntN(out.H), rng.IntN(out.W)
			pixel := region.Rect{Y: region.Span{Lo: y, Hi: y + 1}, X: region.Span{Lo: x, Hi: x + 1}}
			for k, src := range s.in {
				if s.kind == op.Global || s.tile() > 0 {
					continue
				}
				in := make([]region.Rect, len(s.in))
				at := rng.IntN(src.plane.H * src.plane.W)
				one := region.Rect{Y: region.Span{Lo: at / src.plane.W, Hi: at/src.plane.W + 1}, X: region.Span{Lo: at % src.plane.W, Hi: at%src.plane.W + 1}}
				in[k] = one
				reached, reads := p.reach(s, in).Contains(pixel), p.reads(s, k, pixel).Contains(one)
				if reached && !reads && s.kind != op.Windowed || reads && !reached {
					t.Errorf("seed %d: %s (%s): input %d at %v reaches output %v: %v, which reads it: %v", seed, s.node, s.operator, k, one, pixel, reached, reads)
				}
			}
		}
	}
}

// TestProfile: a profile counts what the runs do that it measures.
func TestProfile(t *testing.T) {
	_, p := slow(t)
	ctx := context.Background()
	plane := p.InputPlane()
	base := make([]float32, plane.Len())
	whole, err := p.ProfileWhole(ctx, base, 2)
	if err != nil {
		t.Fatal(err)
	}
	checkProfile(t, p, whole, float64(p.Count(plane.Rect())))
	// The first convolution reads the plane and its weights, and writes 64 channels.
	if s, want := whole.Steps[0], 4.*(40*40*16+40*40*64+64*16*9); s.Bytes != want || s.Where != "L2" || s.MultiplyAdds != s.Direct {
		t.Errorf("the first convolution: %+v, want %g bytes", s, want)
	}
	v, err := p.Materialize(ctx, base, 1)
	if err != nil {
		t.Fatal(err)
	}
	changes := randomPatches(rand.New(rand.NewPCG(2, 2)), 12, plane.H, plane.W, plane.C, base)
	mean := 0.0
	for _, r := range changes.rects {
		mean += float64(p.Count(r)) / float64(len(changes.rects))
	}
	updates, err := p.ProfileUpdates(ctx, v, changes, Options{Chunk: 5}, 1)
	if err != nil {
		t.Fatal(err)
	}
	checkProfile(t, p, updates, mean)
	if updates.Changes != 12 || updates.Chunk != 5 {
		t.Errorf("%d changes in chunks of %d, want 12 in chunks of 5", updates.Changes, updates.Chunk)
	}
	if _, err := p.ProfileUpdates(ctx, v, &patches{}, Options{}, 1); err == nil {
		t.Error("nothing was measured without an error")
	}
}

func checkProfile(t *testing.T, p *Plan, f *Profile, work float64) {
	t.Helper()
	total, seconds := 0.0, 0.0
	if len(f.Steps) != len(p.steps) {
		t.Fatalf("%d steps, want %d", len(f.Steps), len(p.steps))
	}
	for i, s := range f.Steps {
		total += s.MultiplyAdds
		seconds += s.Seconds + s.Trim
		if s.Node != p.steps[i].node || !(s.Seconds > 0) || !(s.Predicted > 0) || !(s.Memory > 0) || s.Algorithm != p.steps[i].algorithm() {
			t.Errorf("step %d (%s): %+v", i, p.steps[i].node, s)
		}
	}
	if math.Abs(total-work) > 1e-9*work {
		t.Errorf("%g multiply-adds, want %g", total, work)
	}
	if math.Abs(seconds-f.Seconds()) > 1e-12 {
		t.Errorf("%g seconds, the steps' are %g", f.Seconds(), seconds)
	}
}
