package explain

import (
	"strconv"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/labels"
	"krypton/internal/prediction"
)

// Picker turns what Question.Classes says into class indices once the clean image's
// scores are known. The zero value picks none: the reading's own class is meant.
type Picker struct {
	fixed []int
	top   int // the best N
	all   bool
}

// NewPicker reads Question.Classes for a number of classes, 0 if that is not known, with
// these names.
func NewPicker(values, names []string, classes int) (Picker, error) {
	var p Picker
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
			c, err := labels.Class(names, value, classes)
			if err != nil {
				return p, failure.Wrongf("%v %w", failure.Setting("class"), err)
			}
			p.fixed = append(p.fixed, c)
		}
	}
	return p, nil
}

// Choose gives the classes for the clean image's scores, each once.
func (p Picker) Choose(scores []float32) []int {
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
func (p Picker) count(n int) int {
	if p.all {
		return n
	}
	return min(n, len(p.fixed)+p.top)
}
