package obe_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/imagein"
	"krypton/internal/incremental"
	"krypton/internal/obe"
	"krypton/internal/onnxload"
	"krypton/internal/prediction"
	"krypton/internal/region"
	"krypton/internal/target"
	"krypton/models"
)

func TestGrid(t *testing.T) {
	for _, c := range []struct {
		h, w          int
		patch, stride [2]int
		border        obe.Border
		ys, xs        string
	}{
		{224, 224, [2]int{16, 16}, [2]int{104, 104}, obe.Cover, "[0 104 208]", "[0 104 208]"},
		{10, 7, [2]int{4, 3}, [2]int{4, 2}, obe.Cover, "[0 4 6]", "[0 2 4]"},
		{10, 8, [2]int{4, 3}, [2]int{4, 2}, obe.Skip, "[0 4]", "[0 2 4]"},
		{10, 8, [2]int{4, 3}, [2]int{4, 2}, obe.Cut, "[0 4 8]", "[0 2 4 6]"},
		{5, 5, [2]int{5, 1}, [2]int{9, 9}, obe.Cover, "[0]", "[0 4]"},
	} {
		g, err := obe.NewGrid(c.h, c.w, c.patch, c.stride, c.border, region.Rect{})
		if err != nil || fmt.Sprint(g.Ys) != c.ys || fmt.Sprint(g.Xs) != c.xs {
			t.Errorf("%+v: %v, %v", c, g, err)
			continue
		}
		covered := make([]bool, c.h*c.w)
		for i := range g.Len() {
			r := g.Rect(i)
			if !region.Plane(c.h, c.w).Contains(r) || r.Empty() {
				t.Errorf("%+v: position %d is %v", c, i, r)
			}
			for y := r.Y.Lo; y < r.Y.Hi; y++ {
				for x := r.X.Lo; x < r.X.Hi; x++ {
					covered[y*c.w+x] = true
				}
			}
		}
		if c.border == obe.Cover && c.stride[0] <= c.patch[0] && c.stride[1] <= c.patch[1] {
			for i, v := range covered {
				if !v {
					t.Errorf("%+v: pixel %d,%d is not covered", c, i/c.w, i%c.w)
				}
			}
		}
	}
	if g, _ := obe.NewGrid(224, 224, [2]int{16, 16}, [2]int{4, 4}, obe.Cover, region.Rect{}); g.Len() != 2809 {
		t.Errorf("%d positions, want 2809", g.Len())
	}
	for _, bad := range []struct{ patch, stride [2]int }{{[2]int{0, 1}, [2]int{1, 1}}, {[2]int{11, 1}, [2]int{1, 1}}, {[2]int{1, 1}, [2]int{1, 0}}} {
		if _, err := obe.NewGrid(10, 10, bad.patch, bad.stride, obe.Cover, region.Rect{}); !errors.Is(err, obe.ErrGrid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := obe.NewGrid(10, 10, [2]int{1, 1}, [2]int{1, 1}, obe.Cover, region.Plane(11, 3)); !errors.Is(err, obe.ErrGrid) || !errors.Is(err, obe.ErrRegion) {
		t.Errorf("region outside: %v", err)
	}
}

func TestFillNumbers(t *testing.T) {
	const h, w, c = 32, 48, 2
	base := make([]float32, h*w*c)
	base[(16*w+24)*c+1] = 1 // a point in the second channel
	for i := 0; i < len(base); i += c {
		base[i] = 3
	}
	mean := obe.Fill{Kind: "mean"}.Numbers(base, h, w, c)
	if mean[0] != 3 || math.Abs(float64(mean[1])-1./(h*w)) > 1e-9 || mean[len(mean)-1] != mean[1] {
		t.Errorf("mean: %v", mean[:c])
	}
	blur := obe.Fill{Kind: "blur"}.Numbers(base, h, w, c)
	at := func(y, x, k int) float64 { return float64(blur[(y*w+x)*c+k]) }
	sum := 0.0
	for y := range h {
		for x := range w {
			if math.Abs(at(y, x, 0)-3) > 1e-6 {
				t.Fatalf("a constant channel is %g after blurring", at(y, x, 0))
			}
			sum += at(y, x, 1)
		}
	}
	// Sigma is 48/16 = 3: the bell curve of two dimensions.
	if math.Abs(sum-1) > 1e-3 || math.Abs(at(16, 24, 1)-1/(2*math.Pi*9)) > 1e-3 || at(16, 27, 1) != at(16, 21, 1) || math.Abs(at(19, 24, 1)-at(16, 27, 1)) > 1e-7 || at(0, 0, 1) != 0 {
		t.Errorf("a point of 1 blurs to %g in all, %g in the middle", sum, at(16, 24, 1))
	}
	if (obe.Fill{Kind: "color"}).Numbers(base, h, w, c) != nil {
		t.Error("a colour has numbers")
	}
}

// plan is the built-in model's.
func plan(t *testing.T, opt incremental.CompileOptions) *incremental.Plan {
	t.Helper()
	e := models.Default()
	g, err := onnxload.LoadBytes(e.Model, e.Name, "", onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := incremental.Compile(g, opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// builtIn is a task on the built-in model and picture.
func builtIn(t *testing.T, patch, stride int) obe.Task {
	t.Helper()
	p := plan(t, incremental.CompileOptions{})
	_, data := models.Sample()
	pic, err := imagein.Decode(bytes.NewReader(data), "sample", imagein.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	pre, err := imagein.Preset("unit")
	if err != nil {
		t.Fatal(err)
	}
	plane := p.InputPlane()
	fitted, _ := pre.Fit(pic.Image, plane.W, plane.H)
	grid, err := obe.NewGrid(plane.H, plane.W, [2]int{patch, patch}, [2]int{stride, stride}, obe.Cover, region.Rect{})
	if err != nil {
		t.Fatal(err)
	}
	fill, err := obe.ParseFill("gray", 1)
	if err != nil {
		t.Fatal(err)
	}
	return obe.Task{Plan: p, Grid: grid, Base: pre.Normalize(fitted, plane.C), Fill: pre.Normalize(fill.Image(fitted), plane.C), Target: target.Classes{Reading: reading(t, p)}, Mode: obe.Exact, Workers: 2}
}

// TestMask: positions off the mask keep the clean score and cost nothing in
// either mode; the others do not change.
func TestMask(t *testing.T) {
	task := builtIn(t, 16, 16)
	all, err := obe.Explain(context.Background(), task)
	if err != nil {
		t.Fatal(err)
	}
	task.Mask = make([]bool, 128*128)
	for x := 31; x < 128; x++ { // one column of the second patches, and the others
		task.Mask[77*128+x] = true
	}
	task.Verify, task.Compare = 100, -1
	checked := 0
	task.Checking = func(done, total int) { checked = done - total }
	for _, task.Mode = range []obe.Mode{obe.Exact, obe.Naive} {
		r, err := obe.Explain(context.Background(), task)
		if err != nil {
			t.Fatal(err)
		}
		if r.Masked != 64-7 || r.Verified != 7 || r.MultiplyAddsWhole*64 != all.MultiplyAddsWhole*7 || checked != 0 {
			t.Errorf("%s: %d masked, %d verified, %d multiply-adds of %d, %d unchecked", task.Mode, r.Masked, r.Verified, r.MultiplyAddsWhole, all.MultiplyAddsWhole, checked)
		}
		if c := r.Compared; c == nil || c.Positions != 7 || c.Of != 7 || c.Whole <= 0 || c.Largest != 0 || c.Different != 0 {
			t.Errorf("%s: %+v", task.Mode, c)
		}
		for i, v := range r.Scores[0] {
			want := r.Base[0]
			if i/8 == 4 && i%8 > 0 {
				want = all.Scores[0][i]
			}
			if v != want {
				t.Errorf("%s: position %d: %g, want %g", task.Mode, i, v, want)
			}
		}
	}
	task.Mask = task.Mask[1:]
	if _, err := obe.Explain(context.Background(), task); !errors.Is(err, obe.ErrTask) {
		t.Errorf("a mask of another size: %v", err)
	}
}

// TestCompareSample: more than one block of positions, and fewer than all.
func TestCompareSample(t *testing.T) {
	task := builtIn(t, 24, 4)
	task.Compare = 300
	r, err := obe.Explain(context.Background(), task)
	if err != nil {
		t.Fatal(err)
	}
	if c := r.Compared; c.Positions != 300 || c.Of != 27*27 || c.Different != 0 || r.Verified != 0 {
		t.Errorf("%+v", c)
	}
	task.Compare = 0
	if r, err := obe.Explain(context.Background(), task); err != nil || r.Compared != nil {
		t.Errorf("not asked for: %+v, %v", r.Compared, err)
	}
}

// explain answers one picture by one plan.
func explain(t *testing.T, p *incremental.Plan, pic *imagein.Picture, preset string, patch, stride [2]int, mode obe.Mode, fill string) *obe.Result {
	t.Helper()
	plane := p.InputPlane()
	pre, err := imagein.Preset(preset)
	if err != nil {
		t.Fatal(err)
	}
	fitted, _ := pre.Fit(pic.Image, plane.W, plane.H)
	g, err := obe.NewGrid(plane.H, plane.W, patch, stride, obe.Cover, region.Rect{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := obe.ParseFill(fill, 1)
	if err != nil {
		t.Fatal(err)
	}
	r, err := obe.Explain(context.Background(), obe.Task{Plan: p, Grid: g, Base: pre.Normalize(fitted, plane.C), Fill: pre.Normalize(f.Image(fitted), plane.C),
		Target: target.Classes{Reading: reading(t, p)}, Mode: mode, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// same fails unless two results are equal bit for bit.
func same(t *testing.T, what string, a, b *obe.Result) {
	t.Helper()
	if len(a.Scores) != len(b.Scores) {
		t.Fatalf("%s: %d items and %d", what, len(a.Scores), len(b.Scores))
	}
	for k := range a.Scores {
		for i, x := range a.Scores[k] {
			if y := b.Scores[k][i]; math.Float32bits(x) != math.Float32bits(y) {
				t.Fatalf("%s: item %d, position %d: exact %g, naive %g", what, k, i, x, y)
			}
		}
	}
}

// TestBuiltIn: the first thing a user sees is right: the sample is recognized,
// exact equals naive on every kernel set and fill, and what matters is local.
func TestBuiltIn(t *testing.T) {
	e := models.Default()
	g, err := onnxload.LoadBytes(e.Model, e.Name, "", onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	name, data := models.Sample()
	f := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(f, data, 0o600); err != nil {
		t.Fatal(err)
	}
	pic, err := imagein.Open(f, imagein.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range asm.EverySet(t) {
		p, err := incremental.Compile(g, incremental.CompileOptions{Kernels: k})
		if err != nil {
			t.Fatal(err)
		}
		for _, fill := range obe.Fills {
			patch, stride := [2]int{16, 16}, [2]int{16, 16}
			if k == &asm.Generic && fill != "gray" {
				continue // slow
			}
			exact := explain(t, p, pic, "unit", patch, stride, obe.Exact, fill)
			same(t, k.Name+" "+fill, exact, explain(t, p, pic, "unit", patch, stride, obe.Naive, fill))
			if exact.Base[0] < .9 || exact.MultiplyAddsIncremental >= exact.MultiplyAddsWhole {
				t.Errorf("%s %s: base %g, %d of %d multiply-adds", k.Name, fill, exact.Base[0], exact.MultiplyAddsIncremental, exact.MultiplyAddsWhole)
			}
		}
	}
}

// TestPhotosExactEqualsNaive is the promise on real input: squeezenet on eight
// photos, two patches, every kernel set.
func TestPhotosExactEqualsNaive(t *testing.T) {
	dir := os.Getenv("KRYPTON_DATA")
	if dir == "" {
		t.Skip("KRYPTON_DATA is not set: it names the folder of real models and pictures")
	}
	g, err := onnxload.Load(filepath.Join(dir, "models", "squeezenet1.onnx"), onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	photos := []string{"bird_0.jpg", "brown_bear.jpg", "coffee.png", "dog_2.jpg", "fruit_0.jpg", "black_bear.jpg", "banana_0.jpg", "chelsea.png"}
	classes := []int{15, 294, 967, 207, 950, 295, 954, 285} // as ONNX Runtime sees them
	for _, k := range asm.EverySet(t) {
		p, err := incremental.Compile(g, incremental.CompileOptions{Kernels: k})
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range photos {
			if testing.Short() && i > 0 {
				break // the race detector is slow, and sees no more in another photo
			}
			pic, err := imagein.Open(filepath.Join(dir, "images", name), imagein.DefaultLimits)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []struct{ patch, stride [2]int }{{[2]int{16, 16}, [2]int{8, 8}}, {[2]int{24, 40}, [2]int{7, 11}}} {
				switch {
				case k == &asm.Generic || testing.Short():
					c.stride = [2]int{c.stride[0] * 12, c.stride[1] * 12} // slow: a sparse grid
				case i > 0:
					c.stride = [2]int{c.stride[0] * 3, c.stride[1] * 3} // the first photo has all positions
				}
				exact := explain(t, p, pic, "caffe", c.patch, c.stride, obe.Exact, "gray")
				same(t, k.Name+" "+name, exact, explain(t, p, pic, "caffe", c.patch, c.stride, obe.Naive, "gray"))
				if exact.Items[0].Index != classes[i] {
					t.Errorf("%s: class %d, want %d", name, exact.Items[0].Index, classes[i])
				}
			}
		}
	}
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
