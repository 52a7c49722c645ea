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

// everyInt8 runs a test with each kind of kernels for quads.
func everyInt8(t *testing.T, test func(t *testing.T, s *Scratch)) {
	sets := asm.QuadSets()
	if len(sets) == 0 {
		asm.Missing(t, asm.PartQuads)
	}
	for _, k := range sets {
		t.Run(fmt.Sprintf("%s by %d", k.Name, k.QuadChannels()), func(t *testing.T) { test(t, NewScratch(k)) })
	}
}

// eighths rounds numbers to 127 steps to either side, as large as the largest
// needs.
func eighths(x []float32) []float32 {
	most := float32(0)
	for _, v := range x {
		most = max(most, v, -v)
	}
	r := make([]float32, len(x))
	if most == 0 {
		return r
	}
	for i, v := range x {
		r[i] = float32(math.RoundToEven(float64(v)*float64(127/most))) * (most / 127)
	}
	return r
}

// int8Case is a random convolution in eight bits with what it computed of a random
// plane.
type int8Case struct {
	convCase
	conv       *ConvInt8
	x          []float32
	base, view []float32 // outputs, without and with bounds
}

func randomInt8(t *testing.T, s *Scratch, rng *rand.Rand) int8Case {
	c := randomConv(rng)
	for !Int8Fits(s.Kernels, c.in, c.y, c.x, c.group) {
		c = randomConv(rng)
		c.in.C = max(4, c.in.C/4*4)
		c.weights = random(rng, c.outC*c.in.C/c.group*c.y.Kernel*c.x.Kernel)
	}
	clamp := []Clamp{unclamped, {0, float32(math.Inf(1))}, {0, 1}}[rng.IntN(3)]
	conv, err := NewConvInt8(s, c.in, c.y, c.x, c.weights, c.bias, c.outC, clamp)
	if err != nil {
		t.Fatal(c, err)
	}
	k := int8Case{convCase: c, conv: conv, x: random(rng, c.in.Len())}
	out := conv.quads.Out
	k.base, k.view = make([]float32, out.Len()), make([]float32, out.Len())
	conv.Whole.Run(s, []Job{{In: []Patched{{Plane: c.in, View: k.x}}, Rect: out.Rect(), Out: k.base}})
	conv.Bound(s, k.view, k.base, out.C)
	return k
}

// randomJob changes a random rectangle and asks for another.
func (k int8Case) randomJob(rng *rand.Rand) Job {
	r := randomRect(rng, k.in.H, k.in.W)
	p := Patched{Plane: k.in, View: k.x, Rect: r, Update: random(rng, r.Area()*k.in.C)}
	j := Job{In: []Patched{p}, Rect: randomRect(rng, k.y.Out, k.x0().Out), Base: k.base}
	if rng.IntN(2) == 0 {
		j.Pitch = k.outC + 5
	}
	j.Out = make([]float32, j.Rect.Area()*j.pitch(k.outC))
	return j
}

func (k int8Case) x0() region.Window { return k.convCase.x }

// TestConvInt8: the oracle is the base plus the plain sum over differences and
// weights that were rounded; a job gives the same bits in any company.
func TestConvInt8(t *testing.T) { everyInt8(t, testConvInt8) }

func testConvInt8(t *testing.T, s *Scratch) {
	rng := rand.New(rand.NewPCG(61, 62))
	for range 200 {
		k := randomInt8(t, s, rng)
		var jobs []Job
		for range 1 + rng.IntN(4) {
			jobs = append(jobs, k.randomJob(rng))
		}
		k.conv.Run(s, jobs)
		sum := k.convCase
		sum.bias, sum.weights = make([]float32, k.outC), nil
		n := len(k.weights) / k.outC
		for o := range k.outC {
			sum.weights = append(sum.weights, eighths(k.weights[o*n:][:n])...)
		}
		for i := range jobs {
			j := &jobs[i]
			in := &j.In[0]
			reads := region.Rect{Y: k.y.Reads(j.Rect.Y), X: k.x0().Reads(j.Rect.X)}.Intersect(in.Rect)
			d := make([]float32, k.in.Len())
			for y := reads.Y.Lo; y < reads.Y.Hi; y++ {
				for x := reads.X.Lo; x < reads.X.Hi; x++ {
					for c := range k.in.C {
						at := (y*k.in.W+x)*k.in.C + c
						d[at] = in.Update[((y-in.Rect.Y.Lo)*in.Rect.X.Len()+x-in.Rect.X.Lo)*k.in.C+c] - k.x[at]
					}
				}
			}
			d = eighths(d)
			alone := *j
			alone.Out = make([]float32, len(j.Out))
			k.conv.Run(s, []Job{alone})
			for i := range j.Rect.Area() {
				ox, oy := j.Rect.X.Lo+i%j.Rect.X.Len(), j.Rect.Y.Lo+i/j.Rect.X.Len()
				for m := range k.outC {
					want, scale := sum.direct(d, oy, ox, m)
					want = min(max(want+float64(k.base[(oy*k.x0().Out+ox)*k.outC+m]), float64(k.conv.Clamp[0])), float64(k.conv.Clamp[1]))
					got := j.Out[i*j.pitch(k.outC)+m]
					if math.Abs(float64(got)-want) > 1e-5*(1+scale) {
						t.Fatalf("%v: update %v of %v: [%d,%d,%d] = %g, want %g", k.convCase, in.Rect, j.Rect, oy, ox, m, got, want)
					}
					if other := alone.Out[i*j.pitch(k.outC)+m]; other != got {
						t.Fatalf("%v: update %v of %v: [%d,%d,%d] = %g, and %g alone", k.convCase, in.Rect, j.Rect, oy, ox, m, got, other)
					}
				}
			}
		}
	}
}

