package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"krypton/internal/obe"
	"krypton/internal/region"
)

func (j *job) makeGrid() (*obe.Grid, error) {
	p := j.model.plan.InputPlane()
	patch, err := sizeOn(j.patch, [2]int{p.H, p.W})
	if err != nil {
		return nil, usageError(fmt.Errorf("--patch: %w", err))
	}
	stride, err := sizeOn(j.stride, [2]int{p.H, p.W})
	if err != nil {
		return nil, usageError(fmt.Errorf("--stride: %w", err))
	}
	var roi region.Rect
	if j.region != "" {
		var v [4]int
		parts := strings.Split(j.region, ",")
		for i, p := range parts {
			n, err := strconv.Atoi(strings.TrimSpace(p))
			if err != nil || i > 3 || n < 0 || n > 1<<20 {
				return nil, usageError(fmt.Errorf("--region is %q, want x,y,w,h", j.region))
			}
			v[i] = n
		}
		roi = region.Rect{Y: region.Span{Lo: v[1], Hi: v[1] + v[3]}, X: region.Span{Lo: v[0], Hi: v[0] + v[2]}}
		if len(parts) != 4 || roi.Empty() {
			return nil, usageError(fmt.Errorf("--region is %q, want x,y,w,h, not empty", j.region))
		}
	}
	g, err := obe.NewGrid(p.H, p.W, patch, stride, obe.Border(j.border), roi)
	return g, usageError(err)
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

// estimate prints what a run would cost.
func (j *job) estimate() error {
	p := j.model.plan
	whole, spent := int64(0), int64(0)
	for i := range j.grid.Len() {
		whole += p.Count(p.InputPlane().Rect())
		spent += p.Count(j.grid.Rect(i))
	}
	if j.mode == string(obe.Naive) {
		spent = whole
	}
	_, err := fmt.Fprintf(j.io.out, "%d positions (%d x %d), %.3g multiply-adds instead of %.3g (%.1f times fewer), views %d MiB, one position %d KiB\n",
		j.grid.Len(), len(j.grid.Ys), len(j.grid.Xs), float64(spent), float64(whole), float64(whole)/float64(max(spent, 1)),
		p.ViewBytes()>>20, p.PositionBytes(j.grid.Rect(j.grid.Len()/2))>>10)
	return err
}
