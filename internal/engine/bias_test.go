package engine

import (
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// TestBiasOfMinusZero: a sum that begins with -0 would be -0 or 0 by how many products by zero
// are left out, so that an update could differ from a whole run. It begins with 0.
func TestBiasOfMinusZero(t *testing.T) {
	window := region.Window{Kernel: 3, Stride: 1, Dilation: 1, Pad: 1, In: 9, Out: 9}
	clamp := Clamp{float32(math.Inf(-1)), float32(math.Inf(1))}
	in, rng := Plane{9, 9, 32}, rand.New(rand.NewPCG(9, 1))
	bias := make([]float32, in.C)
	for i := range bias {
		bias[i] = float32(math.Copysign(0, -1))
	}
	negative := func(n int) []float32 {
		w := random(rng, n)
		for i, v := range w {
			w[i] = -v * v
		}
		return w
	}
	for _, k := range asm.EverySet(t) {
		s := NewScratch(k)
		full := negative(in.C * in.C * 9)
		conv, err := NewConv(s, in, window, window, 1, full, bias, in.C, clamp)
		if err != nil {
			t.Fatal(err)
		}
		winograd, err := NewWinograd(s, in, window, window, 4, false, full, bias, in.C, clamp)
		if err != nil {
			t.Fatal(err)
		}
		depthwise, err := NewDepthwise(in, window, window, negative(in.C*9), bias, clamp)
		if err != nil {
			t.Fatal(err)
		}
		for name, p := range map[string]Primitive{"conv": conv, "winograd": winograd, "depthwise": depthwise} {
			out := make([]float32, in.Len())
			p.Run(s, []Job{{In: []Patched{{Plane: in, View: make([]float32, in.Len())}}, Rect: in.Rect(), Out: out}})
			for i, v := range out {
				if math.Float32bits(v) != 0 {
					t.Fatalf("%s, %s: output %d is %g of sign %v", k.Name, name, i, v, math.Signbit(float64(v)))
				}
			}
		}
	}
}
