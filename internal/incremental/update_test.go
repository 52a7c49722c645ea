package incremental

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// patches are random rectangles with random contents.
type patches struct {
	plane [3]int // h, w, c
	base  []float32
	rects []region.Rect
	data  [][]float32
	whole bool // hand over the whole plane instead of the rectangle
}

func randomPatches(rng *rand.Rand, n int, h, w, c int, base []float32) *patches {
	p := &patches{plane: [3]int{h, w, c}, base: base}
	for i := range n {
		size := func(n int) int { return 1 + rng.IntN(max(1, n/2)) }
		ph, pw := size(h), size(w)
		y, x := rng.IntN(h-ph+1), rng.IntN(w-pw+1)
		switch i % 6 { // every border and corner gets its share
		case 0:
			y, x = 0, 0
		case 1:
			y, x = h-ph, w-pw
		case 2:
			y = h - ph
		}
		r := region.Rect{Y: region.Span{Lo: y, Hi: y + ph}, X: region.Span{Lo: x, Hi: x + pw}}
		if i == 4 {
			r = region.Rect{} // nothing changes
		}
		d := make([]float32, r.Area()*c)
		for k := range d {
			d[k] = rng.Float32()*4 - 2
		}
		p.rects, p.data = append(p.rects, r), append(p.data, d)
	}
	return p
}

func (p *patches) Len() int { return len(p.rects) }
func (p *patches) Rect(i int) region.Rect {
	if p.whole {
		return region.Plane(p.plane[0], p.plane[1])
	}
	return p.rects[i]
}
func (p *patches) Write(i int, dst []float32) {
	if !p.whole {
		copy(dst, p.data[i])
		return
	}
	copy(dst, p.base)
	r, w, c := p.rects[i], p.plane[1], p.plane[2]
	n := r.X.Len() * c
	for y := r.Y.Lo; y < r.Y.Hi; y++ {
		copy(dst[(y*w+r.X.Lo)*c:], p.data[i][(y-r.Y.Lo)*n:][:n])
	}
}

