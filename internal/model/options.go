package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/graph"
)

// Check refuses options that no file can be loaded with.
func (o *LoadOptions) Check() error {
	if !slices.Contains([]string{"", "nchw", "nhwc"}, o.Layout) && !slices.Contains(graph.SeriesLayouts, o.Layout) {
		return failure.Wrongf("%v is %q, want nchw or nhwc, or of a series %s", failure.Setting("layout"), o.Layout, strings.Join(graph.SeriesLayouts, ", "))
	}
	return nil
}

// ParseDims reads symbolic dimensions, each as NAME=N.
func ParseDims(texts []string) (map[string]int, error) {
	dims := map[string]int{}
	for _, d := range texts {
		name, value, _ := strings.Cut(d, "=")
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return nil, failure.Wrongf("%v %q: want NAME=N", failure.Setting("dim"), d)
		}
		dims[name] = n
	}
	return dims, nil
}

// ParsePixels reads N or HxW in pixels.
func ParsePixels(s string) ([2]int, error) {
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
