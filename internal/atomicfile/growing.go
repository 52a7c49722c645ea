package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// OpenGrowing opens what somebody named to be written to bit by bit: a pipe or a device
// as it is, and links to those; else a new file. With force it takes the place of a
// file or link that is there: what a link points to, and what other names a file has,
// stay as they are.
func OpenGrowing(path string, force bool) (*os.File, error) {
	_, err := os.Lstat(path)
	if err == nil {
		if to, e := os.Stat(path); e == nil && !to.Mode().IsRegular() {
			return os.OpenFile(path, os.O_WRONLY, 0)
		}
		if strings.HasPrefix(path, "/dev/fd/") || strings.HasPrefix(path, "/proc/self/fd/") {
			return os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0) // the caller has opened it
		}
		if !force {
			return nil, fmt.Errorf("%s: %w", path, ErrExists)
		}
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}
