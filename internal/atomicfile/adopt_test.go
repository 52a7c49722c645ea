package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestAdopt(t *testing.T) {
	for _, links := range []bool{true, false} {
		if !links {
			link = func(string, string) error { return errors.ErrUnsupported }
			defer func() { link = os.Link }()
		}
		dir := t.TempDir()
		temp, path := filepath.Join(dir, "a.part"), filepath.Join(dir, "a")
		if err := Adopt(temp, path); !errors.Is(err, ErrCannotWrite) || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("no temporary file: %v", err)
		}
		write := func(s string) {
			t.Helper()
			if err := os.WriteFile(temp, []byte(s), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("one")
		if err := Adopt(temp, path); err != nil || content(t, path) != "one" {
			t.Fatalf("links %v: %v", links, err)
		}
		if _, err := os.Lstat(temp); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("links %v: the temporary name stays: %v", links, err)
		}
		write("two")
		if err := Adopt(temp, path); !errors.Is(err, ErrExists) || content(t, path) != "one" || content(t, temp) != "two" {
			t.Errorf("links %v: over an existing file: %v", links, err)
		}
	}
}
