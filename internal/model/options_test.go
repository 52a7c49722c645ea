package model

import (
	"maps"
	"testing"

	"krypton/internal/failure"
)

func TestLoadOptions(t *testing.T) {
	for text, want := range map[string][2]int{"7": {7, 7}, "3x5": {3, 5}, "0": {}, "3x": {}, "x3": {}, "3x5x7": {}, "2000000": {}, "": {}, "-1x1": {}} {
		got, err := ParsePixels(text)
		if got != want || (err != nil) != (want == [2]int{}) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if dims, err := ParseDims([]string{"n=1", "height=224"}); err != nil || !maps.Equal(dims, map[string]int{"n": 1, "height": 224}) {
		t.Errorf("%v, %v", dims, err)
	}
	refused := func(err error, text string) {
		t.Helper()
		if kind, _ := failure.Of(err); kind != failure.Usage || err.Error() != text {
			t.Errorf("%v, want %s", err, text)
		}
	}
	for _, d := range []string{"n", "n=0", "n=x", "=", ""} {
		_, err := ParseDims([]string{"m=1", d})
		refused(err, `dim "`+d+`": want NAME=N`)
	}
	refused((&LoadOptions{Layout: "hwc"}).Check(), `layout is "hwc", want nchw or nhwc, or of a series nct, ntc, nt, ct, tc, tnc, n1ct, n1tc, nc1t, nt1c, nct1, ntc1`)
}
