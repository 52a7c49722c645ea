package orv

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"krypton/models/scenes"
)

// cuts are frames of several scenes, one after the other.
func cuts(t testing.TB, each, scenesN int) [][]byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(7, 8))
	var list [][]byte
	for s := range scenesN {
		clip := scenes.NewClip(uint64(s+1), 128, 128, 128, 12)
		for i := range each {
			img, _, _ := clip.Frame(i)
			var f []byte
			for k := 0; k < len(img.Pix); k += 4 {
				for _, v := range img.Pix[k : k+3] {
					if s%2 == 1 {
						v = 255 - v // another picture altogether
					}
					if rng.IntN(4) == 0 {
						v = uint8(min(255, int(v)+rng.IntN(3)))
					}
					f = append(f, v)
				}
			}
			list = append(list, f)
		}
	}
	return list
}

// TestShortlist: with nothing but a shortlist approximate, the listed classes have
// the whole network's numbers and the best class is the whole network's, in whole
// runs, updates and over cuts, at less than the whole cost.
func TestShortlist(t *testing.T) {
	p, _ := shapes(t, 1, 0)
	frames := cuts(t, 30, 3)
	want := results(t, task(t, p, 1, Options{Mode: Naive}), &film{frames: frames})
	for _, o := range []Options{
		{Mode: Approximate, Shortlist: 1},
		{Mode: Approximate, Shortlist: 3},
		{Mode: Approximate, Shortlist: 3, WholeFrom: 10},
		{Mode: Approximate, Shortlist: 3, WholeFrom: 1e-9},
		{Mode: Approximate, Shortlist: 3, Epsilon: 1e-9},
	} {
		for _, guard := range []float32{0, .9} {
			k := task(t, p, 2, o)
			k.Segment, k.Guard, k.VerifyEvery = 8, guard, 1 // cuts fall into segments
			listed, hows := 0, map[How]int{}
			var got []*Result
			if _, err := Run(context.Background(), k, &film{frames: frames}, func(r *Result) error { got = append(got, r); return nil }); err != nil {
				t.Fatal(err)
			}
			for i, r := range got {
				if r.Step.Listed {
					listed++
					hows[r.Step.How]++
				}
				if r.Answer.Classes[0] != want[i].Classes[0] {
					t.Errorf("%+v: frame %d is %d, a whole run says %d", o, i, r.Answer.Classes[0], want[i].Classes[0])
				}
				if !r.Step.Listed && r.Step.How == Whole {
					for c, v := range r.Answer.all {
						if math.Float32bits(v) != math.Float32bits(want[i].Scores[c]) {
							t.Fatalf("%+v: frame %d, run whole: class %d has %g, want %g", o, i, c, v, want[i].Scores[c])
						}
					}
				}
				if i > 0 && i%30 == 0 && (r.Step.Listed || r.Step.How != Whole) {
					t.Errorf("%+v: frame %d is another scene's first: %+v", o, i, r.Step)
				}
			}
			if listed < 20 {
				t.Errorf("%+v, guard %g: only %d frames are listed: %v", o, guard, listed, hows)
			}
		}
	}
}

// TestShortlistLeads: where a class that is not listed may have become the best, all
// are computed; where too many are likely, none is left out.
func TestShortlistLeads(t *testing.T) {
	p, frames := shapes(t, 2, 0)
	for _, n := range []int{0, 4, 12, 13} {
		if l := newShortlist(p, 0, n); l != nil {
			t.Errorf("%d of 12 classes are listed", n)
		}
	}
	s, err := NewSession(p, unit(t), Options{Mode: Approximate, Shortlist: 3})
	if err != nil {
		t.Fatal(err)
	}
	if n := ShortlistSize(p, &s.opt); n != 3 {
		t.Errorf("%d classes are listed, want 3", n)
	}
	if d := s.opt.updateCostLimit(p); !(d > .9*defaultUpdateCostLimit && d < defaultUpdateCostLimit) {
		t.Errorf("updates do not pay from %g on", d)
	}
	step := func(rgb []byte, whole bool) Step {
		t.Helper()
		f := s.Frame
		if whole {
			f = s.FrameWhole
		}
		st, err := f(context.Background(), rgb)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	if st := step(frames[0], false); st.Listed || st.How != Whole || !s.list.listed() {
		t.Fatalf("%+v", st)
	}
	if st := step(frames[1], true); !st.Listed || st.Share >= 1 {
		t.Errorf("%+v", st)
	}
	for _, whole := range []bool{true, false} {
		s.list.best += 100 // the best of the others would lead
		st := step(frames[0], whole)
		if st.Listed || st.How != Whole || st.Share <= 1 || !s.list.listed() || s.list.best > 90 {
			t.Errorf("%+v, best of the others %g", st, s.list.best)
		}
		step(frames[1], whole)
	}
	s.Forget()
	if st := step(frames[1], false); st.Listed {
		t.Errorf("after Forget: %+v", st)
	}
}
