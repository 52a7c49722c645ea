package engine

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/engine/asm"
)

// TestReduce: numbers that lie together, in parts that are combined number by number, and
// anyhow, reduced in every way by every set, beside sums in float64; extremes are NaN where
// a number is.
func TestReduce(t *testing.T) {
	for _, k := range asm.EverySet(t) {
		rng := rand.New(rand.NewPCG(1, uint64(len(k.Name))))
		for trial := range 700 {
			r, channels := randomReduce(rng)
			plane := Plane{H: 2, W: 3, C: channels}
			if len(r.Source) == 1 {
				plane.W = 1 + rng.IntN(150) // of pixels side by side
			}
			x := make([]float32, plane.Len())
			for i := range x {
				x[i] = float32(rng.NormFloat64())
			}
			if trial%7 == 0 {
				x[rng.IntN(len(x))] = float32(math.NaN())
			}
			out := make([]float32, plane.H*plane.W*len(r.Source))
			r.Run(NewScratch(k), []Job{{In: []Patched{{Plane: plane, View: x}}, Rect: plane.Rect(), Out: out}})
			for i, got := range out {
				from := r.Source[i%len(r.Source)]
				v := r.first()
				for _, c := range from {
					v = r.add(v, x[i/len(r.Source)*channels+c])
				}
				want := float64(r.finish(v, len(from)))
				if g := float64(got); (g != g) != (want != want) || math.Abs(g-want) > 1e-6*(math.Abs(want)+float64(len(from))) {
					t.Fatalf("%s, kind %d, of %v: %g, want %g", k.Name, r.Kind, from, got, want)
				}
			}
		}
	}
}

// randomReduce makes a reduction of so many channels.
func randomReduce(rng *rand.Rand) (r *Reduce, channels int) {
	r = &Reduce{Kind: ReduceKind(rng.IntN(int(ReduceFirstMax)))}
	outputs, each := 1+rng.IntN(20), 1+rng.IntN(70)
	if rng.IntN(4) == 0 {
		outputs = 1
	}
	way, all := rng.IntN(4), rng.Perm(outputs*each)
	if way == 2 {
		each = 1 + rng.IntN(6)
	}
	for c := range outputs {
		var from []int
		for k := range each {
			switch way {
			case 0: // together
				from = append(from, c*each+k)
			case 1: // in parts
				from = append(from, c+k*outputs)
			case 2: // a few together
				from = append(from, c*each+k)
			default:
				from = append(from, all[c*each+k])
			}
		}
		slices.Sort(from)
		r.Source = append(r.Source, from)
	}
	return r, outputs * each
}
