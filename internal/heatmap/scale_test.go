package heatmap

import "testing"

func TestSharedScale(t *testing.T) {
	one := func(base, score float32) *Map {
		return &Map{Ys: []int{0}, Xs: []int{0}, Patch: [2]int{2, 2}, Input: [2]int{2, 2}, Base: base, Scores: []float32{score}}
	}
	for _, c := range []struct {
		maps []*Map
		want Scale
	}{
		{[]*Map{one(1, .5), one(.5, .25)}, Scale{Lo: 0, Hi: .5}},
		{[]*Map{one(1, .5), one(.25, 1)}, Scale{Lo: -.75, Hi: .75}},
		{[]*Map{one(1, 0), one(.5, .53125)}, Scale{Lo: 0, Hi: 1}}, // too small a rise to show
	} {
		if got, err := SharedScale(c.maps, "mean"); err != nil || got != c.want {
			t.Errorf("%+v, %v; want %+v", got, err, c.want)
		}
	}
	if _, err := SharedScale([]*Map{one(1, 1)}, "most"); err == nil {
		t.Error("an unknown rule is accepted")
	}
}
