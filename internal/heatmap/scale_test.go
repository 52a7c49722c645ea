package heatmap

import "testing"

// TestParseScale: a scale that is read is one that a map can be drawn on.
func TestParseScale(t *testing.T) {
	for text, want := range map[string]bool{
		"0,1": true, "-0.5,0.25": true, "0,5e-324": true, "0,1.7e308": true, "-8e307,8e307": true, "1e16,10000000000000002": true,
		"": false, "1": false, "1,": false, ",1": false, "1,0": false, "1,1": false, "0,1,2": false, "a,b": false,
		"nan,1": false, "0,NaN": false, "-inf,0": false, "0,Inf": false, "-1e308,1e308": false, "0,1e999": false,
	} {
		s, ok := ParseScale(text)
		if ok != want {
			t.Errorf("%q: %v %v, want %v", text, s, ok, want)
		}
		if !ok {
			continue
		}
		c := colors{scale: s}
		for _, v := range []float64{s.Lo, s.Lo/2 + s.Hi/2, s.Hi, 0, -1, 1} {
			c.at(v) // panics where the colour has no number
		}
		if n := len(ticks(s)); n > 20 {
			t.Errorf("%q: %d ticks", text, n)
		}
	}
}
