package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

func same3(rng *rand.Rand, n int) region.Window {
	pad := rng.IntN(3)
	after := rng.IntN(3)
	if n+pad+after < 3 {
		pad, after = 1, 1
	}
	return region.Window{Kernel: 3, Stride: 1, Dilation: 1, Pad: pad, In: n, Out: n + pad + after - 2}
}

// TestWinograd is the oracle and the differential check of TestConv for tiles:
// the plain sum within Winograd's rounding, and rectangles of whole tiles of a
// patched input, bit for bit those of the whole plane. What must not be read is
// NaN.
func TestWinograd(t *testing.T) {
	for _, k := range asm.EverySet(t) {
		for _, size := range []asm.WinogradSize{asm.Winograd2, asm.Winograd4} {
			testWinograd(t, k, size, false)
			if k.Pairs() != nil {
				testWinograd(t, k, size, true)
			}
		}
	}
}

func testWinograd(t *testing.T, k *asm.Kernels, size asm.WinogradSize, bf16 bool) {
	most := 2e-5
	if bf16 { // of 2^-9 for each input and weight, more by the transforms
		most = map[asm.WinogradSize]float64{asm.Winograd2: 5e-3, asm.Winograd4: 2e-2}[size]
	}
	t.Run(fmt.Sprintf("%s/F%d/%v", k.Name, size, bf16), func(t *testing.T) {
		rng := rand.New(rand.NewPCG(15, 16))
		s := NewScratch(k)
		for range 80 {
			in := Plane{1 + rng.IntN(14), 1 + rng.IntN(14), 1 + rng.IntN(40)}
			if bf16 {
				in.C += in.C % 2
			}
			c := convCase{in: in, y: same3(rng, in.H), x: same3(rng, in.W), group: 1, outC: 1 + rng.IntN(70)}
			c.weights, c.bias = random(rng, c.outC*in.C*9), random(rng, c.outC)
			w, err := NewWinograd(s, in, c.y, c.x, size, bf16, c.weights, c.bias, c.outC, unclamped)
			if err != nil {
				t.Fatal(c, err)
			}
			x := random(rng, in.Len())
			whole := make([]float32, w.Out.Len())
			w.Run(s, []Job{{In: []Patched{{Plane: in, View: x}}, Rect: w.Out.Rect(), Out: whole}})
			// Rounded elements of a tile err by the largest of them.
			scales, largest := make([]float64, len(whole)), 0.0
			wants := make([]float64, len(whole))
			for i := range whole {
				wants[i], scales[i] = c.direct(x, i/c.outC/c.x.Out, i/c.outC%c.x.Out, i%c.outC)
				largest = max(largest, scales[i])
			}
			for i, got := range whole {
				scale := scales[i]
				if bf16 {
					scale = largest
				}
				if math.Abs(float64(got)-wants[i]) > most*(1+scale) {
					t.Fatalf("%v: [%d] = %g, want %g", c, i, got, wants[i])
				}
			}
			var jobs []Job
			for range 1 + rng.IntN(4) {
				r := randomRect(rng, in.H, in.W)
				p := Patched{Plane: in, View: append([]float32{}, x...), Rect: r}
				for y := r.Y.Lo; y < r.Y.Hi; y++ {
					row := p.View[(y*in.W+r.X.Lo)*in.C : (y*in.W+r.X.Hi)*in.C]
					p.Update = append(p.Update, row...)
					for i := range row {
						row[i] = float32(math.NaN())
					}
				}
				out := randomRect(rng, c.y.Out, c.x.Out)
				jobs = append(jobs, Job{In: []Patched{p}, Rect: out, Out: make([]float32, out.Area()*c.outC)})
			}
			w.Run(s, jobs)
			for _, j := range jobs {
				for i, got := range j.Out {
					m, ox, oy := i%c.outC, j.Rect.X.Lo+i/c.outC%j.Rect.X.Len(), j.Rect.Y.Lo+i/c.outC/j.Rect.X.Len()
					if want := whole[(oy*c.x.Out+ox)*c.outC+m]; math.Float32bits(got) != math.Float32bits(want) {
						t.Fatalf("%v: update %v of %v: [%d,%d,%d] = %g, whole run %g", c, j.In[0].Rect, j.Rect, oy, ox, m, got, want)
					}
				}
			}
		}
	})
}

