package regular

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrOutside says that a name does not stand for a file below its folder.
var ErrOutside = errors.New("not a plain name below the model's folder")

// Below opens a regular file by the name that another file gives it: a model from
// elsewhere has no say in what else is read. The name must lead down from dir, and
// every part of it must be itself, not a link. Errors do not name the file.
func Below(dir, name string) (*os.File, error) {
	if name == "" || strings.ContainsRune(name, 0) || !filepath.IsLocal(name) || strings.Contains(name, "..") {
		return nil, ErrOutside
	}
	name = filepath.Clean(name)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, Cause(err)
	}
	defer root.Close()
	// From the top, so that nothing below a link is looked at.
	for end := range len(name) + 1 {
		if end < len(name) && !os.IsPathSeparator(name[end]) {
			continue
		}
		part := name[:end]
		i, err := root.Lstat(part)
		if err != nil {
			return nil, Cause(err)
		}
		if part == name && !i.Mode().IsRegular() || part != name && !i.IsDir() {
			return nil, fmt.Errorf("%w below the model's folder (%q: %v)", ErrNot, part, i.Mode())
		}
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, Cause(err)
	}
	i, err := f.Stat()
	if err == nil && i.Mode()&fs.ModeType != 0 {
		err = ErrNot
	}
	if err == nil {
		err = fetched(f, i)
	}
	if err != nil {
		f.Close()
		return nil, Cause(err)
	}
	return f, nil
}
