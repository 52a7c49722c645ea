package main

import (
	"fmt"
	"strconv"
	"strings"

	"krypton/internal/prediction"
)

// classPicker turns --class values into class indices once the clean image's
// scores are known.
type classPicker struct {
	fixed []int
	top   int // the best N
	all   bool
}

func newClassPicker(names, labels []string) (classPicker, error) {
	var p classPicker
	for _, name := range names {
		rest, isTop := strings.CutPrefix(name, "top")
		n, err := strconv.Atoi(name)
		switch {
		case name == "all":
			p.all = true
		case isTop && rest == "":
			p.top = max(p.top, 1)
		case err == nil && n >= 0:
			p.fixed = append(p.fixed, n)
		default:
			if k, err := strconv.Atoi(rest); isTop && err == nil && k > 0 {
				p.top = max(p.top, k)
				continue
			}
			found := -1
			for i, l := range labels {
				if strings.EqualFold(l, name) {
					found = i
					break
				}
			}
			if found < 0 {
				return p, usageError(fmt.Errorf("--class %q is no index, and no label of the model (%d labels)%s", name, len(labels), suggestion(name, labels)))
			}
			p.fixed = append(p.fixed, found)
		}
	}
	return p, nil
}

// suggestion names labels that contain what was asked for.
func suggestion(name string, labels []string) string {
	var near []string
	for _, l := range labels {
		if strings.Contains(strings.ToLower(l), strings.ToLower(name)) && len(near) < 5 {
			near = append(near, strconv.Quote(l))
		}
	}
	if near == nil {
		return ""
	}
	return "; did you mean " + strings.Join(near, ", ") + "?"
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
