package interrupt

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"
)

// OnState does nothing where there is no SIGUSR1.
func OnState(func()) (stop func()) { return func() {} }

// ReaderLeft says whether an error is that nobody reads our output any more.
func ReaderLeft(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA)
}
