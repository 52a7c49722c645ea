package onnxload

import (
	"fmt"
	"io"
	"strconv"

	"krypton/internal/pages"
	"krypton/internal/regular"
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
	return e.file(location, offset, want)
}

func (e *external) file(name string, offset, want int64) ([]byte, error) {
	f, err := regular.Below(e.dir, name)
	if err != nil {
		return nil, fmt.Errorf("%w: external data %q: %w", ErrModel, name, err)
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w: external data %q: %w", ErrModel, name, regular.Cause(err))
	}
	if n, err := regular.Names(f); err != nil {
		return nil, fmt.Errorf("%w: external data %q: %w", ErrModel, name, err)
	} else if n > 1 {
		return nil, fmt.Errorf("%w: external data %q has several names (hard links)", ErrModel, name)
	}
	if offset > i.Size() || want > i.Size()-offset {
		return nil, fmt.Errorf("%w: external data %q: %d bytes at %d, the file has %d", ErrModel, name, want, offset, i.Size())
	}
	b := pages.Bytes(int(want))
	if _, err := io.ReadFull(io.NewSectionReader(f, offset, want), b); err != nil {
		return nil, fmt.Errorf("%w: external data %q: %w", ErrModel, name, err)
	}
	return b, nil
}
