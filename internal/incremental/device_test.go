package incremental

import (
	"errors"
	"math"
	"testing"
)

// TestNear: numbers that a precision may round to are near, and others are not, whatever one has
// and the other lacks.
func TestNear(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		p         Precision
		got, want []float32
		near      bool
	}{
		{TF32, []float32{3.2, 4.2}, []float32{3, 4}, true}, // 0.28 of 5
		{TF32, []float32{3.4, 4.4}, []float32{3, 4}, false},
		{BF16, []float32{3.4, 4.4}, []float32{3, 4}, true},
		{BF16, []float32{0, 0}, []float32{3, 4}, false},
		{BF16, []float32{0, 0}, []float32{0, 0}, true},
		{BF16, []float32{1, 0}, []float32{0, 0}, false},
		{TF32, []float32{nan, 4, inf}, []float32{nan, 4, inf}, true},
		{TF32, []float32{nan, 4}, []float32{3, 4}, false},
		{TF32, []float32{3, 4}, []float32{nan, 4}, false},
		{TF32, []float32{inf, 4}, []float32{-inf, 4}, false},
		{TF32, []float32{3}, []float32{3, 4}, false},
		{FP32, []float32{3}, []float32{3}, false}, // which is compared by bits
	} {
		err := Near(c.p, "a frame", c.got, c.want)
		if (err == nil) != c.near || err != nil && !errors.As(err, new(*DeviceError)) {
			t.Errorf("%s: %v for %v: %v", c.p, c.got, c.want, err)
		}
	}
}
