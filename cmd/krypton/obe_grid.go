package main

import (
	"context"
	"fmt"

	"krypton/internal/failure"
	"krypton/internal/number"
	"krypton/internal/obe"
)

// maxScales bounds the number of patch sizes of one run.
const maxScales = 16

// makeGrids lays one grid for each patch size.
func (j *job) makeGrids() ([]*obe.Grid, error) {
	plane := j.model.Plan.InputPlane()
	if len(j.strides) != 1 && len(j.strides) != len(j.patches) {
		return nil, failure.Usagef("--patch has %d sizes and --stride %d: want one stride, or one for each size", len(j.patches), len(j.strides))
	}
	var grids []*obe.Grid
	for i, p := range j.patches {
		stride := j.strides[min(i, len(j.strides)-1)]
		g, err := obe.NewGrid(plane.H, plane.W, p.On(plane.H, plane.W), stride.On(plane.H, plane.W), obe.Border(j.border), j.region.Rect())
		if err != nil {
			return nil, failure.As(failure.Usage, err)
		}
		grids = append(grids, g)
	}
	return grids, nil
}

// positions is the number of positions of all grids with all fills.
func (j *job) positions() int {
	n := 0
	for _, g := range j.grids {
		n += g.Len()
	}
	return n * len(j.fills)
}

// estimate prints what a run would cost, a line for each patch size with each fill.
func (j *job) estimate(ctx context.Context) error {
	p := j.model.Plan
	for _, v := range j.variants() {
		g := v.grid
		whole, spent := int64(0), int64(0)
		for i := range g.Len() {
			whole += p.Count(p.InputPlane().Rect())
			spent += p.Count(g.Rect(i))
		}
		if j.mode == string(obe.Naive) {
			spent = whole
		}
		_, err := fmt.Fprintf(j.io.out, "%d positions (%d x %d), %.3g multiply-adds instead of %.3g (%s times fewer), views %d MiB, one position %d KiB\n",
			g.Len(), len(g.Ys), len(g.Xs), float64(spent), float64(whole), number.Ratio(float64(whole), float64(spent)).Text("%.1f", 1),
			p.ViewBytes()>>20, p.PositionBytes(g.Rect(g.Len()/2))>>10)
		if err != nil {
			return err
		}
		if j.mode != string(obe.Exact) {
			continue
		}
		t, err := obe.Predict(ctx, obe.Task{Plan: p, Grid: g, Workers: j.threads, Memory: workingMemory(j.memory, p.ViewBytes())}, calibration)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(j.io.out, "about %.2g s for a picture on %d threads\n", (t.Views + t.Map).Seconds(), j.threads); err != nil {
			return err
		}
	}
	return nil
}
