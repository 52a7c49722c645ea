package obe_test

import (
	"context"
	"errors"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/obe"
	"krypton/internal/onnxwrite"
	"krypton/internal/target"
)

func TestParsePatch(t *testing.T) {
	size := func(s string) obe.Size {
		v, err := obe.ParseSize(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for text, want := range map[string]obe.Patch{
		"16":                         obe.Plain(size("16")),
		"10%x8":                      obe.Plain(size("10%x8")),
		"16:soft=2.5":                {Size: size("16"), Soft: 2.5},
		"circle:24x32":               {Shape: obe.Circle, Size: size("24x32")},
		"circle:10%:soft=4":          {Shape: obe.Circle, Size: size("10%"), Soft: 4},
		"mask:32:leaf.png":           {Shape: obe.Stencil, Size: size("32"), File: "leaf.png"},
		"slic:200":                   {Shape: obe.Superpixels, Count: 200, Compactness: 10},
		"slic:50:compactness=0.5":    {Shape: obe.Superpixels, Count: 50, Compactness: .5},
		"rise:4000":                  {Shape: obe.Random, Count: 4000, Cells: 7, Keep: .5},
		"rise:10:cells=5:keep=0.25":  {Shape: obe.Random, Count: 10, Cells: 5, Keep: .25},
		`mask:32:soft=1:C:\leaf.png`: {Shape: obe.Stencil, Size: size("32"), Soft: 1, File: `C:\leaf.png`},
	} {
		p, err := obe.ParsePatch(text)
		if err != nil || p != want {
			t.Errorf("%s: %+v, %v", text, p, err)
		}
		if got := p.String(); got != text {
			t.Errorf("%s is written %s", text, got)
		}
		if p.Plain() != (p.Shape == obe.Rectangle && p.Soft == 0) {
			t.Errorf("%s: plain is %v", text, p.Plain())
		}
	}
	for _, text := range []string{"", ":", "circle", "circle:", "circle:0", "circle:16:", "circle:16:x", "circle:16:soft=0", "circle:16:soft=NaN", "circle:16:soft=257", "16:soft=", "16:leaf.png", "mask:16", "mask:16:", "mask:leaf.png", "mask:16:soft=2", "oval:16", "16:soft=1:", "slic", "slic:", "slic:0", "slic:9:", "slic:9:keep=0.5", "slic:9:compactness=0", "slic:9:compactness=NaN", "slic:9:compactness=1:compactness=2", "rise:9999999", "rise:9:keep=1", "rise:9:keep=NaN", "rise:9:cells=0", "slic:16:soft=2"} {
		if p, err := obe.ParsePatch(text); err == nil {
			t.Errorf("%q is accepted as %+v", text, p)
		}
	}
}

// FuzzParsePatch: what is read is written so that it is read as the same.
func FuzzParsePatch(f *testing.F) {
	for _, s := range []string{"16", "circle:10%:soft=4", "mask:32:soft=1:a:b", "24x32:soft=0.5", "slic:9:compactness=3", "rise:7:keep=0.1:cells=3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := obe.ParsePatch(s)
		if err != nil {
			return
		}
		if again, err := obe.ParsePatch(p.String()); err != nil || again != p {
			t.Errorf("%q is %+v, written %q, which is %+v, %v", s, p, p.String(), again, err)
		}
	})
}

// covering is a plain reading of what a patch of a shape, whose rectangle begins at y, x,
// covers of each pixel of a plane: 0 to 1.
type covering func(y, x int) []float64

// coverings are grids of every shape on a plane, with the plain reading of each.
func coverings(t *testing.T, rng *rand.Rand, plane engine.Plane) map[string]func() (*obe.Grid, covering) {
	lay := func(p obe.Patch, stencil *image.Gray) *obe.Grid {
		stride := obe.Size{H: obe.Length{Pixels: 1 + rng.IntN(3)}, W: obe.Length{Pixels: 1 + rng.IntN(3)}}
		border := []obe.Border{obe.Cover, obe.Cut, obe.Skip}[rng.IntN(3)]
		g, err := p.Grid(plane, stride, border, obe.Region{}, 1, func(h, w int) (*image.Gray, error) { return stencil, nil })
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	h, w := 2+rng.IntN(5), 2+rng.IntN(5)
	size := obe.Size{H: obe.Length{Pixels: h}, W: obe.Length{Pixels: w}}
	// in makes a covering of what a pixel of the patch's rectangle is, blurred.
	in := func(soft float64, weight func(y, x int) float64) covering {
		return func(py, px int) []float64 {
			all := make([]float64, plane.H*plane.W)
			for y := range plane.H {
				for x := range plane.W {
					v := 0.0
					switch {
					case soft > 0:
						sum := func(d int) float64 { return math.Exp(-float64(d*d) / (2 * soft * soft)) }
						reach, total := int(math.Ceil(3*soft)), 0.0
						for d := -reach; d <= reach; d++ {
							total += sum(d)
						}
						for ry := range h {
							for rx := range w {
								if dy, dx := py+ry-y, px+rx-x; max(dy, -dy) <= reach && max(dx, -dx) <= reach {
									v += weight(ry, rx) * sum(dy) * sum(dx) / (total * total)
								}
							}
						}
						v = math.Round(v*255) / 255
					case y >= py && y < py+h && x >= px && x < px+w:
						v = weight(y-py, x-px)
					}
					all[y*plane.W+x] = v
				}
			}
			return all
		}
	}
	full := func(int, int) float64 { return 1 }
	round := func(y, x int) float64 {
		dy, dx := (float64(y)+.5)/float64(h)*2-1, (float64(x)+.5)/float64(w)*2-1
		if dy*dy+dx*dx <= 1+1e-12 {
			return 1
		}
		return 0
	}
	grey := image.NewGray(image.Rect(0, 0, w, h))
	for i := range grey.Pix {
		grey.Pix[i] = []uint8{0, 255, uint8(rng.IntN(256))}[rng.IntN(3)]
	}
	grey.Pix[rng.IntN(len(grey.Pix))] = 200
	drawn := func(y, x int) float64 { return float64(grey.GrayAt(x, y).Y) / 255 }
	soft := .5 + rng.Float64()
	labels := make([]int32, plane.H*plane.W)
	for i := range labels {
		labels[i] = int32(rng.IntN(6))
	}
	for l := range 6 {
		labels[l] = int32(l)
	}
	segments := func() (*obe.Grid, covering) {
		g, err := obe.NewSegments(plane, obe.Region{}, labels, 6)
		if err != nil {
			t.Fatal(err)
		}
		return g, func(_, x int) []float64 {
			all := make([]float64, len(labels))
			for i, l := range labels {
				if int(l) == x {
					all[i] = 1
				}
			}
			return all
		}
	}
	random := func() (*obe.Grid, covering) {
		g := lay(obe.Patch{Shape: obe.Random, Count: 12, Cells: 2 + rng.IntN(4), Keep: .3 + .4*rng.Float64()}, nil)
		return g, func(_, x int) []float64 {
			all, row := make([]float64, plane.H*plane.W), make([]float32, plane.W)
			for y := range plane.H {
				g.Covers.Row(0, x, y, plane.Rect().X, row)
				for k, v := range row {
					all[y*plane.W+k] = float64(v)
				}
			}
			return all
		}
	}
	return map[string]func() (*obe.Grid, covering){
		"segments": segments, "random masks": random,
		"rectangle":      func() (*obe.Grid, covering) { return lay(obe.Plain(size), nil), in(0, full) },
		"soft rectangle": func() (*obe.Grid, covering) { return lay(obe.Patch{Size: size, Soft: soft}, nil), in(soft, full) },
		"circle":         func() (*obe.Grid, covering) { return lay(obe.Patch{Shape: obe.Circle, Size: size}, nil), in(0, round) },
		"soft circle": func() (*obe.Grid, covering) {
			return lay(obe.Patch{Shape: obe.Circle, Size: size, Soft: soft}, nil), in(soft, round)
		},
		"stencil": func() (*obe.Grid, covering) {
			return lay(obe.Patch{Shape: obe.Stencil, Size: size}, grey), in(0, drawn)
		},
		"soft stencil": func() (*obe.Grid, covering) {
			return lay(obe.Patch{Shape: obe.Stencil, Size: size, Soft: soft}, grey), in(soft, drawn)
		},
	}
}

// shapeTask is a task on a random network, with a random picture whose fill is the same in
// places.
func shapeTask(t *testing.T, rng *rand.Rand) obe.Task {
	m := randomMaps(rng)
	m.add("GlobalAveragePool", "pooled", []string{"m"})
	m.add("Flatten", "y", []string{"pooled"}, onnxwrite.Int("axis", 1))
	task := m.task(t, rng, target.Classes{})
	task.Verify, task.Chunk = 0, rng.IntN(4)
	for i := range task.Fill {
		if rng.IntN(3) == 0 {
			task.Fill[i] = task.Base[i]
		}
	}
	return task
}

// TestShapes: of every shape an exact map has, bit for bit, the outputs of whole runs of the
// pictures that a plain blend makes, and no pixel outside of the grid's rectangle changes.
func TestShapes(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 4))
	for range 6 {
		task := shapeTask(t, rng)
		plane := task.Plan.InputPlane()
		for name, make := range coverings(t, rng, plane) {
			var plain covering
			task.Grid, plain = make()
			exact, err := obe.Explain(context.Background(), task)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			naive := task
			naive.Mode = obe.Naive
			whole, err := obe.Explain(context.Background(), naive)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			same(t, name, exact, whole)
			if !equalBits(exact.Outputs[0], whole.Outputs[0]) {
				t.Errorf("%s: outputs differ between exact and naive", name)
			}
			for range 5 {
				i := rng.IntN(task.Grid.Len())
				picture := blended(t, name, &task, i, plain(task.Grid.Ys[i/len(task.Grid.Xs)], task.Grid.Xs[i%len(task.Grid.Xs)]))
				views, err := task.Plan.Materialize(context.Background(), picture, 1)
				if err != nil {
					t.Fatal(err)
				}
				outs, err := target.Outputs(task.Target, task.Plan, views)
				if err != nil {
					t.Fatal(err)
				}
				if n := len(outs[0]); !equalBits(exact.Outputs[0][i*n:(i+1)*n], outs[0]) {
					t.Errorf("%s: position %d is %v, a whole run of the blended picture %v", name, i, exact.Outputs[0][i*n:(i+1)*n], outs[0])
				}
				task.Plan.Release(views)
			}
		}
	}
}