// TestConvInt8Nothing: where nothing differs, or what differs is not read, updates
// are the view's; an overflow makes no number of the job, and of no other.
func TestConvInt8Nothing(t *testing.T) { everyInt8(t, testConvInt8Nothing) }

func testConvInt8Nothing(t *testing.T, s *Scratch) {
	rng := rand.New(rand.NewPCG(63, 64))
	for range 50 {
		k := randomInt8(t, s, rng)
		same, broken := k.randomJob(rng), k.randomJob(rng)
		same.In[0].Rect, same.In[0].Update = k.in.Rect(), append([]float32{}, k.x...)
		broken.In[0].Rect, broken.In[0].Update = k.in.Rect(), append([]float32{}, k.x...)
		reads := region.Rect{Y: k.y.Reads(broken.Rect.Y), X: k.x0().Reads(broken.Rect.X)}.Intersect(k.in.Rect())
		if reads.Empty() {
			continue
		}
		broken.In[0].Update[(reads.Y.Lo*k.in.W+reads.X.Lo)*k.in.C] = float32(math.Inf(1 - 2*rng.IntN(2)))
		k.conv.Run(s, []Job{broken, same})
		for i := range same.Rect.Area() {
			ox, oy := same.Rect.X.Lo+i%same.Rect.X.Len(), same.Rect.Y.Lo+i/same.Rect.X.Len()
			for m := range k.outC {
				if got, want := same.Out[i*same.pitch(k.outC)+m], k.view[(oy*k.x0().Out+ox)*k.outC+m]; got != want {
					t.Fatalf("%v: nothing changes: [%d,%d,%d] = %g, view %g", k.convCase, oy, ox, m, got, want)
				}
			}
		}
		for i := range broken.Rect.Area() {
			for m := range k.outC {
				if got := broken.Out[i*broken.pitch(k.outC)+m]; got == got {
					t.Fatalf("%v: an overflow gives %g", k.convCase, got)
				}
			}
		}
	}
}

// TestConvInt8Pick: picked channels are what they are among all.
func TestConvInt8Pick(t *testing.T) { everyInt8(t, testConvInt8Pick) }

func testConvInt8Pick(t *testing.T, s *Scratch) {
	rng := rand.New(rand.NewPCG(65, 66))
	for range 50 {
		k := randomInt8(t, s, rng)
		channels := rng.Perm(k.outC)[:1+rng.IntN(k.outC)]
		j := k.randomJob(rng)
		k.conv.Run(s, []Job{j})
		some := j
		some.Pitch, some.Base, some.Out = 0, nil, make([]float32, j.Rect.Area()*len(channels))
		for at := 0; at < len(k.base); at += k.outC {
			for _, c := range channels {
				some.Base = append(some.Base, k.base[at+c])
			}
		}
		k.conv.Pick(s.Kernels, channels).Run(s, []Job{some})
		for i := range j.Rect.Area() {
			for m, c := range channels {
				if got, want := some.Out[i*len(channels)+m], j.Out[i*j.pitch(k.outC)+c]; got != want {
					t.Fatalf("%v: pixel %d, channel %d of %v = %g, among all %g", k.convCase, i, c, channels, got, want)
				}
			}
		}
	}
}

// TestConvInt8Large: the largest sums that fit, and what does not.
func TestConvInt8Large(t *testing.T) { everyInt8(t, testConvInt8Large) }

