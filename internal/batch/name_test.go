package batch

import (
	"fmt"
	"strings"
	"testing"
)

func TestNamesOfFiles(t *testing.T) {
	for _, c := range []struct {
		it    Item
		files string
		want  string // an error where it begins with !
	}{
		{Item{Path: "a/b.png"}, "", "b.k.png"},
		{Item{Path: "a/b.png"}, "{dir}/{name}.npy,/abs/../x/{name}.csv", "b.k.png a/b.npy /x/b.csv"},
		{Item{Path: "a/b.png", Set: map[string]string{"out": "o/", "scores": "s.npy,{name}.json"}}, "{name}.csv", "o/b.k.png s.npy b.json"},
		{Item{Path: "a/b.png", Set: map[string]string{"scores": "/s.npy"}}, "", `!a/b.png: scores "/s.npy" must be relative to out-dir`},
		{Item{Path: "b.png", Set: map[string]string{"out": "/o.png"}}, "", "!"},
		{Item{Path: "b.png"}, "../x.npy", "!"},
	} {
		var files []string
		if c.files != "" {
			files = strings.Split(c.files, ",")
		}
		names, err := c.it.Outputs("{name}.k.png", files)
		got := strings.Join(names, " ")
		if err != nil {
			got = "!" + err.Error()
		}
		if got != c.want && (c.want != "!" || err == nil) {
			t.Errorf("%+v: %q, want %q", c.it, got, c.want)
		}
	}
}

// TestGroups: items with equal settings come together, in the order of the list, and those
// of one model one after the other.
func TestGroups(t *testing.T) {
	var items []Item
	for i, model := range []string{"", "b", "a", "b", "", "a"} {
		it := Item{Path: fmt.Sprint(i)}
		if model != "" {
			it.Set = map[string]string{"model": model}
		}
		items = append(items, it)
	}
	items = append(items, Item{Path: "6", Set: map[string]string{"model": "a", "patch": "8"}})
	got := ""
	for _, g := range Groups(items) {
		for _, it := range g {
			got += it.Path
		}
		got += " "
	}
	if got != "04 25 6 13 " {
		t.Error(got)
	}
}
