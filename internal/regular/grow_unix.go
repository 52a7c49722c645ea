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
