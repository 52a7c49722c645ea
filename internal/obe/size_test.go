package obe

import (
	"encoding/json"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/region"
)

func TestParseSize(t *testing.T) {
	for s, want := range map[string][2]int{
		"16": {16, 16}, "24x8": {24, 8}, "10%": {20, 10}, "10%x5%": {20, 5}, "7x5%": {7, 5}, "2.5%x3": {5, 3}, "0.1%": {1, 1}, "100%": {200, 100}, "16x16": {16, 16},
	} {
		size, err := ParseSize(s)
		if got := size.On(200, 100); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", s, got, err, want)
		}
		if again, err := ParseSize(size.String()); err != nil || again != size {
			t.Errorf("%s is written as %s: %v, %v", s, size, again, err)
		}
	}
	for _, s := range []string{"", "0", "-1", "x", "3x", "x3", "1x2x3", "1x2x3%", "0%", "101%", "-3%", "NaN%", "Inf%", "%", "1e9", "99999999999", "5%%", "16 "} {
		if got, err := ParseSize(s); err == nil {
			t.Errorf("%q is %v", s, got)
		}
	}
	if all, err := ParseSizes("16,24x8,10%"); err != nil || len(all) != 3 || Sizes(all) != "16,24x8,10%" {
		t.Errorf("%v, %v", all, err)
	}
	if all, err := ParseSizes("16,"); err == nil {
		t.Errorf("16, is %v", all)
	}
}

func TestParseRegion(t *testing.T) {
	for s, want := range map[string]Region{"": {}, "1,2,3,4": {1, 2, 3, 4}, " 1, 2 ,3,4": {1, 2, 3, 4}, "0,0,1,1": {0, 0, 1, 1}} {
		r, err := ParseRegion(s)
		if err != nil || r != want {
			t.Errorf("%q: %+v, %v", s, r, err)
		}
		if again, err := ParseRegion(r.String()); err != nil || again != r {
			t.Errorf("%q is written as %q", s, r)
		}
	}
	for _, s := range []string{"1", "1,2,3", "1,2,3,4,5", "1,2,0,4", "-1,2,3,4", "a,b,c,d", "1,2,3,99999999", "1,2,3,"} {
		if r, err := ParseRegion(s); err == nil {
			t.Errorf("%q is %+v", s, r)
		}
	}
	if r := (Region{1, 2, 3, 4}).Rect(); r != (region.Rect{Y: region.Span{Lo: 2, Hi: 6}, X: region.Span{Lo: 1, Hi: 4}}) {
		t.Errorf("%v", r)
	}
}

// TestSizesInJSON: sizes and regions are texts there, and no text that is none is taken.
func TestSizesInJSON(t *testing.T) {
	type both struct {
		Sizes  []Size
		Region Region
	}
	want := `{"Sizes":["16","10%x3"],"Region":"1,2,3,4"}`
	var b both
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if got, err := json.Marshal(b); err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	for _, bad := range []string{`{"Sizes":["0"]}`, `{"Sizes":[16]}`, `{"Region":"1,2"}`} {
		if err := json.Unmarshal([]byte(bad), &b); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestTypical(t *testing.T) {
	size := func(s string) Size {
		v, err := ParseSize(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	plane := engine.Plane{H: 20, W: 30, C: 3}
	got := Typical([]Patch{Plain(size("10%x8")), Plain(size("5"))}, size("4"))(plane)
	corners := map[region.Rect]bool{}
	for _, r := range got {
		if !plane.Rect().Contains(r) {
			t.Errorf("%v leaves the plane", r)
		}
		corners[r] = true
	}
	for _, p := range [][2]int{{2, 8}, {5, 5}} {
		for _, at := range [][2]int{{0, 0}, {20 - p[0], 30 - p[1]}} {
			if r := (region.Rect{Y: region.Span{Lo: at[0], Hi: at[0] + p[0]}, X: region.Span{Lo: at[1], Hi: at[1] + p[1]}}); !corners[r] {
				t.Errorf("the corner %v is missing", r)
			}
		}
	}
	if got := Typical([]Patch{Plain(size("5")), Plain(size("21"))}, size("4"))(plane); len(got) != 1 || got[0] != plane.Rect() {
		t.Errorf("of a patch that does not fit: %v", got)
	}
}

// TestPatchOn: one number is the width of a patch on a series, whose height is 1.
func TestPatchOn(t *testing.T) {
	for _, c := range []struct {
		text string
		h, w int
		want [2]int
	}{
		{"16", 1, 100, [2]int{1, 16}}, {"10%", 1, 100, [2]int{1, 10}}, {"1x16", 1, 100, [2]int{1, 16}}, {"2x16", 1, 100, [2]int{2, 16}},
		{"16", 2, 100, [2]int{16, 16}}, {"16", 100, 1, [2]int{16, 16}}, {"16", 64, 64, [2]int{16, 16}},
	} {
		s, err := ParseSize(c.text)
		if got := s.PatchOn(c.h, c.w); err != nil || got != c.want {
			t.Errorf("%s on %dx%d: %v, want %v (%v)", c.text, c.h, c.w, got, c.want, err)
		}
	}
}
