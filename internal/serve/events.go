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

// pace is the least time between two parts of work for one listener, who is sent all
// that has come meanwhile: who reads slowly gets fewer and larger parts, and nothing
// waits for him.
const pace = 40 * time.Millisecond

// told is an event.
type told struct {
	name string
	data any
}

// look is what there is to tell a listener now.
type look struct {
	head    *told // what is told once, before all else; nil if it is not known yet
	news    *told
	next    int  // how much has been told then
	over    bool // nothing comes after it
	changed <-chan struct{}
}

// stream sends the events of a piece of work as they come until it is over, or for so
// long, 0 for any time. from is how much the listener has already.
func stream(ctx context.Context, w http.ResponseWriter, p piece, from int, lasting time.Duration) {
	j := p.base()
	j.listen(1)
	defer j.listen(-1)
	if lasting > 0 {
		var end context.CancelFunc
		ctx, end = context.WithTimeout(ctx, lasting)
		defer end()
	}
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // nothing more is read
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	send := func(t *told) bool {
		text, err := json.Marshal(t.data)
		if err != nil {
			return false
		}
		_ = out.SetWriteDeadline(time.Now().Add(j.writing)) // not every writer has deadlines
		if _, err := fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", from, t.name, text); err != nil {
			return false
		}
		return out.Flush() == nil
	}
	if lasting > 0 { // who is to come back does so at once
		if _, err := fmt.Fprintf(w, "retry: 50\n\n"); err != nil {
			return
		}
	}
	for begun := false; ; {
		l := p.look(from)
		if l.head != nil && !begun {
			if begun = true; !send(l.head) {
				return
			}
		}
		from = l.next
		if !send(l.news) || l.over {
			return
		}
		for _, c := range []<-chan time.Time{time.After(j.heartbeat), time.After(pace)} {
			select {
			case <-l.changed:
				l.changed = nil
			case <-c:
			case <-ctx.Done():
				return
			}
		}
	}
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
