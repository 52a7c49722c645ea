package heatmap

import (
	"strings"
	"testing"

	"krypton/internal/failure"
)

func TestCheckStyle(t *testing.T) {
	good := Style{Alpha: .5, Contours: make([]Level, MostContours)}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Style){
		"alpha is 2, want 0 to 1": func(s *Style) { s.Alpha = 2 },
		"masked shows the picture, map-only does not: they exclude each other": func(s *Style) { s.Mode, s.Masked = "map-only", new(Level) },
		"contours: 17 levels, at most 16 are drawn":                            func(s *Style) { s.Contours = make([]Level, MostContours+1) },
	} {
		s := good
		change(&s)
		err := s.Check()
		if kind, _ := failure.Of(err); kind != failure.Usage || err.Error() != name {
			t.Errorf("%v, want %s", err, name)
		}
	}
}

// TestShared: one scale covers all maps, and tells the colours where nobody chose them.
func TestShared(t *testing.T) {
	one := func(base, score float32) *Map {
		return &Map{Ys: []int{0}, Xs: []int{0}, Patch: [2]int{2, 2}, Input: [2]int{2, 2}, Base: base, Scores: []float32{score}}
	}
	for _, c := range []struct {
		maps    []*Map
		want    Scale
		colours string
	}{
		{[]*Map{one(1, .5), one(.5, .25)}, Scale{Lo: 0, Hi: .5}, "blackbody"},
		{[]*Map{one(1, .5), one(.25, 1)}, Scale{Lo: -.75, Hi: .75}, "bluered"},
		{[]*Map{one(1, 0), one(.5, .53125)}, Scale{Lo: 0, Hi: 1}, "blackbody"}, // too small a rise to show
	} {
		if got, err := sharedScale(c.maps, "mean"); err != nil || got != c.want {
			t.Errorf("%+v, %v; want %+v", got, err, c.want)
		}
		for name, want := range map[string]string{"auto": c.colours, "gray": "gray"} {
			if s, err := (Style{Colormap: name}).Shared(c.maps, "mean"); err != nil || *s.Scale != c.want || s.Colormap != want {
				t.Errorf("%s: %+v, %v; want %+v, %s", name, s, err, c.want, want)
			}
		}
	}
	if _, err := sharedScale([]*Map{one(1, 1)}, "most"); err == nil {
		t.Error("an unknown rule is accepted")
	}
}

func TestParseRange(t *testing.T) {
	for text, want := range map[string]Range{"auto": {}, "shared": {Shared: true}, "-1,2": {Fixed: &Scale{-1, 2}}} {
		r, err := ParseRange(text)
		if err != nil || r.Shared != want.Shared || (r.Fixed == nil) != (want.Fixed == nil) || r.Fixed != nil && *r.Fixed != *want.Fixed {
			t.Errorf("%s: %+v, %v", text, r, err)
		}
	}
	for _, text := range []string{"", "2,1", "a", "1"} {
		if r, err := ParseRange(text); err == nil {
			t.Errorf("%q became %+v", text, r)
		}
	}
}

// TestWrap: long lines of a caption are broken between words, none lost; what no break makes
// short enough, and what would be too many lines, is clipped.
func TestWrap(t *testing.T) {
	f, err := face(0, 14)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	certificate := "approximate: SSIM at least 0.912 at 90 % confidence, by 120 of 2025 positions computed exactly"
	for _, c := range []struct {
		line    string
		width   int
		lines   int // 0 for any
		clipped bool
	}{
		{"short", 300, 1, false}, {"", 300, 1, false}, {certificate, 300, 3, false}, {certificate, 2000, 1, false}, {certificate, 120, mostWrapped, true},
		{strings.Repeat("w", 100), 300, 1, true}, {"a " + strings.Repeat("w", 100), 300, 2, true}, {" leading blank " + certificate, 400, 0, false},
	} {
		got := wrap(f, c.line, c.width)
		if all := strings.Join(got, " "); strings.Contains(all, "…") != c.clipped || !c.clipped && strings.Join(strings.Fields(all), " ") != strings.Join(strings.Fields(c.line), " ") || c.lines > 0 && len(got) != c.lines {
			t.Errorf("%q in %d: %q", c.line, c.width, got)
		}
		for _, line := range got {
			if measure(f, line) > c.width {
				t.Errorf("%q is wider than %d", line, c.width)
			}
		}
	}
}
