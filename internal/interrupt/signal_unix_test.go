//go:build unix

package interrupt

import (
	"os"
	"syscall"
	"testing"
	"time"
)

func TestStateSignal(t *testing.T) {
	got := make(chan bool, 9)
	stop := OnState(func() { got <- true })
	for range 2 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		select {
		case <-got:
		case <-time.After(time.Minute):
			t.Fatal("the signal does not arrive")
		}
	}
	stop()
}
