// Package lock lets one process at a time work on a file that grows. Where the file
// system has no locks, files that are made beside it stand for them. Either way the
// lock ends with its process, however that ends.
package lock

import (
	"errors"
	"fmt"
	"os"

	"krypton/internal/regular"
)

// ErrBusy says that another process works on the file.
var ErrBusy = errors.New("another run is working on it")

// File is a regular file that nobody else who asks this package works on until Close.
// It is open for reading and appending, and has its own name only: see regular.Grow.
type File struct {
	*os.File
	// Made says that Open made the file.
	Made   bool
	path   string
	beside *beside // where the file system has no locks
}

// Open opens the file at path, makes it if there is none, and locks it. What is in it
// stays. An error is ErrBusy, regular.ErrNot or regular.ErrLinked, or one of the file
// system's, and does not name the file.
func Open(path string) (*File, error) {
	for range 8 {
		f, err := open(path)
		if err != nil {
			return nil, err
		}
		// While we waited the name may have gone to another file.
		same, err := f.Named()
		if err == nil && same {
			return f, nil
		}
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			return nil, regular.Cause(err)
		}
	}
	return nil, ErrBusy
}

func open(path string) (*File, error) {
	f, made, err := regular.Grow(path)
	if errors.Is(err, regular.ErrUnsteady) {
		return nil, fmt.Errorf("%w: %w", ErrBusy, err)
	}
	if err != nil {
		return nil, err
	}
	l := &File{File: f, Made: made, path: path}
	err = flock(f)
	if noLocks(err) {
		l.beside, err = lockBeside(path)
	}
	if err != nil {
		f.Close() // it may be another's by now: it stays where it is
		return nil, regular.Cause(err)
	}
	return l, nil
}

// Named says whether the file still has the name that it was opened by.
func (f *File) Named() (bool, error) {
	now, err := os.Lstat(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	is, err := f.Stat()
	return err == nil && os.SameFile(now, is), err
}

// Close closes the file and lets others have it.
func (f *File) Close() error {
	err := f.File.Close()
	if f.beside != nil {
		if e := f.beside.release(); err == nil {
			err = e
		}
	}
	return err
}

// Remove removes the file and closes it, so that nobody else finds it unlocked.
func (f *File) Remove() error {
	same, err := f.Named()
	if err == nil && same {
		err = os.Remove(f.path)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, regular.Cause(err))
	}
	return nil
}
