package regular

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// pointers are what version control of large files leaves in a file's place until
// somebody fetches it, by how it begins, and what fetches it.
var pointers = []struct {
	begins string
	err    *PointerError
}{
	{"version https://git-lfs.github.com/spec/", &PointerError{"Git LFS", "git lfs pull"}}, // its specification, v1
	{"/annex/objects/", &PointerError{"git-annex", "git annex get"}},                       // its internals: pointer files
}

// longestPointer is the most that such a file holds: Git LFS keeps below 1024 bytes, and
// git-annex below 32 KiB, of which only the beginning is looked at.
const longestPointer = 32 << 10

// PointerError says that a file is only the pointer to one that was not fetched. It is
// ErrNot as well: what was asked for is not there.
type PointerError struct{ by, fetch string }

func (e *PointerError) Error() string {
	return "only the pointer that " + e.by + " leaves in a file's place ('" + e.fetch + "' fetches the file)"
}

// Is says that a pointer is no regular file of what was asked for.
func (e *PointerError) Is(target error) bool { return target == ErrNot }

// absent adds to an error of a name that leads nowhere that git-annex, which leaves such
// links, has not fetched what it is for.
func absent(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		if to, e := os.Readlink(path); e == nil && strings.Contains(filepath.ToSlash(to), "/annex/objects/") {
			return fmt.Errorf("%w: a link into git-annex, which has not fetched it ('git annex get' does)", err)
		}
	}
	return err
}

// fetched is nil unless an open file is a pointer to one that is not here. What cannot be
// read is left to who reads it.
func fetched(f io.ReaderAt, i fs.FileInfo) error {
	if i.Size() == 0 || i.Size() > longestPointer {
		return nil
	}
	var head [64]byte
	n, _ := f.ReadAt(head[:], 0)
	for _, p := range pointers {
		if bytes.HasPrefix(head[:n], []byte(p.begins)) {
			return p.err
		}
	}
	return nil
}
