package incremental

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomStretches cuts what can be computed together anywhere, in any number of parts.
func randomStretches(p *Plan, parts []part, rng *rand.Rand) (of []stretch, tried int) {
	of = make([]stretch, len(p.values))
	readers := p.readers()
	for i := 0; i < len(p.steps); {
		end := i + p.chain(i, readers, parts)
		for i < end {
			n := 1 + rng.IntN(end-i)
			for i+n < end && p.steps[i+n-1].joined {
				n++
			}
			last := &p.steps[i+n-1]
			if n > 1 && (n > 2 || !p.steps[i].joined) {
				rows := (p.values[last.out].plane.H + last.rows() - 1) / last.rows()
				of[p.steps[i].out] = stretch{n, 1 + rng.IntN(rows)}
				tried++
			}
			i += n
		}
	}
	return of, tried
}

// TestStretches: however a whole run is cut into steps that are computed together, its outputs
// are those of one step after the other, bit for bit.
func TestStretches(t *testing.T) {
	tried := 0
	for seed := range uint64(120) {
		rng := rand.New(rand.NewPCG(seed, 31))
		n := randomNetwork(t, rng)
		if seed%3 == 0 {
			n = residualBlocks(t, rng)
		}
		p, err := Compile(n.g, CompileOptions{cached: []int{0, 3000}[seed%2]})
		if err != nil {
			t.Fatal(err)
		}
		input := make([]float32, p.InputPlane().Len())
		for i := range input {
			input[i] = rng.Float32() - 0.5
		}
		views, err := p.Materialize(t.Context(), input, 1)
		if err != nil {
			t.Fatal(err)
		}
		parts := p.inConcats()
		cut, some := randomStretches(p, parts, rng)
		tried += some
		workers := 2 + int(seed)%2
		for k, together := range [][]stretch{cut, p.stretches(workers, parts)} {
			f := p.newInference(workers, parts, together)
			for range 2 { // the second one in what the first has left
				if err := f.Run(t.Context(), input); err != nil {
					t.Fatal(err)
				}
			}
			for i := range p.outputs {
				var memory outputMemory
				got, want := f.Output(i), memory.output(p, views, i)
				if fmt.Sprint(got.Shape) != fmt.Sprint(want.Shape) || !slices.EqualFunc(got.Data.([]float32), want.Data.([]float32), func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
					t.Fatalf("seed %d, cut %d: output %d differs\n%v\n%v", seed, k, i, n, together)
				}
			}
		}
	}
	if tried < 50 {
		t.Errorf("only %d stretches were tried", tried)
	}
}
