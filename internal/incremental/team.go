package incremental

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// team is a set of goroutines that share out one step after the other of a
// whole run. Steps of small networks last some ten microseconds, less than it
// takes to wake a sleeping thread, so that members wait for the next step by
// looking, and go to sleep after a while. Parts belong to nobody beforehand:
// where other programs take a member's core, the others do its parts.
type team struct {
	size   int
	round  atomic.Pointer[round] // the present step's; nil ends the team
	asleep []atomic.Bool         // members that wait for wake
	wake   []chan struct{}
	// waits says that the caller sleeps until the last part is done, which
	// finished tells.
	waits    atomic.Bool
	finished chan struct{}
	failure  atomic.Pointer[error]
}

// round is one call of run. A member that comes late finds no part left in it.
type round struct {
	f          func(worker, part int)
	parts      int32
	next, done atomic.Int32
}

// looks is how often a member looks before it goes to sleep: some ten microseconds.
const looks = 1 << 14

// newTeam starts size-1 goroutines; the caller is worker 0. stop must be called.
func newTeam(size int) *team {
	t := &team{size: max(1, size), finished: make(chan struct{}, 1)}
	t.round.Store(&round{})
	t.asleep = make([]atomic.Bool, t.size-1)
	for i := range t.size - 1 {
		t.wake = append(t.wake, make(chan struct{}, 1))
		go t.member(i)
	}
	return t
}

func (t *team) member(i int) {
	last := t.round.Load()
	for {
		r := t.await(i, last)
		if r == nil {
			return
		}
		t.work(r, i+1)
		last = r
	}
}

// await gives the round after the last one that member i has seen.
func (t *team) await(i int, last *round) *round {
	for range looks {
		if r := t.round.Load(); r != last {
			return r
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

// work does parts of a round as long as there are any.
func (t *team) work(r *round, worker int) {
	for {
		part := r.next.Add(1) - 1
		if part >= r.parts {
			return
		}
		t.call(r.f, worker, int(part))
		if r.done.Add(1) == r.parts && t.waits.CompareAndSwap(true, false) {
			t.finished <- struct{}{}
		}
	}
}

// call runs one part; a panic becomes the team's failure.
func (t *team) call(f func(worker, part int), worker, part int) {
	defer func() {
		if r := recover(); r != nil {
			err := panicked(r)
			t.failure.CompareAndSwap(nil, &err)
		}
	}()
	f(worker, part)
}

// panicked makes an error of a panic in a goroutine, which would end the
// process otherwise.
func panicked(r any) error { return fmt.Errorf("internal error: %v\n%s", r, debug.Stack()) }

// run calls f for the parts from 0 to parts-1, several at the same time, and waits for
// all. Calls with the same worker, a number below the team's size, come one after the
// other.
func (t *team) run(parts int, f func(worker, part int)) error {
	r := &round{f: f, parts: int32(parts)}
	if parts > 1 && t.size > 1 {
		t.round.Store(r)
		for i := range t.asleep {
			if t.asleep[i].CompareAndSwap(true, false) {
				t.wake[i] <- struct{}{}
			}
		}
	}
	t.work(r, 0)
	t.finish(r)
	if err := t.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// finish waits for the parts that others are at.
func (t *team) finish(r *round) {
	for range looks {
		if r.done.Load() == r.parts {
			return
		}
	}
	t.waits.Store(true)
	if r.done.Load() == r.parts && t.waits.CompareAndSwap(true, false) {
		return
	}
	<-t.finished
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
