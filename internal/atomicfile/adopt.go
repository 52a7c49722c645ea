package atomicfile

import (
	"fmt"
	"os"
	"path/filepath"
)

// Adopt gives a file that grew under a temporary name its final name path in the
// same folder, which must be free, and syncs both, so that neither a crash nor
// another program can leave something else there. The temporary name is gone
// afterwards; on an error it stays.
func Adopt(temp, path string) error {
	if err := adopt(temp, path); err != nil {
		return fmt.Errorf("%w %s: %w", ErrCannotWrite, path, err)
	}
	return nil
}

func adopt(temp, path string) error {
	if err := syncFile(temp); err != nil {
		return err
	}
	if err := name(temp, path); err != nil {
		return err
	}
	if err := os.Remove(temp); err != nil && !os.IsNotExist(err) {
		return err
	}
	return SyncDir(filepath.Dir(path))
}
