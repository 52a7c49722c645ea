package incremental

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// team is a set of goroutines that share out one step after the other of a
// whole run. Steps of small networks last some ten microseconds, less than it
// takes to wake a sleeping thread, so that members wait for the next step by
// looking, and give way to others only after a while.
type team struct {
	size    int
	f       func(part int)
	parts   int
	turn    atomic.Int64 // counts calls of run; negative ends the team
	pending atomic.Int32 // members that have not finished their part
	failure atomic.Pointer[error]
}

// looks is how often a member looks before it gives way: some ten microseconds.
const looks = 1 << 14

// newTeam starts size-1 goroutines; the caller is the last member. stop must
// be called.
func newTeam(size int) *team {
	t := &team{size: max(1, size)}
	for i := range t.size - 1 {
		go t.member(i)
	}
	return t
}

func (t *team) member(i int) {
	last := int64(0)
	for {
		for n := 0; t.turn.Load() == last; n++ {
			if n > looks {
				yield()
			}
		}
		if last = t.turn.Load(); last < 0 {
			return
		}
		if i < t.parts-1 {
			t.call(i)
		}
		t.pending.Add(-1)
	}
}

// call runs one part; a panic becomes the team's failure.
func (t *team) call(part int) {
	defer func() {
		if r := recover(); r != nil {
			err := panicked(r)
			t.failure.CompareAndSwap(nil, &err)
		}
	}()
	t.f(part)
}

// panicked makes an error of a panic in a goroutine, which would end the
// process otherwise.
func panicked(r any) error { return fmt.Errorf("internal error: %v\n%s", r, debug.Stack()) }

// run calls f for 0 to parts-1 at the same time and waits for all; parts is at
// most size.
func (t *team) run(parts int, f func(part int)) error {
	if parts > 1 {
		t.f, t.parts = f, parts
		t.pending.Store(int32(t.size - 1))
		t.turn.Add(1)
	} else {
		t.f = f
	}
	t.call(parts - 1)
	for n := 0; t.pending.Load() > 0; n++ {
		if n > looks {
			yield()
		}
	}
	if err := t.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// stop ends the team's goroutines.
func (t *team) stop() { t.turn.Store(-1) }
