package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/engine/asm"
)

// residualCase makes a convolution that takes residuals, of one of all kinds; nil where the
// kernel set has none of the kind. Many inputs are zero with lists.
func residualCase(t *testing.T, s *Scratch, rng *rand.Rand, kind string) (p Primitive, in, out Plane, x []float32) {
	t.Helper()
	c := randomConv(rng)
	if kind != "direct" {
		c.group, c.in.C, c.outC = 1, 2*(8+rng.IntN(12)), 1+rng.IntN(80)
		c.y, c.x = randomWindow(rng, c.in.H), randomWindow(rng, c.in.W)
		c.x.Dilation = 1
		if c.x.Out = (c.in.W+c.x.Pad-c.x.Kernel)/c.x.Stride + 1; c.x.Out < 1 {
			return residualCase(t, s, rng, kind)
		}
	}
	if kind == "winograd2" || kind == "winograd4" {
		c.y, c.x = same3(rng, c.in.H), same3(rng, c.in.W)
	}
	c.weights, c.bias = random(rng, c.outC*c.in.C/c.group*c.y.Kernel*c.x.Kernel), random(rng, c.outC)
	x = random(rng, c.in.Len())
	if rng.IntN(2) == 0 {
		for i := range x {
			if x[i] < 0.6 {
				x[i] = 0
			}
		}
	}
	clamp := []Clamp{unclamped, {0, 1}}[rng.IntN(2)]
	var err error
	switch kind {
	case "direct", "lists":
		p, err = NewConv(s, c.in, c.y, c.x, c.group, c.weights, c.bias, c.outC, clamp)
	case "bf16":
		if !BF16Fits(s.Kernels, c.in, c.x, 1) {
			return nil, c.in, out, x
		}
		p, err = NewConvBF16(s, c.in, c.y, c.x, c.weights, c.bias, c.outC, clamp)
	case "winograd2", "winograd4":
		size := map[string]asm.WinogradSize{"winograd2": asm.Winograd2, "winograd4": asm.Winograd4}[kind]
		p, err = NewWinograd(s, c.in, c.y, c.x, size, false, c.weights, c.bias, c.outC, clamp)
	}
	if err != nil {
		t.Fatalf("%v: %v", c, err)
	}
	return p, c.in, Plane{c.y.Out, c.x.Out, c.outC}, x
}

// TestResidual: what a convolution adds in its last step, from a view and an update, is
// what a Sum makes of its output, bit for bit: of any rectangle, by some of its panels at a
// time, by every kernel set.
func TestResidual(t *testing.T) {
	for _, k := range asm.EverySet(t) {
		for _, kind := range []string{"direct", "lists", "bf16", "winograd2", "winograd4"} {
			t.Run(fmt.Sprintf("%s/%s", k.Name, kind), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(8, 9))
				s := NewScratch(k)
				for range 60 {
					p, in, out, x := residualCase(t, s, rng, kind)
					if p == nil {
						t.Skip("the set has none")
					}
					if !takesResidual(p) {
						t.Fatalf("%T takes no residual", p)
					}
					checkResidual(t, s, rng, p, in, out, x)
				}
			})
		}
	}
}

func checkResidual(t *testing.T, s *Scratch, rng *rand.Rand, p Primitive, in, out Plane, x []float32) {
	t.Helper()
	view := random(rng, out.Len())
	sum := &Sum{Clamp: []Clamp{unclamped, {0, unclamped[1]}}[rng.IntN(2)]}
	var plain, joined, sums []Job
	for range 1 + rng.IntN(3) {
		r := randomRect(rng, out.H, out.W)
		changed := randomRect(rng, out.H, out.W)
		other := Patched{Plane: out, View: view, Rect: changed, Update: random(rng, changed.Area()*out.C)}
		j := Job{In: []Patched{{Plane: in, View: x}}, Rect: r, Out: make([]float32, r.Area()*out.C)}
		plain = append(plain, j)
		sums = append(sums, Job{In: []Patched{{Plane: out, Rect: r, Update: j.Out}, other}, Rect: r, Out: make([]float32, len(j.Out))})
		j.Out, j.Residual = make([]float32, len(j.Out)), &Residual{Patched: other, Clamp: sum.Clamp}
		joined = append(joined, j)
	}
	p.Run(s, plain)
	sum.Run(s, sums)
	parts := p.(Panelled)
	tiled, _ := p.(*Winograd)
	switch n := parts.Panels(); {
	case n > 1 && rng.IntN(2) == 0:
		parts.RunPanels(s, joined, 0, n/2)
		parts.RunPanels(s, joined, n/2, n)
	case tiled != nil && rng.IntN(2) == 0:
		for i := range 5 {
			tiled.RunTiles(s, joined, i, i+1, 5)
		}
	default:
		p.Run(s, joined)
	}
	for i := range joined {
		for e, got := range joined[i].Out {
			if want := sums[i].Out[e]; math.Float32bits(got) != math.Float32bits(want) {
				t.Fatalf("%v to %v, job %d of %v, number %d: %g, the sum is %g", in, out, i, joined[i].Rect, e, got, want)
			}
		}
	}
}

// takesResidual says whether a primitive adds its jobs' residuals.
func takesResidual(p Primitive) bool {
	switch p.(type) {
	case *Conv, *ConvBF16, *Winograd:
		return true
	}
	return false
}

// TestRows: a convolution that writes some rows' pixels of a larger rectangle writes what it
// writes of them alone, bit for bit, and nothing else.
func TestRows(t *testing.T) {
	for _, k := range asm.EverySet(t) {
		for _, kind := range []string{"direct", "bf16", "winograd2", "winograd4"} {
			rng := rand.New(rand.NewPCG(18, 19))
			s := NewScratch(k)
			for range 8 {
				p, in, out, x := residualCase(t, s, rng, kind)
				if p == nil {
					break
				}
				r := randomRect(rng, out.H, out.W)
				alone := Job{In: []Patched{{Plane: in, View: x}}, Rect: r, Out: make([]float32, r.Area()*out.C)}
				among := alone
				among.Pitch = out.C + rng.IntN(3)
				among.Row = out.W * among.Pitch
				all := make([]float32, out.H*among.Row)
				for i := range all {
					all[i] = -77
				}
				first := r.Y.Lo*among.Row + r.X.Lo*among.Pitch
				among.Out = all[first:]
				p.Run(s, []Job{alone})
				p.Run(s, []Job{among})
				for i, got := range all {
					y, px, c := i/among.Row, i%among.Row/among.Pitch, i%among.Pitch
					want := float32(-77)
					if y >= r.Y.Lo && y < r.Y.Hi && px >= r.X.Lo && px < r.X.Hi && c < out.C {
						want = alone.Out[((y-r.Y.Lo)*r.X.Len()+px-r.X.Lo)*out.C+c]
					}
					if math.Float32bits(got) != math.Float32bits(want) {
						t.Fatalf("%s/%s: %v to %v, %v: pixel %d, %d, channel %d is %g, alone %g", k.Name, kind, in, out, r, y, px, c, got, want)
					}
				}
			}
		}
	}
}
