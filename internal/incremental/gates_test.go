package incremental

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/graph"
	"krypton/internal/region"
)

// TestGates: a gate that moves by less than its threshold leaves the pixels that nothing else
// changes as they were; the others are what the corrected mean makes of them. A threshold of
// nothing changes nothing but the order of sums.
func TestGates(t *testing.T) {
	for _, size := range []int{12, 90} { // of which the sum goes by rows
		n, x := newNetwork(t, rand.New(rand.NewPCG(8, 3)), 1, 3, size, size)
		x = n.node("Conv", map[string]any{"pads": []int64{1, 1, 1, 1}}, x, n.weights(.5, 9, 3, 3, 3))
		gate := n.node("GlobalAveragePool", nil, x)
		gate = n.node("Relu", nil, n.node("Conv", nil, gate, n.weights(3, 4, 9, 1, 1)))
		gate = n.node("Sigmoid", nil, n.node("Conv", nil, gate, n.weights(3, 9, 4, 1, 1)))
		scaled := []graph.ValueID{n.node("Mul", nil, x, gate), n.node("Mul", nil, gate, x)}
		n.output(x, gate, scaled[0], scaled[1])
		p, err := Compile(n.g, CompileOptions{Dynamic: true})
		if err != nil {
			t.Fatal(err)
		}
		if p.Gates() != 2 {
			t.Fatalf("%d gates, want 2", p.Gates())
		}
		rng := rand.New(rand.NewPCG(1, 2))
		base := make([]float32, p.InputPlane().Len())
		for i := range base {
			base[i] = rng.Float32()*2 - 1
		}
		v, err := p.Materialize(context.Background(), base, 1)
		if err != nil {
			t.Fatal(err)
		}
		changes := randomPatches(rng, 7, size, size, 3, base)
		exact := answers(t, p, v, changes, Options{})
		tiny := answers(t, p, v, changes, Options{Gates: 1e-30})
		all := answers(t, p, v, changes, Options{Gates: 1e9})
		near := func(a, b float32) bool { return math.Abs(float64(a-b)) <= 1e-5 }
		kept := 0
		for i := range exact {
			r := p.regions(changes.Rect(i))[p.steps[0].out]
			for k := range exact[i] {
				clean := p.Output(v, k).Data.([]float32)
				for j, want := range exact[i][k] {
					if !near(tiny[i][k][j], want) {
						t.Fatalf("size %d, change %d, output %d: %g under no threshold, exactly %g", size, i, k, tiny[i][k][j], want)
					}
					pixel := j % (size * size)
					inside := !r.Intersect(region.Rect{Y: region.Span{Lo: pixel / size, Hi: pixel/size + 1}, X: region.Span{Lo: pixel % size, Hi: pixel%size + 1}}).Empty()
					got := all[i][k][j]
					switch {
					case k < 2 || inside: // the gate itself is followed
						if !near(got, want) {
							t.Fatalf("size %d, change %d, output %d: %g, want %g", size, i, k, got, want)
						}
					case got != clean[j]:
						t.Fatalf("size %d, change %d, output %d: %g beside the region, was %g", size, i, k, got, clean[j])
					case got != want:
						kept++
					}
				}
			}
		}
		if kept == 0 {
			t.Error("no gate has moved")
		}
	}
}

// TestGatesSaveWork: behind a gate that hardly moves, regions stay small.
func TestGatesSaveWork(t *testing.T) {
	n, x := newNetwork(t, rand.New(rand.NewPCG(8, 3)), 1, 3, 40, 40)
	x = n.node("Conv", map[string]any{"pads": []int64{1, 1, 1, 1}}, x, n.weights(.5, 12, 3, 3, 3))
	x = n.node("Mul", nil, x, n.node("HardSigmoid", nil, n.node("GlobalAveragePool", nil, x)))
	n.output(n.node("Conv", nil, x, n.weights(.1, 8, 12, 3, 3)))
	p, err := Compile(n.g, CompileOptions{Dynamic: true, Direct: true})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	base := make([]float32, p.InputPlane().Len())
	for i := range base {
		base[i] = rng.Float32()
	}
	v, err := p.Materialize(context.Background(), base, 1)
	if err != nil {
		t.Fatal(err)
	}
	changes := randomPatches(rng, 1, 10, 10, 3, base)
	spent := func(o Options) (n int64) {
		o.Workers = 1
		if err := p.Update(context.Background(), v, changes, o, func(_ int, r Results) error {
			n += r.MultiplyAdds()
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if all, some := spent(Options{}), spent(Options{Gates: 0.05}); some > all/3 {
		t.Errorf("%d multiply-adds, exactly %d", some, all)
	}
}
