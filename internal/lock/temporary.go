package lock

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"krypton/internal/regular"
)

// Hold lets others see that somebody works on the file at path, which is this
// process's own and temporary, until what it gives is closed. It is ErrBusy, or
// fs.ErrNotExist, if the file was just taken for one that was left behind: another
// must be made. Where the file system has no locks, nobody can see.
func Hold(path string) (*os.File, error) {
	f, err := openTemporary(path)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil && !noLocks(err) {
		f.Close()
		return nil, regular.Cause(err)
	}
	if _, err := os.Lstat(path); err != nil {
		f.Close()
		return nil, regular.Cause(err)
	}
	return f, nil
}

// RemoveAbandoned removes a temporary file that nobody holds, and says whether it
// did. Where the file system has no locks, one that was not written for age counts
// as such.
func RemoveAbandoned(path string, age time.Duration) (removed bool, err error) {
	f, err := openTemporary(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close() // the lock is held until the name is gone
	if err := flock(f); errors.Is(err, ErrBusy) {
		return false, nil
	} else if noLocks(err) {
		if i, err := f.Stat(); err != nil || time.Since(i.ModTime()) < age {
			return false, regular.Cause(err)
		}
	} else if err != nil {
		return false, regular.Cause(err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, regular.Cause(err)
	}
	return true, nil
}

// openTemporary opens a file for locking: some network file systems lock only what
// is open for writing.
func openTemporary(path string) (*os.File, error) {
	i, err := os.Lstat(path)
	if err != nil {
		return nil, regular.Cause(err)
	}
	if !i.Mode().IsRegular() {
		return nil, regular.ErrNot
	}
	f, err := regular.OpenMovable(path, os.O_RDWR, 0)
	return f, regular.Cause(err)
}
