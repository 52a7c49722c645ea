package obe_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/incremental"
	"krypton/internal/obe"
	"krypton/internal/onnxload"
	"krypton/internal/onnxwrite"
	"krypton/internal/prediction"
	"krypton/internal/region"
	"krypton/internal/target"
)

// maps is a random network of a few convolutions, whose last map, called m, has c
// channels of h by w pixels.
type maps struct {
	nodes   []onnxwrite.Node
	inits   []onnxwrite.Tensor
	c, h, w int
	in      [2]int
}

func randomMaps(rng *rand.Rand) *maps {
	m := &maps{c: 3, h: 8 + rng.IntN(9), w: 8 + rng.IntN(9)}
	m.in = [2]int{m.h, m.w}
	from := "in"
	for i := range 1 + rng.IntN(3) {
		c, stride := 2+rng.IntN(5), 1+rng.IntN(2)*min(1, i)
		weights := make([]float32, c*m.c*9)
		for k := range weights {
			weights[k] = (rng.Float32()*2 - 1) / 2
		}
		name := fmt.Sprint("conv", i)
		m.inits = append(m.inits, onnxwrite.Raw("w"+name, []int64{int64(c), int64(m.c), 3, 3}, weights))
		m.add("Conv", name, []string{from, "w" + name}, onnxwrite.Ints("pads", 1, 1, 1, 1), onnxwrite.Ints("strides", int64(stride), int64(stride)))
		m.add("LeakyRelu", "act"+name, []string{name})
		from, m.c, m.h, m.w = "act"+name, c, (m.h+stride-1)/stride, (m.w+stride-1)/stride
	}
	m.add("Identity", "m", []string{from})
	return m
}

func (m *maps) add(operator, out string, in []string, attrs ...onnxwrite.Attribute) {
	m.nodes = append(m.nodes, onnxwrite.Node{Name: "the " + out, OpType: operator, Inputs: in, Outputs: []string{out}, Attributes: attrs})
}

