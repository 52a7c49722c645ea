package main

import (
	"testing"
	"time"
)

func TestRoughly(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1230 * time.Millisecond:  "1.2 s",
		97 * time.Second:         "97 s",
		99600 * time.Millisecond: "1m40s",
		283 * time.Second:        "4m40s",
		3 * time.Hour:            "3h0m",
	} {
		if got := roughly(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