// answers runs changes and collects every output of every change.
func answers(t testing.TB, p *Plan, v *Views, c Changes, opt Options) [][][]float32 {
	t.Helper()
	out := make([][][]float32, c.Len())
	clean := make([][]float32, len(p.outputs))
	for k := range clean {
		clean[k], _ = numbers(p.Output(v, k))
	}
	err := p.Update(context.Background(), v, c, opt, func(i int, r Results) error {
		for k := range p.outputs {
			var parts []Part
			if first := i%2 == 0; first {
				parts = r.Changed(k)
			}
			f, err := r.Floats(k)
			if err != nil {
				return err
			}
			if i%2 != 0 {
				parts = r.Changed(k)
			}
			if err := onlyChanged(p.OutputShape(k), parts, f, clean[k]); err != nil {
				return fmt.Errorf("output %d: %w", k, err)
			}
			out[i] = append(out[i], append([]float32{}, f...))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// onlyChanged is nil if an output is the clean one, bit for bit, outside of parts, which
// must lie in it and apart from each other.
func onlyChanged(shape []int, parts []Part, f, clean []float32) error {
	if len(f) != len(clean) {
		return nil // its shape depends on data
	}
	in := make([]bool, len(f))
	for _, p := range parts {
		if len(p) != len(shape) {
			return fmt.Errorf("part %v of shape %v", p, shape)
		}
		at := []int{0}
		for a, n := range shape {
			if p[a].Lo < 0 || p[a].Hi > n || p[a].Empty() {
				return fmt.Errorf("part %v of shape %v", p, shape)
			}
			var next []int
			for _, i := range at {
				for k := p[a].Lo; k < p[a].Hi; k++ {
					next = append(next, i*n+k)
				}
			}
			at = next
		}
		for _, i := range at {
			if in[i] {
				return fmt.Errorf("part %v overlaps another of %v", p, parts)
			}
			in[i] = true
		}
	}
	for i := range f {
		if !in[i] && math.Float32bits(f[i]) != math.Float32bits(clean[i]) {
			return fmt.Errorf("[%d] is %g, was %g, and is not in %v", i, f[i], clean[i], parts)
		}
	}
	return nil
}

// differs gives the first place where the bits of two answers differ.
func differs(a, b [][][]float32) string {
	for i := range a {
		for k := range a[i] {
			for j := range a[i][k] {
				if math.Float32bits(a[i][k][j]) != math.Float32bits(b[i][k][j]) {
					return fmt.Sprintf("change %d, output %d [%d]: %g and %g", i, k, j, a[i][k][j], b[i][k][j])
				}
			}
		}
	}
	return ""
}

func checksum(v *Views) uint64 {
	h := fnv.New64a()
	for _, d := range slices.Concat(v.data, v.base) {
		for _, f := range d {
			b := math.Float32bits(f)
			h.Write([]byte{byte(b), byte(b >> 8), byte(b >> 16), byte(b >> 24)})
		}
	}
	return h.Sum64()
}

// TestUpdateEqualsWholeRun is the metamorphic test of the exactness invariants:
// for random networks, kernel sets, batch sizes, thread counts and memory,
// updates equal whole runs bit for bit (differential), whole runs agree with
// the operators' references (oracle), and views are not written.
func TestUpdateEqualsWholeRun(t *testing.T) {
	count := 300
	if testing.Short() {
		count = 60
	}
	for _, c := range arithmetics(t) {
		t.Run(c.String(), func(t *testing.T) {
			tiled, rounded, quantized, fused, checked := 0, 0, 0, 0, 0
			for seed := range uint64(count) {
				if c.k == &asm.Generic && seed%4 != 0 {
					continue // slow; a quarter will do
				}
				p := checkNetwork(t, c, seed)
				for i := range p.steps {
					if p.steps[i].tile() > 0 {
						tiled++
					}
					if p.steps[i].fused > 0 {
						fused++
					}
					switch p.steps[i].prim.(type) {
					case *engine.ConvBF16:
						rounded++
					case *engine.ConvInt8:
						quantized++
					}
				}
				checked++
			}
			if fused < checked/4 && c.precision != INT8 {
				t.Errorf("only %d groups of layers of %d networks were fused", fused, checked)
			}
			if tiled < checked/10 {
				t.Errorf("only %d layers of %d networks were computed in tiles", tiled, checked)
			}
			if c.precision == BF16 && rounded <= checked/4 || c.precision == FP32 && rounded > 0 {
				t.Errorf("%d layers of %d networks were computed in bfloat16", rounded, checked)
			}
			if c.precision == INT8 && quantized <= checked/10 || c.precision != INT8 && quantized > 0 {
				t.Errorf("%d layers of %d networks were computed in eight bits", quantized, checked)
			}
		})
	}
}

// arithmetic is a way in which this machine computes.
type arithmetic struct {
	k         *asm.Kernels
	precision Precision
}

func (a arithmetic) String() string { return a.k.Name + "/" + string(a.precision) }

// arithmetics lists all kernel sets and precisions of this machine, and as subtests that
// are skipped those that it does not have.
func arithmetics(t *testing.T) (all []arithmetic) {
	bf16, int8 := false, false
	for _, k := range asm.EverySet(t) {
		all = append(all, arithmetic{k, FP32})
		if k.Pairs() != nil {
			all, bf16 = append(all, arithmetic{k, BF16}), true
		}
	}
	for _, k := range asm.QuadSets() {
		all, int8 = append(all, arithmetic{k, INT8}), true
	}
	if !bf16 {
		t.Run(asm.PartPairs, func(t *testing.T) { asm.Missing(t, asm.PartPairs) })
	}
	if !int8 {
		t.Run(asm.PartQuads, func(t *testing.T) { asm.Missing(t, asm.PartQuads) })
	}
	return all
}

// tolerance is the largest error allowed against the operators' references,
// relative to the largest number. Networks of a few layers of random weights
// add up the roundings to 8 bits of each.
func (a arithmetic) tolerance() float64 {
	if a.precision != FP32 {
		return 5e-2
	}
	return 1e-4
}

// differs is the test of updates against whole runs: bit for bit, and in eight bits,
// where rounding differences errs, by as much as roundings of a few layers add up to.
func (a arithmetic) differs(updates, whole [][][]float32) string {
	if a.precision != INT8 {
		return differs(updates, whole)
	}
	for i := range whole {
		for k, want := range whole[i] {
			scale := float32(1e-3)
			for _, v := range want {
				scale = max(scale, v, -v)
			}
			for j, v := range want {
				if d := updates[i][k][j] - v; !(d <= 0.1*scale && -d <= 0.1*scale) {
					return fmt.Sprintf("change %d, output %d [%d]: %g and %g of %g", i, k, j, updates[i][k][j], v, scale)
				}
			}
		}
	}
	return ""
}

// checkNetwork returns the plan that it checked.
func checkNetwork(t *testing.T, a arithmetic, seed uint64) *Plan {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 11))
	return checkGraph(t, a, seed, randomNetwork(t, rng), rng)
}

// checkGraph compares updates with whole runs of a network, and these with the
// operators' references.
func checkGraph(t *testing.T, a arithmetic, seed uint64, n *network, rng *rand.Rand) *Plan {
	t.Helper()
	// Small planes do not fill a cache: most seeds have next to none, so that fused steps
	// go band by band.
	cached := []int{1, 3000, 0, 400}[seed%4]
	p, err := Compile(n.g, CompileOptions{Kernels: a.k, Precision: a.precision, cached: cached, force: func(int) asm.WinogradSize {
		return []asm.WinogradSize{0, asm.Winograd2, asm.Winograd4}[rng.IntN(3)]
	}})
	if err != nil {
		t.Fatalf("seed %d: %v\n%s", seed, err, n)
	}
	plane := p.InputPlane()
	base := make([]float32, plane.Len())
	for i := range base {
		base[i] = rng.Float32()*2 - 1
	}
	v, err := p.Materialize(context.Background(), base, 1+rng.IntN(3))
	if err != nil {
		t.Fatalf("seed %d: %v\n%s", seed, err, n)
	}
	input := tensor.Zeros[float32](n.shape(n.g.Inputs[0])...)
	p.inputLayout.gather(input.Data.([]float32), base)
	for i, want := range n.evaluate(input) {
		closeTo(t, p.Output(v, i), want, a.tolerance(), fmt.Sprintf("seed %d output %d\n%s", seed, i, n))
	}

	before := checksum(v)
	changes := randomPatches(rng, 9, plane.H, plane.W, plane.C, base)
	exact := answers(t, p, v, changes, Options{Workers: 1 + rng.IntN(3), Chunk: 1 + rng.IntN(9)})
	changes.whole = true
	whole := answers(t, p, v, changes, Options{Workers: 1 + rng.IntN(3), Chunk: 1 + rng.IntN(9)})
	if d := a.differs(exact, whole); d != "" {
		t.Fatalf("seed %d: update and whole run: %s\n%s", seed, d, n)
	}
	changes.whole = false
	if d := differs(exact, answers(t, p, v, changes, Options{Workers: 2, Chunk: 1})); d != "" {
		t.Fatalf("seed %d: other chunks: %s\n%s", seed, d, n)
	}
	if cuts := p.cuts(); len(cuts) > 0 {
		opt := Options{Workers: 2, Chunk: 2 + rng.IntN(4), cut: cuts[rng.IntN(len(cuts))]}
		if d := differs(exact, answers(t, p, v, changes, opt)); d != "" {
			t.Fatalf("seed %d: cut before step %d: %s\n%s", seed, opt.cut, d, n)
		}
	}
	if checksum(v) != before {
		t.Fatalf("seed %d: views were written\n%s", seed, n)
	}
	// A whole run of one change by Materialize, which works in bands.
	i := rng.IntN(changes.Len())
	fresh := make([]float32, plane.Len())
	changes.whole = true
	changes.Write(i, fresh)
	fv, err := p.Materialize(context.Background(), fresh, 2)
	if err != nil {
		t.Fatal(err)
	}
	inference := p.NewInference(1 + rng.IntN(3))
	for range 2 { // the second run finds its memory used
		if err := inference.Run(context.Background(), fresh); err != nil {
			t.Fatal(err)
		}
	}
	for o := range p.outputs {
		f, _ := numbers(inference.Output(o))
		if d := a.differs([][][]float32{{f}}, [][][]float32{{exact[i][o]}}); d != "" {
			t.Fatalf("seed %d: update and inference: %s\n%s", seed, d, n)
		}
	}
	for o := range p.outputs {
		f, _ := numbers(p.Output(fv, o))
		if d := a.differs([][][]float32{{f}}, [][][]float32{{exact[i][o]}}); d != "" {
			t.Fatalf("seed %d: update and fresh views: %s\n%s", seed, d, n)
		}
	}
	return p
}

// numbers are a tensor's in float32.
func numbers(t *tensor.Tensor) (f []float32, err error) {
	if d, ok := t.Data.([]int64); ok {
		for _, v := range d {
			f = append(f, float32(v))
		}
		return f, nil
	}
	return t.Floats()
}

// closeTo allows for rounded sums against float64 ones.
func closeTo(t *testing.T, got, want *tensor.Tensor, tolerance float64, what string) {
	t.Helper()
	if fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) {
		t.Fatalf("shape %v, want %v: %s", got.Shape, want.Shape, what)
	}
	if got.DType() != want.DType() {
		t.Fatalf("type %v, want %v: %s", got.DType(), want.DType(), what)
	}
	g, err := numbers(got)
	if err != nil {
		t.Fatal(err)
	}
	w, err := numbers(want)
	if err != nil {
		t.Fatal(err)
	}
	scale := 0.0
	for _, v := range w {
		scale = max(scale, math.Abs(float64(v)))
	}
	for i := range w {
		if d := math.Abs(float64(g[i]) - float64(w[i])); !(d <= tolerance*(scale+1e-3)) {
			t.Fatalf("[%d] = %g, want %g (largest %g): %s", i, g[i], w[i], scale, what)
		}
	}
}

// TestSteadyStateAllocatesNothing: once its memory has grown, a worker's update
// path allocates nothing.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	for _, precision := range Precisions {
		p, v, changes := residualNetwork(t, precision)
		w := newWorker(p, v, nil)
		run := func() {
			if err := w.run(t.Context(), changes, 0, changes.Len()); err != nil {
				t.Fatal(err)
			}
			for i := range p.outputs {
				if _, err := w.output(0, i); err != nil {
					t.Fatal(err)
				}
				w.changed(0, i)
			}
		}
		run()
		if n := testing.AllocsPerRun(20, run); n != 0 {
			t.Errorf("%s: %g allocations for each batch", precision, n)
		}
	}
}

