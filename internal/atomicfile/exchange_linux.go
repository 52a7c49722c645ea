package atomicfile

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// exchangeNames lets two files or folders change names at once; errors.ErrUnsupported
// where kernel or file system cannot. It is a variable for tests.
var exchangeNames = func(a, b string) error {
	err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOTSUP):
		return errors.ErrUnsupported
	}
	return &os.LinkError{Op: "rename", Old: a, New: b, Err: err}
}
