package explain

import (
	"slices"
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
		switch k := topOf(value); {
		case value == "all":
			p.all = true
		case k > 0:
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

// topOf is the N of topN, 1 of top, 0 of anything else.
func topOf(value string) int {
	rest, is := strings.CutPrefix(value, "top")
	k, err := strconv.Atoi(rest)
	switch {
	case is && rest == "":
		return 1
	case is && err == nil:
		return max(0, k)
	}
	return 0
}

// eachOnce is a list without what stands in it before.
func eachOnce(list []int) []int {
	var out []int
	seen := map[int]bool{}
	for _, c := range list {
		if !seen[c] {
			seen[c] = true
			out = append(out, c)
		}
	}
	return out
}

// first are the first n indices.
func first(n int) []int {
	l := make([]int, n)
	for i := range l {
		l[i] = i
	}
	return l
}

// Choose gives the classes for the clean image's scores, each once.
func (p Picker) Choose(scores []float32) []int {
	list := slices.Concat(p.fixed, prediction.Top(scores, p.top))
	if p.all {
		list = append(list, first(len(scores))...)
	}
	return eachOnce(list)
}

// Present gives the classes for the shares of pixels that each has: topN are those that have
// some.
func (p Picker) Present(shares []float32) []int {
	some := 0
	for _, s := range shares {
		if s > 0 {
			some++
		}
	}
	p.top = min(p.top, some)
	return p.Choose(shares)
}

// count is the number of classes that are picked of n.
func (p Picker) count(n int) int {
	if p.all {
		return n
	}
	return min(n, len(p.fixed)+p.top)
}
