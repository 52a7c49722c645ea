package gpu

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/graph"
	"krypton/internal/incremental"
	"krypton/internal/onnxload"
	"krypton/internal/region"
)

// streamOf follows some changes of an input on a device and on this machine's processors: with
// epsilon 0 outputs and multiply-adds are the same, else it only looks at how much was computed.
// Convolutions are computed as a plan with options of does.
func streamOf(t *testing.T, g *graph.Graph, rng *rand.Rand, epsilon float64, shape incremental.Shape, of incremental.CompileOptions) (computed int64) {
	t.Helper()
	sets := asm.Sets()
	if len(sets) == 1 {
		asm.Missing(t, "avx2")
	}
	of.Kernels = sets[0]
	plan := planOf(t, g, of)
	p, err := incremental.Lower(g, incremental.CompileOptions{Like: plan})
	if err != nil {
		t.Fatal(err)
	}
	on, err := Load(newInterpreter(t), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := on.Close(); err != nil {
			t.Error(err)
		}
	})
	opt := incremental.StreamOptions{Workers: 1, Epsilon: epsilon, Shape: shape}
	ours, err := plan.NewStream(opt)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewStream(on, opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, plane := t.Context(), p.Values[p.Input].Plane
	mask := region.NewMask(plane.H, plane.W)
	input := s.Input()
	for i := range input {
		input[i] = rng.Float32()*2 - 1
	}
	if _, err := s.Update(ctx, mask); err == nil {
		t.Fatal("a change before a whole run")
	}
	if epsilon > 0 {
		m, err := plan.MeanSquares(ctx, input, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(m) != len(p.Values) {
			t.Fatalf("%d mean squares of %d values", len(m), len(p.Values))
		}
		s.SetMeanSquares(m)
	}
	copy(ours.Input(), input)
	if err := errors.Join(s.Whole(ctx), ours.Whole(ctx)); err != nil {
		t.Fatal(err)
	}
	arena := on.arena.bytes
	for frame := range 4 {
		mask.Clear()
		for range frame { // the first frame changes nothing
			c := randomChange(rng, plane, 5)
			mask.Add(c.Rect)
			for y := c.Rect.Y.Lo; y < c.Rect.Y.Hi; y++ {
				for i := range c.Rect.X.Len() * plane.C {
					if at := (y*plane.W+c.Rect.X.Lo)*plane.C + i; frame == 3 { // by little
						input[at] += 1e-3
					} else if rng.IntN(2) == 0 { // others stay
						input[at] = c.Pixels[i]
					}
				}
			}
		}
		most := s.Count(mask)
		numbers, err := s.Update(ctx, mask)
		if err != nil {
			t.Fatal(err)
		}
		if frame == 0 && numbers != 0 || numbers > most {
			t.Fatalf("frame %d: %d multiply-adds, at most %d", frame, numbers, most)
		}
		computed += numbers
		if epsilon > 0 {
			continue
		}
		copy(ours.Input(), input)
		if n := ours.Count(mask); n != most {
			t.Fatalf("frame %d: at most %d multiply-adds, processors take %d", frame, most, n)
		}
		if n, err := ours.Update(ctx, mask); err != nil || n != numbers {
			t.Fatalf("frame %d: %d multiply-adds, processors take %d (%v)", frame, numbers, n, err)
		}
		for i := range p.Outputs() {
			got, e1 := s.Output(i).Floats()
			want, e2 := ours.Output(i).Floats()
			if err := errors.Join(e1, e2); err != nil {
				t.Fatal(err)
			}
			same(t, fmt.Sprintf("frame %d, output %d", frame, i), got, want)
		}
	}
	mask.Fill()
	for i := range input {
		input[i]++
	}
	if _, err := s.Update(ctx, mask); err != nil || on.arena.bytes != arena {
		t.Fatalf("%d bytes for changes, where there were %d: %v", on.arena.bytes, arena, err)
	}
	other, err := NewStream(on, opt)
	if err != nil {
		t.Fatal(err)
	}
	copy(other.Input(), input)
	if err := other.Whole(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Update(ctx, mask); err != errNotRun {
		t.Fatalf("behind another stream's back: %v", err)
	}
	return computed
}

// TestStreams: the outputs of a stream on a device are those of this machine's processors, for
// random networks and for some kinds of steps, with as many multiply-adds; and what has not moved enough is not computed again.
func TestStreams(t *testing.T) {
	less := int64(0)
	for seed := range uint64(4) {
		for _, epsilon := range []float64{0, 0.3} {
			m := &maker{rng: rand.New(rand.NewPCG(seed, 25))}
			g, err := onnxload.LoadBytes(m.network().Marshal(), "random", "", onnxload.Options{})
			if err != nil {
				t.Fatal(err)
			}
			n := streamOf(t, g, m.rng, epsilon, []incremental.Shape{incremental.Masks, incremental.Tiles, incremental.Box}[seed%3], incremental.CompileOptions{Direct: true})
			if epsilon == 0 {
				less += n
			} else {
				less -= n
			}
		}
	}
	if less <= 0 {
		t.Errorf("with a threshold %d multiply-adds more are taken", -less)
	}
	for _, name := range []string{"attention", "resize, linear", "transposed convolution", "instance normalization", "lists", "lengths of planes", "a class token", "turned"} {
		m := &maker{rng: rand.New(rand.NewPCG(1, 26))}
		g, err := onnxload.LoadBytes(kindNetwork(m, kinds[name]).Marshal(), "kind", "", onnxload.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			streamOf(t, g, m.rng, 0, incremental.Masks, incremental.CompileOptions{Direct: true})
		})
	}
}

// filledChanges are changes whose pixels are those of one plane.
type filledChanges struct {
	changes
	fill []float32
}

func (c *filledChanges) Fill() []float32 { return c.fill }

func (c *filledChanges) Write(int, []float32) { panic("the host writes what the device has") }

// TestFills: what a device copies of a plane it keeps is what the host writes.
func TestFills(t *testing.T) {
	m := &maker{rng: rand.New(rand.NewPCG(5, 27))}
	_, p := lowered(t, m.network())
	n, err := Load(newInterpreter(t), p)
	if err != nil {
		t.Fatal(err)
	}
	a := NewAnswerer(n)
	plane := p.Values[p.Input].Plane
	base := make([]float32, plane.Len())
	for round := range 3 { // the last fill is the one before
		fill := make([]float32, plane.Len())
		for i := range fill {
			fill[i] = float32(i%7) + float32(min(round, 1))
		}
		var c changes
		for range 5 {
			change := randomChange(m.rng, plane, 4)
			change.Pixels = change.Pixels[:0]
			for y := change.Rect.Y.Lo; y < change.Rect.Y.Hi; y++ {
				change.Pixels = append(change.Pixels, fill[(y*plane.W+change.Rect.X.Lo)*plane.C:][:change.Rect.X.Len()*plane.C]...)
			}
			c = append(c, change)
		}
		answers := func(of incremental.Changes) (all []float32) {
			err := a.Update(t.Context(), base, of, incremental.Options{Chunk: 2}, func(_ int, r incremental.Results) error {
				f, err := r.Floats(0)
				all = append(all, slices.Clone(f)...)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		same(t, fmt.Sprintf("round %d", round), answers(&filledChanges{c, fill}), answers(c))
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
}
