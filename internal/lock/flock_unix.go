//go:build unix && !solaris && !aix

package lock

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// flock locks an open file, without waiting. It is a variable for tests. The library
// that locks files by their names would open this one once more: what is locked must
// be what is written.
var flock = func(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrBusy
		default:
			return err
		}
	}
}

// noLocks says that the file system has no locks: what NFS without its lock service,
// Lustre without its mount option flock, and others answer.
func noLocks(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOLCK) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOTSUP)
}
