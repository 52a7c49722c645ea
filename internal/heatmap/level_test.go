package heatmap

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestParseLevel(t *testing.T) {
	for text, want := range map[string]Level{"20%": {true, .2}, "100%": {true, 1}, " 0.5% ": {true, .005}, "0.05": {false, .05}, "3": {false, 3}} {
		got, err := ParseLevel(text)
		if err != nil || math.Abs(got.Value-want.Value) > 1e-12 || got.Share != want.Share {
			t.Errorf("%q: %v, %v", text, got, err)
		}
		if again, err := ParseLevel(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q, which is %v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "%", "0", "-1", "0%", "101%", "NaN", "Inf", "Inf%", "1e999", "20%%", "a fifth"} {
		if l, err := ParseLevel(text); err == nil {
			t.Errorf("%q is accepted as %v", text, l)
		}
	}
}

func TestCut(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		level string
		drops []float64
		want  float64
	}{
		{"50%", []float64{4, nan, 1, 3, 2}, 2.5},
		{"25%", []float64{4, 1, 3, 2}, 3.5},
		{"100%", []float64{4, 1, 3, 2}, .5},
		{"50%", []float64{2, 2, 2, 1}, 1.5},  // of equal drops all
		{"75%", []float64{4, 0, 0, -1}, 2},   // what is no drop does not count
		{"25%", []float64{4, -6, -7, -8}, 2}, // a rise is not taken for half of a drop
		{"1%", []float64{5, 4}, 4.5},         // at least one pixel
		{"50%", []float64{0, -1, nan}, inf},
		{"50%", nil, inf},
		{"0.3", []float64{1, 0}, .3},
		{"0.3", []float64{nan, -1}, inf},
	} {
		l, err := ParseLevel(c.level)
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Cut(c.drops); got != c.want {
			t.Errorf("%s of %v: cut at %g, want %g", c.level, c.drops, got, c.want)
		}
	}
}

// TestCutKeepsItsShare: of different drops a share keeps its part, whatever
// their order; a larger share keeps more.
func TestCutKeepsItsShare(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 100 {
		drops := make([]float64, 10+rng.IntN(500))
		for i := range drops {
			drops[i] = rng.Float64() + 1e-3
		}
		before := len(drops) + 1
		for share := 1.0; share > 0.05; share -= .1 {
			cut, kept := Level{true, share}.Cut(drops), 0
			for _, d := range drops {
				if d >= cut {
					kept++
				}
			}
			if want := int(math.Round(share * float64(len(drops)))); kept != max(1, want) || kept >= before {
				t.Fatalf("a share of %g of %d keeps %d, before %d", share, len(drops), kept, before)
			}
			before = kept
		}
	}
}
