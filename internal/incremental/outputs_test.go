package incremental

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/region"
)

// TestChangedParts holds what a change of one pixel is told to have moved to what is
// counted by hand: of planes a rectangle, of a detector's lists a run of rows for each row
// of each plane.
func TestChangedParts(t *testing.T) {
	n, x := newNetwork(t, rand.New(rand.NewPCG(5, 6)), 1, 3, 16, 16)
	pads := map[string]any{"pads": []int64{1, 1, 1, 1}}
	a := n.node("Conv", pads, x, n.weights(1, 6, 3, 3, 3))
	b := n.node("Conv", map[string]any{"strides": []int64{2, 2}}, a, n.weights(1, 6, 6, 2, 2))
	last := func(v graph.ValueID) graph.ValueID {
		return n.node("Transpose", map[string]any{"perm": []int64{0, 2, 3, 1}}, v)
	}
	list := func(v graph.ValueID) graph.ValueID { return n.node("Reshape", nil, last(v), n.ints(1, -1, 3)) }
	rows := func(v graph.ValueID) graph.ValueID { return n.node("Reshape", nil, v, n.ints(1, 6, -1)) }
	n.output(
		n.node("Sigmoid", nil, a),
		last(a),
		n.node("Concat", map[string]any{"axis": int64(1)}, list(a), list(b)),
		n.node("Concat", map[string]any{"axis": int64(2)}, rows(a), rows(b)),
		n.node("Concat", map[string]any{"axis": int64(1)}, n.node("Relu", nil, a), a),
		n.node("Softmax", nil, n.node("Concat", map[string]any{"axis": int64(1)}, list(a), list(b))),
		n.node("Flatten", nil, n.node("Tanh", nil, b)),
	)
	p, err := Compile(n.g, CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	base := make([]float32, p.InputPlane().Len())
	for i := range base {
		base[i] = rand.New(rand.NewPCG(uint64(i), 1)).Float32()
	}
	v, err := p.Materialize(context.Background(), base, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := &patches{plane: [3]int{16, 16, 3}, base: base, rects: []region.Rect{{Y: region.Span{Lo: 5, Hi: 6}, X: region.Span{Lo: 6, Hi: 7}}}, data: [][]float32{{9, 9, 9}}}
	anchors := func(per int, lists ...string) (s string) { // rows 4 to 6, columns 5 to 7 of 16; 2 to 3, 2 to 3 of 8
		for _, l := range [][4]int{{0, 16, 4, 5}, {0, 16, 5, 5}, {0, 16, 6, 5}, {256, 8, 2, 2}, {256, 8, 3, 2}} {
			wide := 3
			if l[1] == 8 {
				wide = 2
			}
			lo := (l[0] + l[2]*l[1] + l[3]) * per
			s += fmt.Sprintf(lists[0], lo, lo+wide*per)
		}
		return s
	}
	want := []string{
		"[[0,1) [0,6) [4,7) [5,8)]",
		"[[0,1) [4,7) [5,8) [0,6)]",
		anchors(2, "[[0,1) [%d,%d) [0,3)]"),
		anchors(1, "[[0,1) [0,6) [%d,%d)]"),
		"[[0,1) [0,6) [4,7) [5,8)][[0,1) [6,12) [4,7) [5,8)]",
		anchors(2, "[[0,1) [%d,%d) [0,3)]"),
		"[[0,1) [0,384)]",
	}
	err = p.Update(context.Background(), v, c, Options{}, func(_ int, r Results) error {
		for i, w := range want {
			if got := text(r.Changed(i)); got != w {
				t.Errorf("output %d: %s, want %s", i, got, w)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.steps {
		if _, ok := p.steps[i].prim.(*engine.Concat); ok {
			t.Errorf("step %s puts together what outputs could read", p.steps[i].node)
		}
	}
	c.rects[0] = region.Rect{}
	err = p.Update(context.Background(), v, c, Options{}, func(_ int, r Results) error {
		for i := range want {
			if got := r.Changed(i); len(got) != 0 {
				t.Errorf("output %d: %v of no change", i, got)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func text(parts []Part) (s string) {
	for _, p := range parts {
		s += fmt.Sprint(p)
	}
	return s
}

// TestDiffering holds what is found to differ to what each number by itself says.
func TestDiffering(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for range 2000 {
		plane := engine.Plane{H: 1 + rng.IntN(2)*rng.IntN(4), W: 1 + rng.IntN(90), C: 1 + rng.IntN(3)*rng.IntN(20)}
		was := make([]float32, plane.Len())
		for i := range was {
			was[i] = rng.Float32()
		}
		is, rate := slices.Clone(was), []float64{0, .003, .03, .5, 1}[rng.IntN(5)]
		var all region.Rect
		var row []patch
		for i := range is {
			if rng.Float64() >= rate {
				continue
			}
			is[i] = -is[i]
			y, x := i/plane.C/plane.W, i/plane.C%plane.W
			all = all.Union(region.Rect{Y: region.Span{Lo: y, Hi: y + 1}, X: region.Span{Lo: x, Hi: x + 1}})
			if last := len(row) - 1; last >= 0 && x <= row[last].rect.X.Hi+sameBetween {
				row[last].rect.X.Hi = x + 1
			} else {
				row = append(row, patch{3, region.Rect{Y: region.Span{Hi: 1}, X: region.Span{Lo: x, Hi: x + 1}}})
			}
		}
		want := []patch{{2, region.Rect{}}}
		switch {
		case plane.H == 1:
			want = append(want, row...)
		case !all.Empty():
			want = append(want, patch{3, all})
		}
		if got := differing([]patch{{2, region.Rect{}}}, 3, plane, was, is); !slices.Equal(got, want) {
			t.Fatalf("%v, %v of the numbers: %v, want %v", plane, rate, got, want)
		}
	}
}
