package serve

import (
	"container/list"
	"context"
	"sync"

	"krypton/internal/failure"
)

// maps are those under way, and as many of those that are there as there is room for:
// the latest used.
type maps struct {
	room int64

	mu    sync.Mutex
	taken int64
	byID  map[string]*list.Element // of *job
	used  *list.List               // the latest first
	under sync.WaitGroup
}

func newMaps(room int64) *maps {
	return &maps{room: room, byID: map[string]*list.Element{}, used: list.New()}
}

// start computes a map in the background.
func (m *maps) start(ctx context.Context, j *job) {
	m.mu.Lock()
	m.byID[j.id] = m.used.PushFront(j)
	m.mu.Unlock()
	m.under.Add(1)
	go func() {
		defer m.under.Done()
		j.run(ctx)
		m.ended(j)
	}()
}

// ended counts what a map keeps, and forgets the oldest where that is too much. Of a map
// that failed only why stays, for a while.
func (m *maps) ended(j *job) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, here := m.byID[j.id]; !here {
		return
	}
	m.taken += j.kept()
	for e := m.used.Back(); e != nil && m.taken > m.room; {
		old := e
		e = e.Prev()
		if x := old.Value.(*job); x != j && x.over() {
			m.forget(old)
		}
	}
}

// forget lets go of a map that is over.
func (m *maps) forget(e *list.Element) {
	j := m.used.Remove(e).(*job)
	delete(m.byID, j.id)
	m.taken -= j.kept()
}

// get finds a map by its ID.
func (m *maps) get(id string) (*job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.byID[id]
	if !ok {
		return nil, failure.Missingf("map %q is not known any more: ask once more", id)
	}
	m.used.MoveToFront(e)
	return e.Value.(*job), nil
}

// drop cancels a map, or forgets one that is there.
func (m *maps) drop(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.byID[id]
	if !ok {
		return
	}
	j := e.Value.(*job)
	j.stop(errCancelled)
	if j.over() {
		m.forget(e)
		return
	}
	m.used.Remove(e)
	delete(m.byID, id)
}

// stop cancels all work, wait waits for its end.
func (m *maps) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for e := m.used.Front(); e != nil; e = e.Next() {
		e.Value.(*job).stop(errCancelled)
	}
}

func (m *maps) wait() { m.under.Wait() }