// task compiles the network with the output y and asks it about a random picture.
func (m *maps) task(t *testing.T, rng *rand.Rand, of target.Target) obe.Task {
	t.Helper()
	file := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 17}, Graph: onnxwrite.Graph{Name: "g", Nodes: m.nodes, Initializers: m.inits,
		Inputs:  []onnxwrite.ValueInfo{{Name: "in", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3, int64(m.in[0]), int64(m.in[1]))}},
		Outputs: []onnxwrite.ValueInfo{{Name: "y"}}}}
	g, err := onnxload.LoadBytes(file.Marshal(), "m", "", onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := incremental.Compile(g, incremental.CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	plane := p.InputPlane()
	grid, err := obe.NewGrid(plane.H, plane.W, [2]int{1 + rng.IntN(4), 1 + rng.IntN(4)}, [2]int{1 + rng.IntN(3), 1 + rng.IntN(3)}, obe.Cover, region.Rect{})
	if err != nil {
		t.Fatal(err)
	}
	random := func() []float32 {
		v := make([]float32, plane.Len())
		for i := range v {
			v[i] = rng.Float32()*4 - 2
		}
		return v
	}
	return obe.Task{Plan: p, Grid: grid, Base: random(), Fill: random(), Target: of, Workers: 1 + rng.IntN(3), Keep: true, Verify: 3}
}

// kind is a kind of target, on a random network that ends as it needs.
type kind struct {
	name string
	// make adds the nodes that make y of m, and gives the target with its reference: what
	// it gives for outputs, in float64, given those of the clean picture.
	make func(m *maps, rng *rand.Rand) (target.Target, func(clean, out []float32) float64)
}

// pixel is a plain reader of planes: the scores of one pixel.
func pixel(l target.Layout, a prediction.Activation, out []float32, i int) []float64 {
	p := make([]float64, l.C)
	for c := range p {
		p[c] = float64(out[c*l.H*l.W+i])
		if l.Last {
			p[c] = float64(out[i*l.C+c])
		}
	}
	switch {
	case l.C == 1 && a == prediction.Sigmoid:
		p = []float64{1 - 1/(1+math.Exp(-p[0])), 1 / (1 + math.Exp(-p[0]))}
	case a == prediction.Softmax:
		sum := 0.0
		for _, v := range p {
			sum += math.Exp(v)
		}
		for c, v := range p {
			p[c] = math.Exp(v) / sum
		}
	}
	return p
}

func best(p []float64) int {
	k := 0
	for c, v := range p {
		if v > p[k] {
			k = c
		}
	}
	return k
}

// segment is a plain reading of one class's pixels.
func segment(l target.Layout, a prediction.Activation, score target.Score, part region.Rect, whole bool, clean, out []float32) float64 {
	count, now := map[int]int{}, map[int]int{}
	at := func(f func(i int)) {
		for y := part.Y.Lo; y < part.Y.Hi; y++ {
			for x := part.X.Lo; x < part.X.Hi; x++ {
				f(y*l.W + x)
			}
		}
	}
	at(func(i int) { count[best(pixel(l, a, clean, i))]++ })
	class := 0
	for c := range 10 {
		if count[c] > count[class] {
			class = c
		}
	}
	if l.C == 1 {
		class = 1
	}
	both, n, sum := 0, 0, 0.0
	at(func(i int) {
		p := pixel(l, a, out, i)
		was, is := best(pixel(l, a, clean, i)) == class, best(p) == class
		now[best(p)]++
		if was && is {
			both++
		}
		if !was && !whole {
			return
		}
		n++
		switch score {
		case target.Value:
			sum += p[class]
		case target.Margin:
			other := math.Inf(-1)
			for c, v := range p {
				if c != class {
					other = max(other, v)
				}
			}
			sum += p[class] - other
		case target.Entropy:
			for _, v := range p {
				sum -= v * math.Log(v)
			}
		}
	})
	switch score {
	case target.Dice:
		return 2 * float64(both) / float64(count[class]+now[class])
	case target.IoU:
		return float64(both) / float64(count[class]+now[class]-both)
	}
	return sum / float64(n)
}

// planes are segments of a plane that lies in one of three ways.
func planes(m *maps, rng *rand.Rand) (target.Target, func(clean, out []float32) float64) {
	l, reading := target.Layout{C: m.c, H: m.h, W: m.w}, prediction.Reading{Activation: prediction.Softmax, Outputs: m.c}
	switch rng.IntN(3) {
	case 0:
		m.add("Identity", "y", []string{"m"})
	case 1:
		l.Last = true
		m.add("Transpose", "y", []string{"m"}, onnxwrite.Ints("perm", 0, 2, 3, 1))
	case 2:
		l.C = 1
		m.add("ReduceMean", "y", []string{"m"}, onnxwrite.Ints("axes", 1))
		reading = prediction.Reading{Activation: prediction.Sigmoid, Outputs: 1, Pair: true}
	}
	scores := []target.Score{target.Value, target.Margin, target.Entropy, target.Dice, target.IoU}
	s := target.Segments{Layout: l, Reading: reading, Score: scores[rng.IntN(len(scores))]}
	part := region.Plane(m.h, m.w)
	if rng.IntN(2) == 0 {
		y, x := rng.IntN(m.h), rng.IntN(m.w)
		part = region.Rect{Y: region.Span{Lo: y, Hi: y + 1 + rng.IntN(m.h-y)}, X: region.Span{Lo: x, Hi: x + 1 + rng.IntN(m.w-x)}}
		s.Part, s.Whole = part, true
	}
	return s, func(clean, out []float32) float64 {
		return segment(l, reading.Activation, s.Score, part, s.Whole, clean, out)
	}
}

var kinds = []kind{
	{"segments", planes},
	{"labels", func(m *maps, rng *rand.Rand) (target.Target, func(clean, out []float32) float64) {
		m.add("ArgMax", "y", []string{"m"}, onnxwrite.Int("axis", 1), onnxwrite.Int("keepdims", int64(rng.IntN(2))))
		return target.Segments{Layout: target.Layout{C: 1, H: m.h, W: m.w}, Labels: true, Score: target.Value}, func(clean, out []float32) float64 {
			count := map[float32]int{}
			for _, v := range clean {
				count[v]++
			}
			class := float32(0)
			for v := float32(0); v < 10; v++ {
				if count[v] > count[class] {
					class = v
				}
			}
			left := 0
			for i, v := range out {
				if v == class && clean[i] == class {
					left++
				}
			}
			return float64(left) / float64(count[class])
		}
	}},
	{"numbers", func(m *maps, rng *rand.Rand) (target.Target, func(clean, out []float32) float64) {
		m.add("GlobalAveragePool", "g", []string{"m"})
		m.add("Flatten", "y", []string{"g"})
		k := rng.IntN(m.c)
		return target.Numbers{Choose: func([]float32) []int { return []int{k} }}, func(_, out []float32) float64 { return float64(out[k]) }
	}},
	{"part", func(m *maps, rng *rand.Rand) (target.Target, func(clean, out []float32) float64) {
		m.add("Identity", "y", []string{"m"})
		c, y := rng.IntN(m.c), rng.IntN(m.h)
		hi := y + 1 + rng.IntN(m.h-y)
		index, _, err := target.Indices([]int{1, m.c, m.h, m.w}, []target.Range{{One: true}, {Lo: c, One: true}, {Lo: y, Hi: hi}, {All: true}})
		if err != nil {
			panic(err)
		}
		reduce := target.Reduction(target.Reductions[rng.IntN(3)])
		return target.Cut{Target: target.Numbers{Reduce: reduce}, Index: index}, func(_, out []float32) float64 {
			sum, most, n := 0.0, math.Inf(-1), 0.0
			for i := y; i < hi; i++ {
				for x := range m.w {
					v := float64(out[(c*m.h+i)*m.w+x])
					sum, most, n = sum+v, max(most, v), n+1
				}
			}
			return map[target.Reduction]float64{target.Sum: sum, target.Mean: sum / n, target.Max: most}[reduce]
		}
	}},
	{"features", func(m *maps, rng *rand.Rand) (target.Target, func(clean, out []float32) float64) {
		m.add("GlobalAveragePool", "g", []string{"m"})
		m.add("Flatten", "y", []string{"g"})
		f := target.Features{Score: target.Cosine}
		if rng.IntN(2) == 0 {
			f.Score = target.Euclidean
		}
		if rng.IntN(2) == 0 {
			for range m.c {
				f.Reference = append(f.Reference, rng.Float32()-.5)
			}
		}
		return f, func(clean, out []float32) float64 {
			to := clean
			if f.Reference != nil {
				to = f.Reference
			}
			var dot, a, b, far float64
			for i, v := range out {
				x, y := float64(v), float64(to[i])
				dot, a, b, far = dot+x*y, a+x*x, b+y*y, far+(x-y)*(x-y)
			}
			if f.Score == target.Euclidean {
				return math.Sqrt(far)
			}
			return dot / math.Sqrt(a) / math.Sqrt(b)
		}
	}},
	{"classes", func(m *maps, rng *rand.Rand) (target.Target, func(clean, out []float32) float64) {
		m.add("GlobalAveragePool", "g", []string{"m"})
		m.add("Flatten", "y", []string{"g"})
		k := rng.IntN(m.c)
		return target.Classes{Reading: prediction.Reading{Activation: prediction.Softmax, Outputs: m.c}, List: []int{k}}, func(_, out []float32) float64 {
			return pixel(target.Layout{C: m.c, H: 1, W: 1}, prediction.Softmax, out, 0)[k]
		}
	}},
}

// TestTargets: over random networks, pictures and questions, every target's map is bit for
// bit that of whole runs, also from coarse to fine and read anew from kept outputs, and
// what a plain reading in float64 makes of the outputs.
func TestTargets(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			for seed := range uint64(25) {
				rng := rand.New(rand.NewPCG(seed, 19))
				m := randomMaps(rng)
				of, want := k.make(m, rng)
				task := m.task(t, rng, of)
				exact, err := obe.Explain(context.Background(), task)
				if err != nil {
					if errors.Is(err, target.ErrNoPixel) {
						continue // nothing is there on this picture
					}
					t.Fatal(err)
				}
				task.Mode, task.Gradual = obe.Naive, seed%2 == 0
				naive, err := obe.Explain(context.Background(), task)
				if err != nil {
					t.Fatal(err)
				}
				same(t, fmt.Sprintf("seed %d", seed), exact, naive)
				again, err := task.Reread(exact)
				if err != nil {
					t.Fatal(err)
				}
				same(t, fmt.Sprintf("seed %d, read anew", seed), exact, again)
				if !slices.Equal(exact.Winners, naive.Winners) || exact.Verified == 0 {
					t.Fatalf("seed %d: other winners, or %d verified", seed, exact.Verified)
				}
				clean, n := exact.Clean[0], len(exact.Clean[0])
				near := func(what string, got float32, want float64) {
					if !(math.Abs(float64(got)-want) <= 1e-5*max(1, math.Abs(want))) {
						t.Fatalf("seed %d, %s: %g, want %g (%+v)", seed, what, got, want, of)
					}
				}
				near("clean", exact.Base[0], want(clean, clean))
				for i, v := range exact.Scores[0] {
					near(fmt.Sprint("position ", i), v, want(clean, exact.Outputs[0][i*n:][:n]))
				}
			}
		})
	}
}

