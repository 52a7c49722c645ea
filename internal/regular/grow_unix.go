//go:build unix

package regular

import (
	"io/fs"
	"os"
	"syscall"
)

// noFollow refuses a link at the end of a path.
const noFollow = syscall.O_NOFOLLOW

// names is the number of names that a file has.
func names(i fs.FileInfo) uint64 {
	if s, ok := i.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Nlink)
	}
	return 1
}

// Names is the number of names that an open file has.
func Names(f *os.File) (uint64, error) {
	i, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return names(i), nil
}

// OpenMovable is os.OpenFile for a file that may get another name, or go, while it is
// open: here any may.
func OpenMovable(path string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, flag, perm)
}

// Identity is the same for all names of a file, and for no other file; false where
// the system does not tell.
func Identity(i fs.FileInfo) (any, bool) {
	s, ok := i.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, false
	}
	return [2]uint64{uint64(s.Dev), s.Ino}, true
}
