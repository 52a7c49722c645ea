package obe

import (
	"strings"
	"testing"

	"krypton/internal/engine"
)

// TestMillimetres: lengths become pixels where their size is known, and nowhere else.
func TestMillimetres(t *testing.T) {
	for text, want := range map[string]string{"10mm": "20x40", "0.1mm": "1", "4x10mm": "4x40", "2mmx10%": "4x10%", "16": "16", "1e5mm": "200000x400000"} {
		s, err := ParseSize(text)
		if err != nil || s.In(.5, .25).String() != want {
			t.Errorf("%s: %v, %v, want %s", text, s.In(.5, .25), err, want)
		}
		if again, err := ParseSize(s.String()); err != nil || again != s {
			t.Errorf("%s becomes %s, which is %v, %v", text, s, again, err)
		}
	}
	for _, bad := range []string{"0mm", "-1mm", "NaNmm", "mm", "1mmx2mmx3mm", "1e6mm", "1mm%"} {
		if s, err := ParseSize(bad); err == nil {
			t.Errorf("%s is %v", bad, s)
		}
	}
	for text, want := range map[string]bool{"0.1mm": true, "0.25x0.1mm": true, "0.2mm": false, "0.13mm": false, "1": false, "10%": false, "0.09x0.3mm": true, "0.1x0.3mm": false} {
		s, err := ParseSize(strings.Replace(text, "x", "mmx", 1))
		if err != nil || s.Tiny(.2, .25) != want {
			t.Errorf("%s: %v, want %v (%v)", text, s.Tiny(.2, .25), want, err)
		}
	}
	for text, want := range map[string]bool{"4ms": true, "5ms": false, "1s": false, "1": false, "1x4ms": true} {
		if s, err := ParseSize(text); err != nil || s.Brief(100) != want {
			t.Errorf("%s: %v, want %v (%v)", text, s.Brief(100), want, err)
		}
	}
	p, err := ParsePatch("circle:10mm:soft=2")
	if err != nil || p.In(.5, .5).String() != "circle:20:soft=2" {
		t.Errorf("%v, %v", p.In(.5, .5), err)
	}
	size, _ := ParseSize("1mm")
	if _, err := GridOn(engine.Plane{H: 8, W: 8, C: 1}, size, size, Cover, Region{}); err == nil {
		t.Error("a grid of lengths that nobody knows")
	}
}
