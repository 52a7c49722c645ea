package serve

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"
)

// state is how far a piece of work is.
type state string

// The states of work.
const (
	waiting   state = "waiting" // for its first turn
	running   state = "running"
	paused    state = "paused"
	done      state = "done"
	failed    state = "failed"
	cancelled state = "cancelled"
)

func (s state) over() bool { return s == done || s == failed || s == cancelled }

// patience says how long things are waited for.
type patience struct {
	// unheard and held are times after which nobody is taken to want a piece of work: one
	// that goes on with nobody listening, and one that is paused.
	unheard, held time.Duration
	// heartbeat is how often a listener to whom nothing is sent is looked after, and
	// writing the longest time that a write may take.
	heartbeat, writing time.Duration
	// looking is how long the decoder of a video whose frames are looked at is kept for
	// the next one.
	looking time.Duration
}

var usual = patience{unheard: 15 * time.Second, held: 15 * time.Minute, heartbeat: 10 * time.Second, writing: 20 * time.Second, looking: 10 * time.Second}

// errUnheard, errHeld and errCancelled are why work is cancelled.
var (
	errUnheard   = errors.New("nobody listened")
	errHeld      = errors.New("paused for too long")
	errCancelled = errors.New("cancelled")
)

// piece is work that a client has asked for, under way or over: a map, or a recognition.
type piece interface {
	base() *job
	// compute does the work; its seat's turns are its own to wait for.
	compute(ctx context.Context) error
	// ended lets go of what only work under way needs. base's lock is held.
	ended()
	// kept is how many bytes it holds once it is over.
	kept() int64
	// look gives what a listener is to be sent who has been sent so much.
	look(from int) look
	// forgotten frees what it holds outside of memory. It may be called before the end.
	forgotten()
}

// job is what all work has in common: whose turn it is, how far it is, who wants it.
type job struct {
	patience
	id   string
	seat *seat
	stop context.CancelCauseFunc

	mu      sync.Mutex
	changed chan struct{} // closed at each change
	state   state
	err     error
	begun   time.Time     // of the first turn
	spent   time.Duration // of work that is over
	holding time.Duration
	pausing time.Time // zero if it is not paused
	listens int
	idle    *time.Timer // cancels what nobody wants
}

// newJob makes work that waits.
func newJob(s *seat, t patience, stop context.CancelCauseFunc) *job {
	j := &job{patience: t, id: rand.Text(), seat: s, stop: stop, state: waiting, changed: make(chan struct{})}
	j.idle = time.AfterFunc(t.unheard, j.unwanted)
	return j
}

func (j *job) base() *job { return j }

// run does a piece of work. It is called once.
func run(ctx context.Context, p piece) {
	j := p.base()
	defer j.seat.leave()
	err := p.compute(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	j.change(func() {
		j.idle.Stop()
		j.hold(false)
		j.spent = j.elapsed()
		switch j.err = err; {
		case err == nil:
			j.state = done
		case ctx.Err() != nil:
			j.state = cancelled
		default:
			j.state = failed
		}
		p.ended()
	})
	j.stop(errCancelled)
}

// begin waits for the first turn.
func (j *job) begin(ctx context.Context) error {
	if err := j.seat.wait(ctx); err != nil {
		return err
	}
	j.change(func() {
		j.begun = time.Now()
		if j.state == waiting {
			j.state = running
		}
	})
	return nil
}

// change makes a change and tells who listens.
func (j *job) change(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f()
	close(j.changed)
	j.changed = make(chan struct{})
}

// pause holds the work after what is being computed, or lets it go on.
func (j *job) pause(on bool) {
	j.change(func() {
		switch {
		case j.state.over():
			return
		case on:
			j.state = paused
		case j.begun.IsZero():
			j.state = waiting
		default:
			j.state = running
		}
		j.hold(on)
	})
	j.seat.pause(on)
}

// hold keeps the time of pauses, after too long a one of which the work is cancelled.
func (j *job) hold(on bool) {
	switch {
	case on && j.pausing.IsZero():
		j.pausing = time.Now()
	case !on && !j.pausing.IsZero():
		j.holding += time.Since(j.pausing)
		j.pausing = time.Time{}
	}
	j.watch()
}

// listen counts who listens, and the other way round.
func (j *job) listen(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.listens += n
	j.watch()
}

// watch sets the time after which nobody is taken to want the work.
func (j *job) watch() {
	switch {
	case j.state.over():
		j.idle.Stop()
	case j.listens == 0:
		j.idle.Reset(j.unheard)
	case !j.pausing.IsZero():
		j.idle.Reset(j.held)
	default:
		j.idle.Stop()
	}
}

// unwanted cancels work that nobody wants.
func (j *job) unwanted() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.listens == 0 {
		j.stop(errUnheard)
	} else if !j.pausing.IsZero() {
		j.stop(errHeld)
	}
}

// elapsed is how long the work has taken, with the turns of others.
func (j *job) elapsed() time.Duration {
	switch {
	case j.begun.IsZero():
		return 0
	case j.state.over():
		return j.spent
	}
	t := time.Since(j.begun) - j.holding
	if !j.pausing.IsZero() {
		t -= time.Since(j.pausing)
	}
	return t
}

// far is how far work is, as listeners are told.
type far struct {
	State state   `json:"state"`
	Done  int     `json:"done"`
	Total int     `json:"total"`
	Ahead int     `json:"ahead"`        // pieces of others' work that take turns with it
	Spent float64 `json:"seconds"`      // so far, without pauses
	Left  float64 `json:"seconds_left"` // about
	First int     `json:"first"`        // so much was sent before
	Error string  `json:"error,omitempty"`
}

// far tells how far the work is, whose total is below 0 if that is not known; alone is
// how long it would take by itself, as far as is known before it begins.
func (j *job) far(done, total int, alone float64) far {
	f := far{State: j.state, Done: done, Total: total, Spent: j.elapsed().Seconds(), Left: alone}
	if j.state == waiting || j.state == running {
		f.Ahead = j.seat.ahead()
	}
	if done > 0 && total >= 0 {
		f.Left = f.Spent * float64(max(0, total-done)) / float64(done)
	}
	if j.err != nil {
		f.Error = j.err.Error()
	}
	return f
}

// over says whether nothing is computed any more.
func (j *job) over() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state.over()
}
