package ui

import (
	"bytes"
	"strings"
	"testing"
)

func TestPlainEndsWithTheState(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, StyleFor(&b, false), "cat.png", 100)
	p.Set(40)
	p.Set(30) // a slower worker's older count
	if b.Len() != 0 {
		t.Errorf("printed %q at once", b.String())
	}
	if s := p.State(); !strings.HasPrefix(s, "cat.png: 40 of 100, ") || !strings.Contains(s, " left") {
		t.Errorf("state %q", s)
	}
	p.Set(100)
	p.Finish()
	if s := b.String(); !strings.HasPrefix(s, "cat.png: 100 of 100") || strings.Count(s, "\n") != 1 {
		t.Errorf("finished with %q", s)
	}
}

func TestAside(t *testing.T) {
	for _, style := range []Style{Plain, Bar} {
		var b bytes.Buffer
		p := NewProgress(&b, style, "a.png", 100)
		p.Set(10)
		q := p.Aside("a.png: whole runs", 5)
		q.Set(5)
		q.Finish()
		if style == Plain && !strings.HasPrefix(b.String(), "a.png: whole runs: 5 of 5") {
			t.Errorf("printed %q", b.String())
		}
		p.Set(20)
		if s := p.State(); !strings.HasPrefix(s, "a.png: 20 of 100") {
			t.Errorf("state %q", s)
		}
	}
}

func TestQuietIsSilent(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, StyleFor(&b, true), "x", 3)
	p.Set(3)
	p.Finish()
	if b.Len() != 0 {
		t.Errorf("printed %q", b.String())
	}
}
