package tensor

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// TestHalf widens every half-precision number and rounds it back.
func TestHalf(t *testing.T) {
	for i := range 1 << 16 {
		h := Half(i)
		f := h.Float32()
		if math.IsNaN(float64(f)) {
			if b := HalfOf(f); b&0x7c00 != 0x7c00 || b&0x3ff == 0 {
				t.Fatalf("%#04x: NaN became %#04x", i, b)
			}
			continue
		}
		if b := HalfOf(f); b != h {
			t.Fatalf("%#04x = %g came back as %#04x", i, f, b)
		}
	}
}

// TestHalfRounds checks rounding to nearest even between neighbours.
func TestHalfRounds(t *testing.T) {
	for i := range 0x7bff {
		a, b := Half(i).Float32(), Half(i+1).Float32()
		mid := a + (b-a)/2 // exact in float32
		even := Half(i)
		if i%2 == 1 {
			even = Half(i + 1)
		}
		if got := HalfOf(mid); got != even {
			t.Fatalf("between %#04x and the next: %#04x", i, got)
		}
		if got := HalfOf(math.Nextafter32(mid, a)); got != Half(i) {
			t.Fatalf("just below the middle after %#04x: %#04x", i, got)
		}
		if got := HalfOf(-math.Nextafter32(mid, b)); got != Half(i+1)|0x8000 {
			t.Fatalf("minus just above the middle after %#04x: %#04x", i, got)
		}
	}
	for f, want := range map[float32]Half{65504: 0x7bff, 65519: 0x7bff, 65520: 0x7c00, float32(math.Inf(-1)): 0xfc00, 1e-10: 0} {
		if got := HalfOf(f); got != want {
			t.Errorf("%g: %#04x, want %#04x", f, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for _, c := range []struct {
		shape []int
		n     int
		bad   bool
	}{
		{nil, 1, false}, {[]int{2, 3}, 6, false}, {[]int{0, 1 << 62}, 0, false}, {[]int{-1}, 0, true},
		{[]int{1 << 31, 1 << 31}, 0, true}, {[]int{1 << 62, 4}, 0, true}, {[]int{1 << 31}, 1 << 31, false}, {[]int{0, -1}, 0, true},
	} {
		n, err := Size(c.shape)
		if (err != nil) != c.bad || !c.bad && n != c.n || c.bad && !errors.Is(err, ErrSize) {
			t.Errorf("Size(%v) = %d, %v", c.shape, n, err)
		}
	}
}

func TestAccess(t *testing.T) {
	x := New([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	if _, err := Of[int64](x); err == nil {
		t.Error("float32 read as int64")
	}
	r, err := x.Reshaped(3, 2)
	if err != nil || r.Shape[0] != 3 || &r.Data.([]float32)[0] != &x.Data.([]float32)[0] {
		t.Errorf("Reshaped: %v, %v", r, err)
	}
	if _, err := x.Reshaped(4); err == nil {
		t.Error("6 elements reshaped to 4")
	}
	if i, err := New([]int64{math.MaxInt64, -1}, 2).Ints(); err != nil || i[0] != math.MaxInt || i[1] != -1 {
		t.Errorf("Ints: %v, %v", i, err)
	}
	for d := range dtypeNames {
		m, err := Make(d, 2, 0)
		if slices.Contains([]DType{String, BFloat16, float8E4M3UZ, float8E5M2UZ, float4E2M1, float8E8M0, uint2, int2}, d) {
			if err == nil {
				t.Errorf("%v: made", d)
			}
			continue
		}
		if err != nil || m.DType() != d || m.Len() != 0 {
			t.Errorf("%v: %v, %v", d, m, err)
		}
	}
	if s := DType(99).String(); s != "type 99" {
		t.Error(s)
	}
}
