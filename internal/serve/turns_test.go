package serve

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

// worker runs pieces of work of one step each time that it is its turn, and notes whose
// turn it was.
type worker struct {
	mu   sync.Mutex
	log  []string
	most int64 // memory that was taken at once
}

func (w *worker) note(t *turns, name string) {
	t.mu.Lock()
	taken := t.taken
	t.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, name)
	w.most = max(w.most, taken)
}

func enter(t *testing.T, all *turns, client string, bytes int64, urgent bool) *seat {
	t.Helper()
	s, err := all.enter(client, bytes, urgent)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTurnsAreFair: a client with many pieces of work does not hold up one with a single
// one, whenever that comes.
func TestTurnsAreFair(t *testing.T) {
	all := &turns{slice: 0, most: 100, own: 100}
	var w worker
	var wg sync.WaitGroup
	gate := enter(t, all, "gate", 1, false) // all others wait until it leaves
	if err := gate.wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	work := func(client string) {
		s := enter(t, all, client, 1, false)
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer s.leave()
			for range 40 {
				if err := s.wait(context.Background()); err != nil {
					t.Error(err)
				}
				w.note(all, client)
				time.Sleep(100 * time.Microsecond)
			}
		}()
	}
	for range 6 {
		work("greedy")
	}
	work("modest")
	time.Sleep(20 * time.Millisecond)
	gate.leave()
	wg.Wait()
	// Modest's 40 steps end when greedy has had about as many.
	var greedy int
	last := 0
	for i, name := range w.log {
		if name == "modest" {
			last = i
		}
	}
	for _, name := range w.log[:last] {
		if name == "greedy" {
			greedy++
		}
	}
	if greedy > 60 {
		t.Errorf("greedy had %d turns before modest's 40 were over", greedy)
	}
	if len(w.log) != 7*40 {
		t.Errorf("%d turns, want %d", len(w.log), 7*40)
	}
}

// TestTurnsKeepMemory: work waits until there is memory for it, also when much of it
// comes at once, and what is too large for the bound runs alone.
func TestTurnsKeepMemory(t *testing.T) {
	all := &turns{slice: 0, memory: 10, most: 100, own: 100}
	var w worker
	var wg sync.WaitGroup
	for i := range 20 {
		s := enter(t, all, string(rune('a'+i%5)), []int64{4, 3, 25}[i%3], false)
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer s.leave()
			for range 5 {
				if err := s.wait(context.Background()); err != nil {
					t.Error(err)
				}
				w.note(all, s.client)
				if all.mu.Lock(); all.taken > 10 && all.taken != 25 {
					t.Errorf("%d of 10 are taken", all.taken)
				}
				all.mu.Unlock()
			}
		}()
	}
	wg.Wait()
	if w.most != 25 || all.taken != 0 || len(all.seats) != 0 || all.current != nil {
		t.Errorf("at most %d taken, %d left, %d seats", w.most, all.taken, len(all.seats))
	}
}

// TestTurnsAreBounded: what is too much is refused at once.
func TestTurnsAreBounded(t *testing.T) {
	all := &turns{most: 3, own: 2}
	a := enter(t, all, "a", 1, false)
	enter(t, all, "a", 1, false)
	if _, err := all.enter("a", 1, false); !errors.Is(err, errFull) {
		t.Errorf("a third piece of one client: %v", err)
	}
	enter(t, all, "b", 1, false)
	if _, err := all.enter("c", 1, false); !errors.Is(err, errFull) {
		t.Errorf("a fourth piece: %v", err)
	}
	a.leave()
	a.leave()
	enter(t, all, "c", 1, false)
}

// TestUrgentWork: short work comes next, whatever waits.
func TestUrgentWork(t *testing.T) {
	all := &turns{slice: time.Hour, most: 100, own: 100}
	first := enter(t, all, "a", 1, false)
	if err := first.wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	order := make(chan string, 3)
	var wg sync.WaitGroup
	for _, c := range []struct {
		name   string
		urgent bool
	}{{"b", false}, {"c", true}} {
		s := enter(t, all, c.name, 1, c.urgent)
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer s.leave()
			_ = s.wait(context.Background())
			order <- c.name
		}()
		time.Sleep(10 * time.Millisecond)
	}
	wg.Add(1)
	go func() { // goes on after the urgent one: its slice is long
		defer wg.Done()
		_ = first.wait(context.Background())
		order <- "a"
		first.leave()
	}()
	wg.Wait()
	close(order)
	var got []string
	for name := range order {
		got = append(got, name)
	}
	if got[0] != "c" || slices.Index(got, "a") < 0 {
		t.Errorf("order %v, want c first", got)
	}
}

// TestPause: paused work lets others in and goes on when it may; what waits in vain ends
// with its context.
func TestPause(t *testing.T) {
	all := &turns{slice: time.Hour, most: 100, own: 100}
	a, b := enter(t, all, "a", 1, false), enter(t, all, "b", 1, false)
	if err := a.wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	went := make(chan error)
	go func() { went <- b.wait(context.Background()) }()
	time.Sleep(10 * time.Millisecond)
	select {
	case <-went:
		t.Fatal("two pieces of work have the turn")
	default:
	}
	a.pause(true)
	if err := <-went; err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer stop()
	if err := a.wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("paused work: %v", err)
	}
	go func() { went <- a.wait(context.Background()) }()
	b.leave()
	a.pause(false)
	if err := <-went; err != nil {
		t.Error(err)
	}
	a.leave()
}

// TestStepsPassTheTurnOn: work that waits for something else between its steps lets
// others compute meanwhile, and has its turn again; while steps follow each other it
// keeps the turn.
func TestStepsPassTheTurnOn(t *testing.T) {
	all := &turns{slice: time.Hour, most: 100, own: 100}
	ctx := context.Background()
	a, b := enter(t, all, "a", 1, false), enter(t, all, "b", 1, false)
	over, err := a.step(ctx)
	if err != nil {
		t.Fatal(err)
	}
	came := make(chan error, 1)
	go func() { came <- b.wait(ctx) }()
	for range 5 { // side by side, and one after the other
		more, err := a.step(ctx)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * lull)
		more()
	}
	select {
	case <-came:
		t.Fatal("the turn is passed on while a step is under way")
	default:
	}
	over()
	if err := <-came; err != nil {
		t.Fatal(err)
	}
	again := make(chan error, 1)
	go func() {
		over, err := a.step(ctx)
		if err == nil {
			over()
		}
		again <- err
	}()
	b.leave()
	if err := <-again; err != nil {
		t.Fatal(err)
	}
	a.leave()
	time.Sleep(2 * lull)
	if all.current != nil || len(all.seats) != 0 {
		t.Errorf("%d seats are left", len(all.seats))
	}
}