// blended is the picture of a task with a patch that covers weights, at position i.
func blended(t *testing.T, name string, task *obe.Task, i int, weights []float64) []float32 {
	plane := task.Plan.InputPlane()
	picture, r := slices.Clone(task.Base), task.Grid.Rect(i)
	for at, m := range weights {
		y, x := at/plane.W, at%plane.W
		if m > 0 && (y < r.Y.Lo || y >= r.Y.Hi || x < r.X.Lo || x >= r.X.Hi) {
			t.Fatalf("%s: position %d covers pixel %d,%d, its rectangle is %v", name, i, y, x, r)
		}
		for k := at * plane.C; k < (at+1)*plane.C; k++ {
			base, fill, w := task.Base[k], task.Fill[k], float32(m)
			switch {
			case w == 1:
				picture[k] = fill
			case w > 0 && base != fill:
				picture[k] = float32(base*(1-w)) + float32(fill*w)
			}
		}
	}
	return picture
}

func equalBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// TestShapesOfWholeNumbers: blended pixels are whole where the network reads no others.
func TestShapesOfWholeNumbers(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 9))
	task := shapeTask(t, rng)
	plane := task.Plan.InputPlane()
	for i := range task.Base {
		task.Base[i], task.Fill[i] = float32(rng.IntN(256)), float32(rng.IntN(256))
	}
	patch := obe.Patch{Size: obe.Size{H: obe.Length{Pixels: 3}, W: obe.Length{Pixels: 4}}, Soft: 1}
	stride := obe.Size{H: obe.Length{Pixels: 2}, W: obe.Length{Pixels: 2}}
	var err error
	if task.Grid, err = patch.Grid(plane, stride, obe.Cover, obe.Region{}, 1, nil); err != nil {
		t.Fatal(err)
	}
	task.Whole = []bool{true, true, false}
	r, err := obe.Explain(context.Background(), task)
	if err != nil {
		t.Fatal(err)
	}
	i := task.Grid.Len() / 2
	stamp := task.Grid.Covers.(*obe.Stamp)
	y, x := task.Grid.Ys[i/len(task.Grid.Xs)], task.Grid.Xs[i%len(task.Grid.Xs)]
	picture := slices.Clone(task.Base)
	for at := range picture {
		py, px := at/plane.C/plane.W-y-stamp.At[0], at/plane.C%plane.W-x-stamp.At[1]
		if py >= 0 && py < stamp.H && px >= 0 && px < stamp.W {
			m := float32(stamp.Weights[py*stamp.W+px]) / 255
			if picture[at] = float32(task.Base[at]*(1-m)) + float32(task.Fill[at]*m); at%plane.C < 2 {
				picture[at] = float32(math.Round(float64(picture[at])))
			}
		}
	}
	views, err := task.Plan.Materialize(context.Background(), picture, 1)
	if err != nil {
		t.Fatal(err)
	}
	outs, err := target.Outputs(task.Target, task.Plan, views)
	if n := len(outs[0]); err != nil || !equalBits(r.Outputs[0][i*n:(i+1)*n], outs[0]) {
		t.Errorf("rounded: %v, want %v (%v)", r.Outputs[0][i*n:(i+1)*n], outs[0], err)
	}
}

