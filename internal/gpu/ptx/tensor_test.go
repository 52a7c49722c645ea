package ptx

import (
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/gpu/narrow"
)

// dotInFloat64 is the same sum by float64, which holds every one of these numbers.
func dotInFloat64(a, b []float32, addend float32, fraction int) float32 {
	exponent := func(v float64) int {
		if v == 0 {
			return -126
		}
		_, e := math.Frexp(v)
		return max(e-1, -126)
	}
	terms, exponents := []float64{float64(addend)}, []int{exponent(float64(addend))}
	for i := range a {
		terms = append(terms, float64(a[i])*float64(b[i]))
		e := -126
		if terms[len(terms)-1] != 0 {
			e = exponent(float64(a[i])) + exponent(float64(b[i]))
		}
		exponents = append(exponents, e)
	}
	most := -126
	for _, e := range exponents {
		most = max(most, e)
	}
	sum := 0.0
	for _, v := range terms {
		sum += math.Trunc(math.Ldexp(v, fraction-most))
	}
	exact := math.Ldexp(sum, most-fraction)
	v := float32(exact)
	if math.Abs(float64(v)) > math.Abs(exact) {
		v = math.Nextafter32(v, 0)
	}
	return v
}

// TestDot compares with float64, and with what was published of cards.
func TestDot(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 3))
	differ := 0
	for i := range 20000 {
		bytes, round := 4, narrow.TF32
		if i%2 == 0 {
			bytes, round = 2, narrow.BF16
		}
		spread := []int{0, 6, 30, 120}[i/2%4]
		number := func() float32 {
			e := rng.IntN(2*spread+1) - spread
			if spread == 120 {
				e = -126 + rng.IntN(70)
			}
			return float32(math.Copysign(math.Ldexp(rng.Float64()+0.5, e), rng.Float64()-0.5))
		}
		a, b := make([]float32, 16), make([]float32, 16)
		for k := range a {
			if a[k], b[k] = round(number()), round(number()); rng.IntN(8) == 0 {
				a[k] = 0
			}
		}
		c := number()
		for _, cores := range []Cores{Hopper, Ampere} {
			want, n := c, cores.bytes()/bytes
			for k := 0; k < len(a); k += n {
				want = dotInFloat64(a[k:k+n], b[k:k+n], want, cores.fraction())
			}
			got := cores.Dot(a, b, c, bytes)
			if math.Float32bits(got) != math.Float32bits(want) && got != want { // zeros have no sign
				t.Fatalf("%v times %v and %x: %x, want %x", a, b, c, got, want)
			}
			if cores == Ampere && got != Hopper.Dot(a, b, c, bytes) {
				differ++
			}
		}
	}
	if differ == 0 {
		t.Error("generations do not differ")
	}
	ones := func(v ...float32) ([]float32, []float32) {
		b := make([]float32, len(v))
		for i := range b {
			b[i] = 1
		}
		return v, b
	}
	for _, c := range []struct {
		products       []float32
		addend         float32
		hopper, ampere float32
	}{
		{[]float32{0x1p-24, 0x1p-24}, 1, 1 + 0x1p-23, 1 + 0x1p-23},                       // one bit more is kept
		{[]float32{0x1p-25, 0x1p-25, 0x1p-25, 0x1p-25}, 1, 1 + 0x1p-23, 1},               // two are, by newer ones
		{[]float32{0x1.8p-24}, 1, 1, 1},                                                  // towards zero
		{[]float32{-0x1.8p-24}, -1, -1, -1},                                              // from below, too
		{[]float32{0x1p30, -0x1p30, 1}, 0, 0, 0},                                         // what is 30 bits smaller is lost
		{[]float32{0x1p20, 1, -0x1p20}, 0, 1, 1},                                         // what is 20 bits smaller is not
		{[]float32{0x1p-100}, 0x1p-149, 0x1p-100, 0x1p-100},                              // denormals are numbers
		{[]float32{0}, 0x1p-149, 0x1p-149, 0x1p-149},                                     //
		{[]float32{float32(math.Inf(1))}, 1, float32(math.Inf(1)), float32(math.Inf(1))}, //
	} {
		a, b := ones(c.products...)
		if got := Hopper.Dot(a, b, c.addend, 4); got != c.hopper {
			t.Errorf("%x and %x: %x, want %x", c.products, c.addend, got, c.hopper)
		}
		if got := Ampere.Dot(a, b, c.addend, 4); got != c.ampere {
			t.Errorf("%x and %x on the older ones: %x, want %x", c.products, c.addend, got, c.ampere)
		}
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range [][3]float32{{nan, 0, 0}, {0, 0, nan}, {inf, 0, 0}, {inf, 1, -inf}} {
		if got := Hopper.Dot(c[:1], c[1:2], c[2], 4); got == got {
			t.Errorf("%v: %g", c, got)
		}
	}
}
