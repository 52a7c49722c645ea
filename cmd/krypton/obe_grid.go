package main

import (
	"fmt"
	"strconv"
	"strings"

	"krypton/internal/obe"
	"krypton/internal/region"
)

func (j *job) makeGrid() (*obe.Grid, error) {
	patch, err := pair(j.patch)
	if err != nil {
		return nil, usageError(fmt.Errorf("--patch: %w", err))
	}
	stride, err := pair(j.stride)
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
	p := j.model.plan.InputPlane()
	g, err := obe.NewGrid(p.H, p.W, patch, stride, obe.Border(j.border), roi)
	return g, usageError(err)
}

// pair reads N or HxW.
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
