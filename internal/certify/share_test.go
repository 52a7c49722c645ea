package certify

import (
	"math/big"
	"testing"
)

// TestAtMost: the bound is the largest number that the definition allows, by sums of whole
// numbers; and of every population the samples whose bound is too low are at most as likely
// as stated.
func TestAtMost(t *testing.T) {
	chances := func(all, n, drawn int) []*big.Rat { // [found]
		c := make([]*big.Rat, drawn+1)
		whole := new(big.Int).Binomial(int64(all), int64(drawn))
		for k := range c {
			ways := new(big.Int)
			if k <= n && drawn-k <= all-n {
				ways.Mul(new(big.Int).Binomial(int64(n), int64(k)), new(big.Int).Binomial(int64(all-n), int64(drawn-k)))
			}
			c[k] = new(big.Rat).SetFrac(ways, whole)
		}
		return c
	}
	rare := big.NewRat(1, 10)
	for _, c := range []struct{ all, drawn int }{{1, 0}, {1, 1}, {7, 3}, {30, 12}, {60, 60}, {211, 23}} {
		low := make([]*big.Rat, c.all+1) // [n] the chance that the bound is below n
		for n := range low {
			low[n] = new(big.Rat)
		}
		for found := 0; found <= c.drawn; found++ {
			want := 0
			for n := found; n <= c.all-(c.drawn-found); n++ {
				tail := new(big.Rat)
				for k, p := range chances(c.all, n, c.drawn) {
					if k <= found {
						tail.Add(tail, p)
					}
				}
				if tail.Cmp(rare) > 0 {
					want = n
				}
			}
			got := AtMost(c.all, c.drawn, found)
			if got != want {
				t.Errorf("%d of %d drawn, %d found: at most %d, want %d", c.drawn, c.all, found, got, want)
			}
			for n := got + 1; n <= c.all; n++ {
				low[n].Add(low[n], chances(c.all, n, c.drawn)[found])
			}
		}
		for n, p := range low {
			if p.Cmp(rare) > 0 {
				t.Errorf("%d of %d drawn, %d of them: the bound is too low with a chance of %s", c.drawn, c.all, n, p.FloatString(3))
			}
		}
	}
	if got := AtMost(0, 0, 0); got != 0 {
		t.Errorf("of nothing at most %d", got)
	}
}
