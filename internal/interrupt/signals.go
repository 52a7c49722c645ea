package interrupt

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Signal is the cause of a context that a signal cancelled.
type Signal struct{ os.Signal }

func (s Signal) Error() string { return s.String() }

// Signals gives a context that the first SIGINT or SIGTERM cancels, of which first is told;
// again is told of a second one. stop ends listening.
func Signals(first, again func(Signal)) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case s := <-ch:
			first(Signal{s})
			cancel(Signal{s})
		case <-done:
			return
		}
		select {
		case s := <-ch:
			again(Signal{s})
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(ch)
		close(done)
		cancel(nil)
	}
}
