package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/number"
	"krypton/internal/obe"
	"krypton/internal/region"
)

// maxScales bounds the number of patch sizes of one run.
const maxScales = 16

// makeGrids lays one grid for each patch size.
func (j *job) makeGrids() ([]*obe.Grid, error) {
	plane := j.model.plan.InputPlane()
	patches, strides := strings.Split(j.patch, ","), strings.Split(j.stride, ",")
	if len(strides) != 1 && len(strides) != len(patches) {
		return nil, failure.Usagef("--patch has %d sizes and --stride %d: want one stride, or one for each size", len(patches), len(strides))
	}
	roi, err := j.parseRegion()
	if err != nil {
		return nil, err
	}
	var grids []*obe.Grid
	for i, p := range patches {
		patch, err := sizeOn(p, [2]int{plane.H, plane.W})
		if err != nil {
			return nil, failure.Usagef("--patch: %w", err)
		}
		stride, err := sizeOn(strides[min(i, len(strides)-1)], [2]int{plane.H, plane.W})
		if err != nil {
			return nil, failure.Usagef("--stride: %w", err)
		}
		g, err := obe.NewGrid(plane.H, plane.W, patch, stride, obe.Border(j.border), roi)
		if err != nil {
			return nil, failure.As(failure.Usage, err)
		}
		grids = append(grids, g)
	}
	return grids, nil
}

// parseRegion reads --region; the empty one means all of the input.
func (j *job) parseRegion() (region.Rect, error) {
	if j.region == "" {
		return region.Rect{}, nil
	}
	var v [4]int
	parts := strings.Split(j.region, ",")
	for i, p := range parts {
		n, err := strconv.Atoi(strings.TrimSpace(p))
		if err != nil || i > 3 || n < 0 || n > 1<<20 {
			return region.Rect{}, failure.Usagef("--region is %q, want x,y,w,h", j.region)
		}
		v[i] = n
	}
	roi := region.Rect{Y: region.Span{Lo: v[1], Hi: v[1] + v[3]}, X: region.Span{Lo: v[0], Hi: v[0] + v[2]}}
	if len(parts) != 4 || roi.Empty() {
		return region.Rect{}, failure.Usagef("--region is %q, want x,y,w,h, not empty", j.region)
	}
	return roi, nil
}

// positions is the number of positions of all grids with all fills.
func (j *job) positions() int {
	n := 0
	for _, g := range j.grids {
		n += g.Len()
	}
	return n * len(j.fills)
}

// pair reads N or HxW in pixels.
func pair(s string) ([2]int, error) {
	a, b, two := strings.Cut(s, "x")
	if !two {
		b = a
	}
	h, e1 := strconv.Atoi(a)
	w, e2 := strconv.Atoi(b)
	if e1 != nil || e2 != nil || h < 1 || w < 1 || h > 1<<20 || w > 1<<20 {
		return [2]int{}, fmt.Errorf("%q is not a size: want a number from 1 on, or two as HxW", s)
	}
	return [2]int{h, w}, nil
}

// sizeOn reads N or HxW, each number in pixels or, with %, in percent of that
// side of plane, rounded and at least one pixel.
func sizeOn(s string, plane [2]int) ([2]int, error) {
	parts := strings.Split(s, "x")
	if len(parts) == 1 {
		parts = append(parts, s)
	}
	var size [2]int
	for i, p := range parts {
		number, percent := strings.CutSuffix(p, "%")
		if percent && i < 2 {
			f, err := strconv.ParseFloat(number, 64)
			if err != nil || !(f > 0 && f <= 100) {
				return size, fmt.Errorf("%q is not a size: want percent above 0 and up to 100", s)
			}
			size[i] = max(1, int(math.Round(f/100*float64(plane[i]))))
			continue
		}
		n, err := strconv.Atoi(p)
		if err != nil || n < 1 || n > 1<<20 || len(parts) != 2 {
			return size, fmt.Errorf("%q is not a size: want pixels or percent, such as 16 or 10%%, or two as HxW", s)
		}
		size[i] = n
	}
	return size, nil
}

// estimate prints what a run would cost, a line for each patch size with each fill.
func (j *job) estimate(ctx context.Context) error {
	p := j.model.plan
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
