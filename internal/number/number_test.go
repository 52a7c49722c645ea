package number

import (
	"encoding/json"
	"math"
	"testing"
)

func TestSingle(t *testing.T) {
	for text, want := range map[string]float32{"0": 0, "-0.5": -.5, "1e-45": 1e-45, "3.4028235e+38": math.MaxFloat32, "0.1": .1} {
		var n Single
		if err := json.Unmarshal([]byte(text), &n); err != nil || float32(n) != want {
			t.Errorf("%s is read as %g, %v", text, n, err)
		}
		if b, err := json.Marshal(n); err != nil || string(b) != text {
			t.Errorf("%g is written %s, %v; want %s", n, b, err, text)
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		b, err := json.Marshal(Single(v))
		if err != nil || string(b) != "null" {
			t.Errorf("%g is written %s, %v", v, b, err)
		}
	}
	n := Single(7)
	if err := json.Unmarshal([]byte("null"), &n); err != nil || n == n {
		t.Errorf("null is %g, %v", n, err)
	}
	for _, text := range []string{`"1"`, "[]", "{}", "true", "1e39"} {
		n := Single(7)
		if err := json.Unmarshal([]byte(text), &n); err == nil || n != 7 {
			t.Errorf("%s is read as %g, %v", text, n, err)
		}
	}
}

func TestDouble(t *testing.T) {
	for text, want := range map[string]float64{"0": 0, "-0.5": -.5, "5e-324": 5e-324, "0.1": .1, "1e+39": 1e39} {
		var n Double
		if err := json.Unmarshal([]byte(text), &n); err != nil || float64(n) != want {
			t.Errorf("%s is read as %g, %v", text, n, err)
		}
		if b, err := json.Marshal(struct{ N Double }{n}); err != nil || string(b) != `{"N":`+text+`}` {
			t.Errorf("%g is written %s, %v; want %s", n, b, err, text)
		}
	}
	for _, text := range []string{`"1"`, "[]", "true", "1e309"} {
		n := Double(7)
		if err := json.Unmarshal([]byte(text), &n); err == nil || n != 7 {
			t.Errorf("%s is read as %g, %v", text, n, err)
		}
	}
	n := Double(7)
	if err := json.Unmarshal([]byte("null"), &n); err != nil || n.Finite() {
		t.Errorf("null is %g, %v", n, err)
	}
}

func TestRatio(t *testing.T) {
	for _, c := range []struct {
		a, b float64
		json string
		text string
	}{{1, 2, "0.5", "50.0 %"}, {0, 2, "0", "0.0 %"}, {0, 0, "null", "-"}, {1, 0, "null", "-"}, {-1, 0, "null", "-"}, {math.NaN(), 1, "null", "-"}, {math.MaxFloat64, .1, "null", "-"}, {math.Inf(1), math.Inf(1), "null", "-"}} {
		r := Ratio(c.a, c.b)
		b, err := json.Marshal(r)
		if err != nil || string(b) != c.json || r.Text("%.1f %%", 100) != c.text {
			t.Errorf("%g/%g is %s, %q, %v; want %s, %q", c.a, c.b, b, r.Text("%.1f %%", 100), err, c.json, c.text)
		}
	}
}
