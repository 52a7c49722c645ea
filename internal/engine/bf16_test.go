package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// scratchBF16 is scratch space of a set that multiplies bfloat16.
func scratchBF16(t testing.TB) *Scratch {
	for _, k := range asm.Sets() {
		if k.Pairs() != nil {
			return NewScratch(k)
		}
	}
	asm.Missing(t, asm.PartPairs)
	return nil
}

// rounded is x in bfloat16.
func rounded(x []float32) []float32 {
	r := make([]float32, len(x))
	for i, v := range x {
		r[i], _ = asm.Unpair(asm.Pair(v, 0))
	}
	return r
}

// TestConvBF16 is TestConv for bfloat16: the oracle is the plain sum over inputs
// and weights that were rounded, and random rectangles of a patched input equal
// the whole plane bit for bit. Blocks are full, partial and cut.
func TestConvBF16(t *testing.T) {
	s := scratchBF16(t)
	rng := rand.New(rand.NewPCG(41, 42))
	for trial := 0; trial < 200; {
		c := randomConv(rng)
		if trial%20 == 0 { // a row longer than a block
			c.in = Plane{2, 700, 2}
			c.y, c.x, c.group, c.outC = region.Identity(2), region.Window{Kernel: 3, Stride: 1, Dilation: 1, Pad: 1, In: 700, Out: 700}, 1, 3
			c.weights, c.bias = random(rng, 18), random(rng, 3)
		}
		if !BF16Fits(s.Kernels, c.in, c.x, c.group) {
			continue
		}
		trial++
		conv, err := NewConvBF16(s, c.in, c.y, c.x, c.weights, c.bias, c.outC, Clamp{float32(math.Inf(-1)), float32(math.Inf(1))})
		if err != nil {
			t.Fatal(c, err)
		}
		x := random(rng, c.in.Len())
		if rng.IntN(2) == 0 { // as after a ReLU
			for i, v := range x {
				x[i] = max(0, v-0.3)
			}
		}
		whole := make([]float32, conv.pairs.Out.Len())
		conv.Run(s, []Job{{In: []Patched{{Plane: c.in, View: x}}, Rect: conv.pairs.Out.Rect(), Out: whole}})
		exact := c
		exact.weights = rounded(c.weights)
		xr := rounded(x)
		for i, got := range whole {
			m, ox, oy := i%c.outC, i/c.outC%c.x.Out, i/c.outC/c.x.Out
			if want, scale := exact.direct(xr, oy, ox, m); math.Abs(float64(got)-want) > 1e-5*(1+scale) {
				t.Fatalf("%v: [%d,%d,%d] = %g, want %g", c, oy, ox, m, got, want)
			}
		}
		var jobs []Job
		for range 1 + rng.IntN(4) {
			r := randomRect(rng, c.in.H, c.in.W)
			p := Patched{Plane: c.in, View: append([]float32{}, x...), Rect: r}
			for y := r.Y.Lo; y < r.Y.Hi; y++ {
				row := p.View[(y*c.in.W+r.X.Lo)*c.in.C : (y*c.in.W+r.X.Hi)*c.in.C]
				p.Update = append(p.Update, row...)
				for i := range row {
					row[i] = float32(math.NaN())
				}
			}
			j := Job{In: []Patched{p}, Rect: randomRect(rng, c.y.Out, c.x.Out)}
			if rng.IntN(2) == 0 {
				j.Pitch = c.outC + 5
			}
			j.Out = make([]float32, j.Rect.Area()*j.pitch(c.outC))
			jobs = append(jobs, j)
		}
		conv.Run(s, jobs)
		for _, j := range jobs {
			for i := range j.Rect.Area() {
				ox, oy := j.Rect.X.Lo+i%j.Rect.X.Len(), j.Rect.Y.Lo+i/j.Rect.X.Len()
				for m := range c.outC {
					got, want := j.Out[i*j.pitch(c.outC)+m], whole[(oy*c.x.Out+ox)*c.outC+m]
					if math.Float32bits(got) != math.Float32bits(want) {
						t.Fatalf("%v: update %v of %v: [%d,%d,%d] = %g, whole run %g", c, j.In[0].Rect, j.Rect, oy, ox, m, got, want)
					}
				}
			}
		}
	}
}

