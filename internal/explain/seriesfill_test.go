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
