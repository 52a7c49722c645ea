// Package interrupt lets what knows no context end with one: computations, and writes to
// outputs that nobody reads.
package interrupt

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"time"
)

// Grace is how long what goes on may come to an end by itself once its context ended.
const Grace = 500 * time.Millisecond

// answer is what a goroutine came to.
type answer[T any] struct {
	value T
	err   error
	panic any
}

// Do does what takes long or may wait for somebody, and knows no context. If the
// context ends first, so does Do; f goes on until the process ends, and must not
// write anything.
func Do[T any](ctx context.Context, f func() (T, error)) (T, error) {
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

// Writer is an output whose reader may have stopped reading: who ends Context is not kept
// waiting for it.
type Writer struct {
	Context context.Context
	To      io.Writer
}

// Write implements io.Writer.
func (h Writer) Write(b []byte) (int, error) {
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	defer context.AfterFunc(h.Context, func() {
		time.Sleep(Grace)
		stop(context.Cause(h.Context))
	})()
	mine := append([]byte(nil), b...) // the caller's again when Do returns
	return Do(ctx, func() (int, error) { return h.To.Write(mine) })
}
