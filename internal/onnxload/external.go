package onnxload

import (
	"fmt"
	"io"
	"io/fs"
	"krypton/internal/regular"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// external reads tensor data that lies in other files beside the model. Only
// plain files below the model's own folder are read: no absolute paths, no
// "..", no links of any kind, nothing that is not a regular file.
type external struct {
	dir   string // the model's folder; "" refuses all external data
	limit int64  // bytes that may be read in all
	read_ int64
}

func (e *external) read(entries map[string]string, want int64) ([]byte, error) {
	location, offset, length := "", int64(0), want
	for k, v := range entries {
		var err error
		switch k {
		case "location":
			location = v
		case "offset":
			offset, err = strconv.ParseInt(v, 10, 64)
		case "length":
			length, err = strconv.ParseInt(v, 10, 64)
		case "checksum":
		default:
			return nil, fmt.Errorf("%w: external data has an unknown key %q", ErrModel, k)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: external data: %s is %q, not a number", ErrModel, k, v)
		}
	}
	if e == nil || e.dir == "" {
		return nil, fmt.Errorf("%w: external data (%q) is not allowed here", ErrModel, location)
	}
	if offset < 0 || length != want {
		return nil, fmt.Errorf("%w: external data %q: offset %d, length %d, want %d bytes", ErrModel, location, offset, length, want)
	}
	if e.read_ += want; e.read_ > e.limit {
		return nil, fmt.Errorf("%w: external data exceeds the limit of %d bytes", ErrModel, e.limit)
	}
	if location == "" || strings.ContainsRune(location, 0) || !filepath.IsLocal(location) || strings.Contains(location, "..") {
		return nil, fmt.Errorf("%w: external data location %q is not a plain name below the model's folder", ErrModel, location)
	}
	return e.file(filepath.Clean(location), offset, want)
}

func (e *external) file(name string, offset, want int64) ([]byte, error) {
	root, err := os.OpenRoot(e.dir)
	if err != nil {
		return nil, fmt.Errorf("external data %q: %w", name, err)
	}
	defer root.Close()
	// Every part of the path must be itself, not a link: from the top, so that
	// nothing below a link is looked at.
	for end := range len(name) + 1 {
		if end < len(name) && !os.IsPathSeparator(name[end]) {
			continue
		}
		part := name[:end]
		i, err := root.Lstat(part)
		if err != nil {
			return nil, fmt.Errorf("%w: external data %q: %w", ErrModel, name, regular.Cause(err))
		}
		if part == name && !i.Mode().IsRegular() || part != name && !i.IsDir() {
			return nil, fmt.Errorf("%w: external data %q is not a regular file below the model's folder (%q: %v)", ErrModel, name, part, i.Mode())
		}
		if s, ok := i.Sys().(*syscall.Stat_t); ok && part == name && s.Nlink > 1 {
			return nil, fmt.Errorf("%w: external data %q has several names (hard links)", ErrModel, name)
		}
	}
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: external data %q: %w", ErrModel, name, err)
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil || i.Mode()&fs.ModeType != 0 {
		return nil, fmt.Errorf("%w: external data %q is not a regular file", ErrModel, name)
	}
	if offset > i.Size() || want > i.Size()-offset {
		return nil, fmt.Errorf("%w: external data %q: %d bytes at %d, the file has %d", ErrModel, name, want, offset, i.Size())
	}
	b := make([]byte, want)
	if _, err := io.ReadFull(io.NewSectionReader(f, offset, want), b); err != nil {
		return nil, fmt.Errorf("%w: external data %q: %w", ErrModel, name, err)
	}
	return b, nil
}
