package prediction

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestBest(t *testing.T) {
	nan := float32(math.NaN())
	if got := Top([]float32{nan, 1, 5, 5}, 3); fmt.Sprint(got) != "[2 3 1]" {
		t.Errorf("top: %v", got)
	}
}

// TestTopIsThatOfSorting: the few best are those that sorting all of them puts
// first, among them equal and missing scores.
func TestTopIsThatOfSorting(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		p := make([]float32, rng.IntN(120))
		for i := range p {
			if p[i] = float32(rng.IntN(20)); p[i] == 7 {
				p[i] = float32(math.NaN())
			}
		}
		all := Top(p, 1000)
		if len(all) != len(p) {
			t.Fatalf("%d of %d classes", len(all), len(p))
		}
		for n := range 33 {
			if got, want := Top(p, n), all[:min(n, len(all))]; !slices.Equal(got, want) {
				t.Fatalf("the best %d of %v are %v, want %v", n, p, got, want)
			}
		}
	}
}
