package incremental

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"krypton/internal/engine"
	"krypton/internal/imagein"
	"krypton/internal/onnxload"
	"krypton/internal/region"
)

// BenchmarkSteps tells where the time of one model goes, step by step, on one
// core: for whole runs and for updates by patches of 16 pixels. KRYPTON_MODEL
// names the ONNX file, KRYPTON_PRECISION the precision, KRYPTON_TAU and
// KRYPTON_EPSILON thresholds of updates, KRYPTON_PICTURE one of the pictures in
// KRYPTON_DATA (read as KRYPTON_PRESET says) in the place of a pattern.
//
//	KRYPTON_MODEL=m.onnx go test -run '^$' -bench Steps -benchtime 1x ./internal/incremental
func BenchmarkSteps(b *testing.B) {
	file := os.Getenv("KRYPTON_MODEL")
	if file == "" {
		b.Skip("KRYPTON_MODEL is not set")
	}
	g, err := onnxload.Load(file, onnxload.Options{})
	if err != nil {
		b.Fatal(err)
	}
	number := func(name string) float64 {
		f, err := strconv.ParseFloat(cmp.Or(os.Getenv(name), "0"), 64)
		if err != nil {
			b.Fatal(err)
		}
		return f
	}
	tau, epsilon := number("KRYPTON_TAU"), number("KRYPTON_EPSILON")
	var cut Policy
	if tau > 0 {
		cut = Tau(tau)
	}
	patch := func(p engine.Plane) (rects []region.Rect) {
		for y := 0; y < p.H-16; y += 20 {
			for x := 0; x < p.W-16; x += 20 {
				rects = append(rects, region.Rect{Y: region.Span{Lo: y, Hi: y + 16}, X: region.Span{Lo: x, Hi: x + 16}})
			}
		}
		return rects
	}
	whole := func(p engine.Plane) []region.Rect { return []region.Rect{p.Rect()} }
	const runs = 3
	for _, kind := range []struct {
		name    string
		typical func(engine.Plane) []region.Rect
	}{{"whole", whole}, {"patches", patch}} {
		b.Run(kind.name, func(b *testing.B) {
			p, err := Compile(g, CompileOptions{Typical: kind.typical, Precision: Precision(os.Getenv("KRYPTON_PRECISION")), Dynamic: epsilon > 0, Policy: cut})
			if err != nil {
				b.Fatal(err)
			}
			plane := p.InputPlane()
			base := make([]float32, plane.Len())
			for i := range base {
				base[i] = float32(i%255)/128 - 1
			}
			if name := os.Getenv("KRYPTON_PICTURE"); name != "" {
				pre, err := imagein.Preset(cmp.Or(os.Getenv("KRYPTON_PRESET"), "imagenet"))
				if err != nil {
					b.Fatal(err)
				}
				base = input(p, open(b, name), pre)
			}
			profile := func() (*Profile, error) { return p.ProfileWhole(context.Background(), base, runs) }
			if kind.name == "patches" {
				changes := &patches{plane: [3]int{plane.H, plane.W, plane.C}, base: base}
				for _, r := range kind.typical(plane) {
					changes.rects = append(changes.rects, r)
					changes.data = append(changes.data, make([]float32, r.Area()*plane.C))
				}
				v, err := p.Materialize(context.Background(), base, 1)
				if err != nil {
					b.Fatal(err)
				}
				profile = func() (*Profile, error) {
					return p.ProfileUpdates(context.Background(), v, changes, Options{Policy: cut, Epsilon: epsilon}, runs)
				}
			}
			var f *Profile
			for b.Loop() {
				if f, err = profile(); err != nil {
					b.Fatal(err)
				}
			}
			fmt.Printf("%s: %d changes in chunks of %d\n%8s %8s %6s %6s %10s %9s %6s  %-10s %-14s %s\n", kind.name, f.Changes, f.Chunk, "us each", "expected", "trim", "%peak", "Mma", "direct x", "%bytes", "algorithm", "out", "node")
			work := 0.0
			for _, s := range f.Steps {
				work += s.MultiplyAdds
				peak := func(n float64) float64 { return 200 * n / s.Seconds / f.Machine.Flops }
				fmt.Printf("%8.1f %8.1f %6.1f %5.0f%% %10.2f %8.0f%% %5.0f%%  %-10s %-14s %s %s\n", 1e6*s.Seconds, 1e6*s.Predicted, 1e6*s.Trim, peak(s.MultiplyAdds), s.MultiplyAdds/1e6, peak(s.Direct), 100*s.Memory/s.Seconds,
					s.Algorithm, fmt.Sprintf("%dx%dx%d", s.Plane.H, s.Plane.W, s.Plane.C), s.Operator, s.Node[max(0, len(s.Node)-60):])
			}
			fmt.Printf("%8.1f us each, %.0f %% of peak\n", 1e6*f.Seconds(), 200*work/f.Seconds()/f.Machine.Flops)
		})
	}
}

// BenchmarkStream compares, in turns, whole runs with a stream's updates by a
// few squares that move over a fixed picture, for the shapes of regions, on all
// cores. KRYPTON_MODEL names the ONNX file.
//
//	KRYPTON_MODEL=m.onnx go test -run '^$' -bench Stream -benchtime 3x ./internal/incremental
func BenchmarkStream(b *testing.B) {
	file := os.Getenv("KRYPTON_MODEL")
	if file == "" {
		b.Skip("KRYPTON_MODEL is not set")
	}
	g, err := onnxload.Load(file, onnxload.Options{})
	if err != nil {
		b.Fatal(err)
	}
	p, err := Compile(g, CompileOptions{})
	if err != nil {
		b.Fatal(err)
	}
	plane := p.InputPlane()
	const squares, side, frames = 3, 24, 30
	for _, shape := range []Shape{Masks, Tiles, Box} {
		b.Run(string(shape), func(b *testing.B) {
			s, err := p.NewStream(StreamOptions{Workers: runtime.GOMAXPROCS(0), Shape: shape})
			if err != nil {
				b.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 1))
			for i := range s.Input() {
				s.Input()[i] = rng.Float32()*2 - 1
			}
			ctx := context.Background()
			m := region.NewMask(plane.H, plane.W)
			var whole, update time.Duration
			spent, n := int64(0), 0
			for b.Loop() {
				for f := range frames {
					start := time.Now()
					if f%10 == 0 {
						if err := s.Whole(ctx); err != nil {
							b.Fatal(err)
						}
						whole += time.Since(start) * 10
					}
					m.Clear()
					for k := range squares {
						y, x := (k*61+f*2)%(plane.H-side), (k*97+f*3)%(plane.W-side)
						m.Add(region.Rect{Y: region.Span{Lo: y, Hi: y + side}, X: region.Span{Lo: x, Hi: x + side}})
					}
					for y := range plane.H {
						m.Spans(y, func(x region.Span) {
							for i := (y*plane.W + x.Lo) * plane.C; i < (y*plane.W+x.Hi)*plane.C; i++ {
								s.Input()[i] = rng.Float32()*2 - 1
							}
						})
					}
					start = time.Now()
					a, err := s.Update(ctx, m)
					if err != nil {
						b.Fatal(err)
					}
					update += time.Since(start)
					spent += a
					n++
				}
			}
			b.ReportMetric(float64(whole.Microseconds())/float64(n), "us/whole")
			b.ReportMetric(float64(update.Microseconds())/float64(n), "us/update")
			b.ReportMetric(float64(whole)/float64(update), "ratio")
			b.ReportMetric(float64(p.MultiplyAdds())*float64(n)/float64(spent), "counted")
		})
	}
}