// TestConvBF16Tiny: sums over listed channels equal dense ones where biases are
// denormal, since a product would have made them zero.
func TestConvBF16Tiny(t *testing.T) {
	s := scratchBF16(t)
	in, one := Plane{1, 1, 64}, region.Identity(1)
	bias := []float32{1e-40, -1e-40, 1e-37}
	conv, err := NewConvBF16(s, in, one, one, make([]float32, 3*64), bias, 3, unclamped)
	if err != nil {
		t.Fatal(err)
	}
	in.W = 4 // enough pixels for lists
	wide := region.Identity(4)
	four, err := NewConvBF16(s, in, one, wide, make([]float32, 3*64), bias, 3, unclamped)
	if err != nil {
		t.Fatal(err)
	}
	if !four.pairs.sparse {
		t.Fatal("no lists")
	}
	dense, sparse := make([]float32, 3), make([]float32, 12)
	conv.Run(s, []Job{{In: []Patched{{Plane: conv.In, View: make([]float32, 64)}}, Rect: conv.In.Rect(), Out: dense}})
	four.Run(s, []Job{{In: []Patched{{Plane: in, View: make([]float32, 256)}}, Rect: in.Rect(), Out: sparse}})
	for i, got := range sparse {
		if want := dense[i%3]; math.Float32bits(got) != math.Float32bits(want) {
			t.Errorf("[%d] = %g, one pixel alone %g", i, got, want)
		}
	}
	if dense[0] != 0 || dense[2] != bias[2] {
		t.Errorf("sums of nothing are %v", dense)
	}
}

// BenchmarkBF16 compares, in turns within one run, ways to compute layers over
// batches of 16 patches: float32 against bfloat16, and for 3x3 layers Winograd's
// in both. x is the speed relative to the direct float32 sum, which is also
// given in GFLOP/s.
//
//	go test -run '^$' -bench BF16 -benchtime 300ms ./internal/engine
func BenchmarkBF16(b *testing.B) {
	s := scratchBF16(b)
	for _, kernel := range []int{1, 3} {
		for _, side := range []int{7, 10, 16} {
			for _, ch := range []int{64, 128, 256, 512} {
				rng := rand.New(rand.NewPCG(7, 8))
				in := Plane{32, 32, ch}
				w := region.Window{Kernel: kernel, Stride: 1, Dilation: 1, Pad: kernel / 2, In: 32, Out: 32}
				weights, bias := random(rng, ch*ch*kernel*kernel), random(rng, ch)
				clamp := Clamp{0, float32(math.Inf(1))}
				type way struct {
					name string
					prim Primitive
				}
				var ways []way
				add := func(name string, p Primitive, err error) {
					if err != nil {
						b.Fatal(err)
					}
					ways = append(ways, way{name, p})
				}
				direct, err := NewConv(s, in, w, w, 1, weights, bias, ch, clamp)
				add("fp32", direct, err)
				p, err := NewConvBF16(s, in, w, w, weights, bias, ch, clamp)
				add("bf16", p, err)
				if kernel == 3 {
					for _, size := range []asm.WinogradSize{asm.Winograd2, asm.Winograd4} {
						p, err := NewWinograd(s, in, w, w, size, false, weights, bias, ch, clamp)
						add(fmt.Sprintf("F%d", size), p, err)
						p, err = NewWinograd(s, in, w, w, size, true, weights, bias, ch, clamp)
						add(fmt.Sprintf("F%d-bf16", size), p, err)
					}
				}
				view := random(rng, in.Len())
				jobs := make([]Job, 16)
				for i := range jobs {
					y, x := rng.IntN((32-side)/4+1)*4, rng.IntN((32-side)/4+1)*4
					r := region.Rect{Y: region.Span{Lo: y, Hi: y + side}, X: region.Span{Lo: x, Hi: x + side}}
					jobs[i] = Job{In: []Patched{{Plane: in, View: view, Rect: r, Update: random(rng, r.Area()*ch)}}, Rect: r, Out: make([]float32, r.Area()*ch)}
				}
				times := make([]float64, len(ways))
				b.Run(fmt.Sprintf("%dx%d/%dx%dx%d", kernel, kernel, side, side, ch), func(b *testing.B) {
					clear(times)
					for b.Loop() {
						for i, w := range ways {
							start := time.Now()
							w.prim.Run(s, jobs)
							times[i] += time.Since(start).Seconds()
						}
					}
					flops := 2 * float64(direct.MultiplyAdds()) * float64(16*side*side) * float64(b.N)
					b.ReportMetric(flops/times[0]/1e9, "fp32-GFLOP/s")
					b.ReportMetric(flops/times[1]/1e9, "bf16-GFLOP/s")
					for i, w := range ways[1:] {
						b.ReportMetric(times[0]/times[i+1], w.name+"-x")
					}
					b.ReportMetric(0, "ns/op")
				})
			}
		}
	}
}
