// Package regular opens the files that a command is given: regular ones, without
// waiting for what may be behind another name, and with errors whose messages name
// them once, on one line.
package regular

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// ErrNot says that there is something else than a regular file.
var ErrNot = errors.New("not a regular file")

// Open opens a regular file for reading. A folder, pipe, socket or device is refused
// (ErrNot) without being opened, or waited for, and so is a pointer that version control
// leaves in a file's place (PointerError). Errors do not name the file.
func Open(path string) (*os.File, fs.FileInfo, error) {
	i, err := os.Stat(path)
	if err != nil {
		return nil, nil, absent(path, Cause(err))
	}
	if err := check(i); err != nil {
		return nil, nil, err
	}
	// It may be another by now: its opening must not wait either.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, Cause(err)
	}
	if i, err = f.Stat(); err == nil {
		err = check(i)
	}
	if err == nil {
		err = fetched(f, i)
	}
	if err != nil {
		f.Close()
		return nil, nil, Cause(err)
	}
	return f, i, nil
}

func check(i fs.FileInfo) error {
	if !i.Mode().IsRegular() {
		return fmt.Errorf("%w (%v)", ErrNot, i.Mode().Type())
	}
	return nil
}

// Cause drops the path from a file's error, which the message has already.
func Cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Name is a file's name for messages, which are of one line.
func Name(path string) string { return strings.ReplaceAll(path, "\n", "\uFFFD") }
