package ui

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Events writes events for programs: one JSON object a line, each by one call
// of Write, so that nothing is held back. A nil *Events writes nothing.
type Events struct {
	mu  sync.Mutex
	w   io.Writer
	err error
}

// NewEvents writes to w.
func NewEvents(w io.Writer) *Events { return &Events{w: w} }

// Emit writes an event: message_type and time, then the fields of v, which must
// become a JSON object. After an error nothing more is written.
func (e *Events) Emit(kind string, v any) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err != nil {
		return
	}
	body, err := json.Marshal(v)
	if err != nil {
		e.err = err
		return
	}
	line := fmt.Appendf(nil, `{"message_type":%q,"time":%q`, kind, time.Now().UTC().Format(time.RFC3339Nano))
	if len(body) > 2 {
		line = append(line, ',')
	}
	line = append(line, body[1:]...)
	_, e.err = e.w.Write(append(line, '\n'))
}

// Err is the first error of writing.
func (e *Events) Err() error {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// Blocks writes states as ffmpeg does for -progress: lines of key=value, ended
// by progress=continue, or progress=end for the last one. A nil *Blocks writes
// nothing.
type Blocks struct {
	mu  sync.Mutex
	w   io.Writer
	err error
}

// NewBlocks writes to w.
func NewBlocks(w io.Writer) *Blocks { return &Blocks{w: w} }

// Write writes one block by one call of Write. After an error nothing more is
// written.
func (b *Blocks) Write(s Status, end bool) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return
	}
	progress := "continue"
	if end {
		progress = "end"
	}
	name := strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return '\uFFFD' // a value is one line
		}
		return r
	}, s.Picture)
	_, b.err = fmt.Fprintf(b.w, "picture=%s\npictures=%d\npictures_done=%d\npictures_failed=%d\npositions=%d\npositions_done=%d\nseconds=%.3f\nseconds_left=%.3f\nprogress=%s\n",
		name, s.Pictures, s.Done, s.Failed, s.Positions, s.PositionsDone, s.Seconds, s.SecondsLeft, progress)
}

// Err is the first error of writing.
func (b *Blocks) Err() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}
