package main

import (
	"errors"
	"syscall"

	"golang.org/x/sys/windows"
)

// onStateSignal does nothing where there is no SIGUSR1.
func onStateSignal(func()) (stop func()) { return func() {} }

// readerLeft says whether an error is that nobody reads our output any more.
func readerLeft(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA)
}