// followed ends a network in a plane of pixels, or a list of them, that changes by parts,
// and gives how it lies: nearly nothing of it changes, or all does; some numbers of a
// pixel change where others do not; some are none.
func followed(m *maps, rng *rand.Rand) target.Layout {
	from, c := "m", m.c
	apply := func(operator string, in []string, attrs ...onnxwrite.Attribute) {
		out := fmt.Sprint("end", len(m.nodes))
		m.add(operator, out, in, attrs...)
		from = out
	}
	switch rng.IntN(5) {
	case 0: // hardly anything
		m.inits = append(m.inits, onnxwrite.Raw("high", []int64{1}, []float32{-1.5}))
		apply("Add", []string{"m", "high"})
		apply("Relu", []string{from})
	case 1: // everything
		apply("GlobalAveragePool", []string{"m"})
		apply("Add", []string{"m", from})
	case 2: // some of a pixel's numbers
		apply("MaxPool", []string{"m"}, onnxwrite.Ints("kernel_shape", 5, 5), onnxwrite.Ints("pads", 2, 2, 2, 2))
		apply("Concat", []string{"m", from}, onnxwrite.Int("axis", 1))
		c *= 2
	case 3: // no numbers, here and there
		apply("Sqrt", []string{"m"})
	}
	l := target.Layout{C: c, H: m.h, W: m.w, Last: rng.IntN(2) == 0}
	if l.Last {
		apply("Transpose", []string{from}, onnxwrite.Ints("perm", 0, 2, 3, 1))
	}
	if l.Last && rng.IntN(2) == 0 { // a list over two scales
		m.inits = append(m.inits, onnxwrite.Raw("rows", []int64{3}, []int64{1, -1, int64(c)}))
		plane := from
		apply("Reshape", []string{plane, "rows"})
		fine := from
		apply("Transpose", []string{plane}, onnxwrite.Ints("perm", 0, 3, 1, 2))
		apply("AveragePool", []string{from}, onnxwrite.Ints("kernel_shape", 2, 2), onnxwrite.Ints("strides", 2, 2))
		apply("Transpose", []string{from}, onnxwrite.Ints("perm", 0, 2, 3, 1))
		apply("Reshape", []string{from, "rows"})
		apply("Concat", []string{fine, from}, onnxwrite.Int("axis", 1))
		l.H, l.W = 1, m.h*m.w+(m.h/2)*(m.w/2)
	}
	m.add("Identity", "y", []string{from})
	return l
}

