package incremental

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// TestPolicies holds approximations to their rules on random networks: tau = 1
// and a threshold that only unchanged pixels are under are exact; results do
// not depend on chunks or workers; regions under a policy are subsets of the
// exact ones and no longer than tau allows; no more is computed than exactly.
func TestPolicies(t *testing.T) {
	for seed := range uint64(80) {
		rng := rand.New(rand.NewPCG(seed, 23))
		n := randomNetwork(t, rng)
		opt := CompileOptions{Dynamic: true, force: func(int) asm.WinogradSize {
			return []asm.WinogradSize{0, asm.Winograd2, asm.Winograd4}[rng.IntN(3)]
		}}
		p, err := Compile(n.g, opt)
		if err != nil {
			t.Fatal(err)
		}
		plane := p.InputPlane()
		base := make([]float32, plane.Len())
		for i := range base {
			base[i] = rng.Float32()*2 - 1
		}
		v, err := p.Materialize(context.Background(), base, 1)
		if err != nil {
			t.Fatal(err)
		}
		changes := randomPatches(rng, 9, plane.H, plane.W, plane.C, base)
		exact := answers(t, p, v, changes, Options{})
		if d := differs(exact, answers(t, p, v, changes, Options{Policy: Tau(1)})); d != "" {
			t.Fatalf("seed %d: tau = 1: %s\n%s", seed, d, n)
		}
		tiny := answers(t, p, v, changes, Options{Epsilon: 1e-30})
		for i := range exact {
			for k := range exact[i] {
				for j, want := range exact[i][k] {
					if got := tiny[i][k][j]; got != want && !(got != got && want != want) {
						t.Fatalf("seed %d: a threshold of nothing: change %d output %d [%d] = %g, want %g\n%s", seed, i, k, j, got, want, n)
					}
				}
			}
		}
		some := Options{Policy: Tau(0.3 + 0.5*rng.Float64()), Epsilon: 0.2 * rng.Float64(), Gates: 0.2 * rng.Float64(), Workers: 1, Chunk: 3}
		other := some
		other.Workers, other.Chunk = 2, 1
		if d := differs(answers(t, p, v, changes, some), answers(t, p, v, changes, other)); d != "" {
			t.Fatalf("seed %d: other chunks: %s\n%s", seed, d, n)
		}

		tau := some.Policy.(Tau)
		for i := range changes.Len() {
			r := changes.Rect(i)
			whole := p.regions(r)
			rects, centres := make([]region.Rect, len(p.values)), make([]Point, len(p.values))
			rects[p.input], centres[p.input] = r, Point{float64(r.Y.Lo+r.Y.Hi) / 2, float64(r.X.Lo+r.X.Hi) / 2}
			for s := range p.steps {
				p.propagate(&p.steps[s], rects, centres, tau)
				out := p.steps[s].out
				if !whole[out].Contains(rects[out]) {
					t.Fatalf("seed %d: region %v is not in %v", seed, rects[out], whole[out])
				}
			}
		}
		spent := func(o Options) (n int64) {
			o.Workers = 1
			err := p.Update(context.Background(), v, changes, o, func(_ int, r Results) error {
				n += r.MultiplyAdds()
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		want := int64(0)
		for i := range changes.Len() {
			want += p.Count(changes.Rect(i))
		}
		if got := spent(Options{}); got != want {
			t.Fatalf("seed %d: %d multiply-adds spent, %d counted", seed, got, want)
		}
		if got := spent(some); got > want {
			t.Fatalf("seed %d: %d multiply-adds spent approximately, %d exactly", seed, got, want)
		}
	}
}

func TestTau(t *testing.T) {
	plane := engine.Plane{H: 14, W: 20, C: 1}
	rect := func(y0, y1, x0, x1 int) region.Rect {
		return region.Rect{Y: region.Span{Lo: y0, Hi: y1}, X: region.Span{Lo: x0, Hi: x1}}
	}
	for _, c := range []struct {
		tau     Tau
		r       region.Rect
		centre  Point
		cropped region.Rect
	}{
		{1, rect(0, 14, 0, 20), Point{7, 10}, rect(0, 14, 0, 20)},
		{0.5, rect(2, 12, 5, 15), Point{7, 10}, rect(4, 11, 5, 15)}, // 7 rows; columns fit
		{0.5, rect(0, 9, 0, 4), Point{1, 2}, rect(0, 7, 0, 4)},      // moved inside
		{0.5, rect(5, 14, 8, 20), Point{13, 19}, rect(7, 14, 10, 20)},
		{0.01, rect(3, 9, 3, 9), Point{6, 6}, rect(6, 7, 6, 7)}, // one pixel at least
	} {
		if got := c.tau.Crop(plane, c.r, c.centre); got != c.cropped {
			t.Errorf("tau %g of %v around %v: %v, want %v", float64(c.tau), c.r, c.centre, got, c.cropped)
		}
	}
}

// TestWindowImage: the centre of a window is its output's image.
func TestWindowImage(t *testing.T) {
	w := region.Window{Kernel: 3, Stride: 2, Dilation: 1, Pad: 1, In: 9, Out: 5}
	for out := range 5 {
		centre := float64(out*2-1) + 1.5 // of the pixels out*2-1 .. out*2+1
		if got := windowImage(w, centre); math.Abs(got-(float64(out)+.5)) > 1e-9 {
			t.Errorf("image of %g is %g, want %g", centre, got, float64(out)+.5)
		}
	}
}
