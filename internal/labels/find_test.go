package labels

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	imagenet := []string{"tench, Tinca tinca", "crane", "goldfish", "Crane", "panther, puma", "jaguar, panther", ""}
	digits := []string{"0", "1", "2"}
	fromOne := []string{"1", "2", "3"}
	years := []string{"1990", "1991"}
	for _, c := range []struct {
		labels  []string
		text    string
		classes int
		want    int
		fits    []int // of an error
	}{
		{imagenet, "goldfish", 7, 2, nil},
		{imagenet, " Goldfish ", 7, 2, nil},
		{imagenet, "tench", 7, 0, nil},
		{imagenet, "Tinca tinca", 7, 0, nil},
		{imagenet, "tench, tinca TINCA", 7, 0, nil},
		{imagenet, "puma", 7, 4, nil},
		{imagenet, "crane", 7, 0, []int{1, 3}},
		{imagenet, "label:crane", 7, 1, nil},
		{imagenet, "label:Crane", 7, 3, nil},
		{imagenet, "panther", 7, 0, []int{4, 5}},
		{imagenet, "5", 7, 5, nil},
		{imagenet, "99", 7, 99, nil}, // whoever asked knows the range
		{nil, "5", 0, 5, nil},
		{digits, "1", 3, 1, nil},
		{fromOne, "1", 3, 0, []int{1, 0}},
		{fromOne, "3", 3, 2, nil}, // no class 3
		{fromOne, "3", 0, 0, []int{3, 2}},
		{fromOne, "0", 3, 0, nil},
		{fromOne, "index:1", 3, 1, nil},
		{fromOne, "label:1", 3, 0, nil},
		{years, "1991", 2, 1, nil},
		{[]string{"a", "a", "b"}, "a", 3, 0, []int{0, 1}},
		{[]string{"a", "a", "b"}, "label:a", 3, 0, []int{0, 1}},
		{[]string{"7", "7"}, "7", 2, 0, []int{0, 1}},
		{[]string{"label:x", "x"}, "label:x", 2, 0, nil},
	} {
		got, err := Find(c.labels, c.text, c.classes)
		var ambiguous *AmbiguousError
		switch {
		case c.fits == nil && (err != nil || got != c.want):
			t.Errorf("%q of %q: %d, %v; want %d", c.text, c.labels, got, err, c.want)
		case c.fits != nil && (!errors.As(err, &ambiguous) || !slices.Equal(ambiguous.Classes, c.fits)):
			t.Errorf("%q of %q: %d, %v; want several: %v", c.text, c.labels, got, err, c.fits)
		}
	}
	var unknown *UnknownError
	for _, text := range []string{"", "dog", "-1", "index:x", "label:goldfis"} {
		if got, err := Find(imagenet, text, 7); !errors.As(err, &unknown) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	_, err := Find(slices.Repeat([]string{"a"}, 9), "A", 9)
	if want := `"A" fits several classes: 0 (a), 1 (a), 2 (a), 3 (a), 4 (a), 5 (a), 3 more; say a number`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := Find(fromOne, "1", 3); err == nil || !strings.Contains(err.Error(), "1 (2), 0 (1); say index:1") {
		t.Error(err)
	}
}
