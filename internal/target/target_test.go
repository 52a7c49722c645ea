package target

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/detect"
	"krypton/internal/incremental"
	"krypton/internal/prediction"
	"krypton/internal/region"
)

var nan = float32(math.NaN())

// score binds a target to clean outputs and gives what it makes of others.
func score(t *testing.T, of Target, clean, outs [][]float32) (scores []float32, winner int32) {
	t.Helper()
	b, err := of.Bind(clean)
	if err != nil {
		t.Fatal(err)
	}
	scores = make([]float32, len(b.Items()))
	s := b.Scorer()
	s.Score(scores, clean) // what is scored next does not depend on what was before
	return scores, s.Score(scores, outs)
}

func near(t *testing.T, what string, got []float32, want ...float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
	for i, w := range want {
		if g := float64(got[i]); !(math.Abs(g-w) < 1e-6) && !(g != g && w != w) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
}

func choose(list ...int) func([]float32) []int { return func([]float32) []int { return list } }

// TestSegments: a plane of 2 x 2 pixels of two classes, by hand, lying in both ways.
func TestSegments(t *testing.T) {
	// Class 0 has pixels 0 and 1 of the clean picture, and 0 and 3 behind the patch.
	clean := []float32{1, 3, 2, 0 /**/, 0, 1, 4, 5}
	other := []float32{1, 0, 2, 6 /**/, 0, 1, 4, 5}
	none := []float32{1, nan, 2, 6 /**/, 0, 1, 4, 5}
	row, pixel := region.Rect{Y: region.Span{Lo: 1, Hi: 2}, X: region.Span{Hi: 2}}, region.Rect{Y: region.Span{Lo: 1, Hi: 2}, X: region.Span{Lo: 1, Hi: 2}}
	for _, c := range []struct {
		name   string
		s      Segments
		out    []float32
		want   []float64
		winner int32
	}{
		{"value, clean", Segments{Score: Value}, clean, []float64{2}, None},
		{"value", Segments{Score: Value}, other, []float64{.5}, None},
		{"margin", Segments{Score: Margin}, other, []float64{0}, None}, // (1-0 + 0-1) / 2
		{"value of both", Segments{Score: Value, Choose: choose(0, 1)}, other, []float64{.5, 4.5}, None},
		{"entropy", Segments{Score: Entropy}, []float32{.5, 0, 2, 6, .5, 1, 4, 5}, []float64{math.Ln2 / 2}, None},
		{"dice, clean", Segments{Score: Dice}, clean, []float64{1}, None},
		{"dice", Segments{Score: Dice}, other, []float64{.5}, None},
		{"iou", Segments{Score: IoU}, other, []float64{1. / 3}, None},
		{"iou of both", Segments{Score: IoU, Choose: choose(1, 0)}, other, []float64{1. / 3, 1. / 3}, None},
		{"no pixel left", Segments{Score: IoU}, []float32{0, 0, 0, 0, 1, 1, 1, 1}, []float64{0}, None},
		{"whole", Segments{Score: Value, Whole: true}, other, []float64{2.25}, None},
		{"a row", Segments{Score: Value, Whole: true, Part: row}, other, []float64{4}, None},
		{"overlap in a row", Segments{Score: Dice, Part: row, Choose: choose(1)}, other, []float64{2. / 3}, None},
		{"a pixel", Segments{Score: Value, Whole: true, Part: pixel}, other, []float64{6}, 0},
		{"a pixel, clean", Segments{Score: Value, Whole: true, Part: pixel}, clean, []float64{0}, 1},
		{"not a number", Segments{Score: Value}, none, []float64{math.NaN()}, None},
		{"not a number elsewhere", Segments{Score: Value, Choose: choose(1)}, none, []float64{4.5}, None},
	} {
		for _, last := range []bool{false, true} {
			s := c.s
			s.Layout, s.Reading = Layout{C: 2, H: 2, W: 2, Last: last}, prediction.Reading{Activation: prediction.None, Outputs: 2}
			if s.Choose == nil {
				s.Choose = choose(0)
			}
			lie := func(v []float32) [][]float32 {
				if !last {
					return [][]float32{v}
				}
				return [][]float32{{v[0], v[4], v[1], v[5], v[2], v[6], v[3], v[7]}}
			}
			got, winner := score(t, s, lie(clean), lie(c.out))
			near(t, c.name, got, c.want...)
			if winner != c.winner {
				t.Errorf("%s: winner %d, want %d", c.name, winner, c.winner)
			}
		}
	}
}

// TestLabels: of planes whose one number is the class.
func TestLabels(t *testing.T) {
	clean, out := [][]float32{{0, 3, 3, 1}}, [][]float32{{3, 3, -1, nan}}
	s := Segments{Layout: Layout{C: 1, H: 1, W: 4}, Labels: true, Score: Value, Choose: choose(3)}
	got, _ := score(t, s, clean, out)
	near(t, "value", got, .5)
	s.Score = IoU
	got, _ = score(t, s, clean, out)
	near(t, "iou", got, 1./3)
	s.Choose = nil
	b, err := s.Bind(clean)
	if err != nil || b.Items()[0].Index != 3 {
		t.Errorf("the largest segment is %v (%v)", b.Items(), err)
	}
	s.Choose = choose(2)
	if _, err := s.Bind(clean); !errors.Is(err, ErrNoPixel) {
		t.Errorf("a class without a pixel: %v", err)
	}
	s.Choose = choose(4)
	if _, err := s.Bind(clean); err == nil {
		t.Error("a class above all")
	}
	if _, err := s.Bind([][]float32{{1}}); err == nil {
		t.Error("too few numbers")
	}
}

func TestNumbers(t *testing.T) {
	clean, out := [][]float32{{1, 2, 3}}, [][]float32{{4, -1, .5}}
	for _, c := range []struct {
		name string
		of   Target
		out  [][]float32
		want []float64
	}{
		{"first", Numbers{}, out, []float64{4}},
		{"two", Numbers{Choose: choose(2, 1)}, out, []float64{.5, -1}},
		{"narrow", Numbers{Choose: choose(2, 1)}.Narrow(Item{Index: 1}), out, []float64{-1}},
		{"sum", Numbers{Reduce: Sum}, out, []float64{3.5}},
		{"mean", Numbers{Reduce: Mean}, out, []float64{3.5 / 3}},
		{"max", Numbers{Reduce: Max}, out, []float64{4}},
		{"max of no number", Numbers{Reduce: Max}, [][]float32{{1, nan, 2}}, []float64{math.NaN()}},
		{"cut", Cut{Numbers{Reduce: Sum}, []int32{1, 2}}, out, []float64{-.5}},
		{"cut, narrow", Narrow(Cut{Numbers{}, []int32{1, 2}}, Item{Index: 1}), out, []float64{.5}},
	} {
		got, winner := score(t, c.of, clean, c.out)
		near(t, c.name, got, c.want...)
		if winner != None {
			t.Errorf("%s: winner %d", c.name, winner)
		}
	}
	for _, of := range []Target{Numbers{Choose: choose(3)}, Numbers{Choose: choose(-1)}, Cut{Numbers{}, []int32{3}}} {
		if _, err := of.Bind(clean); err == nil {
			t.Errorf("%+v is bound to three numbers", of)
		}
	}
}

func TestFeatures(t *testing.T) {
	clean, out := [][]float32{{3, 4}}, [][]float32{{4, 3}}
	for _, c := range []struct {
		name string
		of   Features
		out  [][]float32
		want float64
	}{
		{"cosine, clean", Features{Score: Cosine}, clean, 1},
		{"cosine", Features{Score: Cosine}, out, .96},
		{"cosine to another", Features{Score: Cosine, Reference: []float32{-4, -3}}, out, -1},
		{"cosine of nothing", Features{Score: Cosine}, [][]float32{{0, 0}}, math.NaN()},
		{"distance, clean", Features{Score: Euclidean}, clean, 0},
		{"distance", Features{Score: Euclidean}, out, math.Sqrt2},
		{"distance from another", Features{Score: Euclidean, Reference: []float32{4, 8}}, out, 5},
	} {
		got, _ := score(t, c.of, clean, c.out)
		near(t, c.name, got, c.want)
	}
	if _, err := (Features{Reference: []float32{1}}).Bind(clean); err == nil {
		t.Error("a reference of another length")
	}
}

func TestClasses(t *testing.T) {
	clean, out := [][]float32{{.2, .5, .3}}, [][]float32{{.5, .5, 0}}
	none := prediction.Reading{Activation: prediction.None, Outputs: 3}
	for _, c := range []struct {
		name   string
		of     Classes
		want   []float64
		winner int32
	}{
		{"best", Classes{Reading: none, Score: Value}, []float64{.5}, 0},
		{"two", Classes{Reading: none, Score: Value, List: []int{2, 0}}, []float64{0, .5}, 0},
		{"margin", Classes{Reading: none, Score: Margin, List: []int{2}}, []float64{-.5}, 0},
		{"entropy", Classes{Reading: none, Score: Entropy}, []float64{math.Ln2}, 0},
		{"softmax", Classes{Reading: prediction.Reading{Activation: prediction.Softmax, Outputs: 3}, Score: Value, List: []int{2}}, []float64{1 / (1 + 2*math.Exp(.5))}, 0},
	} {
		got, winner := score(t, c.of, clean, out)
		near(t, c.name, got, c.want...)
		if winner != c.winner {
			t.Errorf("%s: winner %d, want %d", c.name, winner, c.winner)
		}
	}
}

func TestIndices(t *testing.T) {
	for _, c := range []struct {
		text  string
		index []int32
		part  []int
	}{
		{"1,:2", []int32{3, 4}, []int{2}},
		{":,-1", []int32{2, 5}, []int{2}},
		{"0:1", []int32{0, 1, 2}, []int{1, 3}},
		{"1, 1:", []int32{4, 5}, []int{2}},
	} {
		ranges, err := ParseRanges(c.text)
		if err != nil {
			t.Fatal(err)
		}
		index, part, err := Indices([]int{2, 3}, ranges)
		if err != nil || !slices.Equal(index, c.index) || !slices.Equal(part, c.part) {
			t.Errorf("%s: %v of shape %v (%v), want %v of %v", c.text, index, part, err, c.index, c.part)
		}
	}
	for _, text := range []string{"2", "0,3", ":,0:4", "-3", "1:1", "0,0,0"} {
		if ranges, err := ParseRanges(text); err != nil {
			t.Error(err)
		} else if _, _, err := Indices([]int{2, 3}, ranges); err == nil {
			t.Errorf("%s is a part of 2 x 3", text)
		}
	}
	for _, text := range []string{"", "x", "0:y", "1,"} {
		if _, err := ParseRanges(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

// TestBoxes: two boxes of two classes, of which the first is found on the clean picture.
// It moves by half its width, and grows weaker; or nothing but its numbers change.
func TestBoxes(t *testing.T) {
	clean := [][]float32{{10, 10, 10, 10, 1, .8, .1 /**/, 40, 40, 10, 10, .5, .1, .9}}
	moved := [][]float32{{15, 10, 10, 10, .5, .1, .8 /**/, 40, 40, 10, 10, .5, .1, .9}}
	gone := [][]float32{{10, 10, 10, 10, 0, .8, .1 /**/, 40, 40, 10, 10, 0, .1, .9}}
	none := [][]float32{{nan, 10, 10, 10, nan, nan, .8 /**/, 40, 40, 10, 10, .5, .1, .9}}
	head := Head{Spec: &detect.Spec{Form: "yolov5"}, Outputs: []detect.Output{{Name: "y", Shape: []int{1, 2, 7}}}, Width: 64, Height: 64,
		Frame: detect.Box{X1: 64, Y1: 64}, MinScore: .6, IoU: .5, Label: func(c int) string { return string(rune('a' + c)) }}
	for _, c := range []struct {
		name  string
		score Score
		outs  [][]float32
		want  []float64 // of the box, and of others
	}{
		{"overlap, clean", Overlap, clean, []float64{.8, .45}},
		{"overlap", Overlap, moved, []float64{.05 / 3, .45}},
		{"overlap, gone", Overlap, gone, []float64{0, 0}},
		{"overlap, no number", Overlap, none, []float64{0, .45}},
		{"drise, clean", DRISE, clean, []float64{1, .45}},
		{"drise", DRISE, moved, []float64{.5 / 3 * .16 / .65, .45}},
		{"drise, gone", DRISE, gone, []float64{0, 0}},
		{"drise, no number", DRISE, none, []float64{0, .45}},
		{"a false box", Overlap, [][]float32{{10, 10, 10, 10, 1, .8, .1, 30, 40, 10, 10, 1, .1, .9}}, []float64{.8, .9}},
		{"another class at the same place", Overlap, [][]float32{{10, 10, 10, 10, 1, .1, .7, 40, 40, 10, 10, .5, .1, .9}}, []float64{.1, .7}},
	} {
		b, err := NewBoxes(head, c.score, nil)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := score(t, b, clean, c.outs)
		near(t, c.name, got, c.want...)
		got, _ = score(t, b.Narrow(Item{Index: OthersItem}), clean, c.outs)
		near(t, c.name+", others alone", got, c.want[1])
	}
	b, err := NewBoxes(head, Overlap, nil)
	if err != nil {
		t.Fatal(err)
	}
	bound, err := b.Bind(clean)
	if err != nil {
		t.Fatal(err)
	}
	if items := bound.Items(); !slices.Equal(items, []Item{{Index: 1, Name: "a"}, {Index: OthersItem, Name: OthersName}}) {
		t.Errorf("items %v", items)
	}
	if _, err := b.Bind(gone); !errors.Is(err, ErrNoBox) {
		t.Errorf("nothing is found: %v", err)
	}
	if _, err := b.Narrow(Item{Index: 2}).Bind(clean); !errors.Is(err, ErrNoBox) {
		t.Errorf("a box that is not found: %v", err)
	}
}

// plainly reads all pixels of an item, in their order.
func plainly(b *boundSegments, item int, out []float32) float32 {
	r, m := b.reader(), &b.segments[item]
	if b.Score != Dice && b.Score != IoU {
		sum := 0.0
		for _, i := range m.pixels {
			r.read(int(i), out)
			sum += r.value(m.class)
		}
		return float32(sum / float64(len(m.pixels)))
	}
	both, all := 0, len(m.pixels)
	b.each(func(i int) {
		if int(r.read(i, out)) == m.class {
			all++
			if slices.Contains(m.pixels, int32(i)) {
				both++
			}
		}
	})
	if b.Score == IoU {
		return float32(float64(both) / float64(all-both))
	}
	return float32(2 * float64(both) / float64(all))
}

// TestFollow: a scorer that is told what changed gives what one that is not gives, and
// what all pixels give, bit for bit, whatever spans cover the changes: exactly those, more, pixels in part, everything.
func TestFollow(t *testing.T) {
	const h, w = 6, 7
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 24))
		l := Layout{C: 1 + rng.IntN(4), H: h, W: w, Last: rng.IntN(2) == 0}
		scores := []Score{Value, Margin, Entropy, Dice, IoU}
		s := Segments{Layout: l, Score: scores[rng.IntN(len(scores))], Reading: prediction.Reading{Activation: prediction.Softmax, Outputs: l.C}}
		if rng.IntN(2) == 0 {
			y, x := rng.IntN(h), rng.IntN(w)
			s.Part, s.Whole = region.Rect{Y: region.Span{Lo: y, Hi: y + 1 + rng.IntN(h-y)}, X: region.Span{Lo: x, Hi: x + 1 + rng.IntN(w-x)}}, rng.IntN(2) == 0
		}
		random := func() float32 {
			if rng.IntN(60) == 0 {
				return nan
			}
			return rng.Float32()*4 - 2
		}
		clean := make([]float32, l.C*h*w)
		for i := range clean {
			clean[i] = random()
		}
		bound, err := s.Bind([][]float32{clean})
		if err != nil {
			t.Fatal(err)
		}
		told, plain := bound.Scorer().(Follower), bound.Scorer()
		for range 8 {
			out, changed := slices.Clone(clean), []region.Span{}
			for at := rng.IntN(len(out) + 1); at < len(out); at += rng.IntN(len(out)) + 1 {
				n := min(len(out)-at, 1+rng.IntN(20))
				for i := at; i < at+n; i++ {
					if rng.IntN(3) > 0 {
						out[i] = random()
					}
				}
				changed = append(changed, region.Span{Lo: at, Hi: at + n})
				at += n
			}
			if rng.IntN(5) == 0 {
				changed = []region.Span{{Hi: len(out)}}
			}
			got, want := make([]float32, len(bound.Items())), make([]float32, len(bound.Items()))
			a, b := told.ScoreChanged(got, [][]float32{out}, [][]region.Span{changed}), plain.Score(want, [][]float32{out})
			for k := range got {
				if w := plainly(bound.(*boundSegments), k, out); math.Float32bits(w) != math.Float32bits(want[k]) {
					t.Fatalf("seed %d: %v, and %v of all pixels (%+v)", seed, want[k], w, s)
				}
				if a != b || math.Float32bits(got[k]) != math.Float32bits(want[k]) {
					t.Fatalf("seed %d: %v and %d where %v changed, want %v and %d (%+v)", seed, got, a, changed, want, b, s)
				}
			}
			if n := testing.AllocsPerRun(1, func() { told.ScoreChanged(got, [][]float32{out}, [][]region.Span{changed}) }); n > 2 { // the two literals
				t.Fatalf("seed %d: %g allocations", seed, n)
			}
		}
	}
}

// TestSpans: parts of an output as spans of its numbers.
func TestSpans(t *testing.T) {
	part := func(v ...int) (p incremental.Part) {
		for i := 0; i < len(v); i += 2 {
			p = append(p, region.Span{Lo: v[i], Hi: v[i+1]})
		}
		return p
	}
	shape := []int{1, 2, 3, 4}
	for _, c := range []struct {
		parts []incremental.Part
		shape []int
		want  []region.Span
	}{
		{nil, shape, nil},
		{[]incremental.Part{part(0, 1, 0, 2, 0, 3, 0, 4)}, shape, []region.Span{{Lo: 0, Hi: 24}}},
		{[]incremental.Part{part(0, 1, 1, 2, 0, 3, 0, 4)}, shape, []region.Span{{Lo: 12, Hi: 24}}},
		{[]incremental.Part{part(0, 1, 0, 2, 1, 3, 0, 4)}, shape, []region.Span{{Lo: 4, Hi: 12}, {Lo: 16, Hi: 24}}},
		{[]incremental.Part{part(0, 1, 0, 2, 1, 2, 1, 3)}, shape, []region.Span{{Lo: 5, Hi: 7}, {Lo: 17, Hi: 19}}},
		{[]incremental.Part{part(0, 1, 0, 1, 0, 1, 0, 1), part(0, 1, 1, 2, 2, 3, 3, 4)}, shape, []region.Span{{Lo: 0, Hi: 1}, {Lo: 23, Hi: 24}}},
		{[]incremental.Part{part()}, nil, []region.Span{{Lo: 0, Hi: 24}}}, // nobody knows the shape
	} {
		if got := spansOf(nil, c.parts, c.shape, 24); !slices.Equal(got, c.want) {
			t.Errorf("%v of %v: %v, want %v", c.parts, c.shape, got, c.want)
		}
	}
}

// BenchmarkSegments: 21 classes of 256 x 256 pixels of which a square of 48 changed.
func BenchmarkSegments(b *testing.B) {
	const c, n, side = 21, 256, 48
	rng := rand.New(rand.NewPCG(1, 1))
	clean := make([]float32, c*n*n)
	for i := range clean {
		clean[i] = rng.Float32()
	}
	out := slices.Clone(clean)
	var changed []region.Span
	for k := range c {
		for y := 100; y < 100+side; y++ {
			lo := (k*n+y)*n + 100
			for i := lo; i < lo+side; i++ {
				out[i]++
			}
			changed = append(changed, region.Span{Lo: lo, Hi: lo + side})
		}
	}
	for _, score := range []Score{Value, Dice} {
		bound, err := (Segments{Layout: Layout{C: c, H: n, W: n}, Score: score, Reading: prediction.Reading{Activation: prediction.Softmax, Outputs: c}}).Bind([][]float32{clean})
		if err != nil {
			b.Fatal(err)
		}
		s, dst, outs, parts := bound.Scorer().(Follower), make([]float32, 1), [][]float32{out}, [][]region.Span{changed}
		b.Run(string(score)+"/all", func(b *testing.B) {
			for range b.N {
				s.Score(dst, outs)
			}
		})
		b.Run(string(score)+"/changed", func(b *testing.B) {
			for range b.N {
				s.ScoreChanged(dst, outs, parts)
			}
		})
	}
}
