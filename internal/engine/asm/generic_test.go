package asm

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// plainly runs f with the rows of plain Go, or with those of the vectors of eight. nil where
// there are none.
var plainly func(plain bool, f func())

// operations are the names of arithmetic.
var operations = [arithmetics]string{"sum", "difference", "difference from", "product", "quotient", "quotient of", "larger", "smaller", "slope", "equal", "less", "less or equal", "greater", "greater or equal"}

// functionNames are those of Function.
var functionNames = [functions]string{"exp", "sigmoid", "swish", "tanh", "erf", "gelu", "gelu by tanh", "mish", "elu", "hard sigmoid", "hard swish", "leaky relu", "sqrt", "reciprocal", "abs", "neg", "square", "log", "softplus", "celu", "pow", "softsign"}

// kind is a kind of kernel and one call of it.
type kind struct {
	name string
	run  func(k *Kernels)
}

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
	index := make([]int32, 2*n)
	for i := range index {
		index[i] = int32(i/2 + i%2)
	}
	out, bias, weights := make([]float32, n*c), floats(rng, c, 1), floats(rng, 49*c, 1)
	clamp := &[2]float32{-10, 10}
	run := func(kx, stride int) *Run {
		return &Run{Rows: rowsOf(pixels, kx, (2*n+7)*c), Kx: kx, N: n, Step: stride * c, Pixel: c}
	}
	every, second, wide, small := run(3, 1), run(3, 2), run(5, 1), run(2, 2)
	elements, tmp := floats(rng, 36*c, 1), make([]float32, WinogradTmp)
	panel := floats(rng, 9*c*16, 1)
	table := rowsOf(pixels, 9*12, c)
	kinds := []kind{
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
		{"winograd F(2x2) input", func(k *Kernels) {
			k.WinogradInput(WinogradTile{2, 2, 2}, rowsOf(pixels, 16, c), c, elements, c, tmp, 0)
		}},
		{"winograd F(2x2) output", func(k *Kernels) {
			k.WinogradOutput(WinogradTile{2, 2, 2}, elements, c, rowsOf(out, 4, c), 0, bias, clamp, tmp, nil, nil)
		}},
		{"winograd F(4x4) input", func(k *Kernels) {
			k.WinogradInput(WinogradTile{4, 4, 4}, rowsOf(pixels, 36, c), c, elements, c, tmp, 0)
		}},
		{"winograd F(4x4) output", func(k *Kernels) {
			k.WinogradOutput(WinogradTile{4, 4, 4}, elements, c, rowsOf(out, 16, c), 0, bias, clamp, tmp, nil, nil)
		}},
	}
	bounds := &[2]float32{-1, 1} // which a third of the sums are beyond
	this, other, third := pixels[:n*c], pixels[n*c:][:n*c], pixels[2*n*c:][:n*c]
	kinds = append(kinds,
		kind{"sum that is bounded", func(k *Kernels) { k.Add(this, other, out, bounds) }},
		kind{"affine that is bounded", func(k *Kernels) { k.Affine(pixels, weights[:c], bias, out, n, c, bounds) }},
		kind{"depthwise 3x3 that is bounded", func(k *Kernels) { k.Depthwise(every, weights, out, bias, bounds) }},
		kind{"blend of pixels", func(k *Kernels) { k.BlendPixels(pixels[:2*n*c], index, weights, out, 0, c) }},
		kind{"pixels that moved", func(k *Kernels) { k.ExceedsDistance(this, other, n, c, c, c, 40) }},
	)
	for o, name := range operations {
		kinds = append(kinds,
			kind{"arithmetic, " + name, func(k *Kernels) { k.Combine(Arithmetic(o), this, other, out, n, c, c, false) }},
			kind{"arithmetic with a number, " + name, func(k *Kernels) { k.Combine(Arithmetic(o), this, other, out, n, 1, c, true) }})
	}
	for f, name := range functionNames {
		p := []float64{0.7, 1.3}
		switch Function(f) {
		case Swish:
			p = []float64{1, 0}
			t := Table(Swish, 1.702)
			kinds = append(kinds, kind{"function, swish of 1.702", func(k *Kernels) { k.Apply(Swish, t, this, out) }})
		case HardSigmoid, HardSwish:
			p = []float64{1. / 6, 0.5}
		}
		t := Table(Function(f), p...)
		x := this
		if f := Function(f); f == Log || f == Sqrt || f == Pow {
			x = make([]float32, len(this))
			for i, v := range this {
				x[i] = v * v
			}
		}
		kinds = append(kinds, kind{"function, " + name, func(k *Kernels) { k.Apply(Function(f), t, x, out) }})
	}
	if plainly != nil {
		short, columns := slices.Clone(this[:12*100]), make([]int32, c)
		for i := range columns {
			columns[i] = int32(n * i)
		}
		row := func(f func()) func(k *Kernels) {
			return func(k *Kernels) { plainly(k == &Generic, f) }
		}
		kinds = append(kinds,
			kind{"row, sum", row(func() { RowSum(this) })},
			kind{"row, squares", row(func() { RowSquares(this, 0.1) })},
			kind{"row, scaled", row(func() { RowScale(this, out, other, third, 0.1, 1.1) })},
			kind{"row, times", row(func() { RowTimes(this, out, 1.1) })},
			kind{"row, largest", row(func() { RowLargest(this) })},
			kind{"row, exp", row(func() { RowExp(this, out, 3) })},
			kind{"rows of 12, softmax", row(func() { ShortSoftmax(short, out, 12, false) })},
			kind{"rows of 12, log of softmax", row(func() { ShortSoftmax(short, out, 12, true) })},
			kind{"transposed", row(func() { Transpose(out, c, pixels, columns, n) })},
		)
	}
	most := 0.0
	for _, kind := range kinds {
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
			times := float64(best[1]) / float64(best[0])
			most = max(most, times)
			b.ReportMetric(times, "times-"+fast.Name)
		})
	}
	b.Logf("at most %.1f times the time of %s", most, fast.Name)
}
