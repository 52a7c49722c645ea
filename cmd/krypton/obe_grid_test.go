package main

import "testing"

func TestSizeOn(t *testing.T) {
	plane := [2]int{200, 100}
	for s, want := range map[string][2]int{
		"16": {16, 16}, "24x8": {24, 8}, "10%": {20, 10}, "10%x5%": {20, 5}, "7x5%": {7, 5}, "2.5%x3": {5, 3}, "0.1%": {1, 1}, "100%": {200, 100},
	} {
		if got, err := sizeOn(s, plane); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "0", "-1", "x", "3x", "x3", "1x2x3", "1x2x3%", "0%", "101%", "-3%", "NaN%", "Inf%", "%", "1e9", "99999999999", "5%%", "16 "} {
		if got, err := sizeOn(s, plane); err == nil {
			t.Errorf("%q is %v", s, got)
		}
	}
}
