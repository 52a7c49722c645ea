package serve

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"time"
)

// pace is the least time between two parts of a map for one listener, who is sent all
// that has come meanwhile: who reads slowly gets fewer and larger parts, and nothing
// waits for him.
const pace = 40 * time.Millisecond

// part is a piece of a growing map.
type part struct {
	State state   `json:"state"`
	Done  int     `json:"done"`
	Total int     `json:"total"`
	Ahead int     `json:"ahead"`        // pieces of others' work that take turns with it
	Spent float64 `json:"seconds"`      // so far, without pauses
	Left  float64 `json:"seconds_left"` // about
	First int     `json:"first"`        // so many positions were sent before
	At    string  `json:"positions"`    // int32, little-endian, base64
	Score string  `json:"scores"`       // float32 the same way: for each position one for each class
	Wins  string  `json:"winners"`      // int32: the best class at each position
	Error string  `json:"error,omitempty"`
	next  int     // what comes after it
}

// stream sends a map's events as they come until it is over: "clean" once, "part" again
// and again, then "done", "failed" or "cancelled". from is how many positions the
// listener has already.
func (j *job) stream(ctx context.Context, w http.ResponseWriter, from int) {
	j.listen(1)
	defer j.listen(-1)
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // nothing more is read
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	send := func(name string, v any) bool {
		text, err := json.Marshal(v)
		if err != nil {
			return false
		}
		_ = out.SetWriteDeadline(time.Now().Add(j.writing)) // not every writer has deadlines
		if _, err := fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", from, name, text); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	told := false
	for {
		p, c, changed := j.part(from)
		if c != nil && !told {
			if told = true; !send("clean", c) {
				return
			}
		}
		if p.State.over() {
			if p.State == done {
				send("done", j.answer.answer.Record().Summary())
			} else {
				send(string(p.State), p)
			}
			return
		}
		from = p.next
		if !send("part", p) {
			return
		}
		select {
		case <-changed:
		case <-time.After(j.heartbeat):
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(pace):
		case <-ctx.Done():
			return
		}
	}
}

// part is what has come since the first positions, and what tells of the next change.
func (j *job) part(from int) (part, *clean, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	from = min(max(0, from), len(j.order))
	p := part{State: j.state, Done: j.count, Total: j.ask.positions, First: from, next: len(j.order), Spent: j.elapsed().Seconds()}
	if j.state == waiting || j.state == running {
		p.Ahead = j.seat.ahead()
	}
	if p.Left = j.ask.seconds(); j.count > 0 {
		p.Left = p.Spent * float64(p.Total-j.count) / float64(j.count)
	}
	if j.err != nil {
		p.Error = j.err.Error()
	}
	if n := len(j.order); n > from {
		k := len(j.scores) / n
		p.At, p.Wins = ints(j.order[from:]), ints(j.winners[from:])
		p.Score = floats(j.scores[from*k:])
	}
	return p, j.clean, j.changed
}

// ints and floats write numbers as little-endian bytes in base64.
func ints(v []int32) string {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, uint32(x))
	}
	return base64.StdEncoding.EncodeToString(b)
}

func floats(v []float32) string {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(b)
}
