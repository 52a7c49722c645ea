package serve

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errFull says that so much work waits that more is not taken.
var errFull = errors.New("too much work is waiting: try again later")

// turns shares processors and memory among clients. One piece of work computes at a
// time, with all processors; when its slice is over, the next client's goes on, and
// each client's own pieces take turns in the same way. Work begins when memory for all
// of it is there: of the client first who has least of it under way.
type turns struct {
	slice  time.Duration
	memory int64 // that all work under way may take together; 0 for no bound
	most   int   // pieces of work, of all clients
	own    int   // pieces of work of one client

	mu      sync.Mutex
	taken   int64
	seats   []*seat // in the order of the next turns
	current *seat
	since   time.Time
}

// seat is one piece of work. Its methods may be called by several goroutines.
type seat struct {
	turns    *turns
	client   string
	bytes    int64
	urgent   bool // short work, that comes before the next slice
	admitted bool
	waiting  int         // goroutines in wait
	steps    int         // under way
	lull     *time.Timer // passes the turn on if no step begins; nil before the first
	paused   bool
	woken    chan struct{} // closed when something may have changed
}

// enter takes a piece of work that needs so much memory. It does not wait: wait does.
func (t *turns) enter(client string, bytes int64, urgent bool) (*seat, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	own := 0
	for _, s := range t.seats {
		if s.client == client {
			own++
		}
	}
	if len(t.seats) >= t.most || own >= t.own {
		return nil, errFull
	}
	s := &seat{turns: t, client: client, bytes: bytes, urgent: urgent, woken: make(chan struct{})}
	t.seats = append(t.seats, s)
	return s, nil
}

// wait returns when it is this work's turn, at once if it still is. Work that goes on
// calls it often: it is where the others come in.
func (s *seat) wait(ctx context.Context) error {
	t := s.turns
	t.mu.Lock()
	defer t.mu.Unlock()
	s.waiting++
	defer func() { s.waiting-- }()
	t.turn(s)
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if t.current == s && !s.paused {
			return nil
		}
		woken := s.woken
		t.mu.Unlock()
		select {
		case <-woken:
		case <-ctx.Done():
		}
		t.mu.Lock()
	}
}

// lull is how long work that computes in steps may do nothing and keep its turn.
const lull = 10 * time.Millisecond

// step is wait for work that has nothing to compute now and then, as it waits for
// something else: between steps, of which several may be under way, the turn goes on to
// others after a while. over ends the step.
func (s *seat) step(ctx context.Context) (over func(), err error) {
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	t := s.turns
	t.mu.Lock()
	defer t.mu.Unlock()
	s.steps++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if s.steps--; s.steps > 0 {
			return
		}
		if s.lull == nil {
			s.lull = time.AfterFunc(lull, s.rest)
			return
		}
		s.lull.Reset(lull)
	}, nil
}

// rest passes the turn on if no step is under way.
func (s *seat) rest() {
	t := s.turns
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == s && s.steps == 0 {
		t.current = nil
		t.turn(nil)
	}
}

// turn passes the turn on if nobody has it, or if by, who has it, has had it for long
// enough: work that computes goes on until it asks.
func (t *turns) turn(by *seat) {
	if c := t.current; c != nil && !c.paused && (by != c || time.Since(t.since) < t.slice && !t.hurry(c) || !t.others(c)) {
		return
	}
	t.admit()
	next := t.next()
	t.current, t.since = next, time.Now()
	if next != nil {
		t.last(next)
		next.wake()
	}
}

// ready says whether a piece of work waits for its turn and may have it.
func (s *seat) ready() bool { return s.admitted && s.waiting > 0 && !s.paused }

// others says whether anybody but c could go on.
func (t *turns) others(c *seat) bool {
	t.admit()
	for _, s := range t.seats {
		if s != c && s.ready() {
			return true
		}
	}
	return false
}

// hurry says whether short work waits for c to make room.
func (t *turns) hurry(c *seat) bool {
	for _, s := range t.seats {
		if s != c && s.urgent && !c.urgent && s.waiting > 0 && !s.paused {
			return true
		}
	}
	return false
}

// next is who comes next, nil if nobody is ready: short work, or the first in line.
func (t *turns) next() *seat {
	var first *seat
	for _, s := range t.seats {
		switch {
		case !s.ready():
		case s.urgent:
			return s
		case first == nil:
			first = s
		}
	}
	return first
}

// last puts a piece of work at the end of the line, and all others of its client behind
// everybody else's, so that clients take turns and not pieces of work.
func (t *turns) last(s *seat) {
	var before, own []*seat
	for _, x := range t.seats {
		switch {
		case x == s:
		case x.client == s.client:
			own = append(own, x)
		default:
			before = append(before, x)
		}
	}
	t.seats = append(append(before, own...), s)
}

// admit lets work begin while there is memory for it.
func (t *turns) admit() {
	for {
		counts := map[string]int{}
		for _, s := range t.seats {
			if s.admitted {
				counts[s.client]++
			}
		}
		var best *seat
		for _, s := range t.seats {
			if !s.admitted && s.waiting > 0 && (best == nil || s.urgent && !best.urgent || s.urgent == best.urgent && counts[s.client] < counts[best.client]) {
				best = s
			}
		}
		if best == nil || t.memory > 0 && t.taken > 0 && t.taken+best.bytes > t.memory {
			return
		}
		best.admitted = true
		t.taken += best.bytes
	}
}

// ahead is how many pieces of work of others are under way or waiting.
func (s *seat) ahead() int {
	s.turns.mu.Lock()
	defer s.turns.mu.Unlock()
	n := 0
	for _, x := range s.turns.seats {
		if x.client != s.client && !x.paused {
			n++
		}
	}
	return n
}

// pause holds work, or lets it go on.
func (s *seat) pause(on bool) {
	t := s.turns
	t.mu.Lock()
	defer t.mu.Unlock()
	s.paused = on
	t.turn(nil)
}

// leave ends a piece of work. It may be called again.
func (s *seat) leave() {
	t := s.turns
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, x := range t.seats {
		if x != s {
			continue
		}
		t.seats = append(t.seats[:i:i], t.seats[i+1:]...)
		if s.admitted {
			t.taken -= s.bytes
		}
		break
	}
	if s.lull != nil {
		s.lull.Stop()
	}
	if t.current == s {
		t.current = nil
	}
	t.turn(nil)
}

// wake lets the goroutines in wait look again.
func (s *seat) wake() {
	close(s.woken)
	s.woken = make(chan struct{})
}
