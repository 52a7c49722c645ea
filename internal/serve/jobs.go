package serve

import (
	"container/list"
	"context"
	"sync"

	"krypton/internal/failure"
)

// jobs are the pieces of work under way, and as many of those that are over as there is
// room for what they keep: the latest used.
type jobs struct {
	room int64

	mu    sync.Mutex
	taken int64
	byID  map[string]*list.Element // of *entry
	used  *list.List               // the latest first
	under sync.WaitGroup
}

// entry is a piece of work and what is counted of it.
type entry struct {
	piece
	bytes int64 // 0 until it is over
}

func newJobs(room int64) *jobs {
	return &jobs{room: room, byID: map[string]*list.Element{}, used: list.New()}
}

// start does a piece of work in the background.
func (m *jobs) start(ctx context.Context, p piece) {
	m.mu.Lock()
	m.byID[p.base().id] = m.used.PushFront(&entry{piece: p})
	m.mu.Unlock()
	m.under.Add(1)
	go func() {
		defer m.under.Done()
		run(ctx, p)
		m.ended(p)
	}()
}

// ended counts what a piece of work keeps, and forgets the oldest where that is too much.
// Of one that failed only why stays, for a while.
func (m *jobs) ended(p piece) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, here := m.byID[p.base().id]
	if !here {
		p.forgotten()
		return
	}
	n := p.kept()
	e.Value.(*entry).bytes = n
	m.taken += n
	for e := m.used.Back(); e != nil && m.taken > m.room; {
		old := e
		e = e.Prev()
		if x := old.Value.(*entry); x.piece != p && x.base().over() {
			m.forget(old)
		}
	}
}

// forget lets go of a piece of work that is over.
func (m *jobs) forget(e *list.Element) {
	p := m.used.Remove(e).(*entry)
	delete(m.byID, p.base().id)
	m.taken -= p.bytes
	p.forgotten()
}

// find finds a piece of work by its ID.
func find[T piece](m *jobs, id string) (T, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.byID[id]; ok {
		if p, ok := e.Value.(*entry).piece.(T); ok {
			m.used.MoveToFront(e)
			return p, nil
		}
	}
	var none T
	return none, failure.Missingf("%q is not known any more: ask once more", id)
}

// drop cancels a piece of work, or forgets one that is over.
func (m *jobs) drop(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.byID[id]
	if !ok {
		return
	}
	p := e.Value.(*entry)
	p.base().stop(errCancelled)
	if p.base().over() {
		m.forget(e)
		return
	}
	m.used.Remove(e)
	delete(m.byID, id)
}

// stop cancels all work, wait waits for its end.
func (m *jobs) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for e := m.used.Front(); e != nil; e = e.Next() {
		e.Value.(*entry).base().stop(errCancelled)
	}
}

// wait waits for the end of all work, which has been stopped.
func (m *jobs) wait() {
	m.under.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	for e := m.used.Front(); e != nil; e = e.Next() {
		e.Value.(*entry).forgotten()
	}
}
