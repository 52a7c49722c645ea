package quality

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func random(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = rng.Float32()
	}
	return x
}

func noisy(rng *rand.Rand, x []float32, by float32) []float32 {
	y := slices.Clone(x)
	for i := range y {
		y[i] += by * (rng.Float32() - .5)
	}
	return y
}

// TestRules: a map is like itself, less like a noisier one, and mistakes of
// size and numbers are errors.
func TestRules(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const cols = 23
	x := random(rng, 17*cols)
	for name, f := range map[string]func(a, b []float32) (float64, error){
		"SSIMScores": func(a, b []float32) (float64, error) { return SSIMScores(a, b, cols) },
		"SSIMPaper":  func(a, b []float32) (float64, error) { return SSIMPaper(a, b, cols, .6) },
		"Spearman":   Spearman,
		"TopOverlap": func(a, b []float32) (float64, error) { return TopOverlap(a, b, .1) },
	} {
		last := 1.0
		for _, by := range []float32{0, .02, .2, 1, 8} {
			v, err := f(x, noisy(rng, x, by))
			if err != nil {
				t.Fatal(name, err)
			}
			if by == 0 && math.Abs(v-1) > 1e-9 || by > 0 && v > last || v > 1+1e-9 || v < -1 {
				t.Errorf("%s at noise %g: %g after %g", name, by, v, last)
			}
			last = v
		}
		if last > .6 {
			t.Errorf("%s of noise: %g", name, last)
		}
		for _, bad := range [][2][]float32{{x, x[1:]}, {nil, nil}, {x[:1], {float32(math.NaN())}}, {x[:1], {float32(math.Inf(1))}}} {
			if v, err := f(bad[0], bad[1]); err == nil {
				t.Errorf("%s of %d and %d positions: %g", name, len(bad[0]), len(bad[1]), v)
			}
		}
	}
}

// TestSSIMByHand: windows of one column of three positions, worked out.
func TestSSIMByHand(t *testing.T) {
	a, b := []float32{0, 0, 1}, []float32{0, .5, 1}
	w := []float64{math.Exp(-1 / 4.5), 1, math.Exp(-1 / 4.5)}
	sum := w[0] + w[1] + w[2]
	var ma, mb, aa, bb, ab float64
	for i := range w {
		w[i] /= sum
		p, q := float64(a[i]), float64(b[i])
		ma, mb, aa, bb, ab = ma+w[i]*p, mb+w[i]*q, aa+w[i]*p*p, bb+w[i]*q*q, ab+w[i]*p*q
	}
	want := (2*ma*mb + 1e-4) * (2*(ab-ma*mb) + 9e-4) / ((ma*ma + mb*mb + 1e-4) * (aa - ma*ma + bb - mb*mb + 9e-4))
	got, err := SSIMScores(a, b, 1)
	if err != nil || math.Abs(got-want) > 1e-12 {
		t.Errorf("SSIM %g (%v), want %g", got, err, want)
	}
	for _, c := range []struct {
		a, b []float32
		want float64
	}{{[]float32{2, 2}, []float32{2, 2}, 1}, {[]float32{2, 2}, []float32{2, 2.1}, 0}} {
		if got, err := SSIMScores(c.a, c.b, 1); err != nil || got != c.want {
			t.Errorf("constant map: %g (%v), want %g", got, err, c.want)
		}
	}
}

// TestRender holds the colours to matplotlib's jet_r at places that can be read
// off its segment data: low scores are red, high ones blue.
func TestRender(t *testing.T) {
	c := render([]float32{0, 1, 2, .5, -3}, 0, 1)
	for i, want := range [][3]float64{{128, 0, 0}, {0, 0, 128}, {0, 0, 128}, {0, 0, 0}, {128, 0, 0}} {
		got := [3]float64{c[0][i], c[1][i], c[2][i]}
		if i == 3 { // the middle is green all over
			if got[1] != 255 || got[0] < 110 || got[0] > 135 || math.Abs(got[0]-got[2]) > 10 {
				t.Errorf("middle: %v", got)
			}
			continue
		}
		if got != want {
			t.Errorf("score %d: %v, want %v", i, got, want)
		}
	}
}

