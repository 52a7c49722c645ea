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

// TestBelow: only what lies below the folder by its own name is opened.
func TestBelow(t *testing.T) {
	above := t.TempDir()
	dir := filepath.Join(above, "model")
	for _, d := range []string{dir, filepath.Join(dir, "sub"), filepath.Join(above, "other")} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"model/in", "model/sub/in", "other/in", "out"} {
		if err := os.WriteFile(filepath.Join(above, f), []byte(f), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"link": "in", "away": "../out", "folder": "../other", "dangling": "none"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{
		"in": nil, "sub/in": nil, "./sub//in": nil,
		"": ErrOutside, "../out": ErrOutside, "/etc/passwd": ErrOutside, "sub/../../out": ErrOutside, "in\x00": ErrOutside, filepath.Join(dir, "in"): ErrOutside,
		"link": ErrNot, "away": ErrNot, "dangling": ErrNot, "folder/in": ErrNot, "pipe": ErrNot, "sub": ErrNot, "in/x": ErrNot,
		"none": fs.ErrNotExist, "sub/none": fs.ErrNotExist,
	} {
		f, err := Below(dir, name)
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%q: %v, want %v", name, err, want)
		}
		if err != nil {
			if strings.Contains(err.Error(), above) {
				t.Errorf("the message names the file: %v", err)
			}
			continue
		}
		if b, err := io.ReadAll(f); err != nil || !strings.HasSuffix(string(b), "in") {
			t.Errorf("%q: %q, %v", name, b, err)
		}
		f.Close()
	}
}
