package asm

import (
	"math/rand/v2"
	"testing"
	"time"
)

// BenchmarkGeneric measures the plain Go kernels beside those of the set with vectors of
// eight, on inputs in the caches, and prints how many times longer they take.
func BenchmarkGeneric(b *testing.B) {
	var fast *Kernels
	for _, k := range Sets() {
		if k.Rows == 6 {
			fast = k
		}
	}
	if fast == nil {
		b.Skip("nothing to compare with")
	}
	rng := rand.New(rand.NewPCG(71, 72))
	const c, n = 64, 24
	pixels := floats(rng, 7*(2*n+7)*c, 1)
	out, bias, weights := make([]float32, n*c), floats(rng, c, 1), floats(rng, 49*c, 1)
	clamp := &[2]float32{-10, 10}
	run := func(kx, stride int) *Run {
		return &Run{Rows: rowsOf(pixels, kx, (2*n+7)*c), Kx: kx, N: n, Step: stride * c, Pixel: c}
	}
	every, second, wide, small := run(3, 1), run(3, 2), run(5, 1), run(2, 2)
	elements, tmp := floats(rng, 36*c, 1), make([]float32, WinogradTmp)
	panel := floats(rng, 9*c*16, 1)
	table := rowsOf(pixels, 9*12, c)
	for _, kind := range []struct {
		name string
		run  func(k *Kernels)
	}{
		{"dense", func(k *Kernels) { // 12 pixels by 16 outputs
			for i := 0; i < 12; i += k.Rows {
				k.Gemm(table[:9*k.Rows], 9, 0, c, panel, rowsOf(out, k.Rows, 16), 0, bias[:16], clamp, 16)
			}
		}},
		{"dense, one pixel", func(k *Kernels) { k.Gemm(table[:9], 9, 0, c, panel, rowsOf(out, 1, 16), 0, bias[:16], clamp, 16) }},
		{"depthwise 3x3", func(k *Kernels) { k.Depthwise(every, weights, out, bias, clamp) }},
		{"depthwise 3x3, stride 2", func(k *Kernels) { k.Depthwise(second, weights, out, bias, clamp) }},
		{"depthwise 5x5", func(k *Kernels) { k.Depthwise(wide, weights, out, bias, clamp) }},
		{"maximum 3x3, stride 2", func(k *Kernels) { k.MaxPool(second, c, out) }},
		{"maximum 3x3", func(k *Kernels) { k.MaxPool(every, c, out) }},
		{"maximum 5x5", func(k *Kernels) { k.MaxPool(wide, c, out) }},
		{"maximum 2x2, stride 2", func(k *Kernels) { k.MaxPool(small, c, out) }},
		{"mean 3x3", func(k *Kernels) { k.SumPool(every, c, out, &[2]float32{1. / 9}) }},
		{"sum", func(k *Kernels) { k.Add(pixels[:n*c], pixels[n*c:][:n*c], out, clamp) }},
		{"affine", func(k *Kernels) { k.Affine(pixels, weights[:c], bias, out, n, c, clamp) }},
		{"blend", func(k *Kernels) { k.Blend(pixels[:n*c], pixels[n*c:][:n*c], out, &[2]float32{0.3, 0.7}) }},
		{"pixel sum", func(k *Kernels) { k.PixelSum(pixels[:n*c], out[:c], n, &[2]float32{0.25}) }},
		{"distance", func(k *Kernels) { k.Distance(pixels[:n*c], pixels[n*c:][:n*c]) }},
		{"arithmetic, sum", func(k *Kernels) { k.Combine(0, pixels[:n*c], pixels[n*c:][:n*c], out, n, c, c, false) }},
		{"arithmetic, largest", func(k *Kernels) { k.Combine(4, pixels[:n*c], pixels[n*c:][:n*c], out, n, c, c, false) }},
		{"gelu", func(k *Kernels) { k.Apply(0, Table(0, 0.7, 1.3), pixels[:n*c], out) }},
		{"sigmoid", func(k *Kernels) { k.Apply(Sigmoid, Table(Sigmoid, 0, 0), pixels[:n*c], out) }},
		{"winograd F(2x2) input", func(k *Kernels) { k.WinogradInput(WinogradTile{2, 2, 2}, rowsOf(pixels, 16, c), c, elements, c, tmp) }},
		{"winograd F(2x2) output", func(k *Kernels) {
			k.WinogradOutput(WinogradTile{2, 2, 2}, elements, c, rowsOf(out, 4, c), 0, bias, clamp, tmp, nil, nil)
		}},
		{"winograd F(4x4) input", func(k *Kernels) { k.WinogradInput(WinogradTile{4, 4, 4}, rowsOf(pixels, 36, c), c, elements, c, tmp) }},
		{"winograd F(4x4) output", func(k *Kernels) {
			k.WinogradOutput(WinogradTile{4, 4, 4}, elements, c, rowsOf(out, 16, c), 0, bias, clamp, tmp, nil, nil)
		}},
	} {
		b.Run(kind.name, func(b *testing.B) {
			best := [2]time.Duration{1 << 62, 1 << 62}
			for b.Loop() {
				for i, k := range []*Kernels{fast, &Generic} {
					start := time.Now()
					for range 50 {
						kind.run(k)
					}
					best[i] = min(best[i], time.Since(start))
				}
			}
			b.ReportMetric(best[1].Seconds()/50*1e6, "us")
			b.ReportMetric(float64(best[1])/float64(best[0]), "times-"+fast.Name)
		})
	}
}
