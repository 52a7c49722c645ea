package labels

import (
	"fmt"
	"strconv"
	"strings"
)

// What tells a number from a name where one could be both.
const (
	indexPrefix = "index:"
	labelPrefix = "label:"
)

// mostCandidates is how many classes an error names.
const mostCandidates = 6

// UnknownError says that a name is none of the labels.
type UnknownError struct {
	Name   string
	Labels int // how many there are
}

// Error implements error.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("%q is no number, and no label of the model (%d labels)", e.Name, e.Labels)
}

// AmbiguousError says that a name fits several classes.
type AmbiguousError struct {
	Name    string
	Classes []int
	labels  []string
	number  bool // the name is a number, which is one of the classes
}

// Error implements error.
func (e *AmbiguousError) Error() string {
	var list []string
	for _, c := range e.Classes[:min(len(e.Classes), mostCandidates)] {
		list = append(list, fmt.Sprintf("%d (%s)", c, at(e.labels, c)))
	}
	if more := len(e.Classes) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("%d more", more))
	}
	if e.number {
		return fmt.Sprintf("%s is the number of one class and the label of another: %s; say %s%s for the number, or the number of the other", e.Name, strings.Join(list, ", "), indexPrefix, e.Name)
	}
	return fmt.Sprintf("%q fits several classes: %s; say a number", e.Name, strings.Join(list, ", "))
}

// at is a class's label, "no label" if it has none.
func at(labels []string, class int) string {
	if class < len(labels) && labels[class] != "" {
		return labels[class]
	}
	return "no label"
}

// Find gives the class that a text names: a number from 0 up, or a label, whatever its
// case, or one of the names with commas between them that a label may hold ("crane" of
// "crane, bird"). A text that fits several classes is an error, and so is a number
// that is another class's label: "index:7" is class 7 whatever the labels are, and
// "label:7" the class whose label is just that. classes is the number of classes, 0 if
// it is not known: a number that is none of theirs can only be a label.
func Find(labels []string, text string, classes int) (int, error) {
	text = strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(text, indexPrefix); ok {
		if n, err := strconv.Atoi(rest); err == nil && n >= 0 {
			return n, nil
		}
	}
	fit := fitting(labels, text)
	if rest, ok := strings.CutPrefix(text, labelPrefix); ok && fit == nil {
		for i, l := range labels {
			if l == rest {
				fit = append(fit, i)
			}
		}
	}
	if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		switch {
		case len(fit) == 0 || len(fit) == 1 && fit[0] == n:
			return n, nil
		case classes == 0 || n < classes:
			all := []int{n}
			for _, c := range fit {
				if c != n {
					all = append(all, c)
				}
			}
			return 0, &AmbiguousError{text, all, labels, true}
		}
	}
	switch len(fit) {
	case 0:
		return 0, &UnknownError{text, len(labels)}
	case 1:
		return fit[0], nil
	}
	return 0, &AmbiguousError{text, fit, labels, false}
}

// fitting gives the classes that a name fits.
func fitting(labels []string, name string) []int {
	var fit []int
	for i, l := range labels {
		if l == "" {
			continue
		}
		found := strings.EqualFold(l, name)
		if strings.Contains(l, ",") {
			for part := range strings.SplitSeq(l, ",") {
				found = found || strings.EqualFold(strings.TrimSpace(part), name)
			}
		}
		if found {
			fit = append(fit, i)
		}
	}
	return fit
}

// Suggestion asks, behind an error, whether one of the labels that contain what was asked
// for was meant; it is "" if there are none.
func Suggestion(name string, labels []string) string {
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
