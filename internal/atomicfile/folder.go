package atomicfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// CheckFolder says before any work whether path could become a folder of files: its
// own folder is there and takes files, and path is free, or a folder that force may replace: own says
// of the path of each file in it that it is such an output's. Anything else in there
// is somebody's.
func CheckFolder(path string, force bool, own func(path string) bool) error {
	if err := freeFolder(path, force, own); err != nil {
		return err
	}
	return probe(path)
}

// freeFolder says whether path's name may be taken.
func freeFolder(path string, force bool, own func(path string) bool) error {
	i, err := there(path)
	switch {
	case err != nil || i == nil:
		return err
	case !i.IsDir():
		return fmt.Errorf("%w %s: it is there, and no folder", ErrCannotWrite, path)
	case !force:
		return fmt.Errorf("%w %s: %w", ErrCannotWrite, path, ErrExists)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("%w %s: %w", ErrCannotWrite, path, err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !own(filepath.Join(path, e.Name())) {
			return fmt.Errorf("%w %s: it holds %q, which is none of its files: move it away first", ErrCannotWrite, path, e.Name())
		}
	}
	return nil
}

// AdoptFolder gives the folder temp, whose files are synced, the name path in the same
// folder; what CheckFolder lets force replace goes. Where the system can exchange two
// names, path is always one of the two folders. The caller syncs the folder above.
func AdoptFolder(temp, path string, force bool, own func(path string) bool) error {
	if err := freeFolder(path, force, own); err != nil {
		return err
	}
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		if err := Replace(temp, path); err != nil {
			return fmt.Errorf("%w %s: %w", ErrCannotWrite, path, err)
		}
		return nil
	}
	if err := exchange(temp, path); err != nil {
		return fmt.Errorf("%w %s: %w", ErrCannotWrite, path, err)
	}
	return RemoveFolder(temp, own)
}

// RemoveFolder removes a folder that holds nothing but an output's own files, if it is
// there.
func RemoveFolder(path string, own func(path string) bool) error {
	err := freeFolder(path, true, own)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if err == nil {
			err = os.Remove(filepath.Join(path, e.Name()))
		}
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil {
		return fmt.Errorf("%w %s: %w", ErrCannotWrite, path, err)
	}
	return nil
}

// exchange lets two folders change names.
func exchange(a, b string) error {
	if err := exchangeNames(a, b); !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	// One after the other: for a moment neither is called b, but both are there.
	aside := a + ".old"
	if err := Replace(b, aside); err != nil {
		return err
	}
	if err := Replace(a, b); err != nil {
		return errors.Join(err, Replace(aside, b))
	}
	return Replace(aside, a)
}
