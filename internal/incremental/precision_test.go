package incremental

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/imagein"
	"krypton/internal/onnxload"
	"krypton/internal/region"
)

// pairSet is a kernel set of this machine that multiplies bfloat16.
func pairSet(t testing.TB) *asm.Kernels {
	for _, k := range asm.Sets() {
		if k.Pairs() != nil {
			return k
		}
	}
	t.Skip("this processor has no AVX512_BF16")
	return nil
}

// picture reads a picture for a plan.
func picture(t testing.TB, p *Plan, file, preset string) []float32 {
	t.Helper()
	pic, err := imagein.Open(file, imagein.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	pre, err := imagein.Preset(preset)
	if err != nil {
		t.Fatal(err)
	}
	plane := p.InputPlane()
	fitted, _ := pre.Fit(pic.Image, plane.W, plane.H)
	return pre.Normalize(fitted, plane.C)
}

// grid is a map's changes: gray squares of 16 pixels at every eighth.
func grid(p engine.Plane) *patches {
	const size, step = 16, 8
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
// within one run on one core, of a picture of KRYPTON_DATA: bf16 chooses
// algorithms by their costs, bf16direct uses no Winograd. KRYPTON_MODEL names the
// ONNX file.
//
//	KRYPTON_MODEL=m.onnx go test -run '^$' -bench Precision -benchtime 3x ./internal/incremental
func BenchmarkPrecision(b *testing.B) {
	file, data := os.Getenv("KRYPTON_MODEL"), os.Getenv("KRYPTON_DATA")
	if file == "" || data == "" {
		b.Skip("KRYPTON_MODEL or KRYPTON_DATA is not set")
	}
	k := pairSet(b)
	g, err := onnxload.Load(file, onnxload.Options{})
	if err != nil {
		b.Fatal(err)
	}
	typical := func(p engine.Plane) []region.Rect {
		all := grid(p).rects
		var some []region.Rect
		for i := 0; i < len(all); i += 7 {
			some = append(some, all[i])
		}
		return some
	}
	ctx := context.Background()
	ways := []struct {
		name    string
		opt     CompileOptions
		plan    *Plan
		views   *Views
		took    time.Duration
		whole   time.Duration
		answers map[int][]float32
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
		changes = grid(w.plan.InputPlane())
		base := picture(b, w.plan, filepath.Join(data, "images", "chelsea.png"), "imagenet")
		if w.views, err = w.plan.Materialize(ctx, base, 1); err != nil {
			b.Fatal(err)
		}
	}
	const part = 64
	for b.Loop() {
		for lo := 0; lo < changes.Len(); lo += part {
			hi := min(lo+part, changes.Len())
			some := &patches{plane: changes.plane, rects: changes.rects[lo:hi], data: changes.data[lo:hi]}
			for i := range ways {
				w := &ways[i]
				start := time.Now()
				if err := w.plan.Update(ctx, w.views, some, Options{Workers: 1, Chunk: 16}, func(int, Results) error { return nil }); err != nil {
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

var _ = math.Abs
var _ graph.ValueID
