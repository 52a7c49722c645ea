package serve

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"
)

// state is how far a map is.
type state string

// The states of a map.
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
	// unheard and held are times after which nobody is taken to want a map: one that
	// goes on with nobody listening, and one that is paused.
	unheard, held time.Duration
	// heartbeat is how often a listener to whom nothing is sent is looked after, and
	// writing the longest time that a write may take.
	heartbeat, writing time.Duration
}

var usual = patience{unheard: 15 * time.Second, held: 15 * time.Minute, heartbeat: 10 * time.Second, writing: 20 * time.Second}

// errUnheard, errHeld and errCancelled are why a map is cancelled.
var (
	errUnheard   = errors.New("nobody listened")
	errHeld      = errors.New("paused for too long")
	errCancelled = errors.New("cancelled")
)

// job is a map under way, or one that is there.
type job struct {
	patience
	id      string
	ask     *ask
	picture *picture
	seat    *seat
	stop    context.CancelCauseFunc

	mu      sync.Mutex
	changed chan struct{} // closed at each change
	state   state
	clean   *clean
	// order lists the positions that are there, as they came; scores has so many
	// numbers for each of them as classes are mapped, winners one.
	order   []int32
	scores  []float32
	winners []int32
	count   int // that are done, also without a score of their own
	answer  *answer
	err     error
	begun   time.Time // of the first turn
	holding time.Duration
	pausing time.Time // zero if it is not paused
	listens int
	idle    *time.Timer // cancels what nobody wants
}

// newJob makes a map that waits.
func newJob(a *ask, p *picture, s *seat, t patience, stop context.CancelCauseFunc) *job {
	j := &job{patience: t, id: rand.Text(), ask: a, picture: p, seat: s, stop: stop, state: waiting, changed: make(chan struct{})}
	j.idle = time.AfterFunc(t.unheard, j.unwanted)
	return j
}

// run computes the map. It is called once.
func (j *job) run(ctx context.Context) {
	defer j.seat.leave()
	a, err := j.compute(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	j.change(func() {
		j.idle.Stop()
		j.hold(false)
		switch j.answer, j.err = a, err; {
		case err == nil:
			j.state = done
			j.order, j.scores, j.winners = nil, nil, nil // the answer has them
		case ctx.Err() != nil:
			j.state = cancelled
		default:
			j.state = failed
		}
	})
	j.stop(errCancelled)
}

func (j *job) compute(ctx context.Context) (*answer, error) {
	if err := j.seat.wait(ctx); err != nil {
		return nil, err
	}
	j.change(func() {
		j.begun = time.Now()
		if j.state == waiting {
			j.state = running
		}
	})
	in, err := j.ask.read(ctx, j.picture)
	if err != nil {
		return nil, err
	}
	return j.ask.compute(ctx, j.picture, in, events{
		clean:    func(c *clean) { j.change(func() { j.clean = c }) },
		answered: j.answered,
		progress: func(done int) {
			j.change(func() { j.count = max(j.count, done) })
			_ = j.seat.wait(ctx) // the work itself looks whether it is to end
		},
	})
}

// answered takes the scores of a position.
func (j *job) answered(i int, scores []float32, winner int32) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.order = append(j.order, int32(i))
	j.scores = append(j.scores, scores...)
	j.winners = append(j.winners, winner)
}

// change makes a change and tells who listens.
func (j *job) change(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f()
	close(j.changed)
	j.changed = make(chan struct{})
}

// pause holds the map after the positions that are being computed, or lets it go on.
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

// hold keeps the time of pauses, after too long a one of which the map is cancelled.
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

// watch sets the time after which nobody is taken to want the map.
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

// unwanted cancels the map that nobody wants.
func (j *job) unwanted() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.listens == 0 {
		j.stop(errUnheard)
	} else if !j.pausing.IsZero() {
		j.stop(errHeld)
	}
}

// elapsed is how long the map has been computed, with the turns of others.
func (j *job) elapsed() time.Duration {
	if j.begun.IsZero() {
		return 0
	}
	t := time.Since(j.begun) - j.holding
	if !j.pausing.IsZero() {
		t -= time.Since(j.pausing)
	}
	return t
}

// over says whether the map is not computed any more.
func (j *job) over() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state.over()
}

// stub is what a map takes of which nothing came.
const stub = 4 << 10

// kept is how many bytes a map that is over holds.
func (j *job) kept() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case !j.state.over():
		return 0
	case j.answer == nil:
		return stub
	}
	return stub + j.answer.bytes()
}
