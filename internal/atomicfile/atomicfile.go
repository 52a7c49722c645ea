// Package atomicfile writes outputs whole or not at all: under a temporary name
// in the same folder, synced, then linked or renamed.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"krypton/internal/failure"
	"krypton/internal/lock"
	"krypton/internal/regular"
)

// ErrCannotWrite says that an output cannot be written.
var ErrCannotWrite = errors.New("cannot write")

// ErrExists says that an output exists and nobody asked to replace it.
var ErrExists error = failure.Settingf("exists already (%v replaces it)", failure.Setting("force"))

// Check says before any work whether path could be written: its folder is there and
// takes files, and path is free, or a file (or link) that force may replace.
func Check(path string, force bool) error {
	if err := free(path, force); err != nil {
		return err
	}
	return probe(path)
}

// probe makes a file beside path and removes it: rights, read-only file systems and
// others that take no files are known for certain by that alone. Its name is one that
// RemoveAbandoned finds, which may therefore be quicker to remove it.
func probe(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"*")
	if err == nil {
		err = f.Close()
		if e := os.Remove(f.Name()); err == nil && !errors.Is(e, fs.ErrNotExist) {
			err = e
		}
	}
	if err != nil {
		return fmt.Errorf("%w %s: folder %s takes no files: %w", ErrCannotWrite, path, filepath.Dir(path), regular.Cause(err))
	}
	return nil
}

// free says whether path's name may be taken.
func free(path string, force bool) error {
	i, err := there(path)
	switch {
	case err != nil || i == nil:
		return err
	case i.IsDir():
		return fmt.Errorf("%w %s: it is a folder", ErrCannotWrite, path)
	case !i.Mode().IsRegular() && i.Mode().Type() != os.ModeSymlink:
		return fmt.Errorf("%w %s: not a regular file (%v)", ErrCannotWrite, path, i.Mode().Type())
	case !force:
		return fmt.Errorf("%w %s: %w", ErrCannotWrite, path, ErrExists)
	}
	return nil
}

// there is what path's name stands for, nil if it is free.
func there(path string) (fs.FileInfo, error) {
	if d, err := os.Stat(filepath.Dir(path)); err != nil || !d.IsDir() {
		return nil, fmt.Errorf("%w %s: no folder %s", ErrCannotWrite, path, filepath.Dir(path))
	}
	i, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w %s: %w", ErrCannotWrite, path, err)
	}
	return i, nil
}

// Write writes path by calling write. On any error nothing is left behind, and
// what was there stays. With force a link is replaced itself, never what it
// points to.
func Write(path string, force bool, write func(io.Writer) error) (err error) {
	if err := free(path, force); err != nil {
		return err
	}
	f, held, err := pending(path)
	if err != nil {
		return fmt.Errorf("%w %s: %w", ErrCannotWrite, path, err)
	}
	defer held.Close() // the file has its final name by then, or is gone
	defer func() {
		// After create the file is closed, and after its rename gone.
		if e := f.Cleanup(); err == nil && e != nil && !errors.Is(e, os.ErrClosed) && !errors.Is(e, os.ErrNotExist) {
			err = fmt.Errorf("%w %s: %w", ErrCannotWrite, path, e)
		}
	}()
	if err := write(f); err != nil {
		return fmt.Errorf("%w %s: %w", ErrCannotWrite, path, err)
	}
	replace := f.CloseAtomicallyReplace
	if !force {
		replace = func() error { return create(f, path) }
	}
	if err := replace(); err != nil {
		return fmt.Errorf("%w %s: %w", ErrCannotWrite, path, err)
	}
	if err := SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("%w %s: %w", ErrCannotWrite, path, err)
	}
	return nil
}

// pending makes the temporary file that becomes path, and holds it, so that nobody
// takes it for one that a killed process has left (RemoveAbandoned).
func pending(path string) (*pendingFile, *os.File, error) {
	var err error
	for range 8 {
		var f *pendingFile
		if f, err = newPending(path); err != nil {
			return nil, nil, err
		}
		var held *os.File
		if held, err = lock.Hold(f.Name()); err == nil {
			return f, held, nil
		}
		_ = f.Cleanup() // it may be gone
		if !errors.Is(err, lock.ErrBusy) && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, err
		}
	}
	return nil, nil, err
}

// MakeFolder makes a folder with those above it, whose names last a loss of power:
// what is synced in a folder is lost with the folder's own name.
func MakeFolder(dir string) error {
	var made []string
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); !errors.Is(err, os.ErrNotExist) {
			break
		}
		made = append(made, d)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, d := range made {
		if err := SyncDir(filepath.Dir(d)); err != nil {
			return err
		}
	}
	return nil
}

// SyncFiles makes the files of a folder last a loss of power, with their names. Once
// all are written, one wait for the disk serves nearly all of them.
func SyncFiles(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := syncFile(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return SyncDir(dir)
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = f.Sync()
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// create gives a finished temporary file the name path, which must be free: a
// link fails if somebody took it meanwhile, a rename would not. Where links
// cannot be made a look just before the rename must do.
func create(f *pendingFile, path string) error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.File.Close(); err != nil {
		return err
	}
	return name(f.Name(), path) // the temporary name goes in Cleanup
}

// name gives the file temp the name path as well, or instead.
func name(temp, path string) error {
	err := link(temp, path)
	if err == nil {
		return nil
	}
	if errors.Is(err, os.ErrExist) {
		return ErrExists
	}
	if _, err := os.Lstat(path); err == nil {
		return ErrExists
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return rename(temp, path)
}

// SameFile says whether two paths are one existing file.
func SameFile(a, b string) bool {
	i, err := os.Stat(a)
	if err != nil {
		return false
	}
	j, err := os.Stat(b)
	return err == nil && os.SameFile(i, j)
}

// RemoveAbandoned removes from a folder what Write left there when it was killed
// while it wrote a file of one of these names. What another process is writing
// stays; where the file system has no locks, what is younger than age.
func RemoveAbandoned(dir string, names []string, age time.Duration) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !slices.ContainsFunc(names, func(of string) bool { return isTemporary(e.Name(), of) }) {
			continue
		}
		if _, err := lock.RemoveAbandoned(filepath.Join(dir, e.Name()), age); err != nil {
			return fmt.Errorf("%s: %w", filepath.Join(dir, e.Name()), err)
		}
	}
	return nil
}

// isTemporary says whether a file called name is one that Write makes for a file
// called of in the same folder.
func isTemporary(name, of string) bool {
	digits, ok := strings.CutPrefix(name, "."+of)
	return ok && digits != "" && strings.Trim(digits, "0123456789") == ""
}
