package incremental

import (
	"math/rand/v2"
	"testing"

	"krypton/internal/op"
)

// TestSumsAlongAnAxis: the sum of each row or column of a plane is a kernel, and a change
// of some rows leaves the sums of the others.
func TestSumsAlongAnAxis(t *testing.T) {
	for _, a := range arithmetics(t) {
		t.Run(a.String(), func(t *testing.T) {
			for seed := range uint64(12) {
				rng := rand.New(rand.NewPCG(seed, 31))
				c, axis := []int{1, 3, 8, 17, 40}[rng.IntN(5)], int64(2+rng.IntN(2))
				n, x := newNetwork(t, rng, 1, c, 3+rng.IntN(6), 3+rng.IntN(30))
				x = n.node("Mul", nil, x, n.weights(1, c, 1, 1))
				y := n.node("ReduceSum", nil, x, n.ints(axis))
				n.output(n.node("Mul", nil, x, n.node("Relu", nil, y)))
				p := checkGraph(t, a, seed, n, rng)
				for _, s := range p.steps {
					if s.reference != nil || s.kind == op.Global {
						t.Fatalf("seed %d: %s (%s) is %v, by its reference %v\n%s", seed, s.node, s.operator, s.kind, s.reference != nil, n)
					}
				}
			}
		})
	}
}
