package incremental

import (
	"math/rand/v2"
	"testing"

	"krypton/internal/engine/asm"
)

// TestOverwrites: steps of single elements that write where what they read lies give what the
// operators' references give, and updates equal whole runs. Constants are on either side.
func TestOverwrites(t *testing.T) {
	made := func() *network {
		n, x := newNetwork(t, rand.New(rand.NewPCG(6, 28)), 1, 3, 13, 8)
		x = n.node("HardSwish", nil, n.conv3(x))
		x = n.node("Mul", nil, x, n.number(0.7))
		x = n.node("Sub", nil, n.number(2), x)
		x = n.node("Mul", nil, n.weights(2, n.shape(x)[1], 1, 1), x)
		x = n.node("Add", nil, x, n.weights(2, n.shape(x)[1], 1, 1))
		x = n.node("Div", nil, x, n.number(1.5))
		n.output(n.conv3(n.node("Sigmoid", nil, x)))
		return n
	}
	n := made()
	p, err := Compile(n.g, CompileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	over := 0
	for i := range p.steps {
		if p.steps[i].overwrites() {
			over++
		}
	}
	if n := p.steps[0].fused; over != 7 || n != len(p.steps) {
		t.Errorf("%d of %d steps overwrite what they read, want 7; %d are computed together", over, len(p.steps), n)
	}
	n.agrees(t, p)
	for _, k := range asm.EverySet(t) {
		n := made()
		checkGraph(t, arithmetic{k, FP32}, 1, n, n.rng)
	}
}
