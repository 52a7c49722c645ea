package incremental

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// alter writes random pixels to a stream's input and returns their mask. Some
// of the mask's pixels stay what they are.
func alter(rng *rand.Rand, s *Stream, amount float32) *region.Mask {
	plane := s.plan.InputPlane()
	m := region.NewMask(plane.H, plane.W)
	span := func(n int) region.Span {
		lo := rng.IntN(n)
		return region.Span{Lo: lo, Hi: min(n, lo+1+rng.IntN(max(1, n/3)))}
	}
	for range rng.IntN(4) {
		m.Add(region.Rect{Y: span(plane.H), X: span(plane.W)})
	}
	for range rng.IntN(4) {
		y, x := rng.IntN(plane.H), rng.IntN(plane.W)
		m.Add(region.Rect{Y: region.Span{Lo: y, Hi: y + 1}, X: region.Span{Lo: x, Hi: x + 1}})
	}
	in := s.Input()
	for y := range plane.H {
		m.Spans(y, func(x region.Span) {
			for i := (y*plane.W + x.Lo) * plane.C; i < (y*plane.W+x.Hi)*plane.C; i++ {
				if rng.IntN(3) > 0 {
					in[i] += amount * (rng.Float32()*2 - 1)
				}
			}
		})
	}
	return m
}

// TestStream: for random networks, kernel sets, worker counts and shapes of
// regions, the views of a stream equal those of a fresh run after each change,
// bit for bit, and it takes no more than it counted.
func TestStream(t *testing.T) {
	for _, a := range arithmetics(t) {
		if a.precision == INT8 {
			continue // has no streams
		}
		t.Run(a.String(), func(t *testing.T) {
			for seed := range uint64(90) {
				if (a.k == &asm.Generic || testing.Short()) && seed%4 != 0 {
					continue
				}
				checkStream(t, a, seed)
			}
		})
	}
}

func checkStream(t *testing.T, a arithmetic, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 41))
	checkStreamOf(t, a, seed, randomNetwork(t, rng), rng)
}

func checkStreamOf(t *testing.T, a arithmetic, seed uint64, n *network, rng *rand.Rand) {
	t.Helper()
	p, err := Compile(n.g, CompileOptions{Kernels: a.k, Precision: a.precision, Dynamic: rng.IntN(2) == 0, force: func(int) asm.WinogradSize {
		return []asm.WinogradSize{0, asm.Winograd2, asm.Winograd4}[rng.IntN(3)]
	}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.NewStream(StreamOptions{Workers: 1 + rng.IntN(3), Shape: []Shape{"", Masks, Tiles, Box}[rng.IntN(4)]})
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Input() {
		s.Input()[i] = rng.Float32()*2 - 1
	}
	if err := s.Whole(context.Background()); err != nil {
		t.Fatal(err)
	}
	for step := range 5 {
		m := alter(rng, s, 1)
		most := s.Count(m)
		spent, err := s.Update(context.Background(), m)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, n)
		}
		if spent > most {
			t.Fatalf("seed %d: took %d multiply-adds, counted %d\n%s", seed, spent, most, n)
		}
		fresh, err := p.Materialize(context.Background(), append([]float32{}, s.Input()...), 1)
		if err != nil {
			t.Fatal(err)
		}
		for v := range p.values {
			if p.values[v].host {
				continue
			}
			for i, want := range fresh.data[v] {
				if math.Float32bits(want) != math.Float32bits(s.views.data[v][i]) {
					t.Fatalf("seed %d, change %d: value %d (%s) [%d] = %g, a fresh run has %g\n%s", seed, step, v, p.values[v].name, i, s.views.data[v][i], want, n)
				}
			}
		}
		for o := range p.outputs {
			if got, want := s.Output(o), p.Output(fresh, o); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("seed %d, change %d: output %d is %v, want %v", seed, step, o, got, want)
			}
		}
	}
}

