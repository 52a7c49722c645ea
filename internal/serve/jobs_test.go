package serve

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

// holding is work that keeps some bytes when it is over, and a resource until it is
// forgotten.
type holding struct {
	*job
	bytes int64
	fails bool
	gate  chan struct{}
	gone  atomic.Int32
}

func (h *holding) compute(ctx context.Context) error {
	<-h.gate
	if h.fails {
		return errors.New("nothing came of it")
	}
	return ctx.Err()
}
func (h *holding) ended()        {}
func (h *holding) kept() int64   { return h.bytes }
func (h *holding) look(int) look { return look{} }
func (h *holding) forgotten()    { h.gone.Add(1) }

// TestAccount: what is counted of the work that is over is what that work keeps, however
// work is dropped, forgotten for others and looked for just as it ends, and whatever is
// not known any more has been told to let go.
func TestAccount(t *testing.T) {
	all := &turns{slice: slice, most: 1 << 20, own: 1 << 20}
	m := newJobs(40)
	var list []*holding
	for i := range 600 {
		seat, err := all.enter("a", 1, false)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancelCause(context.Background())
		h := &holding{job: newJob(seat, usual, stop), bytes: int64(1 + i%7), fails: i%5 == 0, gate: make(chan struct{})}
		list = append(list, h)
		m.start(ctx, h)
		var both sync.WaitGroup
		both.Go(func() { close(h.gate) })
		if i%3 > 0 { // dropped meanwhile, once or twice
			for range i % 3 {
				both.Go(func() { m.drop(h.id) })
			}
		} else if i > 0 {
			both.Go(func() { _, _ = find[*holding](m, list[i-1].id) })
		}
		both.Wait()
		if i%50 == 49 {
			account(t, m, list)
		}
	}
	for _, h := range list {
		m.drop(h.id)
	}
	if account(t, m, list); m.taken != 0 || len(m.byID) != 0 || m.used.Len() != 0 {
		t.Errorf("%d bytes of %d pieces after all were dropped", m.taken, len(m.byID))
	}
}

// account compares what is counted with what there is, once nothing is under way.
func account(t *testing.T, m *jobs, list []*holding) {
	t.Helper()
	m.under.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	var sum int64
	for e := m.used.Front(); e != nil; e = e.Next() {
		sum += e.Value.(*entry).kept()
	}
	if m.taken != sum || sum > m.room || len(m.byID) != m.used.Len() {
		t.Fatalf("%d bytes are counted, %d kept of %d by %d pieces (%d by ID)", m.taken, sum, m.room, m.used.Len(), len(m.byID))
	}
	for i, h := range list {
		if _, known := m.byID[h.id]; known == (h.gone.Load() > 0) {
			t.Fatalf("piece %d: known %v, told to let go %d times", i, known, h.gone.Load())
		}
	}
}
