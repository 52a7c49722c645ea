package incremental

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/imagein"
	"krypton/internal/onnxload"
	"krypton/internal/quality"
	"krypton/internal/region"
)

// pairSet is a kernel set of this machine that multiplies bfloat16.
func pairSet(t testing.TB) *asm.Kernels {
	for _, k := range asm.Sets() {
		if k.Pairs() != nil {
			return k
		}
	}
	asm.Missing(t, asm.PartPairs)
	return nil
}

// open reads a picture of KRYPTON_DATA.
func open(t testing.TB, name string) *imagein.Picture {
	t.Helper()
	p, err := imagein.Open(filepath.Join(os.Getenv("KRYPTON_DATA"), "images", name), imagein.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// input makes a picture a plan's input.
func input(p *Plan, pic *imagein.Picture, pre imagein.Preprocess) []float32 {
	plane := p.InputPlane()
	fitted, _ := pre.Fit(pic.Image, plane.W, plane.H)
	return pre.Normalize(fitted, plane.C)
}

// TestPrecisionElsewhere: where products in bfloat16 are not to be had, a plan
// that asks for them is that of FP32, bit for bit; an unknown precision is an
// error.
func TestPrecisionElsewhere(t *testing.T) {
	n := randomNetwork(t, rand.New(rand.NewPCG(7, 11)))
	if _, err := Compile(n.g, CompileOptions{Precision: "fp8"}); err == nil || !strings.Contains(err.Error(), `"fp8"`) {
		t.Errorf("precision fp8: %v", err)
	}
	for _, k := range asm.EverySet(t) {
		var views [2]*Views
		for i, precision := range []Precision{FP32, BF16} {
			p, err := Compile(n.g, CompileOptions{Kernels: k, Precision: precision})
			if err != nil {
				t.Fatal(err)
			}
			want := FP32
			if k.Pairs() != nil {
				want = precision
			}
			if p.Precision() != want {
				t.Errorf("%s: asked for %s, got %s, want %s", k.Name, precision, p.Precision(), want)
			}
			in := make([]float32, p.InputPlane().Len())
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range in {
				in[i] = rng.Float32()
			}
			if views[i], err = p.Materialize(context.Background(), in, 1); err != nil {
				t.Fatal(err)
			}
		}
		if same := checksum(views[0]) == checksum(views[1]); same == (k.Pairs() != nil) {
			t.Errorf("%s: views in both precisions equal: %v", k.Name, same)
		}
	}
}

// TestPrecisionError holds trained models in bfloat16 to float32, on all pictures
// of KRYPTON_DATA: the largest difference of an output relative to that output's
// range, and the best class; docs/kernels.md states them.
func TestPrecisionError(t *testing.T) {
	k := pairSet(t)
	if os.Getenv("KRYPTON_DATA") == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	files, err := filepath.Glob(filepath.Join(os.Getenv("KRYPTON_DATA"), "images", "*.*g"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no pictures: %v", err)
	}
	var pictures []*imagein.Picture
	for _, f := range files {
		pictures = append(pictures, open(t, filepath.Base(f)))
	}
	imagenet, _ := imagein.Preset("imagenet")
	caffe, _ := imagein.Preset("caffe")
	for _, m := range []struct {
		name    string
		pre     imagein.Preprocess
		most    float64
		classes bool
	}{
		{"squeezenet1", caffe, 0.06, true},
		{"resnet20_cifar10", imagenet, 0.03, true},
		{"mnist", imagein.Preprocess{Scale: 1 / 255., Mean: []float64{.1307}, Std: []float64{.3081}, Order: "gray", Resize: "stretch"}, 0.03, true},
		{"ultraface_rfb320", imagein.Preprocess{Scale: 1 / 128., Mean: []float64{127. / 128}, Order: "rgb", Resize: "stretch"}, 0.03, false},
		{"fastestdet", imagein.Preprocess{Scale: 1 / 255., Order: "bgr", Resize: "stretch"}, 0.15, false},
	} {
		g, err := onnxload.Load(filepath.Join(os.Getenv("KRYPTON_DATA"), "models", m.name+".onnx"), onnxload.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var plans [2]*Plan
		for i, precision := range []Precision{FP32, BF16} {
			if plans[i], err = Compile(g, CompileOptions{Kernels: k, Precision: precision}); err != nil {
				t.Fatal(err)
			}
		}
		if plans[1].Precision() != BF16 {
			t.Errorf("%s: no layer in bfloat16", m.name)
		}
		largest, squares, n, worst, changed := 0.0, 0.0, 0.0, "", 0
		for i, pic := range pictures {
			var views [2]*Views
			for k, p := range plans {
				if views[k], err = p.Materialize(context.Background(), input(p, pic, m.pre), 1); err != nil {
					t.Fatal(err)
				}
			}
			for o := range plans[0].outputs {
				want, _ := plans[0].Output(views[0], o).Floats()
				got, _ := plans[1].Output(views[1], o).Floats()
				span := float64(slices.Max(want) - slices.Min(want))
				off := 0.0
				for i, v := range want {
					d := (float64(got[i]) - float64(v)) / span
					off = max(off, math.Abs(d))
					squares, n = squares+d*d, n+1
				}
				if !(off <= largest) {
					largest, worst = off, filepath.Base(files[i])
				}
				if m.classes && o == 0 && slices.Index(got, slices.Max(got)) != slices.Index(want, slices.Max(want)) {
					changed++
					t.Errorf("%s, %s: another best class", m.name, filepath.Base(files[i]))
				}
			}
		}
		t.Logf("%s: largest difference %.2g of an output's range (%s, of %d pictures), root mean square %.1g; %d best classes changed", m.name, largest, worst, len(pictures), math.Sqrt(squares/n), changed)
		if !(largest <= m.most) {
			t.Errorf("%s: difference %g", m.name, largest)
		}
	}
}

// TestPrecisionMap holds occlusion maps of a trained classifier in bfloat16 and in
// eight bits to those in float32: the best class's probability for a square at every position.
func TestPrecisionMap(t *testing.T) {
	k := pairSet(t)
	if os.Getenv("KRYPTON_DATA") == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	g, err := onnxload.Load(filepath.Join(os.Getenv("KRYPTON_DATA"), "models", "squeezenet1.onnx"), onnxload.Options{})
	if err != nil {
		t.Fatal(err)
	}
	caffe, _ := imagein.Preset("caffe")
	for _, name := range []string{"chelsea.png", "coffee.png", "dog_2.jpg"} {
		var maps [3][]float32
		best := -1
		for i, precision := range Precisions {
			p, err := Compile(g, CompileOptions{Kernels: k, Precision: precision})
			if err != nil {
				t.Fatal(err)
			}
			v, err := p.Materialize(context.Background(), input(p, open(t, name), caffe), 1)
			if err != nil {
				t.Fatal(err)
			}
			if best < 0 {
				f, _ := p.Output(v, 0).Floats()
				best = slices.Index(f, slices.Max(f))
			}
			changes := grid(p.InputPlane(), 32, 16)
			maps[i] = make([]float32, changes.Len())
			for k, out := range answers(t, p, v, changes, Options{Workers: 2}) {
				maps[i][k] = out[0][best]
			}
		}
		for i, m := range maps[1:] {
			off := 0.0
			for i, v := range maps[0] {
				off = max(off, math.Abs(float64(m[i])-float64(v)))
			}
			off /= float64(slices.Max(maps[0]) - slices.Min(maps[0]))
			rank, err := quality.Spearman(maps[0], m)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s, %s: largest difference %.2g of the map's range, rank correlation %.5f", name, Precisions[i+1], off, rank)
			if !(off <= 0.1 && rank >= 0.99) {
				t.Errorf("%s, %s: difference %g, rank correlation %g", name, Precisions[i+1], off, rank)
			}
		}
	}
}

// grid is a map's changes: squares filled with the mean colour.
func grid(p engine.Plane, size, step int) *patches {
	g := &patches{plane: [3]int{p.H, p.W, p.C}}
	for y := 0; y <= p.H-size; y += step {
		for x := 0; x <= p.W-size; x += step {
			g.rects = append(g.rects, region.Rect{Y: region.Span{Lo: y, Hi: y + size}, X: region.Span{Lo: x, Hi: x + size}})
			g.data = append(g.data, make([]float32, size*size*p.C))
		}
	}
	return g
}

// BenchmarkPrecision compares exact maps in float32 and in bfloat16, in turns
// within one run on one core, of a picture of KRYPTON_DATA, with squares of 16 pixels at
// every eighth: bf16 chooses
// algorithms by their costs, bf16direct uses no Winograd. KRYPTON_MODEL names the
// ONNX file, KRYPTON_PRESET the preprocessing.
//
//	KRYPTON_MODEL=m.onnx go test -run '^$' -bench Precision -benchtime 3x ./internal/incremental
func BenchmarkPrecision(b *testing.B) {
	file := os.Getenv("KRYPTON_MODEL")
	if file == "" || os.Getenv("KRYPTON_DATA") == "" {
		b.Skip("KRYPTON_MODEL or KRYPTON_DATA is not set")
	}
	k := pairSet(b)
	g, err := onnxload.Load(file, onnxload.Options{})
	if err != nil {
		b.Fatal(err)
	}
	pre, err := imagein.Preset(cmp.Or(os.Getenv("KRYPTON_PRESET"), "imagenet"))
	if err != nil {
		b.Fatal(err)
	}
	typical := func(p engine.Plane) []region.Rect {
		all := grid(p, 16, 8).rects
		var some []region.Rect
		for i := 0; i < len(all); i += 7 {
			some = append(some, all[i])
		}
		return some
	}
	ways := []struct {
		name   string
		opt    CompileOptions
		plan   *Plan
		worker *worker
		took   time.Duration
	}{
		{name: "fp32", opt: CompileOptions{}},
		{name: "bf16", opt: CompileOptions{Precision: BF16}},
		{name: "bf16direct", opt: CompileOptions{Precision: BF16, Direct: true}},
	}
	var changes *patches
	for i := range ways {
		w := &ways[i]
		w.opt.Kernels, w.opt.Typical = k, typical
		if w.plan, err = Compile(g, w.opt); err != nil {
			b.Fatal(err)
		}
		changes = grid(w.plan.InputPlane(), 16, 8)
		v, err := w.plan.Materialize(context.Background(), input(w.plan, open(b, "chelsea.png"), pre), 1)
		if err != nil {
			b.Fatal(err)
		}
		w.worker = newWorker(w.plan, v, nil)
	}
	st, err := ways[0].plan.stages(ways[0].plan.largest(changes), changes.Len(), 1, Options{})
	if err != nil {
		b.Fatal(err)
	}
	chunk := st.chunk
	for b.Loop() {
		for lo := 0; lo < changes.Len(); lo += chunk {
			for i := range ways {
				w := &ways[i]
				start := time.Now()
				if err := w.worker.run(b.Context(), changes, lo, min(lo+chunk, changes.Len())); err != nil {
					b.Fatal(err)
				}
				w.took += time.Since(start)
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	for _, w := range ways {
		b.ReportMetric(w.took.Seconds()*1e3/float64(b.N), w.name+"-ms/map")
		if w.name != "fp32" {
			b.ReportMetric(float64(ways[0].took)/float64(w.took), w.name+"-x")
		}
		n := map[string]int{}
		for _, c := range w.plan.Cost(changes.rects[changes.Len()/2]) {
			if c.Algorithm != "" {
				n[c.Algorithm]++
			}
		}
		b.Logf("%s: %v", w.name, n)
	}
}