// TestStreamThreshold: with a threshold no pixel of a layer is ever further
// from what a fresh layer gives on the views that it reads than the threshold
// allows, however slowly the input drifts, so that errors do not pile up; a
// threshold of nothing is exact; and it saves work.
func TestStreamThreshold(t *testing.T) {
	const epsilon = 0.1
	saved := 0
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 43))
		n := randomNetwork(t, rng)
		p, err := Compile(n.g, CompileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var streams [3]*Stream
		for i, o := range []StreamOptions{{Workers: 1}, {Workers: 2, Epsilon: epsilon}, {Workers: 1, Epsilon: 1e-30}} {
			if streams[i], err = p.NewStream(o); err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(seed, 44))
			for k := range streams[i].Input() {
				streams[i].Input()[k] = r.Float32()*2 - 1
			}
			if err := streams[i].Whole(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		exact, cut, zero := streams[0], streams[1], streams[2]
		var most, least int64
		for range 12 {
			m := alter(rng, exact, 0.03)
			copy(cut.Input(), exact.Input())
			copy(zero.Input(), exact.Input())
			a, err := exact.Update(context.Background(), m)
			if err != nil {
				t.Fatal(err)
			}
			b, err := cut.Update(context.Background(), m)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := zero.Update(context.Background(), m); err != nil {
				t.Fatal(err)
			}
			most, least = most+a, least+b
		}
		if least > most {
			t.Errorf("seed %d: %d multiply-adds with a threshold, %d without", seed, least, most)
		}
		if least < most {
			saved++
		}
		for v, d := range exact.views.data {
			for i, want := range d {
				if got := zero.views.data[v][i]; got != want && !(got != got && want != want) {
					t.Fatalf("seed %d: a threshold of nothing: value %d [%d] = %g, want %g\n%s", seed, v, i, got, want, n)
				}
			}
		}
		checkThreshold(t, cut, epsilon, fmt.Sprintf("seed %d\n%s", seed, n))
	}
	if saved < 20 {
		t.Errorf("the threshold saved work in %d networks of 40", saved)
	}
}

// checkThreshold computes every step afresh from the views that it reads.
func checkThreshold(t *testing.T, s *Stream, epsilon float64, what string) {
	t.Helper()
	p := s.plan
	for i := range p.steps {
		st := &p.steps[i]
		if st.reference != nil {
			continue
		}
		plane := p.values[st.out].plane
		at, offset, pitch := st.out, 0, plane.C
		if of := p.values[st.out].partOf; of != 0 {
			at, offset, pitch = of, p.values[st.out].offset, p.values[of].plane.C
		}
		view := s.views.data[at]
		fresh := &Views{data: append([][]float32{}, s.views.data...), host: s.views.host}
		fresh.data[at] = append([]float32{}, view...)
		if err := p.materializeStep(st, nil, fresh, newCrew(p, 1)); err != nil {
			t.Fatal(err)
		}
		limit := epsilon * epsilon * s.meanSquare[st.out] * 1.001
		if plane.H*plane.W < 2 {
			limit = 0
		}
		for k := offset; k < len(view); k += pitch {
			d := 0.0
			for c := range plane.C {
				x := float64(view[k+c]) - float64(fresh.data[at][k+c])
				d += x * x
			}
			if d > limit {
				t.Fatalf("step %s: pixel %d is %g from what its inputs give, allowed %g: %s", st.node, k/pitch, math.Sqrt(d), math.Sqrt(limit), what)
			}
		}
	}
}

// TestStreamOptions: what cannot work is refused.
func TestStreamOptions(t *testing.T) {
	p, _, _ := residualNetwork(t, FP32)
	if _, err := p.NewStream(StreamOptions{Shape: "round"}); err == nil {
		t.Error("an unknown shape is accepted")
	}
	if p, _, _ := residualNetwork(t, INT8); p.Precision() == INT8 {
		if _, err := p.NewStream(StreamOptions{}); err == nil {
			t.Error("a plan of differences is accepted")
		}
	}
}
