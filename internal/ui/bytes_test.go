package ui

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"
)

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 4956208: "4.7 MiB", 1<<20 - 1: "1.0 MiB", 553437752: "527.8 MiB", math.MaxInt64: "8.0 EiB",
	} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	var b bytes.Buffer
	p := NewBytes(&b, Plain, "model", 4<<20)
	p.Set(1 << 20)
	if b.Len() != 0 {
		t.Errorf("a line at once: %q", b.String())
	}
	p.last = time.Now().Add(-plainEvery)
	p.Set(2 << 20)
	p.Finish()
	if got, want := b.String(), "model: 2.0 MiB of 4.0 MiB\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	b.Reset()
	p = NewBytes(&b, Bar, "model", 4<<20)
	p.Set(1 << 20)
	p.Finish()
	if !strings.Contains(b.String(), "model") || !strings.Contains(b.String(), "MiB") {
		t.Errorf("the bar is %q", b.String())
	}
	b.Reset()
	p = NewBytes(&b, Silent, "model", 4)
	p.Set(4)
	p.Finish()
	if b.Len() != 0 {
		t.Errorf("silence is %q", b.String())
	}
}
