package incremental

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"krypton/internal/engine"
)

// team is a set of goroutines that share out one step after the other of whole
// runs. Steps of small networks last some ten microseconds and a sleeping
// thread takes longer than that to wake, in virtual machines much longer, so
// that members wait for the next step by looking, give way to others after a
// while, and go to sleep only after patience. A worker does the same share of the
// parts in every step, so that its cache still has what it made in the step before;
// but where other programs take a worker's core, the others do its parts.
type team struct {
	size   int
	round  atomic.Pointer[round] // the present step's; nil ends the team
	asleep []atomic.Bool         // members that wait for wake
	wake   []chan struct{}
}

// round is one call of run. A member that comes late finds no part left in it.
type round struct {
	f       func(worker, part int)
	taken   []atomic.Bool // parts
	done    atomic.Int32
	failure atomic.Pointer[error]
}

const (
	// looks is how often a member looks before it gives way: some ten microseconds.
	looks = 1 << 14
	// patience is how long it looks before it goes to sleep.
	patience = 2 * time.Millisecond
)

// newTeam starts size-1 goroutines; the caller is worker 0. stop must be called.
func newTeam(size int) *team {
	t := &team{size: max(1, size)}
	none := &round{}
	t.round.Store(none)
	t.asleep, t.wake = make([]atomic.Bool, t.size-1), make([]chan struct{}, t.size-1)
	for i := range t.wake {
		t.wake[i] = make(chan struct{}, 1)
	}
	for i := range t.wake {
		go t.member(i, none)
	}
	return t
}

// member works for one round after the other. The first one that it looks at is the one
// after the last, even if it begins late.
func (t *team) member(i int, last *round) {
	for {
		r := t.await(i, last)
		if r == nil {
			return
		}
		r.work(i+1, t.size)
		last = r
	}
}

// await gives the round after the last one that member i has seen.
func (t *team) await(i int, last *round) *round {
	var since time.Time
	for n := 0; ; n++ {
		if r := t.round.Load(); r != last {
			return r
		}
		if n < looks {
			continue
		}
		if yield(); since.IsZero() {
			since = time.Now()
		} else if time.Since(since) > patience {
			break
		}
	}
	for {
		t.asleep[i].Store(true)
		r := t.round.Load()
		if r == last {
			<-t.wake[i]
			continue
		}
		if !t.asleep[i].CompareAndSwap(true, false) {
			<-t.wake[i] // somebody is about to wake it
		}
		return r
	}
}

// work does what parts of a round nobody has taken, beginning with the worker's own.
func (r *round) work(worker, size int) {
	n := len(r.taken)
	for i := range n {
		part := (n*worker/size + i) % n
		if !r.taken[part].Load() && !r.taken[part].Swap(true) {
			r.call(worker, part)
			r.done.Add(1)
		}
	}
}

// call runs one part; a panic becomes the round's failure.
func (r *round) call(worker, part int) {
	defer func() {
		if p := recover(); p != nil {
			err := panicked(p)
			r.failure.CompareAndSwap(nil, &err)
		}
	}()
	r.f(worker, part)
}

// panicked makes an error of a panic in a goroutine, which would end the
// process otherwise.
func panicked(r any) error { return fmt.Errorf("internal error: %v\n%s", r, debug.Stack()) }

// run calls f for the parts from 0 to parts-1, several at the same time, and waits for
// all. Calls with the same worker, a number below the team's size, come one after the
// other.
func (t *team) run(parts int, f func(worker, part int)) error {
	r := &round{f: f, taken: make([]atomic.Bool, parts)}
	if parts > 1 && t.size > 1 {
		t.round.Store(r)
		for i := range t.asleep {
			if t.asleep[i].CompareAndSwap(true, false) {
				t.wake[i] <- struct{}{}
			}
		}
	}
	r.work(0, t.size)
	for n := 0; int(r.done.Load()) < parts; n++ { // parts that others are at
		if n > looks {
			yield()
		}
	}
	r.f = nil // nobody calls it any more: a team that waits must not keep what it reaches
	if err := r.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// stop ends the team's goroutines.
func (t *team) stop() {
	t.round.Store(nil)
	for i := range t.asleep {
		if t.asleep[i].CompareAndSwap(true, false) {
			t.wake[i] <- struct{}{}
		}
	}
}

// crew is a team with what its workers need.
type crew struct {
	*team
	scratch []*engine.Scratch
	fusers  []fuser
}

// newCrew makes so many workers.
func newCrew(p *Plan, workers int) *crew {
	c := &crew{team: newTeam(workers)}
	for range c.size {
		c.scratch = append(c.scratch, engine.NewScratch(p.kernels))
	}
	c.fusers = make([]fuser, c.size)
	return c
}
