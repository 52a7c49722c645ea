//go:build unix

package regular

import (
	"io/fs"
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

// Identity is the same for all names of a file, and for no other file; false where
// the system does not tell.
func Identity(i fs.FileInfo) (any, bool) {
	s, ok := i.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, false
	}
	return [2]uint64{uint64(s.Dev), s.Ino}, true
}
