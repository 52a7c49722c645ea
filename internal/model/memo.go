package model

import (
	"container/list"
	"context"
	"errors"
	"sync"
)

// memo makes values once for each key. Those who ask for one that is being made wait for
// it; errors are not kept. Values that take memory (sized) are let go of beyond a budget,
// those first that were asked for longest ago. Its zero value is empty and lets nothing
// go.
type memo[K comparable, V any] struct {
	mu      sync.Mutex
	entries map[K]*entry[K, V]
	recent  list.List // of *entry that are made, the most recent first
	bounded bool
	budget  int64 // bytes
}

// sized is what takes memory. shed lets go of what can be made again; gone says that
// then nothing is left.
type sized interface {
	bytes() int64
	shed() (gone bool)
}

type entry[K comparable, V any] struct {
	key   K
	made  chan struct{} // closed when value and err are there
	value V
	err   error
	// given says that the one who made it gave up: others may do better.
	given bool
	at    *list.Element // nil while it is being made
}

// errStopped is what others get who waited for one that ended in a panic.
var errStopped = errors.New("internal error: what was to be made was given up")

// get gives the value of a key. To make it takes about room bytes beside what the value
// of the key uses takes, which is not let go of before.
func (m *memo[K, V]) get(ctx context.Context, key, uses K, room int64, make func() (V, error)) (V, error) {
	for {
		e, mine := m.claim(key)
		if mine {
			return m.fill(ctx, e, uses, room, make)
		}
		select {
		case <-e.made:
		case <-ctx.Done():
			var none V
			return none, context.Cause(ctx)
		}
		if !e.given || ctx.Err() != nil {
			return e.value, e.err
		}
	}
}

// claim finds the entry of a key; mine says that it is new and the caller's to fill.
func (m *memo[K, V]) claim(key K) (e *entry[K, V], mine bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e = m.entries[key]; e != nil {
		if e.at != nil {
			m.recent.MoveToFront(e.at)
		}
		return e, false
	}
	if m.entries == nil {
		m.entries = map[K]*entry[K, V]{}
	}
	e = &entry[K, V]{key: key, made: make(chan struct{}), err: errStopped, given: true}
	m.entries[key] = e
	return e, true
}

// fill makes the value of an entry.
func (m *memo[K, V]) fill(ctx context.Context, e *entry[K, V], uses K, room int64, make func() (V, error)) (V, error) {
	m.mu.Lock()
	m.evict(room, m.entries[uses])
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		if e.err != nil {
			delete(m.entries, e.key)
		} else {
			e.at = m.recent.PushFront(e)
			m.evict(0, e)
		}
		m.mu.Unlock()
		close(e.made)
	}()
	value, err := make()
	e.value, e.err, e.given = value, err, err != nil && ctx.Err() != nil
	return value, err
}

// evict lets go of values until those that are left and room more are within the budget,
// but not of one. The lock is held.
func (m *memo[K, V]) evict(room int64, but *entry[K, V]) {
	if !m.bounded {
		return
	}
	total := room
	for at := m.recent.Front(); at != nil; at = at.Next() {
		total += m.sized(at).bytes()
	}
	for at := m.recent.Back(); at != nil && total > m.budget; {
		e, before := at.Value.(*entry[K, V]), at.Prev()
		if n := m.sized(at).bytes(); e != but && n > 0 {
			total -= n
			if m.sized(at).shed() {
				m.remove(e)
			}
		}
		at = before
	}
}

func (m *memo[K, V]) sized(at *list.Element) sized {
	return any(at.Value.(*entry[K, V]).value).(sized)
}

// remove forgets an entry that is made. The lock is held.
func (m *memo[K, V]) remove(e *entry[K, V]) {
	delete(m.entries, e.key)
	m.recent.Remove(e.at)
}
