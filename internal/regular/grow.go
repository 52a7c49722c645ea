package regular

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"syscall"
	"time"
)

// ErrUnsteady says that others make and move a file all the time.
var ErrUnsteady = errors.New("it comes and goes: other processes make and move it all the time")

// ErrLinked says that a file has more than one name.
var ErrLinked = errors.New("the file has another name as well (a hard link): what is written here would show there")

// between is called where others may make or move the file, for tests.
var between = func() {}

// Grow opens a file that grows under a name which somebody else may have taken: for
// reading and appending, made if there is none, which made says. What is there stays.
// Links, folders, pipes and devices are refused (ErrNot) without being opened, and so
// are files with several names (ErrLinked): what they stand for is somebody's. A file
// that others make and move meanwhile is waited for, some two seconds at most
// (ErrUnsteady). Errors do not name the file.
func Grow(path string) (f *os.File, made bool, err error) {
	const how = os.O_RDWR | os.O_APPEND | syscall.O_NONBLOCK | noFollow
	for n := range 64 {
		if n >= 4 {
			// Whoever is always late goes at another pace than the others do.
			time.Sleep(rand.N(time.Duration(n) * 2 * time.Millisecond))
		}
		i, err := os.Lstat(path)
		between()
		switch {
		case errors.Is(err, fs.ErrNotExist):
			f, err = OpenMovable(path, how|os.O_CREATE|os.O_EXCL, 0o644)
			if errors.Is(err, fs.ErrExist) {
				continue
			}
			return f, err == nil, Cause(err)
		case err != nil:
			return nil, false, Cause(err)
		}
		if err := alone(i); err != nil {
			return nil, false, err
		}
		f, err = OpenMovable(path, how, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, false, Cause(err)
		}
		if err := aloneOpen(f); err != nil {
			f.Close()
			return nil, false, Cause(err)
		}
		return f, false, nil
	}
	return nil, false, ErrUnsteady
}

// alone says that a file is regular and has one name.
func alone(i fs.FileInfo) error {
	if i.Mode().Type() == fs.ModeSymlink {
		return fmt.Errorf("%w but a link", ErrNot)
	}
	if err := check(i); err != nil {
		return err
	}
	if names(i) > 1 {
		return ErrLinked
	}
	return nil
}

// aloneOpen is alone for an open file, of which more is known.
func aloneOpen(f *os.File) error {
	i, err := f.Stat()
	if err == nil {
		err = alone(i)
	}
	if err != nil {
		return err
	}
	if n, err := Names(f); err != nil || n > 1 {
		return cmp.Or(err, ErrLinked)
	}
	return nil
}
