package tune

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// sampleTask is the built-in model on a part of the built-in picture.
func sampleTask(t *testing.T, stride int) obe.Task {
	t.Helper()
	e := models.Default()
	g, err := onnxload.LoadBytes(e.Model, e.Name, "", onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := incremental.Compile(g, incremental.CompileOptions{Dynamic: true})
	if err != nil {
		t.Fatal(err)
	}
	_, data := models.Sample()
	pic, err := imagein.Decode(bytes.NewReader(data), "sample", imagein.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	pre, err := imagein.Preset("unit")
	if err != nil {
		t.Fatal(err)
	}
	fill, err := obe.ParseFill("gray", 1)
	if err != nil {
		t.Fatal(err)
	}
	plane := p.InputPlane()
	fitted, _ := pre.Fit(pic.Image, plane.W, plane.H)
	grid, err := obe.NewGrid(plane.H, plane.W, [2]int{16, 16}, [2]int{stride, stride}, obe.Cover, region.Rect{})
	if err != nil {
		t.Fatal(err)
	}
	return obe.Task{Plan: p, Grid: grid, Base: pre.Normalize(fitted, plane.C), Fill: pre.Normalize(fill.Image(fitted), plane.C), Target: target.Classes{Reading: prediction.Reading{Activation: prediction.Softmax}}, Workers: 2}
}

// TestMeasure: the profile is a frontier, begins at the exact map, falls in
// quality as it rises in speed, is the same every time, and choosing from it
// keeps what was asked for.
func TestMeasure(t *testing.T) {
	task := sampleTask(t, 8)
	calls := 0
	p, all, err := Measure(context.Background(), []obe.Task{task}, nil, func(int) { calls++ })
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	first, last := p.Points[0], p.Points[len(p.Points)-1]
	if first.Quality() < 1-1e-9 || first.Speedup < p.Exact-1e-9 || len(p.Points) < 5 || last.Speedup < 2*p.Exact {
		t.Errorf("from %+v to %+v, %d points, exact %g", first, last, len(p.Points), p.Exact)
	}
	for i := 1; i < len(p.Points); i++ {
		if a, b := p.Points[i-1], p.Points[i]; a.Speedup >= b.Speedup || a.Quality() <= b.Quality() {
			t.Errorf("points %d and %d: %+v, %+v", i, i+1, a, b)
		}
	}
	for _, q := range all {
		for _, f := range p.Points {
			if q.Speedup > f.Speedup && q.Quality() > f.Quality() {
				t.Errorf("%+v beats %+v", q, f)
			}
		}
	}
	if calls < 2 || calls > 1+Settings(task.Grid, task.Plan) {
		t.Errorf("%d maps of at most %d", calls, 1+Settings(task.Grid, task.Plan))
	}
	again, _, err := Measure(context.Background(), []obe.Task{sampleTask(t, 8)}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p, again); d != "" {
		t.Errorf("the same samples gave another profile:\n%s", d)
	}

	q, err := p.ForQuality(0.9)
	if err != nil {
		t.Fatal(err)
	}
	task.Mode, task.Approximation = obe.Approximate, q.Approximation
	r, err := obe.Explain(context.Background(), task)
	if err != nil {
		t.Fatal(err)
	}
	if s := speedup(r); math.Abs(s-q.Speedup) > 0.15*q.Speedup { // positions differ in cost
		t.Errorf("speed %g, the profile says %g", s, q.Speedup)
	}
	if _, err := p.ForQuality(1.1); !errors.Is(err, ErrProfile) {
		t.Errorf("more than exact: %v", err)
	}
	if s, err := p.ForSpeed(p.Exact + .1); err != nil || s.Speedup < p.Exact+.1 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := p.ForSpeed(1e9); !errors.Is(err, ErrProfile) {
		t.Errorf("faster than anything: %v", err)
	}

	var b bytes.Buffer
	if err := Plot(&b, p, all); err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(&b); err != nil {
		t.Errorf("the figure: %v", err)
	}
}

func TestValidate(t *testing.T) {
	for _, bad := range []Profile{{}, {Points: []Point{{Approximation: obe.Approximation{Tau: 2}}}}, {Points: []Point{{Speedup: math.NaN()}}}, {Points: []Point{{Precision: "fp8"}}}, {Points: []Point{{Approximation: obe.Approximation{Steps: []int{3, 2}}}}}} {
		if bad.Validate() == nil {
			t.Errorf("%+v passes", bad)
		}
	}
}

// TestFamilyOf: networks whose kind is known.
func TestFamilyOf(t *testing.T) {
	e := models.Default()
	g, err := onnxload.LoadBytes(e.Model, e.Name, "", onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if f := FamilyOf(g); f != Residual {
		t.Errorf("%s is %s", e.Name, f)
	}
	if os.Getenv("KRYPTON_DATA") == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	for name, want := range map[string]Family{"squeezenet1": Branching, "resnet20_cifar10": Residual, "mnist": Plain, "fastestdet": Separable} {
		g, err := onnxload.Load(filepath.Join(os.Getenv("KRYPTON_DATA"), "models", name+".onnx"), onnxload.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if f := FamilyOf(g); f != want {
			t.Errorf("%s is %s, want %s", name, f, want)
		}
		g.DropConstants()
		if f := FamilyOf(g); f != want {
			t.Errorf("%s without its constants is %s, want %s", name, f, want)
		}
	}
	for _, f := range []Family{Plain, Branching, Deep, Residual, Separable} {
		if a := Default(f); a.Exact() || a.Epsilon == 0 || a.Validate() != nil {
			t.Errorf("default of %s networks: %+v", f, a)
		}
	}
}

// TestFamilyByDepth: branching networks of many layers with windows, one behind the other, are
// deep ones, however many layers of single pixels or side by side there are.
func TestFamilyByDepth(t *testing.T) {
	for _, c := range []struct {
		windows, pixels int
		want            Family
	}{{deep - 1, 30, Branching}, {deep, 0, Deep}} {
		lines, last := []string{"v0 = Conv x w", "beside = Conv x w"}, "v0"
		for i := 1; i < c.windows; i++ {
			lines, last = append(lines, fmt.Sprintf("v%d = Conv %s w", i, last)), fmt.Sprintf("v%d", i)
		}
		for i := range c.pixels {
			lines, last = append(lines, fmt.Sprintf("p%d = Conv %s single", i, last)), fmt.Sprintf("p%d", i)
		}
		lines = append(lines, "flat = GlobalMaxPool beside", "top = GlobalMaxPool "+last)
		nodes := append(onnxwrite.Lines(lines...), onnxwrite.Node{OpType: "Concat", Inputs: []string{"top", "flat"}, Outputs: []string{"y"}, Attributes: []onnxwrite.Attribute{onnxwrite.Int("axis", 1)}})
		m := onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 17}, Graph: onnxwrite.Graph{
			Inputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("x", 1, 1, 64, 64)}, Outputs: []onnxwrite.ValueInfo{onnxwrite.Floats32("y", 1, 2, 1, 1)},
			Nodes:        nodes,
			Initializers: []onnxwrite.Tensor{onnxwrite.Raw("w", []int64{1, 1, 3, 3}, make([]float32, 9)), onnxwrite.Raw("single", []int64{1, 1, 1, 1}, make([]float32, 1))},
		}}
		g, err := onnxload.LoadBytes(m.Marshal(), "depth", "", onnxload.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if f := FamilyOf(g); f != c.want {
			t.Errorf("%d layers with windows: %s, want %s", c.windows, f, c.want)
		}
	}
}

// TestMeasureInLowPrecision: the profile says that it is, and its truth is in
// float32.
func TestMeasureInLowPrecision(t *testing.T) {
	e := models.Default()
	g, err := onnxload.LoadBytes(e.Model, e.Name, "", onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	low, err := incremental.Compile(g, incremental.CompileOptions{Dynamic: true, Precision: incremental.BF16})
	if err != nil {
		t.Fatal(err)
	}
	if low.Precision() != incremental.BF16 {
		t.Skip("this processor has no AVX512_BF16")
	}
	p, _, err := Measure(context.Background(), []obe.Task{sampleTask(t, 16)}, low, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, q := range p.Points {
		if q.Precision != incremental.BF16 || q.Quality() > 1-1e-6 || i == 0 && q.Quality() < 0.9 {
			t.Errorf("point %d: %+v", i+1, q)
		}
	}
}

// TestMeasureLists: of superpixels and random masks maps of pixels are compared, nothing is
// left out, and masks that cover parts of all have no region that is cut.
func TestMeasureLists(t *testing.T) {
	task := sampleTask(t, 16)
	plane := task.Plan.InputPlane()
	for _, text := range []string{"slic:12", "rise:24"} {
		patch, err := obe.ParsePatch(text)
		if err != nil {
			t.Fatal(err)
		}
		if task.Grid, err = patch.Grid(plane, obe.Size{}, obe.Cover, obe.Region{X: 20, Y: 30, W: 80, H: 64}, 1, nil); err != nil {
			t.Fatal(err)
		}
		p, all, err := Measure(t.Context(), []obe.Task{task}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		faster := false
		for _, q := range all {
			if q.Checkerboard || q.DrillDown != 0 || len(q.Steps) > 0 || patch.Shape == obe.Random && q.Tau != 1 {
				t.Errorf("%s: %+v", text, q)
			}
			if q.Tau == 1 && q.Epsilon == 0 && q.Quality() != 1 {
				t.Errorf("%s: the exact map is compared with itself: %+v", text, q)
			}
			faster = faster || q.Speedup > p.Exact && q.Quality() > .5 && q.Quality() < 1
		}
		if !faster {
			t.Errorf("%s: nothing is faster: %+v", text, all)
		}
	}
}