// TestTargetsFollowParts: maps of segments, which are told what changed at each position,
// are bit for bit those of whole runs, and those of outputs that are looked at whole.
func TestTargetsFollowParts(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 20))
		m := randomMaps(rng)
		l := followed(m, rng)
		scores := []target.Score{target.Value, target.Margin, target.Entropy, target.Dice, target.IoU}
		s := target.Segments{Layout: l, Reading: prediction.Reading{Activation: prediction.Softmax, Outputs: l.C}, Score: scores[rng.IntN(len(scores))],
			Choose: func(shares []float32) (list []int) {
				for c, share := range shares {
					if share > 0 {
						list = append(list, c)
					}
				}
				return list
			}}
		if rng.IntN(2) == 0 {
			y, x := rng.IntN(l.H), rng.IntN(l.W)
			s.Part = region.Rect{Y: region.Span{Lo: y, Hi: y + 1 + rng.IntN(l.H-y)}, X: region.Span{Lo: x, Hi: x + 1 + rng.IntN(l.W-x)}}
			s.Whole = rng.IntN(2) == 0
		}
		task := m.task(t, rng, s)
		exact, err := obe.Explain(context.Background(), task)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		again, err := task.Reread(exact)
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("seed %d, read anew", seed), exact, again)
		task.Mode = obe.Naive
		naive, err := obe.Explain(context.Background(), task)
		if err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("seed %d", seed), exact, naive)
		if !slices.Equal(exact.Winners, naive.Winners) || !slices.Equal(exact.Winners, again.Winners) {
			t.Fatalf("seed %d: other winners", seed)
		}
	}
}

// TestTargetsAllocateNothing: scoring takes no memory anew at any position.
func TestTargetsAllocateNothing(t *testing.T) {
	for _, k := range kinds {
		rng := rand.New(rand.NewPCG(5, 19))
		m := randomMaps(rng)
		of, _ := k.make(m, rng)
		task := m.task(t, rng, of)
		r, err := obe.Explain(context.Background(), task)
		if err != nil {
			t.Fatal(err)
		}
		scorer, scores := r.Bound.Scorer(), make([]float32, len(r.Items))
		n := len(r.Clean[0])
		outs := [][]float32{r.Outputs[0][3*n:][:n]}
		if a := testing.AllocsPerRun(10, func() { scorer.Score(scores, outs) }); a != 0 {
			t.Errorf("%s: %g allocations", k.name, a)
		}
		told, ok := scorer.(target.Follower)
		if !ok {
			continue
		}
		changed := [][]region.Span{{{Hi: n / 2}}}
		if a := testing.AllocsPerRun(10, func() { told.ScoreChanged(scores, outs, changed) }); a != 0 {
			t.Errorf("%s: %g allocations by parts", k.name, a)
		}
	}
}
