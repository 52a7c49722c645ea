package lock

import (
	"fmt"
	"os"

	"krypton/internal/regular"
)

// Truncate makes the file n bytes long. A file that is open for appending cannot be cut
// here, so it is opened once more.
func (f *File) Truncate(n int64) error {
	cut, err := regular.OpenMovable(f.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer cut.Close()
	was, err := f.Stat()
	if err != nil {
		return err
	}
	is, err := cut.Stat()
	if err != nil {
		return err
	}
	if !os.SameFile(was, is) {
		return fmt.Errorf("%s: another file has its name", f.path)
	}
	return cut.Truncate(n)
}
