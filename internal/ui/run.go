package ui

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Status is how far a run over several pictures is.
type Status struct {
	Seconds  float64 `json:"seconds"` // since the start
	Picture  string  `json:"picture"` // the one being worked on
	Pictures int     `json:"pictures"`
	Done     int     `json:"pictures_done"` // without the failed ones
	Failed   int     `json:"pictures_failed"`
	// Positions are those of all pictures; what a failed one had counts as
	// done, since nothing is left to do.
	Positions     int `json:"positions"`
	PositionsDone int `json:"positions_done"`
	// SecondsLeft is estimated from what is done; below zero if nothing is.
	SecondsLeft float64 `json:"seconds_left"`
}

// Run counts the pictures of a run and tells its listeners, at most twice a
// second. Its methods may be called from several goroutines.
type Run struct {
	mu        sync.Mutex
	start     time.Time
	pictures  int
	each      int // positions of one picture, as far as is known before it is worked on
	past      int // positions of the pictures that are finished
	done      int
	failed    int
	current   *Progress
	listeners []func(Status)
	last      time.Time
	every     time.Duration
}

// NewRun starts to count pictures of so many positions each.
func NewRun(pictures, positions int) *Run {
	now := time.Now()
	return &Run{start: now, last: now, pictures: pictures, each: positions, every: 500 * time.Millisecond}
}

// Listen adds a listener. It must not call the run.
func (r *Run) Listen(f func(Status)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listeners = append(r.listeners, f)
}

// Begin starts the next picture's counter.
func (r *Run) Begin(w io.Writer, style Style, label string) *Progress {
	p := NewProgress(w, style, label, r.each)
	p.changed = r.tick
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current = p
	return p
}

// End says that the current picture is finished.
func (r *Run) End(failed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	positions := r.each
	if r.current != nil {
		_, positions, _ = r.current.state()
	}
	r.past += positions
	r.current = nil
	if failed {
		r.failed++
	} else {
		r.done++
	}
}

// Spoil says that a picture that ended well has failed after all.
func (r *Run) Spoil() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done--
	r.failed++
}

// Status is the state now.
func (r *Run) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status()
}

func (r *Run) status() Status {
	s := Status{Seconds: time.Since(r.start).Seconds(), Pictures: r.pictures, Done: r.done, Failed: r.failed,
		Positions: r.past + (r.pictures-r.done-r.failed)*r.each, PositionsDone: r.past, SecondsLeft: -1}
	if r.current != nil {
		done, total, label := r.current.state()
		s.Picture = label
		s.PositionsDone += done
		s.Positions += total - r.each
	}
	if s.PositionsDone > 0 {
		s.SecondsLeft = s.Seconds / float64(s.PositionsDone) * float64(s.Positions-s.PositionsDone)
	}
	return s
}

// State is the state in a line, for a signal handler.
func (r *Run) State() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := fmt.Sprintf("%d of %d pictures done, %d failed", r.done, r.pictures, r.failed)
	if r.current != nil {
		s += "; " + r.current.State()
	}
	return s
}

// tick tells the listeners if it is time.
func (r *Run) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.listeners) == 0 || time.Since(r.last) < r.every {
		return
	}
	r.last = time.Now()
	s := r.status()
	for _, f := range r.listeners {
		f(s)
	}
}
