package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := Write(path, false, text("one")); err != nil || content(t, path) != "one" {
		t.Fatal(err)
	}
	if err := Write(path, false, text("two")); !errors.Is(err, ErrExists) || !errors.Is(err, ErrCannotWrite) || content(t, path) != "one" {
		t.Errorf("existing file: %v", err)
	}
	if err := Write(path, true, text("two")); err != nil || content(t, path) != "two" {
		t.Errorf("forced: %v", err)
	}
	fail := errors.New("no")
	if err := Write(path, true, func(w io.Writer) error { _, _ = io.WriteString(w, "half"); return fail }); !errors.Is(err, fail) || content(t, path) != "two" {
		t.Errorf("failed write: %v, %q", err, content(t, path))
	}
	link, want := filepath.Join(dir, "link"), 1
	if linked(t, path, link) {
		want = 2
		if err := Write(link, false, text("x")); !errors.Is(err, ErrExists) {
			t.Errorf("link: %v", err)
		}
		if err := Write(link, true, text("x")); err != nil || content(t, path) != "two" || content(t, link) != "x" {
			t.Errorf("forced link: %v; the file it pointed to has %q", err, content(t, path))
		}
	}
	for _, bad := range []string{dir, filepath.Join(dir, "none", "a"), filepath.Join(path, "a")} {
		if err := Write(bad, true, text("x")); !errors.Is(err, ErrCannotWrite) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != want {
		t.Errorf("left behind: %v %v", entries, err)
	}
	if !SameFile(path, filepath.Join(dir, ".", "a")) || SameFile(path, link) || SameFile(path, "") {
		t.Error("SameFile")
	}
}

// TestNeverReplaces: a file that appears at the last moment stays, with links
// and where there are none.
func TestNeverReplaces(t *testing.T) {
	defer func() { link = os.Link }()
	for _, links := range []bool{true, false} {
		for _, late := range []bool{true, false} {
			path := filepath.Join(t.TempDir(), "a")
			link = func(from, to string) error {
				if late {
					if err := os.WriteFile(path, []byte("theirs"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if links {
					return os.Link(from, to)
				}
				return &os.LinkError{Op: "link", Old: from, New: to, Err: errors.ErrUnsupported}
			}
			err := Write(path, false, text("ours"))
			want := "ours"
			if late {
				want = "theirs"
			}
			if got := content(t, path); errors.Is(err, ErrExists) != late || (err != nil) != late || got != want {
				t.Errorf("links %v, late %v: %v, %q", links, late, err, got)
			}
			if all, err := os.ReadDir(filepath.Dir(path)); err != nil || len(all) != 1 {
				t.Errorf("links %v, late %v: left behind: %v %v", links, late, all, err)
			}
		}
	}
}

// TestOneWins: of many writers at once exactly one makes the file.
func TestOneWins(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	errs := make(chan error)
	const n = 16
	for range n {
		go func() { errs <- Write(path, false, text("whole")) }()
	}
	won := 0
	for range n {
		if err := <-errs; err == nil {
			won++
		} else if !errors.Is(err, ErrExists) {
			t.Error(err)
		}
	}
	if won != 1 || content(t, path) != "whole" {
		t.Errorf("%d wrote it", won)
	}
}

// linked makes a symbolic link, and says whether there is one: Windows allows it to few, and
// wine only says that it made one.
func linked(t *testing.T, to, path string) bool {
	t.Helper()
	err := os.Symlink(to, path)
	if err == nil {
		_, err = os.Lstat(path)
	}
	if err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	return err == nil
}
