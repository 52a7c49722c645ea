package faithful

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"krypton/internal/imagein"
	"krypton/internal/incremental"
	"krypton/internal/obe"
	"krypton/internal/onnxload"
	"krypton/internal/onnxwrite"
	"krypton/internal/prediction"
	"krypton/internal/region"
	"krypton/internal/target"
	"krypton/models"
)

// linear is a network of h by w pixels whose classes are weighted sums of them.
func linear(t *testing.T, h, w int, weights ...[]float32) *incremental.Plan {
	t.Helper()
	n, k := h*w, len(weights)
	b := make([]float32, n*k)
	for c, v := range weights {
		for i := range v {
			b[i*k+c] = v[i]
		}
	}
	m := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 13}, Graph: onnxwrite.Graph{
		Inputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("x", 1, 1, int64(h), int64(w))}, Outputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("y", 1, int64(k))},
		Initializers: []onnxwrite.Tensor{onnxwrite.Raw("b", []int64{int64(n), int64(k)}, b)},
		Nodes: []onnxwrite.Node{
			{OpType: "Flatten", Inputs: []string{"x"}, Outputs: []string{"f"}},
			{OpType: "MatMul", Inputs: []string{"f", "b"}, Outputs: []string{"y"}},
		},
	}}
	return compile(t, m.Marshal(), "linear")
}

