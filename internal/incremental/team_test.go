package incremental

import (
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestTeam: every part is done once before run returns, no worker does two at a time,
// sleeping members wake, and a panic becomes an error.
func TestTeam(t *testing.T) {
	for _, size := range []int{1, 2, 3, 7} {
		tm := newTeam(size)
		var busy [7]atomic.Bool
		for round := range 300 {
			parts := round%9 + 1
			done := make([]atomic.Int32, parts)
			err := tm.run(parts, func(w, part int) {
				if w < 0 || w >= size || busy[w].Swap(true) {
					t.Errorf("worker %d of %d is busy or unknown", w, size)
				}
				if round%50 == 3 && part == 0 {
					time.Sleep(2 * time.Millisecond) // the others look in vain, and sleep
				}
				done[part].Add(1)
				busy[w].Store(false)
			})
			if err != nil {
				t.Fatal(err)
			}
			for i := range done {
				if n := done[i].Load(); n != 1 {
					t.Fatalf("size %d, round %d: part %d of %d was done %d times", size, round, i, parts, n)
				}
			}
		}
		err := tm.run(4, func(_, part int) {
			if part == 2 {
				panic("no such plane")
			}
		})
		if err == nil || !strings.Contains(err.Error(), "no such plane") {
			t.Errorf("size %d: a panic gives %v", size, err)
		}
		tm.stop()
	}
}

// TestTeamSteals: what a worker that is held up does not come to, the other one does: a part
// that waits for all the others comes to its end.
func TestTeamSteals(t *testing.T) {
	tm := newTeam(2)
	defer tm.stop()
	for held := range 4 {
		free := make(chan struct{})
		others := atomic.Int32{}
		if err := tm.run(4, func(w, part int) {
			if part == held {
				<-free
			} else if others.Add(1) == 3 {
				close(free)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTeamsEnd: members of teams that are stopped at once, before they have begun or while
// they look or sleep, end.
func TestTeamsEnd(t *testing.T) {
	before := runtime.NumGoroutine()
	for i := range 200 {
		tm := newTeam(1 + i%5)
		if i%3 == 0 {
			if err := tm.run(3, func(_, _ int) {}); err != nil {
				t.Fatal(err)
			}
		}
		if i%40 == 0 {
			time.Sleep(2 * patience)
		}
		tm.stop()
	}
	for end := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// TestBands: bands are never more than rows, and small planes are not cut finely.
func TestBands(t *testing.T) {
	for _, test := range []struct{ workers, rows, pixels, want int }{
		{1, 100, 100, 1}, {2, 1, 1000, 1}, {2, 3, 1000, 2}, {2, 4, 1000, 4}, {2, 7, 7, 2}, {2, 112, 112, 4}, {8, 14, 14, 8}, {8, 224, 224, 16},
	} {
		if got := bands(test.workers, test.rows, test.pixels); got != test.want {
			t.Errorf("bands(%d, %d, %d) = %d, want %d", test.workers, test.rows, test.pixels, got, test.want)
		}
	}
}
