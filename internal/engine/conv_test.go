package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// convCase is a convolution that prints itself so that it can be pasted back.
type convCase struct {
	in      Plane
	y, x    region.Window
	group   int
	outC    int
	weights []float32
	bias    []float32
}

func (c convCase) String() string {
	return fmt.Sprintf("in %v y %+v x %+v group %d out %d", c.in, c.y, c.x, c.group, c.outC)
}

func randomWindow(rng *rand.Rand, n int) region.Window {
	for {
		w := region.Window{Kernel: 1 + rng.IntN(4), Stride: 1 + rng.IntN(3), Dilation: 1 + rng.IntN(2), Pad: rng.IntN(3), In: n}
		if span := n + w.Pad + rng.IntN(3) - w.Extent(); span >= 0 {
			w.Out = span/w.Stride + 1
			return w
		}
	}
}

// wideWindow is one of the plane's length whose taps often lie beside it.
func wideWindow(rng *rand.Rand, n int) region.Window {
	w := region.Window{Kernel: 1 + rng.IntN(4), Stride: 1 + rng.IntN(2), Dilation: 1 + rng.IntN(2*n), In: n, Out: 1 + rng.IntN(n)}
	w.Pad = rng.IntN(w.Extent())
	return w
}

func randomConv(rng *rand.Rand) convCase {
	group := []int{1, 1, 1, 2, 3}[rng.IntN(5)]
	in := Plane{1 + rng.IntN(12), 1 + rng.IntN(12), group * (1 + rng.IntN(24))}
	c := convCase{in: in, y: randomWindow(rng, in.H), x: randomWindow(rng, in.W), group: group, outC: group * (1 + rng.IntN(40))}
	if rng.IntN(3) == 0 {
		c.in.C += 32 * group
		in, c.y, c.x = c.in, wideWindow(rng, in.H), wideWindow(rng, in.W)
	}
	c.weights = random(rng, c.outC*in.C/group*c.y.Kernel*c.x.Kernel)
	c.bias = random(rng, c.outC)
	return c
}

func random(rng *rand.Rand, n int) []float32 {
	f := make([]float32, n)
	for i := range f {
		f[i] = rng.Float32()*2 - 1
	}
	return f
}

// direct is the plain sum in float64.
func (c convCase) direct(x []float32, oy, ox, m int) (sum, scale float64) {
	cin, cout := c.in.C/c.group, c.outC/c.group
	sum = float64(c.bias[m])
	for ky := range c.y.Kernel {
		for kx := range c.x.Kernel {
			y, xx := oy*c.y.Stride-c.y.Pad+ky*c.y.Dilation, ox*c.x.Stride-c.x.Pad+kx*c.x.Dilation
			if y < 0 || y >= c.in.H || xx < 0 || xx >= c.in.W {
				continue
			}
			for ci := range cin {
				p := float64(x[(y*c.in.W+xx)*c.in.C+m/cout*cin+ci]) * float64(c.weights[((m*cin+ci)*c.y.Kernel+ky)*c.x.Kernel+kx])
				sum += p
				scale += math.Abs(p)
			}
		}
	}
	return sum, scale
}

