package incremental

import (
	"math/rand/v2"
	"testing"
)

// TestRandomNetworksAreNative keeps the property tests honest: their networks
// must exercise the engine's primitives, each kind of them, and not the
// operators' references.
func TestRandomNetworksAreNative(t *testing.T) {
	native, total, grown := map[string]int{}, map[string]int{}, 0
	for seed := range uint64(200) {
		n := randomNetwork(t, rand.New(rand.NewPCG(seed, 11)))
		p, err := Compile(n.g, CompileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range p.steps {
			total[s.operator]++
			if s.grows && s.have > 0 {
				grown++
			}
			if s.reference == nil {
				native[s.operator]++
			}
		}
	}
	for _, op := range []string{"Conv", "MaxPool", "AveragePool", "Add", "Mul", "Sub", "Max", "Concat", "Sigmoid", "LeakyRelu", "Pad", "Slice",
		"Resize", "BatchNormalization", "Relu", "GlobalAveragePool", "Gemm", "Softmax"} {
		if native[op] < 3 || native[op]*10 < total[op]*8 {
			t.Errorf("%s: %d of %d steps are native", op, native[op], total[op])
		}
	}
	if grown < 20 {
		t.Errorf("only %d concatenations go on in the memory of others", grown)
	}
	t.Logf("native %v of %v", native, total)
}
