//go:build unix

package serve

import (
	"syscall"
	"testing"
)

// makeFIFO makes a named pipe.
func makeFIFO(t *testing.T, path string) {
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}
