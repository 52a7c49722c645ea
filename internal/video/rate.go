package video

import (
	"math"
	"math/big"
	"time"
)

// ratio is a fraction: a time base in seconds, or a rate in frames per second.
type ratio struct{ num, den int64 }

func (r ratio) valid() bool { return r.num > 0 && r.den > 0 }

func (r ratio) inverse() ratio { return ratio{r.den, r.num} }

func (r ratio) float() float64 {
	if !r.valid() {
		return 0
	}
	return float64(r.num) / float64(r.den)
}

// rateOf is the fraction for a rate: thousandths, the NTSC rates exactly.
func rateOf(fps float64) ratio {
	for _, den := range []int64{1, 1001, 1000} {
		if n := math.Round(fps * float64(den)); n > 0 && math.Abs(n/float64(den)-fps) < 5e-4 && (den != 1001 || int64(n)%1000 == 0) {
			return ratio{int64(n), den}
		}
	}
	return ratio{max(1, int64(math.Round(fps*1e6))), 1e6}
}

// times gives n ticks of base r, which must be valid, rounded to nanoseconds and
// kept within what a Duration holds.
func (r ratio) times(n int64) time.Duration {
	half := bigScale(n, r.num, 2e9, r.den, 1) // in half nanoseconds
	if half == math.MaxInt64 || half == math.MinInt64 {
		half = bigScale(n, r.num, 1e9, r.den, 1)
		return time.Duration(half)
	}
	return time.Duration((half + 1) >> 1)
}

// bigScale is t*a*b/(c*d) rounded down, kept within int64.
func bigScale(t, a, b, c, d int64) int64 {
	v := new(big.Int).Mul(big.NewInt(t), big.NewInt(a))
	v.Mul(v, big.NewInt(b))
	w := new(big.Int).Mul(big.NewInt(c), big.NewInt(d))
	v.Div(v, w) // Euclidean, and w is positive
	switch {
	case v.IsInt64():
		return v.Int64()
	case v.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}
