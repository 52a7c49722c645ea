package lock

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// flock locks an open file, without waiting. It is a variable for tests. Here a lock keeps
// others, and other openings of ours, from reading and writing what it is on: it is on one
// byte far behind any file's end, which nobody reads or writes.
var flock = func(f *os.File) error {
	behind := windows.Overlapped{Offset: 1<<32 - 2, OffsetHigh: 1<<31 - 1}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &behind)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return ErrBusy
	}
	return err
}

// noLocks says that the file system has no locks: what some file servers answer.
func noLocks(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, windows.ERROR_NOT_SUPPORTED) || errors.Is(err, windows.ERROR_INVALID_FUNCTION)
}
