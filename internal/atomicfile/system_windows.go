package atomicfile

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"

	"krypton/internal/regular"
)

// pendingFile is a temporary file beside the one that it becomes, as renameio has it for
// other systems.
type pendingFile struct {
	*os.File
	path string
}

func newPending(path string) (*pendingFile, error) {
	for range 10000 {
		name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s%d", filepath.Base(path), rand.Int64()))
		f, err := regular.OpenMovable(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		if err == nil {
			return &pendingFile{f, path}, nil
		}
		if !errors.Is(err, os.ErrExist) {
			return nil, err
		}
	}
	return nil, &os.PathError{Op: "tempfile", Path: path, Err: os.ErrExist}
}

// Cleanup closes the file and removes it, if it still has its temporary name.
func (f *pendingFile) Cleanup() error {
	err := f.File.Close()
	if e := os.Remove(f.Name()); e != nil {
		return e
	}
	return err
}

// CloseAtomicallyReplace gives the file its name, in the place of what has it.
func (f *pendingFile) CloseAtomicallyReplace() error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.File.Close(); err != nil {
		return err
	}
	return Replace(f.Name(), f.path)
}

// Replace gives the file temp the name path in the same folder, in the place of what has it.
func Replace(temp, path string) error { return move(temp, path, windows.MOVEFILE_REPLACE_EXISTING) }

// link gives a file a name that must be free. It takes the place of the file's own, which
// needs no links of the file system. It is a variable for tests.
var link = rename

// rename gives a file a name that must be free.
func rename(from, to string) error { return move(from, to, 0) }

// patience is how long a file that another program has open is tried to be replaced:
// scanners look at what is new for some milliseconds.
const patience = 2 * time.Second

// move renames a file, and returns when the disk has its name.
func move(from, to string, how uint32) error {
	old, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := windows.MoveFileEx(old, name, how|windows.MOVEFILE_WRITE_THROUGH)
		if err == nil {
			return nil
		}
		open := errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
		if !open || time.Since(start) > patience {
			return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
		}
	}
}

// SyncDir does nothing: names cannot be synced here but when they are given, which move
// does.
func SyncDir(string) error { return nil }
