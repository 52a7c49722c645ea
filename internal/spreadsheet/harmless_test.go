package spreadsheet

import "testing"

func TestHarmless(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "cat": "cat", "a=b": "a=b", "-1.5": "-1.5", "+2e-3": "+2e-3", " 7": " 7",
		"=1+1": "'=1+1", "@SUM(A1)": "'@SUM(A1)", "+cmd|' /C calc'!A0": "'+cmd|' /C calc'!A0", "-x": "'-x",
		"  =1": "'  =1", "\u00a0=1": "'\u00a0=1", "\u200b=1": "'\u200b=1", "\uff1d1": "'\uff1d1", "\tx": "'\tx", "\rx": "'\rx", "- 1": "'- 1",
	} {
		if got := Harmless(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}