// TestEmptyStencil: a mask that covers nothing is refused.
func TestEmptyStencil(t *testing.T) {
	grey := image.NewGray(image.Rect(0, 0, 4, 4))
	size := obe.Size{H: obe.Length{Pixels: 4}, W: obe.Length{Pixels: 4}}
	lay := func() (*obe.Grid, error) {
		return obe.Patch{Shape: obe.Stencil, Size: size, File: "x"}.Grid(engine.Plane{H: 8, W: 8, C: 1}, size, obe.Cover, obe.Region{}, 1, func(int, int) (*image.Gray, error) { return grey, nil })
	}
	if _, err := lay(); !errors.Is(err, obe.ErrStencil) {
		t.Errorf("an empty one: %v", err)
	}
	soft := obe.Patch{Size: obe.Size{H: obe.Length{Pixels: 1}, W: obe.Length{Pixels: 1}}, Soft: 20}
	if _, err := soft.Grid(engine.Plane{H: 8, W: 8, C: 1}, size, obe.Cover, obe.Region{}, 1, nil); err == nil || errors.Is(err, obe.ErrStencil) {
		t.Errorf("one pixel spread over a hundred: %v", err)
	}
	grey.SetGray(3, 1, color.Gray{Y: 7})
	g, err := lay()
	if err != nil {
		t.Fatal(err)
	}
	if r := g.Rect(0); r.String() != "[1,2)x[3,4)" {
		t.Errorf("one pixel covers %v", r)
	}
}
