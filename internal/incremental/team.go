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
// but where other programs take a worker's core, the others do its parts, after a while:
// a line of memory that two cores write takes a good tenth of a microsecond to come over,
// so that members touch one another's only if they wait anyway.
type team struct {
	size    int
	failure atomic.Pointer[error]
	parts   []flag        // the number of the last round that each part was taken in
	done    []flag        // how many parts each worker has done
	total   uint64        // parts of all rounds
	asleep  []atomic.Bool // members that wait for wake
	wake    []chan struct{}
	_       line
	// round is the present step's: its number from bit partBits on, and how many parts it
	// has; over ends the team.
	round atomic.Uint64
	// f computes a part. It is written before round and while nobody has a part.
	f func(worker, part int)
	_ line
}

// line keeps apart what different cores write.
type line [64]byte

// flag is a number that one core writes and others read.
type flag struct {
	atomic.Uint64
	_ line
}

const (
	partBits = 16
	// partsEach is how many parts a round has at most for each worker.
	partsEach = 4
	over      = ^uint64(0)
	// polite is how often a worker looks whether the others are done before it does their
	// parts: a microsecond or two.
	polite = 1 << 11
	// looks is how often a member looks before it gives way: some ten microseconds.
	looks = 1 << 14
	// patience is how long it looks before it goes to sleep.
	patience = 2 * time.Millisecond
)

// newTeam starts size-1 goroutines; the caller is worker 0. stop must be called.
func newTeam(size int) *team {
	t := &team{size: max(1, size)}
	t.parts, t.done = make([]flag, partsEach*t.size), make([]flag, t.size)
	t.asleep, t.wake = make([]atomic.Bool, t.size-1), make([]chan struct{}, t.size-1)
	for i := range t.wake {
		t.wake[i] = make(chan struct{}, 1)
	}
	for i := range t.wake {
		go t.member(i)
	}
	return t
}

// member works for one round after the other. The first one that it looks at is the one
// after the last, even if it begins late.
func (t *team) member(i int) {
	for last := uint64(0); ; {
		if last = t.await(i, last); last == over {
			return
		}
		t.work(i+1, last)
	}
}

// await gives the round after the last one that member i has seen, and does parts of that
// one meanwhile that nobody has begun.
func (t *team) await(i int, last uint64) uint64 {
	var since time.Time
	for n := 1; ; n++ {
		if r := t.round.Load(); r != last {
			return r
		}
		if n == polite {
			t.steal(i+1, last)
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

// work does a worker's own parts of a round.
func (t *team) work(worker int, round uint64) {
	n := int(round & (1<<partBits - 1))
	t.take(worker, round, n*worker/t.size, n*(worker+1)/t.size)
}

// steal does parts of a round that nobody has begun.
func (t *team) steal(worker int, round uint64) {
	t.take(worker, round, 0, int(round&(1<<partBits-1)))
}

// take does parts [lo, hi) of a round if nobody has begun them. Of a round that is over all
// have been, so that one who comes late finds none.
func (t *team) take(worker int, round uint64, lo, hi int) {
	number := round >> partBits
	for part := lo; part < hi; part++ {
		p := &t.parts[part]
		if before := p.Load(); before < number && p.CompareAndSwap(before, number) {
			t.call(worker, part)
			t.done[worker].Add(1)
		}
	}
}

// call runs one part; a panic becomes the round's failure.
func (t *team) call(worker, part int) {
	defer func() {
		if p := recover(); p != nil {
			err := panicked(p)
			t.failure.CompareAndSwap(nil, &err)
		}
	}()
	t.f(worker, part)
}

// panicked makes an error of a panic in a goroutine, which would end the
// process otherwise.
func panicked(r any) error { return fmt.Errorf("internal error: %v\n%s", r, debug.Stack()) }

// run calls f for the parts from 0 to parts-1, several at the same time, and waits for
// all. Calls with the same worker, a number below the team's size, come one after the
// other.
func (t *team) run(parts int, f func(worker, part int)) error {
	if most := len(t.parts); parts > most {
		return t.run(most, func(w, g int) {
			for part := parts * g / most; part < parts*(g+1)/most; part++ {
				f(w, part)
			}
		})
	}
	t.f = f
	if parts == 1 || t.size == 1 {
		for part := range parts {
			t.call(0, part)
		}
	} else {
		t.share(parts)
	}
	t.f = nil // a team that waits must not keep what it reaches
	if err := t.failure.Load(); err != nil {
		t.failure.Store(nil)
		return *err
	}
	return nil
}

// share has all members do the parts of a round, and waits for them.
func (t *team) share(parts int) {
	round := (t.round.Load()>>partBits+1)<<partBits | uint64(parts)
	t.total += uint64(parts)
	t.round.Store(round)
	for i := range t.asleep {
		if t.asleep[i].CompareAndSwap(true, false) {
			t.wake[i] <- struct{}{}
		}
	}
	t.work(0, round)
	for n := 1; ; n++ { // parts that others are at
		done := uint64(0)
		for i := range t.done {
			done += t.done[i].Load()
		}
		if done == t.total {
			return
		}
		if n == polite {
			t.steal(0, round)
		}
		if n > looks {
			yield()
		}
	}
}

// stop ends the team's goroutines.
func (t *team) stop() {
	t.round.Store(over)
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