// TestWinogradError measures the rounding error of the ways to compute 3x3
// layers, against sums in float64, relative to the largest output: docs/kernels.md
// states it. Inputs are those behind a ReLU.
func TestWinogradError(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	for _, channels := range []int{64, 512} {
		in := Plane{12, 12, channels}
		win := region.Window{Kernel: 3, Stride: 1, Dilation: 1, Pad: 1, In: 12, Out: 12}
		c := convCase{in: in, y: win, x: win, group: 1, outC: 32}
		c.weights, c.bias = random(rng, c.outC*in.C*9), random(rng, c.outC)
		x := random(rng, in.Len())
		for i, v := range x {
			x[i] = max(0, v)
		}
		want := make([]float64, 12*12*c.outC)
		largest := 0.0
		for i := range want {
			want[i], _ = c.direct(x, i/c.outC/12, i/c.outC%12, i%c.outC)
			largest = max(largest, math.Abs(want[i]))
		}
		for _, k := range asm.EverySet(t) {
			s := NewScratch(k)
			type way struct {
				name string
				most float64 // what is allowed
				make func() (Primitive, error)
			}
			ways := []way{
				{"direct", 4e-6, func() (Primitive, error) {
					return NewConv(s, in, win, win, 1, c.weights, c.bias, c.outC, unclamped)
				}},
				{"F(2x2,3x3)", 4e-6, func() (Primitive, error) {
					return NewWinograd(s, in, win, win, asm.Winograd2, false, c.weights, c.bias, c.outC, unclamped)
				}},
				{"F(4x4,3x3)", 4e-6, func() (Primitive, error) {
					return NewWinograd(s, in, win, win, asm.Winograd4, false, c.weights, c.bias, c.outC, unclamped)
				}},
			}
			if k.Pairs() != nil {
				ways = append(ways, way{"direct in bfloat16", 6e-3, func() (Primitive, error) {
					return NewConvBF16(s, in, win, win, c.weights, c.bias, c.outC, unclamped)
				}}, way{"F(2x2,3x3) in bfloat16", 1e-2, func() (Primitive, error) {
					return NewWinograd(s, in, win, win, asm.Winograd2, true, c.weights, c.bias, c.outC, unclamped)
				}}, way{"F(4x4,3x3) in bfloat16", 3e-2, func() (Primitive, error) {
					return NewWinograd(s, in, win, win, asm.Winograd4, true, c.weights, c.bias, c.outC, unclamped)
				}})
			}
			for _, way := range ways {
				p, err := way.make()
				if err != nil {
					t.Fatal(err)
				}
				got := make([]float32, len(want))
				p.Run(s, []Job{{In: []Patched{{Plane: in, View: x}}, Rect: in.Rect(), Out: got}})
				most, sum := 0.0, 0.0
				for i, v := range got {
					d := math.Abs(float64(v)-want[i]) / largest
					most, sum = max(most, d), sum+d*d
				}
				t.Logf("%d channels, %s, %s: largest error %.1e, root mean square %.1e of the largest output", channels, k.Name, way.name, most, math.Sqrt(sum/float64(len(got))))
				if most > way.most {
					t.Errorf("%d channels, %s, %s: error %g", channels, k.Name, way.name, most)
				}
			}
		}
	}
}

// BenchmarkWinograd compares the ways to compute 3x3 layers over batches of
// whole tiles; x is the speed relative to the direct sum's counted work at the
// core's peak.
func BenchmarkWinograd(b *testing.B) {
	k, err := asm.Choose()
	if err != nil {
		b.Fatal(err)
	}
	peak := k.Peak()
	for _, side := range []int{7, 8, 12, 24} {
		for _, ch := range []int{64, 128, 256, 512} {
			rng := rand.New(rand.NewPCG(7, 8))
			s := NewScratch(k)
			in := Plane{28, 28, ch}
			if side == 7 {
				in = Plane{7, 7, ch}
			}
			w := region.Window{Kernel: 3, Stride: 1, Dilation: 1, Pad: 1, In: in.H, Out: in.H}
			weights, bias := random(rng, ch*ch*9), random(rng, ch)
			direct, err := NewConv(s, in, w, w, 1, weights, bias, ch, Clamp{0, float32(math.Inf(1))})
			if err != nil {
				b.Fatal(err)
			}
			prims := map[string]Primitive{"direct": direct}
			for _, size := range []asm.WinogradSize{asm.Winograd2, asm.Winograd4} {
				p, err := NewWinograd(s, in, w, w, size, false, weights, bias, ch, direct.Clamp)
				if err != nil {
					b.Fatal(err)
				}
				prims[fmt.Sprintf("F%d", size)] = p
			}
			view := random(rng, in.Len())
			jobs := make([]Job, 16)
			for i := range jobs {
				y, x := 0, 0
				if in.H > side {
					y, x = rng.IntN((28-side)/4+1)*4, rng.IntN((28-side)/4+1)*4
				}
				r := region.Rect{Y: region.Span{Lo: y, Hi: y + side}, X: region.Span{Lo: x, Hi: x + side}}
				jobs[i] = Job{In: []Patched{{Plane: in, View: view, Rect: r, Update: random(rng, r.Area()*ch)}}, Rect: r, Out: make([]float32, r.Area()*ch)}
			}
			for _, name := range []string{"direct", "F2", "F4"} {
				b.Run(fmt.Sprintf("%s/%dx%dx%d/%s", k.Name, side, side, ch, name), func(b *testing.B) {
					for b.Loop() {
						prims[name].Run(s, jobs)
					}
					flops := 2 * float64(direct.MultiplyAdds()) * float64(16*side*side) * float64(b.N) / b.Elapsed().Seconds()
					b.ReportMetric(flops/peak, "x")
				})
			}
		}
	}
}