// residualNetwork is a small network with every native kind of step.
func residualNetwork(t testing.TB, precision Precision) (*Plan, *Views, *patches) {
	rng := rand.New(rand.NewPCG(1, 2))
	n, x := newNetwork(t, rng, 1, 3, 32, 32)
	pads := map[string]any{"pads": []int64{1, 1, 1, 1}}
	conv := func(x graph.ValueID, out int) graph.ValueID {
		return n.node("Conv", pads, x, n.weights(0.1, out, n.shape(x)[1], 3, 3), n.weights(1, out))
	}
	a := n.node("Relu", nil, conv(x, 32))
	b := n.node("Relu", nil, conv(a, 32))
	c := n.node("Relu", nil, n.node("Add", nil, conv(b, 32), a))
	d := n.node("Concat", map[string]any{"axis": int64(1)}, c, b)
	d = n.node("Conv", map[string]any{"group": int64(64), "pads": []int64{1, 1, 1, 1}}, d, n.weights(0.3, 64, 1, 3, 3))
	d = n.node("Sigmoid", nil, n.node("MaxPool", map[string]any{"kernel_shape": []int64{2, 2}, "strides": []int64{2, 2}}, d))
	d = n.node("AveragePool", map[string]any{"kernel_shape": []int64{3, 3}, "pads": []int64{1, 1, 1, 1}}, d)
	d = n.node("Mul", nil, d, n.weights(1, 64, 1, 1))
	f := n.node("Flatten", nil, n.node("GlobalAveragePool", nil, d))
	n.output(n.node("Softmax", nil, n.node("Gemm", nil, f, n.weights(1, 64, 10), n.weights(1, 10))), d)
	p, err := Compile(n.g, CompileOptions{Precision: precision})
	if err != nil {
		t.Fatal(err)
	}
	base := make([]float32, p.InputPlane().Len())
	for i := range base {
		base[i] = rng.Float32()
	}
	v, err := p.Materialize(context.Background(), base, 2)
	if err != nil {
		t.Fatal(err)
	}
	return p, v, randomPatches(rng, 16, 32, 32, 3, base)
}

