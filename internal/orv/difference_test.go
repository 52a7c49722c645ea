package orv

import (
	"math/rand/v2"
	"testing"

	"krypton/internal/region"
)

func TestDifference(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 200 {
		h, w := 1+rng.IntN(9), 1+rng.IntN(90)
		a, b := make([]byte, h*w*3), make([]byte, h*w*3)
		for i := range a {
			a[i] = byte(rng.IntN(256))
			if b[i] = a[i]; rng.IntN(10) == 0 {
				b[i] = byte(rng.IntN(256))
			}
		}
		tol := rng.IntN(256)
		m := region.NewMask(h, w)
		n := difference(m, a, b, tol)
		if n != m.Area() {
			t.Fatalf("%d pixels differ, the mask has %d", n, m.Area())
		}
		for p := range h * w {
			want := false
			for c := range 3 {
				d := int(a[p*3+c]) - int(b[p*3+c])
				want = want || d > tol || -d > tol
			}
			if m.Has(p/w, p%w) != want {
				t.Fatalf("pixel %d: %v and %v at tolerance %d: %v", p, a[p*3:p*3+3], b[p*3:p*3+3], tol, !want)
			}
		}
	}
}

func TestDespeckle(t *testing.T) {
	m, spare := region.NewMask(20, 80), region.NewMask(20, 80)
	block := region.Rect{Y: region.Span{Lo: 3, Hi: 6}, X: region.Span{Lo: 62, Hi: 66}}
	m.Add(block)
	for _, at := range [][2]int{{0, 0}, {15, 40}, {19, 79}, {12, 13}} {
		m.Add(region.Rect{Y: region.Span{Lo: at[0], Hi: at[0] + 1}, X: region.Span{Lo: at[1], Hi: at[1] + 1}})
	}
	all := m.Area()
	despeckle(m, spare, 1)
	if m.Area() != all {
		t.Error("a speck of one is dropped where one is enough")
	}
	despeckle(m, spare, 4)
	want := region.NewMask(20, 80)
	want.Add(block)
	if !m.Equal(want) {
		t.Errorf("%v is left of the block %v", m.Bounds(), block)
	}
}

func TestNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var none, some Noise
	a, b := make([]byte, 30000), make([]byte, 30000)
	none.Add(a, a)
	if got := none.Tolerance(); got != leastTolerance {
		t.Errorf("tolerance %d without noise", got)
	}
	for i := range a {
		a[i] = 128
		b[i] = byte(128 + 4*rng.NormFloat64())
		if i < 1500 {
			b[i] = 255 // something moved
		}
	}
	some.Add(a, b)
	if got := some.Tolerance(); got < 10 || got > 16 {
		t.Errorf("tolerance %d for a deviation of 4", got)
	}
}