// TestWinogradProducts counts the products of tiles one by one, for all plane sizes
// and spans along one axis.
func TestWinogradProducts(t *testing.T) {
	for _, size := range []asm.WinogradSize{asm.Winograd2, asm.Winograd4} {
		m := int(size)
		for n := 1; n < 20; n++ {
			for lo := range n {
				for hi := lo + 1; hi <= n; hi++ {
					want := 0
					for at := lo / m * m; at < hi; at += m {
						outputs := max(2, min(m, n-at))
						want += outputs
						if lo <= at {
							want++
						}
						if hi >= at+outputs {
							want++
						}
					}
					r := region.Rect{Y: region.Span{Lo: lo, Hi: hi}, X: region.Span{Lo: 0, Hi: m}}
					if got := WinogradProducts(size, Plane{n, m, 1}, r); got != int64(want*(m+2)) {
						t.Fatalf("F%d, [%d,%d) of %d: %d products, want %d", m, lo, hi, n, got, want*(m+2))
					}
				}
			}
		}
	}
}

// TestWinogradReach changes rectangles of the input: outside of WinogradReach no bit of
// the output changes, and each of its rows and columns has one that does.
func TestWinogradReach(t *testing.T) {
	for _, k := range asm.EverySet(t) {
		for _, size := range []asm.WinogradSize{asm.Winograd2, asm.Winograd4} {
			t.Run(fmt.Sprintf("%s/F%d", k.Name, size), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(21, 22))
				s := NewScratch(k)
				for range 200 {
					in := Plane{1 + rng.IntN(14), 1 + rng.IntN(14), 1 + rng.IntN(20)}
					y, x := same3(rng, in.H), same3(rng, in.W)
					w, err := NewWinograd(s, in, y, x, size, false, random(rng, 16*in.C*9), nil, 16, unclamped)
					if err != nil {
						t.Fatal(err)
					}
					run := func(x []float32) []float32 {
						out := make([]float32, w.Out.Len())
						w.Run(s, []Job{{In: []Patched{{Plane: in, View: x}}, Rect: w.Out.Rect(), Out: out}})
						return out
					}
					data := random(rng, in.Len())
					before := run(data)
					r := randomRect(rng, in.H, in.W)
					reach := WinogradReach(size, w.Out, region.Rect{Y: y.Reach(r.Y), X: x.Reach(r.X)})
					rows, columns := map[int]bool{}, map[int]bool{}
					for range 4 { // a bit may stay by chance
						for y := r.Y.Lo; y < r.Y.Hi; y++ {
							copy(data[(y*in.W+r.X.Lo)*in.C:(y*in.W+r.X.Hi)*in.C], random(rng, r.X.Len()*in.C))
						}
						for i, v := range run(data) {
							y, x := i/w.Out.C/w.Out.W, i/w.Out.C%w.Out.W
							if math.Float32bits(v) == math.Float32bits(before[i]) {
								continue
							}
							if rows[y], columns[x] = true, true; y < reach.Y.Lo || y >= reach.Y.Hi || x < reach.X.Lo || x >= reach.X.Hi {
								t.Fatalf("%v, windows %v %v: a change of %v changes output (%d, %d), outside of %v", in, w.Y, w.X, r, y, x, reach)
							}
						}
					}
					if len(rows) != reach.Y.Len() || len(columns) != reach.X.Len() {
						t.Errorf("%v, windows %v %v: a change of %v changes %d rows and %d columns, not all of %v", in, w.Y, w.X, r, len(rows), len(columns), reach)
					}
				}
			})
		}
	}
}