// BenchmarkUpdate shows the update path's allocations.
func BenchmarkUpdate(b *testing.B) {
	p, v, changes := residualNetwork(b, FP32)
	w := newWorker(p, v, nil)
	if err := w.run(b.Context(), changes, 0, changes.Len()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := w.run(b.Context(), changes, 0, changes.Len()); err != nil {
			b.Fatal(err)
		}
	}
}

// gated is a network whose early planes, of side pixels, change everywhere behind a gate, and
// whose last layers, three of so many channels, have planes that are pool times smaller.
func gated(t *testing.T, side, pool, early, late int) *Plan {
	n, x := newNetwork(t, rand.New(rand.NewPCG(3, 5)), 1, 3, side, side)
	x = n.node("Conv", nil, x, n.weights(0.3, early, 3, 1, 1))
	x = n.node("Mul", nil, x, n.node("GlobalAveragePool", nil, x))
	window := map[string]any{"kernel_shape": []int64{int64(pool), int64(pool)}, "strides": []int64{int64(pool), int64(pool)}}
	x = n.node("Add", nil, n.node("MaxPool", window, x), n.node("AveragePool", window, x)) // two read it: it is not passed on in bands
	x = n.node("Conv", nil, x, n.weights(0.1, late, early, 1, 1))
	x = n.node("Conv", nil, x, n.weights(0.1, late, late, 1, 1))
	n.output(n.node("Conv", nil, x, n.weights(0.1, late, late, 1, 1)))
	p, err := Compile(n.g, CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Early steps run for few changes at a time and late ones for more where that saves
// readings of weights, if the memory allows.
func TestStages(t *testing.T) {
	p := gated(t, 256, 32, 128, 1024)
	at := region.Rect{Y: region.Span{Lo: 40, Hi: 48}, X: region.Span{Lo: 40, Hi: 48}}
	s, err := p.stages(at, 1000, 2, Options{})
	if err != nil || s.cut == 0 || s.first >= s.chunk {
		t.Fatalf("cut before step %d: %d and %d changes at a time, %v", s.cut, s.first, s.chunk, err)
	}
	if plane := p.values[p.steps[s.cut].out].plane; plane.H != 8 {
		t.Errorf("cut before a plane of %d rows", plane.H)
	}
	if l, err := p.stages(at, 1000, 2, Options{Memory: 2 * p.PositionBytes(at)}); err != nil || l.cut != 0 || l.chunk != 1 {
		t.Errorf("with the memory of one change: cut before step %d, %d at a time, %v", l.cut, l.chunk, err)
	}
	if e, err := p.stages(at, 1000, 2, Options{Epsilon: 0.1}); err != nil || e.cut != 0 {
		t.Errorf("with regions that depend on values: cut before step %d, %v", e.cut, err)
	}
}

// Linear layers run for more changes at a time than what is before them, in whole chunks of
// that, where their weights are many.
func TestStagesOfHeads(t *testing.T) {
	p := gated(t, 128, 128, 32, 1600)
	at := region.Rect{Y: region.Span{Lo: 40, Hi: 48}, X: region.Span{Lo: 40, Hi: 48}}
	s, err := p.stages(at, 1000, 2, Options{})
	if err != nil || s.cut == 0 || s.first <= cutMost || s.chunk > headMost || s.chunk < 4*s.first || s.chunk%s.first != 0 {
		t.Fatalf("cut before step %d: %d and %d changes at a time, %v", s.cut, s.first, s.chunk, err)
	}
	if first := p.steps[s.cut]; first.operator != "Conv" || p.values[first.out].plane != (engine.Plane{H: 1, W: 1, C: 1600}) {
		t.Errorf("cut before %s of %v", first.operator, p.values[first.out].plane)
	}
	for _, opt := range []Options{{Epsilon: 0.1}, {Memory: 2 * p.PositionBytes(at)}} {
		if e, err := p.stages(at, 1000, 2, opt); err != nil || e.cut != 0 {
			t.Errorf("%+v: cut before step %d, %v", opt, e.cut, err)
		}
	}
	if e, err := p.stages(at, 8, 2, Options{}); err != nil || e.cut != 0 {
		t.Errorf("of 8 changes: cut before step %d, %v", e.cut, err)
	}
}
