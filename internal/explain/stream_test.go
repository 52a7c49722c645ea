package explain

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"

	"krypton/internal/model"
)

// TestWriteJSON: score by score comes the same text as from package json at once.
func TestWriteJSON(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	grid := func(rows, cols int) (g [][]Number) {
		for range rows {
			row := make([]Number, cols)
			for i := range row {
				row[i] = Number(rng.NormFloat64() * math.Pow(10, float64(rng.IntN(30)-15)))
				if rng.IntN(9) == 0 {
					row[i] = Number(math.NaN())
				}
			}
			g = append(g, row)
		}
		return g
	}
	classes := func(n, rows, cols int) (all []ClassRecord) {
		for i := range n {
			all = append(all, ClassRecord{Index: i, Label: "\"scores\": [\n    []\n   ] <&>", BaseScore: .5, Scores: grid(rows, cols)})
		}
		return all
	}
	for name, r := range map[string]*Record{
		"one":       {Classes: classes(1, 1, 1)},
		"several":   {Classes: classes(3, 4, 5), Notes: []string{`"scores": [` + "\n    []\n   ]"}, FlipMap: [][]int32{{1}}},
		"none":      {Classes: classes(2, 0, 0)},
		"empty row": {Classes: []ClassRecord{{Scores: [][]Number{{}, {1}}}, {Scores: [][]Number{{}}}}},
		"no class":  {},
		"scales":    {Classes: classes(2, 2, 2), Scales: []ScaleRecord{{Fill: "gray", Classes: classes(2, 3, 1)}, {}, {Classes: classes(1, 2, 2)}}},
	} {
		r.Bound = []model.Bound{{Input: "more", Value: "1"}}
		var want, got bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetIndent("", " ")
		if err := e.Encode(r); err != nil {
			t.Fatal(err)
		}
		before, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := writeJSON(&got, r); err != nil || got.String() != want.String() {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got.String(), want.String())
		}
		if after, err := json.Marshal(r); err != nil || !bytes.Equal(after, before) {
			t.Errorf("%s: the record was changed: %v", name, err)
		}
	}
}