func compile(t *testing.T, model []byte, name string) *incremental.Plan {
	t.Helper()
	g, err := onnxload.LoadBytes(model, name, "", onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := incremental.Compile(g, incremental.CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func meter(t *testing.T, s Setup) *Meter {
	t.Helper()
	m, err := NewMeter(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func curves(t *testing.T, m *Meter, order []int, class int) (deletion, insertion Curve) {
	t.Helper()
	d, i, err := m.Curves(context.Background(), order, class, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d, i
}

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

// TestLinearModel: of a weighted sum both curves are known. Pixel i contributes
// its rank of n, scaled to a sum of one: deleting the k largest leaves
// (n-k)(n-k+1) / n(n+1), and the area is (2n+1)/6n; inserting them gives the rest
// to one.
func TestLinearModel(t *testing.T) {
	const h, w = 6, 8
	const n = h * w
	weights, ones, zeros, contribution := make([]float32, n), make([]float32, n), make([]float32, n), make([]float64, n)
	for i, p := range rand.New(rand.NewPCG(4, 4)).Perm(n) {
		contribution[i] = 2 * float64(p+1) / (n * (n + 1))
		weights[i], ones[i] = float32(contribution[i]), 1
	}
	negative := make([]float32, n)
	for i := range weights {
		negative[i] = -3 * weights[i]
	}
	plan := linear(t, h, w, weights, negative)
	m := meter(t, Setup{Target: all(prediction.Reading{}), Plan: plan, Picture: ones, Removed: zeros, Start: zeros, Steps: n, Workers: 3})
	for _, c := range []struct {
		class int
		scale float64
	}{{0, 1}, {1, -3}} {
		d, i := curves(t, m, Order(contribution), c.class)
		for k := range n + 1 {
			want := c.scale * float64((n-k)*(n-k+1)) / (n * (n + 1))
			if !near(d.Scores[k], want, 1e-5) || !near(i.Scores[k], c.scale-want, 1e-5) || d.Shares[k] != float64(k)/n {
				t.Fatalf("class %d after %d: %g and %g at %g, want %g and %g", c.class, k, d.Scores[k], i.Scores[k], d.Shares[k], want, c.scale-want)
			}
		}
		if want := c.scale * (2*n + 1) / (6 * n); !near(d.Area(), want, 1e-5) || !near(i.Area(), c.scale-want, 1e-5) {
			t.Errorf("class %d: areas %g and %g, want %g and %g", c.class, d.Area(), i.Area(), want, c.scale-want)
		}
	}
	// The order turned around mirrors the curves.
	back := Order(contribution)
	slices.Reverse(back)
	d, i := curves(t, m, back, 0)
	if want := (2*n + 1.) / (6 * n); !near(d.Area(), 1-want, 1e-5) || !near(i.Area(), want, 1e-5) {
		t.Errorf("turned around: areas %g and %g", d.Area(), i.Area())
	}
}

// TestLinearModelAgainstSums holds random weights, images and steps to the sums
// that the curves are, in double precision.
func TestLinearModelAgainstSums(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for range 20 {
		h, w := 2+rng.IntN(7), 2+rng.IntN(7)
		n := h * w
		random := func() []float32 {
			v := make([]float32, n)
			for i := range v {
				if v[i] = rng.Float32()*2 - 1; rng.IntN(4) == 0 {
					v[i] = 0 // pixels where the images are equal
				}
			}
			return v
		}
		weights := random()
		s := Setup{Target: all(prediction.Reading{}), Plan: linear(t, h, w, random(), weights), Picture: random(), Removed: random(), Start: random(), Steps: 1 + rng.IntN(2*n), Workers: 1 + rng.IntN(3)}
		if rng.IntN(3) == 0 {
			s.Start = s.Removed
		}
		order := rng.Perm(n)
		d, i := curves(t, meter(t, s), order, 1)
		counts := Counts(n, s.Steps)
		for k, count := range counts {
			deleted, inserted := 0.0, 0.0
			for rank, p := range order {
				from := [2]float32{s.Removed[p], s.Picture[p]}
				if rank >= count {
					from = [2]float32{s.Picture[p], s.Start[p]}
				}
				deleted += float64(from[0]) * float64(weights[p])
				inserted += float64(from[1]) * float64(weights[p])
			}
			if !near(d.Scores[k], deleted, 1e-5) || !near(i.Scores[k], inserted, 1e-5) {
				t.Fatalf("%dx%d after %d: %g and %g, want %g and %g", h, w, count, d.Scores[k], i.Scores[k], deleted, inserted)
			}
		}
	}
}

// TestRandomOrderOfALinearModel: the mean area over random orders is half of the
// way between the ends, whatever the weights.
func TestRandomOrderOfALinearModel(t *testing.T) {
	const h, w, orders = 5, 5, 400
	rng := rand.New(rand.NewPCG(6, 6))
	weights, ones, zeros := make([]float32, h*w), make([]float32, h*w), make([]float32, h*w)
	total := 0.0
	for i := range weights {
		weights[i], ones[i] = rng.Float32()*rng.Float32(), 1
		total += float64(weights[i])
	}
	m := meter(t, Setup{Target: all(prediction.Reading{}), Plan: linear(t, h, w, weights), Picture: ones, Removed: zeros, Start: zeros, Steps: h * w, Workers: 2})
	var deletions, insertions []Curve
	for range orders {
		d, i := curves(t, m, rng.Perm(h*w), 0)
		deletions, insertions = append(deletions, d), append(insertions, i)
		if !near(d.Area()+i.Area(), total, 1e-4) {
			t.Fatalf("areas %g and %g, of a sum they are together %g", d.Area(), i.Area(), total)
		}
	}
	if got := Mean(deletions).Area(); !near(got, total/2, total*0.015) {
		t.Errorf("mean area %g of deletion, want about %g", got, total/2)
	}
	if got := Mean(insertions).Area(); !near(got, total/2, total*0.015) {
		t.Errorf("mean area %g of insertion, want about %g", got, total/2)
	}
}

// sample is the built-in network and picture, with gray and blur as obe has them.
func sample(t *testing.T, steps int) Setup {
	t.Helper()
	e := models.Default()
	plan := compile(t, e.Model, e.Name)
	_, data := models.Sample()
	pic, err := imagein.Decode(bytes.NewReader(data), "sample", imagein.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	pre, err := imagein.Preset("unit")
	if err != nil {
		t.Fatal(err)
	}
	plane := plan.InputPlane()
	fitted, _ := pre.Fit(pic.Image, plane.W, plane.H)
	fill := func(name string) []float32 {
		f, err := obe.ParseFill(name, 1)
		if err != nil {
			t.Fatal(err)
		}
		return pre.Normalize(f.Image(fitted), plane.C)
	}
	return Setup{Plan: plan, Picture: pre.Normalize(fitted, plane.C), Removed: fill("gray"), Start: fill("blur"), Target: all(reading(t, plan)), Steps: steps, Workers: 2}
}

// occlusion is the map of the best class by 16x16 patches, for each pixel the
// mean drop of those that cover it.
func occlusion(t *testing.T, s Setup) []float64 {
	t.Helper()
	plane := s.Plan.InputPlane()
	grid, err := obe.NewGrid(plane.H, plane.W, [2]int{16, 16}, [2]int{8, 8}, obe.Cover, region.Rect{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := obe.Explain(context.Background(), obe.Task{Plan: s.Plan, Grid: grid, Base: s.Picture, Fill: s.Removed, Target: s.Target, Mode: obe.Exact, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	drop, n := make([]float64, plane.H*plane.W), make([]float64, plane.H*plane.W)
	for i := range grid.Len() {
		at := grid.Rect(i)
		for y := at.Y.Lo; y < at.Y.Hi; y++ {
			for x := at.X.Lo; x < at.X.Hi; x++ {
				drop[y*plane.W+x] += float64(r.Base[r.Winner] - r.Scores[r.Winner][i])
				n[y*plane.W+x]++
			}
		}
	}
	for i := range drop {
		drop[i] /= n[i]
	}
	return drop
}

// TestGoodMapsBeatBadOnes: on the built-in network the occlusion map deletes
// faster and inserts faster than random orders, and those than the map turned
// around.
func TestGoodMapsBeatBadOnes(t *testing.T) {
	s := sample(t, 16)
	m := meter(t, s)
	class := prediction.Winner(m.Base())
	order := Order(occlusion(t, s))
	d, i := curves(t, m, order, class)
	slices.Reverse(order)
	worstD, worstI := curves(t, m, order, class)
	rng := rand.New(rand.NewPCG(7, 7))
	for range 4 {
		rd, ri := curves(t, m, rng.Perm(len(order)), class)
		if d.Area() >= rd.Area() {
			t.Errorf("deletion: area %.3f of the map, %.3f of a random order", d.Area(), rd.Area())
		}
		if i.Area() <= ri.Area() || ri.Area() <= worstI.Area() {
			t.Errorf("insertion: areas %.3f of the map, %.3f of a random order, %.3f of the worst", i.Area(), ri.Area(), worstI.Area())
		}
	}
	if d.Area() >= worstD.Area()/2 {
		t.Errorf("deletion: area %.3f of the map, %.3f of it turned around", d.Area(), worstD.Area())
	}
	base := float64(m.Base()[class])
	if d.Scores[0] != base || i.Scores[len(i.Scores)-1] != base || d.Scores[len(d.Scores)-1] != worstD.Scores[len(d.Scores)-1] || i.Scores[0] != worstI.Scores[0] {
		t.Errorf("the ends differ: %g and %g, the picture has %g", d.Scores, i.Scores, base)
	}
	if whole, spent := m.MultiplyAdds(); whole != int64(6*m.Points())*s.Plan.MultiplyAdds() || spent >= whole {
		t.Errorf("%d multiply-adds spent, %d by whole runs", spent, whole)
	}
}

// TestPointsEqualWholeRuns recomputes every point of a compact and of a random
// order whole, bit for bit, with the memory and workers that there may be.
func TestPointsEqualWholeRuns(t *testing.T) {
	s := sample(t, 6)
	plane := s.Plan.InputPlane()
	class := 3
	inference := s.Plan.NewInference(2)
	for _, order := range [][]int{Order(occlusion(t, s)), rand.New(rand.NewPCG(8, 8)).Perm(plane.H * plane.W)} {
		for _, workers := range []int{1, 3} {
			s.Workers = workers
			m := meter(t, s)
			var points atomic.Int64
			d, i, err := m.Curves(context.Background(), order, class, func(n int) { points.Add(int64(n)) })
			if err != nil || int(points.Load()) != m.Points() {
				t.Fatalf("%d of %d points, %v", points.Load(), m.Points(), err)
			}
			for k, count := range Counts(plane.H*plane.W, s.Steps) {
				for name, c := range map[string]struct {
					first, rest []float32
					got         float64
				}{"deletion": {s.Removed, s.Picture, d.Scores[k]}, "insertion": {s.Picture, s.Start, i.Scores[k]}} {
					input := slices.Clone(c.rest)
					for _, p := range order[:count] {
						copy(input[p*plane.C:(p+1)*plane.C], c.first[p*plane.C:])
					}
					if err := inference.Run(context.Background(), input); err != nil {
						t.Fatal(err)
					}
					out, err := inference.Output(0).Floats()
					if err != nil {
						t.Fatal(err)
					}
					p := make([]float32, len(out))
					reading(t, s.Plan).Apply(p, out)
					if float64(p[class]) != c.got {
						t.Errorf("%s after %d pixels: %g, whole run %g", name, count, c.got, p[class])
					}
				}
			}
		}
	}
}

func TestBadSetups(t *testing.T) {
	n := 12
	v := make([]float32, n)
	good := Setup{Target: all(prediction.Reading{}), Plan: linear(t, 3, 4, v, v), Picture: v, Removed: v, Start: v, Steps: 3, Workers: 1}
	for name, spoil := range map[string]func(*Setup){
		"no steps": func(s *Setup) { s.Steps = 0 }, "output": func(s *Setup) { s.Target = target.Classes{Output: 1} }, "negative output": func(s *Setup) { s.Target = target.Classes{Output: -1} },
		"picture": func(s *Setup) { s.Picture = v[1:] }, "removed": func(s *Setup) { s.Removed = nil }, "start": func(s *Setup) { s.Start = append(v, 1) },
	} {
		s := good
		spoil(&s)
		if _, err := NewMeter(context.Background(), s); !errors.Is(err, ErrSetup) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := meter(t, good)
	order := rand.Perm(n)
	for name, c := range map[string]struct {
		order []int
		class int
	}{"class": {order, 2}, "negative class": {order, -1}, "short": {order[1:], 0}, "none": {nil, 0}, "twice": {append([]int{order[1]}, order[1:]...), 0}, "outside": {append(order[1:len(order):len(order)], n), 0}, "negative": {append(order[1:len(order):len(order)], -1), 0}} {
		if _, _, err := m.Curves(context.Background(), c.order, c.class, nil); !errors.Is(err, ErrSetup) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := m.Curves(ctx, order, 0, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// all is the target of every class.
func all(r prediction.Reading) target.Target {
	return target.Classes{Reading: r, Choose: func(scores []float32) []int {
		list := make([]int, len(scores))
		for i := range list {
			list[i] = i
		}
		return list
	}}
}

// reading is how the plan's first output becomes scores.
func reading(t *testing.T, p *incremental.Plan) prediction.Reading {
	t.Helper()
	r, err := prediction.Read(context.Background(), prediction.Question{Plan: p, Activation: prediction.Auto, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