func TestOrder(t *testing.T) {
	// Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: covariance 4.5 of 4.5 and 5.
	if got, err := Spearman([]float32{1, 2, 2, 9}, []float32{10, 20, 30, 40}); err != nil || math.Abs(got-4.5/math.Sqrt(4.5*5)) > 1e-12 {
		t.Errorf("Spearman with ties: %g (%v)", got, err)
	}
	if got, _ := Spearman([]float32{1, 2, 3}, []float32{3, 2, 1}); got != -1 {
		t.Errorf("opposite order: %g", got)
	}
	if got, _ := Spearman([]float32{1, 1}, []float32{1, 2}); got != 0 {
		t.Errorf("a constant: %g", got)
	}
	if got, err := TopOverlap([]float32{0, 1, 2, 3}, []float32{1, 5, 0, 6}, .5); err != nil || got != .5 {
		t.Errorf("overlap: %g (%v)", got, err)
	}
	if _, err := TopOverlap([]float32{0}, []float32{0}, 0); err == nil {
		t.Error("a share of nothing")
	}
}

// similarities are SSIMScores and SSIMPaper of the judged map to another, up to rounding;
// the second is 1 where Rendered says no.
func (j *Judge) similarities(other []float64) (scores, rendered float64) {
	scores, rendered = j.scores.compare(other), 1
	if j.Rendered() {
		rendered = 0
		for c, ch := range j.colours {
			plane := make([]float64, len(other))
			for i, v := range other {
				plane[i] = j.Colours(v)[c]
			}
			rendered += ch.compare(plane) / 3
		}
	}
	return scores, rendered
}

// compare is the mean index of the windows of the judged map and another.
func (c *channel) compare(other []float64) float64 {
	bb, ab := make([]float64, len(other)), make([]float64, len(other))
	for i, v := range other {
		bb[i], ab[i] = v*v, v*c.own[i]
	}
	mid := make([]float64, c.rows*(c.cols-len(c.wx)+1))
	mb, sb, sab := c.filter(other, mid), c.filter(bb, mid), c.filter(ab, mid)
	sum := 0.0
	for i, ma := range c.mean {
		sum += index(ma, mb[i], c.square[i], sb[i], sab[i], c.c1, c.c2, c.norm)
	}
	return sum / float64(len(c.mean))
}

// TestJudge: the quick way gives what the plain one does.
func TestJudge(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, size := range [][2]int{{53, 53}, {29, 31}, {12, 40}, {5, 9}, {1, 60}} {
		a, b := make([]float32, size[0]*size[1]), make([]float32, size[0]*size[1])
		other := make([]float64, len(a))
		for i := range a {
			a[i] = 0.5 + 0.2*rng.Float32()
			b[i] = a[i] + 0.05*rng.Float32()
			other[i] = float64(a[i])
		}
		span := float64(slices.Max(a)) - float64(slices.Min(a))
		for _, p := range []float32{0.6, 0.99, -1} {
			j, err := NewJudge(b, size[1], p, span)
			if err != nil {
				t.Fatal(err)
			}
			s, r := j.similarities(other)
			wantS, err := SSIMScores(a, b, size[1])
			if err != nil {
				t.Fatal(err)
			}
			wantR, err := SSIMPaper(a, b, size[1], p)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(s-wantS) > 1e-9 || math.Abs(r-wantR) > 1e-9 || j.Rendered() != (p > 0) {
				t.Errorf("%v, p %g: %g and %g, want %g and %g", size, p, s, r, wantS, wantR)
			}
			// One position alone.
			for range 5 {
				i := rng.IntN(len(b))
				one := widen(b)
				one[i] = other[i] - 0.1*rng.Float64()
				s, r := j.similarities(one)
				lostS, lostR := j.Site(i, one[i])
				if math.Abs(1-s-lostS.Lost) > 1e-9 || math.Abs(1-r-lostR.Lost) > 1e-9 {
					t.Errorf("%v, p %g: position %d alone does %+v and %+v, want a loss of %g and %g", size, p, i, lostS, lostR, 1-s, 1-r)
				}
			}
		}
	}
}
