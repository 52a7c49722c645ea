//go:build unix

package regular

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestOpen: files and links to them are opened, anything else is refused at once,
// and no message names the file.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	file, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "pipe")
	if err := os.WriteFile(file, []byte("held"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link} {
		f, i, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		if i.Size() != 4 {
			t.Errorf("%s has %d bytes", path, i.Size())
		}
	}
	for path, want := range map[string]error{dir: ErrNot, pipe: ErrNot, os.DevNull: ErrNot, filepath.Join(dir, "none"): fs.ErrNotExist} {
		f, _, err := Open(path)
		if !errors.Is(err, want) || f != nil {
			t.Errorf("%s: %v, want %v", path, err, want)
		} else if strings.Contains(err.Error(), dir) {
			t.Errorf("the message names the file: %v", err)
		}
	}
}

func TestName(t *testing.T) {
	if got := Name("a\nb"); got != "a\uFFFDb" {
		t.Errorf("%q", got)
	}
}

// TestGrowUnsteady: a file that others make and move all the time is had as soon as they
// let it be, and given up if they never do.
func TestGrowUnsteady(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	var times int
	between = func() {
		if times--; times < 0 {
			return
		}
		if err := os.Remove(path); errors.Is(err, fs.ErrNotExist) {
			err = os.WriteFile(path, nil, 0o600)
			if err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(func() { between = func() {} })
	times = 20
	f, made, err := Grow(path)
	if err != nil || !made {
		t.Fatal(made, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	times = 1000
	if _, _, err := Grow(path); !errors.Is(err, ErrUnsteady) {
		t.Error(err)
	}
}
