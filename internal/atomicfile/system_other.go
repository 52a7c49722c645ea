//go:build !windows

package atomicfile

import (
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// pendingFile is a temporary file beside the one that it becomes.
type pendingFile = renameio.PendingFile

func newPending(path string) (*pendingFile, error) {
	return renameio.NewPendingFile(path, renameio.WithPermissions(0o644), renameio.WithTempDir(filepath.Dir(path)))
}

// link is os.Link, but for tests.
var link = os.Link

// rename gives a file a name that was free just now.
func rename(from, to string) error { return os.Rename(from, to) }

// Replace gives the file temp the name path in the same folder, in the place of what has it.
func Replace(temp, path string) error { return os.Rename(temp, path) }

// SyncDir makes the names in a folder last a loss of power. A folder that cannot be
// opened is passed over: some file systems have none that can be synced.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	return d.Sync()
}
