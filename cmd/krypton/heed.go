package main

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// grace is how long a signal lets what goes on come to an end by itself.
const grace = 500 * time.Millisecond

// phaseKey is where a command's context says how far the command is.
type phaseKey struct{}

// withPhase lets workBegins say that outputs are open from now on.
func withPhase(ctx context.Context) (_ context.Context, begun *atomic.Bool) {
	begun = new(atomic.Bool)
	return context.WithValue(ctx, phaseKey{}, begun), begun
}

// workBegins says that there is something to put in order before the process ends:
// until then a signal ends it at once, whatever it waits for or computes.
func workBegins(ctx context.Context) {
	if begun, ok := ctx.Value(phaseKey{}).(*atomic.Bool); ok {
		begun.Store(true)
	}
}

// answer is what a goroutine came to.
type answer[T any] struct {
	value T
	err   error
	panic any
}

// heed does what takes long or may wait for somebody, and knows no context. If the
// context ends first, so does heed; f goes on until the process ends, and must not
// write anything.
func heed[T any](ctx context.Context, f func() (T, error)) (T, error) {
	done := make(chan answer[T], 1)
	go func() {
		var a answer[T]
		defer func() {
			if r := recover(); r != nil {
				a.panic = fmt.Sprintf("%v\n%s", r, debug.Stack())
			}
			done <- a
		}()
		a.value, a.err = f()
	}()
	select {
	case a := <-done:
		if a.panic != nil {
			panic(a.panic)
		}
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// heeding is an output whose reader may have stopped reading: a signal is not kept
// waiting for it.
type heeding struct {
	ctx context.Context
	to  io.Writer
}

func (h heeding) Write(b []byte) (int, error) {
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	defer context.AfterFunc(h.ctx, func() {
		time.Sleep(grace)
		stop(context.Cause(h.ctx))
	})()
	mine := append([]byte(nil), b...) // the caller's again when heed returns
	return heed(ctx, func() (int, error) { return h.to.Write(mine) })
}
