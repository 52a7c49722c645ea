package explain

import (
	"math"
	"slices"
	"testing"

	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/internal/recording"
)

// TestLanes: each channel has the mean of the groups that it is in, and none without one.
func TestLanes(t *testing.T) {
	k := &recordingKind{channels: []recording.Channel{{Name: "I"}, {Name: "II"}, {Name: "V1"}}, series: model.Series{Leads: 3, Samples: 8}}
	in := &Input{kind: k}
	j := &Job{Reader: &Reader{fills: []namedFill{{group: "I"}, {group: "I+II"}}}}
	scores := func(v ...Number) []ClassRecord { return []ClassRecord{{BaseScore: 1, Scores: [][]Number{v}}} }
	r := &Record{Classes: scores(.4, .5), Xs: []int{0, 4}, Ys: []int{0}, Patch: [2]int{1, 4}, Input: [2]int{1, 8},
		Scales: []ScaleRecord{{Occluded: "I", Classes: scores(.25, .5)}, {Occluded: "I+II", Classes: scores(.75, 1)}}}
	maps := []variant{{grid: &obe.Grid{}, fill: 0}, {grid: &obe.Grid{}, fill: 1}}
	a := &Answer{lanes: j.lanes(in, maps, r)}
	want := [][]float32{{.5, .75}, {.75, 1}, {float32(math.NaN()), float32(math.NaN())}}
	if got := a.Lanes(); len(got) != 3 || !slices.Equal(got[0], want[0]) || !slices.Equal(got[1], want[1]) || got[2][0] == got[2][0] {
		t.Errorf("%v, want %v", got, want)
	}
	m := a.Drawn()
	drops, err := m.Importance("mean")
	if err != nil {
		t.Fatal(err)
	}
	for lead := range 3 {
		for x := range 8 {
			if got, w := drops[(laneRows*lead+laneRows/2)*8+x], 1-float64(want[lead][x/4]); got != w && (got == got || w == w) {
				t.Errorf("channel %d has %g at sample %d, want %g", lead, got, x, w)
			}
		}
	}
	k.series.TimeIsRow = true
	turned := &Record{Classes: r.Classes, Ys: r.Xs, Xs: r.Ys, Patch: [2]int{4, 1}, Input: [2]int{8, 1}, Scales: []ScaleRecord{
		{Occluded: "I", Classes: []ClassRecord{{Scores: [][]Number{{.25}, {.5}}}}}, {Occluded: "I+II", Classes: []ClassRecord{{Scores: [][]Number{{.75}, {1}}}}}}}
	if got := j.lanes(in, maps, turned); !slices.Equal(got.Scores[:4], m.Scores[:4]) || got.Input != m.Input || got.Patch != m.Patch {
		t.Errorf("time going down: %+v, want %+v", got, m)
	}
	r.Scales = []ScaleRecord{{}}
	if j.lanes(in, maps, r) != nil {
		t.Error("channels that were hidden together have lanes")
	}
}
