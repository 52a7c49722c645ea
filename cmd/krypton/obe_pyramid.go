package main

import (
	"fmt"
	"strings"

	"krypton/internal/heatmap"
	"krypton/internal/obe"
	"krypton/internal/region"
)

// combine lays the maps of several patch sizes over each other. Their common
// grid is that of the input's pixels: at each, the mean over the sizes of the
// drop there, and the score is the clean picture's less that mean. A pixel
// that a size does not cover does not count for it; one that none covers has no
// number. The grid and result of a single size stay as they are.
func combine(grids []*obe.Grid, results []*obe.Result, rule string) (*obe.Grid, *obe.Result, error) {
	first := results[0]
	if len(grids) == 1 {
		return grids[0], first, nil
	}
	plane := grids[0].Plane
	g, err := obe.NewGrid(plane[0], plane[1], [2]int{1, 1}, [2]int{1, 1}, obe.Cover, region.Rect{})
	if err != nil {
		return nil, nil, err
	}
	all := &obe.Result{Classes: first.Classes, Activation: first.Activation, Base: first.Base, Probabilities: first.Probabilities}
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
	for k, base := range all.Base {
		sum, count := make([]float64, g.Len()), make([]int, g.Len())
		for s, r := range results {
			drops, err := classMap(grids[s], r, k).Importance(rule)
			if err != nil {
				return nil, nil, err
			}
			for i, d := range drops {
				if d == d {
					sum[i] += d
					count[i]++
				}
			}
		}
		scores := make([]float32, g.Len())
		for i := range scores {
			scores[i] = float32(float64(base) - sum[i]/float64(count[i])) // 0/0 is NaN
		}
		all.Scores = append(all.Scores, scores)
	}
	return g, all, nil
}

// addScales adds what each patch size gave to a record of them all.
func (j *job) addScales(rec *record, results []*obe.Result) {
	sizes := make([]string, len(results))
	rec.Positions = 0
	for i, r := range results {
		g := j.grids[i]
		s := heatmap.ScaleRecord{Patch: g.Patch, Stride: g.Stride, Rows: len(g.Ys), Cols: len(g.Xs), Ys: g.Ys, Xs: g.Xs, Positions: g.Len(), Classes: j.classRecords(g, r)}
		s.FlipMap, s.Flips = flips(g, r)
		rec.Scales = append(rec.Scales, s)
		rec.Positions += s.Positions
		rec.Flips += s.Flips
		sizes[i] = fmt.Sprintf("%dx%d", g.Patch[0], g.Patch[1])
	}
	rec.Notes = append(rec.Notes, "mean of the maps of patches "+strings.Join(sizes, ", ")+", for each pixel of the network's input")
}
