package explain

import (
	"slices"
	"strings"

	"krypton/internal/heatmap"
	"krypton/internal/obe"
	"krypton/internal/region"
)

// variant is one of the maps that a question's map is the mean of: those of each
// patch size with each fill.
type variant struct {
	grid  *obe.Grid
	fill  int // of the question's
	patch int // of the question's
}

// combine lays the maps of several patch sizes and fills over each other. Their
// common grid is that of the input's pixels: at each, the mean over the maps of
// the drop there, and the score is the clean picture's less that mean. A pixel
// that a map does not cover does not count for it; one that none covers has no
// number. Maps of one size keep their grid, and a single map stays as it is.
func combine(maps []variant, results []*obe.Result, rule string) (*obe.Grid, *obe.Result, error) {
	first := results[0]
	listed := func(v variant) bool { return v.grid.Listed() != nil }
	if len(maps) == 1 && !listed(maps[0]) {
		return maps[0].grid, first, nil
	}
	g, drops := maps[0].grid, cellDrops
	if slices.ContainsFunc(maps, func(v variant) bool { return v.grid != g || listed(v) }) {
		drops = pixelDrops(rule)
		var err error
		if g, err = obe.NewGrid(g.Plane[0], g.Plane[1], [2]int{1, 1}, [2]int{1, 1}, obe.Cover, region.Rect{}); err != nil {
			return nil, nil, err
		}
	}
	all := &obe.Result{Bound: first.Bound, Items: first.Items, Base: first.Base, Winner: first.Winner, Probabilities: first.Probabilities}
	for _, r := range results {
		all.MultiplyAddsWhole += r.MultiplyAddsWhole
		all.MultiplyAddsIncremental += r.MultiplyAddsIncremental
		all.Skipped += r.Skipped
		all.Masked += r.Masked
		all.Verified += r.Verified
		all.NaN = all.NaN || r.NaN
		all.Views += r.Views
		all.Map += r.Map
	}
	for lo := 0; lo < len(all.Base); lo += sideBySide {
		hi := min(lo+sideBySide, len(all.Base))
		sums, counts := make([][]float64, hi-lo), make([][]int, hi-lo)
		for k := range sums {
			sums[k], counts[k] = make([]float64, g.Len()), make([]int, g.Len())
		}
		for s, r := range results {
			drops, err := drops(maps[s].grid, r, lo, hi)
			if err != nil {
				return nil, nil, err
			}
			for k := range drops {
				for i, d := range drops[k] {
					if d == d {
						sums[k][i] += d
						counts[k][i]++
					}
				}
			}
		}
		for k, base := range all.Base[lo:hi] {
			scores := make([]float32, g.Len())
			for i := range scores {
				scores[i] = float32(float64(base) - sums[k][i]/float64(counts[k][i])) // 0/0 is NaN
			}
			all.Scores = append(all.Scores, scores)
		}
	}
	return g, all, nil
}

// sideBySide is how many items' maps are put together at a time: random masks are drawn
// once for all of them.
const sideBySide = 16

// pixelDrops gives the drops of the classes from lo to hi at each pixel of the input.
func pixelDrops(rule string) func(g *obe.Grid, r *obe.Result, lo, hi int) ([][]float64, error) {
	return func(g *obe.Grid, r *obe.Result, lo, hi int) (all [][]float64, err error) {
		if l := g.Listed(); l != nil {
			return l.Importance(r.Scores[lo:hi], r.Base[lo:hi]), nil
		}
		for k := lo; k < hi; k++ {
			drops, err := classMap(g, r, k).Importance(rule)
			if err != nil {
				return nil, err
			}
			all = append(all, drops)
		}
		return all, nil
	}
}

// cellDrops gives the drops of the classes from lo to hi at each position.
func cellDrops(_ *obe.Grid, r *obe.Result, lo, hi int) (all [][]float64, err error) {
	for k := lo; k < hi; k++ {
		drops := make([]float64, len(r.Scores[k]))
		for i, s := range r.Scores[k] {
			drops[i] = float64(r.Base[k]) - float64(s)
		}
		all = append(all, drops)
	}
	return all, nil
}

// classMap is the map of the result's class k.
func classMap(g *obe.Grid, r *obe.Result, k int) *heatmap.Map {
	return &heatmap.Map{Ys: g.Ys, Xs: g.Xs, Patch: g.Patch, Input: g.Plane, Scores: r.Scores[k], Base: r.Base[k], Stamp: stampOf(g)}
}

// addScales adds what each patch size with each fill gave to a record of them
// all.
func (j *Job) addScales(rec *Record, in *Input, maps []variant, results []*obe.Result) {
	rec.Positions = 0
	for i, r := range results {
		g := maps[i].grid
		s := ScaleRecord{Shape: j.shape(maps[i]), Patch: g.Patch, Stride: g.Stride, Rows: len(g.Ys), Cols: len(g.Xs), Ys: g.Ys, Xs: g.Xs, Positions: g.Len(), Classes: j.classRecords(g, r)}
		f := j.fills[maps[i].fill]
		if len(j.question.Fills) > 1 {
			s.Fill = string(f.name)
		}
		if k, ok := in.kind.(*recordingKind); ok && f.group != "" {
			s.Occluded = k.groupName(f.group)
		}
		s.FlipMap, s.Flips = flips(g, r)
		rec.Scales = append(rec.Scales, s)
		rec.Positions += s.Positions
		rec.Flips += s.Flips
	}
	var parts []string
	if len(j.grids) > 1 {
		var sizes []string
		for _, v := range maps {
			if v.fill == 0 {
				sizes = append(sizes, patchText(j.shape(v), v.grid.Patch))
			}
		}
		parts = append(parts, "of patches "+strings.Join(sizes, ", "))
	}
	if groups := rec.byChannels(); groups != nil {
		parts = append(parts, "that hide "+groupNames(groups))
	}
	if len(j.question.Fills) > 1 {
		parts = append(parts, "with fills "+fillNames(j.question.Fills, ", "))
	}
	where := "for each position"
	if len(j.grids) > 1 || rec.Shape.listed() {
		where = "for each pixel of the network's input"
	}
	switch {
	case rec.Shape.random():
		rec.Notes = append(rec.Notes, "importance is RISE's: the mean score with masks that keep a pixel, 1/(N p) times the sum of score times mask, less the mean over all masks")
	case rec.Shape.listed():
		rec.Notes = append(rec.Notes, "each pixel has the score of its segment")
	}
	if len(maps) == 1 {
		return
	}
	rec.Notes = append(rec.Notes, "mean of the maps "+strings.Join(parts, " ")+", "+where)
}
