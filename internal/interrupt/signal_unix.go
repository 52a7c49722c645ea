//go:build unix

package interrupt

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// OnState calls f for each SIGUSR1, until stop is called.
func OnState(f func()) (stop func()) {
	ch, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(ch, syscall.SIGUSR1)
	go func() {
		for {
			select {
			case <-ch:
				f()
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(ch)
		close(done)
	}
}

// ReaderLeft says whether an error is that nobody reads our output any more.
func ReaderLeft(err error) bool { return errors.Is(err, syscall.EPIPE) }