func testConvInt8Large(t *testing.T, s *Scratch) {
	one := region.Identity(1)
	const most = math.MaxInt32 / (127 * 127) / 4 * 4
	for _, n := range []int{most, most + 4} {
		in := Plane{1, 1, n}
		weights := make([]float32, n)
		update, base := make([]float32, n), []float32{7}
		for i := range weights {
			weights[i], update[i] = 1, -1
		}
		c, err := NewConvInt8(s, in, one, one, weights, nil, 1, unclamped)
		if fits := n == most; fits != (err == nil) || fits != Int8Fits(s.Kernels, in, one, one, 1) {
			t.Fatalf("%d products: %v", n, err)
		}
		if err != nil {
			continue
		}
		out := make([]float32, 1)
		c.Run(s, []Job{{In: []Patched{{Plane: in, View: make([]float32, n), Update: update, Rect: in.Rect()}}, Rect: in.Rect(), Out: out, Base: base}})
		if want := 7 - float64(n); math.Abs(float64(out[0])-want) > 1e-6*float64(n) {
			t.Errorf("%d products: %g, want %g", n, out[0], want)
		}
	}
	if _, err := NewConvInt8(s, Plane{1, 1, 4}, one, one, []float32{1, 2, float32(math.Inf(1)), 3}, nil, 1, unclamped); err == nil {
		t.Error("an infinite weight")
	}
}

// BenchmarkInt8 measures convolutions of patches side by side in float32, eight bits and,
// where the processor has it, bfloat16.
func BenchmarkInt8(b *testing.B) {
	for _, k := range asm.QuadSets() {
		b.Run(fmt.Sprintf("%s by %d", k.Name, k.QuadChannels()), func(b *testing.B) { benchmarkInt8(b, NewScratch(k)) })
	}
}

func benchmarkInt8(b *testing.B, s *Scratch) {
	for _, c := range []struct{ size, patch, jobs, in, out, kernel int }{
		{56, 14, 16, 64, 64, 3}, {28, 10, 16, 128, 128, 3}, {14, 7, 32, 256, 256, 3}, {7, 4, 64, 512, 512, 3}, {27, 9, 32, 32, 128, 3}, {13, 7, 32, 48, 192, 3},
		{55, 16, 32, 64, 16, 1}, {55, 16, 32, 16, 64, 1}, {27, 9, 32, 256, 32, 1}, {13, 7, 32, 512, 64, 1}, {13, 7, 32, 64, 256, 1}, {13, 9, 32, 512, 96, 1},
	} {
		b.Run(fmt.Sprintf("%dx%dx%d-%d-%d", c.kernel, c.kernel, c.in, c.out, c.size), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(67, 68))
			in := Plane{c.size, c.size, c.in}
			w := region.Window{Kernel: c.kernel, Stride: 1, Dilation: 1, Pad: c.kernel / 2, In: c.size, Out: c.size}
			weights := random(rng, c.out*c.in*c.kernel*c.kernel)
			plain, err := NewConv(s, in, w, w, 1, weights, nil, c.out, unclamped)
			if err != nil {
				b.Fatal(err)
			}
			quads, err := NewConvInt8(s, in, w, w, weights, nil, c.out, unclamped)
			if err != nil {
				b.Fatal(err)
			}
			all := []Primitive{plain, quads}
			if s.Kernels.Pairs() != nil {
				pairs, err := NewConvBF16(s, in, w, w, weights, nil, c.out, unclamped)
				if err != nil {
					b.Fatal(err)
				}
				all = append(all, pairs)
			}
			view, base := random(rng, in.Len()), make([]float32, in.H*in.W*c.out)
			var jobs []Job
			for range c.jobs {
				y, x := rng.IntN(c.size-c.patch+1), rng.IntN(c.size-c.patch+1)
				r := region.Rect{Y: region.Span{Lo: y, Hi: y + c.patch}, X: region.Span{Lo: x, Hi: x + c.patch}}
				grown := region.Rect{Y: w.Reach(r.Y), X: w.Reach(r.X)}
				jobs = append(jobs, Job{In: []Patched{{Plane: in, View: view, Rect: r, Update: random(rng, r.Area()*c.in)}}, Rect: grown, Out: make([]float32, grown.Area()*c.out), Base: base})
			}
			best := [3]time.Duration{1 << 62, 1 << 62, 1 << 62}
			b.ResetTimer()
			for range b.N {
				for i, p := range all {
					start := time.Now()
					p.Run(s, jobs)
					best[i] = min(best[i], time.Since(start))
				}
			}
			b.ReportMetric(float64(best[0])/float64(best[1]), "x-int8")
			if len(all) > 2 {
				b.ReportMetric(float64(best[0])/float64(best[2]), "x-bf16")
				b.ReportMetric(float64(best[2])/float64(best[1]), "int8/bf16")
			}
		})
	}
}
