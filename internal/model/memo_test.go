package model

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// block is a value of so many bytes.
type block struct {
	size int64
	keep bool // there is something left when it lets go
}

func (b *block) bytes() int64 { return b.size }

func (b *block) shed() bool {
	if b.keep {
		b.size = 0
	}
	return !b.keep
}

// TestMemoOnce: however many ask for a key at once, it is made once, and all get that.
func TestMemoOnce(t *testing.T) {
	var m memo[int, *block]
	var made atomic.Int32
	var wg sync.WaitGroup
	got := make([]*block, 64)
	for i := range got {
		wg.Go(func() {
			v, err := m.get(t.Context(), i%4, -1, 0, func() (*block, error) {
				made.Add(1)
				return &block{}, nil
			})
			if err != nil {
				t.Error(err)
			}
			got[i] = v
		})
	}
	wg.Wait()
	for i := range got {
		if got[i] != got[i%4] {
			t.Errorf("%d: another value", i)
		}
	}
	if made.Load() != 4 {
		t.Errorf("made %d times, want 4", made.Load())
	}
}

// TestMemoErrors: errors reach those who wait, and the next one tries again; so it does
// where the one who made it was stopped, or ended in a panic.
func TestMemoErrors(t *testing.T) {
	wrong := errors.New("wrong")
	for name, c := range map[string]struct {
		first func(stop func()) (*block, error)
		want  error // of the one who waits
		panic bool
	}{
		"error":   {func(func()) (*block, error) { return nil, wrong }, wrong, false},
		"stopped": {func(stop func()) (*block, error) { stop(); return nil, context.Canceled }, nil, false},
		"panic":   {func(func()) (*block, error) { panic("here") }, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var m memo[string, *block]
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				begun, waits := make(chan struct{}), make(chan struct{})
				go func() {
					defer func() {
						if r := recover(); (r != nil) != c.panic {
							t.Errorf("panic: %v", r)
						}
					}()
					_, err := m.get(ctx, "a", "", 0, func() (*block, error) {
						close(begun)
						<-waits
						return c.first(stop)
					})
					if err == nil {
						t.Error("the first one has a value")
					}
				}()
				<-begun
				asked := 0
				other := func() (*block, error) { asked++; return &block{}, nil }
				done := make(chan error)
				go func() {
					_, err := m.get(t.Context(), "a", "", 0, other)
					done <- err
				}()
				synctest.Wait() // until it waits
				close(waits)
				if err := <-done; !errors.Is(err, c.want) {
					t.Errorf("who waited has %v, want %v", err, c.want)
				}
				if _, err := m.get(t.Context(), "a", "", 0, other); err != nil || asked != 1 {
					t.Errorf("then: %v, made %d times", err, asked)
				}
			})
		})
	}
}

// TestMemoImpatient: who waits is not held when its context ends.
func TestMemoImpatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m memo[string, *block]
		release := make(chan struct{})
		go func() {
			_, _ = m.get(t.Context(), "a", "", 0, func() (*block, error) { <-release; return &block{}, nil })
		}()
		synctest.Wait()
		cause := errors.New("enough")
		ctx, stop := context.WithCancelCause(t.Context())
		done := make(chan error)
		go func() {
			_, err := m.get(ctx, "a", "", 0, nil)
			done <- err
		}()
		synctest.Wait()
		stop(cause)
		if err := <-done; !errors.Is(err, cause) {
			t.Errorf("%v", err)
		}
		close(release)
	})
}

// TestMemoBudget: those asked for longest ago go first, until the rest and what is to
// come are within the budget; the newest stays whatever it takes, and so does what is
// used to make it.
func TestMemoBudget(t *testing.T) {
	m := memo[string, *block]{bounded: true, budget: 100}
	put := func(key, uses string, size, room int64, keep bool) {
		t.Helper()
		if _, err := m.get(t.Context(), key, uses, room, func() (*block, error) { return &block{size, keep}, nil }); err != nil {
			t.Fatal(err)
		}
	}
	has := func(want ...string) {
		t.Helper()
		var keys []string
		for key := range m.entries {
			keys = append(keys, key)
		}
		if slices.Sort(keys); !slices.Equal(keys, want) {
			t.Errorf("kept %v, want %v", keys, want)
		}
		if n := m.recent.Len(); n != len(want) {
			t.Errorf("%d in order, %d kept", n, len(want))
		}
	}
	put("a", "", 40, 0, false)
	put("b", "", 40, 0, false)
	has("a", "b")
	put("a", "", 0, 0, false) // it is there, and is asked for last
	put("c", "", 40, 0, false)
	has("a", "c")
	put("d", "a", 10, 50, false) // room for 50 more beside a
	has("a", "d")
	put("file", "", 60, 0, true) // 110 with all: a goes
	has("d", "file")
	put("large", "", 500, 0, false)
	has("file", "large") // of the file, nothing but that it is there
	if n := m.entries["file"].value.size; n != 0 {
		t.Errorf("the file takes %d bytes", n)
	}
	put("e", "", 1, 0, false)
	has("e", "file")
}

// TestMemoAtOnce asks for many keys at once under a budget that keeps few: nobody gets
// another's value.
func TestMemoAtOnce(t *testing.T) {
	m := memo[string, *block]{bounded: true, budget: 3}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 500 {
				n := (i*7+g*3)%13 + 1
				v, err := m.get(t.Context(), fmt.Sprint(n), "", 1, func() (*block, error) { return &block{size: int64(n)}, nil })
				if err != nil || v.size != int64(n) {
					t.Errorf("%d: %v, %v", n, v, err)
				}
			}
		})
	}
	wg.Wait()
}
