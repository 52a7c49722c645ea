package main

import (
	"strconv"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/labels"
	"krypton/internal/prediction"
)

// classPicker turns --class values into class indices once the clean image's
// scores are known. The zero value picks none: the reading's own class is meant.
type classPicker struct {
	fixed []int
	top   int // the best N
	all   bool
}

// newClassPicker reads the values of --class for a number of classes, 0 if that is
// not known.
func newClassPicker(values, names []string, classes int) (classPicker, error) {
	var p classPicker
	for _, value := range values {
		rest, isTop := strings.CutPrefix(value, "top")
		k, err := strconv.Atoi(rest)
		switch {
		case value == "all":
			p.all = true
		case isTop && rest == "":
			p.top = max(p.top, 1)
		case isTop && err == nil && k > 0:
			p.top = max(p.top, k)
		default:
			c, err := findClass("--class", names, value, classes)
			if err != nil {
				return p, err
			}
			p.fixed = append(p.fixed, c)
		}
	}
	return p, nil
}

// findClass gives the class that the value of a flag names.
func findClass(flag string, names []string, value string, classes int) (int, error) {
	c, err := labels.Class(names, value, classes)
	if err != nil {
		return 0, failure.Usagef("%s %w", flag, err)
	}
	return c, nil
}

// choose gives the classes for the clean image's scores, each once.
func (p classPicker) choose(scores []float32) []int {
	var out []int
	seen := map[int]bool{}
	add := func(list ...int) {
		for _, c := range list {
			if !seen[c] {
				seen[c] = true
				out = append(out, c)
			}
		}
	}
	add(p.fixed...)
	add(prediction.Top(scores, p.top)...)
	if p.all {
		for c := range scores {
			add(c)
		}
	}
	return out
}

// count is the number of classes that are picked of n.
func (p *classPicker) count(n int) int {
	if p.all {
		return n
	}
	return min(n, len(p.fixed)+p.top)
}
