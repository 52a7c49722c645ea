package heatmap

import (
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
