package explain

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/model"
	"krypton/internal/recording"
	"krypton/internal/region"
)

// TestLine: what patches show is what stands for missing samples of a gap, in every layout.
func TestLine(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 500 {
		n, leads := 1+rng.IntN(30), 1+rng.IntN(4)
		s := model.Series{Leads: leads, Samples: n, LeadStep: 1, TimeStep: leads, Rows: 1, Columns: n}
		p := &model.Plane{H: 1, W: n, C: leads}
		switch rng.IntN(3) {
		case 0:
			s.TimeIsRow, s.Rows, s.Columns, p.H, p.W = true, n, 1, n, 1
		case 1:
			s.LeadStep, s.TimeStep, s.Rows, p.H, p.C = n, 1, leads, leads, 1
		}
		samples := make([][]float64, leads)
		hidden := make([]bool, leads)
		for lead := range samples {
			hidden[lead] = rng.IntN(3) > 0
			for range n {
				samples[lead] = append(samples[lead], rng.NormFloat64())
			}
		}
		l := &line{series: s, plane: p, hidden: hidden,
			sample: func(lead, t int) float64 { return samples[lead][t] },
			number: func(lead int, v float64) float64 { return v*2 - float64(lead) }}
		from := rng.IntN(n)
		gap := region.Span{Lo: from, Hi: from + 1 + rng.IntN(n-from)}
		r := region.Rect{Y: region.Span{Hi: p.H}, X: gap}
		if s.TimeIsRow {
			r = region.Rect{Y: gap, X: region.Span{Hi: 1}}
		}
		got := make([]float32, r.Y.Len()*r.X.Len()*p.C)
		l.paint(r, got)
		for lead := range samples {
			want := slices.Clone(samples[lead])
			if hidden[lead] && gap.Len() < n {
				for i := gap.Lo; i < gap.Hi; i++ {
					want[i] = math.NaN()
				}
				if _, err := recording.FillMissing(want, "line"); err != nil {
					t.Fatal(err)
				}
			} else if hidden[lead] {
				for i := range want {
					want[i] = meanOf(samples[lead])
				}
			}
			for i := gap.Lo; i < gap.Hi; i++ {
				at := lead*s.LeadStep + i*s.TimeStep
				y, x := at/p.C/p.W-r.Y.Lo, at/p.C%p.W-r.X.Lo
				if v := float64(got[(y*r.X.Len()+x)*p.C+at%p.C]); math.Abs(v-(want[i]*2-float64(lead))) > 1e-5 {
					t.Fatalf("%+v, gap %v: channel %d has %g at %d, want %g", s, gap, lead, v, i, want[i])
				}
			}
		}
	}
}

// TestMeans: each channel of a tensor is its own mean, however channels lie.
func TestMeans(t *testing.T) {
	for name, c := range map[string]struct {
		series model.Series
		plane  model.Plane
		data   []float32
		want   []float32
	}{
		"channels":        {model.Series{Leads: 2, Samples: 3, LeadStep: 1, TimeStep: 2, Rows: 1, Columns: 3}, model.Plane{H: 1, W: 3, C: 2}, []float32{1, 10, 2, 20, 6, 60}, []float32{3, 30, 3, 30, 3, 30}},
		"rows":            {model.Series{Leads: 2, Samples: 3, LeadStep: 3, TimeStep: 1, Rows: 2, Columns: 3}, model.Plane{H: 2, W: 3, C: 1}, []float32{1, 2, 6, 10, 20, 60}, []float32{3, 3, 3, 30, 30, 30}},
		"one, of a plane": {model.Series{Leads: 1, Samples: 3, TimeStep: 1, Rows: 1, Columns: 3}, model.Plane{H: 1, W: 3, C: 1}, []float32{1, 2, 6}, []float32{3, 3, 3}},
	} {
		k := &plainTensor{data: c.data, series: &c.series}
		for _, fill := range []Fill{"gray", "mean"} {
			fills, err := parseFills([]Fill{fill}, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := k.fill(&c.plane, fills[0]); err != nil || !slices.Equal(got.numbers, c.want) {
				t.Errorf("%s, %s: %v, %v; want %v", name, fill, got.numbers, err, c.want)
			}
		}
		fills, err := parseFills([]Fill{"black"}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.fill(&c.plane, fills[0]); err == nil {
			t.Errorf("%s: black was taken", name)
		}
	}
}