// TestConv is the oracle: random convolutions against the plain sum, by every
// kernel set; and the differential check: random rectangles of a patched input
// equal the whole plane bit for bit. What must not be read is NaN.
func TestConv(t *testing.T) {
	for _, k := range asm.EverySet(t) {
		t.Run(k.Name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(5, 6))
			s := NewScratch(k)
			skipped := 0
			for range 150 {
				c := randomConv(rng)
				conv, err := NewConv(s, c.in, c.y, c.x, c.group, c.weights, c.bias, c.outC, Clamp{float32(math.Inf(-1)), float32(math.Inf(1))})
				if err != nil {
					t.Fatal(c, err)
				}
				x := random(rng, c.in.Len())
				if rng.IntN(2) == 0 { // as after a ReLU
					for i, v := range x {
						x[i] = max(0, v-0.3)
					}
				}
				whole := make([]float32, conv.Out.Len())
				conv.Run(s, []Job{{In: []Patched{{Plane: c.in, View: x}}, Rect: conv.Out.Rect(), Out: whole}})
				for _, read := range s.read {
					if read != 1<<conv.rowTaps()-1 {
						skipped++
						break
					}
				}
				for i, got := range whole {
					m, ox, oy := i%c.outC, i/c.outC%c.x.Out, i/c.outC/c.x.Out
					if want, scale := c.direct(x, oy, ox, m); math.Abs(float64(got)-want) > 1e-5*(1+scale) {
						t.Fatalf("%v: [%d,%d,%d] = %g, want %g", c, oy, ox, m, got, want)
					}
				}
				// The same input as a view with a patch over it: the view
				// is NaN under the patch.
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
					out := randomRect(rng, c.y.Out, c.x.Out)
					jobs = append(jobs, Job{In: []Patched{p}, Rect: out, Out: make([]float32, out.Area()*c.outC)})
				}
				conv.Run(s, jobs)
				for _, j := range jobs {
					for i, got := range j.Out {
						m, ox, oy := i%c.outC, j.Rect.X.Lo+i/c.outC%j.Rect.X.Len(), j.Rect.Y.Lo+i/c.outC/j.Rect.X.Len()
						if want := whole[(oy*c.x.Out+ox)*c.outC+m]; math.Float32bits(got) != math.Float32bits(want) {
							t.Fatalf("%v: update %v of %v: [%d,%d,%d] = %g, whole run %g", c, j.In[0].Rect, j.Rect, oy, ox, m, got, want)
						}
					}
				}
			}
			if skipped < 10 {
				t.Errorf("only %d convolutions left out taps beside the plane", skipped)
			}
		})
	}
}

func randomRect(rng *rand.Rand, h, w int) region.Rect {
	span := func(n int) region.Span {
		lo := rng.IntN(n)
		return region.Span{Lo: lo, Hi: lo + 1 + rng.IntN(n-lo)}
	}
	return region.Rect{Y: span(h), X: span(w)}
}

// BenchmarkPatches measures 3x3 convolutions over batches of small patches,
// pointer tables included, as a fraction of the core's measured peak.
func BenchmarkPatches(b *testing.B) {
	k, err := asm.Choose()
	if err != nil {
		b.Fatal(err)
	}
	peak := k.Peak()
	for _, side := range []int{7, 10, 16} {
		for _, ch := range []int{64, 128, 256, 512} {
			b.Run(fmt.Sprintf("%s/%dx%dx%d", k.Name, side, side, ch), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(7, 8))
				s := NewScratch(k)
				in := Plane{28, 28, ch}
				w := region.Window{Kernel: 3, Stride: 1, Dilation: 1, Pad: 1, In: 28, Out: 28}
				conv, err := NewConv(s, in, w, w, 1, random(rng, ch*ch*9), random(rng, ch), ch, Clamp{0, float32(math.Inf(1))})
				if err != nil {
					b.Fatal(err)
				}
				view := random(rng, in.Len())
				jobs := make([]Job, 16)
				for i := range jobs {
					y, x := rng.IntN(28-side), rng.IntN(28-side)
					r := region.Rect{Y: region.Span{Lo: y, Hi: y + side}, X: region.Span{Lo: x, Hi: x + side}}
					inner := region.Rect{Y: region.Span{Lo: y + 1, Hi: y + side - 1}, X: region.Span{Lo: x + 1, Hi: x + side - 1}}
					jobs[i] = Job{In: []Patched{{Plane: in, View: view, Rect: inner, Update: random(rng, inner.Area()*ch)}}, Rect: r, Out: make([]float32, r.Area()*ch)}
				}
				b.ReportAllocs()
				for b.Loop() {
					conv.Run(s, jobs)
				}
				flops := 2 * float64(conv.MultiplyAdds()) * float64(16*side*side) * float64(b.N) / b.Elapsed().Seconds()
				b.ReportMetric(flops/1e9, "GFLOP/s")
				b.ReportMetric(100*flops/peak, "%peak")
			})
		}
	}
}
