package incremental

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/softmax"
)

// TestShorten: a stream and an inference that are shortened to some classes give
// these classes' numbers as whole runs do, bit for bit, after each change, and the
// others' as they were; whole runs give all again.
func TestShorten(t *testing.T) {
	ctx := context.Background()
	for name, head := range heads {
		for seed, k := range asm.EverySet(t) {
			for _, soft := range []bool{false, true} {
				p, err := Compile(headNetwork(t, uint64(seed), head, soft).g, CompileOptions{Kernels: k, Direct: true})
				if err != nil {
					t.Fatal(err)
				}
				end, ok := p.Head(0)
				if !ok || !end.Ends() {
					t.Fatalf("%s: no head", name)
				}
				rng := rand.New(rand.NewPCG(uint64(seed), 5))
				s, err := p.NewStream(StreamOptions{Workers: 1 + seed%2})
				if err != nil {
					t.Fatal(err)
				}
				inference := p.NewInference(2)
				if err := inference.RunListed(ctx, s.Input()); err == nil {
					t.Error("classes are listed that nobody named")
				}
				for i := range s.Input() {
					s.Input()[i] = rng.Float32()*2 - 1
				}
				for round := range 3 {
					if err := s.Whole(ctx); err != nil {
						t.Fatal(err)
					}
					if s.ListedLogits() != nil || inference.ListedLogits() != nil && round == 0 {
						t.Fatalf("%s: still shortened", name)
					}
					all := slices.Clone(s.Logits(end))
					if err := inference.Run(ctx, s.Input()); err != nil {
						t.Fatal(err)
					}
					if !slices.Equal(all, inference.Logits(end)) {
						t.Fatalf("%s: an inference has other numbers", name)
					}
					classes := rng.Perm(headClasses)[:1+rng.IntN(40)]
					if err := s.Shorten(end, classes, all); err != nil {
						t.Fatal(err)
					}
					if err := inference.Shorten(end, classes, all); err != nil {
						t.Fatal(err)
					}
					for step := range 4 {
						m := alter(rng, s, 1)
						if step == 2 {
							err = s.WholeListed(ctx)
						} else {
							_, err = s.Update(ctx, m)
						}
						if err == nil {
							err = inference.RunListed(ctx, s.Input())
						}
						if err != nil {
							t.Fatal(err)
						}
						fresh, err := p.Materialize(ctx, slices.Clone(s.Input()), 1)
						if err != nil {
							t.Fatal(err)
						}
						want := slices.Clone(all)
						for i, c := range classes {
							want[c] = end.Logits(fresh)[c]
							if got := s.ListedLogits()[i]; got != want[c] {
								t.Fatalf("%s, %s: class %d is %g, a whole run has %g", name, k.Name, c, got, want[c])
							}
						}
						if soft {
							softmax.Row(want, want)
						}
						for what, out := range map[string]func(int) ([]float32, error){
							"stream":    func(i int) ([]float32, error) { return s.Output(i).Floats() },
							"inference": func(i int) ([]float32, error) { return inference.Output(i).Floats() },
						} {
							if got, err := out(0); err != nil || !slices.Equal(got, want) {
								t.Fatalf("%s, %s: the %s gives %v, want %v (%v)", name, k.Name, what, got, want, err)
							}
						}
					}
				}
				if err := s.Whole(ctx); err != nil {
					t.Fatal(err)
				}
				fresh, err := p.Materialize(ctx, slices.Clone(s.Input()), 1)
				if err != nil {
					t.Fatal(err)
				}
				want, _ := p.Output(fresh, 0).Floats()
				if got, _ := s.Output(0).Floats(); !slices.Equal(got, want) {
					t.Fatalf("%s: after a whole run the stream gives %v, want %v", name, got, want)
				}
				if err := s.Shorten(end, []int{0}, nil); err == nil {
					t.Error("numbers of no class are taken for all")
				}
				if err := s.Shorten(end, []int{headClasses}, want); err == nil {
					t.Error("a class that is not there is listed")
				}
				if one, every := end.Share(1), end.Share(headClasses); !(one > 0 && one < every && every == 1) {
					t.Errorf("%s: one class takes %g of a whole run, all of them %g", name, one, every)
				}
			}
		}
	}
}
