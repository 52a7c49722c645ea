//go:build unix

package regular

import (
	"errors"
	"io"
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

// TestPointer: what version control leaves in a file's place is told from the file, and
// from files that begin alike or hold more.
func TestPointer(t *testing.T) {
	dir := t.TempDir()
	lfs := "version https://git-lfs.github.com/spec/v1\noid sha256:d6267e75ad19e51ad643554f861f21fc76bcb54b625074a845ccf329c465bad6\nsize 26454\n"
	for name, c := range map[string]struct{ holds, says string }{
		"lfs":    {lfs, "'git lfs pull'"},
		"annex":  {"/annex/objects/MD5E-s5--5d41402abc4b2a76b9719d911017c592.edf\n", "'git annex get'"},
		"text":   {"version 1 of the labels\n", ""},
		"empty":  {"", ""},
		"longer": {lfs + strings.Repeat("x", longestPointer), ""},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.holds), 0o600); err != nil {
			t.Fatal(err)
		}
		opened, _, err := Open(path)
		below, errBelow := Below(dir, name)
		for _, err := range []error{err, errBelow} {
			if c.says == "" && err != nil || c.says != "" && (!errors.Is(err, ErrNot) || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err == nil {
			if b, err := io.ReadAll(opened); err != nil || string(b) != c.holds {
				t.Errorf("%s: %d bytes are left to read, %v", name, len(b), err)
			}
			opened.Close()
			below.Close()
		}
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("../.git/annex/objects/x/y/k/k", link); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(link); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "git annex get") {
		t.Errorf("a link into git-annex: %v", err)
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
