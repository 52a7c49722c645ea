package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
)

func TestRunCounts(t *testing.T) {
	r := NewRun(3, 100)
	if s := r.Status(); s.Positions != 300 || s.PositionsDone != 0 || s.SecondsLeft != -1 {
		t.Errorf("at the start: %+v", s)
	}
	told := 0
	r.Listen(func(Status) { told++ })
	p := r.Begin(io.Discard, Silent, "a.png")
	p.Set(40)
	if told != 0 {
		t.Error("a listener is told more often than twice a second")
	}
	if s := r.Status(); s.Picture != "a.png" || s.PositionsDone != 40 || s.SecondsLeft <= 0 {
		t.Errorf("%+v", s)
	}
	if s := r.State(); !strings.HasPrefix(s, "0 of 3 pictures done, 0 failed; a.png: 40 of 100") {
		t.Errorf("state %q", s)
	}
	r.End(false)
	r.every = 0
	p = r.Begin(io.Discard, Silent, "b.png")
	var wg sync.WaitGroup // several workers
	for w := range 4 {
		wg.Go(func() {
			for i := range 25 {
				p.Set(4*i + w + 1)
			}
		})
	}
	wg.Wait()
	if told == 0 || told > 100 {
		t.Errorf("told %d times", told)
	}
	r.End(true)
	if s := r.Status(); s.Done != 1 || s.Failed != 1 || s.PositionsDone != 200 || s.Picture != "" {
		t.Errorf("%+v", s)
	}
	r.Spoil()
	if s := r.Status(); s.Done != 0 || s.Failed != 2 || s.PositionsDone != 200 {
		t.Errorf("%+v", s)
	}
}

// TestRunCountsWhatIsThere: pictures have fewer or more positions than was known before.
func TestRunCountsWhatIsThere(t *testing.T) {
	r := NewRun(3, 100)
	p := r.Begin(io.Discard, Bar, "a.png")
	p.SetOf(10, 60)
	if s := r.Status(); s.Positions != 260 || s.PositionsDone != 10 {
		t.Errorf("%+v", s)
	}
	if s := p.State(); !strings.HasPrefix(s, "a.png: 10 of 60") {
		t.Errorf("state %q", s)
	}
	p.SetOf(60, 60)
	r.End(false)
	if s := r.Status(); s.Positions != 260 || s.PositionsDone != 60 {
		t.Errorf("%+v", s)
	}
	r.End(true) // could not be read
	r.Begin(io.Discard, Plain, "c.png").SetOf(110, 110)
	r.End(false)
	if s := r.Status(); s.Positions != 270 || s.PositionsDone != 270 || s.SecondsLeft != 0 {
		t.Errorf("at the end: %+v", s)
	}
}

func TestEvents(t *testing.T) {
	var b bytes.Buffer
	e := NewEvents(&b)
	e.Emit("status", Status{Picture: "a\n\"b\xff", Pictures: 2})
	e.Emit("empty", struct{}{})
	lines := strings.SplitAfter(b.String(), "\n")
	if len(lines) != 3 || lines[2] != "" || e.Err() != nil {
		t.Fatalf("%q, %v", b.String(), e.Err())
	}
	for i, want := range []string{"status", "empty"} {
		var m map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &m); err != nil || m["message_type"] != want || m["time"] == nil {
			t.Errorf("%s: %v, %v", lines[i], m, err)
		}
	}
	broken := NewEvents(brokenWriter{})
	broken.Emit("status", Status{})
	broken.Emit("status", Status{})
	if !errors.Is(broken.Err(), io.ErrClosedPipe) {
		t.Error(broken.Err())
	}
	var none *Events
	none.Emit("status", 1)
	if none.Err() != nil {
		t.Error("nobody fails")
	}
}

func TestBlocks(t *testing.T) {
	var b bytes.Buffer
	w := NewBlocks(&b)
	w.Write(Status{Picture: "a\nprogress=end", Positions: 7}, false)
	w.Write(Status{}, true)
	text := b.String()
	if strings.Count(text, "\nprogress=") != 2 || !strings.HasSuffix(text, "progress=end\n") || !strings.Contains(text, "\npositions=7\n") {
		t.Errorf("%s", text)
	}
	broken := NewBlocks(brokenWriter{})
	broken.Write(Status{}, false)
	if broken.Err() == nil {
		t.Error("no error")
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
